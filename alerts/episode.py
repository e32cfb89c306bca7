"""An episode: one thing that happened, from its first evidence until a person has resolved it.

Rule: an episode changes only by folding an event into it, along an edge of `TRANSITIONS`. That the
condition went away (ISA-18.2 "return to normal") is noted in `active` and closes nothing (R-16, R-42).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from alerts.call import Call, answered, stepped
from alerts.event import (
    SUSPENDED,
    Acknowledged,
    Arrived,
    Cleared,
    EpisodeEvent,
    EventName,
    EvidenceAdded,
    Lapsed,
    MessageDelivered,
    MessageFailed,
    Notified,
    Opened,
    Outcome,
    Released,
    Resolved,
    State,
    Suspended,
    Told,
    Weight,
)
from alerts.life import about_life, opens_about_life
from rules.decision import Severity

LATE_MS = 120_000
"""An alert raised so long after it happened says how old it is (R-90)."""


_UNRESOLVED = tuple(state for state in State if state is not State.RESOLVED)
_QUIET = tuple(SUSPENDED.values())

TRANSITIONS: Mapping[tuple[State, EventName], State] = {
    **{
        edge: after
        for state in _UNRESOLVED
        for edge, after in {
            (state, EventName.EVIDENCE): State.OPEN,
            (state, EventName.RELEASED): State.OPEN,
            (state, EventName.ACKNOWLEDGED): State.ACKNOWLEDGED,
            (state, EventName.ARRIVED): State.ON_SITE,
            (state, EventName.RESOLVED): State.RESOLVED,
            (state, EventName.CLEARED): state,
            (state, EventName.DELIVERED): state,
            (state, EventName.UNDELIVERED): state,
        }.items()
    },
    **{
        edge: after
        for state in (State.OPEN, *_QUIET)
        for edge, after in {
            (state, EventName.SHELVED): State.SHELVED,
            (state, EventName.OUT_OF_SERVICE): State.OUT_OF_SERVICE,
        }.items()
    },
    **{
        (state, suspended): state
        for state in (State.ACKNOWLEDGED, State.ON_SITE)
        for suspended in (EventName.SHELVED, EventName.OUT_OF_SERVICE)
    },
    (State.ON_SITE, EventName.ACKNOWLEDGED): State.ON_SITE,
    (State.ACKNOWLEDGED, EventName.LAPSED): State.OPEN,
    (State.OPEN, EventName.NOTIFIED): State.OPEN,
}
"""Every edge there is; `opened` makes an episode and nothing leaves `resolved`.

