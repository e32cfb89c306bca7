"""A resident is asked on her own device by a running service, and told that her call was taken (R-11)."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from devices.registry import Registry
from devices.registry_files import read
from rules.configuration import load
from rules.ruleset import RuleSet
from tests.brokers import AnyBroker
from tests.deadline import eventually
from tests.publisher import Publisher
from tests.service.house import REGISTRY, client, config, living
from tests.service.receiver import Receiver
from tests.service.test_faults import sos

pytestmark = [pytest.mark.integration, pytest.mark.slow]

WATCH = """
[[device]]
id = "watch"
resident = "r-01"
site = "home-1"
downlink = true
[[device]]
id = "mat"
kind = "bed_mat"
resident = "r-01"
site = "home-1"
"""
RULES = """
[[rule]]
id = "up"
kind = "bed_exit"
within = "0s"
between = ["00:00", "23:59"]
ask = "{ask}"
[[rule]]
id = "sos"
kind = "sos"
"""


def people() -> Registry:
    found = read([("house.toml", REGISTRY + WATCH)])
    assert isinstance(found, Registry)
    return found


def rules(ask: str) -> RuleSet:
    found = load(RULES.format(ask=ask))
    assert isinstance(found, RuleSet), found
    return found


def rises(device: Publisher) -> None:
    """She has lain for a minute, and is out of bed now."""
    now = time.time_ns() // 1_000_000
    lain = [{"ts": now - 60_000, "bed_occupied": True}, {"ts": now, "bed_occupied": False}]
    device.send_all([("shouwang/v1/home-1/mat/telemetry", json.dumps(one).encode()) for one in lain])


def event(name: str) -> tuple[str, bytes]:
    said = {"ts": time.time_ns() // 1_000_000, "id": name, "event": name}
    return "shouwang/v1/home-1/watch/event", json.dumps(said).encode()


@asynccontextmanager
async def watch(port: int) -> AsyncIterator[list[dict[str, Any]]]:
    """What her device hears."""
    heard: list[dict[str, Any]] = []

    async def listen(client: aiomqtt.Client) -> None:
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            assert not message.retain
            heard.append(json.loads(message.payload))

    async with aiomqtt.Client("127.0.0.1", port, identifier="her-watch") as client:
        await client.subscribe("shouwang/v1/home-1/watch/command", qos=1)
        listening = asyncio.create_task(listen(client))
        try:
            yield heard
        finally:
            listening.cancel()


async def test_she_is_asked_says_that_all_is_well_and_nobody_is_called(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    with Receiver() as screen, Publisher(broker.port) as device:
        setting = config(tmp_path, broker.url, dsn, screen.url)
        async with (
            watch(broker.port) as heard,
            living(setting, people(), rules("2min")) as running,
            client(running.api_url) as api,
        ):
            rises(device)
            await eventually(lambda: heard, why="she is not asked")
            assert heard[0]["command"] == "ask"
            assert heard[0]["until"] > time.time() * 1000
            alert = heard[0]["id"]
            assert (await api.get(f"/api/v1/alerts/{alert}")).json()["state"] == "asking"
            assert not any(told.body["calls"] for told in screen.told)

            device.send_all([event("help_cancelled")])

            async def resolved() -> bool:
                return bool((await api.get(f"/api/v1/alerts/{alert}")).json()["state"] == "resolved")

            await eventually(resolved, why="her answer changes nothing")
            found = (await api.get(f"/api/v1/alerts/{alert}")).json()
            assert (found["resolved_by"], found["outcome"]) == ("r-01", "no_action")
            await eventually(lambda: heard[-1]["command"] == "end", why="the question stays on her screen")
            assert not any(told.body["calls"] for told in screen.told)

            device.send_all([sos("one")])
            await eventually(lambda: heard[-1]["command"] == "placed", why="her call is not confirmed")
            call = heard[-1]["id"]
            assert (await api.post(f"/api/v1/alerts/{call}/acknowledge", json={"by": "chen"})).is_success
            await eventually(lambda: heard[-1]["command"] == "taken", why="she is not told who comes")
            assert (
                running.metrics.registry.get_sample_value(
                    "shouwang_downlink_total", {"command": "ask", "result": "published"}
                )
                == 1
            )
            assert running.metrics.registry.get_sample_value(
                "shouwang_readings_rejected_total", {"reason": "unknown_topic"}
            ) in {0, None}, "our own words came back as a device's"


async def test_no_answer_calls_and_so_does_a_press_at_once(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    with Receiver() as screen, Publisher(broker.port) as device:
        setting = config(tmp_path, broker.url, dsn, screen.url)
        async with watch(broker.port) as heard, living(setting, people(), rules("5s")):
            rises(device)
            await eventually(lambda: heard, why="she is not asked")
            await eventually(
                lambda: any(told.body["calls"] for told in screen.told), 20, "no answer, and no call"
            )
            await eventually(lambda: len(heard) > 1, why="she is not told that people are called")
            assert [one["command"] for one in heard] == ["ask", "placed"]
            assert {told.body["kind"] for told in screen.told} == {"bed_exit"}


async def test_asked_while_the_service_is_ended_calls_at_its_next_start(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    with Receiver() as screen, Publisher(broker.port) as device:
        setting = config(tmp_path, broker.url, dsn, screen.url)
        async with watch(broker.port) as heard:
            async with living(setting, people(), rules("5s")):
                rises(device)
                await eventually(lambda: heard, why="she is not asked")
            assert not any(told.body["calls"] for told in screen.told)
            async with living(setting, people(), rules("5s")):
                await eventually(
                    lambda: any(told.body["calls"] for told in screen.told), 20, "a restart forgot her"
                )
