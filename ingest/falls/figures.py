"""How well falls are seen: sensitivity, specificity, false alarms per hour and delays of what was played.

Rule: pure; a recording counts once, whatever happened in it, and every share and rate has its 95 % interval.

A recording of a fall is detected when a fall is called in it; any other recording is wrong when one is. False
alarms per hour count every fall called in those others. Shares have Wilson's interval, rates the exact one of
a Poisson count (Garwood 1936), of which the upper end is the one to look at when nothing was counted.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil, exp, lgamma, log, sqrt
from typing import NamedTuple

Z_95 = 1.959963984540054
_TAIL = 0.025


class Alarm(NamedTuple):
    """A fall that was called: when it struck and when people were called, s into the recording.

    `provisional` is whether it was decided with no more than a second after the impact.
    """

    impact_s: float
    called_s: float
    provisional: bool
    confidence: float
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one recording; `group` is its set with the body position."""

    group: str
    name: str
    age_group: str
    activity: str
    is_fall: bool
    duration_s: float
    fall_start_s: float | None = None
    alarms: tuple[Alarm, ...] = ()


class Share(NamedTuple):
    """`hits` of `of`; `value` is None of nothing."""

    hits: int
    of: int

    @property
    def value(self) -> float | None:
        """The share, 0 to 1."""
        return self.hits / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval; all of 0 to 1 of nothing."""
        if not self.of:
            return 0.0, 1.0
        n, p = self.of, self.hits / self.of
        middle = p + Z_95**2 / (2 * n)
        half = Z_95 * sqrt(p * (1 - p) / n + Z_95**2 / (4 * n * n))
        low, high = ((middle + side * half) / (1 + Z_95**2 / n) for side in (-1, 1))
        return (0.0 if self.hits == 0 else max(low, 0.0)), (1.0 if self.hits == n else min(high, 1.0))


class Rate(NamedTuple):
    """What `happened` so often in `hours`; `value` is None where there was no time."""

    happened: int
    hours: float

    @property
    def value(self) -> float | None:
        """How many per hour."""
        return self.happened / self.hours if self.hours > 0 else None

    @property
    def interval(self) -> tuple[float, float | None]:
        """The exact 95 % interval per hour; the upper end is None where there was no time."""
        if self.hours <= 0:
            return 0.0, None
        low = 0.0
        if self.happened:
            low = _mean(self.happened - 1, 1 - _TAIL)
        return low / self.hours, _mean(self.happened, _TAIL) / self.hours


def _mean(count: int, chance: float) -> float:
    """The mean of a Poisson variable that is at most `count` with this chance."""
    low, high = 0.0, 2.0 * count + 20.0
    for _ in range(100):
        middle = (low + high) / 2
        if _at_most(count, middle) > chance:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _at_most(count: int, mean: float) -> float:
    """The chance that a Poisson variable is at most `count`."""
    if mean <= 0:
        return 1.0
    return sum(exp(k * log(mean) - mean - lgamma(k + 1)) for k in range(count + 1))


class Delays(NamedTuple):
    """Seconds until people were called, of `of` falls; None of none (nearest rank)."""

    of: int
    p50: float | None
    p90: float | None


def delays(seconds: Iterable[float]) -> Delays:
    """The half and nine tenths of them."""
    ranked = sorted(seconds)
    if not ranked:
        return Delays(0, None, None)
    p50, p90 = (ranked[ceil(part * len(ranked)) - 1] for part in (0.5, 0.9))
    return Delays(len(ranked), p50, p90)


@dataclass(frozen=True, slots=True)
class Figures:
    """Of some recordings, with decisions up to some time after the impact."""

    sensitivity: Share
    specificity: Share
    false_alarms: Rate
    from_impact: Delays
    from_fall_start: Delays


@dataclass(frozen=True, slots=True)
class Activity:
    """How many recordings of an activity were wrong: falls missed, others called falls."""

    activity: str
    is_fall: bool
    wrong: Share


@dataclass(frozen=True, slots=True)
class SetFigures:
    """All of one set: with all decisions, with the provisional ones alone, by age group and by activity."""

    group: str
    recordings: int
    final: Figures
    provisional: Figures
    ages: dict[str, Figures]
    activities: tuple[Activity, ...]
    missed: tuple[str, ...]
    false: tuple[str, ...]


def figures(outcomes: Sequence[Outcome], *, provisional: bool = False) -> Figures:
    """The figures of these recordings; `provisional` as if there were no later decisions."""
    counted = [(one, _called(one, provisional=provisional)) for one in outcomes]
    falls = [(one, alarms) for one, alarms in counted if one.is_fall]
    others = [(one, alarms) for one, alarms in counted if not one.is_fall]
    first = [(one, alarms[0]) for one, alarms in falls if alarms]
    return Figures(
        sensitivity=Share(len(first), len(falls)),
        specificity=Share(sum(not alarms for _, alarms in others), len(others)),
        false_alarms=Rate(
            sum(len(alarms) for _, alarms in others), sum(one.duration_s for one, _ in others) / 3600
        ),
        from_impact=delays(alarm.called_s - alarm.impact_s for _, alarm in first),
        from_fall_start=delays(
            alarm.called_s - one.fall_start_s for one, alarm in first if one.fall_start_s is not None
        ),
    )


def by_set(outcomes: Iterable[Outcome]) -> list[SetFigures]:
    """The figures of each set, by its name."""
    return [_set(group, found) for group, found in _grouped(outcomes, lambda one: one.group)]


def _set(group: str, outcomes: Sequence[Outcome]) -> SetFigures:
    return SetFigures(
        group=group,
        recordings=len(outcomes),
        final=figures(outcomes),
        provisional=figures(outcomes, provisional=True),
        ages={age: figures(found) for age, found in _grouped(outcomes, lambda one: one.age_group)},
        activities=tuple(
            Activity(found[0].activity, found[0].is_fall, Share(sum(map(wrong, found)), len(found)))
            for _, found in _grouped(outcomes, lambda one: f"{not one.is_fall:d} {one.activity}")
        ),
        missed=tuple(sorted(one.name for one in outcomes if one.is_fall and wrong(one))),
        false=tuple(sorted(one.name for one in outcomes if not one.is_fall and wrong(one))),
    )


def wrong(one: Outcome) -> bool:
    """Whether a fall was missed, or something else called one."""
    return one.is_fall is not bool(one.alarms)


def _called(one: Outcome, *, provisional: bool) -> tuple[Alarm, ...]:
    return tuple(alarm for alarm in one.alarms if alarm.provisional) if provisional else one.alarms


def _grouped(outcomes: Iterable[Outcome], key: Callable[[Outcome], str]) -> list[tuple[str, list[Outcome]]]:
    ranked = sorted(outcomes, key=lambda one: (key(one), one.name))
    return [(name, list(found)) for name, found in groupby(ranked, key)]
