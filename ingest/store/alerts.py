"""Brings the database's copy of alerts and their events up to date, for history and reports.

Rule: the journal's database is right; this follows it, each event once, and may be run at any time.
"""

import re
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from alerts.episode import Episode
from alerts.records import load_episode, load_event
from ingest.sqlite import connect

_STEP = 1000
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")  # not where the backslash is itself escaped


class AlertProjection:
    """Reads the journal's database by a connection of its own; `__call__` runs in the writer's thread."""

    def __init__(self, path: Path, journal: str) -> None:
        self._reader = connect(path)
        self._journal = journal

    def __call__(self, database: psycopg.Connection) -> None:
        """Copy what is new. Repeatable; runs inside the caller's transaction."""
        row = database.execute(
            "SELECT coalesce(max(seq), 0) FROM alert_event WHERE journal = %s", (self._journal,)
        ).fetchone()
        after = row[0] if row else 0
        while events := self._reader.execute(
            "SELECT seq, alert, at, body FROM alert_event WHERE seq > ? ORDER BY seq LIMIT ?", (after, _STEP)
        ).fetchall():
            with database.cursor() as cursor:
                cursor.executemany(
                    "INSERT INTO alert_event VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                    [
                        (self._journal, seq, alert, load_event(body).name, as_time(at), as_json(body))
                        for seq, alert, at, body in events
                    ],
                )
            for alert in dict.fromkeys(event[1] for event in events):
                self._alert(database, alert)
            after = events[-1][0]

    def close(self) -> None:
        """Close the connection."""
        self._reader.close()

    def _alert(self, database: psycopg.Connection, alert: str) -> None:
        row = self._reader.execute("SELECT body FROM alert WHERE id = ?", (alert,)).fetchone()
        if row is None:
            return
        database.execute(
            "INSERT INTO alert VALUES"
            " (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (id) DO UPDATE SET (rule, kind, severity, state, subjects, acknowledged_at,"
            " acknowledged_by, resolved_at, resolved_by, outcome, body) = (EXCLUDED.rule, EXCLUDED.kind,"
            " EXCLUDED.severity, EXCLUDED.state, EXCLUDED.subjects, EXCLUDED.acknowledged_at,"
            " EXCLUDED.acknowledged_by, EXCLUDED.resolved_at, EXCLUDED.resolved_by, EXCLUDED.outcome,"
            " EXCLUDED.body)",
            _row(load_episode(row[0]), row[0]),
        )


def _row(episode: Episode, body: bytes) -> tuple[object, ...]:
    return (
        episode.id,
        episode.foremost.rule,
        episode.foremost.kind,
        episode.cause,
        episode.severity.value,
        episode.state.value,
        [concern.subject for concern in episode.concerned],
        as_time(episode.opened_at),
        as_time(episode.raised_at),
        as_time(episode.acknowledged_at),
        _text(episode.acknowledged_by) or None,
        as_time(episode.resolved_at),
        _text(episode.resolved_by) or None,
        episode.outcome.value if episode.outcome else None,
        as_json(body),
    )


def _text(text: str) -> str:
    return text.replace("\0", "\ufffd")


def as_json(body: bytes) -> str:
    """A record as jsonb can hold it: NUL, which a note may have, becomes U+FFFD."""
    return _NUL.sub(r"\1\\ufffd", body.decode())


def as_time(at: int | None) -> datetime | None:
    """A time in ms UTC as the database takes it."""
    return None if at is None else datetime.fromtimestamp(at / 1000, UTC)
