"""An alarm that comes and goes. Rule: after the third call within a minute it is one alarm with a counter.

R-48: three activations of one alarm (one rule, cause and subject) in 60 s are chattering. The fourth and all
that follow are kept and counted, and call nobody, until ten minutes passed without one or a person acted.
Times are when people are called (ms, our clock): after an outage all rounds that were missed hour by hour are
told at once, and three calls say as much as thirty.
"""

from typing import NamedTuple

ACTIVATIONS = 3
WINDOW_MS = 60_000
QUIET_MS = 600_000


class Activations(NamedTuple):
    """The times of the last calls, newest last; of the last activation; and whether it is latched."""

    calls: tuple[int, ...] = ()
    last: int = 0
    latched: bool = False


NONE = Activations()


def latches(before: Activations, at: int) -> bool:
    """Whether an activation at `at` only counts."""
    return before.latched and at - before.last < QUIET_MS


def called(before: Activations, at: int) -> Activations:
    """After an activation for which people were called."""
    calls = (*(() if before.latched else before.calls), at)[-ACTIVATIONS:]
    full = len(calls) == ACTIVATIONS and calls[-1] - calls[0] <= WINDOW_MS
    return Activations(calls, max(before.last, at), full)


def counted(before: Activations, at: int) -> Activations:
    """After an activation that was only counted."""
    return before._replace(last=max(before.last, at))
