"""The rota as it holds now: the file, calendars that were imported, and what people changed since.

Rule: a change is durable before it holds, whoever looks afterwards sees it at once, and a file that is wrong
changes nothing.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import structlog

from alerts import duty_file
from alerts.acts import Refusal, Refused
from alerts.assurance import Assurance
from alerts.duty import Change, Duty, Gap
from alerts.duty_acts import Override, TurnOf, override, swap
from alerts.duty_file import DutyFile
from alerts.people import Person
from alerts.rota import Turn
from devices.registry import Registry
from devices.registry_files import Problem
from ingest import icalendar_file
from ingest.clock import Clock
from ingest.duty_records import ACTS, DutyRecords, Record, What
from ingest.text_file import read_text, signature

log = structlog.get_logger()

GAPS_AHEAD_MS = 14 * 86_400_000
"""So far ahead whoever changes the rota is told of its gaps."""

_PAST_MS, _AHEAD_MS = 31 * 86_400_000, 400 * 86_400_000  # of a calendar that is expanded
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Taken:
    """An act that holds: its record, and the gaps of the next two weeks as they are with it."""

    record: Record
    gaps: Sequence[Gap]


class Roster:
    """One per service, owned by the event loop. `changed` is set by whatever changes who is on duty.

    `records` are all there are; `problems` is what is wrong with the file as it is now: then the rota before
    goes on.
    """

    def __init__(
        self,
        path: Path | None,
        file: DutyFile,
        registry: Registry,
        records: DutyRecords,
        clock: Clock,
    ) -> None:
        self._path, self._file, self._registry = path, file, registry
        self._records, self._clock = records, clock
        self._acting = asyncio.Lock()
        self.changed = asyncio.Event()
        self._read = self._seen = signature(path)
        self.problems: list[Problem] = []
        self.records = records.all()
        self._turns: dict[int, tuple[Turn, ...]] = {}  # of calendars, by their records
        self._expanded_at = clock.now()
        self._expand_all()
        self.duty = self._built()

    def on_duty(self, role: str, places: Sequence[str], at: int) -> tuple[str, ...]:
        """As `Duty.on_duty`, of the rota as it is now."""
        return self.duty.on_duty(role, places, at)

    def people(self) -> Collection[Person]:
        """All of the staff that the file knows."""
        return self.duty.people.values()

    def person(self, id: str) -> Person | None:  # noqa: A002  as `Duty.person`
        """Somebody of the staff."""
        return self.duty.person(id)

    @property
    def file(self) -> DutyFile:
        """The duty file as it holds now."""
        return self._file

    @property
    def assurances(self) -> tuple[Assurance, ...]:
        """Before which nights somebody must say that they are on duty."""
        return self._file.assurances

    @property
    def kept(self) -> bool:
        """Whether there is a rota at all."""
        return self._path is not None

    def withdrawn(self) -> frozenset[int]:
        """The ids of records that hold no longer."""
        return frozenset(one.body["record"] for one in self.records if one.what is What.WITHDRAWN)

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

    async def stands_in(self, change: Change, reason: str) -> None:
        """Somebody said that they are on duty in the place of another."""
        async with self._acting:
            await self._take(
                What.OVERRIDE, {"changes": _written([change])}, change.person, reason, "assurance"
            )

    async def note(self, record: Record) -> Record:
        """Keep a record that changes nothing of the rota."""
        (kept,) = await self._records.add(record)
        self.records.append(kept)
        return kept

    async def follow(self) -> None:
        """Take up a file that was written, once it is whole, and calendars as far as a new day reaches."""
        before, self._seen = self._seen, await asyncio.to_thread(signature, self._path)
        if self._seen != self._read and self._seen == before:
            await self.reload()
        if not 0 <= self._clock.now() - self._expanded_at < _DAY_MS:
            await self._expand_again()

    async def reload(self) -> bool:
        """Take up the file as it is now; whether it is good."""
        self._read = await asyncio.to_thread(signature, self._path)
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
            self.changed.set()
            log.info("duty_changed", source=str(self._path))
        return True

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
        self.records.append(record)
        self._turns[record.id] = turns
        self.duty = self._built()
        self.changed.set()
        log.info("duty_changed", what=what.value, record=record.id)
        gaps = await asyncio.to_thread(self.duty.gaps, now, now + GAPS_AHEAD_MS)
        return Taken(record, gaps)

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


def load(path: Path | None, registry: Registry | None) -> DutyFile | list[Problem]:
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


def _written(changes: Iterable[Change]) -> list[dict[str, Any]]:
    return [asdict(change) for change in changes]
