"""What to send about an episode, and in which words.

Rule: what leaves here may be read on a locked screen by anybody: where, what kind and how urgent, never a
person's name, a value or a diagnosis (only `text(..., private=True)` names the resident).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alerts.episode import LATE_MS, Episode
from alerts.event import (
    Address,
    Cleared,
    EpisodeEvent,
    EventName,
    EvidenceAdded,
    Lapsed,
    MessageDelivered,
    MessageFailed,
    Notified,
    Opened,
    Released,
    State,
    Weight,
)
from alerts.life import life_safety
from alerts.where import Where, where
from devices.registry import Registry
from rules.decision import DRILL, DUTY, FLOOD, Severity
from rules.unreadable import UNREADABLE

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
    "absence": ("登记外出却似乎在床，请核实", "reported away, but her bed is in use: ask"),
    "unprotected": ("无法呼救", "cannot call for help"),
    "device_health": ("设备需要维护", "a device needs attention"),
    "expression": ("自定义规则", "own rule"),
    "technical": ("系统故障", "system fault"),
    DUTY: ("值班空缺", "nobody on duty"),
    FLOOD: ("报警过多，低级提示暂缓", "alarm flood, notices wait"),
}
_DRILL = ("【演练】", "[DRILL] ")
_REPEAT = ("（重发）", "(repeat) ")
_CHECKS = {
    "check_in": ("每日报平安：", "daily check-in"),
    "visit": ("巡视：", "round"),
    "medication_taken": ("服药：", "medication"),
    "medication": ("服药：", "medication"),
    "device_test": ("按钮测试：", "button test"),
    "turned": ("翻身：", "turning"),
    "turning": ("翻身：", "turning"),
    "community_visit": ("探访：", "visit at home"),
    "consciousness": ("意识观察：", "look at consciousness"),
    "neuro_observation": ("跌倒后神经系统观察：", "neurological observation after a fall"),
    "staff_present": ("到床旁：", "be with the resident"),
}
_REFUSED = ("（有人做过，但缺少凭证）", " (made, but without its proof)")
_METRICS = {
    "smoke": ("烟雾报警", "smoke"),
    "gas": ("燃气报警", "gas"),
    "carbon_monoxide": ("一氧化碳报警", "carbon monoxide"),
    "water_leak": ("漏水", "water leak"),
    "room_temperature": ("室温异常", "too cold or too hot"),
}
_DEVICES = {
    "battery": ("电量低，请更换或充电", "battery low: replace or charge it"),
    "mains_power": ("设备断电", "a device has no mains power"),
    "tamper": ("设备被拔出或拆开", "a device was pulled out or opened"),
    "fault": ("设备报告故障", "a device reports a fault"),
    "usable": ("测量值无法使用，请看设备和住户", "readings cannot be used: look at device and resident"),
}
_UNPROTECTED = {
    "broker": ("消息服务器中断", "the message broker is not reached"),
    "gateway": ("网关中断", "a gateway is down"),
    "offline": ("设备离线", "the device is offline"),
    "silent": ("设备无信号", "the device is silent"),
    "flat": ("设备没电", "the device's battery is flat"),
    "unworn": ("设备未佩戴", "the device is not worn"),
    "tamper": ("设备被拔出或拆开", "the device was pulled out or opened"),
    "fault": ("设备故障", "the device is faulty"),
}
_ROLES = {
    "primary": ("主班", "primary"),
    "second": ("副班", "second"),
    "lead": ("班组长", "team lead"),
    "manager": ("主管", "manager"),
}
_SYNTHETIC = (
    "试验呼叫没有返回（{}），真实呼救也可能送不到。请加强巡视，并请技术人员处理",
    "a test call did not come back ({}): real calls may be lost, too. Make rounds, and have it mended",
)
_LAST_SEEN = {
    "unsent": (
        "消息服务器没有收下：检查服务器与账号",
        "the broker did not take it: look at the broker and our account",
    ),
    "published": (
        "消息服务器收下后没有送回：检查其读写权限 ACL",
        "the broker took it and did not give it back: look at its ACL",
    ),
    "journalled": ("已收到但没有判定：检查服务日志", "received, not decided: look at the service's log"),
    "decided": ("已判定但没有记录：检查磁盘", "decided, not recorded: look at the disk"),
    "recorded": ("已记录但没有发出：检查服务日志", "recorded, not sent: look at the service's log"),
}
_UNCONFIRMED = ("值班无人确认", "nobody has confirmed to be on duty")
_STOOD_IN = ("，暂有看护", ", watched meanwhile")
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
    EventName.SHELVED: ("，已暂缓提醒", ", shelved"),
    EventName.OUT_OF_SERVICE: ("，设备维护中", ", device out of service"),
    EventName.RELEASED: ("，暂缓已结束，情况仍在", ", no longer shelved and still so"),
    EventName.NOTIFIED: ("，仍无人处理", ", nobody has taken charge yet"),
    EventName.DELIVERED: ("，已送达", ", delivered"),
    EventName.UNDELIVERED: ("，未能送达", ", could not be delivered"),
    EventName.ARRIVED: ("，已有人到场", ", somebody is there"),
    EventName.LAPSED: ("，接手后无人到场，请再处理", ", taken charge of but nobody came"),
}
_STATES = {
    State.OPEN: EventName.OPENED,
    State.ACKNOWLEDGED: EventName.ACKNOWLEDGED,
    State.ON_SITE: EventName.ARRIVED,
    State.ASKING: EventName.OPENED,
    State.RESOLVED: EventName.RESOLVED,
    State.SHELVED: EventName.SHELVED,
    State.OUT_OF_SERVICE: EventName.OUT_OF_SERVICE,
}
_MONTH_MIN = 30 * 24 * 60
_LISTED = 5  # places named in one text; more are counted


@dataclass(frozen=True, slots=True)
class Notification:
    """Something to send. `id` is the episode's id and the event's number: a repeat is recognisable by it.

    `calls`: people must be called; otherwise it only brings displays and receivers up to date. `at` is our
    clock, `age_ms` how long before that it happened (for `opened`, `evidence` and `released`; else 0).
    `everyone`: it goes to those who are told of everything (displays, webhooks); `to` are others.
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
    everyone: bool = True
    to: tuple[Address, ...] = ()


