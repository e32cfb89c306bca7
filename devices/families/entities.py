"""What the entities that discovery announced mean: a class, a unit, payloads and names to one key of `names`.

Rule: a class decides the polarity, a name only what the class leaves open: a safety sensor that is called
`fall` is one. What is on by its class and off by its name is left.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from devices.catalogue import CLASSES, UNLIKE
from devices.envelope import Json, list_of, text_of
from devices.families.esphome import of_binary
from devices.families.facts import objects_in
from devices.families.names import (
    Meaning,
    calls,
    first_meaning,
    meaning,
    words_in,
)

RELAYS = frozenset(("switch", "light", "fan", "input_boolean"))

CALLS = frozenset(("sos", "fall", "fall_suspected"))
"""Keys of what somebody must come for."""
_EVENTS = CALLS | {
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
    rows = objects_in(fact)
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
    return tuple(one for one in list_of(value) if isinstance(one, str))


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
        # "SOS thing" of class safety: what is called so besides is its state (armed, connected ...)
        named = (button and klass in _SOFT) or (found is None and klass == "safety")
        if named and any(map(calls, names)):
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
    return next((one for name in names if (one := meaning(name)) is not None and one.key in CALLS), None)


def _of_binary_class(klass: str, found: Meaning | None, names: tuple[str, ...]) -> Meaning | None:
    if klass in _SOFT:
        call = _call(names)
        if call is not None and (found is None or found.key in {*CALLS, "button", "event"}):
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
        return found if klass in {"", "none", "enum"} or (found is not None and found.key in CALLS) else None
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
