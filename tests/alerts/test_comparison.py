"""Two courses of calls side by side: each call has one fate, and the nearest are the same."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.comparison import Call, Fate, after, before, compare
from rules.decision import Severity

MINUTE, HOUR = 60_000, 3_600_000
WITHIN = 12 * HOUR


def call(at: int, rule: str = "bed-exit", subject: str = "r-1", severity: Severity = Severity.MEDIUM) -> Call:
    return Call(rule, subject, at, severity, f"{rule}.{subject}.{at}")


def fates(first: list[Call], second: list[Call], within_ms: int = WITHIN) -> list[tuple[Fate, int, int]]:
    """Fate, time and move of every pair."""
    pairs = compare(first, second, within_ms).pairs
    return [(pair.fate, pair.call.at, pair.moved_ms) for pair in pairs]


def test_what_is_there_once_only_came_or_is_gone() -> None:
    assert fates([call(HOUR)], []) == [(Fate.GONE, HOUR, 0)]
    assert fates([], [call(HOUR)]) == [(Fate.CAME, HOUR, 0)]


def test_the_same_rule_and_subject_at_another_time_moved() -> None:
    assert fates([call(HOUR)], [call(HOUR + 15 * MINUTE)]) == [(Fate.MOVED, HOUR + 15 * MINUTE, 15 * MINUTE)]
    assert fates([call(HOUR)], [call(HOUR - MINUTE)]) == [(Fate.MOVED, HOUR - MINUTE, -MINUTE)]


@pytest.mark.parametrize("other", [call(HOUR, rule="other"), call(HOUR, subject="r-2")])
def test_another_rule_or_subject_is_another_call(other: Call) -> None:
    assert {fate for fate, _, _ in fates([call(HOUR)], [other])} == {Fate.GONE, Fate.CAME}


def test_what_weighs_otherwise_is_said() -> None:
    assert fates([call(0)], [call(0, severity=Severity.HIGH)]) == [(Fate.SEVERITY, 0, 0)]


def test_further_apart_than_allowed_is_not_the_same() -> None:
    assert [fate for fate, _, _ in fates([call(0)], [call(HOUR)], HOUR)] == [Fate.MOVED]
    assert [fate for fate, _, _ in fates([call(0)], [call(HOUR + 1)], HOUR)] == [Fate.GONE, Fate.CAME]


def test_the_nearest_are_paired_and_not_the_first() -> None:
    found = fates([call(10 * HOUR), call(12 * HOUR)], [call(12 * HOUR + 5 * MINUTE)])
    assert found == [(Fate.GONE, 10 * HOUR, 0), (Fate.MOVED, 12 * HOUR + 5 * MINUTE, 5 * MINUTE)]


def test_who_is_left_between_taken_ones_meets() -> None:
    first, second = [call(0), call(2 * HOUR)], [call(2 * HOUR), call(3 * HOUR)]
    assert fates(first, second) == [(Fate.SAME, 2 * HOUR, 0), (Fate.MOVED, 3 * HOUR, 3 * HOUR)]


_CALLS = st.lists(
    st.builds(
        call,
        st.integers(0, 40).map(lambda minute: minute * 10 * MINUTE),
        rule=st.sampled_from(["a", "b"]),
        subject=st.sampled_from(["r-1", "r-2"]),
        severity=st.sampled_from(Severity),
    ),
    max_size=12,
)


@given(_CALLS, _CALLS, st.integers(0, 10).map(lambda minute: minute * 10 * MINUTE))
def test_every_call_has_one_fate_and_the_counts_add_up(
    first: list[Call], second: list[Call], within_ms: int
) -> None:
    compared = compare(first, second, within_ms)
    assert sorted(pair.before for pair in compared.pairs if pair.before) == sorted(first)
    assert sorted(pair.after for pair in compared.pairs if pair.after) == sorted(second)
    assert all(abs(pair.moved_ms) <= within_ms for pair in compared.pairs)
    for rule, counts in compared.rules.items():
        assert before(counts) == sum(each.rule == rule for each in first)
        assert after(counts) == sum(each.rule == rule for each in second)


@given(_CALLS, _CALLS)
def test_no_came_and_gone_of_one_rule_and_subject_are_near(first: list[Call], second: list[Call]) -> None:
    compared = compare(first, second, HOUR)
    gone = [pair.call for pair in compared.pairs if pair.fate is Fate.GONE]
    came = [pair.call for pair in compared.pairs if pair.fate is Fate.CAME]
    for one in gone:
        for other in came:
            assert one[:2] != other[:2] or abs(one.at - other.at) > HOUR


@given(_CALLS, _CALLS, st.randoms())
def test_the_order_in_which_they_are_given_changes_nothing(
    first: list[Call], second: list[Call], random: Random
) -> None:
    once = compare(first, second, HOUR)
    random.shuffle(first)
    random.shuffle(second)
    assert compare(first, second, HOUR) == once


@given(_CALLS)
def test_the_same_rules_change_nothing(calls: list[Call]) -> None:
    assert compare(calls, calls, HOUR).differences == []


@given(_CALLS, _CALLS)
def test_turned_round_what_came_is_gone(first: list[Call], second: list[Call]) -> None:
    def counted(one: list[Call], other: list[Call], fate: Fate) -> int:
        return sum(pair.fate is fate for pair in compare(one, other, HOUR).pairs)

    assert counted(first, second, Fate.CAME) == counted(second, first, Fate.GONE)
