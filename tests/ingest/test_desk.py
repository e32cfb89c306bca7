"""The desk holds to the contract, over a real journal, and comes back from a crash as it was."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from alerts.acts import Maintenance
from alerts.event import State, SuspensionBegun
from ingest import alert_log, outbox, outcomes
from ingest.desk import Desk
from ingest.journal import SqliteJournal
from ingest.metrics import Metrics
from ingest.outbox import Outbox
from rules.decision import Change, Decision, Severity
from rules.kinds import KINDS
from rules.ruleset import Definition, RuleSet
from tests.alerts.decisions import HOME, decision
from tests.api.desk_contract import BATH, OUT_OF_BED, Decide, DeskContract
from tests.deadline import eventually
from tests.ingest.works import TestClock

RULES = RuleSet(tuple(Definition(name, kind, {}) for name, kind in KINDS.items()))
"""One rule of each kind, called as its kind is, as the decisions of these tests are."""


@asynccontextmanager
async def opened(folder: Path, clock: TestClock, metrics: Metrics | None = None) -> AsyncIterator[Desk]:
    """A desk at work over the journal of this folder; leaving it is kill -9 as far as its memory goes."""
    journal = SqliteJournal(
        folder / "journal.db", lambda _: None, alert_log.SCHEMA + outbox.SCHEMA + outcomes.SCHEMA
    )
    metrics = metrics or Metrics()
    desk = Desk(journal, Outbox(journal, [], HOME, clock, metrics), HOME, "s1", clock, metrics, RULES)
    running = asyncio.create_task(desk.run(), name="desk")
    try:
        yield desk
    finally:
        running.cancel()
        await asyncio.wait([running])
        journal.close()


async def decided(desk: Desk, clock: TestClock, seen: Decision, now: int) -> None:
    clock.time = now
    desk.decide([seen], now)
    await desk.settled()


class TestDesk(DeskContract):
    """The suite, run over the real desk."""

    @pytest.fixture
    def clock(self) -> TestClock:
        return TestClock(0)

    @pytest.fixture
    async def desk(self, clock: TestClock, tmp_path: Path) -> AsyncIterator[Desk]:
        async with opened(tmp_path, clock) as desk:
            yield desk

    @pytest.fixture
    def decide(self, desk: Desk, clock: TestClock) -> Decide:
        async def decide(seen: Decision, now: int) -> None:
            await decided(desk, clock, seen, now)

        return decide


@pytest.mark.parametrize("turns", [0, 1, 3, 10])
async def test_while_the_disk_is_stuck_each_call_is_told_whatever_comes_after_it(
    tmp_path: Path, turns: int
) -> None:
    metrics, clock = Metrics(), TestClock(1_000)

    def told() -> float:
        return metrics.registry.get_sample_value("shouwang_calls_unrecorded_total", {"stage": "told"}) or 0

    async with opened(tmp_path, clock, metrics) as desk:
        with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as thief:
            thief.execute("BEGIN IMMEDIATE")
            for number, subject in enumerate(("wang", "li", "zhao"), 1):
                desk.decide([decision(f"k{number}", subject=subject, device=f"b-{number}")], 1_000)
                for _ in range(turns):
                    await asyncio.sleep(0)
            await eventually(lambda: told() == 3)
            thief.execute("ROLLBACK")
        await desk.settled()
        assert told() == 3


async def test_r55_a_shelf_and_what_is_under_it_survive_a_restart_and_end_in_time(tmp_path: Path) -> None:
    clock = TestClock(1_000)
    async with opened(tmp_path, clock) as desk:
        await desk.shelve(BATH)
        await decided(desk, clock, OUT_OF_BED, 2_000)
        before = desk.book.suspensions.holding()
    async with opened(tmp_path, clock) as desk:
        assert desk.book.suspensions.holding() == before
        assert [one.state for one in desk.book.unresolved()] == [State.SHELVED]
        await decided(desk, clock, OUT_OF_BED, 2_000)  # the journal is read again after the crash
        assert desk.book.unresolved()[0].evidence == 1
    clock.time = 1_000 + BATH.for_ms
    async with opened(tmp_path, clock) as desk:
        desk.tick(clock.time)
        await desk.settled()
        assert [one.state for one in desk.book.unresolved()] == [State.OPEN]
        history = [event.name.value for event in desk.history(desk.book.unresolved()[0].id)]
    async with opened(tmp_path, clock) as desk:
        desk.tick(clock.time)
        await desk.settled()
        assert history == ["opened", "released"]
        assert [event.name.value for event in desk.history(desk.book.unresolved()[0].id)] == history


async def test_the_same_asked_for_twice_in_one_moment_is_answered_twice_and_holds_once(
    tmp_path: Path,
) -> None:
    device = Maintenance(site="s1", device="button-1", for_ms=3_600_000, by="Chen", reason="battery")
    async with opened(tmp_path, TestClock(1_000)) as desk:
        shelves = await asyncio.gather(*(desk.shelve(BATH) for _ in range(3)))
        services = await asyncio.gather(*(desk.take_out_of_service(device) for _ in range(3)))
        assert all(isinstance(one, SuspensionBegun) for one in (*shelves, *services))
        assert desk.book.suspensions.holding() == [shelves[-1], services[-1]]


async def test_r57_what_is_quiet_is_counted_and_the_gauges_say_how_alerts_stand(tmp_path: Path) -> None:
    clock = TestClock(1_000)
    async with opened(tmp_path, clock) as desk:
        sample = desk._metrics.registry.get_sample_value
        await desk.shelve(BATH)
        await decided(desk, clock, OUT_OF_BED, 2_000)
        await decided(desk, clock, decision("help"), 3_000)
        away = Decision(
            Change.SUPPRESS,
            "bed_exit",
            "bed_exit",
            "li",
            "li",
            Severity.MEDIUM,
            4_000,
            OUT_OF_BED.evidence,
            {"why": "leave"},
        )
        for _ in range(2):
            await decided(desk, clock, away, 4_000)
        assert sample("shouwang_alerts_standing", {"state": "shelved"}) == 1
        assert sample("shouwang_alerts_standing", {"state": "open"}) == 1
        assert sample("shouwang_alert_evidence_quiet_total", {"weight": "shelved"}) == 1
        assert sample("shouwang_alerts_raised_total", {"severity": "high"}) == 1
        assert sample("shouwang_alerts_suppressed_total", {"rule": "bed_exit", "why": "leave"}) == 1
        assert [one.subject for one in desk.book.suppressions.listed()] == ["li"]
    async with opened(tmp_path, clock) as desk:
        assert [one.subject for one in desk.book.suppressions.listed()] == ["li"]
        clock.time += 25 * 3_600_000
        desk.tick(clock.time)
        assert desk._metrics.registry.get_sample_value("shouwang_alerts_stale") == 2


async def test_r47_a_flood_is_told_once_counted_and_over(tmp_path: Path) -> None:
    clock = TestClock(1_000)
    async with opened(tmp_path, clock) as desk:
        sample = desk._metrics.registry.get_sample_value
        for number in range(20):
            seen = decision(f"k{number}", rule="bed_exit", subject=f"p{number}", severity=Severity.MEDIUM)
            await decided(desk, clock, seen, 1_000 + number)
        assert sample("shouwang_alert_floods") == 1
        floods = [one for one in desk.book.unresolved() if one.kind == "flood"]
        assert [(one.cause, one.number) for one in floods] == [("flood:s1", 1)]
        desk.tick(clock.time + 600_000)
        assert sample("shouwang_alert_floods") == 0


async def test_nothing_is_settled_before_the_outcomes_of_checks_are_on_record(tmp_path: Path) -> None:
    """Or a checkpoint would say that their message is done with, and a crash would lose them."""
    clock = TestClock(1_000)
    ended = decision(rule="bed_exit", change=Change.RECORD)
    async with opened(tmp_path, clock) as desk:
        await decided(desk, clock, ended, 1_000)
        assert desk._journal.query("SELECT count(*) FROM outcome") == [(1,)]
