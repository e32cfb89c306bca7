"""A simulated month, through rules, alerts, journal and database, against SQL over the raw events.

`figures.sql` computes every figure anew from the bodies of the events, and knows nothing of `alerts.reports`.
A short month here; SHOUWANG_MONTH=60x28 (`make kpi`) is 60 residents for four weeks.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from alerts.duty import Duty
from alerts.reports.figure import Cause, Figure, Group, Report
from ingest import alert_log, outcomes
from ingest.alert_log import AlertLog
from ingest.embedded.postgres import EmbeddedPostgres
from ingest.journal import SqliteJournal
from ingest.store.alerts import AlertProjection
from ingest.store.checks import CheckProjection
from ingest.store.reports import Away, kpi
from ingest.store.schema import migrate
from ingest.store.writer import _project_registry
from simulators.home import TIMEZONE
from simulators.village.fate import EVENTFUL
from simulators.village.village import eventful
from tests.reports.month import HOUR_MS, Month, live
from tests.score.__main__ import START

pytestmark = [pytest.mark.integration, pytest.mark.slow]

FIRST = date(2026, 1, 5)
ASKED = os.environ.get("SHOUWANG_MONTH", "")
CHECKED = {
    Group.RESPONSE: None,
    Group.LOAD: {"stale"},
    Group.PRECISION: {"real", "false", "test", "no_action"},
}
"""What of each part the SQL does not compute again: other tests do."""

Key = tuple[str, str, str]


@pytest.fixture(scope="module")
def month() -> Month:
    """As asked; without being asked, few people for some days in which much happens."""
    residents, _, days = ASKED.partition("x")
    if ASKED:
        return live(eventful(int(residents), int(days)), 1, START, FIRST)
    busy = replace(eventful(12, 5), dangers=replace(EVENTFUL, press=3, fall=3), fires=1.0)
    return live(busy, 3, START, FIRST)


@pytest.fixture(scope="module")
def stored(month: Month, postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database that followed the month's journal."""
    path = tmp_path_factory.mktemp("month") / "journal.db"
    journal = asyncio.run(_recorded(month, path))
    name = f"month_{uuid4().hex}"
    with psycopg.connect(postgres.dsn, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    dsn = make_conninfo(postgres.dsn, dbname=name)
    with psycopg.connect(dsn, autocommit=True) as database:
        migrate(database)
        _project_registry(database, month.people)
        for made in (AlertProjection, CheckProjection):
            projection = made(path, journal)
            with database.transaction():
                projection(database)
            projection.close()
        database.execute("ANALYZE")
    return dsn


async def _recorded(month: Month, path: Path) -> str:
    journal = SqliteJournal(path, lambda _: None, alert_log.SCHEMA + outcomes.SCHEMA)
    log = AlertLog(journal)
    await journal.transact(lambda database: [log.write(database, *each) for each in month.told] and None)
    await journal.transact(
        lambda database: outcomes.write(database, [outcomes._row(one) for one in month.records])
    )
    await asyncio.to_thread(journal.close)
    return journal.id


def reported(
    dsn: str, month: Month, since: int, until: int, known_at: int, duty: Duty | None = None
) -> Report:
    found = kpi(dsn, duty or month.duty, since, until, known_at, zone=TIMEZONE)
    assert not isinstance(found, Away), found
    return found


@pytest.fixture(
    scope="module",
    params=[(0, 0, 0), (30, -19, 0), (30, -19, -18)],
    ids=["all of it", "a part, as known later", "a part, as known an hour after"],
)
def both(
    request: pytest.FixtureRequest, month: Month, stored: str
) -> Iterator[tuple[Report, psycopg.Connection]]:
    """Our report of a period, and a connection in which the SQL has computed its figures."""
    begins, ends, known = request.param
    since, until = month.start + begins * HOUR_MS, month.end + ends * HOUR_MS
    known_at = month.end + known * HOUR_MS
    with psycopg.connect(stored, autocommit=True, options="-c jit=off") as database:
        database.execute(
            "CREATE TEMP TABLE period AS"
            " SELECT %s::bigint AS since_ms, %s::bigint AS until, %s::bigint AS known_at",
            (since, until, known_at),
        )
        database.execute("CREATE TEMP TABLE zone AS SELECT %s AS name", (TIMEZONE,))
        database.execute(
            "CREATE TEMP TABLE turn"
            " (shift text, role text, place text, person text, begins bigint, ends bigint)"
        )
        with database.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO turn VALUES (%s, %s, %s, %s, %s, %s)",
                [
                    (turn.shift, turn.role, place, person, turn.begin, turn.end)
                    for turn in month.duty.rostered(month.start, month.end)
                    for place in turn.places
                    for person in turn.people
                ],
            )
        database.execute((Path(__file__).parent / "figures.sql").read_bytes())
        yield reported(stored, month, since, until, known_at), database


def ours(report: Report) -> dict[Key, Figure]:
    found = {}
    for figure in report.figures:
        if figure.group is Group.ROUNDS or figure.name in (CHECKED[figure.group] or ()):
            continue
        ((dimension, one),) = figure.by.items() or (("", ""),)
        key = (figure.name, dimension, one)
        assert key not in found
        found[key] = figure
    return found


