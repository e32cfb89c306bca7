"""The one shape of all figures, so that a table, a file and a page are written from the same values.

Rule: a figure says what it counts, of how many, what is asked of it and which episodes it is made of.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Group(StrEnum):
    """The parts of a report, in the order in which they are read."""

    RESPONSE = "response"  # how fast somebody answered, came, was done
    LOAD = "load"  # alerts per carer and hour, floods, chatter, stale, priority mix
    PRECISION = "precision"  # what the alerts turned out to be, per rule and sensor
    ROUNDS = "rounds"  # coverage of rounds and visits (探访率, R-83)


class Unit(StrEnum):
    """Units of figures, as UCUM writes them."""

    RATIO = "1"
    SECONDS = "s"
    COUNT = "{count}"
    PER_HOUR = "{count}/h"


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a report.

    `name` is what is measured (`acknowledge_p90`), `by` of what: {} is everything, else one of `place`,
    `shift`, `rule`, `kind`, `sensor`, `carer`, `task`, `severity`, `day`, `hour`, `resident` and its id (of
    checks `task` alone or with `place`). `value` is None where there is nothing to measure, `of` how many it
    is made of. `target` is what is asked (None: nothing), `met` whether it is reached, `requirement` who asks
    (an R-number). `episodes` are the ids it is made of; for a ratio those of its numerator, for a percentile
    all that count.
    """

    group: Group
    name: str
    value: float | None
    unit: Unit
    of: int
    by: Mapping[str, str] = field(default_factory=dict)
    target: float | None = None
    met: bool | None = None
    requirement: str = ""
    episodes: tuple[str, ...] = ()


class Cause(StrEnum):
    """Why an alert was not answered in time, the first that holds."""

    NOBODY_ON_DUTY = "nobody_on_duty"  # every step found its roles empty
    NOT_TOLD = "not_told"  # no message was sent at all in that time
    UNDELIVERED = "undelivered"  # messages were sent, none had a receipt
    DELIVERED_LATE = "delivered_late"  # the first receipt came after the limit
    NOT_ANSWERED = "not_answered"  # people had it in time and did not answer


@dataclass(frozen=True, slots=True)
class Miss:
    """A call that was not answered within `limit_s`, and why (R-37). Times: ms UTC, None: not yet."""

    episode: str
    rule: str
    place: str
    shift: str
    called_at: int
    answered_at: int | None
    limit_s: int
    cause: Cause


@dataclass(frozen=True, slots=True)
class Report:
    """All figures of the calls made from `since` until before `until` (ms UTC), as known at `known_at`.

    `zone` is in whose hours and days it counts. `calls` is how many there were; `alerts` for how many alerts
    people were first called in it, `left_out` for how many that are none about people or devices (drills).
    """

    since: int
    until: int
    known_at: int
    zone: str
    calls: int
    alerts: int
    left_out: int
    figures: tuple[Figure, ...]
    misses: tuple[Miss, ...]
