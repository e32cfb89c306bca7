"""Tasmota: `tele/<topic>/SENSOR`, `STATE`, `LWT`, `stat/<topic>/RESULT`, or `<topic>/tele/...`; JSON, text.

Rule: a chip is known by the name Tasmota gives it, a wire by what the registry says hangs on it: an input
that is ON means nothing by itself. What a bridge hears of other devices is theirs (`tasmota_bridges`).
"""

from collections.abc import Callable
from functools import lru_cache

from devices.catalogue import MAX_MODEL, words_of
from devices.envelope import Json, json_object, json_value, text
from devices.families import tasmota_bridges as bridges
from devices.families.online import true_or_not
from devices.families.tasmota_bridges import Told
from devices.instants import clock_ms
from devices.message import Message
from devices.reading import MAX_DETAIL, Decoded, Known, Learned, Reason, Rejected, TimeSource
from devices.words import Fields, Origin, flatten

FAMILY = "tasmota"
TOPICS = ("tele/#", "stat/#", "+/tele/#", "+/stat/#", "tasmota/discovery/#")
CALLS = (
    *(
        b'"switch',
        b'"button',
        b'"click',
        b'"co"',
        b'"cie"',
        b'"0500',
        b'"0501!',
        b'"0006!',
        b'"0006/',
        b'"0008!',
        b'"action',
    ),
    *(b"zonestatus", b"rfreceived", b"/pir", b"/button"),
)

_PREFIXES = frozenset(("tele", "stat"))
_DISCOVERY = "tasmota/discovery/"
_NUMBERED = frozenset(("POWER", "Switch", "Button", "PIR", "PIRSTATE", "Counter"))
_NO_VALUES = frozenset(("Time", "Epoch", "TempUnit", "PressureUnit"))  # of the values beside them
_LAST = frozenset(("SENSOR", "STATE", "LWT", "RESULT", "POWER", "INFO", "STATUS", "UPTIME"))
_DIGITS = "0123456789"
_SILENT = frozenset(
    "Status StatusPRM StatusFWR StatusLOG StatusMEM StatusNET StatusMQT StatusTIM StatusPTH Berry "
    "DeepSleep IrReceived IRHVAC SSerialReceived SerialReceived ModbusReceived DetailsBLE BLEDevices "
    "BLEOperation ZbState ZbResponse ZbBind ZbPing ZbConfig ZbSend ZbLight PWM Timers Info2 Info3 "
    "MtrReceived MtrUpdate Matter TuyaReceived DisplayText".split()
)


def claims(topic: str) -> bool:
    """Whether a topic has Tasmota's prefix where its usual full topics have it."""
    first, _, rest = topic.partition("/")
    if first in _PREFIXES or first == "cmnd" or topic.startswith(_DISCOVERY):
        return bool(rest)
    if rest.startswith(("tele/", "stat/", "cmnd/")):
        return True
    before, _, last = topic.rpartition("/")  # `%topic%/%prefix%/`, whose topic may have any number of levels
    return before.endswith(("/tele", "/stat")) and last.rstrip(_DIGITS) in _LAST


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """One message of one device. Commands to it and its own bookkeeping carry no reading."""
    if message.topic.startswith(_DISCOVERY):
        return _discovered(message)
    place = _place(message.topic)
    if place is None:
        return Decoded(FAMILY)  # a command
    device, last = place
    if not device:
        return Rejected(Reason.UNKNOWN_TOPIC, "expected tele/<topic>/<what>")
    if last == "LWT":
        return true_or_not(FAMILY, message, device)
    payload = json_value(message.payload, device)
    if isinstance(payload, dict):
        told = _Told(message, known, device)
        told.payload(_acted(last, payload))
        return told.decoded()
    if isinstance(payload, Rejected):
        if payload.reason is not Reason.NOT_JSON or message.payload.lstrip()[:1] in {b"{", b"["}:
            return payload
    elif isinstance(payload, list):
        return Rejected(Reason.WRONG_SHAPE, "expected a JSON object", device)
    return _plain(message, known, device, last)


@lru_cache(maxsize=4096)
def _place(topic: str) -> tuple[str, str] | None:
    """The device of a topic and its last level, None for that of a command."""
    levels = topic.split("/")
    end = len(levels) - 1
    for prefix in (0, 1, end - 1):
        if 0 <= prefix < end and levels[prefix] in _PREFIXES:
            return "/".join(levels[:prefix] + levels[prefix + 1 : -1]), levels[-1]
    return None


def _acted(name: str, payload: dict[str, Json]) -> dict[str, Json]:
    """`stat/<topic>/BUTTON1T`, before version 9.1, named the input in the topic; later messages do inside."""
    base = name.rstrip("T").rstrip(_DIGITS)
    action = payload.get("TRIG", payload.get("ACTION"))
    if base not in {"BUTTON", "SWITCH"} or not isinstance(action, str):
        return payload
    return {name.rstrip("T").replace(base, base.capitalize(), 1): {"Action": action}}


