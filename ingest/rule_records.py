"""What the rules were given besides observations, and what they were: recorded when it happens, for good.

Rule: a record is durable before what it tells of counts, unless the disk refuses. With it the stored history
is all that the rules were given; every change of a threshold has its time, actor, before and after (R-61).
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import cast

import orjson

from ingest.journal import SqliteJournal
from rules.difference import Change

SCHEMA = """
CREATE TABLE IF NOT EXISTS rule_record (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, what TEXT NOT NULL, body BLOB NOT NULL
);
"""

_AT_ONCE_MS = 60_000  # a start that ended before its first checkpoint; the journal has all since
_PATIENCE_S = 1.0  # nobody waits longer for a disk: people are watched over all the same
_NEWEST = "SELECT at, body FROM rule_record WHERE what = ? ORDER BY seq DESC LIMIT ?"


class What(StrEnum):
    """What a record tells of."""

    BEGUN = "begun"  # the rules began, knowing nothing
    DEAF = "deaf"  # from `since` until then nobody could be heard
    RULES = "rules"  # from then on these rules hold


@dataclass(frozen=True, slots=True)
class RulesChanged:
    """From `at` on (ms UTC) the rules of `text` hold, taken from `source`.

    `by` is a person's name, or "file" where a file changed and nobody said who did it. `changes` is all that
    differs from the rules before; of the very first there is no before.
    """

    at: int
    source: str
    by: str
    reason: str
    text: str
    changes: Sequence[Change]


class RuleRecords:
    """The records in the journal's database. What a full disk does not take now, it takes later."""

    def __init__(self, journal: SqliteJournal) -> None:
        self._journal = journal
        self._under_way: set[asyncio.Future[None]] = set()

    async def begun(self, now: int) -> int:
        """The rules begin at `now` (ms UTC), knowing nothing; or a moment before, if they ended at once."""
        found = self._journal.query(_NEWEST, (What.BEGUN, 1))
        if found and 0 <= now - (at := cast("int", found[0][0])) < _AT_ONCE_MS:
            return at
        await self._write(now, What.BEGUN, {})
        return now

    async def deaf(self, since: int, until: int) -> None:
        """Nobody could be heard for this time (ms UTC)."""
        await self._write(until, What.DEAF, {"since": since})

    async def changed(self, record: RulesChanged) -> None:
        """Other rules hold from now on."""
        body = asdict(record)
        await self._write(body.pop("at"), What.RULES, body)

    def changes(self, limit: int) -> list[RulesChanged]:
        """The newest changes of the rules, the newest first; from any thread."""
        return [
            _read(cast("int", at), cast("bytes", body))
            for at, body in self._journal.query_apart(_NEWEST, (What.RULES, limit))
        ]

    async def _write(self, at: int, what: What, body: dict[str, object]) -> None:
        row = (at, what.value, orjson.dumps(body))

        def insert(database: sqlite3.Connection) -> None:
            database.execute("INSERT INTO rule_record (at, what, body) VALUES (?, ?, ?)", row)

        recording = asyncio.ensure_future(self._journal.transact(insert))
        self._under_way.add(recording)
        recording.add_done_callback(self._under_way.discard)
        await asyncio.wait([recording], timeout=_PATIENCE_S)


def _read(at: int, body: bytes) -> RulesChanged:
    fields = orjson.loads(body)
    changes = tuple(Change(**change) for change in fields.pop("changes"))
    return RulesChanged(at=at, changes=changes, **fields)
