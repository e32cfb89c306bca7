"""OwnTracks: when it was, where nobody is, and what a last will does not say."""

import json
from typing import Any

import pytest

from devices.decode import decode
from devices.message import Message
from devices.reading import Decoded, Models, Reason, Rejected
from tests.devices.taught import ARRIVED, Taught

_TOPIC = "owntracks/grandma/pixel"
_TST = ARRIVED // 1000 - 60


def _location(**more: object) -> dict[str, Any]:
    return {"_type": "location", "lat": 31.23, "lon": 121.47, "tst": _TST, **more}


_PLACE = {"latitude": 31.23, "longitude": 121.47}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, _PLACE),
        ({"batt": -1, "acc": -1, "vel": -1}, _PLACE),
        ({"batt": 0, "vel": 0}, {**_PLACE, "battery": 0, "speed": 0}),
        ({"batt": "41"}, {**_PLACE, "battery": 41}),
        ({"bs": 0}, _PLACE),
        ({"bs": 1}, {**_PLACE, "charging": False, "mains_power": False}),
        ({"bs": 2}, {**_PLACE, "charging": True, "mains_power": True}),
        ({"bs": 3}, {**_PLACE, "charging": False, "mains_power": True}),
        ({"inregions": ["Home", "Garden"]}, {**_PLACE, "zone": "Home, Garden"}),
        ({"inregions": []}, _PLACE),
        ({"motionactivities": ["walking"]}, {**_PLACE, "moving": True}),
        ({"motionactivities": ["stationary"]}, {**_PLACE, "moving": False}),
        ({"motionactivities": ["unknown"]}, _PLACE),
        ({"lat": 0, "lon": 0, "batt": 5}, {"battery": 5}),
        ({"lat": 91, "batt": 5}, {"battery": 5}),
        ({"lat": None}, {}),
        ({"lat": "31.5"}, {"latitude": 31.5, "longitude": 121.47}),
        ({"t": "9", "imei": "1"}, {**_PLACE, "battery_low": True}),
        ({"t": "e", "imei": "1"}, {**_PLACE, "mains_power": False}),
        ({"t": "2"}, _PLACE),
    ],
)
def test_a_location(more: dict[str, object], said: dict[str, object]) -> None:
    assert Taught().said(_TOPIC, _location(**more)) == said


def test_networks_and_people_are_nobodys_business() -> None:
    answer = Taught().hear(_TOPIC, _location(SSID="net", BSSID="aa", name="Anna", imei="86", poi="clinic"))
    assert isinstance(answer, Decoded)
    assert not {"net", "aa", "Anna", "86", "clinic"} & {
        *answer.left,
        *(one.detail for one in answer.readings),
    }


def test_the_fix_is_when_it_was_and_created_when_it_was_sent() -> None:
    answer = Taught().hear(_TOPIC, _location(created_at=_TST + 30))
    assert isinstance(answer, Decoded)
    assert {one.at for one in answer.readings} == {_TST * 1000}
    assert answer.sent_at == (_TST + 30) * 1000


@pytest.mark.parametrize("event", ["enter", "leave", "ENTER"])
def test_a_transition_says_which_region(event: str) -> None:
    answer = Taught().readings(
        f"{_TOPIC}/event", {"_type": "transition", "event": event, "desc": "Home", "tst": _TST, "wtst": 1}
    )
    metric = "geofence_exit" if event == "leave" else "geofence_enter"
    assert [(one.metric, one.detail, one.at) for one in answer] == [(metric, "Home", _TST * 1000)]


def test_a_last_will_is_about_now() -> None:
    (reading,) = Taught().readings(_TOPIC, {"_type": "lwt", "tst": _TST - 86_400})
    assert (reading.device, reading.metric, reading.value, reading.at) == (
        "grandma/pixel",
        "online",
        False,
        None,
    )


def test_steps_are_told_as_of_their_end() -> None:
    (reading,) = Taught().readings(
        f"{_TOPIC}/step", {"_type": "steps", "steps": 12, "from": _TST - 9, "to": _TST - 3, "tst": _TST}
    )
    assert (reading.value, reading.at) == (12, (_TST - 3) * 1000)


@pytest.mark.parametrize(("prox", "said"), [(0, {}), (1, {"zone": "Bath"}), (3, {"zone": "Bath"})])
def test_a_beacon_is_a_zone_when_it_is_near(prox: int, said: dict[str, object]) -> None:
    assert (
        Taught().said(
            f"{_TOPIC}/beacon", {"_type": "beacon", "desc": "Bath", "prox": prox, "rssi": -60, "tst": _TST}
        )
        == said
    )


@pytest.mark.parametrize(
    "kind", ["waypoint", "waypoints", "card", "cmd", "configuration", "status", "request", "dump"]
)
def test_settings_say_nothing(kind: str) -> None:
    assert Taught().hear(
        _TOPIC, {"_type": kind, "lat": 1, "lon": 1, "tst": _TST, "password": "x"}
    ) == Decoded("owntracks")


def test_what_is_encrypted_is_unreadable_and_names_its_phone() -> None:
    answer = Taught().hear(_TOPIC, {"_type": "encrypted", "data": "AAAA"})
    assert isinstance(answer, Rejected)
    assert (answer.reason, answer.device) == (Reason.UNDECODED, "grandma/pixel")


def test_a_base_of_its_own_is_recognised_by_the_payload() -> None:
    assert Taught().said("phones/grandma", _location()) == _PLACE


@pytest.mark.parametrize(
    ("topic", "device"),
    [
        ("owntracks/grandma/pixel/ping", "grandma/pixel"),
        ("ot/grandma/pixel", "grandma/pixel"),
        ("care/home/ot/grandma/pixel", "grandma/pixel"),
        ("/ot/grandma/pixel/step", "grandma/pixel"),
        ("grandma/pixel", "grandma/pixel"),
        ("pixel", "pixel"),
    ],
)
def test_below_another_base_user_and_device_come_last(topic: str, device: str) -> None:
    found = decode(Message(topic, json.dumps(_location()).encode(), ARRIVED), Models())
    assert isinstance(found, Decoded)
    assert {one.device for one in found.readings} == {device}


def test_old_apps_tell_of_a_region_in_the_location() -> None:
    found = decode(
        Message(_TOPIC, json.dumps(_location(event="leave", desc="Garden")).encode(), ARRIVED), Models()
    )
    assert isinstance(found, Decoded)
    assert ("geofence_exit", "Garden") in {(one.metric, one.detail) for one in found.readings}
    assert found.left == ()
