"""Reports from the database: `kpi` reads a period's alerts and checks and gives its report.

Rule: all of it is of one moment of the database, and events are read as they were recorded: what they mean is
for `alerts.reports` to say.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import cast

import psycopg

from alerts.duty import Duty
from alerts.event import EpisodeEvent
from alerts.records import load_event
from alerts.reports.case import Case, case_of
from alerts.reports.figure import Report
from alerts.reports.frame import Frame
from alerts.reports.kpi import report
from alerts.reports.rounds import Check
from devices.registry import Place, PlaceKind, Registry, Resident

_CONNECT_TIMEOUT_S = 10
_READ_AT_ONCE = 5_000
_TOLD_EVERY = 100  # alerts between two words of how far it is

_PERIOD = (
    "a.raised_at < to_timestamp(%(until)s / 1000.0)"
    " AND (a.resolved_at IS NULL OR a.resolved_at >= to_timestamp(%(since)s / 1000.0))"
)
_COUNT = f"SELECT count(*) FROM alert AS a WHERE {_PERIOD}"
# Alert by alert through the index: events of years are not read for those of a month. (OFFSET 0 keeps it so.)
_EVENTS = f"""
SELECT e.alert, e.number, e.body::text FROM alert AS a CROSS JOIN LATERAL (
    SELECT alert, (body->>'number')::int AS number, body, journal, seq FROM alert_event
    WHERE alert = a.id AND at < to_timestamp(%(known_at)s / 1000.0) OFFSET 0
) AS e
WHERE {_PERIOD} ORDER BY e.alert, e.number, e.journal, e.seq
"""
_CHECKS = """
SELECT rule, subject, (extract(epoch FROM due) * 1000)::bigint, task, outcome, place FROM check_outcome
WHERE due >= to_timestamp(%(since)s / 1000.0) AND due < to_timestamp(%(until)s / 1000.0)
"""

Progress = Callable[[int, int], None]
"""Told how many alerts were read, of how many."""


@dataclass(frozen=True, slots=True)
class Away:
    """There is no report: what is wrong with the database, and what to do next."""

    message: str


def kpi(
    dsn: str,
    duty: Duty,
    since: int,
    until: int,
    known_at: int,
    *,
    registry: Registry | None = None,
    zone: str = "",
    progress: Progress = lambda _read, _all: None,
) -> Report | Away:
    """The report of all calls from `since` until before `until`, as known at `known_at` (all ms UTC).

    `known_at` is usually now: then an alert of the last minute is judged by what became of it. `duty` is the
    rota (`Roster.duty`; `Duty()` where none is kept). Places are those of `registry`, else the database's
    copy of it; `zone` (IANA) is in whose hours and days to count, else that of the first site. Blocks: give
    it a thread.
    """
    try:
        with psycopg.connect(dsn, autocommit=True, connect_timeout=_CONNECT_TIMEOUT_S) as database:
            return kpi_of(
                database, duty, since, until, known_at, registry=registry, zone=zone, progress=progress
            )
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
        return Away("the database is not up to date: run shouwang migrate --dsn DSN, then try again")
    except psycopg.Error as error:
        return Away(f"the database is away: {str(error).strip() or type(error).__name__}")


def kpi_of(
    database: psycopg.Connection,
    duty: Duty,
    since: int,
    until: int,
    known_at: int,
    *,
    registry: Registry | None = None,
    zone: str = "",
    progress: Progress = lambda _read, _all: None,
) -> Report:
    """As `kpi`, by a connection that is there (in autocommit mode). Raises `psycopg.Error`."""
    with database.transaction():
        database.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        places = registry or read_registry(database)
        frame = Frame(since, until, known_at, zone or _zone(places), places, duty)
        return report(
            cases(database, since, until, known_at, progress), checks(database, since, until), frame
        )


def cases(
    database: psycopg.Connection,
    since: int,
    until: int,
    known_at: int,
    progress: Progress = lambda _read, _all: None,
) -> Iterator[Case]:
    """The alerts raised before `until` and not resolved before `since`, with what was known at `known_at`.

    Streamed, by the order of their ids, in the caller's transaction.
    """
    given = {"since": since, "until": until, "known_at": known_at}
    (total,) = cast("tuple[int]", database.execute(_COUNT, given).fetchone())
    with database.cursor("cases") as cursor:
        cursor.itersize = _READ_AT_ONCE
        cursor.execute(_EVENTS, given)
        for read, (_, rows) in enumerate(groupby(cursor, key=itemgetter(0))):
            yield case_of(list(_once(rows)))
            if read % _TOLD_EVERY == 0:
                progress(read, total)
    progress(total, total)


def _once(rows: Iterator[tuple[str, int, str]]) -> Iterator[EpisodeEvent]:
    """The events of one alert, each once, by whatever journals it came."""
    last = 0
    for _, number, body in rows:
        if number > last:
            last = number
            yield cast("EpisodeEvent", load_event(body))


def checks(database: psycopg.Connection, since: int, until: int) -> Iterator[Check]:
    """How the checks ended that fell due in a period."""
    for row in database.execute(_CHECKS, {"since": since, "until": until}):
        yield Check(*row)


def read_registry(database: psycopg.Connection) -> Registry:
    """Places and residents as the database has them."""
    places = database.execute("SELECT id, kind, name, parent, timezone FROM place").fetchall()
    residents = database.execute("SELECT id, place FROM resident").fetchall()
    return Registry.of(
        [Place(one, PlaceKind(kind), name, parent, zone) for one, kind, name, parent, zone in places],
        [Resident(one, place) for one, place in residents],
    )


def _zone(registry: Registry) -> str:
    """The time zone of the first site, by id."""
    sites = sorted(at.id for at in registry.places.values() if at.kind is PlaceKind.SITE)
    return registry.timezone(sites[0]) if sites else registry.zone
