"""TuyaLink: standard codes, integers whose scale is not told, and when it was sent."""

import json
from typing import Any

import pytest

from devices.decode import decode
from devices.message import Message
from devices.reading import Decoded, Models
from tests.devices.told import decoded, told

_AT = 1789999990000


def _said(values: dict[str, Any], model: str = "") -> dict[str, Any]:
    data = {code: {"value": value, "time": _AT} for code, value in values.items()}
    return told("tylink/t1/thing/property/report", {"msgId": "1", "time": _AT, "data": data}, model)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"sos_state": True}, {"sos": True}),
        ({"sos": "sos"}, {"sos": True}),
        ({"sos_state": False}, {}),
        ({"smoke_sensor_status": "alarm"}, {"smoke": True}),
        ({"smoke_sensor_status": "normal"}, {"smoke": False}),
        ({"smoke_sensor_state": "1"}, {"smoke": True}),
        ({"smoke_sensor_state": "2"}, {"smoke": False}),
        ({"smoke_sensor_state": "detecting"}, {}),
        ({"gas_sensor_status": "alarm"}, {"gas": True}),
        ({"co_status": "alarm"}, {"carbon_monoxide": True}),
        ({"watersensor_state": "alarm"}, {"water_leak": True}),
        ({"watersensor_state": "normal"}, {"water_leak": False}),
        ({"doorcontact_state": True}, {"door_open": True}),
        ({"pir": "pir"}, {"motion": True}),
        ({"pir": "none"}, {"motion": False}),
        ({"presence_state": "none"}, {"presence": False}),
        ({"presence_state": "peaceful"}, {"presence": True}),
        ({"presence_state": "large_move"}, {"presence": True, "motion": True}),
        ({"drop_state": "drop"}, {"fall": True}),
        ({"drop_state": "normal"}, {}),
        ({"fall_down_status": "maybe_fall"}, {"fall_suspected": True}),
        ({"shock_state": "drop"}, {"vibration": True}),
        ({"temper_alarm": True}, {"tamper": True}),
        ({"battery_state": "low"}, {"battery_low": True}),
        ({"battery_state": "high"}, {"battery_low": False}),
        ({"battery_percentage": 55}, {"battery": 55}),
        ({"switch_mode2": "long_press"}, {"button_press": True}),
        ({"checking_result": "checking"}, {"device_test": True}),
        ({"fault": 0}, {"fault": False}),
        ({"fault": 6}, {"fault": True}),
        ({"va_humidity": 43}, {"humidity": 43}),
        ({"va_humidity": 431}, {"humidity": pytest.approx(43.1)}),
        ({"sos_state": None, "pir": "", "va_temperature": None}, {}),
    ],
)
def test_standard_codes(values: dict[str, Any], said: dict[str, Any]) -> None:
    assert _said(values) == said


def test_a_scaled_temperature_is_believed_by_model_or_where_it_can_only_be_one() -> None:
    assert _said({"va_temperature": 265}) == {"room_temperature": pytest.approx(26.5)}
    assert _said({"va_temperature": 26}) == {}
    assert _said({"temp_current": 265}) == {}
    assert _said({"temp_current": 265}, "temperature humidity sensor") == {
        "room_temperature": pytest.approx(26.5)
    }


def test_the_scale_is_learned_from_the_model_that_the_cloud_sends() -> None:
    def code(name: str, scale: object) -> dict[str, Any]:
        return {"code": name, "typeSpec": {"type": "value", "scale": scale, "unit": "x"}}

    services = [{"properties": [code("va_temperature", 2), code("humidity_value", 1), code("cur_power", 1)]}]
    model = decoded("tylink/t1/thing/model/get_response", {"code": 0, "data": {"services": services}})
    assert [(one.about, one.field) for one in model.learned] == [("t1", "description")]
    facts = {(one.about, one.field): one.value for one in model.learned}
    data = {"va_temperature": {"value": 2150, "time": _AT}, "humidity_value": 45, "cur_power": 45}
    message = Message("tylink/t1/thing/property/report", json.dumps({"data": data}).encode(), _AT)
    found = decode(message, Models(facts=facts))
    assert isinstance(found, Decoded)
    assert {one.metric: one.value for one in found.readings} == {"room_temperature": 21.5, "humidity": 4.5}


