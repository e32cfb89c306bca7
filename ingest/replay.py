"""Rules tried on what happened, offline: the same engine and book as live, and no clock.

Rule: the same happenings in the same order give the same alerts, always; and those that live raised, where
the happenings are all that live was given.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from alerts.acts import Act, acknowledge, end_suspension, resolve, suspend
from alerts.book import Book
from alerts.comparison import Call, call_of
from alerts.decide import decide, follow
from alerts.episode import Episode
from alerts.event import (
    Acknowledged,
    EpisodeEvent,
    Event,
    QuietEvent,
    Resolved,
    SuspensionBegun,
    SuspensionEnded,
)
from alerts.where import site_of
from devices.identity import is_repeat
from devices.message import Message
from devices.observation import Observation
from devices.reading import Reason
from devices.registry import Registry
from ingest.facts import Facts
from ingest.felt import message_of
from ingest.interpret import interpret
from rules.decision import Decision
from rules.engine import Engine
from rules.falls.detector import Detector, Fall, Rest
from rules.falls.model import Model, default_models
from rules.ruleset import RuleSet
from rules.unreadable import unreadable


@dataclass(frozen=True, slots=True)
class Moment:
    """Time passed until `at` (ms UTC); `decisions` were made beside the rules (an unreadable call)."""

    at: int
    decisions: Sequence[Decision] = ()


@dataclass(frozen=True, slots=True)
class Begun:
    """The rules began at `at` (ms UTC), knowing nothing of before."""

    at: int


@dataclass(frozen=True, slots=True)
class Deaf:
    """From `since` until `until` (ms UTC) nobody could be heard: the service or its broker was down."""

    since: int
    until: int


Happening = Observation | Moment | Begun | Deaf | Act
"""What a trial is given, in order of our clock."""

Told = tuple[EpisodeEvent, Episode]

_MOST_REASONS = 1000


def when(happening: Happening) -> int:
    """When we heard of it, ms UTC."""
    if isinstance(happening, Observation):
        return happening.received_at
    return happening.until if isinstance(happening, Deaf) else happening.at


class Trial:
    """One set of rules, tried on a course of happenings. The rules begin with the first, or at `begin`."""

    def __init__(self, rules: RuleSet, registry: Registry, site: str, begin: int | None = None) -> None:
        self._rules, self._registry, self._site = rules, registry, site
        self._engine = None if begin is None else Engine(rules, registry, begin)
        self._now = 0
        self.book = Book()

    def take(self, happening: Happening) -> list[Told]:
        """What follows from one happening, and from the time that passed before it."""
        now = when(happening)
        if isinstance(happening, Begun):
            self._engine = Engine(self._rules, self._registry, now)
            return []
        engine = self._engine = self._engine or Engine(self._rules, self._registry, now)
        if isinstance(happening, Deaf):
            engine.deaf(happening.since, now)  # before the time passes of which it tells
        told = self._passed(engine, now)
        if isinstance(happening, Observation):
            return told + self._followed(engine.observe(happening), now)
        if isinstance(happening, Moment):
            return told + self._followed([*engine.tick(now), *happening.decisions], now)
        if isinstance(happening, Deaf):
            return told + self._followed(engine.tick(now), now)
        return told + self._acted(happening)

    def _passed(self, engine: Engine, until: int) -> list[Told]:
        """What fell due before a time, each at its own, as when the clock is asked all the time."""
        told: list[Told] = []
        while (due := engine.next_wake()) is not None and due < until:
            self._now = max(self._now, due)
            told += self._followed(engine.tick(due), self._now)
        self._now = max(self._now, until)
        return told

    def _followed(self, decisions: list[Decision], now: int) -> list[Told]:
        followed: list[Told] = []
        for decision in decisions:
            site = site_of(self._registry, decision.subject) or self._site
            at = max(now, decision.at)
            while events := follow(self.book, at, site):
                followed += self._taken(events)
            followed += self._taken(decide(self.book, decision, at, site))
            while events := follow(self.book, at, site):
                followed += self._taken(events)
        while events := follow(self.book, now):
            followed += self._taken(events)
        return followed

    def _taken(self, events: list[Event]) -> list[Told]:
        """The book after these events, and those of them that are about alerts."""
        told: list[Told] = []
        for event in events:
            if isinstance(event, QuietEvent):
                self.book.apply(event)
            else:
                told.append((event, self.book.apply(event)))
        return told

    def _acted(self, act: Act) -> list[Told]:
        """A person's act, where it is about an alert that these rules raised too."""
        match act:
            case Acknowledged():
                followed = acknowledge(self.book, act.episode, act.by, act.at, act.source, note=act.note)
            case Resolved():
                followed = resolve(self.book, act.episode, act.by, act.outcome, act.note, act.at, act.source)
            case SuspensionBegun():
                followed = suspend(self.book, act)
            case SuspensionEnded():
                followed = end_suspension(self.book, act.suspension, act.by, act.at, act.source)
        return self._taken(followed) if isinstance(followed, list) else []


