"""`shouwang rules explain / list`: which rules hold for whom, and where each value comes from.

Rule: nothing is changed and nothing is guessed: what is printed is what the service would do.
"""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from devices.registry import Registry, Risk
from ingest.commands.console import USAGE, bare, end, end_with, json_line, registry_problems, told
from ingest.commands.quarantine_shown import console
from ingest.commands.serving import check
from ingest.rulebook import read
from rules.configuration import default_text
from rules.explanation import KIND, Effective, Explanation, explain
from rules.ruleset import SCOPES, RuleSet
from rules.toml_lines import lines

_DEFAULT = "default.toml"
_KINDS: Mapping[str, str] = {
    "sos": "呼救",
    "fall": "跌倒",
    "long_lie": "跌倒后未起身",
    "environment": "烟雾燃气漏水",
    "bed_exit": "夜间离床",
    "inactivity": "长时间无活动",
    "wandering": "走失风险",
    "climate": "室温",
    "absence": "登记外出核实",
    "missed_check": "照护任务逾期",
    "unprotected": "无法呼救",
    "device_health": "设备维护",
    "vitals": "体征",
    "news2": "早期预警评分",
    "expression": "自定义",
}
_RISKS: Mapping[Risk, str] = {
    Risk.CHOKING: "噎食",
    Risk.INTAKE: "误食误服",
    Risk.PRESSURE_ULCER: "压疮",
    Risk.SCALD: "烫伤",
    Risk.BED_FALL: "坠床",
    Risk.FALL: "跌倒",
    Risk.GOING_MISSING: "走失",
    Risk.HARM: "伤害自己或他人",
    Risk.ACTIVITY: "文娱活动意外",
}

_Config = Annotated[
    Path | None, typer.Option("--config", help="The service's configuration: registry and rules.")
]
_Rules = Annotated[
    Path | None, typer.Option("--rules", help="A rule file; the configuration's or the default when missing.")
]
_Registry = Annotated[
    list[Path] | None, typer.Option("--registry", help="Registry files, CSV or TOML; may be given again.")
]
_Json = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]


@dataclass(frozen=True, slots=True)
class _Book:
    """A rule file, read and checked, and whom it is about."""

    file: str
    text: str
    rules: RuleSet
    registry: Registry


def explain_(
    resident: Annotated[str, typer.Argument(help="Whose rules: an id of the registry.")],
    config: _Config = None,
    rules: _Rules = None,
    registry: _Registry = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Also values that nobody wrote (the defaults).")
    ] = False,
    as_json: _Json = False,
) -> None:
    """Which rules hold for a resident: every value with where it comes from, what is off and why.

    某位老人的有效规则及每个值的来源。Also which devices feed which rule, which of the nine risks nobody
    assessed (R-79), and with what she can call for help.
    """
    book = _book(config, rules, registry)
    if not book.registry.residents:
        end(
            "there are no residents in the registry, or no registry: name one with --config or --registry",
            USAGE,
        )
    if resident not in book.registry.residents:
        near = difflib.get_close_matches(resident, book.registry.residents, 3, 0.5)
        hint = f": did you mean {' or '.join(near)}?" if near else ""
        end(f"there is no resident {bare(resident)!r} in the registry{hint}", USAGE)
    found = explain(book.rules, book.registry, resident, lines(book.text))
    if as_json:
        json_line(_object(found, book.file))
    else:
        _print(found, book.file, all_=all_)


def list_(
    config: _Config = None, rules: _Rules = None, registry: _Registry = None, as_json: _Json = False
) -> None:
    """The rules of a file 规则一览: id, kind, where it stands, severity, and whose overrides there are."""
    book = _book(config, rules, registry)
    where = lines(book.text)
    shown = _table("rule 规则", "kind 种类", "line 行", "on 启用", "severity 级别", "overrides 特例")
    for number, rule in enumerate(book.rules):
        settings = rule.kind.settings.model_validate(rule.fields)
        overrides = [f"{scope} {name}" for scope in SCOPES for name in rule.overrides(scope)]
        line = where.get(("rule", number), 0)
        if as_json:
            one = {"rule": rule.id, "kind": rule.kind.name, "line": line, "enabled": settings.enabled}
            json_line(one | {"severity": settings.severity, "overrides": overrides})
            continue
        shown.add_row(
            rule.id,
            f"{rule.kind.name} {_KINDS.get(rule.kind.name, '')}",
            str(line or "-"),
            "yes 是" if settings.enabled else "no 否",
            settings.severity,
            bare(", ".join(overrides)),
        )
    if not as_json:
        console().print(shown)


