"""How checks ended, from the rules to one row for each deadline, and coverage of a period in one query."""

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from prometheus_client import generate_latest

from devices.registry import Place, PlaceKind, Registry, Resident, VisitTier
from ingest import outcomes
from ingest.journal import SqliteJournal
from ingest.metrics import Metrics
from ingest.outcomes import Outcomes, prune
from ingest.store.checks import CheckProjection
from ingest.store.schema import migrate
from ingest.store.writer import _project_registry
from rules.configuration import default
from rules.decision import Change, Decision, Evidence, Severity
from rules.engine import Engine
from tests.rules.home import DAY, HOUR, heard, local

pytestmark = pytest.mark.integration

NOW = local("2026-11-01 00:00")


def ended(
    subject: str, due: int, outcome: str, place: str = "room-1", rule: str = "round", **more: str | int
) -> Decision:
    facts: dict[str, str | int] = {
        "check": "visit",
        "outcome": outcome,
        "due_ms": due,
        "place": place,
        "refused": 0,
    }
    evidence = Evidence(f"{rule}|{subject}|{due}|{outcome}", "visit", "", due, due)
    kind = str(more.pop("kind", "missed_check"))
    return Decision(Change.RECORD, rule, kind, subject, subject, Severity.LOW, due, evidence, facts | more)


class Kept:
    """A journal's database with outcomes in it, and the database that follows."""

    def __init__(self, folder: Path, database: psycopg.Connection) -> None:
        self.database = database
        self.path = folder / "journal.db"
        self.journal = SqliteJournal(self.path, lambda _: None, outcomes.SCHEMA)
        self.projection = CheckProjection(self.path, self.journal.id)
        self.metrics = Metrics()

    async def happened(self, *decisions: Decision) -> None:
        """As in the service: taken, and recorded by a task of its own."""
        record = Outcomes(self.journal, self.metrics)
        running = asyncio.create_task(record.run())
        record.take(decisions)
        await record.settled()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running

    def project(self) -> None:
        with self.database.transaction():
            self.projection(self.database)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        return self.database.execute(query.encode()).fetchall()

    def close(self) -> None:
        self.projection.close()
        self.journal.close()


@pytest.fixture
async def kept(tmp_path: Path, dsn: str) -> "Iterator[Kept]":  # type: ignore[misc]
    with psycopg.connect(dsn, autocommit=True, options="-c timezone=UTC") as database:
        migrate(database)
        made = Kept(tmp_path, database)
        yield made
        made.close()


async def test_a_check_is_stored_with_who_made_it_and_how(kept: Kept) -> None:
    done = ended(
        "wang", NOW, "done", done_ms=NOW - HOUR, by="nurse-3", proof="nfc", metric="visit", device="s"
    )
    await kept.happened(done, ended("li", NOW, "paused"), ended("li", NOW, "other", kind="news2"))
    kept.project()
    columns = "rule, subject, due, task, outcome, done_at, by_whom, proof, metric, device, refused, place"
    at = datetime.fromtimestamp(NOW / 1000, UTC)
    hour = datetime.fromtimestamp((NOW - HOUR) / 1000, UTC)
    assert kept.rows(f"SELECT {columns} FROM check_outcome ORDER BY subject DESC") == [
        ("round", "wang", at, "visit", "done", hour, "nurse-3", "nfc", "visit", "s", 0, "room-1"),
        ("round", "li", at, "visit", "paused", None, None, None, None, None, 0, "room-1"),
    ]
    assert b'shouwang_checks_total{outcome="done",task="visit"} 1.0' in generate_latest(kept.metrics.registry)


async def test_a_later_late_replaces_missed_and_nothing_replaces_what_was_done(kept: Kept) -> None:
    for outcome in ("unproven", "missed", "late", "missed"):
        await kept.happened(ended("wang", NOW, outcome))
        kept.project()
    await kept.happened(ended("li", NOW, "done"), ended("li", NOW, "missed"))
    kept.project()
    assert kept.rows("SELECT subject, outcome FROM check_outcome ORDER BY subject") == [
        ("li", "done"),
        ("wang", "late"),
    ]


async def test_what_is_decided_again_after_a_crash_is_recorded_once(kept: Kept) -> None:
    made = [ended("wang", NOW + n * HOUR, outcome) for n in range(700) for outcome in ("missed", "late")]
    await kept.happened(*made[:900])
    kept.project()
    await kept.happened(*made)  # from the last checkpoint on, all once more
    kept.project()
    kept.project()
    assert kept.rows("SELECT outcome, count(*) FROM check_outcome GROUP BY outcome") == [("late", 700)]
    assert kept.journal.query("SELECT count(*) FROM outcome") == [(1400,)]


