"""ChirpStack v4, JSON or Protobuf: `application/<id>/device/<devEui>/event/<what>`.

Rule: the envelope says who, when and how well it was heard; what was said is the codec's (`lorawan`).
Which of its two encodings a server was told to use is seen from the first bytes of each message.
"""

import re

from devices.envelope import Json, json_object, object_of, text_of
from devices.families.lorawan import codec, first_time, location, once, radio, times, unread
from devices.families.lorawan_frames import CALLS, as_codec
from devices.message import Message
from devices.reading import MAX_DETAIL, Decoded, Known, Reason, Rejected, TimeSource
from devices.words import Origin, Said, number_of

FAMILY = "chirpstack4"
TOPICS = ("application/+/device/+/event/+",)

__all__ = ["CALLS", "FAMILY", "TOPICS", "claims", "decode"]

_TOPIC = re.compile(r"application/([^/]+)/device/([^/]+)/(event|command)/([^/]+)", re.DOTALL)
_GATEWAY = TimeSource.GATEWAY
_SILENT = frozenset(("ack", "txack", "integration"))
_PROTOBUF = (b"\x08", b"\n", b"\x12")  # the tags of fields 1 and 2, of which every event has one
_JSON = (b"{", b"[", b'"')
_LOG_IS_FAULT = frozenset(("ERROR",))


def claims(topic: str) -> bool:
    """Whether the topic is of ChirpStack v4's MQTT integration."""
    return topic.startswith("application/") and "/device/" in topic


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """One event of one device. Commands (what is sent to a device) carry no reading."""
    topic = _TOPIC.fullmatch(message.topic)
    device, direction, event = topic.group(2, 3, 4) if topic else ("", "event", "up")
    if direction == "command":
        return Decoded(FAMILY)
    payload = _payload(event, message.payload, device)
    if isinstance(payload, Rejected):
        return payload
    info = object_of(payload.get("deviceInfo"))
    device = device or text_of(info.get("devEui"))
    if not device:
        return Rejected(Reason.WRONG_SHAPE, "neither topic nor payload names a device")
    at = first_time((payload.get("time"), *times(payload.get("rxInfo"))))
    key = text_of(payload.get("deduplicationId"))
    origin = Origin(device, message.received_at, at, _GATEWAY, key)
    said = Said()
    match event:
        case "up":
            undecoded = _up(payload, info, known, origin, said)
            if undecoded is not None:
                return undecoded
        case "status":
            _status(payload, origin, said)
        case "join":
            said.add(origin, "device_joined", value=True)
        case "location":
            location(payload.get("location"), origin, said)
        case "log":
            if text_of(payload.get("level")).upper() in _LOG_IS_FAULT:
                said.add(origin, "fault", value=True, detail=text_of(payload.get("code"))[:MAX_DETAIL])
        case _ if event not in _SILENT:
            return Rejected(Reason.UNKNOWN_TOPIC, "no event of ChirpStack", device)
    said.readings = once(said.readings)
    return said.decoded(FAMILY, device)


def _payload(event: str, payload: bytes, device: str) -> dict[str, Json] | Rejected:
    """The event's fields under their names in JSON."""
    if payload[:1] not in _PROTOBUF or payload.lstrip()[:1] in _JSON:
        return json_object(payload, device)
    # imported with the first such message: most servers send JSON, and it costs more than this whole family
    from devices.families.chirpstack4_protobuf import event_object

    return event_object(event, payload, device)


def _up(
    payload: dict[str, Json], info: dict[str, Json], known: Known, origin: Origin, said: Said
) -> Rejected | None:
    decoded, frame = payload.get("object"), payload.get("data")
    tags = object_of(info.get("tags"))
    models = (
        text_of(tags.get("model")),
        *known.models(origin.device),
        text_of(info.get("deviceProfileName")),
    )
    if frame and (not isinstance(decoded, dict) or unread(decoded)):
        read = as_codec(models, payload.get("fPort"), frame)
        if read is None:
            undecoded = Rejected(Reason.UNDECODED, "no codec decoded the frame", origin.device)
            if not decoded or not isinstance(decoded, dict):
                return undecoded
            said.rejected.append(undecoded)
        decoded = read or decoded
    if isinstance(decoded, dict):
        codec(decoded, models, origin, said)
    radio(payload.get("rxInfo"), origin, said)
    return None


def _status(payload: dict[str, Json], origin: Origin, said: Said) -> None:
    """The device status answer of LoRaWAN: a battery level, or external power, or that neither is known."""
    level, external = number_of(payload.get("batteryLevel")), payload.get("externalPowerSource")
    unknown = payload.get("batteryLevelUnavailable") is True and external is not True
    if isinstance(external, bool) and not unknown:
        said.add(origin, "mains_power", external)
    if level is not None and level >= 0 and external is not True and not unknown:
        said.add(origin, "battery", level)
