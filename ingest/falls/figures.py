"""How well falls are seen: sensitivity, specificity, false alarms per hour and delays of what was played.

Rule: pure; a recording counts once, whatever happened in it, and every share and rate has its 95 % interval.

A recording of a fall is detected when a fall is called in it; any other recording is wrong when one is. False
alarms per hour count every fall called in those others. When nothing was counted, look at the interval's end.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil
from typing import NamedTuple

from ingest.falls.intervals import Figure, rate, share


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
    """What came of one recording; `group` is its set with the body position.

    `refused` is how many of its windows were no readings: of a rate or a strength that no device has.
    `judged` is how often an impact in it was judged: never where nothing moves by half a g.
    """

    group: str
    name: str
    person: str
    age_group: str
    activity: str
    is_fall: bool
    duration_s: float
    fall_start_s: float | None = None
    alarms: tuple[Alarm, ...] = ()
    refused: int = 0
    judged: int = 0


class Refused(NamedTuple):
    """A recording that was not played: it counts nowhere. Why, and what was `seen` in it."""

    group: str
    name: str
    reason: str
    seen: str


class Share(NamedTuple):
    """`hits` of `of`."""

    hits: int
    of: int

    @property
    def figure(self) -> Figure:
        """The share, 0 to 1, with its interval."""
        return share(self.hits, self.of)


class Rate(NamedTuple):
    """What `happened` so often in `hours`."""

    happened: int
    hours: float

    @property
    def figure(self) -> Figure:
        """How often per hour, with its interval."""
        return rate(self.happened, self.hours)


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

    @property
    def right(self) -> Share:
        """The others: of a fall its sensitivity, else its specificity."""
        return Share(self.wrong.of - self.wrong.hits, self.wrong.of)


@dataclass(frozen=True, slots=True)
class SetFigures:
    """All of one set: with all decisions, with the provisional ones alone, by age group and by activity.

    `still` are the falls in which nothing moves by half a g: missed, whatever judges. `people` were recorded,
    and `trained_on` of these have taught the models. `refused` is how many windows of what was played were
    refused, `unplayed` is what was not played at all.
    """

    group: str
    recordings: int
    people: int
    trained_on: int
    final: Figures
    provisional: Figures
    ages: dict[str, Figures]
    activities: tuple[Activity, ...]
    missed: tuple[str, ...]
    false: tuple[str, ...]
    still: tuple[str, ...]
    refused: int
    unplayed: tuple[Refused, ...] = ()


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


def by_set(
    outcomes: Iterable[Outcome], refused: Iterable[Refused] = (), trained_on: Collection[str] = ()
) -> list[SetFigures]:
    """The figures of each set, by its name; also of one of which all was refused.

    `trained_on` are the people whom the models have learned from.
    """
    played = dict(_grouped(outcomes, lambda one: one.group))
    unplayed: dict[str, list[Refused]] = {}
    for one in sorted(refused):
        unplayed.setdefault(one.group, []).append(one)
    return [
        _set(group, played.get(group, []), unplayed.get(group, []), trained_on)
        for group in sorted({*played, *unplayed})
    ]


def _set(
    group: str, outcomes: Sequence[Outcome], unplayed: Sequence[Refused], trained_on: Collection[str]
) -> SetFigures:
    people = {one.person for one in outcomes}
    return SetFigures(
        group=group,
        recordings=len(outcomes),
        people=len(people),
        trained_on=len(people.intersection(trained_on)),
        final=figures(outcomes),
        provisional=figures(outcomes, provisional=True),
        ages={age: figures(found) for age, found in _grouped(outcomes, lambda one: one.age_group)},
        activities=tuple(
            Activity(found[0].activity, found[0].is_fall, Share(sum(map(wrong, found)), len(found)))
            for _, found in _grouped(outcomes, lambda one: f"{not one.is_fall:d} {one.activity}")
        ),
        missed=tuple(sorted(one.name for one in outcomes if one.is_fall and wrong(one))),
        false=tuple(sorted(one.name for one in outcomes if not one.is_fall and wrong(one))),
        still=tuple(sorted(one.name for one in outcomes if one.is_fall and not one.judged)),
        refused=sum(one.refused for one in outcomes),
        unplayed=tuple(unplayed),
    )


def wrong(one: Outcome) -> bool:
    """Whether a fall was missed, or something else called one."""
    return one.is_fall is not bool(one.alarms)


def _called(one: Outcome, *, provisional: bool) -> tuple[Alarm, ...]:
    return tuple(alarm for alarm in one.alarms if alarm.provisional) if provisional else one.alarms


def _grouped(outcomes: Iterable[Outcome], key: Callable[[Outcome], str]) -> list[tuple[str, list[Outcome]]]:
    ranked = sorted(outcomes, key=lambda one: (key(one), one.name))
    return [(name, list(found)) for name, found in groupby(ranked, key)]
