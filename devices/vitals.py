"""Units of vital signs, named or told from their size. Rule: where two units could be meant, none is.

A glucose of 108 can only be mg/dL, one of 5.6 only mmol/L; 20 is a faint in one and a coma in the other, so
without a unit it is left. What a family's documents say of its unit decides only such a doubtful number.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from devices.reading import Reading


class Unit(NamedTuple):
    """A unit of one quantity: its UCUM code, and what makes the device's number one in it."""

    quantity: str
    code: str
    factor: float = 1.0


_MMHG, _KPA = Unit("pressure", "mm[Hg]"), Unit("pressure", "kPa")
_MGDL, _MMOL = Unit("glucose", "mg/dL"), Unit("glucose", "mmol/L")
_CEL, _FAHRENHEIT = Unit("temperature", "Cel"), Unit("temperature", "[degF]")
_KG, _LB, _GRAM = Unit("weight", "kg"), Unit("weight", "[lb_av]"), Unit("weight", "g")
_SPELLED = {
    _MMHG: "mmhg mm[hg] mm-hg 毫米汞柱",
    _KPA: "kpa kilopascal 千帕",
    _MGDL: "mg/dl mgdl mg%",
    _MMOL: "mmol/l mmol mmoll 毫摩尔/升",
    _CEL: "c cel celsius °c ºc ℃ degc centigrade 摄氏度",
    _FAHRENHEIT: "f fah fahrenheit °f ºf ℉ degf [degf] 华氏度",
    _KG: "kg kgs kilogram kilograms 公斤 千克",
    _LB: "lb lbs pound pounds [lb_av] 磅",
    _GRAM: "g gram grams 克",
    Unit("weight", "kg", 0.5): "jin catty 斤 市斤",
    Unit("weight", "kg", 6.35029318): "st stone",
}
_BY_NAME = {name: unit for unit, names in _SPELLED.items() for name in names.split()}
_MAX_NAME = 20

_QUANTITY = {
    "bp_systolic": "pressure",
    "bp_diastolic": "pressure",
    "bp_mean": "pressure",
    "glucose": "glucose",
    "body_temperature": "temperature",
    "skin_temperature": "temperature",
    "room_temperature": "temperature",
    "body_weight": "weight",
}
_OF_A_BODY = frozenset(("body_temperature", "skin_temperature"))
_MMOL_BELOW, _MGDL_ABOVE = 10.0, 33.3
"""Meters show 10 to 600 mg/dL, that is 0.6 to 33.3 mmol/L; beyond that they show LO and HI (ISO 15197)."""
_KPA_BELOW, _MMHG_ABOVE = 30.0, 42.7
"""A systolic pressure is 30 to 320 mmHg (the limits of this service), that is 4 to 42.7 kPa."""
_FAHRENHEIT_ABOVE = 60.0  # 60 Cel is beyond any skin, and 60 degF is 16 Cel


def unit_named(text: object) -> Unit | None:
    """The unit that a text names, None when it names none of these quantities."""
    if not isinstance(text, str) or len(text) > _MAX_NAME:
        return None
    return _BY_NAME.get(text.strip().lower().replace(" ", ""))


def settle(
    readings: Sequence[Reading], told: Mapping[str, Unit], documented: Mapping[str, Unit]
) -> tuple[list[Reading], list[str]]:
    """The readings of one measurement in units that are certain, and the metrics that had to be left.

    `told` are units that the message names, by quantity; `documented` those that the family's documents name.
    A reading that has a unit keeps it. Float32 noise (36.43000031) is rounded away.
    """
    found: list[Reading] = []
    left: list[str] = []
    for reading in readings:
        device, metric, given, named, at, source, key, detail, confidence, by, good_for_ms, about = reading
        value, code = round(given, 3) if type(given) is float else given, named
        quantity = _QUANTITY.get(metric)
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            pass
        elif quantity is not None and not code:
            unit = told.get(quantity)
            if unit is None and quantity == "pressure":
                unit = _pressure(readings, documented.get("pressure"))
            elif unit is None:
                unit = _by_size(metric, value, documented.get(quantity))
            if unit is None:
                left.append(metric)
                continue
            code = unit.code
            if unit.factor != 1.0:
                value = _times(value, unit.factor)
        elif metric == "spo2" and 0 < value <= 1:
            value = value * 100  # a fraction: nobody lives with 1 %
        found.append(
            reading
            if code is named and value is given  # by position otherwise: `_replace` is slow
            else Reading(
                device, metric, value, code, at, source, key, detail, confidence, by, good_for_ms, about
            )
        )
    return found, left


def upside_down(readings: Sequence[Reading]) -> bool:
    """Whether a diastolic pressure is not below the systolic one beside it: then neither is true."""
    systolic, diastolic = _value(readings, "bp_systolic"), _value(readings, "bp_diastolic")
    return systolic is not None and diastolic is not None and systolic <= diastolic


def _value(readings: Sequence[Reading], metric: str) -> float | None:
    for reading in readings:
        if reading.metric == metric and isinstance(reading.value, (int, float)):
            return reading.value
    return None


def _by_size(metric: str, value: float, documented: Unit | None) -> Unit | None:
    if metric == "glucose":
        if value < _MMOL_BELOW:
            return _MMOL
        if value > _MGDL_ABOVE:
            return _MGDL
        return None if documented is _MGDL and value != int(value) else documented  # mg/dL are shown whole
    if metric in _OF_A_BODY:
        return _FAHRENHEIT if value > _FAHRENHEIT_ABOVE else _CEL
    return _CEL if metric == "room_temperature" else documented


def _pressure(readings: Sequence[Reading], documented: Unit | None) -> Unit | None:
    """The unit of all pressures of a measurement: the systolic one tells it, else a high mean."""
    systolic = _value(readings, "bp_systolic")
    if systolic is not None and systolic < _KPA_BELOW:
        return _KPA
    highest = _value(readings, "bp_mean") if systolic is None else systolic
    return _MMHG if highest is not None and highest > _MMHG_ABOVE else documented


def _times(value: float, factor: float) -> float:
    try:
        return round(value * factor, 3)
    except OverflowError:  # an integer of hundreds of digits
        return float("inf")


MMHG, MGDL, CEL, FAHRENHEIT, KG = _MMHG, _MGDL, _CEL, _FAHRENHEIT, _KG
"""Units that families' documents name."""
