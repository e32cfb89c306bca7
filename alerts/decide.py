"""What follows from a rule's decision, and from the passing of time.

Rule: these functions only say which events follow. What is about somebody's life is weighed before any
suspension, latch or flood is looked at, so that none of them can ever hold it back (R-42).
"""

from base64 import b32encode
from hashlib import blake2b

from alerts.book import Book
from alerts.chatter import latches
from alerts.episode import Episode, rank
from alerts.event import (
    SUSPENDED,
    Cleared,
    Ending,
    Event,
    EvidenceAdded,
    Opened,
    Outcome,
    Released,
    Resolved,
    State,
    Suppressed,
    SuppressionEnded,
    Suspended,
    SuspensionBegun,
    SuspensionEnded,
    Weight,
)
from alerts.first_out import joined
from alerts.flood import cause_of
from alerts.joining import joined_by, waits
from alerts.life import about_life
from alerts.suspension import part_of
from rules.decision import FLOOD, Change, Decision, Severity

SUSPENSION = "suspension"
"""The source of a resolution that follows from the end of a suspension."""


def identify(decision: Decision) -> str:
    """The identity of a decision's evidence: the same for the same thing seen again, about the same subject.

    16 characters of base32 (80 bits of BLAKE2b), easy to read out on the telephone. The evidence that opens
    an episode gives it its id, so replay cannot make a second one.
    """
    parts = (decision.rule, decision.cause, decision.subject, decision.change.value, decision.evidence.key)
    return digest(*parts)


def digest(*parts: str) -> str:
    """A short name for what these parts are."""
    text = "".join(f"{len(part)}:{part}" for part in parts)
    found = blake2b(text.encode(errors="surrogatepass"), digest_size=10)
    return b32encode(found.digest()).decode().lower()


def decide(book: Book, decision: Decision, now: int, site: str = "", *, askable: bool = False) -> list[Event]:
    """The events that follow from a rule's decision; none when it was seen before. `now` is our clock (ms).

    `site` is where the subject lives (`where.site_of`); an episode keeps the one it opened with. A rule that
    would suppress what is about somebody's life raises it: there is no such suppression. A sign of an
    emergency that another rule has seen joins that (`alerts.joining`), if people are to be called for it.
    What would call people for the first time is put to the resident first where its rule says so, if it is
    not about life and she can be asked (`askable`, `alerts.asking`).
    """
    identity = identify(decision)
    if decision.change is Change.RECORD or book.knows(identity):
        return []
    episode = book.open_for(decision.rule, decision.cause)
    if decision.change is Change.CLEAR:
        return [*_clear(episode, decision, identity, now), *_unsuppressed(book, decision, now)]
    if decision.change is Change.SUPPRESS and not _about_life(decision):
        return [_suppressed(book, decision, identity, now, site)]
    if episode is None and decision.change is Change.NOTE:
        return []
    weight, suspension = _weigh(book, episode, decision, now, site)
    if episode is None and weight is Weight.CALL and (kinds := joined_by(decision)):
        episode = book.emergency(decision.subject, decision.evidence.received_at, kinds)
        if episode is not None:
            weight, suspension = _weigh(book, episode, decision, now, site)
    if episode is None:
        if weight is Weight.CALL and decision.ask_ms and askable and not _about_life(decision):
            weight = Weight.ASKED
        taken: Event = _open(book, decision, identity, now, site, weight, suspension)
    else:
        taken = _more(episode, decision, identity, now, weight, suspension)
    return [taken, *_unsuppressed(book, decision, now)]


def follow(book: Book, now: int, site: str | None = None) -> list[Event]:
    """What follows at `now` by itself: a suspension ends, a flood begins or is over (at `site`, or anywhere).

    Apply what it gives, at most one event for each episode, and ask again until nothing follows.
    """
    if (suspension := book.suspensions.due(now)) is not None:
        why = Ending.OVER if book.suspensions.is_over(suspension.suspension) else Ending.EXPIRED
        return end(book, suspension, SuspensionEnded(suspension.suspension, now, why))
    for place in list(book.positions) if site is None else [site]:
        turn = book.positions[place].turn(place, now)
        if turn is not None and (events := decide(book, turn, now, place)):
            return events
    return []


def end(book: Book, suspension: SuspensionBegun, ended: SuspensionEnded) -> list[Event]:
    """The end of a suspension: what still holds calls people, what is over is closed by who suspended it.

    What another suspension holds over stays quiet under that one.
    """
    events: list[Event] = [ended]
    for episode in book.unresolved():
        if episode.held != suspension.suspension:
            continue
        number, now = episode.number + 1, ended.at
        other = book.suspensions.over_episode(episode, now, but=suspension.suspension)
        if all(one.cleared_at is not None for one in part_of(episode, suspension)):
            if episode.state in SUSPENDED.values():
                events.append(
                    Resolved(
                        episode.id,
                        number,
                        now,
                        suspension.by,
                        Outcome.NO_ACTION,
                        SUSPENSION,
                        suspension.reason,
                    )
                )
        elif other is not None:
            events.append(Suspended(episode.id, number, now, other.state, other.suspension))
        else:
            events.append(Released(episode.id, number, now, suspension.suspension))
    return events


