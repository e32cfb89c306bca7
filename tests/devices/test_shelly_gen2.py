"""Shelly, second generation on: edges and gestures, deltas, times, alarms and their tests, Bluetooth."""

import json
from typing import Any

import pytest

from devices.decode import decode, family_of
from devices.message import Message
from devices.reading import Decoded, Learned, Reading, Reason, Rejected, TimeSource
from tests.devices.told import answer

_NOW = 1_790_000_000_000
_ID = "shellyplusi4-0a1b2c3d4e5f"


def _answer(topic: str, payload: object, model: str = "") -> Decoded | Rejected:
    return answer(topic, payload, model, family="shelly-gen2")


def _readings(topic: str, payload: object, model: str = "") -> tuple[Reading, ...]:
    answer = _answer(topic, payload, model)
    assert isinstance(answer, Decoded), answer
    return answer.readings


def _event(**event: object) -> dict[str, Any]:
    return {"src": _ID, "method": "NotifyEvent", "params": {"ts": 1_772_323_200.5, "events": [event]}}


def _status(**components: object) -> dict[str, Any]:
    return {"src": _ID, "method": "NotifyStatus", "params": {"ts": 1_772_323_200.5} | components}


def _said(topic: str, payload: object, model: str = "") -> dict[str, Any]:
    return {reading.metric: reading.value for reading in _readings(topic, payload, model)}


_RPC = f"{_ID}/events/rpc"


def test_the_edges_of_a_button_are_no_press_and_its_gesture_is_one() -> None:
    presses = [
        reading.detail
        for name in ("btn_down", "btn_up", "single_push", "btn_down", "long_push", "btn_up")
        for reading in _readings(_RPC, _event(component="input:0", id=0, event=name, ts=1_772_323_200.5))
    ]
    assert presses == ["single", "long"]


def test_which_of_several_buttons_is_in_the_detail() -> None:
    (press,) = _readings(_RPC, _event(component="input:3", id=3, event="triple_push"))
    assert (press.metric, press.detail, press.at) == ("button_press", "3:triple", 1_772_323_200_500)


@pytest.mark.parametrize("ts", [None, 3.2, 0, "", True])
def test_a_clock_that_was_never_set_gives_no_time(ts: object) -> None:
    payload = _event(component="input:0", event="single_push", ts=ts)
    payload["params"]["ts"] = ts
    (press,) = _readings(_RPC, payload)
    assert press.at is None


def test_a_delta_says_nothing_of_what_it_leaves_out() -> None:
    assert _said(_RPC, _status(**{"smoke:0": {"id": 0, "mute": True}})) == {}
    assert _said(_RPC, _status(**{"switch:0": {"id": 0, "apower": 3.5}})) == {"power": 3.5}


@pytest.mark.parametrize(
    ("component", "body", "said"),
    [
        ("smoke:0", {"alarm": True, "mute": True}, {"smoke": True}),
        ("smoke:0", {"alarm": False, "mute": False}, {"smoke": False}),
        ("smoke:0", {"alarm": None}, {}),
        ("flood:0", {"alarm": True, "errors": ["cable_unplugged"]}, {"water_leak": True, "fault": True}),
        ("temperature:0", {"tC": None, "tF": None, "errors": ["read"]}, {"fault": True}),
        ("temperature:0", {"tC": 20.5, "tF": 68.9}, {"room_temperature": 20.5}),
        ("humidity:0", {"rh": 55.1}, {"humidity": 55.1}),
        ("illuminance:0", {"lux": 12, "illumination": "dark"}, {"illuminance": 12}),
        ("devicepower:0", {"battery": {"V": 2.9, "percent": 9}}, {"battery_voltage": 2.9, "battery": 9}),
        (
            "devicepower:0",
            {"battery": {"V": 0.4, "percent": 0}, "external": {"present": True}},
            {"mains_power": True},
        ),
        (
            "devicepower:0",
            {"battery": {"V": 3.9, "percent": 0}, "external": {"present": False}},
            {"battery_voltage": 3.9, "battery": 0, "mains_power": False},
        ),
        ("devicepower:0", {"battery": {"V": None, "percent": None}}, {}),
        ("presence", {"num_objects": 0}, {"people_count": 0, "presence": False}),
        ("presence", {"num_objects": 3}, {"people_count": 3, "presence": True}),
        ("presencezone:200", {"value": False, "num_objects": 0}, {"presence": False, "people_count": 0}),
        (
            "switch:0",
            {"output": True, "temperature": {"tC": 50.0}},
            {"relay_on": True, "device_temperature": 50.0},
        ),
        ("switch:0", {"output": False, "errors": ["overtemp"]}, {"relay_on": False, "fault": True}),
        ("input:0", {"state": True}, {}),
        ("wifi", {"ssid": "house", "rssi": -70}, {"rssi": -70}),
        (
            "blutrv:200",
            {"current_C": 19.4, "battery": 77, "rssi": -60},
            {"room_temperature": 19.4, "battery": 77, "rssi": -60},
        ),
    ],
)
def test_a_component_says_the_same_in_a_notification_and_on_its_topic(
    component: str, body: dict[str, Any], said: dict[str, Any]
) -> None:
    assert _said(_RPC, _status(**{component: body})) == said
    assert _said(f"{_ID}/status/{component}", body) == said


