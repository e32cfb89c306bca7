"""How one resident lives: in bed or up, and what a body shows meanwhile.

Rule: a life follows from its seed; any instant of it can be asked for, in any order.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time, timedelta
from random import Random

from simulators.home import ZONE

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

Span = tuple[int, int]
"""From (inclusive) to (exclusive), ms UTC."""


def local(at_ms: int) -> datetime:
    """The wall clock of the home."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZONE)


def at_local(day: datetime, clock: time) -> int:
    """The instant at which the home's wall clock shows `clock` on the day of `day`."""
    return int(datetime.combine(day.date(), clock, ZONE).timestamp() * 1000)


def days(start_ms: int, end_ms: int) -> Iterator[datetime]:
    """Every day of the home that begins before the end, from the eve of the start on."""
    day = local(start_ms) - timedelta(days=1)
    while at_local(day, time()) < end_ms:
        yield day
        day += timedelta(days=1)


class Body:
    """What a body shows at any time: lowest before dawn, higher with effort. Sensors add their own noise."""

    def __init__(self, rng: Random) -> None:
        self._rest_rate = rng.uniform(58, 74)
        self._breath = rng.uniform(13.5, 17)
        self._oxygen = rng.uniform(95.5, 98)

    def pulse(self, at_ms: int, effort: float = 0.0) -> float:
        """Beats a minute; `effort` is what being up and moving adds."""
        clock = local(at_ms)
        day_curve = 5 * math.cos((clock.hour + clock.minute / 60 - 15.5) / 24 * math.tau)
        return self._rest_rate + day_curve + effort

    @property
    def breath(self) -> float:
        """Breaths a minute at rest."""
        return self._breath

    @property
    def oxygen(self) -> float:
        """Saturation at rest, %."""
        return self._oxygen


class Life:
    """One resident's days between two instants.

    `up` are spans in which the person is surely out of bed, `shaken` those of them with a fright.
    """

    def __init__(
        self, seed: str, start_ms: int, end_ms: int, up: Iterable[Span] = (), shaken: Iterable[Span] = ()
    ) -> None:
        rng = Random(seed)  # noqa: S311 - a life must be the same for the same seed
        self.body = Body(rng)
        self._shaken = tuple(shaken)
        in_bed: list[Span] = []
        for day in days(start_ms, end_ms):
            in_bed += self._rest(rng, day)
        for out in up:
            in_bed = [rest for span in in_bed for rest in _without(span, out)]
        self.in_bed: tuple[Span, ...] = tuple(in_bed)
        self._edges = [edge for span in in_bed for edge in span]

    @staticmethod
    def _rest(rng: Random, day: datetime) -> Iterator[Span]:
        """The nap after lunch and the night that begins on this day, with its ways to the toilet."""
        nap = at_local(day, time(12, 30)) + rng.randrange(40) * MINUTE_MS
        yield nap, nap + rng.randrange(30, 80) * MINUTE_MS
        evening = asleep = at_local(day, time(20, 40)) + rng.randrange(100 * 60) * 1000
        awake = at_local(day, time(5, 35)) + DAY_MS + rng.randrange(60 * 60) * 1000
        visits = sorted(rng.sample(range(60, 7 * 60, 25), rng.randrange(4)))
        for minutes in visits:
            leaves = evening + minutes * MINUTE_MS + rng.randrange(600) * 1000
            if leaves < awake - 30 * MINUTE_MS:
                yield asleep, leaves
                asleep = leaves + rng.randrange(4 * 60, 10 * 60) * 1000
        yield asleep, awake

    def lies(self, at_ms: int) -> bool:
        """Whether the person is in bed."""
        return bisect_right(self._edges, at_ms) % 2 == 1

    def _is_shaken(self, at_ms: int) -> bool:
        return any(start <= at_ms < end for start, end in self._shaken)

    def heart_rate(self, at_ms: int, rng: Random) -> int:
        """Lowest before dawn, higher when up, fast after a fright."""
        effort = 0 if self.lies(at_ms) else 9
        fright = 22 if self._is_shaken(at_ms) else 0
        return round(self.body.pulse(at_ms, effort + fright) + rng.gauss(0, 2))

    def respiratory_rate(self, rng: Random) -> int:
        """Breaths a minute at rest."""
        return round(self.body.breath + rng.gauss(0, 0.7))

    def spo2(self, rng: Random) -> float:
        """Oxygen saturation: healthy, with the sensor's noise."""
        return min(99.5, round(self.body.oxygen + rng.gauss(0, 0.4), 1))

    def walked(self, at_ms: int, minutes: float, rng: Random) -> int:
        """Steps made in the `minutes` before an instant."""
        if self.lies(at_ms) or self._is_shaken(at_ms) or rng.random() > min(0.6, 0.25 * minutes):
            return 0
        return rng.randrange(8, 60)


def _without(span: Span, hole: Span) -> Iterator[Span]:
    if hole[1] <= span[0] or span[1] <= hole[0]:
        yield span
        return
    if span[0] < hole[0]:
        yield span[0], hole[0]
    if hole[1] < span[1]:
        yield hole[1], span[1]
