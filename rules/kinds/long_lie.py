"""Not up again after a fall. Rule: it ends when she is seen up or a person is with her, with nothing less.

It adds to the alert of the fall and never changes or delays that one.

R-71 (an hour on the floor is the breach; human contact within 3 min), R-72 (a fall with no movement
escalates). After a fall it raises at 30 s, 3 min, 30 min and 60 min, each time calling anew, with `step_s` in
the facts; the first time sooner where the device that told of the fall, or one that felt it, says ten seconds
after it that nothing moves. It is about life and cannot be switched off or played down: the fall alert may
have been answered by somebody who thought that another went.

What ends it, from ten seconds after the fall on (a bed sensor lags behind, a step counter counts the fall):
standing or walking; in bed or on a seat; a count of steps that rises by five; "I am fine"; staff or a visitor
with her. What does not: `fall_cleared` and `help_cancelled` (a radar clears by itself, and a hand that
cancels may be lying on the floor), sitting (also on the floor), motion and doors (somebody's, not hers), a
heart rate, a badge that was left at the bed hours ago (`rules.situation`).

More falls told while she lies are of the same time on the floor, which counts from the first; an hour later
they begin a new one. A fall reported more than an hour late begins none: the alert of the fall itself tells
people its age, and what has happened since nobody knows. One from days ago is of now, told by a clock that is
wrong. A radar in a shared room watches the room: then only what that room's own devices tell, or a visit
there, ends it.
"""

from typing import NamedTuple

from devices.observation import Observation, Quality
from devices.ourselves import AFTER_FALL
from rules.decision import Change, Evidence
from rules.kind import Kind, Rule, Step, Subject, decide, seen
from rules.reorder import happened
from rules.settings import LifeSafetySettings

STEPS_MS = (30_000, 180_000, 1_800_000, 3_600_000)
SETTLED_MS = 10_000
ENOUGH_STEPS = 5
_NEVER_SO_LATE_MS = 86_400_000  # a call may be so late; one from further back is told by a wrong clock
_UP = frozenset(("standing", "walking"))
_WHILE_TRUE = frozenset(("bed_occupied", "seat_occupied", "bed_enter", "check_in", "visit", "staff_present"))


class LongLieSettings(LifeSafetySettings):
    """Nothing to set: see LifeSafetySettings."""


class Memory(NamedTuple):
    """`fall` is since when she lies (None: she does not), `device` who told.

    `step` is the next of STEPS_MS, `counted` the lowest count of steps told since, `up` when the last lie
    ended. ms UTC.
    """

    wake: int | None = None
    fall: int | None = None
    device: str = ""
    step: int = 0
    counted: float | None = None
    up: int = 0


_UP_AND_WELL = Memory()


def start(_rule: Rule[LongLieSettings], _subject: Subject, memory: Memory | None, now: int) -> Step[Memory]:
    """Nobody lies until a fall is told. Who fell by a clock of ours that was ahead has lain since now."""
    if memory is None:
        return _UP_AND_WELL, ()
    if memory.fall is None or memory.fall <= now:
        return memory._replace(up=min(memory.up, now)), ()
    wake = None if memory.wake is None else now + STEPS_MS[memory.step]
    return memory._replace(wake=wake, fall=now, up=min(memory.up, now)), ()


def observe(
    rule: Rule[LongLieSettings], subject: Subject, memory: Memory, observation: Observation
) -> Step[Memory]:
    """A fall, or what may be the end of a lie."""
    if observation.metric == "fall":
        return _fell(memory, observation), ()
    fall, at = memory.fall, happened(observation)
    if fall is None or at < fall + SETTLED_MS or observation.quality is Quality.BAD:
        return memory, ()
    if observation.metric == "moving":
        hers = observation.device == memory.device or observation.detail in AFTER_FALL
        lies_still = hers and observation.value is False
        if not lies_still or memory.step or memory.wake is None or memory.wake <= at:
            return memory, ()
        return memory._replace(wake=at), ()
    if observation.metric == "steps":
        counted = observation.value
        if not isinstance(counted, (int, float)):
            return memory, ()
        if memory.counted is None or counted < memory.counted:
            return memory._replace(counted=counted), ()
        ends = counted >= memory.counted + ENOUGH_STEPS
    elif observation.metric == "posture":
        ends = observation.value in _UP
    elif observation.metric == "staff_present":
        ends = observation.value is True and not subject.situation.left_behind(at)
    else:
        ends = observation.value is True
    if not ends:
        return memory, ()
    if memory.step == 0:
        return Memory(up=at), ()
    facts: dict[str, str | int] = {"lay_s": (at - fall) // 1_000, "ended_by": observation.metric}
    return Memory(up=at), (decide(rule, subject, Change.CLEAR, seen(observation), at=at, facts=facts),)


def wake(rule: Rule[LongLieSettings], subject: Subject, memory: Memory, now: int) -> Step[Memory]:
    """She has been lying for one more step."""
    fall, step = memory.fall, memory.step
    if fall is None:
        raise AssertionError("nobody lies")
    evidence = Evidence(f"{rule.id}|{subject.id}|{fall}|{step}", "fall", memory.device, now, now)
    facts: dict[str, str | int] = {"step_s": min(STEPS_MS[step], now - fall) // 1_000, "fall_ms": fall}
    said = decide(rule, subject, Change.RAISE, evidence, at=now, facts=facts)
    following = step + 1
    later = fall + STEPS_MS[following] if following < len(STEPS_MS) else None
    return memory._replace(wake=later, step=following), (said,)


def _fell(memory: Memory, observation: Observation) -> Memory:
    """The memory after a fall was told."""
    at = happened(observation)
    if observation.received_at - at > _NEVER_SO_LATE_MS:
        at = observation.received_at
    age = observation.received_at - at
    lies = memory.fall is not None and at <= memory.fall + STEPS_MS[-1]
    if not observation.value or lies or at <= memory.up or age > STEPS_MS[-1]:
        return memory
    step = max(sum(due <= age for due in STEPS_MS) - 1, 0)  # of the steps it is late for, the last one
    return Memory(at + STEPS_MS[step], at, observation.device, step, up=memory.up)


KIND = Kind(
    name="long_lie",
    settings=LongLieSettings,
    observe=observe,
    metrics=lambda _: _WHILE_TRUE | {"fall", "moving", "posture", "steps"},
    life_safety=True,
    memory=Memory,
    start=start,
    wake=wake,
    ordered=True,
    lazy=True,
    rewinds=True,
)
