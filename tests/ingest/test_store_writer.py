"""The store: every entry once, whatever dies; what it cannot store is kept apart and holds nobody up."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from devices.message import MAX_PAYLOAD_BYTES, Message
from devices.registry import CareLevel, Device, Place, PlaceKind, Registry, Resident, Risk, RiskLevel
from ingest.feed import Feed, Processed
from ingest.journal import head_of
from ingest.store.writer import Projection, Writer, worth_a_commit
from tests.deadline import eventually
from tests.ingest.works import REGISTRY, SITE, T0, Works, works
from tests.quarantined import SEAL, quarantined

pytestmark = pytest.mark.integration


@pytest.fixture
def at_work(tmp_path: Path) -> "Iterator[Callable[[], Works]]":
    """Makes works once a loop runs; closes them."""
    made: list[Works] = []

    def make() -> Works:
        made.append(Works(tmp_path))
        return made[-1]

    yield make
    for each in made:
        each.close()


def telemetry(bpm: float, at: int = T0, **about: object) -> Message:
    payload = json.dumps({"heart_rate": bpm} | about).encode()
    return Message(f"shouwang/v1/{SITE}/d1/telemetry", payload, at)


def nothing(_: psycopg.Connection) -> None:
    """A projection of nothing."""


def writer_of(
    works: Works,
    dsn: str,
    registry: Registry = REGISTRY,
    project: Projection = nothing,
    feed: Feed | None = None,
) -> Writer:
    return Writer(dsn, works.journal.id, feed or works.pipeline.feed, registry, works.metrics, project, SEAL)


_WINDOW = json.dumps({"ts": T0, "fs": 50, "xyz": [[0, 0, 1]] * 50}).encode()


@asynccontextmanager
async def writing(writer: Writer) -> AsyncIterator[Writer]:
    """A writer at work; stopped in order at the end."""
    running = asyncio.create_task(writer.run())
    try:
        yield writer
    finally:
        writer.stop()
        async with asyncio.timeout(60):
            await running


async def stored(works: Works, dsn: str, registry: Registry = REGISTRY) -> None:
    """Processes what was taken and stores all of it."""
    works.pipeline.drain()
    async with writing(writer_of(works, dsn, registry)) as writer:
        await eventually(lambda: writer.position == works.pipeline.position)


def rows(dsn: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn, options="-c timezone=UTC") as database:
        return database.execute(query.encode()).fetchall()


def rows_and_position(dsn: str) -> tuple[list[int], int]:
    """The journal numbers of all rows, and the position they were stored with."""
    seqs = [
        int(str(seq))
        for (seq,) in rows(dsn, "SELECT journal_seq FROM observation ORDER BY journal_seq, part")
    ]
    ((position,),) = rows(dsn, "SELECT seq FROM journal_position")
    return seqs, int(str(position))


async def test_rows_and_position_are_stored_together(at_work: Callable[[], Works], dsn: str) -> None:
    works = at_work()
    await works.take(telemetry(70, id="a", spo2=97), telemetry(70, id="a", spo2=97), telemetry(71, id="b"))
    await stored(works, dsn)
    assert rows_and_position(dsn) == ([1, 1, 3], 3)
    assert rows(
        dsn, "SELECT metric, value, resident, place, site FROM observation ORDER BY journal_seq, part"
    ) == [
        ("heart_rate", 70.0, "ann", "r1", SITE),
        ("spo2", 97.0, "ann", "r1", SITE),
        ("heart_rate", 71.0, "ann", "r1", SITE),
    ]


async def test_a_new_writer_goes_on_where_the_last_one_was(at_work: Callable[[], Works], dsn: str) -> None:
    works = at_work()
    await works.take(*[telemetry(70, id=n) for n in range(300)])
    await stored(works, dsn)
    await works.pipeline.save()
    await works.take(*[telemetry(70, id=n) for n in range(200, 500)])
    works.crash()
    await stored(works, dsn)
    assert rows_and_position(dsn) == ([*range(1, 301), *range(401, 601)], 600)


async def test_what_says_nothing_is_done_with_too_and_nothing_waits_for_it(
    at_work: Callable[[], Works], dsn: str
) -> None:
    """Acceleration, alone, with rows, and when the writer is stopped."""
    works = at_work()
    empty = [Message(f"shouwang/v1/{SITE}/d1/motion", _WINDOW, T0 + n) for n in range(40)]
    async with writing(writer_of(works, dsn)) as writer:
        await eventually(lambda: writer.connected)
        for one in empty:
            await works.take(one)
            works.pipeline.drain()
        await eventually(lambda: writer.position == 40)
        await works.take(empty[0], telemetry(70, id="a"))
        works.pipeline.drain()
        await eventually(lambda: writer.position == 42)
        await works.take(*empty[:3])
        works.pipeline.drain()
    assert rows_and_position(dsn) == ([42], 45), "stopped, and nothing is left behind"


@pytest.mark.parametrize(
    ("payloads", "since_s", "now"),
    [
        ([], 0.9, False),
        ([], 1.0, True),
        ([_WINDOW] * 2, 0.9, False),
        ([_WINDOW] * 2, 1.0, True),
        ([_WINDOW, b'{"heart_rate": 70}'], 0.0, True),
        ([b"?", _WINDOW], 0.0, True),
    ],
)
async def test_what_says_nothing_waits_a_second_and_whatever_says_something_does_not(
    at_work: Callable[[], Works], payloads: list[bytes], since_s: float, *, now: bool
) -> None:
    works = at_work()
    for payload in payloads:
        whose = {_WINDOW: "d1/motion", b"?": "stranger/telemetry"}.get(payload, "d1/telemetry")
        await works.take(Message(f"shouwang/v1/{SITE}/{whose}", payload, T0))
    works.pipeline.drain()
    batch = await works.pipeline.feed.take(0, 100)
    assert [bool(entry.rejected) for entry in batch] == [payload == b"?" for payload in payloads]
    assert not any(entry.observations and entry.rejected for entry in batch)
    assert worth_a_commit(batch, since_s) is now


@pytest.mark.faults
async def test_killed_connections_double_and_lose_nothing(at_work: Callable[[], Works], dsn: str) -> None:
    works = at_work()
    kills = 0
    async with writing(writer_of(works, dsn)) as writer:
        for n in range(40):
            await works.take(*[telemetry(70, id=f"{n}/{m}") for m in range(250)])
            works.pipeline.drain()
            if n % 5 == 4:
                await eventually(lambda: writer.connected)
                kills += await asyncio.to_thread(_kill_while_it_writes, dsn)
        await eventually(lambda: writer.position == 10_000)
    assert kills > 0
    assert rows_and_position(dsn) == (list(range(1, 10_001)), 10_000)


def _kill_while_it_writes(dsn: str) -> int:
    """Ends the writer's connections, in the middle of a statement if there is one; how many."""
    with psycopg.connect(dsn, autocommit=True) as database:
        for _ in range(200):
            busy = database.execute(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'shouwang'"
                " AND datname = current_database() AND state <> 'idle'"
            ).fetchall()
            if busy:
                break
        return len(
            database.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'shouwang' AND datname = current_database()"
            ).fetchall()
        )


