"""Alibaba Cloud IoT's Alink protocol, and SagooIoT's, which is the same: `/sys/<product>/<device>/thing/...`.

Rule: a device is `<product key>/<device name>`; what its identifiers mean is the thing model's. Forwarded by
the platform's rules, the same messages come without `/sys` and with `items` for `params`; on
`/as/mqtt/status/...` the platform says who is online. Times are in ms, whatever SagooIoT's page says.
iotkit's devices write `s/` (to the server) for `thing/` and leave out `/post`; `c/` is to the client. On
`/ext/session/...` a gateway says who behind it is on line; `/shadow/update/...` holds what a device reported.
"""

import re
from functools import lru_cache

from devices.envelope import Json, json_object, object_of, text_of
from devices.families.thing_model import CALLS, Report, Thing
from devices.families.thing_names import text_said
from devices.message import Message
from devices.reading import Decoded, Known, Reason, Rejected, TimeSource

FAMILY = "aliyun"
TOPICS = (
    "/sys/#",
    "sys/#",
    "/+/+/thing/#",
    "/+/+/user/#",
    "/as/mqtt/status/#",
    "/ext/session/#",
    "/shadow/update/#",
)
DIALECT = "thing_model"

__all__ = ["CALLS", "DIALECT", "FAMILY", "TOPICS", "claims", "decode"]

_STATUS, _SOFTWARE = "as/mqtt/status/", "ota/device/"
_SESSION, _SHADOW = "ext/session/", "shadow/update/"
_SESSIONS = {"login": True, "batch_login": True, "logout": False, "batch_logout": False}
_KEY = re.compile(
    r"[A-Za-z0-9]{10,11}"
)  # of a product, given out by the platform: others have topics .../user/
_SIDES = frozenset(("thing", "s", "c"))
_STATE = "state/update"  # of a take-up of Alink in which devices say themselves whether they are on line
_OTHERS = frozenset(("", _STATE, "shadow", *(f"session/{what}" for what in _SESSIONS)))
_STATES = {"online": True, "offline": False, "1": True, "2": False}
_ENVELOPE = frozenset(("id", "version", "sys", "method", "time", "timestamp"))
_DAS = ("properties/", "heart", "ntp/", "status/")  # a relative's (`das_aiot`), as is what ends in /up


def claims(topic: str) -> bool:
    """Whether the topic is Alink's: `/sys/<pk>/<dn>/thing/...`, with or without the first slash or `sys`."""
    if topic.startswith((f"/{_SOFTWARE}", _SOFTWARE)):
        return True
    found = _parts(topic)
    return found is not None and not found[2].startswith(_DAS) and "/up/" not in f"{found[2]}/"


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """One message: properties or events of a device, of a gateway and its devices, live or from the past."""
    parts = _parts(message.topic)
    if parts is None and message.topic.removeprefix("/").startswith(_SOFTWARE):
        return Decoded(FAMILY)
    if parts is None:
        return Rejected(Reason.UNKNOWN_TOPIC, "expected /sys/<product key>/<device name>/thing/...")
    product, name, what = parts
    device = f"{product}/{name}"
    steps = _steps(what)
    if steps[0] == "model" and steps[-1] == "up_raw":
        return Rejected(Reason.UNDECODED, "binary of the product's own", device)
    own = steps[0] == "user" and steps[-1] not in {"get", "error"}
    if not own and what not in _OTHERS and (steps[0] != "event" or steps[-1] != "post"):
        return Decoded(FAMILY)
    report = Report(DIALECT, message, known)
    thing = report.thing(device, clock=TimeSource.DEVICE if what else TimeSource.GATEWAY)
    payload = json_object(message.payload, device)
    if isinstance(payload, Rejected):
        return report.unreadable(FAMILY, thing, steps[1] if own or len(steps) > 2 else "", payload)
    if own:
        return _own(report, thing, steps[-1], payload)
    if not what or what == _STATE:
        _status(thing, payload)
    elif steps[0] == "session":
        _session(report, steps[-1], payload)
    elif what == "shadow":
        thing.properties(object_of(payload.get("state")).get("reported"))
    elif steps[1] == "property":
        _properties(report, thing, steps[2:-1], payload)
    else:
        _event(thing, steps, payload)
    return report.decoded(FAMILY)


