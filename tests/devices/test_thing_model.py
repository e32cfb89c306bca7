"""Thing models: identifiers in any spelling, events by what they are called, and what must not be guessed."""

import json
import tomllib
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.catalogue import NAMES
from devices.families.thing_names import folded, happening
from devices.message import Message
from devices.metrics import LIFE_SAFETY
from devices.reading import Decoded, Reason
from devices.urgency import urgent
from tests.devices.told import ARRIVED, answer, decoded, told

_PROPERTIES = "/sys/pk/dn/thing/event/property/post"
_DIALECTS = ("thing_model", "tuyalink", "jetlinks")


def _said(values: dict[str, Any], model: str = "") -> dict[str, Any]:
    return told(_PROPERTIES, {"id": "1", "params": values}, model)


def _happened(name: str, outputs: object = None) -> dict[str, Any]:
    return told(f"/sys/pk/dn/thing/event/{name}/post", {"params": {"value": outputs, "time": ARRIVED}})


@pytest.mark.parametrize("dialect", _DIALECTS)
def test_no_identifier_has_two_meanings(dialect: str) -> None:
    table = tomllib.loads((files("devices.catalogue") / f"{dialect}.toml").read_text("utf-8"))
    for part in ("names", "happenings", "ends", "verdicts"):
        every = [text for texts in table.get(part, {}).values() for text in texts]
        assert sorted(every) == sorted(set(every)), part


@pytest.mark.parametrize("dialect", _DIALECTS)
def test_identifiers_are_listed_as_they_are_looked_up(dialect: str) -> None:
    names = NAMES[dialect]
    parts = [part.removeprefix("=") for part, _ in (*names.happenings, *names.ends)]  # `=`: the whole of it
    listed = [*names.words, *names.verdicts, *parts]
    assert [text for text in listed if text != ".".join(folded(level) for level in text.split("."))] == []


@pytest.mark.parametrize(
    "name", ["heartRate", "heart_rate", "HeartRate", "HEART-RATE", "HR", "xinlv", "心率"]
)
def test_spelling_does_not_matter(name: str) -> None:
    assert _said({name: 68}) == {"heart_rate": 68}


@pytest.mark.parametrize("name", ["SOS", "sosAlarm", "Emergency_Call", "yijianhujiu", "紧急呼叫", "一键求助"])
def test_a_call_as_a_property(name: str) -> None:
    assert _said({name: 1}) == {"sos": True}
    assert _said({name: "TRUE"}) == {"sos": True}
    assert _said({name: 0}) == {}
    assert _said({name: None}) == {}
    assert _said({name: "取消"}) == {"help_cancelled": True}
    assert _said({name: "test"}) == {"device_test": True}


@pytest.mark.parametrize("name", ["sosNumber", "sosEnable", "SOSPhone", "emergencyContact", "sosInterval"])
def test_settings_of_a_call_are_none(name: str) -> None:
    assert _said({name: 1}) == {}
    assert decoded(_PROPERTIES, {"params": {name: 1}}).left == (name,)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (1, {"fall": True}),
        ("fall", {"fall": True}),
        ("maybe_fall", {"fall_suspected": True}),
        ("疑似跌倒", {"fall_suspected": True}),
        ("已跌倒", {"fall": True}),
        (0, {}),
        ("normal", {}),
        ("none", {}),
        ("recovered", {"fall_cleared": True}),
        ("模拟", {"device_test": True}),
        (2, {}),
    ],
)
def test_degrees_of_a_fall(value: object, said: dict[str, Any]) -> None:
    assert _said({"fallStatus": value}) == said


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("SOS", {"sos": True}),
        ("DeviceSosEvent", {"sos": True}),
        ("EmergencyCall", {"sos": True}),
        ("latestSos", {"sos": True}),
        ("求助报警", {"sos": True}),
        ("SosCancel", {"help_cancelled": True}),
        ("取消求助", {"help_cancelled": True}),
        ("SosTest", {"device_test": True}),
        ("FallDown", {"fall": True}),
        ("elderFallAlarm", {"fall": True}),
        ("suspectedFall", {"fall_suspected": True}),
        ("fallRecover", {"fall_cleared": True}),
        ("SmokeAlarm", {"smoke": True}),
        ("smokeAlarmRecover", {"smoke": False}),
        ("烟雾报警", {"smoke": True}),
        ("GasLeakAlarm", {"gas": True}),
        ("coAlarm", {"carbon_monoxide": True}),
        ("WaterImmersionAlarm", {"water_leak": True}),
        ("LowElectricityAlarm", {"battery_low": True}),
        ("TamperAlarm", {"tamper": True}),
        ("leaveBed", {"bed_exit": True, "bed_occupied": False}),
        ("离床超时", {"bed_occupied": False}),
        ("zaichuang", {"bed_enter": True, "bed_occupied": True}),
        ("fenceOut", {"geofence_exit": True}),
        ("longPress", {"button_press": True}),
        ("offline", {"online": False}),
        ("fallAsleep", {}),
        ("sosNumberChanged", {}),
    ],
)
def test_events_by_name(name: str, said: dict[str, Any]) -> None:
    assert _happened(name, {}) == said


