"""When something must have been done, and what counts as done. Rule: a schedule is a value; it knows nobody.

One type for every check. When it is due, one of:

    by = "09:30"                             daily (or several times a day: by = ["08:00", "20:00"])
    every = "2h"                             rounds: so long after the last; between = ["21:00", "07:00"]
    calendar = "FREQ=MONTHLY;BYMONTHDAY=-1"  on the days of an RRULE (RFC 5545), by = "18:00"
    after = ["fall"]                         within = "24h" of it, or a series: ["30min x 4", "1h x 4"]

How late it may be (`grace`), and what is told how late (`overdue = ["25% low", "50% medium"]`; without
it the rule's severity at the grace). What else settles it (`also`), which proof it needs (`proof`), by whom
(`who`).
When it is paused: while she is away (`pause`), and on days when nobody comes (`closed`).
Wall-clock times follow the place's zone; durations are elapsed time (see `rules.deadlines`).
"""

import re
from collections.abc import Sequence
from datetime import date, time, timedelta
from enum import StrEnum
from functools import cached_property
from itertools import accumulate
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import (
    BeforeValidator,
    Field,
    StrictBool,
    ValidationInfo,
    field_validator,
    model_validator,
)

from devices.metrics import LIFE_SAFETY, METRICS
from devices.metrics import Kind as MetricKind
from devices.observation import Observation
from rules import recurrence
from rules.deadlines import instant, local_day, next_daily, next_round
from rules.decision import Severity
from rules.settings import AskingSettings, Duration, WallTime, duration

DAILY_GRACE_MS = 900_000  # a second channel 15 min after the agreed time
GRACE_PART = 10  # a tenth of the interval
AHEAD_MS = 3_600_000  # of several times a day each opens so long before: a dose at noon is not the evening's

ABSENCES = tuple(word for word in METRICS["absence"].words if word != "present")
"""Words of an absence: they pause a check, and their end may make one due."""

PROOFS = ("nfc", "qr", "button", "card", "gps")
"""How a check is proved, as the first word of an event's note; `staff`: it names who made it."""

_OBSERVED = ("consciousness", "staff_present")  # no events, but what staff did or were seen to do
_ALERT = "A"  # of ACVPU: awake and well; any other word is a deterioration
_DAY = timedelta(days=1)
_TIMES_OVER = re.compile(r"(\S+)(?: ?x ?([1-9]\d?))?")
_TASK = re.compile(r"[a-z_]{0,32}")
_LATENESS = re.compile(r"(?:(\d{1,3})%|(\S+)) (high|medium|low|info)")


class Window(NamedTuple):
    """A check made at or after `opens` settles what is due at `due` (ms UTC)."""

    opens: int
    due: int


class Overdue(NamedTuple):
    """What is told, and how long after the deadline: `ms`, or `percent` of the interval."""

    ms: int
    percent: int
    severity: Severity


class Told(StrEnum):
    """What an observation says about a check."""

    NOTHING = ""
    DONE = "done"
    INSTEAD = "substituted"
    NO_PROOF = "no_proof"
    NOT_ENTITLED = "not_entitled"


def _listed(written: object) -> Sequence[object]:
    """One thing is written as well as a list of one."""
    return written if isinstance(written, list | tuple) else [written]


def _series(written: object) -> list[int]:
    """Four intervals of 30 min are written "30min x 4"."""
    found: list[int] = []
    for one in _listed(written):
        match = _TIMES_OVER.fullmatch(one) if isinstance(one, str) else None
        if not match:
            raise ValueError('write "24h", or a series such as ["30min x 4", "1h x 4"]')
        found += [duration(match[1])] * int(match[2] or 1)
    return found


def _overdue(written: object) -> list[Overdue]:
    found: list[Overdue] = []
    for one in _listed(written):
        match = _LATENESS.fullmatch(one) if isinstance(one, str) else None
        if not match:
            raise ValueError(
                'write how late and how severe, such as ["25% low", "50% medium"] or "15min medium"'
            )
        ms = 0 if match[1] else duration(match[2])
        found.append(Overdue(ms, int(match[1] or 0), Severity(match[3])))
    return found


def _days(written: object) -> list[tuple[date, date]]:
    try:
        spans = [str(one).split("/") for one in _listed(written)]
        return [(date.fromisoformat(span[0]), date.fromisoformat(span[-1])) for span in spans]
    except ValueError:
        raise ValueError('write days as "2026-10-01" or "2026-10-01/2026-10-07"') from None


def _plain_day(written: object) -> object:
    if type(written) is not date:
        raise ValueError("write a day such as 2026-01-05, without quotes")
    return written