@lru_cache(maxsize=1024)
def _parts(topic: str) -> tuple[str, str, str] | None:
    """Product, device and what comes after `thing/` ("" for the platform's word on who is online)."""
    bare = topic.removeprefix("/")
    if bare.startswith((_SESSION, _SHADOW)):
        return _beside(bare.split("/"))
    if bare.startswith(_STATUS):
        product, _, name = bare.removeprefix(_STATUS).partition("/")
        return (product, name, "") if product and name and "/" not in name else None
    inside = bare.removeprefix("sys/")
    levels = inside.split("/", 3)
    if len(levels) < 4 or not (levels[0] and levels[1] and levels[3]):
        return None
    if levels[2] == "user" and inside is bare:
        return (levels[0], levels[1], f"user/{levels[3]}") if _KEY.fullmatch(levels[0]) else None
    if levels[2] not in _SIDES:
        return None
    if levels[2] != "thing" and inside is bare:
        return None
    return levels[0], levels[1], levels[3] if levels[2] != "c" else "service"


def _beside(levels: list[str]) -> tuple[str, str, str] | None:
    """The same of `ext/session/<pk>/<dn>/combine/<what>` and `shadow/update/<pk>/<dn>`."""
    if not (len(levels) > 3 and levels[2] and levels[3]):
        return None
    if levels[0] == "shadow":
        return (levels[2], levels[3], "shadow") if len(levels) == 4 else None
    return (levels[2], levels[3], f"session/{levels[-1]}") if levels[4:-1] == ["combine"] else None


@lru_cache(maxsize=1024)
def _steps(what: str) -> tuple[str, ...]:
    """What a message is about, as Alink writes it in full."""
    steps = what.split("/")
    if steps[0] == "property":  # as others who took up Alink shorten it
        steps.insert(0, "event")
    if steps[0] == "event" and steps[-1] not in {"post", "event"} and not steps[-1].endswith("_reply"):
        steps.append("post")
    return tuple(steps)


def _properties(report: Report, thing: Thing, mode: tuple[str, ...], payload: dict[str, Json]) -> None:
    params = payload.get("params", payload.get("items"))
    if mode == ("history",):
        report.members(params, thing)
    elif mode in {("pack",), ("batch",)} or _packed(params):
        whole = object_of(params)
        thing.properties(whole.get("properties"))
        thing.events(whole.get("events"))
        if "subDevices" in whole:
            report.members(whole["subDevices"])
    elif isinstance(params, dict):
        thing.properties(params, payload.get("time"))
    else:
        report.said.rejected.append(Rejected(Reason.WRONG_SHAPE, "no params", thing.origin.device))


def _packed(params: Json) -> bool:
    """Whether params are a gateway's, on the topic of one device (SagooIoT's older gateways)."""
    return isinstance(params, dict) and isinstance(params.get("subDevices"), list)


def _event(thing: Thing, steps: tuple[str, ...], payload: dict[str, Json]) -> None:
    """An event on a topic of its own, or, on that of all, with its identifier inside."""
    at = payload.get("time", payload.get("timestamp"))
    if "params" in payload or "value" in payload:
        params = payload.get("params", payload.get("value"))
    else:
        params = {name: held for name, held in payload.items() if name not in _ENVELOPE}
    for one in thing.report.each({} if params is None else params):  # a list is its past
        inside = object_of(one)
        name = text_of(inside.get("identifier")) if len(steps) == 2 or steps[1] == "batch" else steps[1]
        if name:
            own = inside.get(name)  # QuecPython's trackers repeat the name around value and time
            held = own if len(inside) == 1 and isinstance(own, dict) else one
            thing.event(name, held, inside.get("time", at))
        else:
            thing.said.rejected.append(Rejected(Reason.WRONG_SHAPE, "no identifier", thing.origin.device))


def _own(report: Report, thing: Thing, name: str, payload: dict[str, Json]) -> Decoded | Rejected:
    """A message on the maker's own topic: values as in Alink or bare, or an event that the topic names."""
    params = payload.get("params", payload.get("items"))
    values = params if isinstance(params, dict) else payload
    thing.properties(values)
    if not report.said.readings:
        thing.event(name, values)
    if not report.said.readings:
        return Rejected(Reason.UNDECODED, "a message in the maker's own format", thing.origin.device)
    return report.decoded(FAMILY)


def _session(report: Report, what: str, payload: dict[str, Json]) -> None:
    """Devices that a gateway takes on line or off, one or a list of them."""
    params = payload.get("params")
    for one in report.each(object_of(params).get("deviceList", params)):
        named = [text_of(object_of(one).get(name)) for name in ("productKey", "deviceName")]
        if all(named):
            report.thing("/".join(named), clock=TimeSource.GATEWAY).state("online", _SESSIONS[what])


def _status(thing: Thing, payload: dict[str, Json]) -> None:
    said = object_of(payload.get("params")).get("state", payload.get("status"))
    online = _STATES.get(text_said(said)) if isinstance(said, (str, int)) else None
    if online is not None:
        thing.state("online", online, payload.get("utcTime"))
