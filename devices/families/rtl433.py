"""rtl_433: what a software radio heard of remotes, alarms and weather sensors, as JSON or a topic per field.

Rule: rtl_433 names the protocol, not the purpose. Where one protocol serves doors, pendants and smoke alarms
alike, the registry's words about the device decide (its role); a call that nobody can tell is said to be one.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b

import orjson

from devices.catalogue import entries_of, words_of
from devices.envelope import Json, json_object, text, text_of
from devices.families.online import true_or_not
from devices.instants import clock_ms
from devices.message import Message
from devices.metrics import METRICS, Kind
from devices.reading import Decoded, Known, Reading, Reason, Rejected
from devices.words import Fields, Origin, Said, flatten, number_of, speak_fields

FAMILY = "rtl433"
TOPICS = ("rtl_433/#",)
CALLS = (b"",)  # by its role in the registry any of them may be one

_BASES = frozenset(("rtl_433", "rtl433"))
_DIALECT = "rtl433"
_FLEX = "flex decoder"
_REPEATS_MS = 5_000
"""A transmitter sends each message four to eight times within three seconds."""
_VOLATILE = frozenset(("time", "rssi", "snr", "noise", "freq", "freq1", "freq2", "mod", "protocol"))
_NAMES = ("id", "device", "code", "address", "housecode")
_MAX_DEVICE = 100
_CAMEL = re.compile("(?<=[a-z])(?=[A-Z])")
_ENCRYPTED = frozenset(("simplisafe-gen3", "twogig-key2e345", "vivint-security"))
"""Protocols whose state rtl_433 prints only when it was given the key, if at all."""
_ROLES: tuple[tuple[str, frozenset[str]], ...] = tuple(
    (role, frozenset(words.split()))
    for role, words in (  # the first that fits: a "panic button" is no button, a "smoke remote" is no remote
        ("panic", "panic sos pendant emergency distress help holdup"),
        ("keychain", "keychain keyfob fob remote button keypad"),
        ("smoke", "smoke fire heat"),
        ("co", "co carbon monoxide"),
        ("gas", "gas methane propane"),
        ("water", "water leak flood"),
        ("bell", "doorbell bell chime"),
        ("motion", "motion pir pir2 movement driveway beam"),
        ("other", "glass shock vibration freeze siren repeater"),
        ("contact", "door window contact entry magnet reed opening dds"),
    )
)
_LATCHES = ((0, 0x08), (0, 0x02), (1, 0x80), (1, 0x20), (1, 0x08))  # inputs 1 to 5: byte and bit (US 5761206)


_INTERLOGIX = {
    "2": "smoke",
    "3": "panic",
    "4": "motion",
    "6": "heat",
    "a": "contact",
    "d": "glass",
    "e": "freeze",
    "f": "keyfob",
}
"""The kind is in the first digit of the id; rtl_433 named panic and smoke only in 2025."""


def claims(topic: str) -> bool:
    """Whether one level of the topic is rtl_433's own."""
    return not _BASES.isdisjoint(topic.split("/"))


def recognises(payload: Json) -> bool:
    """Whether a payload has what every message of rtl_433 has, and a sign of its decoders."""
    return (
        isinstance(payload, dict)
        and isinstance(payload.get("model"), str)
        and "time" in payload
        and any(name in payload for name in ("mic", "battery_ok", "raw_message", "protocol"))
    )


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """One message heard, one field of it on a topic of its own, or the state of the radio itself."""
    levels = message.topic.split("/")
    last = levels[-1]
    if last == "states":
        return Decoded(FAMILY)
    if last == "availability":
        return true_or_not(FAMILY, message, levels[-2] if len(levels) > 1 else FAMILY)
    payload = json_object(message.payload)
    if isinstance(payload, Rejected):
        return _field(message, known, levels) if "devices" in levels[:-2] else payload
    return _heard(message, known, payload)


def _heard(message: Message, known: Known, payload: dict[str, Json]) -> Decoded | Rejected:
    fields, lists = flatten(payload)
    model = text_of(payload.get("model"))
    device = _device(fields) or model
    if not device:
        return Rejected(Reason.WRONG_SHAPE, "neither a model nor an id")
    if model.lower() in _ENCRYPTED and "state" not in fields:
        return Rejected(Reason.UNDECODED, "encrypted: rtl_433 has no key", device)
    models = known.models(device)
    if fields.get("type") == "TPMS":
        model = "TPMS"  # tyres use the same names of fields
    fields["received"] = True  # of what says nothing but that it was sent
    fields["role"] = role(models)
    if "num_rows" in fields:  # a decoder of somebody's own configuration, who named it for what it hears
        fields["role"] = fields["role"] or role((_CAMEL.sub(" ", model[:_MAX_DEVICE]),))
        model = _FLEX
    if "switch1" in fields:
        fields |= _interlogix(fields)
    at = clock_ms(fields.pop("time", None), known.clock_zone(device))
    origin, said = Origin(device, message.received_at, at), Said()
    _battery(fields, origin, said)
    speak_fields(words_of(_DIALECT, *((model,) if model else models)), fields, origin, said)
    said.left += [name for name, _ in lists]
    if any(name.startswith("role+") for name in said.left):
        said.rejected.append(Rejected(Reason.UNDECODED, "what it is must be registered", device))
    said.readings = list(_once_for_all_repeats(said.readings, payload))
    return said.decoded(FAMILY, device)


