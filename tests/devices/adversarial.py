"""The worst a payload can be: real messages blown up to the longest that is decoded, each in another way.

Rule: structure-aware and repeatable. What is blown up is a seed, so that a family's decoder goes all its way.
"""

import json
import struct
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from devices.families.wire import BYTES, VARINT, Budget, fields
from devices.message import MAX_PAYLOAD_BYTES
from tests.devices.seeds import SEEDS, Seed, as_bytes
from tests.fuzz.mutation import varint

Path = tuple[str | int, ...]


class Attack(NamedTuple):
    """One payload on a seed's topic; `name` says what is done to which part."""

    name: str
    seed: Seed
    payload: bytes


def attacks(family: str, size: int = MAX_PAYLOAD_BYTES, most: int = 10_000) -> Iterator[Attack]:
    """Every attack made of a family's seeds, each `size` bytes at most; `most` of them, spread over all."""
    every = [
        (seed, name, build)
        for seed in SEEDS
        if seed.family == family
        for name, build in (_of_bytes(seed) if isinstance(seed.payload, bytes) else _of_json(seed.payload))
    ]
    for seed, name, build in every[:: max(1, -(-len(every) // most))]:
        payload = build(size)
        if payload is not None and len(payload) <= size:
            yield Attack(name, seed, payload)


Build = Callable[[int], bytes | None]


def _of_json(payload: Any) -> Iterator[tuple[str, Build]]:  # noqa: ANN401  (JSON)
    """Each list and object filled with its like, each scalar made long, all of it wrong in one place too."""
    for path, part in _parts(payload):
        where = ".".join(map(str, path)) or "all of it"
        for name, filler in _fillers(part):
            yield f"{name} in {where}", _filled(payload, path, filler)
    for name, raw in _RAW.items():
        yield name, lambda size, raw=raw: (raw * (size // len(raw) + 1))[:size]  # type: ignore[misc]


def _filled(payload: Any, path: Path, filler: Callable[[int], str]) -> Build:  # noqa: ANN401  (JSON)
    def build(size: int) -> bytes:
        frame = json.dumps(_with(payload, path, _HERE), ensure_ascii=False)
        before, _, after = frame.partition(f'"{_HERE}"')
        room = size - len(before.encode()) - len(after.encode())
        return (before + filler(room) + after).encode()

    return build


_HERE = "<here>"


def _parts(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:  # noqa: ANN401  (JSON)
    yield path, value
    if isinstance(value, dict):
        for key, held in value.items():
            yield from _parts(held, (*path, key))
    elif isinstance(value, list):
        for index, held in enumerate(value[:2]):
            yield from _parts(held, (*path, index))


def _with(value: Any, path: Path, new: object) -> Any:  # noqa: ANN401  (JSON)
    if not path:
        return new
    key, rest = path[0], path[1:]
    if isinstance(value, dict):
        return {name: _with(held, rest, new) if name == key else held for name, held in value.items()}
    return [_with(held, rest, new) if index == key else held for index, held in enumerate(value)]


def _fillers(part: Any) -> Iterator[tuple[str, Callable[[int], str]]]:  # noqa: ANN401  (JSON)
    """What may stand in the place of a part, of at most so many bytes."""
    if isinstance(part, list):
        for item in part[:1] or [0]:
            yield "its items again and again", _list_of(json.dumps(item, ensure_ascii=True))
        yield "empty objects", _list_of("{}")
        yield "small numbers", _list_of("1")
    elif isinstance(part, dict):
        yield "a list of it", _list_of(json.dumps(part, ensure_ascii=True))
        yield "its names, numbered", _object_of(list(part.items()) or [("a", 1)])
        yield "its first name again and again", _same_name(part)
        yield "many short names", _object_of([("", 1)])
        yield "its names deep inside", _deep(next(iter(part), "a"))
        yield "no number, and its names", _lenient(list(part.items()) or [("a", 1)])
    elif isinstance(part, str):
        for name, unit in _UNITS.items():
            yield f"a text of {name}", lambda size, unit=unit: f'"{unit * ((size - 2) // len(unit))}"'  # type: ignore[misc]
        if part:
            own = json.dumps(part)[1:-1]
            yield "a text of itself", lambda size: f'"{own * ((size - 2) // len(own))}"'
        yield "a list of itself", _list_of(json.dumps(part))
    else:
        yield "a long number", lambda size: "9" * size
        yield "a long fraction", lambda size: "0." + "3" * (size - 2)
        yield "a text of digits", lambda size: f'"{"7" * (size - 2)}"'
        yield "a list of itself", _list_of(json.dumps(part))


_UNITS = {
    "digits": "9",
    "letters": "a",
    "blanks": " ",
    "escapes": "\\u0041",
    "half emoji": "\\ud83d",
    "quotes": '\\"',
    "base64": "AAEC",
    "zeros": "00",
    "a call for help": "sos ",
    "commas": "1,",
    "dots": "a.",
    "lines": "a: 1\\n",
    "underlines": "a_",
}
_RAW = {
    "brackets": b"[]",
    "a bomb": b'{"a":[',
    "quotation marks": b'"',
    "backslashes": b'["\\\\',
    "digits": b"1",
    "no UTF-8": b"\xff\xfe",
    "nulls": b"\0",
    "blanks": b" ",
    "calls": b"sos fall help ",
}


def _list_of(item: str) -> Callable[[int], str]:
    return lambda size: f"[{','.join([item] * max(1, (size - 1) // (len(item.encode()) + 1)))}]"


def _object_of(items: list[tuple[str, object]]) -> Callable[[int], str]:
    def build(size: int) -> str:
        pieces, room, number = [], size - 2, 0
        written = [(json.dumps(name)[1:-1], json.dumps(value)) for name, value in items]
        while True:
            name, value = written[number % len(written)]
            piece = f'"{name}{number or ""}":{value}'
            room -= len(piece) + 1
            if room < 0:
                return f"{{{','.join(pieces)}}}"
            pieces.append(piece)
            number += 1

    return build


def _lenient(items: list[tuple[str, object]]) -> Callable[[int], str]:
    """Through the slower parser, which forgives a NaN."""
    inner = _object_of(items)
    return lambda size: '{"":NaN,"\xb5":' + inner(size - 20) + "}"


def _same_name(part: dict[str, Any]) -> Callable[[int], str]:
    name, value = next(iter(part.items()), ("a", 1))
    piece = f"{json.dumps(name)}:{json.dumps(value)}"
    return lambda size: f"{{{','.join([piece] * ((size - 2) // (len(piece) + 1)))}}}"


def _deep(name: str) -> Callable[[int], str]:
    """As deep as is accepted, with as long names as fit, then again beside it."""

    def build(size: int) -> str:
        depth, inside = 24, "1"
        long = (json.dumps(name)[1:-1] + "x" * 200)[:200]
        for _ in range(depth):
            inside = f'{{"{long}":{inside}}}'
        return f"[{','.join([inside] * max(1, (size - 1) // (len(inside) + 1)))}]"

    return build


def _of_bytes(seed: Seed) -> Iterator[tuple[str, Build]]:
    raw = as_bytes(seed.payload)
    for name, unit in {**_RAW, "itself": raw or b"0", "itself, one a line": raw + b"\n"}.items():
        yield name, lambda size, unit=unit: (unit * (size // len(unit) + 1))[:size]  # type: ignore[misc]
        yield f"{name}, after itself", lambda size, unit=unit: (raw + unit * (size // len(unit)))[:size]  # type: ignore[misc]
    for number, kind, value in _message(raw):
        if kind == BYTES and isinstance(value, bytes):
            yield f"field {number} again and again", _repeated(raw, _field(number, value))
            yield (
                f"field {number} of letters",
                lambda size, n=number: raw + _field(n, b"a" * (size - len(raw) - 8)),
            )  # type: ignore[misc]
            yield f"field {number} in itself", lambda size, n=number: raw + _nested(n, size - len(raw))  # type: ignore[misc]
            for inner, inner_kind, held in _message(value):
                again = (
                    _field(inner, held)
                    if isinstance(held, bytes) and inner_kind == BYTES
                    else _tag(inner, 0) + b"\1"
                )
                yield (
                    f"field {number}.{inner} again and again",
                    lambda size, n=number, again=again: (
                        raw  # type: ignore[misc]
                        + _field(n, again * ((size - len(raw) - 8) // len(again)))
                    ),
                )
    for name, unit in {
        "small varints": _tag(1, VARINT) + b"\1",
        "large varints": _tag(1, VARINT) + b"\xff" * 9 + b"\1",
        "varints without end": b"\x80",
        "unknown fields": _tag(900, VARINT) + b"\1",
        "empty messages": _field(2, b""),
        "doubles": _tag(3, 1) + struct.pack("<d", 1e308),
        "groups": b"\x0b",
    }.items():
        yield name, _repeated(b"", unit)
        yield f"{name}, after itself", _repeated(raw, unit)


def _message(raw: bytes) -> list[tuple[int, int, int | bytes]]:
    try:
        return list(fields(raw, Budget(1000)))
    except ValueError:
        return []


def _repeated(before: bytes, unit: bytes) -> Build:
    return lambda size: before + unit * max(0, (size - len(before)) // len(unit))


def _tag(number: int, kind: int) -> bytes:
    return varint(number << 3 | kind)


def _field(number: int, value: bytes) -> bytes:
    return _tag(number, BYTES) + varint(len(value)) + value


def _nested(number: int, size: int) -> bytes:
    """A message in itself, a thousand deep, with room for a long one inside."""
    inside = b"\x08\x01" * max(1, (size - 8_000) // 2)
    for _ in range(1000):
        inside = _field(number, inside)
    return inside[-size:] if len(inside) > size else inside
