"""What people did to the rota, and what the rota asked of them: who, when, from where; kept for good.

Rule: a record is durable before it holds, and none is ever changed: what is withdrawn has a record of that.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, cast

import orjson

from ingest.journal import SqliteJournal

SCHEMA = """
CREATE TABLE IF NOT EXISTS duty_record (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, what TEXT NOT NULL, by TEXT NOT NULL,
    source TEXT NOT NULL, reason TEXT NOT NULL, body BLOB NOT NULL
);
"""


class What(StrEnum):
    """What a record tells of."""

    OVERRIDE = "override"  # changes: one
    SWAP = "swap"  # changes: two
    CALENDAR = "calendar"  # the text of an iCalendar for a role at a place; replaces the one before
    WITHDRAWN = "withdrawn"  # of one of the three above
    ASKED = "asked"  # a person, to confirm a night
    TOLD = "told"  # the question was handed to the channels
    ANSWERED = "answered"
    ESCALATED = "escalated"


ACTS = (What.OVERRIDE, What.SWAP, What.CALENDAR)
"""What can be withdrawn."""


@dataclass(frozen=True, slots=True)
class Record:
    """`id` counts from 1. `by` is a person ("" when it followed by itself), `source` the way it came."""

    at: int
    what: What
    body: Mapping[str, Any]
    by: str = ""
    source: str = ""
    reason: str = ""
    id: int = field(default=0, compare=False)


class DutyRecords:
    """The records in the journal's database."""

    def __init__(self, journal: SqliteJournal) -> None:
        self._journal = journal

    async def add(self, *records: Record) -> list[Record]:
        """Keep records, all or none; with their ids, once they are durable."""
        ids: list[int] = []

        def insert(database: sqlite3.Connection) -> None:
            ids.clear()  # a disk that refuses has it run again
            for one in records:
                row = (one.at, one.what.value, one.by, one.source, one.reason, orjson.dumps(dict(one.body)))
                made = database.execute(
                    "INSERT INTO duty_record (at, what, by, source, reason, body) VALUES (?, ?, ?, ?, ?, ?)",
                    row,
                )
                ids.append(cast("int", made.lastrowid))

        await self._journal.transact(insert)
        return [
            Record(one.at, one.what, one.body, one.by, one.source, one.reason, id)
            for one, id in zip(records, ids, strict=True)  # noqa: A001  the word of the field
        ]

    def all(self) -> list[Record]:
        """Every record, in order."""
        rows = self._journal.query(
            "SELECT at, what, body, by, source, reason, id FROM duty_record ORDER BY id"
        )
        return [
            Record(
                cast("int", at),
                What(cast("str", what)),
                orjson.loads(cast("bytes", body)),
                cast("str", by),
                cast("str", source),
                cast("str", reason),
                cast("int", id),
            )
            for at, what, body, by, source, reason, id in rows  # noqa: A001
        ]
