"""What zigbee2mqtt says, message by message: friendly names, plain-text topics, the bridge, actions."""

import json

import pytest

from devices.decode import decode, family_of
from devices.families import zigbee2mqtt
from devices.message import Message
from devices.reading import Decoded, Learned, Models, Reading, Reason, Rejected, TimeSource

_ARRIVED = 1_790_000_000_000


def _message(topic: str, payload: object) -> Message:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Message(topic, raw, _ARRIVED)


def _zigbee(topic: str, payload: object, model: str = "") -> Decoded:
    answer = zigbee2mqtt.decode(_message(f"zigbee2mqtt/{topic}", payload), Models(default=model))
    assert isinstance(answer, Decoded)
    return answer


def _said(answer: Decoded) -> dict[str, object]:
    return {reading.metric: reading.value for reading in answer.readings}


def _one(answer: Decoded, metric: str) -> Reading:
    (found,) = (reading for reading in answer.readings if reading.metric == metric)
    return found


@pytest.mark.parametrize(
    "topic",
    ["zigbee2mqtt/x", "zigbee2mqtt-floor2/a/b", "Zigbee2MQTT/ lead", "z2m/x", "zigbee2mqtt/bridge/state"],
)
def test_its_bases_are_claimed(topic: str) -> None:
    assert zigbee2mqtt.claims(topic)


@pytest.mark.parametrize(
    "topic",
    [
        "zigbee2mqtt",
        "zigbee2mqtt/",
        "home/zigbee2mqtt/x",
        "zigbee/send",
        "tele/x/SENSOR",
        "homeassistant/sensor/0x0c/config",
        "shouwang/v1/site/device/event",
        "",
    ],
)
def test_other_topics_are_not_claimed(topic: str) -> None:
    assert not zigbee2mqtt.claims(topic)


@pytest.mark.parametrize(
    "name", [" Presence_DiningRoom", "Bedroom Window", "floor 2/room/bed", "0x00158d00", "房间 302"]
)
def test_a_friendly_name_is_kept_byte_for_byte(name: str) -> None:
    answer = _zigbee(name, {"battery": 50})
    assert answer.readings == (Reading(name, "battery", 50, at_source=TimeSource.GATEWAY),)


@pytest.mark.parametrize(
    ("action", "metric"),
    [
        ("emergency", "sos"),
        ("panic", "sos"),
        ("sos", "sos"),
        ("emergency_1", "sos"),
        ("single", "button_press"),
        ("double", "button_press"),
        ("hold", "button_press"),
        ("1_single", "button_press"),
        ("button_2_hold", "button_press"),
        ("on", "button_press"),
        ("brightness_move_up", "button_press"),
        ("arm_all_zones", "button_press"),
        ("recall_1", "button_press"),
        ("open", "button_press"),
        ("close", "button_press"),
    ],
)
def test_an_action_is_a_call_for_help_or_a_press(action: str, metric: str) -> None:
    assert _said(_zigbee("button", {"action": action})) == {metric: True}
    assert _said(_zigbee("button/action", action.encode())) == {metric: True}
    assert _one(_zigbee("button", {"action": action}), metric).detail == action


@pytest.mark.parametrize(
    "action",
    [
        *(
            "",
            None,
            "none",
            "unknown",
            "release",
            "hold_release",
            "brightness_stop",
            "fall",
            "drop",
            "motion",
        ),
        *("region_1_enter", "region_2_leave"),
        *(
            "lock",
            "keypad_unlock_1",
            "finger_open",
            "manual_lock",
            "auto_lock",
            "lock_failure_invalid_pin_or_id",
        ),
    ],
)
def test_what_is_no_new_press_says_nothing(action: str | None) -> None:
    assert _zigbee("button", {"action": action}).readings == ()
    assert _zigbee("button/action", (action or "").encode()).readings == ()


def test_the_legacy_click_is_a_press_and_told_once() -> None:
    assert [one.metric for one in _zigbee("b", {"click": "single", "action": "single"}).readings] == [
        "button_press"
    ]


