"""The alert desk: decisions become episodes and notifications, recorded before anybody is told.

Rule: an event is in the journal's database, with what is to be sent of it, before it is shown or sent.
Deciding the same thing again (a replay after a crash) changes nothing: identities derive from the evidence.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import cast

import structlog

from alerts.book import REMEMBER_MS, Book, Refused, acknowledge, decide, resolve
from alerts.episode import Episode, Event, EvidenceAdded, Opened, State
from alerts.notification import Notification, notify
from alerts.records import dump_episode, dump_event, load_episode, load_event
from alerts.where import site_of
from devices.registry import Registry
from ingest.clock import Clock
from ingest.journal import SqliteJournal
from ingest.metrics import Metrics
from ingest.outbox import Outbox
from rules.decision import Decision, Severity

log = structlog.get_logger()

SCHEMA = """
CREATE TABLE IF NOT EXISTS alert (
    id TEXT PRIMARY KEY, state TEXT NOT NULL, raised_at INTEGER NOT NULL, resolved_at INTEGER,
    body BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS alert_state ON alert (state, raised_at, id);
CREATE INDEX IF NOT EXISTS alert_raised ON alert (raised_at, id);
CREATE TABLE IF NOT EXISTS alert_event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, alert TEXT NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS alert_event_alert ON alert_event (alert);
"""

_WATCHER_QUEUE = 1000
_PATIENCE_S = 1.0  # how long telling of life safety waits to be recorded
_FORGET_EVERY = 1000  # events between two looks at what may be forgotten


@dataclass(slots=True)
class _Record:
    """One event on its way into the database."""

    event: Event
    episode: Episode
    notification: Notification | None
    received: float | None
    done: asyncio.Future[None]
    seq: int = 0


@dataclass(eq=False, slots=True)
class _Watcher:
    queue: asyncio.Queue[tuple[int, Event] | None] = field(
        default_factory=lambda: asyncio.Queue(maxsize=_WATCHER_QUEUE)
    )


class Desk:
    """Open episodes in memory, all of them in the journal's database; one per service."""

    def __init__(
        self,
        journal: SqliteJournal,
        outbox: Outbox,
        registry: Registry,
        site: str,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._journal, self._outbox, self._registry = journal, outbox, registry
        self._site, self._clock, self._metrics = site, clock, metrics
        self._pending: deque[_Record] = deque()
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._watchers: set[_Watcher] = set()
        self._since_forgetting = 0
        self.book = Book.of(self._remembered())
        self._count_open()

    @property
    def registry(self) -> Registry:
        """Who lives where."""
        return self._registry

    def decide(self, decisions: list[Decision], now: int, received: float | None = None) -> None:
        """Take decisions of the rules. `received` is the loop time at which their message arrived.

        What they add at one moment to one alert is told once (forty people behind one gateway), except for
        life safety, where every call is its own.
        """
        last: dict[str, _Record] = {}
        for decision in decisions:
            site = site_of(self._registry, decision.subject) or self._site
            for event in decide(self.book, decision, now, site):
                record = self._take(event, received)
                before = last.get(event.episode)
                if before and record.notification and not record.notification.life_safety:
                    record.notification = None  # the one before tells of the alert as it is when it is sent
                else:
                    last[event.episode] = record

    async def acknowledge(
        self, episode: str, by: str, note: str = "", source: str = "api", seen: int | None = None
    ) -> Episode | Refused:
        """A named person takes charge; returns when that is durable."""
        return await self._act(
            episode, acknowledge(self.book, episode, by, self._clock.now(), source, note=note, seen=seen)
        )

    async def resolve(
        self,
        episode: str,
        by: str,
        outcome: str,
        note: str = "",
        source: str = "api",
        seen: int | None = None,
    ) -> Episode | Refused:
        """A named person closes the episode with an outcome; returns when that is durable."""
        return await self._act(
            episode, resolve(self.book, episode, by, outcome, note, self._clock.now(), source, seen=seen)
        )

    def episodes(
        self, state: State | None, limit: int, before: tuple[int, str] | None = None
    ) -> list[Episode]:
        """Episodes of one state or all, newest first by (raised_at, id); `before` is where a page ended."""
        rows = self._journal.query(
            "SELECT body FROM alert WHERE (?1 IS NULL OR state = ?1) AND (raised_at, id) < (?2, ?3)"
            " ORDER BY raised_at DESC, id DESC LIMIT ?4",
            (state.value if state else None, *(before or (2**62, "")), limit),
        )
        return [load_episode(cast("bytes", row[0])) for row in rows]

    def get(self, episode: str) -> Episode | None:
        """One episode, however old."""
        if found := self.book.get(episode):
            return found
        rows = self._journal.query("SELECT body FROM alert WHERE id = ?", (episode,))
        return load_episode(cast("bytes", rows[0][0])) if rows else None

    def history(self, episode: str) -> list[Event]:
        """Everything that happened to an episode, in order."""
        rows = self._journal.query("SELECT body FROM alert_event WHERE alert = ? ORDER BY seq", (episode,))
        return [load_event(cast("bytes", row[0])) for row in rows]

    async def subscribe(self, after: int | None = None) -> AsyncGenerator[tuple[int, Event], None]:
        """Every event from now on with its number, or every one after `after`. A slow reader's ends."""
        watcher = _Watcher()
        self._watchers.add(watcher)
        try:
            last = after or 0
            while after is not None and (missed := self.events(last, 1000)):
                for seq, event in missed:
                    last = seq
                    yield seq, event
            while (item := await watcher.queue.get()) is not None:
                if item[0] > last:
                    yield item
        finally:
            self._watchers.discard(watcher)

    def events(self, after: int, limit: int) -> list[tuple[int, Event]]:
        """Recorded events with a higher number than `after`, in order."""
        rows = self._journal.query(
            "SELECT seq, body FROM alert_event WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit)
        )
        return [(cast("int", seq), load_event(cast("bytes", record))) for seq, record in rows]

    async def run(self) -> None:
        """Record what was decided, then tell; until cancelled."""
        while True:
            await self._work.wait()
            self._work.clear()
            while self._pending:
                records = list(self._pending)
                self._pending.clear()
                await self._record(records)
            self._idle.set()

    def close(self) -> None:
        """End every subscription."""
        for watcher in self._watchers:
            _end(watcher)

    async def settled(self) -> None:
        """Wait until everything decided so far is recorded."""
        await self._idle.wait()

    def _remembered(self) -> list[Event]:
        rows = self._journal.query(
            "SELECT body FROM alert_event WHERE alert IN"
            " (SELECT id FROM alert WHERE resolved_at IS NULL OR resolved_at >= ?) ORDER BY seq",
            (self._clock.now() - REMEMBER_MS,),
        )
        return [load_event(cast("bytes", row[0])) for row in rows]

    def _take(self, event: Event, received: float | None) -> _Record:
        episode = self.book.apply(event)
        notification = notify(episode, event)
        record = _Record(event, episode, notification, received, asyncio.get_running_loop().create_future())
        self._pending.append(record)
        self._idle.clear()
        self._work.set()
        self._metrics.alerts.labels(episode.kind, event.name).inc()
        return record

    async def _act(self, episode: str, followed: list[Event] | Refused) -> Episode | Refused:
        if isinstance(followed, Refused):
            return followed
        for event in followed:
            await self._take(event, None).done
        found = self.book.get(episode)
        assert found is not None  # noqa: S101  it was there a moment ago and is forgotten after days only
        return found

    async def _record(self, records: list[_Record]) -> None:
        def write(database: sqlite3.Connection) -> None:
            for record in records:
                episode = record.episode
                record.seq = cast(
                    "int",
                    database.execute(
                        "INSERT INTO alert_event (alert, at, body) VALUES (?, ?, ?)",
                        (episode.id, record.event.at, dump_event(record.event)),
                    ).lastrowid,
                )
                database.execute(
                    "INSERT OR REPLACE INTO alert VALUES (?, ?, ?, ?, ?)",
                    (
                        episode.id,
                        episode.state,
                        episode.raised_at,
                        episode.resolved_at,
                        dump_episode(episode),
                    ),
                )
                if record.notification is not None:
                    self._outbox.write(database, record.notification)

        recording = asyncio.ensure_future(self._journal.transact(write))
        await asyncio.wait([recording], timeout=_PATIENCE_S)
        told_already = set() if recording.done() else self._tell_unrecorded(records)
        await recording
        loop = asyncio.get_running_loop()
        for record in records:
            if record.received is not None:
                self._metrics.latency.labels("recorded").observe(loop.time() - record.received)
            if record.notification is not None and record.notification.id not in told_already:
                self._outbox.put(record.notification, record.received)
            for watcher in list(self._watchers):
                _tell(watcher, (record.seq, record.event))
            if not record.done.done():
                record.done.set_result(None)
            event = record.event
            if isinstance(event, Opened) or (isinstance(event, EvidenceAdded) and event.calls):
                log.info("alert", event_name=event.name, alert=event.episode, kind=record.episode.kind)
        self._count_open()
        self._since_forgetting += len(records)
        if self._since_forgetting > _FORGET_EVERY:
            self._since_forgetting = 0
            self.book.forget(self._clock.now() - REMEMBER_MS)

    def _tell_unrecorded(self, records: list[_Record]) -> set[str]:
        """The disk is slow, full or locked: life safety is told all the same, and recorded later."""
        told = {r.notification.id for r in records if r.notification and r.notification.life_safety}
        for record in records:
            if record.notification is not None and record.notification.id in told:
                log.error("told_unrecorded", alert=record.event.episode)
                self._outbox.put(record.notification, record.received)
        return told

    def _count_open(self) -> None:
        counts = dict.fromkeys(Severity, 0)
        for episode in self.book.unresolved():
            counts[episode.severity] += 1
        for severity, count in counts.items():
            self._metrics.open_alerts.labels(severity).set(count)


def _tell(watcher: _Watcher, item: tuple[int, Event]) -> None:
    try:
        watcher.queue.put_nowait(item)
    except asyncio.QueueFull:  # a reader this slow is dropped; it resumes by the number of the last it saw
        _end(watcher)


def _end(watcher: _Watcher) -> None:
    while watcher.queue.full():
        watcher.queue.get_nowait()
    watcher.queue.put_nowait(None)
