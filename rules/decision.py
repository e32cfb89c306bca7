"""What a rule decides. Rule: a decision is a value whose identity derives from what was seen.

Replaying the same observations gives the same decisions with the same keys, so that nothing downstream
can count one of them twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

TECHNICAL = "technical"
"""Rule and kind of what the engine says about itself; no rule of a file may be called so."""

FLOOD = "flood"
"""Rule and kind of what `alerts.flood` says about alarms themselves; no rule of a file may be called so."""

DUTY = "duty"
"""Rule and kind of what the rota says about itself; no rule of a file may be called so."""

DRILL = "drill"
"""Rule and kind of a call that staff practise; no rule of a file may be called so."""


class Severity(StrEnum):
    """HL7 DeviceAlert priority (R-14, R-103): high = address immediately."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"


class Change(StrEnum):
    """What a decision says about a condition."""

    RAISE = "raise"  # the condition holds, or holds again: somebody must know
    CLEAR = "clear"  # the condition ended by itself (it was done late, the device is back)
    NOTE = "note"  # evidence for an open episode that opens none, ends none and calls nobody
    SUPPRESS = "suppress"  # it holds, but by her state nobody is called; counted and shown
    RECORD = "record"  # for the history only: how a check ended, say


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen. `key` is the same whenever the same thing is seen again.

    `at` is when it happened, `received_at` when we heard of it (both ms UTC); for a deadline that
    passed both are the deadline plus grace. `same_within_ms`: evidence of the same cause within so many ms of
    the last is one physical event (a button's three messages): it is kept, but calls nobody again while the
    episode is open.
    """

    key: str
    metric: str
    device: str
    at: int
    received_at: int
    detail: str = ""
    same_within_ms: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision of one rule about one subject.

    `subject` is a resident's id, a place's id, or `device:<site>/<id>` for an unassigned device. Decisions of
    one rule with the same `cause` belong to one episode: the cause is the subject itself, or what several
    subjects have in common (`gateway:<id>`). `facts` are small values for texts (a deadline, a count),
    never health values. `resident`: the subject is a resident. `ask_ms`: so long she may be asked first.
    """

    change: Change
    rule: str
    kind: str
    subject: str
    cause: str
    severity: Severity
    at: int
    evidence: Evidence
    facts: Mapping[str, str | int] = field(default_factory=dict)
    resident: bool = False
    ask_ms: int = 0