@pytest.mark.parametrize("words", [{"sos": True}, {"emergency": True}, {"action": "panic"}])
def test_a_call_for_help_needs_no_model(words: dict[str, object]) -> None:
    assert _said(_zigbee("unknown", words)) == {"sos": True}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"fall_status": "fall_alarm"}, {"fall": True}),
        ({"fall_down_status": "maybe_fall"}, {"fall_suspected": True}),
        ({"status": "falling"}, {"fall": True}),
        ({"smoke": True}, {"smoke": True}),
        ({"gas": True, "carbon_monoxide": "ON"}, {"gas": True, "carbon_monoxide": True}),
    ],
)
def test_a_danger_needs_no_model(words: dict[str, object], said: dict[str, object]) -> None:
    assert _said(_zigbee("unknown", words)) == said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"motion_state": "static"}, {"motion": False, "presence": True}),
        ({"motion_state": "static", "presence": True}, {"motion": False, "presence": True}),
        ({"motion_state": "none", "presence": False}, {"motion": False, "presence": False}),
        ({"human_motion_state": "large", "presence": True}, {"motion": True, "presence": True}),
        ({"presence_state": "stationary"}, {"presence": True}),
        ({"presence_state": "none"}, {"presence": False}),
        ({"presence_event": "leave", "presence": True}, {"presence": True}),
    ],
)
def test_who_sits_still_is_still_there(words: dict[str, object], said: dict[str, object]) -> None:
    answer = _zigbee("radar", words)
    assert _said(answer) == said
    assert len(answer.readings) == len(said)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("none", {"fault": False}),
        ("overload_alarm", {"fault": True}),
        (True, {"fault": True}),
        (None, {}),
        ("", {}),
        ("unknown", {}),
    ],
)
def test_a_fault_of_any_name_is_one(value: object, said: dict[str, object]) -> None:
    assert _said(_zigbee("x", {"fault": value})) == said


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"smoke_alarm_1": True, "smoke_alarm_2": False}, {"smoke": True}),
        ({"smoke_alarm_1": False, "smoke_alarm_2": True}, {"smoke": True}),
        ({"smoke_alarm_1": False, "smoke_alarm_2": False}, {"smoke": False}),
        ({"smoke_alarm_1": False}, {"smoke": False}),
        ({"smoke_alarm_1": None, "smoke_alarm_2": "unknown"}, {}),
    ],
)
def test_of_two_alarms_either_counts(payload: dict[str, object], said: dict[str, object]) -> None:
    assert _said(_zigbee("x", payload, "Sunricher SR-ZG9070A-SS")) == said


def test_what_was_typed_into_a_keypad_is_never_repeated() -> None:
    payload = {
        "action": "disarm",
        "action_code": "4711",
        "pin_code": {"user": 1, "pin_code": "4711"},
        "users": {"1": {"status": "enabled", "pin_code": "4711"}},
        "last_added_user_code": "4711",
    }
    answer = _zigbee("keypad", payload, "Frient KEYZB-110")
    assert _said(answer) == {"button_press": True}
    assert "4711" not in repr(answer)


def test_a_level_that_fell_is_no_event() -> None:
    assert _zigbee("b", {"sos": False, "emergency": False}).readings == ()


def test_without_a_model_the_ambiguous_is_left_by_name() -> None:
    answer = _zigbee("x", {"contact": False, "occupancy": True, "temperature": 21, "water_leak": False})
    assert _said(answer) == {"water_leak": False}
    assert set(answer.left) == {"contact", "occupancy", "temperature"}


