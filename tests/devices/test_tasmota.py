"""Tasmota: zones and clocks, wires by the registry, units, Zigbee, beacons, Bluetooth, LoRa, codes."""

from typing import Any

import pytest

from devices.decode import decode, family_of
from devices.message import Message
from devices.reading import Decoded, Learned, Models, Reading, Reason, Rejected, TimeSource
from tests.devices import told

_NOW = 1_790_000_000_000


def _readings(topic: str, payload: object, model: str = "", zone: str = "") -> tuple[Reading, ...]:
    answer = told.answer(topic, payload, model, zone)
    assert isinstance(answer, Decoded), answer
    return answer.readings


def _said(topic: str, payload: object, model: str = "") -> dict[str, Any]:
    return {reading.metric: reading.value for reading in _readings(topic, payload, model)}


_SENSOR, _RESULT = "tele/hall/SENSOR", "stat/hall/RESULT"


@pytest.mark.parametrize(
    ("shown", "zone", "at"),
    [
        ("2026-03-01T08:00:00", "", None),
        ("2026-03-01T08:00:00", "Asia/Shanghai", 1_772_323_200_000),
        ("2026-03-01T08:00:00+08:00", "", 1_772_323_200_000),
        ("2026.03.01 08:00:00", "Asia/Shanghai", 1_772_323_200_000),
        ("1970-01-01T00:00:13", "Asia/Shanghai", None),
        (1_772_323_200, "", 1_772_323_200_000),
        (None, "Asia/Shanghai", None),
    ],
)
def test_a_time_counts_when_its_zone_is_known_and_its_clock_was_set(
    shown: object, zone: str, at: int | None
) -> None:
    (reading,) = _readings(_SENSOR, {"Time": shown, "DHT11": {"Humidity": 40}}, zone=zone)
    assert reading.at == at
    assert reading.at_source is TimeSource.DEVICE


def test_an_epoch_needs_no_zone() -> None:
    payload = {"Time": "2026-03-01T08:00:00", "Epoch": 1_772_323_200, "DHT11": {"Humidity": 40}}
    assert [one.at for one in _readings(_SENSOR, payload)] == [1_772_323_200_000]


@pytest.mark.parametrize(
    "topic", ["tele/hall/LWT", "hall/tele/LWT", "tele/house/hall/LWT", "house/hall/tele/LWT"]
)
def test_both_forms_of_full_topic_name_the_device(topic: str) -> None:
    (offline,) = _readings(topic, "Offline")
    assert (offline.metric, offline.value) == ("online", False)
    assert offline.device in {"hall", "house/hall"}


def test_units_are_those_the_message_names() -> None:
    payload = {
        "BME280": {"Temperature": 68.0, "Humidity": 40, "Pressure": 760.0},
        "TempUnit": "F",
        "PressureUnit": "mmHg",
    }
    found = {one.metric: (one.value, one.unit) for one in _readings(_SENSOR, payload)}
    assert found == {
        "room_temperature": (68.0, "[degF]"),
        "humidity": (40, ""),
        "air_pressure": (1013.25, ""),
    }


def test_a_chip_that_failed_says_nothing() -> None:
    assert _said(_SENSOR, {"AM2301": {"Temperature": None, "Humidity": None, "DewPoint": None}}) == {}


def test_chips_are_told_apart_and_their_own_heat_is_not_the_rooms() -> None:
    payload = {
        "DS18B20-1": {"Id": "00000566CC39", "Temperature": 20.5},
        "DS18B20-2": {"Id": "0000059352D4", "Temperature": 18.0},
        "ESP32": {"Temperature": 47.2},
    }
    found = {(one.metric, one.detail): one.value for one in _readings(_SENSOR, payload)}
    assert found == {
        ("room_temperature", "DS18B20-1"): 20.5,
        ("room_temperature", "DS18B20-2"): 18.0,
        ("device_temperature", "ESP32"): 47.2,
    }


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("", {}),
        ("Tasmota contact", {}),
        ("Tasmota PIR", {"motion": True}),
        ("pull cord in the bathroom", {"sos": True}),
        ("TASMOTA-CONTACT-ON-OPEN", {"door_open": True}),
        ("TASMOTA-CONTACT-ON-CLOSED", {"door_open": False}),
        ("TASMOTA-LEAK-ON-WET", {"water_leak": True}),
    ],
)
def test_a_wire_means_what_was_registered(model: str, said: dict[str, Any]) -> None:
    assert _said(_SENSOR, {"Switch1": "ON"}, model) == said
    assert _said(_RESULT, {"Switch1": {"Action": "ON"}}, model) == said


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("SINGLE", {"button_press": True}),
        ("DOUBLE", {"button_press": True}),
        ("HOLD", {"button_press": True}),
        ("CLEAR", {}),
    ],
)
def test_a_button_is_a_press_and_of_a_call_button_a_call(action: str, said: dict[str, Any]) -> None:
    assert _said(_RESULT, {"Button1": {"Action": action}}) == said
    calls = {"sos": True} if said else {}
    assert _said(_RESULT, {"Button1": {"Action": action}}, "Tasmota SOS button") == calls


