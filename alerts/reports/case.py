"""One alert as a report sees it: each time people were called, who answered when, who came, what it was.

Rule: a case follows from the alert's events alone, by the same folding as everywhere else.

A *round* is one time that people are called, with a clock of its own (ours). It begins when people are called
while nobody is being called for this alert: it opened, fresh evidence or the end of a suspension calls, or an
acknowledgement lapsed. Evidence that calls while people are being called already begins none, for they wait
since the first; unless it is more urgent than what they are called for: then the clock of that begins, and
the first one goes on. The first person who takes charge, arrives or resolves answers all that is open. Rounds
are withdrawn, and neither answered nor missed, when the alert is suspended before, or ended without a person:
by the resident's own answer or with a suspension.

Whoever arrives is there for every round that waits for somebody at the bedside. Where an acknowledgement
lapses the waiting goes on in the round that begins then, since the first that waited.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from alerts.chatter import ACTIVATIONS, WINDOW_MS
from alerts.decide import SUSPENSION
from alerts.episode import Episode, begin, fold, rank
from alerts.escalate import RESIDENT
from alerts.event import (
    Acknowledged,
    Arrived,
    EpisodeEvent,
    EvidenceAdded,
    Lapsed,
    MessageDelivered,
    Notified,
    Opened,
    Outcome,
    Resolved,
    Weight,
)
from rules.decision import Severity

_NO_ACTIVATION = frozenset((Weight.NOTE, Weight.REPEAT))
_NO_PERSON = frozenset((SUSPENSION, RESIDENT))


@dataclass(frozen=True, slots=True)
class Round:
    """Calling until somebody answers; times are our clock (ms UTC), None where it has not happened.

    `since` is when it is waited since at the bedside: `called_at`, or for a round that a lapse began the
    beginning of the first that waited. `severity` is how urgent it was when people were called. `steps` are
    when people were told and how many (0: only displays and webhooks), `unstaffed` when a step found nobody
    on duty; `delivered_at` is the first receipt while it was open.
    """

    called_at: int
    since: int
    severity: Severity
    steps: tuple[tuple[int, int], ...] = ()
    unstaffed: tuple[int, ...] = ()
    delivered_at: int | None = None
    answered_at: int | None = None
    answered_by: str = ""
    arrived_at: int | None = None
    lapsed_at: int | None = None
    withdrawn_at: int | None = None

    @property
    def open(self) -> bool:
        """Whether people are being called."""
        return self.answered_at is None and self.withdrawn_at is None

    @property
    def waits(self) -> bool:
        """Whether it waits for somebody at the bedside."""
        return self.arrived_at is None and self.lapsed_at is None and self.withdrawn_at is None


@dataclass(frozen=True, slots=True)
class Case:
    """An alert with its rounds. `rules` and `sensors` are all that have a say in it, its own first.

    `severity` is the highest it came to. `told` are who was told when (a person's id, our clock); `active`
    from when until when a condition held (event time, None: still); `checks` the deadlines (rule, subject,
    due) that it was raised for. `by_person`: somebody resolved it, not the resident's own answer nor the end
    of a suspension; only then is its `outcome` a person's word.
    """

    id: str
    kind: str
    severity: Severity
    site: str
    subject: str
    rules: tuple[str, ...]
    sensors: tuple[str, ...]
    opened_at: int
    rounds: tuple[Round, ...] = ()
    told: tuple[tuple[str, int], ...] = ()
    chattered: bool = False
    latched: int = 0
    active: tuple[tuple[int, int | None], ...] = ()
    checks: tuple[tuple[str, str, int], ...] = ()
    resolved_at: int | None = None
    resolved_by: str = ""
    by_person: bool = False
    outcome: Outcome | None = None

    @property
    def rule(self) -> str:
        """The rule by which it opened."""
        return self.rules[0]

    @property
    def called_at(self) -> int | None:
        """When people were first called for it."""
        return self.rounds[0].called_at if self.rounds else None


def case_of(events: Sequence[EpisodeEvent]) -> Case:
    """The case of all events of one episode, in order. Raises ValueError when they are not."""
    opening, *rest = events
    if not isinstance(opening, Opened):
        raise ValueError("the events of an episode begin with its opening")  # noqa: TRY004  what, not a type
    episode = begin(opening)
    rounds = _counted([], episode, opening)
    told: dict[tuple[str, int], None] = {}
    active: list[tuple[int, int | None]] = [(opening.evidence.at, None)]
    checks = dict.fromkeys(_deadline(episode, opening))
    sensors = {opening.evidence.device: None}
    latched = 0
    by_person = False
    for event in rest:
        before, episode = episode, fold(episode, event)
        rounds = _counted(rounds, episode, event, before)
        match event:
            case Notified():
                told.update(dict.fromkeys((one.to, event.at) for one in event.to if one.to))
            case EvidenceAdded() if event.weight is not Weight.NOTE:
                sensors[event.evidence.device] = None
                latched += event.weight is Weight.LATCHED
                checks.update(dict.fromkeys(_deadline(episode, event)))
            case Resolved():
                by_person = event.source not in _NO_PERSON
            case _:
                pass
        _follow(active, before, episode, event)
    return Case(
        id=episode.id,
        kind=episode.kind,
        severity=episode.severity,
        site=episode.site,
        subject=opening.subject,
        rules=tuple(dict.fromkeys(sign.rule for sign in episode.said)),
        sensors=tuple(device for device in sensors if device),
        opened_at=episode.opened_at,
        rounds=tuple(rounds),
        told=tuple(told),
        chattered=_chatters(events),
        latched=latched,
        active=tuple(active),
        checks=tuple(checks),
        resolved_at=episode.resolved_at,
        resolved_by=episode.resolved_by,
        by_person=by_person,
        outcome=episode.outcome,
    )


def _counted(
    rounds: list[Round], episode: Episode, event: EpisodeEvent, before: Episode | None = None
) -> list[Round]:
    """The rounds after an event."""
    if getattr(event, "calls", False):
        return _called(rounds, episode, event)
    if isinstance(event, Arrived):
        rounds = [replace(one, arrived_at=event.at) if one.waits else one for one in rounds]
    ended = before is not None and before.call is not None and episode.call is None
    return [_gone_on(one, event, ended=ended) if one.open else one for one in rounds]


def _called(rounds: list[Round], episode: Episode, event: EpisodeEvent) -> list[Round]:
    urgent = rank(episode.severity)
    if any(one.open and rank(one.severity) >= urgent for one in rounds):
        return rounds
    since = event.at
    if isinstance(event, Lapsed):
        since = min((one.since for one in rounds if one.waits), default=event.at)
        rounds = [replace(one, lapsed_at=event.at) if one.waits else one for one in rounds]
    return [*rounds, Round(event.at, since, episode.severity)]


def _gone_on(one: Round, event: EpisodeEvent, *, ended: bool) -> Round:
    """An open round after an event; `ended`: from then on nobody is called."""
    match event:
        case Resolved() if event.source in _NO_PERSON:
            return replace(one, withdrawn_at=event.at)
        case Acknowledged() | Arrived() | Resolved():
            return replace(one, answered_at=event.at, answered_by=event.by)
        case Notified() if event.nobody and not event.to:
            return replace(one, unstaffed=(*one.unstaffed, event.at))
        case Notified():
            return replace(one, steps=(*one.steps, (event.at, len(event.to))))
        case MessageDelivered() if one.delivered_at is None:
            return replace(one, delivered_at=event.at)
        case _ if ended:
            return replace(one, withdrawn_at=event.at)
        case _:
            return one


def _follow(
    active: list[tuple[int, int | None]], before: Episode, after: Episode, event: EpisodeEvent
) -> None:
    """Since when, or until when, a condition holds."""
    since, until = active[-1]
    if until is None and (not after.active or isinstance(event, Resolved)):
        ends = [one.cleared_at for one in after.subjects if one.cleared_at is not None]
        active[-1] = (since, event.at if isinstance(event, Resolved) else max(ends, default=event.at))
    elif until is not None and after.active and not before.active and isinstance(event, EvidenceAdded):
        active.append((event.evidence.at, None))


def _deadline(episode: Episode, event: Opened | EvidenceAdded) -> Iterable[tuple[str, str, int]]:
    due = event.facts.get("due_ms")
    return [(episode.rule_of(event), event.subject, int(due))] if due is not None else []


def _chatters(events: Iterable[EpisodeEvent]) -> bool:
    """Whether one alarm was activated three times within 60 s (R-48), latched or not."""
    found: dict[tuple[str, str], list[int]] = {}
    for event in events:
        if isinstance(event, Opened) or (
            isinstance(event, EvidenceAdded) and event.weight not in _NO_ACTIVATION
        ):
            rule = "" if isinstance(event, Opened) else event.rule
            found.setdefault((rule, event.subject), []).append(event.at)
    return any(
        last - first <= WINDOW_MS
        for times in found.values()
        for first, last in zip(times, times[ACTIVATIONS - 1 :], strict=False)
    )
