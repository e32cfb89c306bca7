"""MiBeacon: what Xiaomi's Bluetooth devices advertise as service data FE95 ("MiBeacon protocol").

Rule: only unencrypted objects are read, and only those whose meaning is the same on any device. Fields are
named as Theengs names them.
"""

import math
from collections.abc import Callable, Mapping
from struct import Struct

from devices.words import Fields

_ENCRYPTED, _HAS_MAC, _HAS_CAPABILITY, _HAS_OBJECT = 0x08, 0x10, 0x20, 0x40
_HAS_IO = 0x20  # in the capability byte: two more bytes follow
_HEAD = Struct("<HHB").unpack_from
_OBJECT = Struct("<HB").unpack_from
_I16, _U16, _U32 = Struct("<h").unpack, Struct("<H").unpack, Struct("<I").unpack
_TH = Struct("<hH").unpack
_FLOAT = Struct("<f").unpack
_THERMOMETER = Struct("<hhB").unpack
_SILENT_AFTER_S = 30
"""A motion sensor's count of seconds without motion: up to this it still counts as motion."""

_OPEN = {0: True, 1: False, 2: True}  # 2: left open
_DOOR = {0: True, 1: False, 2: True, 3: False, 4: True, 5: False}  # 3: knocked, 4: pried open, 5: stuck
_PRESS = {0: 1, 1: 2, 2: 9, 3: 3}  # as Theengs numbers presses


def encrypted(data: bytes) -> bool:
    """Whether a frame holds an object that nobody without the device's key can read."""
    control = int.from_bytes(data[:2], "little")
    return bool(control & _ENCRYPTED and control & _HAS_OBJECT)


def fields(data: bytes) -> Fields | None:
    """What an unencrypted frame holds; None when it is none, or says only that it is there."""
    if len(data) < 5 or encrypted(data):
        return None
    control, _, counter = _HEAD(data)
    if not control & _HAS_OBJECT:
        return None
    at = 5 + (6 if control & _HAS_MAC else 0)
    if control & _HAS_CAPABILITY:
        at += 3 if at < len(data) and data[at] & _HAS_IO else 1
    found: Fields = {"packet": counter}
    while at + 3 <= len(data):
        kind, size = _OBJECT(data, at)
        value = data[at + 3 : at + 3 + size]
        if len(value) != size:
            break
        read = _OBJECTS.get((kind, size))
        found |= read(value) if read else {f"object_{kind:04x}": True}
        at += 3 + size
    return found


def _seconds_still(seconds: int) -> Fields:
    return {"motion": seconds <= _SILENT_AFTER_S}


def _patch(value: bytes) -> Fields:
    """The thermometer patch MMC-T201: two raw temperatures make that of the body (xiaomi-ble, obj2000)."""
    first, second, battery = _THERMOMETER(value)
    body = (
        3.71934e-11 * math.exp(0.69314 * first / 100) - 1.02801e-8 * math.exp(0.53871 * second / 100) + 36.413
    )
    return {"body_temperature": round(body, 2), "batt": battery}


def _press(value: bytes) -> Fields:
    code = _PRESS.get(value[2])
    name = "button" if value[0] == 0 else f"button{value[0] + 1}"
    return {name: value[2] if code is None else code}


_OBJECTS: Mapping[tuple[int, int], Callable[[bytes], Fields]] = {
    (0x0003, 1): lambda _: {"motion": True},
    (0x0007, 1): lambda v: {"open": _DOOR.get(v[0])},
    (0x0007, 5): lambda v: {"open": _DOOR.get(v[0])},  # with a time
    (0x000A, 2): lambda v: {"body_temperature": _I16(v)[0] / 100},
    (0x000F, 3): lambda v: {"motion": True, "light_seen": int.from_bytes(v, "little")},
    (0x1001, 3): _press,
    (0x1004, 2): lambda v: {"tempc": _I16(v)[0] / 10},
    (0x1006, 2): lambda v: {"hum": _U16(v)[0] / 10},
    (0x1007, 3): lambda v: {"lux": int.from_bytes(v, "little")},
    (0x1008, 1): lambda v: {"moi": v[0]},
    (0x1009, 2): lambda v: {"fer": _U16(v)[0]},
    (0x100A, 1): lambda v: {"batt": v[0]},
    (0x100D, 4): lambda v: {"tempc": _TH(v)[0] / 10, "hum": _TH(v)[1] / 10},
    (0x1010, 2): lambda v: {"for": _U16(v)[0] / 100},
    (0x1014, 1): lambda v: {"wet": v[0] > 0},
    (0x1015, 1): lambda v: {"smoke": v[0] > 0},
    (0x1017, 4): lambda v: _seconds_still(_U32(v)[0]),
    (0x1019, 1): lambda v: {"open": _OPEN.get(v[0])},
    (0x101B, 4): lambda _: {"motion": False},
    (0x2000, 5): _patch,
    (0x4801, 4): lambda v: {"tempc": round(_FLOAT(v)[0], 2)},
    (0x4802, 1): lambda v: {"hum": v[0]},
    (0x4803, 1): lambda v: {"batt": v[0]},
    (0x4804, 1): lambda v: {"open": {1: True, 2: False}.get(v[0])},
    (0x4805, 4): lambda v: {"lux": round(_FLOAT(v)[0], 2)},
    (0x4806, 1): lambda v: {"wet": v[0] > 0},
    (0x4808, 4): lambda v: {"hum": round(_FLOAT(v)[0], 2)},
    (0x480C, 1): lambda v: {"open": {0: True, 1: False}.get(v[0])},
    (0x4818, 2): lambda v: _seconds_still(_U16(v)[0]),
    (0x4C01, 4): lambda v: {"tempc": round(_FLOAT(v)[0], 2)},
    (0x4C02, 1): lambda v: {"hum": v[0]},
    (0x4C03, 1): lambda v: {"batt": v[0]},
    (0x4C08, 4): lambda v: {"hum": round(_FLOAT(v)[0], 2)},
}
