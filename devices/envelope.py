"""Bytes to JSON values and their parts, once for all families.

Rule: any bytes give a value or `Rejected`, quickly; what is not of the wanted type is empty, never an error.
Where it can be told whose message it is, that `device` is the one of the `Rejected`.
"""

import json
import re
from itertools import accumulate

import orjson

from devices.reading import Reason, Rejected

MAX_DEPTH = 32
"""Deepest nesting that is accepted. The deepest real envelope seen (a LoRaWAN codec) has 9."""

_MAX_ID = 100

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None


_NESTING = b"{["
_START = re.compile(rb'\s*+(?:[{\["\-0-9]|true|false|null|NaN|Infinity)')
"""How JSON begins, as it is read leniently; a plain word as `on` or `Offline` does not."""


def text(payload: bytes, device: str = "") -> str | Rejected:
    """The payload as UTF-8 text."""
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return Rejected(Reason.NOT_UTF8, "", device)


def json_value(payload: bytes, device: str = "") -> Json | Rejected:
    """The payload as a JSON value.

    Rejects an empty payload, malformed JSON, and nesting beyond MAX_DEPTH.
    """
    if not payload:
        return Rejected(Reason.EMPTY, "", device)
    if payload[0] not in _NESTING and not _START.match(payload):
        return _no_json(payload, device)
    if _deep(payload):
        return Rejected(Reason.TOO_DEEP, f"nested deeper than {MAX_DEPTH}", device)
    try:
        value: Json = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return _loads_leniently(payload, device)
    return value


def json_object(payload: bytes, device: str = "") -> dict[str, Json] | Rejected:
    """The payload as a JSON object: what most families send. Rejects what `json_value` does, and all else."""
    value = json_value(payload, device)
    if isinstance(value, (dict, Rejected)):
        return value
    return Rejected(Reason.WRONG_SHAPE, "expected a JSON object", device)


def text_of(value: Json) -> str:
    """A text, "" for anything else."""
    return value if isinstance(value, str) else ""


def object_of(value: Json) -> dict[str, Json]:
    """An object, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def list_of(value: Json) -> list[Json]:
    """A list, an empty one for anything else."""
    return value if isinstance(value, list) else []


def id_of(value: Json) -> str:
    """An id as a text, also one that is written as a whole number; "" for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**64:
        return str(value)
    return text_of(value)[:_MAX_ID]


def _loads_leniently(payload: bytes, device: str) -> Json | Rejected:
    """What orjson refused: a mistake inside one value is let through, so that it costs that, not an SOS.

    Such are NaN and Infinity, numbers beyond a double, half an emoji (a lone surrogate), a note that is not
    UTF-8 or holds a bare line break. `devices.normalise` turns such a number down (R-95); such a text has
    U+FFFD. Everything else malformed stays rejected.
    """
    try:
        value: Json = _LENIENT.decode(payload.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return _no_json(payload, device)
    return _printable(value) if _HALF_ESCAPED.search(payload) else value


def _no_json(payload: bytes, device: str) -> Rejected:
    decoded = text(payload, device)
    return decoded if isinstance(decoded, Rejected) else Rejected(Reason.NOT_JSON, "", device)


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < 300 else float(digits)  # any int is then a double too


_LENIENT = json.JSONDecoder(parse_int=_integer, strict=False)


def _printable(value: Json) -> Json:
    """The value with texts that UTF-8 can hold. Depth is bounded by then."""
    if isinstance(value, str):
        return value if value.isascii() else _HALF.sub("\ufffd", value)
    if isinstance(value, list):
        return [_printable(item) for item in value]
    if isinstance(value, dict):
        return {str(_printable(name)): _printable(item) for name, item in value.items()}
    return value


_HALF_ESCAPED = re.compile(rb"\\u[dD][89a-fA-F]")
_HALF = re.compile("[\ud800-\udfff]")  # whole emoji were put together by the parser


def _deep(payload: bytes) -> bool:
    """Whether brackets nest beyond MAX_DEPTH. Counted on bytes so that a bomb is never parsed."""
    if payload.count(b"[") + payload.count(b"{") <= MAX_DEPTH:
        return False
    bare = _STRING.sub(b"", payload) if b"\\" in payload else b"".join(payload.split(b'"')[::2])
    steps = bare.translate(_STEP, _NO_BRACKET)
    for _ in range(2):  # siblings lie no deeper than the first of them
        steps = steps.replace(_DOWN_UP, b"")
    return max(accumulate(memoryview(steps).cast("b")), default=0) > MAX_DEPTH


_STRING = re.compile(
    rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL
)  # possessive: each byte is read once
_NO_BRACKET = bytes(set(range(256)) - set(b"[]{}"))
_STEP = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # as signed bytes, one deeper and one back
_DOWN_UP = b"\xff\x01"
