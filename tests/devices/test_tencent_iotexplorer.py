"""IoT Explorer: what an event is called decides, not how grave its maker says it is."""

import pytest

from devices.reading import Decoded, Reason, Rejected
from tests.devices.told import answer, decoded, told

_EVENT, _PROPERTY = "$thing/up/event/P/d", "$thing/up/property/P/d"


@pytest.mark.parametrize("kind", ["info", "alert", "fault", "fatal"])
def test_severity_is_no_call_and_hides_none(kind: str) -> None:
    low = {
        "method": "event_post",
        "eventId": "PowerAlarm",
        "type": kind,
        "params": {"Voltage": 2.6, "Percent": 9},
    }
    assert told(_EVENT, low) == {"battery_low": True, "battery": 9, "battery_voltage": 2.6}
    assert told(_EVENT, {"method": "event_post", "eventId": "sos", "type": kind}) == {"sos": True}


def test_several_events_with_their_own_times() -> None:
    events = [
        {"eventId": "fall_alarm", "timestamp": 1789999990, "params": {}},
        {"eventId": "low_voltage", "timestamp": 1789999991000, "params": {"voltage": 2.4}},
        {"params": {}},
    ]
    found = decoded(_EVENT, {"method": "events_post", "events": events})
    assert [(one.metric, one.value, one.at) for one in found.readings] == [
        ("fall", True, 1789999990000),
        ("battery_low", True, 1789999991000),
        ("battery_voltage", 2.4, 1789999991000),
    ]
    assert [one.device for one in found.rejected] == ["P/d"]


@pytest.mark.parametrize(
    "method", ["control_reply", "get_status", "report_info", "clear_control", "report_reply"]
)
def test_only_a_report_reports(method: str) -> None:
    assert decoded(_PROPERTY, {"method": method, "params": {"sos": 1}}).readings == ()
    assert told(_PROPERTY, {"method": "report", "params": {"sos": 1}}) == {"sos": True}


def test_a_gateway_says_who_is_online() -> None:
    devices = [{"product_id": "P2", "device_name": "a"}, {"product_id": "P2"}]
    found = decoded("$gateway/operation/G/g", {"type": "offline", "payload": {"devices": devices}})
    assert [(one.device, one.metric, one.value) for one in found.readings] == [("P2/a", "online", False)]
    bind = {"type": "bind", "payload": {"devices": [{**devices[0], "signature": "s3"}]}}
    assert decoded("$gateway/operation/G/g", bind).readings == ()


@pytest.mark.parametrize(
    "topic", ["$thing/down/property/P/d", "$gateway/operation/result/G/g", "$thing/up/action/P/d"]
)
def test_what_the_platform_says_is_no_reading(topic: str) -> None:
    assert answer(topic, {"type": "online", "params": {"sos": 1}}) == Decoded("tencent-iotexplorer")


def test_binary_is_told_with_its_device() -> None:
    found = answer("$thing/up/raw/P/d", b"\x01\x02")
    assert isinstance(found, Rejected)
    assert (found.reason, found.device) == (Reason.UNDECODED, "P/d")


def test_ithings_says_the_same_in_camel_case() -> None:
    fall = {"method": "eventPost", "eventID": "fall", "type": "alert", "timestamp": 1789999990000}
    found = decoded("$thing/up/event/P/d", {**fall, "params": {"code": 0}})
    assert [(one.metric, one.at) for one in found.readings] == [("fall", 1789999990000)]
    assert decoded("$thing/up/event/P/d", {**fall, "method": "eventReply"}).readings == ()
    assert decoded(_PROPERTY, {"method": "reportInfo", "params": {"sos": 1}}).readings == ()


def test_the_older_data_template() -> None:
    state = {"reported": {"heart_rate": 63}, "desired": {"sos": 1}}
    found = decoded("$template/operation/P/d", {"type": "update", "state": state, "version": 4})
    assert [(one.device, one.metric, one.value) for one in found.readings] == [("P/d", "heart_rate", 63)]
    assert answer("$template/operation/result/P/d", {"state": state}) == Decoded("tencent-iotexplorer")


def test_an_ithings_gateway_packs_what_its_devices_say() -> None:
    fall = {"eventID": "fall", "type": "alert", "timestamp": 1789999980000, "params": {}}
    member = {
        "productID": "P2",
        "deviceName": "bed",
        "properties": [{"timestamp": 1789999990000, "params": {"heart_rate": 61}}],
        "events": [fall],
    }
    packed = {"method": "packReport", "properties": [{"params": {"battery": 40}}], "subDevices": [member, {}]}
    found = decoded(_PROPERTY, packed)
    assert [(one.device, one.metric, one.at) for one in found.readings] == [
        ("P/d", "battery", None),
        ("P2/bed", "heart_rate", 1789999990000),
        ("P2/bed", "fall", 1789999980000),
    ]
    assert [one.reason for one in found.rejected] == [Reason.WRONG_SHAPE]
