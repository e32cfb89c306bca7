"""TuyaLink, Tuya's MQTT protocol for other makers' devices: `tylink/<device id>/thing/...`, JSON.

Rule: a value has the time of its change; the message's own `time` is when it was sent. Codes are Tuya's
standard instruction set; an integer's scale is the product's: from the model that the cloud sends the
device, or else from the catalogue.
"""

from collections.abc import Iterator

from devices.envelope import Json, json_object, list_of, object_of, text_of
from devices.families.thing_model import CALLS, Report, Thing
from devices.message import Message
from devices.reading import Decoded, Known, Learned, Reason, Rejected, TimeSource

FAMILY = "tuyalink"
TOPICS = ("tylink/#",)
DIALECT = "tuyalink"

__all__ = ["CALLS", "DIALECT", "FAMILY", "TOPICS", "claims", "decode"]

_MODEL = "thing/model/get_response"
_SCALED = {
    "va_temperature": "room_temperature",
    "temp_current": "room_temperature",
    "va_humidity": "room_humidity",
    "humidity_value": "room_humidity",
}
_MAX_SERVICES, _MAX_PROPERTIES, _MAX_SCALE, _MAX_VALUE = 16, 256, 4, 10**9
_ONLINE = {"device/sub/login": True, "device/sub/logout": False}
_SPOKEN = frozenset(
    (
        *("thing/property/report", "thing/event/trigger", "thing/data/batch_report"),
        *("thing/data/history_report", "thing/property/batch_report", "thing/property/history_report"),
    )
)


def claims(topic: str) -> bool:
    """Whether the topic is TuyaLink's."""
    return topic.removeprefix("/").startswith("tylink/")


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """One message of a device, or of a gateway for its devices."""
    _, _, rest = message.topic.removeprefix("/").partition("/")
    device, _, what = rest.partition("/")
    if not (device and what):
        return Rejected(Reason.UNKNOWN_TOPIC, "expected tylink/<device id>/...")
    if what not in _SPOKEN and what not in _ONLINE and what != _MODEL:
        return Decoded(FAMILY)
    payload = json_object(message.payload, device)
    if isinstance(payload, Rejected):
        return payload
    report = Report(DIALECT, message, known)
    sent_at = report.sent_at = report.time(payload.get("time"), device)
    data = payload.get("data")
    if what == _MODEL:
        return Decoded(FAMILY, learned=tuple(_scales(device, data)))
    if what in _ONLINE:
        for one in report.each(data):
            member = text_of(one) or text_of(object_of(one).get("deviceId"))
            if member:
                report.thing(member, sent_at, TimeSource.GATEWAY).state("online", _ONLINE[what])
        return report.decoded(FAMILY)
    if not isinstance(data, dict):
        return Rejected(Reason.WRONG_SHAPE, "no data", device)
    thing = report.thing(device, sent_at)
    if what == "thing/property/report":
        thing.properties(_scaled(thing, data))
    elif what == "thing/event/trigger":
        code = text_of(data.get("eventCode"))
        if not code:
            return Rejected(Reason.WRONG_SHAPE, "no eventCode", device)
        thing.event(code, data.get("outputParams"), data.get("eventTime"))
    else:
        _batch(thing, data)
        for one in report.each(data.get("subDevices")):
            name = text_of(object_of(one).get("deviceId"))
            if name:
                _batch(report.thing(name, sent_at, TimeSource.GATEWAY), object_of(one))
            else:
                report.said.rejected.append(Rejected(Reason.WRONG_SHAPE, "a device without deviceId"))
    return report.decoded(FAMILY)


def _scales(device: str, model: Json) -> Iterator[Learned]:
    """How a product scales what a room sensor measures, as the cloud tells the device its model."""
    found: dict[str, str] = {}
    for service in list_of(object_of(model).get("services"))[:_MAX_SERVICES]:
        for one in list_of(object_of(service).get("properties"))[:_MAX_PROPERTIES]:
            code, spec = text_of(object_of(one).get("code")), object_of(object_of(one).get("typeSpec"))
            scale = spec.get("scale")
            if code in _SCALED and isinstance(scale, int) and 0 <= scale <= _MAX_SCALE:
                found[code] = f"{int(scale)}"
    if found:
        yield Learned(device, "description", " ".join(f"{code}={scale}" for code, scale in found.items()))


def _scaled(thing: Thing, values: Json) -> Json:
    """Values in the units of their model, under names that say so, where the device's model is known."""
    taught = thing.report.known.fact(thing.origin.device, "description")
    if not taught or not isinstance(values, dict):
        return values
    scales = dict(one.split("=", 1) for one in taught.split() if "=" in one)
    found: dict[str, Json] = {}
    for code, held in values.items():
        value = held.get("value") if isinstance(held, dict) else held
        scale = scales.get(code, "")
        if code in _SCALED and scale.isdecimal() and type(value) is int and abs(value) < _MAX_VALUE:
            value = value / 10 ** min(int(scale), _MAX_SCALE)
            found[_SCALED[code]] = {**held, "value": value} if isinstance(held, dict) else value
        else:
            found[code] = held
    return found


def _batch(thing: Thing, data: dict[str, Json]) -> None:
    """Properties and events of one device: now, or a list of moments of its past."""
    each = thing.report.each
    for moment in each(data.get("properties")):
        thing.properties(_scaled(thing, moment))
    for moment in each(data.get("events")):
        for name, held in object_of(moment).items():
            for one in each(held):
                event = object_of(one)
                thing.event(name, event.get("outputParams"), event.get("eventTime"))
