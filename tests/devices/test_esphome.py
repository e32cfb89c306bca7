"""ESPHome and the names it shares with others: what a name says, and what only looks like it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.catalogue import ALIASES, BASE, CLASSES, UNITS
from devices.families.names import meaning
from devices.message import Message
from devices.metrics import METRICS
from devices.reading import Decoded
from devices.urgency import urgent
from tests.devices.taught import Taught


@pytest.mark.parametrize(
    ("thing", "text", "said"),
    [
        ("binary_sensor/bed_presence", "ON", {"bed_occupied": True}),
        ("binary_sensor/front_door", "OFF", {"door_open": False}),
        ("binary_sensor/fall_detected", "ON", {"fall": True}),
        ("binary_sensor/fall_detected", "OFF", {}),
        ("binary_sensor/people_exist", "OFF", {"presence": False}),
        ("binary_sensor/has_still_target", "OFF", {}),
        ("binary_sensor/has_still_target", "ON", {"presence": True}),
        ("binary_sensor/has_moving_target", "OFF", {"motion": False}),
        ("binary_sensor/sos_button", "ON", {"sos": True}),
        ("binary_sensor/boot_button", "ON", {}),
        ("binary_sensor/status", "OFF", {"online": False}),
        ("binary_sensor/bed_status", "ON", {"bed_occupied": True}),
        ("text_sensor/emergency_state", "active", {"sos": True}),
        ("text_sensor/emergency_state", "idle", {}),
        ("binary_sensor/smoke_detector_state", "ON", {}),
        ("sensor/temperature_status", "2", {}),
        ("sensor/pm_2_5_concentration", "12", {"pm2_5": 12}),
        ("sensor/ear_temp", "36.8", {"body_temperature": 36.8}),
        ("sensor/wrist_skin_temp", "33.1", {"skin_temperature": 33.1}),
        ("binary_sensor/call_button", "ON", {"sos": True}),
        ("binary_sensor/bed_sensor_status", "ON", {}),
        ("binary_sensor/contact", "ON", {}),
        ("binary_sensor/battery", "ON", {"battery_low": True}),
        ("binary_sensor/bed_presence", "unknown", {}),
        ("sensor/real-time_heart_rate", "64.00", {"heart_rate": 64}),
        ("sensor/real-time_heart_rate", "nan", {}),
        ("sensor/real-time_heart_rate", "0.0", {}),
        ("sensor/esp32_temperature", "51.2", {"device_temperature": 51.2}),
        ("sensor/wifi_signal", "-61", {"rssi": -61}),
        ("sensor/wifi_signal_percent", "78", {"link_quality": 78}),
        ("sensor/left_pressure", "12", {}),
        ("sensor/target_number", "2", {"people_count": 2}),
        ("text_sensor/fall_state", "Real", {"fall": True}),
        ("text_sensor/fall_state", "Suspected", {"fall_suspected": True}),
        ("text_sensor/fall_state", "None", {}),
        ("switch/relay", "ON", {"relay_on": True}),
        ("switch/sos", "ON", {"sos": True}),
        ("light/lamp", '{"state": "OFF"}', {"relay_on": False}),
        ("event/help", '{"event_type": "long_press"}', {"sos": True}),
        ("event/wall", '{"event_type": "long_press"}', {"button_press": True}),
        ("cover/garage_door", "open", {"door_open": True}),
        ("cover/curtain", "open", {}),
        ("number/fall_threshold", "1", {}),
        ("lock/door", "UNLOCKED", {}),
    ],
)
def test_a_state_is_what_its_object_is_called(thing: str, text: str, said: dict[str, object]) -> None:
    readings = Taught().readings(f"bed-node/{thing}/state", text)
    assert {one.metric: one.value for one in readings} == said
    assert {one.device for one in readings} <= {"bed-node"}


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_bed_for_two_is_two_devices(side: str) -> None:
    for thing in (f"bed_occupied_{side}", f"{side}_bed_occupied"):
        (reading,) = Taught().readings(f"bed-node/binary_sensor/{thing}/state", "ON")
        assert (reading.device, reading.metric) == (f"bed-node/{side}", "bed_occupied")


def test_nobody_knows_whether_the_left_bed_or_a_bed_that_was_left() -> None:
    assert Taught().readings("bed-node/binary_sensor/left_bed/state", "ON") == ()


@pytest.mark.parametrize(("text", "state"), [("online", True), ("offline", False)])
def test_the_birth_and_the_will_of_a_node(text: str, state: bool) -> None:
    assert Taught().said("bed-node/status", text) == {"online": state}


@pytest.mark.parametrize("topic", ["bed-node/debug", "bed-node/switch/sos/command"])
def test_logs_and_commands_say_nothing(topic: str) -> None:
    assert Taught().hear(topic, "ON") == Decoded("esphome")


@pytest.mark.parametrize(
    "name",
    [
        *("waterfall", "night fall", "free_fall", "fall risk", "no_motion", "last_motion", "motion_timeout"),
        *("max_heart_rate", "target_temperature", "outdoor_temperature", "室外温度", "fridge temperature"),
        *("soil_humidity", "water_pressure", "door_lock", "voc_gas", "car_battery", "emergency_light"),
        *("water_meter_pulse", "zone_1_presence", "not_occupied", "sos_enabled", "", "123", "_", "sensor"),
    ],
)
def test_a_name_that_only_looks_like_one_says_nothing(name: str) -> None:
    assert meaning(name) is None


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Ward 3/Vitals/HeartRate", "heart_rate"),
        ("SpO2", "spo2"),
        ("PM2.5", "pm2_5"),
        ("bedroom_temperature_2", "room_temperature"),
        ("客厅温度", "room_temperature"),
        ("卧室跌倒", "fall"),
        ("Nurse Call", "sos"),
        ("SOS test", "sos_test"),
        ("sos_cancelled", "help_cancelled"),
        ("panic_button_battery", "battery"),
        ("smoke detector", "smoke"),
    ],
)
def test_a_name_says_what_it_ends_with(name: str, key: str) -> None:
    found = meaning(name)
    assert found is not None
    assert found.key == key


def test_aliases_classes_and_units_are_of_keys_and_metrics() -> None:
    keys = set(BASE["names"])
    assert set(ALIASES) <= keys
    for component in ("binary_sensor", "sensor"):
        assert {key for key in CLASSES[component].values() if key} <= keys
    assert set(UNITS) <= {metric.unit for metric in METRICS.values()}


@given(st.text(max_size=300))
def test_any_text_is_a_name(name: str) -> None:
    assert meaning(name) is None or meaning(name).key in BASE["names"]  # type: ignore[union-attr]


@pytest.mark.parametrize("key", ["sos", "fall", "fall_suspected", "smoke", "gas", "carbon_monoxide"])
def test_every_name_of_a_call_or_a_fire_goes_first(key: str) -> None:
    for name in (key, *ALIASES[key]):
        for payload in (json.dumps({"A": {name: True}}), json.dumps({"A": {name: True}}, ensure_ascii=False)):
            message = Message("v1/gateway/telemetry", payload.encode(), 0)
            assert {one.metric for one in Taught().readings(message.topic, payload)} == {key}
            assert urgent(message), name
    assert not urgent(Message("v1/gateway/telemetry", b'{"A": {"heartRate": 64, "bedOccupied": true}}', 0))
