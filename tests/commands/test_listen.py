"""`listen`: on a real broker, what was understood, what was left, what is new."""

import io
import json
import shutil
import signal
import subprocess
from pathlib import Path

import aiomqtt
import pytest
from rich.console import Console

from alerts import synthetic
from devices.message import Message
from devices.registry import Registry
from ingest.commands.explaining import table
from ingest.commands.hearing import Ear
from tests.brokers import AnyBroker, Mosquitto
from tests.commands.program import called, started

pytestmark = pytest.mark.integration

SENT = [
    ("zigbee2mqtt/bridge/devices", b'[{"friendly_name": "door", "definition": {"model": "MCCGQ11LM"}}]'),
    ("zigbee2mqtt/door", b'{"contact": false, "battery": 80, "moon_phase": 3}'),
    ("zigbee2mqtt/door", b'{"contact": true}'),
    ("shouwang/v1/home-1/watch-1/event", b'{"event": "sos"}'),
    ("shouwang/v1/home-1/watch-1/event", b"\xff"),
    ("some/thing", b"[red]x"),
    ("shouwang/v1/home-1/watch-1/motion", b'{"fs": 50, "position": "wrist", "xyz": [[0, 0, 1], [0, 0, 1]]}'),
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
        [], ["door"], [], ["watch-1"], [], ["some/thing"], [],
    ]  # fmt: skip
    assert lines[0]["taught"] == [{"about": "door", "field": "model"}]
    assert {o["metric"]: o["value"] for o in lines[1]["observations"]} == {"door_open": True, "battery": 80}
    assert lines[1]["left"] == ["moon_phase"]
    assert [o["metric"] for o in lines[3]["observations"]] == ["sos"]
    assert lines[4]["rejected"][0]["rejected"] == "not_utf8"
    assert lines[6]["motion"] == [
        {"device": "watch-1", "at": None, "samples": 2, "rate_hz": 50, "position": "wrist", "model": "wrist"}
    ]
    assert [line["motion"] for line in lines[:6]] == [[]] * 6
    assert (lines[5]["family"], lines[5]["rejected"][0]["rejected"]) == ("", "unknown_topic")


async def test_for_people_new_devices_and_then_the_table(broker: AnyBroker, tmp_path: Path) -> None:
    home = tmp_path / "home.toml"
    home.write_text('[[device]]\nid = "watch-1"\nmodel = "W1"\n')
    async with started("listen", "--broker", broker.url, "--registry", home) as listening:
        await listening.line("listening to #")
        await publish(broker.port)
        await listening.line("also", "watch-1", "acceleration")
        said = (await listening.ends(signal.SIGTERM)).out.decode()
    assert "new 新设备: door (zigbee2mqtt)" in said
    table = said[said.index("devices 设备") :]
    for wanted in (
        "7 messages",
        "door_open",
        "50 Hz, wrist: 2 samples",
        "moon_phase",
        "unknown_topic",
        "W1",
        "未登记",
        "not_utf8",
    ):
        assert wanted in table, table
    assert "[red]x" not in table


def test_what_a_device_says_is_no_markup_and_obeyed_by_no_terminal() -> None:
    ear = Ear(Registry.of())
    payload = json.dumps({"\\[/red]": 1, "a\u001b[2J": 2, "[link=http://x]": 3}).encode()
    explained = ear.hear(Message("zigbee2mqtt/\\[/b]", payload, 0)).explained
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


@pytest.mark.parametrize("topic", ["a/#/b", "", "a+/b"])
def test_what_is_no_topic_filter_is_said(topic: str) -> None:
    answer = called("listen", "--broker", "mqtt://127.0.0.1:9", "--topic", topic)
    assert answer.code == 2
    assert "not a topic filter" in answer.err


def test_a_missing_certificate_is_named() -> None:
    answer = called("listen", "--broker", "mqtts://127.0.0.1:9", "--ca-file", "/no/such")
    assert answer.code == 2
    assert "/no/such" in answer.err


async def test_topics_of_platforms_are_heard_and_nothing_at_all_is_explained(broker: AnyBroker) -> None:
    async with started("listen", "--broker", broker.url, "--json") as listening:
        await listening.line("listening to #, $oc/devices/#")
        async with aiomqtt.Client("127.0.0.1", broker.port, identifier="publisher") as client:
            await client.publish("$oc/devices/p_1/sys/properties/report", b"{}", 1)
        assert json.loads(await listening.line('"topic"'))["family"] == "huawei-iotda"
        await listening.ends(signal.SIGINT)
    async with started("listen", "--broker", broker.url, "--for", "0.2", "--topic", "a/#") as listening:
        await listening.line("nothing heard", "right broker")
        assert (await listening.ends()).code == 0


