"""Medical gateways: whose measurement it is, when, in which unit, at which place; no name leaves."""

import json
from typing import Any

import pytest

from devices.decode import decode
from devices.message import Message
from devices.normalise import Normalised, normalise
from devices.reading import Decoded, Models, Reason, Rejected, TimeSource
from devices.registry import Registry

_ARRIVED = 1_790_000_000_000
_NOW = _ARRIVED // 1000
_BOX = "DC:DA:0C:00:00:01"


def _decode(topic: str, payload: object, known: Models | None = None) -> Decoded:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    answer = decode(Message(topic, raw, _ARRIVED), known or Models())
    assert isinstance(answer, Decoded), answer
    return answer


def _observed(decoded: Decoded) -> Normalised:
    return normalise(decoded, Message("t", b"x", _ARRIVED), Registry())


def _values(decoded: Decoded) -> dict[str, Any]:
    return {one.metric: one.value for one in _observed(decoded).observations}


def _box(item: dict[str, object], attribute: str = "", **envelope: object) -> Decoded:
    """An item as AVA4 reports it."""
    payload = {
        "from": "BLE",
        "to": "CLOUD",
        "time": _NOW - 5,
        "mac": _BOX,
        "type": "reportAttribute",
        "data": {"attribute": attribute, "mac": _BOX, "value": {"device_list": [item]}},
        **envelope,
    }
    return _decode("dusun_pub", payload)


def _item(**fields: object) -> dict[str, object]:
    return {"scan_time": _NOW - 20, "ble_addr": "d61600000001", **fields}


@pytest.mark.parametrize(
    ("attribute", "fields", "wanted"),
    [
        (
            "BP_BIOLIGTH",
            {"bp_high": 137, "bp_low": 95, "PR": 74},
            {"bp_systolic": 137, "bp_diastolic": 95, "heart_rate": 74},
        ),
        ("WBP BIOLIGHT", {"bp_high": "137", "bp_low": "95"}, {"bp_systolic": 137, "bp_diastolic": 95}),
        ("BP_AND", {"sys": 137, "dia": 95, "pul": 0}, {"bp_systolic": 137, "bp_diastolic": 95}),
        (
            "BLE_BPG",
            {"bp_high": 137, "bp_low": 95, "map": 109},
            {"bp_systolic": 137, "bp_diastolic": 95, "bp_mean": 109},
        ),
        ("BP_YUWELL", {"bp": "137/95", "unit": "mmHg"}, {"bp_systolic": 137, "bp_diastolic": 95}),
        ("Oximeter JUMPER", {"pulse": 72, "spo2": 96, "pi": 43}, {"heart_rate": 72, "spo2": 96}),
        ("Oximeter_WELLUE", {"PR": 255, "SpO2": 127}, {}),
        ("Oximeter_JUMPER", {"pulse": 511, "spo2": 0, "pi": 0}, {}),
        ("Contour_Elite", {"blood_glucose": "108"}, {"glucose": 5.9947}),
        ("AccuChek_Instant", {"blood_glucose": "5.6"}, {"glucose": 5.6}),
        ("AccuChek_Instant", {"blood_glucose": "5.6 mmol/L"}, {"glucose": 5.6}),
        ("AccuChek_Instant", {"blood_glucose": "0"}, {}),
        ("IR_TEMO_JUMPER", {"temp": 36.43000031, "mode": "Head"}, {"body_temperature": 36.43}),
        ("IR_TEMO_JUMPER", {"temp": 98.6, "mode": "Ear"}, {"body_temperature": 37.0}),
        ("IR_TEMO_JUMPER", {"temp": "36.5℃"}, {"body_temperature": 36.5}),
        ("IR_TEMO_JUMPER", {"temp": 62.1, "mode": "Object"}, {}),
        ("IR_TEMO_JUMPER", {"temp": 24.1, "mode": "Room"}, {"room_temperature": 24.1}),
        ("BodyScale_JUMPER", {"weight": 79.30000305, "resistance": 605.9}, {"body_weight": 79.3}),
        ("BodyScale_JUMPER", {"weight": 174.8, "weight_unit": "lb"}, {"body_weight": 79.2879}),
        ("BodyScale_JUMPER", {"weight": 79.3, "is_stable": False}, {}),
        ("BodyScale_JUMPER", {"weight": 0.0}, {}),
        ("MGSS_REF_CHOL", {"cholesterol": "4.3"}, {}),
        ("MGSS_REF_UA", {"uric_acid": "517.5"}, {}),
        ("MGSS_REF_KETONE", {"ketone": "0.4"}, {}),
        ("SOMETHING", {"temp": 36.6}, {}),  # whether of a person, of the room or of the chip
    ],
)
def test_every_device_of_the_box(attribute: str, fields: dict[str, object], wanted: dict[str, float]) -> None:
    decoded = _box(_item(**fields), attribute)
    assert _values(decoded) == pytest.approx(wanted, rel=1e-3)
    assert {one.device for one in decoded.readings} <= {"d61600000001"}
    assert not decoded.rejected


