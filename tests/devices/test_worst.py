"""The worst payloads: what is made of them is bounded, and no crowd hides a call for help.

What they cost in time and memory is measured by `make bench ARGS="--only worst"`; no test is timed.
"""

import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from devices.catalogue import words_of
from devices.decode import decode, family_of
from devices.families import FAMILIES, names
from devices.message import MAX_PAYLOAD_BYTES, MAX_TOPIC, Message
from devices.metrics import LIFE_SAFETY
from devices.reading import Decoded, Models, Reason, Rejected
from devices.urgency import urgent
from tests.devices.adversarial import Path, _parts, _with, attacks
from tests.devices.seeds import SEEDS, Seed, as_bytes
from tests.devices.test_laws import _lawful

_ARRIVED = 1_790_000_000_000
_LONG = 32 * 1024
_ATTACKS = 16
_CROWD = 3000


def _decode(seed: Seed, payload: bytes) -> Decoded | Rejected:
    return decode(Message(seed.topic, payload, _ARRIVED), Models(default=seed.model), seed.family)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_made_of_a_long_payload_is_bounded(family: str) -> None:
    for attack in attacks(family, _LONG, _ATTACKS):
        answer = _decode(attack.seed, attack.payload)
        _lawful(answer)
        assert len(answer.detail if isinstance(answer, Rejected) else "") <= 300, attack.name
        if isinstance(answer, Decoded):
            assert len(answer.readings) <= max(16, len(attack.payload) // 4), attack.name
            assert len(answer.rejected) <= max(16, len(attack.payload) // 16), attack.name
            assert all(len(one.detail) <= 300 for one in (*answer.readings, *answer.rejected)), attack.name
            assert all(len(name) <= 300 for name in answer.left), attack.name
            assert sum(len(fact.value) for fact in answer.learned) <= 2 * len(attack.payload), attack.name


def _calls(answer: Decoded | Rejected) -> set[str]:
    readings = answer.readings if isinstance(answer, Decoded) else ()
    return {one.metric for one in readings if one.metric in LIFE_SAFETY and one.value is True}


_CALLING = [seed for seed in SEEDS if not isinstance(seed.payload, bytes) and _calls(_decode(seed, seed.raw))]


def _crowded(payload: Any) -> Iterator[tuple[Path, Any]]:  # noqa: ANN401  (JSON)
    """The payload with one of its lists or objects crowded by what is of no use before what was there."""
    for path, part in _parts(payload):
        if isinstance(part, list):
            for idle in (0, {}, {"a": 1}, "a"):
                yield path, _with(payload, path, [idle] * _CROWD + part)
        elif isinstance(part, dict):
            idle = {f"idle{number}": number for number in range(_CROWD)}
            yield path, _with(payload, path, idle | part)


@pytest.mark.parametrize("seed", _CALLING, ids=lambda seed: f"{seed.family} {seed.topic}"[:60])
def test_no_crowd_hides_a_call_for_help(seed: Seed) -> None:
    calls = _calls(_decode(seed, seed.raw))
    for path, payload in _crowded(seed.payload):
        answer = _decode(seed, as_bytes(payload))
        said = isinstance(answer, Rejected) or bool(answer.left or answer.rejected)
        assert calls <= _calls(answer) or said, path


def test_attacks_are_as_long_as_a_payload_may_be_and_always_the_same() -> None:
    first = [attack.payload for attack in attacks("native", most=20)]
    assert first == [attack.payload for attack in attacks("native", most=20)]
    assert all(len(payload) <= MAX_PAYLOAD_BYTES for payload in first)
    assert sum(len(payload) > MAX_PAYLOAD_BYTES * 0.9 for payload in first) > len(first) / 2
    assert json.loads(first[0]) is not None


@pytest.mark.parametrize(
    "remembering",
    [
        names.meaning,
        names.calls,
        names.contradicts,
        partial(words_of, "zigbee2mqtt"),
        partial(words_of, "names"),
    ],
)
def test_no_long_name_is_remembered(remembering: Callable[[str], object]) -> None:
    name = "heart rate " * 10_000
    held = sys.getrefcount(name)
    remembering(name)
    assert sys.getrefcount(name) == held


@pytest.mark.parametrize(
    "topic", ["zigbee2mqtt/{}", "shouwang/v1/home/{}/event", "{}/status", "zwave/{}/48/0/Any"]
)
def test_a_topic_longer_than_any_is_nobodys_and_not_remembered(topic: str) -> None:
    long = topic.format("a" * MAX_TOPIC)
    held = sys.getrefcount(long)
    message = Message(long, b'{"event": "sos"}', _ARRIVED)
    assert family_of(message) is None
    answer = decode(message)
    assert isinstance(answer, Rejected)
    assert answer.reason is Reason.UNKNOWN_TOPIC
    assert urgent(message)
    del message
    assert sys.getrefcount(long) == held