def notify(episode: Episode, event: EpisodeEvent) -> Notification | None:
    """What to send of an event, None for evidence that only counts. `episode` is as it is after it.

    What begins quietly, or again (shelved, out of service, muted in a flood), is sent for displays, and calls
    nobody. While an alarm chatters its ends are not sent: displays show it as going on until somebody acted.
    Nor is the end of one sign of an emergency while another goes on. The end of a flood calls where something
    waited for it.
    """
    age = 0
    calls = False
    everyone = True
    to: tuple[Address, ...] = ()
    reason = event.name
    metric = episode.foremost.metric
    kind = episode.foremost.kind
    match event:
        case Opened() | EvidenceAdded():
            if isinstance(event, EvidenceAdded) and not (event.calls or _begins_quietly(episode, event)):
                return None
            calls = event.calls
            age = max(0, event.at - event.evidence.at)
            metric, kind = event.evidence.metric, event.kind or episode.kind
        case Notified():
            everyone, to = event.repeat, event.to
            if not (everyone or to):
                return None
            if event.again:
                reason = EventName.EVIDENCE
            elif not event.repeat and episode.call:
                reason = episode.call.why
            calls, age = True, max(0, event.at - episode.last_evidence_at)
        case MessageDelivered() | MessageFailed():
            return None
        case Lapsed():
            calls = True
        case Released():
            calls = True
            reason = event.name if event.suspension else EventName.OPENED  # now people hear of it first
            age = max(0, event.at - episode.last_evidence_at)
        case Cleared():
            if episode.latched or (episode.signs and episode.active):
                return None
            calls = episode.kind == FLOOD and bool(event.facts.get("muted"))
        case _:
            pass
    return Notification(
        id=f"{event.episode}-{event.number}",
        episode=event.episode,
        number=event.number,
        reason=reason,
        severity=episode.severity,
        life_safety=life_safety(kind, metric, episode.severity)
        or (isinstance(event, Notified) and episode.about_life),
        calls=calls,
        at=event.at,
        age_ms=age,
        everyone=everyone,
        to=to,
    )


def _begins_quietly(episode: Episode, event: EvidenceAdded) -> bool:
    """Whether a condition begins, or one that was over does again, and calls nobody for it now."""
    concern = episode.concern(event.subject, event.rule)
    quiet = event.weight in {Weight.SHELVED, Weight.OUT_OF_SERVICE, Weight.MUTED, Weight.JOINED}
    return quiet and concern is not None and concern.since == event.evidence.at


def text(
    episode: Episode, notification: Notification, registry: Registry, *, private: bool = False
) -> dict[str, str]:
    """The message for people, by language (`zh-CN`, `en`). With `private` it names the residents."""
    return _sentences(episode, notification.reason, notification.age_ms, registry, private=private)


def repeated(said: str, *, zh: bool) -> str:
    """A text that its receiver may have had before; that it is a drill still comes first."""
    drill, repeat = (_DRILL[0], _REPEAT[0]) if zh else (_DRILL[1], _REPEAT[1])
    return drill + repeat + said.removeprefix(drill) if said.startswith(drill) else repeat + said


