"""OpenMQTTGateway beside its Bluetooth part: 433 MHz, LoRa, wired sensors, the gateway itself; JSON.

Rule: a bare radio code means what the registry says of that code and nothing without it; a code that is heard
several times in a row is one press.
"""

from devices.catalogue import TRUTH, words_of
from devices.envelope import Json, json_value
from devices.families.lorawan import text_of
from devices.families.theengs import calls_for_help
from devices.message import Message
from devices.reading import Decoded, Known, Reading, Reason, Rejected, TimeSource
from devices.words import Fields, Origin, Said, flatten, speak_fields, truth_of

FAMILY = "openmqttgateway"
TOPICS = tuple(
    f"home/+/{subject}/#"
    for subject in (
        *("433toMQTT", "SRFBtoMQTT", "RF2toMQTT", "PilighttoMQTT", "LORAtoMQTT", "RFM69toMQTT", "IRtoMQTT"),
        *("SYStoMQTT", "HCSR501toMQTT", "HCSR04toMQTT", "DHTtoMQTT", "CLIMAtoMQTT", "GPIOInputtoMQTT"),
        *("WATERtoMQTT", "GAStoMQTT", "LIGHTtoMQTT", "BH1750toMQTT", "TSL2561toMQTT", "LWT"),
    )
)
CALLS = (b"433tomqtt", b"srfbtomqtt", b"gpioinputtomqtt")
"""A code, or a contact of the gateway, that is registered as a button for calls."""

_SUBJECT = "toMQTT"
_CODES = frozenset(("433toMQTT", "SRFBtoMQTT"))
_OTHERS = frozenset(("BTtoMQTT", "RTL_433toMQTT"))  # decoded elsewhere
_COMMANDS = "MQTTto"
_WILL = "LWT"
_BASE = "home"
_SAME_CODE_MS = 5_000
_EVENTS = frozenset(("sos", "button_press"))
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
        return _will(message, levels[-2] if len(levels) > 1 else "")
    gateway, subject = levels[at - 1], levels[at]
    payload = json_value(message.payload)
    if isinstance(payload, Rejected):
        return Rejected(payload.reason, payload.detail, gateway)
    if not isinstance(payload, dict):
        return Rejected(Reason.WRONG_SHAPE, "expected a JSON object", gateway)
    fields, lists = flatten(payload)
    device = _device(subject, gateway, "/".join(levels[at + 1 :]), fields)
    if not device:
        return Decoded(FAMILY, left=tuple(payload)[:_MAX_LEFT])
    return _said(message, known, device, subject, fields, lists)


_MAX_LEFT = 32


def _subject(levels: list[str]) -> int:
    """Where in a topic the subject stands, 0 where there is none of this family."""
    for at, level in enumerate(levels):
        if at and level.endswith(_SUBJECT) and level not in _OTHERS:
            return at
    return 0


def _device(subject: str, gateway: str, rest: str, fields: Fields) -> str:
    """Whose message it is: a code's, a node's, or that of a sensor that is wired to the gateway."""
    if subject in _CODES:
        value = fields.get("value")
        code = "" if value is None or isinstance(value, (bool, float)) else f"{value!s:.40}"
        return "" if code in _NO_CODE else code
    if subject in _NODES:
        return text_of(fields.get("id")) or text_of(fields.get("from")) or rest
    if subject in _FOREIGN:
        return ""
    return f"{gateway}/{rest}" if rest else gateway


_NODES = frozenset(("LORAtoMQTT", "RFM69toMQTT"))
_FOREIGN = frozenset(("RF2toMQTT", "PilighttoMQTT", "IRtoMQTT", "2GtoMQTT", "LOGtoMQTT", "WebUItoMQTT"))
"""Remote controls that have no code of one number, texts of people, and the gateway's own log."""


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
    speak_fields(words_of(FAMILY, subject, *registered), fields, origin, said)
    if subject in _CODES or subject == "GPIOInputtoMQTT":
        said.left = [name for name in said.left if name not in {"value", "gpio"}]
        own = Said()
        wanted: Fields = {name: fields[name] for name in ("value", "gpio") if name in fields}
        speak_fields(words_of(_MEANINGS, *registered), wanted, origin, own)
        said.readings += _once(own.readings, device, call=calls_for_help(registered))
        said.left += own.left
    said.left += [name for name, _ in lists]
    return Decoded(FAMILY, tuple(said.readings), rejected=tuple(said.rejected), left=said.names_left())


_MEANINGS = "openmqttgateway-codes"


def _once(readings: list[Reading], device: str, *, call: bool) -> list[Reading]:
    """What a code means, keyed by the code: a remote control sends it ten times, and two gateways hear it."""
    return [
        reading._replace(
            metric="sos" if call and reading.metric in _EVENTS else reading.metric,
            key=f"code {device}" if reading.metric in _EVENTS else "",
            good_for_ms=_SAME_CODE_MS if reading.metric in _EVENTS else 0,
        )
        for reading in readings
    ]


def _will(message: Message, gateway: str) -> Decoded | Rejected:
    """The last will: the gateway is gone, of what it listened to nothing is known."""
    online = truth_of(
        message.payload[:20].decode(errors="replace").strip().strip('"').lower(), "online", TRUTH
    )
    if online is None or not gateway:
        return Rejected(Reason.WRONG_SHAPE, "expected online or offline", gateway)
    return Decoded(FAMILY, (Reading(gateway, "online", online, at_source=TimeSource.ARRIVAL),))
