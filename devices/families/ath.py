"""ATH hubs: `iot/<hub>/<device>/<what>` for watches, cuffs, thermometers (athtech.io, MQTT interface).

Rule: an empty object on `connect/will` is the broker saying that the hub is gone; on `connect/pingresp` it is
the hub saying that it is there.
"""

import re
from collections.abc import Iterator

from devices.catalogue import MAX_MODEL
from devices.envelope import Json, json_object, json_value, object_of, text_of
from devices.families.medical import measured
from devices.families.online import online
from devices.message import Message
from devices.reading import Decoded, Known, Learned, Reason, Rejected
from devices.words import Origin, Said, own_time

FAMILY = "ath"
TOPICS = ("iot/+/+/data", "iot/+/+/status", "iot/+/connect/+", "iot/+/sub_devices/dev_list")

_TOPIC = re.compile(
    r"iot/([^/]+)/([^/]+)/(data|status|command|command_reply|ping|pingresp|will|dev_list)", re.DOTALL
)
_STATUS = {
    "connected": True,
    "online": True,
    "disconnected": False,
    "disconnect": False,
    "offline": False,
    "lost": False,
}
_ENVELOPE = frozenset(("device", "type", "time"))
_STATUS_FIELDS = ("status", "time")
_MAX_DEVICES = 256


def claims(topic: str) -> bool:
    """Whether the topic looks like a hub's."""
    return _TOPIC.fullmatch(topic) is not None


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """One message of a hub or of one of its devices. Commands and their answers say nothing."""
    topic = _TOPIC.fullmatch(message.topic)
    if topic is None:
        return Rejected(Reason.UNKNOWN_TOPIC, "expected iot/<hub>/<device>/<what>")
    hub, device, what = topic.groups()
    if what in {"pingresp", "will"} and device == "connect":
        return Decoded(FAMILY, (online(hub, what == "pingresp"),))
    if what in {"command", "command_reply", "ping", "pingresp", "will"}:
        return Decoded(FAMILY)
    if what == "dev_list":
        return _inventory(message, hub)
    payload = json_object(message.payload, device)
    if isinstance(payload, Rejected):
        return payload
    said_by = _status if what == "status" else _data
    return said_by(payload, message, device, known)


def _status(payload: dict[str, Json], message: Message, device: str, known: Known) -> Decoded | Rejected:
    found = _STATUS.get(text_of(payload.get("status")).strip().lower())
    if found is None:
        return Rejected(Reason.WRONG_SHAPE, "expected CONNECTED or DISCONNECTED", device)
    origin, said = Origin(device, message.received_at, _at(payload, message)), Said()
    said.add(origin, "online", found)
    if len(payload) > len(_STATUS_FIELDS):
        more = {name: value for name, value in payload.items() if name not in _STATUS_FIELDS}
        measured(more, known.models(device), origin, said, {})
    return said.decoded(FAMILY, device)


def _data(payload: dict[str, Json], message: Message, device: str, known: Known) -> Decoded:
    """What a device measured: flat `values`, or `device` and `measure` with names and ISO times."""
    measure, described = object_of(payload.get("measure")), object_of(payload.get("device"))
    at = _at(measure, message)
    at = _at(payload, message) if at is None else at
    models = (text_of(described.get("model")), *known.models(device), text_of(measure.get("type")))
    item = {name: value for name, value in payload.items() if name not in _ENVELOPE}
    origin, said = Origin(device, message.received_at, at), Said()
    if "sos" in text_of(payload.get("type"))[:MAX_MODEL].lower():
        said.add(origin, "sos", value=True)  # not in the document, but it can mean nothing else
    measured(item, models, origin, said, {})
    return said.decoded(FAMILY, device)


def _at(payload: dict[str, Json], message: Message) -> int | None:
    value = payload.get("time")
    return own_time(value, message.received_at)


def _inventory(message: Message, hub: str) -> Decoded | Rejected:
    """Which devices a hub has: teaches their models. A hub that fails says `{"err_msg": ...}`."""
    payload = json_value(message.payload, hub)
    if isinstance(payload, Rejected):
        return payload
    if isinstance(payload, dict):
        return Decoded(FAMILY, left=("err_msg",) if "err_msg" in payload else ())
    if not isinstance(payload, list):
        return Rejected(Reason.WRONG_SHAPE, "expected a JSON array", hub)
    return Decoded(FAMILY, learned=tuple(_models(payload)))


def _models(inventory: list[Json]) -> Iterator[Learned]:
    for one in inventory[:_MAX_DEVICES]:
        described = object_of(one)
        device = text_of(described.get("deveui"))
        model = " ".join(
            text_of(described[name]) for name in ("product_name", "product_category") if name in described
        )
        if device and model.strip():
            yield Learned(device, "model", model.strip()[:MAX_MODEL])