def _book(config: Path | None, rules: Path | None, registry: list[Path] | None) -> _Book:
    """What the options name; ends the program with all that is wrong."""
    checked = check(config) if config else None
    if isinstance(checked, list):
        end_with(checked)
    people = registry_problems(registry or [], checked.registry if checked else None)
    if isinstance(people, list):
        end_with(people)
    path = rules or (checked.config.rules if checked else None)
    found = read(path, people)
    if isinstance(found, list):
        end_with(found)
    text, made = found
    return _Book(str(path) if path else _DEFAULT, text if path else default_text(), made, people)


def _print(found: Explanation, file: str, *, all_: bool) -> None:
    out = console()
    her = found.resident
    tier = f", visit tier {her.visit_tier}" if her.visit_tier else ""
    away = ", away 离院" if her.away else ""
    out.print(
        f"{bare(her.id)}  place {bare(her.place)}, care level {her.care_level}{tier}{away}", markup=False
    )
    if found.calls_with:
        out.print(f"can call with 呼叫设备: {bare(', '.join(found.calls_with))}", markup=False)
    else:
        out.print("NO WAY TO CALL 没有呼叫设备: no device of hers or her room can call", style="bold red")
    if found.stand_ins:
        out.print(f"noticed by 自动发现: {bare(', '.join(found.stand_ins))}", markup=False)
    if found.unassessed:
        risks = ", ".join(f"{risk} {_RISKS[risk]}" for risk in found.unassessed)
        out.print(f"NOT ASSESSED 未评估 (R-79): {risks}", style="red", markup=False)
    out.print(f"rules of 规则文件 {file}", markup=False)
    shown = _table("rule 规则", "value 值", "from 来源", "devices 设备")
    for rule in found.rules:
        _add(shown, rule, all_=all_)
    out.print(shown)
    if not all_:
        told.print("?: its model is not known, it may tell; --all shows the defaults as well", markup=False)


def _add(shown: Table, rule: Effective, *, all_: bool) -> None:
    """The rows of one rule: a value each, beside the first its name and what feeds it."""
    name = Text(f"{rule.rule} {_KINDS.get(rule.kind, '')}")
    if rule.off:
        shown.add_row(name, Text("off 停用", style="dim"), Text(bare(rule.off), style="dim"), "")
        return
    values = [value for value in rule.values if all_ or value.source != KIND or value.key == "severity"]
    devices = bare(", ".join((*rule.feeds, *(f"{device}?" for device in rule.may_feed))))
    fed = Text(devices) if devices else Text("none 无", style="yellow")
    for number, value in enumerate(values):
        shown.add_row(
            "" if number else name,
            Text(bare(f"{value.key} = {value.value}")),
            Text(bare(_where(value.source, value.line))),
            "" if number else fed,
        )


def _where(source: str, line: int) -> str:
    return f"{source}, line {line}" if line else source


def _table(*columns: str) -> Table:
    shown = Table(box=None, pad_edge=False, highlight=False, header_style="bold")
    for name in columns:
        shown.add_column(name, overflow="fold")
    return shown


def _object(found: Explanation, file: str) -> dict[str, object]:
    her = found.resident
    return {
        "resident": her.id,
        "place": her.place,
        "care_level": her.care_level,
        "visit_tier": her.visit_tier,
        "away": her.away,
        "risks": {risk.value: her.risk(risk) for risk in Risk},
        "unassessed": found.unassessed,
        "calls_with": found.calls_with,
        "stand_ins": found.stand_ins,
        "file": file,
        "rules": list(_rule_objects(found)),
    }


def _rule_objects(found: Explanation) -> Iterator[dict[str, object]]:
    for rule in found.rules:
        yield {
            "rule": rule.rule,
            "kind": rule.kind,
            "line": rule.line,
            "enabled": not rule.off,
            "off": rule.off,
            "severity": rule.severity,
            "values": [
                {"key": value.key, "value": value.value, "source": value.source, "line": value.line}
                for value in rule.values
            ],
            "feeds": rule.feeds,
            "may_feed": rule.may_feed,
        }
