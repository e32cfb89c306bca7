"""From a message to readings: finds the family that claims the topic and lets it decode.

Rule: total, deterministic and stateless. Any bytes on any topic give `Decoded` or `Rejected`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from devices.families import chirpstack4, native, tts3, zigbee2mqtt
from devices.message import MAX_PAYLOAD_BYTES, Message
from devices.reading import Decoded, Known, Models, Reason, Rejected

_NOTHING_KNOWN = Models()


@dataclass(frozen=True, slots=True)
class Family:
    """One family: which topics are its own, and how its messages decode."""

    name: str
    claims: Callable[[str], bool]
    decode: Callable[[Message, Known], Decoded | Rejected]


FAMILIES: dict[str, Family] = {
    module.FAMILY: Family(module.FAMILY, module.claims, module.decode)
    for module in (native, chirpstack4, tts3, zigbee2mqtt)  # the most specific topics first
}


def family_of(topic: str) -> Family | None:
    """The family that claims a topic."""
    for family in FAMILIES.values():
        if family.claims(topic):
            return family
    return None


def decode(message: Message, known: Known = _NOTHING_KNOWN, family: str = "") -> Decoded | Rejected:
    """What a message says. `family` overrides the choice by topic; an unknown name is a KeyError."""
    chosen = FAMILIES[family] if family else family_of(message.topic)
    if chosen is None:
        return Rejected(Reason.UNKNOWN_TOPIC, "no device family uses this topic")
    if message.oversized and chosen.decode is not native.decode:
        return Rejected(Reason.TOO_LARGE, f"longer than {MAX_PAYLOAD_BYTES} bytes")
    return chosen.decode(message, known)
