"""Sparkplug B's payload (specification 3.0, chapter 6), as Protobuf, compressed, or as JSON of a bridge.

Rule: a metric is read as its datatype says, which only a birth tells: integers travel unsigned.
"""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import orjson

from devices.envelope import Json, json_value
from devices.families import facts, wire
from devices.reading import Rejected
from devices.words import Scalar

_BITS = {1: 8, 2: 16, 3: 32, 4: 64}  # Int8 .. Int64
_BOOLEAN, _DATETIME = 11, 13
_NAMED = {"int8": 1, "int16": 2, "int32": 3, "int64": 4, "boolean": 11, "datetime": 13}
_COMPRESSED = b"SPBV1.0_COMPRESSED"
_MAX_INFLATED = 256 * 1024
_MAX_DEPTH = 4
_MAX_METRICS = 2000
_MAX_FIELDS = 20_000
_MAX_NAME = 200
_MAX_BIRTH = 48_000  # a longer one is kept without the names that say nothing
_UNSAID = "?"
_QUALITY, _UNITS = frozenset(("quality",)), frozenset(("units", "unit", "engunit", "engineering units"))


@dataclass(slots=True)
class Metric:
    """One metric of a payload. `parts` are the metrics of a template; `good` its quality property."""

    name: str = ""
    alias: int | None = None
    at: int | None = None
    datatype: int = 0
    historical: bool = False
    null: bool = False
    value: Scalar = None
    unit: str = ""
    good: bool = True
    parts: tuple["Metric", ...] = ()
    opaque: bool = False


@dataclass(slots=True)
class Payload:
    """A payload. `cut`: it has more metrics than are read."""

    at: int | None = None
    metrics: list[Metric] = field(default_factory=list)
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Birth:
    """What a birth certificate taught: names, datatypes and units by alias, datatypes by name."""

    by_alias: Mapping[int, tuple[str, int, str]] = field(default_factory=dict)
    by_name: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    session: int | None = None


_UNBORN = Birth()


@lru_cache(maxsize=1024)
def birth_of(fact: str) -> Birth:
    """The birth certificate that `written` put into a fact; an empty one for any other text."""
    try:
        held = orjson.loads(fact)
        rows = [(str(name), int(kind), str(unit), alias) for name, kind, unit, alias in held["metrics"]]
        return Birth(
            {int(alias): (name, kind, unit) for name, kind, unit, alias in rows if alias is not None},
            {name: (kind, unit) for name, kind, unit, _ in rows},
            held.get("bdSeq"),
        )
    except (KeyError, TypeError, ValueError):
        return _UNBORN


def written(payload: Payload, says: Callable[[str], object]) -> str:
    """A birth certificate as the text of a fact. `says` is whether a name says anything."""
    sessions = [one.value for one in payload.metrics if one.name == "bdSeq" and isinstance(one.value, int)]
    rows = [
        [one.name, one.datatype, one.unit, one.alias]
        for one in payload.metrics
        if one.name and not one.name.startswith(("Node Control/", "Device Control/")) and one.name != "bdSeq"
    ]
    head = {"bdSeq": sessions[0] if sessions else None}
    fact = orjson.dumps({**head, "metrics": rows})
    if len(fact) <= _MAX_BIRTH:
        return fact.decode()
    said = [row for row in rows if says(str(row[0]))]
    unsaid = [[_UNSAID, 0, "", row[3]] for row in rows if row[3] is not None and not says(str(row[0]))]
    kept = orjson.Fragment(facts.written([*said, *unsaid]) or "[]")
    return orjson.dumps({**head, "metrics": kept}).decode()


def payload_of(data: bytes) -> Payload:
    """A payload from its bytes. Raises ValueError for what is none."""
    if data[:1] == b"{":  # as a Protobuf tag it would begin a group, which Sparkplug has not
        return _from_json(json_value(data))
    return _inflated(data, wire.Budget(_MAX_FIELDS), 0)


def _inflated(data: bytes, budget: wire.Budget, depth: int) -> Payload:
    payload, uuid, body = Payload(), b"", b""
    for number, kind, value in wire.fields(data, budget):
        if number == 1 and isinstance(value, int):
            payload.at = value
        elif number == 2 and isinstance(value, bytes):
            if len(payload.metrics) == _MAX_METRICS:
                payload.cut = True
                break
            payload.metrics.append(_metric(value, budget, 0))
        elif number == 4 and kind == wire.BYTES and isinstance(value, bytes):
            uuid = value
        elif number == 5 and isinstance(value, bytes):
            body = value
    if uuid != _COMPRESSED:
        return payload
    if depth:
        raise ValueError("compressed twice")
    try:
        inner = zlib.decompressobj(wbits=47).decompress(
            body, _MAX_INFLATED
        )  # 32 + 15: zlib's or gzip's header
    except zlib.error:
        try:
            inner = zlib.decompressobj(wbits=-15).decompress(body, _MAX_INFLATED)
        except zlib.error as broken:
            raise ValueError("the compressed body is broken") from broken
    inflated = _inflated(inner, budget, 1)
    if inflated.at is None:
        inflated.at = payload.at
    return inflated


