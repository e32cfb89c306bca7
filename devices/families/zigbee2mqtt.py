"""zigbee2mqtt 1.x and 2.x: `<base>/<friendly name>` with a flat object, beside availability and bridge.

Rule: a friendly name is kept byte for byte (it may hold blanks and slashes, even lead with them); what a
device sends means what the catalogue says of its model.
"""

from collections.abc import Iterator
from functools import lru_cache

from devices.catalogue import ACTIONS, MAX_MODEL, TRUTH, words_of
from devices.envelope import Json, json_value, list_of, text
from devices.families.online import online
from devices.message import Message
from devices.reading import MAX_DETAIL, Decoded, Known, Learned, Reading, Reason, Rejected, TimeSource
from devices.words import Origin, Said, Scalar, flatten, speak_fields, truth_of

FAMILY = "zigbee2mqtt"
TOPICS = ("zigbee2mqtt/#",)
CALLS = (b'"heat"',)  # a heat detector's alarm

_BASES = ("zigbee2mqtt", "z2m")
_BRIDGE = "bridge"
_LISTS_OF_DEVICES = frozenset(("devices", "config/devices"))  # the latter until 1.17
_TELLING = _LISTS_OF_DEVICES | {"event", "log"}
_HAPPENED = {
    "device_joined": "device_joined",
    "device_leave": "device_left",
    "device_connected": "device_joined",
    "device_removed left_network": "device_left",
}
_COMMANDS = frozenset(("set", "get"))
_SET_ONE = ("/set", "/get")  # <name>/set/<attribute>
_ACTIONS = ("action", "click")
_GATEWAY = TimeSource.GATEWAY  # looked up once: an enum's members are slow to reach
_MODELS = ("model", "model_id", "modelId", "modelID")


def claims(topic: str) -> bool:
    """Whether the topic begins with a base of zigbee2mqtt (`zigbee2mqtt`, `zigbee2mqtt-2nd-floor`, `z2m`)."""
    base, slash, rest = topic.partition("/")
    return bool(slash and rest) and base.lower().startswith(_BASES)


def recognises(payload: Json) -> bool:
    """Whether a payload on anybody's topic is one of a bridge whose owner gave it another base."""
    if isinstance(payload, list):
        payload = payload[0] if payload else None
    if not isinstance(payload, dict):
        return False
    data = payload.get("data", payload)
    return "linkquality" in payload or (
        isinstance(data, dict) and {"ieee_address", "friendly_name"} <= data.keys()
    )


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """One message of a device, a group or the bridge."""
    name, device, last = _place(message.topic)
    if not name:
        return Rejected(Reason.UNKNOWN_TOPIC, "expected <base>/<friendly name>")
    if name == _BRIDGE or name.startswith(f"{_BRIDGE}/"):
        return _bridge(message, name.removeprefix(_BRIDGE).removeprefix("/"))
    if device:
        if last in _COMMANDS or device.endswith(_SET_ONE):
            return Decoded(FAMILY)
        if last == "availability":
            return _online(message, device)
        if last in _ACTIONS:
            return _one(message, known, device, last)
    payload = json_value(message.payload, name)
    if isinstance(payload, dict):
        return _state(message, known, name, payload)
    if isinstance(payload, Rejected) and (
        not device or payload.reason is not Reason.NOT_JSON or _broken(message)
    ):
        return payload
    if not device or isinstance(payload, list):
        return Rejected(Reason.WRONG_SHAPE, "expected a JSON object", name)
    return _one(message, known, device, last)


@lru_cache(maxsize=16_384)
def _place(topic: str) -> tuple[str, str, str]:
    """What follows the base topic, and the same as a device and its attribute ("" when it cannot be).

    The base may have several levels when the family was told, not found. A friendly name may begin with `/`.
    """
    levels = topic.split("/")
    base = next((at for at, level in enumerate(levels[:-1]) if level.lower().startswith(_BASES)), 0)
    name = "/".join(levels[base + 1 :])
    device, _, last = name.rpartition("/")
    return name, device, last if device else ""


def _broken(message: Message) -> bool:
    """Whether a payload that is no JSON was meant to be an object, not an attribute's plain text."""
    return message.payload.lstrip()[:1] in {b"{", b"["}


def _state(message: Message, known: Known, device: str, payload: dict[str, Json]) -> Decoded:
    about = payload.get("device")
    inside = _names(about) if isinstance(about, dict) else ""
    models = (inside, *known.models(device)) if inside else known.models(device)
    vocabulary = words_of(FAMILY, *models)
    if inside:
        del payload["device"]
    fields, lists = flatten(payload)
    origin, said = Origin(device, message.received_at), Said()
    actions = [fields.pop(name) for name in _ACTIONS if name in fields and name not in vocabulary.words]
    origin = speak_fields(vocabulary, fields, origin, said, _GATEWAY)
    if lists:
        said.left += [name for name, _ in lists]
    if actions:
        _act(actions, origin, said)
    said.readings = _agreed(said.readings)
    return said.decoded(FAMILY, device)


