"""Before a night somebody must say "I am on duty tonight": the first of those asked, else the next.

Rule: where a night stands follows from its events alone, so a restart asks nobody twice and forgets nobody.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, time, timedelta

from alerts.duty import LEAD, MANAGER, PRIMARY, SECOND, Duty
from alerts.people import Language
from alerts.vacancy import local
from rules.deadlines import instant, local_day
from rules.decision import DUTY, Change, Decision, Evidence, Severity

METRIC = "duty_assurance"

_DAY = timedelta(days=1)
_AFTERWARDS_MS = 24 * 3_600_000  # in which the alert about a night is cleared, though we were down at its end

ORDER = (PRIMARY, SECOND, LEAD, MANAGER)
"""Who is asked, by role, one after the other."""


@dataclass(frozen=True, slots=True)
class Assurance:
    """At `at` (local) those of the coming night are asked, each with `within_ms` to answer.

    `places` is the place and all above it, nearest first. `night` is from when until when, local.
    """

    id: str
    places: tuple[str, ...]
    zone: str
    at: time
    night: tuple[time, time]
    within_ms: int
    ask: tuple[str, ...] = ORDER


@dataclass(frozen=True, slots=True)
class Night:
    """One night: asked about from `ask_at` on, it lasts from `begin` until before `end` (ms UTC)."""

    id: str
    assurance: Assurance
    ask_at: int
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Asked:
    """A person was asked."""

    night: str
    at: int
    person: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A person who was asked said that they are on duty (`here`), or that they cannot be."""

    night: str
    at: int
    person: str
    here: bool
    source: str = ""


@dataclass(frozen=True, slots=True)
class Escalated:
    """All were asked and nobody said yes in time: people are alerted."""

    night: str
    at: int


Event = Asked | Answered | Escalated


@dataclass(frozen=True, slots=True)
class Course:
    """How far asking about a night has come. `by`: who said yes; `refused`: who said no."""

    asked: tuple[Asked, ...] = ()
    refused: frozenset[str] = frozenset()
    by: str = ""
    escalated: bool = False

    def waits_for(self, within_ms: int, now: int) -> str:
        """Whose answer is waited for, "" when nobody's."""
        if self.by or not self.asked:
            return ""
        last = self.asked[-1]
        return last.person if last.person not in self.refused and now < last.at + within_ms else ""


def fold(course: Course, event: Event) -> Course:
    """The course after an event."""
    match event:
        case Asked():
            return replace(course, asked=(*course.asked, event))
        case Answered(here=True):
            return replace(course, by=event.person, refused=course.refused - {event.person})
        case Answered():
            by = "" if course.by == event.person else course.by
            return replace(course, by=by, refused=course.refused | {event.person})
        case Escalated():
            return replace(course, escalated=True)


def nights(assurances: Sequence[Assurance], now: int) -> Iterator[Night]:
    """The nights asked about at `now`, and those that were over not long before."""
    for one in assurances:
        today = local_day(now, one.zone)
        for day in (today - 2 * _DAY, today - _DAY, today, today + _DAY):
            night = _night(one, day)
            if night.ask_at <= now < night.end + _AFTERWARDS_MS:
                yield night


def _night(one: Assurance, day: date) -> Night:
    """The night that begins on a local day."""
    starts, ends = one.night
    return Night(
        id=f"{one.id}.{day.isoformat()}",
        assurance=one,
        ask_at=instant(day if one.at <= starts else day - _DAY, one.at, one.zone),
        begin=instant(day, starts, one.zone),
        end=instant(day if starts < ends else day + _DAY, ends, one.zone),
    )


def follow(night: Night, course: Course, duty: Duty, now: int) -> Event | None:
    """What is due for a night at `now`; fold it in and ask again."""
    if course.by or now >= night.end or course.waits_for(night.assurance.within_ms, now):
        return None
    before = {asked.person for asked in course.asked}
    person = next((one for one in candidates(night, duty) if one not in before), "")
    if person:
        return Asked(night.id, now, person)
    return None if course.escalated else Escalated(night.id, now)


def candidates(night: Night, duty: Duty) -> Iterator[str]:
    """Those who are to be asked, in order: on duty when the night begins, by role."""
    for role in night.assurance.ask:
        yield from duty.on_duty(role, night.assurance.places, night.begin)


def answer(night: str, course: Course, person: str, *, here: bool, now: int, source: str) -> Event | None:
    """What follows from an answer of somebody who was asked; None when they said so before."""
    if (here and course.by == person) or (not here and person in course.refused):
        return None
    return Answered(night, now, person, here, source)


def assurance_decision(night: Night, course: Course, now: int) -> Decision | None:
    """The alert about a night that nobody confirmed, and its end; the same however often it is asked for."""
    if not course.escalated:
        return None
    over = bool(course.by) or now >= night.end
    place = night.assurance.places[0]
    key = f"{night.id}/{len(course.asked)}/{len(course.refused)}"
    return Decision(
        change=Change.CLEAR if over else Change.RAISE,
        rule=DUTY,
        kind=DUTY,
        subject=place,
        cause=f"assurance:{night.id}",
        severity=Severity.HIGH,
        at=now,
        evidence=Evidence(key, METRIC, "", now, now),
        facts={
            "why": "unconfirmed",
            "from": local(night.begin, night.assurance.zone),
            "until": local(night.end, night.assurance.zone),
        },
    )


def question(night: Night) -> dict[Language, str]:
    """What a person is asked; it names nobody and may stand on a locked screen."""
    zone = night.assurance.zone
    begin, end = local(night.begin, zone), local(night.end, zone)
    minutes = night.assurance.within_ms // 60_000
    return {
        Language.ZH: f"【值班确认】{begin} 至 {end} 由您值班，请在{minutes}分钟内确认；不能值班也请回复。",
        Language.EN: f"Duty {begin} to {end} is yours: confirm within {minutes} min, or say that you cannot.",
    }
