"""A fall that only an accelerometer felt reaches people, once, through broker, service and any crash."""

import json
import sqlite3
from contextlib import AsyncExitStack
from pathlib import Path

import aiomqtt
import pytest

from tests.brokers import AnyBroker
from tests.deadline import eventually
from tests.falls.bodies import fall
from tests.publisher import Publisher
from tests.service.house import Killable, client, config, living, rows
from tests.service.receiver import Receiver
from tests.service.test_whole_path import alerts, counted, event, now

pytestmark = pytest.mark.integration

AT_S, LENGTH_S = 8, 14


def windows(at: int) -> list[tuple[str, bytes]]:
    """A second of the watch's signal each; the impact was at `at` (ms UTC)."""
    a = fall(AT_S, LENGTH_S)
    return [
        (
            "shouwang/v1/home-1/w-01/motion",
            json.dumps(
                {
                    "ts": at + (second - AT_S) * 1000,
                    "fs": 50,
                    "position": "wrist",
                    "xyz": a[second * 50 : second * 50 + 50].round(3).tolist(),
                }
            ).encode(),
        )
        for second in range(LENGTH_S)
    ]


async def test_a_fall_that_was_felt_and_the_watchs_own_are_one_alert(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        receiver = stack.enter_context(Receiver())
        running = await stack.enter_async_context(living(config(tmp_path, broker.url, dsn, receiver.url)))
        api = await stack.enter_async_context(client(running.api_url))
        watch = stack.enter_context(Publisher(broker.port))
        watch.send_all(windows(now() - 6000))

        await eventually(lambda: receiver.told)
        told = receiver.told[0].body
        assert (told["kind"], told["severity"], told["reason"]) == ("fall", "high", "opened")
        watch.send_all([("shouwang/v1/home-1/w-01/event", event("fall", "its-own"))])
        await eventually(lambda: counted(running, "shouwang_messages_processed_total", fate="observed") >= 2)
        (alert,) = await alerts(api)
        assert alert["alert"] == told["alert"]
        await eventually(
            lambda: (
                len(rows(dsn, "SELECT 1 FROM observation WHERE metric = 'fall' AND resident = 'r-01'")) == 2
            )
        )
        ((confidence, detail),) = rows(
            dsn, "SELECT confidence, detail FROM observation WHERE metric = 'fall' AND confidence IS NOT NULL"
        )
        assert float(confidence) > 0.5  # type: ignore[arg-type]
        assert "impact 5.4 g" in str(detail)
        assert counted(running, "shouwang_falls_felt_total", stage="final") == 1


@pytest.mark.faults
@pytest.mark.parametrize("qos", [0, 1])
async def test_a_disk_that_cannot_be_written_holds_up_no_fall(
    broker: AnyBroker, dsn: str, tmp_path: Path, qos: int
) -> None:
    async with AsyncExitStack() as stack:
        receiver = stack.enter_context(Receiver())
        running = await stack.enter_async_context(living(config(tmp_path, broker.url, dsn, receiver.url)))
        thief = sqlite3.connect(tmp_path / "data" / "journal.db", isolation_level=None)
        stack.callback(thief.close)
        thief.execute("BEGIN IMMEDIATE")
        watch = await stack.enter_async_context(aiomqtt.Client("127.0.0.1", broker.port, identifier="w"))
        for topic, payload in windows(now() - 6000):
            await watch.publish(topic, payload, qos=qos)
        await eventually(lambda: receiver.told)
        thief.execute("ROLLBACK")
        stored = "SELECT count(*) FROM observation WHERE metric = 'fall'"
        await eventually(lambda: rows(dsn, stored) == [(1,)])
        assert receiver.reasons("fall") == ["opened"]
        assert counted(running, "shouwang_falls_felt_total", stage="final") == 1


@pytest.mark.faults
async def test_a_crash_between_impact_and_verdict_loses_no_fall(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    with Receiver() as receiver, Publisher(broker.port) as watch:
        house = Killable(tmp_path, broker.url, dsn, receiver.url)
        try:
            await house.start()
            sent = windows(now() - 6000)
            watch.send_all(sent[: AT_S + 1])
            house.kill()
            assert not receiver.told
            await house.start()
            watch.send_all(sent[AT_S + 1 :])
            await eventually(lambda: receiver.told)
            assert {one.body["alert"] for one in receiver.told} == {receiver.told[0].body["alert"]}
            house.kill()  # once more, when it is told
            await house.start()
            async with client(house.api) as api:
                (alert,) = await alerts(api)
            assert alert["alert"] == receiver.told[0].body["alert"]
        finally:
            house.stop()