def _agreed(readings: list[Reading]) -> list[Reading]:
    """Each metric once: two fields may tell of one thing, one of them late. A true state beats a false one.

    A converter publishes all fields that it remembers, whichever of them the device just spoke of.
    """
    if len({reading.metric for reading in readings}) == len(readings):
        return readings
    kept: dict[tuple[str, str], Reading] = {}
    for reading in readings:
        of = reading.metric, reading.detail
        if of not in kept or (reading.value is True and kept[of].value is False):
            kept[of] = reading
    return list(kept.values())


def _one(message: Message, known: Known, device: str, name: str) -> Decoded | Rejected:
    """One attribute as plain text on a topic of its own (`output: attribute`; the legacy action topic)."""
    value = text(message.payload, device)
    if isinstance(value, Rejected):
        return value
    vocabulary = words_of(FAMILY, *known.models(device))
    origin, said = Origin(device, message.received_at), Said()
    if name in _ACTIONS and name not in vocabulary.words:
        _act([value], origin, said)
    else:
        speak_fields(vocabulary, {name: value}, origin, said, TimeSource.GATEWAY)
    return said.decoded(FAMILY, device)


def _act(actions: list[Scalar], origin: Origin, said: Said) -> None:
    """A button's action: a call for help, another press, or the end of one, which is nothing new.

    An empty action is zigbee2mqtt's reset of the one before. What is no press at all is left.
    """
    for action in dict.fromkeys(actions):
        if not isinstance(action, str) or not action:
            continue
        words = frozenset(action.strip().lower().split("_"))
        if words & ACTIONS["end"]:
            continue
        if words & ACTIONS["sos"]:
            said.add(origin, "sos", value=True, detail=action[:MAX_DETAIL])
        elif words & ACTIONS["press"] and not words & ACTIONS["other"]:
            said.add(origin, "button_press", value=True, detail=action[:MAX_DETAIL])
        else:
            said.left.append("action")


def _online(message: Message, device: str) -> Decoded | Rejected:
    """Availability, and the bridge's own state: text (1.x) or `{"state": ...}` (2.x)."""
    payload = json_value(message.payload)
    state = payload.get("state") if isinstance(payload, dict) else message.payload.decode(errors="replace")
    found = truth_of(state.strip().strip('"').lower(), "online", TRUTH) if isinstance(state, str) else None
    if found is None:
        return Rejected(Reason.WRONG_SHAPE, "expected online or offline", device)
    return Decoded(FAMILY, (online(device, found),))


def _bridge(message: Message, about: str) -> Decoded | Rejected:
    """What the bridge says of itself and of its network. Its log and its answers carry no reading."""
    if about == "state":
        return _online(message, _BRIDGE)
    if about not in _TELLING:
        return Decoded(FAMILY)
    payload = json_value(message.payload, _BRIDGE)
    if isinstance(payload, Rejected):
        return Decoded(FAMILY) if about == "log" else payload
    if about in _LISTS_OF_DEVICES:
        return Decoded(FAMILY, learned=_learn_all(payload))
    if not isinstance(payload, dict):
        return Rejected(Reason.WRONG_SHAPE, "expected a JSON object", _BRIDGE)
    kind, data = payload.get("type"), payload.get("data")
    if about == "log":  # 1.x: whom it is about is in `meta`, sometimes in `message`
        told = payload.get("message")
        data = payload.get("meta", told)
        kind = f"{kind} {told}" if isinstance(told, str) else kind
        if isinstance(told, list):
            return Decoded(FAMILY, learned=_learn_all(told))
    metric = _HAPPENED.get(kind) if isinstance(kind, str) else None
    device = _name(data) if isinstance(data, dict) else ""
    if metric and device:
        return Decoded(FAMILY, (Reading(device, metric, value=True, at_source=TimeSource.ARRIVAL),))
    return Decoded(FAMILY, learned=tuple(_learn(data)))


def _learn_all(found: Json) -> tuple[Learned, ...]:
    return tuple(fact for one in list_of(found) for fact in _learn(one))


def _learn(described: Json) -> Iterator[Learned]:
    """The model of a device as the bridge describes it in `bridge/devices` and after an interview."""
    if isinstance(described, dict):
        device, model = _name(described), _names(described)
        if device and model:
            yield Learned(device, "model", model)


def _name(described: dict[str, Json]) -> str:
    for key in ("friendly_name", "friendlyName", "ieee_address"):
        name = described.get(key)
        if isinstance(name, str) and name:
            return name
    return ""


def _names(described: dict[str, Json]) -> str:
    """All that a description calls the model: the converter's name for it, the radio's, and in words."""
    definition = described.get("definition")
    inner = definition if isinstance(definition, dict) else {}
    found = [inner.get("model"), *(described.get(name) for name in _MODELS)]
    found += [inner.get("vendor"), inner.get("description"), described.get("description")]
    return " ".join(name for name in found if isinstance(name, str))[:MAX_MODEL]
