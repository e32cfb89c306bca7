"""Out of bed at night for longer than is good for her. Rule: only what a bed sensor can still mean counts.

R-75: raises when she has been out of bed for her time (30 min; 15 min where the risk of a fall is high; "0s"
for who must not get up alone) between 21:00 and 06:00 by the clock of her place. Out since shortly before the
window opens counts from its opening; out for more than two hours then, she is up and has not gone to bed yet:
in two recorded homes that called people on 22 of 45 evenings. So is who is found out of bed by day, when
nobody knows since when (a first word, a return from leave). Back in bed clears.

What the sensors say: she is in bed when any of them says so, out when all that are to be believed say so. A
radar that loses a quiet sleeper is more common than a mat that sticks. A short touch, in either direction,
changes nothing: what they say must stand for `settle`. So somebody who turns over has not got up, a hand on
the mattress is no return, and "0s" alerts `settle` and the reorder window after she got up: within 5 s.

What is not known is never a normal state and never an alarm (R-26): the word of a sensor that said it is
offline is dropped, and one not heard of for `stale` counts no more. Many bed sensors speak only on a change,
so that limit is 16 h: as long as a day out of bed. When the last word is dropped while she is out, that is
said as suppressed.

Suppressed while staff are with her or were within `staff` (R-58); looked at again when they leave, and every
minute. Paused while she is away. With `early`, sitting up in bed raises already.
"""

from datetime import time
from typing import Annotated, NamedTuple

from pydantic import Field, StrictBool

from devices.observation import Observation
from rules.deadlines import window_at
from rules.decision import Change, Decision, Evidence
from rules.kind import Kind, Rule, Step, Subject, decide, teller
from rules.reorder import happened
from rules.settings import AskingSettings, DailyWindow, Duration

LOOK_AGAIN_MS = 60_000
EVENING_MS = 2 * 3_600_000
REFRESH_MS = 300_000  # how exactly it is kept when a sensor was last heard
_BED = frozenset(("bed_occupied", "bed_enter", "bed_exit"))
_STAFF = frozenset(("staff_present", "visit"))
_NIGHT = (time(21), time(6))


class BedExitSettings(AskingSettings):
    """`within`: how long she may be out of bed; `between`: when that counts; the rest see above."""

    within: Annotated[Duration, Field(le=8 * 3_600_000)] = 1_800_000
    between: DailyWindow = _NIGHT
    settle: Annotated[Duration, Field(le=60_000)] = 3_000
    staff: Annotated[Duration, Field(le=3_600_000)] = 300_000
    stale: Annotated[Duration, Field(ge=3_600_000, le=24 * 3_600_000)] = 57_600_000
    early: StrictBool = False


class Word(NamedTuple):
    """What a sensor said last, and when it was heard: to five minutes, but for a change."""

    device: str
    inside: bool
    at: int


class Memory(NamedTuple):
    """`inside`: what the sensors say together, since `turned` (None: nobody knows).

    `out` is since when she is out of bed, short touches apart (0: up, as by day). `raised`: people were
    called. `early`: they were told that she sits up. `held`: it was said that the alert is suppressed. All
    times ms UTC.
    """

    wake: int | None = None
    words: tuple[Word, ...] = ()
    inside: bool | None = None
    turned: int = 0
    out: int | None = None
    raised: bool = False
    early: bool = False
    held: bool = False


def start(rule: Rule[BedExitSettings], subject: Subject, memory: Memory | None, now: int) -> Step[Memory]:
    """Nothing is known at first; under new settings, what is known is looked at anew."""
    if memory is None:
        return Memory(), ()
    return _waiting(rule, subject, memory, now), ()


def observe(
    rule: Rule[BedExitSettings], subject: Subject, memory: Memory, observation: Observation
) -> Step[Memory]:
    """A bed sensor spoke or went silent, staff came or went, she sat up."""
    metric, value = observation.metric, observation.value
    if metric in _BED:
        inside = value is True if metric == "bed_occupied" else metric == "bed_enter"
        return _said(rule, subject, memory, observation, inside)
    if metric == "online":
        return _lost(rule, subject, memory, observation) if value is False else (memory, ())
    if metric == "posture":
        return _posture(rule, subject, memory, observation)
    if not memory.held or memory.inside:
        return memory, ()
    return memory._replace(wake=happened(observation)), ()  # staff came or went: look again


