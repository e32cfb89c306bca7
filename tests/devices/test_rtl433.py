"""rtl_433: repeats, times of the radio's host, roles from the registry, batteries, nothing secret."""

import json
from typing import Any

import pytest

from devices.decode import family_of
from devices.message import Message
from devices.reading import Decoded, Reason, Rejected, TimeSource
from tests.devices.told import answer

_TOPIC = "rtl_433/radio-1/events"
_NOW = 1_790_000_000_000


def _answer(payload: object, model: str = "", zone: str = "", topic: str = _TOPIC) -> Decoded | Rejected:
    return answer(topic, payload, model, zone, "rtl433")


def _said(payload: object, model: str = "", topic: str = _TOPIC) -> dict[str, Any]:
    answer = _answer(payload, model, topic=topic)
    assert isinstance(answer, Decoded), answer
    return {reading.metric: reading.value for reading in answer.readings}


_PANIC = {"time": "2026-03-01 08:00:00", "model": "X10-Security", "id": "a5c1", "event": "KR18 PANIC"}


def test_repeats_of_one_press_share_a_key_although_their_times_and_levels_differ() -> None:
    keys = set()
    for second, level in [(0, -3.1), (1, -2.7), (2, -3.3)]:
        answer = _answer(_PANIC | {"time": f"2026-03-01 08:00:0{second}", "rssi": level})
        assert isinstance(answer, Decoded)
        assert [reading.metric for reading in answer.readings] == ["sos"]
        assert answer.readings[0].good_for_ms == 5_000
        keys.add(answer.readings[0].key)
    assert len(keys) == 1
    assert keys != {""}


def test_another_press_has_another_key() -> None:
    one, other = _answer(_PANIC), _answer(_PANIC | {"event": "KR15 PANIC"})
    assert isinstance(one, Decoded)
    assert isinstance(other, Decoded)
    assert one.readings[0].key != other.readings[0].key


def test_a_door_has_no_key_so_that_open_closed_open_within_a_moment_stays_open() -> None:
    answer = _answer({"model": "X10-Security", "id": "3133", "event": "DOOR/WINDOW OPEN"})
    assert isinstance(answer, Decoded)
    assert [(one.metric, one.value, one.key) for one in answer.readings] == [("door_open", True, "")]


@pytest.mark.parametrize(
    ("shown", "zone", "at"),
    [
        ("@0.133476s", "Asia/Shanghai", None),
        ("2026-03-01 08:00:00", "", None),
        ("2026-03-01 08:00:00", "Asia/Shanghai", 1_772_323_200_000),
        ("2026-03-01T08:00:00.250+0800", "", 1_772_323_200_250),
        ("1772323200.250", "", 1_772_323_200_250),
        (None, "Asia/Shanghai", None),
    ],
)
def test_the_time_is_the_receivers_where_it_says_which(shown: object, zone: str, at: int | None) -> None:
    answer = _answer(_PANIC | {"time": shown}, zone=zone)
    assert isinstance(answer, Decoded)
    assert answer.readings[0].at == at
    assert answer.readings[0].at_source is TimeSource.GATEWAY


@pytest.mark.parametrize(
    ("ok", "said"),
    [
        (1, {"battery_low": False}),
        (0, {"battery_low": True}),
        (1.0, {"battery_low": False}),
        (0.45, {"battery": 45.0}),
        (True, {"battery_low": False}),
        ("0", {"battery_low": True}),
        (-1, {}),
        (255, {}),
        (None, {}),
        ("", {}),
    ],
)
def test_battery_ok_is_a_state_or_a_level(ok: object, said: dict[str, Any]) -> None:
    assert _said({"model": "Nexus-T", "id": 3, "battery_ok": ok}) == said