def _field(message: Message, known: Known, levels: list[str]) -> Decoded | Rejected:
    """One field of `.../devices[/<type>][/<model>][/<subtype>][/<channel>]/<id>/<field>` as plain text."""
    path = levels[levels.index("devices") + 1 :]
    if path[0] == "TPMS":
        return Decoded(FAMILY)
    device, name = path[-2], path[-1]
    if not device:
        return Rejected(Reason.UNKNOWN_TOPIC, "expected .../devices/<model>/<id>/<field>")
    value = text(message.payload, device)
    if isinstance(value, Rejected):
        return value
    fields: Fields = {name: value}
    models = known.models(device)
    origin, said = Origin(device, message.received_at), Said()
    _battery(fields, origin, said)
    speak_fields(words_of(_DIALECT, path[0] if len(path) > 2 else "", *models), fields, origin, said)
    return said.decoded(FAMILY, device)


def _device(fields: Fields) -> str:
    for name in _NAMES:
        value = fields.get(name)
        if isinstance(value, bool) or value is None:
            continue
        if isinstance(value, int) and not -(10**30) < value < 10**30:
            continue
        text = str(value).strip()
        if text:
            return text[:_MAX_DEVICE]
    return ""


@lru_cache(maxsize=4096)
def role(models: tuple[str, ...]) -> str:
    """What a device is for, in the words of who registered it, else by its maker's code; "" if unknown."""
    kinds = (entry.kind for model in models for entry in entries_of(_DIALECT, model))
    for spoken in (*models, *kinds):
        words = frozenset("".join(c if c.isalnum() else " " for c in spoken[:200].lower()).split())
        for role, names in _ROLES:
            if words & names:
                return role
    return ""


def _interlogix(fields: Fields) -> Fields:
    """The kind of a transmitter, and which of its inputs changed: rtl_433 prints levels, and the raw bits."""
    kind, serial = fields.get("subtype", fields.get("device_type")), fields.get("id")
    if isinstance(serial, str) and (not isinstance(kind, str) or kind.lower() in {"", "unknown"}):
        kind = _INTERLOGIX.get(serial[:1].lower(), kind)
    raw = fields.get("raw_message", fields.get("device_raw_message"))
    try:
        message = bytes.fromhex(raw) if isinstance(raw, str) else b""
    except ValueError:
        message = b""
    if len(message) < 2:
        return {"subtype": kind, "latches": "unknown"}
    latched = [bool(message[byte] & bit) for byte, bit in _LATCHES]
    pressed = latched[0] or latched[1] or latched[3] or latched[4]  # the third is the cover
    return {"subtype": kind, "latch1": latched[0], "latches": "set" if pressed else "clear"}


def _battery(fields: Fields, origin: Origin, said: Said) -> None:
    """`battery_ok`: 0 is low, 1 is not; a decoder that knows the level gives what lies between."""
    value = fields.get("battery_ok")
    ok = float(value) if isinstance(value, bool) else number_of(value)
    if ok is None or not 0 <= ok <= 1:
        return
    if ok in {0, 1}:
        said.add(origin, "battery_low", ok == 0)
    else:
        said.add(origin, "battery", round(ok * 100, 1))


def _once_for_all_repeats(readings: list[Reading], payload: dict[str, Json]) -> Iterator[Reading]:
    """The readings; an event has what its repeats share for a key, as each has another time or level."""
    key = ""
    for reading in readings:
        if METRICS[reading.metric].kind is not Kind.EVENT:
            yield reading
            continue
        key = key or _fingerprint(payload)
        yield reading._replace(key=key, good_for_ms=_REPEATS_MS)


def _fingerprint(payload: dict[str, Json]) -> str:
    stable = {name: value for name, value in payload.items() if name not in _VOLATILE}
    try:
        return blake2b(orjson.dumps(stable, option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()
    except TypeError:  # an integer beyond 64 bits
        return ""
