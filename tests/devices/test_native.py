"""The native protocol: any bytes have an answer, and what is wrong in one field costs that field only."""

import base64
import json
import math
import struct

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from devices.decode import decode
from devices.families import native
from devices.message import MAX_PAYLOAD_BYTES, Message
from devices.metrics import METRICS, Kind
from devices.reading import Decoded, Models, Motion, Reading, Reason, Rejected, TimeSource

NOW = 1_790_000_000_123
TS = NOW - 1_000
CHANNELS = ("telemetry", "event", "motion", "status")
EVENTS = (
    "sos fall check_in visit bed_exit bed_enter motion door_open door_close smoke gas water_leak tamper"
    " help_cancelled"
).split()
"""DESIGN section 4."""


def said(channel: str, payload: object, device: str = "d1") -> Decoded | Rejected:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return decode(Message(f"shouwang/v1/home-1/{device}/{channel}", raw, NOW))


def readings(channel: str, payload: object) -> list[tuple[str, object]]:
    decoded = said(channel, payload)
    assert isinstance(decoded, Decoded)
    return [(reading.metric, reading.value) for reading in decoded.readings]


def reasons(channel: str, payload: object) -> list[Reason]:
    decoded = said(channel, payload)
    if isinstance(decoded, Rejected):
        return [decoded.reason]
    return [rejected.reason for rejected in decoded.rejected]


class TestAnything:
    """Total and deterministic, whatever is sent on whatever topic."""

    _NUMBERS = st.integers() | st.floats() | st.sampled_from([10**400, -(10**400), 2**63, 1e308, math.nan])
    _SCALARS = st.none() | st.booleans() | _NUMBERS | st.text()
    _NAMES = st.sampled_from([*METRICS, "ts", "id", "seq", "event", "state", "confidence", "by", "note", "fs",
                              "xyz", "xyz_i16", "scale", "position", "battery"]) | st.text()  # fmt: skip
    _VALUES = st.recursive(
        _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
    )
    _ITEMS = st.dictionaries(_NAMES, _VALUES | st.sampled_from(EVENTS), max_size=8)

    @given(st.sampled_from(CHANNELS) | st.text(), st.binary())
    @example("telemetry", b"\xff")
    @example("event", b'{"event": "sos", "ts": ' + b"9" * 5000 + b"}")
    @example("status", b'{"state": {}}')
    def test_any_bytes(self, channel: str, payload: bytes) -> None:
        self._holds(channel, payload)

    @given(st.sampled_from(CHANNELS), _ITEMS | st.lists(_ITEMS, max_size=3) | _VALUES)
    @settings(max_examples=300)
    def test_any_json(self, channel: str, value: object) -> None:
        self._holds(channel, json.dumps(value).encode())

    @given(st.text())
    def test_any_topic(self, topic: str) -> None:
        answer = native.decode(Message(f"shouwang/v1/{topic}", b"{}", NOW), Models())
        assert isinstance(answer, (Decoded, Rejected))

    @pytest.mark.parametrize("channel", CHANNELS)
    @pytest.mark.parametrize(
        "unit", [b"[", b'{"a":', b'{"heart_rate":70},', b"\x00", b"9", b'"', b"\\u0000", b"[0,0,1],", b" "]
    )
    def test_256_kib_of_anything(self, channel: str, unit: bytes) -> None:
        payload = (unit * MAX_PAYLOAD_BYTES)[:MAX_PAYLOAD_BYTES]
        self._holds(channel, payload)
        self._holds(channel, b"[" + payload[:-6].removesuffix(b",") + b"]")
        assert said(channel, payload + b"x") == Rejected(Reason.TOO_LARGE, "longer than 262144 bytes", "d1")

    @staticmethod
    def _holds(channel: str, payload: bytes) -> None:
        answer = said(channel, payload)
        assert isinstance(answer, (Decoded, Rejected))
        assert repr(answer) == repr(said(channel, payload)), "the same again"  # repr: NaN is not itself
        if isinstance(answer, Decoded):
            for reading in answer.readings:
                assert reading.device == "d1"
                assert reading.metric in METRICS
                assert isinstance(reading.value, (bool, int, float, str))
                assert reading.at is None or type(reading.at) is int


