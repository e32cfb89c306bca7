"""Xiaomi and Aqara gateways with their own broker opened: `zigbee/send`, `miio/report`, `central/report`.

Rule: a resource is a number whose meaning the model decides; without a model only those are decoded that mean
the same on all. What a heartbeat or an answer repeats is a state, never something that happened just now.

Names in the catalogue: Lumi resources as they are (`3.1.85`); MIoT properties `<siid>.p.<piid>` and events
`<siid>.e.<eiid>[.p.<piid>]`, without the service where the number is a common one (1000 and up); MiBeacon
objects `eid.<number>`. MiBeacon objects from 0x4800 on are MIoT properties and events in another spelling.
"""

import math
import re
import struct
from collections.abc import Iterator, Mapping

from devices.catalogue import words_of
from devices.envelope import Json, json_value, list_of, object_of, text_of
from devices.message import Message
from devices.metrics import METRICS, Kind
from devices.notation import Vocabulary
from devices.reading import Decoded, Known, Learned, Reading, Reason, Rejected, TimeSource
from devices.words import OWN_NUMBER_MS, Fields, Origin, Said, flatten, own_time, speak_fields

FAMILY = "xiaomi-gateway3"
TOPICS = ("zigbee/send", "miio/report", "central/report", "log/ble")
CALLS = (b"13.1.85", b"8.0.2232", b'"siid"', b'"eid"')  # smoke and gas are numbers here

_ASKED = ("zigbee/recv", "miio/command", "miio/command_ack", "miio/report_ack", "openmiio/report")
"""What is asked of a gateway, what is answered, and what the agent on it says of itself."""
_ENDS = tuple(f"/{topic}" for topic in (*TOPICS, *_ASKED))
_COMMON = 1000
_SPEC = 0x4800
_DID = re.compile(rb'"did"\s*:\s*"([^"\\]{1,64})"')
_LISTS = ("params", "results", "mi_spec")
_MAX_ITEMS = 1024
_MAX_PARTS = 512
"""More devices or events than any gateway puts into one message: the rest are left by name."""
_REPEATS = frozenset(("heartbeat", "read_rsp"))
_HAPPENINGS = frozenset(("motion", *(name for name, metric in METRICS.items() if metric.kind is Kind.EVENT)))
_JOINED, _LEFT, _SCALE = "8.0.2084", "8.0.2082", "e.1022.p.2"
_NUMBERS: Mapping[int, tuple[int, bool, float]] = {
    4100: (2, True, 0.1),
    4102: (2, False, 0.1),
    4103: (3, False, 1),
    4104: (1, False, 1),
    4105: (2, False, 1),
    4106: (1, False, 1),
    4119: (4, False, 1),
    4123: (4, False, 1),
    8192: (2, True, 0.01),
}
"""MiBeacon objects that are numbers: how many bytes, whether with a sign, and the factor."""
_FLOATS = frozenset((1001, 1005, 1008))
"""MIoT's common properties that MiBeacon sends as floats when they are four bytes long."""


def claims(topic: str) -> bool:
    """Whether the topic is one of the gateway's, or a bridge put a prefix before it."""
    return topic in TOPICS or topic in _ASKED or topic.endswith(_ENDS)


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """One message of a gateway: what one or several of its devices report."""
    if message.topic.endswith(_ASKED):
        return Decoded(FAMILY)
    payload = json_value(message.payload)
    if isinstance(payload, Rejected):
        found = _DID.search(message.payload[:4096])
        device = found.group(1).decode("utf-8", "replace") if found else ""
        return Rejected(payload.reason, payload.detail, device)
    if not isinstance(payload, dict):
        return Rejected(Reason.WRONG_SHAPE, "expected a JSON object")
    report = _Report(message, known)
    if isinstance(payload.get("cmd"), str):
        _zigbee(payload, report)
    elif isinstance(payload.get("method"), str):
        _miio(payload, report)
    elif "eid" in payload:  # `log/ble`: a MiBeacon object alone
        about: dict[str, Json] = {"dev": payload, "evt": payload, "frmCnt": payload.get("seq")}
        _beacon(about, report)
    else:
        return Rejected(Reason.WRONG_SHAPE, "neither a command nor a method", text_of(payload.get("did")))
    return report.said.decoded(FAMILY, report.whose, learned=report.learned)


