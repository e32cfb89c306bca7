"""What differs between two sets of rules is said key by key; equal ones differ in nothing (R-61)."""

from hypothesis import given
from hypothesis import strategies as st

from rules.configuration import default, load
from rules.difference import Change, difference
from rules.ruleset import RuleSet

ROUND = """
[[rule]]
id = "round"
kind = "missed_check"
check = "visit"
every = "2h"
"""


def rules(text: str) -> RuleSet:
    found = load(text)
    assert isinstance(found, RuleSet), found
    return found


def test_r61_a_threshold_has_its_before_and_after() -> None:
    found = difference(rules(ROUND), rules(ROUND.replace("2h", "3h") + 'grace = "10min"\n'))
    assert found == [
        Change("round", "", "every", "'2h'", "'3h'"),
        Change("round", "", "grace", "", "'10min'"),
    ]


def test_overrides_say_whose_they_are() -> None:
    after = ROUND + '[rule.care_level.1]\nevery = "1h"\n[rule.risk.fall.high]\nevery = "90min"\n'
    assert [str(change) for change in difference(rules(ROUND), rules(after))] == [
        "round care_level 1 every: - -> '1h'",
        "round risk fall.high every: - -> '90min'",
    ]
    assert [change.after for change in difference(rules(after), rules(ROUND))] == ["", ""]


def test_rules_that_come_and_go_are_told_whole() -> None:
    other = ROUND.replace('"round"', '"other"')
    assert difference(rules(ROUND), rules(other)) == [
        Change("other", "", "", "", "missed_check"),
        Change("round", "", "", "missed_check", ""),
    ]


@given(st.permutations(list(default())), st.integers(0, 12))
def test_what_is_left_out_is_all_that_differs(definitions: list[object], kept: int) -> None:
    whole = default()
    part = RuleSet(tuple(one for one in whole if one in definitions[:kept]))
    gone = {change.rule for change in difference(whole, part)}
    assert gone == {one.id for one in whole} - {one.id for one in part}
    assert difference(part, part) == []