def test_what_has_no_metric_is_named() -> None:
    assert set(_box(_item(uric_acid="517.5", pi=43)).left) == {"uric_acid", "pi"}


def test_several_people_in_one_report_have_each_their_device_and_time() -> None:
    items = [_item(spo2=96), {**_item(spo2=91), "ble_addr": "b", "scan_time": _NOW - 60}, "?"]
    decoded = _box({}, data={"attribute": "Oximeter", "value": {"device_list": items}})
    assert [(one.device, one.value, one.at) for one in decoded.readings] == [
        ("d61600000001", 96, (_NOW - 20) * 1000),
        ("b", 91, (_NOW - 60) * 1000),
    ]
    assert decoded.left == ("device_list",)


def test_the_time_of_sending_goes_along_because_the_box_may_be_years_ahead() -> None:
    ahead = 3 * 365 * 86_400
    decoded = _box({**_item(spo2=96), "scan_time": _NOW + ahead - 20}, time=_NOW + ahead - 5)
    assert decoded.sent_at == (_NOW + ahead - 5) * 1000
    assert decoded.readings[0].at == (_NOW + ahead - 20) * 1000
    assert decoded.readings[0].at_source is TimeSource.GATEWAY


def test_a_measurement_that_nobody_can_be_said_to_own_is_told() -> None:
    decoded = _box({"scan_time": _NOW, "spo2": 96})
    assert not decoded.readings
    assert decoded.rejected[0].device == _BOX


def test_a_pressure_upside_down_is_turned_down_whole() -> None:
    decoded = _box(_item(bp_high=80, bp_low=120, PR=70), "BP_AND")
    assert _values(decoded) == {"heart_rate": 70}
    assert {one.metric for one in decoded.rejected} == {"bp_systolic", "bp_diastolic"}
    assert {one.reason for one in decoded.rejected} == {Reason.OUT_OF_RANGE}


@pytest.mark.parametrize("beyond", ["HI", "Lo"])
def test_a_glucose_beyond_the_meter_is_not_lost_silently(beyond: str) -> None:
    decoded = _box(_item(blood_glucose=beyond), "Contour_Elite")
    assert not decoded.readings
    assert [(one.metric, one.device) for one in decoded.rejected] == [("glucose", "d61600000001")]


def test_a_glucose_says_which_meal_it_was_near_and_control_solution_is_nobodys() -> None:
    assert _box(_item(blood_glucose="108", marker="After Meal")).readings[0].detail == "after meal"
    assert _box(_item(blood_glucose="108", marker="No Marker")).readings[0].detail == ""
    assert not _box(_item(blood_glucose="108", marker="Control Solution")).readings


@pytest.mark.parametrize(
    ("kind", "text", "wanted"),
    [
        ("HB_Msg", "Online", True),
        ("reportMsg", "Online", True),
        ("HB_Msg", None, True),
        ("reportMsg", "Offline", False),
        ("reportMsg", "Restarting", None),
    ],
)
@pytest.mark.parametrize("topic", ["ESP32_BLE_GW_TX", "CM4_BLE_GW_TX"])
def test_the_gateways_own_state(topic: str, kind: str, text: str | None, wanted: bool | None) -> None:
    payload = {
        "from": "GW",
        "to": "CLOUD",
        "mac": _BOX,
        "time": _NOW,
        "type": kind,
        "IMEI": "868000000000001",
    }
    decoded = _decode(topic, {**payload, "data": {"msg": text}})
    assert [one.value for one in decoded.readings] == ([] if wanted is None else [wanted])
    assert {one.device for one in decoded.readings} <= {_BOX}
    if wanted is False:
        assert decoded.readings[0].at is None, "the time of a last will is that of the connection"


