"""Laws over the whole catalogue and over every family: whatever a device sends, decoding keeps them."""

import json
from typing import Any, Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.catalogue import ACTIONS, BASE, ENTRIES, TRUTH, Entry, Example, entries_of, words_of
from devices.families import chirpstack4, tts3, zigbee2mqtt
from devices.message import Message
from devices.metrics import METRICS, Kind
from devices.reading import Decoded, Known, Models, Rejected
from devices.words import claim

_ARRIVED = 1_790_000_000_000
_EXAMPLES = [(entry, example) for entry in ENTRIES for example in entry.examples]
_TTS_TOPIC = "v3/eldercare@tenant1/devices/dev-1/up"
_CHIRPSTACK_TOPIC = "application/17c82e96/device/24e1240001010002/event/up"
_ZIGBEE_TOPIC = "zigbee2mqtt/room 302/bed"


class Family(Protocol):
    """What a family module offers."""

    FAMILY: str

    def claims(self, topic: str) -> bool: ...
    def decode(self, message: Message, known: Known) -> Decoded | Rejected: ...


_FAMILIES: tuple[Family, ...] = (zigbee2mqtt, tts3, chirpstack4)

_TTS: dict[str, Any] = {
    "end_device_ids": {"device_id": "dev-1", "dev_eui": "24E1240001010002"},
    "received_at": "2025-06-15T15:06:40.123456789Z",
    "uplink_message": {
        "f_port": 85,
        "f_cnt": 7,
        "frm_payload": "/y4B",
        "decoded_payload": {"battery": 100, "button_event": {"status": "short press"}},
        "normalized_payload": [{"air": {"temperature": 21.5}, "battery": 3.1}],
        "last_battery_percentage": {"value": 94.5, "received_at": "2025-06-15T14:06:40Z"},
        "rx_metadata": [{"time": "2025-06-15T15:06:40.123Z", "rssi": -97, "snr": 7.2}],
        "version_ids": {"brand_id": "milesight-iot", "model_id": "ws101"},
    },
}
_CHIRPSTACK: dict[str, Any] = {
    "deduplicationId": "3ac7e3c4-4401-4b8d-9386-240001010001",
    "time": "2025-06-15T15:06:40.775023242+00:00",
    "deviceInfo": {
        "devEui": "24e1240001010002",
        "deviceProfileName": "Milesight VS373",
        "tags": {"model": ""},
    },
    "fPort": 85,
    "data": "BvsBAAABAA==",
    "rxInfo": [{"gatewayId": "0016c001f153a14c", "rssi": -36, "snr": 10.5}],
    "object": {
        "events": [{"alarm_id": 1, "alarm_type": "fall", "alarm_status": "alarm_triggered"}],
        "history": [{"timestamp": 1700000000, "alarm_id": 2, "alarm_type": "fall", "alarm_status": "x"}],
        "messages": [[{"measurementId": "4200", "timestamp": 1, "measurementValue": [{"id": 7}]}]],
    },
}
_ZIGBEE: dict[str, Any] = {
    "action": "emergency",
    "battery": "100.00",
    "voltage": 3025,
    "contact": None,
    "occupancy": True,
    "temperature": 21.5,
    "last_seen": "2026-04-17T23:33:22+08:00",
    "linkquality": 18,
    "smoke": True,
    "test": False,
    "update": {"state": "idle"},
    "device": {"model": "WXKG11LM", "friendlyName": "x"},
}
_MODELS = sorted(
    {"", "PIR", "contact", "Milesight VS373 fall radar", *(example.model for _, example in _EXAMPLES)}
)


def _decode(family: Family, topic: str, payload: bytes, model: str) -> Decoded | Rejected:
    message = Message(topic, payload, _ARRIVED)
    known = Models(default=model)
    once, again = family.decode(message, known), family.decode(message, known)
    assert repr(once) == repr(again)  # NaN is not equal to itself
    return once


def _lawful(answer: Decoded | Rejected) -> None:
    if isinstance(answer, Rejected):
        assert answer.reason
        return
    for reading in answer.readings:
        metric = METRICS[reading.metric]
        assert reading.device
        assert reading.at is None or isinstance(reading.at, int)
        match metric.kind:
            case Kind.STATE:
                assert isinstance(reading.value, bool)
            case Kind.EVENT:
                assert reading.value is True
            case Kind.QUANTITY:
                assert isinstance(reading.value, (int, float))
                assert not isinstance(reading.value, bool)
            case Kind.ENUM:
                assert isinstance(reading.value, str)
                assert not metric.words or reading.value in metric.words
    assert len(answer.left) <= 32


def _carried(entry: Entry, example: Example) -> list[tuple[Family, str, dict[str, Any]]]:
    """The example in every envelope that carries its dialect."""
    if entry.dialect == "zigbee2mqtt":
        return [(zigbee2mqtt, _ZIGBEE_TOPIC, dict(example.payload))]
    if example.model == "TTS-NORMALIZED":
        return [(tts3, _TTS_TOPIC, {"uplink_message": {"normalized_payload": [example.payload]}})]
    return [
        (tts3, _TTS_TOPIC, {"uplink_message": {"decoded_payload": example.payload}}),
        (chirpstack4, _CHIRPSTACK_TOPIC, {"object": example.payload}),
    ]