class TestTopics:
    """Which topics are ours."""

    @pytest.mark.parametrize("site", ["home-1", "alerts", "A.b_c:d-1", "x" * 64])
    @pytest.mark.parametrize("device", ["d1", "00:11:22:33", "y" * 64])
    def test_site_and_device(self, site: str, device: str) -> None:
        decoded = decode(Message(f"shouwang/v1/{site}/{device}/event", b'{"event": "sos"}', NOW))
        assert isinstance(decoded, Decoded)
        assert (decoded.family, decoded.site, decoded.readings[0].device) == ("native", site, device)

    @pytest.mark.parametrize(
        "topic",
        ["shouwang/v1/s", "shouwang/v1/s/d", "shouwang/v1/s/d/other", "shouwang/v1/s/d/event/x"],
    )
    def test_what_is_no_channel_of_a_device(self, topic: str) -> None:
        answer = decode(Message(topic, b'{"event": "sos"}', NOW))
        assert isinstance(answer, Rejected)
        assert answer.reason is Reason.UNKNOWN_TOPIC

    def test_our_own_words_to_a_device_say_nothing_of_it(self) -> None:
        """A home whose broker passes on all there is hears them, too."""
        for payload in (b'{"command": "placed", "id": "k"}', b"sos", b""):
            assert decode(Message("shouwang/v1/home-1/d1/command", payload, NOW)) == Decoded(
                native.FAMILY, site="home-1"
            )

    def test_our_own_alerts_are_not_heard(self) -> None:
        assert not native.claims("shouwang/v1/home-1/alerts/a1")
        assert not native.claims("shouwang/v1/home-1/alerts/a1/other")


class TestAnswers:
    """What pagers and displays say to an alert."""

    def answered(self, payload: object, topic: str = "shouwang/v1/s/alerts/a1/ack") -> Decoded | Rejected:
        return decode(Message(topic, json.dumps(payload).encode(), NOW))

    def test_each_act_is_a_reading_of_the_device_that_says_so(self) -> None:
        for said, metric, value in (
            ({}, "acknowledge", True),
            ({"act": "acknowledge"}, "acknowledge", True),
            ({"act": "arrive"}, "arrive", True),
            ({"act": "resolve", "outcome": "false"}, "resolve", "false"),
        ):
            found = self.answered({"device": "pager-1", "by": "s-07", "id": "m1"} | said)
            assert isinstance(found, Decoded)
            (reading,) = found.readings
            assert (found.site, reading.device, reading.metric, reading.value) == (
                "s",
                "pager-1",
                metric,
                value,
            )
            assert (reading.by, reading.detail, reading.key) == ("s-07", "a1", "id:m1")

    def test_a_pager_may_say_it_on_its_own_topic(self) -> None:
        found = self.answered({"event": "acknowledge", "alert": "a1"}, "shouwang/v1/s/pager-1/event")
        assert isinstance(found, Decoded)
        (reading,) = found.readings
        assert (reading.device, reading.metric, reading.detail) == ("pager-1", "acknowledge", "a1")

    @pytest.mark.parametrize(
        "payload",
        [
            [],
            "ack",
            {"by": "s-07"},
            {"device": ["pager-1"]},
            {"device": "a/b"},
            {"device": "pager-1", "act": "sos"},
            {"device": "pager-1", "act": ["resolve"]},
            {"device": "pager-1", "act": {}},
        ],
    )
    def test_what_is_no_answer_is_rejected_and_calls_nobody(self, payload: object) -> None:
        assert isinstance(self.answered(payload), Rejected)


