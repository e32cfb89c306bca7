"""What the envelopes of The Things Stack and ChirpStack say, message by message."""

import json

import pytest

from devices.families import chirpstack4, tts3
from devices.message import Message
from devices.reading import Decoded, Known, Models, Reading, Reason, Rejected, TimeSource

_ARRIVED = 1_790_000_000_000
_AT = "2025-06-15T15:06:40.123456789Z"
_AT_MS = 1_750_000_000_123
_UP = "v3/eldercare@tenant1/devices/ws101-1/up"
_EVENT = "application/17c82e96/device/24e1240001010002/event/"


def _message(topic: str, payload: object) -> Message:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Message(topic, raw, _ARRIVED)


def _tts(payload: object, topic: str = _UP, model: str = "") -> Decoded:
    answer = tts3.decode(_message(topic, payload), Models(default=model))
    assert isinstance(answer, Decoded)
    return answer


def _chirpstack(event: str, payload: object, model: str = "") -> Decoded:
    answer = chirpstack4.decode(_message(_EVENT + event, payload), Models(default=model))
    assert isinstance(answer, Decoded)
    return answer


def _said(answer: Decoded) -> dict[str, object]:
    return {reading.metric: reading.value for reading in answer.readings}


def _one(answer: Decoded, metric: str) -> Reading:
    (found,) = (reading for reading in answer.readings if reading.metric == metric)
    return found


def _uplink(decoded: object, **more: object) -> dict[str, object]:
    return {
        "end_device_ids": {"device_id": "ws101-1", "dev_eui": "24E1240000000001"},
        "received_at": _AT,
        "uplink_message": {"f_port": 85, "f_cnt": 7, "decoded_payload": decoded, **more},
    }


