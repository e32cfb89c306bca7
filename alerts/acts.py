"""What follows from the act of a named person: taking charge, closing, suspending for a while.

Rule: nobody acts without a name; an act that cannot be is a `Refused` with its reason, and changes nothing.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from alerts.book import Book
from alerts.decide import digest, end
from alerts.episode import Episode
from alerts.escalate import lease_ms
from alerts.event import (
    Acknowledged,
    Arrived,
    Ending,
    Event,
    Outcome,
    Resolved,
    State,
    Suspended,
    SuspensionBegun,
    SuspensionEnded,
)
from alerts.life import KINDS, about_life
from alerts.suspension import LIMIT_MS, holds_over
from alerts.where import known
from devices.registry import Registry
from rules.decision import DRILL
from rules.kind import Kind

Act = Acknowledged | Arrived | Resolved | SuspensionBegun | SuspensionEnded
"""What a person did, as it is recorded."""


class Refusal(StrEnum):
    """Why a person's act had no effect."""

    UNKNOWN = "unknown_alert"
    ALREADY_RESOLVED = "already_resolved"
    MISSING_NAME = "missing_name"
    BAD_OUTCOME = "bad_outcome"
    FRESH_EVIDENCE = "fresh_evidence"
    NOBODY_THERE = "nobody_there"
    MISSING_REASON = "missing_reason"
    BAD_SCOPE = "bad_scope"
    TOO_LONG = "too_long"
    LIFE_SAFETY = "life_safety"
    UNKNOWN_RULE = "unknown_rule"
    UNKNOWN_SUBJECT = "unknown_subject"
    UNKNOWN_DEVICE = "unknown_device"
    UNKNOWN_RESIDENT = "unknown_resident"
    UNKNOWN_SUSPENSION = "unknown_suspension"
    UNKNOWN_PERSON = "unknown_person"
    UNKNOWN_PLACE = "unknown_place"
    UNKNOWN_SHIFT = "unknown_shift"
    UNKNOWN_CHANGE = "unknown_change"
    UNKNOWN_NIGHT = "unknown_night"
    NOT_ON_DUTY = "not_on_duty"
    NOT_ASKED = "not_asked"
    RUNNING = "running"


@dataclass(frozen=True, slots=True)
class Refused:
    """An act refused, and why in words. Nothing was changed."""

    why: Refusal
    message: str


def acknowledge(
    book: Book, episode: str, by: str, now: int, source: str = "", *, note: str = "", seen: int | None = None
) -> list[Event] | Refused:
    """A named person takes charge; nothing follows when they did so since people were called last.

    Another may take over; whoever is taken over from and comes back says so by arriving. So an act that is
    told twice, by whatever ways and with others' in between, is one.

    `seen` is the episode's `number` when that person looked at it. If people have been called again since,
    the act is refused, so that nobody acknowledges a fall they have not seen.
    """
    found = _actable(book, episode, by, seen)
    if isinstance(found, Refused):
        return found
    if found.state is State.RESOLVED:
        return _resolved_by(found)
    if by.strip() in found.took:
        return []
    lease = lease_ms(found)
    until = now + lease if lease and found.state is not State.ON_SITE else 0
    return [Acknowledged(found.id, found.number + 1, now, by.strip(), source, note, until)]


def arrive(
    book: Book, episode: str, by: str, now: int, source: str = "", *, note: str = "", seen: int | None = None
) -> list[Event] | Refused:
    """A named person is with the resident; nothing follows when they were since people were last called.

    `seen` as in `acknowledge`.
    """
    found = _actable(book, episode, by, seen)
    if isinstance(found, Refused):
        return found
    if found.state is State.RESOLVED:
        return _resolved_by(found)
    if by.strip() in found.came:
        return []
    return [Arrived(found.id, found.number + 1, now, by.strip(), source, note)]


def resolve(
    book: Book,
    episode: str,
    by: str,
    outcome: str,
    note: str,
    now: int,
    source: str = "",
    *,
    seen: int | None = None,
    voice_contact: str = "",
    needs_presence: bool = False,
) -> list[Event] | Refused:
    """A named person closes the episode with one of `Outcome`; the same act repeated has no effect.

    `seen` as in `acknowledge`: a fall that came in meanwhile is not closed with the old one. With
    `needs_presence` what is about somebody's life is closed only when somebody was there since people were
    last called, or spoke with the resident (`voice_contact`, the id of that conversation; R-17). A drill was
    a test, whatever is said.
    """
    found = _actable(book, episode, by, seen)
    if isinstance(found, Refused):
        return found
    if outcome not in set(Outcome):
        return Refused(Refusal.BAD_OUTCOME, f"outcome must be one of {', '.join(Outcome)}")
    if found.state is State.RESOLVED:
        same = found.resolved_by == by.strip() and (found.outcome == outcome or found.kind == DRILL)
        return [] if same else _resolved_by(found)
    if (
        needs_presence
        and (found.about_life or found.kind == DRILL)
        and not (found.came or voice_contact.strip())
    ):
        return Refused(
            Refusal.NOBODY_THERE,
            "nobody was seen with the resident since people were called: arrive first,"
            " or give the id of the conversation with the resident (voice_contact)",
        )
    became = Outcome.TEST if found.kind == DRILL else Outcome(outcome)
    closed = Resolved(found.id, found.number + 1, now, by.strip(), became, source, note)
    return [replace(closed, voice_contact=voice_contact.strip())]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelving:
    """What a person asks to shelve: alerts of `rule` about `subject`, or with `cause`; for how long (ms)."""

    rule: str
    subject: str = ""
    cause: str = ""
    for_ms: int
    by: str
    reason: str
    once: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintenance:
    """A device (its site, "" for any) that a person takes out of service; for how long (ms)."""

    site: str = ""
    device: str
    for_ms: int
    by: str
    reason: str


