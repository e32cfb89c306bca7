"""Tencent Cloud IoT Explorer: `$thing/up/<what>/<product>/<device>` and `$gateway/operation/...`, JSON.

Its older data template is `$template/operation/...`. iThings speaks the same in camel case (`eventPost`).

Rule: an event is what its `eventId` says; its `type` (info, alert, fault, fatal) is how grave that is for the
device, never a call for help. What comes `down` is the platform's.
"""

from devices.envelope import Json, json_object, object_of, text_of
from devices.families.thing_model import CALLS, Report, Thing
from devices.message import Message
from devices.reading import Decoded, Known, Reason, Rejected, TimeSource

FAMILY = "tencent-iotexplorer"
TOPICS = ("$thing/up/#", "$gateway/operation/#", "$template/operation/#")
DIALECT = "thing_model"

__all__ = ["CALLS", "DIALECT", "FAMILY", "TOPICS", "claims", "decode"]

_THING, _GATEWAY, _TEMPLATE = "$thing/", "$gateway/", "$template/"
_NO_VALUES = frozenset(("reportinfo", "reportreply", "reportinforeply"))
_LEVELS = 5  # $thing / up / property / <product> / <device>


def claims(topic: str) -> bool:
    """Whether the topic is of IoT Explorer's thing model or of its gateways."""
    return topic.startswith((_THING, _GATEWAY, _TEMPLATE))


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """One message of a device, or what a gateway says of its devices."""
    levels = message.topic.split("/")
    if len(levels) < _LEVELS - 1:
        return Rejected(Reason.UNKNOWN_TOPIC, "expected $thing/up/<what>/<product>/<device>")
    thing, gateway = f"{levels[0]}/" == _THING, f"{levels[0]}/" == _GATEWAY
    if (thing and (levels[1] != "up" or len(levels) < _LEVELS)) or (not thing and levels[2] == "result"):
        return Decoded(FAMILY)
    device = "/".join(levels[-2:])
    if levels[2] == "raw":
        return Rejected(Reason.UNDECODED, "binary of the product's own", device)
    if thing and levels[2] not in {"property", "event"}:
        return Decoded(FAMILY)
    payload = json_object(message.payload, device)
    if isinstance(payload, Rejected):
        return payload
    report = Report(DIALECT, message, known)
    if gateway:
        _members(report, payload)
    elif not thing:
        report.thing(device).properties(object_of(payload.get("state")).get("reported"))
    elif levels[2] == "property":
        _properties(report.thing(device), payload)
    else:
        _events(report.thing(device), payload)
    return report.decoded(FAMILY)


def _properties(thing: Thing, payload: dict[str, Json]) -> None:
    method = text_of(payload.get("method")) or "report"
    if method == "packReport":
        _packed(thing, payload)
        return
    if not method.startswith("report") or method.replace("_", "").lower() in _NO_VALUES:
        return  # asks for a state, answers a command, or tells the firmware
    params = payload.get("params")
    for one in thing.report.each(params):
        moment = object_of(one)
        inner = moment.get("properties", moment.get("params"))
        if isinstance(params, list) and isinstance(inner, dict):
            thing.properties(inner, moment.get("timestamp"))
        else:
            thing.properties(one, payload.get("timestamp"))


def _events(thing: Thing, payload: dict[str, Json]) -> None:
    if text_of(payload.get("method")).lower().endswith("reply"):
        return
    several = payload.get("events")
    for one in thing.report.each(several if isinstance(several, list) else payload):
        event = object_of(one)
        name = text_of(event.get("eventId")) or text_of(event.get("eventID"))
        if name:
            thing.event(name, event.get("params"), event.get("timestamp", payload.get("timestamp")))
        else:
            thing.said.rejected.append(Rejected(Reason.WRONG_SHAPE, "no eventId", thing.origin.device))


def _packed(gateway: Thing, payload: dict[str, Json]) -> None:
    """What an iThings gateway says of itself and of its devices: lists of moments and of events."""
    report = gateway.report
    _moments(gateway, payload, payload)
    for one in report.each(payload.get("subDevices")):
        member = object_of(one)
        named = [text_of(member.get("productID")), text_of(member.get("deviceName"))]
        if all(named):
            _moments(report.thing("/".join(named), clock=TimeSource.GATEWAY), member, payload)
        else:
            report.said.rejected.append(Rejected(Reason.WRONG_SHAPE, "no productID or no deviceName"))


def _moments(thing: Thing, member: dict[str, Json], payload: dict[str, Json]) -> None:
    for one in thing.report.each(member.get("properties")):
        moment = object_of(one)
        thing.properties(moment.get("params"), moment.get("timestamp", payload.get("timestamp")))
    if isinstance(member.get("events"), list):
        _events(thing, {"events": member["events"], "timestamp": payload.get("timestamp")})


def _members(report: Report, payload: dict[str, Json]) -> None:
    online = {"online": True, "offline": False}.get(text_of(payload.get("type")))
    devices = object_of(payload.get("payload")).get("devices")
    if online is None or not isinstance(devices, list):
        return
    for one in report.each(devices):
        member = object_of(one)
        named = [text_of(member.get("product_id")), text_of(member.get("device_name"))]
        if all(named):
            report.thing("/".join(named), clock=TimeSource.GATEWAY).state("online", online)
