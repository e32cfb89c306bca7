"""Home Assistant over MQTT: discovery's configurations, the topics these announce, and its state stream.

Rule: a state means what the configuration of its topic says (component, class, unit, payloads, name); without
one only names and plain words are taken. Texts that Home Assistant uses for "no value" are none.
"""

from collections.abc import Iterable

from devices.envelope import Json, json_object, json_value
from devices.families import names
from devices.families.announced import EMPTY, speak_to
from devices.families.discovery import BASES, COMPONENTS, component_of, held, identity_of, learn
from devices.families.entities import RELAYS, entities_of
from devices.families.esphome import Place, speak_event, speak_state
from devices.families.facts import written
from devices.families.names import calls, meaning, say
from devices.families.online import online, online_of
from devices.instants import iso_ms
from devices.message import Message
from devices.reading import MAX_DETAIL, Decoded, Known, Learned, Reason, Rejected, TimeSource
from devices.words import Origin, Said, flatten

FAMILY = "homeassistant"
TOPICS = ("homeassistant/#", "hass/#", "ha/#", "statestream/#")
CALLS = names.CALLS

_PRESSED = frozenset(("button", "input_button", "event"))
_PERSONS = frozenset(("device_tracker", "person"))
_ATTRIBUTES = frozenset(
    "battery_level battery_charging current_temperature current_humidity latitude longitude".split()
)
_MAX_FIELDS = 500


def claims(topic: str) -> bool:
    """Whether the topic is below one of Home Assistant's own, or that of a configuration."""
    base, slash, _ = topic.partition("/")
    return (bool(slash) and base in BASES) or component_of(topic) != ""


def recognises(payload: Json) -> bool:
    """Whether the payload is an event entity's."""
    return isinstance(payload, dict) and isinstance(payload.get("event_type"), str)


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """One configuration, or one state of an announced topic or of the state stream."""
    topic = message.topic
    component = component_of(topic)
    if component:
        return _configuration(message, component, known)
    announced = known.fact(topic, "entity")
    device = identity_of(topic) or "homeassistant"
    said = Said()
    if announced:
        rejected = speak_to(message, entities_of(announced, device), device, said)
        if rejected is not None:
            return rejected
    else:
        levels = topic.split("/")
        if len(levels) == 2 and levels[0] in BASES:
            state = online_of(message.payload)
            if levels[1] != "status" or state is None:
                return Rejected(Reason.WRONG_SHAPE, "expected homeassistant/status", levels[0])
            return Decoded(FAMILY, (online(levels[0], state),))
        if len(levels) > 1 and levels[0] in BASES:
            return _streamed(message, levels, known)
        payload = json_value(message.payload)
        if not isinstance(payload, dict):
            return Rejected(Reason.WRONG_SHAPE, "nobody announced this topic", device)
        _plain(payload, device.split("/")[-1], Origin(device, message.received_at), said)
    return said.decoded(FAMILY, device)


def _configuration(message: Message, component: str, known: Known) -> Decoded | Rejected:
    device = message.topic.split("/")[-2]
    if not message.payload.strip():
        return Decoded(FAMILY, learned=tuple(learn(message.topic, component, {}, known)))
    payload = json_object(message.payload, device)
    if isinstance(payload, Rejected):
        return payload
    return Decoded(FAMILY, learned=tuple(learn(message.topic, component, payload, known)))


def _plain(payload: dict[str, Json], name: str, origin: Origin, said: Said) -> None:
    """An object on a topic that nobody announced: an event, or values by their names."""
    event = payload.get("event_type")
    if isinstance(event, str):
        speak_event((name,), event, origin, said)
        return
    fields, lists = flatten(payload)
    for field, value in list(fields.items())[:_MAX_FIELDS]:
        say(field, value, origin, said)
    said.left += [field for field, _ in lists]
    if len(fields) > _MAX_FIELDS:
        said.rejected.append(Rejected(Reason.TOO_LARGE, "more values than are read", origin.device))


def _streamed(message: Message, levels: list[str], known: Known) -> Decoded | Rejected:
    """`<base>/<domain>/<object>/<what>` of the state stream, and of devices that use the same scheme."""
    domain, device, what = levels[1], levels[2] if len(levels) > 2 else levels[-1], levels[-1]
    name = levels[-2] if len(levels) > 4 else device
    origin, said = Origin(device or domain, message.received_at), Said()
    if len(levels) < 4 or not message.payload:
        return Decoded(FAMILY)
    payload = json_value(message.payload)
    if isinstance(payload, dict) and set(payload) == {"state"}:
        payload = payload["state"] if isinstance(payload["state"], str) else ""
    text = payload if isinstance(payload, str) else message.payload[:1000].decode("utf-8", "replace").strip()
    if what in {"device_class", "unit_of_measurement"} and domain in COMPONENTS:
        about = "/".join((*levels[:-1], "state"))
        return Decoded(FAMILY, learned=tuple(_stream_facts(about, domain, name, what, text, known)))
    if what != "state":
        if what in _ATTRIBUTES and not isinstance(payload, (dict, list, Rejected)):
            say(what, payload, origin, said)
        elif what == "event_type":
            speak_event((name,), text, origin, said)
    elif isinstance(payload, dict):
        _plain(payload, name, origin, said)
    elif text.lower() in EMPTY:
        pass
    elif domain in _PERSONS:
        said.add(origin, "zone", text[:MAX_DETAIL])
    elif domain in _PRESSED:
        _pressed(name, text, origin, said)
    elif domain in RELAYS:
        speak_state(Place(device, "switch", name, "state"), text, origin, said)
    elif domain in {"binary_sensor", "sensor", "text_sensor", "cover"}:
        speak_state(Place(device, domain, name, "state"), text, origin, said)
    return said.decoded(FAMILY, device)


def _stream_facts(
    about: str, domain: str, name: str, what: str, text: str, known: Known
) -> Iterable[Learned]:
    """The class and the unit of an entity, each on a topic of its own beside the state."""
    row: dict[str, Json] = next((one for one in held(known, about) if one.get("f") == about), {})
    fresh: dict[str, Json] = {"c": domain, "n": [name], "p": None, "f": about, "i": ""}
    row = fresh | row
    row["k" if what == "device_class" else "m"] = text[:MAX_DETAIL]
    others = [one for one in held(known, about) if one.get("f") != about]
    yield Learned(about, "entity", written([*others, row]))


def _pressed(name: str, text: str, origin: Origin, said: Said) -> None:
    """A button, whose state is the time of its last press."""
    at = iso_ms(text)
    if at is None:
        said.left.append(name)
        return
    found = meaning(name)
    key = "sos" if calls(name) or (found is not None and found.key == "sos") else "button_press"
    when = Origin(origin.device, origin.received_at, at, TimeSource.GATEWAY)
    said.add(when, key, value=True)
