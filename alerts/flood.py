"""More alarms than one person can take in. Rule: in a flood only what is `low` waits, and nothing is lost.

R-46, R-47: more than ten alerts that call in ten minutes at one operating position are a flood; it is over
once fewer than five called in the last ten minutes. One alert counts once, be it forty people behind one
gateway or a button pressed again and again. The position is the site, until there is a duty rota. What is
`low` or `info` meanwhile is kept, shown as following the flood, and summed up in one notice when it is over.
The flood itself is an alert: announced once when it begins and once when it ends.
"""

from dataclasses import dataclass, field

from rules.decision import FLOOD, Change, Decision, Evidence, Severity

WINDOW_MS = 600_000
BEGINS_ABOVE = 10
ENDS_BELOW = 5


def cause_of(site: str) -> str:
    """The cause of a site's flood."""
    return f"{FLOOD}:{site}"


@dataclass(slots=True)
class Position:
    """When each of the last alerts at one site called (ms, our clock); whether it is flooded; what waits."""

    calls: dict[str, int] = field(default_factory=dict)
    flooded: bool = False
    muted: int = 0

    def called(self, alert: str, at: int) -> None:
        """People were called for an alert."""
        self.calls.pop(alert, None)
        self.calls[alert] = at
        if len(self.calls) > BEGINS_ABOVE + 1:
            del self.calls[next(iter(self.calls))]

    def begin(self) -> None:
        """The flood was announced."""
        self.flooded, self.muted = True, 0

    def end(self) -> None:
        """The flood's end was announced."""
        self.flooded, self.muted = False, 0

    def _recent(self, now: int) -> int:
        return sum(now - at < WINDOW_MS for at in self.calls.values())

    def turn(self, site: str, now: int) -> Decision | None:
        """The beginning or end of a flood that is due at `now`, if any."""
        recent = self._recent(now)
        if not self.flooded and recent > BEGINS_ABOVE:
            return _decision(Change.RAISE, site, now, {"alerts": recent})
        if self.flooded and recent < ENDS_BELOW:
            return _decision(Change.CLEAR, site, now, {"muted": self.muted})
        return None


def _decision(change: Change, site: str, now: int, facts: dict[str, str | int]) -> Decision:
    return Decision(
        change=change,
        rule=FLOOD,
        kind=FLOOD,
        subject=site,
        cause=cause_of(site),
        severity=Severity.MEDIUM,
        at=now,
        evidence=Evidence(f"{FLOOD}|{site}|{now}", FLOOD, "", now, now),
        facts=facts,
    )