class Schedule(AskingSettings):
    """A check: what it is, when it is due, who may have done it how. Exactly one form of DUE is given."""

    check: str
    task: str = ""
    also: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    by: Annotated[tuple[WallTime, ...], BeforeValidator(_listed)] = ()
    opens: Annotated[WallTime, Field(alias="from")] = time(0, 0)
    ahead: Annotated[Duration, Field(gt=0)] | None = None
    every: Annotated[Duration, Field(gt=0)] | None = None
    between: tuple[WallTime, WallTime] | None = None
    since: Annotated[date, BeforeValidator(_plain_day)] = recurrence.SINCE
    calendar: str = ""
    after: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    within: Annotated[tuple[Annotated[int, Field(gt=0)], ...], BeforeValidator(_series)] = ()
    grace: Duration | None = None
    overdue: Annotated[tuple[Overdue, ...], BeforeValidator(_overdue)] = ()
    proof: Annotated[
        tuple[Literal["nfc", "qr", "button", "card", "gps", "staff"], ...], BeforeValidator(_listed)
    ] = ()
    who: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    pause: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ABSENCES
    closed: Annotated[tuple[tuple[date, date], ...], BeforeValidator(_days)] = ()
    from_first: StrictBool = False

    @property
    def name(self) -> str:
        """What is to be done, for texts and reports."""
        return self.task or self.check

    @cached_property
    def grace_ms(self) -> int:
        """The grace given, else 15 min for a daily check, a tenth of the interval for rounds, else none."""
        if self.grace is not None:
            return self.grace
        if self.every:
            return self.every // GRACE_PART
        return DAILY_GRACE_MS if self.by and not self.calendar else 0

    @cached_property
    def steps(self) -> tuple[tuple[int, Severity], ...]:
        """What is told how long after the deadline (ms), in order."""
        if not self.overdue:
            return ((self.grace_ms, self.severity),)
        interval = self.every or min(self.within, default=0)
        return tuple(
            sorted((step.ms or interval * step.percent // 100, step.severity) for step in self.overdue)
        )

    @cached_property
    def reminders(self) -> int:
        """How many of the steps come before the grace is over."""
        return sum(delay < self.grace_ms for delay, _ in self.steps)

    @property
    def wants(self) -> frozenset[str]:
        """The metrics that can settle it or make it due."""
        metrics = {self.check, *self.also, *self.after} - set(ABSENCES)
        return frozenset(metrics)

    def next(self, zone: str, after: int, base: int) -> Window:
        """The first deadline later than `after`; of rounds the one after a round at `base`."""
        if self.every is not None:
            return Window(base, next_round(self.every, self.between, zone, base))
        if len(self.by) == 1 and not self.calendar and self.ahead is None:
            return Window(*next_daily(self.by[0], self.opens, zone, after))
        day = local_day(after, zone) - _DAY
        while True:
            day = self._day_after(day)
            for number, at in enumerate(self.by):
                due = instant(day, at, zone)
                if due > after:
                    return Window(self._opens(day, number, zone, due), due)

    def following(self, window: Window, zone: str, since: int) -> Window | None:
        """What is due after a deadline that passed; None at the end of a series that began at `since`."""
        if self.within:
            return self.of_series(since, window.due)
        due = self.next(zone, window.due, window.due)
        return Window(window.opens, due.due) if self.every else due  # any round since the last one counts

    def of_series(self, since: int, after: int) -> Window | None:
        """The first deadline later than `after` of a series that began at `since`; None when all are past.

        Each opens half its interval ahead, so that one observation settles one of them.
        """
        for passed, interval in zip(accumulate(self.within), self.within, strict=True):
            if since + passed > after:
                return Window(since + passed - interval // 2 if passed > interval else since, since + passed)
        return None

    def told(self, observation: Observation) -> Told:
        """Whether an observation is the check, stands for it, or is a check that does not count."""
        metric = observation.metric
        if not observation.value:
            return Told.NOTHING
        if metric != self.check:
            return Told.INSTEAD if metric in self.also else Told.NOTHING
        if self.who and not any(_is(observation.by, who) for who in self.who):
            return Told.NOT_ENTITLED
        if self.proof:
            shown = {proof_of(observation), "staff" if observation.by else ""}
            return Told.DONE if shown & set(self.proof) else Told.NO_PROOF
        return Told.DONE

    def begins(self, observation: Observation) -> bool:
        """Whether an observation is what `after` waits for; a thing of the past is not."""
        if observation.metric not in self.after or not observation.value or observation.late:
            return False
        return observation.metric != "consciousness" or observation.value != _ALERT

    def pauses(self, absence: str, due: int, zone: str) -> bool:
        """Whether what falls due then is not asked for: she is away, or nobody comes on that day."""
        if absence in self.pause:
            return True
        day = local_day(due, zone) if self.closed else date.min
        return any(first <= day <= last for first, last in self.closed)

    def _day_after(self, day: date) -> date:
        return recurrence.next_day(self.calendar, self.since, day) if self.calendar else day + _DAY

    def _opens(self, day: date, number: int, zone: str, due: int) -> int:
        """By the calendar a window opens at the deadline before; of several a day so long ahead."""
        if self.ahead is not None or not self.calendar:
            return due - (self.ahead or AHEAD_MS)
        if number:
            return instant(day, self.by[number - 1], zone)
        return instant(recurrence.previous_day(self.calendar, self.since, day), self.by[-1], zone)

    @field_validator("check")
    @classmethod
    def _is_done_by_people(cls, check: str) -> str:
        metric = METRICS.get(check)
        event = metric is not None and metric.kind is MetricKind.EVENT and check not in LIFE_SAFETY
        if not event and check not in _OBSERVED:
            raise ValueError("name an event such as check_in, visit or medication_taken")
        return check

    @field_validator("task")
    @classmethod
    def _is_a_name(cls, task: str) -> str:
        if not _TASK.fullmatch(task):
            raise ValueError('write a name of a-z and "_", at most 32 long, such as "night_round"')
        return task

    @field_validator("also", "after")
    @classmethod
    def _are_known(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        more = (*_OBSERVED, *ABSENCES) if info.field_name == "after" else _OBSERVED
        for name in names:
            metric = METRICS.get(name)
            if name not in more and (metric is None or metric.kind is not MetricKind.EVENT):
                raise ValueError(f'"{name}" is no event: name events, or {", ".join(more)}')
        return names

    @field_validator("between")
    @classmethod
    def _is_a_window(cls, between: tuple[time, time] | None) -> tuple[time, time] | None:
        if between and between[0] == between[1]:
            raise ValueError("give two different times, or leave between out for the whole day")
        return between

    @field_validator("by")
    @classmethod
    def _in_order(cls, times: tuple[time, ...]) -> tuple[time, ...]:
        if len(set(times)) < len(times):
            raise ValueError("give every time once")
        return tuple(sorted(times))

    @field_validator("calendar")
    @classmethod
    def _is_a_rule(cls, calendar: str, info: ValidationInfo) -> str:
        wrong = recurrence.problem(calendar, info.data.get("since", recurrence.SINCE)) if calendar else ""
        if wrong:
            raise ValueError(wrong)
        return calendar

    @field_validator("pause")
    @classmethod
    def _are_absences(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        if set(words) - set(ABSENCES):
            raise ValueError(f"name what pauses it: {', '.join(ABSENCES)}")
        return words

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        """What belongs together; every message says what to write."""
        forms = (bool(self.by), self.every is not None, bool(self.within))
        if sum(forms) != 1 or bool(self.calendar) > bool(self.by):
            raise ValueError(
                'give either by = "09:30" (a daily check), calendar = "FREQ=..." with by, every = "2h"'
                ' (rounds), or after = ["fall"] with within = "24h"'
            )
        if self.ask and self.check != "check_in":
            raise ValueError("only the resident's own check_in can be asked of her: remove ask")
        if bool(self.after) != bool(self.within):
            raise ValueError('after = ["fall"] goes with within = "24h"')
        if "opens" in self.model_fields_set and (len(self.by) != 1 or self.calendar or self.ahead):
            raise ValueError('"from" goes with one daily by: for rounds write between = ["21:00", "07:00"]')
        if self.every is None and self.between is not None:
            raise ValueError('"between" goes with every: for a daily check write from = "05:00"')
        if self.ahead is not None and not self.by:
            raise ValueError('"ahead" goes with by: how long before it a check counts')
        if any(step.percent for step in self.overdue) and not (self.every or self.within):
            raise ValueError('overdue: there is no interval to take a part of: write "15min medium"')
        if self.every and self.steps[-1][0] >= self.every:
            late = "overdue" if self.overdue else "grace"
            raise ValueError(f"{late}: it must come before the next round is due")
        return self


def proof_of(observation: Observation) -> str:
    """The proof that an observation carries, "" when none is known by that name (a note may say anything)."""
    words = observation.detail.lower().replace(":", " ").split(None, 1)
    return words[0] if words and words[0] in PROOFS else ""


def _is(name: str, who: str) -> bool:
    """Whether a name is meant: "nurse-3", or with "nurse-*" whoever's begins so."""
    return bool(name) and (name.startswith(who[:-1]) if who.endswith("*") else name == who)
