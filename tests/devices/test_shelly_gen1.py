"""Shelly, first generation: presses by their count, values by their topic, what is not valid, times."""

from typing import Any

import pytest

from devices.decode import family_of
from devices.message import Message
from devices.reading import Decoded, Learned, Reading, Reason, Rejected
from tests.devices.told import answer

_NOW = 1_790_000_000_000


def _answer(path: str, payload: object, model: str = "") -> Decoded | Rejected:
    return answer(f"shellies/{path}", payload, model)


def _readings(path: str, payload: object) -> tuple[Reading, ...]:
    answer = _answer(path, payload)
    assert isinstance(answer, Decoded), answer
    return answer.readings


def _said(path: str, payload: object) -> dict[str, Any]:
    return {reading.metric: reading.value for reading in _readings(path, payload)}


@pytest.mark.parametrize(
    ("event", "detail"),
    [
        ("S", "single"),
        ("SS", "double"),
        ("SSS", "triple"),
        ("L", "long"),
        ("SL", "single_long"),
        ("LS", "long_single"),
    ],
)
def test_every_gesture_is_a_press_and_none_a_call(event: str, detail: str) -> None:
    (press,) = _readings("shellyix3-0A1B/input_event/1", {"event": event, "event_cnt": 5})
    assert (press.metric, press.detail, press.device) == ("button_press", detail, "shellyix3-0A1B")


@pytest.mark.parametrize("event", ["", None, 7, "X"])
def test_what_is_no_gesture_is_no_press(event: object) -> None:
    assert _said("shellyix3-0A1B/input_event/1", {"event": event, "event_cnt": 0}) == {}


def test_a_press_is_known_by_its_input_its_gesture_and_its_count() -> None:
    keys = {
        _readings(f"shellyix3-0A1B/input_event/{channel}", {"event": event, "event_cnt": count})[0].key
        for channel in (0, 1)
        for event in ("S", "L")
        for count in (1, 2)
    }
    assert len(keys) == 8


def test_a_button_that_sleeps_may_count_anew_so_its_next_press_is_never_taken_for_the_last() -> None:
    press = {"event": "S", "event_cnt": 1}
    assert _readings("shellybutton1-0A1B/input_event/0", press)[0].good_for_ms == 5_000
    assert _readings("shellyix3-0A1B/input_event/0", press)[0].good_for_ms == 600_000


def test_the_level_of_an_input_is_no_press() -> None:
    assert _said("shellybutton1-0A1B/input/0", "1") == {}


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("shellyflood-1/sensor/flood", "true", {"water_leak": True}),
        ("shellyflood-1/sensor/flood", "false", {"water_leak": False}),
        ("shellysmoke-1/sensor/smoke", "true", {"smoke": True}),
        ("shellysmoke-1/sensor/smoke", "false", {"smoke": False}),
        ("shellygas-1/sensor/gas", "none", {"gas": False}),
        ("shellygas-1/sensor/gas", "mild", {"gas": True}),
        ("shellygas-1/sensor/gas", "heavy", {"gas": True}),
        ("shellygas-1/sensor/gas", "test", {"device_test": True}),
        ("shellygas-1/sensor/gas", "unknown", {}),
        ("shellygas-1/sensor/operation", "fault", {"fault": True}),
        ("shellygas-1/sensor/operation", "warmup", {}),
        ("shellygas-1/sensor/self_test", "running", {"device_test": True}),
        ("shellygas-1/sensor/self_test", "completed", {}),
        ("shellydw-1/sensor/state", "open", {"door_open": True}),
        ("shellydw-1/sensor/state", "close", {"door_open": False}),
        ("shellydw-1/sensor/state", "unknown", {}),
        ("shellydw-1/sensor/state", "", {}),
        ("shellydw-1/sensor/vibration", "1", {"vibration": True}),
        ("shellydw-1/sensor/vibration", "-1", {}),
        ("shellydw-1/sensor/lux", "230", {"illuminance": 230}),
        ("shellydw-1/sensor/illumination", "twilight", {}),
        ("shellysense-1/sensor/motion", "true", {"motion": True}),
        ("shellysense-1/sensor/charger", "true", {"charging": True}),
        ("shellyht-1/sensor/temperature", "-3.25", {"room_temperature": -3.25}),
        ("shellyht-1/sensor/temperature", "999", {}),
        ("shellyht-1/sensor/battery", "-1", {}),
        ("shellyht-1/sensor/error", "0", {}),
        ("shellyht-1/sensor/error", "8", {"fault": True}),
        ("shellyht-1/sensor/act_reasons", '["sensor"]', {}),
        ("shelly1pm-1/temperature", "61.2", {"device_temperature": 61.2}),
        ("shelly1-1/ext_temperature/0", "20.1", {"room_temperature": 20.1}),
        ("shelly1pm-1/relay/0", "overpower", {"relay_on": False, "fault": True}),
        ("shelly1pm-1/relay/0/energy", "60000", {"energy": 1.0}),
        ("shellyem-1/emeter/0/total", "1500.5", {"energy": 1500.5}),
        ("shelly1-1/longpush/0", "1", {"button_press": True}),
        ("shelly1-1/longpush/0", "0", {}),
        ("shelly1-1/relay/0/command", "on", {}),
        ("shelly1-1/command", "announce", {}),
        ("command", "announce", {}),
    ],
)
def test_a_topic_is_a_value(path: str, text: str, said: dict[str, Any]) -> None:
    assert _said(path, text) == pytest.approx(said, rel=1e-3)