class TestTelemetry:
    """Canonical metrics by name."""

    def test_the_example_of_the_protocol(self) -> None:
        payload = {"ts": TS, "id": "m1", "seq": 17, "heart_rate": 72, "spo2": 97.5, "bed_occupied": True}
        decoded = said("telemetry", payload)
        assert isinstance(decoded, Decoded)
        assert decoded.readings == (
            Reading("d1", "heart_rate", 72, "", TS, TimeSource.DEVICE, "id:m1"),
            Reading("d1", "spo2", 97.5, "", TS, TimeSource.DEVICE, "id:m1"),
            Reading("d1", "bed_occupied", True, "", TS, TimeSource.DEVICE, "id:m1"),
        )
        assert decoded.site == "home-1"
        assert not decoded.rejected

    @pytest.mark.parametrize("metric", sorted(METRICS))
    def test_every_metric_has_its_name(self, metric: str) -> None:
        value = {Kind.QUANTITY: 36.5, Kind.STATE: False, Kind.EVENT: True, Kind.ENUM: "lying"}
        wanted = value[METRICS[metric].kind]
        assert readings("telemetry", {metric: wanted}) == [(metric, wanted)]

    def test_one_wrong_field_costs_that_field(self) -> None:
        payload = {
            "heart_rate": {"bpm": 70},
            "pulse": 70,
            "spo2": 97,
            "sos": "yes",
            "fall": False,
            "humidity": None,
        }
        assert readings("telemetry", payload) == [("spo2", 97)]
        assert reasons("telemetry", payload) == [Reason.WRONG_TYPE, Reason.UNKNOWN_METRIC, Reason.WRONG_TYPE]

    def test_an_array_is_several_messages(self) -> None:
        payload = [{"ts": TS, "heart_rate": 70}, 7, {"ts": TS + 1, "heart_rate": 71}]
        decoded = said("telemetry", payload)
        assert isinstance(decoded, Decoded)
        assert [(r.value, r.at) for r in decoded.readings] == [(70, TS), (71, TS + 1)]
        assert [rejected.reason for rejected in decoded.rejected] == [Reason.WRONG_SHAPE]

    @pytest.mark.parametrize("nothing", [[], {}, {"ts": TS}, {"heart_rate": None}])
    def test_nothing_said_is_no_error(self, nothing: object) -> None:
        assert said("telemetry", nothing) == Decoded("native", site="home-1")


class TestEvents:
    """Happenings, and the end of them."""

    @pytest.mark.parametrize("event", EVENTS)
    def test_every_event_of_the_protocol(self, event: str) -> None:
        expected = ("door_open", False) if event == "door_close" else (event, True)
        assert readings("event", {"event": event}) == [expected]
        assert readings("event", {"event": event, "state": "raised"}) == [expected]

    @pytest.mark.parametrize(
        ("event", "said_instead"),
        [
            ("sos", ("help_cancelled", True)),
            ("fall", ("fall_cleared", True)),
            ("bed_exit", ("bed_enter", True)),
            ("bed_enter", ("bed_exit", True)),
            ("motion", ("motion", False)),
            ("door_open", ("door_open", False)),
            ("door_close", ("door_open", True)),
            ("smoke", ("smoke", False)),
            ("gas", ("gas", False)),
            ("water_leak", ("water_leak", False)),
            ("tamper", ("tamper", False)),
        ],
    )
    def test_cleared(self, event: str, said_instead: tuple[str, object]) -> None:
        assert readings("event", {"event": event, "state": "cleared"}) == [said_instead]

    @pytest.mark.parametrize("event", ["check_in", "visit", "help_cancelled"])
    def test_what_cannot_be_cleared(self, event: str) -> None:
        assert reasons("event", {"event": event, "state": "cleared"}) == [Reason.UNKNOWN_EVENT]

    @pytest.mark.parametrize("event", [None, 7, ["sos"], {"sos": 1}, "", "no_such", "heart_rate", "zone"])
    def test_what_is_no_event(self, event: object) -> None:
        assert reasons("event", {"event": event}) == [Reason.UNKNOWN_EVENT]

    def test_its_particulars(self) -> None:
        payload = {
            "event": "visit",
            "ts": TS,
            "by": "staff-7",
            "note": "turned",
            "confidence": 0.5,
            "id": "v1",
        }
        decoded = said("event", payload)
        assert isinstance(decoded, Decoded)
        assert decoded.readings == (
            Reading("d1", "visit", True, "", TS, TimeSource.DEVICE, "id:v1", "turned", 0.5, "staff-7"),
        )

    @pytest.mark.parametrize("confidence", [-0.1, 1.1, "high", True, [1], 10**400])
    def test_a_confidence_must_be_between_0_and_1(self, confidence: object) -> None:
        assert reasons("event", {"event": "fall", "confidence": confidence}) == [Reason.WRONG_TYPE]
        assert readings("event", {"event": "fall", "confidence": confidence}) == [("fall", True)]

    @given(
        st.dictionaries(
            st.sampled_from(["ts", "id", "seq", "state", "confidence", "by", "note"]) | st.text(),
            TestAnything._VALUES.filter(lambda value: value != "cleared"),
        )
    )
    @example({"ts": 10**5000})
    @example({"state": ["cleared"], "note": "\ud800", "ts": math.inf})
    def test_an_sos_with_any_garbage_beside_it_is_an_sos(self, garbage: dict[str, object]) -> None:
        item = {name: value for name, value in garbage.items() if name != "event"} | {"event": "sos"}
        payload = _dumps(item)
        assert ("sos", True) in readings("event", payload)

    @given(st.binary().filter(lambda note: not {0x22, 0x5C} & set(note)))
    def test_an_sos_whose_note_is_any_bytes_is_an_sos(self, note: bytes) -> None:
        assert ("sos", True) in readings("event", b'{"note": "%s", "event": "sos"}' % note)

    def test_an_sos_among_broken_items_is_an_sos(self) -> None:
        assert readings("event", [None, {"event": "fal"}, {"event": "sos"}, []]) == [("sos", True)]