@pytest.mark.faults
async def test_a_commit_whose_answer_was_lost_is_not_repeated(at_work: Callable[[], Works], dsn: str) -> None:
    works = at_work()
    await works.take(*[telemetry(70, id=n) for n in range(10)])
    works.pipeline.drain()
    writer = writer_of(works, dsn)
    await asyncio.to_thread(writer._open)
    batch = await works.pipeline.feed.take(0, 5)
    await asyncio.to_thread(writer._write, batch)  # committed; the writer never learns of it
    assert writer.position == 0
    await asyncio.to_thread(writer._close)
    async with writing(writer):
        await eventually(lambda: writer.position == 10)
    assert rows_and_position(dsn) == (list(range(1, 11)), 10)


async def test_months_and_years_have_their_partitions(at_work: Callable[[], Works], dsn: str) -> None:
    works = at_work()
    times = """
        2000-01-01T00:00:00Z 2023-12-31T23:59:59.999Z 2024-01-01T00:00:00Z 2024-02-29T23:59:59.999Z
        2024-03-01T00:00:00Z 2025-12-31T23:59:59.999Z 2026-01-01T00:00:00.000Z
    """.split()
    await works.take(*[telemetry(70, ts=time) for time in times])
    await stored(works, dsn)
    await works.take(*[telemetry(71, ts=time) for time in times])
    await stored(works, dsn)
    found = rows(dsn, "SELECT DISTINCT at FROM observation ORDER BY at")
    assert [at for (at,) in found] == [datetime.fromisoformat(time) for time in times]
    assert len(rows_and_position(dsn)[0]) == 2 * len(times)
    if rows(dsn, "SELECT 1 FROM pg_class WHERE relname = 'observation' AND relkind = 'p'"):
        partitions = rows(dsn, "SELECT DISTINCT tableoid::regclass::text FROM observation ORDER BY 1")
        assert partitions == [
            (f"observation_{month}",)
            for month in ("2000_01", "2023_12", "2024_01", "2024_02", "2024_03", "2025_12", "2026_01")
        ]


