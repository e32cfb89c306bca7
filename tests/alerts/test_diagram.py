"""The picture of an alert's states is that of its tables."""

from pathlib import Path

import alerts
from alerts.diagram import mermaid
from alerts.event import State, Told


def test_the_page_is_what_the_tables_say() -> None:
    page = (Path(alerts.__path__[0]) / "README.md").read_text()
    assert page == mermaid(), "make states"


def test_every_state_is_drawn() -> None:
    drawn = mermaid().partition("```mermaid")[2]
    for state in (*State, *Told):
        assert f" {state}" in drawn
