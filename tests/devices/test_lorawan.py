"""What is special to LoRaWAN: two servers, two encodings, frames without a codec, simulated uplinks."""

import base64
import json
import subprocess
import sys
from typing import Any

import pytest
from chirpstack_api.integration import integration_pb2 as events
from hypothesis import given
from hypothesis import strategies as st

from devices.decode import decode
from devices.message import Message
from devices.reading import Decoded, Models, Reading, Reason, Rejected

_ARRIVED = 1_790_000_000_000
_EUI = "24e1240000000007"
_ON = f"application/17c82e96/device/{_EUI}/event/"
_TTS = "v3/eldercare@tenant1/devices/dev-7/up"


def said(topic: str, payload: object, model: str = "") -> Decoded | Rejected:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return decode(Message(topic, raw, _ARRIVED), Models(default=model))


def readings(topic: str, payload: object, model: str = "") -> dict[str, Reading]:
    answer = said(topic, payload, model)
    assert isinstance(answer, Decoded), answer
    return {reading.metric: reading for reading in answer.readings}


def frame(written: str) -> str:
    return base64.b64encode(bytes.fromhex(written)).decode()


def in_both(decoded: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """An uplink in ChirpStack's two encodings."""
    key, data, tags = "5b1f0b9e-0000-4c55-9a3e-000000000001", bytes(3), {"room": "302"}
    in_json = {
        "deduplicationId": key,
        "time": "2025-06-15T15:06:40.775023242+00:00",
        "deviceInfo": {"devEui": _EUI, "deviceProfileName": "Milesight VS373", "tags": tags},
        "fPort": 85,
        "data": base64.b64encode(data).decode(),
        "rxInfo": [{"rssi": -71, "snr": 7.25}, {"rssi": -64, "snr": -3.0}],
        "object": decoded,
    }
    event = events.UplinkEvent(deduplication_id=key, f_port=85, data=data)
    event.device_info.dev_eui, event.device_info.device_profile_name = _EUI, "Milesight VS373"
    event.device_info.tags.update(tags)
    event.time.FromJsonString("2025-06-15T15:06:40.775023242Z")
    for rssi, snr in ((-71, 7.25), (-64, -3.0)):
        heard = event.rx_info.add()
        heard.rssi, heard.snr = rssi, snr
    event.object.update(decoded)
    return in_json, event.SerializeToString()


_WORDS = st.sampled_from(
    ["detection_status", "battery", "events", "history", "timestamp", "respiratory_rate"]
)
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["fall", "in_bed", "vacant", "", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=3),
    max_leaves=8,
)


@given(decoded=st.dictionaries(_WORDS, _VALUES, min_size=1, max_size=4))
def test_both_encodings_of_chirpstack_say_the_same(decoded: dict[str, Any]) -> None:
    in_json, in_protobuf = in_both(decoded)
    by_name = json.dumps(in_json, sort_keys=True).encode()
    assert said(_ON + "up", in_protobuf) == said(_ON + "up", by_name)


def test_a_fall_in_protobuf_has_the_key_that_it_has_in_json() -> None:
    alarm = {"alarm_id": 9, "alarm_type": "fall", "alarm_status": "alarm_triggered"}
    for encoded in in_both({"events": [alarm]}):
        fall = readings(_ON + "up", encoded)["fall"]
        assert (fall.device, fall.key) == (_EUI, "9+alarm_triggered")
        assert fall.at == 1_750_000_000_775


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ({"battery_level": 88.25, "margin": 7}, {"battery": 88.25}),
        ({"external_power_source": True}, {"mains_power": True}),
        ({"battery_level_unavailable": True}, {}),
        ({"margin": 7}, {}),  # a level of zero is omitted, and LoRaWAN's zero is external power
    ],
)
def test_a_status_in_protobuf(status: dict[str, Any], told: dict[str, Any]) -> None:
    event = events.StatusEvent(deduplication_id="a", **status)
    answer = readings(_ON + "status", event.SerializeToString())
    assert {name: reading.value for name, reading in answer.items()} == told


def test_an_error_in_the_log_in_protobuf_is_a_fault_and_a_warning_is_none() -> None:
    error = events.LogEvent(level=events.ERROR, code=events.UPLINK_MIC)
    error.time.FromJsonString("2025-06-15T15:06:40Z")
    fault = readings(_ON + "log", error.SerializeToString())["fault"]
    assert (fault.value, fault.detail, fault.at) == (True, "UPLINK_MIC", 1_750_000_000_000)
    error.level = events.WARNING
    assert readings(_ON + "log", error.SerializeToString()) == {}


