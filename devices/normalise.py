"""From readings to observations: unit, range, time, and whose it is.

Rule: every reading ends as exactly one observation or one `Rejected`; nothing raises, nothing vanishes.
"""

import math
from dataclasses import dataclass
from hashlib import blake2b

from devices.instants import PLAUSIBLE_FROM, Zoned
from devices.message import Message
from devices.metrics import LIFE_SAFETY, METRICS, Kind, Lateness, Metric
from devices.observation import Observation, Quality
from devices.ourselves import DESK
from devices.reading import Decoded, Reading, Reason, Rejected, TimeSource, Value
from devices.registry import Registry

MAX_AHEAD_MS = 60_000
"""R-91: a stamp further ahead than this is the device's clock at fault."""

SKEW_MS = 5_000
"""R-87: a clock that is ahead by more than this is put right."""

_NEVER_SO_OLD_MS = 30 * 86_400_000  # no device keeps a call for help for a month: its clock was reset
_GOOD = Quality.GOOD
_QUANTITY, _STATE, _EVENT = Kind.QUANTITY, Kind.STATE, Kind.EVENT  # slow to reach by name
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
    ("kPa", "mm[Hg]"): (7.500617, 0.0),
    ("Pa", "hPa"): (0.01, 0.0),
    ("cm", "m"): (0.01, 0.0),
    ("mm", "m"): (0.001, 0.0),
    ("m3", "L"): (1000.0, 0.0),
    ("m/s", "km/h"): (3.6, 0.0),
    ("W.h", "kWh"): (0.001, 0.0),
}


@dataclass(frozen=True, slots=True)
class Normalised:
    """The observations of one message, and what could not become one. `kept`: the reading each came from."""

    observations: list[Observation]
    rejected: list[Rejected]
    kept: list[int]


def normalise(decoded: Decoded, message: Message, registry: Registry, site: str = "") -> Normalised:
    """The observations a decoded message means for the people and places of a registry.

    `site` is where the receiving service stands, for families whose topics do not say. The registry's
    binding decides `resident` and `place`; without one both stay "" (unassigned).
    """
    observations: list[Observation] = []
    rejected = list(decoded.rejected)
    kept: list[int] = []
    where = decoded.site or site
    received_at = message.received_at
    resident = place = ""
    bound: tuple[str, str] | None = None
    ahead_ms = _ahead(decoded, message)
    last: object = None  # the reading's time for which `moment` holds
    moment = (received_at, TimeSource.ARRIVAL, _GOOD, False)
    for index, reading in enumerate(decoded.readings):
        device, name, _, _, at, source, key, detail, confidence, by, _, about = reading
        device = device[:_MAX_TEXT]
        metric = METRICS.get(name)
        if metric is None:
            rejected.append(Rejected(Reason.UNKNOWN_METRIC, name[:40], device))
            continue
        value = _number(reading, metric) if metric.kind is _QUANTITY else _word(reading, metric)
        if isinstance(value, Rejected):
            rejected.append(value)
            continue
        if (whose := (device, about)) != bound:
            spoken_of = _about(registry, about)
            if about and name not in LIFE_SAFETY:
                if where != DESK[0] and registry.device(where, device) is None:
                    rejected.append(Rejected(Reason.UNREGISTERED, "speaks of others", device, name))
                    continue
                if spoken_of is None:
                    rejected.append(Rejected(Reason.UNKNOWN_SUBJECT, "is not in the registry", device, name))
                    continue
            bound, (resident, place) = whose, spoken_of or registry.bound(where, device)
        if (this := (at, source, metric.lateness)) != last or at is None:
            last, moment = this, _time(reading.at, reading.at_source, metric, message, ahead_ms)
        given, (at, source, quality, late) = at, moment
        if metric.suspect is not None and quality is _GOOD and not _within(value, metric.suspect):
            quality = Quality.UNCERTAIN
        kept.append(index)
        observations.append(
            Observation(
                device,
                name,
                value,
                at,
                received_at,
                quality,
                source,
                where,
                resident,
                place,
                late,
                key if len(key) <= _MAX_TEXT and key.isprintable() else _digest(key),
                detail[:_MAX_TEXT],
                confidence,
                by,
                given if given is not None and given != at and _STORABLE[0] <= given < _STORABLE[1] else None,
                given.offset_min if type(given) is Zoned else None,
            )
        )
    if any(o.metric == "bp_diastolic" for o in observations):
        _cross_check(observations, rejected, kept)
    return Normalised(observations, rejected, kept)


