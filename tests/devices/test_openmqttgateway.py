"""OpenMQTTGateway: radio codes mean what the registry says, the gateway's own temperature is no room's."""

import json
from typing import Any

import pytest

from devices.decode import decode
from devices.identity import identities
from devices.message import Message
from devices.reading import Decoded, Models, Rejected
from tests.devices import told

_NOW = 1_790_000_000_000


def _says(topic: str, payload: Any, model: str = "") -> dict[tuple[str, str], Any]:  # noqa: ANN401
    answer = told.answer(topic, payload, model)
    assert isinstance(answer, Decoded), answer
    return {(reading.device, reading.metric): reading.value for reading in answer.readings}


_CODE = {"value": 1315156, "protocol": 1, "length": 24, "delay": 317}


def test_a_code_that_nobody_registered_says_nothing_and_is_left() -> None:
    answer = told.answer("home/OMG/433toMQTT", _CODE)
    assert isinstance(answer, Decoded)
    assert answer.readings == ()
    assert answer.left == ("value",)


@pytest.mark.parametrize(
    ("model", "metric", "value"),
    [
        ("SOS pendant", "sos", True),
        ("紧急呼叫按钮", "sos", True),
        ("doorbell", "button_press", True),
        ("PIR hall", "motion", True),
        ("smoke detector", "smoke", True),
        ("CO alarm", "carbon_monoxide", True),
        ("water leak", "water_leak", True),
        ("door", "door_open", True),
        ("door closed", "door_open", False),
        ("door closes", "door_open", False),
    ],
)
def test_a_code_means_what_it_was_registered_as(model: str, metric: str, *, value: bool) -> None:
    assert _says("home/OMG/433toMQTT", _CODE, model) == {("1315156", metric): value}


def test_repeats_of_a_code_and_other_gateways_are_one_call() -> None:
    heard = [("home/a/433toMQTT", 317), ("home/a/433toMQTT", 318), ("home/b/433toMQTT/1315156", 325)]
    found = set()
    for topic, delay in heard:
        message = Message(topic, json.dumps(_CODE | {"delay": delay}).encode(), _NOW)
        answer = decode(message, Models(default="SOS pendant"))
        assert isinstance(answer, Decoded)
        assert [one.good_for_ms for one in answer.readings] == [5_000]
        found |= set(identities(answer, message))
    assert len(found) == 1
    assert 0 not in found


@pytest.mark.parametrize("value", [0, None, "", True, 1.5, [1], {"a": 1}])
def test_what_is_no_code_is_nobodys(value: object) -> None:
    assert _says("home/OMG/433toMQTT", {"value": value, "protocol": 1}, "SOS pendant") == {}


@pytest.mark.parametrize(
    ("subject", "payload", "model", "said"),
    [
        ("RF2toMQTT", {"address": 7, "unit": 1, "switchType": 1}, "SOS pendant", {"sos": True}),
        ("RF2toMQTT", {"address": 7, "unit": 1, "switchType": 0}, "SOS pendant", {}),
        ("RF2toMQTT", {"address": 7, "unit": 1, "switchType": 1}, "door", {"door_open": True}),
        ("RF2toMQTT", {"address": 7, "unit": 1, "switchType": 1}, "", {}),
        ("PilighttoMQTT", {"protocol": "ev1527", "message": {"unitcode": 9}}, "SOS", {}),
        ("PilighttoMQTT", {"protocol": "x", "message": {"id": 9, "state": "up"}}, "SOS", {"sos": True}),
        ("PilighttoMQTT", {"format": "RAW", "rawlen": 106, "pulsesString": "c:01"}, "SOS", {}),
    ],
)
def test_remotes_of_several_numbers(
    subject: str, payload: dict[str, Any], model: str, said: dict[str, Any]
) -> None:
    found = _says(f"home/OMG/{subject}", payload, model)
    assert {metric: value for (_, metric), value in found.items()} == said


@pytest.mark.parametrize(("text", "online"), [("online", True), ("offline", False), ("Offline", False)])
def test_the_last_will(text: str, *, online: bool) -> None:
    assert _says("home/OMG/LWT", text) == {("OMG", "online"): online}


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("site/7/omg1/BTtoMQTT/C0FFEE010203", {"id": "C0:FF:EE:01:02:03", "rssi": -60}),
        ("site/7/omg1/SYStoMQTT", {"rssi": -60}),
    ],
)
def test_on_another_base_the_last_will_is_learned(topic: str, payload: dict[str, Any]) -> None:
    answer = told.answer(topic, payload)
    assert isinstance(answer, Decoded)
    (fact,) = answer.learned
    known = Models(facts={(fact.about, fact.field): fact.value})
    will = decode(Message("site/7/omg1/LWT", b"offline", _NOW), known)
    assert isinstance(will, Decoded)
    assert [(one.device, one.metric, one.value) for one in will.readings] == [("omg1", "online", False)]


def test_on_its_own_base_nothing_needs_to_be_learned() -> None:
    answer = told.answer("home/omg1/SYStoMQTT", {"rssi": -60})
    assert isinstance(answer, Decoded)
    assert answer.learned == ()


def test_a_last_will_that_is_none_is_rejected_with_the_gateway() -> None:
    answer = told.answer("home/OMG/LWT", "maybe")
    assert isinstance(answer, Rejected)
    assert answer.device == "OMG"


def test_the_temperature_of_the_chip_is_not_the_rooms() -> None:
    said = _says("home/OMG/SYStoMQTT", {"tempc": 51.2, "rssi": -60, "SSID": "x", "uptime": 3})
    assert said == {("OMG", "device_temperature"): 51.2, ("OMG", "rssi"): -60}


@pytest.mark.parametrize("text", ["true", "false", True, False])
def test_a_wired_motion_sensor_says_motion_not_presence(text: object) -> None:
    motion = text in {"true", True}
    assert _says("home/OMG/HCSR501toMQTT", {"presence": text}) == {("OMG", "motion"): motion}


@pytest.mark.parametrize(
    ("topic", "payload", "said"),
    [
        ("WATERtoMQTT/c37_yk83_hmrd", {"detected": "false"}, {"water_leak": False}),
        ("GAStoMQTT/mq2", {"gas": 300, "detected": "false"}, {"gas": False}),
        ("DHTtoMQTT", {"temp": 21, "hum": 51}, {"room_temperature": 21, "humidity": 51}),
        ("CLIMAtoMQTT/ds1820/0x28", {"temp": 71.6, "unit": "F"}, {"room_temperature": 71.6}),
        ("LORAtoMQTT/AA", {"id": "AA", "rssi": -90, "snr": 9, "tempc": "55.3"}, {"rssi": -90, "snr": 9}),
        ("LORAtoMQTT", {"rssi": -121, "hex": "C0FFEE"}, {}),
        ("2GtoMQTT", {"message": "hello", "phone": "123"}, {}),
        ("IRtoMQTT", {"value": 551489775, "protocol": 3, "bits": 32}, {}),
        ("commands/MQTTto433", {"value": 1315156}, {}),
        ("GPIOInputtoMQTT", {"gpio": "LOW"}, {}),
    ],
)
def test_what_is_wired_to_the_gateway_and_what_is_nobodys(
    topic: str, payload: dict[str, Any], said: dict[str, Any]
) -> None:
    found = _says(f"home/OMG/{topic}", payload)
    assert {metric: value for (_, metric), value in found.items()} == said


def test_texts_of_people_leave_only_names() -> None:
    answer = told.answer("home/OMG/2GtoMQTT", {"message": "the code is 4711", "phone": "0049123"})
    assert isinstance(answer, Decoded)
    assert answer.left == ("message", "phone")