def together(texts: Sequence[dict[str, str]]) -> dict[str, str]:
    """Several messages in one, by language: a few whole, the rest counted."""
    if len(texts) == 1:
        return texts[0]
    more = len(texts) - _LISTED
    lines = {language: [one[language] for one in texts[:_LISTED]] for language in ("zh-CN", "en")}
    zh, en = ([f"另有{more}条"], [f"and {more} more"]) if more > 0 else ([], [])
    return {
        "zh-CN": "\n".join((f"{len(texts)}条提醒：", *lines["zh-CN"], *zh)),
        "en": "\n".join((f"{len(texts)} alerts:", *lines["en"], *en)),
    }


def standing(episode: Episode, registry: Registry) -> dict[str, str]:
    """The same of an episode as it stands, for lists."""
    return _sentences(episode, _STATES[episode.state], episode.age_ms, registry)


def _sentences(
    episode: Episode, why: EventName, age_ms: int, registry: Registry, *, private: bool = False
) -> dict[str, str]:
    places = [where(registry, subject) for subject in _concerned(episode)]
    zh, en = _what(episode)
    urgency = _SEVERITIES[episode.severity]
    reason = _REASONS[why]
    if episode.kind == FLOOD and (muted := episode.facts.get("muted")) and why is EventName.CLEARED:
        reason = (f"，已过去；其间有{muted}条提示未呼叫", f", over; {muted} notices waited")
    zh_when, en_when = _when(age_ms)
    zh_mark, en_mark = _DRILL if episode.kind == DRILL else ("", "")
    zh = f"【{urgency[0]}】{_places_zh(places, registry, private)}：{zh}{reason[0]}"
    en = f"{urgency[1]}: {_places_en(places, registry, private)}: {en}{reason[1]}"
    return {"zh-CN": zh_mark + zh + zh_when, "en": en_mark + en + en_when}


def _what(episode: Episode) -> tuple[str, str]:
    """What it is, in both languages."""
    if episode.rule == UNREADABLE:
        return _UNREADABLE
    if episode.signs:
        kinds = dict.fromkeys((episode.foremost.kind, *(sign.kind for sign in episode.signs)))
        said = [words(kind) for kind in kinds]
        return "、".join(zh for zh, _ in said), "; ".join(en for _, en in said)
    zh, en = words(episode.kind)
    match episode.kind:
        case "missed_check":
            check = _CHECKS.get(str(episode.facts.get("check")), ("", ""))
            tried = _REFUSED if episode.facts.get("refused") else ("", "")
            return check[0] + zh + tried[0], (f"{en}: {check[1]}" if check[1] else en) + tried[1]
        case "environment":
            return _METRICS.get(episode.metric, (zh, en))
        case "device_health":
            return _DEVICES.get(episode.metric, (zh, en))
        case "unprotected" if why := _UNPROTECTED.get(str(episode.facts.get("why"))):
            stood = (
                _STOOD_IN if episode.severity is Severity.LOW and "stand_in" in episode.facts else ("", "")
            )
            return f"{zh}（{why[0]}）{stood[0]}", f"{en} ({why[1]}){stood[1]}"
        case "technical" if stage := _LAST_SEEN.get(str(episode.facts.get("stage"))):
            return _SYNTHETIC[0].format(stage[0]), _SYNTHETIC[1].format(stage[1])
        case "drill":
            practised = str(episode.facts.get("what", ""))
            return _METRICS.get(practised) or words(practised)
        case "duty":
            return _duty(episode.facts, zh, en)
    return zh, en


def _duty(facts: Mapping[str, str | int], zh: str, en: str) -> tuple[str, str]:
    """Which post is empty from when until when, or which night nobody confirmed."""
    begin, end, role = facts.get("from", ""), facts.get("until", ""), str(facts.get("role", ""))
    if facts.get("why") == "unconfirmed":
        zh, en = _UNCONFIRMED
    of = _ROLES.get(role, (role, role))
    return (
        f"{zh}（{of[0]} {begin} 至 {end}）".replace("（ ", "（"),
        f"{en} ({of[1]} {begin} to {end})".replace("( ", "("),
    )


def words(kind: str) -> tuple[str, str]:
    """What a kind of rule sees, in Chinese and in English."""
    return _KINDS.get(kind, (kind, kind.replace("_", " ")))


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


def _concerned(episode: Episode) -> list[str]:
    """Those for whom it still holds; once it holds for nobody, all."""
    running = [concern.subject for concern in episode.concerned if concern.cleared_at is None]
    return running or [concern.subject for concern in episode.concerned]


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