@pytest.mark.parametrize("nested", [40, 200])
def test_an_object_nested_too_deep_is_rejected_with_its_device(nested: int) -> None:
    event = events.UplinkEvent(deduplication_id="a")
    value = event.object.fields["a"]
    for _ in range(min(nested, 90)):
        value = value.struct_value.fields["a"]
    value.bool_value = True
    raw = event.SerializeToString()
    answer = said(_ON + "up", raw * (nested // 40))
    assert isinstance(answer, Rejected)
    assert answer.device == _EUI


@pytest.mark.parametrize(
    "payload", [b"\n", b"\n\x24", b"\x12\xff\xff", b"\x08", b"\nhello", b"\n{", b"{", b""]
)
def test_what_is_in_neither_encoding_is_rejected_with_its_device(payload: bytes) -> None:
    answer = said(_ON + "up", payload)
    assert isinstance(answer, Rejected)
    assert answer.device == _EUI


def test_a_line_break_before_json_does_not_make_it_protobuf() -> None:
    assert "device_joined" in readings(_ON + "join", b'\n  {"deviceInfo": {}}')


def test_a_wristband_without_a_codec_calls_for_help() -> None:
    payload = {"deduplicationId": "k", "data": frame("054b07e9060f170628"), "fPort": 1}
    payload["deviceInfo"] = {"deviceProfileName": "MOKO LW004-CT"}
    answer = readings(_ON + "up", payload)
    assert {name: reading.value for name, reading in answer.items()} == {"sos": True, "battery": 75}
    assert answer["sos"].key == "k"


@pytest.mark.parametrize(
    ("model", "written"),
    [
        ("MOKO LW004-CT", "01640102"),  # contact tracing
        ("MOKO LW004-CT", "05ff"),  # no such battery level: another firmware's frame
        ("MOKO LW004-CT", "05"),
        ("MOKO LW004-PB", "054b07e9060f170628"),  # another device with other frames
        ("", "054b07e9060f170628"),
        ("SenseCAP T1000-A", "0600004000"),  # cut short
        ("SenseCAP T1000-A", "ff0102"),
        ("Cayenne LPP", "0167"),
        ("Cayenne LPP", "01ff00"),
        ("Cayenne LPP", ""),
    ],
)
def test_a_frame_that_nobody_can_read_is_reported_with_its_device(model: str, written: str) -> None:
    payload = {"uplink_message": {"f_port": 5, "frm_payload": frame(written) or "="}}
    answer = said(_TTS, payload, model)
    assert isinstance(answer, Rejected)
    assert (answer.reason, answer.device) == (Reason.UNDECODED, "dev-7")


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (
            "06000040 00 684ee180 0633eded 01d27eed 0138 000c 55",
            {"sos": True, "battery": 85, "device_temperature": 31.2, "latitude": 30.572269},
        ),
        (
            "0b000080 00 684ee180 aabbccddee01c4 ffffffffffffff ffffffffffffff 2a",
            {"button_press": True, "battery": 42},
        ),
        ("11 03 000040 684ee180 8000 0000 63", {"sos": True, "battery": 99}),
        ("10 000008 00 684ee180 41 00 0000", {"vibration": True, "battery": 65}),
        ("05 5a 00 00 01", {"battery": 90}),
    ],
)
def test_a_tracker_without_a_codec(written: str, told: dict[str, Any]) -> None:
    payload = {"uplink_message": {"f_port": 5, "frm_payload": frame(written)}}
    answer = readings(_TTS, payload, "SenseCAP T1000-B")
    assert {name: answer[name].value for name in told} == told
    assert not set(answer) - set(told) - {"longitude"}
    if len(told) > 1:  # a heartbeat has no time of its own
        assert {reading.at for reading in answer.values()} == {1_750_000_000_000}


def test_cayenne_lpp_is_read_when_the_model_says_that_it_is_it() -> None:
    written = "0167 010f 0268 50 0367 ffec 0466 01 0573 2775 0688 06765f f2960a 0003e8"
    payload = {"data": frame(written), "fPort": 2, "deviceInfo": {"tags": {"model": "Cayenne-LPP"}}}
    answer = said(_ON + "up", payload)
    assert isinstance(answer, Decoded)
    told = [(reading.metric, reading.value) for reading in answer.readings]
    assert told == [
        ("room_temperature", 27.1),
        ("humidity", 40.0),
        ("room_temperature", -2.0),
        ("presence", True),
        ("air_pressure", 1010.1),
        ("latitude", 42.3519),
        ("longitude", -87.9094),
    ]
    assert isinstance(said(_ON + "up", payload | {"deviceInfo": {}}), Rejected)


