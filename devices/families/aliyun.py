"""Alibaba Cloud IoT's Alink protocol, and SagooIoT's, which is the same: `/sys/<product>/<device>/thing/...`.

Rule: a device is `<product key>/<device name>`; what its identifiers mean is the thing model's. Forwarded by
the platform's rules, the same messages come without `/sys` and with `items` for `params`; on
`/as/mqtt/status/...` the platform says who is online. Times are in ms, whatever SagooIoT's page says.
"""

from devices.envelope import Json, json_value
from devices.families.lorawan import object_of, text_of
from devices.families.thing_model import CALLS, Report, Thing
from devices.message import Message
from devices.reading import Decoded, Known, Reason, Rejected

FAMILY = "aliyun"
TOPICS = ("/sys/#", "sys/#", "/as/mqtt/status/#")
DIALECT = "thing_model"

__all__ = ["CALLS", "DIALECT", "FAMILY", "TOPICS", "claims", "decode"]

_STATUS = "as/mqtt/status/"
_DAS = ("properties/", "heart", "ntp/", "status/")  # a relative's (`das_aiot`), as is what ends in /up


def claims(topic: str) -> bool:
    """Whether the topic is Alink's: `/sys/<pk>/<dn>/thing/...`, with or without the first slash or `sys`."""
    found = _parts(topic)
    return found is not None and not found[2].startswith(_DAS) and "/up/" not in f"{found[2]}/"


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """One message: properties or events of a device, of a gateway and its devices, live or from the past."""
    parts = _parts(message.topic)
    if parts is None:
        return Rejected(Reason.UNKNOWN_TOPIC, "expected /sys/<product key>/<device name>/thing/...")
    product, name, what = parts
    device = f"{product}/{name}"
    report = Report(DIALECT, message, known)
    steps = what.split("/")
    if steps[0] == "model" and steps[-1] == "up_raw":
        return Rejected(Reason.UNDECODED, "binary of the product's own", device)
    if what and (steps[0] != "event" or steps[-1] != "post" or len(steps) < 3):
        return Decoded(FAMILY)
    payload = json_value(message.payload)
    if isinstance(payload, Rejected):
        return Rejected(payload.reason, payload.detail, device)
    if not isinstance(payload, dict):
        return Rejected(Reason.WRONG_SHAPE, "expected a JSON object", device)
    thing = report.thing(device)
    if not what:
        _status(thing, payload)
    elif steps[1] == "property":
        _properties(report, thing, steps[2:-1], payload)
    else:
        _event(thing, steps, payload)
    return report.decoded(FAMILY)


def _parts(topic: str) -> tuple[str, str, str] | None:
    """Product, device and what comes after `thing/` ("" for the platform's word on who is online)."""
    bare = topic.removeprefix("/")
    if bare.startswith(_STATUS):
        product, _, name = bare.removeprefix(_STATUS).partition("/")
        return (product, name, "") if product and name and "/" not in name else None
    levels = bare.removeprefix("sys/").split("/", 3)
    if len(levels) < 4 or levels[2] != "thing" or not (levels[0] and levels[1] and levels[3]):
        return None
    return levels[0], levels[1], levels[3]


def _properties(report: Report, thing: Thing, mode: list[str], payload: dict[str, Json]) -> None:
    params = payload.get("params", payload.get("items"))
    if mode == ["history"]:
        report.members(params, thing)
    elif mode in (["pack"], ["batch"]) or _packed(params):
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


def _event(thing: Thing, steps: list[str], payload: dict[str, Json]) -> None:
    """An event on a topic of its own; forwarded by the platform, its outputs are beside its identifier."""
    params = payload.get("params", payload.get("value"))
    if not isinstance(params, list):
        thing.event(steps[1], params, payload.get("time"))
        return
    for one in thing.report.each(params):  # its past
        thing.event(steps[1], one, payload.get("time"))


def _status(thing: Thing, payload: dict[str, Json]) -> None:
    status = text_of(payload.get("status")).lower()
    if status in {"online", "offline"}:
        thing.state("online", status == "online", payload.get("utcTime"))
