"""Bluetooth devices heard by Theengs Gateway or OpenMQTTGateway: `<base>/<gateway>/BTtoMQTT/<address>`, JSON.

Rule: how well a device was heard is said of the gateway that heard it; what the device said is keyed by the
device's own packet number, so that what several gateways heard is one happening.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from devices.catalogue import ACTIONS, words_of
from devices.envelope import Json, json_object, text_of
from devices.families import ble
from devices.message import Message
from devices.reading import Decoded, Known, Learned, Reading, Reason, Rejected, TimeSource
from devices.words import Fields, Origin, Said, flatten, number_of, speak_fields

FAMILY = "theengs"
TOPICS = ("home/+/BTtoMQTT/#", "home/home_presence/#", "home/+/presence/#", "home/presence/#")
CALLS = (b'"button', b"fcd2", b"181c", b"fe95")
"""A press of a button that is registered as one for calls; raw BTHome and MiBeacon frames (smoke, gas)."""

_BLUETOOTH = "BTtoMQTT"
_BASE = "home"
_PRESENCE = frozenset(("home_presence", "presence"))
_GATEWAYS = re.compile(r"gateway|theengs|omg|esp32|mqtt", re.IGNORECASE)
_MAC = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}")
_ADVERTISED = frozenset(("model_id", "servicedata", "manufacturerdata", "distance", "txpower"))
_MAC_TOPIC = re.compile(r"[0-9A-Fa-f]{12}")
_RADIO = ("rssi", "distance")
_PRESSES = frozenset(("button_press", "sos"))
_SAME_PRESS_MS = 5_000
_SAME_WEIGHING_MS = 30_000
_METERED = {"avg": ("avgu", "kW", "power", 1000.0), "sum": ("sumu", "kWh", "energy", 1.0)}
_APART = frozenset(("weight", "avgu", "sumu", "extprobe"))
"""Fields of devices whose values mean one thing or another by what else they say."""
_MASSES = {"kg": ("kg", 1.0), "lb": ("[lb_av]", 1.0), "lbs": ("[lb_av]", 1.0), "jin": ("kg", 0.5)}
_SCALE = "SCALE"
_SCALES = ("XMTZC", "MI SMART SCALE", "MI BODY")
_MAX_FIELDS = 256  # the longest that a decoder makes has some thirty
_RANDOM = "RMAC"
_FULL = 130
"""OpenMQTTGateway makes per cent of the volts of a cell: a new one has more than a hundred."""
_SPLIT = re.compile(r"[^a-z0-9]+")
_CALLS_ZH = ("求助", "呼叫", "紧急", "报警")


def claims(topic: str) -> bool:
    """Whether the topic is of a gateway's Bluetooth part, on any base, or of its room presence."""
    levels = topic.split("/")
    if _BLUETOOTH in levels:
        return not any(level.startswith("MQTTto") for level in levels)
    if len(levels) < 3 or levels[0] != _BASE:
        return False
    if levels[1] in _PRESENCE or levels[2] in _PRESENCE:  # `home/hall/presence` may be anybody's
        return levels[1] == "home_presence" or _GATEWAYS.search(topic) is not None
    return False


def recognises(payload: Json) -> bool:
    """Whether a payload is an advertisement as these gateways pass it on, on any topic."""
    return (
        isinstance(payload, dict)
        and _MAC.fullmatch(text_of(payload.get("id"))) is not None
        and "rssi" in payload
        and not _ADVERTISED.isdisjoint(payload)
    )


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """One advertisement of a device, decoded by the gateway or raw."""
    place = _place(message.topic)
    payload = json_object(message.payload, place.device)
    if isinstance(payload, Rejected):
        return payload
    device = _address(payload, place.last) or place.device
    if not device:
        return Decoded(FAMILY)  # the gateway's configuration
    if len(payload) > _MAX_FIELDS:
        return Rejected(Reason.WRONG_SHAPE, f"more than {_MAX_FIELDS} fields", device)
    if not payload.get("model_id") and not payload.get("model"):
        heard = ble.advertisement(payload)
        if isinstance(heard, Rejected):
            return _garbled(payload, heard, Origin(device, message.received_at), place.gateway, known)
        found = ble.read(heard) if heard is not None else None
        if isinstance(found, Rejected):
            return Rejected(found.reason, found.detail, device)
        if found:
            payload = payload | found
    return _said(message, known, device, place, payload)


