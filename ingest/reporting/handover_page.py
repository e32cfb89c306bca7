"""The handover as one page to print and hang up. Rule: ids and places only, everything escaped, no script."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any, cast
from zoneinfo import ZoneInfo

from alerts.people import Language

_TEXT = {
    "title": ("交接班", "Handover"),
    "open": ("未处理完毕", "Open"),
    "happened": ("本班发生", "This shift"),
    "due": ("待办", "Due"),
    "quiet": ("已暂缓", "Quiet"),
    "away": ("外出住户", "Away"),
    "on_duty": ("当班", "On duty"),
    "next": ("接下来", "Next"),
    "gaps": ("值班空缺", "Nobody on duty"),
    "none": ("无", "none"),
    "overdue": ("已逾期", "overdue"),
    "counts": (
        "未处理 {open}，本班发生 {raised}，处理完毕 {resolved}，逾期任务 {overdue}，将到期 {due}",
        "{open} open; this shift {raised} raised, {resolved} resolved; {overdue} checks overdue, {due} due",
    ),
}
_STYLE = """
body{font:15px/1.5 system-ui,"Noto Sans SC","PingFang SC","Microsoft YaHei",sans-serif;max-width:60em;
margin:1.5em auto;padding:0 1em;color-scheme:light dark}h1{font-size:1.4em}
h2{font-size:1.1em;border-bottom:1px solid;margin:1.2em 0 .3em}
table{border-collapse:collapse;width:100%}
td{padding:3px 8px 3px 0;vertical-align:top;border-bottom:1px solid #8884}
td:first-child{white-space:nowrap}@media print{tr{break-inside:avoid}h2{break-after:avoid}}
"""


def handover_page(made: Mapping[str, Any], language: Language) -> str:
    """The page of what `alerts.reports.handover.handover` gives."""
    at = 0 if language is Language.ZH else 1
    zone = ZoneInfo(made["zone"])

    def say(key: str) -> str:
        return _TEXT[key][at]

    def time(written: str) -> str:
        return f"{datetime.fromisoformat(written).astimezone(zone):%m-%d %H:%M}"

    def table(title: str, rows: Sequence[Sequence[str]]) -> str:
        shown = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
        body = f"<table>{shown}</table>" if rows else f"<p>{say('none')}</p>"
        return f"<h2>{say(title)} ({len(rows)})</h2>{body}"

    def listed(key: str) -> list[dict[str, Any]]:
        return cast("list[dict[str, Any]]", made[key])

    period = f"{time(made['since'])} – {time(made['at'])}"
    parts = [
        f"<!doctype html><html lang={language.value}><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width,initial-scale=1'>",
        f"<title>{say('title')} {period}</title><style>{_STYLE}</style>",
        f"<h1>{say('title')} {escape(made['place'] or '')} {period}</h1>",
        f"<p>{say('counts').format(**made['counts'])}</p>",
        table(
            "open",
            [
                (
                    time(one["raised_at"]),
                    one["text"][language.value],
                    one["acknowledged_by"] or one["arrived_by"] or "",
                    one["alert"],
                )
                for one in listed("open")
            ],
        ),
        table(
            "due",
            [
                (
                    time(one["due"]),
                    one["where"][language.value],
                    one["task"],
                    say("overdue") if one["missed"] else "",
                )
                for one in listed("due")
            ],
        ),
        table(
            "happened",
            [
                (
                    time(one["raised_at"]),
                    one["text"][language.value],
                    one["by"] or "",
                    "" if one["answered_after_s"] is None else f"{one['answered_after_s']} s",
                    one["outcome"] or "",
                    one["note"],
                )
                for one in listed("happened")
            ],
        ),
        table(
            "quiet",
            [(time(one["until"]), one["rule"] or one["device"], one["reason"]) for one in listed("quiet")],
        ),
        table("away", [(one,) for one in cast("list[str]", made["away"])]),
        table("on_duty", [(one["role"], one["place"], one["person"]) for one in listed("on_duty")]),
        table(
            "next", [(time(one["from"]), one["role"], one["place"], one["person"]) for one in listed("next")]
        ),
        table("gaps", [(time(one["from"]), one["role"], one["place"]) for one in listed("gaps")]),
    ]
    return "".join(parts) + "</html>"
