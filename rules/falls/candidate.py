"""Impacts: the moments of a signal that are worth a model's judgement.

Rule: cheap on every sample, and local: whether a sample is an impact follows from two seconds before it and
one after it, so that it is the same whatever windows the signal came in.
"""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from rules.falls import RATE_HZ

CONTEXT_S = 1.0
"""An impact at `i` depends on the samples of [i - 2 * CONTEXT_S, i + CONTEXT_S] only."""

THRESHOLD_G = 0.5
"""The least dynamic acceleration of an impact, in g: soft falls begin there."""

_CONTEXT = int(CONTEXT_S * RATE_HZ)

FELT_BEFORE = 2 * _CONTEXT
"""Samples before one that say whether it is an impact."""

_BEYOND = np.full(_CONTEXT, -1.0)

Samples = NDArray[Any]
"""Acceleration in g, shape (n, 3) or (batch, n, 3), at RATE_HZ."""


def dynamic(samples: Samples) -> NDArray[np.float64]:
    """How far each sample is from the mean of the second before it, in g; shape (n,) or (batch, n).

    Gravity falls out of it whatever way the device is worn, and where it was removed already.
    """
    known = np.asarray(samples, np.float64)
    before = np.repeat(known[..., :1, :], _CONTEXT, axis=-2)
    zero = np.zeros_like(known[..., :1, :])
    total = np.concatenate([zero, before, known], axis=-2).cumsum(axis=-2)
    n = known.shape[-2]
    away = known - (total[..., _CONTEXT : _CONTEXT + n, :] - total[..., :n, :]) / _CONTEXT
    found: NDArray[np.float64] = np.sqrt((away * away).sum(axis=-1))
    return found


def impacts(samples: Samples, first: int, last: int) -> list[int]:
    """The indices in [first, last) at which something struck: nothing within a second was stronger.

    `samples` has shape (n, 3); before and after it its edge goes on. Of equal ones the first counts.
    """
    low, high = max(first - FELT_BEFORE, 0), min(last + _CONTEXT, len(samples))
    first, last = max(first, 0), min(last, len(samples))
    if first >= last:
        return []
    level = dynamic(samples[low:high])
    strong = (level[first - low : last - low] >= THRESHOLD_G).nonzero()[0] + (first - low)
    if not len(strong):
        return []
    around = np.concatenate([_BEYOND, level, _BEYOND])
    windows = sliding_window_view(around, 2 * _CONTEXT + 1)
    struck = strong[windows[strong].argmax(axis=1) == _CONTEXT]
    return [int(i) + low for i in struck]
