"""The reorder window: observations wait for earlier ones (R-92). Rule: what leaves depends on times alone.

An observation happened when it says, but not after it arrived. It leaves REORDER_MS after it happened, in
order of that; one that arrives later than that leaves at once. So in which order things arrive within the
window changes nothing. Of what happened in the same millisecond, device, metric and value decide.
"""

import heapq
from collections.abc import Iterable

from devices.observation import Observation

REORDER_MS = 2_000
"""R-92: the window."""

_Key = tuple[str, str, object, int]


def happened(observation: Observation) -> int:
    """When it happened as far as can be known now, ms UTC: a clock ahead of ours holds nothing back."""
    at, received_at = observation.at, observation.received_at
    return at if at < received_at else received_at  # noqa: FURB136  a call of `min` is what it costs


def whose(observation: Observation) -> str:
    """Under which subject a held observation is written down."""
    return observation.resident or observation.place or f"device:{observation.site}/{observation.device}"


class Window:
    """What waits. `next` is when the next one leaves, ms UTC."""

    __slots__ = ("_changed", "_count", "_heap", "next")

    NEVER = 1 << 62

    def __init__(self) -> None:
        self._heap: list[tuple[int, _Key, int, Observation]] = []
        self._count = 0
        self._changed: set[str] = set()
        self.next = self.NEVER

    def hold(self, observation: Observation) -> None:
        """Takes one in."""
        self._count += 1
        heap = self._heap
        heapq.heappush(heap, (happened(observation), observation[:4], self._count, observation))
        self._changed.add(whose(observation))
        self.next = heap[0][0] + REORDER_MS

    def release(self) -> Observation:
        """Gives the next one out."""
        heap = self._heap
        observation = heapq.heappop(heap)[3]
        self._changed.add(whose(observation))
        self.next = heap[0][0] + REORDER_MS if heap else self.NEVER
        return observation

    def changed(self) -> list[tuple[str, tuple[Observation, ...]]]:
        """What each subject holds now whose holding changed since the last call, in the order of leaving."""
        changed, self._changed = self._changed, set()
        if not changed:
            return []
        held: dict[str, list[Observation]] = {subject: [] for subject in changed}
        for _, _, _, observation in sorted(self._heap):
            if (mine := held.get(whose(observation))) is not None:
                mine.append(observation)
        return [(subject, tuple(mine)) for subject, mine in held.items()]

    def restore(self, held: Iterable[Observation]) -> None:
        """Takes in what was held before a restart; it has not changed."""
        changed = set(self._changed)
        for observation in held:
            self.hold(observation)
        self._changed = changed
