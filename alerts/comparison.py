"""Two sets of rules side by side: which calls come, go, move or weigh otherwise with the second.

Rule: calls of the same rule about the same subject are the same where they lie nearest each other in time,
the nearest first; each is the same as at most one. Pure, and the same for the same calls in any order.

What is compared are calls, the moments at which people are told, and not episodes: an episode that nobody
closes, as in a replay, gathers all that follows it.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from alerts.event import EpisodeEvent, EvidenceAdded, Opened, Weight
from rules.decision import Severity


class Call(NamedTuple):
    """People were called: by which rule, about whom, when it happened (ms UTC), how urgently, which alert."""

    rule: str
    subject: str
    at: int
    severity: Severity
    alert: str


class Fate(StrEnum):
    """What became of a call."""

    SAME = "same"
    CAME = "came"
    GONE = "gone"
    MOVED = "moved"
    SEVERITY = "severity"


@dataclass(frozen=True, slots=True)
class Pair:
    """A call before and after; None where there is none. At least one is there."""

    before: Call | None
    after: Call | None

    @property
    def fate(self) -> Fate:
        """What became of it; of one that moved and weighs otherwise, that it moved."""
        if self.before is None:
            return Fate.CAME
        if self.after is None:
            return Fate.GONE
        if self.moved_ms:
            return Fate.MOVED
        return Fate.SAME if self.before.severity is self.after.severity else Fate.SEVERITY

    @property
    def moved_ms(self) -> int:
        """By how much it is later (negative: earlier)."""
        return self.after.at - self.before.at if self.before and self.after else 0

    @property
    def call(self) -> Call:
        """The call as it is now, or was."""
        found = self.after or self.before
        assert found is not None  # noqa: S101  at least one is there
        return found


@dataclass(frozen=True, slots=True)
class Comparison:
    """All pairs in order of time."""

    pairs: tuple[Pair, ...]

    @property
    def differences(self) -> list[Pair]:
        """Those that are not the same."""
        return [pair for pair in self.pairs if pair.fate is not Fate.SAME]

    @property
    def rules(self) -> dict[str, Counter[Fate]]:
        """How many of each fate, by rule, in order of the rules' ids."""
        counts: dict[str, Counter[Fate]] = defaultdict(Counter)
        for pair in self.pairs:
            counts[pair.call.rule][pair.fate] += 1
        return dict(sorted(counts.items()))


def before(counts: Counter[Fate]) -> int:
    """How many calls there were with the first rules."""
    return counts.total() - counts[Fate.CAME]


def after(counts: Counter[Fate]) -> int:
    """How many there are with the second."""
    return counts.total() - counts[Fate.GONE]


def call_of(event: EpisodeEvent) -> tuple[Severity, str, int] | None:
    """Urgency, subject and time of the call that an event is; None where people are not called.

    What joined a call for as much (`alerts.joining`) counts like one: people are told of both at once.
    """
    if isinstance(event, (Opened, EvidenceAdded)) and (event.calls or event.weight is Weight.JOINED):
        return event.severity, event.subject, event.evidence.at
    return None


def compare(first: Iterable[Call], second: Iterable[Call], within_ms: int) -> Comparison:
    """What the second rules change. Calls further apart than `within_ms` are not the same call."""
    groups: dict[tuple[str, str], tuple[list[Call], list[Call]]] = defaultdict(lambda: ([], []))
    for side, calls in enumerate((first, second)):
        for call in calls:
            groups[call.rule, call.subject][side].append(call)
    pairs = [
        pair
        for calls_before, calls_after in groups.values()
        for pair in _paired(calls_before, calls_after, within_ms)
    ]
    return Comparison(tuple(sorted(pairs, key=lambda pair: (pair.call.at, pair.call, pair.moved_ms))))


def _paired(calls_before: list[Call], calls_after: list[Call], within_ms: int) -> Iterator[Pair]:
    """Neighbours in time of different sides, the nearest first, until none are near enough.

    Once two are taken out, those around them become neighbours: so nobody is compared with everybody.
    """
    line = sorted(
        [(call.at, call.severity, 0, call.alert, call) for call in calls_before]
        + [(call.at, call.severity, 1, call.alert, call) for call in calls_after]
    )
    calls = [(side, call) for _, _, side, _, call in line]
    left = [n - 1 for n in range(len(calls))]
    right = [n + 1 for n in range(len(calls))]
    near: list[tuple[int, bool, int, int]] = []

    def meet(a: int, b: int) -> None:
        if a < 0 or b >= len(calls) or calls[a][0] == calls[b][0]:
            return
        apart = calls[b][1].at - calls[a][1].at
        if apart <= within_ms:
            heapq.heappush(near, (apart, calls[a][1].severity != calls[b][1].severity, a, b))

    for n in range(len(calls)):
        meet(n, n + 1)
    taken: set[int] = set()
    while near:
        _, _, a, b = heapq.heappop(near)
        if a in taken or b in taken:
            continue
        taken |= {a, b}
        yield Pair(calls[a][1], calls[b][1]) if calls[a][0] == 0 else Pair(calls[b][1], calls[a][1])
        before_a, after_b = left[a], right[b]
        if before_a >= 0:
            right[before_a] = after_b
        if after_b < len(calls):
            left[after_b] = before_a
        meet(before_a, after_b)
    for n, (side, call) in enumerate(calls):
        if n not in taken:
            yield Pair(call, None) if side == 0 else Pair(None, call)
