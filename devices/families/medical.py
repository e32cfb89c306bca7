"""What personal health devices measured, whichever gateway carries it: shared by several families.

Rule: a number is a vital sign only when field, unit and place of measurement say so; a person's data that
travel beside it (name, citizen id, birth date) are never looked at.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from devices.catalogue import words_of
from devices.envelope import Json
from devices.reading import Reason, Rejected
from devices.vitals import Unit, settle, unit_named, upside_down
from devices.words import Fields, Origin, Said, Scalar, flatten, number_of, speak_fields

_DIALECT = "medical"
_MAX_MODEL = 100
_MAX_FIELDS = 256
_WRAPPERS = frozenset(
    "value values data measure measurement measurements result results reading readings vitals vitalsigns bp "
    "bloodpressure nibp oximeter oximetry pulseox".split()
)
_SPLIT = frozenset(("bp", "bloodpressure", "nibp"))  # names of a pressure written 120/80
_PLACES: Final = ("mode", "measurementlocation", "measureposition", "bodypart", "site", "location")
_THERMOMETER = ("temp", "temperature", "temperaturecelsius", "temperaturefahrenheit", "tempc", "tempf")
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
_INVALID = ("isvalid", "isvalidreading", "valid", "stable", "isstable", "stabilized", "isstabilized")
_NO = frozenset(("false", "0", "no", "invalid"))


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
    fields, written, told, lists = _fields(item)
    if any(_plain(fields.get(name)) in _NO for name in _INVALID):
        return
    vocabulary = words_of(_DIALECT, *[model[:_MAX_MODEL] for model in models if model])
    marker = _plain(fields.get("marker", fields.get("meal")))
    if marker in _CONTROL:
        said.left.append("marker")
        return
    _place(fields)
    one = Said()
    speak_fields(vocabulary, fields, origin, one)
    readings, doubtful = settle(one.readings, told, documented)
    if upside_down(readings):
        pressures = [reading for reading in readings if reading.metric in {"bp_systolic", "bp_diastolic"}]
        said.rejected += [
            Rejected(Reason.OUT_OF_RANGE, "systolic is not above diastolic", origin.device, reading.metric)
            for reading in pressures
        ]
        readings = [reading for reading in readings if reading not in pressures]
    if marker in _MEALS:
        readings = [
            reading._replace(detail=marker) if reading.metric == "glucose" else reading
            for reading in readings
        ]
    said.readings += readings
    said.rejected += one.rejected
    said.left += [written.get(name, name) for name in one.left] + doubtful + lists


def _fields(item: Mapping[str, Json]) -> tuple[Fields, dict[str, str], dict[str, Unit], list[str]]:
    """The fields by their bare names, how each was written, the units among them by quantity, and lists."""
    fields: Fields = {}
    written: dict[str, str] = {}
    told: dict[str, Unit] = {}
    flat, lists = flatten(item)
    for path, value in flat.items():
        name = _bare(path)
        if name.endswith(("unit", "units")):
            if (unit := unit_named(value)) is not None:
                told[unit.quantity] = unit
            continue
        _add(fields, told, name, value)
        written[name] = path
    left = [path for path, members in lists if not _typed(members, fields, told)]
    if "value" in fields and isinstance(kind := fields.get("type", fields.get("name")), str):
        _add(fields, told, _bare(kind), fields.pop("value"))
    return fields, written, told, left


def _add(fields: Fields, told: dict[str, Unit], name: str, value: Scalar) -> None:
    """Adds a field; a text that holds two pressures or ends with a unit is taken apart."""
    if isinstance(value, str):
        high, slash, low = value.partition("/")
        if slash and name in _SPLIT:
            fields["systolic"], fields["diastolic"] = high, low
            return
        if value[:1].isdigit():
            unit = unit_named(value[:40].lstrip("0123456789. "))
            number = number_of(value)
            if unit is not None and number is not None:
                told[unit.quantity] = unit
                fields[name] = number
                return
    fields[name] = value


def _typed(members: list[Json], fields: Fields, told: dict[str, Unit]) -> bool:
    """Adds a list of `{"type": "spo2", "value": 96, "unit": "%"}`; whether it was one."""
    named = False
    for member in members[:_MAX_FIELDS]:
        if not isinstance(member, dict):
            return named
        kind = next((member[key] for key in ("type", "name", "key", "code", "item") if key in member), None)
        value = member.get("value")
        if not isinstance(kind, str) or isinstance(value, (dict, list)):
            continue
        if (unit := unit_named(member.get("unit"))) is not None:
            told[unit.quantity] = unit
        _add(fields, told, _bare(kind), value)
        named = True
    return named


def _bare(path: str) -> str:
    """A name as the catalogue writes it: without wrappers, case and separators."""
    name = path.lower().replace("_", "").replace("-", "").replace(" ", "")
    if "." not in name:
        return name
    parts = name.split(".")
    inner = [part for part in parts[:-1] if part not in _WRAPPERS]
    if parts[-1] in {"value", "unit"} and (inner or len(parts) > 1):
        kept = inner or parts[:-1][-1:]
        return ".".join(kept) + ("unit" if parts[-1] == "unit" else "")
    return ".".join([*inner, parts[-1]])


def _place(fields: Fields) -> None:
    """Names a thermometer's number after the place that it was measured at, where the message tells it."""
    place = next((found for name in _PLACES if (found := _plain(fields.get(name))) in _MEASURED_AT), None)
    if place is None:
        return
    metric = _MEASURED_AT[place]
    for name in _THERMOMETER:
        if name in fields:
            value = fields.pop(name)
            if metric == "body_temperature":
                fields["temperaturebody" if name in {"temp", "temperature"} else name] = value
            elif metric and name not in {"temperaturefahrenheit", "tempf"}:
                fields[metric.replace("_", "")] = value
            elif not metric:
                fields[f"{name} of a thing"] = value  # no word of anybody's: it is left


def _plain(value: Scalar) -> str:
    if isinstance(value, str):
        return value.strip().lower()[:40]
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) and value in {0, 1} else ""
