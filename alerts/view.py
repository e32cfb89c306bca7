"""Alerts, and what is kept quiet, as other programs see them: over HTTP, on MQTT, in webhooks.

Rule: all that a screen needs is here, JSON-able; what goes out by a channel holds nothing that people wrote.
"""

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from alerts.book import Book
from alerts.episode import LATE_MS, Concern, Episode, Sign
from alerts.event import Address, Event, QuietEvent, SuspensionBegun
from alerts.notification import Notification, standing, text
from alerts.suppression import Suppression
from alerts.where import where
from devices.registry import Registry
from rules.decision import Evidence

VERSION = 1
"""Version of the bodies made here."""

_UNTIL = ("until", "ask_until")
"""Times that are 0 where there is none."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def view(episode: Episode, registry: Registry) -> dict[str, object]:
    """An episode for the API: all that a screen needs, JSON-able, times in ISO 8601 UTC with ms.

    Where several rules see signs of one emergency, `rule`, `kind`, `device` and `metric` are those of the
    most urgent one, and `signs` are all of them.
    """
    first = episode.foremost
    shown: dict[str, object] = {
        "alert": episode.id,
        "rule": first.rule,
        "kind": first.kind,
        "cause": episode.cause,
        "severity": episode.severity.value,
        "life_safety": episode.about_life,
        "state": episode.state.value,
        "active": episode.active,
        "site": episode.site,
        "subjects": [_subject(concern, registry) for concern in episode.concerned],
        "device": first.device,
        "metric": first.metric,
        "signs": [_sign(sign, episode) for sign in episode.signs],
        "evidence": episode.evidence,
        "first_out": not episode.follows,
        "follows": episode.follows or None,
        "latched": episode.latched,
        "muted": episode.muted,
        "suspension": episode.held or None,
        "number": episode.number,
        "opened_at": iso(episode.opened_at),
        "raised_at": iso(episode.raised_at),
        "last_evidence_at": iso(episode.last_evidence_at),
        "acknowledged_by": episode.acknowledged_by or None,
        "acknowledged_at": _iso_or_none(episode.acknowledged_at),
        "acknowledged_until": _iso_or_none(episode.lease_until or None),
        "arrived_by": episode.arrived_by or None,
        "arrived_at": _iso_or_none(episode.arrived_at),
        "told": episode.told.value,
        "ask_until": _iso_or_none(episode.ask_until or None),
        "resolved_by": episode.resolved_by or None,
        "resolved_at": _iso_or_none(episode.resolved_at),
        "outcome": episode.outcome.value if episode.outcome else None,
        "note": episode.note,
        "facts": dict(episode.facts),
        "text": standing(episode, registry),
    }
    if episode.late:
        shown["age_ms"] = episode.age_ms
    return shown


def view_event(event: Event) -> dict[str, object]:
    """An event for the API, JSON-able: its name, what it is about, its fields; times in ISO 8601 UTC with ms.

    It has an `alert`, unless it is about a `suspension` or a `suppression`.
    """
    shown: dict[str, object] = {"event": event.name.value}
    if not isinstance(event, QuietEvent):
        shown["alert"] = event.episode
    for one in fields(event):
        value = getattr(event, one.name)
        match value:
            case Evidence():
                shown["evidence"] = {
                    "metric": value.metric,
                    "device": value.device,
                    "at": iso(value.at),
                    "received_at": iso(value.received_at),
                    "detail": value.detail,
                }
            case StrEnum():
                shown[one.name] = value.value
            case Mapping():
                shown[one.name] = dict(value)
            case 0 if one.name in _UNTIL:
                pass
            case tuple():
                shown[one.name] = [asdict(it) if isinstance(it, Address) else it for it in value]
            case _ if one.name not in {"episode", "identity"}:
                shown[one.name] = iso(value) if one.name in {"at", *_UNTIL} else value
    return shown


def view_suspension(suspension: SuspensionBegun, book: Book, registry: Registry) -> dict[str, object]:
    """A suspension for the API, and the alerts that it keeps quiet now, in `alerts`."""
    held = [one for one in book.unresolved() if one.held == suspension.suspension]
    return {
        "suspension": suspension.suspension,
        "state": suspension.state.value,
        "rule": suspension.rule or None,
        "subject": suspension.subject or None,
        "cause": suspension.cause or None,
        "site": suspension.site or None,
        "device": suspension.device or None,
        "by": suspension.by,
        "reason": suspension.reason,
        "since": iso(suspension.at),
        "until": iso(suspension.until),
        "once": suspension.once,
        "evidence": sum(one.evidence for one in held),
        "alerts": [view(one, registry) for one in held],
    }


def view_suppression(one: Suppression, registry: Registry) -> dict[str, object]:
    """What a rule suppresses about one subject, for the API."""
    found = where(registry, one.subject)
    return {
        "rule": one.rule,
        "kind": one.kind,
        "cause": one.cause,
        "subject": one.subject,
        "resident": found.resident or None,
        "place": found.place or None,
        "site": one.site,
        "why": one.why,
        "since": iso(one.since),
        "last_at": iso(one.at),
        "count": one.count,
    }


_FOR_STAFF_ONLY = ("acknowledged_by", "arrived_by", "resolved_by", "note")


def body(episode: Episode, notification: Notification, registry: Registry) -> dict[str, object]:
    """The body for MQTT and webhooks: `view` without what people wrote, with the notification and its text.

    It tells of the episode as it is given, which may have moved on since the notification was made.
    `age_ms` is there when what it tells is late. Receivers recognise a repeat by `notification`, and what is
    newer by `number`.
    """
    shown = {key: value for key, value in view(episode, registry).items() if key not in _FOR_STAFF_ONLY}
    shown |= {
        "v": VERSION,
        "notification": notification.id,
        "reason": notification.reason.value,
        "calls": notification.calls,
        "text": text(episode, notification, registry),
    }
    if notification.age_ms >= LATE_MS:
        shown["age_ms"] = notification.age_ms
    return shown


def iso(at: int) -> str:
    """A time in ms UTC as ISO 8601 with ms and Z; outside the years 1 to 9999 as the number itself."""
    try:
        return (_EPOCH + timedelta(milliseconds=at)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except OverflowError:
        return str(at)


def _iso_or_none(at: int | None) -> str | None:
    return None if at is None else iso(at)


def _subject(concern: Concern, registry: Registry) -> dict[str, object]:
    found = where(registry, concern.subject)
    return {
        "subject": concern.subject,
        "resident": found.resident or None,
        "place": found.place or None,
        "room": found.room or None,
        "bed": found.bed or None,
        "since": iso(concern.since),
        "active": concern.cleared_at is None,
    }


def _sign(sign: Sign, episode: Episode) -> dict[str, object]:
    own = "" if sign.rule == episode.rule else sign.rule
    return {
        "rule": sign.rule,
        "kind": sign.kind,
        "severity": sign.severity.value,
        "device": sign.device,
        "metric": sign.metric,
        "active": any(one.cleared_at is None for one in episode.subjects if one.rule == own),
    }
