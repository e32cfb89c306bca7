"""JetLinks: the child speaks, not its gateway; an event is its topic's, whatever comes with it."""

import pytest

from devices.reading import Decoded, Reason, Rejected, TimeSource
from tests.devices.told import answer, decoded, told


@pytest.mark.parametrize("data", [100, 0, "x", True, None, {}, {"lat": 30.1, "lng": 120.2}, [1]])
def test_an_event_with_any_value_is_one(data: object) -> None:
    said = told("/p/d/event/sos", {"timestamp": 1789999990000, "data": data})
    assert said["sos"] is True


def test_an_event_may_be_taken_back_by_its_value() -> None:
    assert told("/p/d/event/sos", {"data": "cancel"}) == {"help_cancelled": True}
    assert told("/p/d/event/fall", {"data": {"state": "recover"}}) == {"fall_cleared": True}


def test_an_event_without_data_or_payload_is_one() -> None:
    assert told("/p/d/event/sos", {"battery": 8}) == {"sos": True, "battery": 8}
    assert told("/p/d/event/sos", b"") == {"sos": True}


def test_a_child_speaks_and_not_its_gateway() -> None:
    for child in ("child/c1", "child-reply/c1", "child/c0/child/c1"):
        found = decoded(f"/p/g/{child}/properties/report", {"properties": {"inBed": 1}})
        assert [(one.device, one.metric, one.at_source) for one in found.readings] == [
            ("c1", "bed_occupied", TimeSource.GATEWAY)
        ]


@pytest.mark.parametrize(("what", "online"), [("online", True), ("offline", False)])
@pytest.mark.parametrize("payload", [{"timestamp": 1789999990000}, b""])
def test_online_and_offline(what: str, online: bool, payload: object) -> None:
    assert told(f"/p/d/{what}", payload) == {"online": online}
    assert told(f"/p/g/child/c/{what}", payload) == {"online": online}


def test_membership_and_state_checks() -> None:
    assert told("/p/g/child/c/register", {"deviceId": "c"}) == {"device_joined": True}
    assert told("/p/g/child/c/unregister", {"deviceId": "c"}) == {"device_left": True}
    assert told("/p/g/child-reply/c/state-check/reply", {"state": -1}) == {"online": False}
    assert told("/p/g/child-reply/c/state-check/reply", {"state": 7}) == {}


def test_properties_may_have_times_of_their_own() -> None:
    payload = {
        "timestamp": 1789999990000,
        "properties": {"heartRate": 60, "spo2": 97},
        "propertySourceTimes": {"heartRate": 1789999980000},
    }
    found = decoded("/p/d/properties/report", payload)
    assert {one.metric: one.at for one in found.readings} == {
        "heart_rate": 1789999980000,
        "spo2": 1789999990000,
    }


def test_a_refused_read_says_nothing() -> None:
    assert decoded("/p/d/properties/read/reply", {"success": False, "properties": {"sos": 1}}).readings == ()


def test_temp_is_a_bodys_only_where_it_can_be() -> None:
    assert told("/p/d/properties/report", {"properties": {"temp": 37.2}}) == {"body_temperature": 37.2}
    assert told("/p/d/properties/report", {"properties": {"temp": 26.5}}) == {}
    both = {"properties": {"temp": 35.5, "humidity": 60}}
    assert told("/p/d/properties/report", both) == {"humidity": 60}
    assert told("/p/d/properties/report", both, "room sensor")["room_temperature"] == 35.5


@pytest.mark.parametrize("what", ["properties/write", "function/invoke", "tags", "log", "firmware/report"])
def test_commands_and_software_say_nothing(what: str) -> None:
    assert answer(f"/p/d/{what}", {"properties": {"sos": 1}}) == Decoded("jetlinks")


def test_a_makers_own_format_is_told_with_its_device() -> None:
    found = answer("/p/g/child/c/direct", b"\x01")
    assert isinstance(found, Rejected)
    assert (found.reason, found.device) == (Reason.UNDECODED, "c")


def test_a_gateway_may_pass_on_the_childs_own_message() -> None:
    own = {"deviceId": "c1", "timestamp": 1789999990000, "properties": {"heartRate": 62}}
    found = decoded("/p/g/child/c1/properties/report", {"childDeviceId": "c1", "childDeviceMessage": own})
    assert [(one.device, one.metric, one.at) for one in found.readings] == [
        ("c1", "heart_rate", 1789999990000)
    ]


def test_messages_forwarded_on_the_platforms_bus() -> None:
    bus = "/device/prod-bed/bed-2"
    found = decoded(f"{bus}/message/property/report", {"properties": {"heartRate": 62}})
    assert [(one.device, one.metric) for one in found.readings] == [("bed-2", "heart_rate")]
    assert told(f"{bus}/message/event/sos", {"data": {}}) == {"sos": True}
    assert told(f"{bus}/offline", {}) == {"online": False}
    assert told("/device/bed-2/properties/report", {"properties": {"heartRate": 62}}) == {"heart_rate": 62}


@pytest.mark.parametrize(
    "beside", ["co2", "pm25", "smoke", "door", "motion", "bodyTemperature", "deviceTemp"]
)
def test_temp_beside_what_is_of_a_room_is_no_bodys(beside: str) -> None:
    said = told("/p/d/properties/report", {"properties": {"temp": 37.2, beside: 36}})
    assert said.get("body_temperature") in {None, 36}


def test_what_an_alarm_says_may_be_a_list() -> None:
    assert told("/p/d/event/alarm", {"data": [{"type": "sos"}]}) == {"sos": True}


def test_the_temp_of_an_alarm_is_of_anything() -> None:
    assert decoded("/p/d/event/temp_alarm", {"data": {"temp": 38.5}}).readings == ()
