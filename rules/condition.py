"""Whether a condition holds, once it is worth saying. Rule: one excursion is said once, and its end once.

R-53 (hysteresis, a deadband of its own for every limit), R-54 (on-delay and off-delay), REQUIREMENTS section
11 (so many readings, so far apart; a suspect value stands only with a second reading). Pure, in event time:

    before = Condition()
    holds = beyond(limit, value, before.active)
    after = told(before, delays, holds, at)      # at every reading
    after = passed(before, delays, now)          # at `due(before, delays)`, when no reading comes first
    after.active != before.active                # then, and only then, there is something to say

A reading holds until the next one: what one reading said is still so when the delay is over, unless the
delays ask for more `readings`.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Limit(NamedTuple):
    """One side of a quantity's range: what is above `bound` (or below it) is beyond it."""

    bound: float
    above: bool
    deadband: float = 0.0


class Delays(NamedTuple):
    """How long and how often something must be seen. All ms, none negative.

    It begins after `on` ms and at the `readings`th reading in a row that says so, each counted when it is at
    least `apart` ms later than the one counted before. It ends after `off` ms.
    """

    on: int = 0
    off: int = 0
    readings: int = 1
    apart: int = 0


SECTION_11: Mapping[str, Delays] = {
    "heart_rate": Delays(on=15_000, readings=2),
    "respiratory_rate": Delays(on=30_000, readings=2),
    "spo2": Delays(on=15_000, readings=2),
    "body_temperature": Delays(readings=2),
    "bp_systolic": Delays(readings=2, apart=120_000),
    "bp_diastolic": Delays(readings=2, apart=120_000),
    "bp_mean": Delays(readings=2, apart=120_000),
    "room_temperature": Delays(on=600_000),
}
"""The delays of section 11, by metric. What is not here has none.

Where it has seconds for a vital sign we ask for two readings as well: one reading of a watch that measures
every five minutes shows nothing that lasts.
"""


class Condition(NamedTuple):
    """Whether it is `active`, and what speaks against that: JSON-able. All times are event times, ms UTC.

    `since` is when the readings that say otherwise began (None: there are none), `needs` how many more must
    come, `counted` when the last one was counted. `last` is the newest reading heard while it mattered: what
    is older changes nothing any more.
    """

    active: bool = False
    since: int | None = None
    needs: int = 0
    counted: int = 0
    last: int = 0


QUIET = Condition()


def beyond(limit: Limit, value: float, active: bool) -> bool:
    """Whether a value is beyond the limit; of an active condition, not yet back by the deadband (R-53)."""
    bound, above, deadband = limit
    if not active:
        return value > bound if above else value < bound
    return value > bound - deadband if above else value < bound + deadband


def told(condition: Condition, delays: Delays, holds: bool, at: int, *, doubtful: bool = False) -> Condition:
    """The condition after a reading of that event time; itself when nothing changed.

    A `doubtful` reading (suspect by section 11) begins nothing without a second one, and ends nothing.
    The same reading given twice counts once.
    """
    active, since, needs, counted, last = condition
    if at < last or (doubtful and not holds):
        return condition
    if holds is active:
        if since is None and (not active or at == last):
            return condition
        return Condition(active, last=at)
    if since is None:
        wanted = 1 if active else max(delays.readings, 2 if doubtful else 1)
        since, needs, counted = at, wanted - 1, at
    elif needs and at >= counted + max(delays.apart, 1):
        needs, counted = needs - 1, at
    if needs == 0 and at >= since + (delays.off if active else delays.on):
        return Condition(not active, last=at)
    return Condition(active, since, needs, counted, at)


def due(condition: Condition, delays: Delays) -> int | None:
    """When the condition turns by time alone, ms UTC; None: not before the next reading."""
    if condition.since is None or condition.needs:
        return None
    return condition.since + (delays.off if condition.active else delays.on)


def passed(condition: Condition, delays: Delays, now: int) -> Condition:
    """The condition when no reading came before `now`; itself when that changes nothing."""
    at = due(condition, delays)
    if at is None or at > now:
        return condition
    return Condition(not condition.active, last=max(at, condition.last))
