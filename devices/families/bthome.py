"""BTHome: what open-source and Shelly BLU sensors advertise (bthome.io, "Format"), versions 1 and 2.

Rule: an object whose length is unknown ends the reading, since where the next begins cannot be known. Fields
are named as Theengs names them, so that a frame says the same whoever decodes it.
"""

from collections.abc import Mapping
from typing import NamedTuple

from devices.words import Fields, Scalar

ENCRYPTED = 0x01
_HAS_MAC = 0x02
_MAC_BYTES = 6
_VERSION_2 = 2


class _Object(NamedTuple):
    """How an object is written: its bytes, and what makes its number one in the unit of the name."""

    name: str
    size: int = 1
    factor: float = 1
    signed: bool = False
    state: bool = False


def _state(name: str) -> _Object:
    return _Object(name, state=True)


_OBJECTS: Mapping[int, _Object] = {
    0x00: _Object("packet"),
    0x01: _Object("batt"),
    0x02: _Object("tempc", 2, 0.01, signed=True),
    0x03: _Object("hum", 2, 0.01),
    0x04: _Object("pres", 3, 0.01),
    0x05: _Object("lux", 3, 0.01),
    0x06: _Object("mass_kg", 2, 0.01),  # of anything
    0x07: _Object("mass_lb", 2, 0.01),
    0x08: _Object("dew_point", 2, 0.01, signed=True),
    0x09: _Object("count"),
    0x0A: _Object("energy", 3, 0.001),
    0x0B: _Object("watt", 3, 0.01),
    0x0C: _Object("volt", 2, 0.001),
    0x0D: _Object("pm25", 2),
    0x0E: _Object("pm10", 2),
    0x0F: _state("generic"),
    0x10: _state("power"),
    0x11: _state("open"),
    0x12: _Object("co2", 2),
    0x13: _Object("tvoc", 2),
    0x14: _Object("moi", 2, 0.01),
    0x15: _state("lowbatt"),
    0x16: _state("charging"),
    0x17: _state("carbon_monoxide"),
    0x18: _state("cold"),
    0x19: _state("connected"),
    0x1A: _state("open"),  # a door
    0x1B: _state("open"),  # a garage door
    0x1C: _state("gas"),
    0x1D: _state("heat"),
    0x1E: _state("light"),
    0x1F: _state("unlocked"),
    0x20: _state("wet"),
    0x21: _state("motion"),
    0x22: _state("moving"),
    0x23: _state("occupied"),
    0x24: _state("plugged_in"),
    0x25: _state("home"),
    0x26: _state("problem"),
    0x27: _state("running"),
    0x28: _state("safety"),
    0x29: _state("smoke"),
    0x2A: _state("sound"),
    0x2B: _state("tamper"),
    0x2C: _state("vibration"),
    0x2D: _state("open"),  # a window
    0x2E: _Object("hum"),
    0x2F: _Object("moi"),
    0x3A: _Object("button"),
    0x3C: _Object("dimmer", 2),
    0x3D: _Object("count", 2),
    0x3E: _Object("count", 4),
    0x3F: _Object("rot", 2, 0.1, signed=True),
    0x40: _Object("length_mm", 2),
    0x41: _Object("length_m", 2, 0.1),
    0x42: _Object("duration", 3, 0.001),
    0x43: _Object("current", 2, 0.001),
    0x44: _Object("speed", 2, 0.01),
    0x45: _Object("tempc", 2, 0.1, signed=True),
    0x46: _Object("uv", 1, 0.1),
    0x47: _Object("volume", 2, 0.1),
    0x48: _Object("volume_ml", 2),
    0x49: _Object("flow", 2, 0.001),
    0x4A: _Object("volt", 2, 0.1),
    0x4B: _Object("gas_m3", 3, 0.001),
    0x4C: _Object("gas_m3", 4, 0.001),
    0x4D: _Object("energy", 4, 0.001),
    0x4E: _Object("volume", 4, 0.001),
    0x4F: _Object("water", 4, 0.001),
    0x50: _Object("timestamp", 4),
    0x51: _Object("acceleration", 2, 0.001),
    0x52: _Object("gyroscope", 2, 0.001),
    0x55: _Object("volume_stored", 4, 0.001),
    0x56: _Object("fer", 2),
    0x57: _Object("tempc", 1, 1, signed=True),
    0x58: _Object("tempc", 1, 0.35, signed=True),
    0x59: _Object("count", 1, signed=True),
    0x5A: _Object("count", 2, signed=True),
    0x5B: _Object("count", 4, signed=True),
    0x5C: _Object("watt", 4, 0.01, signed=True),
    0x5D: _Object("current", 2, 0.001, signed=True),
    0x5E: _Object("direction", 2, 0.01),
    0x5F: _Object("rain", 2, 0.1),
    0x60: _Object("channel"),
    0x61: _Object("rpm", 2),
    0x62: _Object("speed", 4, 0.000001, signed=True),
    0x63: _Object("acceleration", 4, 0.000001, signed=True),
    0x64: _Object("light_level"),
    0xF0: _Object("device_type", 2),
    0xF1: _Object("firmware", 4),
    0xF2: _Object("firmware", 3),
}
_TEXTS = frozenset((0x53, 0x54))  # text and raw bytes: a length comes first
_BUTTON = 0x3A
_PRESSES: Mapping[int, Scalar] = {
    # as Theengs numbers presses: 9 is long, 11 is held
    4: 9,
    5: "long_double",
    6: "long_triple",
    0x80: 11,
    0xFE: 11,
}