Evidence that calls nobody takes no edge: the state stays as it is. So evidence about somebody's life, which
always calls, brings an episode out of every suspension. Who took charge keeps it when it is suspended.
"""

TOLD: Mapping[tuple[Told, EventName], Told] = {
    (Told.RAISED, EventName.NOTIFIED): Told.NOTIFIED,
    (Told.RAISED, EventName.DELIVERED): Told.DELIVERED,
    (Told.NOTIFIED, EventName.NOTIFIED): Told.NOTIFIED,
    (Told.NOTIFIED, EventName.DELIVERED): Told.DELIVERED,
    (Told.DELIVERED, EventName.NOTIFIED): Told.DELIVERED,
    (Told.DELIVERED, EventName.DELIVERED): Told.DELIVERED,
}
"""How far calling comes while an episode is open; every event that calls people anew begins at `raised`."""

_RANK = {Severity.HIGH: 3, Severity.MEDIUM: 2, Severity.LOW: 1, Severity.INFO: 0}


def rank(severity: Severity) -> int:
    """The severity as a number: higher is worse."""
    return _RANK[severity]


@dataclass(frozen=True, slots=True)
class Concern:
    """One of those concerned: a resident's or place's id, or `device:<site>/<id>`. Times are event time (ms).

    `since` is when the condition began for them, `last_at` their newest evidence, `cleared_at` when it ended.
    `rule` is "" for the episode's own; whoever is concerned by several rules is here once for each.
    """

    subject: str
    since: int
    last_at: int
    cleared_at: int | None = None
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Sign:
    """What one rule has to say in an episode: how urgent at most, of which metric, by which device at last.

    `number` is that of the newest event about it.
    """

    rule: str
    kind: str
    severity: Severity
    metric: str
    device: str
    number: int = 1


@dataclass(frozen=True, slots=True)
class Episode:
    """An alert. `opened_at` and `last_evidence_at` are event time, all other times our clock (ms UTC).

    `number` is that of the newest event, `called` that of the newest which called people. `rule`, `kind`,
    `device` and `metric` are those of the opening evidence (R-13); where other rules' evidence joined it,
    `signs` are what each of them says, its own first (empty: only its own). `acknowledged_by` is "" again
    once fresh evidence re-opened it; who held it before is in the events.

    `about_life`: some of its evidence is about somebody's life. `follows` is the first of its group ("" when
    it is itself, R-49). `latched` counts the evidence since it began to chatter (R-48), `muted` that in a
    flood (R-47), both 0 again when people were called. `held`: the suspension under which there is something
    that nobody was called for.

    `told` and `call` say how far calling people has come; `call` is None while nobody is to be called.
    `lease_until`: when an acknowledgement lapses unless somebody is with the resident (0: never).
    `ask_until`: until when the resident may answer. `attended_at`: when we heard of the evidence that
    last called people, or when one of them last acted. `took` are all who took charge since people were last
    called, `came` those who were with the resident: the same said again, by whatever way, changes nothing.
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
    told: Told = Told.RAISED
    call: Call | None = None
    called_at: int | None = None
    lease_until: int = 0
    ask_until: int = 0
    arrived_by: str = ""
    arrived_at: int | None = None
    signs: tuple[Sign, ...] = ()
    attended_at: int = 0
    took: tuple[str, ...] = ()
    came: tuple[str, ...] = ()

    @property
    def said(self) -> tuple[Sign, ...]:
        """What each rule says, its own first."""
        return self.signs or (Sign(self.rule, self.kind, self.severity, self.metric, self.device),)

    @property
    def foremost(self) -> Sign:
        """What it is first of all: about life, then the most severe, then the newest."""
        return max(
            self.said,
            key=lambda sign: (about_life(sign.kind, sign.metric), rank(sign.severity), sign.number),
        )

    @property
    def concerned(self) -> tuple[Concern, ...]:
        """Those concerned, each once, whichever rules say so."""
        if not self.signs:
            return self.subjects
        found: dict[str, Concern] = {}
        for one in self.subjects:
            found[one.subject] = _both(found[one.subject], one) if one.subject in found else one
        return tuple(found.values())

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

    def concern(self, subject: str, rule: str = "") -> Concern | None:
        """What is known of one of those concerned, by the episode's own rule or another one."""
        return next((one for one in self.subjects if (one.subject, one.rule) == (subject, rule)), None)

    def severity_of(self, rule: str) -> Severity | None:
        """How urgent it is by this rule; None where the rule has said nothing of it."""
        return next((sign.severity for sign in self.said if sign.rule == rule), None)

    def rule_of(self, event: EpisodeEvent) -> str:
        """The rule that an event is by: the episode's own but for evidence that joined."""
        return (event.rule if isinstance(event, (EvidenceAdded, Cleared)) else "") or self.rule

    def kind_of(self, event: EpisodeEvent) -> str:
        """The kind of that rule."""
        rule = self.rule_of(event)
        return next(sign.kind for sign in self.said if sign.rule == rule)


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
        call=Call(event.at) if event.calls else None,
        called_at=event.at if event.calls else None,
        ask_until=event.ask_until,
        attended_at=event.evidence.received_at,
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
                    if concern.cleared_at is None
                    and concern.rule == event.rule
                    and (everyone or concern.subject == event.subject)
                    else concern
                    for concern in episode.subjects
                ),
                facts={**episode.facts, **event.facts},
            )
        case Acknowledged():
            return replace(
                _attended(moved, event.at),
                acknowledged_by=event.by,
                acknowledged_at=event.at,
                lease_until=event.until,
                took=(*moved.took, event.by),
            )
        case Arrived():
            return replace(
                _attended(moved, event.at),
                arrived_by=event.by,
                arrived_at=event.at,
                came=(*moved.came, event.by),
            )
        case Resolved():
            return replace(
                moved,
                resolved_by=event.by,
                resolved_at=event.at,
                outcome=event.outcome,
                note=event.note,
                call=None,
                lease_until=0,
            )
        case Suspended() if episode.about_life or episode.signs:  # only what this suspends of it is quiet
            return replace(moved, state=episode.state, held=event.suspension)
        case Suspended():
            quiet = moved.state in _QUIET
            return replace(moved, held=event.suspension, call=None if quiet else moved.call)
        case Released() | Lapsed():
            return _called(moved, event)
        case Notified() if episode.call:
            return replace(moved, told=TOLD[episode.told, event.name], call=stepped(episode.call, event))
        case MessageDelivered() | MessageFailed() if episode.call:
            told = TOLD.get((episode.told, event.name), episode.told)
            return replace(moved, told=told, call=answered(episode.call, event))
        case Notified() | MessageDelivered() | MessageFailed():
            return moved
        case Opened():  # pragma: no cover - TRANSITIONS has no such edge
            return moved