def wake(rule: Rule[BedExitSettings], subject: Subject, memory: Memory, now: int) -> Step[Memory]:
    """What the sensors said has stood long enough, or she has been out for her time."""
    if memory.inside or not memory.out:
        return _back(rule, subject, memory)
    opens, closes = window_at(rule.settings.between, subject.zone, now)
    if not opens <= now < closes:
        return _waiting(rule, subject, memory._replace(held=False), now), ()
    if _together(rule, memory.words, now) is None:
        unknown = memory._replace(wake=None, inside=None, out=None, held=False)
        return unknown, (_suppressed(rule, subject, memory, now, "stale"),)
    if subject.attended(now, rule.settings.staff):
        again = memory._replace(wake=now + LOOK_AGAIN_MS, held=True)
        return again, () if memory.held else (_suppressed(rule, subject, memory, now, "staff"),)
    raised = memory._replace(raised=True, held=False)
    said = _decided(rule, subject, Change.RAISE, memory, now, {"out_min": (now - memory.out) // 60_000})
    return _waiting(rule, subject, raised, now), (said,)


def moved(rule: Rule[BedExitSettings], subject: Subject, memory: Memory, now: int) -> Step[Memory]:
    """She went away, which ends it; or came back, and counts from now on."""
    if not subject.away:
        out = _found(rule, subject, now) if memory.inside is False else None
        counted = memory._replace(out=out, turned=max(memory.turned, now))
        return _waiting(rule, subject, counted, now), ()
    gone = memory._replace(wake=None, out=None, raised=False, early=False, held=False)
    ends = memory.raised or memory.early
    facts: dict[str, str | int] = {"why": subject.absence}
    return gone, (_decided(rule, subject, Change.CLEAR, memory, now, facts),) if ends else ()


def _said(
    rule: Rule[BedExitSettings], subject: Subject, memory: Memory, observation: Observation, inside: bool
) -> Step[Memory]:
    """A sensor said that she is in bed or out of it."""
    name, at = teller(observation), happened(observation)
    for device, said, since in memory.words:
        if device == name:
            if at < since or (inside is said and at < since + REFRESH_MS):
                return memory, ()  # nearly always
            break
    others = (word for word in memory.words if word.device != name)
    kept = memory._replace(words=tuple(sorted((*others, Word(name, inside, at)))))
    return _turned(rule, subject, kept, at), ()


def _turned(rule: Rule[BedExitSettings], subject: Subject, memory: Memory, at: int) -> Memory:
    """The memory after words of sensors changed."""
    inside = _together(rule, memory.words, at)
    if inside is memory.inside:
        return memory
    if inside is None:
        return memory._replace(wake=None, inside=None, turned=at, out=None, held=False)
    out = memory.out
    if out is None and not inside and not subject.away:
        out = at if memory.inside else _found(rule, subject, at)
    return _waiting(rule, subject, memory._replace(inside=inside, turned=at, out=out), at)


def _found(rule: Rule[BedExitSettings], subject: Subject, at: int) -> int:
    """Since when she counts as out of bed who is found out of it; by day she is just up (0)."""
    opens, _ = window_at(rule.settings.between, subject.zone, at)
    return at if at >= opens else 0


def _lost(
    rule: Rule[BedExitSettings], subject: Subject, memory: Memory, observation: Observation
) -> Step[Memory]:
    """A device said, or it was said of it, that it is offline: its word counts no more."""
    gone, at = teller(observation), happened(observation)
    words = tuple(word for word in memory.words if word.device != gone)
    if len(words) == len(memory.words):
        return memory, ()
    kept = _turned(rule, subject, memory._replace(words=words), at)
    if not memory.out or kept.inside is not None:
        return kept, ()
    return kept, (_suppressed(rule, subject, memory, at, "offline"),)


def _posture(
    rule: Rule[BedExitSettings], subject: Subject, memory: Memory, observation: Observation
) -> Step[Memory]:
    """Sitting up in bed, in the night and alone, is said early; lying again ends that."""
    at = happened(observation)
    if memory.early and not memory.raised and observation.value == "lying":
        return memory._replace(early=False), (_decided(rule, subject, Change.CLEAR, memory, at, {}),)
    if observation.value != "sitting" or not memory.inside or memory.early or memory.out is not None:
        return memory, ()
    opens, closes = window_at(rule.settings.between, subject.zone, at)
    if subject.away or not opens <= at < closes or subject.attended(at, rule.settings.staff):
        return memory, ()
    said = _decided(rule, subject, Change.RAISE, memory, at, {"early": 1})
    return memory._replace(early=True), (said,)


def _back(rule: Rule[BedExitSettings], subject: Subject, memory: Memory) -> Step[Memory]:
    """She has been in bed for long enough to say so."""
    ends = memory.inside and (memory.raised or memory.early)
    kept = memory._replace(wake=None, out=None, raised=False, early=False, held=False)
    return kept, (_decided(rule, subject, Change.CLEAR, memory, memory.turned, {}),) if ends else ()


def _waiting(rule: Rule[BedExitSettings], subject: Subject, memory: Memory, now: int) -> Memory:
    """The memory with the time at which it must be looked at."""
    if memory.inside is None or subject.away:
        return memory._replace(wake=None)
    if memory.inside:
        waits = memory.out is not None or memory.raised
        return memory._replace(wake=max(memory.turned + rule.settings.settle, now) if waits else None)
    return memory._replace(wake=_due(rule.settings, subject.zone, memory, now))


def due(settings: BedExitSettings, zone: str, out: int) -> int | None:
    """When people must be called if she stays out of bed, ms UTC; None: never. Learning counts by it too."""
    opens, closes = window_at(settings.between, zone, out)
    ends = max(out, opens) + settings.within
    return ends if out >= opens - EVENING_MS and ends < closes else None


def _due(settings: BedExitSettings, zone: str, memory: Memory, now: int) -> int | None:
    """The same for what is remembered; not before now."""
    if not memory.out or memory.raised:
        return None
    ends = due(settings, zone, memory.out)
    if ends is None:
        return None
    ends = max(ends, memory.turned + settings.settle, now)
    return ends if ends < window_at(settings.between, zone, memory.out)[1] else None


def _together(rule: Rule[BedExitSettings], words: tuple[Word, ...], at: int) -> bool | None:
    """Whether she is in bed, by all sensors that are to be believed; None where there are none."""
    believed = [word.inside for word in words if at - word.at <= rule.settings.stale]
    return any(believed) if believed else None


def _suppressed(rule: Rule[BedExitSettings], subject: Subject, memory: Memory, at: int, why: str) -> Decision:
    return _decided(rule, subject, Change.SUPPRESS, memory, at, {"why": why})


def _decided(
    rule: Rule[BedExitSettings],
    subject: Subject,
    change: Change,
    memory: Memory,
    at: int,
    facts: dict[str, str | int],
) -> Decision:
    """A decision that follows from time: dated when it holds. The device is the one heard last."""
    word = max(memory.words, key=lambda word: word.at, default=None)
    device = word.device.partition("/")[2] if word else ""
    key = f"{rule.id}|{subject.id}|{change.value}@{at}"
    return decide(rule, subject, change, Evidence(key, "bed_occupied", device, at, at), at=at, facts=facts)


def basis(rule: Rule[BedExitSettings], subject: Subject) -> str:
    """The settings and the time zone."""
    return f"{rule.basis} {subject.zone}"


def metrics(settings: BedExitSettings) -> frozenset[str]:
    """What beds, staff and connections say; postures only for the early warning."""
    return frozenset((*_BED, *_STAFF, "online", *(("posture",) if settings.early else ())))


KIND = Kind(
    name="bed_exit",
    settings=BedExitSettings,
    observe=observe,
    metrics=metrics,
    memory=Memory,
    watches=lambda subject: subject.resident is not None,
    start=start,
    wake=wake,
    basis=basis,
    moved=moved,
    ordered=True,
    lazy=True,
)
