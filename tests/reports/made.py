"""Cases by hand. Rule: a test says what matters of an alert, and nothing else."""

from alerts.event import (
    Acknowledged,
    Address,
    Arrived,
    EpisodeEvent,
    EvidenceAdded,
    Opened,
    Outcome,
    Resolved,
    Weight,
)
from alerts.reports.case import Case, Round
from alerts.reports.figure import Figure, Report
from rules.decision import Evidence, Severity

DAY = 1_767_542_400_000
"""2026-01-05 00:00 in Shanghai, a Monday."""

SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
WARD = Address("an", "push")


def opened(
    at: int = DAY,
    severity: Severity = Severity.HIGH,
    *,
    rule: str = "sos",
    subject: str = "wang",
    weight: Weight = Weight.CALL,
    device: str = "button-1",
    **facts: int,
) -> Opened:
    evidence = Evidence("k", rule, device, at, at)
    return Opened("e1", 1, at, rule, rule, subject, subject, "s1", severity, "e1", evidence, facts, weight)


def more(
    number: int,
    at: int,
    severity: Severity = Severity.HIGH,
    *,
    weight: Weight = Weight.CALL,
    subject: str = "wang",
    rule: str = "",
    device: str = "button-1",
    suspension: str = "",
    **facts: int,
) -> EvidenceAdded:
    evidence = Evidence(f"k{number}", "sos", device, at, at)
    return EvidenceAdded(
        "e1",
        number,
        at,
        subject,
        severity,
        weight,
        f"i{number}",
        evidence,
        facts,
        suspension,
        rule,
        rule,
        subject,
    )


def taken(number: int, at: int, by: str = "an") -> Acknowledged:
    return Acknowledged("e1", number, at, by)


def there(number: int, at: int, by: str = "an") -> Arrived:
    return Arrived("e1", number, at, by)


def done(number: int, at: int, source: str = "api", outcome: Outcome = Outcome.REAL) -> Resolved:
    return Resolved("e1", number, at, "an", outcome, source)


def course(*events: EpisodeEvent) -> list[EpisodeEvent]:
    return list(events)


def case(
    name: str,
    called_at: int = DAY,
    *,
    severity: Severity = Severity.HIGH,
    rule: str = "sos",
    subject: str = "wang",
    answered: int | None = None,
    arrived: int | None = None,
    resolved: int | None = None,
    outcome: Outcome | None = None,
    told: tuple[str, ...] = (),
    site: str = "s1",
    **more: object,
) -> Case:
    """An alert with one round; `answered`, `arrived` and `resolved` are ms after people were called."""

    def after(ms: int | None) -> int | None:
        return None if ms is None else called_at + ms

    steps = ((called_at, len(told)),) if told else ()
    one = Round(called_at, called_at, severity, steps, answered_at=after(answered), arrived_at=after(arrived))
    made = Case(
        name, rule, severity, site, subject, (rule,), ("button-1",), called_at, (one,),
        tuple((who, called_at) for who in told), active=((called_at, after(resolved)),),
        resolved_at=after(resolved), by_person=outcome is not None, outcome=outcome,
    )  # fmt: skip
    return made if not more else Case(**{name: getattr(made, name) for name in Case.__slots__} | more)  # type: ignore[arg-type]


def value(report: Report, name: str, **by: str) -> float | None:
    return figure(report, name, **by).value


def figure(report: Report, name: str, **by: str) -> Figure:
    (found,) = (one for one in report.figures if one.name == name and dict(one.by) == by)
    return found