@pytest.mark.parametrize("payload", [{"data": {"id": 7, "code": 0}, "time": 1_789_999_990}, {"data": {}}])
def test_results_of_commands_say_nothing(payload: dict[str, object]) -> None:
    assert _decode("dusun_pub", payload) == Decoded("ava4")


def test_nothing_of_the_person_leaves_the_kiosks_message() -> None:
    person = {
        "citiz": "1234567890123",
        "nameTH": "นางสมหญิง",
        "nameEN": "Mrs.#Somying##Test",
        "brith": "24900101",
        "IMEI": "867000000000009",
    }
    value = {"bp_high": 120, "bp_low": 78, "pr": 71, "citiz": "1234567890123", "x": "Mrs.#Somying##Test"}
    payload = {"time": _NOW, "mac": "m", "type": "reportAttribute", **person}
    decoded = _decode("CM4_BLE_GW_TX", {**payload, "data": {"ble_mac": "FF:22", "value": value}})
    assert {one.metric for one in decoded.readings} == {"bp_systolic", "bp_diastolic", "heart_rate"}
    for secret in person.values():
        assert secret not in repr(decoded)


def test_boxes_on_topics_of_nobody_are_recognised() -> None:
    measured = {"attribute": "Oximeter", "ble_mac": "FF:22", "value": {"spo2": 96}}
    assert _decode("site/9", {"from": "PI", "to": "CLOUD", "data": measured}).family == "qube-vital"
    assert _decode("site/9", {"from": "BLE", "to": "CLOUD", "data": measured}).family == "ava4"


def test_a_hub_is_gone_by_its_will_and_there_by_its_answer() -> None:
    def online(what: str) -> list[tuple[str, object]]:
        return [(r.device, r.value) for r in _decode(f"iot/hub-1/connect/{what}", b"{}").readings]

    assert online("will") == [("hub-1", False)]
    assert online("pingresp") == [("hub-1", True)]
    assert online("ping") == []


def test_a_hubs_inventory_teaches_what_a_temperature_is() -> None:
    inventory = [
        {"name": "W", "deveui": "2CAB", "product_name": "Prince-100G", "product_category": "watch"},
        {"name": "T", "deveui": "7E41", "product_name": "T-9", "product_category": "thermometer"},
        {"name": "B", "deveui": "D1F0", "product_name": "U80M", "product_category": "blood_pressure"},
    ]
    taught = _decode("iot/hub-1/sub_devices/dev_list", inventory).learned
    known = Models(facts={(fact.about, fact.field): fact.value for fact in taught})
    payload = {"type": "MeasureData", "values": {"temperature": 35.9}, "time": _NOW}

    def said(device: str) -> dict[str, Any]:
        return _values(_decode(f"iot/hub-1/{device}/data", payload, known))

    assert said("2CAB") == {"skin_temperature": 35.9}
    assert said("7E41") == {"body_temperature": 35.9}
    assert said("D1F0") == {}


def test_a_hubs_second_form_of_data() -> None:
    payload = {
        "device": {"mac": "2cab", "make": "ATH", "model": "T-9 thermometer"},
        "measure": {"type": "temp", "time": "2026-09-21T13:33:10+00:00", "temperature": 98.6, "unit": "F"},
    }
    decoded = _decode("iot/hub-1/2CAB/data", payload)
    assert _values(decoded) == {"body_temperature": pytest.approx(37.0)}
    assert decoded.readings[0].at == 1_789_997_590_000


@pytest.mark.parametrize(
    "measure",
    [
        {"type": "glucose", "value": 5.6, "unit": "mmol/L"},
        {"type": "spo2", "values": [{"type": "glucose", "value": 100.9, "unit": "mg/dL"}]},
        {"values": {"glucose": {"value": 100.9, "unit": "mg/dL"}}},
        {"glucose_mgdl": 100.9, "glucose_mmol": 5.6},
    ],
)
def test_a_value_may_be_named_by_a_type_beside_it(measure: dict[str, object]) -> None:
    payload = {"measure": measure, "type": "MeasureData", "time": _NOW}
    said = _values(_decode("iot/hub-1/2CAB/data", payload))
    assert said == {"glucose": pytest.approx(5.6, rel=1e-2)}


