"""Writes processed entries into the database, batch by batch, for ever.

Rule: rows, quarantine and the journal position commit in one transaction, so each entry is stored exactly
once, whatever dies when. While the database is away nothing is lost: the journal keeps what is not stored.
"""

import asyncio
import contextlib
import os
import random
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict

import psycopg
import structlog
from psycopg import sql
from psycopg.types.json import Jsonb

from devices.observation import Observation
from devices.reading import Reason, Rejected
from devices.registry import Device, Place, Registry, Resident
from ingest.feed import Feed, Processed
from ingest.metrics import Metrics
from ingest.seal import Seal
from ingest.store.partitions import DAY_MS, ensure_months
from ingest.store.quarantine import INSERT, row_of
from ingest.store.rows import COPY, HEAD, REFUSED, TAIL, pack
from ingest.store.schema import Schema, migrate

log = structlog.get_logger()

BATCH_ROWS = 10_000
_FIRST_WAIT_S = 0.2
_LONGEST_WAIT_S = 10.0
_IDLE_S = 1.0
_GATHER_S = 0.1  # between small batches: each commit takes the disk from the journal's
_DAYS_AT_ONCE = 100  # a transaction: TimescaleDB locks some five relations a day, and locks are few thousands
_CONNECT_TIMEOUT_S = 5
_STATEMENT_TIMEOUT_MS = 60_000
Projection = Callable[[psycopg.Connection], None]


def worth_a_commit(batch: Iterable[Processed], since_s: float) -> bool:
    """Whether to store now, `since_s` after the last time. What says nothing waits a second."""
    return since_s >= _IDLE_S or any(entry.observations or entry.rejected for entry in batch)


