"""Z-Wave JS UI: where a value belongs, what its payload says, and what the gateway says of nodes."""

import json

import pytest

from devices.families import zwavejs2mqtt
from devices.message import Message
from devices.reading import Decoded, Learned, Models, Reading, Reason, Rejected, TimeSource

_ARRIVED = 1_790_000_000_000
_TIME = 1_789_999_990_000


def _zwave(topic: str, payload: object, model: str = "") -> Decoded | Rejected:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return zwavejs2mqtt.decode(Message(topic, raw, _ARRIVED), Models(default=model))


def _said(topic: str, payload: object, model: str = "") -> dict[str, object]:
    answer = _zwave(topic, payload, model)
    assert isinstance(answer, Decoded), answer
    return {reading.metric: reading.value for reading in answer.readings}


def _whole(number: int, own: object, key: object, value: object, **more: object) -> dict[str, object]:
    """A whole value object."""
    return {
        "id": "x",
        "nodeId": 12,
        "commandClass": number,
        "commandClassName": "x",
        "endpoint": 0,
        "property": own,
        "propertyName": str(own),
        "propertyKey": key,
        "value": value,
        "lastUpdate": _TIME,
        **more,
    }


@pytest.mark.parametrize(
    ("topic", "device"),
    [
        ("zwave/12/48/0/Motion", "12"),
        ("zwave/Hall/12/48/0/Motion", "12"),
        ("zwave/first floor/Hall/12/48/2/Motion", "12"),
        ("zwavejs2mqtt/nodeID_12/sensor_binary/endpoint_0/Motion", "nodeID_12"),
        ("zwave/Hall/pir/sensor_binary/endpoint_1/Motion", "pir"),
        ("zwave/Hall/pir/sensor_binary/Motion", "pir"),
        ("zwave/battery/sensor_binary/endpoint_0/Motion", "battery"),
        ("zwave/Hall/my_pir/48/0/Motion", "my_pir"),
        ("zwave/48/48/0/Motion", "48"),
    ],
)
@pytest.mark.parametrize("payload", [True, {"time": _TIME, "value": True}])
def test_a_topic_names_the_node_by_number_or_name_wherever_it_is(
    topic: str, device: str, payload: object
) -> None:
    answer = _zwave(topic, payload)
    assert isinstance(answer, Decoded)
    assert [(one.device, one.metric, one.value) for one in answer.readings] == [(device, "motion", True)]


@pytest.mark.parametrize("payload", [b"22", b'"22"', {"time": _TIME, "value": 22}])
def test_a_value_is_told_in_three_styles(payload: object) -> None:
    topic = "zwave/12/113/0/Access_Control/Door_state"
    assert _said(topic, payload) == {"door_open": True}
    assert _said(topic, _whole(113, "Access Control", "Door state", 22)) == {"door_open": True}


def test_a_configured_topic_is_understood_by_its_value_object() -> None:
    answer = _zwave("zwave/Hall/front/entrance", _whole(113, "Access Control", "Door state", 23))
    assert isinstance(answer, Decoded)
    (said,) = answer.readings
    assert (said.device, said.metric, said.value) == ("12", "door_open", False)
    assert (said.at, said.at_source) == (_TIME, TimeSource.GATEWAY)
    named = _zwave("x/y", _whole(48, "Smoke", None, value=True, nodeName="kitchen"))
    assert isinstance(named, Decoded)
    assert [(one.device, one.metric) for one in named.readings] == [("kitchen", "smoke")]
    assert zwavejs2mqtt.decode(Message("zwave/a/b/c", b"1", 0), Models()) == Decoded(
        "zwavejs2mqtt", left=("c",), device="b"
    )


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("Smoke_Alarm/Sensor_status", 1, {"smoke": True}),
        ("Smoke_Alarm/Sensor_status", 2, {"smoke": True}),
        ("Smoke_Alarm/Sensor_status", 0, {"smoke": False}),
        ("Smoke_Alarm/Sensor_status", 254, {}),
        ("Smoke_Alarm/Sensor_status", None, {}),
        ("Smoke_Alarm/Alarm_status", 3, {"device_test": True}),
        ("Smoke_Alarm/Alarm_status", 6, {}),
        ("Smoke_Alarm/Maintenance_status", 5, {"fault": True}),
        ("CO_Alarm/Sensor_status", 2, {"carbon_monoxide": True}),
        ("CO_Alarm/Test_status", 3, {"device_test": True}),
        ("CO2_Alarm/Sensor_status", 2, {}),
        ("Heat_Alarm/Heat_sensor_status", 2, {"smoke": True}),
        ("Heat_Alarm/Heat_sensor_status", 6, {}),
        ("Water_Alarm/Sensor_status", 2, {"water_leak": True}),
        ("Water_Alarm/Sensor_status", 0, {"water_leak": False}),
        ("Gas_alarm/Combustible_gas_status", 2, {"gas": True}),
        ("Gas_alarm/Alarm_status", 5, {"device_test": True}),
        ("Access_Control/Door_state", 5633, {"door_open": True}),
        ("Access_Control/Door_state_simple", 23, {"door_open": False}),
        ("Access_Control/Opening_state", 2, {"door_open": True}),
        ("Access_Control/Door_tilt_state", 0, {}),
        ("Access_Control/Door_handle_state", 24, {}),
        ("Access_Control/Lock_state", 11, {"fault": True}),
        ("Home_Security/Motion_sensor_status", 8, {"motion": True}),
        ("Home_Security/Motion_sensor_status", 0, {"motion": False}),
        ("Home_Security/Cover_status", 3, {"tamper": True}),
        ("Home_Security/Sensor_status", 2, {}),
        ("Home_Security/Sensor_status", 8, {"motion": True}),
        ("Home_Security/Sensor_status", 0, {}),
        ("Power_Management/Mains_status", 2, {"mains_power": False}),
        ("Power_Management/Mains_status", 3, {"mains_power": True}),
        ("Power_Management/Battery_maintenance_status", 11, {"battery_low": True}),
        ("System/Hardware_status", 1, {"fault": True}),
        ("Home_Health/Position_status", 1, {"bed_exit": True, "bed_occupied": False}),
        ("Home_Health/Position_status", 3, {"bed_occupied": True, "posture": "lying"}),
        ("Home_Health/Position_status", 0, {}),
        ("Home_Health/Sleep_apnea_status", 1794, {"apnea": True}),
        ("Home_Health/Sleep_stage_status", 11, {"sleep_stage": "deep"}),
        ("Home_monitoring/Home_occupancy_status", 2, {"presence": True}),
    ],
)
def test_a_notification_says_a_state_an_alarm_or_a_test(
    path: str, value: object, said: dict[str, object]
) -> None:
    assert _said(f"zwave/12/113/0/{path}", {"time": _TIME, "value": value}) == said
    assert _said(f"zwave/n/notification/endpoint_0/{path}", json.dumps(value).encode()) == said


