"""Which alert of a group was the first. Rule: a follower says whom it follows; it is never merged or hidden.

R-49: alerts about one resident (or place) within ten minutes of the first, and those of one outage at one
site, are a group. (Signs of one resident's emergency are one alert: `alerts.joining`.) What is about life
(SOS, fall, smoke ...) only ever follows such an alert, about the same resident: no emergency is shown as
somebody else's consequence.
"""

from rules.decision import DRILL

WITHIN_MS = 600_000

Group = tuple[str, str]
"""What an alert has in common with others: what for, and of whom or where."""

_OUTAGES = frozenset(("unprotected",))


def joined(kind: str, cause: str, subject: str, site: str, *, about_life: bool) -> tuple[Group, ...]:
    """The groups an alert may follow in, the closest first."""
    if kind == DRILL:
        return ()
    alone = cause in {subject, ""} or cause.endswith(f":{subject}")
    if about_life:
        return (("life", subject),) if alone else ()
    if kind in _OUTAGES:
        return (("outage", site),) if site else ()
    return (("life", subject), ("alert", subject)) if alone else ()


def headed(kind: str, cause: str, subject: str, site: str, *, about_life: bool) -> Group | None:
    """The group that an alert which follows nobody begins."""
    groups = joined(kind, cause, subject, site, about_life=about_life)
    return groups[-1] if groups else None
