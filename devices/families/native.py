"""The native protocol (DESIGN section 4): `shouwang/v1/<site>/<device>/<channel>`, canonical metrics by name.

Rule: what is wrong in one field costs that field only; an SOS with a broken clock is still an SOS.
"""

import base64
import binascii
import math
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from devices.accelerometer import window
from devices.envelope import Json, json_value, text
from devices.families import unreadable
from devices.families.online import online
from devices.instants import any_ms, relative
from devices.message import MAX_PAYLOAD_BYTES, Message
from devices.metrics import METRICS, Kind
from devices.reading import Decoded, Known, Motion, Reading, Reason, Rejected, TimeSource, Value

FAMILY = "native"
TOPICS = ("shouwang/v1/+/+/+", "shouwang/v1/+/alerts/+/ack")

_TOPIC = re.compile(r"shouwang/v1/([A-Za-z0-9_.:-]{1,64})/([A-Za-z0-9_.:-]{1,64})/([a-z]{1,16})")
_ACK = re.compile(r"shouwang/v1/([A-Za-z0-9_.:-]{1,64})/alerts/([A-Za-z0-9_-]{1,64})/ack")
_DEVICE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_ACTS = ("acknowledge", "arrive", "resolve")
_MOST_REJECTED = 50
_PADDING = b"\0 \t\r\n\xef\xbb\xbf"  # what C strings, byte-order marks and line ends leave around JSON
_SAMPLES = ("xyz", "xyz_i16")
_SAMPLE_BYTES = 6
_HUGE = 1e300
_ABOUT = frozenset(("ts", "id", "seq", "resident", "place", "by", "note"))
_ABOUT_EVENT = _ABOUT | {"event", "state", "confidence", "alert", "outcome"}

_CLEARED: dict[str, tuple[str, Value]] = {
    # What `"state": "cleared"` of an event says. An event that is not here cannot be cleared.
    "sos": ("help_cancelled", True),
    "fall": ("fall_cleared", True),
    "fall_suspected": ("fall_cleared", True),
    "bed_exit": ("bed_enter", True),
    "bed_enter": ("bed_exit", True),
    "door_close": ("door_open", True),
}


def claims(topic: str) -> bool:
    """Whether the topic is of the native protocol.

    `<site>/alerts/...` is what we publish ourselves, but for `.../ack`, where a pager or display answers.
    """
    return topic.startswith("shouwang/v1/") and (
        topic.split("/", 4)[3:4] != ["alerts"] or _ACK.fullmatch(topic) is not None
    )


def decode(message: Message, known: Known) -> Decoded | Rejected:  # noqa: ARG001  every family has this signature
    """One message of any channel, or a JSON array of them."""
    answered = _ACK.fullmatch(message.topic)
    if answered is not None:
        return _answer(message, *answered.groups())
    match = _TOPIC.fullmatch(message.topic)
    if match is None:
        return _stranger(message)
    site, device, channel = match.groups()
    if message.oversized:
        rejected = Rejected(Reason.TOO_LARGE, f"longer than {MAX_PAYLOAD_BYTES} bytes", device)
        return _call_in_garbage(message, site, rejected) if channel == "event" else rejected
    if channel == "status":
        return _status(message, site, device)
    if channel == "command":  # what we tell devices ourselves, where somebody subscribes to all there is
        return Decoded(FAMILY, site=site)
    one = _ITEM.get(channel)
    if one is None:
        return Rejected(
            Reason.UNKNOWN_TOPIC, "the channel is none of telemetry, event, motion, status", device
        )
    value = json_value(message.payload.strip(_PADDING), device)
    if isinstance(value, Rejected):
        return _call_in_garbage(message, site, value) if channel == "event" else value
    found = _Found(site, device, message)
    for item in value if isinstance(value, list) else (value,):
        if isinstance(item, dict):
            one(item, found)
        else:
            found.reject(Reason.WRONG_SHAPE, "expected a JSON object")
    return found.result()


def _stranger(message: Message) -> Decoded | Rejected:
    """A topic that is not quite the protocol's: only a call for help is taken from it."""
    parts = message.topic.split("/")
    site, device = (parts[2], parts[3]) if len(parts) > 4 else ("", message.topic)
    rejected = Rejected(Reason.UNKNOWN_TOPIC, "expected shouwang/v1/<site>/<device>/<channel>", device[:200])
    return _call_in_garbage(message, site[:64], rejected) if parts[-1] == "event" else rejected


def _answer(message: Message, site: str, alert: str) -> Decoded | Rejected:
    """What a pager or display says to an alert, by the alert's own topic; `device` says which one it is."""
    item = json_value(message.payload.strip(_PADDING), "")
    if isinstance(item, Rejected):
        return item
    device = item.get("device") if isinstance(item, dict) else None
    if not isinstance(item, dict) or not isinstance(device, str) or not _DEVICE.fullmatch(device):
        return Rejected(Reason.WRONG_SHAPE, "expected a JSON object with device, act and by")
    if item.get("act", "acknowledge") not in _ACTS:
        return Rejected(Reason.UNKNOWN_EVENT, "act is none of acknowledge, arrive, resolve", device)
    found = _Found(site, device, message)
    said = {name: value for name, value in item.items() if name not in {"device", "act", "state"}}
    _event(said | {"event": item.get("act", "acknowledge"), "alert": alert}, found)
    return found.result()