_OPEN = {"model": "SimpliSafe-Sensor", "id": "1M38R", "seq": 98, "state": 1, "extradata": "Contact Open"}


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("SimpliSafe keychain", {"sos": True}),
        ("SimpliSafe Panic Button", {"sos": True}),
        ("entry sensor of SimpliSafe", {"door_open": True}),
        ("SimpliSafe motion sensor", {"motion": True}),
        ("SimpliSafe smoke detector", {"smoke": True}),
    ],
)
def test_the_same_frame_is_a_call_or_a_door_by_what_was_registered(model: str, said: dict[str, Any]) -> None:
    assert _said(_OPEN, model) == said


def test_what_may_be_a_call_from_an_unregistered_device_is_told_as_undecoded() -> None:
    answer = _answer(_OPEN)
    assert isinstance(answer, Decoded)
    assert answer.readings == ()
    assert [(one.reason, one.device) for one in answer.rejected] == [(Reason.UNDECODED, "1M38R")]


@pytest.mark.parametrize(
    "frame",
    [
        {"model": "SimpliSafe-Gen3", "id": "4985a8ef", "msg_type": "02", "encr": "0cae222ffd842634d89e"},
        {"model": "Vivint-Security", "id": "4985a8ef", "counter": 17, "flags": 2, "data": "7a0011a2"},
    ],
)
def test_encrypted_frames_are_undecoded_and_name_their_device(frame: dict[str, Any]) -> None:
    answer = _answer(frame)
    assert isinstance(answer, Rejected)
    assert (answer.reason, answer.device) == (Reason.UNDECODED, "4985a8ef")


def test_a_frame_that_rtl433_had_the_key_for_is_decoded() -> None:
    frame = {"model": "Vivint-Security", "id": "4985a8ef", "state": "open", "contact_open": 1, "reed": 0}
    assert _said(frame) == {"door_open": True}


def test_a_pin_is_nowhere_in_the_answer() -> None:
    answer = _answer(
        {"model": "SimpliSafe-Keypad", "id": "1JZAG", "seq": 32, "extradata": "Disarm Pin: 4711"}
    )
    assert isinstance(answer, Decoded)
    assert answer.readings == ()
    assert "4711" not in repr(answer)


_SMOKE = {"model": "Interlogix-Security", "subtype": "smoke", "id": "29cd45", "switch1": "OPEN"}


@pytest.mark.parametrize(
    ("levels", "said"),
    [  # switch2 to switch4 of recordings in rtl_433_tests: smoke, test button, supervision
        ("OPEN OPEN CLOSED", {"smoke": True, "tamper": True}),
        ("OPEN OPEN OPEN", {"device_test": True, "tamper": True}),
        ("CLOSED CLOSED CLOSED", {"smoke": False, "tamper": False}),
    ],
)
def test_an_interlogix_smoke_alarm_tells_smoke_test_and_supervision_apart(
    levels: str, said: dict[str, Any]
) -> None:
    switches = dict(zip(("switch2", "switch3", "switch4"), levels.split(), strict=True))
    assert _said(_SMOKE | switches) == said


_PIR = {
    "model": "Interlogix-Security",
    "subtype": "motion",
    "id": "468d19",
    "switch1": "CLOSED",
    "switch2": "OPEN",
    "switch3": "CLOSED",
    "switch4": "OPEN",
    "switch5": "OPEN",
}


@pytest.mark.parametrize(
    ("raw", "motion"), [("e91528", True), ("8915b0", True), ("4115bc", None), ("", None), ("zz", None)]
)
def test_an_interlogix_detector_saw_somebody_only_when_its_latch_says_so(raw: str, motion: object) -> None:
    assert _said(_PIR | {"raw_message": raw}).get("motion") == motion


@pytest.mark.parametrize(("raw", "sos"), [("ad5528", True), ("2555bc", None), ("", True)])
def test_an_interlogix_pendant_calls_unless_it_says_that_nothing_happened(raw: str, sos: object) -> None:
    assert _said(_PIR | {"subtype": "panic", "raw_message": raw}).get("sos") == sos