@pytest.mark.parametrize(
    ("path", "metric"),
    [
        ("Emergency_Alarm/Panic_alert", "sos"),
        ("Emergency_Alarm/Contact_medical_service", "sos"),
        ("Emergency_Alarm/Contact_fire_service", "sos"),
        ("Emergency_Alarm/Contact_police", "sos"),
        ("Home_Health/Fall_detected", "fall"),
        ("Home_Security/Tampering_product_moved", "tamper"),
    ],
)
@pytest.mark.parametrize(
    "payload",
    [b"", b"null", b"{}", b'{"time": 1, "val', b"\xff", {"time": _TIME, "value": None}, {"value": {"a": 1}}],
)
def test_what_happened_is_told_by_the_topic_whatever_the_payload(
    path: str, metric: str, payload: object
) -> None:
    assert _said(f"zwave/12/113/0/{path}", payload) == {metric: True}


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ("16", {"sos": True}),
        ("17", {"sos": True}),
        ("18", {"sos": True}),
        ("19", {"sos": True}),
        ("24", {"device_test": True}),
        ("3", {"button_press": True}),
        ("1", {}),
    ],
)
def test_a_keypads_emergency_keys_call_and_nothing_typed_is_repeated(
    event: str, said: dict[str, object]
) -> None:
    for topic in (f"zwave/k/111/0/{event}/2", f"zwave/k/unknownClass_111/endpoint_0/{event}/2"):
        answer = _zwave(topic, {"time": _TIME, "value": "4711"})
        assert isinstance(answer, Decoded)
        assert {reading.metric: reading.value for reading in answer.readings} == said
        assert "4711" not in repr(answer)
    assert "4711" not in repr(_zwave("zwave/lock/99/0/userCode/1", {"time": _TIME, "value": "4711"}))


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        (0, "1_single"),
        (2, "1_hold"),
        (3, "1_double"),
        (4, "1_triple"),
        (6, "1_quintuple"),
        (1, ""),
        (None, ""),
    ],
)
def test_a_key_is_pressed_and_its_release_is_nothing(value: object, detail: str) -> None:
    answer = _zwave("zwave/b/91/0/scene/001", {"time": _TIME, "value": value})
    assert isinstance(answer, Decoded)
    assert [one.detail for one in answer.readings] == ([detail] if detail else [])
    assert all(one.metric == "button_press" for one in answer.readings)


def test_a_key_that_is_held_is_one_press() -> None:
    held = [
        _zwave("zwave/b/91/0/scene/002", {"time": _TIME + repeated, "value": 2}) for repeated in (0, 200, 400)
    ]
    keys = {
        (one.key, one.good_for_ms)
        for answer in held
        if isinstance(answer, Decoded)
        for one in answer.readings
    }
    assert keys == {("2_hold", 5_000)}


