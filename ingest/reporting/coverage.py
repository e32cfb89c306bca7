"""Coverage of rounds and visits. Rule: one definition, the database's `check_coverage`."""

import psycopg
from psycopg.rows import dict_row

from ingest.reporting.periods import Period
from ingest.store.reports import Away

_CONNECT_TIMEOUT_S = 10
_QUERY = """
SELECT kind, place, name, task, due, in_time, late, missed, paused, rate::float8 AS rate, people, reached,
    reached_rate::float8 AS reached_rate
FROM check_coverage(to_timestamp(%(since)s / 1000.0), to_timestamp(%(until)s / 1000.0), %(level)s)
"""


def coverage(dsn: str, asked: Period, level: str) -> list[dict[str, object]] | Away:
    """A row for each place of this kind ("" all) and each task. Blocks: give it a thread."""
    given = {"since": asked.since, "until": asked.until, "level": level or None}
    try:
        with psycopg.connect(dsn, autocommit=True, connect_timeout=_CONNECT_TIMEOUT_S) as database:
            return database.cursor(row_factory=dict_row).execute(_QUERY, given).fetchall()
    except (psycopg.errors.UndefinedFunction, psycopg.errors.UndefinedTable):
        return Away("the database is not up to date: run shouwang migrate --dsn DSN, then try again")
    except psycopg.Error as error:
        return Away(f"the database is away: {str(error).strip() or type(error).__name__}")