class _Place(NamedTuple):
    """What a topic says."""

    last: str
    device: str
    gateway: str
    will: tuple[Learned, ...]


@lru_cache(maxsize=4096)
def _place(topic: str) -> _Place:
    levels = topic.split("/")
    return _Place(levels[-1], _device_of_topic(levels[-1]), _gateway(levels), last_will(levels, _BLUETOOTH))


def last_will(levels: list[str], subject: str) -> tuple[Learned, ...]:
    """Where the last will of a gateway on another base than `home` comes: such a topic may be anybody's."""
    if levels[0] == _BASE or subject not in levels:
        return ()
    gateway = "/".join(levels[: levels.index(subject)])
    return (Learned(f"{gateway}/LWT", "family", "openmqttgateway"),) if gateway else ()


def _garbled(
    payload: dict[str, Json], why: Rejected, origin: Origin, gateway: str, known: Known
) -> Decoded | Rejected:
    """Data that a gateway passed on as text, and so lost: that it heard the device is still true.

    Where the data have a UUID, or the device is one for calls, what was lost may have been a call.
    """
    rejected, said = Rejected(why.reason, why.detail, origin.device), Said()
    fields, _ = flatten(payload)
    heard = _radio(fields, origin.device, gateway, said)
    may_call = payload.get("servicedatauuid") or calls_for_help(known.models(origin.device))
    if not heard or may_call or _random(fields, origin.device):
        return rejected
    return Decoded(FAMILY, tuple(heard), rejected=(rejected,))


def _said(
    message: Message, known: Known, device: str, place: _Place, payload: dict[str, Json]
) -> Decoded | Rejected:
    fields, lists = flatten(payload)
    registered = known.models(device)
    vocabulary = words_of(FAMILY, *models(fields, registered))
    origin, said = Origin(device, message.received_at), Said()
    radio = _radio(fields, device, place.gateway, said)
    if not _APART.isdisjoint(fields):
        _weigh(fields, origin, said)
        _meter(fields, origin, said)
        _probe(fields, said)
    level = number_of(fields.get("batt"))
    if level is not None and 100 < level <= _FULL:
        fields["batt"] = 100
    speak_fields(vocabulary, fields, origin, said)
    said.left += [name for name, _ in lists]
    if not said.readings and _locked(fields):
        return Rejected(Reason.UNDECODED, "encrypted, and the gateway has no key for it", device)
    readings = _keyed(said.readings, call=calls_for_help(registered))
    if not _random(fields, device):
        readings += radio
    said.readings = readings
    return said.decoded(FAMILY, device, learned=place.will)


def _radio(fields: Fields, device: str, gateway: str, said: Said) -> list[Reading]:
    """How well a gateway heard the device, and how far it takes it to be: of this once, so without a key."""
    heard = []
    for name in _RADIO:
        value = fields.pop(name, None)
        number = number_of(value)
        if number is not None:
            heard.append(Reading(device, name, number, "", None, TimeSource.GATEWAY, "", gateway))
        elif value is not None:
            said.left.append(name)
    return heard


def models(fields: Fields, registered: tuple[str, ...]) -> tuple[str, ...]:
    """What is known of a device's model: what its gateway calls it, what the registry says, its type."""
    code, name, kind = fields.get("model_id"), fields.get("model"), fields.get("type")
    said: tuple[str, ...] = (code,) if isinstance(code, str) and code else ()
    said += (name,) if isinstance(name, str) and name else ()
    said += registered
    return (*said, f"TYPE-{kind}") if isinstance(kind, str) else said


@lru_cache(maxsize=4096)
def calls_for_help(registered: tuple[str, ...]) -> bool:
    """Whether somebody registered a device as one whose button calls for help."""
    return any(
        set(_SPLIT.split(text.lower())) & ACTIONS["sos"] or any(word in text for word in _CALLS_ZH)
        for text in registered
    )


def _address(payload: dict[str, Json], topic: str) -> str:
    """The device's address; where a gateway's system hides it behind a UUID, the one that the device says.

    A beacon of a phone is known by the UUID that it sends, where its gateway was told so: it changes its
    address (OpenMQTTGateway, `presenceUseBeaconUuid` and `pubBeaconUuidForTopic`).
    """
    given, own, beacon = (
        text_of(payload.get("id")),
        text_of(payload.get("mac")),
        text_of(payload.get("uuid")),
    )
    if beacon and beacon in {given, topic}:
        return beacon
    return own if own and ":" not in given else given


