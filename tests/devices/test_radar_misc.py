"""Small radars: what a plain value is of, errors of a module, suspected falls, sentences."""

import pytest

from devices.families import radar_misc
from devices.reading import Rejected
from tests.devices.told import answer, heard, told


@pytest.mark.parametrize(
    ("value", "metrics"),
    [
        ("fall", {"fall"}),
        ("1", {"fall"}),
        ("TRUE", {"fall"}),
        ("跌倒", {"fall"}),
        ("maybe_fall", {"fall_suspected"}),
        ("Suspected Fall", {"fall_suspected"}),
        ("fall_exit", {"fall_cleared"}),
        ("test", {"device_test"}),
        ("a person fell in the bathroom", {"fall_suspected"}),
        ("normal", set()),
        ("no fall", set()),
        ("no fall detected", set()),
        ("Fall: 0", set()),
        ("0", set()),
        ("255", set()),
        ("null", set()),
    ],
)
def test_a_value_on_the_topic_of_falls(value: str, metrics: set[str]) -> None:
    assert set(told("room4/radar/fall", value)) == metrics


@pytest.mark.parametrize("name", ["temperature", "counter", "unknown"])
def test_a_number_of_something_else_is_no_fall(name: str) -> None:
    assert told(f"room4/radar/{name}", "1") == {}


@pytest.mark.parametrize("name", ["heartbeat", "respiration", "presence", "bed_status", "movement_status"])
def test_255_is_an_error_of_the_module(name: str) -> None:
    assert told(f"sleepsensor/{name}", "255") == {}


def test_nobody_there_is_said_only_in_words_for_it() -> None:
    assert told("sleepsensor/presence", "0") == {"presence": False}
    assert isinstance(answer("sleepsensor/presence", ""), Rejected)
    assert told("sleepsensor/status", "offline") == {"online": False}


def test_json_speaks_for_itself_and_its_id_is_the_device() -> None:
    (fall,) = heard("r60afd1/live", {"device_id": "fd-7", "fall_alarm": True, "timestamp": 12})
    assert (fall.device, fall.metric, fall.at) == ("fd-7", "fall", None)  # 12 s after its start is no time


def test_a_plain_field_is_of_what_the_topic_says() -> None:
    assert told("room4/radar/presence", {"state": "1"}) == {"presence": True}


def test_the_heartbeat_of_a_module_is_no_heart_rate() -> None:
    topic = "/Radar60FL/RadarID_1/sys/property/post"
    assert told(topic, {"params": {"heartBeat": "1"}}) == {}
    assert told(topic, {"params": {"heartRateValue": "64"}}) == {"heart_rate": 64}


def test_numbers_of_a_status_are_those_of_a_known_module_only() -> None:
    assert told("home/sensors/fall", {"status": 2}, "Seeed MR60FDA2") == {"fall": True}
    assert told("home/sensors/fall", {"status": 0}, "Seeed MR60FDA2") == {"presence": True}
    assert told("home/sensors/fall", {"status": 2}) == {}


def test_what_cannot_be_read_names_its_radar() -> None:
    found = answer("room4/radar/fall", '{"fall": ')
    assert isinstance(found, Rejected)
    assert found.device == "room4/radar"


def test_entities_of_esphome_are_esphomes() -> None:
    assert not radar_misc.claims("mr60fda2-kit/binary_sensor/fall_detected/state")
    assert radar_misc.claims("home/radar/fall/state")
    assert not radar_misc.claims("tele/server24/STATE")


@pytest.mark.parametrize("name", ["alert", "alarm", "detected", "active", "value"])
def test_an_object_on_the_topic_of_falls_is_about_a_fall(name: str) -> None:
    assert told("/rooms/bath/fall", {name: True}) == {"fall": True}
    assert told("/rooms/bath/fall", {name: False}) == {}
    assert told("home/radar/presence", {name: True}).get("fall") is None


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        ({"event": "fall_detected"}, {"fall": True}),
        ({"type": "Fall", "confidence": 0.9}, {"fall": True}),
        ({"alert": "maybe_fall"}, {"fall_suspected": True}),
        ({"event": "boot"}, {}),
        ({"type": ["fall"]}, {}),
    ],
)
def test_an_event_may_be_told_by_its_name(payload: dict[str, object], says: dict[str, bool]) -> None:
    assert told("home/radar/event", payload) == says


@pytest.mark.parametrize(
    ("topic", "text", "says"),
    [
        ("home/radar/status", "no_person", {"presence": False}),
        ("home/radar/status", "PERSON", {"presence": True}),
        ("home/radar/availability", "offline", {"online": False}),
    ],
)
def test_a_status_and_whether_it_is_there(topic: str, text: str, says: dict[str, bool]) -> None:
    assert told(topic, text) == says
