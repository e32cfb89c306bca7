"""Somebody who may go missing leaves. Rule: at the moment of it, and again when she has not been found.

R-80: for who is at risk, raises at once (after the reorder window, within 5 s) when a door of hers opens in
the night, a door named in `exits` opens at any hour, a geofence is left, or a zone is entered that is not one
of `allowed`. Not located `unlocated` (15 min) later it raises once more, saying so and where she was last
seen. A tracker that goes on telling meanwhile is noted.

A zone that is told again and again she enters once. But a beacon at the gate tells of nothing else: who was
located, and of whom it was silent for `unlocated`, has come there anew.

Located: a geofence or an allowed zone entered, in bed or on her seat, seen in her own room, staff with her;
that clears. What sees her in her room in the first minute may be seeing her leave. `motion` locates nobody:
some watches tell of motion too. Nor does what is seen in a room that she shares.

Doors opened with staff at hand (`staff`) are said as suppressed (R-58), and so is everything while she is
away; leaving a geofence is not, for that is far from where staff were seen.

A place that is nobody's, a lobby with a door to the street, is watched where an override of that place says
enabled = true: it raises when its door opens and no staff are there, and names nobody. Which doors lead out
is for people to say; a broom cupboard has one too.
"""

from datetime import time
from typing import Annotated, NamedTuple

from pydantic import Field

from devices.observation import Observation
from rules.deadlines import window_at
from rules.decision import Change, Evidence, Severity
from rules.kind import Kind, Rule, Step, Subject, decide, seen
from rules.reorder import happened
from rules.settings import DailyWindow, Duration, Settings
from rules.situation import UNREPORTED, Situation, follow

SAME_EXIT_MS = 60_000
LEAVING_MS = 60_000
_FOUND = frozenset(("geofence_enter", "bed_enter", "visit"))
_FOUND_WHILE = frozenset(("bed_occupied", "seat_occupied", "staff_present"))
_LOCATING = _FOUND | _FOUND_WHILE | {"presence"}


class WanderingSettings(Settings):
    """`exits` are ids of devices, `allowed` names of zones (none: all are); the rest see above."""

    severity: Severity = Severity.HIGH
    between: DailyWindow = (time(21), time(6))
    exits: frozenset[str] = frozenset()
    allowed: frozenset[str] = frozenset()
    staff: Annotated[Duration, Field(le=600_000)] = 60_000
    unlocated: Annotated[Duration, Field(ge=60_000, le=3_600_000)] = 900_000


class Door(NamedTuple):
    """A door sensor, and what it said last; `at` is when that changed."""

    device: str
    open: bool
    at: int


class Memory(NamedTuple):
    """`lost` is since when she has not been located (0: she is), `found` when she last was.

    `seen` is when she was last seen leaving, and `place` where. `here`: the staff at a place that is
    nobody's. `zone`: the one not allowed that she is in, told last when she was `zoned`. ms UTC.
    """

    wake: int | None = None
    doors: tuple[Door, ...] = ()
    lost: int = 0
    seen: int = 0
    place: str = ""
    zone: str = ""
    found: int = 0
    here: Situation = UNREPORTED
    zoned: int = 0


def start(
    _rule: Rule[WanderingSettings], _subject: Subject, memory: Memory | None, _now: int
) -> Step[Memory]:
    """Nobody is lost until something says so. Under new settings all stays as it is."""
    return memory or Memory(), ()


def observe(
    rule: Rule[WanderingSettings], subject: Subject, memory: Memory, observation: Observation
) -> Step[Memory]:
    """A door, a border or a zone passed, or a sign of where she is."""
    metric, value = observation.metric, observation.value
    if not memory.lost and metric in _LOCATING and subject.resident:
        return memory, ()  # nearly always
    if metric == "door_open":
        return _door(rule, subject, memory, observation)
    if subject.resident is None:
        here = follow(memory.here, observation)
        return (memory if here is memory.here else memory._replace(here=here)), ()
    if metric == "geofence_exit":
        return _leaves(rule, subject, memory, observation, "geofence")
    if metric == "zone" and rule.settings.allowed and value not in rule.settings.allowed:
        at, told = happened(observation), max(memory.zoned, happened(observation))
        same = value == memory.zone and (memory.lost or at - memory.zoned <= rule.settings.unlocated)
        memory = memory._replace(zone=str(value), zoned=told)
        return (memory, ()) if same else _leaves(rule, subject, memory, observation, "zone")
    if metric == "zone" and memory.zone:
        memory = memory._replace(zone="")
    at = happened(observation)
    if not memory.lost or at < memory.seen or not _locates(rule, subject, memory, observation):
        return memory, ()
    found = memory._replace(wake=None, lost=0, found=at)
    return found, (decide(rule, subject, Change.CLEAR, seen(observation), at=at),)


