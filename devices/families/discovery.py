"""MQTT discovery of Home Assistant: what a configuration says about the topics of its entities.

Rule: a template is never run. One that only picks a value is understood; what any other would make of a
message is not known, and said to be so. Entities are facts about their topics, each with the configuration
that announced it, so that an empty configuration takes them away.
"""

from collections.abc import Iterator

from devices.envelope import Json, list_of, object_of, text_of
from devices.families.esphome import place_of
from devices.families.facts import objects_in, texts_in, written
from devices.families.templates import path_of
from devices.reading import Known, Learned

COMPONENTS = frozenset(
    (
        *(
            "binary_sensor",
            "sensor",
            "event",
            "device_tracker",
            "device_automation",
            "device",
            "switch",
            "tag",
        ),
        *("light", "fan", "cover", "lock", "climate", "humidifier", "alarm_control_panel", "button", "siren"),
        *("number", "select", "text", "valve", "vacuum", "lawn_mower", "camera", "image", "scene", "update"),
        *("notify", "water_heater", "date", "time", "datetime"),
    )
)
"""Components that discovery configures; `device` is several of them at once."""

BASES = frozenset(("homeassistant", "hass", "ha", "home-assistant", "home_assistant", "statestream"))
"""First levels of topics that Home Assistant itself uses."""

_LONG = {
    # the abbreviations that bear on readings (home-assistant.io, "MQTT Discovery")
    "atype": "automation_type",
    "avty": "availability",
    "avty_mode": "availability_mode",
    "avty_t": "availability_topic",
    "avty_tpl": "availability_template",
    "cmps": "components",
    "curr_hum_t": "current_humidity_topic",
    "curr_hum_tpl": "current_humidity_template",
    "curr_temp_t": "current_temperature_topic",
    "curr_temp_tpl": "current_temperature_template",
    "def_ent_id": "default_entity_id",
    "dev": "device",
    "dev_cla": "device_class",
    "ids": "identifiers",
    "json_attr_t": "json_attributes_topic",
    "mdl": "model",
    "mdl_id": "model_id",
    "mf": "manufacturer",
    "o": "origin",
    "obj_id": "object_id",
    "p": "platform",
    "pl": "payload",
    "pl_avail": "payload_available",
    "pl_home": "payload_home",
    "pl_not_avail": "payload_not_available",
    "pl_not_home": "payload_not_home",
    "pl_off": "payload_off",
    "pl_on": "payload_on",
    "stat_clsd": "state_closed",
    "stat_off": "state_off",
    "stat_on": "state_on",
    "stat_open": "state_open",
    "stat_t": "state_topic",
    "stat_val_tpl": "state_value_template",
    "stype": "subtype",
    "t": "topic",
    "temp_unit": "temperature_unit",
    "uniq_id": "unique_id",
    "unit_of_meas": "unit_of_measurement",
    "val_tpl": "value_template",
}
_OTHERS = (
    "zigbee2mqtt",
    "z2m",
    "shellies/",
    "tele/",
    "stat/",
    "tasmota/",
    "rtl_433/",
    "espresense/",
    "owntracks/",
)
_WITHIN = ("toMQTT/", "/rpc", "/events/rpc")
"""Topics whose own family understands them better than discovery does."""
_LAST = frozenset(
    (
        *("state", "status", "stat", "value", "availability", "available", "attributes", "event", "events"),
        *("lwt", "connected", "online", "json", "data"),
    )
)
_MAX_TEXT = 200
_MAX_ENTITIES = 256
_MAX_COMPONENTS = 128

Entity = dict[str, Json]
"""One entity of a topic as a fact: its keys are documented in `entity`."""


def identity_of(topic: str) -> str:
    """Whose a topic is, as its levels say: the same whether it was announced or not."""
    levels = topic.split("/")
    if levels[0] in BASES and len(levels) > 2 and levels[2]:
        return levels[2]
    place = place_of(topic)
    if place is not None:
        return place.node
    if len(levels) > 1 and levels[-1].lower() in _LAST:
        levels.pop()
    return "/".join(levels) or topic