@pytest.mark.parametrize(
    ("contact", "reed", "is_open"), [(1, 0, True), (0, 1, True), (1, 1, True), (0, 0, False)]
)
def test_a_honeywell_door_is_closed_only_when_both_loops_are(contact: int, reed: int, is_open: bool) -> None:
    payload = {"model": "Honeywell-Security", "id": 7, "contact_open": contact, "reed_open": reed}
    assert _said(payload) == {"door_open": is_open}


def test_a_honeywell_message_of_an_older_rtl433_has_only_its_state() -> None:
    payload = {"model": "Honeywell-Security", "id": 7, "event": 128, "state": "open", "heartbeat": "no"}
    assert _said(payload) == {"door_open": True}


def test_a_field_may_have_a_topic_of_its_own() -> None:
    topic = "rtl_433/radio-1/devices/Acurite-Tower/A/7021/temperature_C"
    assert _said("21.5", topic=topic) == {"room_temperature": 21.5}
    assert _said("0", topic=topic.replace("temperature_C", "battery_ok")) == {"battery_low": True}
    answer = _answer("KR18 PANIC", topic="rtl_433/radio-1/devices/X10-Security/a5c1/event")
    assert isinstance(answer, Decoded)
    assert [(one.device, one.metric) for one in answer.readings] == [("a5c1", "sos")]


def test_tyres_are_no_rooms() -> None:
    payload = {
        "model": "Toyota",
        "type": "TPMS",
        "id": "fb26ac5a",
        "pressure_PSI": 33.5,
        "temperature_C": 31.0,
    }
    assert _said(payload) == {}


def test_a_payload_on_a_topic_of_nobody_is_recognised() -> None:
    payload = json.dumps(_PANIC | {"mic": "CRC"}).encode()
    found = family_of(Message("home/radio", payload, _NOW))
    assert found is not None
    assert found.name == "rtl433"


@pytest.mark.parametrize(
    ("serial", "said"), [("29cd45", "smoke"), ("3c1204", "sos"), ("a7106d", "door_open")]
)
def test_the_kind_of_an_interlogix_transmitter_is_in_its_id_where_rtl433_does_not_name_it(
    serial: str, said: str
) -> None:
    payload = {
        "model": "Interlogix",
        "id": serial,
        "device_type": "unknown",
        "switch1": "OPEN",
        "switch2": "OPEN",
        "switch3": "CLOSED",
        "switch4": "CLOSED",
        "switch5": "OPEN",
    }
    assert _said(payload)[said] is True


def test_a_glass_break_detector_is_no_door() -> None:
    payload = {"model": "Honeywell-Security", "id": 7, "contact_open": 1, "reed_open": 0, "state": "open"}
    assert _said(payload, "2GIG glass break detector") == {}


def test_the_maker_s_code_of_a_pendant_is_enough_to_know_a_call() -> None:
    heard = {"model": "Honeywell-Security", "id": 41_900, "state": "open", "contact_open": 1, "reed_open": 0}
    assert _said(heard, "5802MN2") == {"sos": True}
    assert _said(heard, "5816") == {"door_open": True}
    assert _said(heard, "5816, worn as a help pendant") == {"sos": True}


def test_a_decoder_of_the_installer_s_own_says_what_it_is_called_but_the_registry_knows_better() -> None:
    heard = {
        "time": "@0.1s",
        "model": "Hall-PIR",
        "num_rows": 1,
        "len": 24,
        "data": "0a1b2c",
        "code": 662_316,
    }
    assert _said(heard) == {"motion": True}
    assert _said(heard, "SOS pendant") == {"sos": True}
    assert _said(heard | {"model": "unnamed"}) == {}


def test_a_sensor_of_the_installer_s_own_that_says_its_state_is_believed_rather_than_its_name() -> None:
    heard = {"time": "@0.1s", "model": "Front-Door", "num_rows": 1, "id": 12, "closed": 1}
    assert _said(heard) == {"door_open": False}
    heard = {"time": "@0.1s", "model": "Hall-PIR", "num_rows": 1, "id": 12, "motion": 0}
    assert _said(heard) == {"motion": False}
