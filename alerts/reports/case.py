"""One alert as a report sees it: each time people were called, who answered when, who came, what it was.

Rule: a case follows from the alert's events alone, by the same folding as everywhere else.

A *round* begins when people are called while nobody is being called for this alert: it opened, fresh evidence
or the end of a suspension calls, or an acknowledgement lapsed. Evidence that calls while people are being
called already begins none: they wait since the first. It is answered by the first person who takes charge,
arrives or resolves, and withdrawn when the alert is suspended before.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from alerts.chatter import ACTIVATIONS, WINDOW_MS
from alerts.episode import Episode, begin, fold
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

DRILL = "drill"
"""The kind of alerts that are left out of every figure."""

_NO_ACTIVATION = frozenset((Weight.NOTE, Weight.REPEAT))


@dataclass(frozen=True, slots=True)
class Round:
    """Calling until somebody answers; times are our clock (ms UTC), None where it has not happened.

    `since` is when it is waited since at the bedside: of a round that a lapse began, the beginning of the one
    before. `steps` are when people were told and how many, `unstaffed` when a step found nobody on duty.
    """

    called_at: int
    since: int
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


@dataclass(frozen=True, slots=True)
class Case:
    """An alert with its rounds. `rules` and `sensors` are all that have a say in it, its own first.

    `told` are who was told when (a person's id, our clock); `activations` when a condition began or was seen
    again, by rule and subject; `active` from when until when a condition held (event time, None: still).
    """

    id: str
    kind: str
    severity: str
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
    resolved_at: int | None = None
    resolved_by: str = ""
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
    rounds: list[Round] = []
    told: dict[tuple[str, int], None] = {}
    active: list[tuple[int, int | None]] = [(opening.evidence.at, None)]
    _count(rounds, episode, opening, None)
    latched = 0
    for event in rest:
        before, episode = episode, fold(episode, event)
        _count(rounds, episode, event, before)
        if isinstance(event, Notified):
            told.update(dict.fromkeys((one.to, event.at) for one in event.to if one.to))
        latched += isinstance(event, EvidenceAdded) and event.weight is Weight.LATCHED
        _follow(active, before, episode, event)
    return Case(
        id=episode.id,
        kind=episode.kind,
        severity=episode.severity.value,
        site=episode.site,
        subject=opening.subject,
        rules=tuple(sign.rule for sign in episode.said),
        sensors=tuple(dict.fromkeys(device for device in map(_sensor, events) if device)),
        opened_at=episode.opened_at,
        rounds=tuple(rounds),
        told=tuple(told),
        chattered=_chatters(events),
        latched=latched,
        active=tuple(active),
        resolved_at=episode.resolved_at,
        resolved_by=episode.resolved_by,
        outcome=episode.outcome,
    )


def _count(rounds: list[Round], episode: Episode, event: EpisodeEvent, before: Episode | None) -> None:
    """What an event is for the rounds."""
    last = rounds[-1] if rounds else None
    if getattr(event, "calls", False) and not (last and last.open):
        lapsed = isinstance(event, Lapsed) and last is not None
        if last and lapsed:
            rounds[-1] = replace(last, lapsed_at=event.at)
        rounds.append(Round(event.at, last.since if last and lapsed else event.at))
        return
    if last is None:
        return
    match event:
        case Acknowledged() | Arrived() | Resolved() if last.open:
            last = replace(last, answered_at=event.at, answered_by=event.by)
        case Notified() if last.open and event.to:
            last = replace(last, steps=(*last.steps, (event.at, len(event.to))))
        case Notified() if last.open and event.nobody:
            last = replace(last, unstaffed=(*last.unstaffed, event.at))
        case Notified() if last.open:
            last = replace(last, steps=(*last.steps, (event.at, 0)))
        case MessageDelivered() if last.delivered_at is None and last.open:
            last = replace(last, delivered_at=event.at)
    if isinstance(event, Arrived) and last.arrived_at is None:
        last = replace(last, arrived_at=event.at)
    if last.open and before is not None and before.call and episode.call is None:
        last = replace(last, withdrawn_at=event.at)
    rounds[-1] = last


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


def _sensor(event: EpisodeEvent) -> str:
    return event.evidence.device if isinstance(event, (Opened, EvidenceAdded)) else ""


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