def test_a_status_of_everything_is_of_its_components() -> None:
    assert _said(f"{_ID}/status/rpc", {"smoke:0": {"alarm": True}, "sys": {"uptime": 3}}) == {"smoke": True}


@pytest.mark.parametrize(
    ("component", "name", "said"),
    [
        ("smoke:0", "alarm", {"smoke": True}),
        ("smoke:0", "smoke.alarm", {"smoke": True}),
        ("smoke:0", "alarm_off", {"smoke": False}),
        ("smoke:0", "alarm_test", {"device_test": True}),
        ("flood:0", "flood.alarm", {"water_leak": True}),
        ("flood:0", "cable_unplugged", {"fault": True}),
        ("sys", "ota_begin", {}),
        ("sys", "sleep", {}),
        ("input:0", "config_changed", {}),
    ],
)
def test_alarms_are_events_too_and_a_test_is_no_alarm(
    component: str, name: str, said: dict[str, Any]
) -> None:
    assert _said(_RPC, _event(component=component, event=name)) == said


def test_a_zone_says_who_came_and_went() -> None:
    (gone,) = _readings(_RPC, _event(component="presencezone:201", event="presence", value=False))
    assert (gone.metric, gone.value, gone.detail) == ("presence", False, "201")
    (count,) = _readings(_RPC, _event(component="presencezone:201", event="counter", num_objects=2))
    assert (count.metric, count.value) == ("people_count", 2)


_BLU = {
    "encryption": False,
    "BTHome_version": 2,
    "pid": 118,
    "battery": 100,
    "rssi": -68,
    "address": "bc:02:6e:00:11:22",
    "model": "SBBT-002C",
}


def _heard(**data: object) -> dict[str, Any]:
    return _event(component="script:1", id=1, event="shelly-blu", data=_BLU | data, ts=1_772_323_200.5)


def test_a_bluetooth_device_is_itself_whoever_heard_it() -> None:
    heard = [
        _readings(f"{hearer}/events/rpc", _heard(button=1)) for hearer in ("shellyplus1-a", "shellyplus1-b")
    ]
    presses = [next(one for one in readings if one.metric == "button_press") for readings in heard]
    assert presses[0] == presses[1]
    assert (presses[0].device, presses[0].key, presses[0].detail) == ("bc:02:6e:00:11:22", "118", "single")
    assert presses[0].good_for_ms == 600_000
    assert presses[0].at_source is TimeSource.GATEWAY


@pytest.mark.parametrize(
    ("button", "details"),
    [
        (0, []),
        (2, ["double"]),
        (3, ["triple"]),
        (4, ["long"]),
        (254, ["hold"]),
        (128, ["hold"]),
        (None, []),
        ([0, 0, 1, 0], ["3:single"]),
        ([4, 0, 0, 1], ["1:long", "4:single"]),
        ([], []),
        ("1", []),
        (True, []),
    ],
)
def test_presses_of_one_button_and_of_four(button: object, details: list[str]) -> None:
    readings = _readings(_RPC, _heard(button=button))
    assert [one.detail for one in readings if one.metric == "button_press"] == details


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"window": 1}, {"door_open": True}),
        ({"window": 0}, {"door_open": False}),
        ({"motion": 1, "illuminance": 5}, {"motion": True, "illuminance": 5}),
        ({"motion": 0}, {"motion": False}),
        ({"temperature": 21.4, "humidity": 40}, {"room_temperature": 21.4, "humidity": 40}),
        ({"temperature": [21.4, 19.0]}, {"room_temperature": 21.4}),
        ({"rotation": 31.5}, {}),
    ],
)
def test_values_of_bluetooth_devices(data: dict[str, Any], said: dict[str, Any]) -> None:
    assert _said(_RPC, _heard(**data)) == {"battery": 100, "rssi": -68} | said