@pytest.mark.parametrize("decoded", [{"bytes": [1, 2]}, {"valid": False, "err": 0, "payload": "ff"}])
def test_a_codec_that_did_not_understand_is_a_fault_and_not_a_quiet_device(decoded: dict[str, Any]) -> None:
    payload = {
        "uplink_message": {"frm_payload": "AQI=", "decoded_payload": decoded, "rx_metadata": [{"rssi": -90}]}
    }
    answer = said(_TTS, payload)
    assert isinstance(answer, Decoded)
    assert [rejected.reason for rejected in answer.rejected] == [Reason.UNDECODED]
    assert [reading.metric for reading in answer.readings] == ["rssi"]


def test_a_simulated_call_for_help_is_a_test() -> None:
    uplink = {"frm_payload": "AQ==", "decoded_payload": {"Device": "R312A", "Alarm": 1, "Volt": 3}}
    payload = {"received_at": "2025-06-15T15:06:40Z", "uplink_message": uplink}
    assert readings(_TTS, payload)["sos"].value is True
    test = readings(_TTS, payload | {"simulated": True})
    assert list(test) == ["device_test"]
    assert test["device_test"].at == 1_750_000_000_000


@given(
    data=st.binary(max_size=60),
    port=st.integers(0, 255) | st.sampled_from([None, [], {}, "5", 5.5]),
    model=st.sampled_from(["t1000", "lw004-ct", "lw004-pb", "lw006", "lpp"]),
)
def test_any_frame_is_read_or_reported(data: bytes, port: object, model: str) -> None:
    uplink = {"f_port": port, "frm_payload": base64.b64encode(data).decode() or "AA"}
    assert isinstance(said(_TTS, {"uplink_message": uplink}, model), (Decoded, Rejected))


def test_a_list_longer_than_any_frame_is_cut_and_named() -> None:
    items = [{"timestamp": 1_750_000_000 + second, "temperature": 20.5} for second in range(3000)]
    answer = said(_TTS, {"uplink_message": {"decoded_payload": {"history": items}}}, "EM300-TH")
    assert isinstance(answer, Decoded)
    assert 100 < len(answer.readings) < 1000
    assert answer.left == ("history",)


def test_a_call_for_help_among_thousands_of_fields_is_heard() -> None:
    fields: dict[str, Any] = {f"field_{number}": number for number in range(5000)}
    assert (
        readings(_TTS, {"uplink_message": {"decoded_payload": fields | {"sos": True}}})["sos"].value is True
    )


@pytest.mark.parametrize(
    ("value", "motion"), [(0, False), (1, True), (17, True), ("3", True), (None, None), ("", None)]
)
def test_a_count_of_movements_is_motion_when_it_is_over_none(value: object, motion: bool | None) -> None:
    answer = readings(_TTS, {"uplink_message": {"decoded_payload": {"motion": value}}}, "Elsys ERS")
    assert (answer["motion"].value if answer else None) is motion


@pytest.mark.parametrize(
    ("model", "wanted"), [("SenseCAP T1000-B", "device_temperature"), ("S2101", "room_temperature")]
)
def test_what_a_measurement_is_of_depends_on_the_model(model: str, wanted: str) -> None:
    messages = [[{"measurementId": "4097", "measurementValue": 31.2, "timestamp": 1_750_000_000_000}]]
    answer = readings(_TTS, {"uplink_message": {"decoded_payload": {"messages": messages}}}, model)
    assert list(answer) == [wanted]


def test_the_model_may_be_said_by_the_servers_own_catalogue_a_tag_or_an_attribute() -> None:
    decoded, frame_of = {"occupancy": "occupied"}, "AA=="
    uplink = {"decoded_payload": decoded, "frm_payload": frame_of}
    version = {"brand_id": "milesight-iot", "model_id": "vs341"}
    for more in ({"version_ids": version}, {"attributes": {"model": "VS341"}}):
        assert "seat_occupied" in readings(_TTS, {"uplink_message": uplink | more})
    for info in ({"tags": {"model": "vs341"}}, {"deviceProfileName": "Milesight VS341"}):
        assert "seat_occupied" in readings(_ON + "up", {"object": decoded, "deviceInfo": info})
    assert readings(_TTS, {"uplink_message": uplink}) == {}


def test_of_two_doors_the_open_one_is_said_last() -> None:
    uplink = {"decoded_payload": {"magnet_chn1": "open", "magnet_chn2": "closed"}}
    answer = said(_TTS, {"uplink_message": uplink}, "Milesight TS302")
    assert isinstance(answer, Decoded)
    doors = [(reading.detail, reading.value) for reading in answer.readings if reading.metric == "door_open"]
    assert doors == [("2", False), ("1", True)]


