"""`shouwang replay`: what happened once more through rules and alerts, offline, on its own time.

Rule: the same code as live and no clock: the same happenings give the same alerts, always.
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import orjson
import typer

from alerts.comparison import Call, compare
from alerts.event import Cleared, EvidenceAdded, Opened
from devices.registry import Registry
from ingest.commands.compared_shown import Extent, print_comparison, print_comparison_json
from ingest.commands.console import bare, end_with, registry_problems, rule_problems, told
from ingest.commands.past import Past, database, duration, period, recorded
from ingest.commands.serving import check
from ingest.config import Config
from ingest.replay import Happening, Recording, Told, Trial, calls, when
from rules.ruleset import RuleSet

_MOST_SHOWN = 10


@dataclass(frozen=True, slots=True)
class _Home:
    """Whose past it is, the rules to be tried on it, and others to compare them with."""

    registry: Registry
    rules: RuleSet
    other: RuleSet | None
    site: str
    config: Config | None

    @property
    def zone(self) -> ZoneInfo:
        """In which dates are written and times told."""
        return ZoneInfo(self.registry.zone)


def run(
    context: typer.Context,
    file: Annotated[
        Path | None,
        typer.Argument(help='Lines {"at": ms, "topic", "payload" | "payload_b64"}; - is stdin.'),
    ] = None,
    rules: Annotated[
        Path | None, typer.Option(help="A rule file; the configuration's or the default rules when missing.")
    ] = None,
    registry: Annotated[
        list[Path] | None, typer.Option(help="Registry files, CSV or TOML; may be given again.")
    ] = None,
    site: Annotated[
        str, typer.Option(help="The site of devices whose topics do not say; home-1 when missing.")
    ] = "",
    since: Annotated[
        str, typer.Option("--from", help="No FILE but the history from here: 2026-11-01[T21:00], local.")
    ] = "",
    until: Annotated[
        str,
        typer.Option("--to", help="Until before this date or time; to the last observation when missing."),
    ] = "",
    dsn: Annotated[
        str, typer.Option(help="The database of the history.", envvar="SHOUWANG_DATABASE__DSN")
    ] = "",
    config: Annotated[
        Path | None, typer.Option(help="The service's configuration: database, registry, rules, time zone.")
    ] = None,
    warm_up: Annotated[
        str, typer.Option(help="So much before --from is read too, for the rules to be in their stride.")
    ] = "1d",
    other: Annotated[
        Path | None, typer.Option("--compare", help="Another rule file: which alerts come, go, move with it.")
    ] = None,
    within: Annotated[
        str, typer.Option(help="With --compare: further apart than this are not the same alert.")
    ] = "12h",
    as_json: Annotated[bool, typer.Option("--json", help="With --compare: JSON lines, no table.")] = False,
) -> None:
    """Print the alerts a recording, or the history in the database, would have raised, as JSON lines.

    Each line is {"event", "alert", "rule", "kind", "subject", "severity", "at"}; `at` is ms UTC, when it
    happened. One resident's fall, call for help and heart rate are one alert, each with its own rule.

    The history is the observations as stored, in the order in which they came, and what staff did about
    alerts: under the rules that held then it gives the alerts that were raised then, by the same ids. It
    has no messages that were rejected, and so no alerts about calls that nobody could read; what only a
    retry of the quarantine understood counts as understood at once.

    With --compare both rule files get the same input in one pass; compared are the moments at which people
    are called. In a recording nobody acts: an alert stays open and what follows adds to it.
    """
    if (file is None) == (not since):
        context.fail("Missing FILE or --from: give one of them")
    home = _home(rules, other, registry or [], site, config)
    if not home.registry.residents:
        told.print(
            "note: no residents are known (--registry, --config): nothing is expected of anybody",
            style="yellow",
            markup=False,
        )
    apart_ms, warm_up_ms = duration("--within", within), duration("--warm-up", warm_up)
    if file is not None:
        recording = Recording(home.registry, home.site)
        _replay(home, recorded(file, recording), apart_ms, as_json=as_json)
        for line in _read(recording):
            told.print(bare(line), markup=False)
        return
    asked = period(since, until, home.zone)
    with database(dsn, home.config) as connection:
        past = Past(connection, asked, warm_up_ms)
        _replay(home, past.happenings, apart_ms, since=asked.since, as_json=as_json)
        told.print(f"{past.read} observations, {past.acts} acts of staff", markup=False)


def _home(
    rules: Path | None, other: Path | None, registry: list[Path], site: str, config: Path | None
) -> _Home:
    """What the options name, all read and checked; ends the program with all that is wrong."""
    checked = check(config) if config else None
    if isinstance(checked, list):
        end_with(checked)
    people = registry_problems(registry, checked.registry if checked else None)
    if isinstance(people, list):
        end_with(people)
    first = checked.rules if checked and rules is None else rule_problems(rules, people)
    second = rule_problems(other, people) if other else None
    problems = [problem for found in (first, second) if isinstance(found, list) for problem in found]
    if problems or isinstance(first, list) or isinstance(second, list):
        end_with(problems)
    site = site or (checked.config.site if checked else "home-1")
    return _Home(people, first, second, site, checked.config if checked else None)


def _read(recording: Recording) -> Iterator[str]:
    """What was read, in lines: how many messages, then why some were rejected."""
    count = f"{recording.messages} messages, {recording.rejected} rejected, {recording.repeated} repeats"
    if recording.windows:
        falls = f"{recording.falls} fall{'s' * (recording.falls != 1)} felt"
        count += f"; {recording.windows} windows of acceleration 加速度, {falls} 感知到跌倒"
    yield count
    for (reason, detail), many in recording.why.most_common(_MOST_SHOWN):
        yield f"rejected 未采用 {many}x {reason}{detail and f': {detail}'}"
    if len(recording.why) > _MOST_SHOWN:
        yield f"... and {len(recording.why) - _MOST_SHOWN} more reasons 另有其他原因"


def _replay(
    home: _Home,
    happenings: Iterable[Happening],
    apart_ms: int,
    *,
    since: int = 0,
    as_json: bool,
) -> None:
    """Print what follows from `since` (ms UTC) on: the alerts, or what the other rules change."""
    trial = Trial(home.rules, home.registry, home.site)
    if home.other is None:
        for happening in happenings:
            _print(_shown(trial.take(happening), since))
        return
    other = Trial(home.other, home.registry, home.site)
    calls_before: list[Call] = []
    calls_after: list[Call] = []
    first = last = None
    for happening in happenings:
        last = when(happening)
        first = max(last, since) if first is None else first
        calls_before += calls(_shown(trial.take(happening), since))
        calls_after += calls(_shown(other.take(happening), since))
    length_ms = max(0, last - first) if first is not None and last is not None else 0
    extent = Extent(len(home.registry.residents), length_ms, home.zone)
    (print_comparison_json if as_json else print_comparison)(
        compare(calls_before, calls_after, apart_ms), extent
    )


def _shown(followed: list[Told], since: int) -> list[Told]:
    """What came after the warm-up."""
    return [told_of for told_of in followed if told_of[0].at >= since] if since else followed


def _print(followed: list[Told]) -> None:
    for event, episode in followed:
        if not isinstance(event, (Opened, EvidenceAdded, Cleared)):
            continue  # staff's, not the rules'
        line = {
            "event": event.name,
            "alert": episode.id,
            "rule": episode.rule_of(event),
            "kind": episode.kind_of(event),
            "subject": event.subject,
            "severity": episode.severity,
            "at": event.evidence.at,
        }
        sys.stdout.buffer.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
