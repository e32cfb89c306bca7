"""Sensor Logger, an app for phones and watches: batches of `{name, time, values}` on one topic, times in ns.

Rule: every sample keeps its own time. Acceleration becomes a motion window only with gravity in it: without,
a phone on a table would look like one that falls.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

from devices.accelerometer import window
from devices.catalogue import words_of
from devices.envelope import Json, json_value, text_of
from devices.families.places import place_of
from devices.instants import any_ms
from devices.message import Message
from devices.notation import Vocabulary
from devices.reading import Decoded, Known, Motion, Reason, Rejected, TimeSource
from devices.words import Fields, Origin, Said, number_of, own_time, speak_fields

FAMILY = "sensor-logger"
TOPICS = ("sensor-logger", "sensor-logger/#")

_BASE = "sensor-logger"
_NO_VALUES = frozenset(("name", "time", "accuracy", "seconds_elapsed", "sensor"))
_WHOLE = frozenset(("totalacceleration", "accelerometeruncalibrated"))
_WRIST = "wristmotion"
_PLACES = frozenset(("location", "watchlocation"))
_STANDARD_GRAVITY = 9.80665
_G_OR_MS2 = 4.0
"""Between 1 g and 9.8 m/s2: which of the two a resting device shows tells the unit."""
_KPA_BELOW = 200.0
"""A watch says kPa or hPa as configured; no weather reaches this from either side."""
_MAX_ITEMS = 4096  # a real one has at least 80 bytes
_MAX_LEFT = 32
_NS = 1e9


class _Sample(NamedTuple):
    """One sample of an accelerometer, in the unit it came in."""

    at_ns: float
    x: float
    y: float
    z: float


def claims(topic: str) -> bool:
    """Whether the topic is the app's default one, or below it. Another topic is known by the payload."""
    return topic == _BASE or topic.startswith(f"{_BASE}/")


def recognises(payload: Json) -> bool:
    """Whether a payload is a batch of this app."""
    return (
        isinstance(payload, dict)
        and isinstance(payload.get("payload"), list)
        and {"messageId", "sessionId", "deviceId"} <= payload.keys()
    )


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """One batch of one phone."""
    payload = json_value(message.payload)
    if isinstance(payload, Rejected):
        return payload
    if isinstance(payload, list):
        payload = {"payload": payload}
    if not isinstance(payload, dict):
        return Rejected(Reason.WRONG_SHAPE, "expected a JSON object")
    device = text_of(payload.get("deviceId")) or message.topic.removeprefix(_BASE).strip("/")
    items = payload.get("payload")
    if not device or not isinstance(items, list):
        return Rejected(Reason.WRONG_SHAPE, "expected deviceId and a list of samples", device)
    said, samples = Said(), dict[str, list[_Sample]]()
    vocabulary = words_of(FAMILY, *known.models(device))
    for item in items[:_MAX_ITEMS]:
        if isinstance(item, dict):
            _sample(item, vocabulary, Origin(device, message.received_at), said, samples)
        else:
            _leave(said, "payload")
    if len(items) > _MAX_ITEMS:
        _leave(said, "payload")
    motion = tuple(_windows(device, samples, message.received_at, said))  # may reject some
    del said.rejected[_MAX_REJECTED:]
    return said.decoded(FAMILY, device, motion=motion)


_MAX_REJECTED = 32


def _leave(said: Said, name: str) -> None:
    if len(said.left) < _MAX_LEFT and name not in said.left:
        said.left.append(name)


