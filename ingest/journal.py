"""The journal: every accepted message in order, durable before it is acknowledged.

Rule: one thread owns the database and each of its transactions. What waits while one transaction is
being made durable becomes the next one (group commit), so an fsync is shared by all who need one.
"""

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol
from uuid import uuid4

import structlog

from devices.message import MAX_PAYLOAD_BYTES, Message
from ingest.sqlite import connect, insert

log = structlog.get_logger()

LINGER_S = 0.002
"""How long telemetry waits for company before a commit; an urgent message waits for nobody."""

GROUP = 512
"""Messages in one commit at most."""

HURRIED = 64
"""Telemetry that may ride along in a commit somebody waits for."""

_RETRY_S = 1.0
_TRIM_STEP = 500
_RETAINED, _DUP = 1, 2

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS journal (
    seq INTEGER PRIMARY KEY, received_at INTEGER NOT NULL, flags INTEGER NOT NULL, size INTEGER NOT NULL,
    topic TEXT NOT NULL, payload BLOB NOT NULL
);
"""


class Entry(NamedTuple):
    """One journalled message and its place in the order (1, 2, 3 ...).

    `receipt` is what `append` was given with it; None when read back.
    """

    seq: int
    message: Message
    receipt: object = None


_Taken = tuple[Message, object]
Committed = Callable[[list[Entry]], None]
Statements = Callable[[sqlite3.Connection], None]


class Journal(Protocol):
    """What the service asks of a journal; SQLite here, a replicated log in a cluster."""

    id: str

    def append(self, message: Message, *, urgent: bool, receipt: object = None) -> None:
        """Take a message. `on_committed` is told when it is durable; urgent ones go first."""
        ...

    async def transact(self, statements: Statements) -> None:
        """Run statements in the journal's own database and return when they are durable."""
        ...

    def read(self, after: int, limit: int) -> list[Entry]:
        """At most `limit` entries with a higher seq than `after`, in order."""
        ...

    def trim(self, upto: int, before: int) -> None:
        """Forget entries up to `upto` received before `before` (ms), in the background; never the newest."""
        ...


@dataclass(slots=True)
class _Transaction:
    statements: Statements
    done: asyncio.Future[None]
    error: Exception | None = None