def test_a_bluetooth_device_without_a_key_is_told_as_undecoded() -> None:
    answer = _answer(_RPC, _heard(encryption=True))
    assert isinstance(answer, Decoded)
    assert answer.readings == ()
    assert [(one.reason, one.device) for one in answer.rejected] == [(Reason.UNDECODED, "bc:02:6e:00:11:22")]


def test_a_bluetooth_device_teaches_its_model() -> None:
    answer = _answer(_RPC, _heard(window=0))
    assert isinstance(answer, Decoded)
    assert answer.learned == (Learned("bc:02:6e:00:11:22", "model", "SBBT-002C"),)


def test_bthome_on_a_topic_of_nobody_is_recognised() -> None:
    payload = {
        "addr": "bc:02:6e:00:11:22",
        "rssi": -60,
        "local_name": "SBDW-002C",
        "service_data": {"encryption": False, "BTHome_version": 2, "pid": 3, "battery": 90, "window": 1},
    }
    message = Message("bc:02:6e:00:11:22", json.dumps(payload).encode(), _NOW)
    found = family_of(message)
    assert found is not None
    assert found.name == "shelly-gen2"
    answer = decode(message)
    assert isinstance(answer, Decoded)
    assert {one.metric: one.value for one in answer.readings} == {
        "rssi": -60,
        "battery": 90,
        "door_open": True,
    }


def test_a_paired_bluetooth_sensor_is_what_was_registered() -> None:
    topic, body = "shellyblugwg3-1/status/bthomesensor:202", {"id": 202, "value": True}
    assert _said(topic, body, "Shelly BLU Door/Window") == {"door_open": True}
    assert _said(topic, body, "Shelly BLU Motion") == {"motion": True}
    answer = _answer(topic, body)
    assert isinstance(answer, Decoded)
    assert answer.readings == ()
    assert answer.left == ("bthomesensor.value",)


@pytest.mark.parametrize(
    "topic",
    [
        "shellyplus1-1/events/rpc",
        "bedroom/events/rpc",
        "house/bedroom/status/smoke:0",
        "shellyplus1-1/status/wifi",
        "shellyplus1-1/online",
        "shellies/lamp/status/switch:0",
        "shellies/lamp/events/rpc",
    ],
)
def test_topics_of_this_generation(topic: str) -> None:
    found = family_of(Message(topic, b"{}", _NOW))
    assert found is not None
    assert found.name == "shelly-gen2"


def test_answers_to_others_and_logs_carry_nothing() -> None:
    for topic in (f"{_ID}/rpc", f"{_ID}/debug/log"):
        assert _answer(topic, {"id": 1, "src": "x", "result": {}}) == Decoded("shelly-gen2")


def test_what_is_unreadable_names_its_device() -> None:
    assert _answer(_RPC, '{"src":"') == Rejected(Reason.NOT_JSON, "", _ID)
    assert _answer(f"{_ID}/online", "maybe") == Rejected(
        Reason.WRONG_SHAPE, "expected online or offline", _ID
    )


def test_a_button_registered_for_calls_calls_and_its_edges_do_not() -> None:
    push = _event(component="input:1", id=1, event="long_push", ts=1_772_323_200.5)
    (call,) = _readings(_RPC, push, "SOS pull cord")
    assert (call.metric, call.detail) == ("sos", "1:long")
    edge = _event(component="input:1", id=1, event="btn_down", ts=1_772_323_200.5)
    assert _readings(_RPC, edge, "SOS pull cord") == ()


def test_a_bluetooth_button_registered_for_calls_calls() -> None:
    assert _said(_RPC, _heard(button=1), "Shelly BLU Button1, SOS")["sos"] is True


def test_the_thermometer_of_an_energy_meter_is_inside_it() -> None:
    meter, sensor = "shellypro3em-0a1b2c3d4e5f", "shellyhtg3-0a1b2c3d4e5f"
    assert _said(f"{meter}/status/temperature:0", {"id": 0, "tC": 46.2}) == {"device_temperature": 46.2}
    assert _said(f"{sensor}/status/temperature:0", {"id": 0, "tC": 21.2}) == {"room_temperature": 21.2}
