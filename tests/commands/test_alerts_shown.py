"""What `alerts show` and `alerts watch` say of an event, as the API tells of it."""

from collections.abc import Callable

import pytest

from alerts.event import Acknowledged, Cleared, EpisodeEvent, EvidenceAdded, Opened, Weight
from alerts.view import view_event
from ingest.commands.watching import detail
from rules.decision import Evidence, Severity

SAID = "impact 3.9 g, free fall 0.1 s, turned 75 deg, moving after"
WHO = {"episode": "e1", "at": 1000, "subject": "r-01"}


def evidence(said: str = SAID) -> Evidence:
    return Evidence("k", "fall", "w-01", 900, 1000, said)


def opened(said: str) -> Opened:
    about = {"rule": "fall", "kind": "fall", "cause": "r-01", "site": "home-1", "identity": "i"}
    return Opened(**WHO, number=1, **about, severity=Severity.HIGH, evidence=evidence(said))  # type: ignore[arg-type]


def added(said: str) -> EvidenceAdded:
    about = {"severity": Severity.HIGH, "weight": Weight.NOTE, "identity": "j"}
    return EvidenceAdded(**WHO, number=2, **about, evidence=evidence(said))  # type: ignore[arg-type]


def cleared(said: str) -> Cleared:
    return Cleared(**WHO, number=3, identity="l", evidence=evidence(said))  # type: ignore[arg-type]


@pytest.mark.parametrize("made", [opened, added, cleared])
def test_what_was_seen_is_told_of_a_fall_that_was_felt(made: Callable[[str], EpisodeEvent]) -> None:
    assert detail(view_event(made(SAID))) == f"r-01: {SAID}"
    assert detail(view_event(made(""))) == "r-01"


def test_an_act_is_told_as_before() -> None:
    act = Acknowledged("e1", 2, 1000, "chen.mei", "cli", 2000)
    assert detail(view_event(act)) == "chen.mei cli"
