"""ESPresense: several rooms at once, settings that are none, buttons and probes at a node."""

from typing import Any

import pytest

from devices.reading import Decoded, Rejected
from tests.devices import told

_BEACON = "espresense/devices/iBeacon:e5ca-3-7"


def _says(topic: str, payload: Any, model: str = "") -> dict[str, Any]:  # noqa: ANN401
    answer = told.answer(topic, payload, model)
    assert isinstance(answer, Decoded), answer
    return {reading.metric: reading.value for reading in answer.readings}


def test_a_room_that_hears_a_beacon_says_how_far_it_is_from_there_not_where_it_is() -> None:
    answer = told.answer(f"{_BEACON}/kitchen", {"id": "iBeacon:e5ca-3-7", "rssi": -71.2, "distance": 2.4})
    assert isinstance(answer, Decoded)
    assert [(one.device, one.metric, one.detail) for one in answer.readings] == [
        ("iBeacon:e5ca-3-7", "rssi", "kitchen"),
        ("iBeacon:e5ca-3-7", "distance", "kitchen"),
    ]


def test_a_beacon_that_is_at_the_node_is_in_the_room() -> None:
    assert _says(f"{_BEACON}/kitchen", {"distance": 0.1, "close": True})["zone"] == "kitchen"
    assert "zone" not in _says(f"{_BEACON}/kitchen", {"distance": 0.1, "close": False})


def test_a_node_that_is_gone_says_nothing_of_anybody() -> None:
    assert _says("espresense/rooms/kitchen/status", "offline") == {"online": False}


@pytest.mark.parametrize(
    ("topic", "text"),
    [
        ("espresense/rooms/kitchen/max_distance", "16.00"),
        ("espresense/rooms/kitchen/pir_timeout", "0.50"),
        ("espresense/rooms/kitchen/known_irks", "secret"),
        ("espresense/rooms/kitchen/max_distance/set", "8"),
        ("espresense/rooms/*/restart/set", ""),
        ("espresense/settings/irk:1234/config", '{"id":"a","name":"Mr Li"}'),
        ("espresense/settings/irk:1234/config", ""),
        ("espresense/rooms/kitchen/led_1", '{"state":"ON"}'),
    ],
)
def test_settings_and_commands_say_nothing(topic: str, text: str) -> None:
    assert told.answer(topic, text) == Decoded("espresense")


@pytest.mark.parametrize(
    ("what", "text", "said"),
    [
        ("motion", "OFF", {"motion": False}),
        ("radar", "ON", {"presence": True}),
        ("button", "ON", {"button_press": True}),
        ("button_2", "OFF", {}),
        ("temperature", "21.4", {"room_temperature": 21.4}),
        ("temperature", "nan", {}),
        ("ds18b20_temperature_2", "22.5", {"room_temperature": 22.5}),
        ("ds18b20_temperature_1", "-127.0", {}),
        ("ds18b20_temperature_1", "85.0", {}),
        ("bme280_pressure", "1012.33", {"air_pressure": 1012.33}),
        ("bh1750_lux", "120", {"illuminance": 120}),
        ("tvoc", "33", {}),  # in ppb, which the metric is not
        ("raw_weight", "8388607", {}),
    ],
)
def test_sensors_at_a_node(what: str, text: str, said: dict[str, Any]) -> None:
    assert _says(f"espresense/rooms/kitchen/{what}", text) == said


def test_a_button_at_a_node_that_is_registered_for_calls() -> None:
    answer = told.answer("espresense/rooms/bedroom/button_1", "ON", "SOS button by the bed")
    assert isinstance(answer, Decoded)
    assert [(one.device, one.metric, one.good_for_ms > 0) for one in answer.readings] == [
        ("bedroom", "sos", True)
    ]


def test_what_is_no_object_names_the_beacon() -> None:
    for text in ("[1]", "{", "12"):
        answer = told.answer(f"{_BEACON}/kitchen", text)
        assert isinstance(answer, Rejected)
        assert answer.device == "iBeacon:e5ca-3-7"


def test_old_nodes_tell_all_beacons_on_the_topic_of_the_room() -> None:
    heard = told.answer("espresense/rooms/den", {"id": "itag:c0ffee01", "rssi": -70, "distance": 1.4})
    assert isinstance(heard, Decoded)
    assert {(one.device, one.metric, one.detail) for one in heard.readings} == {
        ("itag:c0ffee01", "rssi", "den"),
        ("itag:c0ffee01", "distance", "den"),
    }
    assert isinstance(told.answer("espresense/rooms/den", {"distance": 1.4}), Rejected)
    assert _says("espresense/rooms/den", "5") == {}