def _dumps(value: object) -> bytes:
    """JSON, with numbers that Python itself refuses to write."""
    if isinstance(value, dict):
        return b"{" + b",".join(json.dumps(k).encode() + b":" + _dumps(v) for k, v in value.items()) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(_dumps, value)) + b"]"
    if isinstance(value, int) and abs(value) > 10**4000:
        return b"1" + b"0" * 5000
    return json.dumps(value).encode()


class TestTimeAndKey:
    """`ts`, `id` and `seq`."""

    @staticmethod
    def _one(item: dict[str, object]) -> Reading:
        decoded = said("telemetry", item | {"heart_rate": 70})
        assert isinstance(decoded, Decoded)
        return decoded.readings[0]

    def test_no_time(self) -> None:
        reading = self._one({})
        assert (reading.at, reading.at_source, reading.key) == (None, TimeSource.ARRIVAL, "")

    def test_a_time_of_the_device(self) -> None:
        reading = self._one({"ts": TS})
        assert (reading.at, reading.at_source, reading.key) == (TS, TimeSource.DEVICE, "")

    @pytest.mark.parametrize("ts", [0, -5, "-5", 17.5])
    def test_a_relative_time_is_by_our_clock(self, ts: float) -> None:
        reading = self._one({"ts": ts})
        assert (reading.at, reading.at_source) == (NOW + round(float(ts) * 1000), TimeSource.ARRIVAL)

    @pytest.mark.parametrize("ts", ["soon", {}, [], True])
    def test_a_broken_time_is_none_and_told(self, ts: object) -> None:
        reading = self._one({"ts": ts})
        assert (reading.at, reading.at_source) == (None, TimeSource.ARRIVAL)
        assert reasons("telemetry", {"ts": ts, "heart_rate": 70}) == [Reason.WRONG_TYPE]

    @pytest.mark.parametrize(("item", "key"), [
        ({"id": "a"}, "id:a"),
        ({"id": 7, "seq": 1, "ts": TS}, "id:7"),
        ({"seq": 17, "ts": TS}, f"seq:17:{TS}"),
        ({"seq": 17}, ""),
        ({"seq": 17, "ts": 0}, ""),
        ({"seq": 17, "ts": "soon"}, ""),
        ({"seq": "17", "ts": TS}, ""),
        ({"seq": True, "ts": TS}, ""),
        ({"id": ""}, ""),
        ({"id": True}, ""),
        ({"id": None}, ""),
        ({"id": ["a"]}, ""),
    ])  # fmt: skip
    def test_what_makes_a_message_idempotent(self, item: dict[str, object], key: str) -> None:
        assert self._one(item).key == key


class TestStatus:
    """Retained presence, a last will."""

    @pytest.mark.parametrize(
        "payload", [b"online", b" online\n", b'"online"', b'{"state": "online"}', b'\n {"state": "online"}']
    )
    def test_online(self, payload: bytes) -> None:
        assert readings("status", payload) == [("online", True)]

    def test_offline_with_battery(self) -> None:
        assert readings("status", {"state": "offline", "battery": 7}) == [("online", False), ("battery", 7)]

    @pytest.mark.parametrize("payload", [b"ONLINE?", b'{"state": 1}', b"[]", b'{"state": ["online"]}', b"7"])
    def test_anything_else(self, payload: bytes) -> None:
        assert reasons("status", payload) == [Reason.WRONG_SHAPE]


