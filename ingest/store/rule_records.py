"""Brings the database's copy of the rules' record up to date, for replays and reports.

Rule: the journal's database is right; this follows it, each record once, and may be run at any time.
"""

from pathlib import Path

import psycopg

from ingest.sqlite import connect
from ingest.store.alerts import as_json, as_time

_STEP = 1000


class RuleRecordProjection:
    """Reads the journal's database by a connection of its own; `__call__` runs in the writer's thread."""

    def __init__(self, path: Path, journal: str) -> None:
        self._reader = connect(path)
        self._journal = journal

    def __call__(self, database: psycopg.Connection) -> None:
        """Copy what is new. Repeatable; runs inside the caller's transaction."""
        row = database.execute(
            "SELECT coalesce(max(seq), 0) FROM rule_record WHERE journal = %s", (self._journal,)
        ).fetchone()
        after = row[0] if row else 0
        while records := self._reader.execute(
            "SELECT seq, at, what, body FROM rule_record WHERE seq > ? ORDER BY seq LIMIT ?", (after, _STEP)
        ).fetchall():
            with database.cursor() as cursor:
                cursor.executemany(
                    "INSERT INTO rule_record VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                    [
                        (self._journal, seq, as_time(at), what, as_json(body))
                        for seq, at, what, body in records
                    ],
                )
            after = records[-1][0]

    def close(self) -> None:
        """Close the connection."""
        self._reader.close()