def component_of(topic: str) -> str:
    """The component that a topic of a configuration is for, "" for any other topic."""
    levels = topic.split("/")
    if levels[-1] == "config":
        for position in (-3, -4):
            if len(levels) > -position and levels[position] in COMPONENTS:
                return levels[position]
    return ""


def learn(topic: str, component: str, payload: dict[str, Json], known: Known) -> Iterator[Learned]:
    """The facts of one configuration; an empty one takes back what it taught before."""
    if "migrate_discovery" in payload:
        return
    found: dict[str, list[Entity]] = {}
    told: list[str] = []
    for kind, one in _components(component, payload):
        told.append(_text(one, "state_topic"))
        for about, entity in _entities(topic, kind, one):
            there = found.setdefault(about, [])
            if entity not in there:
                there.append(entity)
    before = {one for one in texts_in(known.fact(topic, "entity")) if one not in found}
    for about in before:
        kept = [one for one in held(known, about) if one.get("f") != topic]
        yield from _facts(about, kept)
    for about, entities in found.items():
        kept = [one for one in held(known, about) if one.get("f") != topic or one.get("c") == "availability"]
        yield from _facts(about, [*kept, *(one for one in entities if one not in kept)][:_MAX_ENTITIES])
    yield Learned(topic, "entity", written(sorted(found)))
    device = object_of(_long(payload).get("device"))
    yield from _model(told, _long(device), known)


def held(known: Known, topic: str) -> list[Entity]:
    """The entities of a topic, as announced so far."""
    return objects_in(known.fact(topic, "entity"))


def _facts(topic: str, entities: list[Entity]) -> Iterator[Learned]:
    yield Learned(topic, "family", "homeassistant" if entities else "")
    yield Learned(topic, "entity", written(entities))


def _model(topics: list[str], device: dict[str, Json], known: Known) -> Iterator[Learned]:
    """The model, where nobody knows it yet: also of devices that zigbee2mqtt announces."""
    words = [text_of(device.get(name)) for name in ("model", "model_id", "manufacturer", "name")]
    model = " ".join(word for word in words if word)[:_MAX_TEXT]
    if not any(words[:2]):
        return
    for topic in dict.fromkeys(topics):
        about = topic.partition("/")[2] if topic.startswith(("zigbee2mqtt", "z2m")) else identity_of(topic)
        if about and not known.fact(about, "model"):
            yield Learned(about, "model", model)


def _long(payload: dict[str, Json]) -> dict[str, Json]:
    return {_LONG.get(name, name): value for name, value in payload.items()}


def _components(component: str, payload: dict[str, Json]) -> Iterator[tuple[str, dict[str, Json]]]:
    """The configurations in a payload with full names and topics: one, or those of a whole device."""
    whole = _long(payload)
    if component != "device":
        yield component, _with_base(whole)
        return
    shared = {name: value for name, value in whole.items() if name != "components"}
    for name, one in list(object_of(whole.get("components")).items())[:_MAX_COMPONENTS]:
        if isinstance(one, dict):
            inner = _long(one)
            if len(inner) > 1:  # a component with nothing but its platform is to be removed
                yield text_of(inner.get("platform")), _with_base({"object_id": name} | shared | inner)


def _with_base(config: dict[str, Json]) -> dict[str, Json]:
    base = text_of(config.get("~"))
    if not base:
        return config
    return {
        name: _rebased(value, base) if name.endswith(("topic", "availability")) else value
        for name, value in config.items()
    }


def _rebased(value: Json, base: str) -> Json:
    if isinstance(value, str):
        if value.startswith("~"):
            return base + value[1:]
        return value[:-1] + base if value.endswith("~") else value
    if isinstance(value, list):
        return [_rebased(one, base) for one in value]
    if isinstance(value, dict):
        return {name: _rebased(one, base) for name, one in value.items()}
    return value


