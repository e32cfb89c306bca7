"""How far processing has come, and all it remembers, so that a restart goes on where it was.

Rule: position, rule memories, facts and identities seen are written in one transaction. Losing the newest one
costs only time: the journal still has what came after, and processing it again changes nothing.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import orjson

from ingest.facts import Fact
from ingest.sqlite import connect, insert

SEEN_FOR_MS = 24 * 3_600_000
"""R-05: a repeat is recognised for at least 24 h."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS memory (
    rule TEXT NOT NULL, subject TEXT NOT NULL, state BLOB NOT NULL, PRIMARY KEY (rule, subject)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (identity INTEGER PRIMARY KEY, at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS duplicate (
    seq INTEGER NOT NULL, identity INTEGER NOT NULL, PRIMARY KEY (seq, identity)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS fact (
    about TEXT NOT NULL, field TEXT NOT NULL, seq INTEGER NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (about, field, seq)
) WITHOUT ROWID;
"""


_FORGET_FACTS = """
DELETE FROM fact WHERE EXISTS (
    SELECT 1 FROM fact AS later
    WHERE later.about = fact.about AND later.field = fact.field AND later.seq > fact.seq AND later.seq <= ?
)
"""
_FORGET_TAKEN_BACK = "DELETE FROM fact WHERE value = '' AND seq <= ?"


class Progress(NamedTuple):
    """What one checkpoint adds: all are differences but the position, `ahead` and the clock.

    `position`: every entry up to it is processed; `ahead`: entries beyond it that are (the urgent ones).
    `seen`: (identity, received_at ms); `duplicates`: (seq, identity); `now`: the clock in ms;
    `facts`: what was learned.
    """

    position: int
    ahead: Sequence[int]
    memories: Sequence[tuple[str, str, bytes]]
    seen: Sequence[tuple[int, int]]
    duplicates: Sequence[tuple[int, int]]
    now: int
    facts: Sequence[Fact] = ()


class Checkpoint:
    """The checkpoint in one SQLite file of its own, so that writing it never delays the journal.

    `save`, `drop`, `forget` and `memories` may run in other threads than the rest; the first three wait for
    each other.
    """

    def __init__(self, path: Path, journal: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        # NORMAL: after a power cut the last checkpoints may be gone, but what is there is consistent.
        self._writer = connect(path, synchronous="NORMAL")
        self._writer.executescript(_SCHEMA)
        meta = dict(self._writer.execute("SELECT key, value FROM meta"))
        if meta.get("journal") != journal:  # another journal: nothing remembered is about its messages
            for table in ("memory", "seen", "duplicate", "fact", "meta"):
                self._writer.execute(f"DELETE FROM {table}")
            self._writer.execute("INSERT INTO meta VALUES ('journal', ?)", (journal,))
            meta = {}
        self._reader = connect(path)
        self._writing = threading.Lock()
        self.position = int(meta.get("position", 0))
        self.ahead: set[int] = set(orjson.loads(meta.get("ahead", "[]")))
        self.now = int(meta.get("now", 0))

    def memories(self) -> list[tuple[str, str, bytes]]:
        """All rule memories: (rule, subject, state)."""
        with contextlib.closing(connect(self._path)) as reader:
            return reader.execute("SELECT rule, subject, state FROM memory").fetchall()

    def facts(self) -> list[Fact]:
        """All facts that were learned."""
        return [Fact(*row) for row in self._reader.execute("SELECT about, field, seq, value FROM fact")]

    def seen(self, identities: Sequence[int]) -> dict[int, int]:
        """Those of the identities that were seen, with when (ms)."""
        found: dict[int, int] = {}
        for start in range(0, len(identities), 900):
            part = identities[start : start + 900]
            marks = ",".join("?" * len(part))
            found.update(
                self._reader.execute(f"SELECT identity, at FROM seen WHERE identity IN ({marks})", part)
            )
        return found

    def duplicates(self, first: int, last: int) -> set[tuple[int, int]]:
        """(seq, identity) judged to be repeats, for entries first..last."""
        rows = self._reader.execute(
            "SELECT seq, identity FROM duplicate WHERE seq BETWEEN ? AND ?", (first, last)
        )
        return set(rows)

    def save(self, progress: Progress) -> None:
        """Write one checkpoint. Raises `sqlite3.Error` when the disk refuses; then nothing changed."""
        with self._writing:
            self._save(progress)

    def _save(self, progress: Progress) -> None:
        database = self._writer
        try:
            database.execute("BEGIN IMMEDIATE")
            insert(database, "memory", progress.memories, verb="INSERT OR REPLACE")
            insert(database, "seen", progress.seen, verb="INSERT OR REPLACE")
            insert(database, "duplicate", progress.duplicates, verb="INSERT OR IGNORE")
            facts = [(f.about, f.field, f.seq, f.value) for f in progress.facts]
            insert(database, "fact", facts, verb="INSERT OR REPLACE")
            meta: Iterable[tuple[str, str]] = (
                ("position", str(progress.position)),
                ("ahead", orjson.dumps(list(progress.ahead)).decode()),
                ("now", str(progress.now)),
            )
            database.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", meta)
            database.execute("COMMIT")
        except sqlite3.Error:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise

    def drop(self, memories: Sequence[tuple[str, str]]) -> None:
        """Drop memories by (rule, subject): nobody is watched by them any more.

        What the disk refuses to drop now is dropped at the next start.
        """
        if not memories:
            return
        with self._writing, contextlib.suppress(sqlite3.Error), self._writer:
            self._writer.execute("BEGIN IMMEDIATE")
            self._writer.executemany("DELETE FROM memory WHERE rule = ? AND subject = ?", memories)

    def forget(self, *, seen_before: int, stored: int) -> None:
        """Drop identities older than `seen_before` (ms), and what no entry after `stored` needs."""
        with self._writing:
            self._writer.execute("DELETE FROM seen WHERE at < ?", (seen_before,))
            self._writer.execute("DELETE FROM duplicate WHERE seq <= ?", (stored,))
            self._writer.execute(_FORGET_FACTS, (stored,))
            self._writer.execute(_FORGET_TAKEN_BACK, (stored,))

    def close(self) -> None:
        """Close both connections."""
        self._reader.close()
        self._writer.close()


def latest_clock(path: Path) -> int:
    """The clock (ms) of the last checkpoint in a file, 0 when there is none."""
    if not path.exists():
        return 0
    with contextlib.closing(connect(path)) as database:
        try:
            row = database.execute("SELECT value FROM meta WHERE key = 'now'").fetchone()
        except sqlite3.OperationalError:  # no table yet
            return 0
    return int(row[0]) if row else 0
