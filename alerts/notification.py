"""What to send about an episode, and in which words.

Rule: what leaves here may be read on a locked screen by anybody: where, what kind and how urgent, never a
person's name, a value or a diagnosis (only `text(..., private=True)` names the resident).
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from alerts.episode import LATE_MS, Concern, Episode, Event, EventName, EvidenceAdded, Opened, State
from alerts.where import Where, where
from devices.metrics import LIFE_SAFETY
from devices.registry import Registry
from rules.decision import Evidence, Severity
from rules.unreadable import UNREADABLE

VERSION = 1
"""Version of the bodies made here."""

_KINDS = {
    "sos": ("呼救", "call for help"),
    "fall": ("跌倒", "fall"),
    "long_lie": ("跌倒后未起身", "not up again after a fall"),
    "missed_check": ("照护任务逾期", "check overdue"),
    "bed_exit": ("离床", "out of bed"),
    "inactivity": ("长时间无活动", "no sign of activity"),
    "vitals": ("请查看体征", "look at the vital signs"),
    "news2": ("请评估体征", "assess the vital signs"),
    "wandering": ("走失风险", "may be going missing"),
    "environment": ("环境报警", "environment alarm"),
    "climate": ("室温异常", "too cold or too hot"),
    "unprotected": ("无法呼救", "cannot call for help"),
    "expression": ("自定义规则", "own rule"),
    "technical": ("系统故障", "system fault"),
}
_CHECKS = {
    "check_in": ("每日报平安：", "daily check-in"),
    "visit": ("巡视：", "round"),
    "medication_taken": ("服药：", "medication"),
    "device_test": ("按钮测试：", "button test"),
}
_METRICS = {
    "smoke": ("烟雾报警", "smoke"),
    "gas": ("燃气报警", "gas"),
    "carbon_monoxide": ("一氧化碳报警", "carbon monoxide"),
    "water_leak": ("漏水", "water leak"),
    "room_temperature": ("室温异常", "too cold or too hot"),
}
_UNREADABLE = ("呼救设备发来无法解读的消息，请去看看", "a message of a call device cannot be read: look in")
_SEVERITIES = {
    Severity.HIGH: ("紧急", "URGENT"),
    Severity.MEDIUM: ("重要", "Important"),
    Severity.LOW: ("提示", "Notice"),
    Severity.INFO: ("信息", "Info"),
}
_REASONS = {
    EventName.OPENED: ("", ""),
    EventName.EVIDENCE: ("，再次触发", ", again"),
    EventName.CLEARED: ("，情况已恢复，仍待处理", ", back to normal, not yet resolved"),
    EventName.ACKNOWLEDGED: ("，已有人处理", ", taken charge of"),
    EventName.RESOLVED: ("，已处理完毕", ", resolved"),
}
_STATES = {
    State.OPEN: EventName.OPENED,
    State.ACKNOWLEDGED: EventName.ACKNOWLEDGED,
    State.RESOLVED: EventName.RESOLVED,
}
_MONTH_MIN = 30 * 24 * 60
_LISTED = 5  # places named in one text; more are counted
_LIFE_SAFETY_KINDS = LIFE_SAFETY | {"long_lie"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Notification:
    """Something to send. `id` is the episode's id and the event's number: a repeat is recognisable by it.

    `calls`: people must be called; otherwise it only brings displays and receivers up to date. `at` is our
    clock, `age_ms` how long before that it happened (for `opened` and `evidence`; else 0).
    """

    id: str
    episode: str
    number: int
    reason: EventName
    severity: Severity
    life_safety: bool
    calls: bool
    at: int
    age_ms: int = 0


def life_safety(kind: str, metric: str, severity: Severity) -> bool:
    """Whether nothing may delay, drop or give up on it: by its kind, its metric, or high severity (R-14)."""
    return kind in _LIFE_SAFETY_KINDS or metric in LIFE_SAFETY or severity is Severity.HIGH


def notify(episode: Episode, event: Event) -> Notification | None:
    """What to send of an event, None for evidence that calls nobody. `episode` is as it is after it."""
    age = 0
    calls = False
    metric = episode.metric
    if isinstance(event, (Opened, EvidenceAdded)):
        if isinstance(event, EvidenceAdded) and not event.calls:
            return None
        calls = True
        age = max(0, event.at - event.evidence.at)
        metric = event.evidence.metric
    return Notification(
        id=f"{event.episode}-{event.number}",
        episode=event.episode,
        number=event.number,
        reason=event.name,
        severity=episode.severity,
        life_safety=life_safety(episode.kind, metric, episode.severity),
        calls=calls,
        at=event.at,
        age_ms=age,
    )


def text(
    episode: Episode, notification: Notification, registry: Registry, *, private: bool = False
) -> dict[str, str]:
    """The message for people, by language (`zh-CN`, `en`). With `private` it names the residents."""
    return _sentences(episode, notification.reason, notification.age_ms, registry, private=private)


def _sentences(
    episode: Episode, why: EventName, age_ms: int, registry: Registry, *, private: bool = False
) -> dict[str, str]:
    places = [where(registry, subject) for subject in _concerned(episode)]
    zh, en = _KINDS.get(episode.kind, (episode.kind, episode.kind.replace("_", " ")))
    if episode.kind == "missed_check":
        check = _CHECKS.get(str(episode.facts.get("check")), ("", ""))
        zh, en = check[0] + zh, f"{en}: {check[1]}" if check[1] else en
    if episode.kind == "environment":
        zh, en = _METRICS.get(episode.metric, (zh, en))
    if episode.rule == UNREADABLE:
        zh, en = _UNREADABLE
    urgency = _SEVERITIES[episode.severity]
    reason = _REASONS[why]
    zh_when, en_when = _when(age_ms)
    return {
        "zh-CN": f"【{urgency[0]}】{_places_zh(places, registry, private)}：{zh}{reason[0]}" + zh_when,
        "en": f"{urgency[1]}: {_places_en(places, registry, private)}: {en}{reason[1]}" + en_when,
    }


def _when(age_ms: int) -> tuple[str, str]:
    """How long ago it happened, where that is worth saying."""
    if age_ms < LATE_MS:
        return "", ""
    minutes = age_ms // 60_000
    if minutes > _MONTH_MIN:
        return "（设备时钟有误，时间不明）", " (the device's clock is wrong, so when is not known)"
    if minutes >= 120:
        return f"（{minutes // 60}小时前发生）", f" (happened {minutes // 60} h ago)"
    return f"（{minutes}分钟前发生）", f" (happened {minutes} min ago)"


def view(episode: Episode, registry: Registry) -> dict[str, object]:
    """An episode for the API: all that a screen needs, JSON-able, times in ISO 8601 UTC with ms."""
    shown: dict[str, object] = {
        "alert": episode.id,
        "rule": episode.rule,
        "kind": episode.kind,
        "cause": episode.cause,
        "severity": episode.severity.value,
        "life_safety": life_safety(episode.kind, episode.metric, episode.severity),
        "state": episode.state.value,
        "active": episode.active,
        "site": episode.site,
        "subjects": [_subject(concern, registry) for concern in episode.subjects],
        "device": episode.device,
        "metric": episode.metric,
        "evidence": episode.evidence,
        "number": episode.number,
        "opened_at": iso(episode.opened_at),
        "raised_at": iso(episode.raised_at),
        "last_evidence_at": iso(episode.last_evidence_at),
        "acknowledged_by": episode.acknowledged_by or None,
        "acknowledged_at": _iso_or_none(episode.acknowledged_at),
        "resolved_by": episode.resolved_by or None,
        "resolved_at": _iso_or_none(episode.resolved_at),
        "outcome": episode.outcome.value if episode.outcome else None,
        "note": episode.note,
        "facts": dict(episode.facts),
        "text": _sentences(episode, _STATES[episode.state], episode.age_ms, registry),
    }
    if episode.late:
        shown["age_ms"] = episode.age_ms
    return shown


def view_event(event: Event) -> dict[str, object]:
    """An event for the API, JSON-able: its name, the alert, and its fields; times in ISO 8601 UTC with ms."""
    shown: dict[str, object] = {"event": event.name.value, "alert": event.episode}
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
            case _ if one.name not in {"episode", "identity"}:
                shown[one.name] = iso(value) if one.name == "at" else value
    return shown


_FOR_STAFF_ONLY = ("acknowledged_by", "resolved_by", "note")


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


def _concerned(episode: Episode) -> list[str]:
    """Those for whom it still holds; once it holds for nobody, all."""
    running = [concern.subject for concern in episode.subjects if concern.cleared_at is None]
    return running or [concern.subject for concern in episode.subjects]


def _names(found: Where, registry: Registry, private: bool) -> str:
    resident = registry.residents.get(found.resident) if private else None
    return resident.name if resident else ""


def _places_zh(places: list[Where], registry: Registry, private: bool) -> str:
    listed = "、".join(
        " ".join(filter(None, (at.zh, _names(at, registry, private)))) for at in places[:_LISTED]
    )
    return listed + (f"等{len(places)}处" if len(places) > _LISTED else "")


def _places_en(places: list[Where], registry: Registry, private: bool) -> str:
    listed = "; ".join(
        " ".join(filter(None, (at.en, _names(at, registry, private)))) for at in places[:_LISTED]
    )
    return listed + (f" and {len(places) - _LISTED} more" if len(places) > _LISTED else "")
