"""What personal health devices measured, whichever gateway carries it: shared by several families.

Rule: a number is a vital sign only when field, unit and place of measurement say so; a person's data that
travel beside it (name, citizen id, birth date) are never looked at.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from devices.catalogue import MAX_MODEL, words_of
from devices.envelope import Json
from devices.notation import Vocabulary
from devices.reading import Reason, Rejected
from devices.vitals import CEL, FAHRENHEIT, Unit, settle, unit_named, upside_down
from devices.words import Fields, Origin, Said, Scalar, flatten, number_of, speak_fields

_DIALECT = "medical"
_MAX_FIELDS = 1024
"""More fields than any measurement has: names of so many are taken as they are written."""
_MAX_MEMBERS = 256
_MAX_CACHED = 60
_WRAPPERS = frozenset(
    "value values data measure measurement measurements result results reading readings vitals vitalsigns bp "
    "bloodpressure nibp oximeter oximetry pulseox".split()
)
_SPLIT = frozenset(("bp", "bloodpressure", "nibp"))  # names of a pressure written 120/80
_THERMOMETER: Final = {  # the surest first
    "temperaturecelsius": CEL,
    "tempc": CEL,
    "temperature": None,
    "temp": None,
    "temperaturefahrenheit": FAHRENHEIT,
    "tempf": FAHRENHEIT,
}
_MEASURED_AT = {
    place: metric
    for metric, places in {
        "body_temperature": "head forehead ear body mouth oral rectum rectal armpit axilla axillary temple "
        "tympanic adult child baby infant human person people core 额温 额头 耳温 耳朵 人体 体温",
        "skin_temperature": "wrist skin hand palm",
        "room_temperature": "room ambient room_ambient air environment 室温 环境",
        "": "object surface thing water milk bath liquid food bottle 物体 物温 表面",
    }.items()
    for place in places.split()
}
_WORD_AT = {
    "body_temperature": "temperaturebody",
    "skin_temperature": "skintemperature",
    "room_temperature": "roomtemperature",
}
_CONTROL = frozenset(("control", "control solution", "qc", "quality control", "质控"))
_MEALS = frozenset(
    (
        *(
            f"{when} {meal}"
            for when in ("before", "after")
            for meal in ("meal", "breakfast", "lunch", "dinner")
        ),
        *"fasting bedtime casual random exercise premeal postmeal pre-meal post-meal".split(),
        *"preprandial postprandial".split(),
    )
)
_NO = frozenset(("false", "0", "no", "invalid"))
_ROLES: Final = {
    role: kind
    for kind, roles in {
        "place": "mode measurementlocation measureposition measureplace bodypart site location position",
        "marker": "marker meal mealmarker",
        "valid": "valid isvalid isvalidreading stable isstable stabilized isstabilized",
    }.items()
    for role in roles.split()
}
_PRESSURES = frozenset(("bp_systolic", "bp_diastolic"))


@dataclass(slots=True)
class _Measurement:
    """One measurement taken apart: bare names, how they were written, named units, and what is about it."""

    fields: Fields = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    told: dict[str, Unit] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    place: str = ""
    marker: str = ""
    valid: bool = True


def measured(
    item: Mapping[str, Json],
    models: Iterable[str],
    origin: Origin,
    said: Said,
    documented: Mapping[str, Unit],
) -> None:
    """Adds what one measurement says. `documented` are the units that the family's documents name.

    A measurement that says of itself that it is invalid or not yet stable, and a glucose of control solution,
    are nobody's. A pressure whose diastolic is not below its systolic is turned down whole.
    """
    vocabulary = words_of(_DIALECT, *[model[:MAX_MODEL] for model in models if model])
    found = _taken_apart(item, vocabulary)
    if not found.valid:
        return
    if found.marker in _CONTROL:
        said.left.append("marker")
        return
    if found.place:
        _name_by_place(found)
    one = Said()
    speak_fields(vocabulary, found.fields, origin, one)
    readings, doubtful = settle(one.readings, found.told, documented)
    if upside_down(readings):
        said.rejected += [
            Rejected(Reason.OUT_OF_RANGE, "systolic is not above diastolic", origin.device, reading.metric)
            for reading in readings
            if reading.metric in _PRESSURES
        ]
        readings = [reading for reading in readings if reading.metric not in _PRESSURES]
    if found.marker in _MEALS:
        readings = [
            reading._replace(detail=found.marker) if reading.metric == "glucose" else reading
            for reading in readings
        ]
    said.readings += readings
    said.rejected += one.rejected
    said.left += [found.written.get(name, name) for name in one.left] + doubtful + found.left


def _taken_apart(item: Mapping[str, Json], vocabulary: Vocabulary) -> _Measurement:
    found = _Measurement()
    flat, lists = flatten(item)
    if len(flat) > _MAX_FIELDS:
        return _Measurement(flat, left=[path for path, _ in lists])
    fields, written = found.fields, found.written
    for path, value in flat.items():
        name, role = _named(path) if len(path) <= _MAX_CACHED else (path, _role(path))
        if role:
            _about(found, role, value)
            continue
        if value.__class__ is str and value[:1].isdigit():
            _add(found, name, value)
        else:
            fields[name] = value
        written[name] = path
    for path, members in lists:
        if not _typed(members, found, vocabulary):
            found.left.append(path)
    if "value" in found.fields and isinstance(kind := found.fields.get("type"), str):
        name = _bare(kind[:_MAX_CACHED])
        if name in vocabulary.words:
            _add(found, name, found.fields.pop("value"))
    return found


def _about(found: _Measurement, role: str, value: Scalar) -> None:
    """What a field says of the measurement: the unit of a quantity, whether it is valid, and the like."""
    if role == "unit":
        if (unit := unit_named(value)) is not None:
            found.told[unit.quantity] = unit
        return
    text = _plain(value)
    if role == "valid":
        found.valid = found.valid and text not in _NO
    elif role == "marker":
        found.marker = text
    elif text in _MEASURED_AT:
        found.place = text


def _add(found: _Measurement, name: str, value: Scalar) -> None:
    """Adds a field; a text that holds two pressures or ends with a unit is taken apart."""
    if isinstance(value, str) and value[:1].isdigit():
        high, slash, low = value.partition("/")
        if slash and name in _SPLIT:
            found.fields["systolic"], found.fields["diastolic"] = high, low
            return
        unit = unit_named(value[:_MAX_CACHED].lstrip("0123456789. "))
        number = number_of(value) if unit is not None else None
        if unit is not None and number is not None:
            found.told[unit.quantity] = unit
            value = number
    found.fields[name] = value


def _typed(members: list[Json], found: _Measurement, vocabulary: Vocabulary) -> bool:
    """Adds a list of `{"type": "spo2", "value": 96, "unit": "%"}`; whether all of it was that."""
    understood = 0
    for member in members[:_MAX_MEMBERS]:
        if not isinstance(member, dict):
            return False
        kind = next((member[key] for key in ("type", "name", "key", "code", "item") if key in member), None)
        name = _bare(kind[:_MAX_CACHED]) if isinstance(kind, str) else ""
        value = member.get("value")
        if name not in vocabulary.words or isinstance(value, (dict, list)):
            continue
        if (unit := unit_named(member.get("unit"))) is not None:
            found.told[unit.quantity] = unit
        _add(found, name, value)
        understood += 1
    return understood == len(members)


@lru_cache(maxsize=4096)
def _named(path: str) -> tuple[str, str]:
    """A name as the catalogue writes it, and its role, "" for a value."""
    name = _bare(path)
    return name, _role(name)


def _role(name: str) -> str:
    return "unit" if name.endswith(("unit", "units")) else _ROLES.get(name, "")


@lru_cache(maxsize=4096)
def _bare(path: str) -> str:
    """A name as the catalogue writes it: without wrappers, case and separators."""
    name = path.lower().replace("_", "").replace("-", "").replace(" ", "")
    if "." not in name:
        return name
    *outer, last = name.split(".")
    inner = [part for part in outer if part not in _WRAPPERS]
    if last == "value" and not inner and outer[-1] in _SPLIT:
        return outer[-1]
    if last == "value" and inner:
        return ".".join(inner)
    return ".".join(inner) + last if last == "unit" else ".".join([*inner, last])


def _name_by_place(found: _Measurement) -> None:
    """Names a thermometer's number after the place that it was measured at; of a thing's it is left."""
    metric, fields = _MEASURED_AT[found.place], found.fields
    names = [name for name in _THERMOMETER if name in fields]
    if names and metric:
        unit = _THERMOMETER[names[0]]
        if unit is not None:
            found.told["temperature"] = unit
        fields[_WORD_AT[metric]] = fields[names[0]]
    elif names:
        found.left.append(found.written.get(names[0], names[0]))
    for name in names:
        del fields[name]


def _plain(value: Scalar) -> str:
    if isinstance(value, str):
        return value.strip().lower()[:_MAX_CACHED]
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) and value in {0, 1} else ""