def _about_life(decision: Decision) -> bool:
    return about_life(decision.kind, decision.evidence.metric)


def _open(
    book: Book, decision: Decision, identity: str, now: int, site: str, weight: Weight, suspension: str
) -> Opened:
    life = _about_life(decision)
    groups = joined(decision.kind, decision.cause, decision.subject, site, about_life=life)
    first = book.first_of(groups, now)
    if weight is Weight.MUTED and not first:
        flood = book.open_for(FLOOD, cause_of(site))
        first = flood.id if flood else ""
    return Opened(
        episode=identity,
        number=1,
        at=now,
        rule=decision.rule,
        kind=decision.kind,
        cause=decision.cause,
        subject=decision.subject,
        site=site,
        severity=decision.severity,
        identity=identity,
        evidence=decision.evidence,
        facts=dict(decision.facts),
        weight=weight,
        suspension=suspension,
        follows=first,
        ask_until=now + decision.ask_ms if weight is Weight.ASKED else 0,
    )


def _clear(episode: Episode | None, decision: Decision, identity: str, now: int) -> list[Event]:
    """The end of a condition: of one subject's, or of everyone's when the subject is the cause itself.

    It ends what its own rule said. What ended before the newest evidence ended something older: a replayed
    "door closed" clears nothing.
    """
    if episode is None:
        return []
    everyone, rule = decision.subject == decision.cause, _other(episode, decision)
    running = [
        concern
        for concern in episode.subjects
        if concern.cleared_at is None
        and concern.rule == rule
        and (everyone or concern.subject == decision.subject)
    ]
    if not running or any(decision.evidence.at < concern.last_at for concern in running):
        return []
    number, facts = episode.number + 1, dict(decision.facts)
    return [Cleared(episode.id, number, now, decision.subject, identity, decision.evidence, facts, rule)]


def _other(episode: Episode, decision: Decision) -> str:
    """The rule of a decision where it is not the episode's own."""
    return "" if decision.rule == episode.rule else decision.rule


def _more(
    episode: Episode, decision: Decision, identity: str, now: int, weight: Weight, suspension: str
) -> EvidenceAdded:
    """More evidence for an unresolved episode."""
    other = _other(episode, decision)
    return EvidenceAdded(
        episode=episode.id,
        number=episode.number + 1,
        at=now,
        subject=decision.subject,
        severity=decision.severity,
        weight=weight,
        identity=identity,
        evidence=decision.evidence,
        facts=dict(decision.facts),
        suspension=suspension,
        rule=other,
        kind=other and decision.kind,
        cause=other and decision.cause,
    )


def _weigh(
    book: Book, episode: Episode | None, decision: Decision, now: int, site: str
) -> tuple[Weight, str]:
    """What this evidence does, and the suspension it falls under, if any.

    What is worse than what its rule said before, in the alert that is suspended or chatters, calls: nobody
    has shelved that.
    """
    if decision.change is Change.NOTE:
        return Weight.NOTE, ""
    if episode is not None and _same_press(book, episode, decision):
        return Weight.REPEAT, ""
    if _about_life(decision):
        return Weight.CALL, ""
    before = episode.severity_of(decision.rule) if episode is not None else None
    no_worse = before is not None and rank(decision.severity) <= rank(before)
    if before is None or no_worse:
        suspension = book.suspensions.over(decision, site, now)
        if suspension is not None:
            return Weight(suspension.state.value), suspension.suspension
    if episode is not None and no_worse:
        activations = book.activations(episode.id, decision.rule, decision.subject)
        if latches(activations, now):
            return Weight.LATCHED, ""
    if episode is not None and episode.state is State.ASKING and no_worse:
        return Weight.ASKED, ""
    if episode is not None and waits(episode, decision):
        return Weight.JOINED, ""
    if rank(decision.severity) <= rank(Severity.LOW) and book.positions[site].flooded:
        return Weight.MUTED, ""
    return Weight.CALL, ""


def _same_press(book: Book, episode: Episode, decision: Decision) -> bool:
    """Whether this is one more message of a press that people were called for and nobody answered yet."""
    evidence = decision.evidence
    last = book.last_heard(episode.id, decision.rule, evidence.device, evidence.metric)
    return (
        episode.state is State.OPEN
        and evidence.same_within_ms > 0
        and last is not None
        and rank(decision.severity) <= rank(last.severity)
        and abs(evidence.at - last.at) <= evidence.same_within_ms
    )


def _suppressed(book: Book, decision: Decision, identity: str, now: int, site: str) -> Suppressed:
    known = book.suppressions.of(decision)
    return Suppressed(
        suppression=known.id if known else identity,
        at=now,
        rule=decision.rule,
        kind=decision.kind,
        cause=decision.cause,
        subject=decision.subject,
        site=site,
        why=str(decision.facts.get("why", "")),
        identity=identity,
        evidence=decision.evidence,
    )


def _unsuppressed(book: Book, decision: Decision, now: int) -> list[Event]:
    known = book.suppressions.of(decision)
    if known is None or decision.change is Change.NOTE:
        return []
    return [SuppressionEnded(known.id, now)]
