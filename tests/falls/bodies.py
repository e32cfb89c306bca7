"""Signals of bodies that tests make: someone who falls, someone who walks; samples (n, 3) in g at 50 Hz."""

import numpy as np
from numpy.typing import NDArray

RATE = 50
_BLOW = np.array([[2.5, 1, 2], [4.5, -1.5, 2.5], [2, 1.5, -1], [2.2, 0.4, 0.6], [0.4, 0.6, 0.3]])


def fall(at_s: float, seconds: float, seed: int = 0) -> NDArray[np.float32]:
    """Someone stands, falls, strikes the floor at `at_s` and lies still."""
    random = np.random.default_rng(seed)
    n, at = round(seconds * RATE), round(at_s * RATE)
    a = np.tile([0.0, 0.0, 1.0], (n, 1)) + 0.03 * random.standard_normal((n, 3))
    a[at - 20 : at] *= np.linspace(1, 0.15, 20)[:, None]
    a[at - 20 : at, 0] += np.linspace(0, 0.5, 20)
    a[at : at + 5] = np.array(
        [[2.5, 1.0, 2.0], [4.5, -1.5, 2.5], [2.0, 1.5, -1.0], [2.2, 0.4, 0.6], [0.4, 0.6, 0.3]]
    )
    a[at + 5 : at + 20] += 0.3 * random.standard_normal((max(min(15, n - at - 5), 0), 3))
    a[at + 5 :] += np.array([1.0, 0.1, -0.9])
    return a.astype(np.float32)


def walk(seconds: float, seed: int = 0) -> NDArray[np.float32]:
    """Someone walks."""
    random = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE)) / RATE
    a = np.stack([0.15 * np.sin(6.3 * t), 0.1 * np.cos(6.3 * t), 1 + 0.25 * np.sin(12.6 * t)], axis=1)
    return (a + 0.05 * random.standard_normal((len(t), 3))).astype(np.float32)
