"""The outbox: what is to be told to whom, until it is delivered or given up on the record.

Rule: a notification is in the database before the first attempt and leaves it only with its result, so
that a crash can at worst send it again, marked as a repeat. Life safety always goes first.
"""

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import cast

import orjson
import structlog

from alerts.episode import Episode
from alerts.event import EventName
from alerts.notification import Notification
from alerts.outbox import CAP_MS, Delivered, Failed, GivenUp, Queued, Receipt, Retry, settle, urgency
from devices.registry import Registry
from ingest.channels import Channel, deliver
from ingest.clock import Clock
from ingest.journal import SqliteJournal
from ingest.metrics import Metrics
from rules.decision import Severity

log = structlog.get_logger()

SCHEMA = """
CREATE TABLE IF NOT EXISTS outbox (
    notification TEXT NOT NULL, channel TEXT NOT NULL, queued_at INTEGER NOT NULL, state TEXT NOT NULL,
    attempts INTEGER NOT NULL, settled_at INTEGER, why TEXT NOT NULL DEFAULT '', body BLOB NOT NULL,
    PRIMARY KEY (notification, channel)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS outbox_waiting ON outbox (channel, queued_at) WHERE state = 'waiting';
"""

_AT_ONCE = 8
"""Attempts under way on one channel."""

_CALLS_AT_ONCE = 64
"""The same for life safety, so that it does not wait for others; more would be in its own way."""

_KEEP_MS = 30 * 86_400_000
_DEADLINE_S = 60.0


@dataclass(slots=True)
class _Item:
    queued: Queued
    notification: Notification
    received: float | None  # the event loop's time at which the message behind it came in
    due: float = 0.0  # the event loop's time of the next attempt
    sending: bool = False


