"""What who takes over must know: what is open, what happened this shift, what is due.

Rule: a value made of what is known now; the most urgent first, and nothing that is open is left out.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from alerts.book import Book
from alerts.duty import Duty
from alerts.episode import Episode
from alerts.event import State, SuspensionBegun
from alerts.view import iso, view, view_suspension
from alerts.where import where
from devices.registry import Registry

AHEAD_MS = 12 * 3_600_000
"""How far ahead is looked for what is due: a shift."""

_DUE_AT_ONCE = 500


class Due(NamedTuple):
    """A check to be made of somebody by a time (ms UTC); `missed`: that time and its grace are over."""

    rule: str
    task: str
    subject: str
    due: int
    missed: bool


@dataclass(frozen=True, slots=True)
class Shift:
    """What is known of a shift from `since` until `now` (ms UTC), and of who has the next hours.

    `past` are the alerts that were raised or resolved in it.
    """

    since: int
    now: int
    book: Book
    past: Sequence[Episode]
    due: Iterable[Due]
    duty: Duty
    away: Sequence[str]
    registry: Registry


def begin_of(duty: Duty, now: int, chain: Sequence[str]) -> int:
    """When the shift of now began: at this place (it and all above, the nearest first), else anywhere.

    Where no rota says so, half a day ago.
    """
    turns = [turn for turn in duty.rostered(now, now + 1) if turn.begin <= now < turn.end]
    here = [turn for turn in turns if set(turn.places) & set(chain)] or turns
    return max((turn.begin for turn in here), default=now - AHEAD_MS)


def handover(shift: Shift, place: str = "") -> dict[str, object]:
    """The handover, JSON-able; with `place` only of what is there, and of what has no place."""
    registry, now = shift.registry, shift.now
    here = _within(registry, place)
    standing = [one for one in shift.book.urgent(len(shift.book.unresolved())) if _of(one, here)]
    past = [one for one in shift.past if _of(one, here)]
    due = sorted((one for one in shift.due if here(one.subject)), key=lambda one: (one.due, one.subject))
    until = now + AHEAD_MS
    gaps = [one for one in shift.duty.gaps(now, until) if not place or here(one.place)]
    raised = [one for one in past if one.raised_at >= shift.since]
    resolved = [one for one in past if one.resolved_at is not None and one.resolved_at >= shift.since]
    return {
        "since": iso(shift.since),
        "at": iso(now),
        "until": iso(until),
        "zone": registry.zone,
        "place": place or None,
        "counts": {
            "open": len(standing),
            "raised": len(raised),
            "resolved": len(resolved),
            "overdue": sum(one.missed for one in due),
            "due": sum(not one.missed for one in due),
        },
        "open": [view(one, registry) for one in standing],
        "happened": [_happened(one, registry) for one in sorted(past, key=lambda one: one.raised_at)],
        "due": [_due(one, registry) for one in due[:_DUE_AT_ONCE]],
        "quiet": [
            view_suspension(one, shift.book, registry)
            for one in shift.book.suspensions.holding()
            if not place or _quiet_here(one, here)
        ],
        "away": [one for one in shift.away if here(one)],
        "on_duty": [_post(one) for one in shift.duty.posts(now)],
        "next": [
            {"from": iso(begin)} | _post(post)
            for begin, _, post in shift.duty.spans(now, until)
            if begin > now
        ],
        "gaps": [
            {"place": one.place, "role": one.role, "from": iso(one.begin), "until": iso(one.end)}
            for one in gaps
        ],
    }


def _within(registry: Registry, place: str) -> Callable[[str], bool]:
    """Whether a subject is at a place or in it; everybody where none is asked for."""

    def here(subject: str) -> bool:
        return not place or any(at.id == place for at in registry.above(where(registry, subject).place))

    return here


def _of(episode: Episode, here: Callable[[str], bool]) -> bool:
    return any(here(one.subject) for one in episode.subjects)


def _quiet_here(one: SuspensionBegun, here: Callable[[str], bool]) -> bool:
    return not one.subject or here(one.subject)


def _happened(episode: Episode, registry: Registry) -> dict[str, object]:
    """One alert of the shift in short: its text, who took it and after how long, what it was."""
    shown = view(episode, registry)
    taken = episode.acknowledged_at or episode.arrived_at
    kept = (
        "alert",
        "kind",
        "severity",
        "state",
        "text",
        "raised_at",
        "resolved_by",
        "resolved_at",
        "outcome",
    )
    return {key: shown[key] for key in kept} | {
        "by": episode.acknowledged_by or episode.arrived_by or episode.resolved_by or None,
        "answered_after_s": None if taken is None else max(0, taken - episode.raised_at) // 1000,
        "arrived": bool(episode.arrived_by),
        "note": episode.note if episode.state is State.RESOLVED else "",
    }


def _due(one: Due, registry: Registry) -> dict[str, object]:
    found = where(registry, one.subject)
    return {
        "task": one.task,
        "rule": one.rule,
        "subject": one.subject,
        "where": {"zh-CN": found.zh, "en": found.en},
        "due": iso(one.due),
        "missed": one.missed,
    }


def _post(post: object) -> dict[str, object]:
    return {key: getattr(post, key) for key in ("role", "place", "person", "shift")}