class Writer:
    """One connection to the database and the journal's position in it.

    `project` is run about once a second to bring other projections (alerts) along; it must be
    repeatable. All database work runs in one thread beside the event loop.
    """

    def __init__(
        self,
        dsn: str,
        journal: str,
        feed: Feed,
        registry: Registry,
        metrics: Metrics,
        project: Projection,
        seal: Seal,
    ) -> None:
        self._dsn, self._journal, self._feed, self._seal = dsn, journal, feed, seal
        self._registry, self._metrics, self._project = registry, metrics, project
        self._database: psycopg.Connection | None = None
        self._months: set[tuple[int, int]] = set()
        self._schema: Schema | None = None
        self.position = 0
        self.connected = False
        self.last_error = "not connected yet"
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Connect, store, reconnect with jittered back-off; until `stop`."""
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                await asyncio.to_thread(self._open)
                wait_s = _FIRST_WAIT_S
                await self._store()
            except psycopg.Error as error:
                self._lost(error)
            except Exception as error:  # noqa: BLE001  a bug here must not end the service: alerts go on
                self._lost(error)
            await asyncio.to_thread(self._close)
            if self._stopping.is_set():
                return
            with contextlib.suppress(TimeoutError):
                pause_s = wait_s * random.uniform(0.5, 1.0)  # noqa: S311  jitter, not a secret
                await asyncio.wait_for(self._stopping.wait(), pause_s)
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)

    def stop(self) -> None:
        """Let `run` end once what is there now is stored, or at once when the database is away."""
        self._stopping.set()
        self._feed.arrived.set()

    def abort(self) -> None:
        """Break the connection: a database that does not answer must not hold up the end."""
        if self._database is not None:
            with contextlib.suppress(OSError, psycopg.Error):
                number = os.dup(self._database.pgconn.socket)
                with socket.socket(fileno=number) as peer:
                    peer.shutdown(socket.SHUT_RDWR)

    async def _store(self) -> None:
        projected = stored = -_IDLE_S
        held: list[Processed] = []
        while True:
            batch = await self._feed.take(held[-1].seq if held else self.position, BATCH_ROWS)
            held += batch
            since_s = time.monotonic() - stored
            if held and (self._stopping.is_set() or worth_a_commit(batch, since_s)):
                await self._batch(held)
                held, stored = [], time.monotonic()
            few = sum(1 + len(entry.observations) for entry in batch) < BATCH_ROWS // 2
            if batch and few and not self._stopping.is_set():
                await asyncio.sleep(_GATHER_S)
            idle = not (batch or held)
            if idle or time.monotonic() - projected >= _IDLE_S:  # also when there is always a batch
                await asyncio.to_thread(self._project_alone)
                projected = time.monotonic()
            if batch:
                continue
            if held:
                await asyncio.sleep(_GATHER_S)
                continue
            if self._stopping.is_set():
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._feed.arrived.wait(), _IDLE_S)

    async def _batch(self, batch: list[Processed]) -> None:
        started = time.monotonic()
        rows = await asyncio.to_thread(self._write, batch)
        self._metrics.commit.observe(time.monotonic() - started)
        self.position = batch[-1].seq
        self._metrics.stored_messages.inc(len(batch))
        self._metrics.stored_rows.inc(rows)

    def _lost(self, error: Exception) -> None:
        text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if self.connected or text != self.last_error:
            log.warning("database_away", error=text)
        self.connected, self.last_error = False, text

    def _open(self) -> None:
        database = psycopg.connect(
            self._dsn,
            autocommit=True,
            connect_timeout=_CONNECT_TIMEOUT_S,
            application_name="shouwang",
            options=f"-c statement_timeout={_STATEMENT_TIMEOUT_MS} -c timezone=UTC",
            # a peer that is gone without a word is noticed in half a minute, not in two hours
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
            tcp_user_timeout=30_000,
        )
        self._database = database
        self._schema = migrate(database)
        self._months.clear()
        with database.transaction():
            row = database.execute(
                "INSERT INTO journal_position (journal, seq) VALUES (%s, 0)"
                " ON CONFLICT (journal) DO UPDATE SET updated_at = now() RETURNING seq",
                (self._journal,),
            ).fetchone()
            self.position = row[0] if row else 0
            _project_registry(database, self._registry)
        self.connected, self.last_error = True, ""
        log.info("database_connected", timescale=self._schema.timescale, position=self.position)

    def _close(self) -> None:
        self.connected = False
        if self._database is not None:
            self._database.close()
            self._database = None

    def _project_alone(self) -> None:
        if self._database is not None:
            with self._database.transaction():
                self._project(self._database)

    def _write(self, batch: list[Processed]) -> int:
        days = len({o.at // DAY_MS for entry in batch for o in entry.observations})
        if days > _DAYS_AT_ONCE and len(batch) > 1:
            return self._write_halves(batch)
        sure_of = len(self._months)
        try:
            return self._write_at_once(batch)
        except REFUSED as error:
            self._months.clear()
            if sure_of:  # a partition may have been dropped meanwhile: not the rows' fault
                return self._write(batch)
            # A row the database will not have must not hold up the others: find its entry by halving.
            if len(batch) > 1:
                return self._write_halves(batch)
            return self._write_unstorable(batch[0], error)
        except psycopg.errors.OutOfMemory as error:  # no locks left
            if days <= _DAYS_AT_ONCE:
                raise  # others hold them: try again later
            return self._write_unstorable(batch[0], error)

    def _write_halves(self, batch: list[Processed]) -> int:
        middle = len(batch) // 2
        return self._write(batch[:middle]) + self._write(batch[middle:])

    def _write_unstorable(self, entry: Processed, error: Exception) -> int:
        log.warning("entry_unstorable", seq=entry.seq, error=type(error).__name__)
        device = entry.observations[0].device if entry.observations else ""
        unstorable = Rejected(Reason.UNSTORABLE, type(error).__name__, device)
        message = entry.message or self._feed.message(entry.seq)  # the journal will forget it, not quarantine
        return self._write_at_once([Processed(entry.seq, [], (*entry.rejected, unstorable), message)])

    def _write_at_once(self, batch: list[Processed]) -> int:
        database = self._database
        if database is None:
            raise psycopg.OperationalError("not connected")
        rows = sum(len(entry.observations) for entry in batch)
        with database.transaction():
            if rows:
                self._ensure_partitions(database, (o for entry in batch for o in entry.observations))
                with database.cursor().copy(COPY) as copy:
                    copy.write(HEAD)
                    for start in range(0, len(batch), 500):
                        part = batch[start : start + 500]
                        copy.write(b"".join([pack(entry.seq, entry.observations) for entry in part]))
                    copy.write(TAIL)
            quarantined = [row_of(self._journal, entry, self._seal) for entry in batch if entry.rejected]
            if quarantined:
                with database.cursor() as cursor:
                    cursor.executemany(INSERT, quarantined)
            database.execute(
                "UPDATE journal_position SET seq = %s, updated_at = now() WHERE journal = %s",
                (batch[-1].seq, self._journal),
            )
        return rows

    def _ensure_partitions(self, database: psycopg.Connection, observations: Iterable[Observation]) -> None:
        if self._schema is not None and not self._schema.timescale:
            ensure_months(database, observations, self._months)


def _project_registry(database: psycopg.Connection, registry: Registry) -> None:
    """The registry's rows as they are now; people who left stay for their history."""
    _upsert(database, "place", ["id"], registry.places.values())
    _upsert(database, "resident", ["id"], registry.residents.values())
    _upsert(database, "device", ["site", "id"], registry.devices.values())


def _upsert(
    database: psycopg.Connection, table: str, key: list[str], rows: Iterable[Place | Resident | Device]
) -> None:
    """Bring rows of a table up to date; its columns are the fields of the rows."""
    values = [
        {name: Jsonb(value) if isinstance(value, dict) else value for name, value in asdict(row).items()}
        for row in rows
    ]
    if not values:
        return
    names = list(values[0])
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT ({}) DO UPDATE SET ({}) = ({})").format(
        sql.Identifier(table),
        columns,
        sql.SQL(", ").join(map(sql.Placeholder, names)),
        sql.SQL(", ").join(map(sql.Identifier, key)),
        columns,
        sql.SQL(", ").join(sql.SQL("EXCLUDED.") + sql.Identifier(name) for name in names),
    )
    with database.cursor() as cursor:
        cursor.executemany(statement, values)
