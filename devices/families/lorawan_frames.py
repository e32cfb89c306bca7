"""Frames that no codec decoded, of the few devices whose bytes are plain enough to read here.

Rule: a frame is read only when the device's model is known and all of it is as its maker describes; anything
else is nobody's to guess and stays undecoded. What is read is said in the words of that model's codec.
"""

from base64 import b64decode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from devices.envelope import Json

CALLS = (
    b"t1000",
    b"lw004-",
    b"lw006",
    b"binarysensor",
    b"man_down",
    b"idle_info",
    b"safety_status",
    b"detection_status",
)
"""What is in calls for help (`devices.families`): the models whose frames may be one, and codecs' words."""
_MAX_FRAME = 242
"""The longest application payload of LoRaWAN (regional parameters, EU868 DR4 and above)."""


def as_codec(models: Iterable[str], port: Json, encoded: Json) -> dict[str, Json] | None:
    """What a codec would have said of a frame (base64), None when it cannot be told."""
    if not isinstance(encoded, str) or len(encoded) > 2 * _MAX_FRAME:
        return None
    for model in models:
        named = model.lower()
        for mark, read in _READERS.items():
            if mark in named:
                try:
                    frame = b64decode(encoded, validate=True)
                except ValueError:
                    return None
                return read(frame, port)
    return None


def _lw004(frame: bytes, port: Json) -> dict[str, Json] | None:  # noqa: ARG001  (all on one port)
    """MOKO LW004-CT (its manual, section 4): the kind, the battery in per cent, then what was configured.

    The time inside has no zone and is left; the network's is of the same second.
    """
    if len(frame) < 2 or frame[1] > 100:
        return None
    if frame[0] == 0x05:
        return {"event_type": "sos start", "battery": frame[1]}
    if frame[0] == 0x02 and len(frame) >= 9:
        return {"battery": frame[1]}
    return None  # contact tracing: battery and time are optional in it, so no byte is sure


@dataclass(frozen=True, slots=True)
class _Event:
    """How a tracker of MOKO says what happens: on which port, where the time and its zone are, which events.

    Its other frames need no reading here: they say where somebody is, and an event came before.
    """

    port: int
    time: int
    zone: int
    words: tuple[str, ...]


_LW004_PB = _Event(
    1,
    2,
    1,
    (
        *(
            "motion_start",
            "motion_moving",
            "motion_stop",
            "sos_start",
            "sos_stop",
            "alert_start",
            "alert_stop",
        ),
        *("mandown_start", "mandown_stop", "downlink_fix"),
    ),
)
_LW006 = _Event(
    5,
    1,
    5,
    (
        *(
            "motion on start",
            "motion in trip",
            "motion on end",
            "man down start",
            "man down end",
            "sos start",
        ),
        *("sos end", "alert start", "alert end", "ephemeris start", "ephemeris end", "downlink report"),
    ),
)
_SINCE, _UNTIL = 1_577_836_800, 4_102_444_800
"""2020 to 2100, in seconds since 1970: what a clock that was set says."""


def _moko(kind: _Event, frame: bytes, port: Json) -> dict[str, Json] | None:
    """An event of MOKO's LW004-PB (firmware 3) or LW006: seven bytes, all of which must make sense."""
    if port != kind.port or len(frame) != 7 or frame[0] & 0x7F > 100 or frame[6] >= len(kind.words):
        return None
    seconds = int.from_bytes(frame[kind.time : kind.time + 4])
    half_hours = int.from_bytes(frame[kind.zone : kind.zone + 1], signed=True)
    if not (_SINCE <= seconds < _UNTIL and -24 <= half_hours <= 28):
        return None
    return {
        "event_type": kind.words[frame[6]],
        "battery": frame[0] & 0x7F,
        "batterycharging": bool(frame[0] & 0x80),
        "timestamp": seconds,
    }


_LPP: dict[int, tuple[str, int, float]] = {
    # type: (name as The Things Stack's own formatter says it, bytes, unit of the last digit); mydevices' LPP 1.0
    0: ("digital_in", 1, 1),
    1: ("digital_out", 1, 1),
    2: ("analog_in", -2, 0.01),
    3: ("analog_out", -2, 0.01),
    100: ("generic", 4, 1),
    101: ("luminosity", 2, 1),
    102: ("presence", 1, 1),
    103: ("temperature", -2, 0.1),
    104: ("relative_humidity", 1, 0.5),
    113: ("accelerometer", 6, 1),
    115: ("barometric_pressure", 2, 0.1),
    116: ("voltage", 2, 0.01),
    117: ("current", 2, 0.001),
    118: ("frequency", 4, 1),
    120: ("percentage", 1, 1),
    121: ("altitude", -2, 1),
    125: ("concentration", 2, 1),
    128: ("power", 2, 1),
    130: ("distance", 4, 0.001),
    131: ("energy", 4, 0.001),
    132: ("direction", 2, 1),
    133: ("unixtime", 4, 1),
    134: ("gyrometer", 6, 1),
    136: ("gps", 9, 1),
    142: ("switch", 1, 1),
}


