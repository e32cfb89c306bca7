"""A report as one HTML page that needs nothing else: for the screen, for a printer, to be kept.

Rule: whatever comes from outside (ids of places, rules, people) is escaped; no script, nothing from
elsewhere; each figure opens the list of its alerts.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from alerts.people import Language
from alerts.reports import words
from alerts.reports.figure import Figure, Group, Miss, Report, Unit
from ingest.reporting.charts import Bar, bars, columns

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Cache-Control": "no-store",
}
"""What a browser is told with the page."""

_TILES = (
    *("answered_60s", "answered_180s", "acknowledge_p50", "acknowledge_p90", "bedside_p90", "resolve_p50"),
    *("unanswered", "lapsed", "precision", "busiest_hour", "busiest_hour_night", "flood", "chattering"),
    *("stale", "top_ten_sources"),
)
_MOST_ROWS = 200
_WORDS = {
    "title": ("照护指标报告", "Care report"),
    "known": ("数据截至", "as known at"),
    "made_of": (
        "共 {calls} 次呼叫，{alerts} 条警报；演练 {left_out} 次不计入",
        "{calls} calls of {alerts} alerts; {left_out} drills left out",
    ),
    "empty": ("这段时间没有呼叫", "nobody was called in this time"),
    "met": ("达标", "target met"),
    "missed": ("未达标", "target missed"),
    "target": ("目标", "target"),
    "of": ("共", "of"),
    "misses": (
        "未按时应答（每条都要查明原因，R-37）",
        "Not answered in time (each is to be looked into, R-37)",
    ),
    "no_misses": ("没有", "none"),
    "when": ("呼叫时间", "called at"),
    "answered": ("应答", "answered"),
    "limit": ("时限", "limit"),
    "why": ("原因", "cause"),
    "do": ("下一步", "what to do"),
    "alerts": ("警报", "alerts"),
    "never": ("未应答", "not yet"),
    "by_hour": ("各小时呼叫次数", "Calls by hour of the day"),
    "open": ("查看一条警报：shouwang alerts show 编号", "To see one: shouwang alerts show ID"),
    "more": ("另有 {0} 行，见 CSV", "and {0} more rows: see the CSV"),
    "by": ("按", "by"),
    "all": ("全部", "all"),
}
_STYLE = """
:root{--ink:#1c1c1c;--soft:#5f6368;--line:#d6d6d6;--paper:#fff;--bar:#3b6ea5;--miss:#b3492f;--tile:#f5f6f7}
@media (prefers-color-scheme:dark){:root{--ink:#e8e8e8;--soft:#a5a9ad;--line:#444;--paper:#16181a;
--bar:#7fa8d6;--miss:#e08a72;--tile:#202326}}
@media print{:root{--ink:#000;--soft:#444;--line:#bbb;--paper:#fff;--bar:#3b6ea5;--miss:#b3492f;--tile:#fff}}
body{font:15px/1.5 system-ui,"Noto Sans SC","PingFang SC","Microsoft YaHei",sans-serif;color:var(--ink);
background:var(--paper);max-width:1400px;margin:2em auto;padding:0 1em}
h1{font-size:1.5em;margin:0}h2{font-size:1.2em;border-bottom:1px solid var(--line);margin-top:2em}
.soft,figcaption{color:var(--soft)}.tiles{display:flex;flex-wrap:wrap;gap:10px;margin:1em 0}
.tile{background:var(--tile);border:1px solid var(--line);border-radius:6px;padding:10px 14px;min-width:165px}
.tile b{display:block;font-size:1.45em}.tile .missed,.missed-word{color:var(--miss);font-weight:600}
table{border-collapse:collapse;margin:1em 0;font-variant-numeric:tabular-nums}
th,td{border-bottom:1px solid var(--line);padding:4px 10px;text-align:right;vertical-align:top}
td{white-space:nowrap}th{min-width:4.5em}td p,.text{white-space:normal}
th:first-child,td:first-child,.text{text-align:left}th{font-weight:600;color:var(--soft)}
.charts{display:flex;flex-wrap:wrap;gap:24px}figure{margin:1em 0;max-width:100%;overflow-x:auto}
svg text{font-size:13px;fill:var(--ink)}svg .small{font-size:11px}
.bar{fill:var(--bar)}.bar.missed{fill:var(--miss)}.target{stroke:var(--ink);stroke-dasharray:4 3}
details{font-size:.85em}summary{cursor:pointer;color:var(--soft)}.wide{overflow-x:auto}
details p{max-width:60em;overflow-wrap:anywhere;font-family:ui-monospace,monospace}
@media print{table{font-size:.7em}td{white-space:normal}details{display:none}
h2{break-after:avoid}tr,.tile,figure{break-inside:avoid}}
"""


def page(report: Report, language: Language, link: str = "") -> str:
    """The page. `link`: an address to which an alert's id is put, "" where ids are only named."""
    return _Page(report, language, link).whole()


def _measured(name: str) -> str:
    """What a figure is of: that of its percentiles is one."""
    stem, _, percentile = name.rpartition("_p")
    return stem if percentile in {"50", "90", "99"} else name


class _Page:
    def __init__(self, report: Report, language: Language, link: str) -> None:
        self._report, self._language, self._link = report, language, link
        self._zone = ZoneInfo(report.zone)
        self._at = 0 if language is Language.ZH else 1

    def whole(self) -> str:
        report = self._report
        period = f"{self._time(report.since)} – {self._time(report.until)} ({escape(report.zone)})"
        made_of = self._say("made_of").format(
            calls=report.calls, alerts=report.alerts, left_out=report.left_out
        )
        parts = [
            f"<!doctype html><html lang={self._language.value}><meta charset=utf-8>",
            "<meta name=viewport content='width=device-width,initial-scale=1'>",
            f"<title>{self._say('title')} {period}</title><style>{_STYLE}</style>",
            f"<h1>{self._say('title')}</h1><p>{period}<br>{made_of}<br>",
            f"<span class=soft>{self._say('known')} {self._time(report.known_at)}.",
            f" {self._say('open')}</span></p>",
        ]
        if not report.calls:
            parts.append(f"<p>{self._say('empty')}</p>")
        parts += [self._tiles(), self._missed(), *(self._section(group) for group in Group)]
        return "".join(parts) + "</html>"

    def _tiles(self) -> str:
        tiles = []
        for name in _TILES:
            figure = self._overall(name)
            if figure is None or (figure.value is None and not figure.of):
                continue
            tiles.append(
                f"<div class=tile>{escape(words.name(name, self._language))}<b>{words.value(figure)}</b>"
                f"{self._asked(figure)}{self._alerts(figure.episodes)}</div>"
            )
        return f"<div class=tiles>{''.join(tiles)}</div>"

    def _overall(self, name: str) -> Figure | None:
        """The figure of everything; of the bedside, of those of high severity, of whom it is asked."""
        wanted = {"severity": "high"} if name.startswith("bedside") else {}
        return next((one for one in self._report.figures if one.name == name and one.by == wanted), None)

    def _asked(self, figure: Figure) -> str:
        if figure.target is None:
            return f"<span class=soft>{self._say('of')} {figure.of}</span>"
        asked = f"{self._say('target')} {words.amount(figure.target, figure.unit)}"
        if figure.met is None:
            return f"<span class=soft>{asked}</span>"
        word = f"✓ {self._say('met')}" if figure.met else f"✗ {self._say('missed')}"
        return (
            f"<span class={'soft' if figure.met else 'missed'}>{word}</span> "
            f"<span class=soft>({asked}, {escape(figure.requirement)})</span>"
        )

    def _alerts(self, episodes: Sequence[str]) -> str:
        if not episodes:
            return ""
        listed = " ".join(self._alert(one) for one in episodes)
        return f"<details><summary>{len(episodes)} {self._say('alerts')}</summary><p>{listed}</p></details>"

    def _alert(self, episode: str) -> str:
        if not self._link:
            return escape(episode)
        return f'<a href="{escape(self._link + episode)}">{escape(episode)}</a>'

    def _missed(self) -> str:
        misses = self._report.misses
        if not misses:
            return f"<h2>{self._say('misses')}</h2><p>{self._say('no_misses')}</p>"
        head = [
            self._say("when"),
            *(words.by(one, self._language) for one in ("rule", "place", "shift")),
            *(self._say(one) for one in ("limit", "answered", "why", "do", "alerts")),
        ]
        rows = [self._miss(miss) for miss in misses[:_MOST_ROWS]]
        return f"<h2>{self._say('misses')}</h2>{self._table(head, rows, len(misses) - _MOST_ROWS)}"

    def _miss(self, miss: Miss) -> list[str]:
        why, what = words.cause(miss.cause, self._language)
        took = (
            self._say("never")
            if miss.answered_at is None
            else words.amount((miss.answered_at - miss.called_at) / 1000, Unit.SECONDS)
        )
        return [
            self._time(miss.called_at),
            *(escape(one) for one in (miss.rule, miss.place, miss.shift)),
            f"{miss.limit_s} s",
            took,
            f"<span class=text>{escape(why)}</span>",
            f"<span class=text>{escape(what)}</span>",
            self._alert(miss.episode),
        ]

    def _section(self, group: Group) -> str:
        figures = [one for one in self._report.figures if one.group is group]
        if not figures:
            return ""
        charts = "".join(self._charts(group, figures))
        names = dict.fromkeys(tuple(one.by) for one in figures)
        tables = "".join(self._by(tuple(keys), figures) for keys in names)
        return (
            f"<h2>{escape(words.group(group, self._language))}</h2><div class=charts>{charts}</div>{tables}"
        )

    def _charts(self, group: Group, figures: Sequence[Figure]) -> Iterable[str]:
        match group:
            case Group.RESPONSE:
                for by in ("shift", "rule", "place"):
                    yield self._bars("answered_60s", by, figures)
            case Group.LOAD:
                hours = {one.by["hour"]: one.value or 0 for one in figures if set(one.by) == {"hour"}}
                every = [(f"{hour:02}", hours.get(f"{hour:02}", 0)) for hour in range(24)]
                yield columns(self._say("by_hour"), every)
                yield self._bars("priority", "severity", figures)
            case Group.PRECISION:
                yield self._bars("precision", "rule", figures)
                yield self._bars("actionable", "rule", figures)
            case Group.ROUNDS:
                yield self._bars("in_time", "task", figures)
                yield self._bars("reached", "task", figures)

    def _bars(self, name: str, by: str, figures: Iterable[Figure]) -> str:
        found = [one for one in figures if one.name == name and set(one.by) == {by} and one.value is not None]
        title = f"{words.name(name, self._language)}, {self._say('by')} {words.by(by, self._language)}"
        targets = {one.target for one in found}
        return bars(
            title,
            [
                Bar(one.by[by], one.value or 0, f"{words.value(one)} ({one.of})", one.met)
                for one in found[:_MOST_ROWS]
            ],
            targets.pop() if len(targets) == 1 else None,
        )

    def _by(self, keys: tuple[str, ...], figures: Sequence[Figure]) -> str:
        """A table of all figures of one kind of group: a row for each, a column for what is measured."""
        mine = [one for one in figures if tuple(one.by) == keys]
        measured: dict[str, list[str]] = {}
        for name in dict.fromkeys(one.name for one in mine):
            measured.setdefault(_measured(name), []).append(name)
        found: dict[tuple[str, ...], dict[str, Figure]] = {}
        for one in mine:
            found.setdefault(tuple(one.by.values()), {})[one.name] = one
        label = " / ".join(words.by(key, self._language) for key in keys)
        head = [label, *(self._heading(names) for names in measured.values())]
        rows = [
            [
                escape(" / ".join(ids)) or self._say("all"),
                *(" / ".join(self._cell(cells.get(name)) for name in names) for names in measured.values()),
            ]
            for ids, cells in list(found.items())[:_MOST_ROWS]
        ]
        return self._table(head, rows, len(found) - _MOST_ROWS)

    def _heading(self, names: Sequence[str]) -> str:
        """Of a column: of percentiles, which follow each other in it, the median's name goes first."""
        first, *others = names
        return " / ".join([words.name(first, self._language), *(name.rpartition("_")[2] for name in others)])

    def _cell(self, figure: Figure | None) -> str:
        if figure is None:
            return ""
        text = words.value(figure)
        if figure.met is False:
            text = f"<span class=missed-word>✗ {text}</span>"
        same_alerts = figure.name != _measured(figure.name) and not figure.name.endswith("_p99")
        return text if same_alerts else text + self._alerts(figure.episodes)

    def _table(self, head: Sequence[str], rows: Sequence[Sequence[str]], more: int = 0) -> str:
        shown = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
        rest = f"<p class=soft>{self._say('more').format(more)}</p>" if more > 0 else ""
        top = "".join(f"<th>{escape(one)}</th>" for one in head)
        return f"<div class=wide><table><tr>{top}</tr>{shown}</table></div>{rest}"

    def _time(self, at: int) -> str:
        return f"{datetime.fromtimestamp(at / 1000, self._zone):%Y-%m-%d %H:%M}"

    def _say(self, key: str) -> str:
        return _WORDS[key][self._at]
