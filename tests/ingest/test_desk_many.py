"""Many people under one cause are one alert: told once, and its last state written once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from alerts.outbox import Receipt
from alerts.records import load_episode
from ingest import alert_log, outbox, outcomes
from ingest.channels import Channel, Delivery, Receipts
from ingest.desk import Desk
from ingest.journal import SqliteJournal
from ingest.metrics import Metrics
from ingest.outbox import Outbox
from rules.decision import Change, Decision, Severity
from rules.ruleset import RuleSet
from tests.alerts.decisions import HOME, decision
from tests.ingest.works import TestClock


class Paper(Channel):
    """A channel whose queue nobody works off."""

    name = "paper"
    receipts = Receipts.NONE

    async def send(self, delivery: Delivery) -> Receipt:
        raise AssertionError(delivery)


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[SqliteJournal]:
    schema = alert_log.SCHEMA + outbox.SCHEMA + outcomes.SCHEMA
    opened = SqliteJournal(tmp_path / "journal.db", lambda _: None, schema)
    yield opened
    opened.close()


@pytest.fixture
async def desk(journal: SqliteJournal) -> AsyncIterator[Desk]:
    clock, metrics = TestClock(1_000), Metrics()
    made = Desk(
        journal, Outbox(journal, [Paper()], HOME, clock, metrics), HOME, "s1", clock, metrics, RuleSet()
    )
    running = asyncio.create_task(made.run(), name="desk")
    yield made
    running.cancel()
    await asyncio.wait([running])


def lost(person: int, severity: Severity = Severity.MEDIUM, change: Change = Change.RAISE) -> Decision:
    key = f"{change} {severity} {person}"
    made = decision(key, rule="unprotected", subject=f"r-{person}", cause="broker", change=change, at=1_000)
    return replace(made, severity=severity)


def queued(journal: SqliteJournal) -> int:
    return len(journal.query("SELECT notification FROM message"))


@pytest.mark.parametrize("severity", list(Severity))
async def test_r49_forty_people_are_one_call_whatever_the_severity(
    desk: Desk, journal: SqliteJournal, severity: Severity
) -> None:
    desk.decide([lost(person, severity) for person in range(40)], 1_000)
    await desk.settled()
    assert queued(journal) == 1
    ((body,),) = journal.query("SELECT body FROM alert")
    assert len(load_episode(cast("bytes", body)).subjects) == 40
    assert journal.query("SELECT count(*) FROM alert_event") == [(40,)]


async def test_what_is_worse_than_what_was_just_told_is_told(desk: Desk, journal: SqliteJournal) -> None:
    desk.decide([lost(0, Severity.LOW), lost(1, Severity.HIGH), lost(2, Severity.HIGH)], 1_000)
    await desk.settled()
    assert queued(journal) == 2


async def test_what_calls_is_not_told_by_what_does_not(desk: Desk, journal: SqliteJournal) -> None:
    desk.decide([lost(0)], 1_000)
    desk.decide([lost(0, change=Change.CLEAR), lost(1)], 1_000)
    await desk.settled()
    assert queued(journal) == 3


async def test_every_fall_is_a_call_of_its_own(desk: Desk, journal: SqliteJournal) -> None:
    falls = [decision(f"fall {number}", rule="fall", at=1_000 + number) for number in range(3)]
    desk.decide(falls, 2_000)
    await desk.settled()
    assert queued(journal) == 3
