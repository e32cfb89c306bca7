"""Figures of what was played: against published intervals, and by their laws."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.falls.figures import Alarm, Outcome, Rate, Share, by_set, delays, figures

ALARM = st.builds(
    Alarm,
    impact_s=st.floats(0, 10),
    called_s=st.floats(11, 20),
    provisional=st.booleans(),
    confidence=st.floats(0, 1),
)
OUTCOME = st.builds(
    Outcome,
    group=st.sampled_from(["a/waist", "b/wrist"]),
    name=st.uuids().map(str),
    person=st.sampled_from(["a/s1", "a/s2", "b/s1"]),
    age_group=st.sampled_from(["young", "elderly"]),
    activity=st.sampled_from(["D01", "F01"]),
    is_fall=st.booleans(),
    duration_s=st.floats(1, 100),
    fall_start_s=st.none() | st.floats(0, 10),
    alarms=st.lists(ALARM, max_size=3).map(tuple),
    judged=st.integers(0, 3),
)
OUTCOMES = st.lists(OUTCOME, max_size=12, unique_by=lambda one: one.name)


def outcome(name: str, *alarms: Alarm, fall: bool = True, hours: float = 0.5) -> Outcome:
    return Outcome(
        "a/waist", name, "a/s1", "young", "F01" if fall else "D01", fall, 3600 * hours, None, alarms
    )


@given(st.integers(0, 400).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_a_share_lies_in_its_interval_and_mirrors_what_is_not_of_it(counted: tuple[int, int]) -> None:
    hits, of = counted
    if not of:
        return
    one, mirrored = Share(hits, of).figure, Share(of - hits, of).figure
    assert 0 <= one.low <= one.value <= one.high <= 1
    assert (mirrored.low, mirrored.high) == pytest.approx((1 - one.high, 1 - one.low))
    wider = Share(hits * 4, of * 4).figure
    assert wider.high - wider.low < one.high - one.low


@pytest.mark.parametrize(
    ("happened", "low", "high"),  # exact (Garwood 1936)
    [(0, 0.0, 3.689), (1, 0.0253, 5.572), (5, 1.623, 11.668), (10, 4.795, 18.390), (100, 81.36, 121.63)],
)
def test_a_rate_has_nearly_the_exact_interval(happened: int, low: float, high: float) -> None:
    found = Rate(happened, 4).figure
    assert (found.low, found.high) == pytest.approx((low / 4, high / 4), rel=0.015, abs=0.01)


@given(st.integers(0, 500), st.floats(0.01, 1000))
def test_a_rate_lies_in_its_interval_and_more_is_more(happened: int, hours: float) -> None:
    one, more = Rate(happened, hours).figure, Rate(happened + 1, hours).figure
    assert one.low <= one.value < one.high
    assert more.low > one.low
    assert more.high > one.high


def test_of_nothing_nothing_is_claimed() -> None:
    none = figures([])
    assert [one.figure.of for one in (none.sensitivity, none.specificity, none.false_alarms)] == [0, 0, 0]
    assert none.from_impact == (0, None, None)


def test_what_is_counted() -> None:
    soon, late = Alarm(1.0, 2.5, True, 0.9), Alarm(4.0, 7.0, False, 0.6)
    played = [
        outcome("seen at once", soon, late),
        outcome("seen late", late),
        outcome("missed"),
        outcome("quiet", fall=False),
        outcome("twice wrong", soon, late, fall=False),
    ]
    final, provisional = figures(played), figures(played, provisional=True)
    assert (final.sensitivity, final.specificity, final.false_alarms) == ((2, 3), (1, 2), (2, 1.0))
    assert (provisional.sensitivity, provisional.specificity) == ((1, 3), (1, 2))
    assert provisional.false_alarms == (1, 1.0)
    assert final.from_impact == (2, 1.5, 3.0)
    assert final.from_fall_start.of == 0
    [whole] = by_set(played)
    assert (whole.missed, whole.false) == (("missed",), ("twice wrong",))
    assert [(one.activity, one.is_fall, one.wrong) for one in whole.activities] == [
        ("F01", True, (1, 3)),
        ("D01", False, (1, 2)),
    ]


@given(st.lists(st.floats(-5, 50), min_size=1))
def test_half_are_no_later_than_the_half(seconds: list[float]) -> None:
    found = delays(seconds)
    assert found.of == len(seconds)
    for part, time in ((0.5, found.p50), (0.9, found.p90)):
        assert time in seconds
        assert sum(one <= time for one in seconds) >= part * len(seconds)
        assert sum(one < time for one in seconds) < part * len(seconds)


@given(OUTCOMES, st.randoms())
def test_order_changes_nothing_and_no_recording_is_counted_twice(
    played: list[Outcome], chance: Random
) -> None:
    found = by_set(played)
    chance.shuffle(mixed := list(played))
    assert by_set(mixed) == found
    assert sum(one.recordings for one in found) == len(played)
    for one in found:
        ages = one.ages.values()
        assert sum(part.sensitivity.of for part in ages) == one.final.sensitivity.of
        assert sum(part.specificity.hits for part in ages) == one.final.specificity.hits
        assert sum(part.false_alarms.happened for part in ages) == one.final.false_alarms.happened
        assert sum(part.wrong.of for part in one.activities) == one.recordings
        assert sum(part.wrong.hits for part in one.activities) == len(one.missed) + len(one.false)
        sensitivity, specificity = one.final.sensitivity, one.final.specificity
        assert sensitivity.of - sensitivity.hits == len(one.missed)
        assert specificity.of - specificity.hits == len(one.false)


@given(OUTCOMES)
def test_later_decisions_only_add_calls(played: list[Outcome]) -> None:
    final, provisional = figures(played), figures(played, provisional=True)
    assert provisional.sensitivity.hits <= final.sensitivity.hits
    assert provisional.specificity.hits >= final.specificity.hits
    assert provisional.false_alarms.happened <= final.false_alarms.happened
    only_soon = [
        replace(one, alarms=tuple(alarm for alarm in one.alarms if alarm.provisional)) for one in played
    ]
    assert figures(only_soon) == provisional


@given(OUTCOMES, st.sets(st.sampled_from(["a/s1", "a/s2", "b/s1", "c/s1"])))
def test_how_many_of_the_people_taught_the_models(outcomes: list[Outcome], taught: set[str]) -> None:
    for one in by_set(outcomes, trained_on=taught):
        found = {each.person for each in outcomes if each.group == one.group}
        assert (one.people, one.trained_on) == (len(found), len(found & taught))
        assert set(one.still) == {
            each.name for each in outcomes if each.group == one.group and each.is_fall and not each.judged
        }
