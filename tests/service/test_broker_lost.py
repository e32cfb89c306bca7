"""A broker that is not reached is one alert for all, live and in a replay of the journal."""

import json
from pathlib import Path

import pytest

from alerts.episode import Episode
from devices.ourselves import TOPIC
from ingest.app import Running
from ingest.interpret import interpret
from ingest.journal import SqliteJournal
from rules.configuration import load
from rules.engine import Engine
from rules.ruleset import RuleSet
from tests.brokers import AnyBroker, made
from tests.deadline import eventually
from tests.publisher import Publisher
from tests.service.house import config, living, registry, rows

pytestmark = [pytest.mark.integration, pytest.mark.faults, pytest.mark.slow]


def rules() -> RuleSet:
    """Nobody wants to wait half a minute here."""
    found = load('[[rule]]\nid = "unprotected"\nkind = "unprotected"\nbroker_after = "2s"')
    assert isinstance(found, RuleSet)
    return found


def unprotected(running: Running) -> list[Episode]:
    return [episode for episode in running.desk.book.unresolved() if episode.rule == "unprotected"]


def lost(running: Running) -> bool:
    return [(one.cause, len(one.subjects), one.active) for one in unprotected(running)] == [
        ("broker", 2, True)
    ]


def back(running: Running) -> bool:
    return [(one.cause, len(one.subjects), one.active) for one in unprotected(running)] == [
        ("broker", 2, False)
    ]


@pytest.mark.parametrize("kind", ["mosquitto", "embedded"])
async def test_r27_r49_a_broker_lost_is_told_once_and_so_is_its_return(
    kind: str, dsn: str, tmp_path: Path
) -> None:
    broker: AnyBroker = made(kind, tmp_path)
    broker.start()
    try:
        async with living(config(tmp_path, broker.url, dsn), rules=rules()) as running:
            assert unprotected(running) == []
            broker.kill()
            await eventually(lambda: lost(running), why="nobody is told that nobody can call")
            broker.start()
            await eventually(lambda: back(running), 60, "nobody is told that they can call again")
            await running.desk.settled()
            live = running.desk.history(unprotected(running)[0].id)
    finally:
        broker.stop()
    assert [event.name.value for event in live] == ["opened", "evidence", "cleared", "cleared"]
    journal = SqliteJournal(tmp_path / "data" / "journal.db", lambda _: None)
    try:
        messages = [entry.message for entry in journal.read(0, 1000)]
    finally:
        journal.close()
    said = [message.payload for message in messages if message.topic == TOPIC]
    assert said == [b"offline", b"online"]
    engine = Engine(rules(), registry(), messages[0].received_at)
    again = [
        decision
        for message in messages
        for observation in interpret(message, registry(), "home-1").observations
        for decision in engine.observe(observation)
    ]
    assert [decision.evidence for decision in again] == [event.evidence for event in live]  # type: ignore[union-attr]


async def test_a_broker_that_is_back_before_we_are_is_told_of(dsn: str, tmp_path: Path) -> None:
    """What was said last is known to whoever starts: else it would hold for ever."""
    broker: AnyBroker = made("mosquitto", tmp_path)
    broker.start()
    try:
        async with living(config(tmp_path, broker.url, dsn), rules=rules()) as running:
            broker.kill()
            await eventually(lambda: lost(running), why="nobody is told that nobody can call")
        broker.start()
        async with living(config(tmp_path, broker.url, dsn), rules=rules()) as running:
            await eventually(lambda: back(running), why="nobody is told that they can call again")
    finally:
        broker.stop()


async def test_nobody_outside_can_say_that_the_broker_is_lost(dsn: str, tmp_path: Path) -> None:
    broker = made("mosquitto", tmp_path)
    broker.start()
    try:
        asking = config(tmp_path, broker.url, dsn)
        listening = asking.broker.model_copy(update={"topics": [*asking.broker.topics, "$shouwang/#"]})
        asking = asking.model_copy(update={"broker": listening})
        async with living(asking, rules=rules()) as running:
            with Publisher(broker.port) as stranger:
                stranger.send_all([(TOPIC, b"offline")])
                said = json.dumps({"id": "after", "heart_rate": 70}).encode()
                stranger.send_all([("shouwang/v1/home-1/w-01/telemetry", said)])
            stored = "SELECT count(*) FROM observation WHERE metric = 'heart_rate'"
            await eventually(lambda: rows(dsn, stored) == [(1,)])
            assert rows(dsn, "SELECT 1 FROM observation WHERE metric = 'online'") == []
            assert unprotected(running) == []
    finally:
        broker.stop()
