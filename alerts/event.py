"""What happens to alerts: the words in which everything is recorded, shown and sent.

Rule: an event is a value that never changes; whatever is known of an alert follows from its events in order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from rules.decision import Evidence, Severity


class State(StrEnum):
    """Where an episode stands (R-45). While it is `open`, `Told` says how far calling people has come.

    `acknowledged`: somebody took charge, for as long as the lease holds. `on_site`: somebody is with the
    resident. `asking`: the resident is asked first, and has a few seconds to answer. `shelved` and
    `out_of_service` are two of the four quiet states of R-57: it is known, kept and listed, and calls nobody
    until the suspension ends. The other two are no episodes: what a rule suppresses by state, and a rule that
    is disabled.
    """

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    ON_SITE = "on_site"
    ASKING = "asking"
    SHELVED = "shelved"
    OUT_OF_SERVICE = "out_of_service"
    RESOLVED = "resolved"


class Told(StrEnum):
    """How far calling people has come while an episode is open (R-40: distinct, as IHE ACM asks)."""

    RAISED = "raised"  # it is known, and nobody was told yet
    NOTIFIED = "notified"  # a step of the ladder was taken: messages are on their way
    DELIVERED = "delivered"  # a receiver confirmed one itself


class Outcome(StrEnum):
    """What it turned out to be, as the person who resolved it says (DESIGN section 7)."""

    REAL = "real"
    FALSE = "false"
    TEST = "test"
    NO_ACTION = "no_action"


class EventName(StrEnum):
    """What happened, as it is named in output."""

    OPENED = "opened"
    EVIDENCE = "evidence"
    CLEARED = "cleared"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    SHELVED = "shelved"
    OUT_OF_SERVICE = "out_of_service"
    RELEASED = "released"
    NOTIFIED = "notified"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    ARRIVED = "arrived"
    LAPSED = "lapsed"
    SUSPENSION_BEGUN = "suspension_begun"
    SUSPENSION_ENDED = "suspension_ended"
    SUPPRESSED = "suppressed"
    SUPPRESSION_ENDED = "suppression_ended"


class Weight(StrEnum):
    """What evidence does."""

    CALL = "call"  # people are called (again), and an acknowledgement no longer holds
    REPEAT = "repeat"  # another message of the same press, which nobody has answered yet: only kept
    NOTE = "note"  # the rule says that it calls nobody (the device thinks it is over): only counted
    LATCHED = "latched"  # one more of an alarm that chatters: kept and counted
    SHELVED = "shelved"  # a person shelved it: kept until the shelf ends
    OUT_OF_SERVICE = "out_of_service"  # the device is being seen to: kept until that ends
    MUTED = "muted"  # of low severity in a flood: kept, and summarised when the flood is over
    JOINED = "joined"  # people were called for as much by another rule: kept and shown with that
    ASKED = "asked"  # the resident is asked first: kept until she answers or her time is over


SUSPENDED: Mapping[Weight, State] = {
    Weight.SHELVED: State.SHELVED,
    Weight.OUT_OF_SERVICE: State.OUT_OF_SERVICE,
    Weight.ASKED: State.ASKING,
}
"""The weights of what calls nobody for now, and the state in which an episode of it stands."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The episode began, with this evidence.

    `number` counts an episode's events from 1. `identity` names this evidence for ever (see
    `decide.identify`). `weight` is call, muted or of a `suspension` (its id). `follows` is the episode that
    was the first of its group (R-49), "" when this one is.
    """

    name: ClassVar[EventName] = EventName.OPENED
    episode: str
    number: int
    at: int
    rule: str
    kind: str
    cause: str
    subject: str
    site: str
    severity: Severity
    identity: str
    evidence: Evidence
    facts: Mapping[str, str | int] = field(default_factory=dict)
    weight: Weight = Weight.CALL
    suspension: str = ""
    follows: str = ""
    ask_until: int = 0

    @property
    def calls(self) -> bool:
        """Whether people are called."""
        return self.weight is Weight.CALL


@dataclass(frozen=True, slots=True)
class EvidenceAdded:
    """More was seen. Its `weight` says whether people are called again.

    `rule`, `kind` and `cause` are there when the evidence is another rule's: a fall, a call for help and a
    heart rate of one resident are one episode; all "" when it is that of the episode's own rule.
    """

    name: ClassVar[EventName] = EventName.EVIDENCE
    episode: str
    number: int
    at: int
    subject: str
    severity: Severity
    weight: Weight
    identity: str
    evidence: Evidence
    facts: Mapping[str, str | int] = field(default_factory=dict)
    suspension: str = ""
    rule: str = ""
    kind: str = ""
    cause: str = ""

    @property
    def calls(self) -> bool:
        """Whether people are called again."""
        return self.weight is Weight.CALL


@dataclass(frozen=True, slots=True)
class Cleared:
    """The condition ended by itself for `subject` (for all, when that is the cause). Not a closure.

    `rule` as in `EvidenceAdded`.
    """

    name: ClassVar[EventName] = EventName.CLEARED
    episode: str
    number: int
    at: int
    subject: str
    identity: str
    evidence: Evidence
    facts: Mapping[str, str | int] = field(default_factory=dict)
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A named person took charge. `source` is the way it came: `api`, a button, a link.

    `until` is when it lapses unless somebody is with the resident by then (R-56; ms, our clock; 0: never).
    """

    name: ClassVar[EventName] = EventName.ACKNOWLEDGED
    episode: str
    number: int
    at: int
    by: str
    source: str = ""
    note: str = ""
    until: int = 0


