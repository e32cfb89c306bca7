"""ThingsBoard: the telemetry and attributes of devices (`v1/devices/me/...`) and gateways (`v1/gateway/...`).

Rule: a key means what its name says (`names`), or nothing; every item of a list has its own time. On a
device's own topic nobody is named: the payload may, else it is `me`.
"""

from devices.catalogue import MAX_MODEL
from devices.envelope import Json, json_value, text_of
from devices.families import names
from devices.families.names import say
from devices.families.online import online
from devices.message import Message
from devices.reading import Decoded, Known, Learned, Reason, Rejected, TimeSource
from devices.words import Origin, Said, flatten, own_time

FAMILY = "thingsboard"
TOPICS = ("v1/gateway/#", "v1/devices/me/#", "v2/t/#", "v2/a/#")
CALLS = names.CALLS

_GATEWAY = "v1/gateway/"
_ME = "v1/devices/me/"
_OWN = frozenset(
    (_ME + "telemetry", _ME + "attributes", "v2/t", "v2/t/j", "v2/a", "v2/a/j")
)  # v2: the short names of the same topics
_NAMES = (
    "deviceName",
    "device_name",
    "deviceId",
    "device_id",
    "device",
    "serialNumber",
    "serial",
    "sn",
    "mac",
)
_ME_UNNAMED = "me"
_MAX_FIELDS = 2000


def claims(topic: str) -> bool:
    """Whether the topic is of ThingsBoard's device or gateway interface."""
    return topic.startswith((_GATEWAY, _ME)) or topic in _OWN


def decode(message: Message, known: Known) -> Decoded | Rejected:  # noqa: ARG001  every family has this signature
    """One message of a device or a gateway. Requests, answers, commands and claims carry no reading."""
    topic = message.topic
    about = topic.removeprefix(_GATEWAY)
    gateway = about != topic
    if not (about in {"telemetry", "attributes", "connect", "disconnect"} if gateway else topic in _OWN):
        return Decoded(FAMILY)
    payload = json_value(message.payload, "" if gateway else _ME_UNNAMED)
    if isinstance(payload, Rejected):
        return payload
    found = _Found(message.received_at, TimeSource.GATEWAY if gateway else TimeSource.DEVICE)
    if not gateway:
        if not isinstance(payload, (dict, list)):
            return Rejected(Reason.WRONG_SHAPE, "expected an object or a list", _ME_UNNAMED)
        found.items(_named(payload), payload)
        return found.result()
    if not isinstance(payload, dict):
        return Rejected(Reason.WRONG_SHAPE, "expected a JSON object")
    if about in {"connect", "disconnect"}:
        return _connection(payload, connected=about == "connect")
    if about == "attributes" and set(payload) == {"device", "data"}:
        return Decoded(FAMILY)  # the server's own message to the gateway
    for device, items in payload.items():
        found.items(device, items)
    return found.result()


def _connection(payload: dict[str, Json], *, connected: bool) -> Decoded | Rejected:
    device, model = text_of(payload.get("device")), text_of(payload.get("type"))
    if not device:
        return Rejected(Reason.WRONG_SHAPE, "device is missing")
    told = (
        (Learned(device, "model", model[:MAX_MODEL]),) if connected and model not in {"", "default"} else ()
    )
    return Decoded(FAMILY, (online(device, connected),), learned=told)


def _named(payload: Json) -> str:
    """The name that a device's own payload gives it."""
    first = payload[0] if isinstance(payload, list) and payload else payload
    if isinstance(first, dict):
        for name in _NAMES:
            value = first.get(name)
            if isinstance(value, str) and value:
                return value
    return _ME_UNNAMED


class _Found:
    """What was found so far in one message."""

    __slots__ = ("fields", "received_at", "said", "source", "whose")

    def __init__(self, received_at: int, source: TimeSource) -> None:
        self.received_at, self.source = received_at, source
        self.said, self.fields, self.whose = Said(), 0, ""

    def items(self, device: str, items: Json) -> None:
        """What one device sent: values, values with a time, or a list of these."""
        if not device:
            self.said.rejected.append(Rejected(Reason.WRONG_SHAPE, "a device without a name"))
            return
        self.whose = self.whose or device
        for item in items if isinstance(items, list) else (items,):
            if self.fields > _MAX_FIELDS:
                self.said.rejected.append(Rejected(Reason.TOO_LARGE, "more values than are read", device))
                return
            if isinstance(item, dict):
                self._item(device, item)
            else:
                self.said.left.append("item")

    def _item(self, device: str, item: dict[str, Json]) -> None:
        values, stamp = item.get("values"), item.get("ts")
        at = None
        if isinstance(stamp, (int, float, str)):
            at = own_time(stamp, self.received_at)
        if not isinstance(values, dict):
            values = {name: value for name, value in item.items() if name != "ts"}
        origin = Origin(device, self.received_at, at, self.source)
        fields, lists = flatten(values)
        self.fields += 1 + len(fields)
        for name, value in list(fields.items())[:_MAX_FIELDS]:
            if name not in _NAMES:
                say(name, value, origin, self.said)
        if len(fields) > _MAX_FIELDS:
            self.said.rejected.append(Rejected(Reason.TOO_LARGE, "more values than are read", device))
        self.said.left += [name for name, _ in lists]

    def result(self) -> Decoded:
        said = self.said
        said.rejected = said.rejected[:50]
        return said.decoded(FAMILY, self.whose)
