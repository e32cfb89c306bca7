"""Payloads changed as no device would, but so that they still look like one: by their structure.

Rule: all chance comes from the `Random` that is given.
"""

import json
from collections.abc import Callable
from random import Random
from typing import Any

from devices.families.wire import BYTES, FIXED32, FIXED64, VARINT, Budget, fields
from tests.fuzz.target import samples

_EDGES: tuple[object, ...] = (
    *(None, True, False, 0, 1, -1, 2, 255, 65535, 2**31, 2**63, -(2**63), 2**64, 10**40, 0.5, -0.0, 1e308),
    *(
        "",
        " ",
        "0",
        "1",
        "-1",
        "255",
        "NaN",
        "1e999",
        "on",
        "off",
        "TRUE",
        "null",
        "unknown",
        "\x00",
        "\ufffd",
    ),
    *(
        "sos",
        "fall",
        "alarm",
        "test",
        "cancel",
        "clear",
        "open",
        "single",
        "emergency",
        "2026-09-21T13:53:00Z",
    ),
    *({}, [], [[]], [None], {"": None}, {"value": 1}, "9" * 400, "a" * 300, "跌倒", "0001-01-01T00:00:00Z"),
)
_BYTES = (
    b"",
    b"\0",
    b"\xff",
    b"\x80",
    b'"',
    b"{",
    b"]",
    b"sos",
    b"fall",
    b"1e999",
    b"NaN",
    b"\\u0073",
    b"\xed\xa0\x80",
)


def mutated(kind: str, payload: bytes, chance: Random) -> bytes:
    """The payload, or another of its kind, changed in one to four places."""
    if chance.random() < 0.1:
        payload = chance.choice(samples(kind))[1]
    for _ in range(chance.randint(1, 4)):
        payload = _MUTATE[kind](payload, chance) if chance.random() < 0.8 else _broken(payload, chance)
    return payload


def _json(payload: bytes, chance: Random) -> bytes:
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError):
        return _broken(payload, chance)
    return json.dumps(_changed(value, chance), ensure_ascii=chance.random() < 0.5).encode(
        "utf-8", "surrogatepass"
    )


def _changed(value: Any, chance: Random) -> Any:  # noqa: ANN401  (JSON)
    """One part of a value changed: the way down is chosen step by step, most change happens at its end."""
    if isinstance(value, dict) and value and chance.random() < 0.75:
        name = chance.choice(list(value))
        return {key: _changed(held, chance) if key == name else held for key, held in value.items()}
    if isinstance(value, list) and value and chance.random() < 0.75:
        position = chance.randrange(len(value))
        return [_changed(held, chance) if at == position else held for at, held in enumerate(value)]
    match chance.randrange(8):
        case 0 if isinstance(value, dict) and value:
            return {key: held for key, held in value.items() if key != chance.choice(list(value))}
        case 1 if isinstance(value, dict):
            return {**value, **_donor(chance)}
        case 2 if isinstance(value, dict) and value:
            names = list(_donor(chance)) or [""]
            return {chance.choice([key, chance.choice(names)]): held for key, held in value.items()}
        case 0 | 1 if isinstance(value, list):
            return value * chance.choice([0, 2, 3, 70])
        case 2 if isinstance(value, list):
            return [*value, chance.choice(_EDGES)]
        case 3:
            return chance.choice([[value], {"value": value}, json.dumps(value), str(value)])
        case 4 if isinstance(value, str):
            return chance.choice(
                [value.upper(), value + value, f" {value}", value[: len(value) // 2], value[::-1]]
            )
        case 4 | 5 if isinstance(value, (int, float)) and not isinstance(value, bool):
            return chance.choice([-value, value + 1, value * 1000, float(value), str(value), f"{value} %"])
        case 6:
            donor = _donor(chance)
            return donor[chance.choice(list(donor))] if donor else None
        case _:
            return chance.choice(_EDGES)


def _donor(chance: Random) -> dict[str, Any]:
    """Some object out of some sample."""
    value: Any = json.loads(chance.choice(samples("json"))[1])
    found: dict[str, Any] = {}
    while isinstance(value, (dict, list)) and value:
        if isinstance(value, dict):
            found = value
        value = chance.choice(list(value.values()) if isinstance(value, dict) else value)
        if chance.random() < 0.3:
            break
    return found


def _protobuf(payload: bytes, chance: Random) -> bytes:
    """One field dropped, doubled, moved, renumbered, or changed inside."""
    try:
        parts = list(fields(payload, Budget(1000)))
    except ValueError:
        return _broken(payload, chance)
    if not parts:
        return _broken(payload, chance)
    position = chance.randrange(len(parts))
    number, kind, value = parts[position]
    match chance.randrange(6):
        case 0:
            parts[position : position + 1] = []
        case 1:
            parts[position:position] = [parts[position]] * chance.choice([1, 2, 100])
        case 2:
            parts[position] = (chance.randrange(1, 20), kind, value)
        case 3:
            chance.shuffle(parts)
        case _ if isinstance(value, bytes) and kind == BYTES:
            inside = _protobuf if chance.random() < 0.7 else _broken
            parts[position] = (number, kind, inside(value, chance))
        case _ if isinstance(value, int):
            parts[position] = (number, kind, chance.choice([0, 1, 2, 10, 11, 255, 2**31, 2**63, 2**64 - 1]))
        case _:
            other = chance.choice([VARINT, FIXED64, BYTES, FIXED32])
            held = {VARINT: 1, FIXED64: b"\xff" * 8, BYTES: b"sos", FIXED32: b"\xff" * 4}
            parts[position] = (number, other, held[other])
    return b"".join(_written(*part) for part in parts)


def _written(number: int, kind: int, value: int | bytes) -> bytes:
    head = varint(number << 3 | kind)
    if isinstance(value, int):
        return head + varint(value)
    return head + (varint(len(value)) if kind == BYTES else b"") + value


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


def _text(payload: bytes, chance: Random) -> bytes:
    """One word replaced, by another or by something else altogether, or its case changed."""
    words = payload.split(b" ")
    position = chance.randrange(len(words))
    other = chance.choice(samples("text"))[1].split(b" ")
    edge = str(chance.choice(_EDGES)).encode("utf-8", "surrogatepass")
    words[position] = chance.choice(
        [edge, words[position].upper(), words[position] * 2, chance.choice(other), b""]
    )
    return b" ".join(words)


def _broken(payload: bytes, chance: Random) -> bytes:
    """The bytes with a piece cut out, doubled or replaced."""
    start = chance.randint(0, len(payload))
    end = min(len(payload), start + chance.choice([1, 1, 2, 8, 64]))
    new = chance.choice([b"", payload[start:end] * 2, chance.choice(_BYTES), chance.randbytes(end - start)])
    return payload[:start] + new + payload[end:]


_MUTATE: dict[str, Callable[[bytes, Random], bytes]] = {"json": _json, "protobuf": _protobuf, "text": _text}
