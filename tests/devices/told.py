"""What a message tells, for tests of families: short to write, nothing hidden."""

import json
from collections.abc import Mapping
from typing import Any

from devices.decode import decode
from devices.identity import identities
from devices.message import Message
from devices.reading import Decoded, Models, Reading, Rejected

ARRIVED = 1_790_000_000_000


def sent(payload: object) -> bytes:
    """A payload as sent: bytes and text as they are, anything else as JSON."""
    if isinstance(payload, str):
        return payload.encode()
    return payload if isinstance(payload, bytes) else json.dumps(payload, ensure_ascii=False).encode()


def message(topic: str, payload: object) -> Message:
    """A message as it arrives."""
    return Message(topic, sent(payload), ARRIVED)


def answer(
    topic: str, payload: object, model: str = "", zone: str = "", family: str = ""
) -> Decoded | Rejected:
    """The answer of the family that claims the topic, or of the one that is named."""
    return decode(message(topic, payload), Models(default=model, zone=zone), family)


def decoded(topic: str, payload: object, model: str = "", zone: str = "") -> Decoded:
    """The same where it must be one."""
    found = answer(topic, payload, model, zone)
    assert isinstance(found, Decoded), found
    return found


def heard(topic: str, payload: object, model: str = "", zone: str = "") -> tuple[Reading, ...]:
    """Its readings."""
    return decoded(topic, payload, model, zone).readings


def told(topic: str, payload: object, model: str = "", zone: str = "") -> dict[str, Any]:
    """Metric -> value, of a message of one device that tells each metric once."""
    readings = decoded(topic, payload, model, zone).readings
    found: Mapping[str, Any] = {one.metric: one.value for one in readings}
    assert len(found) == len(readings), readings
    assert len({one.device for one in readings}) <= 1, readings
    return dict(found)


def identity(topic: str, payload: object, metric: str) -> int:
    """What the one reading of a metric is known by when it comes again."""
    one, found = message(topic, payload), decoded(topic, payload)
    pairs = zip(found.readings, identities(found, one), strict=True)
    (known,) = (identity for reading, identity in pairs if reading.metric == metric)
    return known
