"""Signals of bodies as arrays: someone who falls, someone who walks; samples (n, 3) in g at 50 Hz."""

import numpy as np
from numpy.typing import NDArray

from simulators import acceleration


def fall(at_s: float, seconds: float, seed: int = 0) -> NDArray[np.float32]:
    """Someone stands, falls, strikes the floor at `at_s` and lies still."""
    return np.array(acceleration.fall(at_s, seconds, str(seed)), np.float32)


def walk(seconds: float, seed: int = 0) -> NDArray[np.float32]:
    """Someone walks."""
    return np.array(acceleration.walk(seconds, str(seed)), np.float32)
