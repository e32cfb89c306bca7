"""Publishing through real brokers: everything arrives, wills are real, a restart loses nothing."""

import asyncio
import json
import re
import signal
import sys
import time
import tomllib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import aiomqtt
import pytest

from simulators import play, scenario
from simulators.broker import Broker, broker_at
from simulators.clock import ClockAnchor, real_now_ms
from simulators.link import BrokerUnreachableError, Patience
from simulators.publication import Connection, Publication
from simulators.publish import publish
from simulators.scenario import Scenario
from simulators.truth import Tally
from simulators.world import World
from tests.brokers import AnyBroker, Mosquitto
from tests.commands.program import called

pytestmark = pytest.mark.integration

REPOSITORY = Path(__file__).parents[2]
UNPACED = ClockAnchor(0, 0, 0)
LINE = (Connection("line"),)
TOO_LONG_S = 60.0


def address(url: str) -> Broker:
    found = broker_at(url)
    assert isinstance(found, Broker), found
    return found


def told_by_nobody(message: str) -> None:
    raise AssertionError(f"nothing should go wrong: {message}")


def numbered(count: int) -> Iterator[Publication]:
    for number in range(count):
        yield Publication(number, "shouwang/v1/s/d/telemetry", b'{"id":"%d"}' % number, via="line")


@dataclass
class Heard:
    """What a subscriber heard, with a persistent session: it misses nothing while the broker is away."""

    url: str
    name: str
    messages: list[tuple[str, bytes, bool]] = field(default_factory=list)
    listening: asyncio.Event = field(default_factory=asyncio.Event)
    more: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self) -> None:
        parts = urlsplit(self.url)
        while True:
            client = aiomqtt.Client(
                parts.hostname or "", parts.port or 0, identifier=self.name, clean_session=False
            )
            try:
                async with client:
                    await client.subscribe([("shouwang/#", 1), ("zigbee2mqtt/#", 1)])
                    self.listening.set()
                    async for message in client.messages:
                        payload = message.payload
                        assert isinstance(payload, bytes)
                        self.messages.append((message.topic.value, payload, message.retain))
                        self.more.set()
            except aiomqtt.MqttError:
                continue

    def numbers(self) -> list[int]:
        """The numbers in device names, in the order heard."""
        return [int(topic.split("/")[3].removeprefix("d-")) for topic, _, _ in self.messages]

    async def until(self, enough: Callable[[], bool]) -> None:
        async with asyncio.timeout(TOO_LONG_S):
            while not enough():
                self.more.clear()
                await self.more.wait()


@asynccontextmanager
async def listener(broker: AnyBroker, name: str = "listener") -> AsyncIterator[Heard]:
    heard = Heard(broker.url, name)
    task = asyncio.create_task(heard.listen(), name="listener")
    async with asyncio.timeout(TOO_LONG_S):
        await heard.listening.wait()
    yield heard
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def world(name: str) -> World:
    found = scenario.read(name)
    assert isinstance(found, Scenario)
    return World(found, 1, found.start_ms(date(2025, 11, 20)))


async def test_everything_of_a_scenario_arrives_once_and_wills_are_published_by_the_broker(
    broker: AnyBroker, tmp_path: Path
) -> None:
    truth, registry = tmp_path / "truth.jsonl", tmp_path / "registry.toml"
    async with listener(broker) as heard:
        code = await play.run("demo", broker.url, speed=0, seed=1, truth=truth, registry=registry)
        assert code == 0
        header, *alerts = [json.loads(line) for line in truth.read_text().splitlines()]
        await heard.until(lambda: len(heard.messages) >= header["published"] + header["wills"])
    said = list(play.piece_of_scenario("demo", seed=1, start_ms=header["start"]).publications)  # type: ignore[union-attr]
    assert Counter((topic, payload) for topic, payload, _ in heard.messages) == Counter(
        (each.topic, each.payload) for each in said
    )
    assert header["wills"] == 2
    lies, forgets = ["long-lie"] * 2, "daily-check-in"
    told = ["sos", "fall", *lies, "sos", forgets, "unprotected"]
    assert [alert["rule"] for alert in alerts] == told
    assert registry.read_text().startswith("[[place]]")


