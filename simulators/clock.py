"""The clock that player and service share. Rule: three numbers say it all, and nobody adjusts them later.

`sim_now = sim_ms + (real_now - real_ms) * speed`: whoever is started with the same anchor sees the same time.
"""

import math
import time
from dataclasses import dataclass


def real_now_ms() -> int:
    """The computer's clock, ms UTC."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class ClockAnchor:
    """At real time `real_ms` it is `sim_ms` in the simulation, `speed` times as fast (0: unpaced)."""

    real_ms: int
    sim_ms: int
    speed: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.speed) and self.speed >= 0):
            raise ValueError(f"a clock's speed is a number from 0 on, not {self.speed}")

    def sim_at(self, real_ms: float) -> int:
        """What time it is in the simulation when the computer's clock shows `real_ms`."""
        return self.sim_ms + math.floor((real_ms - self.real_ms) * self.speed)

    def real_at(self, sim_ms: int) -> float:
        """What the computer's clock shows at a time of the simulation (unpaced: always the anchor)."""
        if self.speed == 0:
            return float(self.real_ms)
        return self.real_ms + (sim_ms - self.sim_ms) / self.speed
