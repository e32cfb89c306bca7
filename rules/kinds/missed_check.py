"""Something a person must do by a time was not done. Rule: what is missed follows from checks made.

Two forms. Daily (`by`): the check must be seen in the window from `from` to `by` local time; the daily "I am
fine" (R-82). Rounds (`every`, `between`): due one interval after the last check, first one interval into the
window; night rounds by care level (R-77, R-78), turning (R-76). Both raise at the deadline plus grace. A
further miss raises again in the same episode, with evidence of its own. A check made late clears.

A check counts from when it was made (`at`, but never later than it was received), also when its report is
late: that a round was made is a fact about the past, and staff's scanners buffer. An old report settles
nothing that has fallen due since: it never hides that somebody is overdue now.
Residents on leave are not checked; their deadlines pass in silence.
At first start the deadlines ahead count, from the moment of the start on for rounds: what was done before
nobody told us, and asking once too often is the safe error.
"""

from datetime import time
from typing import Annotated, NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from devices.metrics import LIFE_SAFETY, METRICS
from devices.metrics import Kind as MetricKind
from devices.observation import Observation
from rules.deadlines import local_time, next_daily, next_round
from rules.decision import Change, Evidence
from rules.kind import Kind, Rule, Step, Subject, decide, ended
from rules.settings import Duration, Settings, WallTime

DAILY_GRACE_MS = 900_000  # a second channel 15 min after the agreed time
GRACE_PART = 10  # a tenth of the interval


class MissedCheckSettings(Settings):
    """Which check, by when. `check` is an event metric; exactly one of `by` and `every` is given."""

    check: str
    by: WallTime | None = None
    opens: Annotated[WallTime, Field(alias="from")] = time(0, 0)
    every: Annotated[Duration, Field(gt=0)] | None = None
    between: tuple[WallTime, WallTime] | None = None
    grace: Duration | None = None

    @property
    def grace_ms(self) -> int:
        """The grace given, else 15 min for a daily check and a tenth of the interval for rounds."""
        if self.grace is not None:
            return self.grace
        return self.every // GRACE_PART if self.every else DAILY_GRACE_MS

    @field_validator("check")
    @classmethod
    def _is_an_event(cls, check: str) -> str:
        metric = METRICS.get(check)
        if metric is None or metric.kind is not MetricKind.EVENT or check in LIFE_SAFETY:
            raise ValueError("name an event such as check_in, visit or medication_taken")
        return check

    @field_validator("between")
    @classmethod
    def _is_a_window(cls, between: tuple[time, time] | None) -> tuple[time, time] | None:
        if between and between[0] == between[1]:
            raise ValueError("give two different times, or leave between out for the whole day")
        return between

    @model_validator(mode="after")
    def _daily_or_rounds(self) -> Self:
        if (self.by is None) == (self.every is None):
            raise ValueError('give either by = "09:30" (a daily check) or every = "2h" (rounds)')
        if self.by is None and "opens" in self.model_fields_set:
            raise ValueError('"from" goes with by: for rounds write between = ["21:00", "07:00"]')
        if self.every is None and self.between is not None:
            raise ValueError('"between" goes with every: for a daily check write from = "05:00"')
        return self


class Memory(NamedTuple):
    """`wake` = `due` + grace. A check at or after `opens` settles `due`. All ms UTC.

    `missed` is the `opens` of what was missed last, until a check makes up for it; `misses` how many were
    missed in a row. `last` is the last check that counted, 0 when there was none.
    """

    wake: int
    opens: int
    due: int
    last: int = 0
    missed: int | None = None
    misses: int = 0


def start(rule: Rule[MissedCheckSettings], subject: Subject, memory: Memory | None, now: int) -> Step[Memory]:
    """The first deadline ahead; under new settings, given the checks made under the old ones."""
    grace = rule.settings.grace_ms
    if memory is None:
        opens, due = _next(rule, subject, now, now)
        return Memory(due + grace, opens, due), ()
    if rule.settings.every is None:
        opens, due = _next(rule, subject, now - grace, now)
        if memory.last >= opens:
            opens, due = _next(rule, subject, due, now)
    else:
        opens = memory.last or memory.opens
        _, due = _next(rule, subject, now, opens)
        if due + grace <= now:
            _, due = _next(rule, subject, now, now)
    return Memory(due + grace, opens, due, memory.last, memory.missed, memory.misses), ()


def observe(
    rule: Rule[MissedCheckSettings], subject: Subject, memory: Memory, observation: Observation
) -> Step[Memory]:
    """A check settles what it was made for, and clears what was missed."""
    settings = rule.settings
    if observation.metric != settings.check or not observation.value:
        return memory, ()
    done = min(observation.at, observation.received_at)
    settles = done >= memory.opens
    makes_up = memory.missed is not None and done >= memory.missed
    if not settles and not makes_up:
        return memory, ()
    opens, due = memory.opens, memory.due
    if settles:
        opens, due = _next(rule, subject, due, done)
    if due + settings.grace_ms <= observation.received_at:
        return memory, ()  # made before what is overdue now
    missed, misses = (None, 0) if makes_up else (memory.missed, memory.misses)
    kept = Memory(due + settings.grace_ms, opens, due, max(memory.last, done), missed, misses)
    if not makes_up:
        return kept, ()
    cleared = decide(
        rule,
        subject,
        Change.CLEAR,
        ended(observation),
        at=observation.received_at,
        facts={"check": settings.check, "done_ms": done},
    )
    return kept, (cleared,)


def wake(rule: Rule[MissedCheckSettings], subject: Subject, memory: Memory, now: int) -> Step[Memory]:
    """The deadline and its grace have passed without a check."""
    settings = rule.settings
    opens, due = _next(rule, subject, memory.due, memory.due)
    if settings.every is not None:
        opens = memory.opens  # any check since the last one counts
    if subject.away:
        return memory._replace(wake=due + settings.grace_ms, opens=opens, due=due), ()
    misses = memory.misses + 1
    kept = Memory(due + settings.grace_ms, opens, due, memory.last, memory.opens, misses)
    evidence = Evidence(f"{rule.id}|{subject.id}|{memory.due}", settings.check, "", now, now)
    facts: dict[str, str | int] = {
        "check": settings.check,
        "due_ms": memory.due,
        "due_local": local_time(memory.due, subject.zone),
        "missed_in_a_row": misses,
    }
    return kept, (decide(rule, subject, Change.RAISE, evidence, at=now, facts=facts),)


def basis(rule: Rule[MissedCheckSettings], subject: Subject) -> str:
    """The settings and the time zone."""
    return f"{rule.basis} {subject.zone}"


def _next(rule: Rule[MissedCheckSettings], subject: Subject, after: int, base: int) -> tuple[int, int]:
    """When the next check may be made from, and when it is due: after `after`, or a round after `base`."""
    settings = rule.settings
    if settings.by is not None:
        return next_daily(settings.by, settings.opens, subject.zone, after)
    if settings.every is None:
        raise AssertionError("settings have by or every")
    return base, next_round(settings.every, settings.between, subject.zone, base)


KIND = Kind(
    name="missed_check",
    settings=MissedCheckSettings,
    observe=observe,
    metrics=lambda settings: frozenset({settings.check}),
    takes_late=True,
    memory=Memory,
    watches=lambda subject: subject.resident is not None,
    start=start,
    wake=wake,
    basis=basis,
)
