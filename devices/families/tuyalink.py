"""TuyaLink, Tuya's MQTT protocol for other makers' devices: `tylink/<device id>/thing/...`, JSON.

Rule: a value has the time of its change; the message's own `time` is when it was sent. Codes are Tuya's
standard instruction set; an integer's scale is the product's (catalogue, `tuyalink`).
"""

from devices.envelope import Json, json_value
from devices.families.lorawan import object_of, text_of
from devices.families.thing_model import CALLS, Report, Thing
from devices.message import Message
from devices.reading import Decoded, Known, Reason, Rejected, TimeSource

FAMILY = "tuyalink"
TOPICS = ("tylink/#",)
DIALECT = "tuyalink"

__all__ = ["CALLS", "DIALECT", "FAMILY", "TOPICS", "claims", "decode"]

_ONLINE = {"device/sub/login": True, "device/sub/logout": False}
_SPOKEN = frozenset(
    ("thing/property/report", "thing/event/trigger", "thing/data/batch_report", "thing/data/history_report")
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
    if what not in _SPOKEN and what not in _ONLINE:
        return Decoded(FAMILY)
    payload = json_value(message.payload)
    if isinstance(payload, Rejected):
        return Rejected(payload.reason, payload.detail, device)
    if not isinstance(payload, dict):
        return Rejected(Reason.WRONG_SHAPE, "expected a JSON object", device)
    report = Report(DIALECT, message, known)
    sent_at = report.sent_at = report.time(payload.get("time"), device)
    data = payload.get("data")
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
        thing.properties(data)
    elif what == "thing/event/trigger":
        thing.event(text_of(data.get("eventCode")), data.get("outputParams"), data.get("eventTime"))
    else:
        _batch(thing, data)
        for one in report.each(data.get("subDevices")):
            name = text_of(object_of(one).get("deviceId"))
            if name:
                _batch(report.thing(name, sent_at, TimeSource.GATEWAY), object_of(one))
            else:
                report.said.rejected.append(Rejected(Reason.WRONG_SHAPE, "a device without deviceId"))
    return report.decoded(FAMILY)


def _batch(thing: Thing, data: dict[str, Json]) -> None:
    """Properties and events of one device: now, or a list of moments of its past."""
    each = thing.report.each
    for moment in each(data.get("properties")):
        thing.properties(moment)
    for moment in each(data.get("events")):
        for name, held in object_of(moment).items():
            for one in each(held):
                event = object_of(one)
                thing.event(name, event.get("outputParams"), event.get("eventTime"))
