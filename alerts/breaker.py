"""A circuit breaker for one channel. Rule: a dead channel is spared useless attempts, yet life never waits.

Closed: everything is tried. After five failures in a row it opens: what is not about life waits, at first
10 s and then twice as long each time, up to 5 min; then one message is tried (half open). Life safety is
tried whatever the state, for a channel may have come back; its success closes the circuit as any other's.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

OPENS_AFTER = 5
FIRST_PAUSE_MS = 10_000
LONGEST_PAUSE_MS = 300_000


class Circuit(StrEnum):
    """What is let through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Breaker:
    """A channel's attempts so far. Times are ms, of any clock that only goes forward.

    `failures` in a row; `until` when the next attempt may be made.
    """

    failures: int = 0
    until: int = 0

    def circuit(self, now: int) -> Circuit:
        """The state at `now`."""
        if self.failures < OPENS_AFTER:
            return Circuit.CLOSED
        return Circuit.OPEN if now < self.until else Circuit.HALF_OPEN

    def wait_ms(self, now: int, *, life_safety: bool) -> int:
        """How long a message must wait at `now`; 0: try it."""
        if life_safety or self.circuit(now) is not Circuit.OPEN:
            return 0
        return max(1, self.until - now)

    def begun(self, now: int) -> "Breaker":
        """After an attempt began: of a half-open circuit it is the one, and others wait for it."""
        half_open = self.circuit(now) is Circuit.HALF_OPEN
        return replace(self, until=now + self._pause()) if half_open else self

    def succeeded(self) -> "Breaker":
        """After an attempt that came through."""
        return Breaker()

    def failed(self, now: int) -> "Breaker":
        """After an attempt that did not."""
        after = Breaker(self.failures + 1)
        return replace(after, until=now + after._pause()) if after.failures >= OPENS_AFTER else after

    def _pause(self) -> int:
        doublings = min(max(0, self.failures - OPENS_AFTER), 20)
        return min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS << doublings)
