"""DAS AIoT: `sys/<product>/<device>/thing/properties/up` and the like, and its bus `persistent://...`.

Rule: as in Alink, its relative, a device is `<product>/<device>`; one message of the bus is of many devices.
"""

from functools import lru_cache

from devices.catalogue import TRUTH
from devices.envelope import Json, json_value, list_of, object_of, text_of
from devices.families.thing_model import CALLS, Report, Thing
from devices.message import Message
from devices.reading import Decoded, Known, Reason, Rejected
from devices.words import truth_of

FAMILY = "das-aiot"
TOPICS = ("sys/#", "/sys/#", "persistent://#")
DIALECT = "thing_model"

__all__ = ["CALLS", "DIALECT", "FAMILY", "TOPICS", "claims", "decode"]

_BUS = "persistent:"
_STREAMS = ("/v1-thing-props", "/v1-thing-events")
_OURS = ("properties/", "status/", "heart", "ntp/")  # and what ends in /up; the rest is Alink's
_EVENT_NAMES = ("identifier", "eventId", "key")


def claims(topic: str) -> bool:
    """Whether the topic is DAS AIoT's own, not Alink's."""
    return _stream(topic) or _parts(topic) is not None


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """One message of a device or gateway, or of the bus."""
    stream, parts = _stream(message.topic), _parts(message.topic)
    device = f"{parts[0]}/{parts[1]}" if parts else ""
    what = parts[2] if parts else ""
    if not stream and not what:
        return Rejected(Reason.UNKNOWN_TOPIC, "expected sys/<product>/<device>/thing/...")
    if not stream and not what.endswith(("/up", "/get/response")):
        return Decoded(FAMILY)
    payload = json_value(message.payload, device)
    report = Report(DIALECT, message, known)
    if isinstance(payload, Rejected):
        event = what.split("/")[1] if what.startswith("event/") else ""
        return report.unreadable(FAMILY, report.thing(device), event, payload)
    if stream:
        for one in report.each(payload):
            _of_bus(report, object_of(one))
        return report.decoded(FAMILY)
    params = object_of(payload).get("params")
    if not isinstance(params, dict):
        return Rejected(Reason.WRONG_SHAPE, "no params", device)
    thing = report.thing(device)
    if what.startswith("status/"):
        _status(thing, params)
    elif what.startswith("event"):
        _event(report, thing, what, params)
    elif "gateway/" in what:
        thing.properties(params.get("properties"))
        thing.events(params.get("events"))
        if "subDevices" in params:
            report.members(params["subDevices"])
    else:
        thing.properties(params)
    return report.decoded(FAMILY)


def _stream(topic: str) -> bool:
    """Whether it is the bus, of things' properties or events."""
    return topic.startswith(_BUS) and topic.endswith(_STREAMS)


@lru_cache(maxsize=1024)
def _parts(topic: str) -> tuple[str, str, str] | None:
    levels = topic.removeprefix("/").split("/", 4)
    if len(levels) < 5 or levels[0] != "sys" or levels[3] != "thing" or not (levels[1] and levels[2]):
        return None
    what = levels[4]
    return (levels[1], levels[2], what) if what.startswith(_OURS) or "/up/" in f"{what}/" else None


def _of_bus(report: Report, one: dict[str, Json]) -> None:
    """One device in a batch: lists of `{key, value, time, module}`."""
    product, name = text_of(one.get("productId")), text_of(one.get("deviceId"))
    if not (product and name):
        nobodys = Rejected(Reason.WRONG_SHAPE, "an item without productId and deviceId")
        if report.said.rejected[-1:] != [nobodys]:  # a thousand in a row are one mistake
            report.said.rejected.append(nobodys)
        return
    thing = report.thing(f"{product}/{name}")
    moments: dict[int | None, dict[str, Json]] = {}
    for value in list_of(one.get("properties")):
        if isinstance(value, dict) and isinstance(value.get("key"), str):
            moments.setdefault(report.time(value.get("time"), thing.origin.device), {})[
                text_of(value["key"])
            ] = value.get("value")
    for at, held in moments.items():
        thing.properties(held, at)
    for event in list_of(one.get("events")):
        if isinstance(event, dict) and isinstance(event.get("key"), str):
            thing.event(text_of(event["key"]), event.get("value"), event.get("time"))


def _event(report: Report, thing: Thing, what: str, params: dict[str, Json]) -> None:
    """Events: one on a topic of its own or with its identifier inside, or several by name as in Alink."""
    steps = what.split("/")
    inside = next((text for name in _EVENT_NAMES if (text := text_of(params.get(name)))), "")
    if len(steps) == 3 and steps[1] != "gateway":
        thing.event(steps[1], params)
    elif inside:
        thing.event(inside, params.get("outputData", params.get("value")), params.get("time"))
    else:
        named = {name: held for name, held in params.items() if name not in {"subDevices", "properties"}}
        thing.events(params["events"] if isinstance(params.get("events"), dict) else named)
    if "subDevices" in params:
        report.members(params["subDevices"])


def _status(thing: Thing, params: dict[str, Json]) -> None:
    said = params.get("status", params.get("online"))
    online = said if isinstance(said, bool) else truth_of(str(said).lower()[:20], "online", TRUTH)
    if online is not None:
        thing.state("online", online, params.get("time"))