@dataclass(frozen=True, slots=True)
class Arrived:
    """A named person is with the resident (R-45 "assistance present")."""

    name: ClassVar[EventName] = EventName.ARRIVED
    episode: str
    number: int
    at: int
    by: str
    source: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Lapsed:
    """`by` took charge, and nobody was with the resident when the lease ended: people are called again."""

    name: ClassVar[EventName] = EventName.LAPSED
    calls: ClassVar[bool] = True
    episode: str
    number: int
    at: int
    by: str


@dataclass(frozen=True, slots=True)
class Address:
    """Whom a message is for: a person's id ("" for the channel itself: a group, a display), and a channel."""

    to: str
    channel: str


@dataclass(frozen=True, slots=True)
class Notified:
    """A step of a ladder was taken: these are told.

    `cycle` counts how often the ladder began again, from 0, `step` its steps from 0. `nobody` are the roles
    in which nobody was on duty. `again`: no step; fresh evidence is told to those who were told before.
    `repeat`: displays and webhooks, which are told of everything by itself, are told again, too.
    """

    name: ClassVar[EventName] = EventName.NOTIFIED
    episode: str
    number: int
    at: int
    ladder: str
    cycle: int
    step: int
    to: tuple[Address, ...] = ()
    nobody: tuple[str, ...] = ()
    again: bool = False
    repeat: bool = False


@dataclass(frozen=True, slots=True)
class MessageDelivered:
    """A receiver confirmed a message. `notification` is the id of what was sent, "" `to` a channel itself."""

    name: ClassVar[EventName] = EventName.DELIVERED
    episode: str
    number: int
    at: int
    notification: str
    to: str
    channel: str


@dataclass(frozen=True, slots=True)
class MessageFailed:
    """A message was refused or given up; `why` names no person and no value."""

    name: ClassVar[EventName] = EventName.UNDELIVERED
    episode: str
    number: int
    at: int
    notification: str
    to: str
    channel: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A named person closed the episode and said what it was.

    One that was over before its suspension ended is closed by who suspended it, with source `suspension`.
    `voice_contact` is the id of a conversation with the resident that really took place, "" without (R-17).
    """

    name: ClassVar[EventName] = EventName.RESOLVED
    episode: str
    number: int
    at: int
    by: str
    outcome: Outcome
    source: str = ""
    note: str = ""
    voice_contact: str = ""


@dataclass(frozen=True, slots=True)
class Suspended:
    """The episode calls nobody from now on: a suspension holds over it. `state` says of which kind."""

    episode: str
    number: int
    at: int
    state: State
    suspension: str

    @property
    def name(self) -> EventName:
        """`shelved` or `out_of_service`."""
        return EventName(self.state.value)


@dataclass(frozen=True, slots=True)
class Released:
    """People are called: the suspension is over and it still holds, or the resident did not answer.

    `suspension` is "" for the latter.
    """

    name: ClassVar[EventName] = EventName.RELEASED
    calls: ClassVar[bool] = True
    episode: str
    number: int
    at: int
    suspension: str


EpisodeEvent = (
    Opened
    | EvidenceAdded
    | Cleared
    | Acknowledged
    | Arrived
    | Lapsed
    | Resolved
    | Suspended
    | Released
    | Notified
    | MessageDelivered
    | MessageFailed
)


@dataclass(frozen=True, slots=True)
class SuspensionBegun:
    """A named person suspends alerts until a time (ms, our clock), and says why.

    `state` shelved: those of `rule` about `subject`, or with `cause` when that is given; `once`: until the
    condition is over, if that is sooner. `state` out_of_service: all whose evidence is of `device` at `site`.
    """

    name: ClassVar[EventName] = EventName.SUSPENSION_BEGUN
    suspension: str
    at: int
    state: State
    until: int
    by: str
    reason: str
    rule: str = ""
    subject: str = ""
    cause: str = ""
    site: str = ""
    device: str = ""
    once: bool = False
    source: str = ""


class Ending(StrEnum):
    """How a suspension ended."""

    EXPIRED = "expired"
    OVER = "over"  # one-shot, and what it was for is over
    REPLACED = "replaced"  # by a newer one of the same scope
    ENDED = "ended"  # by a named person


@dataclass(frozen=True, slots=True)
class SuspensionEnded:
    """The suspension is over; `by` is the person when one ended it."""

    name: ClassVar[EventName] = EventName.SUSPENSION_ENDED
    suspension: str
    at: int
    ending: Ending
    by: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A rule's condition holds, but by the state of things it raises nothing (R-58): `why` says which state.

    `suppression` is the id of all that is suppressed about one rule, cause and subject, until it is over.
    """

    name: ClassVar[EventName] = EventName.SUPPRESSED
    suppression: str
    at: int
    rule: str
    kind: str
    cause: str
    subject: str
    site: str
    why: str
    identity: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class SuppressionEnded:
    """What was suppressed is over, or raised an alert."""

    name: ClassVar[EventName] = EventName.SUPPRESSION_ENDED
    suppression: str
    at: int


QuietEvent = SuspensionBegun | SuspensionEnded | Suppressed | SuppressionEnded
Event = EpisodeEvent | QuietEvent


def about(event: Event) -> str:
    """The id of what an event is about: an episode, a suspension or a suppression."""
    match event:
        case SuspensionBegun() | SuspensionEnded():
            return event.suspension
        case Suppressed() | SuppressionEnded():
            return event.suppression
        case _:
            return event.episode
