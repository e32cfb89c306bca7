"""What the entities that discovery announced mean: a class, a unit, payloads and names to one key of `names`.

Rule: a class decides the polarity, a name only what the class leaves open: a safety sensor that is called
`fall` is one. What is on by its class and off by its name is left.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import orjson

from devices.catalogue import CLASSES, UNLIKE
from devices.envelope import Json, json_value
from devices.families.esphome import of_binary, speak_event
from devices.families.lorawan import text_of
from devices.families.names import (
    Meaning,
    calls,
    first_meaning,
    meaning,
    online,
    say,
    say_word,
    scalar_of,
    words_in,
)
from devices.message import Message
from devices.reading import Reason, Rejected
from devices.words import Origin, Said, Scalar

EMPTY = frozenset(("", "none", "unknown", "unavailable", "null", "nan"))
"""What Home Assistant shows for a state that is none."""
RELAYS = frozenset(("switch", "light", "fan", "input_boolean"))

_CALLS = frozenset(("sos", "fall", "fall_suspected"))
_EVENTS = _CALLS | {
    "fall_cleared",
    "help_cancelled",
    "device_test",
    "check_in",
    "medication_taken",
    "bed_exit",
    "bed_enter",
}
_SOFT = frozenset(
    ("", "safety", "problem", "sound", "motion", "occupancy", "presence", "running", "vibration", "moving")
)
"""Classes that a name may make a call for help or a fall of."""
_EMPTY_BY_NAME = frozenset(("out_of_bed", "bed_empty", "seat_empty", "vacant"))
_RAIN = frozenset(("rain", "soil", "plant"))
_POSITION = frozenset(("latitude", "longitude", "gps_accuracy", "battery_level", "battery"))
_MAX_DETAIL = 60


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity of a topic, ready to speak. `word` is what its value means, None when nobody can tell."""

    component: str
    word: Meaning | None
    names: tuple[str, ...]
    path: tuple[str | int, ...] | None
    readable: bool
    unit: str
    on: str
    off: str
    events: tuple[str, ...]
    whose: str


@lru_cache(maxsize=8192)
def entities_of(fact: str, device: str) -> tuple[Entity, ...]:
    """The entities of a topic from its fact. Several devices on one topic are told apart by identifier."""
    try:
        rows = [one for one in orjson.loads(fact) if isinstance(one, dict)]
    except (orjson.JSONDecodeError, TypeError):
        return ()
    several = len({text_of(row.get("i")) for row in rows if row.get("c") != "availability"}) > 1
    return tuple(_entity(row, device, several=several) for row in rows)


def _entity(row: dict[str, Json], device: str, *, several: bool) -> Entity:
    component, klass, unit = (text_of(row.get(key)) for key in ("c", "k", "m"))
    names, own, events = (_listed(row.get(key)) for key in ("n", "d", "e"))
    path = row.get("p")
    steps = tuple(one for one in path if isinstance(one, (str, int))) if isinstance(path, list) else None
    last = tuple(one for one in steps or () if isinstance(one, str))
    identifier = text_of(row.get("i"))
    if component == "availability":
        whose = names[0] if names else device
    else:
        whose = f"{device}/{identifier}" if several and identifier else device
    return Entity(
        component,
        _word(component, klass, (*names, *last[-1:]), own, identity=device),
        (*names, *own),
        steps,
        path is not False,
        unit,
        text_of(row.get("on")),
        text_of(row.get("off")),
        events,
        whose,
    )


def _listed(value: Json) -> tuple[str, ...]:
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def _word(
    component: str, klass: str, names: tuple[str, ...], own: tuple[str, ...], identity: str
) -> Meaning | None:
    """What the value of an entity means, by its class and what it is called.

    `own` are the names of its device: an unnamed button of an SOS pendant is an SOS button.
    """
    found = first_meaning(names)
    if component in {"event", "device_automation"}:
        return _call(names) or (Meaning("sos") if any(map(calls, (*names, *own))) else None)
    if component == "binary_sensor":
        button = found is not None and found.key in {"button", "event"}
        unnamed = found is None and any(one in names for one in own)
        if klass in _SOFT and (button or unnamed) and any(map(calls, own)):
            return Meaning("sos")
        return _of_binary_class(klass, found, names)
    if component == "sensor":
        return _of_sensor_class(klass, found, names, identity)
    if component in RELAYS:
        return found if found is not None and found.key == "sos" else None
    if component == "cover":
        return Meaning("door_open") if klass in {"door", "garage", "gate", "window"} else None
    return None


