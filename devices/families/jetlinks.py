"""JetLinks' official protocol: `/<product>/<device>/properties/report`, `/event/<id>`, `/child/<id>/...`.

Rule: a device is its id alone; behind `child/` it is the child that speaks, not the gateway. An event is
named by the topic alone and may come with any value. Forwarded by the platform's rules, the same messages
come on `/device/<product>/<device>/message/...`.
"""

from functools import lru_cache

from devices.envelope import Json, json_value, object_of
from devices.families.thing_model import CALLS, Report, Thing
from devices.message import Message
from devices.reading import Decoded, Known, Reason, Rejected, TimeSource

FAMILY = "jetlinks"
TOPICS = (
    *("/+/+/properties/#", "/+/+/event/+", "/+/+/child/#", "/+/+/child-reply/#"),
    *("/+/+/online", "/+/+/offline", "/+/+/state-check/reply", "/+/+/direct"),
    *("/device/+/+/message/#", "/device/+/+/online", "/device/+/+/offline"),
)
DIALECT = "jetlinks"

__all__ = ["CALLS", "DIALECT", "FAMILY", "TOPICS", "claims", "decode"]

_SPOKEN = frozenset(("properties/report", "properties/read/reply", "state-check/reply", "online", "offline"))
_SILENT = frozenset(
    # Commands, answers to them, and what is about the device's software.
    (
        *(f"properties/{what}" for what in ("read", "write", "write/reply")),
        *(
            f"firmware/{what}"
            for what in ("upgrade", "upgrade/reply", "upgrade/progress", "pull", "pull/reply")
        ),
        *(f"firmware/{what}" for what in ("report", "read", "read/reply")),
        *(
            f"{what}{reply}"
            for what in ("function/invoke", "disconnect", "time-sync")
            for reply in ("", "/reply")
        ),
        *("state-check", "tags", "log", "register", "unregister", "metadata/derived"),
    )
)
_KNOWN = _SPOKEN | _SILENT | {"direct"}
_CHILDREN = frozenset(("child", "child-reply"))
_MAX_LEVELS = 16


def claims(topic: str) -> bool:
    """Whether the topic is one of the protocol's."""
    found = _parts(topic)
    return found is not None and (found[1] in _KNOWN or found[1].startswith("event/"))


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """One message of a device or of a child behind it."""
    parts = _parts(message.topic)
    if parts is None:
        return Rejected(Reason.UNKNOWN_TOPIC, "expected /<product>/<device>/...")
    device, what, child = parts
    event = what.removeprefix("event/") if what.startswith("event/") else ""
    if what == "direct":
        return Rejected(Reason.UNDECODED, "a message in the maker's own format", device)
    if what not in _SPOKEN and not event and not (child and what in {"register", "unregister"}):
        return Decoded(FAMILY)
    payload = json_value(message.payload, device)
    report = Report(DIALECT, message, known)
    clock = TimeSource.GATEWAY if child else TimeSource.DEVICE
    if isinstance(payload, Rejected):
        if what not in {"online", "offline"} and not (event and payload.reason is Reason.EMPTY):
            return report.unreadable(FAMILY, report.thing(device, None, clock), event, payload)
        payload = {}
    for one in report.each({} if payload is None else payload):
        inside = object_of(one)
        if child and isinstance(inside.get("childDeviceMessage"), dict):
            inside = {"timestamp": inside.get("timestamp"), **object_of(inside["childDeviceMessage"])}
        at = report.time(inside.get("timestamp"), device)
        thing = report.thing(device, at, clock)
        if event:
            thing.event(event, _of_event(inside["data"] if "data" in inside else _bare(inside)))
        elif what.startswith("properties/"):
            _properties(thing, inside)
        else:
            _state(thing, what, inside)
    return report.decoded(FAMILY)


_OWN = frozenset(("timestamp", "messageId", "deviceId", "headers"))
_STATES = {"online": ("online", True), "offline": ("online", False)}
_MEMBERSHIP = {"register": ("device_joined", True), "unregister": ("device_left", True)}


@lru_cache(maxsize=1024)
def _parts(topic: str) -> tuple[str, str, bool] | None:
    """The device that speaks, what it says, and whether a gateway passed it on."""
    levels = topic.split("/", _MAX_LEVELS)
    if len(levels) < 4 or levels[0] or not (levels[1] and levels[2]):
        return None
    if levels[1] == "device" and len(levels) in {5, 7} and (bare := _forwarded(levels[4:])):
        return levels[3], bare, False
    device, rest, child = levels[2], levels[3:], False
    while len(rest) >= 3 and rest[0] in _CHILDREN:
        device, rest, child = rest[1], rest[2:], True
    if rest[0] == "event" and len(rest) != 2:
        return None
    return (device, "/".join(rest), child) if device and rest[-1] else None


def _forwarded(what: list[str]) -> str:
    """What a message on the platform's own bus is on a device's topic, "" when it is none of these."""
    if what in (["online"], ["offline"]):
        return what[0]
    kind = what[1] if len(what) == 3 and what[0] == "message" else ""
    if kind == "event":
        return f"event/{what[2]}"
    return "properties/report" if kind == "property" and what[2] == "report" else ""


def _bare(inside: dict[str, Json]) -> dict[str, Json]:
    """The values of an event whose device left out the `data` around them."""
    return {name: value for name, value in inside.items() if name not in _OWN}


def _of_event(data: Json) -> Json:
    """The values of an event, in which `temp` is what an alarm was about: of anything."""
    if isinstance(data, dict) and "temp" in data:
        return {"temperature" if name == "temp" else name: value for name, value in data.items()}
    return data


def _properties(thing: Thing, inside: dict[str, Json]) -> None:
    """Property values, some of which may have a time of their own (`propertySourceTimes`)."""
    values, times = object_of(inside.get("properties")), object_of(inside.get("propertySourceTimes"))
    if inside.get("success") is False:
        return
    if not times:
        thing.properties(values)
        return
    moments: dict[int | None, dict[str, Json]] = {}
    for name, value in values.items():
        moments.setdefault(thing.report.time(times.get(name), thing.origin.device), {})[name] = value
    for at, held in moments.items():
        thing.properties(held, at)


def _state(thing: Thing, what: str, inside: dict[str, Json]) -> None:
    if what == "state-check/reply":
        state = inside.get("state")
        if isinstance(state, int) and not isinstance(state, bool) and state in {1, -1}:
            thing.state("online", state == 1)
        return
    metric, value = (_STATES | _MEMBERSHIP)[what]
    thing.state(metric, value)
