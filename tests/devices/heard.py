"""Messages through the front door, for the tests of single families."""

import json

from devices.decode import decode
from devices.identity import identities
from devices.message import Message
from devices.reading import Decoded, Models, Reading, Rejected

ARRIVED = 1_790_000_000_000


def message(topic: str, payload: object) -> Message:
    """A message as it arrives: bytes and texts as they are, anything else as JSON."""
    raw = payload.encode() if isinstance(payload, str) else payload
    return Message(topic, raw if isinstance(raw, bytes) else json.dumps(raw).encode(), ARRIVED)


def answer(topic: str, payload: object, model: str = "", zone: str = "") -> Decoded | Rejected:
    """What a message decodes to."""
    return decode(message(topic, payload), Models(default=model, zone=zone))


def heard(topic: str, payload: object, model: str = "", zone: str = "") -> tuple[Reading, ...]:
    """The readings of a message that decodes."""
    found = answer(topic, payload, model, zone)
    assert isinstance(found, Decoded), found
    return found.readings


def said(topic: str, payload: object, model: str = "", zone: str = "") -> dict[str, object]:
    """The values of a message by metric, each said once."""
    found = heard(topic, payload, model, zone)
    values = {reading.metric: reading.value for reading in found}
    assert len(values) == len(found), found
    return values


def identity(topic: str, payload: object, metric: str) -> int:
    """What the one reading of a metric is known by when it comes again."""
    sent = message(topic, payload)
    decoded = decode(sent, Models())
    assert isinstance(decoded, Decoded)
    pairs = zip(decoded.readings, identities(decoded, sent), strict=True)
    (found,) = (known for reading, known in pairs if reading.metric == metric)
    return found
