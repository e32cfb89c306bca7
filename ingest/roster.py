"""The rota as it holds now: the file, calendars that were imported, and what people changed since.

Rule: a change is durable before it holds, whoever looks afterwards sees it at once, and a file that is wrong
changes nothing. An empty post and a night that nobody confirmed become decisions for the desk.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import structlog

from alerts import duty_file
from alerts.acts import Refusal, Refused
from alerts.assurance import (
    Answered,
    Asked,
    Course,
    Escalated,
    Event,
    Night,
    answer,
    assurance_decision,
    fold,
    follow,
    nights,
    question,
)
from alerts.duty import Change, Duty, Gap
from alerts.duty_acts import Override, TurnOf, override, swap
from alerts.duty_file import DutyFile
from alerts.people import Language, Person
from alerts.rota import Turn
from alerts.vacancy import duty_decisions
from devices.registry import Registry
from devices.registry_files import Problem
from ingest import icalendar_file
from ingest.clock import Clock
from ingest.duty_records import ACTS, DutyRecords, Record, What
from ingest.text_file import read_text
from rules.decision import Decision

log = structlog.get_logger()

GAPS_AHEAD_MS = 14 * 86_400_000
"""So far ahead whoever changes the rota is told of its gaps."""

_PAST_MS, _AHEAD_MS = 31 * 86_400_000, 400 * 86_400_000  # of a calendar that is expanded
_DAY_MS, _MINUTE_MS = 86_400_000, 60_000
_LOOK_S = 1.0
_AGAIN_S = 5.0  # between two looks while the disk refuses

Tell = Callable[[Person, Night, Mapping[Language, str]], Awaitable[bool]]
"""Sends a person the question of a night; whether there is a way to reach them."""


async def no_way(person: Person, night: Night, text: Mapping[Language, str]) -> bool:  # noqa: ARG001
    """There is no channel to anybody."""
    return False


@dataclass(frozen=True, slots=True)
class Taken:
    """An act that holds: its record, and the gaps of the next two weeks as they are with it."""

    record: Record
    gaps: Sequence[Gap]


class Roster:
    """One per service, owned by the event loop. `known` are the gaps that alerts were raised for before.

    `problems` is what is wrong with the file as it is now: then the rota before goes on.
    """

    def __init__(
        self,
        path: Path | None,
        file: DutyFile,
        registry: Registry,
        records: DutyRecords,
        clock: Clock,
        decide: Callable[[list[Decision], int], None],
        *,
        tell: Tell = no_way,
        known: Iterable[Gap] = (),
    ) -> None:
        self._path, self._file, self._registry = path, file, registry
        self._records, self._clock, self._decide, self._tell = records, clock, decide, tell
        self._known = tuple(known)
        self._acting = asyncio.Lock()
        self._changed = asyncio.Event()
        self._read = _signature(path)
        self.problems: list[Problem] = []
        self.records = records.all()
        self._courses: dict[str, Course] = {}
        self._told: set[tuple[str, str]] = set()
        for record in self.records:
            self._remember(record)
        self._turns: dict[int, tuple[Turn, ...]] = {}  # of calendars, by their records
        self._expanded_at = clock.now()
        self._expand_all()
        self.duty = self._built()

    def on_duty(self, role: str, places: Sequence[str], at: int) -> tuple[str, ...]:
        """As `Duty.on_duty`, of the rota as it is now."""
        return self.duty.on_duty(role, places, at)

    def person(self, id: str) -> Person | None:  # noqa: A002  as `Duty.person`
        """Somebody of the staff."""
        return self.duty.person(id)

    @property
    def kept(self) -> bool:
        """Whether there is a rota at all."""
        return self._path is not None

    def withdrawn(self) -> frozenset[int]:
        """The ids of records that hold no longer."""
        return frozenset(one.body["record"] for one in self.records if one.what is What.WITHDRAWN)

    def nights(self) -> list[tuple[Night, Course]]:
        """The nights that are asked about now, and those over not long before, with how far it has come."""
        found = nights(self._file.assurances, self._clock.now())
        return [(night, self._courses.get(night.id, Course())) for night in found]

    async def override(self, asked: Override, by: str, reason: str, source: str = "api") -> Taken | Refused:
        """Change who is on duty for a while; returns when that is durable and holds."""
        async with self._acting:
            changes = override(self.duty, asked, self._registry.places, self._clock.now())
            if isinstance(changes, Refused):
                return changes
            return await self._take(What.OVERRIDE, {"changes": _written(changes)}, by, reason, source)

    async def swap(
        self, one: TurnOf, other: TurnOf, by: str, reason: str, source: str = "api"
    ) -> Taken | Refused:
        """Two people exchange two turns; returns when that is durable and holds."""
        async with self._acting:
            changes = swap(self.duty, one, other, self._clock.now())
            if isinstance(changes, Refused):
                return changes
            return await self._take(What.SWAP, {"changes": _written(changes)}, by, reason, source)

    async def take_calendar(
        self, text: str, role: str, place: str, by: str, reason: str, source: str = "api"
    ) -> Taken | Refused | list[Problem]:
        """A calendar holds for a role at a place from now on, instead of the one before."""
        async with self._acting:
            if place not in self._registry.places:
                return Refused(Refusal.UNKNOWN_PLACE, f"there is no place {place} in the registry")
            body = {"role": role, "place": place, "text": text}
            found = await asyncio.to_thread(self._expand, body, self._clock.now())
            if isinstance(found, list):
                return found
            return await self._take(What.CALENDAR, body, by, reason, source, found)

    async def withdraw(self, record: int, by: str, reason: str, source: str = "api") -> Taken | Refused:
        """An override, a swap or a calendar holds no longer."""
        async with self._acting:
            known = any(one.id == record and one.what in ACTS for one in self.records)
            if not known or record in self.withdrawn():
                return Refused(Refusal.UNKNOWN_CHANGE, "there is no such change, or it was withdrawn before")
            return await self._take(What.WITHDRAWN, {"record": record}, by, reason, source)

    async def answer(
        self, night: str, person: str, *, here: bool = True, source: str = "api"
    ) -> Course | Refused:
        """Somebody who was asked says whether they are on duty that night; durable when it returns.

        Who says yes in the place of the first of those asked is on duty as well from then on.
        """
        async with self._acting:
            found = next((one for one in self.nights() if one[0].id == night), None)
            if found is None or self._clock.now() >= found[0].end:
                return Refused(Refusal.UNKNOWN_NIGHT, "there is no such night to be asked about now")
            if all(asked.person != person for asked in found[1].asked):
                return Refused(Refusal.NOT_ASKED, f"{person} was not asked: an override says who is on duty")
            await self._answered(*found, person, here=here, source=source)
        self._changed.set()
        return self._courses[night]

    async def run(self) -> None:
        """Look at gaps and nights every minute and after every change, and at the file; until cancelled."""
        seen, looked = self._read, 0
        while True:
            try:
                before, seen = seen, await asyncio.to_thread(_signature, self._path)
                if seen != self._read and seen == before:
                    await self.reload()
                now = self._clock.now()
                if self._changed.is_set() or not looked <= now < looked + _MINUTE_MS:
                    self._changed.clear()
                    looked = now
                    await self.look()
            except sqlite3.Error as error:
                log.warning("duty_not_recorded", error=str(error))
                looked = 0
                await asyncio.sleep(_AGAIN_S)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _LOOK_S)

    async def look(self) -> None:
        """Let time pass: gaps are told and are over, people are asked."""
        now = self._clock.now()
        if not 0 <= now - self._expanded_at < _DAY_MS:
            await self._expand_again()
        decisions, self._known = duty_decisions(self.duty, self._known, now)
        async with self._acting:
            for night, _ in self.nights():
                course = await self._ask(night, now)
                decision = assurance_decision(night, course, now)
                decisions += [decision] if decision else []
        if decisions:
            self._decide(decisions, now)

    async def reload(self) -> bool:
        """Take up the file as it is now; whether it is good."""
        self._read = await asyncio.to_thread(_signature, self._path)
        found = await asyncio.to_thread(load, self._path, self._registry)
        if isinstance(found, list):
            self.problems = found
            for problem in found[:50]:
                log.error("duty_invalid", problem=str(problem))
            return False
        self.problems = []
        if found != self._file:
            self._file = found
            await self._expand_again()
            self._changed.set()
            log.info("duty_changed", source=str(self._path))
        return True

    async def _ask(self, night: Night, now: int) -> Course:
        """What is due for a night, recorded and said."""
        while event := follow(night, self._courses.get(night.id, Course()), self.duty, now):
            await self._keep(event)
            if isinstance(event, Escalated):
                log.warning("duty_unconfirmed", night=night.id)
        course = self._courses.get(night.id, Course())
        waited_for = course.waits_for(night.assurance.within_ms, now)
        if waited_for and (night.id, waited_for) not in self._told:
            person = self.duty.person(waited_for)
            told = person is not None and await self._tell(person, night, question(night))
            body = {"night": night.id, "person": waited_for}
            self._note(await self._records.add(Record(now, What.TOLD, body)))
            if not told:  # the next is asked at once
                await self._answered(night, course, waited_for, here=False, source="unreachable")
                return await self._ask(night, now)
        return course

    async def _answered(self, night: Night, course: Course, person: str, *, here: bool, source: str) -> None:
        now = self._clock.now()
        event = answer(night.id, course, person, here=here, now=now, source=source)
        if event is None:
            return
        await self._keep(event)
        first, places = night.assurance.ask[0], night.assurance.places
        if here and person not in self.duty.on_duty(first, places, night.begin):
            change = Change(night.begin, night.end, person, role=first, place=places[0])
            await self._take(What.OVERRIDE, {"changes": _written([change])}, person, night.id, "assurance")

    async def _keep(self, event: Event) -> None:
        body: dict[str, Any] = {"night": event.night}
        by = source = ""
        match event:
            case Asked():
                what, body["person"] = What.ASKED, event.person
            case Answered():
                what, by, source = What.ANSWERED, event.person, event.source
                body |= {"person": event.person, "here": event.here}
            case Escalated():
                what = What.ESCALATED
        self._note(await self._records.add(Record(event.at, what, body, by, source)))

    async def _take(
        self,
        what: What,
        body: Mapping[str, Any],
        by: str,
        reason: str,
        source: str,
        turns: tuple[Turn, ...] = (),
    ) -> Taken:
        now = self._clock.now()
        (record,) = await self._records.add(Record(now, what, body, by, source, reason))
        self._note([record])
        self._turns[record.id] = turns
        self.duty = self._built()
        self._changed.set()
        log.info("duty_changed", what=what.value, record=record.id)
        return Taken(record, self.duty.gaps(now, now + GAPS_AHEAD_MS))

    def _note(self, records: Iterable[Record]) -> None:
        for record in records:
            self.records.append(record)
            self._remember(record)

    def _remember(self, record: Record) -> None:
        """What the nights need to know of a record."""
        body = record.body
        if record.what is What.TOLD:
            self._told.add((body["night"], body["person"]))
        elif event := _event(record):
            self._courses[event.night] = fold(self._courses.get(event.night, Course()), event)

    def _holding(self) -> list[Record]:
        """The acts that hold; of calendars of one role at one place the last."""
        gone = self.withdrawn()
        holding = [one for one in self.records if one.what in ACTS and one.id not in gone]
        last = {_post(one): one.id for one in holding if one.what is What.CALENDAR}
        return [one for one in holding if one.what is not What.CALENDAR or last[_post(one)] == one.id]

    def _built(self) -> Duty:
        """The rota from its parts."""
        holding = self._holding()
        turns = [turn for one in holding for turn in self._turns.get(one.id, ())]
        changes = [Change(**written) for one in holding for written in one.body.get("changes", ())]
        return replace(self._file.duty(self._registry, turns), changes=tuple(changes))

    async def _expand_again(self) -> None:
        """Calendars as they are from today on, by those whom the file knows now."""
        async with self._acting:
            self._expanded_at = self._clock.now()
            await asyncio.to_thread(self._expand_all)
            self.duty = self._built()

    def _expand_all(self) -> None:
        """Turns of whom the file knows no longer are nobody's: a gap is told, not a whole calendar lost."""
        for one in self._holding():
            if one.what is What.CALENDAR:
                found = self._expand(one.body, self._expanded_at, strict=False)
                self._turns[one.id] = found if isinstance(found, tuple) else ()

    def _expand(
        self, body: Mapping[str, Any], now: int, *, strict: bool = True
    ) -> tuple[Turn, ...] | list[Problem]:
        role, place, text = body["role"], body["place"], body["text"]
        zone, people = self._registry.timezone(place), self._file.people
        since, until = now - _PAST_MS, now + _AHEAD_MS
        return icalendar_file.read(text, role, place, zone, people, since, until, strict=strict)


def _post(record: Record) -> tuple[str, str]:
    return record.body["role"], record.body["place"]


def load(path: Path | None, registry: Registry) -> DutyFile | list[Problem]:
    """The duty file, none where there is no path; or all that is wrong with it."""
    if path is None:
        return DutyFile()
    text = read_text(path)
    if isinstance(text, Problem):
        return [text]
    found = duty_file.load(text, registry)
    if isinstance(found, DutyFile):
        return found
    return [Problem(str(path), one.line, f"{one.where}: {one.message}") for one in found]


def _event(record: Record) -> Event | None:
    body = record.body
    match record.what:
        case What.ASKED:
            return Asked(body["night"], record.at, body["person"])
        case What.ANSWERED:
            return Answered(body["night"], record.at, body["person"], body["here"], record.source)
        case What.ESCALATED:
            return Escalated(body["night"], record.at)
        case _:
            return None


def _written(changes: Iterable[Change]) -> list[dict[str, Any]]:
    return [asdict(change) for change in changes]


def _signature(path: Path | None) -> tuple[int, int] | None:
    try:
        found = path.stat() if path else None
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size) if found else None
