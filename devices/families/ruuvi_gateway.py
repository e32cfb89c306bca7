"""Ruuvi Gateway: `<prefix>/<gateway>/<tag>`, JSON with the advertisement in hexadecimal, decoded, or both.

RuuviBridge sends what it decoded itself on `ruuvi_measurements/<tag>`.

Rule: the advertisement is decoded here where it is given; what the gateway decoded counts only without it.
`coords` is where the gateway hangs, not where the tag is.
"""

from devices.catalogue import TRUTH, words_of
from devices.envelope import Json, json_object, object_of, text_of
from devices.families import ble
from devices.families.online import online
from devices.message import Message
from devices.reading import Decoded, Known, Reading, Reason, Rejected, TimeSource
from devices.words import Fields, Origin, Said, flatten, own_time, speak_fields, truth_of

FAMILY = "ruuvi-gateway"
TOPICS = ("ruuvi/#", "ruuvi_measurements/#")
CALLS = (b"d2fc", b"95fe")
"""BTHome and MiBeacon frames of smoke and gas detectors, for a gateway that passes on all of Bluetooth."""

_BASE = "ruuvi"
_BRIDGE = "ruuvi_measurements"
_STATUS = "gw_status"
_RAW = "theengs"
_MAX_DATA = 1024
_MAX_TAGS = 256
_MAX_LEFT = 32
_GATEWAYS = frozenset(("gw_mac", "rssi", "aoa", "gwts", "ts", "cnt", "data", "coords", "id", "timestamp"))


def claims(topic: str) -> bool:
    """Whether the topic begins with the gateway's own prefix. Another prefix is known by the payload."""
    levels = topic.split("/")
    return (levels[0] == _BASE and len(levels) > 2) or (levels[0] == _BRIDGE and len(levels) == 2)


def recognises(payload: Json) -> bool:
    """Whether a payload is one that only this gateway sends."""
    if not isinstance(payload, dict):
        return False
    batch = object_of(payload.get("data"))
    return ("gw_mac" in payload and ("data" in payload or "dataFormat" in payload)) or (
        "gw_mac" in batch and "tags" in batch
    )


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """One advertisement of a tag, or the state of the gateway."""
    levels = message.topic.split("/")
    last = levels[-1]
    device = levels[-2] if last == _STATUS and len(levels) > 1 else last
    payload = json_object(message.payload, device)
    if isinstance(payload, Rejected):
        return payload
    if last == _STATUS:
        return _state(payload, device)
    if isinstance(payload.get("data"), dict):
        return _batch(message, known, object_of(payload["data"]))
    device = device if device.count(":") else text_of(payload.get("id") or payload.get("mac")) or device
    if not device:
        return Rejected(Reason.WRONG_SHAPE, "neither topic nor payload names a device")
    return _heard(message, known, device, payload)


def _state(payload: dict[str, Json], gateway: str) -> Decoded | Rejected:
    found = truth_of(text_of(payload.get("state")).strip().lower(), "online", TRUTH)
    if found is None or not gateway:
        return Rejected(Reason.WRONG_SHAPE, "expected the state online or offline", gateway)
    return Decoded(FAMILY, (online(gateway, found),))


def _batch(message: Message, known: Known, data: dict[str, Json]) -> Decoded:
    """What the gateway collected for its HTTP interface: `tags`, each as on a topic of its own."""
    about = {"gw_mac": data.get("gw_mac"), "gwts": data.get("timestamp")}
    decoded = [
        _heard(message, known, tag, {**heard, **about, "ts": heard.get("timestamp")})
        for tag, heard in list(object_of(data.get("tags")).items())[:_MAX_TAGS]
        if tag and isinstance(heard, dict)
    ]
    found = [one for one in decoded if isinstance(one, Decoded)]
    return Decoded(
        FAMILY,
        tuple(reading for one in found for reading in one.readings),
        rejected=tuple(
            [rejected for one in found for rejected in one.rejected]
            + [one for one in decoded if isinstance(one, Rejected)]
        ),
        left=tuple(dict.fromkeys(name for one in found for name in one.left))[:_MAX_LEFT],
        sent_at=next((one.sent_at for one in found if one.sent_at is not None), None),
    )


def _heard(message: Message, known: Known, device: str, payload: dict[str, Json]) -> Decoded | Rejected:
    at = own_time(payload.get("ts", payload.get("timestamp")), message.received_at)
    sent_at = own_time(payload.get("gwts"), message.received_at)
    origin = Origin(device, message.received_at, at, TimeSource.GATEWAY)
    said = Said()
    data = payload.get("data")
    found = _decoded(device, data) if data else None
    if isinstance(found, Rejected):
        return found
    if found is not None:
        dialect, fields = _RAW, found
    else:
        dialect = FAMILY
        fields = flatten({name: value for name, value in payload.items() if name not in _GATEWAYS})[0]
    fields["rssi"] = _scalar(payload.get("rssi"))
    speak_fields(words_of(dialect, *known.models(device)), fields, origin, said, TimeSource.GATEWAY)
    said.left += ["data"] if data and found is None else []
    gateway = text_of(payload.get("gw_mac"))[:40]
    said.readings = [
        Reading(device, "rssi", reading.value, "", at, TimeSource.GATEWAY, "", gateway)  # the gateway's own
        if reading.metric == "rssi"
        else reading
        for reading in said.readings
    ]
    return said.decoded(FAMILY, device, sent_at=None if at is None else sent_at)


def _decoded(device: str, data: Json) -> Fields | Rejected | None:
    """What the advertisement says; None when it is of no device that is known."""
    raw = ble.from_hex(data) if isinstance(data, str) and len(data) <= _MAX_DATA else None
    if raw is None:
        return Rejected(Reason.UNDECODED, "data is no hexadecimal", device)
    found = ble.read(ble.structures(raw))
    return Rejected(found.reason, found.detail, device) if isinstance(found, Rejected) else found


def _scalar(value: Json) -> str | int | float | bool | None:
    return None if isinstance(value, (dict, list)) else value
