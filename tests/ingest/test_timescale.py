"""On a real TimescaleDB (SHOUWANG_TEST_DSN): chunks, columnstore, history of any age, who may do what."""

import os
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from devices.message import Message
from devices.observation import Observation
from ingest.feed import Processed
from ingest.metrics import Metrics
from ingest.store import schema
from ingest.store.schema import migrate
from ingest.store.writer import Writer
from tests.ingest.works import REGISTRY, T0, works
from tests.quarantined import SEAL

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif("SHOUWANG_TEST_DSN" not in os.environ, reason="SHOUWANG_TEST_DSN is not set"),
    pytest.mark.parametrize("dsn", ["given"], indirect=True),
]

DAY = 86_400_000
COLUMNS = "value, word, detail, by_whom, confidence, late, resident, place, journal_seq, part"


@pytest.fixture(autouse=True)
def needs_timescale(dsn: str) -> None:
    with psycopg.connect(dsn) as database:
        if not schema._preloaded(database):
            pytest.skip("SHOUWANG_TEST_DSN is no TimescaleDB")


@pytest.fixture
async def writer(dsn: str, tmp_path: Path) -> AsyncIterator[Writer]:
    """A writer that is connected and does what it is told."""
    with works(tmp_path) as at_work:
        made = Writer(dsn, "j", at_work.pipeline.feed, REGISTRY, Metrics(), lambda _: None, SEAL)
        made._open()
        yield made
        made._close()


def heart_rate(at: int, bpm: float = 70) -> Observation:
    return Observation("d1", "heart_rate", bpm, at, T0, resident="ann")


def entries(observations: Iterable[Observation], first: int = 1) -> list[Processed]:
    """Each in a journal entry of its own."""
    return [Processed(seq, [o], (), None) for seq, o in enumerate(observations, first)]


def rows(dsn: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn, autocommit=True, options="-c timezone=UTC") as database:
        return database.execute(query.encode()).fetchall()