@pytest.mark.parametrize("taught", ["x", "va_temperature=", "va_temperature=x", "=", "va_temperature=99"])
def test_a_broken_fact_breaks_nothing(taught: str) -> None:
    payload = json.dumps({"data": {"va_temperature": 265, "sos_state": True}}).encode()
    message = Message("tylink/t1/thing/property/report", payload, _AT)
    found = decode(message, Models(facts={("t1", "description"): taught}))
    assert isinstance(found, Decoded)
    assert "sos" in [one.metric for one in found.readings]


def test_a_message_says_when_it_was_sent() -> None:
    data = {"eventCode": "sos", "eventTime": _AT, "outputParams": {}}
    found = decoded("tylink/t1/thing/event/trigger", {"time": 1789999995, "data": data})
    assert [(one.metric, one.at) for one in found.readings] == [("sos", _AT)]
    assert found.sent_at == 1789999995000


def test_a_gateway_reports_its_devices_and_who_left() -> None:
    member = {
        "deviceId": "s1",
        "properties": {"pir": {"value": "pir", "time": _AT}},
        "events": {"fall": {"outputParams": {}, "eventTime": _AT}},
    }
    found = decoded("tylink/t1/thing/data/batch_report", {"data": {"subDevices": [member]}})
    assert [(one.device, one.metric) for one in found.readings] == [("s1", "motion"), ("s1", "fall")]
    gone = decoded("tylink/t1/device/sub/logout", {"time": _AT, "data": ["s1", 7]})
    assert [(one.device, one.metric, one.value) for one in gone.readings] == [("s1", "online", False)]


def test_history_keeps_its_times() -> None:
    past = [{"heart_rate": {"value": 60 + hour, "time": 1789900000 + 3600 * hour}} for hour in range(3)]
    found = decoded("tylink/t1/thing/data/history_report", {"time": _AT, "data": {"properties": past}})
    assert [(one.value, one.at) for one in found.readings] == [
        (60, 1789900000000),
        (61, 1789903600000),
        (62, 1789907200000),
    ]


@pytest.mark.parametrize(
    "what", ["thing/property/set", "thing/property/report_response", "ota/progress/report"]
)
def test_commands_say_nothing(what: str) -> None:
    assert decoded(f"tylink/t1/{what}", {"data": {"sos_state": {"value": True}}}).readings == ()


@pytest.mark.parametrize("what", ["data", "property"])  # both are in use
def test_a_batch_by_either_name(what: str) -> None:
    data = {
        "properties": {"sos_state": {"value": True, "time": 1789999990000}},
        "events": {"fall": {"outputParams": {}, "eventTime": 1789999991000}},
    }
    found = decoded(f"tylink/6cq1/thing/{what}/batch_report", {"time": 1789999992000, "data": data})
    assert [(one.metric, one.at) for one in found.readings] == [
        ("sos", 1789999990000),
        ("fall", 1789999991000),
    ]


@pytest.mark.parametrize(("value", "room"), [(231, 23.1), (600, 60.0), (23, None), (2310, None), (-50, None)])
def test_a_scale_is_believed_only_where_no_other_could_be_meant(value: int, room: float | None) -> None:
    data = {"va_temperature": {"value": value, "time": 1789999990000}}
    said = decoded("tylink/6cq1/thing/property/report", {"time": 1789999990000, "data": data}).readings
    assert [one.value for one in said] == ([] if room is None else [room])


def test_a_false_alarm_is_over() -> None:
    data = {"eventCode": "fall", "outputParams": {"state": "false_alarm"}}
    said = decoded("tylink/6cq1/thing/event/trigger", {"time": 1789999990000, "data": data}).readings
    assert [one.metric for one in said] == ["fall_cleared"]
