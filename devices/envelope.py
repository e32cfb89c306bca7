"""Bytes to JSON values, once for all families. Rule: any bytes give a value or `Rejected`, quickly."""

import json

import orjson

from devices.reading import Reason, Rejected

MAX_DEPTH = 32
"""Deepest nesting that is accepted. The deepest real envelope seen (a LoRaWAN codec) has 9."""

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None


def text(payload: bytes) -> str | Rejected:
    """The payload as UTF-8 text."""
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return Rejected(Reason.NOT_UTF8)


def json_value(payload: bytes) -> Json | Rejected:
    """The payload as a JSON value (RFC 8259; NaN and Infinity are not JSON).

    Rejects an empty payload, bytes that are not UTF-8, malformed JSON, and nesting beyond MAX_DEPTH.
    """
    if not payload:
        return Rejected(Reason.EMPTY)
    if _deep(payload):
        return Rejected(Reason.TOO_DEEP, f"nested deeper than {MAX_DEPTH}")
    try:
        value: Json = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return _loads_leniently(payload)
    return value


def _loads_leniently(payload: bytes) -> Json | Rejected:
    """What orjson refused: NaN and Infinity are let through so that they cost one reading, not an SOS.

    `devices.normalise` turns such a number down (R-95). Everything else malformed stays rejected.
    """
    decoded = text(payload)
    if isinstance(decoded, Rejected):
        return decoded
    if "NaN" not in decoded and "Infinity" not in decoded:
        return Rejected(Reason.NOT_JSON)
    try:
        value: Json = json.loads(decoded)
    except (ValueError, RecursionError):
        return Rejected(Reason.NOT_JSON)
    return value


def _deep(payload: bytes) -> bool:
    """Whether brackets nest beyond MAX_DEPTH. Counted on bytes so that a bomb is never parsed."""
    if payload.count(b"[") + payload.count(b"{") <= MAX_DEPTH:
        return False
    depth, in_string, escaped = 0, False, False
    for byte in payload:
        if in_string:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                in_string = False
        elif byte == 0x22:
            in_string = True
        elif byte in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif byte in b"]}":
            depth -= 1
    return False