def test_every_figure_is_what_sql_makes_of_the_raw_events(
    both: tuple[Report, psycopg.Connection],
) -> None:
    report, database = both
    rows = database.execute("SELECT name, dimension, id, value, of, episodes FROM figure").fetchall()
    theirs = {tuple(row[:3]): row[3:] for row in rows}
    found = ours(report)
    assert theirs.keys() - found.keys() == set()
    assert found.keys() - theirs.keys() == set()
    for key, (value, of, episodes) in theirs.items():
        figure = found[key]
        assert (figure.value, figure.of) == (pytest.approx(value), of), key
        if episodes is not None:
            assert figure.episodes == tuple(sorted(episodes)), key


def test_every_miss_and_its_cause_is_what_sql_makes_of_the_raw_events(
    both: tuple[Report, psycopg.Connection],
) -> None:
    report, database = both
    rows = database.execute(
        "SELECT alert, rule, place, shift, called_at, answered_at, limit_s, cause FROM miss"
        " ORDER BY called_at, alert, limit_s"
    ).fetchall()
    assert [tuple(asdict(miss).values()) for miss in report.misses] == rows


def test_coverage_is_what_the_database_says(both: tuple[Report, psycopg.Connection]) -> None:
    report, database = both
    rows = database.execute(
        "SELECT task, place, due, late, missed, paused, in_time::float8 / nullif(due, 0), due,"
        " reached::float8 / nullif(people, 0), people"
        " FROM check_coverage(to_timestamp(%s / 1000.0), to_timestamp(%s / 1000.0))"
        " WHERE kind NOT IN ('room', 'bed')",
        (report.since, report.until),
    ).fetchall()
    found: dict[tuple[str, str], dict[str, Figure]] = {}
    for figure in report.figures:
        if figure.group is Group.ROUNDS and "place" in figure.by:
            found.setdefault((figure.by["task"], figure.by["place"]), {})[figure.name] = figure
    assert len(rows) == len(found) > 0
    for task, place, due, late, missed, paused, in_time, of, reached, people in rows:
        mine = found[task, place]
        numbers = [mine[name].value for name in ("due", "late", "missed", "paused")]
        assert numbers == [due, late, missed, paused]
        assert (mine["in_time"].value, mine["in_time"].of) == (in_time, of)
        assert (mine["reached"].value, mine["reached"].of) == (reached, people)


def test_the_month_has_something_of_everything(month: Month, stored: str) -> None:
    """Else the comparison would compare nothing with nothing."""
    report = reported(stored, month, month.start, month.end, month.end)
    figures = {(one.name, *one.by.values()): one.value for one in report.figures}
    assert {miss.cause for miss in report.misses} >= set(Cause) - {Cause.NOT_TOLD}
    assert report.left_out > 0
    assert report.calls > report.alerts > 0
    for name in ("unanswered", "lapsed", "withdrawn", "flood", "chattering", "real", "false", "test"):
        assert figures[name,], name
    leading = [one for one in report.figures if one.name == "missed" and one.episodes]
    assert leading, "missed checks lead to the alerts that were raised for them"
    if ASKED:
        print()  # noqa: T201  `make kpi` shows them
        for figure in report.figures:
            if not figure.by or "severity" in figure.by or list(figure.by) == ["task"]:
                print(figure.group, figure.name, *figure.by.values(), figure.value, figure.of)  # noqa: T201
        print(Counter((miss.cause.value, miss.limit_s) for miss in report.misses))  # noqa: T201


def test_of_two_halves_the_counts_are_those_of_the_whole(month: Month, stored: str) -> None:
    middle = (month.start + month.end) // 2 + 1234
    whole = reported(stored, month, month.start, month.end, month.end)
    parts = [
        reported(stored, month, month.start, middle, month.end),
        reported(stored, month, middle, month.end, month.end),
    ]
    for count in ("calls", "alerts", "left_out"):
        assert getattr(whole, count) == sum(getattr(part, count) for part in parts)
    assert Counter(whole.misses) == sum((Counter(part.misses) for part in parts), Counter())


def test_places_and_zone_are_the_databases_unless_given(month: Month, stored: str) -> None:
    read: list[tuple[int, int]] = []
    asked = (month.duty, month.start, month.end, month.end)
    found = kpi(stored, *asked, progress=lambda done, of: read.append((done, of)))
    assert found == kpi(stored, *asked, registry=month.people, zone=TIMEZONE)
    assert read[0][0] == 0
    assert read[-1][0] == read[-1][1] > 0


def test_without_its_database_the_report_says_what_to_do() -> None:
    found = kpi("postgresql://nobody@127.0.0.1:1/none", Duty(), 0, 1, 1)
    assert isinstance(found, Away)
    assert found.message.startswith("the database is away: ")


def test_a_database_of_before_says_what_to_do(dsn: str) -> None:
    found = kpi(dsn, Duty(), 0, 1, 1)
    assert isinstance(found, Away)
    assert "shouwang migrate" in found.message