class TestMotion:
    """Accelerometer windows."""

    def test_samples_in_g(self) -> None:
        decoded = said("motion", {"ts": TS, "fs": 50, "position": "wrist", "xyz": [[0, 0.5, 1], [1, 2, 3]]})
        assert isinstance(decoded, Decoded)
        samples = struct.pack("<6f", 0, 0.5, 1, 1, 2, 3)
        assert decoded.motion == (Motion("d1", TS, 50.0, "wrist", samples),)
        assert decoded.motion[0].xyz.tolist() == [[0, 0.5, 1], [1, 2, 3]]

    @given(st.lists(st.tuples(*[st.integers(-(2**15), 2**15 - 1)] * 3), min_size=1, max_size=20))
    def test_packed_samples(self, samples: list[tuple[int, int, int]]) -> None:
        packed = base64.b64encode(b"".join(struct.pack("<3h", *sample) for sample in samples)).decode()
        decoded = said("motion", {"fs": 50, "xyz_i16": packed, "scale": 0.01})
        assert isinstance(decoded, Decoded)
        assert np.allclose(decoded.motion[0].xyz, np.array(samples) * 0.01, atol=1e-4)
        assert decoded.motion[0].position == "unknown"

    @pytest.mark.parametrize(
        ("window", "reason"),
        [
            ({"fs": "50", "xyz": []}, Reason.WRONG_TYPE),
            ({"fs": True, "xyz": []}, Reason.WRONG_TYPE),
            ({"fs": 50}, Reason.WRONG_TYPE),
            ({"fs": 50, "xyz": 1}, Reason.WRONG_TYPE),
            ({"fs": 50, "xyz": [[0, 0]]}, Reason.WRONG_TYPE),
            ({"fs": 50, "xyz": [0, 0, 0]}, Reason.WRONG_TYPE),
            ({"fs": 50, "xyz": [[0, 0, 0], [0, 0]]}, Reason.WRONG_TYPE),
            ({"fs": 50, "xyz": [["1", "0", "0"]]}, Reason.WRONG_TYPE),
            ({"fs": 50, "xyz": [[None, 0, 0]]}, Reason.WRONG_TYPE),
            ({"fs": 50, "xyz_i16": "?", "scale": 1}, Reason.WRONG_TYPE),
            ({"fs": 50, "xyz_i16": "AAAA", "scale": 1}, Reason.WRONG_TYPE),
            ({"fs": 50, "xyz_i16": "AAAAAAAA", "scale": "1"}, Reason.WRONG_TYPE),
            ({"fs": 50, "xyz_i16": 7, "scale": 1}, Reason.WRONG_TYPE),
            ({"fs": 50, "xyz_i16": "/3//f/9/", "scale": 1}, Reason.OUT_OF_RANGE),
            ({"fs": 50, "xyz_i16": "/3//f/9/", "scale": 1e308}, Reason.NOT_A_NUMBER),
            ({"fs": 50, "xyz": [[0, 0, -(2**63)]]}, Reason.OUT_OF_RANGE),
            ({"fs": 50, "xyz": [[0, 0, 2**63 - 1]]}, Reason.OUT_OF_RANGE),
            ({"fs": 50, "xyz": [[0, 0, -400.5]]}, Reason.OUT_OF_RANGE),
            ({"fs": 50, "xyz": []}, Reason.EMPTY),
            ({"fs": 50, "xyz_i16": "", "scale": 1}, Reason.EMPTY),
            ({"fs": 0, "xyz": [[0, 0, 1]]}, Reason.OUT_OF_RANGE),
            ({"fs": 2000, "xyz": [[0, 0, 1]]}, Reason.OUT_OF_RANGE),
            ({"fs": 5, "xyz": [[0, 0, 1]] * 3001}, Reason.OUT_OF_RANGE),
        ],
    )
    def test_what_is_no_window(self, window: dict[str, object], reason: Reason) -> None:
        assert reasons("motion", window) == [reason]

    _SAMPLES = st.lists(st.lists(st.integers() | st.floats() | st.booleans() | st.none(), max_size=4))
    _PACKED = st.binary(max_size=40).map(lambda raw: base64.b64encode(raw).decode()) | st.text()
    _NUMBERS = st.floats() | st.integers() | st.sampled_from([50, 1e308, -1e308, 10**400])

    @given(_SAMPLES | st.none(), _PACKED | st.none(), _NUMBERS, _NUMBERS, _NUMBERS | st.text())
    def test_what_becomes_a_window_is_of_this_world(
        self, xyz: object, packed: str | None, fs: float, scale: float, ts: object
    ) -> None:
        decoded = said("motion", {"fs": fs, "xyz": xyz, "xyz_i16": packed, "scale": scale, "ts": ts})
        for window in decoded.motion if isinstance(decoded, Decoded) else ():
            assert len(window.xyz) > 0
            assert np.abs(window.xyz).max() <= 400
            assert 5 <= window.fs <= 1000

    @pytest.mark.parametrize(("ts", "windows"), [(TS, 1), (-5, 0), (None, 0), ("now", 0)])
    def test_what_the_broker_had_retained_is_of_its_own_time_or_of_none(
        self, ts: object, windows: int
    ) -> None:
        payload = json.dumps({"ts": ts, "fs": 50, "xyz": [[0, 0, 1]]}).encode()
        decoded = decode(Message("shouwang/v1/home-1/d1/motion", payload, NOW, retained=True))
        assert len(decoded.motion if isinstance(decoded, Decoded) else ()) == windows


