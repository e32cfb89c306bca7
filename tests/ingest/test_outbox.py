"""The outbox as people feel it: who is told, how often, and what is never held back."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

import pytest

from alerts.escalate import Policy
from alerts.event import EventName
from alerts.ladder import Ladder, Step
from alerts.notification import Notification
from alerts.outbox import Delivered, Failed, Receipt, Retry
from alerts.people import Person
from ingest import alert_log, outbox, outcomes
from ingest.channels import Channel, Delivery, Receipts
from ingest.desk import Desk
from ingest.journal import SqliteJournal
from ingest.metrics import Metrics
from ingest.outbox import Outbox
from rules.decision import Decision, Severity
from tests.alerts.decisions import HOME, decision
from tests.deadline import eventually
from tests.ingest.works import TestClock

CARER = Person("s-1", "陈梅", addresses={"push": "token-1"})


class Phone(Channel):
    """A channel that answers as it is told to, and keeps what it got."""

    name = "push"
    receipts = Receipts.DELIVERED

    def __init__(self) -> None:
        self.got: list[Delivery] = []
        self.answer: Callable[[Delivery], Receipt] = lambda _: Delivered()
        self.hangs: asyncio.Event | None = None

    async def send(self, delivery: Delivery) -> Receipt:
        self.got.append(delivery)
        if self.hangs:
            await self.hangs.wait()
        return self.answer(delivery)


class Rota:
    """One carer, always on duty as primary."""

    def on_duty(self, role: str, places: Sequence[str], at: int) -> tuple[str, ...]:
        del places, at
        return ("s-1",) if role == "primary" else ()


LADDER = Ladder("all", (Step(0, ("primary",), ("push",)),), 60_000)


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[SqliteJournal]:
    schema = alert_log.SCHEMA + outbox.SCHEMA + outcomes.SCHEMA
    opened = SqliteJournal(tmp_path / "journal.db", lambda _: None, schema)
    yield opened
    opened.close()


class House:
    """A desk with one carer and her telephone."""

    def __init__(
        self,
        journal: SqliteJournal,
        people: tuple[Person, ...] = (CARER,),
        everyone: tuple[Channel, ...] = (),
    ) -> None:
        self.phone, self.clock, self.journal = Phone(), TestClock(1_000), journal
        known = {person.id: person for person in people}
        self.outbox = Outbox(
            journal, everyone, HOME, self.clock, Metrics(), addressed=[self.phone], person=known.get
        )
        policy = Policy(HOME, (LADDER,), Rota())
        self.desk = Desk(journal, self.outbox, HOME, "s1", self.clock, Metrics(), policy=policy)

    async def __aenter__(self) -> Self:
        self._tasks = [
            asyncio.create_task(self.desk.run(), name="desk"),
            asyncio.create_task(self.outbox.run(self.desk.get, self.desk.receipt), name="outbox"),
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)

    def names(self, alert: str) -> list[EventName]:
        return [event.name for event in self.desk.history(alert)]

    def messages(self) -> list[tuple[object, ...]]:
        return self.journal.query("SELECT recipient, state, why FROM message ORDER BY notification")


def run(database: sqlite3.Connection, sql: str) -> None:
    database.execute(sql)


def vital(key: str, subject: str) -> Decision:
    made = decision(key, rule="vitals", subject=subject, cause=subject, at=1_000)
    evidence = replace(made.evidence, metric="heart_rate")
    return replace(made, kind="vitals", severity=Severity.MEDIUM, evidence=evidence)


async def test_r03_the_receiver_s_own_answer_is_the_receipt(journal: SqliteJournal) -> None:
    async with House(journal) as house:
        house.desk.decide([decision("k0", at=1_000)], 1_000)
        (alert,) = house.desk.book.unresolved()
        await eventually(lambda: len(house.names(alert.id)) == 3, why="no receipt")
        assert house.names(alert.id) == [EventName.OPENED, EventName.NOTIFIED, EventName.DELIVERED]
        (sent,) = house.phone.got
        assert sent.recipient == CARER
        assert "陈梅" not in str(sent.text)
        assert house.messages() == [("s-1", "delivered", "")]


async def test_every_press_is_a_message_of_its_own_at_once(journal: SqliteJournal) -> None:
    async with House(journal) as house:
        for n in range(10):
            house.desk.decide([decision(f"k{n}", at=1_000 + n)], 1_000)
            await eventually(lambda n=n: len(house.phone.got) == n + 1, why="a press was held back")  # type: ignore[misc]
        assert len({one.notification for one in house.phone.got}) == 10


async def test_what_is_not_about_life_goes_in_one_message_and_none_of_it_is_lost(
    journal: SqliteJournal,
) -> None:
    async with House(journal) as house:
        house.desk.decide([vital(f"k{n}", f"r-{n}") for n in range(40)], 1_000)
        house.desk.decide([decision("sos", at=1_000)], 1_000)
        await eventually(lambda: any(one.life_safety for one in house.phone.got), why="the SOS waited")
        await eventually(lambda: len(house.phone.got) == 2, why="the others were not sent")
        (many,) = (one for one in house.phone.got if not one.life_safety)
        assert many.text["en"].startswith("40 alerts:")
        await eventually(
            lambda: all(EventName.DELIVERED in house.names(it.id) for it in house.desk.book.unresolved()),
            why="an alert has no receipt",
        )


async def test_a_call_that_comes_too_late_is_not_made(journal: SqliteJournal) -> None:
    async with House(journal) as house:
        house.phone.answer = lambda _: Retry("busy")
        house.desk.decide([decision("k0", at=1_000)], 1_000)
        (alert,) = house.desk.book.unresolved()
        await eventually(lambda: bool(house.phone.got), why="not tried")
        await house.desk.acknowledge(alert.id, "s-1")
        await eventually(lambda: house.messages() == [("s-1", "superseded", "")], why="it was made")


async def test_who_is_not_in_the_rota_is_said_to_be_unreachable(journal: SqliteJournal) -> None:
    async with House(journal, people=()) as house:
        house.desk.decide([decision("k0", at=1_000)], 1_000)
        (alert,) = house.desk.book.unresolved()
        await eventually(lambda: EventName.UNDELIVERED in house.names(alert.id), why="nobody was told")
        assert house.phone.got == []


async def test_a_refusal_is_on_record_at_once_and_tried_all_the_same(journal: SqliteJournal) -> None:
    async with House(journal) as house:
        answers: list[Receipt] = [Failed("HTTP 401"), Delivered()]
        house.phone.answer = lambda _: answers.pop(0)
        house.desk.decide([decision("k0", at=1_000)], 1_000)
        (alert,) = house.desk.book.unresolved()
        await eventually(lambda: len(house.phone.got) == 2, why="given up")
        await house.outbox.empty()
        assert EventName.UNDELIVERED in house.names(alert.id)
        assert house.phone.got[1].repeat


async def test_what_is_on_the_list_already_stays_as_it_is(journal: SqliteJournal) -> None:
    """A message that was delivered and is written again would go out once more after the next start."""
    message = Notification("a-1-1", "a-1", 1, EventName.OPENED, Severity.HIGH, True, True, 1_000)
    house = House(journal, everyone=(Phone(),))
    await journal.transact(lambda database: house.outbox.write(database, message))
    assert house.messages() == [("", "waiting", "")]
    await journal.transact(lambda database: run(database, "UPDATE message SET state = 'delivered'"))
    await journal.transact(lambda database: house.outbox.write(database, message))
    assert house.messages() == [("", "delivered", "")]


async def test_what_an_older_service_left_is_taken_over(journal: SqliteJournal) -> None:
    for statement in (
        (
            "CREATE TABLE outbox (notification TEXT, channel TEXT, queued_at INTEGER, state TEXT,"
            " attempts INTEGER, settled_at INTEGER, why TEXT, body BLOB)"
        ),
        "INSERT INTO outbox VALUES ('a-1', 'hook', 5, 'delivered', 1, 9, '', x'7b7d')",
    ):
        await journal.transact(lambda database, sql=statement: run(database, sql))  # type: ignore[misc]
    for _ in range(2):
        await journal.transact(outbox.take_over)
    rows = journal.query("SELECT notification, channel, recipient, state, settled_at FROM message")
    assert rows == [("a-1", "hook", "", "delivered", 9)]
    assert journal.query("SELECT 1 FROM sqlite_master WHERE name = 'outbox'") == []


async def test_a_call_for_help_waits_behind_nothing_of_its_own_alert(journal: SqliteJournal) -> None:
    """A heart rate whose message is to be tried in a quarter of an hour; then she presses the button."""
    async with House(journal) as house:
        house.phone.answer = lambda it: Delivered() if it.life_safety else Retry("busy", after_s=900)
        house.desk.decide([vital("k0", "wang")], 1_000)
        await eventually(lambda: bool(house.phone.got), why="not tried")
        house.desk.decide([decision("sos", at=1_000)], 1_000)
        assert len(house.desk.book.unresolved()) == 1
        await eventually(lambda: house.phone.got[-1].life_safety, why="the SOS waits for the heart rate")
        await house.outbox.empty()
        assert [one.life_safety for one in house.phone.got] == [False, True]


async def test_a_call_for_help_does_not_wait_for_an_answer_to_the_one_before(journal: SqliteJournal) -> None:
    async with House(journal) as house:
        hanging = asyncio.Event()
        house.phone.hangs = hanging
        house.desk.decide([decision("k0", at=1_000)], 1_000)
        await eventually(lambda: bool(house.phone.got), why="not tried")
        house.desk.decide([decision("k1", at=1_001)], 1_001)
        await eventually(lambda: len(house.phone.got) == 2, why="the second press waits for the first")
        hanging.set()
        await house.outbox.empty()


class Display(Phone):
    """One of those who are told of everything, in order."""

    name = "display"


async def test_what_a_display_must_be_told_first_goes_with_the_call_and_as_urgently(
    journal: SqliteJournal,
) -> None:
    display = Display()
    display.answer = lambda it: Delivered() if it.life_safety else Retry("the channel is down", after_s=900)
    async with House(journal, everyone=(display,)) as house:
        house.desk.decide([vital("k0", "wang")], 1_000)
        await eventually(lambda: bool(display.got), why="not tried")
        house.desk.decide([decision("sos", at=1_000)], 1_000)
        await eventually(lambda: len(display.got) >= 3, why="the SOS waits for the heart rate")
        first, again, call, *_ = display.got
        assert first.notification == again.notification != call.notification
        assert (first.life_safety, again.life_safety, call.life_safety) == (False, True, True)