@pytest.mark.parametrize(("entry", "example"), _EXAMPLES, ids=lambda part: getattr(part, "name", ""))
def test_every_entry_decodes_its_examples(entry: Entry, example: Example) -> None:
    for family, topic, payload in _carried(entry, example):
        answer = _decode(family, topic, json.dumps(payload).encode(), example.model)
        assert isinstance(answer, Decoded)
        assert not answer.rejected
        said = {reading.metric: reading.value for reading in answer.readings}
        assert len(said) == len(answer.readings), "a metric was said twice"
        assert said == pytest.approx(dict(example.says))
        assert not set(example.never) & set(said)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_entry_has_an_example_and_is_found_by_each_of_its_names(entry: Entry) -> None:
    assert entry.examples
    assert entry.models or entry.spoken
    for code in entry.models:
        assert entry in entries_of(entry.dialect, code), code
        assert entry in entries_of(entry.dialect, f"Vendor {code.lower()} sensor") or " " in code, code


def _claims(word: object) -> list[str]:
    if isinstance(word, dict):
        return [one for chosen in word.values() for one in _claims(chosen)]
    if isinstance(word, list):
        return [one for listed in word for one in _claims(listed)]
    return [word] if isinstance(word, str) and word not in {"", "?"} else []


@pytest.mark.parametrize("words", [*BASE.values(), *(entry.words for entry in ENTRIES)])
def test_every_claim_is_of_a_metric_and_every_choice_decides(words: dict[str, object]) -> None:
    for name, word in words.items():
        for written in _claims(word):
            one = claim(written)
            assert one.metric in METRICS or one.metric in {"at", "key", "items"}, name
            if isinstance(word, dict):
                assert one.kind is not Kind.QUANTITY, f"{name}: a choice cannot give a number"
                assert one.kind is not Kind.ENUM or one.detail in METRICS[one.metric].words, name


def test_texts_are_of_states_and_lower_case() -> None:
    for metric, texts in TRUTH.items():
        assert metric == "*" or METRICS[metric].kind in {Kind.STATE, Kind.EVENT}
        assert all(text == text.strip().lower() for text in texts)


def test_a_press_is_never_also_a_call_for_help() -> None:
    assert not ACTIONS["sos"] & ACTIONS["press"]
    assert not ACTIONS["end"] & (ACTIONS["sos"] | ACTIONS["press"])


@pytest.mark.parametrize("dialect", BASE)
@given(models=st.lists(st.text(max_size=300), max_size=3))
def test_any_text_is_a_model_that_may_be_unknown(dialect: str, models: list[str]) -> None:
    assert words_of(dialect, *models) is words_of(dialect, *models)


@pytest.mark.parametrize("family", _FAMILIES, ids=lambda family: family.FAMILY)
@given(topic=st.text(max_size=80), payload=st.binary(max_size=200), model=st.sampled_from(_MODELS))
def test_any_bytes_on_any_topic_are_decoded_or_rejected(
    family: Family, topic: str, payload: bytes, model: str
) -> None:
    assert family.claims(topic) in {True, False}
    _lawful(_decode(family, topic, payload, model))


_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.sampled_from([10**400, -(10**400)])
    | st.text(max_size=12)
    | st.sampled_from(
        ["fall", "alarm", "leak", "open", "emergency", "single", "255", "1e999", "-", "NaN", "TRUE"]
    )
)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)


def _mutated(value: object, draw: st.DrawFn) -> object:
    """The value with some of its parts replaced by other JSON, some left out."""
    fate = draw(st.integers(0, 9))
    if fate == 0:
        return draw(_JSON)
    if isinstance(value, dict):
        return {key: _mutated(held, draw) for key, held in value.items() if draw(st.integers(0, 11))}
    if isinstance(value, list):
        return [_mutated(held, draw) for held in value] * draw(st.integers(0, 2))
    return draw(_SCALARS) if fate < 3 else value


@st.composite
def _almost_real(draw: st.DrawFn) -> tuple[Family, str, object]:
    family, topic, payload = draw(
        st.sampled_from(
            [
                (zigbee2mqtt, _ZIGBEE_TOPIC, _ZIGBEE),
                (
                    zigbee2mqtt,
                    "zigbee2mqtt/bridge/event",
                    {"type": "device_joined", "data": {"friendly_name": "x"}},
                ),
                (
                    zigbee2mqtt,
                    "zigbee2mqtt/bridge/devices",
                    [{"friendly_name": "x", "definition": {"model": "y"}}],
                ),
                (zigbee2mqtt, "zigbee2mqtt/x/availability", {"state": "online"}),
                (tts3, _TTS_TOPIC, _TTS),
                (chirpstack4, _CHIRPSTACK_TOPIC, _CHIRPSTACK),
                (
                    chirpstack4,
                    _CHIRPSTACK_TOPIC.replace("/up", "/status"),
                    {"margin": 10, "batteryLevel": 88.3},
                ),
                (chirpstack4, _CHIRPSTACK_TOPIC.replace("/up", "/location"), {"location": {"latitude": 1.0}}),
            ]
        )
    )
    if draw(st.booleans()):
        _, example = draw(st.sampled_from(_EXAMPLES))
        payload = dict(example.payload)
        if family is tts3:
            payload = _TTS | {"uplink_message": _TTS["uplink_message"] | {"decoded_payload": payload}}
        elif family is chirpstack4:
            payload = _CHIRPSTACK | {"object": payload}
    return family, topic, _mutated(payload, draw)


@settings(max_examples=300, deadline=None)
@given(case=_almost_real(), model=st.sampled_from(_MODELS))
def test_almost_real_messages_are_decoded_or_rejected(case: tuple[Family, str, object], model: str) -> None:
    family, topic, payload = case
    _lawful(_decode(family, topic, json.dumps(payload).encode("utf-8", "surrogatepass"), model))
