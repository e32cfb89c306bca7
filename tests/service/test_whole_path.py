"""The whole path: a device's message becomes an alert that people are told of, and a row that is kept."""

import json
import time
from contextlib import AsyncExitStack
from pathlib import Path

import aiomqtt
import httpx
import pytest

from ingest.app import Running
from tests.brokers import AnyBroker
from tests.deadline import eventually
from tests.publisher import Publisher
from tests.service.house import client, config, living, rows
from tests.service.receiver import Receiver

pytestmark = pytest.mark.integration


def now() -> int:
    return time.time_ns() // 1_000_000


def event(name: str, identity: str, **more: object) -> bytes:
    return json.dumps({"ts": now(), "id": identity, "event": name, **more}).encode()


async def alerts(api: httpx.AsyncClient, state: str = "all") -> list[dict[str, object]]:
    found: list[dict[str, object]] = (await api.get("/api/v1/alerts", params={"state": state})).json()[
        "alerts"
    ]
    return found


def counted(running: Running, name: str, **labels: str) -> float:
    return running.metrics.registry.get_sample_value(name, labels or None) or 0.0


async def test_an_sos_reaches_everybody_who_must_know_and_is_kept(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        receiver = stack.enter_context(Receiver())
        running = await stack.enter_async_context(living(config(tmp_path, broker.url, dsn, receiver.url)))
        api = await stack.enter_async_context(client(running.api_url))
        display = await stack.enter_async_context(
            aiomqtt.Client("127.0.0.1", broker.port, identifier="display")
        )
        await display.subscribe("shouwang/v1/home-1/alerts/#", qos=1)
        device = stack.enter_context(Publisher(broker.port))

        device.send_all([("shouwang/v1/home-1/w-01/event", event("sos", "press-1"))])

        await eventually(lambda: receiver.told)
        told = receiver.told[0].body
        assert (told["kind"], told["severity"], told["reason"]) == ("sos", "high", "opened")
        (subject,) = told["subjects"]  # type: ignore[misc]
        assert (subject["resident"], subject["room"], subject["bed"]) == ("r-01", "302", "1")
        assert "王秀英" not in json.dumps(told, ensure_ascii=False), "no name on a locked screen"

        shown = await anext(aiter(display.messages))
        assert shown.topic.value == f"shouwang/v1/home-1/alerts/{told['alert']}"

        (alert,) = await alerts(api, "open")
        assert alert["alert"] == told["alert"]
        taken = await api.post(f"/api/v1/alerts/{alert['alert']}/acknowledge", json={"by": "chen"})
        assert taken.json()["state"] == "acknowledged"
        closed = await api.post(
            f"/api/v1/alerts/{alert['alert']}/resolve", json={"by": "chen", "outcome": "real"}
        )
        assert closed.json()["state"] == "resolved"
        async for message in display.messages:
            if not message.payload:
                break  # nothing retained remains of it

        await eventually(lambda: rows(dsn, "SELECT 1 FROM observation WHERE metric = 'sos'"))
        ((resident, place, value),) = rows(
            dsn, "SELECT resident, place, value FROM observation WHERE metric = 'sos'"
        )
        assert (resident, place, value) == ("r-01", "302-1", 1.0)
        await eventually(lambda: rows(dsn, "SELECT 1 FROM alert WHERE outcome = 'real'"))
        await eventually(lambda: receiver.reasons("sos") == ["opened", "acknowledged", "resolved"])
        assert receiver.unverified == 0


async def test_three_messages_of_one_press_are_one_call(broker: AnyBroker, dsn: str, tmp_path: Path) -> None:
    topic = "zigbee2mqtt/button-1"
    with Receiver() as receiver, Publisher(broker.port) as gateway:
        async with living(config(tmp_path, broker.url, dsn, receiver.url)) as running:
            gateway.send_all(
                [
                    (topic, b'{"action":"emergency","battery":null,"linkquality":90}'),
                    (topic, b'{"action":"","battery":null,"linkquality":90}'),
                    (topic + "/action", b"emergency"),
                ]
            )
            fates = "shouwang_messages_processed_total"
            await eventually(lambda: counted(running, fates, fate="observed") == 3)
            assert len(running.desk.book.unresolved()) == 1
            await eventually(lambda: receiver.told)
        assert receiver.reasons("sos") == ["opened"]


async def test_a_new_press_on_an_acknowledged_alert_calls_again(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    with Receiver() as receiver, Publisher(broker.port) as device:
        async with (
            living(config(tmp_path, broker.url, dsn, receiver.url)) as running,
            client(running.api_url) as api,
        ):
            device.send_all([("shouwang/v1/home-1/w-01/event", event("sos", "first"))])
            await eventually(lambda: receiver.told)
            alert = receiver.told[0].body["alert"]
            await api.post(f"/api/v1/alerts/{alert}/acknowledge", json={"by": "chen"})
            device.send_all([("shouwang/v1/home-1/w-01/event", event("sos", "second"))])
            await eventually(lambda: receiver.reasons("sos").count("evidence") == 1)
            assert (await alerts(api))[0]["state"] == "open"


async def test_two_residents_of_a_room_are_two_alerts(broker: AnyBroker, dsn: str, tmp_path: Path) -> None:
    with Publisher(broker.port) as device:
        async with living(config(tmp_path, broker.url, dsn)) as running, client(running.api_url) as api:
            device.send_all(
                [
                    (f"shouwang/v1/home-1/{wearable}/event", event("fall", "f"))
                    for wearable in ("w-01", "w-02")
                ]
            )

            async def both() -> bool:
                return len(await alerts(api)) == 2

            await eventually(both)


async def test_an_unknown_devices_sos_alerts_and_its_readings_are_kept(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    with Publisher(broker.port) as device:
        async with living(config(tmp_path, broker.url, dsn)) as running, client(running.api_url) as api:
            device.send_all(
                [
                    ("shouwang/v1/home-1/stranger/telemetry", b'{"heart_rate": 71}'),
                    ("shouwang/v1/home-1/stranger/event", event("sos", "help")),
                ]
            )

            async def raised() -> bool:
                return [alert["cause"] for alert in await alerts(api)] == ["device:home-1/stranger"]

            await eventually(raised)
            kept = "SELECT metric FROM observation WHERE device = 'stranger' AND resident IS NULL ORDER BY 1"
            await eventually(lambda: rows(dsn, kept) == [("heart_rate",), ("sos",)])


@pytest.mark.parametrize("version", ["3.1.1", "5"])
async def test_both_versions_of_mqtt(broker: AnyBroker, dsn: str, tmp_path: Path, version: str) -> None:
    if version == "5" and type(broker).__name__ != "Mosquitto":
        pytest.skip("the embedded broker speaks 3.1.1 only")
    with Publisher(broker.port) as device:
        async with living(config(tmp_path, broker.url, dsn, version=version)) as running:
            device.send_all([("shouwang/v1/home-1/w-01/event", event("sos", "five"))])
            await eventually(running.desk.book.unresolved)


async def test_what_is_sent_while_the_service_is_away_arrives_when_it_is_back(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    setting = config(tmp_path, broker.url, dsn)
    async with living(setting):
        pass
    with Publisher(broker.port) as device:
        device.send_all([("shouwang/v1/home-1/w-01/event", event("sos", "while away"))])
    async with living(setting) as running:
        await eventually(running.desk.book.unresolved)


async def test_events_stream_live_and_resume(broker: AnyBroker, dsn: str, tmp_path: Path) -> None:
    with Publisher(broker.port) as device:
        async with living(config(tmp_path, broker.url, dsn)) as running, client(running.api_url) as api:

            async def first_event(last: str) -> dict[str, object]:
                async with api.stream("GET", "/api/v1/events", headers={"Last-Event-ID": last}) as stream:
                    async for line in stream.aiter_lines():
                        if line.startswith("data:"):
                            told: dict[str, object] = json.loads(line[5:])
                            return told
                raise AssertionError("the stream ended")

            device.send_all([("shouwang/v1/home-1/w-01/event", event("sos", "live"))])
            assert (await first_event("0"))["event"] == "opened"
            assert (await first_event("0"))["event"] == "opened", "the same again from the same number"


async def test_metrics_tell_what_happened(broker: AnyBroker, dsn: str, tmp_path: Path) -> None:
    with Publisher(broker.port) as device:
        async with living(config(tmp_path, broker.url, dsn)) as running, client(running.api_url) as api:
            again = event("sos", "one")
            device.send_all([("shouwang/v1/home-1/w-01/event", again)] * 2)
            device.send_all([("shouwang/v1/home-1/w-01/telemetry", b"not JSON")])
            fates = "shouwang_messages_processed_total"

            expected = {"observed": 1, "duplicate": 1, "quarantined": 1, "empty": 0}
            await eventually(lambda: {f: counted(running, fates, fate=f) for f in expected} == expected)
            assert counted(running, "shouwang_alert_events_total", kind="sos", event="opened") == 1
            text = (await api.get("/metrics")).text
            assert "shouwang_latency_seconds_bucket" in text
            assert "w-01" not in text
            assert "r-01" not in text, "ids are no labels"
