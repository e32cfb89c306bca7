"""The book of episodes: what a decision or a person changes.

Rule: `decide`, `acknowledge` and `resolve` only say which events follow; `Book.apply` alone changes the
book. At most one episode per rule and cause is unresolved, and no evidence ever counts twice.
"""

from base64 import b32encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b

from alerts.episode import (
    Acknowledged,
    Cleared,
    Episode,
    Event,
    EvidenceAdded,
    Opened,
    Outcome,
    Resolved,
    State,
    Weight,
    begin,
    fold,
    rank,
)
from rules.decision import Change, Decision

REMEMBER_MS = 48 * 3_600_000
"""How long a resolved episode and its evidence are remembered: twice the 24 h in which a late or repeated
life-safety message still counts (R-05, R-90)."""


class Refusal(StrEnum):
    """Why a person's act had no effect."""

    UNKNOWN = "unknown_alert"
    ALREADY_RESOLVED = "already_resolved"
    MISSING_NAME = "missing_name"
    BAD_OUTCOME = "bad_outcome"
    FRESH_EVIDENCE = "fresh_evidence"


@dataclass(frozen=True, slots=True)
class Refused:
    """An act refused, and why in words. Nothing was changed."""

    why: Refusal
    message: str


def identify(decision: Decision) -> str:
    """The identity of a decision's evidence: the same for the same thing seen again, about the same subject.

    16 characters of base32 (80 bits of BLAKE2b), easy to read out on the telephone. The evidence that opens
    an episode gives it its id, so replay cannot make a second one.
    """
    parts = (decision.rule, decision.cause, decision.subject, decision.change.value, decision.evidence.key)
    text = "".join(f"{len(part)}:{part}" for part in parts)
    digest = blake2b(text.encode(errors="surrogatepass"), digest_size=10)
    return b32encode(digest.digest()).decode().lower()


@dataclass(slots=True)
class _Record:
    """An episode with what is remembered of its evidence: identities, and when each source was last heard."""

    episode: Episode
    identities: set[str] = field(default_factory=set)
    heard_at: dict[tuple[str, str], int] = field(default_factory=dict)


class Book:
    """Episodes, open and lately resolved. Rebuilt from stored events by `Book.of`."""

    __slots__ = ("_closed", "_identities", "_open", "_records")

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}
        self._open: dict[tuple[str, str], str] = {}
        self._identities: set[str] = set()
        self._closed: dict[str, int] = {}

    @classmethod
    def of(cls, events: Iterable[Event]) -> "Book":
        """The book after these events: all events of each episode wanted, each episode's in their order."""
        book = cls()
        for event in events:
            book.apply(event)
        return book

    def apply(self, event: Event) -> Episode:
        """Fold an event in and give the episode after it. An event applied before changes nothing.

        Raises ValueError for an event that cannot follow what is in the book: a bug, never the world.
        """
        record = self._records.get(event.episode)
        if record is None:
            if not isinstance(event, Opened):
                raise ValueError(f"{event.name} of an episode {event.episode} that never opened")
            if (event.rule, event.cause) in self._open:
                raise ValueError(f"a second open episode for {event.rule} and the same cause")
            record = self._records[event.episode] = _Record(begin(event))
            self._open[event.rule, event.cause] = event.episode
        elif event.number <= record.episode.number:
            return record.episode
        else:
            record.episode = fold(record.episode, event)
        match event:
            case Opened() | EvidenceAdded() | Cleared():
                record.identities.add(event.identity)
                self._identities.add(event.identity)
                if not isinstance(event, Cleared):
                    self._hear(record, event)
            case Resolved():
                del self._open[record.episode.rule, record.episode.cause]
                for device, _ in record.heard_at:
                    self._closed[device] = max(event.at, self._closed.get(device, 0))
            case Acknowledged():
                pass
        return record.episode

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
        return len(old)

    def get(self, episode: str) -> Episode | None:
        """The episode of this id, unless unknown or forgotten."""
        record = self._records.get(episode)
        return record.episode if record else None

    def unresolved(self) -> list[Episode]:
        """Every open or acknowledged episode, in the order in which they opened."""
        return [self._records[episode].episode for episode in self._open.values()]

    def open_for(self, rule: str, cause: str) -> Episode | None:
        """The one unresolved episode of a rule and cause."""
        episode = self._open.get((rule, cause))
        return self._records[episode].episode if episode else None

    def knows(self, identity: str) -> bool:
        """Whether this evidence (see `identify`) was counted before."""
        return identity in self._identities

    def last_heard(self, episode: str, device: str, metric: str) -> int | None:
        """Event time of the newest evidence of this source in the episode, notes apart (ms)."""
        return self._records[episode].heard_at.get((device, metric))

    def closed_at(self, device: str) -> int:
        """When an episode that this device called was last resolved (ms, our clock); 0 when none is known."""
        return self._closed.get(device, 0)

    @staticmethod
    def _hear(record: _Record, event: Opened | EvidenceAdded) -> None:
        """Remember when a source last called; repeats do not count, or steady presses would never call."""
        if isinstance(event, EvidenceAdded) and not event.calls:
            return
        source = (event.evidence.device, event.evidence.metric)
        record.heard_at[source] = max(event.evidence.at, record.heard_at.get(source, event.evidence.at))


