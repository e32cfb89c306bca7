"""Shelly of the first generation: `shellies/<id>/<what>`, a plain text or an object per topic.

Rule: the topic is the name of the value, so its path is its word in the catalogue. Nothing has a time, and
most of it is retained; `event_cnt` tells one press from the next.
"""

import re

from devices.catalogue import MAX_MODEL, words_of
from devices.envelope import json_object, text
from devices.families.names import calls
from devices.families.online import true_or_not
from devices.message import Message
from devices.reading import Decoded, Known, Learned, Reading, Reason, Rejected, TimeSource
from devices.words import OWN_NUMBER_MS, Fields, Origin, Said, flatten, own_time, speak_fields

FAMILY = "shelly-gen1"
TOPICS = ("shellies/#",)
CALLS = (b"/input_event/", b"/longpush")  # a call by the registry's word for the button

_BASE = "shellies/"
_CHANNEL = re.compile(r"/(\d{1,3})(?=/|$)")
_OBJECTS = frozenset(("info", "status"))
_COMMANDS = frozenset(("command", "set"))
_EVENTS = {
    "S": "single",
    "SS": "double",
    "SSS": "triple",
    "L": "long",
    "SL": "single_long",
    "LS": "long_single",
}
_ASLEEP_MS = 5_000
"""A Button1 sleeps between presses; some firmware did not count on: only a redelivery is the same press."""


def claims(topic: str) -> bool:
    """Whether the topic is below the base of all first generation devices."""
    return topic.startswith(_BASE)


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """One value, one press, or the state of one device. Commands to devices carry no reading."""
    device, _, path = message.topic.removeprefix(_BASE).partition("/")
    if device == "announce" and not path:
        return _announced(message, "")
    if not device or not path:  # `shellies/command`: to all of them
        return Decoded(FAMILY) if device in _COMMANDS else Rejected(Reason.UNKNOWN_TOPIC, "no device", device)
    last = path.rpartition("/")[2]
    if last in _COMMANDS:
        return Decoded(FAMILY)
    if path == "online":
        return true_or_not(FAMILY, message, device)
    if path == "announce":
        return _announced(message, device)
    if path.startswith("input_event/"):
        return _pressed(message, known, device, last)
    if path in _OBJECTS:
        return _state(message, known, device, path)
    return _value(message, known, device, path)


def _announced(message: Message, device: str) -> Decoded | Rejected:
    payload = json_object(message.payload, device)
    if isinstance(payload, Rejected):
        return payload
    name, model = device or payload.get("id"), payload.get("model")
    if isinstance(name, str) and name and isinstance(model, str) and model:
        return Decoded(FAMILY, learned=(Learned(name, "model", model[:MAX_MODEL]),))
    return Decoded(FAMILY)


def _pressed(message: Message, known: Known, device: str, channel: str) -> Decoded | Rejected:
    """`{"event": "S", "event_cnt": 12}`; an empty event is how the topic begins."""
    payload = json_object(message.payload, device)
    if isinstance(payload, Rejected):
        return payload
    event, count = payload.get("event"), payload.get("event_cnt")
    if not isinstance(event, str) or event.upper() not in _EVENTS:
        return Decoded(FAMILY, left=() if event is None or event == "" else ("event",), device=device)
    counted = isinstance(count, (int, str)) and not isinstance(count, bool) and len(str(count)[:20]) < 20
    sleeps = device.lower().startswith("shellybutton")
    press = Reading(
        device,
        "sos" if any(map(calls, known.models(device))) else "button_press",
        value=True,
        key=f"{channel[:3]}/{event.upper()}/{count}" if counted else "",
        detail=_EVENTS[event.upper()],
        good_for_ms=_ASLEEP_MS if sleeps or not counted else OWN_NUMBER_MS,
    )
    return Decoded(FAMILY, (press,))


def _state(message: Message, known: Known, device: str, path: str) -> Decoded | Rejected:
    """All that a device says of itself at once. A part that calls itself not valid is none."""
    payload = json_object(message.payload, device)
    if isinstance(payload, Rejected):
        return payload
    fields, _ = flatten({path: payload})
    fields = _valid(fields)
    at = own_time(fields.pop("info.unixtime", None), message.received_at)
    if fields.get("status.motion") is True:  # `timestamp` is of the last motion, which else is long ago
        at = own_time(fields.get("status.timestamp"), message.received_at)
    said = Said()
    vocabulary = words_of(FAMILY, *_models(known, device))
    speak_fields(vocabulary, fields, Origin(device, message.received_at, at, TimeSource.DEVICE), said)
    said.readings = [_in_its_unit(reading, fields) for reading in said.readings]
    return said.decoded(FAMILY, device)


def _valid(fields: Fields) -> Fields:
    broken = tuple(
        name[:-8] for name, value in fields.items() if name.endswith("is_valid") and value is False
    )
    if not broken:
        return fields
    return {name: value for name, value in fields.items() if not name.startswith(broken)}


def _in_its_unit(reading: Reading, fields: Fields) -> Reading:
    """A thermostat says its temperatures in the unit that its owner likes."""
    if reading.metric == "room_temperature" and fields.get("status.tmp.units") == "F":
        return reading._replace(unit="[degF]")
    return reading


def _value(message: Message, known: Known, device: str, path: str) -> Decoded | Rejected:
    """One value as plain text; of several channels, which is in the detail."""
    told = text(message.payload, device)
    if isinstance(told, Rejected):
        return told
    channel = _CHANNEL.search(path[:100])
    name = path[: channel.start()] + "_#" + path[channel.end() :] if channel else path
    said = Said()
    vocabulary = words_of(FAMILY, *_models(known, device))
    speak_fields(vocabulary, {name: told}, Origin(device, message.received_at), said)
    if channel:
        said.channel(channel.group(1))
    return said.decoded(FAMILY, device)


def _models(known: Known, device: str) -> tuple[str, ...]:
    """The model: learned or registered, else what the device's own name begins with (`shellyht-A1B2C3`)."""
    return (*known.models(device), device.partition("-")[0])