@pytest.mark.parametrize(("text", "on"), [("ON", True), ("OFF", False), ("1", True), ("0", False)])
def test_power_is_a_relay(text: str, on: bool) -> None:
    (power,) = _readings("stat/hall/POWER2", text)
    assert (power.metric, power.value, power.detail) == ("relay_on", on, "2")


def test_wifi_has_a_quality_in_per_cent_and_a_signal_in_dbm() -> None:
    wifi = {"AP": 1, "SSId": "grandma", "RSSI": 86, "Signal": -57}
    answer = told.answer("tele/hall/STATE", {"Vcc": 3.4, "Wifi": wifi})
    assert isinstance(answer, Decoded)
    assert {one.metric: one.value for one in answer.readings} == {"link_quality": 86, "rssi": -57}
    assert "grandma" not in repr(answer)


def _zigbee(**fields: object) -> dict[str, Any]:
    return {"ZbReceived": {"Room 1": {"Device": "0x1A2B", "Name": "Room 1", "Endpoint": 1} | fields}}


_ZONE = {"tamper": False, "battery_low": False, "fault": False}


@pytest.mark.parametrize(
    ("fields", "model", "said"),
    [
        ({"Contact": 1}, "", {"door_open": True}),
        ({"Contact": 0}, "", {"door_open": False}),
        ({"Occupancy": 1}, "", {"motion": True}),
        ({"Occupancy": 0}, "", {"motion": False}),
        ({"Fire": 1, "ZoneStatusChange": 1}, "", {"smoke": True} | _ZONE),
        ({"Fire": 0, "ZoneStatusChange": 0}, "", {"smoke": False} | _ZONE),
        ({"Fire": 0, "ZoneStatusChange": 2}, "", {"smoke": True} | _ZONE),
        ({"Fire": 1, "ZoneStatusChange": 0x101}, "", {"device_test": True} | _ZONE),
        ({"Water": 1}, "", {"water_leak": True}),
        ({"CO": 1}, "", {"carbon_monoxide": True}),
        ({"CO": 1}, "GASSensor-EM", {"gas": True}),
        ({"PersonalAlarm": 1}, "", {"sos": True}),
        ({"PersonalAlarm": 0}, "", {}),
        ({"Panic": 1}, "", {"sos": True}),
        ({"Movement": 1}, "", {"vibration": True}),
        ({"ZoneStatusChange": 0x4C}, "", {"tamper": True, "battery_low": True, "fault": True}),
        ({"0500<00": "0D0000000000"}, "", {"tamper": True, "battery_low": True, "fault": False}),
        ({"0500!00": "010000FF0000"}, "lumi.sensor_wleak.aq1", {"water_leak": True} | _ZONE),
        ({"0500!00": "zz"}, "lumi.sensor_wleak.aq1", {}),
        ({"0500?00": "0100FF0000"}, "leak", {"water_leak": True} | _ZONE),
        ({"0006!FD": "02"}, "", {"button_press": True}),
        ({"0006?01": ""}, "", {"button_press": True}),
        ({"ZoneStatusChange": 1}, "SOS button", {"sos": True} | _ZONE),
        ({"0501!02": ""}, "", {"sos": True}),
        ({"0501!04": ""}, "", {"sos": True}),
        ({"0501!00": "00"}, "", {"button_press": True}),
        ({"0006!01": "", "Power": 1}, "", {"button_press": True}),
        ({"0006!01": "", "Power": 1}, "emergency button", {"sos": True}),
        ({"0008!03": "", "DimmerStop": True}, "", {}),
        ({"Power": 1}, "", {}),
        ({"Power": 1}, "smart plug", {"relay_on": True}),
        ({"Power2": 1}, "smart plug", {"relay_on": True}),
        ({"Click": "release"}, "", {}),
        ({"Click": "hold", "action": "hold"}, "", {"button_press": True}),
        ({"AqaraVibrationMode": "drop"}, "", {"vibration": True}),
        ({"AqaraCube": "fall"}, "", {}),
        ({"BatteryPercentage": 0, "BatteryVoltage": 0}, "", {}),
        ({"BatteryPercentage": 55, "BatteryVoltage": 2.9}, "", {"battery": 55, "battery_voltage": 2.9}),
        ({"Voltage": 2.995, "Battery": 98}, "", {"battery_voltage": 2.995, "battery": 98}),
    ],
)
def test_zigbee_devices_behind_a_bridge(fields: dict[str, Any], model: str, said: dict[str, Any]) -> None:
    answer = _readings("tele/bridge/SENSOR", _zigbee(**fields), model)
    assert {one.metric: one.value for one in answer} == said
    assert {one.device for one in answer} <= {"Room 1"}
    assert len(answer) == len(said)


