"""Escalation ladders: whom to tell when, until somebody has taken charge.

Rule: a ladder is data, and where a call stands on it follows from its events alone: so a step that fell due
while the service was down is taken at once, once, and none is ever lost or taken twice (R-40).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rules.decision import Severity

RECEIPT_MS = 8_000
"""A message without a receipt for so long counts as undelivered: the next step is taken."""

DAY_MIN = 24 * 60


@dataclass(frozen=True, slots=True)
class Step:
    """After so many ms since calling began, tell these by these channels.

    `to` are roles of the duty rota or `person:<id>`; none: the channels themselves (a group, a display). No
    channels: only those who are told of everything (displays, webhooks) are told again.
    """

    after_ms: int
    to: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ladder:
    """Steps in order of `after_ms`; `repeat_ms` after the last it begins again.

    It holds for alerts of these `severities` (none: all) at `places` or beneath them (none: everywhere),
    in the local minutes of the day from `between[0]` to before `between[1]`, over midnight if need be.
    """

    id: str
    steps: tuple[Step, ...]
    repeat_ms: int
    severities: frozenset[Severity] = frozenset()
    places: frozenset[str] = frozenset()
    between: tuple[int, int] = (0, DAY_MIN)

    def holds(self, severity: Severity, places: Sequence[str], minute: int) -> bool:
        """Whether it is for an alert at these places (its own and all above), at this minute of their day."""
        begin, end = self.between
        in_time = begin <= minute < end if begin < end else minute >= begin or minute < end
        return (
            in_time
            and (not self.severities or severity in self.severities)
            and (not self.places or not self.places.isdisjoint(places))
        )


def _again(*after_s: int) -> tuple[Step, ...]:
    return tuple(Step(s * 1000) for s in after_s)


DEFAULT = (
    Ladder("high", _again(30, 60, 120, 180), 60_000, frozenset({Severity.HIGH})),
    Ladder("medium", _again(300, 600), 600_000, frozenset({Severity.MEDIUM})),
)
"""Without a configuration nobody is addressed: displays and webhooks are told again (R-40's times)."""


def choose(
    ladders: Sequence[Ladder], severity: Severity, places: Sequence[str], minute: int
) -> Ladder | None:
    """The ladder of an alert: of those that hold, the first at the nearest place, else the first anywhere."""
    fitting = [ladder for ladder in ladders if ladder.holds(severity, places, minute)]
    for place in places:
        for ladder in fitting:
            if place in ladder.places:
                return ladder
    return next((ladder for ladder in fitting if not ladder.places), None)


def unaddressed(
    ladders: Sequence[Ladder], severity: Severity, places: Sequence[str], within_ms: int
) -> list[tuple[int, int]]:
    """When on a day an alert is sent to nobody and nothing within `within_ms`: minutes, [begin, end).

    Displays and webhooks are told of it all the same.
    """
    turns = sorted({0, DAY_MIN, *(minute for ladder in ladders for minute in ladder.between)})
    found: list[tuple[int, int]] = []
    for begin, end in pairwise(turns):
        ladder = choose(ladders, severity, places, begin)
        steps = ladder.steps if ladder else ()
        if any(step.channels and step.after_ms <= within_ms for step in steps):
            continue
        if found and found[-1][1] == begin:
            begin = found.pop()[0]  # noqa: PLW2901  one span
        found.append((begin, end))
    return found
