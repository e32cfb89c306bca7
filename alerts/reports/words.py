"""The figures of a report in words, Chinese and English.

Rule: every name, cause and group has words; a name without any is shown as it is.
"""

from collections.abc import Mapping

from alerts.people import Language
from alerts.reports.figure import Cause, Figure, Group, Unit

_Both = tuple[str, str]

_GROUPS: Mapping[Group, _Both] = {
    Group.RESPONSE: ("响应", "Response"),
    Group.LOAD: ("报警负荷", "Alarm load"),
    Group.PRECISION: ("准确度", "Precision"),
    Group.ROUNDS: ("巡视与探访", "Rounds and visits"),
}
_NAMES: Mapping[str, _Both] = {
    "answered_60s": ("60 秒内应答", "answered within 60 s"),
    "answered_180s": ("180 秒内应答", "answered within 180 s"),
    "acknowledge": ("应答用时", "time to answer"),
    "bedside": ("到场用时", "time to the bedside"),
    "on_the_way": ("应答至到场", "from answer to arrival"),
    "at_bedside": ("到场至处理完毕", "from arrival to the end"),
    "resolve": ("处理完毕用时", "time to the end"),
    "calls": ("呼叫次数", "calls"),
    "unanswered": ("无人应答", "unanswered"),
    "lapsed": ("接手后无人到场", "taken, but nobody came"),
    "withdrawn": ("被暂缓", "suspended before an answer"),
    "alerts_per_hour": ("每人每小时警报（白天）", "alerts per carer and hour, day"),
    "alerts_per_hour_night": ("每人每小时警报（夜间）", "alerts per carer and hour, night"),
    "busiest_hour": ("最忙一小时（白天）", "busiest hour of a carer, day"),
    "busiest_hour_night": ("最忙一小时（夜间）", "busiest hour of a carer, night"),
    "flood": ("报警泛滥时段占比", "ten-minute periods in flood"),
    "chattering": ("抖动报警", "chattering alerts"),
    "stale": ("持续超过 24 小时", "active for more than 24 h"),
    "priority": ("优先级构成", "priority mix"),
    "top_ten_sources": ("前十来源占比", "share of the ten loudest sources"),
    "share": ("单人占比", "share of one resident"),
    "real": ("真实", "real"),
    "false": ("误报", "false"),
    "test": ("测试", "test"),
    "no_action": ("无需处理", "no action"),
    "precision": ("准确率", "precision"),
    "actionable": ("需处理比例", "actionable"),
    "due": ("应做", "due"),
    "in_time": ("按时完成率", "done in time"),
    "late": ("迟做", "late"),
    "missed": ("未做", "missed"),
    "paused": ("暂停", "paused"),
    "reached": ("覆盖率（探访率）", "people reached (visit rate)"),
}
_BY: Mapping[str, _Both] = {
    "place": ("地点", "place"),
    "shift": ("班次", "shift"),
    "rule": ("规则", "rule"),
    "kind": ("类别", "kind"),
    "sensor": ("传感器", "sensor"),
    "carer": ("人员", "carer"),
    "task": ("任务", "task"),
    "severity": ("优先级", "severity"),
    "day": ("日期", "day"),
    "hour": ("小时", "hour"),
    "resident": ("住户", "resident"),
}
_CAUSES: Mapping[Cause, tuple[_Both, _Both]] = {
    Cause.NOBODY_ON_DUTY: (
        ("当班无人", "nobody was on duty"),
        ("补全值班表：shouwang duty gaps", "fill the rota: shouwang duty gaps"),
    ),
    Cause.NOT_TOLD: (
        ("未发出通知", "nobody was told"),
        ("检查通知规则（阶梯）与服务停机记录", "look at the ladder, and whether the service was down"),
    ),
    Cause.UNDELIVERED: (
        ("通知无回执", "no message had a receipt"),
        ("检查渠道：shouwang channels list", "look at the channels: shouwang channels list"),
    ),
    Cause.DELIVERED_LATE: (
        ("通知送达过晚", "the first receipt came too late"),
        ("换更快的渠道，或并行两个渠道", "use a faster channel, or two at once"),
    ),
    Cause.NOT_ANSWERED: (
        ("已送达但未应答", "people had it and did not answer"),
        ("与当班人员核实原因：人手、音量、流程", "ask those on duty why: hands, sound, procedure"),
    ),
}
_PERCENTILE = {"_p50": (" 中位数", ", median"), "_p90": (" 90 分位", ", p90"), "_p99": (" 99 分位", ", p99")}
_EN = {Language.ZH: 0, Language.EN: 1}


def group(of: Group, language: Language) -> str:
    """A part of the report."""
    return _GROUPS[of][_EN[language]]


def name(of: str, language: Language) -> str:
    """What is measured."""
    if of in _NAMES:
        return _NAMES[of][_EN[language]]
    for suffix, words in _PERCENTILE.items():
        base = of.removesuffix(suffix)
        if base != of and base in _NAMES:
            return _NAMES[base][_EN[language]] + words[_EN[language]]
    return of


def by(of: str, language: Language) -> str:
    """Of what a figure is."""
    return _BY.get(of, (of, of))[_EN[language]]


def cause(of: Cause, language: Language) -> tuple[str, str]:
    """Why a call was not answered in time, and what to do about it."""
    why, what = _CAUSES[of]
    return why[_EN[language]], what[_EN[language]]


def value(of: Figure) -> str:
    """A figure's value as people read it; a dash where there is nothing to measure."""
    return "–" if of.value is None else amount(of.value, of.unit)


def amount(number: float, unit: Unit) -> str:
    """A number in its unit: percent, seconds or minutes, a count."""
    match unit:
        case Unit.RATIO:
            return f"{_floor(number * 1000) / 10:g} %"
        case Unit.SECONDS if number < 120:
            return f"{number:.1f} s" if number < 10 else f"{number:.0f} s"
        case Unit.SECONDS if number < 7200:
            return f"{number / 60:.1f} min"
        case Unit.SECONDS:
            return f"{number / 3600:.1f} h"
        case _:
            return f"{number:.1f}".rstrip("0").rstrip(".")


def _floor(number: float) -> int:
    """Rounded, but nothing short of all is shown as all, nor anything as nothing."""
    near = round(number)
    if near == 1000 and number < 1000:
        return 999
    return 1 if near == 0 and number > 0 else near
