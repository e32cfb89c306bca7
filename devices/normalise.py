"""From readings to observations: unit, range, time, and whose it is.

Rule: every reading ends as exactly one observation or one `Rejected`; nothing raises, nothing vanishes.
"""

import math
from dataclasses import dataclass

from devices.instants import PLAUSIBLE_FROM
from devices.message import Message
from devices.metrics import METRICS, Kind, Metric
from devices.observation import Observation, Quality
from devices.reading import Decoded, Reading, Reason, Rejected, TimeSource, Value
from devices.registry import Registry

MAX_AHEAD_MS = 60_000
"""R-91: a stamp further ahead than this is the device's clock at fault."""

_ZERO_IS_NO_VALUE = frozenset(("heart_rate", "respiratory_rate"))
_MAX_TEXT = 200

_TO_CANONICAL: dict[tuple[str, str], tuple[float, float]] = {
    # (given unit, canonical unit): (factor, offset)
    ("[degF]", "Cel"): (5 / 9, -160 / 9),
    ("K", "Cel"): (1.0, -273.15),
    ("mg/dL", "mmol/L"): (1 / 18.016, 0.0),
    ("mV", "V"): (0.001, 0.0),
    ("[lb_av]", "kg"): (0.45359237, 0.0),
    ("g", "kg"): (0.001, 0.0),
    ("kPa", "hPa"): (10.0, 0.0),
    ("Pa", "hPa"): (0.01, 0.0),
    ("cm", "m"): (0.01, 0.0),
    ("mm", "m"): (0.001, 0.0),
    ("m3", "L"): (1000.0, 0.0),
    ("m/s", "km/h"): (3.6, 0.0),
    ("W.h", "kWh"): (0.001, 0.0),
}


@dataclass(frozen=True, slots=True)
class Normalised:
    """The observations of one message, and what could not become one."""

    observations: list[Observation]
    rejected: list[Rejected]


def normalise(decoded: Decoded, message: Message, registry: Registry, site: str = "") -> Normalised:
    """The observations a decoded message means for the people and places of a registry.

    `site` is where the receiving service stands, for families whose topics do not say. The registry's
    binding decides `resident` and `place`; without one both stay "" (unassigned).
    """
    observations: list[Observation] = []
    rejected = list(decoded.rejected)
    where = decoded.site or site
    binding: tuple[str, str, str] | None = None
    for reading in decoded.readings:
        metric = METRICS.get(reading.metric)
        if metric is None:
            rejected.append(Rejected(Reason.UNKNOWN_METRIC, reading.metric[:40], reading.device))
            continue
        value = _value(reading, metric)
        if isinstance(value, Rejected):
            rejected.append(value)
            continue
        if binding is None or binding[0] != reading.device:
            binding = (reading.device, *_bound(registry, where, reading.device))
        at, source, quality, late = _time(reading, metric, message)
        if quality is Quality.GOOD and metric.suspect is not None and not _within(value, metric.suspect):
            quality = Quality.UNCERTAIN
        observations.append(
            Observation(
                reading.device,
                reading.metric,
                value,
                at,
                message.received_at,
                quality,
                source,
                where,
                binding[1],
                binding[2],
                late,
                reading.key,
                reading.detail[:_MAX_TEXT],
                reading.confidence,
                reading.by,
            )
        )
    return Normalised(observations, rejected)


def _bound(registry: Registry, site: str, device: str) -> tuple[str, str]:
    """Resident and place of a device. A device in a place where one person lives watches that person."""
    found = registry.device(site, device)
    if found is None:
        return "", ""
    if found.resident:
        resident = registry.residents.get(found.resident)
        return found.resident, found.place or (resident.place if resident else "")
    return registry.only_resident(found.place), found.place


def _value(reading: Reading, metric: Metric) -> Value | Rejected:
    """The value in the canonical unit and type, or why not (R-95, REQUIREMENTS section 11)."""
    value = reading.value
    match metric.kind:
        case Kind.QUANTITY:
            return _number(reading, metric)
        case Kind.STATE:
            if isinstance(value, bool):
                return value
            if isinstance(value, (int, float)) and value in {0, 1}:
                return bool(value)
            return _no(reading, Reason.WRONG_TYPE, "is neither true nor false")
        case Kind.EVENT:
            return (
                True
                if value is True
                else _no(reading, Reason.WRONG_TYPE, "is an event: only true is a value")
            )
        case Kind.ENUM:
            if not isinstance(value, str) or not value or len(value) > _MAX_TEXT:
                return _no(reading, Reason.WRONG_TYPE, "is no short text")
            if metric.words and value not in metric.words:
                return _no(reading, Reason.OUT_OF_RANGE, f"is none of {', '.join(metric.words)}")
            return value


def _number(reading: Reading, metric: Metric) -> float | Rejected:
    value = reading.value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return _no(reading, Reason.WRONG_TYPE, "is no number")
    try:
        number = float(value)
    except OverflowError:
        return _no(reading, Reason.OUT_OF_RANGE, "is too large")
    if not math.isfinite(number):
        return _no(reading, Reason.NOT_A_NUMBER, "is NaN or infinite")
    if reading.unit and reading.unit != metric.unit:
        factor = _TO_CANONICAL.get((reading.unit, metric.unit))
        if factor is None:
            return _no(reading, Reason.WRONG_TYPE, f"has a unit that is not {metric.unit}")
        number = number * factor[0] + factor[1]
    if metric.hard is not None and not metric.hard[0] <= number <= metric.hard[1]:
        return _no(reading, Reason.OUT_OF_RANGE, f"is outside {metric.hard[0]:g}..{metric.hard[1]:g}")
    if number == 0 and metric.name in _ZERO_IS_NO_VALUE:
        return _no(reading, Reason.NOT_A_NUMBER, "0 means not measured")
    return number


def _no(reading: Reading, reason: Reason, why: str) -> Rejected:
    return Rejected(reason, f"{reading.metric} {why}", reading.device, reading.metric)


def _within(value: Value, limits: tuple[float, float]) -> bool:
    return not isinstance(value, (int, float)) or limits[0] <= value <= limits[1]


def _time(reading: Reading, metric: Metric, message: Message) -> tuple[int, TimeSource, Quality, bool]:
    """When it was, who says so, how far that is trusted, and whether it is history only.

    R-86: no stamp is arrival time. R-88: a stamp from before there were devices is no time at all; the
    value is kept at arrival time and rules do not use it, except that an emergency is never ignored.
    R-90: late is history. R-91: a stamp far ahead becomes arrival time. A retained message without a
    stamp is of unknown age: stale, except that `online` is about now by definition.
    """
    arrived, at = message.received_at, reading.at
    if at is None:
        stale = message.retained and metric.name != "online"
        quality = Quality.STALE if stale else Quality.GOOD
        return arrived, TimeSource.ARRIVAL, quality, False
    if at < PLAUSIBLE_FROM:
        return arrived, TimeSource.ARRIVAL, Quality.UNCERTAIN, metric.lateness.ms < _A_DAY_MS
    if at > arrived + MAX_AHEAD_MS:
        return arrived, TimeSource.ARRIVAL, Quality.UNCERTAIN, False
    return at, reading.at_source, Quality.GOOD, arrived - at > metric.lateness.ms


_A_DAY_MS = 86_400_000