def _call(names: Iterable[str]) -> Meaning | None:
    return next((one for name in names if (one := meaning(name)) is not None and one.key in _CALLS), None)


def _of_binary_class(klass: str, found: Meaning | None, names: tuple[str, ...]) -> Meaning | None:
    if klass in _SOFT:
        call = _call(names)
        if call is not None and (found is None or found.key in {*_CALLS, "button", "event"}):
            return call
        if found is not None and found.key in _EVENTS:
            return found
    if not klass or klass == "none":
        return None if found is None else of_binary(found)
    key = CLASSES["binary_sensor"].get(klass, "")
    refined = _refined(key, names)
    if refined is not None:
        return refined
    if found is not None and found.key in _EMPTY_BY_NAME:
        return None  # on is "occupied" by the class and "empty" by the name
    return _strictly(key, names)


def _of_sensor_class(
    klass: str, found: Meaning | None, names: tuple[str, ...], identity: str
) -> Meaning | None:
    key = CLASSES["sensor"].get(klass)
    if key is None:
        return found if klass in {"", "none", "enum"} or (found is not None and found.key in _CALLS) else None
    refined = _refined(key, names)
    if refined is not None:
        return refined
    if found is not None and found.key == key:
        return found
    if key in {"room_temperature", "humidity", "air_pressure"}:
        said = {word for name in (*names, identity) for word in words_in(name)}
        if not said.isdisjoint(UNLIKE["*"] | UNLIKE.get(key, frozenset())):
            return None
    return _strictly(key, names)


def _refined(key: str, names: tuple[str, ...]) -> Meaning | None:
    """What one of the names makes of the key of a class, where it says more than the class."""
    more = CLASSES["refined"].get(key, ())
    return next((one for name in names if (one := meaning(name)) is not None and one.key in more), None)


def _strictly(key: str, names: tuple[str, ...]) -> Meaning | None:
    if not key:
        return None
    needed = CLASSES["only_as"].get(key)
    if needed is not None and not any(word in needed for name in names for word in words_in(name)):
        return None
    if key == "water_leak" and any(
        word in {"rain", "soil", "plant"} for name in names for word in words_in(name)
    ):
        return None
    return Meaning(key)


def speak_to(message: Message, entities: tuple[Entity, ...], device: str, said: Said) -> Rejected | None:
    """What a message says to each of the entities of its topic."""
    if not message.payload:
        return None
    payload: Json | Rejected = None
    if any(one.path is not None or one.component == "event" for one in entities):
        payload = json_value(message.payload)
        if isinstance(payload, Rejected) and all(one.path is not None for one in entities):
            return Rejected(payload.reason, payload.detail, device)
    text = message.payload[:1000].decode("utf-8", "replace").strip()
    for entity in entities:
        origin = Origin(entity.whose, message.received_at)
        if not entity.readable:
            _unreadable(entity, said)
        elif entity.path is None:
            _speak(entity, text, payload, origin, said)
        elif not isinstance(payload, Rejected):
            picked = _picked(payload, entity.path)
            if entity.component == "attributes" and isinstance(picked, dict):
                _position(picked, origin, said)
            elif picked is not None and not isinstance(picked, (dict, list)):
                _speak(entity, picked, payload, origin, said)
    return None


def _unreadable(entity: Entity, said: Said) -> None:
    name = entity.names[0] if entity.names else entity.component
    said.left.append(name)
    if entity.word is not None and entity.word.key in _CALLS:
        said.rejected.append(
            Rejected(
                Reason.UNDECODED, "its template is more than a name of a value", entity.whose, entity.word.key
            )
        )


