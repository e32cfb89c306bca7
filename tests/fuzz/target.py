"""What is fuzzed: bytes become a message of some family, go all the way to observations, and keep the laws.

Rule: the same bytes always give the same verdict, but for the two laws that are measured (`spent`), which no
test asserts.
"""

import json
import time
import tracemalloc
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from devices.decode import decode, family_of
from devices.identity import anonymous, identities
from devices.message import MAX_PAYLOAD_BYTES, Message
from devices.metrics import LIFE_SAFETY
from devices.normalise import normalise
from devices.reading import Decoded, Learned, Models
from devices.registry import Device, Registry
from devices.scrub import MOST_SHOWN, shown
from devices.urgency import urgent
from ingest.interpret import _interpret
from tests.devices.seeds import SEEDS, Seed, seeds_in
from tests.devices.test_laws import _EXAMPLES, _carried, _lawful

KINDS = ("json", "protobuf", "text")
"""Kinds of payload, each with a parser of its own."""

FOUND = Path(__file__).parents[1] / "devices" / "seeds" / "found"
MOST_MS = 50.0
MOST_MB = 50.0
_ARRIVED = 1_790_000_000_000
_PLACE_BYTES = 2


class Place(NamedTuple):
    """Where a payload arrives, and of what model its device is said to be."""

    topic: str
    model: str


class Spent(NamedTuple):
    """What one message cost, from bytes to observations."""

    cpu_ms: float
    peak_mb: float


def kind_of(payload: bytes) -> str:
    """Which parser a payload is for."""
    try:
        text = payload.decode()
        return "json" if isinstance(json.loads(text), (dict, list)) else "text"
    except UnicodeDecodeError:
        return "protobuf"
    except ValueError:
        return "text" if text.isprintable() else "protobuf"


@cache
def samples(kind: str) -> tuple[tuple[Place, bytes], ...]:
    """All that is known of a kind: the seeds, what was found before, the examples of the catalogue."""
    every = [(Place(seed.topic, seed.model), seed.raw) for seed in (*SEEDS, *found())]
    for entry, example in _EXAMPLES:
        every += [(Place(topic, example.model), payload) for topic, payload in _carried(entry, example)]
    return tuple(dict.fromkeys(one for one in every if kind_of(one[1]) == kind))


@cache
def places(kind: str) -> tuple[Place, ...]:
    """Where payloads of this kind arrive, over all families."""
    return tuple(dict.fromkeys(place for place, _ in samples(kind)))


def found() -> tuple[Seed, ...]:
    """What fuzzing found so far."""
    return seeds_in(FOUND)


def inputs(kind: str) -> Iterator[bytes]:
    """The samples as the fuzzer's inputs: two bytes choose the place, the rest is the payload."""
    for place, payload in samples(kind):
        yield places(kind).index(place).to_bytes(_PLACE_BYTES, "big") + payload


def split(kind: str, data: bytes) -> tuple[Place, bytes]:
    """An input of the fuzzer as a place and a payload of at most the longest that is decoded."""
    index = int.from_bytes(data[:_PLACE_BYTES], "big") % len(places(kind))
    return places(kind)[index], data[_PLACE_BYTES : _PLACE_BYTES + MAX_PAYLOAD_BYTES]


@cache
def _taught() -> dict[tuple[str, str], str]:
    """What the samples teach in their order: births, descriptions, announcements."""
    facts: dict[tuple[str, str], str] = {}
    for kind in KINDS:
        for place, payload in samples(kind):
            answer = decode(Message(place.topic, payload, _ARRIVED), Models(facts=facts))
            learned: tuple[Learned, ...] = answer.learned if isinstance(answer, Decoded) else ()
            facts |= {(fact.about, fact.field): fact.value for fact in learned}
    return facts


@cache
def _registry() -> Registry:
    """Every device of the samples, each for calling: then what cannot be read must be said."""
    devices: dict[str, None] = {}
    for kind in KINDS:
        for place, payload in samples(kind):
            answer = decode(Message(place.topic, payload, _ARRIVED), Models(default=place.model))
            said = answer.readings if isinstance(answer, Decoded) else (answer,)
            devices |= dict.fromkeys(one.device for one in said)
    return Registry.of([], [], [Device(device, calls=True) for device in devices if device])


def judge(place: Place, payload: bytes) -> None:
    """Decode and interpret a payload. Raises what breaks a law, AssertionError for those stated here."""
    message = Message(place.topic, payload, _ARRIVED)
    known = Models(default=place.model, facts=_taught())
    answer = decode(message, known)
    assert repr(answer) == repr(decode(message, known)), "not deterministic"
    _lawful(answer)
    assert len(shown(payload)) <= MOST_SHOWN + len(" ...")
    interpreted = _interpret(message, _registry(), "home", known)
    if not isinstance(answer, Decoded):
        assert interpreted.rejected, "turned down, and nobody is told"
        return
    normalised = normalise(answer, message, _registry(), "home")
    turned_down = len(normalised.rejected) - len(answer.rejected)
    assert len(normalised.observations) + turned_down == len(answer.readings), "a reading vanished"
    assert len(identities(answer, message)) == len(answer.readings)
    for one in normalised.observations:
        assert f"{one.device}{one.key}{one.detail}{one.by}{one.value}".encode() is not None
    for fact in answer.learned:
        assert f"{fact.about}{fact.value}".encode() is not None
    calls = any(one.metric in LIFE_SAFETY and one.value is True for one in answer.readings)
    assert not calls or urgent(message), "a call for help that waits behind telemetry"


def spent(place: Place, payload: bytes, runs: int = 3) -> Spent:
    """What a payload costs: the least CPU time of several runs, and the peak of memory of one more."""
    message = Message(place.topic, payload, _ARRIVED)
    known = Models(default=place.model, facts=_taught())
    cpu_ms = min(_once(message, known) for _ in range(runs))
    tracemalloc.start()
    _once(message, known)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return Spent(cpu_ms, peak / 2**20)


def _once(message: Message, known: Models) -> float:
    began = time.process_time()
    answer = decode(message, known)
    if isinstance(answer, Decoded):
        normalise(answer, message, _registry(), "home")
        identities(answer, message)
        anonymous(message)
    return (time.process_time() - began) * 1000


def family_at(place: Place, payload: bytes) -> str:
    """Which family a payload is of, "" for nobody's."""
    family = family_of(Message(place.topic, payload, _ARRIVED), Models(facts=_taught()))
    return family.name if family is not None else ""
