"""Alink: live and past, gateway and forwarded messages, and binary ones that nobody can read."""

import pytest

from devices.reading import Decoded, Reason, Rejected, TimeSource
from tests.devices.told import answer, decoded, told


@pytest.mark.parametrize("prefix", ["/sys/", "sys/", "/"])
@pytest.mark.parametrize("field", ["params", "items"])
def test_a_property_with_or_without_sys_and_time(prefix: str, field: str) -> None:
    topic = f"{prefix}pk/dn/thing/event/property/post"
    assert told(topic, {field: {"HeartRate": 66}}) == {"heart_rate": 66}
    found = decoded(topic, {field: {"HeartRate": {"value": 66, "time": 1789999990}}})
    assert [(one.device, one.at, one.at_source) for one in found.readings] == [
        ("pk/dn", 1789999990000, TimeSource.DEVICE)
    ]


def test_a_batch_keeps_every_moment() -> None:
    params = {
        "properties": {
            "SmokeSensorState": [{"value": 1, "time": 1789999980000}, {"value": 0, "time": 1789999990000}]
        }
    }
    found = decoded("/sys/pk/dn/thing/event/property/batch/post", {"params": params})
    assert [(one.value, one.at) for one in found.readings] == [(True, 1789999980000), (False, 1789999990000)]


@pytest.mark.parametrize("name", ["deviceName", "deviceKey"])  # SagooIoT calls it deviceKey
def test_a_gateway_speaks_for_its_devices(name: str) -> None:
    member = {
        "identity": {"productKey": "p2", name: "d2"},
        "properties": {"ContactState": {"value": 0, "time": 1789999990000}},
        "events": {"SOS": {"value": {}, "time": 1789999991000}},
    }
    found = decoded(
        "/sys/gw/g1/thing/event/property/pack/post",
        {"params": {"properties": {"BatteryLevel": 50}, "subDevices": [member, {"properties": {"SOS": 1}}]}},
    )
    assert [(one.device, one.metric, one.value) for one in found.readings] == [
        ("gw/g1", "battery", 50),
        ("p2/d2", "door_open", False),
        ("p2/d2", "sos", True),
    ]
    assert [one.reason for one in found.rejected] == [Reason.WRONG_SHAPE]


def test_history_has_its_own_times_and_devices() -> None:
    past = [
        {
            "identity": {"productKey": "pk", "deviceName": "bed"},
            "properties": [{"InBed": {"value": 1, "time": 1789990000000}}],
            "events": [{"LeaveBed": {"value": {}, "time": 1789991000000}}],
        }
    ]
    found = decoded("/sys/pk/bed/thing/event/property/history/post", {"params": past})
    assert {(one.metric, one.at) for one in found.readings} == {
        ("bed_occupied", 1789990000000),
        ("bed_exit", 1789991000000),
        ("bed_occupied", 1789991000000),
    }


@pytest.mark.parametrize("status", ["online", "offline"])
def test_the_platform_says_who_is_online(status: str) -> None:
    assert told("/as/mqtt/status/pk/dn", {"status": status}) == {"online": status == "online"}


def test_binary_is_told_with_its_device() -> None:
    found = answer("/sys/pk/dn/thing/model/up_raw", b"\x00\x01\xff")
    assert isinstance(found, Rejected)
    assert (found.reason, found.device) == (Reason.UNDECODED, "pk/dn")


@pytest.mark.parametrize(
    "what",
    [
        "event/property/post_reply",
        "service/property/set",
        "service/SOS",
        "event/SOS/post_reply",
        "model/down_raw",
        "deviceinfo/update",
        "topo/add",
    ],
)
def test_commands_and_answers_say_nothing(what: str) -> None:
    assert answer(f"/sys/pk/dn/thing/{what}", {"id": "1", "params": {"SOS": 1}}) == Decoded("aliyun")


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"\xff", b'{"params": 7}'])
def test_what_cannot_be_read_is_told_with_its_device(payload: bytes) -> None:
    found = answer("/sys/pk/dn/thing/event/property/post", payload)
    rejected = found if isinstance(found, Rejected) else found.rejected[0]
    assert rejected.device == "pk/dn"


