"""`make score`: the default rules in two simulated worlds, and how many alerts were right, missing or false.

In the calm world nothing dangerous happens: every alert is false. In the eventful one there is plenty of
every danger, and everything fails now and then. Exit 1 when a target is missed. Look at each with `--show`:
ARGS="--show missed", ARGS="--show false --kind bed_exit --world calm".
"""

import argparse
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import date, datetime, time
from multiprocessing import Manager
from pathlib import Path
from queue import Queue
from threading import Thread

import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from rules import configuration
from rules.ruleset import RuleSet
from simulators.home import ZONE
from simulators.life import DAY_MS
from simulators.village.village import Setting, Site, calm, eventful, sites
from tests.score.board import as_json, below_target, scores, table
from tests.score.judging import Judged, try_rules

START = int(datetime.combine(date(2026, 1, 5), time(7), ZONE).timestamp() * 1000)
_WORLDS = {"calm": calm, "eventful": eventful}
_Told = tuple[str, int] | None
out = Console(highlight=False, width=None if sys.stdout.isatty() else 150)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="make score", description=__doc__)
    parser.add_argument("--residents", type=int, default=60)
    parser.add_argument("--days", type=int, default=28)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--world", choices=_WORLDS, action="append", help="one world; may be repeated")
    parser.add_argument("--rules", type=Path, help="a rule file; the default rules when missing")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--show", choices=("missed", "false"), action="append", help="each of them")
    parser.add_argument("--kind", default="", help="with --show: of this kind alone")
    parser.add_argument("--most", type=int, default=20, help="with --show: so many of each kind")
    parser.add_argument("--json", type=Path, default=Path("score.json"), help="where the figures go")
    chosen = parser.parse_args()
    settings = [
        make(chosen.residents, chosen.days)
        for name, make in _WORLDS.items()
        if name in (chosen.world or _WORLDS)
    ]
    text = chosen.rules.read_text("utf-8") if chosen.rules else ""
    if text and not isinstance(wrong := configuration.load(text), RuleSet):
        parser.error("\n".join(f"{chosen.rules}: {problem}" for problem in wrong))
    judged = run(settings, chosen.seed, chosen.processes, text)
    found = scores(judged)
    wrong = list(below_target(found, judged))
    out.print(table(found))
    for line in _summary(judged):
        out.print(line)
    for what in chosen.show or ():
        for line in _shown(judged, what, chosen.kind, chosen.most):
            out.print(line, markup=False)
    chosen.json.write_bytes(orjson.dumps(as_json(found, judged, wrong), option=orjson.OPT_INDENT_2))
    for line in wrong:
        out.print(f"[red]below target[/red] {line}")
    sys.exit(1 if wrong else 0)


def run(settings: list[Setting], seed: int, processes: int, rules: str = "") -> list[Judged]:
    """The rules in every site of every world, in processes of their own, with a progress bar."""
    jobs = [(setting, site.id) for setting in settings for site in sites(setting, seed, START)]
    days = sum(setting.days for setting, _ in jobs)
    with (
        Manager() as manager,
        ProcessPoolExecutor(processes) as pool,
        Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:.0f} %"),
            TimeRemainingColumn(),
            console=out,
            transient=True,
        ) as progress,
    ):
        told: Queue[_Told] = manager.Queue()
        task = progress.add_task(f"{len(jobs)} sites", total=days * DAY_MS)
        reached: dict[str, int] = {}

        def listen() -> None:
            while (said := told.get()) is not None:
                reached[said[0]] = said[1]
                progress.update(task, completed=sum(reached.values()))

        listener = Thread(target=listen, name="progress", daemon=True)
        listener.start()
        futures = [pool.submit(_job, setting, site, seed, told, rules) for setting, site in jobs]
        judged = [future.result() for future in futures]
        told.put(None)
        listener.join()
    return judged


def _job(setting: Setting, site: str, seed: int, told: "Queue[_Told]", text: str) -> Judged:
    name = f"{setting.name} {site}"
    rules = configuration.load(text) if text else configuration.default()
    assert isinstance(rules, RuleSet)
    return try_rules(Site(setting, site, seed, START), lambda at: told.put((name, at - START)), rules)


def _summary(judged: list[Judged]) -> Iterator[str]:
    for world in dict.fromkeys(one.world for one in judged):
        mine = [one for one in judged if one.world == world]
        false = sum(len(one.false) for one in mine) / sum(one.resident_weeks for one in mine)
        yield f"{world}: {false:.2f} false alerts per resident-week"
    messages, seconds = sum(one.messages for one in judged), sum(one.seconds for one in judged)
    yield f"{messages:,} messages, {messages / max(seconds, 1e-9):,.0f} a second of a processor"


def _shown(judged: list[Judged], what: str, kind: str, most: int) -> Iterator[str]:
    """What happened around each miss or false alert."""
    for one in judged:
        counts: dict[str, int] = {}
        every = (
            [(each.rule, each.subjects[0], each.at_ms, each.happened) for each in one.missed]
            if what == "missed"
            else [(each.kind, each.subject, each.at, f"{each.rule} {each.facts}") for each in one.false]
        )
        for of, subject, at, said in every:
            counts[of] = counts.get(of, 0) + 1
            if kind in {"", of} and counts[of] <= most:
                yield f"{what} {of} in {one.world} {one.site}: {said}"
                yield one.told[of, subject, at]


if __name__ == "__main__":
    main()
