"""What rules record for the history only (`Change.RECORD`): how each check ended, say.

Rule: recorded in the journal's database, each once, before a checkpoint may say that its message is done
with. It is no alert, so it waits: a night in which ten thousand rounds fall due at one moment is written in
small transactions of its own, between which a call for help goes.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Iterable

import orjson

from alerts.decide import identify
from ingest.journal import Journal
from ingest.metrics import Metrics
from ingest.sqlite import insert
from rules.decision import Change, Decision
from rules.kinds import missed_check

SCHEMA = """
CREATE TABLE IF NOT EXISTS outcome (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, at INTEGER NOT NULL,
    body BLOB NOT NULL
);
"""

_AT_ONCE = 256  # rows in one transaction
_KEPT_MS = 48 * 3_600_000  # as long as what is decided again is known by its identity (`alerts.book`)

Row = tuple[None, str, str, int, bytes]


class Outcomes:
    """Takes decisions in their order and writes those that are RECORDs; one per service."""

    def __init__(self, journal: Journal, metrics: Metrics) -> None:
        self._journal, self._metrics = journal, metrics
        self._pending: deque[Decision] = deque()
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def take(self, decisions: Iterable[Decision]) -> None:
        """Keep what is to be recorded. Nothing is written before `run` does."""
        for decision in decisions:
            if decision.change is Change.RECORD:
                self._pending.append(decision)
                if decision.kind == missed_check.KIND.name:
                    facts = decision.facts
                    self._metrics.checks.labels(facts["check"], facts["outcome"]).inc()
                self._idle.clear()
                self._work.set()

    async def run(self) -> None:
        """Write what was taken, until cancelled."""
        while True:
            await self._work.wait()
            self._work.clear()
            while self._pending:
                rows = [_row(self._pending.popleft()) for _ in range(min(_AT_ONCE, len(self._pending)))]
                await self._journal.transact(lambda database, rows=rows: write(database, rows))  # type: ignore[misc]
            self._idle.set()

    async def settled(self) -> None:
        """Wait until everything taken so far is recorded."""
        await self._idle.wait()


def write(database: sqlite3.Connection, rows: list[Row]) -> None:
    """What is recorded already (it was decided again after a crash) stays as it is."""
    insert(database, "outcome", rows, verb="INSERT OR IGNORE")


def prune(database: sqlite3.Connection, now: int, stored: int) -> None:
    """Forget what the database has (up to number `stored`) and nobody will decide again. `now` in ms."""
    database.execute("DELETE FROM outcome WHERE seq <= ? AND at < ?", (stored, now - _KEPT_MS))


def _row(decision: Decision) -> Row:
    body = {"rule": decision.rule, "subject": decision.subject, **decision.facts}
    return None, identify(decision), decision.kind, decision.at, orjson.dumps(body)
