"""Alerts and all that happened to them, in the journal's database.

Rule: what is recorded here is right. The desk's memory is made from it, and the database's copy follows it.
"""

import sqlite3
from typing import cast

from alerts.book import REMEMBER_MS
from alerts.episode import Episode
from alerts.event import Event, Opened, State, Suppressed, SuspensionBegun, SuspensionEnded, about
from alerts.records import dump_episode, dump_event, load_episode, load_event
from ingest.journal import SqliteJournal
from rules.decision import DRILL

SCHEMA = """
CREATE TABLE IF NOT EXISTS alert (
    id TEXT PRIMARY KEY, state TEXT NOT NULL, raised_at INTEGER NOT NULL, resolved_at INTEGER,
    body BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS alert_state ON alert (state, raised_at, id);
CREATE INDEX IF NOT EXISTS alert_raised ON alert (raised_at, id);
CREATE TABLE IF NOT EXISTS alert_event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, alert TEXT NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS alert_event_alert ON alert_event (alert);
CREATE TABLE IF NOT EXISTS drill (id TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS drill_at ON drill (at);
CREATE TABLE IF NOT EXISTS quiet (id TEXT PRIMARY KEY, ended_at INTEGER) WITHOUT ROWID;
"""
"""`alert_event.alert` is the id of what an event is about: an alert, or what is in `quiet` (a suspension, or
what a rule suppresses; of that, `ended_at` is when it was last said)."""


class AlertLog:
    """Reads and writes; who writes gives the transaction."""

    def __init__(self, journal: SqliteJournal) -> None:
        self._journal = journal

    def write(self, database: sqlite3.Connection, event: Event, episode: Episode | None) -> int:
        """Record an event, with the episode as it is after it; its number."""
        seq = database.execute(
            "INSERT INTO alert_event (alert, at, body) VALUES (?, ?, ?)",
            (about(event), event.at, dump_event(event)),
        ).lastrowid
        if episode is not None:
            database.execute(
                "INSERT OR REPLACE INTO alert VALUES (?, ?, ?, ?, ?)",
                (episode.id, episode.state, episode.raised_at, episode.resolved_at, dump_episode(episode)),
            )
        elif isinstance(event, (SuspensionBegun, SuspensionEnded, Suppressed)):
            ended_at = None if isinstance(event, SuspensionBegun) else event.at
            database.execute("INSERT OR REPLACE INTO quiet VALUES (?, ?)", (about(event), ended_at))
        if isinstance(event, Opened) and event.kind == DRILL:
            database.execute("INSERT OR IGNORE INTO drill VALUES (?, ?)", (event.episode, event.at))
        return cast("int", seq)

    def remembered(self, now: int) -> list[Event]:
        """All events of what is not over, or not for long, at `now` (ms); in order."""
        rows = self._journal.query(
            "SELECT body FROM alert_event WHERE alert IN"
            " (SELECT id FROM alert WHERE resolved_at IS NULL OR resolved_at >= ?1"
            " UNION ALL SELECT id FROM quiet WHERE ended_at IS NULL OR ended_at >= ?1) ORDER BY seq",
            (now - REMEMBER_MS,),
        )
        return [load_event(cast("bytes", row[0])) for row in rows]

    def episodes(self, state: State | None, limit: int, before: tuple[int, str] | None) -> list[Episode]:
        """Episodes of one state or all, newest first by (raised_at, id); `before` is where a page ended."""
        rows = self._journal.query(
            "SELECT body FROM alert WHERE (?1 IS NULL OR state = ?1) AND (raised_at, id) < (?2, ?3)"
            " ORDER BY raised_at DESC, id DESC LIMIT ?4",
            (state.value if state else None, *(before or (2**62, "")), limit),
        )
        return [load_episode(cast("bytes", row[0])) for row in rows]

    def touched(self, since: int, reach: int, limit: int) -> list[Episode]:
        """Episodes raised or resolved since a time, of those raised since `reach` (ms); newest first."""
        rows = self._journal.query(
            "SELECT body FROM alert WHERE raised_at >= ?2 AND (raised_at >= ?1 OR resolved_at >= ?1)"
            " ORDER BY raised_at DESC, id DESC LIMIT ?3",
            (since, reach, limit),
        )
        return [load_episode(cast("bytes", row[0])) for row in rows]

    def drills(self, limit: int) -> list[Episode]:
        """The last drills, newest first."""
        rows = self._journal.query(
            "SELECT body FROM drill JOIN alert USING (id) ORDER BY drill.at DESC, id DESC LIMIT ?", (limit,)
        )
        return [load_episode(cast("bytes", row[0])) for row in rows]

    def get(self, episode: str) -> Episode | None:
        """One episode, however old."""
        rows = self._journal.query("SELECT body FROM alert WHERE id = ?", (episode,))
        return load_episode(cast("bytes", rows[0][0])) if rows else None

    def history(self, episode: str) -> list[Event]:
        """Everything that happened to an episode, in order."""
        rows = self._journal.query("SELECT body FROM alert_event WHERE alert = ? ORDER BY seq", (episode,))
        return [load_event(cast("bytes", row[0])) for row in rows]

    def events(self, after: int, limit: int) -> list[tuple[int, Event]]:
        """Recorded events with a higher number than `after`, in order."""
        rows = self._journal.query(
            "SELECT seq, body FROM alert_event WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit)
        )
        return [(cast("int", seq), load_event(cast("bytes", record))) for seq, record in rows]