class Outbox:
    """One queue per channel."""

    def __init__(
        self,
        journal: SqliteJournal,
        channels: Sequence[Channel],
        registry: Registry,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._journal, self._registry, self._clock, self._metrics = journal, registry, clock, metrics
        self._channels = {channel.name: channel for channel in channels}
        self._queues: dict[str, dict[str, _Item]] = {name: {} for name in self._channels}
        self._work = {name: asyncio.Event() for name in self._channels}
        for channel in channels:
            metrics.channel(channel.name)
        self._empty = asyncio.Event()
        self._empty.set()
        for name, attempts, queued_at, record in journal.query(
            "SELECT channel, attempts, queued_at, body FROM outbox WHERE state = 'waiting' ORDER BY queued_at"
        ):
            if name in self._queues:
                notification = _load(cast("bytes", record))
                self._add(name, notification, None, cast("int", queued_at), cast("int", attempts))

    def write(self, database: sqlite3.Connection, notification: Notification) -> None:
        """Put a notification on every channel's list, in the caller's transaction.

        It is written as attempted once: after a crash nobody can know, and the next attempt is marked.
        """
        now = self._clock.now()
        record = orjson.dumps(asdict(notification))
        database.executemany(
            "INSERT OR IGNORE INTO outbox VALUES (?, ?, ?, 'waiting', 1, NULL, '', ?)",
            [(notification.id, name, now, record) for name in self._channels],
        )

    def put(self, notification: Notification, received: float | None) -> None:
        """Send a notification whose `write` is durable."""
        for name in self._channels:
            self._add(name, notification, received, self._clock.now(), 0)

    async def run(self, episode: Callable[[str], Episode | None]) -> None:
        """Send on every channel until cancelled. `episode` looks one up as it is now."""
        self._episode = episode
        async with asyncio.TaskGroup() as tasks:
            for name in self._channels:
                tasks.create_task(self._serve(name, tasks), name=f"outbox-{name}")

    def waiting(self) -> int:
        """Notifications not delivered yet, over all channels."""
        return sum(len(queue) for queue in self._queues.values())

    async def empty(self) -> None:
        """Wait until nothing is left to deliver."""
        await self._empty.wait()

    def _add(
        self, name: str, notification: Notification, received: float | None, queued_at: int, attempts: int
    ) -> None:
        queued = Queued(
            notification.id,
            name,
            notification.life_safety,
            notification.severity,
            queued_at,
            queued_at,
            attempts,
        )
        self._empty.clear()
        self._queues[name][notification.id] = _Item(queued, notification, received)
        self._metrics.undelivered.labels(name).set(len(self._queues[name]))
        self._work[name].set()

    async def _serve(self, name: str, tasks: asyncio.TaskGroup) -> None:
        loop, work = asyncio.get_running_loop(), self._work[name]
        while True:
            work.clear()
            for item in self._next(name, loop.time()):
                item.sending = True
                tasks.create_task(self._send(name, item), name=f"send-{item.notification.id}")
            waiting = [item.due for item in self._queues[name].values() if not item.sending]
            pause = max(0.01, min(waiting) - loop.time()) if waiting else None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(work.wait(), pause)

    def _next(self, name: str, now: float) -> list[_Item]:
        """What to send now: due, in order of urgency, one at a time and in order per alert."""
        items = self._queues[name].values()
        under_way = sum(item.sending for item in items)
        earliest: dict[str, int] = {}
        for item in items:
            alert = item.notification.episode
            earliest[alert] = min(earliest.get(alert, item.notification.number), item.notification.number)
        ready = sorted(
            (
                item
                for item in items
                if not item.sending
                and item.due <= now
                and item.notification.number == earliest[item.notification.episode]
            ),
            key=lambda item: urgency(item.queued),
        )
        return [
            item
            for rank, item in enumerate(ready, under_way)
            if rank < (_CALLS_AT_ONCE if item.queued.life_safety else _AT_ONCE)
        ]

    async def _send(self, name: str, item: _Item) -> None:
        episode = self._episode(item.notification.episode)
        receipt: Receipt
        if episode is None:
            receipt = Delivered()  # forgotten long ago: nobody is waiting for it
        else:
            delivery = deliver(episode, item.notification, self._registry, item.queued.attempts + 1)
            try:
                async with asyncio.timeout(_DEADLINE_S):
                    receipt = await self._channels[name].send(delivery)
            except TimeoutError:
                receipt = Retry("no answer")
        await self._settle(name, item, receipt)

    async def _settle(self, name: str, item: _Item, receipt: Receipt) -> None:
        now = self._clock.now()
        result = settle(item.queued, receipt, now, random.random())  # noqa: S311  jitter, not a secret
        if isinstance(result, Queued):
            why = receipt.why if isinstance(receipt, (Retry, Failed)) else ""
            log.warning("delivery_retry", channel=name, notification=item.notification.id, why=why)
            self._metrics.deliveries.labels(name, "retry").inc()
            wait_s = min(result.next_at - now, CAP_MS) / 1000
            item.queued, item.due = result, asyncio.get_running_loop().time() + wait_s
            item.sending = False
            self._work[name].set()
            await self._journal.transact(
                lambda database: _execute(
                    database,
                    "UPDATE outbox SET attempts = ? WHERE notification = ? AND channel = ?",
                    (result.attempts + 1, item.notification.id, name),
                )
            )
            return
        state = "failed" if isinstance(result, GivenUp) else "delivered"
        why = result.why if isinstance(result, GivenUp) else ""
        self._metrics.deliveries.labels(name, state).inc()
        if state == "failed":
            log.error("delivery_failed", channel=name, notification=item.notification.id, why=why)
        elif item.received is not None:
            self._measure(item)
        del self._queues[name][item.notification.id]
        if not self.waiting():
            self._empty.set()
        self._metrics.undelivered.labels(name).set(len(self._queues[name]))
        self._work[name].set()
        await self._journal.transact(
            lambda database: _execute(
                database,
                "UPDATE outbox SET state = ?, settled_at = ?, why = ? WHERE notification = ? AND channel = ?",
                (state, now, why, item.notification.id, name),
            )
        )

    def _measure(self, item: _Item) -> None:
        took_s = asyncio.get_running_loop().time() - (item.received or 0.0)
        self._metrics.latency.labels("delivered").observe(took_s)
        if item.notification.age_ms < _FRESH_MS:
            self._metrics.end_to_end.observe(took_s + item.notification.age_ms / 1000 / self._clock.speed)


_FRESH_MS = 60_000


def prune(database: sqlite3.Connection, now: int) -> None:
    """Forget what was settled long ago."""
    database.execute("DELETE FROM outbox WHERE state != 'waiting' AND settled_at < ?", (now - _KEEP_MS,))


def _execute(database: sqlite3.Connection, sql: str, values: tuple[object, ...]) -> None:
    database.execute(sql, values)


def _load(record: bytes) -> Notification:
    values = orjson.loads(record)
    values["reason"] = EventName(values["reason"])
    values["severity"] = Severity(values["severity"])
    return Notification(**values)
