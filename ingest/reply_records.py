"""What was written back to messages, and what became of it: who, when, from where; kept for good.

Rule: one record for each message of a gateway; of one that comes again the first answer is given again.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import orjson

from ingest.journal import SqliteJournal

SCHEMA = """
CREATE TABLE IF NOT EXISTS reply (
    channel TEXT NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL, sender TEXT NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (channel, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS reply_at ON reply (at);
"""


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply and its answer. `id` is the gateway's own, `at` our clock (ms).

    `sender` is a person's id, or the end of an address that nobody has (never a whole one).
    """

    channel: str
    id: str
    at: int
    sender: str
    answer: Mapping[str, object]


class ReplyRecords:
    """The records in the journal's database."""

    def __init__(self, journal: SqliteJournal) -> None:
        self._journal = journal

    async def keep(self, reply: Reply) -> None:
        """Record a reply; returns when that is durable."""
        row = (reply.channel, reply.id, reply.at, reply.sender, orjson.dumps(reply.answer))

        def insert(database: sqlite3.Connection) -> None:
            database.execute("INSERT OR IGNORE INTO reply VALUES (?, ?, ?, ?, ?)", row)

        await self._journal.transact(insert)

    def find(self, channel: str, reply: str) -> Reply | None:
        """The record of a gateway's message."""
        found = self._read("WHERE (channel, id) = (?, ?)", (channel, reply))
        return found[0] if found else None

    def newest(self, limit: int) -> list[Reply]:
        """The newest, the newest first."""
        return self._read("ORDER BY at DESC LIMIT ?", (limit,))

    def _read(self, which: str, values: tuple[object, ...]) -> list[Reply]:
        rows = self._journal.query(f"SELECT channel, id, at, sender, body FROM reply {which}", values)
        return [
            Reply(
                cast("str", channel),
                cast("str", id_),
                cast("int", at),
                cast("str", sender),
                orjson.loads(cast("bytes", body)),
            )
            for channel, id_, at, sender, body in rows
        ]
