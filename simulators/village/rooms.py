"""What hangs in rooms and under mattresses: bed sensors, motion sensors, doors, radars, smoke detectors.

Rule: a sensor tells of changes when they happen, with its own delay, and of itself now and then.
"""

import heapq
from collections.abc import Iterable, Iterator
from operator import attrgetter
from random import Random
from typing import NamedTuple

from simulators.life import HOUR_MS, MINUTE_MS, Body, Span
from simulators.native import Value
from simulators.publication import Publication
from simulators.village.diary import BATH, BED, FLOOR, KITCHEN, OUT, ROOM
from simulators.village.fate import Fate
from simulators.village.run import Run
from simulators.village.staff import Staff
from simulators.village.worn import breath_of, pulse_of
from simulators.zigbee2mqtt import BRIDGE, Sensor

BED_EVERY_MS = 5 * MINUTE_MS
EMPTY_BED_EVERY_MS = 30 * MINUTE_MS
SMOKE_EVERY_MS = 2 * HOUR_MS
_MOVES_EVERY_MS = {ROOM: 16 * MINUTE_MS, KITCHEN: 3 * MINUTE_MS, BATH: 4 * MINUTE_MS}
_SHORTEST_MS = MINUTE_MS  # a bed sensor makes sure of what it tells

Change = tuple[int, bool]


class Fire(NamedTuple):
    """Smoke at a detector."""

    device: str
    place: str
    start: int
    end: int


