"""Windows of accelerometers, checked.

Rule: what becomes a `Motion` is finite, in g, of a plausible rate and length.
"""

import math
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from devices.message import Message
from devices.reading import Motion, Reason

RATES = (5, 1000)
"""Hz. Below, no impact can be told; above, no accelerometer of a wearable samples."""

MOST_G = 400
"""More than any accelerometer shows."""

LONGEST_S = 600

NEVER_G = 4
"""Nobody feels more for half of a second or longer: what lies above is no g, but m/s²."""

_MS2 = 9.80665


def may_hold_motion(message: Message) -> bool:
    """Whether a message may hold acceleration, told from topic and bytes; it errs towards so."""
    return message.topic.endswith("/motion") or b"cceler" in message.payload


def window(device: str, at: int | None, fs: float, position: str, xyz: object) -> Motion | tuple[Reason, str]:
    """The window of samples `xyz` (n, 3) in g, `fs` in Hz, from `at` (ms UTC) on; or why it is none.

    Samples of a second or more that can only be m/s² are read as such.
    """
    if not RATES[0] <= fs <= RATES[1]:
        return Reason.OUT_OF_RANGE, f"fs must be the sampling rate, {RATES[0]} to {RATES[1]} Hz"
    samples = _numbers(xyz)
    if samples is None:
        return Reason.WRONG_TYPE, "samples must be [x, y, z] in g"
    if not len(samples):
        return Reason.EMPTY, "a window without samples"
    most = max(float(samples.max()), -float(samples.min()))  # NaN where one sample is; -2**63 has no positive
    if not math.isfinite(most):
        return Reason.NOT_A_NUMBER, "a sample is NaN or infinite"
    if most > MOST_G:
        return Reason.OUT_OF_RANGE, f"a sample is beyond {MOST_G} g: counts take a scale"
    if len(samples) / fs > LONGEST_S:
        return Reason.OUT_OF_RANGE, f"a window is longer than {LONGEST_S} s"
    was_ms2 = most > NEVER_G / 2 and len(samples) >= fs and _is_ms2(samples)
    if was_ms2:
        samples = samples / _MS2
    return Motion(device, at, float(fs), position[:32], samples.astype("<f4").tobytes(), was_ms2)


def _is_ms2(samples: NDArray[Any]) -> bool:
    """Whether half of them or more are longer than any body feels for so long."""
    most = NEVER_G * NEVER_G
    flat = samples.ravel()
    if flat @ flat < len(samples) * most / 2:  # quick: then the median is less
        return False
    return bool(np.median(np.einsum("ij,ij->i", samples, samples)) > most)


def _numbers(xyz: object) -> NDArray[Any] | None:
    """Samples as (n, 3). What is no number must not meet numpy: it makes every cell as long as a text."""
    if isinstance(xyz, np.ndarray):
        good = xyz.dtype.kind in "iuf" and xyz.shape[1:] == (3,)
        return xyz.astype(np.float64, copy=False) if good else None
    if not isinstance(xyz, list):
        return None
    if not xyz:
        return np.empty((0, 3))
    if set(map(type, xyz)) - {list, tuple} or set(map(len, xyz)) != {3}:
        return None
    cells = [*chain.from_iterable(xyz)]
    return None if set(map(type, cells)) - {int, float} else np.array(cells, np.float64).reshape(-1, 3)
