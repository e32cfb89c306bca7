"""What a message tells, for tests of families: short to write, nothing hidden."""

import json
from collections.abc import Mapping
from typing import Any

from devices.decode import decode
from devices.message import Message
from devices.reading import Decoded, Models, Rejected

ARRIVED = 1_790_000_000_000


def answer(topic: str, payload: object, model: str = "", zone: str = "") -> Decoded | Rejected:
    """The answer of the family that claims the topic. A payload that is no bytes is sent as JSON."""
    raw = payload if isinstance(payload, bytes) else json.dumps(payload, ensure_ascii=False).encode()
    return decode(Message(topic, raw, ARRIVED), Models(default=model, zone=zone))


def decoded(topic: str, payload: object, model: str = "", zone: str = "") -> Decoded:
    """The same where it must be one."""
    found = answer(topic, payload, model, zone)
    assert isinstance(found, Decoded), found
    return found


def told(topic: str, payload: object, model: str = "", zone: str = "") -> dict[str, Any]:
    """Metric -> value, of a message of one device that tells each metric once."""
    readings = decoded(topic, payload, model, zone).readings
    found: Mapping[str, Any] = {one.metric: one.value for one in readings}
    assert len(found) == len(readings), readings
    assert len({one.device for one in readings}) <= 1, readings
    return dict(found)
