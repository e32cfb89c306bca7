"""IoTDA: a property belongs to its service, a gateway's message to its devices."""

import json

import pytest

from devices.reading import Decoded, Reason, Rejected, TimeSource
from tests.devices.told import answer, decoded, told

_OC = "$oc/devices/d-1/sys/"


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("20260921T141310Z", 1789999990000),
        ("2026-09-21T14:13:10.250Z", 1789999990250),
        ("2026-09-21T22:13:10+08:00", 1789999990000),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_event_times(text: str | None, at: int | None) -> None:
    service = {"service_id": "vitals", "properties": {"heartRate": 70}, "event_time": text}
    assert [one.at for one in decoded(f"{_OC}properties/report", {"services": [service]}).readings] == [at]


def test_a_key_means_something_only_with_its_service() -> None:
    def of(service: str, values: dict[str, object]) -> dict[str, object]:
        return told(f"{_OC}properties/report", {"services": [{"service_id": service, "properties": values}]})

    assert of("Battery", {"level": 40}) == {"battery": 40}
    assert of("Water", {"level": 40}) == {}
    assert of("smokeDetector", {"alarm": 1}) == {"smoke": True}
    assert of("smokeDetector", {"alarm": 10}) == {}
    assert of("Temperature", {"value": 57}) == {}
    assert of("threshold", {"heartRate": 120}) == {}


def test_a_gateway_speaks_for_its_devices() -> None:
    devices = [
        {"device_id": "d-1_a", "services": [{"service_id": "s", "properties": {"sos": "1"}}]},
        {"device_id": "d-1_b", "services": [{"service_id": "s", "properties": {"contactState": 0}}]},
        {"device_id": "d-1_c"},
    ]
    found = decoded(f"{_OC}gateway/sub_devices/properties/report", {"devices": devices})
    assert [(one.device, one.metric, one.value, one.at_source) for one in found.readings] == [
        ("d-1_a", "sos", True, TimeSource.GATEWAY),
        ("d-1_b", "door_open", False, TimeSource.GATEWAY),
    ]
    assert [one.device for one in found.rejected] == ["d-1_c"]


def test_who_is_online_behind_a_gateway() -> None:
    statuses = [
        {"device_id": "a", "status": "OFFLINE"},
        {"device_id": "b", "status": "online"},
        {"device_id": "c"},
    ]
    service = {
        "service_id": "$sub_device_manager",
        "event_type": "sub_device_update_status",
        "event_time": "20260921T141310Z",
        "paras": {"device_statuses": statuses},
    }
    found = decoded(f"{_OC}events/up", {"services": [service]})
    assert [(one.device, one.value, one.at) for one in found.readings] == [
        ("a", False, 1789999990000),
        ("b", True, 1789999990000),
    ]


def test_an_event_of_a_maker_and_those_of_the_platform() -> None:
    sos = {"service_id": "Alarm", "event_type": "sos", "paras": {"battery": 30}}
    assert told(f"{_OC}events/up", {"services": [sos]}) == {"sos": True, "battery": 30}
    for kind in ("time_sync_request", "version_report", "add_sub_device_request", "log_report"):
        service = {"service_id": "$x", "event_type": kind, "paras": {"sos": 1}}
        assert decoded(f"{_OC}events/up", {"services": [service]}).readings == ()


def test_a_message_in_the_makers_own_format() -> None:
    assert told(f"{_OC}messages/up", {"name": "n", "content": {"sos": 1}}) == {"sos": True}
    assert told(f"{_OC}messages/up", {"content": '{"heartRate": 60}'}) == {"heart_rate": 60}
    found = answer(f"{_OC}messages/up", {"content": "A55A01"})
    assert isinstance(found, Rejected)
    assert (found.reason, found.device) == (Reason.UNDECODED, "d-1")


def test_commands_say_nothing() -> None:
    for what in ("commands/request_id=1", "properties/set/request_id=2", "events/down", "messages/down"):
        assert answer(_OC + what, {"services": []}) == Decoded("huawei-iotda")


def test_an_elder_sister_says_the_same_in_camel_case() -> None:
    services = [{"serviceId": "band", "data": {"heartRate": 64, "fall": 1}, "eventTime": "20260921T141310Z"}]
    devices = [{"deviceId": "el-9", "services": services}, {"services": services}]
    found = decoded("/v1/devices/gw-2/datas", {"devices": devices})
    assert [(one.device, one.metric, one.at) for one in found.readings] == [
        ("el-9", "heart_rate", 1789999990000),
        ("el-9", "fall", 1789999990000),
    ]
    assert [one.reason for one in found.rejected] == [Reason.WRONG_SHAPE]
    older = {"deviceId": "el-9", "serviceData": [{"serviceId": "x", "serviceData": {"sos": 1}}]}
    assert told("/huawei/v1/devices/gw-2/data/json", {"devices": [older]}) == {"sos": True}


def test_an_elder_gateway_says_who_is_online() -> None:
    states = [{"deviceId": "el-9", "status": "OFFLINE"}, {"deviceId": "el-8", "status": "?"}]
    assert told("/v1/devices/gw-2/topo/update", {"deviceStatuses": states}) == {"online": False}
    assert answer("/v1/devices/gw-2/topo/add", {"deviceInfos": []}) == Decoded("huawei-iotda")
    found = answer("/v1/devices/gw-2/datas", b"{")
    assert isinstance(found, Rejected)
    assert (found.reason, found.device) == (Reason.NOT_JSON, "gw-2")


def test_a_temperature_beside_a_pulse_is_a_bodys_where_it_can_be() -> None:
    def said(service: str, model: str = "", **values: float) -> dict[str, object]:
        services = [{"service_id": service, "properties": values}]
        return told(f"{_OC}properties/report", {"services": services}, model)

    assert said("health", heart_rate=70, temperature=36.4) == {"heart_rate": 70, "body_temperature": 36.4}
    assert said("health", heart_rate=70, temperature=33.1) == {"heart_rate": 70}
    assert said("state", temperature=36.4) == {}
    assert said("health", "bracelet", temperature=36.4) == {"skin_temperature": 36.4}


def test_a_topic_of_the_makers_own_may_name_what_happened() -> None:
    assert told("$oc/devices/d-1/user/alarm", {"type": "sos"}) == {"sos": True}
    assert told("$oc/devices/d-1/user/fall", {"x": 1}) == {"fall": True}
    assert told(f"{_OC}messages/up", {"name": "sos", "content": {"x": 1}}) == {"sos": True}


def test_an_envelope_is_opened_unless_it_is_encrypted() -> None:
    body = {"devices": [{"deviceId": "el-9", "services": [{"serviceId": "x", "data": {"sos": 1}}]}]}
    head = {"cipherFlag": 0, "mid": 3}
    for held in (body, json.dumps(body)):
        sealed = {"head": head, "dataBody": held, "dataSign": "s"}
        assert told("/v1/devices/gw-2/datas", sealed) == {"sos": True}
    for flag in (1, "2", [1]):
        found = answer("/v1/devices/gw-2/datas", {"head": {"cipherFlag": flag}, "dataBody": "QUJD"})
        assert isinstance(found, Rejected)
        assert (found.reason, found.device) == (Reason.UNDECODED, "gw-2")
