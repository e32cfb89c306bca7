"""Migrations: each once, whoever runs them and however often; what fails leaves nothing; old data stays."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from threading import Barrier

import psycopg
import pytest

from ingest.store.schema import Schema, migrate

pytestmark = pytest.mark.integration

_NAMES = tuple(
    sorted(f.name for f in (files("ingest.store") / "migrations").iterdir() if f.name.endswith(".sql"))
)


def _migrated(dsn: str, wait: Callable[[], object] = lambda: None) -> Schema:
    with psycopg.connect(dsn, autocommit=True) as database:
        wait()
        return migrate(database)


def _applied(dsn: str) -> list[str]:
    with psycopg.connect(dsn) as database:
        return [name for (name,) in database.execute("SELECT name FROM schema_migration ORDER BY name")]


def test_all_are_applied_once(dsn: str) -> None:
    assert _migrated(dsn).applied == _NAMES
    assert _applied(dsn) == list(_NAMES)
    assert _migrated(dsn).applied == ()
    assert _applied(dsn) == list(_NAMES)


def test_it_says_what_the_table_is(dsn: str) -> None:
    first, second = _migrated(dsn), _migrated(dsn)
    with psycopg.connect(dsn) as database:
        hypertable = database.execute("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'").fetchone()
        kind = database.execute("SELECT relkind FROM pg_class WHERE relname = 'observation'").fetchone()
    assert first.timescale is second.timescale is (hypertable is not None)
    assert kind == ("r",) if hypertable else kind == ("p",)


def test_two_at_once_do_not_collide(dsn: str) -> None:
    begin = Barrier(4)
    with ThreadPoolExecutor(4) as threads:
        migrating = [threads.submit(_migrated, dsn, lambda: begin.wait(timeout=30)) for _ in range(4)]
        applied = [each.result(timeout=60).applied for each in migrating]
    assert sorted(applied) == [(), (), (), _NAMES]


def test_a_database_of_an_older_release_gets_only_what_is_new(dsn: str) -> None:
    first = (files("ingest.store") / "migrations" / _NAMES[0]).read_text("utf-8")
    with psycopg.connect(dsn, autocommit=True) as database:
        database.execute(first.encode())
        database.execute("INSERT INTO resident VALUES ('ann', 'b1', 'Ann', '1', false)")
        database.execute(
            "CREATE TABLE schema_migration"
            " (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        database.execute("INSERT INTO schema_migration (name) VALUES (%s)", (_NAMES[0],))
        assert migrate(database).applied == _NAMES[1:]
        assert database.execute("SELECT name FROM resident").fetchall() == [("Ann",)]


def test_what_fails_leaves_nothing_and_can_be_repeated(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as database:
        database.execute("CREATE TABLE observation (mine int)")
        with pytest.raises(psycopg.errors.DuplicateTable):
            migrate(database)
        tables = database.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        assert tables == [("observation",)]
        database.execute("DROP TABLE observation")
        assert migrate(database).applied == _NAMES
