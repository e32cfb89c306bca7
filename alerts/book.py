"""The book of episodes: what is known of every alert, and of what is kept quiet.

Rule: `Book.apply` alone changes the book; `decide` and `acts` only say which events follow. Every rule and
cause is in at most one unresolved episode, and no evidence ever counts twice.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from heapq import nsmallest
from itertools import takewhile
from typing import NamedTuple, overload

from alerts.chatter import NONE, Activations, called, counted
from alerts.episode import Episode, begin, fold, rank
from alerts.event import (
    Acknowledged,
    Arrived,
    Cleared,
    EpisodeEvent,
    Event,
    EvidenceAdded,
    Opened,
    QuietEvent,
    Released,
    Resolved,
    State,
    Suppressed,
    SuppressionEnded,
    SuspensionBegun,
    SuspensionEnded,
    Weight,
)
from alerts.first_out import WITHIN_MS, Group, headed
from alerts.flood import Position
from alerts.joining import KINDS, takes
from alerts.life import opens_about_life
from alerts.suppression import Suppressions
from alerts.suspension import Suspensions, part_of
from rules.decision import DRILL, FLOOD, Severity

REMEMBER_MS = 48 * 3_600_000
"""How long a resolved episode and its evidence are remembered: twice the 24 h in which a late or repeated
life-safety message still counts (R-05, R-90)."""

STALE_MS = 24 * 3_600_000
"""An alert whose condition holds for longer than this is stale (R-50)."""


class Heard(NamedTuple):
    """When people were last called for a source (event time, ms), and how urgently."""

    at: int
    severity: Severity


@dataclass(slots=True)
class _Record:
    """An episode with what is remembered of its evidence.

    The rules and causes that are in it; identities; what each source (rule, device, metric) last called for
    since somebody acted, and the devices that ever did; and how often the condition of each rule and subject
    began lately.
    """

    episode: Episode
    keys: set[tuple[str, str]] = field(default_factory=set)
    identities: set[str] = field(default_factory=set)
    heard: dict[tuple[str, str, str], Heard] = field(default_factory=dict)
    devices: set[str] = field(default_factory=set)
    activations: dict[tuple[str, str], Activations] = field(default_factory=dict)


class Book:
    """Episodes, open and lately resolved, suspensions, suppressions and floods. Rebuilt by `Book.of`.

    `severities` and `states` count the episodes that are not resolved.
    """

    __slots__ = (
        "_closed",
        "_emergencies",
        "_first",
        "_identities",
        "_open",
        "_records",
        "_unresolved",
        "positions",
        "severities",
        "states",
        "suppressions",
        "suspensions",
    )

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}
        self._open: dict[tuple[str, str], str] = {}
        self._unresolved: dict[str, None] = {}
        self._emergencies: dict[str, set[str]] = {}
        self._identities: set[str] = set()
        self._closed: dict[str, int] = {}
        self._first: dict[Group, str] = {}
        self.positions: defaultdict[str, Position] = defaultdict(Position)
        self.severities: Counter[Severity] = Counter()
        self.states: Counter[State] = Counter()
        self.suspensions = Suspensions()
        self.suppressions = Suppressions()

    @classmethod
    def of(cls, events: Iterable[Event]) -> "Book":
        """The book after these events: all events of each episode wanted, each episode's in their order."""
        book = cls()
        for event in events:
            book.apply(event)
        return book

    @overload
    def apply(self, event: EpisodeEvent) -> Episode: ...
    @overload
    def apply(self, event: QuietEvent) -> None: ...
    def apply(self, event: Event) -> Episode | None:
        """Fold an event in and give the episode after it, if it is of one. One applied before does nothing.

        Raises ValueError for an event that cannot follow what is in the book: a bug, never the world.
        """
        match event:
            case SuspensionBegun() | SuspensionEnded():
                self.suspensions.apply(event)
                return None
            case Suppressed() | SuppressionEnded():
                self.suppressions.apply(event)
                return None
        record = self._records.get(event.episode)
        if record is None:
            if not isinstance(event, Opened):
                raise ValueError(f"{event.name} of an episode {event.episode} that never opened")
            if (event.rule, event.cause) in self._open:
                raise ValueError(f"a second open episode for {event.rule} and the same cause")
            record = self._records[event.episode] = _Record(begin(event))
            self._begin(record, event)
        elif event.number <= record.episode.number:
            return record.episode
        else:
            self._join(record, event)
            self._count(record.episode, -1)
            record.episode = fold(record.episode, event)
        if not isinstance(event, Resolved):
            self._count(record.episode, 1)
        self._remember(record, event)
        return record.episode

    def _begin(self, record: _Record, event: Opened) -> None:
        self._unresolved[event.episode] = None
        self._put(record, event.rule, event.cause)
        if event.kind in KINDS and event.cause == event.subject:
            self._emergencies.setdefault(event.subject, set()).add(event.episode)

    def _join(self, record: _Record, event: EpisodeEvent) -> None:
        """Another rule's evidence: from now on that rule and cause are in this episode."""
        if isinstance(event, EvidenceAdded) and event.rule:
            found = self._open.get((event.rule, event.cause), event.episode)
            if found != event.episode:
                raise ValueError(f"{event.rule} and the same cause are in episode {found}")
            self._put(record, event.rule, event.cause)

    def _put(self, record: _Record, rule: str, cause: str) -> None:
        record.keys.add((rule, cause))
        self._open[rule, cause] = record.episode.id

    def _end(self, record: _Record, at: int) -> None:
        """The episode is resolved at a time of ours: new evidence of any of its rules opens another."""
        episode = record.episode
        for key in record.keys:
            del self._open[key]
        del self._unresolved[episode.id]
        standing = self._emergencies.get(episode.cause)
        if standing is not None:
            standing.discard(episode.id)
            if not standing:
                del self._emergencies[episode.cause]
        for device in record.devices:
            self._closed[device] = max(at, self._closed.get(device, 0))

    def _count(self, episode: Episode, by: int) -> None:
        self.severities[episode.severity] += by
        self.states[episode.state] += by

    def _remember(self, record: _Record, event: EpisodeEvent) -> None:
        """What the book keeps beside the episode."""
        episode = record.episode
        position = self.positions[episode.site]
        match event:
            case Opened() | EvidenceAdded():
                self._identify(record, event.identity)
                _hear(record, event)
                if episode.kind == FLOOD:
                    position.begin()
                elif event.calls and episode.kind != DRILL:
                    position.called(episode.id, event.at)
                position.muted += event.weight is Weight.MUTED
                if isinstance(event, Opened):
                    self._head(event)
            case Cleared():
                self._identify(record, event.identity)
                if episode.kind == FLOOD:
                    position.end()
            case Resolved():
                self._end(record, event.at)
                if episode.kind == FLOOD:
                    self.positions[episode.site] = Position()
            case Acknowledged() | Arrived():
                record.activations.clear()
                record.heard.clear()
            case Released() if episode.kind != DRILL:
                position.called(episode.id, event.at)
            case _:
                pass
        held = self.suspensions.get(episode.held)
        if held and (
            episode.state is State.RESOLVED
            or all(one.cleared_at is not None for one in part_of(episode, held))
        ):
            self.suspensions.seen_over(episode.held)

    def _identify(self, record: _Record, identity: str) -> None:
        record.identities.add(identity)
        self._identities.add(identity)

    def _head(self, event: Opened) -> None:
        """An alert that follows nobody is the first of a group."""
        group = headed(event.kind, event.cause, event.subject, event.site, about_life=opens_about_life(event))
        if group is not None and not event.follows:
            self._first[group] = event.episode

    def forget(self, before: int) -> int:
        """Drop episodes resolved before this time (ms, our clock) with their evidence; how many.

        Call it with now - REMEMBER_MS. Evidence older than that must not be decided again.
        """
        old = [
            record
            for record in self._records.values()
            if record.episode.resolved_at is not None and record.episode.resolved_at < before
        ]
        for record in old:
            del self._records[record.episode.id]
            self._identities -= record.identities
        self._closed = {device: at for device, at in self._closed.items() if at >= before}
        self._first = {group: first for group, first in self._first.items() if first in self._records}
        self.suspensions.forget(before)
        self.suppressions.forget(before)
        return len(old)

    def get(self, episode: str) -> Episode | None:
        """The episode of this id, unless unknown or forgotten."""
        record = self._records.get(episode)
        return record.episode if record else None

    def unresolved(self) -> list[Episode]:
        """Every episode that is not resolved, in the order in which they opened."""
        return list(self._in_order())

    def _in_order(self) -> Iterator[Episode]:
        return (self._records[episode].episode for episode in self._unresolved)

    def urgent(self, limit: int, state: State | None = None) -> list[Episode]:
        """At most `limit` not resolved, of one state or all, the most urgent first.

        About life first, then open before taken charge of, then by severity. Among equals the newest
        first. In a flood, calls for help and falls stay on top (R-47).
        """
        return nsmallest(
            limit,
            (one for one in self._in_order() if state in {None, one.state}),
            key=lambda one: (
                not one.about_life,
                one.state is not State.OPEN,
                -rank(one.severity),
                -one.raised_at,
            ),
        )

    def stale(self, now: int) -> list[Episode]:
        """Those whose condition holds for more than 24 h, the oldest first (R-50)."""
        old = takewhile(lambda one: now - one.raised_at > STALE_MS, self._in_order())
        return [one for one in old if one.active]

    def open_for(self, rule: str, cause: str) -> Episode | None:
        """The one unresolved episode that a rule and cause are in."""
        episode = self._open.get((rule, cause))
        return self._records[episode].episode if episode else None

    def emergency(self, subject: str, heard: int, kinds: Collection[str] = KINDS) -> Episode | None:
        """The emergency of a subject, of one of these kinds, that takes signs heard of then.

        The one last attended to.
        """
        episodes = (self._records[one].episode for one in self._emergencies.get(subject, ()))
        found = (one for one in episodes if one.kind in kinds and takes(one, heard))
        return max(found, key=lambda one: (one.attended_at, one.id), default=None)

    def knows(self, identity: str) -> bool:
        """Whether this evidence (see `decide.identify`) was counted before."""
        return identity in self._identities or self.suppressions.knows(identity)

    def last_heard(self, episode: str, rule: str, device: str, metric: str) -> Heard | None:
        """The newest evidence of this source for which people were called, since somebody last acted."""
        return self._records[episode].heard.get((rule, device, metric))

    def activations(self, episode: str, rule: str, subject: str) -> Activations:
        """How often people were lately called for this subject of an episode, by this rule."""
        return self._records[episode].activations.get((rule, subject), NONE)

    def first_of(self, groups: Iterable[Group], now: int) -> str:
        """The unresolved episode that began one of these groups in the ten minutes before `now`, or ""."""
        for group in groups:
            first = self.get(self._first.get(group, ""))
            if first and first.state is not State.RESOLVED and now - first.raised_at <= WITHIN_MS:
                return first.id
        return ""

    def closed_at(self, device: str) -> int:
        """When an episode that this device called was last resolved (ms, our clock); 0 when none is known."""
        return self._closed.get(device, 0)


def _hear(record: _Record, event: Opened | EvidenceAdded) -> None:
    """Remember when a source last called, and what chatters.

    Repeats do not count, or steady presses would never call.
    """
    rule, evidence = event.rule or record.episode.rule, event.evidence
    before = record.activations.get((rule, event.subject), NONE)
    if event.calls:
        record.activations[rule, event.subject] = called(before, event.at)
        source = (rule, evidence.device, evidence.metric)
        last = record.heard.get(source, Heard(evidence.at, event.severity))
        record.heard[source] = Heard(max(evidence.at, last.at), max(event.severity, last.severity, key=rank))
        record.devices.add(evidence.device)
    elif event.weight is Weight.LATCHED:
        record.activations[rule, event.subject] = counted(before, event.at)
