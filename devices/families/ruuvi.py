"""Ruuvi's manufacturer data (company 0499): formats 3, 5, C5, 6 and E1 (docs.ruuvi.com).

Rule: what a format calls "not available" is no field. Fields are named as Theengs names them.
"""

import math
import struct
from collections.abc import Callable, Mapping
from typing import NamedTuple

from devices.words import Fields

COMPANY = b"\x99\x04"
ENCRYPTED = frozenset((8,))

_NO_I16, _NO_U16, _NO_U24, _NO_U8 = -0x8000, 0xFFFF, 0xFFFFFF, 0xFF
_NO_VOLTAGE = 0x7FF
_CLIMATE = struct.Struct(">xhHH")
_LUX_STEP = math.log(65536) / 254


def fields(data: bytes) -> Fields | None:
    """What a frame (without the company's number) holds; None when it is of no such format or cut short."""
    layout = _FORMATS.get(data[0]) if data else None
    if layout is None or len(data) < layout.size:
        return None
    found = layout.read(data)
    return (
        {name: value for name, value in found.items() if value is not None}
        if None in found.values()
        else found
    )


def _u16(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "big")


def _climate(data: bytes) -> Fields:
    """The six bytes that all newer formats begin with."""
    temperature, humidity, pressure = _CLIMATE.unpack_from(data)
    return {
        "tempc": None if temperature == _NO_I16 else temperature / 200,
        "hum": None if humidity == _NO_U16 else humidity / 400,
        "pres": None if pressure == _NO_U16 else (pressure + 50_000) / 100,
    }


def _volt(data: bytes, at: int) -> float | None:
    raw = _u16(data, at) >> 5
    return None if raw == _NO_VOLTAGE else (raw + 1600) / 1000


def _count(value: int, none: int) -> int | None:
    return None if value == none else value


def _dust(data: bytes, at: int) -> float | None:
    raw = _u16(data, at)
    return None if raw == _NO_U16 else raw / 10


def _rawv1(data: bytes) -> Fields:
    degrees = (data[2] & 0x7F) + data[3] / 100
    return {
        "hum": data[1] / 2,
        "tempc": round(-degrees if data[2] & 0x80 else degrees, 2),
        "pres": (_u16(data, 4) + 50_000) / 100,
        "volt": _u16(data, 12) / 1000 or None,  # 0 where there is none
    }


def _rawv2(data: bytes) -> Fields:
    return _climate(data) | {"volt": _volt(data, 13), "packet": _count(_u16(data, 16), _NO_U16)}


def _rawv2_short(data: bytes) -> Fields:
    return _climate(data) | {"volt": _volt(data, 7), "packet": _count(_u16(data, 10), _NO_U16)}


def _air(data: bytes) -> Fields:
    return _climate(data) | {
        "pm25": _dust(data, 7),
        "co2": _count(_u16(data, 9), _NO_U16),
        "lux": None if data[13] == _NO_U8 else round(math.exp(data[13] * _LUX_STEP) - 1, 2),
        "packet": data[15],
    }


def _air_extended(data: bytes) -> Fields:
    lux, number = int.from_bytes(data[19:22], "big"), int.from_bytes(data[25:28], "big")
    return _climate(data) | {
        "pm25": _dust(data, 9),
        "co2": _count(_u16(data, 15), _NO_U16),
        "lux": None if lux == _NO_U24 else lux / 100,
        # the low byte is what format 6 counts the same sample with
        "packet": None if number == _NO_U24 else number & 0xFF,
    }


class _Format(NamedTuple):
    size: int
    read: Callable[[bytes], Fields]


_FORMATS: Mapping[int, _Format] = {
    3: _Format(14, _rawv1),
    5: _Format(24, _rawv2),
    0xC5: _Format(18, _rawv2_short),
    6: _Format(20, _air),
    0xE1: _Format(40, _air_extended),
}
