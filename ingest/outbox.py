"""The outbox: what is to be told to whom, until it is delivered or given up on the record.

Rule: a message is in the database before the first attempt and leaves it only with its result, so that a
crash can at worst send it again, marked as a repeat. Life safety always goes first.
"""

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Protocol, cast

import orjson
import structlog

from alerts.drill import OUTSIDE
from alerts.episode import Episode
from alerts.event import Address, EventName, State
from alerts.notification import Notification
from alerts.outbox import (
    CAP_MS,
    Accepted,
    Delivered,
    Failed,
    GivenUp,
    Queued,
    Receipt,
    Retry,
    settle,
    urgency,
)
from alerts.people import Person
from alerts.synthetic import CHANNEL as SYNTHETIC
from devices.registry import Registry
from ingest.channels import Channel, Receipts, deliver
from ingest.clock import Clock
from ingest.journal import SqliteJournal
from ingest.metrics import Metrics
from rules.decision import DRILL, Severity

log = structlog.get_logger()

SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
    notification TEXT NOT NULL, channel TEXT NOT NULL, recipient TEXT NOT NULL, queued_at INTEGER NOT NULL,
    state TEXT NOT NULL, attempts INTEGER NOT NULL, settled_at INTEGER, why TEXT NOT NULL DEFAULT '',
    body BLOB NOT NULL, PRIMARY KEY (notification, channel, recipient)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS message_waiting ON message (channel, queued_at) WHERE state = 'waiting';
