"""Windows of accelerometers, checked.

Rule: what becomes a `Motion` is finite, in g, of a plausible rate and length.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from devices.reading import Motion, Reason

RATES = (5, 1000)
"""Hz. Below, no impact can be told; above, no accelerometer of a wearable samples."""

MOST_G = 400
"""More than any accelerometer shows."""

LONGEST_S = 600


def window(device: str, at: int | None, fs: float, position: str, xyz: object) -> Motion | tuple[Reason, str]:
    """The window of samples `xyz` (n, 3) in g, `fs` in Hz, from `at` (ms UTC) on; or why it is none."""
    if not RATES[0] <= fs <= RATES[1]:
        return Reason.OUT_OF_RANGE, f"fs must be the sampling rate, {RATES[0]} to {RATES[1]} Hz"
    samples = _numbers(xyz)
    if samples is None:
        return Reason.WRONG_TYPE, "samples must be [x, y, z] in g"
    if not len(samples):
        return Reason.EMPTY, "a window without samples"
    if not np.isfinite(samples).all():
        return Reason.NOT_A_NUMBER, "a sample is NaN or infinite"
    if max(samples.max(), -float(samples.min())) > MOST_G:  # -2**63 has no positive of its kind
        return Reason.OUT_OF_RANGE, f"a sample is beyond {MOST_G} g: counts take a scale"
    if len(samples) / fs > LONGEST_S:
        return Reason.OUT_OF_RANGE, f"a window is longer than {LONGEST_S} s"
    return Motion(device, at, float(fs), position[:32], samples.astype("<f4").tobytes())


def _numbers(xyz: object) -> NDArray[Any] | None:
    try:
        samples = np.array(xyz)
    except ValueError:  # not all of one length
        return None
    if samples.shape == (0,):
        return np.empty((0, 3))
    return samples if samples.dtype.kind in "iuf" and samples.shape[1:] == (3,) else None
