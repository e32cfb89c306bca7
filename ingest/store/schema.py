"""Brings a database up to date: numbered SQL, applied once each, never destructive, safe to repeat.

Rule: TimescaleDB is used only where it is preloaded; asking an available but not preloaded one for
anything kills the connection.
"""

import re
from dataclasses import dataclass
from importlib.resources import files

import psycopg

_LOCK = 0x5368_6F75_7761_6E67  # "Shouwang": two services must not migrate at once
_NATIVE = "PARTITION BY RANGE (at)"
_OLDEST = (2, 18)  # the first with a columnstore by that name

_TIMESCALE = """
SELECT create_hypertable('observation', by_range('at', INTERVAL '1 day'), create_default_indexes => false);
"""
_COLUMNSTORE = """
ALTER TABLE observation SET (
    timescaledb.enable_columnstore, timescaledb.segmentby = 'resident, metric',
    timescaledb.orderby = 'at DESC, journal_seq DESC, part DESC'
);
CALL add_columnstore_policy('observation', after => INTERVAL '7 days');
"""


@dataclass(frozen=True, slots=True)
class Schema:
    """What a database has: whether `observation` is a hypertable, and the migrations applied just now."""

    timescale: bool
    applied: tuple[str, ...]


def migrate(database: psycopg.Connection) -> Schema:
    """Apply what is missing. Raises `psycopg.Error`; then nothing of the failed migration remains.

    `database` must be in autocommit mode.
    """
    applied: list[str] = []
    preloaded = _preloaded(database)
    if not preloaded and _extension(database):  # a hypertable would take rows where nobody finds them again
        raise psycopg.errors.ObjectNotInPrerequisiteState(
            "this database has the extension timescaledb, but the server has not loaded it:"
            " put timescaledb into shared_preload_libraries and restart the server"
        )
    with database.transaction():
        database.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        database.execute(
            "CREATE TABLE IF NOT EXISTS schema_migration"
            " (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        done = {name for (name,) in database.execute("SELECT name FROM schema_migration")}
        for name, sql in _numbered():
            if name in done:
                continue
            if "/* PARTITION */" in sql:
                _observation(database, sql, timescale=preloaded)
            else:
                database.execute(sql.encode())
            database.execute("INSERT INTO schema_migration (name) VALUES (%s)", (name,))
            applied.append(name)
    return Schema(is_hypertable(database), tuple(applied))


def _numbered() -> list[tuple[str, str]]:
    folder = files("ingest.store") / "migrations"
    found = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return [(f.name, f.read_text("utf-8")) for f in found]


def _preloaded(database: psycopg.Connection) -> bool:
    """Whether the running server has loaded TimescaleDB: then it knows its settings (any role may ask)."""
    found = database.execute("SELECT 1 FROM pg_settings WHERE name = 'timescaledb.max_background_workers'")
    return found.fetchone() is not None


def _observation(database: psycopg.Connection, sql: str, *, timescale: bool) -> None:
    if not timescale:
        database.execute(sql.replace("/* PARTITION */", _NATIVE).encode())
        return
    _make_extension(database)
    database.execute(sql.encode())
    database.execute(_TIMESCALE)
    licence = database.execute("SHOW timescaledb.license").fetchone()
    if licence == ("timescale",):  # the columnstore is not in the Apache-2 edition
        for statement in _COLUMNSTORE.strip().split(";\n"):
            database.execute(statement.rstrip(";").encode())


def _make_extension(database: psycopg.Connection) -> None:
    try:
        database.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    except psycopg.errors.InsufficientPrivilege as error:
        raise psycopg.errors.InsufficientPrivilege(
            "this role may not make the extension timescaledb:"
            " a superuser must once run CREATE EXTENSION timescaledb in this database"
        ) from error
    version = _extension(database)
    if tuple(int(number) for number in re.findall(r"\d+", version)[:2]) < _OLDEST:
        raise psycopg.errors.FeatureNotSupported(
            f"needs TimescaleDB {_OLDEST[0]}.{_OLDEST[1]} or newer, this database has {version}"
        )


def _extension(database: psycopg.Connection) -> str:
    """The version of the extension in this database; empty when there is none."""
    row = database.execute("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'").fetchone()
    return row[0] if row else ""


def is_hypertable(database: psycopg.Connection) -> bool:
    """Whether `observation` is one of TimescaleDB's, not a partitioned table."""
    row = database.execute(
        "SELECT relkind = 'p' FROM pg_class WHERE oid = 'observation'::regclass"
    ).fetchone()
    return row is not None and not row[0]
