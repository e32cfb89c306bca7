"""No sign of life from any sensor of a home for too long. Rule: what nobody could have told is no silence.

R-81: raises when nothing has been heard of her for her time (4 h, bounded to 2 to 12 h; `hours` has another
one for silences that begin in an hour of the day) between 06:00 and 21:00. What a sign of life is, is said in
`rules.signs`; a heart rate is none: it proves that she lives, not that she is not lying on the floor. What
others in a shared home do counts for all who live there.

The night stops the count, which begins anew in the morning. But a silence that has lasted half her time when
the evening ends goes on counting: somebody who has gone to bed would have been seen on her way there, and who
fell in the afternoon must not wait for the morning. In bed by day she has twice her time, at most 12 h, and
the night stops her count in any case.

A door as the last sign may mean that she went out: nobody can tell, so it raises all the same and says so
(`last`). But where people have said which doors lead out (`exits`), and one of them is the last sign of
somebody who was up and about in the two hours before, she has gone out, and has `out` (12 h) to come back.
The door once more, later than two minutes after and with no sign from inside between, is somebody coming in:
she may lie behind it, and her time is the usual one. Not for a door that she shares: another may have gone.
(In the recorded homes A and C this leaves 7 of 37 alerts about somebody who had gone out: `make houses`.)

Still no sign another such time later raises again, with more minutes. The next sign clears.

Only those are watched who have sensors that would see them: one that tells of movement, or three different
ones. Who has but a button would be silent all day. When all that ever told signs said that they are offline,
that is a fault and no silence: it is said as suppressed, and the time counts anew from the first one back
(`unprotected` tells people when she cannot call). Paused while she is away. A time in which we heard nobody
is taken out. Signs are kept to five minutes, rounded up: never too early, and little to write down.
"""

import re
from collections.abc import Mapping
from datetime import time
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, Field

from devices.observation import Observation
from devices.reading import Value
from rules import signs
from rules.deadlines import local_time, window_at
from rules.decision import Change, Decision, Evidence
from rules.kind import Kind, Rule, Step, Subject, decide, seen, teller
from rules.reorder import happened
from rules.settings import AskingSettings, DailyWindow, Duration

GRAIN_MS = 300_000
_HOUR_MS = 3_600_000
_HOUR = re.compile(r"[01]\d|2[0-3]", re.ASCII)
_LONGEST_MS = 12 * _HOUR_MS
_LEAVING_MS = 120_000  # opening and closing the door, with a coat in hand
_BEFORE_MS = 2 * _HOUR_MS
_ENOUGH = 3  # different sensors, where none tells of movement
_MOVEMENT = frozenset(("motion", "presence", "moving", "posture", "steps"))
_BY_OTHERS = frozenset(("visit", "staff_present"))
_BED = frozenset(("bed_occupied", "bed_enter", "bed_exit"))

Limit = Annotated[Duration, Field(ge=2 * _HOUR_MS, le=_LONGEST_MS)]
"""R-81: 2 to 12 h."""


def _hour(written: str) -> str:
    if not _HOUR.fullmatch(written):
        raise ValueError('write the hour as "00" to "23"')
    return written


Hour = Annotated[str, AfterValidator(_hour)]


class InactivitySettings(AskingSettings):
    """`within`: how long she may be silent; `hours`: by the hour in which a silence begins, "00" to "23".

    `exits` are ids of devices on doors that lead out; `out`: how long she may be gone by one of them.
    """

    within: Limit = 4 * _HOUR_MS
    between: DailyWindow = (time(6), time(21))
    hours: Mapping[Hour, Limit] = {}
    exits: frozenset[str] = frozenset()
    out: Limit = _LONGEST_MS


class Whereabouts(NamedTuple):
    """`inside`: the last sign from elsewhere than an exit; `left`: when she went out by one, else 0."""

    inside: int = 0
    left: int = 0


class Memory(NamedTuple):
    """`last`: when the last sign was, rounded up; `what` it was.

    `known`: see `rules.signs`; `newest`: when that last changed. `sensors` are the devices that told signs,
    `moves` is whether one tells of movement, `offline` which said that they are; `raised` is when people were
    last called, 0 when she has been heard since. `inside`: the last sign from elsewhere than an exit, rounded
    up (kept where there are exits); `left`: when she went out by one, 0: she did not. ms UTC.
    """

    wake: int | None
    last: int
    known: Mapping[str, Value]
    what: str = ""
    newest: int = 0
    in_bed: bool = False
    sensors: tuple[str, ...] = ()
    moves: bool = False
    offline: tuple[str, ...] = ()
    raised: int = 0
    inside: int = 0
    left: int = 0