class _Report:
    """What the devices of one message said so far."""

    def __init__(self, message: Message, known: Known) -> None:
        self.message, self.known = message, known
        self.said = Said()
        self.whose = ""
        self.learned: list[Learned] = []

    def origin(self, device: str, at: Json, key: str = "") -> Origin:
        """A device at a time of the gateway's clock; `key` is the gateway's own number of the message."""
        self.whose = self.whose or device
        stamp = own_time(at, self.message.received_at)
        good = OWN_NUMBER_MS if key else 0
        return Origin(device, self.message.received_at, stamp, TimeSource.GATEWAY, key, good)

    def speak(self, origin: Origin, items: Iterator[tuple[str, Json]], model: str, *, again: bool) -> None:
        """What named values of one device say. `again`: it is a state that was true before, too."""
        before = len(self.said.readings)
        vocabulary = words_of(FAMILY, *((model,) if model else ()), *self.known.models(origin.device))
        fields: Fields = {}
        for number, value in items:
            name = _known_as(number, vocabulary)
            if name in fields:  # the same twice: each is told
                speak_fields(vocabulary, fields, origin, self.said)
                fields = {}
            if name in {_JOINED, _LEFT}:
                self._moved(name, value, origin)
            elif isinstance(value, dict):
                fields |= {f"{name}.{path}": scalar for path, scalar in flatten(value)[0].items()}
            elif isinstance(value, list):
                self.said.left.append(name)
            elif name == _SCALE and isinstance(value, int):
                fields |= _weighed(value)
            else:
                fields[name] = value
        speak_fields(vocabulary, fields, origin, self.said)
        if again:
            readings = self.said.readings
            readings[before:] = [one for one in readings[before:] if one.metric not in _HAPPENINGS]

    def _moved(self, name: str, value: Json, origin: Origin) -> None:
        """A device was added, with its model, or removed."""
        device = value if isinstance(value, str) else text_of(object_of(value).get("did"))
        if not device:
            return
        metric = "device_joined" if name == _JOINED else "device_left"
        reading = Reading(device, metric, value=True, at=origin.at, at_source=TimeSource.GATEWAY)
        self.said.readings.append(reading)
        model = text_of(object_of(value).get("model"))[:80]
        if name == _JOINED and model:
            self.learned.append(Learned(device, "model", model))

    def online(self, device: str, at: Json, *, online: bool, rssi: Json = None) -> None:
        """The gateway hears a device, or no longer does."""
        origin = self.origin(device, at)
        self.said.add(origin, "online", value=online)
        self.heard(origin, rssi)

    def heard(self, origin: Origin, rssi: Json) -> None:
        """How well the gateway hears a device."""
        if isinstance(rssi, int) and not isinstance(rssi, bool) and -150 <= rssi < 0:
            self.said.add(origin, "rssi", rssi)


def _known_as(name: str, vocabulary: Vocabulary) -> str:
    """The name by which the catalogue knows it: a common number means the same in any service."""
    if name in vocabulary.words:
        return name
    service, _, rest = name.partition(".")
    kind, _, number = rest.partition(".")
    number = number.partition(".")[0]
    common = service.isdecimal() and kind in {"p", "e"} and len(number) == 4 and number.isdecimal()
    return rest if common else name


def _zigbee(payload: dict[str, Json], report: _Report) -> None:
    """`zigbee/send`: Lumi resources and MIoT properties of Zigbee devices."""
    command = payload["cmd"]
    if command == "heartbeat":
        several = [one for one in list_of(payload.get("params")) if isinstance(one, dict)]
        parts = [(one, one.get("res_list")) for one in several]
    elif command in {"report", "read_rsp"}:
        parts = [(payload, [item for name in _LISTS for item in list_of(payload.get(name))])]
    else:
        return
    number = payload.get("id")
    for one, items in parts[:_MAX_PARTS]:
        device = text_of(one.get("did")) or text_of(payload.get("did"))
        at = one.get("time", payload.get("time"))
        key = f"{number}@{at}" if isinstance(number, int) and number and isinstance(at, int) else ""
        if not device:
            report.said.left.append("did")
            continue
        origin = report.origin(device, at, key[:60])
        listed = list_of(items)
        report.speak(origin, _items(listed[:_MAX_ITEMS]), "", again=command in _REPEATS)
        if len(listed) > _MAX_ITEMS:
            report.said.left.append("params")
        report.heard(origin, payload.get("rssi"))
    if len(parts) > _MAX_PARTS:
        report.said.left.append("params")


def _items(items: list[Json]) -> Iterator[tuple[str, Json]]:
    """The named values of Lumi and MIoT items; those that could not be read (an error code) have none."""
    for item in items:
        if not isinstance(item, dict) or item.get("error_code") or item.get("code"):
            continue
        resource, service = item.get("res_name"), item.get("siid")
        if isinstance(resource, str):
            yield resource, item.get("value")
        elif isinstance(service, int) and isinstance(item.get("piid"), int):
            yield f"{service}.p.{item['piid']}", item.get("value")
        elif isinstance(service, int) and isinstance(item.get("eiid"), int):
            event = f"{service}.e.{item['eiid']}"
            yield event, True
            for argument in list_of(item.get("arguments")):
                if isinstance(argument, dict) and isinstance(argument.get("piid"), int):
                    yield f"{event}.p.{argument['piid']}", argument.get("value")


def _miio(payload: dict[str, Json], report: _Report) -> None:
    """`miio/report`: Bluetooth and Mesh devices."""
    method, params = payload["method"], payload.get("params")
    if method == "_async.ble_event":
        _beacon(object_of(params), report)
    elif method == "event_occured":
        _properties([params], report)
    elif method == "properties_changed":
        _properties(list_of(params), report)
    elif method in {"_sync.ble_keep_alive", "_sync.ble_mesh_keep_alive", "_sync.ble_mesh_offline"}:
        offline = method == "_sync.ble_mesh_offline"
        items = list_of(object_of(params).get("list")) if offline else list_of(params)
        for item in items[:_MAX_PARTS]:
            one = object_of(item)
            if device := text_of(one.get("did")):
                report.online(device, one.get("ts"), online=not offline, rssi=one.get("rssi"))


