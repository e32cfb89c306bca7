"""ESPresense: `espresense/devices/<device>/<room>` of each room that hears a beacon, `.../rooms/<room>/...`.

Rule: one message says how far a beacon is from one room. Several rooms hear it at once, so a room is named as
the zone only when the node itself says that the beacon is at it (`close`); a room that hears nothing, or is
offline, says nothing of anybody.
"""

from devices.catalogue import words_of
from devices.envelope import json_object, json_value, text
from devices.families.online import online_or_not
from devices.families.theengs import calls_for_help
from devices.message import Message
from devices.reading import Decoded, Known, Reading, Reason, Rejected
from devices.words import Origin, Said, flatten, speak_fields

FAMILY = "espresense"
TOPICS = ("espresense/#",)
CALLS = (b"/button",)
"""A button at a node that is registered as one for calls."""

_BASE = "espresense"
_DEVICES, _ROOMS = "devices", "rooms"
_BUTTONS = frozenset(("button", "button_1", "button_2"))
_SENSORS = frozenset(
    (
        *("motion", "pir", "radar", "switch", "switch_1", "switch_2", "raw_weight"),
        *("temperature", "humidity", "co2", "tvoc", "bh1750_lux", "tsl2561_lux"),
        *("ahtx0_temperature", "ahtx0_humidity", "bme280_temperature", "bme280_humidity", "bme280_pressure"),
        *("bmp180_temperature", "bmp180_pressure", "bmp280_temperature", "bmp280_pressure"),
    )
)
_PROBE = "ds18b20_temperature_"
_SAME_PRESS_MS = 5_000


def claims(topic: str) -> bool:
    """Whether the topic is of ESPresense nodes."""
    return topic.startswith(f"{_BASE}/")


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """How one room hears a beacon, what a node's own sensors say, or whether it is there."""
    levels = message.topic.split("/")
    if len(levels) >= 4 and levels[1] == _DEVICES and levels[-1] != "set":
        return _beacon(message, known, levels[2], levels[3])
    if len(levels) == 3 and levels[1] == _ROOMS and levels[2] and message.payload[:1] == b"{":
        return _heard_in(message, known, levels[2])
    if len(levels) == 4 and levels[1] == _ROOMS and levels[2] and levels[2] != "*":
        return _room(message, known, levels[2], levels[3])
    return Decoded(FAMILY)  # a setting, or a command


def _heard_in(message: Message, known: Known, room: str) -> Decoded | Rejected:
    """Of old nodes: the topic is the room's, as Home Assistant's mqtt_room takes it; the payload says who."""
    payload = json_value(message.payload)
    named = payload.get("id") if isinstance(payload, dict) else None
    return _beacon(message, known, named[:200] if isinstance(named, str) else "", room)


def _beacon(message: Message, known: Known, device: str, room: str) -> Decoded | Rejected:
    payload = json_value(message.payload, device)
    if isinstance(payload, Rejected):
        return payload
    if not isinstance(payload, dict) or not device:
        return Rejected(Reason.WRONG_SHAPE, "expected a JSON object about a device", device)
    fields, lists = flatten(payload)
    origin, said = Origin(device, message.received_at), Said()
    close = fields.pop("close", None) is True
    speak_fields(words_of(FAMILY, *known.models(device)), fields, origin, said)
    if close and room:
        said.add(origin, "zone", room)
    said.left += [name for name, _ in lists]
    said.readings = [
        reading._replace(detail=room) if reading.metric in {"rssi", "distance"} else reading
        for reading in said.readings
    ]
    return said.decoded(FAMILY, device)


def _room(message: Message, known: Known, room: str, what: str) -> Decoded | Rejected:
    if what == "status":
        return online_or_not(FAMILY, message, room)
    if what == "telemetry":
        payload = json_object(message.payload, room)
        if isinstance(payload, Rejected):
            return payload
        said = Said()
        speak_fields(
            words_of(FAMILY, "telemetry"), flatten(payload)[0], Origin(room, message.received_at), said
        )
        return said.decoded(FAMILY, room)
    if what not in _SENSORS and what not in _BUTTONS and not what.startswith(_PROBE):
        return Decoded(FAMILY)
    value = text(message.payload, room)
    if isinstance(value, Rejected):
        return value
    said = Said()
    name = _PROBE if what.startswith(_PROBE) else what
    speak_fields(
        words_of(FAMILY, "sensors", *known.models(room)),
        {name: value},
        Origin(room, message.received_at),
        said,
    )
    said.readings = list(_pressed(said.readings, what, call=calls_for_help(known.models(room))))
    return said.decoded(FAMILY, room)


def _pressed(readings: list[Reading], what: str, *, call: bool) -> tuple[Reading, ...]:
    return tuple(
        reading._replace(metric="sos" if call else reading.metric, detail=what, good_for_ms=_SAME_PRESS_MS)
        if reading.metric == "button_press"
        else reading
        for reading in readings
    )
