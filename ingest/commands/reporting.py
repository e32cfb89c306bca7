"""`shouwang report`: how well people were cared for, and what who takes over must know.

Rule: a client of the HTTP API; what goes into a file is what the service made, byte for byte.
"""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.table import Table

from alerts.people import Language
from alerts.reports import words
from alerts.reports.figure import Cause, Figure, Group, Unit
from ingest.commands.client import ApiOption, ConfigOption, Service, TokenOption, local, service_at, zone_at
from ingest.commands.console import USAGE, end, plain, told
from ingest.commands.quarantine_shown import console

app = typer.Typer(
    help="How fast people were helped, what is open, what was done in time. 报告：指标、交接班、覆盖率",
    epilog="Example: shouwang report kpi --from 2026-11-01 --to 2026-12-01; shouwang report handover",
    no_args_is_help=True,
)
_DEFAULT = Path("shouwang.toml")
_MOST_MISSES = 20
_MOST_ROWS = 60
_HEADLINES = (
    *("answered_60s", "answered_180s", "acknowledge_p50", "acknowledge_p90", "acknowledge_p99"),
    *("bedside_p50", "bedside_p90", "resolve_p50", "unanswered", "lapsed", "precision", "actionable"),
    *("alerts_per_hour", "busiest_hour", "busiest_hour_night", "flood", "chattering", "stale"),
    "top_ten_sources",
)
_GROUPED = ("answered_60s", "answered_180s", "acknowledge_p50", "acknowledge_p90", "bedside_p90", "calls")


