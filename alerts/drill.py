"""Drills: a call made on purpose, to see who comes and how fast (R-119).

Rule: a drill takes every way a call takes, says everywhere that it is one, and is never in the way of a real
one: it joins nothing, nothing joins it, it counts in no flood, heads no group, and leaves the house by no
channel to the outside. Whoever resolves it, its outcome is `test`.
"""

from dataclasses import dataclass
from enum import StrEnum

from alerts.acts import Refusal, Refused
from alerts.book import Book
from alerts.where import known
from devices.registry import Registry
from rules.decision import DRILL, Change, Decision, Evidence, Severity

OUTSIDE = "a drill is not told outside the house"
"""Why a channel to the outside has no message of a drill."""


class Practised(StrEnum):
    """What a drill pretends."""

    SOS = "sos"
    FALL = "fall"
    SMOKE = "smoke"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """What a person asks to practise, for a resident or a place of the registry."""

    subject: str
    what: Practised
    by: str


def drill(book: Book, registry: Registry, asked: Drill, now: int) -> Decision | Refused:
    """The decision that begins a drill at `now` (ms, our clock). One at a time about each subject."""
    by = asked.by.strip()
    if not by:
        return Refused(Refusal.MISSING_NAME, "say who asks for the drill")
    if asked.subject.startswith("device:") or not known(registry, asked.subject):
        return Refused(Refusal.UNKNOWN_SUBJECT, "no resident or place of that id is in the registry")
    cause = f"{DRILL}:{asked.subject}"
    if running := book.open_for(DRILL, cause):
        return Refused(Refusal.RUNNING, f"a drill about {asked.subject} goes on: resolve {running.id} first")
    return Decision(
        change=Change.RAISE,
        rule=DRILL,
        kind=DRILL,
        subject=asked.subject,
        cause=cause,
        severity=Severity.HIGH,
        at=now,
        evidence=Evidence(f"{DRILL}|{now}", DRILL, "", now, now),
        facts={"what": asked.what.value, "by": by},
        resident=asked.subject in registry.residents,
    )