def test_a_unit_is_taken_from_the_value_object() -> None:
    topic = "zwave/12/49/0/Air_temperature"
    answer = _zwave(topic, _whole(49, "Air temperature", None, 70, unit="°F"))
    assert isinstance(answer, Decoded)
    assert [(one.metric, one.value, one.unit) for one in answer.readings] == [
        ("room_temperature", 70, "[degF]")
    ]
    assert _said(topic, _whole(49, "Air temperature", None, 21.5, unit="°C")) == {"room_temperature": 21.5}
    assert _said("zwave/12/49/0/x", _whole(49, "Illuminance", None, 44, unit="%")) == {}
    assert _said("zwave/12/49/0/x", _whole(49, "Illuminance", None, 44, unit="Lux")) == {"illuminance": 44}


@pytest.mark.parametrize(
    ("topic", "value", "said"),
    [
        ("12/48/0/Any", 10, {}),
        ("12/48/0/Any", True, {}),
        ("12/48/0/Door-Window", True, {"door_open": True}),
        ("12/48/0/CO", False, {"carbon_monoxide": False}),
        ("12/48/0/Smoke", "true", {"smoke": True}),
        ("12/156/0/state/1", True, {"smoke": True}),
        ("12/50/0/value/65537", 12.5, {"energy": 12.5}),
        ("12/50/0/value/66049", 60, {"power": 60}),
        ("12/50/0/value/66561", 230, {}),
        ("12/128/0/level", 255, {}),
        ("12/128/0/level", 40, {"battery": 40}),
        ("12/128/0/isLow", True, {"battery_low": True}),
        ("12/37/0/currentValue", True, {"relay_on": True}),
        ("12/37/0/targetValue", True, {}),
        ("12/98/0/currentMode", 0, {}),
        ("12/98/0/doorStatus", "open", {"door_open": True}),
        ("12/102/0/currentState", 252, {"door_open": True}),
        ("12/102/0/currentState", 0, {"door_open": False}),
        ("12/32/0/event", 255, {}),
        ("12/112/0/3/255", 1, {}),
    ],
)
def test_a_class_says_only_what_it_means_on_every_device(
    topic: str, value: object, said: dict[str, object]
) -> None:
    assert _said(f"zwave/{topic}", {"time": _TIME, "value": value}) == said


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"time": _TIME, "value": True, "status": "Alive", "nodeId": 12}, {"online": True, "fault": False}),
        ({"time": _TIME, "value": True, "status": "Awake", "nodeId": 12}, {"online": True, "fault": False}),
        ({"time": _TIME, "value": True, "status": "Asleep", "nodeId": 12}, {}),
        ({"time": _TIME, "value": False, "status": "Asleep", "nodeId": 12}, {}),
        ({"time": _TIME, "value": False, "status": "Dead", "nodeId": 12}, {"online": False, "fault": True}),
        ({"time": _TIME, "value": False, "status": "Unknown", "nodeId": 12}, {}),
        ({"time": _TIME, "value": False}, {}),
        (True, {"online": True, "fault": False}),
        (False, {}),
    ],
)
def test_only_a_dead_node_is_offline(payload: object, said: dict[str, object]) -> None:
    assert _said("zwave/Hall/12/status", payload) == said


@pytest.mark.parametrize(
    ("topic", "device"),
    [("zwave/_CLIENTS/ZWAVE_GATEWAY-home/status", "ZWAVE_GATEWAY-home"), ("zwave/driver/status", "driver")],
)
def test_the_gateways_last_will_is_offline(topic: str, device: str) -> None:
    answer = _zwave(topic, {"value": False})
    assert answer == Decoded(
        "zwavejs2mqtt", (Reading(device, "online", value=False, at_source=TimeSource.ARRIVAL),)
    )


def test_a_node_tells_its_model() -> None:
    info = {"id": 12, "manufacturer": "AEON Labs", "productLabel": "ZW112", "productDescription": "Sensor"}
    answer = _zwave("zwave/12/nodeinfo", info)
    assert answer == Decoded("zwavejs2mqtt", learned=(Learned("12", "model", "AEON Labs ZW112 Sensor"),))
    assert _said("zwave/12/48/0/Any", b"true", "AEON Labs ZW112 Sensor") == {"door_open": True}


@pytest.mark.parametrize(
    "topic",
    [
        "zwave/12/37/0/targetValue/set",
        "zwave/_EVENTS/ZWAVE_GATEWAY-home/node/node_value_updated",
        "zwave/_CLIENTS/ZWAVE_GATEWAY-home/api/getNodes",
        "zwave/_CLIENTS/ZWAVE_GATEWAY-home/version",
        "zwave/12/lastActive",
    ],
)
def test_commands_events_and_housekeeping_say_nothing(topic: str) -> None:
    assert _zwave(topic, {"data": [{"value": True}], "value": 5}) == Decoded("zwavejs2mqtt")


def test_a_broken_payload_is_rejected_with_its_node() -> None:
    answer = _zwave("zwave/Hall/12/48/0/Motion", b'{"time": 12')
    assert isinstance(answer, Rejected)
    assert (answer.reason, answer.device) == (Reason.NOT_JSON, "12")
