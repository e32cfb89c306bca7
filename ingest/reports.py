"""What staff report of residents at the desk: who is away until when, who stands in for a lost device.

Rule: a report goes the way of every message, journal first, so that live and replay know the same of it. Its
end, when it has one, is kept until it is journalled too, through every restart.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

import orjson
import structlog

from alerts.acts import Refusal, Refused
from devices.message import Message
from devices.ourselves import DESK_TOPIC
from devices.registry import Registry
from ingest.clock import Clock
from ingest.journal import SqliteJournal

log = structlog.get_logger()

SCHEMA = """
CREATE TABLE IF NOT EXISTS report_end (
    resident TEXT NOT NULL, metric TEXT NOT NULL, at INTEGER NOT NULL, by TEXT NOT NULL,
    PRIMARY KEY (resident, metric)
) WITHOUT ROWID;
"""

LIMIT_MS = 366 * 86_400_000
"""How far ahead an end may lie: further is a slip of the pen."""

_LOOK_S = 1.0
_OVER: dict[str, str | bool] = {"absence": "present", "stand_in": False}
_MOMENT_MS = 1000
_AGAIN_S = 5.0  # between two looks while the disk refuses


@dataclass(frozen=True, slots=True)
class Report:
    """What a person says of a resident: `absence` (leave, hospital, holiday, present) or `stand_in`.

    `by` reports it, or is who stands in; `until` (ms UTC) is when it ends by itself, None when it does not.
    """

    resident: str
    metric: str
    value: str | bool
    by: str
    note: str = ""
    until: int | None = None


class Reports:
    """Takes reports, and ends those that are to end. `record` journals a message of our own."""

    def __init__(
        self,
        journal: SqliteJournal,
        record: Callable[[Message], Awaitable[None]],
        registry: Registry,
        clock: Clock,
    ) -> None:
        self._journal, self._record, self._registry = journal, record, registry
        self._clock = clock
        self._turn = asyncio.Lock()  # a report and the end of the one before must not cross
        self._latest = 0  # ms, of the reports so far

    async def report(self, report: Report) -> Refused | None:
        """Take a report; returns once it and its end are durable. It replaces the one before."""
        now = self._clock.now()
        if report.resident not in self._registry.residents:
            return Refused(Refusal.UNKNOWN_RESIDENT, "there is no such resident")
        if report.until is not None and not now < report.until <= now + LIMIT_MS:
            return Refused(Refusal.BAD_SCOPE, "until must lie ahead, and within a year")
        about, until = (report.resident, report.metric), report.until
        over = report.value == _OVER[report.metric]

        def keep(database: sqlite3.Connection) -> None:
            if until is None or over:
                database.execute("DELETE FROM report_end WHERE (resident, metric) = (?, ?)", about)
            else:
                database.execute(
                    "INSERT OR REPLACE INTO report_end VALUES (?, ?, ?, ?)", (*about, until, report.by)
                )

        async with self._turn:
            await self._journal.transact(keep)  # first: a report whose end is lost would hold for ever
            # Two of one moment are two, and the second one holds: by one name it would be the first's repeat.
            at = self._latest + 1 if 0 <= self._latest - now < _MOMENT_MS else now
            self._latest = at
            await self._say(report, f"report:{report.resident}:{report.metric}:{at}", at)
        return None

    def ends(self) -> dict[tuple[str, str], int]:
        """When what was reported ends (ms UTC), by resident and metric; only what has an end."""
        rows = self._journal.query("SELECT resident, metric, at FROM report_end")
        return {(cast("str", who), cast("str", what)): cast("int", at) for who, what, at in rows}

    async def run(self) -> None:
        """End what is to end, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_S)
            try:
                await self.end_due()
            except sqlite3.Error as error:
                log.warning("report_not_ended", error=str(error))
                await asyncio.sleep(_AGAIN_S)

    async def end_due(self) -> None:
        """End every report whose time has come. A crash in between ends it again, which changes nothing."""
        now = self._clock.now()
        async with self._turn:
            rows = self._journal.query(
                "SELECT resident, metric, at, by FROM report_end WHERE at <= ? ORDER BY at, resident", (now,)
            )
            for row in rows:
                resident, metric, at, by = cast("tuple[str, str, int, str]", row)
                report = Report(resident, metric, _OVER[metric], by, "until")
                # Without a time of its own: after a long standstill it would be history, and hold for ever.
                await self._say(report, f"until:{resident}:{metric}:{at}", None)
                about = (resident, metric, at)
                await self._journal.transact(lambda database, about=about: _forget(database, about))  # type: ignore[misc]

    async def _say(self, report: Report, key: str, at: int | None) -> None:
        said: dict[str, str | int | bool] = {
            "id": key,
            report.metric: report.value,
            "resident": report.resident,
            "by": report.by,
        }
        said |= {"note": report.note} if report.note else {}
        said |= {} if at is None else {"ts": at}
        await self._record(Message(DESK_TOPIC, orjson.dumps(said), self._clock.now(), qos=1))


def _forget(database: sqlite3.Connection, about: tuple[str, str, int]) -> None:
    database.execute("DELETE FROM report_end WHERE (resident, metric, at) = (?, ?, ?)", about)
