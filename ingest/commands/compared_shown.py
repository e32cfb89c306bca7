"""How people are shown what another rule file changes. Rule: first how many, then which, one a line."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.table import Table

from alerts.comparison import Comparison, Fate, Pair, after, before
from ingest.commands.console import bare, json_line
from ingest.commands.quarantine_shown import console

_WEEK_MS = 7 * 86_400_000
_WORDS = {
    Fate.CAME: "came 新增",
    Fate.GONE: "gone 消失",
    Fate.MOVED: "moved 移动",
    Fate.SEVERITY: "severity 级别",
}


@dataclass(frozen=True, slots=True)
class Extent:
    """How many residents were watched for how long: what rates are about. `zone`: in which times are told."""

    residents: int
    ms: int
    zone: ZoneInfo

    def rate(self, count: int) -> float | None:
        """So many calls per resident and week; None where nobody or no time was watched."""
        weeks = self.residents * self.ms / _WEEK_MS
        return count / weeks if weeks > 0 else None


def print_comparison(compared: Comparison, extent: Extent) -> None:
    """The counts and rates of every rule, then the calls that are not the same."""
    out = console()
    shown = Table(box=None, pad_edge=False, highlight=False, header_style="bold")
    shown.add_column("rule 规则")
    for name in ("before 原", "after 新", *_WORDS.values(), "before/week 原 每人周", "after/week 新 每人周"):
        shown.add_column(name, justify="right")
    for rule, counts in compared.rules.items():
        was, now = before(counts), after(counts)
        shown.add_row(
            bare(rule),
            str(was),
            str(now),
            *(str(counts[fate] or "-") for fate in _WORDS),
            *(_rate(extent.rate(count)) for count in (was, now)),
        )
    out.print(shown)
    for pair in compared.differences:
        out.print(bare("  ".join(_words(pair, extent.zone))), markup=False, soft_wrap=True)
    days = extent.ms / (_WEEK_MS / 7)
    same = len(compared.pairs) - len(compared.differences)
    watched = f"{extent.residents} residents, {days:.2f} days"
    out.print(f"{len(compared.differences)} differ, {same} are the same; {watched}")


def print_comparison_json(compared: Comparison, extent: Extent) -> None:
    """One object a line: every rule's counts and rates, then every call that is not the same."""
    for rule, counts in compared.rules.items():
        was, now = before(counts), after(counts)
        rates = {"before_per_resident_week": extent.rate(was), "after_per_resident_week": extent.rate(now)}
        fates = {fate.value: counts[fate] for fate in Fate}
        json_line({"rule": rule, "before": was, "after": now, **fates, **rates})
    for pair in compared.differences:
        json_line(
            {
                "change": pair.fate,
                "rule": pair.call.rule,
                "subject": pair.call.subject,
                "moved_ms": pair.moved_ms,
                **{
                    side: call and {"alert": call.alert, "severity": call.severity, "at": call.at}
                    for side, call in (("before", pair.before), ("after", pair.after))
                },
            }
        )


def _words(pair: Pair, zone: ZoneInfo) -> Iterator[str]:
    call = pair.call
    yield f"{datetime.fromtimestamp(call.at / 1000, zone):%Y-%m-%d %H:%M:%S}"
    yield f"{_WORDS[pair.fate]}{f' {_span(pair.moved_ms)}' if pair.moved_ms else ''}"
    yield from (call.rule, call.subject)
    if pair.before and pair.after and pair.before.severity is not pair.after.severity:
        yield f"{pair.before.severity} -> {pair.after.severity}"
    else:
        yield call.severity
    yield call.alert


def _span(ms: int) -> str:
    """A signed duration as people say it."""
    sign, seconds = "-" if ms < 0 else "+", abs(ms) / 1000
    if seconds < 1:
        return f"{sign}{abs(ms)}ms"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (rest, "s"))
    return sign + "".join(f"{number}{unit}" for number, unit in parts if number)


def _rate(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.2f}"
