"""iCalendar (RFC 5545) in and out: one calendar for one role at one place; an event is somebody's turn.

Rule: whoever is not known is an error with the event's UID and line, and nothing is half-accepted. The
calendar is the library's matter: recurrences, exceptions, time zones.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import recurring_ical_events
from icalendar import Calendar, Component, Event

from alerts.duty import Post
from alerts.people import Person
from alerts.rota import Turn
from devices.registry_files import Problem

MAX_BYTES = 512 * 1024
"""A longer calendar is none of one role at one place."""

_MOST = 20_000  # turns in one calendar
_TOO_OFTEN = re.compile(r"(?im)^RRULE.*(FREQ=(SECOND|MINUTE|HOUR)LY|BY(SECOND|MINUTE|HOUR)=)")
_GOES_NOWHERE = re.compile(r"(?im)^(RR|EXR)ULE.*INTERVAL=[+-]?0+(?!\d)")  # the library would not come back
_SEPARATORS = re.compile(r"\s*[,，、;；/&]\s*")


def read(
    text: str,
    role: str,
    place: str,
    zone: str,
    people: Mapping[str, Person],
    since: int,
    until: int,
    *,
    file: str = "calendar",
    strict: bool = True,
) -> tuple[Turn, ...] | list[Problem]:
    """The turns of a calendar that have a part in [since, until) (ms UTC), or all that is wrong with it.

    An event is of those who attend it (by the `email` of their addresses, their id or name), else of those
    its summary names (by id or name). Times without a zone are local to `zone`. A cancelled event is none.
    Unless `strict`, what is wrong with one event is no problem, and strangers are nobody.
    """
    if len(text.encode()) > MAX_BYTES:
        return [Problem(file, 0, f"is longer than {MAX_BYTES} bytes")]
    unfolded = text.replace("\r\n", "\n").replace("\n ", "").replace("\n\t", "")
    if _TOO_OFTEN.search(unfolded):
        return [Problem(file, 0, "has turns by the hour, the minute or the second: nobody works so")]
    if _GOES_NOWHERE.search(unfolded):
        return [Problem(file, 0, "repeats at an INTERVAL of 0: write 1 or more")]
    try:
        calendar = Calendar.from_ical(text)
        events = recurring_ical_events.of(calendar).between(_moment(since), _moment(until))
    except Exception as error:  # noqa: BLE001  two libraries, each with many ways to say that it is no calendar
        said = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        return [Problem(file, 0, f"is no iCalendar that can be read: {said}")]
    if calendar.name != "VCALENDAR":
        return [Problem(file, 0, "is no iCalendar: it must begin with BEGIN:VCALENDAR")]
    if len(events) > _MOST:
        return [Problem(file, 0, f"has more than {_MOST} turns in a year")]
    names = _names(people)
    turns: list[Turn] = []
    problems: dict[Problem, None] = {}
    for event in [one for one in calendar.walk("VEVENT") if "DTSTART" not in one]:
        problems[_problem(file, text, event, "has no DTSTART")] = None
    for event in events:
        if str(event.get("STATUS", "")).upper() == "CANCELLED":
            continue
        begin, end = _ms(event.start, zone), _ms(event.end, zone)
        crew = [(said, names.get(said.casefold())) for said in _said(event)]
        unknown = [said for said, person in crew if person is None]
        if strict and (unknown or not crew):
            who = f'"{unknown[0][:64]}" is nobody of the duty file' if unknown else "names nobody"
            problems[_problem(file, text, event, f"{who}: write a person's id or name as summary")] = None
        elif end <= begin:
            problems[_problem(file, text, event, "ends before it begins, or at once")] = None
        else:
            found = tuple(dict.fromkeys(person for _, person in crew if person))
            turns.append(Turn(f"calendar:{role}:{place}", role, (place,), begin, end, found))
    if problems and strict:
        return sorted(problems, key=lambda one: (one.line, one.message))
    return tuple(sorted(turns, key=lambda turn: (turn.begin, turn.end, turn.people)))


def feed(spans: Iterable[tuple[int, int, Post]], stamp: int) -> bytes:
    """A calendar of who has which post from when until when; `stamp` (ms UTC) is when it was made."""
    calendar = Calendar()
    calendar.add("prodid", "-//Shouwang//duty//ZH")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", "值班 duty")
    for begin, end, post in spans:
        event = Event()
        shift = f"-{post.shift}" if post.shift else ""
        event.add("uid", f"{post.role}-{post.place}-{post.person}{shift}-{begin}@shouwang")
        event.add("dtstamp", _moment(stamp))
        event.add("dtstart", _moment(begin))
        event.add("dtend", _moment(end))
        event.add("summary", post.person)
        event.add("location", post.place)
        event.add("categories", [post.role])
        calendar.add_component(event)
    made: bytes = calendar.to_ical()
    return made


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)


def _ms(at: date, zone: str) -> int:
    """An instant of a calendar; a day, or a time of no zone, is local."""
    if not isinstance(at, datetime):
        at = datetime.combine(at, time())
    return round((at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))).timestamp() * 1000)


def _names(people: Mapping[str, Person]) -> dict[str, str]:
    """Ids by what a calendar may call people, in small letters; a name of two people is nobody's."""
    found: dict[str, str] = {}
    ambiguous: set[str] = set()
    for person in people.values():
        for name in filter(None, (person.name, person.addresses.get("email", ""))):
            if found.setdefault(name.casefold(), person.id) != person.id:
                ambiguous.add(name.casefold())
    for name in ambiguous:
        del found[name]
    return found | {id.casefold(): id for id in people}  # noqa: A001  what they are


def _said(event: Event) -> Iterator[str]:
    """Those whom an event names."""
    attending: Any = event.get("ATTENDEE")
    listed: Sequence[Any] = attending if isinstance(attending, list) else [attending] if attending else []
    if listed:
        yield from (re.sub(r"(?i)^mailto:", "", str(one)).strip() for one in listed)
        return
    yield from filter(None, _SEPARATORS.split(str(event.get("SUMMARY", "")).strip()))


def _problem(file: str, text: str, event: Component, message: str) -> Problem:
    uid = str(event.get("UID", ""))
    begins = f"UID:{uid}"  # long lines are folded
    lines = enumerate(text.splitlines(), 1)
    line = next((n for n, one in lines if len(one) > len("UID:") and begins.startswith(one.strip())), 0)
    return Problem(file, line, f"event {uid[:80] or 'without UID'}: {message}")
