"""From a message to readings: finds the family that claims the topic and lets it decode.

Rule: total, deterministic and stateless. Any bytes on any topic give `Decoded` or `Rejected`.
"""

from functools import lru_cache

from devices.envelope import json_value
from devices.families import FAMILIES, GENERIC, SPECIFIC, Family
from devices.message import MAX_PAYLOAD_BYTES, MAX_TOPIC, Message
from devices.reading import Decoded, Known, Models, Reason, Rejected
from devices.urgency import about_life, urgent

__all__ = ["FAMILIES", "decode", "family_of"]

_NOTHING_KNOWN = Models()
_CALLS = frozenset(("sos", "fall", "fall_suspected"))


@lru_cache(maxsize=65_536)
def _specific(topic: str) -> Family | None:
    return next((family for family in SPECIFIC if family.claims(topic)), None)


@lru_cache(maxsize=65_536)
def _generic(topic: str) -> Family | None:
    return next((family for family in GENERIC if family.claims(topic)), None)


def family_of(message: Message, known: Known = _NOTHING_KNOWN) -> Family | None:
    """The family of a message, surest sign first.

    A topic that only one family uses; a topic that an earlier message announced (the fact "family" about
    the topic); a topic as some family's are; and for topics of nobody, a payload that a family recognises.
    """
    topic = message.topic
    if len(topic) > MAX_TOPIC:
        return None
    if (found := _specific(topic)) is not None:
        return found
    if announced := FAMILIES.get(known.fact(topic, "family")):
        return announced
    return _generic(topic) or _by_payload(message)


def _by_payload(message: Message) -> Family | None:
    if message.oversized:
        return None
    payload = json_value(message.payload)
    if isinstance(payload, Rejected):
        return None
    return next((family for family in FAMILIES.values() if family.recognises(payload)), None)


def decode(message: Message, known: Known = _NOTHING_KNOWN, family: str = "") -> Decoded | Rejected:
    """What a message says. `family` overrides the choice by topic; an unknown name is a KeyError."""
    chosen = FAMILIES[family] if family else family_of(message, known)
    if chosen is None:
        return Rejected(Reason.UNKNOWN_TOPIC, "no device family uses this topic")
    if message.oversized and not chosen.cuts:
        return Rejected(Reason.TOO_LARGE, f"longer than {MAX_PAYLOAD_BYTES} bytes")
    decoded = chosen.decode(message, known)
    return decoded if family else _or_a_call(decoded, chosen, message, known)


def _or_a_call(
    decoded: Decoded | Rejected, chosen: Family, message: Message, known: Known
) -> Decoded | Rejected:
    """What was said, or the call for help that another family reads on a topic that was announced.

    Anybody may announce any topic as anything: that must not silence those who called on it before. What is
    announced as a call is known better by who announced it: its polarity, say.
    """
    topic = message.topic
    own = _generic(topic)
    if own is None or own is chosen or _specific(topic) is not None or not urgent(message):
        return decoded
    if about_life(known.fact(topic, "entity")):
        return decoded
    found = own.decode(message, known)
    if isinstance(found, Rejected):
        return decoded
    calls = any(reading.metric in _CALLS and reading.value is True for reading in found.readings)
    return found if calls else decoded