def _digest(key: str) -> str:
    """A key that no database takes, or only at a price for each reading of its message, as a short one."""
    return f"hash:{blake2b(key.encode(errors='surrogatepass'), digest_size=16).hexdigest()}"


def _cross_check(observations: list[Observation], rejected: list[Rejected], kept: list[int]) -> None:
    """Turn down a diastolic pressure that is not below the systolic of the same measurement (section 11)."""
    systolic = {(o.device, o.key, o.at): o.value for o in observations if o.metric == "bp_systolic"}
    for index in range(len(observations) - 1, -1, -1):
        o = observations[index]
        above = systolic.get((o.device, o.key, o.at)) if o.metric == "bp_diastolic" else None
        if isinstance(above, float) and isinstance(o.value, float) and o.value >= above:
            rejected.append(
                Rejected(Reason.OUT_OF_RANGE, "bp_diastolic is not below bp_systolic", o.device, o.metric)
            )
            del observations[index], kept[index]


def _about(registry: Registry, about: str) -> tuple[str, str] | None:
    """Resident and place of which a shared device speaks; None where the registry knows no such."""
    if not about:
        return None
    if about in registry.residents:
        return about, registry.residents[about].place
    return (registry.only_resident(about), about) if about in registry.places else None


def _word(reading: Reading, metric: Metric) -> Value | Rejected:
    """The value of a state, an event or an enumeration, or why it is none; of a quantity see `_number`."""
    value, kind = reading.value, metric.kind
    if kind is _STATE:
        if isinstance(value, bool):
            return value
        if isinstance(value, (int, float)) and value in {0, 1}:
            return bool(value)
        return _no(reading, Reason.WRONG_TYPE, "is neither true nor false")
    if kind is _EVENT:
        if value is True:
            return True
        return _no(reading, Reason.WRONG_TYPE, "is an event: only true is a value")
    if not isinstance(value, str) or not value or len(value) > _MAX_TEXT:
        return _no(reading, Reason.WRONG_TYPE, "is no short text")
    if metric.words and value not in metric.words:
        return _no(reading, Reason.OUT_OF_RANGE, f"is none of {', '.join(metric.words)}")
    return value


def _number(reading: Reading, metric: Metric) -> float | Rejected:
    """The number in the canonical unit, or why there is none (R-95, REQUIREMENTS section 11)."""
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


def _ahead(decoded: Decoded, message: Message) -> int:
    """By how much the sender's clock is ahead, 0 where it is not, or cannot be told (R-87).

    A message cannot come before it was sent, so a clock that shows a later time than ours is ahead. One that
    shows an earlier time may be right: the message may have waited for the network.
    """
    ahead_ms = 0 if decoded.sent_at is None else decoded.sent_at - message.received_at
    return ahead_ms if ahead_ms > SKEW_MS else 0


def _time(
    at: int | None, source: TimeSource, metric: Metric, message: Message, ahead_ms: int
) -> tuple[int, TimeSource, Quality, bool]:
    """When it was, who says so, how far that is trusted, and whether it is history only.

    R-86: no stamp is arrival time. R-87: stamps of a clock that is `ahead_ms` are put right. R-88: a stamp
    from before there were devices is no time at all; the value is kept at arrival time and rules do not use
    it, except that an emergency is never ignored. R-90: late is history. R-91: a stamp far ahead becomes
    arrival time. A retained message without a stamp is of unknown age: stale, except that `online` is about
    now by definition.
    """
    arrived = message.received_at
    if at is None:
        stale = message.retained and metric.name != "online"
        quality = Quality.STALE if stale else Quality.GOOD
        return arrived, TimeSource.ARRIVAL, quality, False
    at -= ahead_ms
    if at < PLAUSIBLE_FROM:
        return arrived, TimeSource.ARRIVAL, Quality.UNCERTAIN, metric.lateness.ms < _A_DAY_MS
    if at > arrived + MAX_AHEAD_MS:
        return arrived, TimeSource.ARRIVAL, Quality.UNCERTAIN, False
    age_ms = arrived - at
    if age_ms > _NEVER_SO_OLD_MS and metric.lateness is Lateness.LIFE_SAFETY:
        return at, source, Quality.UNCERTAIN, False
    return at, source, Quality.GOOD, age_ms > metric.lateness.ms


_A_DAY_MS = 86_400_000
_STORABLE = (-62_000_000_000_000, 253_402_300_800_000)  # about the years 5 to 9999, which a database can hold