def test_what_comes_with_an_event_may_take_it_back() -> None:
    assert _happened("SOS", {"state": "cancel"}) == {"help_cancelled": True}
    assert _happened("SOS", {"SOS": 0}) == {"help_cancelled": True}
    assert _happened("SmokeAlarm", {"state": 0}) == {"smoke": False}
    assert _happened("SmokeAlarm", {"SmokeSensorState": 0}) == {"smoke": False}
    assert _happened("FallAlarm", {"isTest": 1}) == {"device_test": True}


@pytest.mark.parametrize("outputs", [{"status": 0}, {"state": "normal"}, {"level": 0}, 0, None, [], "x"])
def test_a_doubtful_value_does_not_take_back_a_call(outputs: object) -> None:
    assert _happened("SOS", outputs) == {"sos": True}


def test_the_kind_of_an_alarm_as_text_is_an_event() -> None:
    assert _happened("Alarm", {"alarmType": "SOS", "battery": 40}) == {"sos": True, "battery": 40}
    assert _happened("Alarm", {"alarmType": "FALL_DOWN", "alarmState": "recover"}) == {"fall_cleared": True}
    assert _said({"AlarmType": "LOW_BATTERY"}) == {"battery_low": True}
    assert _said({"AlarmType": "none"}) == {}


def test_an_event_called_alarm_is_what_its_text_says() -> None:
    assert _happened("alarm", "SOS") == {"sos": True}
    assert _happened("warn", {"type": "老人跌倒"}) == {"fall": True}


@pytest.mark.parametrize("name", ["sos", "FallAlarm", "烟雾报警"])
@pytest.mark.parametrize("payload", [b"", b"{", b"\xff", b"1"])
def test_an_unreadable_payload_on_the_topic_of_a_call_is_one(name: str, payload: bytes) -> None:
    found = decoded(f"/sys/pk/dn/thing/event/{name}/post", payload)
    assert [(one.device, one.metric) for one in found.readings] in [
        [("pk/dn", metric)] for metric in ("sos", "fall", "smoke")
    ]
    assert found.rejected


def test_a_zero_that_is_no_state_does_not_make_an_alarm_safe() -> None:
    assert _happened("SmokeAlarm", {"status": 0}) == {"smoke": True}
    assert _happened("GasAlarm", {"result": False}) == {"gas": True}
    assert _happened("SmokeAlarm", {"status": "normal"}) == {"smoke": False}


def test_a_struct_or_service_gives_its_name_to_a_bare_value() -> None:
    assert _said({"SOS": {"state": 1}}) == {"sos": True}
    assert _said({"SmokeDetector": {"alarm": 0}}) == {"smoke": False}
    assert _said({"HeartRate": {"value": 70, "unit": "bpm"}}) == {"heart_rate": 70}
    assert _said({"Battery": {"status": 1}}) == {}


def test_what_a_person_does_may_be_a_fall() -> None:
    assert _said({"humanState": "fall"}) == {"presence": True, "fall": True}
    assert _said({"posture": "跌倒", "fallStatus": 1}) == {"fall": True}
    assert _said({"humanState": "无人"}) == {"presence": False}
    assert _said({"humanState": 3}) == {}


def test_events_whose_names_hold_other_words_are_not_those() -> None:
    for name in ("passwordExpired", "checkinfo", "fenceinfo", "rainfall", "defaultEvent", "emergencyLightOn"):
        assert _happened(name, {}) == {}, name