def test_channels_are_told_apart() -> None:
    (relay,) = _readings("shellyswitch25-1/relay/1", "on")
    assert (relay.value, relay.detail) == (True, "1")


def test_motion_is_at_its_own_time_and_no_motion_is_now() -> None:
    state = {"motion": True, "timestamp": 1_772_323_200, "vibration": False, "lux": 3, "bat": 90}
    assert {one.at for one in _readings("shellymotionsensor-1/status", state)} == {1_772_323_200_000}
    assert {one.at for one in _readings("shellymotionsensor-1/status", state | {"motion": False})} == {None}
    assert {one.at for one in _readings("shellymotionsensor-1/status", state | {"timestamp": 0})} == {None}


def test_a_thermostat_in_fahrenheit_says_so() -> None:
    state = {"tmp": {"value": 70.1, "units": "F", "is_valid": True}, "bat": 50}
    units = {reading.metric: reading.unit for reading in _readings("shellytrv-1/status", state)}
    assert units == {"room_temperature": "[degF]", "battery": ""}


def test_what_is_not_valid_is_not_said() -> None:
    info = {"tmp": {"value": 0, "tC": 0, "is_valid": False}, "hum": {"value": 41, "is_valid": True}}
    assert _said("shellyht-1/info", info) == {"humidity": 41}


def test_the_temperature_of_a_relay_is_not_the_rooms() -> None:
    info = {"temperature": 52.3, "overtemperature": False, "tmp": {"tC": 52.3, "is_valid": True}}
    assert _said("shelly1pm-1/info", info) == {"device_temperature": 52.3, "fault": False}


def test_a_state_has_the_time_of_its_device() -> None:
    (flood,) = _readings("shellyflood-1/info", {"unixtime": 1_772_323_200, "flood": True})
    assert (flood.metric, flood.at) == ("water_leak", 1_772_323_200_000)
    assert _readings("shellyflood-1/info", {"unixtime": 0, "flood": True})[0].at is None


def test_the_name_of_the_network_is_nowhere() -> None:
    answer = _answer("shellyht-1/info", {"wifi_sta": {"ssid": "grandma", "ip": "192.0.2.1", "rssi": -60}})
    assert isinstance(answer, Decoded)
    assert "grandma" not in repr(answer)


def test_an_announcement_teaches_the_model() -> None:
    announced = {"id": "shellydw2-0A1B", "model": "SHDW-2", "mac": "0A1B2C", "ip": "192.0.2.1"}
    fact = (Learned("shellydw2-0A1B", "model", "SHDW-2"),)
    for path in ("announce", "shellydw2-0A1B/announce"):
        answer = _answer(path, announced)
        assert isinstance(answer, Decoded)
        assert answer.learned == fact


@pytest.mark.parametrize(("text", "online"), [("true", True), ("false", False)])
def test_online_is_a_state_of_the_device_and_of_nothing_else(text: str, online: bool) -> None:
    assert _said("shellydw2-0A1B/online", text) == {"online": online}


def test_an_unreadable_press_names_its_device() -> None:
    answer = _answer("shellybutton1-0A1B/input_event/0", '{"event":"S","event_c')
    assert answer == Rejected(Reason.NOT_JSON, "", "shellybutton1-0A1B")


def test_topics_of_the_second_generation_below_the_same_base_are_not_ours() -> None:
    found = family_of(Message("shellies/lamp/status/switch:0", b"{}", _NOW))
    assert found is not None
    assert found.name == "shelly-gen2"


@pytest.mark.parametrize("model", ["Shelly Button1, SOS", "SHBTN-2 pull cord", "nurse call"])
def test_a_button_registered_for_calls_calls_whichever_way_it_is_pressed(model: str) -> None:
    answer = _answer("shellybutton1-0A1B/input_event/0", {"event": "L", "event_cnt": 5}, model)
    assert isinstance(answer, Decoded)
    assert [(one.metric, one.detail, one.key) for one in answer.readings] == [("sos", "long", "0/L/5")]


def test_a_motion_sensor_that_was_told_not_to_look_does_not_say_that_nobody_is_there() -> None:
    state = {"motion": False, "timestamp": 1_772_323_200, "active": False, "vibration": False, "lux": 3}
    assert "motion" not in _said("shellymotionsensor-0A1B/status", state)
    assert _said("shellymotionsensor-0A1B/status", state | {"active": True})["motion"] is False
