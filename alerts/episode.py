"""An episode: one thing that happened, from its first evidence until a person has resolved it.

Rule: an episode changes only by folding an event into it, along an edge of `TRANSITIONS`. That the
condition went away (ISA-18.2 "return to normal") is noted in `active` and closes nothing (R-16, R-42).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from alerts.event import (
    SUSPENDED,
    Acknowledged,
    Cleared,
    EpisodeEvent,
    EventName,
    EvidenceAdded,
    Opened,
    Outcome,
    Released,
    Resolved,
    State,
    Suspended,
    Weight,
)
from alerts.life import about_life, opens_about_life
from rules.decision import Severity

LATE_MS = 120_000
"""An alert raised so long after it happened says how old it is (R-90)."""


TRANSITIONS: Mapping[tuple[State, EventName], State] = {
    (State.OPEN, EventName.EVIDENCE): State.OPEN,
    (State.OPEN, EventName.CLEARED): State.OPEN,
    (State.OPEN, EventName.ACKNOWLEDGED): State.ACKNOWLEDGED,
    (State.OPEN, EventName.RESOLVED): State.RESOLVED,
    (State.OPEN, EventName.SHELVED): State.SHELVED,
    (State.OPEN, EventName.OUT_OF_SERVICE): State.OUT_OF_SERVICE,
    (State.OPEN, EventName.RELEASED): State.OPEN,
    (State.ACKNOWLEDGED, EventName.EVIDENCE): State.OPEN,
    (State.ACKNOWLEDGED, EventName.CLEARED): State.ACKNOWLEDGED,
    (State.ACKNOWLEDGED, EventName.ACKNOWLEDGED): State.ACKNOWLEDGED,
    (State.ACKNOWLEDGED, EventName.RESOLVED): State.RESOLVED,
    (State.ACKNOWLEDGED, EventName.SHELVED): State.ACKNOWLEDGED,
    (State.ACKNOWLEDGED, EventName.OUT_OF_SERVICE): State.ACKNOWLEDGED,
    (State.ACKNOWLEDGED, EventName.RELEASED): State.OPEN,
    **{
        edge: after
        for suspended in SUSPENDED.values()
        for edge, after in {
            (suspended, EventName.EVIDENCE): State.OPEN,
            (suspended, EventName.CLEARED): suspended,
            (suspended, EventName.ACKNOWLEDGED): State.ACKNOWLEDGED,
            (suspended, EventName.RESOLVED): State.RESOLVED,
            (suspended, EventName.SHELVED): State.SHELVED,
            (suspended, EventName.OUT_OF_SERVICE): State.OUT_OF_SERVICE,
            (suspended, EventName.RELEASED): State.OPEN,
        }.items()
    },
}
"""Every edge there is; `opened` makes an episode and nothing leaves `resolved`.