def _call_in_garbage(message: Message, site: str, rejected: Rejected) -> Decoded | Rejected:
    """An event that cannot be read, but holds the word for a call or a fall: somebody may be in need.

    Truncated JSON, a bare word, a wrong encoding. What cannot be read stays rejected beside it.
    """
    payload = message.payload.replace(b"\0", b"").lower()
    if b"cleared" in payload or b"cancel" in payload:
        return rejected
    for word, metric in ((b"sos", "sos"), (b"help", "sos"), (b"fall", "fall")):
        if word in payload:
            return unreadable.call(FAMILY, rejected.device, metric, rejected, site)
    return rejected


class _Found:
    """What was found so far in one message."""

    __slots__ = ("device", "motion", "readings", "received_at", "rejected", "retained", "site")

    def __init__(self, site: str, device: str, message: Message) -> None:
        self.site, self.device = site, device
        self.received_at, self.retained = message.received_at, message.retained
        self.readings: list[Reading] = []
        self.rejected: list[Rejected] = []
        self.motion: list[Motion] = []

    def reject(self, reason: Reason, detail: str, metric: str = "") -> None:
        if len(self.rejected) == _MOST_REJECTED:
            return  # an array of a hundred thousand zeros is one mistake
        self.rejected.append(Rejected(reason, detail, self.device, metric))

    def time_and_key(self, item: dict[str, Json]) -> tuple[int | None, TimeSource, str]:
        """`ts` as ms UTC, by whose clock, and what makes the item idempotent: `id`, or `seq` with `ts`.

        A `ts` relative to its arrival is by our clock, and identifies nothing: a counter beside it begins
        anew with every restart of the device, and a press must never pass for an older one.
        """
        raw = item.get("ts")
        at = None if raw is None else any_ms(raw, self.received_at)
        if raw is not None and at is None:
            self.reject(Reason.WRONG_TYPE, "ts is no time: Unix time in ms is expected")
        own = at is not None and not relative(raw)
        source = TimeSource.DEVICE if own else TimeSource.ARRIVAL
        identity, seq = item.get("id"), item.get("seq")
        if isinstance(identity, (str, int)) and not isinstance(identity, bool) and identity != "":
            return at, source, f"id:{identity}"
        if own and isinstance(seq, int) and not isinstance(seq, bool):
            return at, source, f"seq:{seq}:{raw}"
        return at, source, ""

    def result(self) -> Decoded | Rejected:
        if len(self.rejected) == 1 and not self.readings and not self.motion:
            return self.rejected[0]
        return Decoded(
            FAMILY, tuple(self.readings), self.site, tuple(self.rejected), motion=tuple(self.motion)
        )


def _telemetry(item: dict[str, Json], found: _Found) -> None:
    at, source, key = found.time_and_key(item)
    device, about = found.device, _about(item)
    by, note = _short(item.get("by")), _short(item.get("note"), 200)
    for name, value in item.items():
        if name in _ABOUT or value is None:
            continue
        metric = METRICS.get(name)
        if metric is None:
            hint = ": send it on motion" if name in _SAMPLES else ""
            found.reject(Reason.UNKNOWN_METRIC, _shown(name) + hint)
        elif isinstance(value, (dict, list)):
            found.reject(Reason.WRONG_TYPE, f"{name} is no plain value", name)
        elif metric.kind is not Kind.EVENT:
            found.readings.append(Reading(device, name, value, "", at, source, key, note, by=by, about=about))
        elif value is True:
            found.readings.append(Reading(device, name, True, "", at, source, key, note, by=by, about=about))
        elif value is not False:
            found.reject(Reason.WRONG_TYPE, f"{name} must be true", name)


def _event(item: dict[str, Json], found: _Found) -> None:
    at, source, key = found.time_and_key(item)
    event, state = item.get("event"), item.get("state", "raised")
    if not isinstance(event, str):
        found.reject(Reason.UNKNOWN_EVENT, "the field event is missing or no text")
        return
    event = event.strip().lower()  # `SOS` is no less of one
    if state != "raised" and state != "cleared":  # noqa: PLR1714  a list or an object is unhashable
        # The word is wrong but something happened: fail towards help.
        found.reject(Reason.WRONG_TYPE, "state is neither raised nor cleared; taken as raised")
    said = _meaning(event, raised=state != "cleared")
    if event == "resolve":
        said = event, _short(item.get("outcome"))
    if said is None:
        found.reject(Reason.UNKNOWN_EVENT, f"{_shown(event)} is no event, or cannot be cleared")
        return
    metric, value = said
    confidence = item.get("confidence")
    if isinstance(confidence, bool) or not isinstance(confidence, (int, float)) or not 0 <= confidence <= 1:
        if confidence is not None:
            found.reject(Reason.WRONG_TYPE, "confidence is not between 0 and 1")
        confidence = None
    for name in item.keys() - _ABOUT_EVENT:
        found.reject(Reason.UNKNOWN_METRIC, f"{_shown(name)} does not belong in an event")
    found.readings.append(
        Reading(
            found.device,
            metric,
            value,
            at=at,
            at_source=source,
            key=key,
            detail=_short(item.get("alert")) if event in _ACTS else _short(item.get("note"), 200),
            confidence=confidence,
            by=_short(item.get("by")),
            about=_about(item),
        )
    )


