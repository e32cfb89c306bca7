"""What the envelopes of zigbee2mqtt, The Things Stack and ChirpStack say, message by message."""

import json

import pytest

from devices.families import chirpstack4, tts3, zigbee2mqtt
from devices.message import Message
from devices.reading import Decoded, Known, Learned, Models, Reading, Reason, Rejected, TimeSource

_ARRIVED = 1_790_000_000_000
_AT = "2025-06-15T15:06:40.123456789Z"
_AT_MS = 1_750_000_000_123
_UP = "v3/eldercare@tenant1/devices/ws101-1/up"
_EVENT = "application/17c82e96/device/24e1240001010002/event/"


def _message(topic: str, payload: object) -> Message:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Message(topic, raw, _ARRIVED)


def _zigbee(topic: str, payload: object, model: str = "") -> Decoded:
    answer = zigbee2mqtt.decode(_message(f"zigbee2mqtt/{topic}", payload), Models(default=model))
    assert isinstance(answer, Decoded)
    return answer


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


class TestZigbee2mqtt:
    """Friendly names, plain-text topics, the bridge, and actions."""

    @pytest.mark.parametrize(
        "topic",
        ["zigbee2mqtt/x", "zigbee2mqtt-floor2/a/b", "Zigbee2MQTT/ lead", "z2m/x", "zigbee2mqtt/bridge/state"],
    )
    def test_its_bases_are_claimed(self, topic: str) -> None:
        assert zigbee2mqtt.claims(topic)

    @pytest.mark.parametrize(
        "topic",
        [
            "zigbee2mqtt",
            "zigbee2mqtt/",
            "home/zigbee2mqtt/x",
            "zigbee/send",
            "tele/x/SENSOR",
            "homeassistant/sensor/0x0c/config",
            "shouwang/v1/site/device/event",
            "",
        ],
    )
    def test_other_topics_are_not_claimed(self, topic: str) -> None:
        assert not zigbee2mqtt.claims(topic)

    @pytest.mark.parametrize(
        "name", [" Presence_DiningRoom", "Bedroom Window", "floor 2/room/bed", "0x00158d00", "房间 302"]
    )
    def test_a_friendly_name_is_kept_byte_for_byte(self, name: str) -> None:
        answer = _zigbee(name, {"battery": 50})
        assert answer.readings == (Reading(name, "battery", 50, at_source=TimeSource.GATEWAY),)

    @pytest.mark.parametrize(
        ("action", "metric"),
        [
            ("emergency", "sos"),
            ("panic", "sos"),
            ("sos", "sos"),
            ("emergency_1", "sos"),
            ("single", "button_press"),
            ("double", "button_press"),
            ("hold", "button_press"),
            ("1_single", "button_press"),
            ("button_2_hold", "button_press"),
            ("on", "button_press"),
            ("brightness_move_up", "button_press"),
            ("arm_all_zones", "button_press"),
            ("recall_1", "button_press"),
        ],
    )
    def test_an_action_is_a_call_for_help_or_a_press(self, action: str, metric: str) -> None:
        assert _said(_zigbee("button", {"action": action})) == {metric: True}
        assert _said(_zigbee("button/action", action.encode())) == {metric: True}
        assert _one(_zigbee("button", {"action": action}), metric).detail == action

    @pytest.mark.parametrize(
        "action", ["", None, "release", "hold_release", "brightness_stop", "fall", "drop", "motion"]
    )
    def test_what_is_no_new_press_says_nothing(self, action: str | None) -> None:
        assert _zigbee("button", {"action": action}).readings == ()
        assert _zigbee("button/action", (action or "").encode()).readings == ()

    def test_the_legacy_click_is_a_press_and_told_once(self) -> None:
        assert [one.metric for one in _zigbee("b", {"click": "single", "action": "single"}).readings] == [
            "button_press"
        ]

    @pytest.mark.parametrize("words", [{"sos": True}, {"emergency": True}, {"action": "panic"}])
    def test_a_call_for_help_needs_no_model(self, words: dict[str, object]) -> None:
        assert _said(_zigbee("unknown", words)) == {"sos": True}

    def test_a_level_that_fell_is_no_event(self) -> None:
        assert _zigbee("b", {"sos": False, "emergency": False}).readings == ()

    def test_without_a_model_the_ambiguous_is_left_by_name(self) -> None:
        answer = _zigbee("x", {"contact": False, "occupancy": True, "temperature": 21, "water_leak": False})
        assert _said(answer) == {"water_leak": False}
        assert set(answer.left) == {"contact", "occupancy", "temperature"}

    def test_a_temperature_alone_is_the_rooms(self) -> None:
        assert _said(_zigbee("x", {"temperature": 21, "humidity": 40})) == {
            "room_temperature": 21,
            "humidity": 40,
        }

    @pytest.mark.parametrize(
        ("model", "said"),
        [
            ("SONOFF SNZB-04", {"door_open": True}),
            ("Aqara MCCGQ11LM", {"door_open": True}),
            ("some door sensor", {"door_open": True}),
            ("OWON SPM915 sleeping pad", {}),
            ("", {}),
        ],
    )
    def test_contact_means_what_the_model_says(self, model: str, said: dict[str, object]) -> None:
        assert _said(_zigbee("x", {"contact": False}, model)) == said

    def test_the_model_may_come_with_the_message(self) -> None:
        answer = _zigbee(
            "x", {"occupancy": True, "device": {"modelId": "lumi.sensor_motion", "status": "online"}}
        )
        assert _said(answer) == {"motion": True}

    @pytest.mark.parametrize("value", [None, "", "unknown", "N/A", "none"])
    def test_no_value_is_no_reading(self, value: str | None) -> None:
        payload = {"battery": value, "water_leak": value, "smoke": value, "temperature": value, "action": ""}
        answer = _zigbee("x", payload)
        assert answer.readings == ()
        assert answer.rejected == ()

    def test_numbers_may_be_texts_and_wrong_ones_are_named(self) -> None:
        answer = _zigbee("x", {"battery": "100.00", "humidity": "wet"})
        assert _said(answer) == {"battery": 100}
        assert answer.rejected == (Rejected(Reason.WRONG_TYPE, "humidity is no number", "x", "humidity"),)

    def test_raw_illuminance_gives_way_to_lux(self) -> None:
        assert _said(_zigbee("x", {"illuminance": 1515, "illuminance_lux": 15})) == {"illuminance": 15}
        assert _said(_zigbee("x", {"illuminance": 44})) == {"illuminance": 44}

    def test_voltage_is_the_batterys_in_mv_and_never_the_mains(self) -> None:
        assert _one(_zigbee("x", {"voltage": 3025}), "battery_voltage").unit == "mV"
        assert _said(_zigbee("plug", {"voltage": 231.5, "power": 12, "state": "ON"})) == {
            "power": 12,
            "relay_on": True,
        }

    def test_a_smoke_test_is_no_fire(self) -> None:
        assert _said(_zigbee("x", {"smoke": True, "test": True})) == {"device_test": True}
        assert _said(_zigbee("x", {"smoke": True, "test": False})) == {"smoke": True}
        assert _said(_zigbee("x", {"smoke": False, "test": False})) == {"smoke": False}

    @pytest.mark.parametrize(
        ("seen", "at"),
        [
            ("2026-04-17T23:33:22+08:00", 1_776_440_002_000),
            (1_656_118_444_933, 1_656_118_444_933),
            (None, None),
            ("yesterday", None),
            (0, None),
        ],
    )
    def test_last_seen_is_the_time(self, seen: object, at: int | None) -> None:
        answer = _zigbee("x", {"battery": 50, "action": "single", "last_seen": seen})
        assert {reading.at for reading in answer.readings} == {at}
        assert {reading.key for reading in answer.readings} == {""}

    @pytest.mark.parametrize("payload", [b"offline", b'"offline"', b'{"state":"offline"}'])
    def test_availability_is_online_in_both_notations(self, payload: bytes) -> None:
        answer = _zigbee("floor 2/bedroom_pir/availability", payload)
        assert answer.readings == (
            Reading("floor 2/bedroom_pir", "online", value=False, at_source=TimeSource.ARRIVAL),
        )
        assert _said(_zigbee("bridge/state", payload)) == {"online": False}

    def test_availability_of_nothing_is_rejected(self) -> None:
        answer = zigbee2mqtt.decode(_message("zigbee2mqtt/x/availability", b"maybe"), Models())
        assert answer == Rejected(Reason.WRONG_SHAPE, "expected online or offline", "x")

    @pytest.mark.parametrize(
        "topic",
        [
            "bridge/log",
            "bridge/logging",
            "bridge/info",
            "bridge/config",
            "bridge/request/restart",
            "x/set",
            "x/get",
            "bridge",
        ],
    )
    def test_what_carries_no_reading_is_decoded_as_nothing(self, topic: str) -> None:
        assert _zigbee(topic, b"\xff not even text: emergency") == Decoded("zigbee2mqtt")

    @pytest.mark.parametrize(
        ("kind", "metric"), [("device_joined", "device_joined"), ("device_leave", "device_left")]
    )
    def test_devices_come_and_go(self, kind: str, metric: str) -> None:
        data = {"friendly_name": "my bulb", "ieee_address": "0x90fd"}
        answer = _zigbee("bridge/event", {"type": kind, "data": data})
        assert answer.readings == (Reading("my bulb", metric, value=True, at_source=TimeSource.ARRIVAL),)
        assert _zigbee("bridge/event", {"type": "device_announce", "data": data}).readings == ()

    def test_the_bridge_teaches_the_models(self) -> None:
        described = {
            "friendly_name": "bed 2",
            "model_id": "lumi.sensor_motion",
            "definition": {"model": "RTCGQ01LM", "vendor": "Xiaomi", "description": "Mi motion sensor"},
        }
        answer = _zigbee(
            "bridge/devices", [{"type": "Coordinator", "friendly_name": "Coordinator"}, described]
        )
        (learned,) = answer.learned
        assert learned == Learned("bed 2", "model", "RTCGQ01LM lumi.sensor_motion Xiaomi Mi motion sensor")
        assert _said(_zigbee("bed 2", {"occupancy": True}, learned.value)) == {"motion": True}
        interview = {"type": "device_interview", "data": {**described, "status": "successful"}}
        assert _zigbee("bridge/event", interview).learned == (learned,)

    def test_one_attribute_on_a_topic_of_its_own(self) -> None:
        answer = _zigbee("floor 2/window/contact", b"true", "SNZB-04")
        assert answer.readings == (
            Reading("floor 2/window", "door_open", value=False, at_source=TimeSource.GATEWAY),
        )
        assert _zigbee("window/color_mode", b"xy").left == ("color_mode",)

    @pytest.mark.parametrize(
        ("topic", "payload", "reason"),
        [
            ("zigbee2mqtt/x", b"", Reason.EMPTY),
            ("zigbee2mqtt/x", b'{"action": ', Reason.NOT_JSON),
            ("zigbee2mqtt/a/x", b'{"action": ', Reason.NOT_JSON),
            ("zigbee2mqtt/x", b"\xff\xfe", Reason.NOT_UTF8),
            ("zigbee2mqtt/x", b"emergency", Reason.NOT_JSON),
            ("zigbee2mqtt/x", b"[1]", Reason.WRONG_SHAPE),
            ("zigbee2mqtt/x", b"[" * 40, Reason.TOO_DEEP),
            ("zigbee2mqtt/x/action", b"\xff", Reason.NOT_UTF8),
        ],
    )
    def test_the_malformed_is_rejected_with_its_device(
        self, topic: str, payload: bytes, reason: Reason
    ) -> None:
        answer = zigbee2mqtt.decode(_message(topic, payload), Models())
        assert isinstance(answer, Rejected)
        assert answer.reason is reason
        assert answer.device


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
        def measured(number: str, value: object, stamp: int) -> dict[str, object]:
            return {"measurementId": number, "measurementValue": value, "timestamp": stamp}

        sos, before = 1_750_000_000_000, 1_749_999_000_000
        messages = [
            [measured("4200", [{"id": 7, "eventName": "SOS event."}], sos), measured("3000", 85, sos)],
            [measured("4198", 30.57, before), measured("4197", 104.06, before)],
            [measured("5001", [{"mac": "x", "rssi": -3}], 0), {"type": "upload_battery", "battery": 84}],
        ]
        answer = _tts(_uplink({"valid": True, "messages": messages}), model="Seeed SenseCAP T1000 tracker")
        assert {(one.metric, one.value, one.at) for one in answer.readings} == {
            ("sos", True, sos),
            ("battery", 85, sos),
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
        assert fall(30, 1, "alarm_triggered", "d").key != first.key, "a number is used again after a restart"
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
            ("up", b"\x0a$3ac7e3c4\x12\x0c\x08\x80\xc3\xbb\xc2\x06", Reason.NOT_UTF8),
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