def calls(told: Iterable[Told]) -> Iterator[Call]:
    """The calls among what followed."""
    for event, episode in told:
        if called := call_of(event):
            severity, subject, at = called
            yield Call(episode.rule_of(event), subject, at, severity, episode.id)


class Recording:
    """A recording's messages as happenings: interpreted, without repeats. Nobody closes an alert in it.

    `models` judge what accelerometers felt; without, those that come with the program. `why` counts reasons
    of messages that were rejected, `windows` are of acceleration, `falls` were felt in them.
    """

    def __init__(self, registry: Registry, site: str, models: Mapping[str, Model] | None = None) -> None:
        self._registry, self._site = registry, site
        self._detector = Detector(default_models() if models is None else models)
        self._facts = Facts(registry)
        self._seen: dict[int, int] = {}
        self._ours = 0
        self.read = self.rejected = self.repeated = self.windows = self.falls = 0
        self.why: Counter[tuple[Reason, str]] = Counter()

    @property
    def messages(self) -> int:
        """How many were read of those that others sent."""
        return self.read - self._ours

    def happenings(self, message: Message) -> list[Happening]:
        """What one message says, and what became of signals that had stopped before it came."""
        return [*self.passed(message.received_at), *self._said(message)]

    def next_wake(self) -> int | None:
        """When `passed` may next have something to say, ms UTC; None: not before the next message."""
        return self._detector.next_wake()

    def passed(self, until: int) -> list[Happening]:
        """What signals that have stopped by a time (ms UTC) meant, each when that was clear."""
        told: list[Happening] = []
        while (wake := self._detector.next_wake()) is not None and wake <= until:
            told += self._felt(self._detector.tick(wake), wake)
        return told

    def _felt(self, found: Iterable[Fall | Rest], now: int) -> list[Happening]:
        told: list[Happening] = []
        for felt in found:
            self._ours += 1
            self.falls += isinstance(felt, Fall)
            told += self._said(message_of(felt, now))
        return told

    def _said(self, message: Message) -> list[Happening]:
        now = message.received_at
        said = interpret(message, self._registry, self._site, self._facts)
        self._facts.learn(self.read, said.learned)
        self.read += 1
        self.windows += len(said.motion)
        if said.rejected and not said.observations and not said.motion:
            self.rejected += 1
            self._count(dict.fromkeys((one.reason, one.detail) for one in said.rejected))
        repeats = {
            identity
            for o, identity, good_for in zip(said.observations, said.identities, said.good_for, strict=True)
            if (seen := self._seen.get(identity)) is not None
            and is_repeat(o, good_for, now - seen, closed_since=False)
        }
        self.repeated += bool(repeats)
        self._seen.update((identity, now) for identity in said.identities if identity not in {0, *repeats})
        fresh = [
            observation
            for observation, identity in zip(said.observations, said.identities, strict=True)
            if identity not in repeats
        ]
        told = [unreadable(device, why, str(self.read), now) for device, why in said.unreadable]
        felt = [
            told
            for site, window in said.motion
            for told in self._felt(self._detector.observe(site, window, now), now)
        ]
        return [Moment(now), *fresh, *([Moment(now, told)] if told else []), *felt]

    def _count(self, reasons: Iterable[tuple[Reason, str]]) -> None:
        """Count why a message was rejected; of very many details only the reason."""
        for reason, detail in reasons:
            full = len(self.why) >= _MOST_REASONS and (reason, detail) not in self.why
            self.why[reason, "" if full else detail] += 1