def test_iotkit_writes_to_the_server_and_reads_what_is_for_the_client() -> None:
    radar = {"reportType": "daily", "heartRate": 71, "breathingRate": 15, "personDetected": 1}
    found = decoded("/sys/kit7/bed-4/s/event/property/post", {"id": "8", "params": radar})
    assert {(one.device, one.metric, one.value) for one in found.readings} == {
        ("kit7/bed-4", "heart_rate", 71),
        ("kit7/bed-4", "respiratory_rate", 15),
        ("kit7/bed-4", "presence", True),
    }
    assert told("/sys/kit7/bed-4/s/event/fallAlarm", {"id": "9", "params": {"level": 2}}) == {"fall": True}
    for what in ("c/service/property/set", "c/event/sos_reply", "s/register", "s/config/get"):
        assert answer(f"/sys/kit7/bed-4/{what}", {"params": {"sos": 1}}) == Decoded("aliyun")


def test_a_sign_of_life_is_no_pulse() -> None:
    alive = {"reportType": "heartbeat", "personDetected": 0, "heartbeat": 1, "heart": 1}
    assert told("/sys/kit7/bed-4/s/event/property/post", {"params": alive}) == {"presence": False}


def test_an_event_whose_topic_ends_with_its_name() -> None:
    assert told("/sys/pk/dn/thing/event/alarm", {"params": {"type": "SOS"}}) == {"sos": True}
    assert answer("/sys/pk/dn/thing/event/sos/post_reply", {"code": 200}) == Decoded("aliyun")


def test_an_event_may_repeat_its_name_around_its_value() -> None:
    held = {"sos_alert": {"value": {}, "time": 1789999980000}}
    found = decoded("/sys/pk/dn/thing/event/sos_alert/post", {"id": 3, "params": held})
    assert [(one.metric, one.at) for one in found.readings] == [("sos", 1789999980000)]


@pytest.mark.parametrize(("state", "online"), [(1, True), (2, False), ("offline", False)])
def test_a_device_may_say_itself_whether_it_is_on_line(state: object, online: bool) -> None:
    assert told("/sys/pk/dn/thing/state/update", {"params": {"state": state}}) == {"online": online}
    assert told("/sys/pk/dn/thing/state/update", {"params": {"state": 0}}) == {}


def test_what_is_about_software_says_nothing() -> None:
    assert answer("/ota/device/inform/pk/dn", {"params": {"version": "2.1"}}) == Decoded("aliyun")


def test_a_gateway_takes_its_devices_on_line_and_off() -> None:
    one = {"productKey": "p2", "deviceName": "d2"}
    found = decoded(
        "/ext/session/gw/g1/combine/batch_login", {"params": {"deviceList": [one, {"productKey": "p2"}]}}
    )
    assert [(each.device, each.metric, each.value) for each in found.readings] == [("p2/d2", "online", True)]
    assert told("/ext/session/gw/g1/combine/logout", {"params": one}) == {"online": False}
    assert answer("/ext/session/gw/g1/combine/login_reply", {"code": 200}) == Decoded("aliyun")


def test_a_shadow_holds_what_a_device_reported() -> None:
    state = {"reported": {"HeartRate": 63, "SOS": 1}, "desired": {"Fall": 1}}
    assert told("/shadow/update/pk/dn", {"method": "update", "state": state}) == {
        "heart_rate": 63,
        "sos": True,
    }
    assert told("/shadow/update/pk/dn", {"method": "get"}) == {}


def test_a_topic_that_the_maker_made() -> None:
    own = "/g1Xk2Qp9wZ0/dn/user"
    assert told(f"{own}/update", {"HeartRate": 63}) == {"heart_rate": 63}
    assert told(f"{own}/update", {"params": {"SOS": 1}}) == {"sos": True}
    assert told(f"{own}/sos", {"x": 1}) == {"sos": True}
    assert told(f"{own}/sos", b"!") == {"sos": True}
    found = answer(f"{own}/update", {"x": 1})
    assert isinstance(found, Rejected)
    assert (found.reason, found.device) == (Reason.UNDECODED, "g1Xk2Qp9wZ0/dn")
    assert answer(f"{own}/get", {"SOS": 1}) == Decoded("aliyun")
    assert isinstance(answer("/house/kitchen/user/update", {"SOS": 1}), Rejected)  # anybody's
