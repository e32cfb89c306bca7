"""A desk that keeps everything in memory. Rule: it holds to `desk_contract` as the real one does."""

import asyncio
from collections.abc import AsyncGenerator

from alerts.acts import Refused, acknowledge, resolve
from alerts.book import Book
from alerts.decide import decide
from alerts.episode import Episode
from alerts.event import Event, State
from devices.registry import Registry
from ingest.api import Cursor
from rules.decision import Decision
from tests.alerts.decisions import HOME


class MemoryDesk:
    """The book, its events in order, and readers who read them from there."""

    def __init__(self, registry: Registry = HOME) -> None:
        self.registry = registry
        self.now = 0
        self.closed = False
        self.readers = 0
        self._book = Book()
        self._events: list[Event] = []
        self._changed = asyncio.Event()

    def decide(self, seen: Decision, now: int) -> None:
        self.now = now
        self._take(decide(self._book, seen, now, "s1"))

    def close(self) -> None:
        self.closed = True
        self._stir()

    def episodes(self, state: State | None, limit: int, before: Cursor | None = None) -> list[Episode]:
        ids = dict.fromkeys(event.episode for event in self._events)
        known = [episode for one in ids if (episode := self._book.get(one)) is not None]
        fitting = [
            episode
            for episode in sorted(known, key=lambda one: (one.raised_at, one.id), reverse=True)
            if state in {None, episode.state} and (before is None or (episode.raised_at, episode.id) < before)
        ]
        return fitting[:limit]

    def get(self, episode: str) -> Episode | None:
        return self._book.get(episode)

    def history(self, episode: str) -> list[Event]:
        return [event for event in self._events if event.episode == episode]

    async def acknowledge(
        self, episode: str, by: str, note: str = "", source: str = "api", seen: int | None = None
    ) -> Episode | Refused:
        events = acknowledge(self._book, episode, by, self.now, source, note=note, seen=seen)
        return self._acted(episode, events)

    async def resolve(
        self,
        episode: str,
        by: str,
        outcome: str,
        note: str = "",
        source: str = "api",
        seen: int | None = None,
    ) -> Episode | Refused:
        events = resolve(self._book, episode, by, outcome, note, self.now, source, seen=seen)
        return self._acted(episode, events)

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
        found = self._book.get(episode)
        assert found is not None
        return found

    def _take(self, events: list[Event]) -> None:
        for event in events:
            self._book.apply(event)
            self._events.append(event)
        if events:
            self._stir()

    def _stir(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
