"""`listen`: on a real broker, what was understood, what was left, what is new."""

import io
import json
import signal
from pathlib import Path

import aiomqtt
import pytest
from rich.console import Console

from devices.message import Message
from devices.registry import Registry
from ingest.commands.explaining import table
from ingest.commands.hearing import Ear
from tests.brokers import AnyBroker
from tests.commands.program import called, started

pytestmark = pytest.mark.integration

SENT = [
    ("zigbee2mqtt/bridge/devices", b'[{"friendly_name": "door", "definition": {"model": "MCCGQ11LM"}}]'),
    ("zigbee2mqtt/door", b'{"contact": false, "battery": 80, "moon_phase": 3}'),
    ("zigbee2mqtt/door", b'{"contact": true}'),
    ("shouwang/v1/home-1/watch-1/event", b'{"event": "sos"}'),
    ("shouwang/v1/home-1/watch-1/event", b"\xff"),
    ("some/thing", b"[red]x"),
]


async def publish(port: int) -> None:
    async with aiomqtt.Client("127.0.0.1", port, identifier="publisher") as client:
        for topic, payload in SENT:
            await client.publish(topic, payload, 1)


async def test_every_message_is_a_line(broker: AnyBroker) -> None:
    async with started("listen", "--broker", broker.url, "--json") as listening:
        await listening.line("listening to #")
        await publish(broker.port)
        lines = [json.loads(await listening.line('"topic"')) for _ in SENT]
        answer = await listening.ends(signal.SIGINT)
    assert answer.code == 0
    assert [line["new"] for line in lines] == [
        [], ["door"], [], ["watch-1"], [], ["some/thing"],
    ]  # fmt: skip
    assert lines[0]["taught"] == [{"about": "door", "field": "model"}]
    assert {o["metric"]: o["value"] for o in lines[1]["observations"]} == {"door_open": True, "battery": 80}
    assert lines[1]["left"] == ["moon_phase"]
    assert [o["metric"] for o in lines[3]["observations"]] == ["sos"]
    assert lines[4]["rejected"][0]["rejected"] == "not_utf8"
    assert (lines[5]["family"], lines[5]["rejected"][0]["rejected"]) == ("", "unknown_topic")


async def test_for_people_new_devices_and_then_the_table(broker: AnyBroker, tmp_path: Path) -> None:
    home = tmp_path / "home.toml"
    home.write_text('[[device]]\nid = "watch-1"\nmodel = "W1"\n')
    async with started("listen", "--broker", broker.url, "--registry", home) as listening:
        await listening.line("listening to #")
        await publish(broker.port)
        await listening.line("new", "some/thing")
        said = (await listening.ends(signal.SIGTERM)).out.decode()
    assert "new 新设备: door (zigbee2mqtt)" in said
    table = said[said.index("devices 设备") :]
    for wanted in ("6 messages", "door_open", "moon_phase", "unknown_topic", "W1", "未登记", "not_utf8"):
        assert wanted in table, table
    assert "[red]x" not in table


def test_what_a_device_says_is_no_markup_and_obeyed_by_no_terminal() -> None:
    ear = Ear(Registry.of())
    payload = json.dumps({"\\[/red]": 1, "a\u001b[2J": 2, "[link=http://x]": 3}).encode()
    explained, _, _ = ear.hear(Message("zigbee2mqtt/\\[/b]", payload, 0))
    console = Console(file=io.StringIO(), width=200, force_terminal=True)
    console.print(ear.table(0))
    console.print(table(explained))
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b[2J" not in said
    for name in ("\\[/red]", "\\[/b]", "a?[2J", "[link=http://x]"):
        assert name in said


async def test_it_ends_by_itself(broker: AnyBroker) -> None:
    async with started("listen", "--broker", broker.url, "--for", "0.5", "--topic", "a/#") as listening:
        await listening.line("listening to a/#")
        assert (await listening.ends()).code == 0


@pytest.mark.parametrize(
    "words", [[], ["--broker", "localhost"], ["--broker", "http://x"], ["--config", "no/such.toml"]]
)
def test_without_a_broker_it_says_how(words: list[str]) -> None:
    answer = called("listen", *words)
    assert answer.code == 2
    assert answer.err


def test_a_broker_that_is_not_there_is_named() -> None:
    answer = called("listen", "--broker", "mqtt://127.0.0.1:9")
    assert answer.code == 1
    assert "127.0.0.1:9" in answer.err


def test_the_embedded_broker_of_a_configuration_that_is_not_running(tmp_path: Path) -> None:
    (tmp_path / "shouwang.toml").write_text("")
    answer = called("listen", "--config", tmp_path / "shouwang.toml")
    assert answer.code == 2
    assert "start the service first" in answer.err