def wake(rule: Rule[WanderingSettings], subject: Subject, memory: Memory, now: int) -> Step[Memory]:
    """She has not been located."""
    facts: dict[str, str | int] = {
        "not_located": 1,
        "lost_min": (now - memory.lost) // 60_000,
        "place": memory.place,
        "seen_ms": memory.seen,
    }
    evidence = Evidence(f"{rule.id}|{subject.id}|{now}", "zone", "", now, now)
    return memory._replace(wake=None), (decide(rule, subject, Change.RAISE, evidence, at=now, facts=facts),)


def moved(rule: Rule[WanderingSettings], subject: Subject, memory: Memory, now: int) -> Step[Memory]:
    """Who is reported away is not lost; whoever is back may be anywhere."""
    if not subject.away:
        return memory._replace(zone=""), ()
    if not memory.lost:
        return memory, ()
    evidence = Evidence(f"{rule.id}|{subject.id}|{now}", "absence", "", now, now)
    said = decide(rule, subject, Change.CLEAR, evidence, at=now, facts={"why": subject.absence})
    return memory._replace(wake=None, lost=0, found=now), (said,)


def _door(
    rule: Rule[WanderingSettings], subject: Subject, memory: Memory, observation: Observation
) -> Step[Memory]:
    """A door opened or closed; that it opens matters in the night, and at the exits always."""
    device, at, opened = observation.device, happened(observation), observation.value is True
    known = next((door for door in memory.doors if door.device == device), None)
    if known is not None and (known.open is opened or at < known.at):
        return memory, ()
    others = tuple(door for door in memory.doors if door.device != device)
    kept = memory._replace(doors=tuple(sorted((*others, Door(device, opened, at)))))
    settings = rule.settings
    if not opened:
        return kept, ()
    if device not in settings.exits:
        opens, _ = window_at(settings.between, subject.zone, at)
        if at < opens:
            return kept, ()
    here = subject if subject.resident else Subject(subject.id, situation=memory.here)
    if here.attended(at, settings.staff):
        suppressed = decide(rule, subject, Change.SUPPRESS, seen(observation), at=at, facts={"why": "staff"})
        return kept, (suppressed,)
    return _leaves(rule, subject, kept, observation, "door")


def _leaves(
    rule: Rule[WanderingSettings], subject: Subject, memory: Memory, observation: Observation, why: str
) -> Step[Memory]:
    """Somebody leaves; who was located after that has come back since."""
    at, place = happened(observation), observation.place
    if at <= max(memory.seen, memory.found):
        return memory, ()
    evidence = seen(observation, SAME_EXIT_MS)
    if subject.away:
        facts: dict[str, str | int] = {"why": subject.absence}
        suppressed = decide(rule, subject, Change.SUPPRESS, evidence, at=at, facts=facts)
        return memory._replace(seen=at), (suppressed,)
    facts = {"why": why, "place": place, "seen_ms": at}
    searched = memory.wake is not None and why == "geofence"  # a tracker that goes on telling
    change = Change.NOTE if searched else Change.RAISE
    said = (decide(rule, subject, change, evidence, at=at, facts=facts),)
    kept = memory._replace(seen=at, place=place)
    if subject.resident is None:
        return kept, said
    if memory.wake is None:  # not lost before, or for so long that people look for her anew
        kept = kept._replace(wake=at + rule.settings.unlocated, lost=at)
    return kept, said


def _locates(
    rule: Rule[WanderingSettings], subject: Subject, memory: Memory, observation: Observation
) -> bool:
    """Whether this says that she, and not somebody else, is where she should be."""
    metric, value = observation.metric, observation.value
    if observation.resident != subject.id or value is False:
        return False
    if metric == "presence":
        return happened(observation) >= memory.seen + LEAVING_MS
    if metric == "zone":
        return value in rule.settings.allowed
    return metric in _FOUND or metric in _FOUND_WHILE


KIND = Kind(
    name="wandering",
    settings=WanderingSettings,
    observe=observe,
    metrics=lambda _: _LOCATING | {"door_open", "geofence_exit", "zone"},
    memory=Memory,
    watches=lambda subject: subject.resident is not None or bool(subject.place),
    start=start,
    wake=wake,
    basis=lambda rule, subject: f"{rule.basis} {subject.zone}",
    moved=moved,
    ordered=True,
    lazy=True,
    shares=True,
)