async def test_a_lost_gateway_is_its_last_will_in_its_place(broker: AnyBroker) -> None:
    async with listener(broker) as heard:
        lost = world("gateway_lost")
        await publish(
            lost, lost.connections, address(broker.url), UNPACED, said=Tally().add, tell=told_by_nobody
        )
        await heard.until(lambda: sum("gw-1/status" in topic for topic, _, _ in heard.messages) == 3)
        await heard.until(lambda: sum("bridge/state" in topic for topic, _, _ in heard.messages) == 3)
    states = [payload for topic, payload, _ in heard.messages if topic.endswith("gw-1/status")]
    assert states == [b"online", b"offline", b"online"]
    bridge = [json.loads(payload) for topic, payload, _ in heard.messages if topic.endswith("bridge/state")]
    assert bridge == [{"state": "online"}, {"state": "offline"}, {"state": "online"}]


async def test_a_gateway_that_stays_lost_leaves_its_will_retained(broker: AnyBroker) -> None:
    lost = world("gateway_lost")
    begin = lost.timetable.lost["gw-1"][0][0]
    first_half = [each for each in lost if each.at_ms <= begin]
    assert [each.will for each in first_half[-2:]] == [True, True]
    async with listener(broker) as heard:
        await publish(
            first_half, lost.connections, address(broker.url), UNPACED, said=Tally().add, tell=told_by_nobody
        )
        await heard.until(lambda: any(payload == b"offline" for _, payload, _ in heard.messages))
    async with listener(broker, "later") as later:
        await later.until(lambda: any("gw-1" in topic for topic, _, _ in later.messages))
    assert next(each for each in later.messages if "gw-1" in each[0])[1:] == (b"offline", True)


async def test_a_restart_of_the_broker_loses_nothing(broker: AnyBroker) -> None:
    tally, told = Tally(), list[str]()

    def interrupted() -> Iterator[Publication]:
        for number in range(3000):
            if number == 1500:  # the loop stands still meanwhile: what is on its way cannot be acknowledged
                assert tally.published < number
                broker.stop()
                broker.start()
            yield Publication(number, f"shouwang/v1/s/d-{number}/status", b"online", retain=True, via="line")

    async with listener(broker) as heard:
        await publish(interrupted(), LINE, address(broker.url), UNPACED, said=tally.add, tell=told.append)
    assert tally.published == 3000
    assert told
    if isinstance(broker, Mosquitto):  # NATS gives again what a subscriber had not acknowledged, but later
        in_order = list(dict.fromkeys(heard.numbers()))
        assert in_order == sorted(in_order)
    async with listener(broker, "later") as later:  # every message is retained on a topic of its own
        await later.until(lambda: len(set(later.numbers())) == 3000)


async def test_a_gateway_says_that_it_is_there_again_after_a_restart(broker: AnyBroker) -> None:
    birth = Publication(0, "shouwang/v1/s/gw/status", b"online", retain=True, via="gw")
    gateway = Connection(
        "gw", birth, Publication(0, birth.topic, b"offline", retain=True, via="gw", will=True)
    )
    said = Publication(1, "shouwang/v1/s/d/telemetry", b"{}", via="gw")

    def interrupted() -> Iterator[Publication]:
        yield birth
        for number in range(800):
            if number == 700:
                broker.stop()
                broker.start()
            yield said

    async with listener(broker) as heard:
        await publish(
            interrupted(), [gateway], address(broker.url), UNPACED, said=Tally().add, tell=list[str]().append
        )
        await heard.until(lambda: _back(heard))
    assert not heard.messages[-1][2]


def _back(heard: Heard) -> bool:
    states = [payload for topic, payload, _ in heard.messages if topic.endswith("status")]
    return states.count(b"online") >= 2 and states[-1] == b"online"


