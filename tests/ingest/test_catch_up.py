"""The first moments after a start: what nobody could hear while the service was down is nobody's silence."""

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from devices.message import Message
from ingest.checkpoint import Checkpoint
from ingest.felt import Felt
from ingest.journal import Entry, SqliteJournal
from ingest.metrics import Metrics
from ingest.parts import catch_up
from ingest.pipeline import Pipeline
from ingest.rule_records import SCHEMA, RuleRecords
from rules.configuration import load
from rules.decision import Decision
from rules.engine import Engine
from rules.falls.detector import Detector
from rules.ruleset import RuleSet
from tests.deadline import eventually
from tests.ingest.works import REGISTRY, SITE, T0, TestClock, message

HOUR = 3_600_000
LAST_HEARD, BACK = T0 + HOUR, T0 + 31 * HOUR
SUPERVISION = 25 * HOUR


class Started:
    """A service that was down from the last message on, with a button of which it must hear daily."""

    def __init__(self, folder: Path) -> None:
        rules = load('[[rule]]\nid = "unprotected"\nkind = "unprotected"', REGISTRY)
        assert isinstance(rules, RuleSet)
        self.durable: list[Entry] = []
        self.decided: list[Decision] = []
        self.clock = TestClock(BACK)
        self.journal = SqliteJournal(folder / "journal.db", self.durable.extend, SCHEMA)
        self.checkpoint = Checkpoint(folder / "checkpoint.db", self.journal.id)
        self.engine = Engine(rules, REGISTRY, T0)
        self.pipeline = Pipeline(
            journal=self.journal,
            checkpoint=self.checkpoint,
            engine=self.engine,
            registry=REGISTRY,
            site=SITE,
            clock=self.clock,
            metrics=Metrics(),
            decide=lambda decisions, _: self.decided.extend(decisions),
            felt=Felt(Detector({}), self.clock, Metrics(), lambda _: None),
        )

    async def catch_up(self, *messages: Message) -> None:
        """With what the journal has of the time before."""
        for one in messages:
            self.journal.append(one, urgent=False)
        await eventually(lambda: len(self.durable) == len(messages))
        await catch_up(self.pipeline, self.engine, RuleRecords(self.journal), T0, self.clock)


@pytest.fixture
async def started(tmp_path: Path) -> "Iterator[Started]":  # type: ignore[misc]
    made = Started(tmp_path)
    yield made
    made.checkpoint.close()
    made.journal.close()


async def test_nobody_was_silent_while_we_were_down(started: Started) -> None:
    await started.catch_up(message("telemetry", {"battery": 80}, "d4", LAST_HEARD))
    assert started.decided == []
    started.pipeline.tick(BACK + SUPERVISION - 1)
    assert started.decided == [], "all the time that it had been silent before was not even counted"
    started.pipeline.tick(BACK + SUPERVISION)
    assert [(one.rule, one.subject) for one in started.decided] == [("unprotected", "bob")]


async def test_a_replay_of_the_history_will_know_when_we_were_down(started: Started) -> None:
    await started.catch_up(message("telemetry", {"battery": 80}, "d4", LAST_HEARD))
    kept = started.journal.query("SELECT at, what, body FROM rule_record")
    assert [(at, what, orjson.loads(body)) for at, what, body in kept] == [  # type: ignore[arg-type]
        (BACK, "deaf", {"since": LAST_HEARD})
    ]


async def test_we_were_down_at_least_since_the_last_checkpoint(started: Started) -> None:
    await started.catch_up()
    ((body,),) = started.journal.query("SELECT body FROM rule_record")
    assert orjson.loads(body) == {"since": T0}  # type: ignore[arg-type]
