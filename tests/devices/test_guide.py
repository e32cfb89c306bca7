"""The connect guide: of every family what an installer needs, and what the catalogue says of the models."""

from pathlib import Path

import pytest

from devices.catalogue import ENTRIES, Entry
from devices.families import FAMILIES
from devices.guide import guide, tells
from devices.metrics import METRICS

README = Path(__file__).parents[2] / "devices" / "README.md"


def test_the_guide_in_the_repository_is_the_one_that_is_made() -> None:
    assert README.read_text("utf-8") == guide(), "make guide"


def test_every_family_is_in_it_in_both_languages() -> None:
    written = guide()
    for name in FAMILIES:
        section = written.split(f"(`{name}`)\n", 1)[1].split("\n### ", 1)[0]
        assert section.count("- **") == 10
        assert all(f"**{line}**" in section for line in ("topic", "broker account", "主题", "代理账号"))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_an_entry_tells_of_metrics_unless_it_has_nothing_for_us(entry: Entry) -> None:
    assert tells(entry) or not any(example.says for example in entry.examples)  # known, and of no use to us
    assert set(tells(entry)) <= set(METRICS)