def _device_of_topic(last: str) -> str:
    """The address in the last level of a topic, written as in `id`: old gateways give no `id`."""
    if not _MAC_TOPIC.fullmatch(last):
        return ""
    return ":".join(last[at : at + 2] for at in range(0, 12, 2))


def _gateway(levels: list[str]) -> str:
    """Which gateway heard it: the level before the Bluetooth part, or the last of a presence topic."""
    if _BLUETOOTH in levels:
        return levels[max(levels.index(_BLUETOOTH) - 1, 0)]
    return levels[-2] if len(levels) > 1 and levels[-1] in _PRESENCE else levels[-1]


def _random(fields: Fields, device: str) -> bool:
    """Whether the address changes every quarter of an hour, so that it is nobody's.

    `mac_type` 1 is any random address; only those that begin with two set bits stay (Core, Vol 6 B 1.3.2).
    """
    if fields.get("prmac") is True or fields.get("type") == _RANDOM:
        return True
    return fields.get("mac_type") == 1 and ":" in device and device[:1].upper() not in set("CDEF")


def _locked(fields: Fields) -> bool:
    """Whether the frame was encrypted. After decryption a gateway may still add `cipher` to the values."""
    model = fields.get("model_id")
    return bool(
        fields.get("encr")
        or fields.get("cipher")
        or (isinstance(model, str) and model.upper().endswith("ENCR"))
    )


def _weigh(fields: Fields, origin: Origin, said: Said) -> None:
    """A person's weight: not that of an object, and not of a scale for other things."""
    if "weight" not in fields:
        return
    value, unit, mode = fields.pop("weight"), fields.pop("unit", None), fields.pop("weighing_mode", None)
    mass = _MASSES.get(unit.strip().lower()) if isinstance(unit, str) else None
    number = number_of(value)
    if mode == "object" or number is None:
        return
    if mass is None or (mode != "person" and not _of_people(fields)):
        said.left.append("weight")
        return
    said.readings.append(
        Reading(
            origin.device,
            "body_weight",
            number if mass[1] == 1.0 else float(number) * mass[1],
            mass[0],
            key=f"weighed {value!s:.20}{unit!s:.5}",  # a scale shows it for a while, to all gateways
            good_for_ms=_SAME_WEIGHING_MS,
        )
    )


def _of_people(fields: Fields) -> bool:
    """Whether a scale that says nothing of its mode is one for people (old gateways do not give it)."""
    model = fields.get("model_id") or fields.get("model")
    return fields.get("type") == _SCALE or (isinstance(model, str) and model.upper().startswith(_SCALES))


def _meter(fields: Fields, origin: Origin, said: Said) -> None:
    """What an energy meter counts; one of gas or water has another unit, and does not say which it is."""
    for name, (named, unit, metric, factor) in _METERED.items():
        number = number_of(fields.get(name)) if fields.get(named) == unit else None
        if number is not None:
            del fields[name], fields[named]
            said.add(origin, metric, float(number) * factor)


def _probe(fields: Fields, said: Said) -> None:
    """A thermometer with a probe plugged in measures where the probe is: in the fridge, in the pool."""
    if fields.get("extprobe") is True:
        for name in ("tempc", "tempf"):
            if fields.pop(name, None) is not None:
                said.left.append(name)


def _keyed(readings: list[Reading], *, call: bool) -> list[Reading]:
    """Presses as calls for help where they are, and keys that last.

    A press without a number is one for a moment. A state has itself in its key: a device that counts anew
    after a change of battery repeats numbers, and its closed door is not the open one of ten minutes ago.
    """
    return [
        reading._replace(
            metric="sos" if call else reading.metric,
            key=reading.key or f"pressed {reading.detail}",
            good_for_ms=reading.good_for_ms or _SAME_PRESS_MS,
        )
        if reading.metric in _PRESSES
        else reading._replace(key=f"{reading.key} {reading.metric}={reading.value}")
        if reading.key and isinstance(reading.value, bool)
        else reading
        for reading in readings
    ]
