"""How sure a figure is: 95 % intervals of shares and of rates.

Rule: exact or nearly so for small numbers, for recorded falls are few; plain arithmetic.
"""

import math
from typing import NamedTuple

_Z = 1.959964


class Figure(NamedTuple):
    """A share or a rate with its 95 % interval; `of` is how many or how long (hours) it is taken from."""

    value: float
    low: float
    high: float
    of: float

    def __str__(self) -> str:
        """As in a table."""
        if not self.of:
            return "-"
        return f"{self.value:.3f} ({self.low:.3f}-{self.high:.3f})"


NOTHING = Figure(math.nan, math.nan, math.nan, 0)


def share(hits: int, of: int) -> Figure:
    """A share, with Wilson's score interval."""
    if not of:
        return NOTHING
    p, z = hits / of, _Z * _Z / of
    middle, half = p + z / 2, _Z * math.sqrt((p * (1 - p) + z / 4) / of)
    low, high = (middle - half) / (1 + z), (middle + half) / (1 + z)
    return Figure(p, 0.0 if not hits else max(low, 0.0), 1.0 if hits == of else min(high, 1.0), of)


def rate(events: int, hours: float) -> Figure:
    """Events per hour, with the interval of a Poisson count (Byar's approximation)."""
    if hours <= 0:
        return NOTHING
    low = events * (1 - 1 / (9 * events) - _Z / (3 * math.sqrt(events))) ** 3 if events else 0.0
    more = events + 1
    high = more * (1 - 1 / (9 * more) + _Z / (3 * math.sqrt(more))) ** 3
    return Figure(events / hours, low / hours, high / hours, hours)
