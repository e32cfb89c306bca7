"""From decided to told: what the desk has decided, on its way into the database and out to people.

Rule: an event is durable, with what is to be sent of it, before anybody hears of it; but a call for help
waits for no disk, and for nobody who waits for one.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import structlog

from alerts.episode import Episode
from alerts.event import Event
from alerts.notification import Notification
from ingest.alert_log import AlertLog
from ingest.journal import SqliteJournal
from ingest.metrics import Metrics
from ingest.outbox import Outbox
from ingest.watchers import Watchers

log = structlog.get_logger()

_PATIENCE_S = 0.25
"""How long telling of life safety waits to be recorded: whoever is told should find the alert on record."""

_STALLED_S = 1.0  # after which the disk counts as stalled


@dataclass(slots=True)
class Record:
    """One event on its way; `received` is the loop time at which its message arrived, None: not measured.

    A `rehearsal` takes the same way and leaves only what is to be sent. `asked`: the resident was being asked
    until this.
    """

    event: Event
    episode: Episode | None
    notification: Notification | None
    received: float | None
    rehearsal: bool = False
    asked: bool = False
    done: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    seq: int = 0


class Records:
    """What is not recorded yet, in order.

    `recorded` is told of each group once it is durable, `stalled` each second of all that waits. Before a
    call is told it is on its way into the journal's database, so that what becomes of it gets there after it.
    """

    def __init__(
        self,
        journal: SqliteJournal,
        outbox: Outbox,
        metrics: Metrics,
        recorded: Callable[[Sequence[Record]], None],
        stalled: Callable[[Sequence[Record]], None],
    ) -> None:
        self._journal, self._outbox, self._metrics = journal, outbox, metrics
        self._recorded, self._stalled = recorded, stalled
        self.log = AlertLog(journal)
        self.watchers = Watchers(self.log.events)
        self._pending: deque[Record] = deque()
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._told_unrecorded: set[str] = set()

    def put(self, record: Record) -> None:
        """Take one more; `run` does the rest."""
        self._pending.append(record)
        self._idle.clear()
        self._work.set()

    async def settled(self) -> None:
        """Wait until everything taken so far is recorded."""
        await self._idle.wait()

    async def run(self) -> None:
        """Record and tell until cancelled."""
        while True:
            await self._work.wait()
            self._work.clear()
            while self._pending:
                await self._record()
            self._idle.set()

    async def _record(self) -> None:
        """Record what waits; while the disk is slow, what comes meanwhile waits for it no longer, either."""
        loop = asyncio.get_running_loop()
        groups = deque([self._hand_over()])
        stalled_at = loop.time() + _STALLED_S
        while groups:
            records, recording = groups[0]
            if (await asyncio.wait([recording], timeout=_PATIENCE_S))[0]:
                recording.result()
                groups.popleft()
                self._tell(records)
                stalled_at = loop.time() + _STALLED_S
                continue
            if any(_is_call(record) for record in self._pending):
                groups.append(self._hand_over())
            waiting = [record for records, _ in groups for record in records]
            self._tell_unrecorded(waiting)
            if loop.time() >= stalled_at:
                stalled_at += _STALLED_S
                self._stalled([*waiting, *self._pending])

    def _hand_over(self) -> tuple[list[Record], asyncio.Task[None]]:
        """Give all that waits to the journal."""
        records = list(self._pending)
        self._pending.clear()
        newest = {record.episode.id: record for record in records if record.episode is not None}

        def write(database: sqlite3.Connection) -> None:
            for record in records:
                # Of an alert about a thousand people its last state is written, not a thousand of them.
                last = record.episode is not None and newest[record.episode.id] is record
                if not record.rehearsal:
                    record.seq = self.log.write(database, record.event, record.episode if last else None)
                if record.notification is not None:
                    self._outbox.write(database, record.notification)

        return records, asyncio.ensure_future(self._journal.transact(write))

    def _tell(self, records: list[Record]) -> None:
        loop = asyncio.get_running_loop()
        for record in records:
            if record.received is not None:
                self._metrics.latency.labels("recorded").observe(loop.time() - record.received)
            if record.notification is not None:
                if record.notification.id in self._told_unrecorded:
                    self._told_unrecorded.discard(record.notification.id)
                else:
                    self._outbox.put(record.notification, record.received)
            if not record.rehearsal:
                self.watchers.tell(record.seq, record.event)
            if not record.done.done():
                record.done.set_result(None)
        self._recorded(records)

    def _tell_unrecorded(self, records: Iterable[Record]) -> None:
        """The disk is slow, full or locked: life safety is told all the same, and recorded later."""
        for record in records:
            told = record.notification
            if told is not None and _is_call(record) and told.id not in self._told_unrecorded:
                log.warning("told_unrecorded", alert=told.episode)
                self._metrics.unrecorded.labels("told").inc()
                self._told_unrecorded.add(told.id)
                self._outbox.put(told, record.received)


def _is_call(record: Record) -> bool:
    return record.notification is not None and record.notification.life_safety
