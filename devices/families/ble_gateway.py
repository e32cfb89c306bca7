"""Medical Bluetooth gateways that report to CLOUD: the envelope that AVA4 and Qube-Vital share.

Rule: a measurement is that of the device it was heard from (`ble_addr`, `ble_mac`), never of the gateway
(`mac`); what the envelope says of the person (`citiz`, `nameTH`, `brith` ...) is not read.
"""

from collections.abc import Mapping
from typing import Final

from devices.envelope import Json, json_object, text_of
from devices.families.medical import measured
from devices.families.online import online
from devices.instants import local_ms
from devices.message import Message
from devices.reading import Decoded, Known, Reason, Rejected
from devices.vitals import KG, MGDL, MMHG
from devices.words import Origin, Said, own_time

_DOCUMENTED: Final = {"glucose": MGDL, "pressure": MMHG, "weight": KG}  # as their receiver writes them
_ADDRESS = ("ble_addr", "ble_mac", "bleAddr", "bleMac", "ble_address", "addr", "mac")
_TIMES = ("scan_time", "measure_time", "scanTime", "measureTime", "timestamp", "time")
_ALIVE = frozenset(("online", "heartbeat", "heart beat", "hb", "alive", "connected", "power on", "poweron"))
_GONE = frozenset(("offline", "disconnected", "power off", "poweroff", "will", "lwt"))
_MAX_ITEMS = 256


def recognised(payload: Json, senders: tuple[str, ...]) -> bool:
    """Whether a payload is of this envelope and from one of these senders (`from` begins with it)."""
    if not isinstance(payload, dict) or payload.get("to") != "CLOUD":
        return False
    return text_of(payload.get("from")).startswith(senders) and isinstance(payload.get("data"), dict)


def report(message: Message, known: Known, family: str) -> Decoded | Rejected:
    """One message of a gateway: its own state, or what it heard. Commands and their results say nothing."""
    payload = json_object(message.payload)
    if isinstance(payload, Rejected):
        return payload
    gateway = text_of(payload.get("mac")) or text_of(payload.get("deviceCode"))
    data = payload.get("data")
    if not isinstance(data, dict):
        return Rejected(Reason.WRONG_SHAPE, "expected an object named data", gateway)
    said = Said()
    sent_at = _when(payload.get("time"), message, known, gateway)
    if "msg" in data or payload.get("type") == "HB_Msg":
        _state(payload, data, Origin(gateway, message.received_at, sent_at), said, known)
        sent_at = None  # the message's only time
    elif "attribute" in data or "value" in data or "device_list" in data:
        own = _heard(payload, data, Origin(gateway, message.received_at, sent_at), said, message, known)
        sent_at = sent_at if own else None
    else:
        return Decoded(family)
    return said.decoded(family, gateway, sent_at=sent_at)


def _state(
    payload: Mapping[str, Json], data: dict[str, Json], origin: Origin, said: Said, known: Known
) -> None:
    """A heartbeat, a start, a last will: whose time would be that of the connection, so it has none."""
    if not origin.device:
        said.rejected.append(Rejected(Reason.WRONG_SHAPE, "a gateway's state without its mac"))
        return
    text = text_of(data.get("msg")).strip().lower()
    if text in _GONE:
        said.readings.append(online(origin.device, state=False))
        return
    if text in _ALIVE or payload.get("type") == "HB_Msg":
        said.add(origin, "online", value=True)
    elif text:
        said.left.append("data.msg")
    about = {name: value for name, value in data.items() if name != "msg"}
    if about:
        measured(about, known.models(origin.device), origin, said, _DOCUMENTED)


def _heard(
    payload: Mapping[str, Json],
    data: dict[str, Json],
    origin: Origin,
    said: Said,
    message: Message,
    known: Known,
) -> bool:
    """What devices measured; whether one of them has a time of its own beside the message's."""
    value = data.get("value")
    listed = value.get("device_list") if isinstance(value, dict) else data.get("device_list", value)
    items = listed if isinstance(listed, list) else [value if isinstance(value, dict) else data]
    if len(items) > _MAX_ITEMS:
        said.left.append("device_list")
    shared = _address(data)
    if shared == origin.device and "ble_addr" not in data and "ble_mac" not in data:
        shared = ""  # the gateway's own
    models = (text_of(data.get("attribute")), text_of(payload.get("device")))
    own = False
    for item in items[:_MAX_ITEMS]:
        if not isinstance(item, dict):
            said.left.append("device_list")
            continue
        device = (_address(item) if item is not data else "") or shared
        if not device:
            said.rejected.append(
                Rejected(Reason.WRONG_SHAPE, "a measurement without ble_addr", origin.device)
            )
            continue
        at = _own_time(item, message, known, device)
        own = own or at is not None
        here = Origin(device, message.received_at, origin.at if at is None else at)
        measured(item, (*models, *known.models(device)), here, said, _DOCUMENTED)
    return own


def _own_time(item: Mapping[str, Json], message: Message, known: Known, device: str) -> int | None:
    for name in _TIMES:
        if (value := item.get(name)) is not None:
            return _when(value, message, known, device)
    return None


def _address(item: Mapping[str, Json]) -> str:
    for name in _ADDRESS:
        found = item.get(name)
        if isinstance(found, str) and found.strip():
            return found.strip()
    return ""


def _when(value: Json, message: Message, known: Known, device: str) -> int | None:
    """A time as such gateways write it: epoch, ISO 8601, or what a clock on the wall showed."""
    if isinstance(value, (dict, list)):
        return None
    at = own_time(value, message.received_at)
    return local_ms(value, known.clock_zone(device)) if at is None and isinstance(value, str) else at