def test_a_zigbee_device_is_decoded_without_its_wrapper_and_teaches_its_model() -> None:
    payload = {
        "0x1A2B": {"Device": "0x1A2B", "ModelId": "lumi.weather", "Manufacturer": "LUMI", "Temperature": 20.5}
    }
    for topic, sent in [
        ("tele/bridge/SENSOR", {"ZbReceived": payload}),
        ("tele/bridge/1A2B/SENSOR", payload),
        ("tele/bridge/ZbReceived", payload),
    ]:
        answer = told.answer(topic, sent)
        assert isinstance(answer, Decoded)
        assert [(one.device, one.metric) for one in answer.readings] == [("0x1A2B", "room_temperature")]
        assert answer.learned == (Learned("0x1A2B", "model", "lumi.weather LUMI"),)


def test_what_a_bridge_remembers_is_not_news() -> None:
    memory = {
        "0x1A2B": {"Device": "0x1A2B", "Name": "Room 1", "ModelId": "DS01", "Contact": 1, "Reachable": False}
    }
    assert _said("tele/bridge/SENSOR", {"ZbInfo": memory}) == {"online": False}


def test_a_beacon_that_left_is_absent_and_its_last_signal_is_over() -> None:
    left = {"Time": "2021-01-02T12:08:40", "IBEACON": {"MAC": "A4C1387FC1E1", "RSSI": -56, "STATE": "OFF"}}
    assert [(one.device, one.metric, one.value) for one in _readings(_SENSOR, left)] == [
        ("A4C1387FC1E1", "presence", False)
    ]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"Motion": 1, "Events": 2}, {"motion": True}),
        ({"Motion": 0}, {"motion": False}),
        ({"NMT": 120}, {"motion": False}),
        ({"Door": 0}, {"door_open": True}),
        ({"Door": 1}, {"door_open": False}),
        ({"Door": 2}, {"door_open": True}),
        ({"Door": 3}, {}),
        ({"Leak": 1}, {"water_leak": True}),
        ({"Button1": 2}, {"button_press": True}),
        ({"Battery": 0}, {}),
    ],
)
def test_xiaomi_devices_by_bluetooth(fields: dict[str, Any], said: dict[str, Any]) -> None:
    sent = {"MCCGQ02-1a2b3c": fields | {"RSSI": -80, "MAC": "E4AAEC1A2B3C"}}
    readings = _readings(_SENSOR, sent)
    assert {one.metric: one.value for one in readings} == said | {"rssi": -80}
    assert {one.device for one in readings} == {"MCCGQ02-1a2b3c"}


def test_a_frame_of_lora_without_a_decoder_is_told_as_undecoded() -> None:
    frame = {"Node": 1, "Device": "0xAE3D", "RSSI": -14, "SNR": 8.8, "FPort": 2, "Payload": [9, 230]}
    answer = told.answer("tele/gateway/SENSOR", {"LwReceived": {"Bed 2": frame}})
    assert isinstance(answer, Decoded)
    assert {one.metric: one.value for one in answer.readings} == {"rssi": -14, "snr": 8.8}
    assert [(one.reason, one.device) for one in answer.rejected] == [(Reason.UNDECODED, "Bed 2")]
    later = told.answer("tele/gateway/SENSOR", {"LwReceived": {"Bed 2": frame | {"Decoder": "LHT52"}}})
    assert isinstance(later, Decoded)
    assert later.rejected == ()


def test_a_lora_battery_is_volts_or_per_cent() -> None:
    for level, metric in [(3.006, "battery_voltage"), (87, "battery")]:
        frame = {"Node": 1, "Device": "0x4AD6", "DoorOpen": 1, "Battery": level}
        assert _said("tele/gateway/SENSOR", {"LwReceived": {"Porch": frame}})[metric] == level