def execute(dsn: str, *statements: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as database:
        for statement in statements:
            database.execute(statement.encode())


def test_observation_is_a_hypertable_of_days_with_a_columnstore(dsn: str) -> None:
    for applied in (9, 0):
        with psycopg.connect(dsn, autocommit=True) as database:
            made = migrate(database)
        assert made.timescale
        assert len(made.applied) == applied
    days = rows(dsn, "SELECT time_interval = INTERVAL '1 day' FROM timescaledb_information.dimensions")
    assert days == [(True,)]
    if rows(dsn, "SHOW timescaledb.license") != [("timescale",)]:
        pytest.skip("the Apache-2 edition has no columnstore")
    assert rows(
        dsn, "SELECT segmentby, orderby FROM timescaledb_information.hypertable_columnstore_settings"
    ) == [("resident,metric", "at DESC,journal_seq DESC,part DESC")]
    assert rows(
        dsn,
        "SELECT config ->> 'compress_after' FROM timescaledb_information.jobs"
        " WHERE hypertable_name = 'observation'",
    ) == [("7 days",)]


async def test_history_goes_to_the_chunk_of_its_day(writer: Writer, dsn: str) -> None:
    times = [
        datetime(2008, 8, 8, 20, 8, tzinfo=UTC),
        datetime(2008, 8, 8, 23, 59, 59, 999_000, UTC),
        datetime(2008, 8, 9, tzinfo=UTC),
        datetime(2026, 9, 21, 12, tzinfo=UTC),
    ]
    writer._write(entries(heart_rate(round(at.timestamp() * 1000)) for at in times))
    assert rows(dsn, "SELECT at FROM observation ORDER BY at") == [(at,) for at in times]
    chunks = rows(
        dsn, "SELECT range_start, range_end FROM timescaledb_information.chunks ORDER BY range_start"
    )
    assert chunks == [
        (datetime(*day, tzinfo=UTC), datetime(*day, tzinfo=UTC) + timedelta(days=1))
        for day in [(2008, 8, 8), (2008, 8, 9), (2026, 9, 21)]
    ]
    assert rows(dsn, "SELECT count(*) FROM ONLY observation") == [(0,)]


async def test_what_is_in_the_columnstore_reads_back_and_takes_late_rows(writer: Writer, dsn: str) -> None:
    if rows(dsn, "SHOW timescaledb.license") != [("timescale",)]:
        pytest.skip("the Apache-2 edition has no columnstore")
    at = T0 - 30 * DAY
    some = [
        heart_rate(at),
        heart_rate(at + 1, 36.6)._replace(confidence=0.5, detail="床", by="nurse", late=True),
        heart_rate(at + 2)._replace(metric="zone", value="bathroom", resident="", place="r1"),
    ]
    writer._write(entries(some))
    before = rows(dsn, f"SELECT {COLUMNS} FROM observation ORDER BY journal_seq")
    ((job,),) = rows(
        dsn, "SELECT job_id FROM timescaledb_information.jobs WHERE hypertable_name = 'observation'"
    )
    execute(dsn, f"CALL run_job({job})")
    compressed = "SELECT is_compressed FROM timescaledb_information.chunks"
    assert rows(dsn, compressed) == [(True,)]
    assert rows(dsn, f"SELECT {COLUMNS} FROM observation ORDER BY journal_seq") == before

    writer._write(entries([heart_rate(at + 3, 71), heart_rate(at, 72)], first=4))
    assert rows(dsn, "SELECT journal_seq, value FROM observation WHERE metric = 'heart_rate' ORDER BY 1") == [
        (1, 70.0), (2, 36.6), (4, 71.0), (5, 72.0),
    ]  # fmt: skip
    execute(dsn, f"CALL run_job({job})")
    assert rows(dsn, "SELECT count(*), max(journal_seq) FROM observation") == [(5, 5)]
    assert rows(dsn, compressed) == [(True,)]


async def test_history_of_many_days_takes_several_transactions(writer: Writer, dsn: str) -> None:
    writer._write(entries(heart_rate(T0 - n * DAY) for n in range(400)))
    assert rows(dsn, "SELECT count(*), count(DISTINCT journal_seq) FROM observation") == [(400, 400)]
    assert rows(dsn, "SELECT seq FROM journal_position") == [(400,)]
    transactions = rows(dsn, "SELECT count(DISTINCT at) FROM observation GROUP BY xmin::text")
    assert all(int(str(days)) <= 100 for (days,) in transactions)


@pytest.mark.slow
async def test_one_message_about_too_many_days_holds_nobody_up(writer: Writer, dsn: str) -> None:
    message = Message("t", b"[]", T0)
    many = [heart_rate(T0 - n * DAY) for n in range(9700)]
    batch = [*entries([heart_rate(T0)]), Processed(2, many, (), message), *entries([heart_rate(T0)], 3)]
    writer._write(batch)
    assert rows(dsn, "SELECT seq FROM journal_position") == [(3,)]
    refused = rows(dsn, "SELECT journal_seq, reason FROM quarantine")
    ((stored,),) = rows(dsn, "SELECT count(*) FROM observation")
    assert (stored, refused) in [(2, [(2, "unstorable")]), (9702, [])]  # a large lock table takes it


async def test_a_database_that_was_made_native_stays_so(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before, psycopg.connect(dsn, autocommit=True) as database:
        before.setattr(schema, "_preloaded", lambda _: False)
        assert not migrate(database).timescale
    execute(dsn, "CREATE EXTENSION timescaledb")
    with works(tmp_path) as at_work:
        writer = Writer(dsn, "j", at_work.pipeline.feed, REGISTRY, Metrics(), lambda _: None, SEAL)
        writer._open()
        writer._write(entries([heart_rate(T0)]))
        writer._close()
    assert rows(dsn, "SELECT tableoid::regclass::text FROM observation") == [("observation_2026_09",)]
    assert rows(dsn, "SELECT count(*) FROM timescaledb_information.hypertables") == [(0,)]


def test_a_server_that_no_longer_loads_it_is_told_of(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    execute(dsn, "CREATE EXTENSION timescaledb")
    monkeypatch.setattr(schema, "_preloaded", lambda _: False)
    with psycopg.connect(dsn, autocommit=True) as database:
        with pytest.raises(psycopg.Error, match="shared_preload_libraries"):
            migrate(database)
        assert not database.broken
    assert rows(dsn, "SELECT to_regclass('schema_migration')") == [(None,)]


def test_who_may_not_make_the_extension_is_told_who_can(dsn: str) -> None:
    if rows(dsn, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == [(True,)]:
        pytest.skip("the role of SHOUWANG_TEST_DSN may do anything")
    name = conninfo_to_dict(dsn)["dbname"]
    execute(dsn, f"REVOKE CREATE ON DATABASE {name} FROM CURRENT_USER")
    with (
        psycopg.connect(dsn, autocommit=True) as database,
        pytest.raises(psycopg.Error, match="a superuser must once run CREATE EXTENSION timescaledb"),
    ):
        migrate(database)
    execute(
        dsn,
        f"GRANT CREATE ON DATABASE {name} TO CURRENT_USER",
        "CREATE EXTENSION timescaledb",
        f"REVOKE CREATE ON DATABASE {name} FROM CURRENT_USER",
    )
    with psycopg.connect(dsn, autocommit=True) as database:
        assert migrate(database).timescale


def test_an_old_timescaledb_is_told_of(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "_OLDEST", (99, 0))
    with (
        psycopg.connect(dsn, autocommit=True) as database,
        pytest.raises(psycopg.Error, match=r"needs TimescaleDB 99\.0 or newer, this database has 2\."),
    ):
        migrate(database)
