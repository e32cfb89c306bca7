"""What fails between device and service: power, batteries, clocks, radio. Rule: drawn first, asked later.

Encoders and the truth ask the same questions here, so both know what can have been heard. Only the small
jitter of the radio (duplicates, messages that overtake each other) is nobody's business but the wire's.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from operator import attrgetter
from random import Random
from typing import NamedTuple

from simulators.life import DAY_MS, HOUR_MS, MINUTE_MS, Span
from simulators.publication import Publication

_said_at = attrgetter("at_ms")
_WEEK_MS = 7 * DAY_MS
_KEEPALIVE_MS = 90_000
_RESET_CLOCK_MS = 1_577_836_800_000  # 2020-01-01: what a clock shows that lost its battery


@dataclass(frozen=True, slots=True)
class Failing:
    """How often a week things fail, and how the radio jitters (a part of all messages)."""

    gateway: float = 0.0
    battery: float = 0.0
    sensor: float = 0.0
    broker: float = 0.0
    late: float = 0.01
    very_late: float = 0.0005
    twice: float = 0.003


CALM = Failing()
EVENTFUL = Failing(gateway=0.4, battery=0.06, sensor=0.06, broker=0.25)


class Outage(NamedTuple):
    """Nothing comes through from `start` to `end`; at `told` somebody says so (0: nobody does).

    What was said meanwhile comes afterwards where it is `kept`.
    """

    start: int
    end: int
    told: int
    kept: bool


@dataclass(slots=True)
class Faults:
    """All outages by gateway and by device, and the broker's; the clocks, and when one is astray."""

    failing: Failing
    broker: list[Outage] = field(default_factory=list)
    by_name: dict[str, list[Outage]] = field(default_factory=dict)
    clocks: dict[str, Callable[[int], int]] = field(default_factory=dict)
    astray: dict[str, Span] = field(default_factory=dict)

    def outage(self, name: str, at_ms: int) -> Outage | None:
        """What keeps a device or gateway from being heard then."""
        return next((one for one in self.by_name.get(name, ()) if one.start <= at_ms < one.end), None)

    def works(self, device: str, at_ms: int) -> bool:
        """Whether the device itself works."""
        return self.outage(device, at_ms) is None

    def heard_at(self, device: str, via: str, at_ms: int) -> int | None:
        """When the service hears what a device says at a time, None when it never does."""
        if self.outage(device, at_ms):
            return None
        for outages in (self.by_name.get(via, ()), self.broker):
            for one in outages:
                if one.start <= at_ms < one.end:
                    if not one.kept:
                        return None
                    at_ms = one.end + 2000 + (at_ms - one.start) // 50
        return at_ms

    def tells_time(self, device: str, at_ms: int) -> bool:
        """Whether the device's clock shows a time that can be meant; a vital sign without one is no news."""
        lost, put_right = self.astray.get(device, (0, 0))
        return not lost <= at_ms < put_right

    def lost(self, name: str, start: int, end: int) -> bool:
        """Whether a gateway or device, its clock or the broker was lost at some time of a span."""
        spans = [(one.start, one.end) for one in (*self.by_name.get(name, ()), *self.broker)]
        spans += [self.astray[name]] if name in self.astray else []
        return any(since < end and start < until for since, until in spans)

    def heard_all(self, device: str, via: str, start: int, end: int) -> bool:
        """Whether all that a device said in a span came in at once."""
        return not (self.lost(device, start, end) or self.lost(via, start, end))

    def clock(self, device: str) -> Callable[[int], int]:
        """What the device's clock shows at a time."""
        return self.clocks.get(device, _right)


def faults_of(
    failing: Failing, rng: Random, start_ms: int, end_ms: int, gateways: Iterable[str], zigbee: str
) -> Faults:
    """The outages of a site's gateways ; `zigbee` is the bridge, which keeps nothing."""
    faults = Faults(failing)
    for name in (*gateways, zigbee):
        kept = name != zigbee
        spans = _spans(rng, failing.gateway, start_ms, end_ms, lambda: _length(rng))
        faults.by_name[name] = [
            Outage(start, end, start + rng.randrange(5000, _KEEPALIVE_MS), kept) for start, end in spans
        ]
    return faults