@pytest.mark.parametrize(
    "decoded",
    [
        {"data": {"alarm": "SOS"}},
        {"bytes": {"alarm": "SOS"}},
        {"data": {"alarm": "SOS"}, "errors": [], "warnings": []},
    ],
)
def test_a_codec_may_wrap_once_more_what_it_means(decoded: dict[str, Any]) -> None:
    uplink = {"decoded_payload": decoded, "frm_payload": "gAE="}
    answer = said(_TTS, {"uplink_message": uplink})
    assert isinstance(answer, Decoded)
    assert answer.rejected == ()
    assert [reading.metric for reading in answer.readings] == ["sos"]


def test_protobuf_is_loaded_with_the_first_message_in_it_and_grpc_never() -> None:
    event = events.JoinEvent(deduplication_id="a").SerializeToString()
    program = f"""
import sys
from devices.decode import decode
from devices.message import Message
assert "chirpstack_api" not in sys.modules
assert decode(Message({_ON + "join"!r}, {event!r}, 0)).readings
assert "chirpstack_api" in sys.modules and "grpc" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)


@pytest.mark.parametrize(
    ("model", "port", "written", "told"),
    [
        ("MOKO LW004-PB", 1, "57 10 684ee180 03", {"sos": True, "battery": 87, "charging": False}),
        ("MOKO LW004-PB", 1, "c0 10 684ee180 04", {"help_cancelled": True, "battery": 64, "charging": True}),
        ("MOKO LW004-PB", 1, "57 10 684ee180 07", {"fall_suspected": True, "battery": 87, "charging": False}),
        ("MOKO LW006", 5, "28 684ee180 f8 05", {"sos": True, "battery": 40, "charging": False}),
        ("MOKO LW006", 5, "28 684ee180 10 04", {"fall_cleared": True, "battery": 40, "charging": False}),
    ],
)
def test_an_event_of_a_panic_button_without_a_codec(
    model: str, port: int, written: str, told: dict[str, Any]
) -> None:
    heard = readings(_ON + "up", {"fPort": port, "data": frame(written)}, model)
    assert {name: reading.value for name, reading in heard.items()} == told
    assert {reading.at for reading in heard.values()} == {1_750_000_000_000}


@pytest.mark.parametrize(
    ("port", "written"),
    [
        (4, "57 10 684ee180 03"),  # no event: a heartbeat
        (1, "57 10 684ee180 0c"),  # an event that no firmware has
        (1, "7f 10 684ee180 03"),  # a battery of 127 %
        (1, "57 10 00000180 03"),  # a time before it was made: another firmware's frame
        (1, "57 70 684ee180 03"),  # no zone on Earth
        (1, "57 10 684ee180 03 00"),
    ],
)
def test_what_is_not_quite_such_an_event_stays_undecoded(port: int, written: str) -> None:
    answer = said(_ON + "up", {"fPort": port, "data": frame(written)}, "MOKO LW004-PB")
    assert isinstance(answer, Rejected)
    assert (answer.reason, answer.device) == (Reason.UNDECODED, _EUI)


def test_a_measurement_may_come_normalised_alone() -> None:
    uplink = {"f_cnt": 3, "normalized_payload": {"air": {"temperature": 20.5, "relativeHumidity": 0}}}
    heard = readings(_TTS + "/normalized", {"uplink_normalized": uplink})
    assert {name: reading.value for name, reading in heard.items()} == {
        "room_temperature": 20.5,
        "humidity": 0,
    }


def test_a_device_that_cannot_tell_its_battery_says_nothing_of_its_power() -> None:
    status = {"margin": 4, "externalPowerSource": False, "batteryLevelUnavailable": True, "batteryLevel": 0}
    assert readings(_ON + "status", status) == {}


def test_a_model_is_known_behind_the_name_of_its_maker() -> None:
    told = {"battery": 3.6, "status": 1, "temperatureBoard": 20}
    heard = readings(_TTS, {"uplink_message": {"decoded_payload": told}}, "browan tabs-tbms100")
    assert heard["motion"].value is True


@pytest.mark.parametrize(
    ("bits", "calls"),
    [("10", True), ("111", True), ("101", False), ("1", False), ("0", False), (10, True), ("x", False)],
)
def test_a_call_may_be_one_bit_of_a_number_written_in_binary(bits: object, calls: bool) -> None:
    told = {"Device": "R315", "Volt": 3, "BinarySensorReport": bits}
    heard = readings(_TTS, {"uplink_message": {"decoded_payload": told}})
    assert ("sos" in heard) is calls
