"""Small radars on topics of their builder's choice: HLK-LD6002, DFRobot C1001, MicRadar and Seeed 60 GHz.

Rule: the last level of a topic that has a plain value says what the value is; JSON says it itself. 255 is an
error of the module, and a suspected fall is not a fall.
"""

import re
from functools import lru_cache

from devices.catalogue import words_of
from devices.envelope import Json, json_object, text_of
from devices.message import Message
from devices.notation import Choice, Vocabulary
from devices.reading import Decoded, Known, Reason, Rejected, TimeSource
from devices.words import Fields, Origin, Said, flatten, own_time, speak_fields

FAMILY = "radar-misc"
TOPICS = ("+/radar/#", "radar/#", "sleepsensor/#", "ld6002/#", "R60AFD1/#", "/Radar60FL/#", "/Radar60SP/#")
CALLS = ("跌倒".encode(), "摔倒".encode(), b'"status":2', b'"status": 2')

_MODULES = re.compile(
    r"radar|mmwave|ld6002|sleepsensor|(?:^|[/_. -])(?:mr60|mr24|r60a|r60b|r24[a-d]|c1001|60ghz)",
    re.IGNORECASE,
)
_ENTITY = re.compile(
    r"/(?:(?:binary_|text_)?sensor|switch|light|number|select|button|event)/[^/]+/(?:state|command)$"
)
_FALLS = frozenset(
    ("fall", "falls", "fallstatus", "fallstate", "falldetected", "falldetection", "fallalarm", "falldown")
)
_VALUES = frozenset(("state", "value", "status", "live", "data", "event", "json", "telemetry", "sensor"))
_COMMANDS = frozenset(
    (
        *("set", "get", "cmd", "command", "commands", "config", "settings", "settingsupdate"),
        *("settingsstate", "otaupdate", "info", "debug", "log"),
    )
)
_INSIDE = ("params", "data", "payload", "values")
_IDS = ("device_id", "deviceId", "device", "id", "sn", "mac")
_TIMES = ("timestamp", "time", "ts")
_PLAIN = frozenset(("state", "value"))  # what they are of is said by the topic
_PLAIN_OF_A_FALL = _PLAIN | {"alert", "alarm", "detected", "active"}
_FELL = ("fall", "fell", "tumble", "跌倒", "摔倒")
_DENIED = (
    *(" no", "not ", "n't", "false", ": 0", "=0", "= 0", "none", "clear", "normal", "off"),
    *("未", "无", "没"),
)
_TOLD_BY = ("event", "type", "alarm", "alert", "action", "eventtype", "alarmtype")
_REPEATS_MS = 5_000


def claims(topic: str) -> bool:
    """Whether a level of the topic names such a module, or its last one a fall.

    With ESPHome a module is an entity of a node, and the topic ESPHome's.
    """
    if _ENTITY.search(topic) is not None:
        return False
    return _MODULES.search(topic) is not None or _fold(topic.rpartition("/")[2]) in _FALLS


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """One value, or one object of them."""
    levels = message.topic.strip("/").split("/")
    last = _fold(levels[-1])
    if last in _COMMANDS:
        return Decoded(FAMILY)
    if levels[0] in {"Radar60FL", "Radar60SP"} and len(levels) > 1:
        device, models = levels[1], levels[:1]
    else:
        device, models = "/".join(levels[:-1]) or message.topic, []
    if not device:
        return Rejected(Reason.UNKNOWN_TOPIC, "a topic without a level")
    payload = json_object(message.payload, device)
    origin = Origin(device, message.received_at, None, TimeSource.ARRIVAL, good_for_ms=_REPEATS_MS)
    said = Said()
    if isinstance(payload, dict):
        if not models:
            device = next((name for field in _IDS if (name := text_of(payload.get(field))[:200])), device)
        _object(payload, device, last, words_of(FAMILY, *models, *known.models(device)), origin, said)
    elif message.payload.lstrip()[:1] in {b"{", b"["}:
        return payload
    elif not message.payload.strip():
        return Rejected(Reason.EMPTY, "", device)
    else:
        text = message.payload.decode(errors="replace")[:100].strip().strip('"')
        _value(text, levels, words_of(FAMILY, *known.models(device)), origin, said)
    return said.decoded(FAMILY, device)


_MAX_FIELDS = 1024
"""More fields than any radar has: further names, and longer ones, are taken as they are written."""
_MAX_NAME = 100


@lru_cache(maxsize=1024)
def _fold(name: str) -> str:
    """A name as builders agree on it: `fallStatus`, `fall_status`, `fall-status`."""
    return name.replace("_", "").replace("-", "").replace(" ", "").lower()


def _value(text: str, levels: list[str], vocabulary: Vocabulary, origin: Origin, said: Said) -> None:
    """A plain value: what it is of is said by the last level that is a word, else by the value itself."""
    names = [_fold(level) for level in reversed(levels)]
    named = names[0] not in _VALUES
    name = names[0] if named else next((name for name in names[1:] if name in vocabulary.words), names[0])
    spoken = text.lower()
    if names[0] == "status" and spoken in {"online", "offline"}:
        name = "online"
    word = vocabulary.words.get(name)
    if word is None and spoken in _words(vocabulary, "fall.said"):
        name = "fall.said"
    elif name in _FALLS and spoken not in _words(vocabulary, name) and _speaks_of_a_fall(spoken):
        said.add(origin, "fall_suspected", value=True, detail="in other words")
        return
    speak_fields(vocabulary, {name: text}, origin, said)


def _words(vocabulary: Vocabulary, name: str) -> Choice:
    word = vocabulary.words.get(name)
    return word if isinstance(word, dict) else {}


def _speaks_of_a_fall(text: str) -> bool:
    """Whether a sentence that the catalogue does not know may tell of a fall: then it is taken for one."""
    return any(word in text for word in _FELL) and not any(word in f" {text} " for word in _DENIED)


def _object(
    payload: dict[str, Json], device: str, last: str, vocabulary: Vocabulary, origin: Origin, said: Said
) -> None:
    fields: Fields = {}
    plain = _PLAIN_OF_A_FALL if last in _FALLS else _PLAIN
    for number, (name, value) in enumerate(flatten(payload)[0].items()):
        inside, dot, rest = name.partition(".")
        inner = rest if dot and inside in _INSIDE else name
        if inner not in _IDS:
            folded = _fold(inner) if number < _MAX_FIELDS and len(inner) < _MAX_NAME else inner
            fields[last if folded in plain and last in vocabulary.words else folded] = value
    if "fall.status" in vocabulary.words and "status" in fields:
        fields["fall.status"] = fields.pop("status")  # of a module whose numbers are known
    _told_by_its_name(fields, vocabulary)
    stamp = next((fields.pop(name) for name in _TIMES if name in fields), None)
    at = own_time(stamp, origin.received_at)
    source = TimeSource.ARRIVAL if at is None else TimeSource.DEVICE
    speak_fields(
        vocabulary, fields, Origin(device, origin.received_at, at, source, good_for_ms=_REPEATS_MS), said
    )


def _told_by_its_name(fields: Fields, vocabulary: Vocabulary) -> None:
    """`{"event": "fall_detected"}`: what happened is the value of a field that may hold anything else."""
    for name in _TOLD_BY:
        value = fields.get(name)
        if (
            name not in vocabulary.words
            and isinstance(value, str)
            and value.strip().lower() in _words(vocabulary, "fall.said")
        ):
            fields["fall.said"] = fields.pop(name)
            return
