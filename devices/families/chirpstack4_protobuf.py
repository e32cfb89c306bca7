"""ChirpStack v4's Protobuf encoding, turned into what its JSON encoding says: then both are decoded alike.

Rule: any bytes give the event's fields under their JSON names, or `Rejected`. Only what the decoder reads is
turned; only the generated messages are imported, never gRPC. Both encodings omit zeros, so does this.
"""

from base64 import b64encode
from typing import Any

from chirpstack_api.integration import integration_pb2 as events
from google.protobuf.message import DecodeError

from devices.envelope import MAX_DEPTH, Json
from devices.reading import Reason, Rejected

_MAX_GATEWAYS = 64
_MAX_VALUES = 8192
"""A frame has at most 242 bytes: no codec makes so many values of it."""
_WHOLE = 2.0**53
_EVENTS = {
    "up": events.UplinkEvent,
    "join": events.JoinEvent,
    "ack": events.AckEvent,
    "txack": events.TxAckEvent,
    "log": events.LogEvent,
    "status": events.StatusEvent,
    "location": events.LocationEvent,
}


class _TooMuch(Exception):  # noqa: N818  (leaves the recursion; nobody outside sees it)
    """The object is deeper or larger than any codec's."""


def event_object(kind: str, payload: bytes, device: str) -> dict[str, Json] | Rejected:
    """The fields of an event of this kind that a reading may come from, named as in JSON."""
    made = _EVENTS.get(kind)
    if made is None:
        return {}  # an integration's event: its message is in no published schema
    event = made()
    try:
        event.ParseFromString(payload)
    except DecodeError:
        return Rejected(Reason.WRONG_SHAPE, "neither JSON nor an event in Protobuf", device)
    info = event.device_info
    fields: dict[str, Json] = {
        "time": _time(event.time),
        "deviceInfo": {
            "devEui": info.dev_eui,
            "deviceProfileName": info.device_profile_name,
            "tags": dict(info.tags),
        },
    }
    if kind not in {"txack", "log"}:
        fields["deduplicationId"] = event.deduplication_id
    try:
        fields |= _about(kind, event)
    except _TooMuch:
        return Rejected(Reason.TOO_DEEP, "an object that no codec makes", device)
    return fields


def _about(kind: str, event: Any) -> dict[str, Json]:  # noqa: ANN401  (generated messages share no type)
    match kind:
        case "up":
            fields: dict[str, Json] = {
                "fPort": event.f_port,
                "data": b64encode(event.data).decode(),
                "rxInfo": [_reception(one) for one in event.rx_info[:_MAX_GATEWAYS]],
            }
            if event.HasField("object"):
                fields["object"] = _struct(event.object, [_MAX_VALUES], 1)
            return fields
        case "status":
            told: dict[str, Json] = {
                "batteryLevel": round(event.battery_level, 4),
                "externalPowerSource": event.external_power_source,
                "batteryLevelUnavailable": event.battery_level_unavailable,
            }
            return {name: value for name, value in told.items() if value}
        case "log":
            return {"level": _name(events.LogLevel, event.level), "code": _name(events.LogCode, event.code)}
        case "location":
            place = event.location
            return {
                "location": {
                    "latitude": place.latitude,
                    "longitude": place.longitude,
                    "accuracy": place.accuracy,
                }
            }
    return {}


def _name(enumeration: Any, number: int) -> str:  # noqa: ANN401  (a generated enumeration)
    """The word for a number; a newer server's number has none."""
    try:
        return str(enumeration.Name(number))
    except ValueError:
        return str(number)


def _time(stamp: Any) -> Json:  # noqa: ANN401  (a generated message)
    """A timestamp as RFC 3339, None when it was omitted or is no time."""
    if not stamp.seconds:
        return None
    try:
        return f"{stamp.ToDatetime().isoformat()}Z"
    except (ValueError, OverflowError):
        return None


def _reception(one: Any) -> Json:  # noqa: ANN401  (a generated message)
    told: dict[str, Json] = {
        "rssi": one.rssi,
        "snr": round(one.snr, 2),
        "nsTime": _time(one.ns_time),
        "gwTime": _time(one.gw_time),
    }
    return {name: value for name, value in told.items() if value}


def _struct(struct: Any, left: list[int], depth: int) -> dict[str, Json]:  # noqa: ANN401  (a generated message)
    fields = struct.fields  # a map has no order of its own: sorted, the same bytes give the same every time
    return {name: _value(fields[name], left, depth) for name in sorted(fields)}


def _value(value: Any, left: list[int], depth: int) -> Json:  # noqa: ANN401  (a generated message)
    left[0] -= 1
    if depth >= MAX_DEPTH or left[0] < 0:
        raise _TooMuch
    match value.WhichOneof("kind"):
        case "number_value":
            number: float = value.number_value
            return int(number) if -_WHOLE < number < _WHOLE and number.is_integer() else number
        case "string_value":
            return str(value.string_value)
        case "bool_value":
            return bool(value.bool_value)
        case "struct_value":
            return _struct(value.struct_value, left, depth + 1)
        case "list_value":
            return [_value(item, left, depth + 1) for item in value.list_value.values]
    return None