def _picked(payload: Json, path: tuple[str | int, ...]) -> Json:
    for step in path:
        if isinstance(payload, dict) and isinstance(step, str):
            payload = payload.get(step)
        elif isinstance(payload, list) and isinstance(step, int) and step < len(payload):
            payload = payload[step]
        else:
            return None
    return payload


def _shown(value: Scalar) -> str:
    """A value as a template shows it, compared without case."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return (
        ""
        if value is None or (isinstance(value, int) and abs(value) > 10**18)
        else str(value).strip().lower()
    )


def _speak(entity: Entity, value: Scalar, payload: Json | Rejected, origin: Origin, said: Said) -> None:
    shown, component, word = _shown(value), entity.component, entity.word
    if shown in EMPTY:
        return
    called = entity.names[0] if entity.names else component
    if component == "availability":
        _available(entity, shown, said)
    elif component == "sensor":
        if word is None:
            said.left.append(called)
        else:
            say_word(
                word, scalar_of(value) if isinstance(value, str) else value, origin, said, entity.unit, called
            )
    elif component == "event":
        event = text_of(payload.get("event_type")) if isinstance(payload, dict) else shown
        _happened(entity, event, origin, said)
    elif component == "device_automation":
        _triggered(entity, shown, origin, said)
    elif component == "device_tracker":
        place = {entity.on.lower() or "home": "home", entity.off.lower() or "not_home": "not_home"}.get(shown)
        said.add(origin, "zone", (place or str(value).strip())[:_MAX_DETAIL])
    else:
        _switched(entity, value, shown, origin, said)


def _available(entity: Entity, shown: str, said: Said) -> None:
    """Whether a device is there. One of several topics says little: `all` are needed, or `any`."""
    mode = entity.events[0] if entity.events else "latest"
    if shown == entity.off.lower() and mode != "any":
        said.readings.append(online(entity.whose, state=False))
    elif shown == entity.on.lower() and mode != "all":
        said.readings.append(online(entity.whose, state=True))


def _switched(entity: Entity, value: Scalar, shown: str, origin: Origin, said: Said) -> None:
    """A truth by the payloads that the configuration names, else by `ON` and `OFF`."""
    called = entity.names[0] if entity.names else entity.component
    on, off = ("open", "closed") if entity.component == "cover" else ("on", "off")
    state = {entity.off.lower() or off: False, entity.on.lower() or on: True}.get(shown)
    if entity.word is not None:
        if state is not None:
            say_word(entity.word, state, origin, said, called=called)
        elif entity.word.key in _CALLS:
            say_word(
                entity.word, value, origin, said, called=called
            )  # not as announced, but it may be a call
        else:
            said.left.append(called)
    elif entity.component in RELAYS and state is not None:
        said.add(origin, "relay_on", state, called[:_MAX_DETAIL])
    else:
        said.left.append(called)


def _happened(entity: Entity, event: str, origin: Origin, said: Said) -> None:
    if entity.word is None:
        speak_event((), event, origin, said)
    else:
        speak_event((entity.word.key,), event, origin, said)


def _triggered(entity: Entity, shown: str, origin: Origin, said: Said) -> None:
    """A trigger of a device: its payload, its type and its subtype are words for the same happening."""
    payload, kind, subtype = (*entity.events, "", "", "")[:3]
    if payload and shown != payload.lower():
        return
    for event in dict.fromkeys((payload or shown, kind, subtype)):
        told = Said()
        _happened(entity, event, origin, told)
        if told.readings or not told.left:
            said.readings += told.readings
            return
    said.left.append(entity.names[0] if entity.names else "trigger")


def _position(payload: dict[str, Json], origin: Origin, said: Said) -> None:
    """The attributes of a tracker: where it is."""
    latitude, longitude = payload.get("latitude"), payload.get("longitude")
    nowhere = latitude in (0, None) and longitude in (0, None)
    for name in _POSITION & payload.keys():
        value = payload[name]
        if not isinstance(value, (dict, list)) and not (
            nowhere and name in {"latitude", "longitude", "gps_accuracy"}
        ):
            say(name, value, origin, said)