def test_the_account_may_be_in_the_address_and_a_wrong_one_is_said_so(tmp_path: Path) -> None:
    if shutil.which("mosquitto") is None:
        pytest.skip("mosquitto is not on PATH")
    users = tmp_path / "users"
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(users), "ann", "p:w"], check=True)
    users.chmod(0o644)
    broker = Mosquitto(tmp_path, more=f"allow_anonymous false\npassword_file {users}\n")
    broker.start()
    try:
        address = f"127.0.0.1:{broker.port}"
        wrong = called("listen", "--broker", f"mqtt://ann:no@{address}", "--for", "0.1")
        right = called("listen", "--broker", f"mqtt://ann:p%3Aw@{address}", "--for", "0.1")
    finally:
        broker.stop()
    assert (wrong.code, right.code) == (1, 0)
    assert "SHOUWANG_MQTT_PASSWORD" in wrong.err


async def test_of_a_configuration_it_takes_the_imported_registry_and_what_is_read(
    broker: AnyBroker, tmp_path: Path
) -> None:
    data = tmp_path / "shouwang-data"
    data.mkdir()
    (data / "registry.toml").write_text('[[device]]\nid = "watch-1"\nmodel = "W1"\n')
    configuration = tmp_path / "shouwang.toml"
    configuration.write_text(f'[broker]\nurl = "{broker.url}"\ntopics = ["zigbee2mqtt/#"]\n')
    async with started("listen", "--config", configuration) as listening:
        await listening.line("listening to #")
        await publish(broker.port)
        await listening.line("new", "some/thing", "服务未订阅")
        await listening.line("also", "watch-1", "acceleration")
        said = (await listening.ends(signal.SIGTERM)).out.decode()
    assert "new 新设备: watch-1 (native): sos" in said
    assert "new 新设备: door (zigbee2mqtt) not registered 未登记: battery 80 %" in said.replace(
        "door_open yes 是; ", ""
    )


async def test_a_channel_that_the_protocol_has_not_is_told_where_the_service_would_not_hear_of_it(
    broker: AnyBroker, tmp_path: Path
) -> None:
    configuration = tmp_path / "shouwang.toml"
    configuration.write_text(f'[broker]\nurl = "{broker.url}"\n')
    async with started("listen", "--config", configuration) as listening:
        await listening.line("listening to #")
        async with aiomqtt.Client("127.0.0.1", broker.port, identifier="publisher") as client:
            config = {"name": "Button", "state_topic": "home/b1/f2/r301/btn/state", "unique_id": "btn-1"}
            announced = "homeassistant/binary_sensor/btn-1/config"
            await client.publish(announced, json.dumps(config), 1)
            for topic in ("a/b", "home/b1/f2/r301/btn/state", "home/b1/f2/r302/btn/state"):
                await client.publish(topic, "ON", 1)
            for topic in ("shouwang/v1/home-1/w-8/accel", "shouwang/v1/home-1/w-9/status"):
                await client.publish(topic, "offline" if topic.endswith("status") else "{}", 1)
        await listening.line("w-9")
        said = (await listening.ends(signal.SIGINT)).out.decode()
    unread = [line for line in said.splitlines() if "服务未订阅" in line and "new" in line]
    assert len(unread) == 2, said
    assert "home/b1/f2/r302/btn/state" in unread[0], "deeper than what is read, and nobody announced it"
    assert "shouwang/v1/home-1/w-8/accel" in unread[1]
    assert "none of telemetry, event, motion, status" in unread[1]


async def test_the_services_own_test_call_is_known_by_its_key(broker: AnyBroker, tmp_path: Path) -> None:
    ours, others = bytes(32), bytes(range(32))
    (tmp_path / "shouwang-data").mkdir()
    (tmp_path / "shouwang-data" / "synthetic.key").write_bytes(ours)
    (tmp_path / "shouwang.toml").write_text(f'[broker]\nurl = "{broker.url}"\n')
    async with started("listen", "--config", tmp_path / "shouwang.toml", "--json") as listening:
        await listening.line("listening to #")
        async with aiomqtt.Client("127.0.0.1", broker.port, identifier="publisher") as client:
            for key in (ours, others):
                await client.publish(synthetic.topic("home-1"), synthetic.call(key, "0" * 32, 1000), 1)
        lines = [json.loads(await listening.line('"topic"')) for _ in range(2)]
        assert (await listening.ends(signal.SIGINT)).code == 0
    assert [line["test_call"] for line in lines] == [True, False]
    assert [[o["metric"] for o in line["observations"]] for line in lines] == [[], ["sos"]]
