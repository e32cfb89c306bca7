"""The reorder window: observations wait for earlier ones (R-92). Rule: what leaves depends on times alone.

An observation happened when it says, but not after it arrived. It leaves REORDER_MS after it happened, in
order of that; one that arrives later than that leaves at once. So in which order things arrive within the
window changes nothing. Of what happened in the same millisecond, device, metric and value decide.
"""

import heapq
from collections.abc import Iterable
from operator import itemgetter
from typing import NamedTuple

from devices.observation import Observation

REORDER_MS = 2_000
"""R-92: the window."""

_IN_A_MOMENT = itemgetter(*map(Observation._fields.index, ("device", "metric", "value", "at")))


def happened(observation: Observation) -> int:
    """When it happened as far as can be known now, ms UTC: a clock ahead of ours holds nothing back."""
    at, received_at = observation.at, observation.received_at
    return at if at < received_at else received_at  # noqa: FURB136  a call of `min` is what it costs


def whose(observation: Observation) -> str:
    """Under which subject a held observation is written down."""
    return observation.resident or observation.place or f"device:{observation.site}/{observation.device}"


class Held(NamedTuple):
    """All that waits, by when it happened, and the subjects of whom something did but does no more."""

    waiting: list[Observation]
    gone: set[str]

    def by_subject(self) -> dict[str, list[Observation]]:
        """What each subject holds; of those who are gone, nothing."""
        held: dict[str, list[Observation]] = {subject: [] for subject in self.gone}
        for observation in self.waiting:
            held.setdefault(whose(observation), []).append(observation)
        return held


class Window:
    """What waits, by the ms in which it happened. `next` is when the next leave, ms UTC."""

    __slots__ = ("_moments", "_moved", "_times", "_written", "next")

    NEVER = 1 << 62

    def __init__(self) -> None:
        self._moments: dict[int, list[Observation]] = {}
        self._times: list[int] = []  # a heap of the moments' times
        self._written: set[str] = set()  # subjects; not what they held, which would live till the next call
        self._moved = False  # whether something came or left since
        self.next = self.NEVER

    def hold(self, observation: Observation) -> None:
        """Takes one in."""
        self._moved = True
        at = happened(observation)
        moment = self._moments.get(at)
        if moment is not None:
            moment.append(observation)
            return
        self._moments[at] = [observation]
        heapq.heappush(self._times, at)
        self.next = self._times[0] + REORDER_MS

    def release(self) -> tuple[int, list[Observation]]:
        """Gives out when the next ones happened, ms UTC, and all that happened then, in order."""
        self._moved = True
        at = heapq.heappop(self._times)
        moment = self._moments.pop(at)
        self.next = self._times[0] + REORDER_MS if self._times else self.NEVER
        moment.sort(key=_IN_A_MOMENT)
        return at, moment

    def changed(self) -> Held:
        """What waits, where that is something else than at the last call."""
        if not self._moved:
            return Held([], set())
        waiting = [observation for at in sorted(self._times) for observation in self._moments[at]]
        before, self._written, self._moved = self._written, set(map(whose, waiting)), False
        return Held(waiting, before - self._written)

    def restore(self, held: Iterable[Observation]) -> None:
        """Takes in what was held before a restart; it has not changed."""
        for observation in held:
            self.hold(observation)
            self._written.add(whose(observation))
        self._moved = False
