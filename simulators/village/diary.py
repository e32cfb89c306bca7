"""Where a resident is, minute by minute: her routine, and what is written over it. Rule: a diary has no gaps.

It covers the run from the eve of its start on. Nothing here knows of sensors or rules.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import datetime, time
from random import Random
from typing import NamedTuple

from simulators.life import MINUTE_MS, at_local, days
from simulators.village.people import Villager

BED, BATH, ROOM, KITCHEN, DINING, OUT, AWAY, FLOOR = "bed bath room kitchen dining out away floor".split()
"""Where she can be. `room` is her own room in the care home, the living room of a flat; `out` is a walk or
the market, `away` leave or hospital; `floor` is lying where she fell."""

_PLAUSIBLE_TRIPS = (0, 1, 1, 1, 2, 2, 3)
_HOUR = 60
_A_DAY = 24 * _HOUR

Mark = tuple[float, str]
"""From this minute of the day on (counted from midnight, beyond 1440 on the next day) she is there."""


class Stay(NamedTuple):
    """From `start` (inclusive) to `end` (exclusive), ms UTC."""

    start: int
    end: int
    where: str


class Diary:
    """The stays of one resident, in order and without gaps."""

    def __init__(self, stays: Iterable[Stay]) -> None:
        self.stays = tuple(_joined(stays))
        self._starts = [stay.start for stay in self.stays]

    def at(self, at_ms: int) -> Stay:
        """Where she is then; before the beginning the first stay, after the end the last."""
        return self.stays[max(0, bisect_right(self._starts, at_ms) - 1)]

    def during(self, start: int, end: int) -> tuple[Stay, ...]:
        """The stays that touch a span."""
        first = max(0, bisect_right(self._starts, start) - 1)
        last = bisect_right(self._starts, end - 1)
        return self.stays[first:last]

    def written_over(self, start: int, end: int, where: str) -> "Diary":
        """The diary with another stay in it."""
        before = (stay._replace(end=min(stay.end, start)) for stay in self.stays if stay.start < start)
        after = (stay._replace(start=max(stay.start, end)) for stay in self.stays if stay.end > end)
        return Diary((*before, Stay(start, end, where), *after))

    def out_of_bed(self) -> Iterator[Stay]:
        """Every time from leaving the bed until lying in it again; `where` is the first place she went."""
        left: Stay | None = None
        for stay in self.stays:
            if stay.where == BED:
                if left is not None:
                    yield left._replace(end=stay.start)
                left = None
            elif left is None and stay is not self.stays[0]:
                left = stay
        if left is not None:
            yield left._replace(end=self.stays[-1].end)


def _joined(stays: Iterable[Stay]) -> Iterator[Stay]:
    last: Stay | None = None
    for stay in stays:
        if last is not None and last.where == stay.where:
            last = last._replace(end=stay.end)
        else:
            if last is not None:
                yield last
            last = stay
    if last is not None:
        yield last


def routine(person: Villager, rng: Random, start_ms: int, end_ms: int) -> Diary:
    """Her ordinary days: sleep with its wakings, meals, naps, walks. Nothing dangerous is in it."""
    marks: list[tuple[int, str]] = []
    in_care = person.dwelling == "care"
    wakes = _wakes(person, rng)
    for day in days(start_ms, end_ms):
        midnight = at_local(day, time())
        next_wakes = _wakes(person, rng) + _A_DAY
        evening = max(20.0, rng.gauss(20.7, 0.4)) if in_care else max(20.9, rng.gauss(21.7, 0.4))
        today = (_in_care if in_care else _in_flat)(rng, wakes, day)
        for minute, where in (*today, *_night(rng, evening * _HOUR, next_wakes)):
            at = midnight + int(minute * MINUTE_MS)
            if not marks or at > marks[-1][0]:
                marks.append((at, where))
        wakes = next_wakes - _A_DAY
    ends = [at for at, _ in marks[1:]] + [marks[-1][0] + 12 * _HOUR * MINUTE_MS]
    return Diary(Stay(at, end, where) for (at, where), end in zip(marks, ends, strict=True))


def _wakes(person: Villager, rng: Random) -> float:
    if person.rises_early and rng.random() < 0.25:
        return rng.uniform(4.8, 5.3) * _HOUR
    return rng.uniform(5.75, 7.0) * _HOUR


def _night(rng: Random, evening: float, wakes: float) -> Iterator[Mark]:
    """To bed, and the ways to the toilet: each some minutes, seldom many."""
    yield evening, BED
    last = evening + 40
    for minute in sorted(rng.uniform(evening + 50, wakes - 50) for _ in range(rng.choice(_PLAUSIBLE_TRIPS))):
        if minute > last:
            lasts = min(25.0, max(1.5, rng.lognormvariate(1.7, 0.45)))
            yield minute, BATH
            yield minute + lasts, BED
            last = minute + lasts + 30


def _in_care(rng: Random, wakes: float, _day: datetime) -> Iterator[Mark]:
    yield wakes, ROOM
    yield wakes + rng.uniform(2, 8), BATH
    yield wakes + rng.uniform(16, 24), ROOM
    yield from _meal(rng, 7.5)
    yield 9 * _HOUR + rng.uniform(0, 20), BATH
    yield 9 * _HOUR + rng.uniform(25, 32), ROOM
    if rng.random() < 0.7:
        yield 9.8 * _HOUR + rng.uniform(0, 20), DINING
        yield 11 * _HOUR, ROOM
    yield from _meal(rng, 11.4)
    yield 12.5 * _HOUR + rng.uniform(0, 25), BED
    yield 13.8 * _HOUR + rng.uniform(0, 30), ROOM
    yield 14.5 * _HOUR + rng.uniform(0, 20), BATH
    yield 15 * _HOUR + rng.uniform(0, 20), DINING if rng.random() < 0.5 else ROOM
    yield 16.3 * _HOUR, ROOM
    yield from _meal(rng, 17.3)
    yield 19 * _HOUR + rng.uniform(0, 30), BATH
    yield 19.7 * _HOUR, ROOM


def _meal(rng: Random, hour: float) -> Iterator[Mark]:
    sits = hour * _HOUR + rng.uniform(-8, 12)
    yield sits, DINING
    yield sits + rng.uniform(28, 44), ROOM


def _in_flat(rng: Random, wakes: float, day: datetime) -> Iterator[Mark]:
    yield wakes, BATH
    yield wakes + rng.uniform(6, 15), KITCHEN
    yield wakes + rng.uniform(30, 50), ROOM
    if rng.random() < 0.6:
        leaves = rng.uniform(8.2, 9.5) * _HOUR
        yield leaves, OUT
        yield leaves + rng.uniform(25, 100), ROOM
    elif rng.random() < 0.06 and day.weekday() >= 5:
        yield rng.uniform(8.5, 9.5) * _HOUR, OUT
        yield rng.uniform(14, 16) * _HOUR, ROOM
    yield 10.9 * _HOUR + rng.uniform(0, 20), KITCHEN
    yield 11.8 * _HOUR + rng.uniform(0, 15), ROOM
    if rng.random() < 0.8:
        yield 12.6 * _HOUR + rng.uniform(0, 30), BED
        yield 13.7 * _HOUR + rng.uniform(0, 50), BATH
        yield 14.7 * _HOUR, ROOM
    for hour in (15.2, 16.4):
        yield hour * _HOUR + rng.uniform(0, 40), rng.choice((BATH, KITCHEN))
        yield hour * _HOUR + rng.uniform(44, 55), ROOM
    yield 17.4 * _HOUR + rng.uniform(0, 30), KITCHEN
    yield 18.4 * _HOUR + rng.uniform(0, 20), ROOM
    yield 19.8 * _HOUR + rng.uniform(0, 40), BATH
    yield 20.6 * _HOUR, ROOM