def bed(run: Run, fate: Fate, body: Body) -> Iterator[Publication]:
    """The sensor under her mattress: in or out, and what it feels while she lies on it."""
    person = fate.person
    name, via = person.device("bed"), person.gateway
    device = run.native(name, via)
    rng = run.rng(name, "felt")
    changes = list(_in_and_out(run, rng, fate))
    in_words = rng.random() < 0.2  # some tell of changes as events
    edges = [at for at, _ in changes]

    def told() -> Iterator[Publication]:
        for at, lies in changes:
            if in_words:
                yield device.event(at, "bed_enter" if lies else "bed_exit")
            else:
                yield device.telemetry(at, {"bed_occupied": lies})

    def felt() -> Iterator[Publication]:
        upcoming, lies = 0, False
        for count, at in enumerate(run.ticks(name, BED_EVERY_MS)):
            while upcoming < len(edges) and edges[upcoming] <= at:
                lies = changes[upcoming][1]
                upcoming += 1
            if lies:
                yield device.telemetry(at, _felt(rng, fate, body, at))
            elif count % (EMPTY_BED_EVERY_MS // BED_EVERY_MS) == 0:
                yield device.telemetry(at, {"bed_occupied": False})

    return run.heard(name, via, [device.status(run.start_ms + 1000)], told(), felt())


def _felt(rng: Random, fate: Fate, body: Body, at: int) -> dict[str, Value]:
    values: dict[str, Value] = {"bed_occupied": True}
    if rng.random() > 0.05:
        artefact = rng.random() < 0.003
        values["heart_rate"] = round(pulse_of(fate, body, at, 30 if artefact else 0) + rng.gauss(0, 1.5))
        artefact = rng.random() < 0.005
        breath = rng.uniform(26, 38) if artefact else breath_of(fate, body, at) + rng.gauss(0, 0.7)
        values["respiratory_rate"] = round(breath)
    return values


def _in_and_out(run: Run, rng: Random, fate: Fate) -> Iterator[Change]:
    """Every change that the sensor tells: hers, and now and then one that was none (she lay at the edge)."""
    last = 0
    for stay in fate.diary.stays:
        if stay.where != BED or stay.end - stay.start < 2 * _SHORTEST_MS or stay.end < run.start_ms:
            continue
        enters = stay.start + rng.randrange(5_000, 40_000)
        leaves = stay.end + rng.randrange(3_000, 25_000)
        enters = max(enters, last + _SHORTEST_MS)
        yield enters, True
        at = enters + int(rng.expovariate(1 / (18 * HOUR_MS)))
        while at < leaves - 20 * MINUTE_MS:
            long = rng.random() < 0.05
            lasts = rng.randrange(2, 8) * MINUTE_MS if long else rng.randrange(6_000, 40_000)
            yield at, False
            yield at + lasts, True
            at += lasts + MINUTE_MS + int(rng.expovariate(1 / (18 * HOUR_MS)))
        yield leaves, False
        last = leaves


def flat(run: Run, fate: Fate, staff: Staff, fires: Iterable[Fire]) -> Iterator[Iterator[Publication]]:
    """The sensors of a flat: motion in three rooms, the front door, smoke in the kitchen."""
    person = fate.person
    for where in (ROOM, KITCHEN, BATH):
        name = f"motion-{where}-{person.id}"
        moves = list(_moves(run.rng(name), fate, where))
        yield _two_state(run, fate, name, "motion", "occupancy", moves)
    name = person.device("door")
    yield _two_state(run, fate, name, "door_open", "contact", _door(run.rng(name), fate, staff))
    yield smoke(run, fate.person.device("smoke"), fires)


def _moves(rng: Random, fate: Fate, where: str) -> Iterator[Change]:
    """Motion is told when she comes in and whenever she moves after a while; its end a minute later."""
    free = 0
    for stay in fate.diary.stays:
        if stay.where != where:
            continue
        at = stay.start + rng.randrange(2_000, 20_000)
        while at < stay.end:
            if at > free:
                yield at, True
                free = at + rng.randrange(60_000, 110_000)
                yield free, False
            at += int(rng.expovariate(1 / _MOVES_EVERY_MS[where])) + 5_000


def _door(rng: Random, fate: Fate, staff: Staff) -> list[Change]:
    opens = [at for stay in fate.diary.stays if stay.where == OUT for at in (stay.start, stay.end)]
    opens += [
        at
        for came in staff.done("visit")
        for at in (came - 2 * MINUTE_MS, came + rng.randrange(8, 30) * MINUTE_MS)
    ]
    opens += [at for gone in fate.absences for at in (gone.start, gone.end)]
    found: list[Change] = []
    for at in sorted(opens):
        if not found or at > found[-1][0] + 5_000:
            found += [(at, True), (at + rng.randrange(4_000, 15_000), False)]
    return found


def _two_state(
    run: Run, fate: Fate, name: str, metric: str, field: str, changes: Iterable[Change]
) -> Iterator[Publication]:
    """A sensor of one state, in the language of the flat."""
    rng = run.rng(name, "said")
    if fate.person.speaks == "zigbee":
        sensor = Sensor(name, rng.randrange(60, 200), field)
        battery = rng.randrange(60, 101)
        return run.heard(name, BRIDGE, (sensor.state(at, holds, battery) for at, holds in changes))
    device = run.native(name, fate.person.gateway)
    return run.heard(
        name, fate.person.gateway, (device.telemetry(at, {metric: holds}) for at, holds in changes)
    )


def smoke(run: Run, name: str, fires: Iterable[Fire]) -> Iterator[Publication]:
    """A smoke detector behind zigbee2mqtt: tells of smoke every minute while there is any."""
    rng = run.rng(name)
    sensor = Sensor(name, rng.randrange(60, 200), "smoke")
    battery = rng.randrange(60, 101)
    mine = [fire for fire in fires if fire.device == name]

    def alarms() -> Iterator[Publication]:
        for fire in mine:
            for at in range(fire.start, fire.end, MINUTE_MS):
                yield sensor.state(at, True, battery)
            yield sensor.state(fire.end, False, battery)

    quiet = (
        sensor.state(at, False, battery)
        for at in run.ticks(name, SMOKE_EVERY_MS)
        if not any(fire.start <= at < fire.end for fire in mine)
    )
    return run.heard(name, BRIDGE, alarms(), quiet)


def radar(run: Run, room: str, via: str, fates: Iterable[Fate]) -> Iterator[Publication]:
    """The radar in the bathroom of a room in the care home: somebody is there; somebody fell."""
    name = f"radar-{room}"
    device = run.native(name, via)
    people = tuple(fates)
    spans = sorted(
        (stay.start, stay.end)
        for fate in people
        for stay in fate.diary.stays
        if stay.where == BATH or (stay.where == FLOOR and _fell_in_bath(fate, stay.start))
    )
    rng = run.rng(name)
    there = (
        device.telemetry(at + rng.randrange(500, 4000), {"presence": seen})
        for span in _joined(spans)
        for at, seen in zip(span, (True, False), strict=True)
    )
    falls = sorted(
        (at, over)
        for fate in people
        for fall in fate.falls
        if fall.told == name
        for at, over in ((fall.at + 6_000, False), (fall.up + 20_000, True))
    )
    said = (device.event(at, "fall", cleared=over) for at, over in falls)
    return run.heard(name, via, there, said)


def _fell_in_bath(fate: Fate, at: int) -> bool:
    return any(fall.at == at and fall.told.startswith("radar") for fall in fate.falls)


def _joined(spans: Iterable[Span]) -> Iterator[Span]:
    last: Span | None = None
    for start, end in spans:
        if last is not None and start <= last[1] + 10_000:
            last = (last[0], max(last[1], end))
        else:
            if last is not None:
                yield last
            last = (start, end)
    if last is not None:
        yield last


def reader(run: Run, room: str, via: str, spans: Iterable[Span]) -> Iterator[Publication]:
    """The reader of staff badges in a room: somebody of the staff is in it."""
    name = f"reader-{room}"
    device = run.native(name, via)
    said = (
        device.telemetry(at, {"staff_present": there})
        for span in _joined(sorted(spans))
        for at, there in zip(span, (True, False), strict=True)
    )
    return run.heard(name, via, said)


def merged(streams: Iterable[Iterable[Publication]]) -> Iterator[Publication]:
    """Streams in time order."""
    return heapq.merge(*streams, key=attrgetter("at_ms"))
