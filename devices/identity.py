"""What makes two messages the same message (R-05, R-93).

Rule: an identity derives only from what the sender sent, so that a redelivery has the same one.
"""

from hashlib import blake2b

from devices.message import Message
from devices.metrics import LIFE_SAFETY, METRICS, Kind
from devices.reading import Decoded, Reading, TimeSource

_HAPPENINGS = LIFE_SAFETY | {name for name, metric in METRICS.items() if metric.kind is Kind.EVENT}


def identities(decoded: Decoded, message: Message) -> list[int]:
    """For each reading, a signed 64-bit identity of the message or item it came in.

    From the sender's own key where it gave one; else from device, time and payload. A payload without
    key and time (or with a time relative to its arrival) can only be told from a new one by MQTT's DUP flag:
    then 0 means "cannot tell, is new". Under one key a sender may tell several happenings of an incident
    (suspected, confirmed, over): each has its own identity, since none of them may pass for another. A call
    for help is a repeat only with the same key and the same time: devices that start counting anew after a
    change of battery are real, and a second alert is better than none.
    """
    found: list[int] = []
    last: tuple[str, str, int | None, str] | None = None
    identity = 0
    for reading in decoded.readings:
        happening = f"\0{reading.metric}={reading.value}" if reading.metric in _HAPPENINGS else ""
        this = (reading.device, reading.key, reading.at, happening)
        if this != last:
            last, identity = this, _identity(decoded.site, reading, message, happening)
        found.append(identity)
    return found


def anonymous(message: Message) -> int:
    """The identity of a message as bytes on a topic: for those without key and time."""
    return _hash(message.topic, "", message.payload)


def _identity(site: str, reading: Reading, message: Message, happening: str) -> int:
    own_time = reading.at is not None and reading.at_source is not TimeSource.ARRIVAL
    if reading.key:
        stamp = f"@{reading.at}" if own_time and reading.metric in LIFE_SAFETY else ""
        return _hash(f"{site}/{reading.device}", reading.key + happening + stamp, b"")
    if own_time:
        return _hash(f"{site}/{reading.device}", f"{reading.at}{happening}", message.payload)
    return 0


def _hash(who: str, key: str, payload: bytes) -> int:
    digest = blake2b(f"{who}\0{key}\0".encode("utf-8", "surrogatepass"), digest_size=8)
    if payload:
        digest.update(payload)
    return int.from_bytes(digest.digest(), "big", signed=True) or 1
