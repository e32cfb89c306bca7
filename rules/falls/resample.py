"""Samples of any rate on the one grid: index i is the time i / RATE_HZ seconds.

Rule: what lies between two samples is on the line between them; a rate that is far above the grid's is first
averaged over the time of a grid point, so that nothing is folded into the signal that was not there.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules.falls import RATE_HZ

FAST_HZ = 75.0
"""Above this a grid point is the mean of the samples around it."""


def resample(times_s: NDArray[Any], samples: NDArray[Any], fs: float) -> tuple[int, NDArray[np.float32]]:
    """The first index on the grid and the samples (n, 3) from it on; `times_s` (seconds) rise.

    Nothing is made up beyond the first and last sample: n is 0 when no grid point lies between them.
    """
    half = 0.5 / RATE_HZ if fs > FAST_HZ else 0.0  # a mean takes samples on both sides
    first = int(np.ceil((times_s[0] + half) * RATE_HZ - 1e-3))
    last = int(np.floor((times_s[-1] - half + (1 / fs if half else 0)) * RATE_HZ + 1e-3))
    grid = np.arange(first, last + 1) / RATE_HZ
    if not len(grid):
        return first, np.empty((0, 3), np.float32)
    values = np.asarray(samples, np.float64)
    if fs <= FAST_HZ:
        after = np.clip(np.searchsorted(times_s, grid), 1, max(len(times_s) - 1, 1))
        if len(times_s) == 1:
            return first, values.astype(np.float32)
        before = after - 1
        part = ((grid - times_s[before]) / (times_s[after] - times_s[before])).clip(0, 1)[:, None]
        return first, (values[before] * (1 - part) + values[after] * part).astype(np.float32)
    low = np.searchsorted(times_s, grid - half - 1e-6)
    high = np.maximum(np.searchsorted(times_s, grid + half - 1e-6), low + 1)
    total = np.concatenate([np.zeros((1, 3)), values.cumsum(axis=0)])
    return first, ((total[high] - total[low]) / (high - low)[:, None]).astype(np.float32)
