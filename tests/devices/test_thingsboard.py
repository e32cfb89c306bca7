"""ThingsBoard: items with their own times, keys in two cases, and only those that are unambiguous."""

from typing import Any

import pytest

from devices.reading import Decoded, Reason, Rejected, TimeSource
from tests.devices.taught import ARRIVED, Taught

_AT = ARRIVED - 60_000
_GATEWAY = "v1/gateway/telemetry"


@pytest.mark.parametrize(
    "items",
    [[{"ts": _AT, "values": {"SOS": True}}], {"ts": _AT, "values": {"sos": "true"}}, [{"ts": _AT, "sos": 1}]],
)
def test_an_item_has_its_time(items: object) -> None:
    (reading,) = Taught().readings(_GATEWAY, {"Pendant 7": items})
    assert (reading.device, reading.metric, reading.at) == ("Pendant 7", "sos", _AT)
    assert reading.at_source is TimeSource.GATEWAY


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"heartRate": 64, "heart_rate_max": 180}, {"heart_rate": 64}),
        ({"bedOccupied": False}, {"bed_occupied": False}),
        ({"temperature": 21.5, "targetTemperature": 23}, {"room_temperature": 21.5}),
        ({"bodyTemperature": 36.6}, {"body_temperature": 36.6}),
        ({"fall": "none"}, {}),
        ({"fall": "suspected"}, {"fall_suspected": True}),
        ({"fallDetected": True}, {"fall": True}),
        ({"alarm": "fall"}, {"fall": True}),
        ({"alarm": True}, {}),
        ({"eventType": "SOS"}, {"sos": True}),
        ({"vitals": {"spo2": 97}}, {"spo2": 97}),
        ({"battery": 3.05}, {}),
        ({"battery": 8}, {"battery": 8}),
        ({"batteryVoltage": 3.05}, {"battery_voltage": 3.05}),
        ({"latitude": 0, "longitude": 0}, {}),
        ({"contact": True, "state": "on", "value": 7}, {}),
        ({"smoke": None, "gas": "", "motion": "unknown"}, {}),
        ({"heartRate": "-"}, {}),
    ],
)
def test_keys_mean_what_they_say_or_nothing(values: dict[str, Any], said: dict[str, object]) -> None:
    assert Taught().said(_GATEWAY, {"Bed 12": [{"ts": _AT, "values": values}]}) == said


def test_a_connection_is_whether_the_device_is_there_and_teaches_its_model() -> None:
    taught = Taught()
    assert taught.said("v1/gateway/connect", {"device": "Bed 12", "type": "bed sensor"}) == {"online": True}
    assert taught.facts == {("Bed 12", "model"): "bed sensor"}
    assert taught.said("v1/gateway/disconnect", {"device": "Bed 12"}) == {"online": False}


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("v1/gateway/rpc", {"device": "A", "id": 1, "data": {"sos": True}}),
        ("v1/gateway/attributes/request", {"id": 1, "device": "A", "client": True, "key": "sos"}),
        ("v1/gateway/attributes", {"device": "A", "data": {"sos": True}}),
        ("v1/devices/me/rpc/request/1", {"method": "sos"}),
        ("v1/devices/me/attributes/response/1", {"client": {"sos": True}}),
        ("v1/gateway/claim", {"A": {"secretKey": "x", "durationMs": 1}}),
    ],
)
def test_requests_answers_and_commands_say_nothing(topic: str, payload: object) -> None:
    assert Taught().hear(topic, payload) == Decoded("thingsboard")


@pytest.mark.parametrize(
    ("payload", "device"), [({"sos": True}, "me"), ({"deviceName": "hall-1", "sos": True}, "hall-1")]
)
def test_a_device_on_its_own_topic_is_named_by_its_payload(payload: object, device: str) -> None:
    (reading,) = Taught().readings("v1/devices/me/telemetry", payload)
    assert (reading.device, reading.metric) == (device, "sos")


def test_one_odd_item_costs_no_other() -> None:
    payload = {"Bed 1": [7, None, {"ts": "x", "values": {"sos": True}}], "": [{"sos": True}], "Bed 2": "x"}
    answer = Taught().hear(_GATEWAY, payload)
    assert isinstance(answer, Decoded)
    assert [(one.device, one.metric) for one in answer.readings] == [("Bed 1", "sos")]
    assert [one.reason for one in answer.rejected] == [Reason.WRONG_SHAPE]


def test_more_than_can_be_read_in_time_is_said_to_be() -> None:
    answer = Taught().hear(_GATEWAY, {"Bed 1": [{"a": 1}] * 20_000})
    assert isinstance(answer, Decoded)
    assert [one.reason for one in answer.rejected] == [Reason.TOO_LARGE]
    assert isinstance(Taught().hear(_GATEWAY, "[1"), Rejected)
