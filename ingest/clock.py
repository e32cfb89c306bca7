"""The service's one clock. Rule: nothing else in the shell asks the machine what time it is for data.

Network time-outs and back-offs use the event loop's own clock: they are about machines, not people.
"""

import time
from dataclasses import dataclass
from typing import Protocol


class Clock(Protocol):
    """Now, in ms UTC, and how many clock ms pass in a real ms."""

    @property
    def speed(self) -> float:
        """Clock ms per real ms."""
        ...

    def now(self) -> int:
        """Unix time in ms, UTC."""
        ...


@dataclass(frozen=True, slots=True)
class RealClock:
    """The machine's clock."""

    speed: float = 1.0

    def now(self) -> int:
        """Unix time in ms, UTC."""
        return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class ScaledClock:
    """A clock that was `sim_ms` at real `real_ms` and runs `speed` times as fast; simulators share it."""

    real_ms: int
    sim_ms: int
    speed: float

    def now(self) -> int:
        """Scaled Unix time in ms, UTC."""
        return self.sim_ms + int((time.time_ns() / 1e6 - self.real_ms) * self.speed)