def shelve(
    book: Book,
    asked: Shelving,
    kind: Kind[Any, Any] | None,
    registry: Registry,
    now: int,
    source: str = "",
) -> list[Event] | Refused:
    """Alerts of one rule about one subject, or of one cause, call nobody for a while (R-55).

    `kind` is the rule's, None when there is no such rule. One of the same scope is replaced. What already
    calls is shelved with it, unless somebody has taken charge.
    """
    begun = _begun(State.SHELVED, asked, now, source, asked.rule, asked.subject, asked.cause)
    if isinstance(begun, Refused):
        return begun
    if kind is None:
        return Refused(Refusal.UNKNOWN_RULE, "there is no such rule")
    if not (asked.subject or asked.cause):
        return Refused(
            Refusal.BAD_SCOPE, "name the subject or the cause: a rule is not shelved for everybody"
        )
    if asked.subject and not known(registry, asked.subject):
        return Refused(Refusal.UNKNOWN_SUBJECT, "there is no such resident or place")
    metric = asked.cause.partition(":")[0]
    if kind.name in KINDS or (kind.life_safety and (not asked.cause or about_life(kind.name, metric))):
        return Refused(
            Refusal.LIFE_SAFETY,
            "SOS, falls, a long lie, smoke, gas and carbon monoxide cannot be shelved"
            + ("" if kind.name in KINDS or asked.cause else ": name the cause, as water_leak:<place>"),
        )
    return suspend(book, begun)


def take_out_of_service(book: Book, asked: Maintenance, now: int, source: str = "") -> list[Event] | Refused:
    """What a device says calls nobody for a while, but for calls for help, falls, smoke and gas (R-57)."""
    begun = _begun(State.OUT_OF_SERVICE, asked, now, source, site=asked.site, device=asked.device)
    return begun if isinstance(begun, Refused) else suspend(book, begun)


def end_suspension(book: Book, suspension: str, by: str, now: int, source: str = "") -> list[Event] | Refused:
    """A named person ends a suspension before its time; nothing follows when it is over already."""
    if not by.strip():
        return Refused(Refusal.MISSING_NAME, "a person must be named")
    found = book.suspensions.get(suspension)
    if found is None:
        if book.suspensions.knows(suspension):
            return []
        return Refused(Refusal.UNKNOWN_SUSPENSION, "there is no such suspension")
    return end(book, found, SuspensionEnded(suspension, now, Ending.ENDED, by.strip(), source))


def _begun(
    state: State,
    asked: Shelving | Maintenance,
    now: int,
    source: str,
    rule: str = "",
    subject: str = "",
    cause: str = "",
    site: str = "",
    device: str = "",
) -> SuspensionBegun | Refused:
    by, reason = asked.by.strip(), asked.reason.strip()
    if not by:
        return Refused(Refusal.MISSING_NAME, "a person must be named")
    if not reason:
        return Refused(Refusal.MISSING_REASON, "a reason must be given")
    if asked.for_ms <= 0:
        return Refused(Refusal.BAD_SCOPE, "it would be over already")
    if asked.for_ms > LIMIT_MS[state]:
        hours = LIMIT_MS[state] // 3_600_000
        return Refused(Refusal.TOO_LONG, f"at most {hours} h; whoever is on duty then may do it again")
    return SuspensionBegun(
        suspension=digest(state, rule, subject, cause, site, device, by, str(now)),
        at=now,
        state=state,
        until=now + asked.for_ms,
        by=by,
        reason=reason,
        rule=rule,
        subject="" if cause else subject,
        cause=cause,
        site=site,
        device=device,
        once=isinstance(asked, Shelving) and asked.once,
        source=source,
    )


def suspend(book: Book, begun: SuspensionBegun) -> list[Event]:
    """What follows from a suspension that is allowed; nothing when it began before."""
    if book.suspensions.knows(begun.suspension):
        return []
    now = begun.at
    before = book.suspensions.of_scope(begun)
    events: list[Event] = [
        begun,
        *(SuspensionEnded(one.suspension, now, Ending.REPLACED, begun.by) for one in before),
    ]
    replaced = {one.suspension for one in before}
    for episode in book.unresolved():
        quiet = episode.held in replaced
        if quiet or (episode.state is State.OPEN and not episode.about_life and holds_over(begun, episode)):
            number = episode.number + 1
            events.append(Suspended(episode.id, number, now, begun.state, begun.suspension))
    return events


def _actable(book: Book, episode: str, by: str, seen: int | None) -> Episode | Refused:
    """The episode, if a person of this name may act on what they saw of it."""
    found = book.get(episode)
    if found is None:
        return Refused(Refusal.UNKNOWN, "there is no such alert")
    if not by.strip():
        return Refused(Refusal.MISSING_NAME, "a person must be named")
    if seen is not None and seen < found.called and found.state is not State.RESOLVED:
        return Refused(Refusal.FRESH_EVIDENCE, "people were called again since this was looked at")
    return found


def _resolved_by(episode: Episode) -> Refused:
    return Refused(Refusal.ALREADY_RESOLVED, f"resolved before, as {episode.outcome}")
