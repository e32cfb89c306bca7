"""A rule that raised an exception. Rule: that is told as a technical alert, and disables nothing else."""

from dataclasses import dataclass

from devices.observation import Observation
from rules.decision import TECHNICAL, Change, Decision, Evidence, Severity
from rules.kind import evidence_key


@dataclass(frozen=True, slots=True)
class Failure:
    """A rule that raised for a subject, and is disabled for it. `error` is the exception's type."""

    rule: str
    subject: str
    error: str


def failed(failure: Failure, given: object, at: int, *, life_safety: bool) -> Decision:
    """The alert about it, with what the rule was given then and when (ms UTC)."""
    rule, subject = failure.rule, failure.subject
    during = evidence_key(given) if isinstance(given, Observation) else str(given)
    return Decision(
        change=Change.RAISE,
        rule=TECHNICAL,
        kind=TECHNICAL,
        subject=subject,
        cause=f"rule:{rule}",
        severity=Severity.HIGH if life_safety else Severity.MEDIUM,
        at=at,
        evidence=Evidence(f"{TECHNICAL}|{rule}|{subject}|{during}", TECHNICAL, "", at, at),
        facts={"rule": rule, "error": failure.error},
    )