def test_a_name_of_a_person_is_no_name_of_a_measurement() -> None:
    measure = [{"name": "Ann Example", "value": 96}, {"name": "spo2", "value": 96}]
    decoded = _decode("iot/hub-1/2CAB/data", {"values": measure, "type": "Ann Example", "value": 5})
    assert "Ann" not in repr(decoded)
    assert _values(decoded) == {"spo2": 96}


def test_a_devices_status_may_say_more() -> None:
    payload = {"status": "CONNECTED", "battery": 80, "rssi": -70, "time": _NOW}
    assert _values(_decode("iot/hub-1/2CAB/status", payload)) == {"online": True, "battery": 80, "rssi": -70}


def test_a_call_for_help_of_a_hubs_watch() -> None:
    assert "sos" in _values(_decode("iot/hub-1/2CAB/data", {"type": "SOSAlarm", "time": _NOW}))
    assert "sos" in _values(_decode("iot/hub-1/2CAB/data", {"type": "Event", "values": {"sos": 1}}))
    assert "sos" not in _values(_decode("iot/hub-1/2CAB/data", {"type": "Event", "values": {"sos": 0}}))


@pytest.mark.parametrize("broken", [b"", b"{", b"[]", b"\xff", b"7"])
def test_a_broken_message_of_a_hubs_device_names_the_device(broken: bytes) -> None:
    answer = decode(Message("iot/hub-1/2CAB/data", broken, _ARRIVED))
    assert isinstance(answer, Rejected)
    assert answer.device == "2CAB"


_CUFF = {"systolic": 120, "diastolic": 80, "pulse": 65}


def test_a_zoneless_time_is_one_where_the_zone_is_known() -> None:
    payload = {"user": "a@b.c", "timestamp": "2026-09-21T10:00:00", "data": _CUFF}
    topic = "health/blood_pressure/a_at_b_c"
    there = _decode(topic, payload, Models(zone="Asia/Shanghai")).readings
    assert {one.at for one in there} == {1_789_956_000_000}
    assert {one.key for one in there} == {""}
    nowhere = _decode(topic, payload).readings
    assert {one.at for one in nowhere} == {None}
    assert {one.key for one in nowhere} == {"blood_pressure 2026-09-21T10:00:00"}, "a replay is told by it"


def test_an_address_in_the_payload_is_not_read() -> None:
    payload = {
        "user": "ann@example.org",
        "timestamp": "2026-09-21T10:00:00",
        "data": {**_CUFF, "user": "ann@x"},
    }
    decoded = _decode("health/blood_pressure/room-302", payload)
    assert {one.device for one in decoded.readings} == {"room-302"}
    assert "ann@" not in repr(decoded)


@pytest.mark.parametrize(
    ("place", "metric"),
    [
        ("forehead", "body_temperature"),
        ("rectum", "body_temperature"),
        ("unknown", "body_temperature"),
        ("room_ambient", "room_temperature"),
        ("object", None),
    ],
)
def test_a_temperature_is_of_the_place_that_it_was_measured_at(place: str, metric: str | None) -> None:
    payload = {
        "timestamp": "2026-09-21T13:33:10.123Z",
        "temperature_celsius": 36.8,
        "temperature_fahrenheit": 98.24,
        "measurement_location": place,
        "unit": "celsius",
        "is_valid": True,
    }
    assert _values(_decode("healthdata/room-302/temperature", payload)) == ({metric: 36.8} if metric else {})
    payload["is_valid"] = False
    assert _values(_decode("healthdata/room-302/temperature", payload)) == {}


def test_a_raw_scale_is_itself_and_an_unknown_topic_of_health_is_nobodys() -> None:
    payload = {"device_mac": "A4:C1", "weight": 62.4, "battery_percent": 255, "timestamp": _ARRIVED - 1000}
    decoded = _decode("healthdata/devices/A4_C1/raw_scale_data", payload)
    assert [(one.device, one.metric) for one in decoded.readings] == [("A4:C1", "body_weight")]
    assert isinstance(decode(Message("health/server/status", b"{}", 0)), Rejected)


def test_many_items_are_bounded_and_the_rest_is_named() -> None:
    items = [{**_item(spo2=96), "ble_addr": str(number)} for number in range(300)]
    decoded = _box({}, data={"attribute": "Oximeter", "value": {"device_list": items}})
    assert len(decoded.readings) == 256
    assert "device_list" in decoded.left
