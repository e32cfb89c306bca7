"""What is explained is what holds: where each value comes from, what is off and why, what feeds it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.registry import CareLevel, Device, Place, PlaceKind, Registry, Resident, Risk, RiskLevel
from rules.configuration import default, default_text, load
from rules.explanation import Effective, explain, idle_overrides
from rules.residents import residents
from rules.ruleset import Application, RuleSet
from rules.toml_lines import lines
from tests.rules.flats import HOME as FLATS
from tests.rules.flats import PEOPLE

TEXT = """\
[[rule]]
id = "round"
kind = "missed_check"
check = "visit"
every = "2h"
[rule.care_level.1]
every = "1h"
severity = "high"
[rule.risk.fall.high]
grace = "5min"
[rule.place.r1]
every = "90min"
[rule.resident.ann]
every = "30min"
[rule.resident.cyd]
enabled = false

[[rule]]
id = "warm"
kind = "vitals"
metric = "body_temperature"
above = 39.0
[rule.resident.bob]
above = 38.5
"""
HOME = Registry.of(
    [Place("r1", PlaceKind.ROOM), Place("r2", PlaceKind.ROOM)],
    [
        Resident("ann", "r1", care_level=CareLevel.LEVEL_1, risks={Risk.FALL: RiskLevel.HIGH}),
        Resident("bob", "r2"),
        Resident("cyd", "r2", risks=dict.fromkeys(Risk, RiskLevel.LOW)),
    ],
    [
        Device("door", model="MCCGQ11LM", place="r1"),
        Device("button", model="TS0215A_sos", resident="bob", calls=True),
        Device("thing", model="nobody knows it", resident="ann"),
    ],
)


def rules(text: str = TEXT) -> RuleSet:
    found = load(text, HOME)
    assert isinstance(found, RuleSet), found
    return found


def of(resident: str, rule: str) -> Effective:
    found = explain(rules(), HOME, resident, lines(TEXT))
    (one,) = [one for one in found.rules if one.rule == rule]
    return one


def sources(one: Effective) -> dict[str, tuple[str, str, int]]:
    return {value.key: (value.value, value.source, value.line) for value in one.values}


def test_every_value_says_where_it_comes_from() -> None:
    found = sources(of("ann", "round"))
    assert found["every"] == ("30min", "resident ann", 14)
    assert found["severity"] == ("high", "care_level 1", 8)
    assert found["grace"] == ("5min", "risk fall.high", 10)
    assert found["check"] == ("visit", "rule", 4)
    assert found["between"][1:] == ("default", 0)


def test_what_is_off_says_by_whom() -> None:
    assert of("cyd", "round").off == "enabled = false by resident cyd (line 16)"
    assert of("bob", "round").off == ""


def test_a_rule_about_life_that_the_file_leaves_out_holds_and_stands_nowhere() -> None:
    found = of("ann", "sos")
    assert (found.off, found.line) == ("", 0)


def test_which_devices_feed_a_rule() -> None:
    assert of("bob", "sos").feeds == ("button",)
    assert of("ann", "sos").feeds == ()
    assert of("ann", "sos").may_feed == ("thing",), "nobody knows what it tells"
    assert of("bob", "warm").blind


def test_r79_which_risks_nobody_assessed_is_said() -> None:
    assert explain(rules(), HOME, "bob").unassessed == tuple(Risk)
    assert set(Risk) - set(explain(rules(), HOME, "ann").unassessed) == {Risk.FALL}
    assert explain(rules(), HOME, "cyd").unassessed == ()


def test_who_has_no_way_to_call_is_told() -> None:
    assert explain(rules(), HOME, "bob").calls_with == ("button",)
    assert explain(rules(), HOME, "ann").calls_with == ()
    assert explain(default(), HOME, "ann").rules[-1].rule == "news2"


def test_an_override_that_no_device_can_feed_is_named() -> None:
    (found,) = idle_overrides(rules(), HOME)
    assert "'warm'" in found
    assert "bob" in found


def test_nobody_is_explained_who_is_not_there() -> None:
    with pytest.raises(KeyError):
        explain(rules(), HOME, "zoe")


@given(st.sampled_from(PEOPLE))
def test_what_is_explained_is_what_the_engine_is_told(resident: str) -> None:
    found = explain(default(), FLATS, resident, lines(default_text()))
    subject = residents(FLATS)[resident]
    for definition, one in zip(default(), found.rules, strict=True):
        applied = Application(definition, FLATS).to(subject)
        watched = applied is not None and definition.kind.watches(subject)
        assert (one.off == "") is watched
        if applied is not None:
            assert one.severity == applied.settings.severity