def test_a_temperature_alone_is_the_rooms() -> None:
    assert _said(_zigbee("x", {"temperature": 21, "humidity": 40})) == {
        "room_temperature": 21,
        "humidity": 40,
    }


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("SONOFF SNZB-04", {"door_open": True}),
        ("Aqara MCCGQ11LM", {"door_open": True}),
        ("some door sensor", {"door_open": True}),
        ("OWON SPM915 sleeping pad", {}),
        ("", {}),
    ],
)
def test_contact_means_what_the_model_says(model: str, said: dict[str, object]) -> None:
    assert _said(_zigbee("x", {"contact": False}, model)) == said


def test_the_model_may_come_with_the_message() -> None:
    answer = _zigbee(
        "x", {"occupancy": True, "device": {"modelId": "lumi.sensor_motion", "status": "online"}}
    )
    assert _said(answer) == {"motion": True}


@pytest.mark.parametrize("value", [None, "", "unknown", "N/A", "none"])
def test_no_value_is_no_reading(value: str | None) -> None:
    payload = {"battery": value, "water_leak": value, "smoke": value, "temperature": value, "action": ""}
    answer = _zigbee("x", payload)
    assert answer.readings == ()
    assert answer.rejected == ()


def test_numbers_may_be_texts_and_wrong_ones_are_named() -> None:
    answer = _zigbee("x", {"battery": "100.00", "humidity": "wet"})
    assert _said(answer) == {"battery": 100}
    assert answer.rejected == (Rejected(Reason.WRONG_TYPE, "humidity is no number", "x", "humidity"),)


def test_raw_illuminance_gives_way_to_lux() -> None:
    assert _said(_zigbee("x", {"illuminance": 1515, "illuminance_lux": 15})) == {"illuminance": 15}
    assert _said(_zigbee("x", {"illuminance": 44})) == {"illuminance": 44}


def test_voltage_is_the_batterys_in_mv_and_never_the_mains() -> None:
    assert _one(_zigbee("x", {"voltage": 3025}), "battery_voltage").unit == "mV"
    assert _said(_zigbee("plug", {"voltage": 231.5, "power": 12, "state": "ON"})) == {
        "power": 12,
        "relay_on": True,
    }


def test_a_smoke_test_is_no_fire() -> None:
    assert _said(_zigbee("x", {"smoke": True, "test": True})) == {"device_test": True}
    assert _said(_zigbee("x", {"smoke": True, "test": False})) == {"smoke": True}
    assert _said(_zigbee("x", {"smoke": False, "test": False})) == {"smoke": False}


@pytest.mark.parametrize(
    ("seen", "at"),
    [
        ("2026-04-17T23:33:22+08:00", 1_776_440_002_000),
        (1_656_118_444_933, 1_656_118_444_933),
        (None, None),
        ("yesterday", None),
        (0, None),
    ],
)
def test_last_seen_is_the_time(seen: object, at: int | None) -> None:
    answer = _zigbee("x", {"battery": 50, "action": "single", "last_seen": seen})
    assert {reading.at for reading in answer.readings} == {at}
    assert {reading.key for reading in answer.readings} == {""}


@pytest.mark.parametrize("payload", [b"offline", b'"offline"', b'{"state":"offline"}'])
def test_availability_is_online_in_both_notations(payload: bytes) -> None:
    answer = _zigbee("floor 2/bedroom_pir/availability", payload)
    assert answer.readings == (
        Reading("floor 2/bedroom_pir", "online", value=False, at_source=TimeSource.ARRIVAL),
    )
    assert _said(_zigbee("bridge/state", payload)) == {"online": False}


def test_availability_of_nothing_is_rejected() -> None:
    answer = zigbee2mqtt.decode(_message("zigbee2mqtt/x/availability", b"maybe"), Models())
    assert answer == Rejected(Reason.WRONG_SHAPE, "expected online or offline", "x")


@pytest.mark.parametrize(
    "topic",
    [
        "bridge/log",
        "bridge/logging",
        "bridge/info",
        "bridge/config",
        "bridge/request/restart",
        "x/set",
        "x/set/state",
        "x/get/state",
        "x/get",
        "bridge",
    ],
)
def test_what_carries_no_reading_is_decoded_as_nothing(topic: str) -> None:
    assert _zigbee(topic, b"\xff not even text: emergency") == Decoded("zigbee2mqtt")


