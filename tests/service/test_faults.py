"""Nothing that was acknowledged is lost, nothing is stored or told twice, whatever dies when."""

import asyncio
import json
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import aiomqtt
import pytest

from ingest.embedded.postgres import EmbeddedPostgres
from tests.brokers import AnyBroker, made
from tests.deadline import eventually
from tests.publisher import Publisher
from tests.service.house import Killable, config, living, rows
from tests.service.receiver import Receiver

pytestmark = [pytest.mark.integration, pytest.mark.faults, pytest.mark.slow]

MESSAGES = int(os.environ.get("SHOUWANG_MESSAGES", "8000"))  # 20,000 and more by hand
DEVICES = 50


def telemetry(count: int, first: int = 0) -> Iterator[tuple[str, bytes]]:
    """Messages of many devices, each recognisable by its heart rate variability."""
    for number in range(first, first + count):
        topic = f"shouwang/v1/home-1/d{number % DEVICES}/telemetry"
        yield topic, json.dumps({"id": str(number), "heart_rate_variability": number / 10}).encode()


def sos(identity: str, device: str = "w-01") -> tuple[str, bytes]:
    stamped = {"ts": time.time_ns() // 1_000_000, "id": identity, "event": "sos"}
    return f"shouwang/v1/home-1/{device}/event", json.dumps(stamped).encode()


def stored(dsn: str) -> tuple[int, int]:
    """Rows, and how many different ones."""
    found = rows(
        dsn,
        "SELECT count(*), count(DISTINCT value) FROM observation WHERE metric = 'heart_rate_variability'",
    )
    return (int(str(found[0][0])), int(str(found[0][1]))) if found else (0, 0)


def told_once(receiver: Receiver) -> bool:
    """Whether no alert was opened twice; one that was sent again is marked as a repeat."""
    opened = [told for told in receiver.told if told.body["reason"] == "opened"]
    first = [told for told in opened if told.attempt == 1]
    return len({told.body["alert"] for told in first}) == len(first)


@pytest.fixture(params=["mosquitto", "embedded"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyBroker]:
    """A broker that keeps sessions."""
    running = made(request.param, tmp_path)
    running.start()
    yield running
    running.stop()


async def test_kill_9_in_the_middle_loses_and_doubles_nothing(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    with Receiver() as receiver, Publisher(broker.port) as device:
        house = Killable(tmp_path, broker.url, dsn, receiver.url)
        await house.start()
        try:
            device.send_all([sos("before")])
            publishing = asyncio.create_task(asyncio.to_thread(device.send_all, telemetry(MESSAGES)))
            for part in (0.25, 0.5):
                await eventually(lambda part=part: device.acknowledged > part * MESSAGES)  # type: ignore[misc]
                house.kill()
                await house.start()
            await publishing
            device.send_all([sos("after", "w-02")])
            await eventually(lambda: stored(dsn)[1] == MESSAGES, 120, "some were lost")
            await eventually(lambda: len({told.body["cause"] for told in receiver.told}) == 2)
        finally:
            assert house.stop() == 0
        assert stored(dsn) == (MESSAGES, MESSAGES), "none twice"
        assert rows(dsn, "SELECT count(*) FROM alert") == [(2,)], "no alert twice, none missing"
        assert told_once(receiver)
        assert "Traceback" not in house.log()


async def test_a_database_that_is_away_delays_no_alert_and_loses_nothing(
    broker: AnyBroker, tmp_path: Path
) -> None:
    messages = MESSAGES // 2
    with Receiver() as receiver, EmbeddedPostgres(tmp_path / "database") as database:
        async with living(config(tmp_path, broker.url, database.dsn, receiver.url)) as running:
            with Publisher(broker.port) as device:
                device.send_all(telemetry(messages // 2))
                await eventually(lambda: stored(database.dsn)[0] > 0)
                database.stop()
                device.send_all(telemetry(messages // 2, messages // 2))
                pressed = time.monotonic()
                device.send_all([sos("while the database is away")])
                await eventually(lambda: receiver.told, 10, "the database held up an SOS")
                assert receiver.told[0].at >= pressed
                assert running.desk.book.unresolved()
                address = database.dsn
                database.start()
                assert database.dsn == address, "a database comes back where it was"
            await eventually(lambda: stored(database.dsn)[1] == messages, 120, "some were lost")
        assert stored(database.dsn) == (messages, messages)


async def test_neither_broker_nor_database_need_be_there_at_the_start(tmp_path: Path) -> None:
    late = made("mosquitto", tmp_path)
    with EmbeddedPostgres(tmp_path / "database") as database:
        database.stop()  # it has an address now
        house = Killable(tmp_path, late.url, database.dsn)
        starting = asyncio.create_task(house.start())
        try:
            await eventually(lambda: "database_away" in house.log() and "broker_away" in house.log())
            late.start()
            await starting
            with Publisher(late.port) as device:
                device.send_all(telemetry(10))
            database.start()
            await eventually(lambda: stored(database.dsn) == (10, 10))
        finally:
            assert house.stop() == 0
            late.stop()
        assert "Traceback" not in house.log()


async def test_a_broker_that_dies_and_comes_back_loses_nothing(dsn: str, tmp_path: Path) -> None:
    broker = made("embedded", tmp_path)
    broker.start()
    try:
        async with living(config(tmp_path, broker.url, dsn)):
            for turn in range(3):
                with Publisher(broker.port) as device:
                    device.send_all(telemetry(500, turn * 500))
                broker.kill()
                broker.start()
            await eventually(lambda: stored(dsn)[1] == 1500, 60, "some were lost")
            assert stored(dsn) == (1500, 1500)
    finally:
        broker.stop()


async def test_a_receiver_that_is_rude_slow_or_away_is_told_in_the_end(dsn: str, tmp_path: Path) -> None:
    def answers(call: int) -> int:
        return {1: 500, 2: 429, 3: 404}.get(call, 204)

    broker = made("mosquitto", tmp_path)
    broker.start()
    try:
        with Receiver(answers) as receiver, Publisher(broker.port) as device:
            async with living(config(tmp_path, broker.url, dsn, receiver.url)):
                device.send_all([sos("rude")])
                await eventually(lambda: receiver.told, 60, "an SOS was given up")
            (told,) = receiver.told
            assert told.attempt == 4, "and it is marked as a repeat"
    finally:
        broker.stop()


async def test_a_journal_that_cannot_be_written_holds_up_no_call_for_help(dsn: str, tmp_path: Path) -> None:
    broker = made("mosquitto", tmp_path)
    broker.start()
    try:
        with Receiver() as receiver, Publisher(broker.port) as device:
            async with living(config(tmp_path, broker.url, dsn, receiver.url)) as running:
                thief = sqlite3.connect(tmp_path / "data" / "journal.db", isolation_level=None)
                thief.execute("BEGIN IMMEDIATE")  # as a full or stalled disk would: nothing can be written
                try:
                    device.send_all([sos("nobody can write this down")])
                    async with aiomqtt.Client("127.0.0.1", broker.port, identifier="qos-0") as plain:
                        for wearable in ("w-02", "stranger"):
                            topic, payload = sos("of QoS 0", wearable)
                            await plain.publish(topic, payload, qos=0)
                    causes = {"r-01", "r-02", "device:home-1/stranger"}
                    await eventually(
                        lambda: {told.body["cause"] for told in receiver.told} == causes,
                        20,
                        "the disk held up an SOS",
                    )
                    device.send_all([sos("while those are not yet written", "later")])
                    await eventually(
                        lambda: "device:home-1/later" in {told.body["cause"] for told in receiver.told},
                        20,
                        "the disk held up an SOS behind others",
                    )
                    assert rows(dsn, "SELECT 1 FROM alert") == []
                finally:
                    thief.execute("ROLLBACK")
                    thief.close()
                stored = "SELECT count(*) FROM observation WHERE metric = 'sos'"
                await eventually(lambda: rows(dsn, stored) == [(4,)], 60)
                await eventually(lambda: rows(dsn, "SELECT count(*) FROM alert") == [(4,)])
                kept = [episode.evidence for episode in running.desk.book.unresolved()]
                assert kept == [1, 1, 1, 1], "recorded later, each is the same call"
            assert receiver.reasons("sos") == ["opened"] * 4
    finally:
        broker.stop()


async def test_an_embedded_server_that_dies_ends_the_service_to_be_started_again(tmp_path: Path) -> None:
    house = Killable(tmp_path, "embedded", "embedded")
    await house.start()
    pid = int((tmp_path / "data" / "postgres" / "cluster" / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    await eventually(house.ended, 60, "the service goes on without its database")
    assert house.stop() == 1
    assert "ended by itself" in house.log()
    assert "Traceback" not in house.log()
