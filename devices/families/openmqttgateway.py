"""OpenMQTTGateway beside its Bluetooth part: 433 MHz, LoRa, wired sensors, the gateway itself; JSON.

Rule: a bare radio code means what the registry says of that code and nothing without it; a code that is heard
several times in a row is one press.
"""

from devices.catalogue import words_of
from devices.envelope import Json, json_object, text_of
from devices.families import rtl433
from devices.families.online import online_or_not
from devices.families.theengs import calls_for_help, last_will
from devices.message import Message
from devices.metrics import METRICS, Kind
from devices.reading import Decoded, Known, Reading, Rejected
from devices.words import Fields, Origin, Said, flatten, speak_fields

FAMILY = "openmqttgateway"
TOPICS = (
    "home/+/LWT",
    *(
        f"home/+/{subject}/#"
        for subject in (
            *("433toMQTT", "SRFBtoMQTT", "RF2toMQTT", "PilighttoMQTT", "LORAtoMQTT", "RFM69toMQTT"),
            *("IRtoMQTT", "SYStoMQTT", "HCSR501toMQTT", "HCSR04toMQTT", "DHTtoMQTT", "CLIMAtoMQTT"),
            *("GPIOInputtoMQTT", "WATERtoMQTT", "GAStoMQTT", "LIGHTtoMQTT", "BH1750toMQTT", "TSL2561toMQTT"),
            *("RTL_433toMQTT", "GPIOMultiInputtoMQTT", "RN8209toMQTT", "INA226toMQTT"),
        )
    ),
)
CALLS = (
    b"433tomqtt",
    b"srfbtomqtt",
    b"gpioinputtomqtt",
    b"gpiomultiinputtomqtt",
    b"rf2tomqtt",
    b"pilighttomqtt",
)  # the first is also in RTL_433toMQTT
"""Codes, and a contact of the gateway, that may be registered as a button for calls."""

_SUBJECT = "toMQTT"
_CODES = frozenset(("433toMQTT", "SRFBtoMQTT"))
_PINS = frozenset(("GPIOInputtoMQTT", "GPIOMultiInputtoMQTT"))
_SAYS = {**dict.fromkeys(_PINS, "gpio"), "RF2toMQTT": "switchType", "PilighttoMQTT": "message.state"}
"""The field that says nothing without the registry, where it is not the code itself."""
_RTL_433 = "RTL_433toMQTT"
_BLUETOOTH = "BTtoMQTT"  # decoded elsewhere
_COMMANDS = "MQTTto"
_WILL = "LWT"
_BASE = "home"
_SAME_CODE_MS = 5_000
_NO_CODE = frozenset(("", "0"))


def claims(topic: str) -> bool:
    """Whether the topic is a subject of the gateway (`...toMQTT`), a command to it, or its last will."""
    levels = topic.split("/")
    if any(level.startswith(_COMMANDS) for level in levels):
        return True
    return _subject(levels) > 0 or (len(levels) == 3 and levels[0] == _BASE and levels[2] == _WILL)


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """One message of the gateway, or of a device whose radio it heard."""
    levels = message.topic.split("/")
    if any(level.startswith(_COMMANDS) for level in levels):
        return Decoded(FAMILY)
    at = _subject(levels)
    if not at:
        return online_or_not(FAMILY, message, levels[-2] if len(levels) > 1 else "")
    gateway, subject = levels[at - 1], levels[at]
    if subject == _RTL_433:
        heard = rtl433.decode(message, known)
        return heard._replace(family=FAMILY) if isinstance(heard, Decoded) else heard
    payload = json_object(message.payload, gateway)
    if isinstance(payload, Rejected):
        return payload
    fields, lists = flatten(payload)
    device = _device(subject, gateway, "/".join(levels[at + 1 :]), fields)
    if not device:
        return Decoded(FAMILY, left=tuple(payload)[:_MAX_LEFT], device=gateway)
    decoded = _said(message, known, device, subject, fields, lists)
    will = last_will(levels, subject)
    return decoded._replace(learned=will) if will else decoded


_MAX_LEFT = 32


def _subject(levels: list[str]) -> int:
    """Where in a topic the subject stands, 0 where there is none of this family."""
    for at, level in enumerate(levels):
        if at and level.endswith(_SUBJECT) and level != _BLUETOOTH:
            return at
    return 0


def _device(subject: str, gateway: str, rest: str, fields: Fields) -> str:
    """Whose message it is: a code's, a node's, or that of a sensor that is wired to the gateway."""
    if subject in _CODES:
        value = fields.get("value")
        code = "" if value is None or isinstance(value, (bool, float)) else f"{value!s:.40}"
        return "" if code in _NO_CODE else code
    if subject in _REMOTES:
        numbers = [fields.get(name) for name in _REMOTES[subject]]
        return "/".join(f"{number!s:.40}" for number in numbers if isinstance(number, (int, str)))[
            :_MAX_DEVICE
        ]
    if subject in _NODES:
        return text_of(fields.get("id")) or text_of(fields.get("from")) or rest
    if subject in _FOREIGN:
        return ""
    return f"{gateway}/{rest}" if rest else gateway


_NODES = frozenset(("LORAtoMQTT", "RFM69toMQTT"))
_REMOTES = {
    "RF2toMQTT": ("address", "unit"),
    "PilighttoMQTT": ("protocol", "message.id", "message.systemcode", "message.unitcode", "message.unit"),
}
"""What tells one remote control, or one of its buttons, from another."""
_FOREIGN = frozenset(("IRtoMQTT", "2GtoMQTT", "LOGtoMQTT", "WebUItoMQTT"))
"""Remote controls of televisions, texts of people, and the gateway's own log."""
_MAX_DEVICE = 100


def _said(
    message: Message,
    known: Known,
    device: str,
    subject: str,
    fields: Fields,
    lists: list[tuple[str, list[Json]]],
) -> Decoded:
    registered = known.models(device)
    origin, said = Origin(device, message.received_at), Said()
    if fields.get("unit") == "F" and "temp" in fields:
        fields["tempf"] = fields.pop("temp")
    if subject in _CODES or subject in _REMOTES or subject in _PINS:
        fields["role"] = _role(registered)
        fields["received"] = True
        if not fields["role"]:
            said.left.append(_SAYS.get(subject, "value"))
    speak_fields(words_of(FAMILY, subject), fields, origin, said)
    said.left += [name for name, _ in lists]
    said.readings = list(_once(said.readings))
    return said.decoded(FAMILY, device)


def _role(registered: tuple[str, ...]) -> str:
    """What a code is for: that of a closing door is not that of the same door when it opens."""
    if calls_for_help(registered):
        return "panic"
    found = rtl433.role(registered)
    return "closed" if found == "contact" and any("clos" in text.lower() for text in registered) else found


def _once(readings: list[Reading]) -> list[Reading]:
    """An event, keyed by the code: a remote control sends it ten times, and two gateways hear it."""
    return [
        reading._replace(key=f"code {reading.detail}", good_for_ms=_SAME_CODE_MS)
        if METRICS[reading.metric].kind is Kind.EVENT
        else reading
        for reading in readings
    ]