def start(rule: Rule[InactivitySettings], subject: Subject, memory: Memory | None, now: int) -> Step[Memory]:
    """What was before nobody told us: the time counts from now."""
    if memory is None:
        return Memory(None, _rounded(now), {}), ()
    return memory._replace(wake=_due(rule, subject, memory, max(memory.last, memory.raised), now)), ()


def observe(
    rule: Rule[InactivitySettings], subject: Subject, memory: Memory, observation: Observation
) -> Step[Memory]:
    """A sign of life, or none; or a device that is offline, or back."""
    metric, at = observation.metric, happened(observation)
    if metric in signs.BY_CHANGE:
        key = f"{observation.site}/{observation.device}|{metric}"
        if at < memory.newest or memory.known.get(key) == observation.value:
            return memory, ()  # too late to tell whether it is a change; none, nearly always
    elif metric == "online":
        return _connected(rule, subject, memory, observation), ()
    elif (
        at <= memory.last
        and metric not in _BED
        and memory.moves
        and not (memory.offline or memory.left)
        and teller(observation) in memory.sensors
    ):
        return memory, ()  # nearly always
    known, sign = signs.notice(memory.known, observation)
    if known is not memory.known:
        memory = memory._replace(known=known, newest=at)
    if not sign:
        return memory, ()
    return _alive(rule, subject, memory, observation, at)


def wake(rule: Rule[InactivitySettings], subject: Subject, memory: Memory, now: int) -> Step[Memory]:
    """No sign for her time."""
    facts: dict[str, str | int] = {
        "last": memory.what,
        "silent_min": max(0, now - memory.last) // 60_000,
        "sensors": len(memory.sensors),
        "offline": sum(device in memory.offline for device in memory.sensors),
    }
    evidence = Evidence(f"{rule.id}|{subject.id}|{now}", memory.what or "motion", "", now, now)
    if set(memory.sensors) <= set(memory.offline):
        facts["why"] = "offline"
        said = decide(rule, subject, Change.SUPPRESS, evidence, at=now, facts=facts)
        return memory._replace(wake=None), (said,)
    kept = memory._replace(wake=_due(rule, subject, memory, now, now), raised=now)
    return kept, (decide(rule, subject, Change.RAISE, evidence, at=now, facts=facts),)


def moved(rule: Rule[InactivitySettings], subject: Subject, memory: Memory, now: int) -> Step[Memory]:
    """She went away, which ends it; or came back, and counts from now on."""
    if not subject.away:
        back = memory._replace(last=max(memory.last, _rounded(now)))
        return back._replace(wake=_due(rule, subject, back, back.last, now)), ()
    gone = memory._replace(wake=None, raised=0)
    if not memory.raised:
        return gone, ()
    evidence = Evidence(f"{rule.id}|{subject.id}|{now}", "absence", "", now, now)
    return gone, (decide(rule, subject, Change.CLEAR, evidence, at=now, facts={"why": subject.absence}),)


def deaf(
    rule: Rule[InactivitySettings], subject: Subject, memory: Memory, gap: tuple[int, int]
) -> Step[Memory]:
    """Our own deafness, from one time to another, is no silence of hers."""
    since, until = gap
    last = max(memory.last, min(memory.last, since) + until - since)
    if last == memory.last or memory.raised:
        return memory, ()
    kept = memory._replace(last=last)
    return kept._replace(wake=_due(rule, subject, kept, last, until)), ()


def basis(rule: Rule[InactivitySettings], subject: Subject) -> str:
    """The settings and the time zone."""
    return f"{rule.basis} {subject.zone}"


