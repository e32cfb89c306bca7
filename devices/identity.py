"""What makes two messages the same message (R-05, R-93).

Rule: an identity derives only from what the sender sent, so that a redelivery has the same one.
"""

from hashlib import blake2b

from devices.message import Message
from devices.metrics import LIFE_SAFETY, METRICS, Kind
from devices.observation import Observation, Quality
from devices.reading import Decoded, Reading, TimeSource

RESENT_MS = 30 * 60_000
"""R-04: how long a sender repeats a call that nobody took."""

_EVENTS = frozenset(name for name, metric in METRICS.items() if metric.kind is Kind.EVENT)
_HAPPENINGS = LIFE_SAFETY | _EVENTS


def identities(decoded: Decoded, message: Message) -> list[int]:
    """For each reading, a signed 64-bit identity of the message or item it came in.

    From the sender's own key where it gave one; else from device, time and payload. Of a radio that repeats
    itself (`good_for_ms` without a key) what the message says of the device identifies a happening, for that
    long; but no state, which may have been another one in between. A payload without key and time (or with a
    time relative to its arrival) can only be told from a new one by MQTT's DUP flag: then 0 means "cannot
    tell, is new". Under one key a sender may tell several happenings of an incident (suspected, confirmed,
    over): each has its own identity, since none of them may pass for another. A call for help is a repeat
    only with the same key and the same time: devices that start counting anew after a change of battery are
    real, and a second alert is better than none.
    """
    found: list[int] = []
    last: tuple[str, str, int | None, str] | None = None
    identity = 0
    payload = message.payload if len(message.payload) <= _SHORT else blake2b(message.payload).digest()
    said: dict[str, str] = {}
    for reading in decoded.readings:
        happening = f"\0{reading.metric}={reading.value}" if reading.metric in _HAPPENINGS else ""
        this = (reading.device, reading.key, reading.at, happening)
        if this != last:
            if reading.good_for_ms and not reading.key and reading.metric in _EVENTS and not said:
                said = _said_of(decoded)
            last, identity = this, _identity(decoded, reading, payload, said, happening)
        found.append(identity)
    return found


_SHORT = 1024
"""Of a longer payload a digest stands for it, so that it is not read again for each of its readings."""


def _said_of(decoded: Decoded) -> dict[str, str]:
    """All that a message says, by device."""
    said: dict[str, list[str]] = {}
    for one in decoded.readings:
        said.setdefault(one.device, []).append(f"{one.metric}={one.value}")
    return {device: ",".join(claims) for device, claims in said.items()}


def is_repeat(observation: Observation, good_for_ms: int, ago_ms: int, *, closed_since: bool) -> bool:
    """Whether an observation whose identity was seen `ago_ms` before is the same happening.

    A key that is good for a while is a new one after it. A call for help that does not say when it was is the
    same only for as long as senders repeat a call (R-04); and under a key that is used again, or with a clock
    at fault, which may stand still, not once the alert about it was closed (`closed_since`): then it is a new
    press, never lost.
    """
    if good_for_ms and ago_ms > good_for_ms:
        return False
    believed = observation.quality is Quality.GOOD
    if observation.metric not in LIFE_SAFETY or (
        believed and observation.at_source is not TimeSource.ARRIVAL
    ):
        return True
    used_again = good_for_ms > 0 or not believed
    return ago_ms <= RESENT_MS and not (used_again and closed_since)


def anonymous(message: Message) -> int:
    """The identity of a message as bytes on a topic: for those without key and time."""
    return _hash(message.topic, "", message.payload)


def _identity(
    decoded: Decoded, reading: Reading, payload: bytes, said: dict[str, str], happening: str
) -> int:
    own_time = reading.at is not None and reading.at_source is not TimeSource.ARRIVAL
    who = f"{decoded.site}/{reading.device}"
    if reading.key:
        stamp = f"@{reading.at}" if own_time and reading.metric in LIFE_SAFETY else ""
        return _hash(who, reading.key + happening + stamp, b"")
    if own_time:
        return _hash(who, f"{reading.at}{happening}", payload)
    if reading.good_for_ms and reading.metric in _EVENTS:
        return _hash(who, f"said:{said[reading.device]}{happening}", b"")
    return 0


def _hash(who: str, key: str, payload: bytes) -> int:
    digest = blake2b(f"{who}\0{key}\0".encode("utf-8", "surrogatepass"), digest_size=8)
    if payload:
        digest.update(payload)
    return int.from_bytes(digest.digest(), "big", signed=True) or 1
