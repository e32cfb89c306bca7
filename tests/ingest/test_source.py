"""The receiving client acknowledges what it is told to, at once, and takes no more than it can hold."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

import aiomqtt
import pytest

from devices.message import MAX_PAYLOAD_BYTES, Message
from ingest.clock import RealClock
from ingest.config import BrokerConfig
from ingest.source import Broker, Source, Token
from tests.brokers import AnyBroker, Mosquitto
from tests.deadline import eventually

pytestmark = pytest.mark.integration


class Owner:
    """Takes messages from a source and keeps their tokens."""

    def __init__(self, acknowledges: bool = True) -> None:
        self.acknowledges = acknowledges
        self.messages: list[Message] = []
        self.tokens: list[Token] = []
        self.source: Source

    def received(self, message: Message, token: Token) -> None:
        self.messages.append(message)
        if self.acknowledges:
            self.source.acknowledge(token)
        else:
            self.tokens.append(token)

    @property
    def payloads(self) -> list[bytes]:
        return [message.payload for message in self.messages]

    def acknowledge_all(self) -> None:
        """All there are; and from now on at once."""
        self.acknowledges = True
        tokens, self.tokens = self.tokens, []
        for token in tokens:
            self.source.acknowledge(token)


@contextlib.asynccontextmanager
async def listening(
    owner: Owner, broker: Broker, topics: list[str], wait: bool = True
) -> AsyncIterator[Source]:
    """A source at work for an owner, subscribed unless it shall not be waited for."""
    owner.source = Source(broker, topics, owner.received, RealClock())
    running = asyncio.create_task(owner.source.run())
    try:
        if wait:
            await eventually(lambda: owner.source.connected)
        yield owner.source
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def publish(port: int, *messages: tuple[str, bytes], qos: int = 1, retain: bool = False) -> None:
    async with aiomqtt.Client("127.0.0.1", port, identifier="publisher") as client:
        for topic, payload in messages:
            await client.publish(topic, payload, qos, retain)


@pytest.mark.parametrize("version", ["3.1.1", "5"])
async def test_what_is_not_acknowledged_comes_again(broker: AnyBroker, version: str) -> None:
    if not isinstance(broker, Mosquitto):
        pytest.skip("the embedded broker speaks 3.1.1, and sends again only after its ack_wait of minutes")
    address = Broker(broker.url, client_id="s", version=version)
    owner = Owner(acknowledges=False)
    async with listening(owner, address, ["a/#"]):
        await publish(broker.port, *[("a/b", b"%d" % n) for n in range(5)])
        await eventually(lambda: len(owner.messages) == 5)
        for number in (1, 0, 3):  # durable in this order: an urgent one goes ahead in the journal
            owner.source.acknowledge(owner.tokens[number])
    again = Owner()
    async with listening(again, address, ["a/#"]):
        await eventually(lambda: len(again.messages) >= 3)
        await publish(broker.port, ("a/b", b"last"))
        await eventually(lambda: b"last" in again.payloads)
    # MQTT-4.6.0-2: acknowledged in the order of arrival, so 3 has to wait for 2.
    assert sorted(again.payloads) == [b"2", b"3", b"4", b"last"]
    assert all(message.dup for message in again.messages if message.payload != b"last")
    third = Owner()
    async with listening(third, address, ["a/#"]):
        await publish(broker.port, ("a/b", b"end"))
        await eventually(lambda: b"end" in third.payloads)
    assert third.payloads == [b"end"]


async def test_what_is_sent_again_while_we_hold_it_is_the_same_message(broker: AnyBroker) -> None:
    """The embedded broker does so after its ack_wait, on the same connection; Mosquitto never does."""
    if isinstance(broker, Mosquitto):
        pytest.skip("sends again only at a reconnect")
    owner = Owner(acknowledges=False)
    async with listening(owner, Broker(broker.url, client_id="s"), ["a/#"]):
        await publish(broker.port, ("a/b", b"1"), ("a/b", b"1"))
        await eventually(lambda: owner.source.repeated >= 2, why="nothing was sent again")
        assert owner.payloads == [b"1", b"1"], "two messages, though they say the same"
        for token in owner.tokens:
            owner.source.acknowledge(token)
        await publish(broker.port, ("a/b", b"2"))
        await eventually(lambda: owner.payloads == [b"1", b"1", b"2"])
        owner.source.acknowledge(owner.tokens[-1])
    again = Owner()
    async with listening(again, Broker(broker.url, client_id="s"), ["a/#"]):
        await publish(broker.port, ("a/b", b"3"))
        await eventually(lambda: b"3" in again.payloads)
    assert again.payloads == [b"3"], "all was acknowledged"


async def test_a_session_keeps_what_comes_meanwhile(broker: AnyBroker) -> None:
    address = Broker(broker.url, client_id="s")
    async with listening(Owner(), address, ["a/#"]):
        pass
    await publish(broker.port, *[("a/b", b"%d" % n) for n in range(100)])
    owner = Owner()
    async with listening(owner, address, ["a/#"]):
        await eventually(lambda: len(owner.messages) == 100)
    assert owner.payloads == [b"%d" % n for n in range(100)]


async def test_a_message_comes_as_it_was_sent(broker: AnyBroker) -> None:
    await publish(broker.port, ("r/kept", b"retained"), retain=True)
    owner = Owner()
    large = bytes(MAX_PAYLOAD_BYTES + 1)
    async with listening(owner, Broker(broker.url, client_id="s"), ["r/#", "温度/+"]):
        await eventually(lambda: len(owner.messages) == 1)
        before = RealClock().now()
        await publish(broker.port, ("温度/床", b"\0\xff"), ("r/large", large))
        await publish(broker.port, ("r/q", b""), qos=0)
        await eventually(lambda: len(owner.messages) == 4)
        after = RealClock().now()
    by_topic = {message.topic: message for message in owner.messages}
    kept = by_topic.pop("r/kept")
    assert (kept.payload, kept.retained, kept.qos) == (b"retained", True, 1)
    assert (by_topic["温度/床"].payload, by_topic["温度/床"].retained) == (b"\0\xff", False)
    assert (by_topic["r/large"].payload, by_topic["r/large"].size) == (large[:-1], len(large))
    assert by_topic["r/large"].oversized
    assert by_topic["r/q"].qos == 0
    assert all(before <= message.received_at <= after for message in by_topic.values())


async def test_it_reads_no_further_than_it_can_hold(broker: AnyBroker) -> None:
    owner = Owner(acknowledges=False)
    async with listening(owner, Broker(broker.url, client_id="s", max_in_flight=5), ["a"]) as source:
        await publish(broker.port, *[("a", b"%d" % n) for n in range(300)], qos=0)
        await eventually(lambda: not source._reading)
        assert len(owner.messages) == 20
        owner.acknowledge_all()
        await eventually(lambda: len(owner.messages) == 300)
    assert owner.payloads == [b"%d" % n for n in range(300)]


@pytest.mark.faults
async def test_it_comes_back_after_the_broker(broker: AnyBroker) -> None:
    owner = Owner()
    async with listening(owner, Broker(broker.url, client_id="s"), ["a"]) as source:
        await publish(broker.port, ("a", b"before"))
        await eventually(lambda: owner.payloads == [b"before"])
        await asyncio.to_thread(broker.stop)
        await eventually(lambda: not source.connected)
        assert source.last_error
        await asyncio.to_thread(broker.start)
        await eventually(lambda: source.connected)
        await publish(broker.port, ("a", b"after"))
        await eventually(lambda: b"after" in owner.payloads)
        assert not source.last_error


_CONNACK = b"\x20\x02\x01\x00"


def _publication(mid: int) -> bytes:
    """A PUBLISH of QoS 1 on `a`."""
    return b"\x32\x06\x00\x01a\x00" + bytes([mid]) + b"!"


@contextlib.asynccontextmanager
async def scripted(answer: Callable[[int, bytes], bytes]) -> AsyncIterator[int]:
    """A broker that answers each packet (its type and what follows its length) as told; its port."""
    hung_up = asyncio.Event()

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                kind, length = await reader.readexactly(2)  # every packet here is shorter than 128 bytes
                writer.write(answer(kind >> 4, await reader.readexactly(length)))
        writer.close()
        hung_up.set()

    async with await asyncio.start_server(attend, "127.0.0.1") as server:
        yield server.sockets[0].getsockname()[1]
        await eventually(hung_up.is_set)


async def test_old_messages_are_acknowledged_before_the_subscription_is() -> None:
    """A session's messages come at once; a broker with twenty places for them waits for these first."""
    acknowledged: list[bytes] = []

    def answer(kind: int, body: bytes) -> bytes:
        match kind:
            case 1:  # CONNECT
                return _CONNACK + _publication(7)
            case 4:  # PUBACK: only now the SUBACK
                acknowledged.append(body)
                return b"\x90\x03\x00\x01\x01"
        return b""

    owner = Owner()
    async with (
        scripted(answer) as port,
        listening(owner, Broker(f"mqtt://127.0.0.1:{port}", client_id="s"), ["a"], wait=False) as source,
    ):
        await eventually(lambda: source.connected)
        assert owner.payloads == [b"!"]
        assert acknowledged == [b"\x00\x07"]