async def test_a_partition_that_was_dropped_is_made_again(at_work: Callable[[], Works], dsn: str) -> None:
    works = at_work()
    async with writing(writer_of(works, dsn)) as writer:
        await works.take(telemetry(70, ts="2024-01-15T00:00:00Z"))
        works.pipeline.drain()
        await eventually(lambda: writer.position == 1)
        with psycopg.connect(dsn, autocommit=True) as database:
            if writer._schema is None or writer._schema.timescale:
                pytest.skip("TimescaleDB makes its own chunks")
            database.execute("DROP TABLE observation_2024_01")
        await works.take(telemetry(71, ts="2024-01-15T00:00:00Z"))
        works.pipeline.drain()
        await eventually(lambda: writer.position == 2)
    assert rows(dsn, "SELECT value FROM observation") == [(71.0,)]
    assert rows(dsn, "SELECT reason FROM quarantine") == []


async def test_an_entry_the_database_refuses_is_kept_apart(at_work: Callable[[], Works], dsn: str) -> None:
    works = at_work()
    await stored(works, dsn)
    with psycopg.connect(dsn, autocommit=True) as database:
        database.execute("ALTER TABLE observation ADD CONSTRAINT no_66 CHECK (value <> 66)")
    await works.take(*[telemetry(60 + n, id=n, pulse=1) for n in range(10)], telemetry(66, id="last"))
    await stored(works, dsn)
    seqs, position = rows_and_position(dsn)
    assert (seqs, position) == ([1, 2, 3, 4, 5, 6, 8, 9, 10], 11)
    found = rows(dsn, "SELECT journal_seq, reason, readings FROM quarantine WHERE journal_seq IN (7, 11)")
    assert found == [(7, "unknown_metric", 2), (11, "unstorable", 1)]
    ((detail,),) = rows(dsn, "SELECT detail FROM quarantine WHERE journal_seq = 7")
    assert "pulse" in str(detail)
    kept = {row.seq: message for row, message in quarantined(dsn)}
    assert json.loads(kept[7].payload) == {"heart_rate": 66, "id": 6, "pulse": 1}
    assert kept[11].topic == f"shouwang/v1/{SITE}/d1/telemetry"
    assert json.loads(kept[11].payload) == {"heart_rate": 66, "id": "last"}


async def test_what_could_not_be_used_is_in_quarantine(at_work: Callable[[], Works], dsn: str) -> None:
    works = at_work()
    large = b"[" * (MAX_PAYLOAD_BYTES + 5)
    topic = f"shouwang/v1/{SITE}/d1/telemetry"
    messages = [
        Message("no/\0family", b"\0\xff", T0 + 123),
        head_of(topic, large, T0, (False, False, 1)),
        Message(topic, b'{"a": 1, "b": 2, "heart_rate": 70}', T0),
    ]
    await works.take(*messages)
    await stored(works, dsn)
    found = rows(
        dsn,
        "SELECT journal_seq, received_at, topic, device, reason, detail, readings, size, family, stored"
        " FROM quarantine ORDER BY journal_seq",
    )
    at = datetime.fromtimestamp(T0 / 1000, UTC)
    assert found == [
        (1, at.replace(microsecond=123_000), "no/\ufffdfamily", "", "unknown_topic",
         "no device family uses this topic", 1, 2, "", 0),
        (2, at, topic, "d1", "too_large", "longer than 262144 bytes", 1, len(large), "native", 0),
        (3, at, topic, "d1", "unknown_metric", "a; b", 2, 34, "native", 1),
    ]  # fmt: skip
    kept = [(message.topic, message.payload, message.oversized) for _, message in quarantined(dsn)]
    assert kept == [
        ("no/\0family", b"\0\xff", False),
        (topic, large[:MAX_PAYLOAD_BYTES], True),
        (topic, messages[2].payload, False),
    ]
    sealed = b"".join(bytes(row.payload) for row, _ in quarantined(dsn))
    assert b"heart_rate" not in sealed
    assert rows_and_position(dsn) == ([3], 3)


