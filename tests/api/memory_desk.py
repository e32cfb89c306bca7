"""A desk that keeps everything in memory. Rule: it holds to `desk_contract` as the real one does."""

import asyncio
from collections.abc import AsyncGenerator

from alerts.acts import (
    Maintenance,
    Refusal,
    Refused,
    Shelving,
    acknowledge,
    arrive,
    end_suspension,
    resolve,
    shelve,
    take_out_of_service,
)
from alerts.book import Book
from alerts.decide import decide, follow
from alerts.episode import Episode
from alerts.event import Event, QuietEvent, State, SuspensionBegun, about
from devices.registry import Registry
from ingest.api import Cursor
from rules.decision import Decision
from rules.kinds import KINDS
from tests.alerts.decisions import HOME


class MemoryDesk:
    """The book, its events in order, and readers who read them from there."""

    def __init__(self, registry: Registry = HOME) -> None:
        self.registry = registry
        self.now = 0
        self.closed = False
        self.needs_presence = False
        self.readers = 0
        self.book = Book()
        self._events: list[Event] = []
        self._changed = asyncio.Event()

    def decide(self, seen: Decision, now: int) -> None:
        self.now = now
        self._take(decide(self.book, seen, now, "s1"))

    def tick(self, now: int) -> None:
        self.now = now
        self._take([])

    def close(self) -> None:
        self.closed = True
        self._stir()

    def episodes(self, state: State | None, limit: int, before: Cursor | None = None) -> list[Episode]:
        ids = dict.fromkeys(event.episode for event in self._events if not isinstance(event, QuietEvent))
        known = [episode for one in ids if (episode := self.book.get(one)) is not None]
        fitting = [
            episode
            for episode in sorted(known, key=lambda one: (one.raised_at, one.id), reverse=True)
            if state in {None, episode.state} and (before is None or (episode.raised_at, episode.id) < before)
        ]
        return fitting[:limit]

    def urgent(self, limit: int, state: State | None = None) -> list[Episode]:
        return self.book.urgent(limit, state)

    def stale(self) -> list[Episode]:
        return self.book.stale(self.now)

    def get(self, episode: str) -> Episode | None:
        return self.book.get(episode)

    def history(self, episode: str) -> list[Event]:
        return [event for event in self._events if about(event) == episode]

    async def acknowledge(
        self, episode: str, by: str, note: str = "", source: str = "api", seen: int | None = None
    ) -> Episode | Refused:
        events = acknowledge(self.book, episode, by, self.now, source, note=note, seen=seen)
        return self._acted(episode, events)

    async def arrive(
        self, episode: str, by: str, note: str = "", source: str = "api", seen: int | None = None
    ) -> Episode | Refused:
        events = arrive(self.book, episode, by, self.now, source, note=note, seen=seen)
        return self._acted(episode, events)

    async def resolve(
        self,
        episode: str,
        by: str,
        outcome: str,
        note: str = "",
        source: str = "api",
        seen: int | None = None,
        voice_contact: str = "",
    ) -> Episode | Refused:
        events = resolve(
            self.book,
            episode,
            by,
            outcome,
            note,
            self.now,
            source,
            seen=seen,
            voice_contact=voice_contact,
            needs_presence=self.needs_presence,
        )
        return self._acted(episode, events)

    async def shelve(self, asked: Shelving, source: str = "api") -> SuspensionBegun | Refused:
        return self._suspended(
            shelve(self.book, asked, KINDS.get(asked.rule), self.registry, self.now, source)
        )

    async def take_out_of_service(self, asked: Maintenance, source: str = "api") -> SuspensionBegun | Refused:
        if self.registry.device(asked.site, asked.device) is None:
            return Refused(Refusal.UNKNOWN_DEVICE, "no such device")
        return self._suspended(take_out_of_service(self.book, asked, self.now, source))

    async def end_suspension(self, suspension: str, by: str, source: str = "api") -> Refused | None:
        events = end_suspension(self.book, suspension, by, self.now, source)
        if isinstance(events, Refused):
            return events
        self._take(events)
        return None

    async def subscribe(self, after: int | None = None) -> AsyncGenerator[tuple[int, Event], None]:
        self.readers += 1
        self._stir()
        try:
            last = len(self._events) if after is None else after
            while not self.closed:
                while last < len(self._events):
                    last += 1
                    yield last, self._events[last - 1]
                await self._changed.wait()
        finally:
            self.readers -= 1
            self._stir()

    async def readers_are(self, count: int) -> None:
        """Wait until so many are reading."""
        async with asyncio.timeout(10):
            while self.readers != count:
                await self._changed.wait()

    def _acted(self, episode: str, events: list[Event] | Refused) -> Episode | Refused:
        if isinstance(events, Refused):
            return events
        self._take(events)
        found = self.book.get(episode)
        assert found is not None
        return found

    def _suspended(self, events: list[Event] | Refused) -> SuspensionBegun | Refused:
        if isinstance(events, Refused):
            return events
        self._take(events)
        return next(event for event in events if isinstance(event, SuspensionBegun))

    def _take(self, events: list[Event]) -> None:
        while events or (events := follow(self.book, self.now)):
            for event in events:
                self.book.apply(event)
                self._events.append(event)
            events = []
            self._stir()

    def _stir(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