def _lpp(frame: bytes, port: Json) -> dict[str, Json] | None:  # noqa: ARG001  (any port)
    """Cayenne LPP: channel, type, value; again and again."""
    said: dict[str, Json] = {}
    start = 0
    while start + 2 <= len(frame):
        kind = _LPP.get(frame[start + 1])
        if kind is None:
            return None
        name, size, unit = kind
        value = frame[start + 2 : start + 2 + abs(size)]
        if len(value) < abs(size):
            return None
        channel = f"{name}_{frame[start]}"
        if name == "gps":
            latitude, longitude = (int.from_bytes(value[at : at + 3], signed=True) / 1e4 for at in (0, 3))
            said[channel] = {"latitude": latitude, "longitude": longitude}
        else:
            said[channel] = round(int.from_bytes(value, signed=size < 0) * unit, 3)
        start += 2 + len(value)
    return said if start == len(frame) and said else None


@dataclass(frozen=True, slots=True)
class _T1000:
    """One kind of part of a SenseCAP T1000 frame: its length, and where in it is what (-1: not in it)."""

    size: int
    events: int = -1
    battery: int = -1
    place: int = -1
    warmth: int = -1


_T1000_PARTS = {
    # Seeed's description of the payload; of settings and errors only the length is of use
    0x01: _T1000(46, battery=0),
    0x02: _T1000(15, battery=0),
    0x03: _T1000(31),
    0x04: _T1000(9),
    0x05: _T1000(4, battery=0),
    0x06: _T1000(21, events=0, battery=20, place=8, warmth=16),
    0x07: _T1000(41, events=0, battery=40, warmth=36),
    0x08: _T1000(34, events=0, battery=33, warmth=29),
    0x09: _T1000(17, events=0, battery=16, place=8),
    0x0A: _T1000(37, events=0, battery=36),
    0x0B: _T1000(30, events=0, battery=29),
    0x0D: _T1000(4),
    0x0F: _T1000(16, events=0, battery=12, warmth=8),
    0x10: _T1000(12, events=0, battery=8),
    0x11: _T1000(13, events=1, battery=12, warmth=8),
    0x1A: _T1000(27, events=0, battery=26, place=8, warmth=16),
    0x1B: _T1000(47, events=0, battery=46, warmth=36),
    0x1C: _T1000(40, events=0, battery=39, warmth=29),
    0x1D: _T1000(19, events=1, battery=18, warmth=8),
}
_NO_TEMPERATURE = -0x8000


def _t1000(frame: bytes, port: Json) -> dict[str, Json] | None:
    """SenseCAP T1000: parts of a kind byte and its data, told as the measurements of Seeed's codec."""
    if isinstance(port, (int, float)) and port in {192, 199}:  # for a positioning service
        return None
    said: list[Json] = []
    start = 0
    while start < len(frame):
        part = _T1000_PARTS.get(frame[start])
        data = frame[start + 1 : start + 1 + part.size] if part else b""
        if part is None or len(data) < part.size:
            return None
        said += _t1000_part(part, data)
        start += 1 + part.size
    return {"messages": said} if said else None


def _t1000_part(part: _T1000, data: bytes) -> list[Json]:
    values: list[tuple[str, Json]] = []
    stamp: Json = None
    if part.events >= 0:
        bits = int.from_bytes(data[part.events : part.events + 3])
        values.append(("4200", [{"id": bit + 1} for bit in range(24) if bits >> bit & 1]))
        stamp = int.from_bytes(data[4:8]) * 1000
    if part.place >= 0:
        for number, at in (("4197", part.place), ("4198", part.place + 4)):
            values.append((number, int.from_bytes(data[at : at + 4], signed=True) / 1e6))
    if part.warmth >= 0:
        tenths = int.from_bytes(data[part.warmth : part.warmth + 2], signed=True)
        if tenths != _NO_TEMPERATURE:
            values.append(("4097", tenths / 10))
    if part.battery >= 0:
        values.append(("3000", data[part.battery]))
    return [
        {"measurementId": number, "measurementValue": value, "timestamp": stamp} for number, value in values
    ]


_READERS: dict[str, Callable[[bytes, Json], dict[str, Json] | None]] = {
    "lw004-ct": _lw004,
    "lw004-pb": partial(_moko, _LW004_PB),
    "lw006": partial(_moko, _LW006),
    "t1000": _t1000,
    "cayenne": _lpp,
    "lpp": _lpp,
}
"""By what the name of a model holds."""