def test_a_code_on_433_mhz_is_its_own_device_and_only_the_registry_knows_it() -> None:
    payload = {"RfReceived": {"Sync": 14050, "Data": "D3FD18", "RfKey": "None"}}
    (call,) = _readings("tele/rf/RESULT", payload, "RF SOS pendant")
    assert (call.device, call.metric, call.good_for_ms) == ("D3FD18", "sos", 5_000)
    assert _said("tele/rf/RESULT", payload) == {}


def test_discovery_and_the_first_message_teach_the_module() -> None:
    for topic, payload in [
        ("tasmota/discovery/AABBCC/config", {"t": "hall", "md": "Sonoff Basic", "ver": 1}),
        ("tele/hall/INFO1", {"Info1": {"Module": "Sonoff Basic", "Version": "14.4.1"}}),
    ]:
        answer = told.answer(topic, payload)
        assert isinstance(answer, Decoded)
        assert answer.readings == ()
        assert answer.learned == (Learned("hall", "model", "Sonoff Basic"),)


def test_commands_and_answers_about_the_device_carry_nothing() -> None:
    assert told.answer("cmnd/hall/POWER", "ON") == Decoded("tasmota")
    assert _said("stat/hall/STATUS", {"Status": {"Module": 1, "Topic": "hall", "Power": 1}}) == {}


def test_what_is_unreadable_names_its_device() -> None:
    assert told.answer("tele/bridge/SENSOR", '{"ZbReceived": {"0x8F20": {') == Rejected(
        Reason.NOT_JSON, "", "bridge"
    )


@pytest.mark.parametrize(
    "topic", ["tele/a/SENSOR", "stat/a/RESULT", "a/tele/STATE", "tasmota/discovery/A/config"]
)
def test_topics_of_tasmota(topic: str) -> None:
    found = family_of(Message(topic, b"{}", _NOW))
    assert found is not None
    assert found.name == "tasmota"


@pytest.mark.parametrize("topic", ["tele", "tele/", "/", "", "/tele", "a", "tele/a", "a/tele", "stat//"])
def test_topics_that_are_too_short_have_an_answer(topic: str) -> None:
    answer = decode(Message(topic, b"Offline", _NOW), Models(), "tasmota")
    assert isinstance(answer, Rejected) or answer.readings == ()


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("hall/stat/BUTTON2T", {"TRIG": "DOUBLE"}),
        ("stat/hall/BUTTON2", {"ACTION": "DOUBLE"}),
        ("stat/hall/RESULT", {"Button2": {"Action": "DOUBLE"}}),
    ],
)
def test_a_press_is_the_same_in_the_forms_of_all_versions(topic: str, payload: dict[str, Any]) -> None:
    (press,) = _readings(topic, payload)
    assert (press.device, press.metric, press.detail) == ("hall", "button_press", "double")


def test_zigbee_devices_of_bridges_before_version_8_2() -> None:
    heard = {"ZigbeeReceived": {"0x1A2B": {"0006/8000": 3, "LinkQuality": 102}}}
    (press, link) = _readings(_SENSOR, heard)
    assert (press.device, press.metric, press.detail) == ("0x1A2B", "button_press", "triple")
    assert link.metric == "link_quality"


@pytest.mark.parametrize(
    ("fields", "model", "presses"),
    [
        ({"MultiInValue": 3, "click": 3}, "", ["triple"]),
        ({"MultiInValue": 1, "click": "single"}, "lumi.remote.b486opcn01", ["single"]),
        ({"MultiInValue": 2}, "WXCJKG12LM", ["double"]),
        ({"MultiInValue": 2}, "", []),
        ({"MultiInValue": 255}, "WXCJKG12LM", []),
    ],
)
def test_one_click_of_an_aqara_button_is_one_press(
    fields: dict[str, Any], model: str, presses: list[str]
) -> None:
    heard = {"ZbReceived": {"0x1A2C": {"Device": "0x1A2C", **fields, "Endpoint": 2, "LinkQuality": 102}}}
    readings = _readings(_SENSOR, heard, model)
    assert [one.detail for one in readings if one.metric == "button_press"] == presses


@pytest.mark.parametrize(
    ("kind", "status", "said"),
    [
        (0x28, 0x21, {"smoke": True}),
        (0x15, 0x20, {"door_open": False}),
        (0x2A, 0x01, {"water_leak": True}),
        (0x28, 0x0101, {"device_test": True}),
        (0x0999, 0x01, {}),
    ],
)
def test_a_zone_that_says_its_type_needs_no_model(kind: int, status: int, said: dict[str, bool]) -> None:
    heard = {"ZbReceived": {"0x1A2D": {"Device": "0x1A2D", "ZoneType": kind, "ZoneStatus": status}}}
    assert _said(_SENSOR, heard) == _ZONE | said
