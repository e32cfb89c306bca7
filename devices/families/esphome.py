"""ESPHome without Home Assistant: `<node>/<component>/<object>/state`, one plain text a topic.

Rule: the object's id is all that says what a value is (`names`); `nan` is no value, and a state that says
nothing is left. What Home Assistant's discovery announced is not guessed here.
"""

from functools import lru_cache
from typing import NamedTuple

from devices.envelope import json_value, text_of
from devices.families import names
from devices.families.names import Meaning, calls, meaning, say_word, scalar_of
from devices.families.online import online_or_not
from devices.message import Message
from devices.metrics import METRICS, Kind
from devices.reading import MAX_DETAIL, Decoded, Known, Reason, Rejected
from devices.words import Origin, Said, Scalar

FAMILY = "esphome"
TOPICS = ()
CALLS = names.CALLS

_COMPONENTS = frozenset(
    (
        *("binary_sensor", "sensor", "text_sensor", "switch", "light", "fan", "cover", "climate", "event"),
        *("number", "select", "lock", "button", "text", "valve", "alarm_control_panel"),
        *("date", "time", "datetime", "update"),
    )
)
_RELAYS = frozenset(("switch", "light", "fan"))
_OPENINGS = frozenset(("door", "window", "gate", "garage"))
_OF_BINARY = {"battery": Meaning("battery_low")}
"""What a truth means under a name of a quantity: a binary sensor that is on tells of trouble."""


class Place(NamedTuple):
    """Where a topic is in ESPHome's scheme: whose, what component and object, and which of its topics."""

    node: str
    component: str
    thing: str
    what: str


@lru_cache(maxsize=65_536)
def place_of(topic: str) -> Place | None:
    """The place of a topic of an entity, None for any other topic."""
    levels = topic.split("/")
    for position in range(1, len(levels) - 2):
        if levels[position] in _COMPONENTS and levels[-1] in {"state", "command"}:
            node, thing = "/".join(levels[:position]), levels[position + 1]
            if node and thing:
                return Place(node, levels[position], thing, "/".join(levels[position + 2 :]))
    return None


def claims(topic: str) -> bool:
    """Whether the topic looks like that of an ESPHome node, an entity of one, or its log."""
    node, slash, last = topic.rpartition("/")
    return (slash and node and "/" not in node and last in {"status", "debug"}) or place_of(topic) is not None


def decode(message: Message, known: Known) -> Decoded | Rejected:  # noqa: ARG001  every family has this signature
    """One state of one object, or the birth or last will of a node."""
    node, _, last = message.topic.rpartition("/")
    if last == "debug":
        return Decoded(FAMILY)
    place = place_of(message.topic)
    if place is None:
        return online_or_not(FAMILY, message, node or message.topic)
    if place.what.endswith("command") or not message.payload:
        return Decoded(FAMILY)
    try:
        text = message.payload[:1000].decode().strip()
    except UnicodeDecodeError:
        return Rejected(Reason.NOT_UTF8, "", place.node)
    said = Said()
    speak_state(place, text, Origin(place.node, message.received_at), said)
    return said.decoded(FAMILY, place.node)


def speak_state(place: Place, text: str, origin: Origin, said: Said) -> None:
    """Adds what the state of an object means by its component and its id."""
    component, thing = place.component, place.thing
    if component in {"binary_sensor", "sensor", "text_sensor"}:
        _sensor(component, thing, text, origin, said)
    elif component in _RELAYS:
        _relay(thing, text, origin, said)
    elif component == "event":
        _event(thing, text, origin, said)
    elif component == "cover" and not _OPENINGS.isdisjoint(thing.lower().split("_")):
        say_word(Meaning("door_open"), text, origin, said, called=thing)
    elif component == "climate" and place.what.startswith("current_temperature"):
        say_word(Meaning("room_temperature"), scalar_of(text), origin, said, called=thing)
    elif component == "climate" and place.what.startswith("current_humidity"):
        say_word(Meaning("humidity"), scalar_of(text), origin, said, called=thing)
    elif component not in {"button", "number", "select", "text", "date", "time", "datetime", "update"}:
        said.left.append(thing)  # settings are no readings; a lock or an alarm panel has no metric


def _sensor(component: str, thing: str, text: str, origin: Origin, said: Said) -> None:
    if component == "binary_sensor" and thing == "status":
        found: Meaning | None = Meaning("online")
    else:
        found = meaning(thing)
        if found is not None and component == "binary_sensor":
            found = of_binary(found)
    if found is None:
        said.left.append(thing)
        return
    value: Scalar = scalar_of(text) if component == "sensor" else text
    if isinstance(value, float) and value != value:  # noqa: PLR0124  NaN: the sensor has no value
        return
    say_word(found, value, origin, said, called=thing)


def of_binary(found: Meaning) -> Meaning | None:
    """What a truth means under this key; None when only a number would mean something."""
    metric = METRICS.get(found.key)
    if metric is not None and metric.kind in {Kind.QUANTITY, Kind.ENUM}:
        return _OF_BINARY.get(found.key)
    return found


def _relay(thing: str, text: str, origin: Origin, said: Said) -> None:
    """A switch. A button that was wired as a switch and is called so is a call for help."""
    found = meaning(thing)
    if found is not None and found.key == "sos":
        say_word(found, text, origin, said, called=thing)
        return
    if text[:1] == "{":
        payload = json_value(text.encode())
        text = text_of(payload.get("state")) if isinstance(payload, dict) else ""
    state = {"on": True, "off": False}.get(text.lower())
    if state is None:
        said.left.append(thing)
    else:
        said.add(origin, "relay_on", state, thing[:MAX_DETAIL])


def _event(thing: str, text: str, origin: Origin, said: Said) -> None:
    payload = json_value(text.encode())
    event = text_of(payload.get("event_type")) if isinstance(payload, dict) else text
    speak_event((thing,), event, origin, said)


def speak_event(names: tuple[str, ...], event: str, origin: Origin, said: Said) -> None:
    """Adds a press or another happening: what the event says, else what whose name it has says.

    Any press of a button that is called a call for help is one.
    """
    found = next((one for name in names if (one := meaning(name)) is not None), None)
    if found is None or found.key not in {"sos", "fall"}:
        found = Meaning("sos") if any(map(calls, names)) else None
    called = names[0] if names else "event"
    if found is not None:
        told = Said()
        say_word(found, event, origin, told, called=called)
        if not told.left:
            said.readings += told.readings
            return
    say_word(Meaning("event"), event, origin, said, called=called)