def _called(episode: Episode, event: EvidenceAdded | Released | Lapsed) -> Episode:
    """The episode after people are to be called: nobody holds it, and nothing of it is kept from them."""
    return replace(
        episode,
        called=event.number,
        called_at=event.at,
        told=Told.RAISED,
        call=Call(event.at, event.name),
        acknowledged_by="",
        acknowledged_at=None,
        lease_until=0,
        ask_until=0,
        arrived_by="",
        arrived_at=None,
        took=(),
        came=(),
        latched=0,
        muted=0,
        held="",
    )


def _attended(episode: Episode, at: int) -> Episode:
    """The episode after somebody took it on: nobody is called any more."""
    return replace(
        episode, attended_at=at, call=None, lease_until=0, ask_until=0, latched=0, muted=0, held=""
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
    known = episode.concern(event.subject, event.rule)
    if known is None:
        subjects = (*episode.subjects, Concern(event.subject, happened, happened, rule=event.rule))
    else:
        subjects = tuple(_seen(known, happened) if it is known else it for it in episode.subjects)
    grown = replace(
        counted,
        subjects=subjects,
        signs=_signs(episode, event),
        severity=max(episode.severity, event.severity, key=rank),
        facts={**episode.facts, **event.facts},
        about_life=episode.about_life or about_life(event.kind or episode.kind, event.evidence.metric),
        latched=episode.latched + (event.weight is Weight.LATCHED),
        muted=episode.muted + (event.weight is Weight.MUTED),
        held=event.suspension or episode.held,
    )
    if episode.state in SUSPENDED.values():  # under two suspensions it stands as the newer evidence says
        grown = replace(grown, state=SUSPENDED.get(event.weight, episode.state))
    if not event.calls:
        return grown
    grown = replace(grown, attended_at=max(episode.attended_at, event.evidence.received_at))
    as_urgent = (grown.severity, grown.about_life) == (episode.severity, episode.about_life)
    if episode.state is State.OPEN and episode.call and as_urgent:
        # Nobody has answered yet: the ladder goes on, and those who were told are told again.
        going_on = replace(episode.call, again=True)
        return replace(_called(grown, event), told=episode.told, call=going_on)
    return _called(grown, event)


def _signs(episode: Episode, event: EvidenceAdded) -> tuple[Sign, ...]:
    """What each rule says after this evidence; nothing while only one has a say."""
    if not (event.rule or episode.signs):
        return ()
    number, seen = event.number, event.evidence
    new = Sign(event.rule, event.kind, event.severity, seen.metric, seen.device, number)
    known = {sign.rule: sign for sign in episode.said}
    before = known.get(event.rule or episode.rule)
    if before is None:
        return (*episode.said, new)
    if rank(event.severity) > rank(before.severity):
        after = replace(new, rule=before.rule, kind=before.kind)
    else:
        after = replace(before, number=number)
    return tuple((known | {before.rule: after}).values())


def _seen(concern: Concern, happened: int) -> Concern:
    """The concern after evidence of that time: what was over begins again, unless this is older."""
    if concern.cleared_at is not None and happened >= concern.cleared_at:
        return replace(concern, since=happened, last_at=happened, cleared_at=None)
    return replace(concern, last_at=max(concern.last_at, happened))


def _both(one: Concern, other: Concern) -> Concern:
    """What two rules say of the same one: it began with the first and is over when both are."""
    ends = (one.cleared_at, other.cleared_at)
    running = one.cleared_at is None or other.cleared_at is None
    return replace(
        one,
        since=min(one.since, other.since),
        last_at=max(one.last_at, other.last_at),
        cleared_at=None if running else max(at for at in ends if at is not None),
    )
