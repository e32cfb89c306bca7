"""Brings the database's record of checks up to date: one row for each deadline, its last word.

Rule: the journal's database is right; this follows it, each outcome once, and may be run at any time.

Coverage of a period is one query, by kind of place; the visit rate (探访率) of every street in November:

    SELECT name, people, reached, reached_rate FROM check_coverage('2026-11-01 +8', '2026-12-01 +8', 'street')
    WHERE task = 'community_visit'
"""

from datetime import UTC, datetime
from pathlib import Path

import orjson
import psycopg

from ingest.sqlite import connect

_STEP = 1000
_INSERT = (
    "INSERT INTO check_outcome VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
    " ON CONFLICT (rule, subject, due) DO UPDATE SET (task, outcome, done_at, by_whom, proof, metric, device,"
    " refused, place, journal, seq) = (EXCLUDED.task, EXCLUDED.outcome, EXCLUDED.done_at, EXCLUDED.by_whom,"
    " EXCLUDED.proof, EXCLUDED.metric, EXCLUDED.device, EXCLUDED.refused, EXCLUDED.place, EXCLUDED.journal,"
    " EXCLUDED.seq) WHERE check_outcome.outcome IN ('missed', 'unproven')"
)


class CheckProjection:
    """Reads the journal's database by a connection of its own; `__call__` runs in the writer's thread.

    `stored` is a number up to which all outcomes are in the database for good.
    """

    def __init__(self, path: Path, journal: str) -> None:
        self._reader = connect(path)
        self._journal = journal
        self.stored = 0

    def __call__(self, database: psycopg.Connection) -> None:
        """Copy what is new. Repeatable; runs inside the caller's transaction."""
        row = database.execute(
            "SELECT coalesce(max(seq), 0) FROM check_outcome WHERE journal = %s", (self._journal,)
        ).fetchone()
        after = row[0] if row else 0
        self.stored = after
        while outcomes := self._reader.execute(
            "SELECT seq, body FROM outcome WHERE kind = 'missed_check' AND seq > ? ORDER BY seq LIMIT ?",
            (after, _STEP),
        ).fetchall():
            with database.cursor() as cursor:
                cursor.executemany(_INSERT, [self._row(seq, body) for seq, body in outcomes])
            after = outcomes[-1][0]

    def close(self) -> None:
        """Close the connection."""
        self._reader.close()

    def _row(self, seq: int, body: bytes) -> tuple[object, ...]:
        said = orjson.loads(body)
        return (
            _text(said["rule"]),
            _text(said["subject"]),
            _time(said["due_ms"]),
            said["check"],
            said["outcome"],
            _time(said.get("done_ms")),
            _text(said.get("by")),
            _text(said.get("proof")),
            _text(said.get("metric")),
            _text(said.get("device")),
            said["refused"],
            _text(said["place"]) or "",
            self._journal,
            seq,
        )


def _text(text: str | None) -> str | None:
    """NUL, which PostgreSQL's text cannot hold, becomes U+FFFD; nothing said is NULL."""
    return text.replace("\0", "\ufffd") if text else None


def _time(at: int | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at / 1000, UTC)
