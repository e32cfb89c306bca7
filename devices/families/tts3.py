"""The Things Stack v3 (and The Things Network): `v3/<app>@<tenant>/devices/<device id>/<what>`, JSON.

Rule: the envelope says who, when and how well it was heard; what was said is the codec's (`lorawan`).
Fields equal to 0, false or "" are omitted by the server, so a missing field is never an error.
"""

from devices.envelope import Json, json_object, object_of, text_of
from devices.families.lorawan import codec, first_time, location, normalised, once, radio, times, unread
from devices.families.lorawan_frames import CALLS, as_codec
from devices.instants import iso_ms
from devices.message import Message
from devices.reading import Decoded, Known, Reason, Rejected, TimeSource
from devices.words import Origin, Said, number_of

FAMILY = "tts3"
TOPICS = ("v3/+/devices/#",)

__all__ = ["CALLS", "FAMILY", "TOPICS", "claims", "decode"]

_GATEWAY = TimeSource.GATEWAY


def claims(topic: str) -> bool:
    """Whether the topic is of The Things Stack's MQTT server."""
    return topic.startswith("v3/") and "/devices/" in topic


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """One message about one device: uplink, join, location, or what happened to a downlink."""
    levels = message.topic.split("/", 4)  # v3/<application>/devices/<device id>/<what>
    device = levels[3] if len(levels) == 5 and levels[0] == "v3" and levels[2] == "devices" else ""
    payload = json_object(message.payload, device)
    if isinstance(payload, Rejected):
        return payload
    ids = object_of(payload.get("end_device_ids"))
    device = device or text_of(ids.get("device_id"))
    if not device:
        return Rejected(Reason.WRONG_SHAPE, "neither topic nor payload names a device")
    uplink = payload.get("uplink_message") or payload.get("uplink_normalized")
    if payload.get("simulated") is True:
        return _simulated(message, device, payload)
    if isinstance(uplink, dict):
        return _uplink(message, known, device, payload, uplink)
    origin = _origin(message, device, payload, {})
    said = Said()
    if isinstance(payload.get("join_accept"), dict):
        said.add(origin, "device_joined", value=True)
    elif isinstance(payload.get("location_solved"), dict):
        location(object_of(payload["location_solved"]).get("location"), origin, said)
    elif not any(kind in payload for kind in _SILENT):
        return Rejected(Reason.WRONG_SHAPE, "no message of The Things Stack", device)
    return Decoded(FAMILY, tuple(said.readings))


_SILENT = (
    # What carries no reading: the fate of downlinks, and data of the server's own services.
    "downlink_ack",
    "downlink_nack",
    "downlink_queued",
    "downlink_sent",
    "downlink_failed",
    "downlink_queue_invalidated",
    "downlinks",
    "service_data",
)


def _simulated(message: Message, device: str, payload: dict[str, Json]) -> Decoded:
    """Somebody tried the way of a message in the console or with the API: no device said anything.

    The server sets this mark itself, callers cannot (ApplicationUp.simulated), so it hides no real call. That
    there was a test is recorded; what it claims of doors, beds and people is not true.
    """
    said = Said()
    said.add(_origin(message, device, payload, {}), "device_test", value=True, detail="simulated")
    return Decoded(FAMILY, tuple(said.readings))


def _origin(message: Message, device: str, payload: dict[str, Json], uplink: dict[str, Json]) -> Origin:
    """Who and when. The key is the frame's counter with the server's time: a redelivery repeats both."""
    received = text_of(payload.get("received_at"))
    at = iso_ms(received)
    if at is None:
        heard = uplink.get("rx_metadata")
        at = first_time(
            (uplink.get("received_at"), object_of(uplink.get("settings")).get("time"), *times(heard))
        )
    key = f"{number_of(uplink.get('f_cnt')) or 0}@{received}" if received else ""
    return Origin(device, message.received_at, at, _GATEWAY, key)


def _uplink(
    message: Message, known: Known, device: str, payload: dict[str, Json], uplink: dict[str, Json]
) -> Decoded | Rejected:
    origin = _origin(message, device, payload, uplink)
    decoded, measured = uplink.get("decoded_payload"), uplink.get("normalized_payload")
    version = object_of(uplink.get("version_ids"))
    models = (
        f"{text_of(version.get('brand_id'))} {text_of(version.get('model_id'))}",
        text_of(object_of(uplink.get("attributes")).get("model")),
        *known.models(device),
    )
    frame = uplink.get("frm_payload")
    said = Said()
    if frame and measured is None and (not isinstance(decoded, dict) or unread(decoded)):
        read = as_codec(models, uplink.get("f_port"), frame)
        if read is None:
            undecoded = Rejected(Reason.UNDECODED, "no payload formatter decoded the frame", device)
            if not decoded or not isinstance(decoded, dict):
                return undecoded
            said.rejected.append(undecoded)
        decoded = read or decoded
    if isinstance(decoded, dict):
        codec(decoded, models, origin, said)
    if measured is not None:
        normalised(measured, origin, said)
    radio(uplink.get("rx_metadata"), origin, said)
    battery = uplink.get("last_battery_percentage")
    if isinstance(battery, dict):
        _battery(battery, origin, said)
    said.readings = once(said.readings)
    return said.decoded(FAMILY, device)


def _battery(battery: dict[str, Json], origin: Origin, said: Said) -> None:
    """The level of the last device status answer, which came in some earlier frame."""
    level = number_of(battery.get("value"))
    at = first_time((battery.get("received_at"),))
    if level is not None and at is not None and all(reading.metric != "battery" for reading in said.readings):
        said.add(origin.moment(at, f"{at}"), "battery", round(level, 2))