Evidence that calls nobody takes no edge: the state stays as it is. So evidence about somebody's life, which
always calls, brings an episode out of every suspension. Who took charge keeps it when it is suspended.
"""

_RANK = {Severity.HIGH: 3, Severity.MEDIUM: 2, Severity.LOW: 1, Severity.INFO: 0}


def rank(severity: Severity) -> int:
    """The severity as a number: higher is worse."""
    return _RANK[severity]


@dataclass(frozen=True, slots=True)
class Concern:
    """One of those concerned: a resident's or place's id, or `device:<site>/<id>`. Times are event time (ms).

    `since` is when the condition began for them, `last_at` their newest evidence, `cleared_at` when it ended.
    """

    subject: str
    since: int
    last_at: int
    cleared_at: int | None = None


@dataclass(frozen=True, slots=True)
class Episode:
    """An alert. `opened_at` and `last_evidence_at` are event time, all other times our clock (ms UTC).

    `number` is that of the newest event, `called` that of the newest which called people. `device` and
    `metric` are those of the opening evidence (R-13). `acknowledged_by` is "" again once fresh evidence
    re-opened it; who held it before is in the events.

    `about_life`: some of its evidence is about somebody's life. `follows` is the first of its group ("" when
    it is itself, R-49). `latched` counts the evidence since it began to chatter (R-48), `muted` that in a
    flood (R-47), both 0 again when people were called. `held`: the suspension under which there is something
    that nobody was called for.
    """

    id: str
    rule: str
    kind: str
    cause: str
    site: str
    severity: Severity
    state: State
    subjects: tuple[Concern, ...]
    device: str
    metric: str
    opened_at: int
    raised_at: int
    last_evidence_at: int
    evidence: int = 1
    number: int = 1
    called: int = 1
    acknowledged_by: str = ""
    acknowledged_at: int | None = None
    resolved_by: str = ""
    resolved_at: int | None = None
    outcome: Outcome | None = None
    note: str = ""
    facts: Mapping[str, str | int] = field(default_factory=dict)
    about_life: bool = False
    follows: str = ""
    latched: int = 0
    muted: int = 0
    held: str = ""

    @property
    def active(self) -> bool:
        """Whether the condition still holds for anybody."""
        return any(concern.cleared_at is None for concern in self.subjects)

    @property
    def age_ms(self) -> int:
        """How old the opening evidence was when the alert was raised."""
        return max(0, self.raised_at - self.opened_at)

    @property
    def late(self) -> bool:
        """Whether that is so old that people must be told (R-90)."""
        return self.age_ms >= LATE_MS

    def concern(self, subject: str) -> Concern | None:
        """What is known of one of those concerned."""
        return next((concern for concern in self.subjects if concern.subject == subject), None)


def begin(event: Opened) -> Episode:
    """The episode that `event` opens."""
    happened = event.evidence.at
    return Episode(
        id=event.episode,
        rule=event.rule,
        kind=event.kind,
        cause=event.cause,
        site=event.site,
        severity=event.severity,
        state=SUSPENDED.get(event.weight, State.OPEN),
        subjects=(Concern(event.subject, happened, happened),),
        device=event.evidence.device,
        metric=event.evidence.metric,
        opened_at=happened,
        raised_at=event.at,
        last_evidence_at=happened,
        number=event.number,
        called=event.number if event.calls else 0,
        facts=event.facts,
        about_life=opens_about_life(event),
        follows=event.follows,
        muted=int(event.weight is Weight.MUTED),
        held=event.suspension,
    )


def fold(episode: Episode, event: EpisodeEvent) -> Episode:
    """The episode after `event`. An edge that does not exist raises ValueError: a bug, never the world."""
    quiet = isinstance(event, EvidenceAdded) and not event.calls
    after = TRANSITIONS.get((episode.state, event.name))
    if after is None or event.episode != episode.id:
        raise ValueError(f"{event.name} does not follow {episode.state} in episode {episode.id}")
    moved = replace(episode, state=episode.state if quiet else after, number=event.number)
    match event:
        case EvidenceAdded():
            return _with_evidence(moved, event)
        case Cleared():
            everyone = event.subject == episode.cause
            return replace(
                moved,
                subjects=tuple(
                    replace(concern, cleared_at=event.evidence.at)
                    if concern.cleared_at is None and (everyone or concern.subject == event.subject)
                    else concern
                    for concern in episode.subjects
                ),
                facts={**episode.facts, **event.facts},
            )
        case Acknowledged():
            return replace(
                moved, acknowledged_by=event.by, acknowledged_at=event.at, latched=0, muted=0, held=""
            )
        case Resolved():
            return replace(
                moved, resolved_by=event.by, resolved_at=event.at, outcome=event.outcome, note=event.note
            )
        case Suspended():
            return replace(moved, state=episode.state if episode.about_life else after, held=event.suspension)
        case Released():
            return _called(moved, event.number)
        case Opened():  # pragma: no cover - TRANSITIONS has no such edge
            return moved


def _called(episode: Episode, number: int) -> Episode:
    """The episode after people were called: nobody holds it, and nothing of it is kept from them."""
    return replace(
        episode, called=number, acknowledged_by="", acknowledged_at=None, latched=0, muted=0, held=""
    )


def _with_evidence(episode: Episode, event: EvidenceAdded) -> Episode:
    """The episode with one more thing seen: its severity may rise and never falls. A note is only counted."""
    happened = event.evidence.at
    counted = replace(
        episode,
        evidence=episode.evidence + 1,
        last_evidence_at=max(episode.last_evidence_at, happened),
    )
    if event.weight is Weight.NOTE:
        return counted
    known = episode.concern(event.subject)
    if known is None:
        subjects = (*episode.subjects, Concern(event.subject, happened, happened))
    else:
        subjects = tuple(_seen(known, happened) if it is known else it for it in episode.subjects)
    grown = replace(
        counted,
        subjects=subjects,
        severity=max(episode.severity, event.severity, key=rank),
        facts={**episode.facts, **event.facts},
        about_life=episode.about_life or about_life(episode.kind, event.evidence.metric),
        latched=episode.latched + (event.weight is Weight.LATCHED),
        muted=episode.muted + (event.weight is Weight.MUTED),
        held=event.suspension or episode.held,
    )
    if episode.state in SUSPENDED.values():  # under two suspensions it stands as the newer evidence says
        grown = replace(grown, state=SUSPENDED.get(event.weight, episode.state))
    return _called(grown, event.number) if event.calls else grown


def _seen(concern: Concern, happened: int) -> Concern:
    """The concern after evidence of that time: what was over begins again, unless this is older."""
    if concern.cleared_at is not None and happened >= concern.cleared_at:
        return Concern(concern.subject, happened, happened)
    return replace(concern, last_at=max(concern.last_at, happened))
