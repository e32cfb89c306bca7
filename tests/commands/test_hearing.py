"""What `listen` shows: pure, and at eighty columns."""

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from alerts import synthetic
from devices.message import Message
from devices.registry import Device, Registry
from ingest.commands.hearing import Ear

SOS = Message("shouwang/v1/home-1/watch-1/event", b'{"event": "sos"}', 1000)


def shown(ear: Ear, *, width: int = 80, height: int = 30, terminal: bool = True) -> list[str]:
    console = Console(
        file=io.StringIO(), width=width, height=height, force_terminal=terminal, color_system=None
    )
    console.print(ear.table(2000))
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


def test_who_is_not_understood_is_named_as_the_registry_would() -> None:
    ear = Ear(Registry.of())
    for topic, payload in (
        ("stat/pull_cord/RESULT", b'{"Switch1": {"Action": "ON"}}'),
        ("zigbee2mqtt/mystery", b'{"moon_phase": 3}'),
        ("/devices/id_X/state", b'{"moon_phase": 3}'),
        ("bedroom-node/sensor/foo_bar/state", b"17"),
        ("bedroom-node/binary_sensor/bed/state", b"ON"),
    ):
        ear.hear(Message(topic, payload, 0))
    assert list(ear.devices) == ["pull_cord", "mystery", "id_X", "bedroom-node"]
    assert ear.devices["bedroom-node"].left == {"foo_bar": 1}


def test_announcements_and_our_own_alerts_are_no_devices() -> None:
    ear = Ear(Registry.of())
    for topic, payload in (
        ("shouwang/v1/home-1/alerts/1", b'{"id": 1}'),
        ("zigbee2mqtt/bridge/state", b'{"state": "online"}'),
        ("zigbee2mqtt/bridge/devices", b"[]"),
    ):
        assert ear.hear(Message(topic, payload, 0)).lines == []
    assert not ear.devices
    assert "3 announcements" in shown(ear)[0]


def test_a_bridge_that_is_registered_is_a_device() -> None:
    ear = Ear(Registry.of(devices=[Device("bridge", "gateway")]))
    ear.hear(Message("zigbee2mqtt/bridge/state", b'{"state": "online"}', 0))
    assert list(ear.devices) == ["bridge"]


def test_a_line_when_something_is_understood_or_left_for_the_first_time() -> None:
    ear = Ear(Registry.of())
    first = Message("zigbee2mqtt/door", b'{"battery": 80, "moon": 3}', 0)
    assert ear.hear(first).lines == [
        "new 新设备: door (zigbee2mqtt) not registered 未登记: battery 80 %; not understood 未识别: moon"
    ]
    assert ear.hear(first).lines == []
    again = Message("zigbee2mqtt/door", b'{"battery": 79, "voltage": 3000}', 0)
    assert ear.hear(again).lines == ["also 另有: door: battery_voltage 3 V"]


def test_what_the_service_does_not_read_is_marked() -> None:
    ear = Ear(Registry.of(), lambda topic: topic.startswith("zigbee2mqtt/"))
    assert "not" not in ear.hear(Message("zigbee2mqtt/a", b'{"battery": 80}', 0)).lines[0].split("未登记")[1]
    assert "服务未订阅: attic/b" in ear.hear(Message("attic/b", b'{"linkquality": 80}', 0)).lines[0]
    assert {ear.marks(name, heard) for name, heard in ear.devices.items()} == {"?", "?x"}


def test_at_eighty_columns_every_device_has_a_line_and_calls_come_first() -> None:
    ear = Ear(Registry.of())
    ear.hear(SOS)
    for number in range(20):
        ear.hear(Message(f"zigbee2mqtt/sensor {number:02}", b'{"battery": 80, "temperature": 21.5}', 1000))
    lines = shown(ear)
    assert max(map(len, lines)) <= 80
    assert len(lines) < 30
    assert lines[2].startswith("!?")
    assert "sos" in lines[2]
    assert all(any(f"sensor {number:02}" in line for line in lines) for number in range(20))