@pytest.mark.parametrize("event", ["SOS", " sos ", "Sos"])
def test_a_call_for_help_may_be_written_in_capitals(event: str) -> None:
    assert readings("event", {"event": event}) == [("sos", True)]


@pytest.mark.parametrize(
    "payload",
    [
        b'{"event":"sos"}\0',
        b'\xef\xbb\xbf{"event":"sos"}',
        b'{"event":"sos",}',
        b'{"event":"sos","note":"I fe',
        b"sos",
        '{"event":"sos"}'.encode("utf-16"),
        b'{"note":"' + b"x" * 300_000 + b'","event":"SOS"}',
        b'{"event":"SOS","note":"' + b"x" * 300_000 + b'"}',
    ],
    ids=["NUL", "BOM", "comma", "cut off", "bare", "UTF-16", "long, late word", "long"],
)
def test_a_call_for_help_that_can_hardly_be_read_is_one(payload: bytes) -> None:
    message = Message("shouwang/v1/home-1/d1/event", payload[:MAX_PAYLOAD_BYTES], NOW, size=len(payload))
    decoded = decode(message)
    if payload[:MAX_PAYLOAD_BYTES].lower().replace(b"\0", b"").find(b"sos") < 0:
        assert isinstance(decoded, Rejected), "what was cut off cannot be known"
        return
    assert isinstance(decoded, Decoded)
    assert [(r.device, r.metric) for r in decoded.readings] == [("d1", "sos")]


@pytest.mark.parametrize(
    "topic",
    ["shouwang/v1/成都/w 1/event", f"shouwang/v1/home-1/{'w' * 65}/event", "shouwang/v1/home-1//event"],
)
def test_a_call_for_help_on_a_wrong_topic_is_one(topic: str) -> None:
    decoded = decode(Message(topic, b'{"event": "sos"}', NOW))
    assert isinstance(decoded, Decoded)
    assert [r.metric for r in decoded.readings] == ["sos"]
    assert [r.reason for r in decoded.rejected] == [Reason.UNKNOWN_TOPIC]
    assert isinstance(decode(Message(topic, b'{"event": "check_in"}', NOW)), Rejected)


def test_garbage_that_takes_a_call_back_is_no_call() -> None:
    assert isinstance(said("event", b'{"event":"sos","state":"cleared"'), Rejected)


def test_an_array_of_nonsense_is_a_few_rejections() -> None:
    decoded = said("telemetry", b"[" + b"0," * 100_000 + b"0]")
    assert isinstance(decoded, Decoded)
    assert len(decoded.rejected) == 50
