"""Carelink: suspected and confirmed falls, the last will as plain text, a battery of unknown size."""

import pytest

from devices.reading import Decoded, Rejected
from tests.devices.told import answer, told

_AT = {"timestamp": "2026-09-21T13:53:00Z", "batteryLevel": 290}


@pytest.mark.parametrize("will", ["LW: Unexpected disconnection", '"offline"', "Offline"])
def test_the_last_will_is_plain_text_on_the_topic_of_the_status(will: str) -> None:
    assert told("dev7/status", will) == {"online": False}


def test_a_status_takes_the_last_will_back_and_its_milliamperehours_are_no_battery() -> None:
    found = answer("dev7/status", _AT | {"location": {"lat": 0, "lon": 0}})
    assert isinstance(found, Decoded)
    assert [(one.metric, one.value) for one in found.readings] == [("online", True)]
    assert found.left == ("batteryLevel",)


def test_a_detected_fall_is_suspected_until_its_wearer_says() -> None:
    assert told("dev7/fall/detected", _AT) == {"fall_suspected": True}
    assert told("dev7/fall/confirmation", _AT | {"status": True}) == {"fall": True}
    assert told("dev7/fall/confirmation", _AT | {"status": False}) == {"fall_cleared": True}
    assert told("dev7/fall/confirmation", _AT) == {"fall": True}  # it says nothing: towards help


def test_a_fall_that_cannot_be_read_is_suspected() -> None:
    assert told("dev7/fall/detected", '{"timest') == {"fall_suspected": True}
    assert isinstance(answer("dev7/wandering/detected", '{"timest'), Rejected)


@pytest.mark.parametrize(
    "topic", ["dev7/active", "dev7/zones/home", "dev7/configuration/wifi", "dev7/wandering/notification"]
)
def test_what_a_device_is_told_says_nothing(topic: str) -> None:
    assert answer(topic, {"ssid": "home", "wlanpw": "x"}) == Decoded("carelink")


def test_of_several_places_the_last_is_where_the_wearer_is() -> None:
    place = {"type": "MultiPoint", "coordinates": [["8.1", "38.1", "1"], [8.2, 38.2]]}
    assert told("dev7/status", _AT | {"location": place}) == {
        "online": True,
        "latitude": 38.2,
        "longitude": 8.2,
    }
    for points in ([], [[8.2]], ["8.2"], None):
        assert told("dev7/status", _AT | {"location": place | {"coordinates": points}}) == {"online": True}