def test_what_does_not_fit_is_counted_and_into_a_file_all_is_written() -> None:
    ear = Ear(Registry.of())
    for number in range(100):
        ear.hear(Message(f"zigbee2mqtt/sensor {number:02}", b'{"battery": 80, "moon_phase": 2}', 1000))
    lines = shown(ear)
    assert len(lines) < 30
    rows = sum("sensor " in line for line in lines)
    assert any(f"... and {100 - rows} more" in line for line in lines)
    assert sum("sensor " in line for line in shown(ear, width=200, terminal=False)) == 100


def test_of_nothing_it_says_what_to_look_at() -> None:
    assert "right broker" in " ".join(shown(Ear(Registry.of())))


def moved(position: str = "wrist", still: float = 1.0, fs: float = 50) -> Message:
    said = {"fs": fs, "position": position, "xyz": [[0, 0, still]] * 50}
    return Message("shouwang/v1/home-1/watch-1/motion", json.dumps(said).encode(), 1000)


def test_acceleration_is_told_with_its_rate_and_place_and_its_samples_are_counted() -> None:
    ear = Ear(Registry.of())
    assert ear.hear(moved()).lines == [
        "new 新设备: watch-1 (native) not registered 未登记: acceleration 加速度 50 Hz, wrist"
    ]
    assert ear.hear(moved(fs=50.02)).lines == []
    assert ear.hear(moved("ankle")).lines == [
        "also 另有: watch-1: acceleration 加速度 50 Hz, ankle (judged as unknown 按未知位置判断)"
    ]
    (row,) = (line for line in shown(ear, width=200) if "watch-1" in line)
    assert "acceleration 加速度 50 Hz, wrist: 100 samples" in row
    assert "ankle (judged as unknown 按未知位置判断): 50 samples" in row


def test_what_may_be_in_metres_per_second_squared_is_asked_once() -> None:
    ear = Ear(Registry.of())
    assert "this is m/s²" in ear.hear(moved(still=9.81)).lines[0]
    assert ear.hear(moved(still=9.79)).lines == []
    assert any("this is m/s²" in line for line in shown(ear, width=200))


KEY = bytes(range(32))
TEST_CALL = Message(synthetic.topic("home-1"), synthetic.call(KEY, "0" * 32, 1000), 1000)


@pytest.mark.parametrize("key", [KEY, b""])
def test_the_services_own_test_call_is_no_alarm(key: bytes) -> None:
    ear = Ear(Registry.of(), key=key)
    ear.hear(Message("zigbee2mqtt/door", b'{"battery": 80}', 1000))
    new = ear.hear(TEST_CALL)
    assert new.lines == ["test 测试: shouwang-synthetic: our own test call 本系统的测试呼叫"]
    assert (new.test_call, new.devices, new.explained.observations) == (True, [], [])
    assert ear.hear(TEST_CALL).lines == []
    (row,) = (line for line in shown(ear, width=120) if "shouwang-synthetic" in line)
    assert "2x" in row
    assert "our own test call 本系统的测试呼叫" in row
    assert "sos" not in row
    assert ear.marks("shouwang-synthetic", ear.devices["shouwang-synthetic"]) == ""


@pytest.mark.parametrize(
    ("payload", "key"),
    [
        (b'{"event": "sos"}', b""),
        (TEST_CALL.payload, b"another key"),
        (TEST_CALL.payload.replace(b"1000", b"1001"), KEY),
    ],
)
def test_what_only_uses_its_name_is_a_call_for_help(payload: bytes, key: bytes) -> None:
    ear = Ear(Registry.of(), key=key)
    assert ear.hear(replace(TEST_CALL, payload=payload)).test_call is False
    assert ear.marks("shouwang-synthetic", ear.devices["shouwang-synthetic"]) == "!?"
    assert any("sos" in line for line in shown(ear))


def test_a_call_for_help_on_another_topic_is_no_test() -> None:
    ear = Ear(Registry.of())
    assert ear.hear(replace(SOS, payload=TEST_CALL.payload)).test_call is False
