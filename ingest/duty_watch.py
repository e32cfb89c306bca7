"""The watch over the rota: an empty post becomes an alert before it is one, and nights are confirmed.

Rule: what was asked and answered is recorded before it counts, so that a restart asks nobody twice for
nothing; a question whose sending is not on record is sent again.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import structlog

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
from alerts.duty import Change, Gap
from alerts.people import Language, Person
from alerts.vacancy import duty_decisions
from ingest.clock import Clock
from ingest.duty_records import Record, What
from ingest.roster import Roster
from rules.decision import Decision

log = structlog.get_logger()

_MINUTE_MS = 60_000
_LOOK_S = 1.0
_AGAIN_S = 5.0  # between two looks while the disk refuses

Tell = Callable[[Person, Night, Mapping[Language, str]], Awaitable[bool]]
"""Sends a person the question of a night; whether there is a way to reach them."""


async def no_way(person: Person, night: Night, text: Mapping[Language, str]) -> bool:  # noqa: ARG001
    """There is no channel to anybody."""
    return False


class DutyWatch:
    """One per service, owned by the event loop. `known` are the gaps that alerts were raised for before."""

    def __init__(
        self,
        roster: Roster,
        clock: Clock,
        decide: Callable[[list[Decision], int], None],
        tell: Tell = no_way,
        known: Iterable[Gap] = (),
    ) -> None:
        self._roster, self._clock, self._decide, self._tell = roster, clock, decide, tell
        self._known = tuple(known)
        self._asking = asyncio.Lock()
        self._courses: dict[str, Course] = {}
        self._told: set[tuple[str, str]] = set()
        for record in roster.records:
            self._remember(record)

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """The empty posts, now or soon, that alerts were raised for."""
        return self._known

    def nights(self) -> list[tuple[Night, Course]]:
        """The nights that are asked about now, and those over not long before, with how far it has come."""
        found = nights(self._roster.assurances, self._clock.now())
        return [(night, self._course(night)) for night in found]

    async def answer(
        self, night: str, person: str, *, here: bool = True, source: str = "api"
    ) -> Course | Refused:
        """Somebody who was asked says whether they are on duty that night; durable when it returns.

        Who says yes in the place of the first of those asked is on duty as well from then on.
        """
        async with self._asking:
            found = next((one for one, _ in self.nights() if one.id == night), None)
            if found is None or self._clock.now() >= found.end:
                return Refused(Refusal.UNKNOWN_NIGHT, "there is no such night to be asked about now")
            if all(asked.person != person for asked in self._course(found).asked):
                return Refused(Refusal.NOT_ASKED, f"{person} was not asked: an override says who is on duty")
            await self._answered(found, person, here=here, source=source)
        self._roster.changed.set()
        return self._course(found)

    async def run(self) -> None:
        """Look every minute and after every change, until cancelled."""
        looked, changed = 0, self._roster.changed
        while True:
            try:
                await self._roster.follow()
                now = self._clock.now()
                if changed.is_set() or not looked <= now < looked + _MINUTE_MS:
                    changed.clear()
                    looked = now
                    await self.look()
            except sqlite3.Error as error:
                log.warning("duty_not_recorded", error=str(error))
                looked = 0
                await asyncio.sleep(_AGAIN_S)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), _LOOK_S)

    async def look(self) -> None:
        """Let time pass: gaps are told and are over, people are asked."""
        now = self._clock.now()
        decisions, self._known = duty_decisions(self._roster.duty, self._known, now)
        if decisions:
            self._decide(decisions, now)
        for night, _ in self.nights():
            await self._ask(night)
            decision = assurance_decision(night, self._course(night), now)
            if decision:
                self._decide([decision], now)

    async def _ask(self, night: Night) -> None:
        """What is due for a night, recorded and said. While it is said, others may answer."""
        while asked := await self._due(night):
            person = self._roster.person(asked)
            told = person is not None and await self._tell(person, night, question(night))
            now = self._clock.now()
            async with self._asking:
                await self._note(Record(now, What.TOLD, {"night": night.id, "person": asked}))
                if not told and self._course(night).waits_for(night.assurance.within_ms, now) == asked:
                    await self._answered(night, asked, here=False, source="unreachable")  # the next, at once

    async def _due(self, night: Night) -> str:
        """Take what is due for a night; whom it is to be said to, "" when nobody."""
        async with self._asking:
            now = self._clock.now()
            while event := follow(night, self._course(night), self._roster.duty, now):
                await self._keep(event)
                if isinstance(event, Escalated):
                    log.warning("duty_unconfirmed", night=night.id)
            asked = self._course(night).waits_for(night.assurance.within_ms, now)
        return "" if (night.id, asked) in self._told else asked

    async def _answered(self, night: Night, person: str, *, here: bool, source: str) -> None:
        now = self._clock.now()
        event = answer(night.id, self._course(night), person, here=here, now=now, source=source)
        if event is None:
            return
        await self._keep(event)
        first, places = night.assurance.ask[0], night.assurance.places
        if here and person not in self._roster.on_duty(first, places, night.begin):
            change = Change(night.begin, night.end, person, role=first, place=places[0])
            await self._roster.stands_in(change, night.id)

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
        await self._note(Record(event.at, what, body, by, source))

    async def _note(self, record: Record) -> None:
        self._remember(await self._roster.note(record))

    def _remember(self, record: Record) -> None:
        """What a record says of a night."""
        if record.what is What.TOLD:
            self._told.add((record.body["night"], record.body["person"]))
        elif event := _event(record):
            self._courses[event.night] = fold(self._courses.get(event.night, Course()), event)

    def _course(self, night: Night) -> Course:
        return self._courses.get(night.id, Course())


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
