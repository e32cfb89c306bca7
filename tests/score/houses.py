"""`make houses`: three recorded homes under the default rules; each alert beside what the person did then.

73 days of the homes A, B and C of T. van Kasteren, with a diary of each person's activities, go through
decoders and rules as `replay` does it. Every alert is a line: what the diary says of the time that the rule
was about, and whether there was a reason to look after the person. Nobody wrote these diaries for us, and
nobody there had staff, a button or a leave to report; so the judgement is ours, by these sentences and no
others:

- `not applicable`: a check that nobody in these homes could make (rounds, "I am fine", button tests,
  turning, visits, medication), and a way to call for help that these homes do not have (`unprotected`).
  Counted apart.
- `inactivity`: what counts is what she did in most of the silence. Out of the house: no reason, only a
  leave that nobody could report. Asleep: no reason. At home and awake, or nothing written: a reason, for
  she was not heard of for hours and somebody should ask.
- `bed_exit`: no reason if the diary has her in bed when it was raised (the mat lost her), or not yet gone
  to bed in the twelve hours before; a reason if she was up.
- `wandering`: a reason if she leaves the house within ten minutes, before or after.
- Any other alert: no reason. Nothing of that sort happened.
- `unknown`: the diary has nothing within six hours before and after, so that it cannot tell. Counted apart.

A silence that goes on raises again after as long again: that is the same alert, marked "again", not
counted.
"""

import argparse
import csv
import gzip
import os
import sys
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table

from devices.message import Message
from devices.observation import Observation
from devices.registry import Registry
from devices.registry_files import read as read_registry
from ingest.replay import Recording as Heard
from rules import configuration, signs
from rules.decision import Change, Decision
from rules.engine import Engine
from rules.ruleset import RuleSet
from simulators.recording import Recording, read

HOUSES = "ABC"
EXITS = ("kasteren-A-12", "kasteren-C-28")
"""The doors that lead out; house B has no sensor there."""

_HOUR_MS, _WEEK_MS = 3_600_000, 7 * 86_400_000
_UNWRITTEN_MS = 6 * _HOUR_MS
_LEAVING_MS = 600_000
_REORDER_MS = 2_000  # what is ordered lives so far behind
_NOBODY_COULD = frozenset(("missed_check", "unprotected"))


class Judgement(StrEnum):
    """Whether somebody should have looked."""

    REASON = "reason"
    NONE = "no reason"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not applicable"


class Activity(NamedTuple):
    """An entry of the diary, ms UTC."""

    start: int
    end: int
    name: str


@dataclass(frozen=True, slots=True)
class Diary:
    """What one person did, in order."""

    activities: tuple[Activity, ...]

    def between(self, since: int, until: int) -> Counter[str]:
        """How long each activity took in this time, ms; "" is what nobody wrote down."""
        found: Counter[str] = Counter()
        for start, end, name in self.activities:
            if start < until and end > since:
                found[name] += min(end, until) - max(start, since)
        found[""] = max(0, until - since - found.total())
        return found

    def at(self, at: int) -> str:
        """What she did then; "" when nothing is written."""
        return next((name for start, end, name in self.activities if start <= at < end), "")

    def tells(self, at: int) -> bool:
        """Whether anything is written within six hours before or after."""
        return self.between(at - _UNWRITTEN_MS, at + _UNWRITTEN_MS).keys() != {""}


@dataclass(frozen=True, slots=True)
class Alert:
    """A decision to raise, and what she did then or most of the time that the rule was about."""

    house: str
    decision: Decision
    doing: str
    judgement: Judgement
    again: bool = False