def _alive(
    rule: Rule[InactivitySettings], subject: Subject, memory: Memory, observation: Observation, at: int
) -> Step[Memory]:
    """The memory after a sign of life, which ends the silence."""
    metric, device = observation.metric, teller(observation)
    kept = memory
    if metric not in _BY_OTHERS:
        kept = _heard(memory, metric, device)
    if metric in _BED:
        kept = kept._replace(in_bed=observation.value is True and metric != "bed_exit")
    if at > memory.last:
        kept = kept._replace(last=_rounded(at), what=metric)
    if rule.settings.exits:
        went = by_door(rule.settings.exits, Whereabouts(kept.inside, kept.left), observation, at, kept.last)
        if went != (kept.inside, kept.left):
            kept = kept._replace(inside=went.inside, left=went.left)
    if kept is memory:
        return memory, ()
    cleared: tuple[Decision, ...] = ()
    if memory.raised and at >= memory.raised:
        kept = kept._replace(raised=0)
        cleared = (decide(rule, subject, Change.CLEAR, seen(observation), at=at),)
    return kept._replace(wake=_due(rule, subject, kept, max(kept.last, kept.raised), at)), cleared


def _heard(memory: Memory, metric: str, device: str) -> Memory:
    """The memory after a sensor of hers told a sign."""
    if device not in memory.sensors:
        memory = memory._replace(sensors=tuple(sorted((*memory.sensors, device))))
    if metric in _MOVEMENT and not memory.moves:
        memory = memory._replace(moves=True)
    if device in memory.offline:
        memory = memory._replace(offline=tuple(one for one in memory.offline if one != device))
    return memory


def _connected(
    rule: Rule[InactivitySettings], subject: Subject, memory: Memory, observation: Observation
) -> Memory:
    """The memory after a sensor of hers went offline or came back."""
    device, at, back = teller(observation), happened(observation), observation.value is True
    if device not in memory.sensors or back is (device not in memory.offline):
        return memory
    if not back:
        return memory._replace(offline=tuple(sorted((*memory.offline, device))))
    kept = memory._replace(offline=tuple(one for one in memory.offline if one != device))
    if set(memory.sensors) <= set(memory.offline):
        kept = kept._replace(last=max(memory.last, _rounded(at)))
    return kept._replace(wake=_due(rule, subject, kept, max(kept.last, kept.raised), at))


def by_door(
    exits: frozenset[str], before: Whereabouts, observation: Observation, at: int, seen_at: int
) -> Whereabouts:
    """Whether she has gone out, after a sign of life at `at`; `seen_at` is kept of one from inside."""
    if observation.device not in exits:
        return Whereabouts(max(before.inside, seen_at), 0)
    if not observation.resident:
        return Whereabouts(before.inside, 0)
    if before.left:
        came_in = at - before.left > _LEAVING_MS
        return Whereabouts(0, 0) if came_in else before  # 0: not to be taken for leaving when the door closes
    return before._replace(left=at) if at - before.inside <= _BEFORE_MS else before


def due(
    settings: InactivitySettings, zone: str, last: int, *, in_bed: bool = False, out: bool = False
) -> int:
    """When people must be called if nothing more is heard after `last`, ms UTC. Learning counts by it too."""
    opens, closes = window_at(settings.between, zone, last)
    if last < opens:
        return opens + _limit(settings, zone, opens, out=out)
    limit = _limit(settings, zone, last, out=out)
    ends = last + (min(2 * limit, _LONGEST_MS) if in_bed else limit)
    if ends <= closes or not (in_bed or 2 * (closes - last) < limit):
        return ends
    morning, _ = window_at(settings.between, zone, closes)
    return morning + _limit(settings, zone, morning)


def _due(rule: Rule[InactivitySettings], subject: Subject, memory: Memory, last: int, now: int) -> int | None:
    """When she must be asked after if nothing more is heard after `last`; not before now. None: never."""
    if subject.away or not (memory.moves or len(memory.sensors) >= _ENOUGH):
        return None
    ends = due(rule.settings, subject.zone, last, in_bed=memory.in_bed, out=bool(memory.left))
    return max(ends, now)


def _limit(settings: InactivitySettings, zone: str, since: int, *, out: bool = False) -> int:
    """How long a silence may last that begins then."""
    if out:
        return settings.out
    return (
        settings.hours.get(local_time(since, zone)[:2], settings.within)
        if settings.hours
        else settings.within
    )


def _rounded(at: int) -> int:
    return -(-at // GRAIN_MS) * GRAIN_MS


KIND = Kind(
    name="inactivity",
    settings=InactivitySettings,
    observe=observe,
    metrics=lambda _: signs.METRICS | {"online"},
    memory=Memory,
    watches=lambda subject: subject.resident is not None,
    start=start,
    wake=wake,
    basis=basis,
    deaf=deaf,
    moved=moved,
    ordered=True,
    lazy=True,
    shares=True,
)
