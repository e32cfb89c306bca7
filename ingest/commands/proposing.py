"""`shouwang rules propose`: limits that fit a resident's routine, learned from what her sensors told.

Rule: nothing is changed. What is proposed goes to stdout, to be copied into the rule file by a person; the
picture and the words go to stderr.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.table import Table
from rich.text import Text

from devices.observation import Observation
from devices.registry import Registry
from ingest.commands.console import (
    USAGE,
    bare,
    end,
    end_with,
    json_line,
    registry_problems,
    rule_problems,
    told,
)
from ingest.commands.past import database, period, recorded
from ingest.commands.serving import check
from ingest.config import Config
from ingest.replay import Recording
from ingest.store.history import observations
from rules.proposals import Hour, Proposal, Spell, exits, hours, propose, snippet
from rules.routine import Routine, learn
from rules.ruleset import RuleSet

_BAR = 20  # characters
_FULL_SILENT_MIN, _FULL_OUT_MIN = 12 * 60, 60


@dataclass(frozen=True, slots=True)
class _Home:
    registry: Registry
    rules: RuleSet
    site: str
    config: Config | None


def run(
    context: typer.Context,
    residents: Annotated[
        list[str] | None, typer.Argument(help="Ids; all who have a history when missing.")
    ] = None,
    since: Annotated[
        str, typer.Option("--from", help="Learn from the history since: 2026-11-01, local.")
    ] = "",
    until: Annotated[
        str, typer.Option("--to", help="Until before this date or time; now when missing.")
    ] = "",
    recording: Annotated[
        Path | None, typer.Option(help="Learn from a recording, as replay takes it, not from the database.")
    ] = None,
    dsn: Annotated[
        str, typer.Option(help="The database of the history.", envvar="SHOUWANG_DATABASE__DSN")
    ] = "",
    config: Annotated[
        Path | None, typer.Option(help="The service's configuration: database, registry, rules, time zone.")
    ] = None,
    rules: Annotated[
        Path | None, typer.Option(help="A rule file; the configuration's or the default rules when missing.")
    ] = None,
    registry: Annotated[
        list[Path] | None, typer.Option(help="Registry files, CSV or TOML; may be given again.")
    ] = None,
    site: Annotated[str, typer.Option(help="The site of devices whose topics do not say.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line a resident, nothing else.")] = False,
) -> None:
    """Propose how long a silence and a time out of bed may last, from a resident's own days and nights.

    For each rule that learns (inactivity, bed_exit): what was usual, the limit that follows, and how often
    each limit would have raised. On stdout is the TOML to copy below those rules, if you agree. Nothing is
    changed by itself, nothing about life safety is proposed, and fewer than 14 days propose nothing.
    """
    if (recording is None) == (not since):
        context.fail("Missing --recording or --from: give one of them")
    home = _home(rules, registry or [], site, config)
    wanted = frozenset(residents or ())
    if unknown := sorted(wanted - home.registry.residents.keys()):
        end(f"not in the registry: {', '.join(map(bare, unknown))}", USAGE)
    doors = exits(home.rules, home.registry)
    if recording is not None:
        routines = learn(_observed(recording, home), home.registry, doors)
    else:
        asked = period(since, until, ZoneInfo(home.registry.zone))
        with database(dsn, home.config) as connection:
            one = next(iter(wanted)) if len(wanted) == 1 else ""
            history = observations(connection, asked.since, asked.until, one, shared=True)
            routines = learn(history, home.registry, doors)
    found = {
        resident: propose(routine, home.rules, home.registry)
        for resident, routine in routines.items()
        if resident in (wanted or home.registry.residents)
    }
    for resident in sorted(wanted - found.keys()):
        told.print(f"{bare(resident)}: nothing was heard of her in this time", markup=False)
    for resident, proposals in found.items():
        (_print_json if as_json else _print)(routines[resident], proposals)
    if not as_json and (text := snippet(each for proposals in found.values() for each in proposals)):
        print(text)  # noqa: T201 -- for the rule file


def _home(rules: Path | None, registry: list[Path], site: str, config: Path | None) -> _Home:
    checked = check(config) if config else None
    if isinstance(checked, list):
        end_with(checked)
    people = registry_problems(registry, checked.registry if checked else None)
    if isinstance(people, list):
        end_with(people)
    found = checked.rules if checked and rules is None else rule_problems(rules, people)
    if isinstance(found, list):
        end_with(found)
    site = site or (checked.config.site if checked else "home-1")
    return _Home(people, found, site, checked.config if checked else None)


def _observed(file: Path, home: _Home) -> Iterator[Observation]:
    for happening in recorded(file, Recording(home.registry, home.site)):
        if isinstance(happening, Observation):
            yield happening


def _print(routine: Routine, proposals: Iterable[Proposal]) -> None:
    told.print(f"\n{bare(routine.resident)}", style="bold", markup=False)
    found = list(hours(routine))
    if any(silent or out for _, silent, out in found):
        told.print(_picture(found))
    for proposal in proposals:
        stays = "" if proposal.within is None else "stays as it is" if not proposal.changes else "changes"
        told.print(f"{bare(proposal.rule)}: {stays or 'nothing is proposed'}", style="bold", markup=False)
        for words in proposal.evidence:
            told.print(f"  {words}", markup=False)


def _picture(found: Iterable[Hour]) -> Table:
    """For each hour a bar of the silence usual in it: solid to the median, lighter to the p95. In h:mm."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("hour 时", "days 天", "median", "p95"):
        shown.add_column(name, justify="right", no_wrap=True)
    shown.add_column("silence 静默", no_wrap=True)
    for name in ("nights 夜", "median", "p95"):
        shown.add_column(name, justify="right", no_wrap=True)
    shown.add_column("out of bed 离床", no_wrap=True)
    for hour, silent, out in found:
        bars = _bar(silent, _FULL_SILENT_MIN, _BAR), _bar(out, _FULL_OUT_MIN, _BAR // 2)
        shown.add_row(f"{hour:02d}", *_told(silent), bars[0], *_told(out), bars[1])
    return shown


def _told(spell: Spell | None) -> tuple[str, str, str]:
    if spell is None:
        return "", "", ""
    median, p95 = (f"{minutes // 60}:{minutes % 60:02d}" for minutes in (spell.median, spell.p95))
    return str(spell.days), median, p95


def _bar(spell: Spell | None, full: int, width: int) -> Text:
    """Cut at `full` minutes."""
    if spell is None:
        return Text("")
    solid, whole = (min(width, round(minutes / full * width)) for minutes in (spell.median, spell.p95))
    return Text("█" * solid + "░" * (whole - solid))


def _print_json(routine: Routine, proposals: Iterable[Proposal]) -> None:
    json_line(
        {
            "resident": routine.resident,
            "proposals": [
                {
                    "rule": proposal.rule,
                    "kind": proposal.kind,
                    "within_min": proposal.now,
                    "proposed_min": proposal.within,
                    "hours_min": proposal.hours,
                    "days": proposal.days,
                    "would_have_raised": {str(limit): times for limit, times in proposal.raised.items()},
                    "evidence": proposal.evidence,
                }
                for proposal in proposals
            ],
            "hours": [
                {
                    "hour": hour,
                    "silent_min": silent and silent._asdict(),
                    "out_of_bed_min": out and out._asdict(),
                }
                for hour, silent, out in hours(routine)
            ],
            "toml": snippet(proposals),
        }
    )