def test_two_devices_of_one_message_may_both_call() -> None:
    members = [
        {
            "identity": {"productKey": "p", "deviceName": name},
            "events": {"SOS": {"value": {}, "time": ARRIVED}},
        }
        for name in ("a", "b")
    ]
    found = decoded("/sys/g/g/thing/event/property/pack/post", {"params": {"subDevices": members}})
    assert [(one.device, one.metric) for one in found.readings] == [("p/a", "sos"), ("p/b", "sos")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("104.06,30.57", {"latitude": 30.57, "longitude": 104.06}),
        ("30.57, 104.06", {"latitude": 30.57, "longitude": 104.06}),
        ("52.1,13.4", {}),
        ("ward 3", {}),
    ],
)
def test_a_position_as_text(text: str, said: dict[str, float]) -> None:
    assert _said({"location": text}) == said


def test_a_glucose_of_either_unit() -> None:
    assert _said({"bloodSugar": 5.6}) == {"glucose": 5.6}
    units = decoded(_PROPERTIES, {"params": {"bloodSugar": 108}}).readings
    assert [(one.value, one.unit) for one in units] == [(108, "mg/dL")]


def test_an_alarm_of_unknown_kind_is_told_to_the_operator() -> None:
    found = decoded("/sys/pk/dn/thing/event/Alarm/post", {"params": {"value": {"alarmType": 3}, "time": 1}})
    assert not found.readings
    assert [(one.reason, one.device) for one in found.rejected] == [(Reason.UNDECODED, "pk/dn")]
    assert found.left == ("alarmType", "Alarm")


def test_a_vital_sign_out_of_its_limits_is_told_by_its_value_alone() -> None:
    assert _happened("HeartRateAlarm", {"HeartRate": 131}) == {"heart_rate": 131}


@pytest.mark.parametrize("limits", ["threshold", "alarmLimit", "config", "阈值"])
def test_limits_are_no_measurements(limits: str) -> None:
    assert _said({"heartRate": 70, limits: {"heartRate": 120, "spo2": 90}}) == {"heart_rate": 70}


def test_temperature_is_of_a_room_only_beside_humidity_or_by_model() -> None:
    assert _said({"temperature": 36.5}) == {}
    assert _said({"temperature": 22.5, "humidity": 40}) == {"room_temperature": 22.5, "humidity": 40}
    assert _said({"temperature": 33.1}, "wristband") == {"skin_temperature": 33.1}
    assert _said({"temperature": 36.5}, "forehead thermometer") == {"body_temperature": 36.5}
    assert _said({"体温": 36.5, "室温": 22}) == {"body_temperature": 36.5, "room_temperature": 22}


def test_numbers_of_unknown_polarity_are_left_without_a_model() -> None:
    assert _said({"doorState": 1, "bedStatus": 1, "contact": False}) == {}
    assert _said({"doorState": "open", "bedStatus": "离床"}) == {"door_open": True, "bed_occupied": False}
    assert _said({"doorState": 1}, "door sensor") == {"door_open": True}
    assert _said({"bedStatus": 0}, "bed pad") == {"bed_occupied": False}


def test_values_that_mean_none_are_none() -> None:
    nothing = {"heartRate": 0, "breathRate": 255, "spo2": 127, "batteryLevel": -1, "bodyTemp": 0, "step": -1}
    assert _said({**nothing, "systolic": 0, "diastolic": 65535}) == {}
    assert decoded(_PROPERTIES, {"params": nothing}).left == ()


def test_a_battery_level_as_a_word_is_no_number() -> None:
    found = decoded(_PROPERTIES, {"params": {"battery": "high"}})
    assert (found.readings, found.rejected, found.left) == ((), (), ("battery",))


@pytest.mark.parametrize(
    "value", ["128/79", {"high": 128, "low": 79}, {"systolic": "128", "diastolic": "79"}]
)
def test_blood_pressure_in_one_field(value: object) -> None:
    assert _said({"bloodPressure": value}) == {"bp_systolic": 128, "bp_diastolic": 79}


@pytest.mark.parametrize(
    ("system", "moved"), [(2, True), ("GCJ02", True), ("BD-09", True), (1, False), (None, False)]
)
def test_positions_are_on_wgs_84(system: object, moved: bool) -> None:
    place = {"Longitude": 121.4737, "Latitude": 31.2304, "CoordinateSystem": system}
    said = _said({"GeoLocation": place})
    assert (abs(said["longitude"] - 121.4737) > 0.003) is moved


@pytest.mark.parametrize(
    "place", [{"lat": 0, "lng": 0}, {"lat": 91, "lng": 1}, {"lat": None, "lng": 2}, {"lat": 1}]
)
def test_no_fix_is_no_position(place: dict[str, Any]) -> None:
    assert _said({"location": place}) == {}


