"""Decisions and a small home to try things with. Rule: the shortest words that a test needs."""

from devices.registry import Device, Place, PlaceKind, Registry, Resident
from rules.decision import Change, Decision, Evidence, Severity

HOME = Registry.of(
    places=[
        Place("s1", PlaceKind.SITE, "Evergreen"),
        Place("r301", PlaceKind.ROOM, "301", parent="s1"),
        Place("b1", PlaceKind.BED, "1", parent="r301"),
        Place("b2", PlaceKind.BED, "2", parent="r301"),
        Place("kitchen", PlaceKind.ROOM, "一楼厨房", parent="s1"),
    ],
    residents=[Resident("wang", "b1", name="王秀英"), Resident("li", "b2", name="李建国")],
    devices=[Device("button-1", resident="wang", site="s1")],
)


def decision(
    key: str = "k1",
    *,
    change: Change = Change.RAISE,
    rule: str = "sos",
    subject: str = "wang",
    cause: str = "",
    severity: Severity = Severity.HIGH,
    at: int = 1_000,
    device: str = "button-1",
    metric: str = "",
    same_within_ms: int = 0,
) -> Decision:
    """A decision of rule `rule` (its kind as well) about `subject`, which is its own cause unless said."""
    evidence = Evidence(key, metric or rule, device, at, at, same_within_ms=same_within_ms)
    resident = subject in HOME.residents
    return Decision(change, rule, rule, subject, cause or subject, severity, at, evidence, resident=resident)