def _properties(items: list[Json], report: _Report) -> None:
    """MIoT properties and events, each with its device."""
    by_device: dict[tuple[str, int | None, int | None], list[Json]] = {}
    for item in items:
        one = object_of(item)
        device, stamp, number = one.get("did"), one.get("ts"), one.get("tid")
        if isinstance(device, int) and not isinstance(device, bool):
            device = str(device)[:40]
        if not isinstance(device, str) or not device:
            report.said.left.append("did")
            continue
        stamp = stamp if isinstance(stamp, int) else None
        number = number if isinstance(number, int) else None
        by_device.setdefault((device, stamp, number), []).append(item)
    for place, ((device, stamp, number), held) in enumerate(by_device.items()):
        if place == _MAX_PARTS:
            report.said.left.append("params")
            return
        origin = report.origin(device, stamp, str(number)[:40] if number is not None else "")
        report.speak(origin, _items(held), "", again=False)


def _beacon(params: dict[str, Json], report: _Report) -> None:
    """MiBeacon objects that the gateway decrypted."""
    about = object_of(params.get("dev"))
    device = text_of(about.get("did")) or text_of(about.get("mac"))
    if not device:
        report.said.left.append("did")
        return
    product, frame = about.get("pdid"), params.get("frmCnt")
    events = params.get("evt")
    key = str(frame)[:20] if isinstance(frame, int) else ""
    origin = report.origin(device, params.get("gwts"), key)
    several = events if isinstance(events, list) else [events]
    if len(several) > _MAX_PARTS:
        report.said.left.append("evt")
    for event in several[:_MAX_PARTS]:
        one = object_of(event)
        number, text = one.get("eid"), one.get("edata")
        try:
            data = bytes.fromhex(text) if isinstance(text, str) and len(text) <= 512 else None
        except ValueError:
            data = None
        if data is None or not isinstance(number, int) or not 0 <= number < 0x10000:
            report.said.rejected.append(Rejected(Reason.WRONG_TYPE, "edata is no hex text", device))
            continue
        model = str(product) if isinstance(product, int) else ""
        report.speak(origin, _objects(number, data), model[:20], again=False)


def _objects(number: int, data: bytes) -> Iterator[tuple[str, Json]]:
    """The named values of one MiBeacon object; in a state's place stand its bytes as hex digits."""
    name = f"eid.{number}"
    if number >= _SPEC:
        yield from _spec(number - 0x4000, data)
    elif number == 4109 and len(data) >= 4:  # temperature and humidity
        yield from _objects(4100, data[:2])
        yield from _objects(4102, data[2:4])
    elif number in _NUMBERS:
        size, signed, factor = _NUMBERS[number]
        if len(data) >= size:
            yield name, round(int.from_bytes(data[:size], "little", signed=signed) * factor, 2)
    elif number == 15:
        yield name, True
        yield f"{name}.lux", int.from_bytes(data[:3], "little")
    elif number == 7 and data:  # what the door of a lock does, and when
        yield name, data[0]
        yield f"{name}.at", int.from_bytes(data[1:5], "little")
    elif number == 11 and len(data) >= 5:  # who opened how; which finger or code is nobody's business
        error = int.from_bytes(data[1:5], "little")
        yield f"{name}.action", data[0] & 0xF
        yield f"{name}.method", data[0] >> 4
        yield f"{name}.error", f"{error:08x}" if error >> 16 == 0xC0DE else None
        yield f"{name}.at", int.from_bytes(data[5:9], "little")
    else:
        yield name, data.hex()


def _spec(number: int, data: bytes) -> Iterator[tuple[str, Json]]:
    """A MIoT property or event as MiBeacon numbers them: service, kind, and the common number less 1000."""
    service, event, common = number >> 10, number & 0x200, _COMMON + (number & 0x1FF)
    if not event:
        yield f"{service}.p.{common}", _number(common, data)
        return
    yield f"{service}.e.{common}", True
    if data:
        argument = 1005 if common == 1008 else 1
        yield f"{service}.e.{common}.p.{argument}", _number(argument, data)


def _number(common: int, data: bytes) -> float | int | None:
    if common in _FLOATS and len(data) == 4:
        return _float(data)
    return int.from_bytes(data[:8], "little") if data else None


def _float(data: bytes) -> float | None:
    """A little-endian IEEE 754 number, None when it is none."""
    (value,) = struct.unpack("<f", data)
    return round(value, 2) if math.isfinite(value) else None


def _weighed(packed: int) -> Fields:
    """The weight in 0.1 kg and the pulse less 50 that Xiaomi's body scales pack into one number."""
    weight, pulse = packed & 0x7FF, packed >> 11 & 0x7F
    return {"scale.weight": weight / 10 or None, "scale.pulse": pulse + 50 if 0 < pulse < 127 else None}