async def test_the_registry_is_projected_and_who_left_stays(at_work: Callable[[], Works], dsn: str) -> None:
    works = at_work()
    before = Registry.of(
        [Place("r1", PlaceKind.ROOM, "一", "", "Asia/Shanghai")],
        [Resident("ann", "r1", "Ann", CareLevel.SPECIAL), Resident("bob", "r1")],
        [Device("d", "band", "X", "ann", site="s1", calls=True), Device("d", site="s2")],
    )
    await stored(works, dsn, before)
    risks = {Risk.FALL: RiskLevel.HIGH}
    ann = replace(before.residents["ann"], name="Anna", away=True, risks=risks)
    after = Registry.of(before.places.values(), [ann], before.devices.values())
    await stored(works, dsn, after)
    await stored(works, dsn, after)
    await stored(works, dsn, Registry())
    assert rows(dsn, "SELECT id, place, name, care_level, away, risks FROM resident ORDER BY id") == [
        ("ann", "r1", "Anna", "special", True, {"fall": "high"}),
        ("bob", "r1", "", "3", False, {}),
    ]
    assert rows(dsn, "SELECT id, kind, name, parent, timezone FROM place") == [
        ("r1", "room", "一", "", "Asia/Shanghai")
    ]
    assert rows(
        dsn, "SELECT site, id, kind, model, resident, calls, supervision FROM device ORDER BY site"
    ) == [
        ("s1", "d", "band", "X", "ann", True, "25h"),
        ("s2", "d", "", "", "", False, "25h"),
    ]


async def test_two_journals_keep_their_own_positions(dsn: str, tmp_path: Path) -> None:
    for name, count in (("a", 3), ("b", 2)):
        with works(tmp_path / name) as one:
            await one.take(*[telemetry(70, id=n) for n in range(count)], telemetry(0, id="x"))
            await stored(one, dsn)
    assert sorted(rows(dsn, "SELECT seq FROM journal_position")) == [(3,), (4,)]
    assert rows(dsn, "SELECT count(*) FROM observation") == [(5,)]
    assert rows(dsn, "SELECT count(*) FROM quarantine") == [(2,)]


class _AlwaysMore(Feed):
    """A feed that is never empty until it is told to be."""

    def __init__(self, works: Works) -> None:
        super().__init__(works.pipeline)
        self.given: Callable[[], Awaitable[object]] | None = lambda: works.take(telemetry(70))
        self._works = works

    async def take(self, after: int, rows: int) -> list[Processed]:
        if self.given is not None:
            await self.given()
            self._works.pipeline.drain()
        return await super().take(after, rows)


async def test_projections_come_along_though_there_is_always_a_batch(
    at_work: Callable[[], Works], dsn: str
) -> None:
    works = at_work()
    projected: list[int] = []
    feed = _AlwaysMore(works)
    writer = writer_of(works, dsn, project=lambda _: projected.append(1), feed=feed)
    async with writing(writer):
        await eventually(lambda: len(projected) >= 2)
        feed.given = None


@pytest.mark.faults
async def test_it_waits_for_a_database_that_is_away(at_work: Callable[[], Works], dsn: str) -> None:
    works = at_work()
    await works.take(telemetry(70))
    works.pipeline.drain()
    away = psycopg.conninfo.make_conninfo(dsn, dbname="no_such_database")
    async with writing(writer_of(works, away)) as writer:
        await eventually(lambda: "no_such_database" in writer.last_error)
        assert not writer.connected
        with psycopg.connect(dsn, autocommit=True) as database:
            database.execute("CREATE DATABASE no_such_database")
        try:
            await eventually(lambda: writer.position == 1)
            assert writer.connected
        finally:
            with psycopg.connect(dsn, autocommit=True) as database:
                database.execute("DROP DATABASE no_such_database WITH (FORCE)")
            writer.stop()