async def test_a_topic_that_is_refused_is_told_and_stops_no_other() -> None:
    acknowledged: list[bytes] = []

    def answer(kind: int, body: bytes) -> bytes:
        match kind:
            case 1:
                return _CONNACK
            case 8:  # SUBSCRIBE: one granted, one refused
                return b"\x90\x04" + body[:2] + b"\x01\x80" + b"".join(map(_publication, range(1, 101)))
            case 4:
                acknowledged.append(body)
        return b""

    owner = Owner()
    async with (
        scripted(answer) as port,
        listening(
            owner, Broker(f"mqtt://127.0.0.1:{port}", client_id="s"), ["a", "b/#"], wait=False
        ) as source,
    ):
        await eventually(lambda: len(acknowledged) == 100)
        assert not source.connected
        assert "read b/#: check" in source.last_error
    assert acknowledged == [bytes([0, mid]) for mid in range(1, 101)]


async def test_a_flood_of_announced_topics_holds_up_nobody() -> None:
    """At each start all of them are followed, and nothing else happens meanwhile."""
    held = [topic for topic in BrokerConfig().topics if not topic.startswith("shouwang/")]
    source = Source(Broker("mqtt://localhost"), held, lambda *_: None, RealClock())
    started = time.process_time()
    source.follow(f"home/room/{n}/state" for n in range(30_000))
    for n in range(1000):
        source.follow([f"home/door/{n}/state"])
    assert time.process_time() - started < 5  # 78 s when each was compared with each


async def test_announced_topics_are_followed_and_again_after_a_reconnect(broker: AnyBroker) -> None:
    owner = Owner()
    async with listening(owner, Broker(broker.url, client_id="s"), ["a/#"]) as source:
        source.follow(["home/doorbell/state", "a/covered", "home/+/x", "#", "$SYS/broker", "with blank", ""])
        sent = [("home/doorbell/state", b"ON"), ("home/other/x", b"no"), ("a/covered", b"once")]

        async def heard() -> list[bytes]:
            """What came once the subscription, which nobody is told of, holds: the covered topic is last."""
            owner.messages.clear()
            async with asyncio.timeout(10):
                while b"ON" not in owner.payloads:
                    owner.messages.clear()
                    await publish(broker.port, *sent)
                    await eventually(lambda: b"once" in owner.payloads)
            return owner.payloads

        assert await heard() == [b"ON", b"once"]
        source._client.disconnect()
        await eventually(lambda: not source.connected)
        await eventually(lambda: source.connected)
        assert await heard() == [b"ON", b"once"]