def test_properties_keep_their_own_times_in_s_and_ms_and_text() -> None:
    values = {
        "heartRate": {"value": 60, "time": 1789999990},
        "spo2": {"value": 97, "time": 1789999991000},
        "steps": {"value": 9, "time": "1789999992000"},
        "battery": {"value": 8, "time": "2026-09-21 22:13:13"},
        "hrv": {"value": 40, "time": 17},
    }
    found = decoded(_PROPERTIES, {"params": values}, zone="Asia/Shanghai")
    assert {one.metric: one.at for one in found.readings} == {
        "heart_rate": 1789999990000,
        "spo2": 1789999991000,
        "steps": 1789999992000,
        "battery": 1789999993000,
        "heart_rate_variability": None,
    }


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("sosalarm", ("sos", "")),
        ("疑似跌倒", ("fall_suspected", "")),
        ("x", (None, "")),
        ("normal", ("", "")),
    ],
)
def test_what_an_identifier_says(name: str, kind: tuple[str | None, str]) -> None:
    assert happening("thing_model", name) == kind


@pytest.mark.parametrize("escaped", [True, False])
def test_every_identifier_of_a_call_is_urgent(escaped: bool) -> None:
    names = NAMES["thing_model"]
    as_property = [(_PROPERTIES, {"params": {name: 1}}) for name in names.words if "." not in name]
    as_event = [
        ("/p/d/event/e", {"data": {"alarmType": part.removeprefix("=")}})
        for part, _ in names.happenings
        if _has_calls("/p/d/event/e", {"data": {"alarmType": part.removeprefix("=")}})
    ]
    assert len(as_event) > 50
    for topic, payload in [one for one in as_property if _has_calls(*one)] + as_event:
        raw = json.dumps(payload, ensure_ascii=escaped).encode()
        assert urgent(Message(topic, raw, ARRIVED)), payload


def _has_calls(topic: str, payload: object) -> bool:
    return any(one.metric in LIFE_SAFETY and one.value is True for one in decoded(topic, payload).readings)


@given(st.dictionaries(st.text(max_size=100), st.integers() | st.text(), max_size=5))
def test_any_identifiers_are_left_or_understood(values: dict[str, Any]) -> None:
    found = answer(_PROPERTIES, {"params": values})
    assert isinstance(found, Decoded)
    assert len(found.left) <= len(values)


def test_a_call_is_found_in_the_largest_message_wherever_it_stands() -> None:
    many = {f"p{number}": number for number in range(12_000)}
    for values in ({"SOS": 1} | many, many | {"SOS": 1}):
        found = decoded(_PROPERTIES, {"params": values})
        assert [one.metric for one in found.readings] == ["sos"]
        assert [one.reason for one in found.rejected] == [Reason.TOO_LARGE]


def test_what_is_beyond_any_device_is_told_not_dropped_in_silence() -> None:
    moments = [{"value": 60 + number % 20, "time": 1789990000000 + number} for number in range(5000)]
    found = decoded("/sys/pk/dn/thing/event/property/batch/post", {"params": {"properties": {"hr": moments}}})
    assert len(found.readings) > 700
    assert [one.reason for one in found.rejected] == [Reason.TOO_LARGE]


def test_pinyin_and_samples_of_makers() -> None:
    assert _said({"xueya_high": 131, "xueya_low": 82}) == {"bp_systolic": 131, "bp_diastolic": 82}
    assert _said({"dis_hr": 72, "dis_spo2": 96}) == {"heart_rate": 72, "spo2": 96}
    assert _said({"SPO": 97, "hum": 51, "resp": 14}) == {"spo2": 97, "humidity": 51, "respiratory_rate": 14}
    assert _said({"heart": 68}) == {"heart_rate": 68}
    place = {"Longtitude": 2.29448, "Latitude": 48.85837, "CoordinateSystem": 1}  # as QuecPython spells it
    assert _said({"GeoLocation": place}) == {"latitude": 48.85837, "longitude": 2.29448}


@pytest.mark.parametrize("name", ["HelpCancel", "cancel_help"])
def test_help_that_is_cancelled(name: str) -> None:
    assert _happened(name, {}) == {"help_cancelled": True}


def test_an_alarm_of_a_kind_that_concerns_no_person_is_understood() -> None:
    for outputs in ({"alarmType": "temperature_high"}, {"type": "over_speed"}):
        assert decoded("/sys/pk/dn/thing/event/alarm/post", {"params": outputs}).rejected == ()
    both = {"alarmType": "temperature_high", "content": "sos"}
    assert told("/sys/pk/dn/thing/event/alarm/post", {"params": both}) == {"sos": True}
