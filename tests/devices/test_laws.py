"""Laws over the whole catalogue and over every family: whatever a device sends, decoding keeps them."""

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.catalogue import ACTIONS, BASE, ENTRIES, TRUTH, Entry, Example, entries_of, words_of
from devices.decode import decode, family_of
from devices.families import FAMILIES, Family
from devices.message import Message
from devices.metrics import METRICS, Kind
from devices.notation import claim
from devices.reading import Decoded, Models, Rejected
from tests.devices.seeds import SEEDS, Seed, as_bytes
from tests.topics import overlap

_ARRIVED = 1_790_000_000_000
_EXAMPLES = [(entry, example) for entry in ENTRIES for example in entry.examples]
_INSIDE = frozenset(("zigbee2mqtt", "lorawan"))  # dialects whose examples come without their envelope
_KNOWN_FIELDS = frozenset(("model", "family", "entity", "metrics", "description", "children", "tree"))
_MODELS = sorted(
    {"", "PIR", "contact", *(seed.model for seed in SEEDS), *(example.model for _, example in _EXAMPLES)}
)


def _decode(topic: str, payload: bytes, model: str, family: str = "") -> Decoded | Rejected:
    message = Message(topic, payload, _ARRIVED)
    known = Models(default=model)
    once, again = decode(message, known, family), decode(message, known, family)
    assert repr(once) == repr(again)  # NaN is not equal to itself
    return once


def _lawful(answer: Decoded | Rejected) -> None:
    if isinstance(answer, Rejected):
        assert answer.reason
        return
    for reading in answer.readings:
        if answer.family == "native":  # says what was sent; `devices.normalise` judges it
            break
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
    for fact in answer.learned:
        assert fact.field in _KNOWN_FIELDS
        assert fact.about
    assert len(answer.left) <= 32


def _carried(entry: Entry, example: Example) -> list[tuple[str, bytes]]:
    """The example as messages: as it is, or in every envelope that carries its dialect."""
    if entry.dialect not in _INSIDE:
        return [(example.topic, as_bytes(example.payload))]
    inside = dict(example.payload)
    tts, chirpstack = "v3/eldercare@tenant1/devices/dev-1/up", "application/17c82e96/device/24e12400/event/up"
    if entry.dialect == "zigbee2mqtt":
        carried: list[tuple[str, Any]] = [("zigbee2mqtt/room 302/bed", inside)]
    elif example.model == "TTS-NORMALIZED":
        carried = [(tts, {"uplink_message": {"normalized_payload": [inside]}})]
    else:
        carried = [(tts, {"uplink_message": {"decoded_payload": inside}}), (chirpstack, {"object": inside})]
    return [(topic, as_bytes(payload)) for topic, payload in carried]


@pytest.mark.parametrize(("entry", "example"), _EXAMPLES, ids=lambda part: getattr(part, "name", ""))
def test_every_entry_decodes_its_examples(entry: Entry, example: Example) -> None:
    for topic, payload in _carried(entry, example):
        answer = _decode(topic, payload, example.model)
        assert isinstance(answer, Decoded), answer
        assert not answer.rejected
        readings = [one for one in answer.readings if example.device in {"", one.device}]
        said = {reading.metric: reading.value for reading in readings}
        assert len(said) == len(readings), "a metric was said twice"
        assert said == pytest.approx(dict(example.says))
        assert not set(example.never) & set(said)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_entry_has_an_example_and_is_found_by_each_of_its_names(entry: Entry) -> None:
    assert entry.examples
    assert entry.models or entry.spoken
    for code in entry.models:
        assert entry in entries_of(entry.dialect, code), code
        assert entry in entries_of(entry.dialect, f"Vendor {code.lower()} sensor") or " " in code, code


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_an_expected_interval_is_one(entry: Entry) -> None:
    assert re.fullmatch(r"|[1-9][0-9]*(s|min|h)", entry.expected), entry.expected


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


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)
def test_topics_are_filters_that_fetch_only_what_is_not_the_native_protocols(family: Family) -> None:
    for topic in family.topics:
        levels = topic.split("/")
        assert all(level in {"+", "#"} or not set(level) & set("+#") for level in levels), topic
        assert "#" not in levels[:-1], topic
        assert levels[0] != "#", topic
        assert family.name == "native" or not overlap(topic, "shouwang/v1/+/+/+"), topic


_FAMILIES = pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)


@_FAMILIES
def test_every_family_has_seeds_that_it_claims_and_decodes(family: Family) -> None:
    seeds = [seed for seed in SEEDS if seed.family == family.name]
    assert seeds
    for seed in seeds:
        message = Message(seed.topic, seed.raw, _ARRIVED)
        assert family_of(message) is family, seed.topic
        answer = _decode(seed.topic, seed.raw, seed.model)
        assert isinstance(answer, Decoded), (seed, answer)
        _lawful(answer)


@_FAMILIES
@given(topic=st.text(max_size=80), payload=st.binary(max_size=200), model=st.sampled_from(_MODELS))
def test_any_bytes_on_any_topic_are_decoded_or_rejected(
    family: Family, topic: str, payload: bytes, model: str
) -> None:
    assert family.claims(topic) in {True, False}
    _lawful(_decode(topic, payload, model, family.name))


@_FAMILIES
@given(topic=st.sampled_from([seed.topic for seed in SEEDS]), payload=st.binary(max_size=200))
def test_any_bytes_on_real_topics_are_decoded_or_rejected(family: Family, topic: str, payload: bytes) -> None:
    _lawful(_decode(topic, payload, "", family.name))


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


def _broken(payload: bytes, draw: st.DrawFn) -> bytes:
    """The bytes with a piece cut out, doubled or replaced."""
    start = draw(st.integers(0, len(payload)))
    end = draw(st.integers(start, min(len(payload), start + 8)))
    return payload[:start] + draw(st.binary(max_size=8)) + payload[start if draw(st.booleans()) else end :]


@st.composite
def _almost_real(draw: st.DrawFn, seeds: list[Seed]) -> tuple[str, bytes]:
    seed = draw(st.sampled_from(seeds))
    if isinstance(seed.payload, bytes):
        return seed.topic, _broken(seed.payload, draw)
    return seed.topic, as_bytes(_mutated(seed.payload, draw))


@_FAMILIES
@settings(max_examples=100, deadline=None)
@given(data=st.data(), model=st.sampled_from(_MODELS))
def test_almost_real_messages_are_decoded_or_rejected(
    family: Family, data: st.DataObject, model: str
) -> None:
    seeds = [seed for seed in SEEDS if seed.family == family.name]
    topic, payload = data.draw(_almost_real(seeds))
    _lawful(_decode(topic, payload, model, family.name))


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_almost_real_words_of_the_catalogue_are_decoded_or_rejected(data: st.DataObject) -> None:
    entry, example = data.draw(st.sampled_from(_EXAMPLES))
    for topic, payload in _carried(entry, example):
        try:
            mutated = as_bytes(_mutated(json.loads(payload), data.draw))
        except ValueError:  # no JSON
            mutated = _broken(payload, data.draw)
        _lawful(_decode(topic, mutated, example.model))
