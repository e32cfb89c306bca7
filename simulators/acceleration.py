"""What an accelerometer feels of a body, in g. Rule: a movement follows from its seed; gravity is in it."""

import base64
import math
import struct
from random import Random

RATE = 50
"""Samples a second."""

Sample = tuple[float, float, float]

_BLOW = ((2.5, 1.0, 2.0), (4.5, -1.5, 2.5), (2.0, 1.5, -1.0), (2.2, 0.4, 0.6), (0.4, 0.6, 0.3))
_SINKING = 20  # samples: 0.4 s in the air
_TREMBLING = 20
_PER_G = 1000
"""Counts of a packed sample for one g."""


def fall(at_s: float, seconds: float, seed: str = "0") -> list[Sample]:
    """Someone stands, falls, strikes the floor at `at_s` and lies still until `seconds`."""
    rng = Random(seed)  # noqa: S311 - a movement must be the same for the same seed
    strikes = round(at_s * RATE)
    return [_of_fall(index - strikes, rng) for index in range(round(seconds * RATE))]


def walk(seconds: float, seed: str = "0") -> list[Sample]:
    """Someone walks."""
    rng = Random(seed)  # noqa: S311 - as above
    times = (index / RATE for index in range(round(seconds * RATE)))
    return [
        (
            0.15 * math.sin(math.tau * t) + rng.gauss(0, 0.05),
            0.1 * math.cos(math.tau * t) + rng.gauss(0, 0.05),
            1 + 0.25 * math.sin(2 * math.tau * t) + rng.gauss(0, 0.05),
        )
        for t in times
    ]


def packed(samples: list[Sample]) -> dict[str, str | float]:
    """Samples as the native protocol packs them: `xyz_i16` and `scale`."""
    counts = (round(value * _PER_G) for sample in samples for value in sample)
    raw = b"".join(struct.pack("<h", count) for count in counts)
    return {"xyz_i16": base64.b64encode(raw).decode(), "scale": 1 / _PER_G}


def _of_fall(since: int, rng: Random) -> Sample:
    """The sample so many after the blow."""
    x, y, z = (rng.gauss(0, 0.03) for _ in range(3))
    if since < -_SINKING:
        return x, y, 1 + z
    if since < 0:
        part = (since + _SINKING) / _SINKING
        return x + 0.5 * part, y, (1 + z) * (1 - 0.85 * part)
    if since < len(_BLOW):
        dx, dy, dz = _BLOW[since]
        return dx + x, dy + y, dz + z
    shaking = 0.3 if since < _TREMBLING else 0.0
    return 1 + x + rng.gauss(0, shaking), 0.1 + y + rng.gauss(0, shaking), 0.1 + z + rng.gauss(0, shaking)
