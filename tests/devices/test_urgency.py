"""Every message that speaks of danger to life goes first, whatever device sent it; telemetry does not."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.catalogue import ACTIONS, BASE, ENTRIES
from devices.decode import decode
from devices.message import Message
from devices.metrics import LIFE_SAFETY
from devices.notation import claim
from devices.reading import Decoded, Models
from devices.urgency import about_life, urgent
from tests.devices.seeds import SEEDS, as_bytes

_NATIVE = "shouwang/v1/home-1/d1/"
_LIFE_SAFETY = {"sos", "fall", "fall_suspected", "smoke", "gas", "carbon_monoxide"}


def _urgent(topic: str, payload: bytes) -> bool:
    return urgent(Message(topic, payload, 0))


def _words(words: dict[str, object]) -> Iterator[tuple[str, str, str]]:
    """(field, value, metric) of every word of a vocabulary by which a device calls for help."""
    for field, written in words.items():
        choice = written.items() if isinstance(written, dict) else [("", written)]
        for value, claims in choice:
            for text in [claims] if isinstance(claims, str) else claims:
                if text not in {"", "?"} and claim(text).metric in LIFE_SAFETY and not claim(text).inverted:
                    yield field, value, claim(text).metric


def _topic(dialect: str) -> str:
    """A topic on which a dialect is spoken: that of an example, else of LoRaWAN, which has no calls."""
    spoken = (example.topic for entry in ENTRIES if entry.dialect == dialect for example in entry.examples)
    return next(filter(None, spoken), "application/a/device/d/event/up")


_OWN_NAMES = frozenset(("zwavejs2mqtt", "xiaomi-gateway3"))
"""Dialects whose words are names that the family makes of numbers: only their seeds and examples are real."""
_CATALOGUE = sorted(
    {
        (_topic(dialect), *found)
        for dialect, base in BASE.items()
        if dialect not in _OWN_NAMES
        for found in _words(base)
    }
    | {
        (entry.examples[0].topic or _topic(entry.dialect), *found)
        for entry in ENTRIES
        if entry.dialect not in _OWN_NAMES
        for found in _words(dict(entry.words))
    }
)


def test_what_is_about_life() -> None:
    assert LIFE_SAFETY == _LIFE_SAFETY


@pytest.mark.parametrize("event", sorted(_LIFE_SAFETY))
@pytest.mark.parametrize("state", ["raised", "cleared"])
def test_every_native_event_about_life_is_urgent(event: str, state: str) -> None:
    assert _urgent(_NATIVE + "event", json.dumps({"event": event, "state": state}).encode())


@pytest.mark.parametrize("metric", sorted(_LIFE_SAFETY))
@pytest.mark.parametrize("filler", [0, 10, 10_000])
def test_the_same_in_telemetry_is_urgent_wherever_it_stands(metric: str, filler: int) -> None:
    items = [{"heart_rate": 70}] * filler + [{metric: True}]
    payload = json.dumps(items).encode()
    assert decode(Message(_NATIVE + "telemetry", payload, 0)) != Decoded("native")
    assert _urgent(_NATIVE + "telemetry", payload)


@pytest.mark.parametrize(("topic", "field", "value", "metric"), _CATALOGUE)
def test_every_word_of_the_catalogue_about_life_is_urgent(
    topic: str, field: str, value: str, metric: str
) -> None:
    names, values = field.split("+"), value.split("+")
    nested: object = values
    for level in reversed([part for name in names for part in name.split(".")]):
        nested = {level: nested}
    assert _urgent(topic, json.dumps(nested).encode()), metric


@pytest.mark.parametrize("action", sorted(ACTIONS["sos"]))
def test_every_action_that_calls_for_help_is_urgent(action: str) -> None:
    topic = "zigbee2mqtt/bed 12"
    payload = json.dumps({"action": action, "battery": 90}).encode()
    decoded = decode(Message(topic, payload, 0))
    assert isinstance(decoded, Decoded)
    assert "sos" in [reading.metric for reading in decoded.readings]
    assert _urgent(topic, payload)
    assert _urgent(topic, payload.upper())


_MESSAGES = [(seed.topic, seed.raw, seed.model) for seed in SEEDS] + [
    (example.topic, as_bytes(example.payload), example.model)
    for entry in ENTRIES
    for example in entry.examples
    if example.topic
]


@pytest.mark.parametrize(("topic", "payload", "model"), _MESSAGES)
def test_every_seed_and_example_that_speaks_of_life_is_urgent(topic: str, payload: bytes, model: str) -> None:
    decoded = decode(Message(topic, payload, 0), Models(default=model))
    if isinstance(decoded, Decoded) and any(
        reading.metric in LIFE_SAFETY and reading.value is True for reading in decoded.readings
    ):
        assert _urgent(topic, payload)


@given(st.sampled_from(sorted(_LIFE_SAFETY)), st.data())
def test_escapes_hide_nothing(event: str, data: st.DataObject) -> None:
    letters = [data.draw(st.sampled_from([c, f"\\u00{ord(c):02x}", f"\\u00{ord(c):02X}"])) for c in event]
    payload = b'{"%s": true}' % "".join(letters).encode()
    decoded = decode(Message(_NATIVE + "telemetry", payload, 0))
    assert isinstance(decoded, Decoded)
    assert [reading.metric for reading in decoded.readings] == [event]
    assert _urgent(_NATIVE + "telemetry", payload)


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (_NATIVE + "telemetry", b'{"ts":1763763600123,"heart_rate":72,"spo2":97.5,"bed_occupied":true}'),
        (_NATIVE + "status", b"online"),
        (_NATIVE + "motion", b'{"fs":50,"xyz":[[0,0,1]]}'),
        ("zigbee2mqtt/door", b'{"contact":true,"linkquality":80}'),
        ("application/a/device/d/event/up", b'{"object":{"temperature":21.5}}'),
        ("homeassistant/sensor/kitchen/temperature/state", b"21.5"),  # its name asks nobody to assist
    ],
)
def test_telemetry_is_not(topic: str, payload: bytes) -> None:
    assert not _urgent(topic, payload)


@pytest.mark.parametrize(
    "topic",
    [
        "homeassistant/binary_sensor/thing/config",
        "ha/device/thing/config",
        "homie/5/thing/$description",
        "spBv1.0/home/NBIRTH/edge",
        "spBv1.0/home/DDEATH/edge/thing",
        "zigbee2mqtt/bridge/devices",
    ],
)
@pytest.mark.parametrize("payload", [b"", b"{}"])
def test_what_says_how_to_read_calls_goes_with_them(topic: str, payload: bytes) -> None:
    assert _urgent(topic, payload)


@pytest.mark.parametrize("name", ["SOS", "Notruf", "\u6c42\u52a9\u6309\u94ae", "\u8dcc\u5012", "Nurse call"])
def test_names_of_calls_are_known_in_any_language(name: str) -> None:
    assert about_life(name)
    assert about_life(json.dumps({"n": [name], "f": "homeassistant/x/config"}, ensure_ascii=False))
    assert not about_life(json.dumps({"n": ["temperature"], "f": "homeassistant/x/config"}))
    assert not about_life("")


@given(st.text(), st.binary(max_size=200))
def test_any_bytes_have_an_answer(topic: str, payload: bytes) -> None:
    assert _urgent(topic, payload) in {True, False}


@pytest.mark.parametrize("word", ["fall-watch-17", "sos", "gas", "\\u00e4", "smoke"])
def test_no_window_of_acceleration_goes_ahead(word: str) -> None:
    payload = f'{{"id": "{word}", "position": "{word}", "fs": 50, "xyz": []}}'.encode()
    assert not _urgent("shouwang/v1/h/w/motion", payload)
    assert not _urgent(f"shouwang/v1/h/{word}/motion", payload)
    assert _urgent("shouwang/v1/h/w/event", payload)