async def test_a_database_that_was_away_or_rolled_back_gets_all_of_it(kept: Kept) -> None:
    await kept.happened(*[ended("wang", NOW + n * HOUR, "done") for n in range(2_500)])
    with kept.database.transaction(force_rollback=True):
        kept.projection(kept.database)
    assert kept.projection.stored == 0
    kept.project()
    kept.project()
    assert kept.rows("SELECT count(*) FROM check_outcome") == [(2_500,)]
    assert kept.projection.stored == 2_500


async def test_only_what_the_database_has_is_forgotten(kept: Kept) -> None:
    await kept.happened(ended("wang", NOW, "done"), ended("wang", NOW + 5 * DAY, "done"))
    await kept.journal.transact(lambda database: prune(database, NOW + 5 * DAY, kept.projection.stored))
    assert kept.journal.query("SELECT count(*) FROM outcome") == [(2,)]
    kept.project()
    kept.project()
    await kept.journal.transact(lambda database: prune(database, NOW + 5 * DAY, kept.projection.stored))
    assert kept.journal.query("SELECT count(*) FROM outcome") == [(1,)], "what may be decided again is kept"
    await kept.happened(ended("li", NOW, "done"))
    kept.project()
    assert kept.rows("SELECT count(*) FROM check_outcome") == [(3,)]


async def test_texts_may_hold_anything(kept: Kept) -> None:
    await kept.happened(ended("wang", NOW, "done", by="nurse\0", done_ms=NOW))
    kept.project()
    assert kept.rows("SELECT by_whom FROM check_outcome") == [("nurse\ufffd",)]


TOWN = Registry.of(
    places=[
        Place("district", PlaceKind.DISTRICT, "区"),
        Place("east", PlaceKind.STREET, "东街", parent="district"),
        Place("west", PlaceKind.STREET, "西街", parent="district"),
        *(Place(f"home-{n}", PlaceKind.ROOM, parent="east" if n < 4 else "west") for n in range(6)),
    ],
    residents=[Resident(f"r-{n}", f"home-{n}", visit_tier=VisitTier.KEY) for n in range(6)],
)


async def test_r83_the_monthly_visit_rate_of_a_street_is_one_query(kept: Kept) -> None:
    """Six people to be visited each month: in the east one twice, one late, one not, one in hospital."""
    watch = Engine(default(), TOWN, NOW)
    history = sorted(
        (
            heard("scanner", "visit", local("2026-11-05 10:00"), resident="r-0"),
            heard("scanner", "visit", local("2026-11-20 10:00"), resident="r-0"),
            heard("scanner", "visit", local("2026-12-01 09:00"), resident="r-1"),
            heard("desk", "absence", local("2026-11-25 09:00"), "hospital", resident="r-3"),
            heard("scanner", "visit", local("2026-11-30 22:00"), resident="r-4"),
            heard("scanner", "visit", local("2026-11-07 10:00"), resident="r-5"),
        ),
        key=lambda observation: observation.at,
    )
    decisions = [decision for observation in history for decision in watch.observe(observation)]
    await kept.happened(*decisions, *watch.tick(local("2026-12-10 00:00")))
    _project_registry(kept.database, TOWN)
    kept.project()
    assert kept.rows(
        "SELECT name, people, reached, reached_rate, due, in_time, late, missed, paused, rate"
        " FROM check_coverage('2026-11-01 +8', '2026-12-01 +8', 'street') WHERE task = 'community_visit'"
    ) == [
        ("东街", 3, 2, Decimal("0.6667"), 3, 1, 1, 1, 1, Decimal("0.3333")),
        ("西街", 2, 2, Decimal("1.0000"), 2, 2, 0, 0, 0, Decimal("1.0000")),
    ]
    assert kept.rows(
        "SELECT kind, people, reached FROM check_coverage('2026-11-01 +8', '2026-12-01 +8')"
        " WHERE place = 'district' AND task = 'community_visit'"
    ) == [("district", 5, 4)]


async def test_places_that_lie_in_each_other_end_no_query(kept: Kept) -> None:
    ring = [Place("a", PlaceKind.SITE, parent="b"), Place("b", PlaceKind.SITE, parent="a")]
    _project_registry(kept.database, Registry.of(places=ring))
    await kept.happened(ended("wang", NOW, "done", place="a"))
    kept.project()
    assert kept.rows(f"SELECT place, due FROM check_coverage(to_timestamp({NOW / 1000}), 'infinity')") == [
        ("a", 1),
        ("b", 1),
    ]