def _sample(
    item: dict[str, Json],
    vocabulary: Vocabulary,
    origin: Origin,
    said: Said,
    samples: dict[str, list[_Sample]],
) -> None:
    """Adds one item: `values` holds what was measured, in old versions the item itself does."""
    kind = text_of(item.get("name") or item.get("sensor")).lower().replace(" ", "")
    values = item.get("values")
    held = values if isinstance(values, dict) else {k: v for k, v in item.items() if k not in _NO_VALUES}
    time = item.get("time")
    stamp = time if isinstance(time, (int, float, str)) and not isinstance(time, bool) else None
    if kind in _WHOLE or kind in {"accelerometer", "gravity", _WRIST}:
        _moves(kind, held, stamp, samples)
        return
    at = own_time(stamp, origin.received_at)
    moment = Origin(origin.device, origin.received_at, at, TimeSource.DEVICE)
    fields: Fields = {
        f"{kind}.{name}": value for name, value in held.items() if not isinstance(value, (dict, list))
    }
    if kind in _PLACES:
        _place(kind, fields)
    elif kind == "battery":
        level = number_of(fields.get("battery.batteryLevel"))
        fields["battery.batteryLevel"] = level * 100 if level is not None and 0 <= level <= 1 else None
    elif kind == "watchbarometer" and (number_of(fields.get("watchbarometer.pressure")) or 0) < _KPA_BELOW:
        fields["watchbarometer.kpa"] = fields.pop("watchbarometer.pressure", None)
    one = Said()
    speak_fields(vocabulary, fields, moment, one)
    said.readings += one.readings
    if len(said.rejected) < _MAX_REJECTED:
        said.rejected += one.rejected
    if one.left:
        _leave(said, kind)


def _place(kind: str, fields: Fields) -> None:
    """No position at 0, 0 or beyond the poles; negative speed and accuracy are invalid (UNITS.md)."""
    names = (f"{kind}.latitude", f"{kind}.longitude")
    if place_of(*map(fields.get, names)) is None:
        for name in (*names, f"{kind}.horizontalAccuracy"):
            fields.pop(name, None)
    for name in (f"{kind}.speed", f"{kind}.horizontalAccuracy"):
        number = number_of(fields.get(name))
        if number is not None and number < 0:
            fields.pop(name)


def _moves(
    kind: str, held: dict[str, Json], stamp: str | float | None, samples: dict[str, list[_Sample]]
) -> None:
    at = _ns(stamp)
    if at is None:
        return
    if kind == _WRIST:
        parts = [
            [number_of(held.get(f"{part}{axis}")) for axis in "XYZ"] for part in ("acceleration", "gravity")
        ]
        numbers = [None if a is None or g is None else a + g for a, g in zip(*parts, strict=True)]
    else:
        numbers = [number_of(held.get(axis)) for axis in "xyz"]
    x, y, z = (_finite(number) for number in numbers)
    if x is not None and y is not None and z is not None:
        samples.setdefault(kind, []).append(_Sample(at, x, y, z))


def _finite(number: float | None) -> float | None:
    """The number as a double of a size that an accelerometer has."""
    return float(number) if number is not None and -1e6 < number < 1e6 else None


def _ns(stamp: str | float | None) -> float | None:
    """A time as ns; None for a clock that was never set."""
    try:
        number = float(stamp) if stamp is not None else math.nan
    except (ValueError, OverflowError):
        return None
    return number if 1e17 < number < 1e20 else None


def _windows(
    device: str, samples: dict[str, list[_Sample]], received_at: int, said: Said
) -> Iterable[Motion]:
    """The accelerometer's windows in g. What has no gravity in it is left."""
    for kind, position in (*((kind, "phone") for kind in sorted(_WHOLE)), (_WRIST, "wrist")):
        yield from _window(device, samples.get(kind, ()), position, received_at)
    moving, gravity = samples.get("accelerometer", []), samples.get("gravity", [])
    if moving and len(moving) == len(gravity) and not samples.keys() & _WHOLE:
        summed = [
            _Sample(a.at_ns, a.x + g.x, a.y + g.y, a.z + g.z) for a, g in zip(moving, gravity, strict=True)
        ]
        yield from _window(device, summed, "phone", received_at)
    elif moving and not samples.keys() & _WHOLE:
        _leave(said, "accelerometer")


def _window(device: str, samples: Iterable[_Sample], position: str, received_at: int) -> Iterable[Motion]:
    ordered = sorted(samples)
    if len(ordered) < 2 or ordered[-1].at_ns <= ordered[0].at_ns:
        return
    rate = (len(ordered) - 1) * _NS / (ordered[-1].at_ns - ordered[0].at_ns)
    sizes = sorted(math.hypot(one.x, one.y, one.z) for one in ordered)
    scale = 1.0 if sizes[len(sizes) // 2] < _G_OR_MS2 else _STANDARD_GRAVITY
    xyz = [(one.x / scale, one.y / scale, one.z / scale) for one in ordered]
    made = window(device, any_ms(int(ordered[0].at_ns), received_at), round(rate, 3), position, xyz)
    if isinstance(made, Motion):
        yield made