async def test_mqtt_5(broker: AnyBroker) -> None:
    if not isinstance(broker, Mosquitto):
        pytest.skip("the embedded broker speaks MQTT 3.1.1")
    found = broker_at(broker.url, mqtt5=True)
    assert isinstance(found, Broker)
    async with listener(broker) as heard:
        await publish(numbered(50), LINE, found, UNPACED, said=Tally().add, tell=told_by_nobody)
        await heard.until(lambda: len(heard.messages) == 50)


async def test_nothing_is_said_before_its_time(broker: AnyBroker) -> None:
    anchor = ClockAnchor(real_now_ms(), 0, speed=1000)
    acknowledged: list[tuple[int, int]] = []

    def said(publication: Publication) -> None:
        acknowledged.append((publication.at_ms, real_now_ms()))

    paced = [
        Publication(at, "shouwang/v1/s/d/telemetry", b"{}", via="line") for at in range(0, 300_000, 10_000)
    ]
    await publish(paced, LINE, address(broker.url), anchor, said=said, tell=told_by_nobody)
    assert len(acknowledged) == len(paced)
    assert [at_ms for at_ms, real_ms in acknowledged if real_ms + 1 < anchor.real_at(at_ms)] == []


async def test_a_stop_ends_at_once_and_what_was_said_is_acknowledged(broker: AnyBroker) -> None:
    stop, tally = asyncio.Event(), Tally()
    anchor = ClockAnchor(real_now_ms(), 0, speed=1)

    def said(publication: Publication) -> None:
        tally.add(publication)
        stop.set()

    hour = [Publication(at, "shouwang/v1/s/d/telemetry", b"{}", via="line") for at in (0, 3_600_000)]
    began = time.monotonic()
    await publish(hour, LINE, address(broker.url), anchor, said=said, tell=told_by_nobody, stop=stop)
    assert tally.published == 1
    assert time.monotonic() - began < TOO_LONG_S


async def test_a_stop_does_not_wait_for_a_broker_that_is_away() -> None:
    stop, told = asyncio.Event(), list[str]()

    def tell(message: str) -> None:
        told.append(message)
        stop.set()

    await publish(
        numbered(10), LINE, address("mqtt://127.0.0.1:1"), UNPACED,
        said=Tally().add, tell=tell, stop=stop, stop_within_s=0.05,
    )  # fmt: skip
    assert "refused" in told[0]
    assert told[1] == "stopped; the broker has not acknowledged everything within 0 s"


async def test_patience_with_a_broker_that_is_not_there_ends() -> None:
    told: list[str] = []
    with pytest.RaisesGroup(pytest.RaisesExc(BrokerUnreachableError, match="127.0.0.1:1 does not answer")):
        await publish(
            numbered(1), LINE, address("mqtt://127.0.0.1:1"), UNPACED,
            said=Tally().add, tell=told.append, patience=Patience(first_s=0.2, shortest_s=0.05),
        )  # fmt: skip
    assert len(told) == 1


def test_pauses_grow_up_to_a_limit_and_are_never_all_alike() -> None:
    patience = Patience(shortest_s=0.2, longest_s=5.0)
    rng = Random(1)  # noqa: S311 - no secret
    pauses = [[patience.pause_s(failures, rng) for _ in range(50)] for failures in (0, 3, 100)]
    assert all(0.1 <= pause <= 0.2 for pause in pauses[0])
    assert all(0.8 <= pause <= 1.6 for pause in pauses[1])
    assert all(2.5 <= pause <= 5.0 for pause in pauses[2])
    assert all(len(set(each)) == 50 for each in pauses)


async def test_a_house_of_a_log_arrives_row_by_row(
    broker: AnyBroker, small_log: Callable[[str], Path], tmp_path: Path
) -> None:
    log = small_log(
        "".join(f"B,{1000 + number // 2},{12 + number % 2},,{number % 2}\n" for number in range(900))
    )
    truth = tmp_path / "truth.jsonl"
    async with listener(broker) as heard:
        assert await play.run("kasteren", broker.url, speed=20_000, recording=log, truth=truth) == 0
        await heard.until(lambda: len(heard.messages) >= 900)
    rows = [json.loads(payload)["id"] for _, payload, _ in heard.messages]
    assert rows == [f"kasteren-{number}" for number in range(1, 901)]
    (header,) = [json.loads(line) for line in truth.read_text().splitlines()]
    assert header["by_device"] == {
        "kasteren-B-12": {"bed_occupied": 450}, "kasteren-B-13": {"bed_occupied": 450},
    }  # fmt: skip