@pytest.mark.parametrize(
    ("kind", "metric"), [("device_joined", "device_joined"), ("device_leave", "device_left")]
)
def test_devices_come_and_go(kind: str, metric: str) -> None:
    data = {"friendly_name": "my bulb", "ieee_address": "0x90fd"}
    answer = _zigbee("bridge/event", {"type": kind, "data": data})
    assert answer.readings == (Reading("my bulb", metric, value=True, at_source=TimeSource.ARRIVAL),)
    assert _zigbee("bridge/event", {"type": "device_announce", "data": data}).readings == ()


def test_the_bridge_teaches_the_models() -> None:
    described = {
        "friendly_name": "bed 2",
        "model_id": "lumi.sensor_motion",
        "definition": {"model": "RTCGQ01LM", "vendor": "Xiaomi", "description": "Mi motion sensor"},
    }
    answer = _zigbee("bridge/devices", [{"type": "Coordinator", "friendly_name": "Coordinator"}, described])
    (learned,) = answer.learned
    assert learned == Learned("bed 2", "model", "RTCGQ01LM lumi.sensor_motion Xiaomi Mi motion sensor")
    assert _said(_zigbee("bed 2", {"occupancy": True}, learned.value)) == {"motion": True}
    interview = {"type": "device_interview", "data": {**described, "status": "successful"}}
    assert _zigbee("bridge/event", interview).learned == (learned,)


def test_one_attribute_on_a_topic_of_its_own() -> None:
    answer = _zigbee("floor 2/window/contact", b"true", "SNZB-04")
    assert answer.readings == (
        Reading("floor 2/window", "door_open", value=False, at_source=TimeSource.GATEWAY),
    )
    assert _zigbee("window/color_mode", b"xy").left == ("color_mode",)


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("zigbee2mqtt/x", b"", Reason.EMPTY),
        ("zigbee2mqtt/x", b'{"action": ', Reason.NOT_JSON),
        ("zigbee2mqtt/a/x", b'{"action": ', Reason.NOT_JSON),
        ("zigbee2mqtt/x", b"\xff\xfe", Reason.NOT_UTF8),
        ("zigbee2mqtt/x", b"emergency", Reason.NOT_JSON),
        ("zigbee2mqtt/x", b"[1]", Reason.WRONG_SHAPE),
        ("zigbee2mqtt/x", b"[" * 40, Reason.TOO_DEEP),
        ("zigbee2mqtt/x/action", b"\xff", Reason.NOT_UTF8),
        ("zigbee2mqtt//action", b"single", Reason.NOT_JSON),
    ],
)
def test_the_malformed_is_rejected_with_its_device(topic: str, payload: bytes, reason: Reason) -> None:
    answer = zigbee2mqtt.decode(_message(topic, payload), Models())
    assert isinstance(answer, Rejected)
    assert answer.reason is reason
    assert answer.device


def test_channels_are_told_apart_by_their_detail() -> None:
    payload = {
        "state_l1": "ON",
        "state_right": "OFF",
        "power_l2": 8,
        "energy_phase_b": 2.5,
        "humidity_1": 41,
        "humidity_2": 57,
        "power_on_behavior_l1": "on",
        "current_l1": 0.1,
    }
    answer = _zigbee("strip", payload)
    assert {(reading.metric, reading.detail): reading.value for reading in answer.readings} == {
        ("relay_on", "l1"): True,
        ("relay_on", "right"): False,
        ("power", "l2"): 8,
        ("energy", "phase_b"): 2.5,
        ("humidity", "1"): 41,
        ("humidity", "2"): 57,
    }
    assert answer.left == ("power_on_behavior_l1", "current_l1")
    assert _zigbee("clock", {"temperature_1": -4, "condition_1": "snow"}).readings == ()  # a forecast