def broker_outages(failing: Failing, rng: Random, start_ms: int, end_ms: int) -> list[Outage]:
    """When the broker is down: gateways keep what is said, and nobody can say that it is."""
    spans = _spans(rng, failing.broker, start_ms, end_ms, lambda: int(rng.uniform(2, 15) * MINUTE_MS))
    return [Outage(start, end, 0, kept=True) for start, end in spans]


def wear(faults: Faults, rng: Random, device: str, start_ms: int, end_ms: int, per_week: float) -> None:
    """Draws when a device fails (a flat battery, a broken cable), and how wrong its clock is."""
    lasts = lambda: int(rng.uniform(6, 40) * HOUR_MS)  # noqa: E731
    faults.by_name[device] = [
        Outage(start, end, start + 12 * MINUTE_MS if rng.random() < 0.8 else 0, kept=False)
        for start, end in _spans(rng, per_week, start_ms, end_ms, lasts)
    ]
    drift = rng.gauss(0, 0.4) * 1000  # ms a day, put right every week
    if rng.random() < 0.1:
        behind = int(rng.uniform(3, 50) * 1000)
        faults.clocks[device] = lambda at_ms: at_ms - behind
    elif per_week and rng.random() < 0.04:
        lost = start_ms + int(rng.uniform(0.2, 0.8) * (end_ms - start_ms))
        put_right = lost + int(rng.uniform(2, 10) * HOUR_MS)
        faults.astray[device] = (lost, put_right)
        faults.clocks[device] = lambda at_ms: (
            _RESET_CLOCK_MS + at_ms - lost if lost <= at_ms < put_right else at_ms
        )
    else:
        faults.clocks[device] = lambda at_ms: at_ms + int(drift * ((at_ms - start_ms) % _WEEK_MS) / DAY_MS)


def wire(
    faults: Faults, rng: Random, device: str, via: str, streams: Iterable[Iterable[Publication]]
) -> Iterator[Publication]:
    """The streams of one device as they come in: what is lost left out, what is late at its own time.

    What gateways and bridges say of a device (retained) comes through while the device itself is dead.
    """
    waiting: list[tuple[int, int, Publication]] = []
    count = 0
    failing = faults.failing
    late, very_late, twice = failing.late, failing.very_late, failing.twice
    healthy = not (faults.by_name.get(device) or faults.by_name.get(via) or faults.broker)
    for said in heapq.merge(*streams, key=_said_at):
        sent = said.at_ms
        while waiting and waiting[0][0] <= sent:
            yield heapq.heappop(waiting)[2]
        heard = sent if healthy else faults.heard_at("" if said.retain else device, via, sent)
        if heard is None:
            continue
        comes = heard
        drawn = rng.random()
        if drawn < late:
            comes += rng.randrange(200, 1800)
        elif drawn < late + very_late:
            comes += rng.randrange(3_000, 90_000)
        elif drawn > 1 - twice and not said.retain:
            count += 1
            again = comes + rng.randrange(1_000, 30_000)
            heapq.heappush(waiting, (again, count, replace(said, at_ms=again, repeat=True)))
        if comes == sent and (not waiting or waiting[0][0] > sent):
            yield said
        else:
            count += 1
            heapq.heappush(waiting, (comes, count, replace(said, at_ms=comes)))
    while waiting:
        yield heapq.heappop(waiting)[2]


def _right(at_ms: int) -> int:
    return at_ms


def _length(rng: Random) -> int:
    return int(rng.uniform(2, 25) * MINUTE_MS if rng.random() < 0.8 else rng.uniform(1, 5) * HOUR_MS)


def _spans(
    rng: Random, per_week: float, start_ms: int, end_ms: int, lasts: Callable[[], int]
) -> Iterator[Span]:
    """Spans at random times, apart from each other."""
    at = float(start_ms)
    while per_week:
        at += rng.expovariate(per_week / _WEEK_MS) + HOUR_MS
        end = int(at) + lasts()
        if end >= end_ms:
            return
        yield int(at), end
        at = end
