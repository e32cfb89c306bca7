"""The MQTT channel against real brokers: here, late, frozen, killed and back again."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import aiomqtt
import pytest

from alerts.outbox import Delivered, Retry
from ingest.channels import Delivery
from ingest.channels.mqtt import MqttChannel, topic
from ingest.mqtt_link import MqttLink
from ingest.source import Broker
from tests.brokers import Mosquitto

pytestmark = pytest.mark.integration


@asynccontextmanager
async def channel_to(port: int, timeout_s: float = 10.0) -> AsyncIterator[MqttChannel]:
    """A running channel to the broker on this port."""
    broker = Broker(f"mqtt://127.0.0.1:{port}", client_id="shouwang-test")
    link = MqttLink(broker, random=lambda: 0.99, timeout_s=timeout_s)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(link.run(), name="the link")
        try:
            yield MqttChannel(link)
        finally:
            running.cancel()


async def next_message(client: aiomqtt.Client) -> aiomqtt.Message:
    async with asyncio.timeout(10):
        return await anext(client.messages)


async def retained(port: int) -> dict[str, bytes]:
    """Every alert a late subscriber is shown; a marker sent after them says when that is all."""
    found: dict[str, bytes] = {}
    async with aiomqtt.Client("127.0.0.1", port, identifier="late-subscriber") as client:
        await client.subscribe("shouwang/v1/#", qos=1)
        await client.publish("shouwang/v1/end", b"end", qos=1)
        while (message := await next_message(client)).topic.value != "shouwang/v1/end":
            assert message.retain
            assert isinstance(message.payload, bytes)
            found[message.topic.value] = message.payload
    return found


async def delivered(channel: MqttChannel, delivery: Delivery) -> None:
    """Send until it is delivered, as the outbox does."""
    async with asyncio.timeout(30):
        while await channel.send(delivery) != Delivered():
            pass


async def test_an_alert_is_retained_while_open_and_gone_when_resolved(
    broker_port: int, delivery: Delivery
) -> None:
    async with channel_to(broker_port) as channel:
        await delivered(channel, delivery)
        await delivered(channel, replace(delivery, alert="a2", content=b'{"alert":"a2"}'))
        assert await retained(broker_port) == {
            "shouwang/v1/s1/alerts/a1": b'{"alert":"a1"}',
            "shouwang/v1/s1/alerts/a2": b'{"alert":"a2"}',
        }
        await delivered(channel, replace(delivery, notification="a1-2", resolved=True))
        assert await retained(broker_port) == {"shouwang/v1/s1/alerts/a2": b'{"alert":"a2"}'}


async def test_a_display_that_is_listening_hears_each_change_in_order(
    broker_port: int, delivery: Delivery
) -> None:
    async with (
        channel_to(broker_port) as channel,
        aiomqtt.Client("127.0.0.1", broker_port, identifier="display") as display,
    ):
        await display.subscribe("shouwang/v1/+/alerts/+", qos=1)
        contents = [f'{{"number":{number}}}'.encode() for number in range(60)]
        async with asyncio.timeout(30):
            receipts = await asyncio.gather(
                *(channel.send(replace(delivery, content=content)) for content in contents)
            )
        assert set(receipts) == {Delivered()}
        assert [(await next_message(display)).payload for _ in contents] == contents


async def test_without_a_broker_a_delivery_is_to_be_retried_within_its_deadline(
    mosquitto: Mosquitto, delivery: Delivery
) -> None:
    mosquitto.stop()
    loop = asyncio.get_running_loop()
    async with channel_to(mosquitto.port, timeout_s=0.3) as channel:
        began = loop.time()
        assert await channel.send(delivery) == Retry("not connected")
        assert loop.time() - began < 2


@pytest.mark.faults
async def test_a_broker_that_comes_late_is_found(mosquitto: Mosquitto, delivery: Delivery) -> None:
    mosquitto.stop()
    async with channel_to(mosquitto.port, timeout_s=0.3) as channel:
        assert await channel.send(delivery) == Retry("not connected")
        mosquitto.start()
        await delivered(channel, delivery)
    assert await retained(mosquitto.port) == {"shouwang/v1/s1/alerts/a1": delivery.content}


@pytest.mark.faults
async def test_a_broker_killed_while_it_owes_an_answer_is_noticed_at_once(
    mosquitto: Mosquitto, delivery: Delivery
) -> None:
    loop = asyncio.get_running_loop()
    async with channel_to(mosquitto.port, timeout_s=60) as channel:
        await delivered(channel, delivery)
        assert mosquitto.process is not None
        mosquitto.process.send_signal(signal.SIGSTOP)
        waiting = asyncio.create_task(channel.send(delivery), name="unanswered")
        done, _ = await asyncio.wait({waiting}, timeout=0.2)
        assert not done
        began = loop.time()
        mosquitto.process.kill()  # not `mosquitto.kill`, which thaws it first: it might answer
        mosquitto.process.wait(timeout=10)
        assert isinstance(await waiting, Retry)
        assert loop.time() - began < 10, "the kill was noticed, not the deadline of 60 s"
        mosquitto.start()
        await delivered(channel, replace(delivery, content=b"again"))
    assert await retained(mosquitto.port) == {"shouwang/v1/s1/alerts/a1": b"again"}


@pytest.mark.faults
async def test_a_frozen_broker_costs_only_the_deadline_and_is_used_again_when_it_thaws(
    mosquitto: Mosquitto, delivery: Delivery
) -> None:
    async with channel_to(mosquitto.port, timeout_s=0.5) as channel:
        await delivered(channel, delivery)
        assert mosquitto.process is not None
        mosquitto.process.send_signal(signal.SIGSTOP)
        assert await channel.send(delivery) == Retry("no PUBACK")
        assert await channel.send(delivery) == Retry("not connected")
        mosquitto.process.send_signal(signal.SIGCONT)
        await delivered(channel, replace(delivery, resolved=True))
    assert await retained(mosquitto.port) == {}


async def test_a_delivery_cancelled_half_way_leaves_the_channel_usable(
    mosquitto: Mosquitto, delivery: Delivery
) -> None:
    async with channel_to(mosquitto.port) as channel:
        await delivered(channel, delivery)
        assert mosquitto.process is not None
        mosquitto.process.send_signal(signal.SIGSTOP)
        waiting = asyncio.create_task(channel.send(delivery), name="cancelled")
        await asyncio.wait({waiting}, timeout=0.1)
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
        assert waiting.cancelled()
        mosquitto.process.send_signal(signal.SIGCONT)
        assert await channel.send(delivery) == Delivered()


@pytest.mark.faults
async def test_a_channel_stops_when_told_even_while_its_broker_is_frozen(
    mosquitto: Mosquitto, delivery: Delivery
) -> None:
    async with asyncio.timeout(10):
        async with channel_to(mosquitto.port, timeout_s=0.3) as channel:
            await delivered(channel, delivery)
            assert mosquitto.process is not None
            mosquitto.process.send_signal(signal.SIGSTOP)
            assert await channel.send(delivery) == Retry("no PUBACK")


@pytest.mark.parametrize(
    ("site", "expected"),
    [
        ("s1", "shouwang/v1/s1/alerts/a1"),
        ("", "shouwang/v1/-/alerts/a1"),
        ("a/b #+", "shouwang/v1/a_b___/alerts/a1"),
        ("长青", "shouwang/v1/__/alerts/a1"),
    ],
)
def test_any_site_makes_a_topic_that_may_be_published_to(site: str, expected: str) -> None:
    assert topic(site, "a1") == expected