class SqliteJournal:
    """A journal in one SQLite file (WAL, synchronous FULL).

    `on_committed` is called in the event loop's thread with the entries of each commit, in order.
    Raises `sqlite3.Error` when the file cannot be opened.
    """

    def __init__(self, path: Path, on_committed: Committed, schema: str = "") -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._on_committed = on_committed
        self._loop = asyncio.get_running_loop()
        self._writer = connect(path)
        self._writer.executescript(_SCHEMA + schema)
        self._reader = connect(path)
        self._writer.execute("INSERT OR IGNORE INTO meta VALUES ('id', ?)", (uuid4().hex,))
        self._writer.commit()
        self.id: str = self._writer.execute("SELECT value FROM meta WHERE key = 'id'").fetchone()[0]
        self.last: int = self._writer.execute("SELECT coalesce(max(seq), 0) FROM journal").fetchone()[0]
        self.healthy = True
        self._wake = threading.Condition()
        self._urgent: deque[_Taken] = deque()
        self._messages: deque[_Taken] = deque()
        self._transactions: deque[_Transaction] = deque()
        self._hurry = False
        self._trim: tuple[int, int] | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def append(self, message: Message, *, urgent: bool, receipt: object = None) -> None:
        """Take a message; never blocks. `on_committed` is told when it is durable; urgent ones go first."""
        with self._wake:
            if self._closing:
                return  # not taken, so never acknowledged: the broker keeps it
            if urgent:
                self._urgent.append((message, receipt))
                self._hurry = True
            else:
                self._messages.append((message, receipt))
            if urgent or len(self._messages) in {1, GROUP}:
                self._wake.notify()

    async def transact(self, statements: Statements) -> None:
        """Run statements with the next commit; returns when durable. Retries while the disk refuses.

        Raises what the statements raise, and RuntimeError when the journal is closed.
        """
        done: asyncio.Future[None] = self._loop.create_future()
        with self._wake:
            if self._closing:
                raise RuntimeError("the journal is closed")
            self._transactions.append(_Transaction(statements, done))
            self._hurry = True
            self._wake.notify()
        await done

    def read(self, after: int, limit: int) -> list[Entry]:
        """At most `limit` entries with a higher seq than `after`, in order."""
        rows = self._reader.execute(
            "SELECT seq, topic, payload, received_at, flags, size FROM journal"
            " WHERE seq > ? ORDER BY seq LIMIT ?",
            (after, limit),
        )
        return [
            Entry(
                seq,
                Message(topic, payload, at, bool(flags & _RETAINED), flags >> 2, bool(flags & _DUP), size),
            )
            for seq, topic, payload, at, flags, size in rows
        ]

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Read from the journal's database."""
        return self._reader.execute(sql, parameters).fetchall()

    def query_apart(self, sql: str, parameters: Sequence[object] = ()) -> Iterator[tuple[object, ...]]:
        """Read row by row from any thread, by a connection of its own: the event loop waits for nothing."""
        with contextlib.closing(connect(self._path)) as reader:
            yield from reader.execute(sql, parameters)

    def trim(self, upto: int, before: int) -> None:
        """Forget entries up to `upto` received before `before` (ms), some at each commit; not the newest."""
        with self._wake:
            self._trim = (min(upto, self.last - 1), before)
            self._wake.notify()

    def close(self, timeout_s: float = 10.0) -> None:
        """Commit what was taken, then close. Bounded by `timeout_s`."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(timeout_s)
        self._reader.close()
        if not self._thread.is_alive():
            self._writer.close()

    def _run(self) -> None:
        while True:
            work = self._next()
            if work is None:
                return
            messages, transactions, trim = work
            while True:
                try:
                    entries = self._commit(messages, transactions, trim)
                except Exception as error:  # noqa: BLE001  the disk's, or a bug: either way nothing is given up
                    self.healthy = False
                    log.warning("journal_refused", error=str(error), waiting=len(self._messages))
                    if self._closing:
                        self._give_up(transactions, error)
                        return
                    time.sleep(_RETRY_S)
                else:
                    self.healthy = True
                    break
            self._loop.call_soon_threadsafe(self._tell, entries, transactions)

    def _give_up(self, transactions: list[_Transaction], error: Exception) -> None:
        """Tell all who wait for a transaction that it will not be; messages are the broker's still."""
        with self._wake:
            waiting = [*transactions, *self._transactions]
        for transaction in waiting:
            transaction.error = error
        self._loop.call_soon_threadsafe(self._tell, [], waiting)

    def _next(self) -> tuple[list[_Taken], list[_Transaction], tuple[int, int] | None] | None:
        with self._wake:
            while not (self._urgent or self._messages or self._transactions or self._trim or self._closing):
                self._wake.wait()
            if not (self._hurry or self._closing or len(self._messages) >= GROUP):
                self._wake.wait(LINGER_S)
            if self._closing and not (self._urgent or self._messages or self._transactions):
                return None
            messages = list(self._urgent)
            self._urgent.clear()
            room = HURRIED if self._hurry else GROUP
            messages += [self._messages.popleft() for _ in range(min(room, len(self._messages)))]
            transactions = list(self._transactions)
            self._transactions.clear()
            self._hurry = False
            trim = self._trim
            if not messages:
                self._trim = None
            return messages, transactions, trim

    def _commit(
        self, messages: list[_Taken], transactions: list[_Transaction], trim: tuple[int, int] | None
    ) -> list[Entry]:
        database, first = self._writer, self.last + 1
        entries = [Entry(seq, *taken) for seq, taken in enumerate(messages, first)]
        try:
            database.execute("BEGIN IMMEDIATE")
            insert(database, "journal", [_row(entry.seq, entry.message) for entry in entries])
            for transaction in transactions:
                _run_apart(transaction, database)
            if trim:
                self._trim_some(*trim, 2 * len(entries) + _TRIM_STEP)
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise
        self.last += len(entries)
        return entries

    def _trim_some(self, upto: int, before: int, rows: int) -> None:
        """Delete some of the oldest entries: not many, since a commit for somebody's life waits for it."""
        oldest = self._writer.execute("SELECT seq, received_at FROM journal ORDER BY seq LIMIT 1").fetchone()
        if oldest is None or oldest[0] > upto or oldest[1] >= before:
            self._trim = None
            return
        self._writer.execute(
            "DELETE FROM journal WHERE seq <= ? AND seq < ? AND received_at < ?",
            (upto, oldest[0] + rows, before),
        )

    def _tell(self, entries: list[Entry], transactions: list[_Transaction]) -> None:
        if entries:
            self._on_committed(entries)
        for transaction in transactions:
            if transaction.done.done():
                continue
            if transaction.error is None:
                transaction.done.set_result(None)
            else:
                transaction.done.set_exception(transaction.error)


def _row(seq: int, message: Message) -> tuple[object, ...]:
    flags = message.retained * _RETAINED | message.dup * _DUP | message.qos << 2
    return (seq, message.received_at, flags, message.size, message.topic, message.payload)


def _run_apart(transaction: _Transaction, database: sqlite3.Connection) -> None:
    """Run one transaction's statements so that its own mistake spoils neither messages nor others.

    A disk that refuses is everybody's matter and is raised; the commit is tried again. Not so a mistake in
    the statements (SQLITE_ERROR): it would stay, and hold up every message for ever.
    """
    database.execute("SAVEPOINT apart")
    transaction.error = None
    try:
        transaction.statements(database)
    except Exception as error:
        if (
            isinstance(error, sqlite3.OperationalError)
            and error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_ERROR
        ):
            raise
        database.execute("ROLLBACK TO apart")
        transaction.error = error
    database.execute("RELEASE apart")


def head_of(topic: str, payload: bytes, received_at: int, flags: tuple[bool, bool, int]) -> Message:
    """A message as it is journalled: of an oversized payload only the head is kept, with its full size."""
    retained, dup, qos = flags
    return Message(topic, payload[:MAX_PAYLOAD_BYTES], received_at, retained, qos, dup, len(payload))
