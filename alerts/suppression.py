"""What rules suppress by the state of things: on leave, in hospital, staff in the room (R-58).

Rule: what is suppressed is counted and shown (R-57), and opens nothing. A list of what holds now, not a
history: the events are that.
"""

from dataclasses import dataclass, replace

from alerts.event import Suppressed, SuppressionEnded
from rules.decision import Decision

MOST = 1000
"""Entries in the list; beyond that the oldest gives way."""

LISTED_MS = 48 * 3_600_000
"""How long after it was last said an entry is listed."""


@dataclass(frozen=True, slots=True)
class Suppression:
    """What is suppressed about one rule, cause and subject: since, last (ms), how often, and why."""

    id: str
    rule: str
    kind: str
    cause: str
    subject: str
    site: str
    why: str
    since: int
    at: int
    count: int


_Key = tuple[str, str, str]


class Suppressions:
    """What is suppressed now."""

    __slots__ = ("_by_id", "_by_key", "_identities")

    def __init__(self) -> None:
        self._by_key: dict[_Key, Suppression] = {}
        self._by_id: dict[str, _Key] = {}
        self._identities: dict[str, int] = {}

    def apply(self, event: Suppressed | SuppressionEnded) -> None:
        """Take an event up; evidence taken up before changes nothing."""
        if isinstance(event, SuppressionEnded):
            self._by_key.pop(self._by_id.pop(event.suppression, ("", "", "")), None)
            return
        if event.identity in self._identities:
            return
        self._identities[event.identity] = event.at
        key = (event.rule, event.cause, event.subject)
        before = self._by_key.pop(key, None)
        if before is not None:
            self._by_key[key] = replace(before, why=event.why, at=event.at, count=before.count + 1)
            return
        if len(self._by_key) >= MOST:
            oldest = next(iter(self._by_key))
            del self._by_id[self._by_key.pop(oldest).id]
        self._by_id[event.suppression] = key
        self._by_key[key] = Suppression(
            event.suppression,
            event.rule,
            event.kind,
            event.cause,
            event.subject,
            event.site,
            event.why,
            event.at,
            event.at,
            1,
        )

    def knows(self, identity: str) -> bool:
        """Whether this evidence was taken up."""
        return identity in self._identities

    def of(self, decision: Decision) -> Suppression | None:
        """What is suppressed now of what a decision is about."""
        return self._by_key.get((decision.rule, decision.cause, decision.subject))

    def listed(self) -> list[Suppression]:
        """All that is suppressed now, that which was said last at the end."""
        return list(self._by_key.values())

    def forget(self, before: int) -> None:
        """Drop what was last said before this time."""
        for found in [one for one in self._by_key.values() if one.at < before]:
            del self._by_key[found.rule, found.cause, found.subject]
            del self._by_id[found.id]
        self._identities = {one: at for one, at in self._identities.items() if at >= before}