class TestTheThingsStack:
    """Uplinks, joins, downlinks, positions, times and keys."""

    @pytest.mark.parametrize("topic", [_UP, "v3/a/devices/b/down/ack", "v3/a@t/devices/b/location/solved"])
    def test_its_topics_are_claimed(self, topic: str) -> None:
        assert tts3.claims(topic)

    @pytest.mark.parametrize("topic", ["v3/a", "v1/gateway/telemetry", "v3x/a/devices/b/up", ""])
    def test_other_topics_are_not_claimed(self, topic: str) -> None:
        assert not tts3.claims(topic)

    def test_an_uplink_says_what_the_codec_said_and_how_it_was_heard(self) -> None:
        heard = [{"rssi": -110, "snr": 8.5}, {"rssi": -97, "snr": 7.2}, "x", {"rssi": True}]
        answer = _tts(_uplink({"button": "long", "battery": 90}, rx_metadata=heard), model="Milesight WS101")
        assert _said(answer) == {"button_press": True, "battery": 90, "rssi": -97, "snr": 8.5}
        press = _one(answer, "button_press")
        assert (press.device, press.at, press.at_source) == ("ws101-1", _AT_MS, TimeSource.GATEWAY)
        assert press.detail == "long"
        assert press.key == f"7@{_AT}"

    @pytest.mark.parametrize(
        ("decoded", "said"),
        [
            (
                {"events": [{"alarm_id": 1, "alarm_type": "fall", "alarm_status": "alarm_triggered"}]},
                {"fall": True},
            ),
            ({"detection_status": "fall"}, {"fall": True, "presence": True}),
            ({"header": {"sos": True}}, {"sos": True}),
            ({"sosFlag": 1}, {"sos": True}),
            ({"event_type": "SOS Start"}, {"sos": True}),
            ({"Device": "R312A", "Alarm": 1}, {"sos": True}),
            ({"FireAlarm": "Alarm", "COAlarm": "No Alarm"}, {"smoke": True, "carbon_monoxide": False}),
            ({"gas_status": "alarm"}, {"gas": True}),
            ({"leakage_status": "leak"}, {"water_leak": True}),
        ],
    )
    def test_a_danger_needs_no_model(self, decoded: object, said: dict[str, object]) -> None:
        assert _said(_tts(_uplink(decoded))) == said

    def test_without_a_model_the_ambiguous_is_left_by_name(self) -> None:
        answer = _tts(
            _uplink({"status": 1, "battery": 3.6, "open": 1, "occupancy": "occupied", "temperature": 21})
        )
        assert answer.readings == ()
        assert set(answer.left) == {"status", "battery", "open", "occupancy", "temperature"}

    def test_the_key_is_the_frames_not_the_codecs_random_number(self) -> None:
        once, again = (
            _tts(_uplink({"button_event": {"status": "long press", "msgid": number}}), model="WS101")
            for number in (582383, 111111)
        )
        assert once == again
        other = _uplink({"button_event": {"status": "long press", "msgid": 1}}) | {
            "received_at": "2025-06-15T15:07:40Z"
        }
        assert _one(_tts(other, model="WS101"), "button_press").key != _one(once, "button_press").key

    def test_zeros_are_omitted_by_the_server_and_missed_by_nobody(self) -> None:
        payload = {"received_at": _AT, "uplink_message": {"decoded_payload": {"humidity": 40}}}
        answer = _tts(payload)
        assert _said(answer) == {"humidity": 40}
        assert answer.readings[0].device == "ws101-1"

    def test_a_time_of_the_gateway_serves_when_the_servers_is_missing(self) -> None:
        payload = {
            "uplink_message": {
                "decoded_payload": {"humidity": 40},
                "rx_metadata": [{"rssi": -1}, {"time": _AT}],
            }
        }
        assert _one(_tts(payload), "humidity").at == _AT_MS

    @pytest.mark.parametrize("more", [{}, {"decoded_payload": None}, {"decoded_payload": "x"}])
    def test_a_frame_that_nobody_decoded_is_rejected(self, more: dict[str, object]) -> None:
        payload = {"received_at": _AT, "uplink_message": {"frm_payload": "qg==", **more}}
        answer = tts3.decode(_message(_UP, payload), Models(default="Seeed SenseCAP T1000"))
        assert answer == Rejected(Reason.UNDECODED, "no payload formatter decoded the frame", "ws101-1")

    def test_a_frame_without_a_payload_is_only_heard(self) -> None:
        payload = {"received_at": _AT, "uplink_message": {"f_cnt": 3, "rx_metadata": [{"rssi": -97}]}}
        assert _said(_tts(payload)) == {"rssi": -97}

    def test_the_normalised_payload_says_what_the_codecs_words_did_not(self) -> None:
        measured = [{"air": {"temperature": 99}, "battery": 3.1, "action": {"contactState": "closed"}}]
        answer = _tts(_uplink({"temperature": 21.5, "battery": 3.1}, normalized_payload=measured))
        assert _said(answer) == {"room_temperature": 21.5, "battery_voltage": 3.1, "door_open": False}

    def test_the_models_may_be_told_by_the_device_repository(self) -> None:
        version = {"brand_id": "browan", "model_id": "tbdw100"}
        assert _said(_tts(_uplink({"status": 1}, version_ids=version))) == {"door_open": True}

    def test_the_last_status_answer_has_its_own_time(self) -> None:
        battery = {"value": 94.488, "f_cnt": 1, "received_at": "2025-06-14T15:06:40Z"}
        reading = _one(_tts(_uplink({"humidity": 40}, last_battery_percentage=battery)), "battery")
        assert (reading.value, reading.at) == (94.49, 1_749_913_600_000)

    def test_a_join_is_told(self) -> None:
        answer = _tts({"received_at": _AT, "join_accept": {"session_key_id": "x"}}, "v3/a/devices/d/join")
        assert [(one.device, one.metric, one.at) for one in answer.readings] == [
            ("d", "device_joined", _AT_MS)
        ]

    def test_a_resolved_location_is_told(self) -> None:
        solved = {"service": "gls", "location": {"latitude": 30.5, "longitude": 104.1, "accuracy": 20}}
        answer = _tts({"received_at": _AT, "location_solved": solved}, "v3/a/devices/d/location/solved")
        assert _said(answer) == {"latitude": 30.5, "longitude": 104.1, "location_accuracy": 20}

    @pytest.mark.parametrize("what", ["ack", "nack", "queued", "sent", "failed"])
    def test_the_fate_of_downlinks_is_no_reading(self, what: str) -> None:
        payload = {"received_at": _AT, f"downlink_{what}": {"f_port": 15, "frm_payload": "vu8="}}
        assert _tts(payload, f"v3/a/devices/d/down/{what}") == Decoded("tts3")

    @pytest.mark.parametrize(
        ("payload", "reason"),
        [
            (b"{", Reason.NOT_JSON),
            (b"", Reason.EMPTY),
            ([1], Reason.WRONG_SHAPE),
            ({"x": 1}, Reason.WRONG_SHAPE),
        ],
    )
    def test_the_malformed_is_rejected_with_its_device(self, payload: object, reason: Reason) -> None:
        answer = tts3.decode(_message(_UP, payload), Models())
        assert isinstance(answer, Rejected)
        assert (answer.reason, answer.device) == (reason, "ws101-1")

    def test_sensecap_measurements_have_their_own_times(self) -> None:
        def measured(number: str | float, value: object, stamp: int) -> dict[str, object]:
            return {"measurementId": number, "measurementValue": value, "timestamp": stamp}

        sos, before = 1_750_000_000_000, 1_749_999_000_000
        messages = [
            [measured("4200", [{"id": 7, "eventName": "SOS event."}], sos), measured("3000", 85, sos)],
            [measured("4198", 30.57, before), measured("4197", 104.06, before)],
            [measured(4200.0, [{"id": 8.0, "eventName": "Press once event."}], before)],
            [measured("5001", [{"mac": "x", "rssi": -3}], 0), {"type": "upload_battery", "battery": 84}],
        ]
        answer = _tts(_uplink({"valid": True, "messages": messages}), model="Seeed SenseCAP T1000 tracker")
        assert {(one.metric, one.value, one.at) for one in answer.readings} == {
            ("sos", True, sos),
            ("battery", 85, sos),
            ("button_press", True, before),
            ("latitude", 30.57, before),
            ("longitude", 104.06, before),
            ("battery", 84, _AT_MS),
        }
        assert _one(answer, "sos").key != f"7@{_AT}"
        assert _one(answer, "sos").at_source is TimeSource.DEVICE