def _entities(source: str, component: str, config: dict[str, Json]) -> Iterator[tuple[str, Entity]]:
    """What a configuration says of each of its topics that is no other family's."""
    entity = _entity(source, component, config)
    topic = _text(config, "topic" if component in {"device_automation", "tag"} else "state_topic")
    told: list[tuple[str, Entity]] = []
    if topic:
        template = _text(config, "value_template") or _text(config, "state_value_template")
        told.append((topic, {**entity, "p": path_of(template)}))
    if component == "device_tracker":
        told.append((_text(config, "json_attributes_topic"), {**entity, "c": "attributes", "p": []}))
    for name in ("temperature", "humidity"):  # of a climate
        about = _text(config, f"current_{name}_topic")
        if not about:
            continue
        unit = _text(config, "temperature_unit") if name == "temperature" else ""
        path = path_of(_text(config, f"current_{name}_template"))
        measured: Entity = {**entity, "c": "sensor", "k": name, "n": [], "m": unit, "p": path}
        told.append((about, measured))
    if topic:
        told += _availability(config, identity_of(topic))
    for about, one in told:
        if about and not _has_its_family(about):
            yield about, one


def _entity(source: str, component: str, config: dict[str, Json]) -> Entity:
    """One entity as a fact.

    c(omponent), k (class), n(ames), d(evice's names), m(easured in), on, off, e(vent's words), i(dentifier of
    the device), f(rom which configuration); p(ath of the value) is added by its topic.
    """
    device = _long(object_of(config.get("device")))
    identifiers = device.get("identifiers")
    first = identifiers[0] if isinstance(identifiers, list) and identifiers else identifiers
    levels = source.split("/")
    names = [
        _text(config, name) for name in ("object_id", "default_entity_id", "name", "unique_id", "subtype")
    ]
    names.append(levels[-2])
    if config.get("name") is None:  # then the entity has its device's name
        names.append(_text(device, "name"))
    on, off = (
        ("payload_home", "payload_not_home")
        if component == "device_tracker"
        else ("payload_on", "payload_off")
    )
    if component == "cover":
        on, off = "state_open", "state_closed"
    return {
        "c": component,
        "k": _text(config, "device_class"),
        "n": [name for name in dict.fromkeys(names) if name],
        "d": [name for name in (_text(device, "name"), _text(device, "model")) if name],
        "m": _text(config, "unit_of_measurement"),
        "on": _plain(config.get("state_on", config.get(on))),
        "off": _plain(config.get("state_off", config.get(off))),
        "e": [_text(config, name) for name in ("payload", "type", "subtype")],
        "i": first[:_MAX_TEXT] if isinstance(first, str) else "",
        "f": source,
    }


def _availability(config: dict[str, Json], whose: str) -> Iterator[tuple[str, Entity]]:
    """The topics that say whether a device is there. Of several, what each alone can say is its mode."""
    listed = config.get("availability")
    if isinstance(listed, dict):
        listed = [listed]
    given = list_of(listed)[:_MAX_COMPONENTS]
    several = [_long(one) for one in given if isinstance(one, dict)]
    if text := _text(config, "availability_topic"):
        several = [
            {"topic": text, "value_template": config.get("availability_template"), **_payloads(config)}
        ]
    mode = _text(config, "availability_mode") or "latest" if len(several) > 1 else "latest"
    for one in several[:8]:
        yield (
            _text(one, "topic"),
            {
                "c": "availability",
                "p": path_of(_text(one, "value_template")),
                "on": _plain(one.get("payload_available")) or "online",
                "off": _plain(one.get("payload_not_available")) or "offline",
                "e": [mode],
                "n": [whose],
            },
        )


def _payloads(config: dict[str, Json]) -> dict[str, Json]:
    names = ("payload_available", "payload_not_available")
    return {name: config[name] for name in names if name in config}


def _has_its_family(topic: str) -> bool:
    return topic.startswith(_OTHERS) or any(part in topic for part in _WITHIN)


def _text(config: dict[str, Json], name: str) -> str:
    return text_of(config.get(name))[:_MAX_TEXT]


def _plain(value: Json) -> str:
    """A configured payload as text: YAML's and JSON's `true` is the template's `True`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)[:60] if isinstance(value, (str, int, float)) and _short(value) else ""


def _short(value: str | float) -> bool:
    return not isinstance(value, int) or -(10**18) < value < 10**18