def _plain(message: Message, known: Known, device: str, name: str) -> Decoded | Rejected:
    """One value as text: `stat/<topic>/POWER2`, or what a rule publishes (`stat/<topic>/PIR1`)."""
    value = text(message.payload, device)
    if isinstance(value, Rejected):
        return value
    told = _Told(message, known, device)
    told.fields({name: value}, None)
    return told.decoded()


def _discovered(message: Message) -> Decoded | Rejected:
    """`tasmota/discovery/<MAC>/config`: which module it is, and under which topic it speaks."""
    payload = json_object(message.payload)
    if isinstance(payload, Rejected):
        return Decoded(FAMILY) if payload.reason is Reason.EMPTY else payload
    topic, model = payload.get("t"), payload.get("md")
    if isinstance(topic, str) and topic and isinstance(model, str) and model:
        return Decoded(FAMILY, learned=(Learned(topic, "model", model[:MAX_MODEL]),))
    return Decoded(FAMILY)


class _Told(Told):
    """What one message tells, while it is taken apart."""

    def payload(self, payload: dict[str, Json]) -> None:
        """All parts of a message: the device's own values, its chips, and what it heard of others."""
        self.units = {"TempUnit": payload.get("TempUnit"), "PressureUnit": payload.get("PressureUnit")}
        at = self.time(payload)
        own: Fields = {}
        for name in self.bounded(payload):
            value = payload[name]
            if isinstance(value, dict):
                self.part(name, value, at)
            elif isinstance(value, list):
                self.said.left.append(name)
            elif name not in _NO_VALUES:
                own[name] = value
        if own:
            self.fields(own, at)

    def time(self, payload: dict[str, Json]) -> int | None:
        """`Time` in the device's zone, which it mostly does not say, beside `Epoch`, which needs none."""
        shown = payload.get("Time")
        if isinstance(shown, str) and shown[4:5] == ".":  # before version 5.13
            shown = shown[:10].replace(".", "-") + shown[10:]
        return clock_ms(payload.get("Epoch"), "") or clock_ms(shown, self.known.clock_zone(self.device))

    def fields(self, fields: Fields, at: int | None) -> None:
        """The device's own values, in the words of what the registry says hangs on its inputs."""
        vocabulary = words_of(FAMILY, *self.known.models(self.device))
        origin = Origin(self.device, self.received_at, at, TimeSource.DEVICE)
        plain: Fields = {}
        for name, value in fields.items():
            base = name.rstrip(_DIGITS)
            if base in _NUMBERED:
                self.speak(vocabulary, {base: value}, origin, name[len(base) :])
            else:
                plain[name] = value
        if plain:
            self.speak(vocabulary, plain, origin)

    def part(self, name: str, body: dict[str, Json], at: int | None) -> None:
        """One object of a message: what a bridge heard, an action of a button, or a chip."""
        heard = _HEARD.get(name)
        if heard is not None:
            heard(self, body, at)
        elif name in {"StatusSNS", "StatusSTS"}:
            self.payload(body)
        elif name == "Info1":
            self.learn(self.device, body.get("Module"))
        elif name in _SILENT:
            return
        elif "Action" in body:
            base = name.rstrip(_DIGITS)
            vocabulary = words_of(FAMILY, *self.known.models(self.device))
            origin = Origin(self.device, self.received_at, at, TimeSource.DEVICE)
            action = body["Action"]
            if isinstance(action, str):
                self.speak(vocabulary, {f"{base}.Action": action}, origin, name[len(base) :])
        elif (apart := bridges.kind_of(name, body)) is not None:
            apart(self, {name: body}, at)
        else:
            self.chip(name, body, at)

    def chip(self, name: str, body: dict[str, Json], at: int | None) -> None:
        """A sensor on the board; of several that measure the same, its name is in the detail."""
        fields, lists = flatten(body)
        for inner, values in lists:
            self.said.left.append(f"{name}.{inner}")
            if inner == "Distance" and values and isinstance(values[0], (int, float)):
                fields[inner] = values[0]  # a radar's: of whatever there is, of what moves, of what is still
        origin = Origin(self.device, self.received_at, at, TimeSource.DEVICE)
        self.speak(words_of(FAMILY, name), fields, origin, name[:MAX_DETAIL])


_HEARD: dict[str, Callable[[Told, dict[str, Json], int | None], None]] = {
    "ZbReceived": bridges.zigbee,
    "ZigbeeReceived": bridges.zigbee,  # before version 8.2
    "ZbInfo": bridges.zigbee_memory,
    "LwReceived": bridges.lora,
    "LwDecoded": bridges.lora,
    "IBEACON": bridges.beacon,
    "RfReceived": bridges.radio,
}