class Form(StrEnum):
    """How it is shown or written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MISSES = "misses"
    HTML = "html"


_From = Annotated[str, typer.Option("--from", help="A day or time, local to the home: 2026-11-01.")]
_To = Annotated[str, typer.Option("--to", help="The end, not included; left out: now.")]
_Format = Annotated[
    Form, typer.Option("--format", help="table; or json, csv, misses (CSV), html for --output.")
]
_Output = Annotated[
    Path | None, typer.Option("--output", help="The file to write; without one to standard output.")
]
_Language = Annotated[Language, typer.Option("--language", help="Of the words.")]


@app.command(
    epilog="Example: shouwang report kpi --from 2026-11-01 --to 2026-12-01 --format html --output n.html"
)
def kpi(
    since: _From,
    until: _To = "",
    form: _Format = Form.TABLE,
    output: _Output = None,
    language: _Language = Language.ZH,
    config: ConfigOption = _DEFAULT,
    api: ApiOption = "",
    token_file: TokenOption = None,
) -> None:
    """Answered in time, times to the bedside, misses, load, precision, rounds 照护指标."""
    service = service_at(config, api, token_file)
    form = _form(form, output)
    asked = {"from": since, "to": until, "language": language.value}
    if form is not Form.TABLE:
        _write(service, "/api/v1/reports/kpi", asked | {"format": form.value}, output)
        return
    with told.status("computing 正在计算"):
        found = service.get("/api/v1/reports/kpi", asked, patience_s=_PATIENCE_S)
    _show(found, language)


@app.command(epilog="Example: shouwang report handover --place home-1 --format html --output handover.html")
def handover(
    since: Annotated[str, typer.Option("--since", help="When the shift began; left out: by the rota.")] = "",
    place: Annotated[str, typer.Option("--place", help="Only this place and what is in it.")] = "",
    form: Annotated[Form, typer.Option("--format", help="table, json or html.")] = Form.TABLE,
    output: _Output = None,
    language: _Language = Language.ZH,
    config: ConfigOption = _DEFAULT,
    api: ApiOption = "",
    token_file: TokenOption = None,
) -> None:
    """What is open, what happened this shift, what is due 交接班. Works while the database is away."""
    form = _form(form, output)
    if form in {Form.CSV, Form.MISSES}:
        end("a handover is a table, json or html", USAGE)
    service = service_at(config, api, token_file)
    asked = {"since": since, "place": place, "language": language.value}
    if form is not Form.TABLE:
        _write(service, "/api/v1/reports/handover", asked | {"format": form.value}, output)
        return
    found = service.get("/api/v1/reports/handover", asked)
    zone = zone_at(config)
    told.print(f"{local(found['since'], zone)} – {local(found['at'], zone)} ({zone})", markup=False)
    spoken = language.value
    _print(
        "open 未处理完毕",
        ("since", "what", "who", "alert"),
        [
            (
                local(one["raised_at"], zone),
                one["text"][spoken],
                one["acknowledged_by"] or one["arrived_by"] or "",
                one["alert"],
            )
            for one in found["open"]
        ],
    )
    _print(
        "due 待办",
        ("due", "where", "task", ""),
        [
            (
                local(one["due"], zone),
                one["where"][spoken],
                one["task"],
                "overdue 逾期" if one["missed"] else "",
            )
            for one in found["due"]
        ],
    )
    _print(
        "this shift 本班",
        ("raised", "what", "by", "outcome"),
        [
            (local(one["raised_at"], zone), one["text"][spoken], one["by"] or "", one["outcome"] or "")
            for one in found["happened"]
        ],
    )
    _print(
        "nobody on duty 值班空缺",
        ("from", "role", "place"),
        [(local(one["from"], zone), one["role"], one["place"]) for one in found["gaps"]],
    )


@app.command(epilog="Example: shouwang report coverage --from 2026-11-01 --to 2026-12-01 --level street")
def coverage(
    since: _From,
    until: _To = "",
    level: Annotated[
        str, typer.Option("--level", help="Places of one kind: street, site, floor ...")
    ] = "site",
    config: ConfigOption = _DEFAULT,
    api: ApiOption = "",
    token_file: TokenOption = None,
) -> None:
    """Rounds and visits: done in time, late, missed, and how many people were reached 覆盖率（探访率）."""
    asked = {"from": since, "to": until, "level": level}
    found = service_at(config, api, token_file).get("/api/v1/reports/coverage", asked)["coverage"]
    if not found:
        told.print(f"no check fell due at any place of kind {level} 这段时间没有应做的任务", markup=False)
        return
    head = (
        "place",
        "task",
        "due",
        "in time",
        "late",
        "missed",
        "paused",
        "rate",
        "people",
        "reached",
        "rate",
    )
    _print(
        "coverage 覆盖率",
        head,
        [
            (
                one["place"],
                one["task"],
                *(str(one[key]) for key in ("due", "in_time", "late", "missed", "paused")),
                _percent(one["rate"]),
                str(one["people"]),
                str(one["reached"]),
                _percent(one["reached_rate"]),
            )
            for one in found
        ],
    )


_PATIENCE_S = 600.0


def _form(form: Form, output: Path | None) -> Form:
    """What a file is written as: its name says so where nothing else does; a table is for the terminal."""
    if output is None or form is not Form.TABLE:
        return form
    named = output.suffix.lower().removeprefix(".")
    if named not in {Form.JSON, Form.CSV, Form.HTML}:
        end(f"--output {output}: name --format json, csv or html; a table goes to the terminal", USAGE)
    return Form(named)


def _write(service: Service, path: str, asked: dict[str, str], output: Path | None) -> None:
    with told.status("computing 正在计算"):
        content = service.text(path, asked, patience_s=_PATIENCE_S)
    if output is None:
        typer.echo(content, nl=False)
        return
    try:
        output.write_bytes(content)
    except OSError as error:
        end(f"{output}: {error.strerror}", USAGE)
    told.print(f"wrote {output} 已写入", markup=False, style="green")


def _show(found: dict[str, Any], language: Language) -> None:
    figures = [_figure(one) for one in found["figures"]]
    made_of = (
        f"{found['calls']} calls 呼叫, {found['alerts']} alerts 警报,"
        f" {found['left_out']} drills left out 演练不计"
    )
    zone = ZoneInfo(found["zone"])
    told.print(
        f"{local(found['since'], zone)} – {local(found['until'], zone)} ({zone}): {made_of}", markup=False
    )
    if not found["calls"]:
        told.print("nobody was called in this time 这段时间没有呼叫", style="yellow")
    overall = {one.name: one for one in figures if not one.by}
    high = {one.name: one for one in figures if one.by == {"severity": "high"}}
    rows = []
    for name in _HEADLINES:
        one = (high if name.startswith("bedside") else overall).get(name)
        if one is not None:
            rows.append(
                (words.name(name, language), words.value(one), _asked(one), str(one.of), one.requirement)
            )
    _print("all 全部", ("", "", "target 目标", "of 共", ""), rows)
    for by in ("shift", "place", "rule"):
        groups = dict.fromkeys(one.by[by] for one in figures if set(one.by) == {by})
        cells = {(one.by[by], one.name): one for one in figures if set(one.by) == {by}}
        _print(
            words.by(by, language),
            ("", *(words.name(name, language) for name in _GROUPED)),
            [
                (
                    group,
                    *(words.value(cells[group, name]) if (group, name) in cells else "" for name in _GROUPED),
                )
                for group in list(groups)[:_MOST_ROWS]
            ],
        )
    misses = found["misses"]
    _print(
        f"not answered in time 未按时应答 ({len(misses)})",
        ("called", "limit", "rule", "place", "why, what to do", "alert"),
        [
            (
                local(one["called_at"], zone),
                f"{one['limit_s']} s",
                one["rule"],
                one["place"],
                ": ".join(words.cause(Cause(one["cause"]), language)),
                one["episode"],
            )
            for one in misses[:_MOST_MISSES]
        ],
    )
    if len(misses) > _MOST_MISSES:
        told.print(f"and {len(misses) - _MOST_MISSES} more: --format misses 其余见 CSV")
    told.print("each figure's alerts: --format json, csv or html 各指标的警报见文件", style="dim")


def _figure(one: dict[str, Any]) -> Figure:
    typed = {"group": Group(one["group"]), "unit": Unit(one["unit"]), "episodes": tuple(one["episodes"])}
    return Figure(**(one | typed))


def _asked(one: Figure) -> str:
    if one.target is None:
        return ""
    mark = {None: "", True: "✓ ", False: "✗ "}[one.met]
    return mark + words.amount(one.target, one.unit)


def _percent(rate: float | None) -> str:
    return "–" if rate is None else words.amount(rate, Unit.RATIO)


def _print(title: str, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    if not rows:
        return
    table = Table(*head, title=title, title_justify="left", box=None, header_style="bold")
    for row in rows:
        table.add_row(*(plain(cell, lines=True) for cell in row))
    console().print(table)
