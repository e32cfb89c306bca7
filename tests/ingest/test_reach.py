"""Whether the broker is reached is said when it changes, and not for a blink."""

from devices.message import Message
from devices.ourselves import TOPIC
from ingest.reach import Reach
from ingest.source import Broker, Source
from tests.ingest.works import T0, TestClock


def lanes(*connected: bool) -> list[Source]:
    """Sources that nobody runs, as if they were."""
    made = [Source(Broker("mqtt://127.0.0.1:1"), [], lambda *_: None, TestClock()) for _ in connected]
    for source, there in zip(made, connected, strict=True):
        source.connected = there
    return made


def looked(reach: Reach, times: int = 1) -> None:
    for _ in range(times):
        reach.look()


async def test_what_was_always_so_is_not_said() -> None:
    said: list[Message] = []
    looked(Reach(lanes(True, True), said.append, TestClock(), reached=True), 5)
    assert said == []


async def test_one_lane_that_is_missing_is_enough_and_a_blink_is_not() -> None:
    said: list[Message] = []
    first, second = sources = lanes(True, True)
    reach = Reach(sources, said.append, TestClock(), reached=True)
    looked(reach)
    first.connected = False
    looked(reach)
    first.connected = True
    looked(reach)
    assert said == []
    second.connected = False
    looked(reach, 5)
    assert [(message.topic, message.payload, message.received_at) for message in said] == [
        (TOPIC, b"offline", T0)
    ]
    second.connected = True
    looked(reach, 5)
    assert [message.payload for message in said] == [b"offline", b"online"]


async def test_connecting_takes_its_time() -> None:
    said: list[Message] = []
    reach = Reach(lanes(False), said.append, TestClock(), reached=True)
    looked(reach, 9)
    assert said == []
    looked(reach)
    assert [message.payload for message in said] == [b"offline"]


async def test_a_broker_that_came_back_while_we_were_down_is_said_to_be_there() -> None:
    said: list[Message] = []
    looked(Reach(lanes(True), said.append, TestClock(), reached=False), 3)
    assert [message.payload for message in said] == [b"online"]