def decide(book: Book, decision: Decision, now: int, site: str = "") -> list[Event]:
    """The events that follow from a rule's decision; none when it was seen before, or calls for none.

    `now` is our clock (ms).

    `site` is where the subject lives (`where.site_of`); an episode keeps the one it opened with.
    """
    if decision.change in {Change.SUPPRESS, Change.RECORD}:
        return []
    identity = identify(decision)
    if book.knows(identity):
        return []
    episode = book.open_for(decision.rule, decision.cause)
    if decision.change is Change.CLEAR:
        return _clear(episode, decision, identity, now)
    if episode is not None:
        return [_more(book, episode, decision, identity, now)]
    if decision.change is not Change.RAISE:
        return []
    return [
        Opened(
            episode=identity,
            number=1,
            at=now,
            rule=decision.rule,
            kind=decision.kind,
            cause=decision.cause,
            subject=decision.subject,
            site=site,
            severity=decision.severity,
            identity=identity,
            evidence=decision.evidence,
            facts=dict(decision.facts),
        )
    ]


def _clear(episode: Episode | None, decision: Decision, identity: str, now: int) -> list[Event]:
    """The end of a condition: of one subject's, or of everyone's when the subject is the cause itself.

    What ended before the newest evidence ended something older: a replayed "door closed" clears nothing.
    """
    if episode is None:
        return []
    everyone = decision.subject == decision.cause
    running = [
        concern
        for concern in episode.subjects
        if concern.cleared_at is None and (everyone or concern.subject == decision.subject)
    ]
    if not running or any(decision.evidence.at < concern.last_at for concern in running):
        return []
    return [Cleared(episode.id, episode.number + 1, now, decision.subject, identity, decision.evidence)]


def _more(book: Book, episode: Episode, decision: Decision, identity: str, now: int) -> EvidenceAdded:
    """More evidence for an unresolved episode."""
    if decision.change is not Change.RAISE:
        weight = Weight.NOTE
    else:
        weight = Weight.REPEAT if _same_press(book, episode, decision) else Weight.CALL
    return EvidenceAdded(
        episode=episode.id,
        number=episode.number + 1,
        at=now,
        subject=decision.subject,
        severity=decision.severity,
        weight=weight,
        identity=identity,
        evidence=decision.evidence,
        facts=dict(decision.facts),
    )


def _same_press(book: Book, episode: Episode, decision: Decision) -> bool:
    """Whether this is one more message of a press that people were called for and nobody answered yet."""
    evidence = decision.evidence
    last = book.last_heard(episode.id, evidence.device, evidence.metric)
    return (
        episode.state is State.OPEN
        and evidence.same_within_ms > 0
        and rank(decision.severity) <= rank(episode.severity)
        and last is not None
        and abs(evidence.at - last) <= evidence.same_within_ms
    )


def acknowledge(
    book: Book, episode: str, by: str, now: int, source: str = "", *, note: str = "", seen: int | None = None
) -> list[Event] | Refused:
    """A named person takes charge; nothing follows when they hold it already, another may take over.

    `seen` is the episode's `number` when that person looked at it. If people have been called again since,
    the act is refused, so that nobody acknowledges a fall they have not seen.
    """
    found = _actable(book, episode, by, seen)
    if isinstance(found, Refused):
        return found
    if found.state is State.RESOLVED:
        return _resolved_by(found)
    if found.state is State.ACKNOWLEDGED and found.acknowledged_by == by.strip():
        return []
    return [Acknowledged(found.id, found.number + 1, now, by.strip(), source, note)]


def resolve(
    book: Book,
    episode: str,
    by: str,
    outcome: str,
    note: str,
    now: int,
    source: str = "",
    *,
    seen: int | None = None,
) -> list[Event] | Refused:
    """A named person closes the episode with one of `Outcome`; the same act repeated has no effect.

    `seen` as in `acknowledge`: a fall that came in meanwhile is not closed with the old one.
    """
    found = _actable(book, episode, by, seen)
    if isinstance(found, Refused):
        return found
    if outcome not in set(Outcome):
        return Refused(Refusal.BAD_OUTCOME, f"outcome must be one of {', '.join(Outcome)}")
    if found.state is State.RESOLVED:
        same = found.resolved_by == by.strip() and found.outcome == outcome
        return [] if same else _resolved_by(found)
    number = found.number + 1
    return [Resolved(found.id, number, now, by.strip(), Outcome(outcome), source, note)]


def _actable(book: Book, episode: str, by: str, seen: int | None) -> Episode | Refused:
    """The episode, if a person of this name may act on what they saw of it."""
    found = book.get(episode)
    if found is None:
        return Refused(Refusal.UNKNOWN, "there is no such alert")
    if not by.strip():
        return Refused(Refusal.MISSING_NAME, "a person must be named")
    if seen is not None and seen < found.called and found.state is not State.RESOLVED:
        return Refused(Refusal.FRESH_EVIDENCE, "people were called again since this was looked at")
    return found


def _resolved_by(episode: Episode) -> Refused:
    return Refused(Refusal.ALREADY_RESOLVED, f"resolved before, as {episode.outcome}")