@pytest.mark.parametrize(
    ("model", "payload", "metric", "value"),
    [
        ("RTCGQ11LM", {"motion_state": "none", "occupancy": True}, "motion", True),
        ("RTCGQ11LM", {"occupancy": True, "motion_state": "none"}, "motion", True),
        ("ZY-M100-24G", {"state": "none", "presence": True}, "presence", True),
        ("TS0601_smoke_co", {"smoke": False, "smoke_state": "alarm"}, "smoke", True),
        ("TH-S04D", {"local_temperature": 19, "temperature": 22.4}, "room_temperature", 22.4),
        ("", {"local_temperature": 19, "temperature": 42}, "room_temperature", 19),
        ("", {"charging": False, "charging_state": "charging"}, "charging", True),
    ],
)
def test_a_metric_is_said_once(model: str, payload: object, metric: str, value: object) -> None:
    assert _one(_zigbee("x", payload, model), metric).value == value


def test_a_bridge_on_any_base_is_recognised() -> None:
    device = {"ieee_address": "0x01", "friendly_name": "window", "definition": {"model": "SNZB-04P"}}
    for payload in (
        {"contact": False, "linkquality": None},
        [device],
        {"type": "device_leave", "data": device},
    ):
        message = _message("flat2/window", payload)
        found = family_of(message)
        assert found is not None
        assert found.name == "zigbee2mqtt"
    for other in ({"contact": False}, [], [1], {"data": [1]}, "linkquality"):
        assert not zigbee2mqtt.recognises(other)
    known = _zigbee("bridge/devices", [device]).learned
    answer = decode(
        _message("flat2/window", {"contact": False, "linkquality": 40}),
        Models(facts={(fact.about, fact.field): fact.value for fact in known}),
    )
    assert isinstance(answer, Decoded)
    assert _one(answer, "door_open") == Reading(
        "window", "door_open", value=True, at_source=TimeSource.GATEWAY
    )


@pytest.mark.parametrize(
    ("log", "metric"),
    [
        ({"type": "device_connected", "message": {"friendly_name": "lamp"}}, "device_joined"),
        (
            {"type": "device_removed", "message": "left_network", "meta": {"friendly_name": "lamp"}},
            "device_left",
        ),
        ({"type": "device_removed", "message": "lamp"}, None),  # by its owner
        ({"type": "device_announced", "message": "announce", "meta": {"friendly_name": "lamp"}}, None),
        ({"type": "zigbee_publish_error", "message": "sos", "meta": {"friendly_name": "lamp"}}, None),
        ({"type": ["device_connected"], "message": {"friendly_name": "lamp"}}, None),
    ],
)
def test_the_log_of_old_bridges_tells_who_came_and_went(log: object, metric: str | None) -> None:
    readings = _zigbee("bridge/log", log).readings
    assert [(reading.device, reading.metric) for reading in readings] == (
        [("lamp", metric)] if metric else []
    )


def test_old_bridges_tell_models_too() -> None:
    meta = {
        "friendly_name": "door",
        "model": "MCCGQ01LM",
        "vendor": "Xiaomi",
        "description": "contact sensor",
    }
    pairing = {"type": "pairing", "message": "interview_successful", "meta": meta}
    learned = (Learned("door", "model", "MCCGQ01LM contact sensor"),)
    assert _zigbee("bridge/log", pairing).learned == learned
    assert _zigbee("bridge/log", {"type": "devices", "message": [meta]}).learned == learned
    assert _zigbee("bridge/config/devices", [meta]).learned == learned


@pytest.mark.parametrize(
    "model", ["Visonic MCT-350 SMA", "MCT-350 SMA MCT-350 SMA Visonic contact", "mct-350 sma"]
)
def test_a_code_may_have_several_words(model: str) -> None:
    assert _said(_zigbee("x", {"contact": False, "temperature": 20.5}, model)) == {
        "door_open": True,
        "room_temperature": 20.5,
    }