async def test_sigterm_ends_a_run_cleanly_and_leaves_the_truth_so_far(
    broker: AnyBroker, tmp_path: Path
) -> None:
    truth = tmp_path / "truth.jsonl"
    command = [
        sys.executable,
        "-m",
        "simulators",
        "calm_night",
        "--broker",
        broker.url,
        "--truth",
        str(truth),
    ]
    async with listener(broker) as heard:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=REPOSITORY, stderr=asyncio.subprocess.PIPE
        )
        await heard.until(lambda: len(heard.messages) >= 2)
        process.send_signal(signal.SIGTERM)
        _, stderr = await asyncio.wait_for(process.communicate(), TOO_LONG_S)
    assert (process.returncode, stderr) == (0, b"")
    (header,) = [json.loads(line) for line in truth.read_text().splitlines()]
    assert 2 <= header["published"] < 100


async def test_wrong_usage_is_told_in_words_with_exit_code_2(tmp_path: Path) -> None:
    async def ended(*arguments: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "simulators", *arguments, cwd=REPOSITORY, stderr=asyncio.subprocess.PIPE
        )
        _, stderr = await asyncio.wait_for(process.communicate(), TOO_LONG_S)
        return process.returncode, re.sub(r"\s+", " ", stderr.decode())

    nowhere = "mqtt://127.0.0.1:1"
    for arguments, words in (
        (["nosuch", "--broker", nowhere], "unknown scenario 'nosuch'; known: calm_night, demo"),
        (["demo", "--broker", "http://x"], "a broker's address is mqtt://"),
        (["demo", "--broker", "mqtt://x:port"], "not a broker's address"),
        (["demo", "--residents", "2", "--broker", nowhere], "r-03 is not one of 2 residents"),
        (["demo", "--speed", "inf", "--broker", nowhere], "the speed is a number"),
        (["demo", "--speed", "-1", "--broker", nowhere], "--speed"),
        (["demo"], "which broker"),
        (["kasteren", "--recording", str(tmp_path / "none.csv"), "--broker", nowhere], "No such file"),
    ):
        code, told = await ended(*arguments)
        assert (code, words in told, "Traceback" in told) == (2, True, False), (arguments, told)
    code, told = await ended("demo", "--broker", nowhere, "--wait", "0.1")
    assert (code, "does not answer" in told, "Traceback" in told) == (1, True, False)
    code, told = await ended("demo", "--lines", str(tmp_path / "no" / "folder"))
    assert (code, "No such file" in told) == (1, True)


def test_lines_are_written_for_replay(tmp_path: Path) -> None:
    path = tmp_path / "demo.jsonl"
    assert play.write_lines(path, "demo", seed=1, start_ms=1_763_601_600_000) == 0
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["at"] for line in lines] == sorted(line["at"] for line in lines)
    assert len(lines) == len(list(world("demo")))


def test_the_registry_is_written_without_a_broker(tmp_path: Path) -> None:
    """It has to be imported before the home is played to a service."""
    answer = called("simulate", "sos_by_day", "--registry", tmp_path / "home.toml")
    assert (answer.code, answer.err) == (0, "")
    found = tomllib.loads((tmp_path / "home.toml").read_text("utf-8"))
    assert len(found["resident"]) == 10
    assert [one.name for one in tmp_path.iterdir()] == ["home.toml"]


def test_a_scenario_starts_at_its_time_of_day_and_never_in_the_future() -> None:
    found = scenario.read("demo")
    assert isinstance(found, Scenario)
    start = found.start_ms(date(2025, 11, 20))
    assert play.latest_start_ms(found, start) == start
    assert play.latest_start_ms(found, start - 1) == start - 86_400_000
    assert play.latest_start_ms(found, start + 86_399_999) == start