def fields(data: bytes) -> Fields | None:
    """What a frame of service data FCD2 (version 2) holds; None when it is encrypted or no such frame."""
    if not data or data[0] >> 5 != _VERSION_2 or data[0] & ENCRYPTED:
        return None
    return _read(data, 1 + _MAC_BYTES if data[0] & _HAS_MAC else 1)


def fields_1(data: bytes) -> Fields | None:
    """The same of service data 181C (version 1, unencrypted): each object with its length and type."""
    found: Fields = {}
    at = 0
    while at + 2 <= len(data):
        size = data[at] & 0x1F
        kind, value = data[at + 1], data[at + 2 : at + 1 + size]
        layout = _OBJECTS.get(kind)
        if layout is None or not value or len(value) != size - 1:
            break
        _put(found, layout.name, _value(layout, kind, value, signed=data[at] >> 5 == 1))
        at += 1 + size
    return found or None


def _read(data: bytes, at: int) -> Fields | None:
    found: Fields = {}
    while at < len(data):
        kind = data[at]
        if kind in _TEXTS:
            at += 2 + data[at + 1] if at + 1 < len(data) else 2
            continue
        layout = _OBJECTS.get(kind)
        if layout is None or at + 1 + layout.size > len(data):
            _put(found, "unknown_object", kind)
            break
        value = data[at + 1 : at + 1 + layout.size]
        _put(found, layout.name, _value(layout, kind, value, signed=layout.signed))
        at += 1 + layout.size
    if "button_2" in found:  # several buttons: each has its number, like those of Theengs
        found["button1"] = found.pop("button")
        for number in range(2, 10):
            if f"button_{number}" in found:
                found[f"button{number}"] = found.pop(f"button_{number}")
    return found or None


def _value(layout: _Object, kind: int, value: bytes, *, signed: bool) -> Scalar:
    number = int.from_bytes(value, "little", signed=signed)
    if kind == _BUTTON:
        return _PRESSES.get(number, number)
    if layout.state:
        return bool(number) if number in {0, 1} else number
    return number if layout.factor == 1 else round(number * layout.factor, 6)


def _put(found: Fields, name: str, value: Scalar) -> None:
    """A second object of a kind is another channel."""
    if name not in found:
        found[name] = value
        return
    number = 2
    while f"{name}_{number}" in found:
        number += 1
    found[f"{name}_{number}"] = value
