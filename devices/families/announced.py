"""What a message says to the entities of its topic, as discovery announced them (`entities`).

Rule: a value is compared with what the configuration says, and with nothing else, except that a word which
is not as announced may still be a call for help.
"""

from devices.envelope import Json, json_value, text_of
from devices.families.entities import CALLS, RELAYS, Entity
from devices.families.esphome import speak_event
from devices.families.names import say, say_word, scalar_of
from devices.families.online import online
from devices.families.templates import picked
from devices.message import Message
from devices.reading import MAX_DETAIL, Reason, Rejected
from devices.words import Origin, Said, Scalar

EMPTY = frozenset(("", "none", "unknown", "unavailable", "null", "nan"))
"""What Home Assistant shows for a state that is none."""

_POSITION = frozenset(("latitude", "longitude", "gps_accuracy", "battery_level", "battery"))


def speak_to(message: Message, entities: tuple[Entity, ...], device: str, said: Said) -> Rejected | None:
    """What a message says to each of the entities of its topic."""
    if not message.payload:
        return None
    payload: Json | Rejected = None
    if any(one.path is not None or one.component == "event" for one in entities):
        payload = json_value(message.payload, device)
        if isinstance(payload, Rejected) and all(one.path is not None for one in entities):
            return payload
    text = message.payload[:1000].decode("utf-8", "replace").strip()
    for entity in entities:
        origin = Origin(entity.whose, message.received_at)
        if not entity.readable:
            _unreadable(entity, said)
        elif entity.path is None:
            _speak(entity, text, payload, origin, said)
        elif not isinstance(payload, Rejected):
            found = picked(payload, entity.path)
            if entity.component == "attributes" and isinstance(found, dict):
                _position(found, origin, said)
            elif found is not None and not isinstance(found, (dict, list)):
                _speak(entity, found, payload, origin, said)
    return None


def _unreadable(entity: Entity, said: Said) -> None:
    name = entity.names[0] if entity.names else entity.component
    said.left.append(name)
    if entity.word is not None and entity.word.key in CALLS:
        said.rejected.append(
            Rejected(
                Reason.UNDECODED, "its template is more than a name of a value", entity.whose, entity.word.key
            )
        )


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
        said.add(origin, "zone", (place or str(value).strip())[:MAX_DETAIL])
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
        elif entity.word.key in CALLS:
            say_word(
                entity.word, value, origin, said, called=called
            )  # not as announced, but it may be a call
        else:
            said.left.append(called)
    elif entity.component in RELAYS and state is not None:
        said.add(origin, "relay_on", state, called[:MAX_DETAIL])
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