def _about(item: dict[str, Json]) -> str:
    """Of whom a shared device speaks: the item's `resident`, else its `place`."""
    return _short(item.get("resident"), 128) or _short(item.get("place"), 128)


def _short(value: Json, most: int = 64) -> str:
    return value[:most] if isinstance(value, str) else ""


def _meaning(event: str, *, raised: bool) -> tuple[str, Value] | None:
    if not raised and event in _CLEARED:
        return _CLEARED[event]
    if event == "door_close":
        return "door_open", False
    metric = METRICS.get(event)
    if metric is not None and metric.kind is Kind.STATE:
        return event, raised
    if metric is not None and metric.kind is Kind.EVENT and raised:
        return event, True
    return None


def _motion(item: dict[str, Json], found: _Found) -> None:
    at, source, _ = found.time_and_key(item)
    if found.retained and source is TimeSource.ARRIVAL:
        found.reject(Reason.WRONG_SHAPE, "a retained window without ts is of no known time")
        return
    fs, position = item.get("fs"), item.get("position", "unknown")
    if isinstance(fs, bool) or not isinstance(fs, (int, float)):
        found.reject(Reason.WRONG_TYPE, f"fs {_no_number(fs)}: the sampling rate in Hz")
        return
    samples = _samples(item)
    made = (
        samples
        if isinstance(samples, tuple)
        else window(found.device, at, fs, position if isinstance(position, str) else "unknown", samples)
    )
    if isinstance(made, Motion):
        found.motion.append(made)
    else:
        found.reject(*made)


def _samples(item: dict[str, Json]) -> list[Json] | NDArray[Any] | tuple[Reason, str]:
    """The samples of a window, plain or packed; or why there are none."""
    packed, plain = item.get("xyz_i16"), item.get("xyz")
    if packed is not None:
        return _unpacked(packed, item.get("scale"))
    if plain is None:
        return Reason.WRONG_TYPE, "xyz or xyz_i16 is missing: a list of [x, y, z] in g, or base64 with scale"
    return plain if isinstance(plain, list) else (Reason.WRONG_TYPE, "xyz must be a list of [x, y, z] in g")


def _unpacked(packed: Json, scale: Json) -> NDArray[Any] | tuple[Reason, str]:
    if not isinstance(packed, str):
        return Reason.WRONG_TYPE, "xyz_i16 must be text: base64 of little-endian int16"
    if isinstance(scale, bool) or not isinstance(scale, (int, float)):
        return Reason.WRONG_TYPE, f"scale {_no_number(scale)}: g per unit of xyz_i16"
    try:
        factor = float(scale)
    except OverflowError:
        factor = math.inf
    if not math.isfinite(factor):
        return Reason.NOT_A_NUMBER, "scale is NaN or infinite: it must be g per unit of xyz_i16"
    if not factor:
        return Reason.OUT_OF_RANGE, "scale is zero: it must be g per unit of xyz_i16"
    try:
        raw = base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError):  # the latter of letters beyond ASCII
        return Reason.WRONG_TYPE, "xyz_i16 is no base64"
    if len(raw) % _SAMPLE_BYTES:
        return Reason.WRONG_TYPE, f"xyz_i16 must be {_SAMPLE_BYTES} bytes a sample: x, y, z as int16"
    counts = np.frombuffer(raw, "<i2").reshape(-1, 3)
    if abs(factor) < _HUGE:
        return counts * factor
    with np.errstate(over="ignore"):  # infinite is no sample either
        return counts * factor


def _no_number(value: Json) -> str:
    return "is missing" if value is None else "must be a number"


_ITEM = {"telemetry": _telemetry, "event": _event, "motion": _motion}
_STATES = {"online": True, "offline": False}


def _status(message: Message, site: str, device: str) -> Decoded | Rejected:
    said = text(message.payload, device)
    if isinstance(said, Rejected):
        return said
    battery: Json = None
    word: Json = said.strip()
    if said.lstrip()[:1] in {"{", '"'}:
        value = json_value(message.payload, device)
        if isinstance(value, Rejected):
            return value
        word, battery = (
            (value.get("state"), value.get("battery")) if isinstance(value, dict) else (value, None)
        )
    if not isinstance(word, str) or word not in _STATES:
        return Rejected(Reason.WRONG_SHAPE, "expected online, offline or an object with state", device)
    readings = [online(device, _STATES[word])]
    if isinstance(battery, (int, float)):
        readings.append(Reading(device, "battery", battery, at_source=TimeSource.ARRIVAL))
    return Decoded(FAMILY, tuple(readings), site)


def _shown(name: str) -> str:
    """A field's name as it may stand in a reason: short and printable."""
    return "".join(letter for letter in name[:40] if letter.isprintable())