"""

_AT_ONCE = 8
"""Attempts under way on one channel."""

_CALLS_AT_ONCE = 64
"""The same for life safety, so that it does not wait for others; more would be in its own way."""

GROUP_S = 10.0
"""How often one person is told by one channel of what is not about life; more goes into one message."""

_KEEP_MS = 30 * 86_400_000
_DEADLINE_S = 60.0

Key = tuple[str, str]
"""A message on a channel: of which notification, for whom (a person's id, "" for the channel itself)."""


Links = Callable[[Episode, Notification, str, str], Mapping[str, str]]


class Told(Protocol):
    """Who is told what became of messages."""

    def __call__(self, notification: str, channel: str, to: str, *, delivered: bool, why: str = "") -> None:
        """A receiver has it (or a provider, where that must do), or will not get it."""
        ...


@dataclass(slots=True)
class _Item:
    queued: Queued
    notification: Notification
    to: str
    received: float | None  # the event loop's time at which the message behind it came in
    due: float = 0.0  # the event loop's time of the next attempt
    sending: bool = False
    refused: bool = False  # it was said to have failed, and is tried all the same

    @property
    def key(self) -> Key:
        return self.notification.id, self.to

    @property
    def alert(self) -> Key:
        return self.notification.episode, self.to


class Outbox:
    """One queue per channel.

    `channels` are told of everything, `addressed` only what a ladder's step sends by them. Those of `outside`
    are told of no drill. `person` knows
    those who are told, `links` says where a message leads: of which alert, what, by which channel, to whom.
    """

    def __init__(
        self,
        journal: SqliteJournal,
        channels: Sequence[Channel],
        registry: Registry,
        clock: Clock,
        metrics: Metrics,
        *,
        addressed: Sequence[Channel] = (),
        outside: Collection[str] = (),
        person: Callable[[str], Person | None] = lambda _: None,
        links: Links = lambda *_: {},
    ) -> None:
        self._journal, self._registry, self._clock, self._metrics = journal, registry, clock, metrics
        self._everyone = tuple(channel.name for channel in channels)
        self._channels = {channel.name: channel for channel in (*channels, *addressed)}
        self._outside = frozenset(outside)
        self._person = person
        self._links = links
        self._told: Told = _nobody
        self._told_at: dict[tuple[str, str], float] = {}
        self._queues: dict[str, dict[Key, _Item]] = {name: {} for name in self._channels}
        self._work = {name: asyncio.Event() for name in self._channels}
        for name in self._channels:
            metrics.channel(name)
        self._empty = asyncio.Event()
        self._empty.set()
        for channel, to, attempts, queued_at, record in journal.query(
            "SELECT channel, recipient, attempts, queued_at, body FROM message WHERE state = 'waiting'"
            " ORDER BY queued_at"
        ):
            if channel in self._queues:
                notification = _load(cast("bytes", record))
                address = Address(cast("str", to), channel)
                self._add(address, notification, None, cast("int", queued_at), cast("int", attempts))

    def write(self, database: sqlite3.Connection, notification: Notification) -> None:
        """Put a notification on the list of every channel it is for, in the caller's transaction.

        It is written as attempted once: after a crash nobody can know, and the next attempt is marked.
        """
        now = self._clock.now()
        record = orjson.dumps(asdict(replace(notification, to=())))
        database.executemany(
            "INSERT OR IGNORE INTO message VALUES (?, ?, ?, ?, 'waiting', 1, NULL, '', ?)",
            [(notification.id, it.channel, it.to, now, record) for it in self._addresses(notification)],
        )

    def put(self, notification: Notification, received: float | None) -> None:
        """Send a notification whose `write` is durable."""
        for address in self._addresses(notification):
            if address.channel in self._channels:
                self._add(address, notification, received, self._clock.now(), 0)
            else:
                self._told(
                    notification.id,
                    address.channel,
                    address.to,
                    delivered=False,
                    why="there is no such channel",
                )

    async def run(self, episode: Callable[[str], Episode | None], told: Told | None = None) -> None:
        """Send on every channel until cancelled.

        `episode` looks one up as it is now; `told` hears what became of messages.
        """
        self._episode = episode
        self._told = told or _nobody
        async with asyncio.TaskGroup() as tasks:
            for name in self._channels:
                tasks.create_task(self._serve(name, tasks), name=f"outbox-{name}")

    def sent(self, alert: str, to: str) -> int:
        """The number of the newest message about an alert that a person's channels took; 0 for none."""
        rows = self._journal.query(
            "SELECT notification FROM message WHERE notification > ? AND notification < ? AND recipient = ?"
            " AND state IN ('delivered', 'accepted')",
            (f"{alert}-", f"{alert}.", to),  # "." comes after "-"
        )
        return max((int(cast("str", row[0]).rpartition("-")[2]) for row in rows), default=0)

    def waiting(self) -> int:
        """Messages not delivered yet, over all channels."""
        return sum(len(queue) for queue in self._queues.values())

    async def empty(self) -> None:
        """Wait until nothing is left to deliver."""
        await self._empty.wait()

    def _addresses(self, notification: Notification) -> Iterable[Address]:
        everyone = self._everyone if notification.everyone else ()
        return (*(Address("", name) for name in everyone), *notification.to)

    def _add(
        self,
        address: Address,
        notification: Notification,
        received: float | None,
        queued_at: int,
        attempts: int,
    ) -> None:
        name = address.channel
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
        item = _Item(queued, notification, address.to, received)
        if queued.life_safety:
            for before in self._queues[name].values():
                if before.alert == item.alert:  # what goes before a call is as urgent as the call
                    urgent = replace(before.queued, life_safety=True, severity=notification.severity)
                    before.queued, before.due = urgent, 0.0
        self._queues[name][item.key] = item
        self._metrics.undelivered.labels(name).set(len(self._queues[name]))
        self._work[name].set()

    async def _serve(self, name: str, tasks: asyncio.TaskGroup) -> None:
        loop, work = asyncio.get_running_loop(), self._work[name]
        while True:
            work.clear()
            for item, *others in self._next(name, loop.time()):
                tasks.create_task(self._send(name, item, others), name=f"send-{item.notification.id}")
            waiting = [item.due for item in self._queues[name].values() if not item.sending]
            pause = max(0.01, min(waiting) - loop.time()) if waiting else None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(work.wait(), pause)

    def _next(self, name: str, now: float) -> list[list[_Item]]:
        """What to send now: due, in order of urgency, one at a time and in order per alert and receiver.

        What goes to one receiver together is one list. A person's newest call waits for none before it.
        """
        items = self._queues[name].values()
        under_way = sum(item.sending for item in items)
        earliest: dict[Key, int] = {}
        for item in items:
            number = item.notification.number
            earliest[item.alert] = min(earliest.get(item.alert, number), number)
        ready = sorted(
            (
                item
                for item in items
                if not item.sending
                and item.due <= now
                and (
                    item.notification.number == earliest[item.alert]
                    or (item.queued.life_safety and name not in self._everyone)
                )
            ),
            key=lambda item: urgency(item.queued),
        )
        groups: list[list[_Item]] = []
        for item in ready:
            room = _CALLS_AT_ONCE if item.queued.life_safety else _AT_ONCE
            if item.sending or item.due > now or under_way + len(groups) >= room:
                continue
            group = [item]
            if name not in self._everyone and not item.queued.life_safety:
                group = [it for it in ready if it.to == item.to and not it.queued.life_safety]
                free_at = self._told_at.get((name, item.to), -GROUP_S) + GROUP_S
                if now < free_at:
                    for one in group:
                        one.due = free_at
                    continue
                self._told_at[name, item.to] = now
            for one in group:
                one.sending = True
            groups.append(group)
        return groups

    async def _send(self, name: str, first: _Item, others: list[_Item]) -> None:
        """Send a message, and what goes with it in one."""
        about: list[tuple[_Item, Episode]] = []
        for item in (first, *others):
            episode = self._episode(item.notification.episode)
            if episode is None:
                await self._finish(name, item, "delivered")  # forgotten long ago: nobody is waiting for it
            elif episode.kind == DRILL and name in self._outside:
                self._tell(name, item, delivered=False, why=OUTSIDE)
                await self._finish(name, item, "withheld", OUTSIDE)
            elif self._is_superseded(name, item, episode):
                await self._finish(name, item, "superseded")
            else:
                about.append((item, episode))
        if about:
            receipt = await self._attempt(name, about)
            for item, _ in about:
                await self._settle(name, item, receipt)

    async def _attempt(self, name: str, about: list[tuple[_Item, Episode]]) -> Receipt:
        first, episode = about[0]
        person = self._person(first.to) if first.to else None
        if first.to and person is None:
            return Failed("nobody of this id is in the rota")
        delivery = deliver(
            [(each, item.notification) for item, each in about],
            self._registry,
            max(item.queued.attempts for item, _ in about) + 1,
            person,
            self._links(episode, first.notification, name, first.to),
        )
        delivery = replace(delivery, life_safety=first.queued.life_safety)
        try:
            async with asyncio.timeout(_DEADLINE_S):
                return await self._channels[name].send(delivery)
        except TimeoutError:
            return Retry("no answer")

    def _is_superseded(self, name: str, item: _Item, episode: Episode) -> bool:
        """Whether a call came too late: somebody has taken charge, or a newer one to the same is waiting.

        Those who are told of everything get all of it.
        """
        if name in self._everyone:
            return False
        return episode.state is not State.OPEN or any(
            other.alert == item.alert and other.notification.number > item.notification.number
            for other in self._queues[name].values()
        )

    async def _settle(self, name: str, item: _Item, receipt: Receipt) -> None:
        now = self._clock.now()
        result = settle(item.queued, receipt, now, random.random())  # noqa: S311  jitter, not a secret
        why = receipt.why if isinstance(receipt, (Retry, Failed)) else ""
        if isinstance(result, Queued):
            log.warning("delivery_retry", channel=name, notification=item.notification.id, why=why)
            self._metrics.deliveries.labels(name, "retry").inc()
            wait_s = min(result.next_at - now, CAP_MS) / 1000
            item.queued, item.due = result, asyncio.get_running_loop().time() + wait_s
            item.sending = False
            self._work[name].set()
            if isinstance(receipt, Failed) and not item.refused:
                item.refused = True
                self._tell(name, item, delivered=False, why=why)
            await self._journal.transact(
                lambda database: _execute(
                    database,
                    "UPDATE message SET attempts = ?"
                    " WHERE notification = ? AND channel = ? AND recipient = ?",
                    (result.attempts + 1, item.notification.id, name, item.to),
                )
            )
            return
        if isinstance(result, GivenUp):
            log.error("delivery_failed", channel=name, notification=item.notification.id, why=result.why)
            self._metrics.deliveries.labels(name, "failed").inc()
            self._tell(name, item, delivered=False, why=result.why)
            await self._finish(name, item, "failed", result.why)
            return
        self._metrics.deliveries.labels(name, "delivered").inc()
        if item.received is not None:
            self._measure(item)
        if _is_receipt(result, self._channels[name]):
            self._tell(name, item, delivered=True)
        await self._finish(name, item, "accepted" if isinstance(result, Accepted) else "delivered")

    def _tell(self, name: str, item: _Item, *, delivered: bool, why: str = "") -> None:
        if item.notification.calls:
            self._told(item.notification.id, name, item.to, delivered=delivered, why=why)

    async def _finish(self, name: str, item: _Item, state: str, why: str = "") -> None:
        """It is done with: off the list, with its result on the record."""
        now = self._clock.now()
        del self._queues[name][item.key]
        if not self.waiting():
            self._empty.set()
        self._metrics.undelivered.labels(name).set(len(self._queues[name]))
        self._work[name].set()
        await self._journal.transact(
            lambda database: _execute(
                database,
                "UPDATE message SET state = ?, settled_at = ?, why = ?"
                " WHERE notification = ? AND channel = ? AND recipient = ?",
                (state, now, why, item.notification.id, name, item.to),
            )
        )

    def _measure(self, item: _Item) -> None:
        took_s = asyncio.get_running_loop().time() - (item.received or 0.0)
        self._metrics.latency.labels("delivered").observe(took_s)
        if item.notification.age_ms < _FRESH_MS:
            self._metrics.end_to_end.observe(took_s + item.notification.age_ms / 1000 / self._clock.speed)


_FRESH_MS = 60_000


def _is_receipt(result: Delivered | Accepted, channel: Channel) -> bool:
    """Whether the receiver has it, as far as this channel can ever say (R-03)."""
    if channel.receipts is Receipts.NONE:
        return False
    return isinstance(result, Delivered) or channel.receipts is Receipts.ACCEPTED


def _nobody(notification: str, channel: str, to: str, *, delivered: bool, why: str = "") -> None:
    """Nobody wants to know what became of messages."""


def prune(database: sqlite3.Connection, now: int) -> None:
    """Forget what was settled long ago."""
    database.execute("DELETE FROM message WHERE state != 'waiting' AND settled_at < ?", (now - _KEEP_MS,))
    database.execute("DELETE FROM message WHERE state != 'waiting' AND channel = ?", (SYNTHETIC,))


def take_over(database: sqlite3.Connection) -> None:
    """What a service of before has left in its own table. Nobody waits for its test calls any more."""
    database.execute("DELETE FROM message WHERE channel = ?", (SYNTHETIC,))
    if database.execute("SELECT 1 FROM sqlite_master WHERE name = 'outbox'").fetchone():
        database.execute(
            "INSERT OR IGNORE INTO message SELECT notification, channel, '', queued_at, state, attempts,"
            " settled_at, why, body FROM outbox"
        )
        database.execute("DROP TABLE outbox")


def _execute(database: sqlite3.Connection, sql: str, values: tuple[object, ...]) -> None:
    database.execute(sql, values)


def _load(record: bytes) -> Notification:
    values = orjson.loads(record)
    values["reason"] = EventName(values["reason"])
    values["severity"] = Severity(values["severity"])
    values["to"] = ()
    return Notification(**values)
