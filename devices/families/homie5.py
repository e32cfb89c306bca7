"""Homie 5 (`homie/5/<device>/...`) and Homie 3 and 4 (`homie/<device>/...`): one plain text a topic.

Rule: a root device that is lost takes its children with it (convention, "Device Lifecycle"), since the broker
tells only of the root. A device that sleeps or starts is neither on line nor lost.
"""

from collections.abc import Iterator
from itertools import chain, islice

import orjson

from devices.envelope import Json, json_object, list_of, object_of, text, text_of
from devices.families import facts, names
from devices.families.facts import texts_in
from devices.families.names import Meaning, first_meaning, meaning, say_word, scalar_of
from devices.families.online import online
from devices.message import Message
from devices.metrics import METRICS, Kind
from devices.reading import Decoded, Known, Learned, Reading, Reason, Rejected, TimeSource
from devices.words import Origin, Said, Scalar

FAMILY = "homie5"
TOPICS = ("homie/#", "+/5/+/#")
CALLS = names.CALLS

_DOMAIN = "homie"
_STATES = {"ready": True, "disconnected": False, "lost": False, "alert": True}
_QUIET_STATES = frozenset(("init", "sleeping"))
_STATS = {
    "battery": Meaning("battery"),
    "signal": Meaning("link_quality"),
    "cputemp": Meaning("device_temperature"),
}
_PROPERTY = {"$unit": "unit", "$name": "name"}
_MAX_CHILDREN = 1000
_MAX_FACTS = 512
_MAX_TEXT = 60


def claims(topic: str) -> bool:
    """Whether the topic is below `homie`, or an attribute of a Homie 5 device of another domain."""
    levels = topic.split("/", 4)
    if levels[0] == _DOMAIN:
        return len(levels) > 1
    return len(levels) > 3 and levels[1] == "5" and levels[3].startswith("$")


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """One attribute or value of a device. Commands, targets, logs and broadcasts carry no reading."""
    levels = message.topic.split("/")
    five = levels[1:2] == ["5"]
    device, rest = "".join(levels[2:3] if five else levels[1:2]), levels[3 if five else 2 :]
    if not device or not rest or device.startswith("$"):
        return Decoded(FAMILY)
    told = text(message.payload, device)
    if isinstance(told, Rejected):
        return told
    told = told.strip("\0 \r\n\t")
    match rest:
        case ["$state"]:
            return _state(device, told, known)
        case ["$online"]:  # before Homie 3
            return Decoded(FAMILY, (online(device, told == "true"),) if told in {"true", "false"} else ())
        case ["$description"]:
            return _described(message, device, known)
        case ["$alert", alert]:
            return _alert(device, alert, told, message)
        case ["$stats", name]:
            return _value(device, _STATS.get(name), "", told, name, message)
        case [node, name] if not node.startswith("$") and not name.startswith("$"):
            return _property(device, node, name, told, known, message)
        case [node, name, attribute] if not node.startswith("$") and attribute in _PROPERTY:
            return _attribute(f"{device}/{node}/{name}", _PROPERTY[attribute], told, known)
        case _:
            return Decoded(FAMILY)


def _state(device: str, text: str, known: Known) -> Decoded | Rejected:
    """A device's state. No text at all is its removal."""
    if not text:
        return Decoded(FAMILY, (Reading(device, "device_left", value=True, at_source=TimeSource.ARRIVAL),))
    if text in _QUIET_STATES:
        return Decoded(FAMILY)
    state = _STATES.get(text)
    if state is None:
        return Rejected(Reason.WRONG_SHAPE, "no state of Homie", device)
    readings = [online(device, state)]
    if text == "lost":
        readings += [
            online(child, state=False) for child in texts_in(known.fact(device, "tree")) if child != device
        ]
    if text == "alert":
        readings.append(Reading(device, "fault", value=True, at_source=TimeSource.ARRIVAL))
    return Decoded(FAMILY, tuple(readings))


