"""A recording as the device would have sent it: motion messages of the native protocol, window by window.

Rule: pure, and the same each time; which windows are lost follows from the recording's name.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import orjson
from numpy.typing import NDArray

from devices.message import Message
from ingest.falls.recordings import Recording

SITE = "recorded"
BEGIN_MS = 1_790_000_000_000
"""When every recording begins, ms UTC."""

_I16_SCALE = 1 / 2048
"""g per unit: what a sensor of 16 g and 16 bits has."""


@dataclass(frozen=True, slots=True)
class Sending:
    """How a device sends: windows of `window_s` s, as int16 if `packed`; a share `lost` never arrives."""

    window_s: float = 1.0
    packed: bool = False
    lost: float = 0.0


def device_of(recording: Recording) -> str:
    """The device that only this recording has."""
    return f"recorded-{crc32(recording.name.encode()):08x}"


def at_ms(recording: Recording, t_s: float) -> int:
    """When a time of the recording is, ms UTC."""
    return BEGIN_MS + round((t_s - float(recording.t_s[0])) * 1000)


def messages(recording: Recording, sending: Sending = Sending()) -> Iterator[Message]:
    """The messages of a recording, in order; each arrives with its last sample.

    A window with a gap in it comes as several: `fs` says how far apart its samples are.
    """
    topic = f"shouwang/v1/{SITE}/{device_of(recording)}/motion"
    fs = recording.fs_hz
    for number, window in _windows(recording, sending.window_s):
        if crc32(f"{recording.name} {number}".encode()) < sending.lost * 2**32:
            continue
        arrived = at_ms(recording, recording.t_s[window[-1]])
        gaps = np.flatnonzero(np.diff(recording.t_s[window]) > 1.5 / fs) + 1
        for rows in np.split(window, gaps):
            said = {
                "ts": at_ms(recording, recording.t_s[rows[0]]),
                "fs": round(fs, 3),
                "position": recording.position,
                **_samples(recording.xyz[rows], packed=sending.packed),
            }
            yield Message(topic, orjson.dumps(said, option=orjson.OPT_SERIALIZE_NUMPY), arrived, qos=1)


def _windows(recording: Recording, window_s: float) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """The rows of each window that holds any, with its number from the beginning on."""
    since = recording.t_s - recording.t_s[0]
    number = np.floor(since / window_s + 1e-6).astype(np.int64)
    for rows in np.split(np.arange(len(number)), np.flatnonzero(np.diff(number)) + 1):
        yield int(number[rows[0]]), rows


def _samples(xyz: NDArray[np.float32], *, packed: bool) -> dict[str, object]:
    if not packed:
        return {"xyz": np.ascontiguousarray(xyz)}
    units = np.clip(np.rint(xyz / _I16_SCALE), -32768, 32767).astype("<i2")
    return {"xyz_i16": base64.b64encode(units.tobytes()).decode(), "scale": _I16_SCALE}
