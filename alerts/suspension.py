"""Alerts that a named person suspended for a while: shelved, or of a device that is out of service.

Rule: a suspension has a person, a reason and an end, and never holds for what is about somebody's life (R-55,
R-57, R-58): who asks this module has asked `about_life` before.
"""

from collections.abc import Mapping

from alerts.episode import Concern, Episode
from alerts.event import State, SuspensionBegun, SuspensionEnded
from rules.decision import Decision

LIMIT_MS: Mapping[State, int] = {State.SHELVED: 8 * 3_600_000, State.OUT_OF_SERVICE: 24 * 3_600_000}
"""How long at most: a shelf one shift (R-55), a one-shot one too; a device one day. Longer is refused."""


class Suspensions:
    """Those that hold, and those that ended lately."""

    __slots__ = ("_ended", "_holding", "_over")

    def __init__(self) -> None:
        self._holding: dict[str, SuspensionBegun] = {}
        self._ended: dict[str, int] = {}
        self._over: set[str] = set()

    def apply(self, event: SuspensionBegun | SuspensionEnded) -> None:
        """Take an event up; one taken up before changes nothing."""
        if isinstance(event, SuspensionEnded):
            self._holding.pop(event.suspension, None)
            self._over.discard(event.suspension)
            self._ended[event.suspension] = event.at
        elif event.suspension not in self._ended:
            self._holding[event.suspension] = event

    def knows(self, suspension: str) -> bool:
        """Whether this id was given before."""
        return suspension in self._holding or suspension in self._ended

    def get(self, suspension: str) -> SuspensionBegun | None:
        """The suspension of this id, while it holds."""
        return self._holding.get(suspension)

    def holding(self) -> list[SuspensionBegun]:
        """All that hold, in the order in which they began."""
        return list(self._holding.values())

    def over(self, decision: Decision, site: str, now: int) -> SuspensionBegun | None:
        """The suspension under which a decision about somebody at `site` falls at `now`, if any."""
        return next(
            (one for one in self._holding.values() if now < one.until and _is_of(one, decision, site)), None
        )

    def over_episode(self, episode: Episode, now: int, but: str = "") -> SuspensionBegun | None:
        """The suspension, other than `but`, under which all that an episode is about falls."""
        return next(
            (
                one
                for one in self._holding.values()
                if now < one.until and one.suspension != but and holds_over(one, episode)
            ),
            None,
        )

    def of_scope(self, scope: SuspensionBegun) -> list[SuspensionBegun]:
        """Those that hold for exactly the same as `scope`."""
        return [one for one in self._holding.values() if _scope(one) == _scope(scope)]

    def seen_over(self, suspension: str) -> None:
        """What a suspension was for is over: one that is one-shot ends by that."""
        found = self._holding.get(suspension)
        if found is not None and found.once:
            self._over.add(suspension)

    def due(self, now: int) -> SuspensionBegun | None:
        """One that is to end at `now`, if any."""
        return next(
            (one for one in self._holding.values() if now >= one.until or one.suspension in self._over), None
        )

    def is_over(self, suspension: str) -> bool:
        """Whether what a one-shot suspension was for is over."""
        return suspension in self._over

    def forget(self, before: int) -> None:
        """Drop what ended before this time."""
        self._ended = {one: at for one, at in self._ended.items() if at >= before}


def holds_over(suspension: SuspensionBegun, episode: Episode) -> bool:
    """Whether all that an episode is about falls under a suspension; never where several rules say it."""
    if episode.signs:
        return False
    if suspension.state is State.OUT_OF_SERVICE:
        return episode.device == suspension.device and suspension.site in {"", episode.site}
    if suspension.rule != episode.rule:
        return False
    if suspension.cause:
        return suspension.cause == episode.cause
    return all(concern.subject == suspension.subject for concern in episode.subjects)


def part_of(episode: Episode, suspension: SuspensionBegun) -> list[Concern]:
    """Those of an episode whom a suspension that keeps some of it quiet is about: its rule's."""
    if not (episode.signs and suspension.rule):
        return list(episode.subjects)
    return [one for one in episode.subjects if (one.rule or episode.rule) == suspension.rule]


def _is_of(suspension: SuspensionBegun, decision: Decision, site: str) -> bool:
    if suspension.state is State.OUT_OF_SERVICE:
        return decision.evidence.device == suspension.device and suspension.site in {"", site}
    if suspension.rule != decision.rule:
        return False
    if suspension.cause:
        return suspension.cause == decision.cause
    return suspension.subject == decision.subject


def _scope(one: SuspensionBegun) -> tuple[str, ...]:
    if one.state is State.OUT_OF_SERVICE:
        return (one.state, one.site, one.device)
    return (one.state, one.rule, one.cause, one.subject)