class TestChirpStack:
    """Events, keys, status and what is not decoded."""

    @pytest.mark.parametrize(
        "event", ["up", "status", "join", "ack", "txack", "log", "location", "integration"]
    )
    def test_its_topics_are_claimed(self, event: str) -> None:
        assert chirpstack4.claims(_EVENT + event)

    @pytest.mark.parametrize(
        "topic", ["application", "applications/1/device/2/event/up", "eu868/gateway/x/event/up"]
    )
    def test_other_topics_are_not_claimed(self, topic: str) -> None:
        assert not chirpstack4.claims(topic)

    def test_an_uplink_is_keyed_by_its_deduplication_id(self) -> None:
        payload = {
            "deduplicationId": "3ac7e3c4",
            "time": "2025-06-15T15:06:40.775023242+00:00",
            "deviceInfo": {"devEui": "24e1240001010002", "deviceProfileName": "MerryIoT DW10"},
            "object": {"open": 1, "button": 1, "battery_volt": 3.6},
            "rxInfo": [{"rssi": -36, "snr": 10.5}],
        }
        answer = _chirpstack("up", payload)
        assert _said(answer) == {
            "door_open": True, "button_press": True, "battery_voltage": 3.6, "rssi": -36, "snr": 10.5,
        }  # fmt: skip
        assert {(one.device, one.at, one.key) for one in answer.readings} == {
            ("24e1240001010002", 1_750_000_000_775, "3ac7e3c4")
        }

    def test_a_fall_alarm_is_keyed_by_its_own_number_for_a_while(self) -> None:
        def fall(minute: int, number: int, status: str, uplink: str) -> Reading:
            payload = {
                "deduplicationId": uplink,
                "time": f"2025-06-15T15:{minute:02}:00Z",
                "object": {"events": [{"alarm_id": number, "alarm_type": "fall", "alarm_status": status}]},
            }
            (reading,) = _chirpstack("up", payload, "Milesight VS373 fall radar").readings
            return reading

        first = fall(0, 1, "alarm_triggered", "a")
        assert fall(3, 1, "alarm_triggered", "b").key == first.key
        assert fall(3, 2, "alarm_triggered", "c").key != first.key
        assert first.good_for_ms == 600_000, "a number is used again after a restart"
        cleared = fall(3, 1, "alarm_deactivated", "e")
        assert cleared.metric == "fall_cleared"
        assert cleared.key != first.key

    def test_history_has_its_own_times_and_undated_history_is_left(self) -> None:
        items = [
            {"timestamp": 1_700_000_000, "leakage_status": "leak"},
            {"timestamp": 0, "leakage_status": "leak"},
        ]
        payload = {
            "deduplicationId": "x",
            "time": _AT,
            "object": {"history": items, "leakage_status": "normal"},
        }
        answer = _chirpstack("up", payload, "EM300-SLD")
        assert [(one.value, one.at, one.at_source) for one in answer.readings] == [
            (False, _AT_MS, TimeSource.GATEWAY),
            (True, 1_700_000_000_000, TimeSource.DEVICE),
        ]
        assert answer.left == ("history",)

    @pytest.mark.parametrize(
        ("status", "said"),
        [
            ({"margin": 10, "batteryLevel": 88.3}, {"battery": 88.3}),
            ({"margin": 10, "externalPowerSource": True, "batteryLevel": 0}, {"mains_power": True}),
            ({"batteryLevelUnavailable": True, "batteryLevel": 0}, {}),
            ({"batteryLevel": -1}, {}),
            ({"externalPowerSource": False, "batteryLevel": 5}, {"mains_power": False, "battery": 5}),
        ],
    )
    def test_a_status_answer_is_a_battery_or_mains(
        self, status: dict[str, object], said: dict[str, object]
    ) -> None:
        assert _said(_chirpstack("status", status)) == said

    @pytest.mark.parametrize("event", ["ack", "txack", "integration"])
    def test_what_carries_no_reading_is_decoded_as_nothing(self, event: str) -> None:
        payload = {"time": _AT, "object": {"temperature": 21, "sos": True}, "acknowledged": True}
        assert _chirpstack(event, payload).readings == ()

    def test_commands_are_ours_and_say_nothing(self) -> None:
        message = _message("application/1/device/2/command/down", {"object": {"sos": True}})
        assert chirpstack4.decode(message, Models()) == Decoded("chirpstack4")

    @pytest.mark.parametrize(
        ("level", "said"), [("ERROR", {"fault": True}), ("WARNING", {}), ("INFO", {}), (None, {})]
    )
    def test_only_an_error_in_the_log_is_a_fault(self, level: str | None, said: dict[str, object]) -> None:
        assert _said(_chirpstack("log", {"time": _AT, "level": level, "code": "UPLINK_MIC"})) == said

    @pytest.mark.parametrize(
        "place", [{}, None, {"latitude": 0, "longitude": 0}, {"latitude": "north", "longitude": 4}]
    )
    def test_no_place_is_no_position(self, place: object) -> None:
        assert _chirpstack("location", {"location": place}).readings == ()

    @pytest.mark.parametrize(
        ("event", "payload", "reason"),
        [
            ("up", {"data": "qg=="}, Reason.UNDECODED),
            ("up", {"data": "qg==", "object": {}}, Reason.UNDECODED),
            ("up", b"\x0a$3ac7e3c4\x12\x0c\x08\x80\xc3\xbb\xc2\x06", Reason.WRONG_SHAPE),
            ("up", [], Reason.WRONG_SHAPE),
            ("nonsense", {}, Reason.UNKNOWN_TOPIC),
        ],
    )
    def test_the_undecoded_is_rejected_with_its_device(
        self, event: str, payload: object, reason: Reason
    ) -> None:
        answer = chirpstack4.decode(_message(_EVENT + event, payload), Models())
        assert isinstance(answer, Rejected)
        assert (answer.reason, answer.device) == (reason, "24e1240001010002")

    def test_integers_that_became_floats_are_the_same_words(self) -> None:
        known: Known = Models(default="Netvox R312A")
        for alarm in (1, 1.0, "1", True):
            answer = chirpstack4.decode(_message(_EVENT + "up", {"object": {"Alarm": alarm}}), known)
            assert isinstance(answer, Decoded)
            assert _said(answer) == {"sos": True}