def _described(message: Message, device: str, known: Known) -> Decoded | Rejected:
    """What a description teaches: who is lost with whom, units and names of properties."""
    if not message.payload:
        return Decoded(FAMILY)
    payload = json_object(message.payload, device)
    if isinstance(payload, Rejected):
        return payload
    learned = chain(_family_tree(payload, device, known), _properties(message.topic, payload, device))
    return Decoded(FAMILY, learned=tuple(islice(learned, _MAX_FACTS)))


def _family_tree(payload: dict[str, Json], device: str, known: Known) -> Iterator[Learned]:
    """Devices by their root, and by their parent, which is the root of its children or one of many."""
    listed = [one for one in list_of(payload.get("children")) if isinstance(one, str)]
    root, parent = text_of(payload.get("root")), text_of(payload.get("parent"))
    for above, below in ((device, listed), (root, [device, *listed]), (parent, [device])):
        if above and below:
            before = texts_in(known.fact(above, "tree"))
            more = list(dict.fromkeys((*before, *(one for one in below if one != above))))
            if more != before:
                yield Learned(above, "tree", facts.written(more[:_MAX_CHILDREN]))


def _properties(topic: str, payload: dict[str, Json], device: str) -> Iterator[Learned]:
    domain = topic.removesuffix("/$description")
    foreign = not domain.startswith(f"{_DOMAIN}/")
    for node, described in object_of(payload.get("nodes")).items():
        for name, about in object_of(object_of(described).get("properties")).items():
            fact = {
                key: text_of(object_of(about).get(key))[:_MAX_TEXT]
                for key in ("unit", "name")
                if text_of(object_of(about).get(key))
            }
            if fact:
                yield Learned(f"{device}/{node}/{name}", "description", orjson.dumps(fact).decode())
            if foreign:
                yield Learned(f"{domain}/{node}/{name}", "family", FAMILY)


def _attribute(about: str, key: str, text: str, known: Known) -> Decoded:
    """One attribute of a property, each on a topic of its own before Homie 5."""
    fact = _description(known, about) | {key: text[:_MAX_TEXT]}
    return Decoded(FAMILY, learned=(Learned(about, "description", orjson.dumps(fact).decode()),))


def _description(known: Known, about: str) -> dict[str, str]:
    fact = known.fact(about, "description")
    if not fact:
        return {}
    try:
        held = orjson.loads(fact)
    except orjson.JSONDecodeError:
        return {}
    return {name: text_of(value) for name, value in held.items()} if isinstance(held, dict) else {}


def _alert(device: str, alert: str, text: str, message: Message) -> Decoded:
    """An alert by its id; its text is for people. Its removal is its end, of which only a battery tells."""
    found = meaning(alert)
    if found is None or METRICS.get(found.key) is None:
        found = Meaning("battery_low") if "battery" in alert.lower() else Meaning("fault")
    elif METRICS[found.key].kind in {Kind.QUANTITY, Kind.ENUM}:
        found = Meaning("battery_low" if found.key.startswith("battery") else "fault")
    said = Said()
    if text or found.key == "battery_low":
        say_word(found, bool(text), Origin(device, message.received_at), said)
    return Decoded(FAMILY, tuple(said.readings))


def _property(
    device: str, node: str, name: str, text: str, known: Known, message: Message
) -> Decoded | Rejected:
    called = f"{node}/{name}"
    about = _description(known, f"{device}/{called}")
    told = about.get("name", "")
    found = first_meaning((called, f"{node} {told}" if told else ""))
    return _value(device, found, about.get("unit", ""), text, called, message)


def _value(
    device: str, found: Meaning | None, unit: str, text: str, called: str, message: Message
) -> Decoded:
    if not text:
        return Decoded(FAMILY)
    if found is None:
        return Decoded(FAMILY, left=(called[:_MAX_TEXT],), device=device)
    said = Said()
    value: Scalar = scalar_of(text[:200])
    say_word(found, value, Origin(device, message.received_at), said, unit, called)
    return said.decoded(FAMILY, device)