def _metric(data: bytes, budget: wire.Budget, depth: int) -> Metric:
    metric = Metric()
    raw: tuple[int, int, wire.Value] | None = None
    for number, kind, value in wire.fields(data, budget):
        if number >= 10:
            raw = number, kind, value
        elif isinstance(value, int):
            if number == 2:
                metric.alias = value
            elif number == 3:
                metric.at = value
            elif number == 4:
                metric.datatype = value
            elif number == 5:
                metric.historical = bool(value)
            elif number == 7:
                metric.null = bool(value)
        elif number == 1 and kind == wire.BYTES:
            metric.name = value[:_MAX_NAME].decode("utf-8", "replace")
        elif number == 9 and kind == wire.BYTES:
            _properties(value, budget, metric)
    if raw is not None and not metric.null:
        _value(metric, *raw, budget, depth)
    return metric


def _value(
    metric: Metric, number: int, kind: int, value: wire.Value, budget: wire.Budget, depth: int
) -> None:
    """The value of one of the fields 10 to 19 of a metric."""
    if number in {10, 11} and isinstance(value, int):
        metric.value = value
    elif number == 14 and isinstance(value, int):
        metric.value = bool(value)
    elif number in {12, 13}:
        metric.value = wire.number(kind, value)
    elif number == 15 and isinstance(value, bytes):
        metric.value = value[:1000].decode("utf-8", "replace")
    elif number == 18 and isinstance(value, bytes) and depth < _MAX_DEPTH:
        metric.parts = _template(value, budget, depth + 1)
    else:
        metric.opaque = True  # bytes, a table, a file


def _template(data: bytes, budget: wire.Budget, depth: int) -> tuple[Metric, ...]:
    """The metrics of an instance of a template; none of a definition."""
    parts: list[Metric] = []
    for number, _, value in wire.fields(data, budget):
        if number == 2 and isinstance(value, bytes) and len(parts) < _MAX_METRICS:
            parts.append(_metric(value, budget, depth))
        elif number == 5 and value == 1:
            return ()
    return tuple(parts)


def _properties(data: bytes, budget: wire.Budget, metric: Metric) -> None:
    """The properties that bear on a value: its unit, and its quality (OPC's: 192 good, 0 bad, 500 stale)."""
    keys: list[str] = []
    values: list[Scalar] = []
    for number, _, value in wire.fields(data, budget):
        if not isinstance(value, bytes) or len(values) > 64:
            continue
        if number == 1:
            keys.append(value[:40].decode("utf-8", "replace").strip().lower())
        elif number == 2:
            values.append(_property(value, budget))
    for key, found in zip(keys, values, strict=False):
        _bears(key, found, metric)


def _bears(key: str, value: Scalar, metric: Metric) -> None:
    if key in _QUALITY and isinstance(value, int):
        metric.good = 64 <= value < 256
    elif key in _UNITS and isinstance(value, str):
        metric.unit = value[:20]


def _property(data: bytes, budget: wire.Budget) -> Scalar:
    for number, _, value in wire.fields(data, budget):
        if number in {3, 4} and isinstance(value, int):
            return value
        if number == 8 and isinstance(value, bytes):
            return value[:100].decode("utf-8", "replace")
    return None


def typed(metric: Metric, datatype: int) -> Scalar:
    """The value as its datatype means it: signed integers and truths travel as unsigned integers.

    A date is no measured value. A writer may have kept 8 bits of a negative Int8, or extended it to 32.
    """
    value = metric.value
    if type(value) is int:
        bits = _BITS.get(datatype)
        if bits is not None and value >= 0:
            value &= (1 << bits) - 1
            return value - (1 << bits) if value >> (bits - 1) else value
        if datatype == _BOOLEAN:
            return bool(value)
        if datatype == _DATETIME:
            return None
    return value


def _from_json(value: Json | Rejected) -> Payload:
    metrics = value.get("metrics") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(metrics, list):
        raise ValueError("no metrics")  # noqa: TRY004  what was sent is wrong, not the caller
    payload = Payload(_whole(value.get("timestamp")))
    payload.cut = len(metrics) > _MAX_METRICS
    for one in metrics[:_MAX_METRICS]:
        if isinstance(one, dict):
            payload.metrics.append(_json_metric(one))
    return payload


def _json_metric(one: dict[str, Json]) -> Metric:
    name, value, kind = one.get("name"), one.get("value"), one.get("dataType", one.get("type"))
    metric = Metric(
        name[:_MAX_NAME] if isinstance(name, str) else "",
        _whole(one.get("alias")),
        _whole(one.get("timestamp")),
        _NAMED.get(kind.lower(), 0) if isinstance(kind, str) else 0,
        one.get("isHistorical", one.get("is_historical")) is True,
        value is None or one.get("isNull", one.get("is_null")) is True,
    )
    if isinstance(value, (dict, list)):
        metric.opaque = True
    elif not metric.null:
        metric.value = value
    properties = one.get("properties")
    if isinstance(properties, dict):
        for key, held in properties.items():
            found = held.get("value") if isinstance(held, dict) else held
            if not isinstance(found, (dict, list)):
                _bears(key.strip().lower(), found, metric)
    return metric


def _whole(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
