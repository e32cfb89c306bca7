"""A device that announces itself on any topic is followed, understood, and heard again after a restart."""

import json
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from devices.message import Message
from tests.brokers import AnyBroker
from tests.deadline import eventually
from tests.publisher import Publisher
from tests.service.house import client, config, living, rows

pytestmark = pytest.mark.integration

PENDANT = {
    "name": "SOS pendant",
    "unique_id": "pendant_7_sos",
    "state_topic": "house/2/corridor/7/pendant/state",
    "device_class": "safety",
    "payload_on": "PRESSED",
    "payload_off": "IDLE",
}
ANNOUNCED = ("homeassistant/binary_sensor/pendant_7/sos/config", json.dumps(PENDANT).encode())
PRESS = ("house/2/corridor/7/pendant/state", b"PRESSED")


async def test_what_home_assistant_s_discovery_announces_is_heard(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(living(config(tmp_path, broker.url, dsn)))
        api = await stack.enter_async_context(client(running.api_url))
        device = stack.enter_context(Publisher(broker.port))
        device.send_all([ANNOUNCED])

        async def called() -> bool:
            """Pressed until somebody hears it: that the topic is followed now, nobody is told."""
            device.send_all([PRESS])
            return bool((await api.get("/api/v1/alerts?state=open")).json()["alerts"])

        await eventually(called)
    async with AsyncExitStack() as stack:  # after a restart nothing is announced anew
        running = await stack.enter_async_context(living(config(tmp_path, broker.url, dsn)))
        device = stack.enter_context(Publisher(broker.port, "again"))
        before = len(rows(dsn, "SELECT 1 FROM observation WHERE metric = 'sos'"))

        async def stored() -> bool:
            device.send_all([PRESS])
            return len(rows(dsn, "SELECT 1 FROM observation WHERE metric = 'sos'")) > before

        await eventually(stored)


async def test_an_announced_call_goes_ahead_though_its_bytes_do_not_say_so(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(living(config(tmp_path, broker.url, dsn)))
        device = stack.enter_context(Publisher(broker.port))
        press = Message(*PRESS, 0)
        assert not running.goes_ahead(press)
        device.send_all([ANNOUNCED])
        await eventually(lambda: running.goes_ahead(press))
