"""The reorder window: observations wait for earlier ones (R-92). Rule: what leaves depends on times alone.

An observation happened when it says, but not after it arrived. It leaves REORDER_MS after it happened, in
order of that; one that arrives later than that leaves at once. So in which order things arrive within the
window changes nothing. Of what happened in the same millisecond, device, metric and value decide.
"""

import heapq
from collections.abc import Iterable
from operator import itemgetter

from devices.observation import Observation

REORDER_MS = 2_000
"""R-92: the window."""

_IN_A_MOMENT = itemgetter(*map(Observation._fields.index, ("device", "metric", "value", "at")))
_Held = dict[str, list[Observation]]


def happened(observation: Observation) -> int:
    """When it happened as far as can be known now, ms UTC: a clock ahead of ours holds nothing back."""
    at, received_at = observation.at, observation.received_at
    return at if at < received_at else received_at  # noqa: FURB136  a call of `min` is what it costs


def whose(observation: Observation) -> str:
    """Under which subject a held observation is written down."""
    return observation.resident or observation.place or f"device:{observation.site}/{observation.device}"


class Window:
    """What waits, by the ms in which it happened. `next` is when the next leave, ms UTC."""

    __slots__ = ("_moments", "_times", "_written", "next")

    NEVER = 1 << 62

    def __init__(self) -> None:
        self._moments: dict[int, list[Observation]] = {}
        self._times: list[int] = []  # a heap of the moments' times
        self._written: _Held = {}
        self.next = self.NEVER

    def hold(self, observation: Observation) -> None:
        """Takes one in."""
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
        at = heapq.heappop(self._times)
        moment = self._moments.pop(at)
        self.next = self._times[0] + REORDER_MS if self._times else self.NEVER
        moment.sort(key=_IN_A_MOMENT)
        return at, moment

    def changed(self) -> list[tuple[str, tuple[Observation, ...]]]:
        """What each subject holds now that held something else at the last call, by when it happened."""
        before, self._written = self._written, self._held()
        subjects = dict.fromkeys((*before, *self._written))
        held = ((subject, self._written.get(subject, [])) for subject in subjects)
        return [(subject, tuple(mine)) for subject, mine in held if mine != before.get(subject)]

    def restore(self, held: Iterable[Observation]) -> None:
        """Takes in what was held before a restart; it has not changed."""
        for observation in held:
            self.hold(observation)
            self._written.setdefault(whose(observation), []).append(observation)

    def _held(self) -> _Held:
        """What waits, by whose it is."""
        held: _Held = {}
        for at in sorted(self._times):
            for observation in self._moments[at]:
                held.setdefault(whose(observation), []).append(observation)
        return held
