"""Z-Wave JS UI (zwavejs2mqtt): one topic per value, named by numbers, by words, or as somebody configured it.

Rule: command class and property alone tell what a value means (the catalogue's words are `<class>.<property>
.<key>`), whether the payload is the bare value, `{time, value}` or the whole value object.

Topics (its docs/usage/setup.md): `<prefix>/[<location>/]<node>/<class>/<endpoint>/<property>/[<key>]`.
The device is the node's id or name. What a user typed into a keypad or stored as a code is never repeated.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from devices.catalogue import MAX_MODEL, words_of
from devices.envelope import Json, id_of, json_value, text_of
from devices.message import Message
from devices.reading import Decoded, Known, Learned, Reading, Reason, Rejected, TimeSource
from devices.words import Origin, Said, Scalar, number_of, own_time, speak_fields, truth_of

FAMILY = "zwavejs2mqtt"
TOPICS = ("zwave/#", "zwavejs2mqtt/#")
CALLS = (
    *(b"/co", b'"co"', b"/156/", b"heat"),  # carbon monoxide, and Alarm Sensor with its numbers
    *(b"/111/", b"class_111", b"entry_control", b"entry control"),  # a keypad's emergency keys
)

_CLIENT = "/_CLIENTS/"
_ENDPOINT = re.compile(r"endpoint_\d{1,3}")
_SMALL = re.compile(r"\d{1,3}")
_BLANK, _SPECIAL = re.compile(r"\s"), re.compile(r"[^a-z0-9_à-öø-ÿ-]")
_UNKNOWN_CLASS = re.compile(r"unknownclass_(\d{1,3})")
_BY_NAME = {
    name: int(number)
    for name, number in (
        pair.split("=")
        for pair in (
            "basic=32 switch_binary=37 switch_multilevel=38 scene_activation=43 sensor_binary=48 "
            "sensor_multilevel=49 meter=50 color=51 thermostat_mode=64 thermostat_setpoint=67 "
            "thermostat_operating_state=66 thermostat_fan_mode=68 thermostat_fan_state=69 central_scene=91 "
            "door_lock=98 user_code=99 barrier_operator=102 entry_control=111 configuration=112 "
            "notification=113 alarm=113 manufacturer_specific=114 powerlevel=115 protection=117 lock=118 "
            "sound_switch=121 battery=128 clock=129 wake_up=132 version=134 indicator=135 sensor_alarm=156 "
            "zwave_plus_info=94 door_lock_logging=76 schedule_entry_lock=78 association=133 "
            "firmware_update_md=122"
        ).split()
    )
}
"""The names that Z-Wave JS UI gives command classes (its Constants.ts)."""
_NUMBERS = frozenset((*_BY_NAME.values(), 96, 106, 108, 131))
_SCENE, _KEYPAD, _NOTIFICATION = 91, 111, 113
_GESTURES = ("single", "hold", "double", "triple", "quadruple", "quintuple")
_NAMES_OF_PRESSES = "keypressed keyhelddown keypressed2x keypressed3x keypressed4x keypressed5x".split()
_PRESSES = {
    # Central Scene Command Class; a key let go (1) is nothing new.
    **dict(zip(("0", "2", "3", "4", "5", "6"), _GESTURES, strict=True)),
    **dict(zip(_NAMES_OF_PRESSES, _GESTURES, strict=True)),
}
_HELD_MS = 5_000
"""A key that is held says so every 200 ms: that is one press."""
_ALIVE = {"alive": True, "awake": True, "dead": False}


class _Place(NamedTuple):
    """Where a topic says that a value belongs: the node, and `<class>.<property>.<key>`."""

    device: str
    number: int
    name: str


def claims(topic: str) -> bool:
    """Whether the topic begins as those of Z-Wave JS UI do (`zwave`, `zwavejs2mqtt`, `zwave-js-ui`)."""
    base, slash, rest = topic.partition("/")
    return bool(slash and rest) and base.lower().startswith("zwave")


def recognises(payload: Json) -> bool:
    """Whether a payload is a whole value object, whatever the topic."""
    return isinstance(payload, dict) and "commandClassName" in payload and "nodeId" in payload


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """One value of one node, or what the gateway says of a node or of itself."""
    topic = message.topic
    if topic.endswith("/set") or "/_EVENTS" in topic or (_CLIENT in topic and not topic.endswith("/status")):
        return Decoded(FAMILY)
    place = _place(topic)
    device = place.device if place else _node(topic)
    payload = json_value(message.payload, device)
    if isinstance(payload, Rejected):
        payload = _bare(message.payload, payload, place)
        if isinstance(payload, Rejected):
            return payload
    value, at = payload, None
    if isinstance(payload, dict):
        number = payload.get("commandClass")
        if isinstance(number, int) and "property" in payload:
            place = _described(payload, number, place, device)
        if "value" in payload or "time" in payload or (place and "commandClass" in payload):
            value = payload.get("value")
            stamp = payload.get("time", payload.get("lastUpdate"))
            at = own_time(stamp, message.received_at)
    if place is None:
        return _of_node(message, device, payload, at)
    return _value(known, place, value, Origin(place.device, message.received_at, at, TimeSource.GATEWAY))


def _bare(raw: bytes, broken: Rejected, place: _Place | None) -> Json | Rejected:
    """A payload that is no JSON: nothing, a bare text, or broken. A call is one even when it is broken."""
    if broken.reason is Reason.EMPTY or (place and _is_call(place)):
        return None
    if broken.reason is not Reason.NOT_JSON or raw.lstrip()[:1] in {b"{", b"["}:
        return broken
    return raw.decode("utf-8", "replace")


def _is_call(place: _Place) -> bool:
    """Whether a topic is only used when something happened; what is in its payload are circumstances."""
    word = words_of(FAMILY).words.get(place.name)
    return place.number in {_NOTIFICATION, _KEYPAD} and isinstance(word, tuple) and bool(word)


@lru_cache(maxsize=16_384)
def _place(topic: str) -> _Place | None:
    """What a topic names. Names and places hold slashes, so the class is looked for from behind."""
    levels = topic.split("/")
    for i in range(len(levels) - 2, 1, -1):  # words, as `<class>/endpoint_0/...`; old versions leave 0 out
        word = levels[i].lower()
        number = _BY_NAME.get(word)
        if number is None:
            found = _UNKNOWN_CLASS.fullmatch(word)
            number = int(found.group(1)) if found else None
        if number is None or not levels[i - 1]:
            continue
        rest = levels[i + 1 :]
        if _ENDPOINT.fullmatch(rest[0]):
            rest = rest[1:]
        if 1 <= len(rest) <= 2:
            return _Place(levels[i - 1], number, _name(number, rest))
    for parts in (3, 4):  # numbers, as `<class>/<endpoint>/<property>[/<key>]`
        i = len(levels) - parts
        if i >= 2 and levels[i - 1] and _SMALL.fullmatch(levels[i]) and _SMALL.fullmatch(levels[i + 1]):
            number = int(levels[i])
            if number in _NUMBERS:
                return _Place(levels[i - 1], number, _name(number, levels[i + 2 :]))
    return None


def _node(topic: str) -> str:
    """The node of a topic about a node, or of one that somebody configured: the level before the last."""
    levels = topic.split("/")
    return (levels[-2] if len(levels) > 2 else levels[-1]) or FAMILY


def _described(payload: dict[str, Json], number: int, place: _Place | None, node: str) -> _Place:
    """What a value object says of itself."""
    own, key = payload.get("property"), payload.get("propertyKey")
    if not isinstance(own, (str, int)):
        own = payload.get("propertyName")
    named = [str(part)[:MAX_MODEL] for part in (own, key) if isinstance(part, (str, int))]
    if place is None:
        node = text_of(payload.get("nodeName")) or id_of(payload.get("nodeId")) or node
    unit = payload.get("unit")
    suffix = f"@{unit.strip().lower()}" if isinstance(unit, str) and unit.strip() else ""
    return _Place(place.device if place else node, number, _name(number, named) + suffix)


def _name(number: int, parts: list[str]) -> str:
    """`<class>.<property>.<key>`, as topics spell it: lower case, `_` for blanks, without special letters."""
    kept = parts[:1] if number == _KEYPAD else parts
    clean = [_SPECIAL.sub("", _BLANK.sub("_", part.strip().lower().replace("/", "-"))) for part in kept]
    return ".".join((str(number), *clean))


def _value(known: Known, place: _Place, value: Json, origin: Origin) -> Decoded | Rejected:
    said = Said()
    vocabulary = words_of(FAMILY, *known.models(place.device))
    name, _, unit = place.name.partition("@")
    name = place.name if unit and place.name in vocabulary.words else name
    if place.number == _SCENE and name.startswith("91.scene."):
        _press(name.removeprefix("91.scene."), value, origin, said)
    elif _is_call(place):
        speak_fields(vocabulary, {name: True}, origin, said, TimeSource.GATEWAY)
    elif isinstance(value, (dict, list)):
        said.left.append(name)
    else:
        speak_fields(vocabulary, {name: value}, origin, said, TimeSource.GATEWAY)
    return said.decoded(FAMILY, place.device)


def _press(scene: str, value: Json, origin: Origin, said: Said) -> None:
    """A key of a remote control or button: which key, and how it was pressed."""
    number = number_of(value)
    code = (
        str(int(number)) if number is not None and 0 <= number <= len(_PRESSES) else str(value)[:20].lower()
    )
    gesture = _PRESSES.get(code)
    key = scene.lstrip("0")[:20] or "0"
    if gesture == "hold":
        origin = Origin(
            origin.device, origin.received_at, origin.at, origin.at_source, f"{key}_hold", _HELD_MS
        )
    if gesture:
        said.add(origin, "button_press", value=True, detail=f"{key}_{gesture}")


def _of_node(message: Message, device: str, payload: Json, at: int | None) -> Decoded | Rejected:
    """What is said of a node or of the gateway; on any other topic somebody configured what it is called."""
    levels = message.topic.split("/")
    last = levels[-1]
    if last == "status":
        return _status(
            device, payload, at, own=_CLIENT in message.topic or levels[-2:] == ["driver", "status"]
        )
    if last == "nodeinfo" and isinstance(payload, dict):
        named = ("manufacturer", "productLabel", "productDescription")
        model = " ".join(filter(None, (text_of(payload.get(name)) for name in named)))[:MAX_MODEL]
        return Decoded(FAMILY, learned=(Learned(device, "model", model),) if model and device else ())
    if last in {"lastActive", "version", "nodeinfo"}:
        return Decoded(FAMILY)
    return Decoded(FAMILY, left=(last[:60],), device=device)


def _status(device: str, payload: Json, at: int | None, *, own: bool) -> Decoded | Rejected:
    """Alive or dead. A node that is asleep is well; a bare `false` may be that, or a dead one."""
    state: Scalar = None
    if isinstance(payload, dict):
        value, word = payload.get("value"), payload.get("status")
        online = _ALIVE.get(word.lower()) if isinstance(word, str) else value
    else:
        online = payload
    if isinstance(online, str):
        online = truth_of(online.strip().lower(), "online", _ONLINE)
    state = online if isinstance(online, bool) else None
    if state is None or (state is False and not own and not _says_dead(payload)):
        return Decoded(FAMILY)
    source = TimeSource.ARRIVAL if at is None else TimeSource.GATEWAY
    readings = [Reading(device, "online", state, at=at, at_source=source)]
    if not own:
        readings.append(Reading(device, "fault", not state, at=at, at_source=source, detail="dead"))
    return Decoded(FAMILY, tuple(readings))


_ONLINE = {"*": {"true": True, "false": False, "online": True, "offline": False}}


def _says_dead(payload: Json) -> bool:
    return isinstance(payload, dict) and str(payload.get("status")).lower() == "dead"