def main() -> None:
    """Print every alert, and how many per resident and week had no reason."""
    parser = argparse.ArgumentParser(prog="make houses", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rules", type=Path, help="a rule file instead of the default rules")
    parser.add_argument("--exits", action="store_true", help="name the doors that lead out")
    parser.add_argument("--all", action="store_true", help="list the checks too that nobody could make")
    asked = parser.parse_args()
    folder = recordings()
    if folder is None:
        sys.exit("the recorded houses are not here: set SHOUWANG_SHARED to the folder that holds replay/")
    text = asked.rules.read_text("utf-8") if asked.rules else default_text()
    rules = configuration.load(with_exits(text) if asked.exits else text)
    if not isinstance(rules, RuleSet):
        sys.exit("\n".join(f"{asked.rules}: {problem}" for problem in rules))
    found, weeks = houses(folder, rules)
    out = Console(highlight=False)
    zone = ZoneInfo("Europe/Amsterdam")
    out.print(_listed([each for each in found if asked.all or _judged(each)], zone))
    out.print(_counted(found, weeks))


def default_text() -> str:
    """The default rules as they are written."""
    return files("rules").joinpath("default.toml").read_text("utf-8")


def with_exits(text: str) -> str:
    """Rules that know the doors that lead out, as a person would write it."""
    named = f'kind = "inactivity"\nexits = {list(EXITS)}\n'.replace("'", '"')
    return text.replace('kind = "inactivity"\n', named)


def houses(folder: Path, rules: RuleSet) -> tuple[list[Alert], float]:
    """All alerts of the three houses, and how many resident-weeks they are."""
    found: list[Alert] = []
    weeks = 0.0
    for house in HOUSES:
        recording = read("kasteren", folder / "kasteren.events.csv.gz", house)
        assert isinstance(recording, Recording), recording
        found += judged(recording, diary(folder, house), rules)
        weeks += (recording.end_ms - recording.start_ms) / _WEEK_MS
    return found, weeks


def recordings() -> Path | None:
    """The folder of the recorded houses, None when it is not here."""
    shared = Path(os.environ.get("SHOUWANG_SHARED", Path(__file__).parents[3] / "shared"))
    folder = shared / "replay"
    return folder if (folder / "kasteren.events.csv.gz").exists() else None


def diary(folder: Path, house: str) -> Diary:
    """What the person of a house did."""
    with gzip.open(folder / "kasteren.activities.csv.gz", "rt", encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["house"] == house]
    return Diary(
        tuple(
            sorted(
                Activity(int(row["start_epoch_s"]) * 1000, int(row["end_epoch_s"]) * 1000, row["activity"])
                for row in rows
            )
        )
    )


def judged(recording: Recording, written: Diary, rules: RuleSet) -> list[Alert]:
    """All decisions to raise over a recording, in order, each looked at beside the diary."""
    registry = read_registry([("house.toml", recording.registry())])
    assert isinstance(registry, Registry), registry
    decisions: list[Decision] = []
    seen: list[int] = []
    known: signs.Known = {}
    engine = Engine(rules, registry, recording.start_ms)
    for observation in observed(recording, registry):
        known, sign = signs.notice(known, observation)
        if sign:
            seen.append(observation.at)
        decisions += engine.observe(observation)
    decisions += engine.tick(recording.end_ms + _REORDER_MS)
    silent = False
    found: list[Alert] = []
    for decision in decisions:
        if decision.kind == "inactivity":
            again, silent = silent, decision.change is not Change.CLEAR
        else:
            again = False
        if decision.change is Change.RAISE:
            found.append(_alert(recording.house, decision, written, seen, again=again))
    return found


def observed(recording: Recording, registry: Registry) -> Iterator[Observation]:
    """What the service would have observed."""
    heard = Heard(registry, recording.site)
    for publication in recording.publications():
        message = Message(publication.topic, publication.payload, publication.at_ms)
        for happening in heard.happenings(message):
            if isinstance(happening, Observation):
                yield happening


def _alert(house: str, decision: Decision, written: Diary, seen: list[int], *, again: bool) -> Alert:
    before = bisect_left(seen, decision.at)
    since = seen[before - 1] if before else decision.at
    doing, judgement = judge(decision, written, since)
    return Alert(house, decision, doing, judgement, again)


def judge(decision: Decision, written: Diary, since: int) -> tuple[str, Judgement]:
    """What she did, and whether there was a reason, as said above. `since`: the last sign of life before."""
    at = decision.at
    doing = written.at(at)
    if decision.kind in _NOBODY_COULD:
        return doing, Judgement.NOT_APPLICABLE
    if not written.tells(at):
        return doing, Judgement.UNKNOWN
    if decision.kind == "inactivity":
        (most, _), *_ = written.between(since, at).most_common(1) or [("", 0)]
        return most, Judgement.NONE if most in {"leave-house", "go-to-bed"} else Judgement.REASON
    if decision.kind == "bed_exit":
        lies = doing == "go-to-bed" or not _went_to_bed(written, at)
        return doing, Judgement.NONE if lies else Judgement.REASON
    if decision.kind == "wandering":
        leaves = written.between(at - _LEAVING_MS, at + _LEAVING_MS)["leave-house"]
        return doing, Judgement.REASON if leaves else Judgement.NONE
    return doing, Judgement.NONE


def _went_to_bed(written: Diary, at: int) -> bool:
    """Whether she has been in bed in the twelve hours before."""
    return bool(written.between(at - 12 * _HOUR_MS, at)["go-to-bed"])


def _judged(alert: Alert) -> bool:
    return alert.judgement is not Judgement.NOT_APPLICABLE


def _listed(alerts: list[Alert], zone: ZoneInfo) -> Table:
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("house", "time", "rule", "severity", "diary", "judgement"):
        shown.add_column(name)
    for alert in alerts:
        decision = alert.decision
        when = f"{datetime.fromtimestamp(decision.at / 1000, zone):%Y-%m-%d %a %H:%M}"
        doing = alert.doing or "(nothing written)"
        judged_as = alert.judgement + " (again)" * alert.again
        shown.add_row(alert.house, when, decision.rule, decision.severity, doing, judged_as)
    return shown


def _counted(alerts: list[Alert], weeks: float) -> Table:
    """By rule and judgement, and those without reason per resident and week."""
    counts: dict[str, Counter[Judgement]] = {}
    for alert in alerts:
        if alert.again:
            continue
        counts.setdefault(alert.decision.rule, Counter())[alert.judgement] += 1
    counts["all"] = sum(counts.values(), Counter())
    shown = Table(
        box=None, pad_edge=False, header_style="bold", title=f"{weeks * 7:.0f} days", title_justify="left"
    )
    shown.add_column("rule")
    for judgement in Judgement:
        shown.add_column(judgement, justify="right")
    shown.add_column("no reason a resident-week", justify="right")
    for rule, found in counts.items():
        row = (str(found[judgement] or "-") for judgement in Judgement)
        shown.add_row(rule, *row, f"{found[Judgement.NONE] / weeks:.2f}")
    return shown


if __name__ == "__main__":
    main()
