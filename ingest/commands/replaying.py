"""`shouwang replay`: a recording through decode, rules and alerts, offline, on its own time.

Rule: the same code as live and no clock: the same file gives the same alerts, always.
"""

import sys
from pathlib import Path
from typing import Annotated

import orjson
import typer

from alerts.book import Book, decide
from alerts.episode import Acknowledged, Episode, Event, Resolved
from alerts.where import site_of
from devices.identity import is_repeat
from devices.message import Message
from devices.registry import Registry
from ingest.commands.console import USAGE, end, end_with, registry_problems, rule_problems, told
from ingest.commands.decoding import lines_of, read_line
from ingest.facts import Facts
from ingest.interpret import interpret
from rules.decision import Decision
from rules.engine import Engine
from rules.ruleset import RuleSet
from rules.unreadable import unreadable


def run(
    file: Annotated[
        Path, typer.Argument(help='Lines {"at": ms, "topic", "payload" | "payload_b64"}; - is stdin.')
    ],
    rules: Annotated[Path | None, typer.Option(help="A rule file; the default rules when missing.")] = None,
    registry: Annotated[
        list[Path] | None, typer.Option(help="Registry files, CSV or TOML; may be given again.")
    ] = None,
    site: Annotated[str, typer.Option(help="The site of devices whose topics do not say.")] = "home-1",
) -> None:
    """Print the alerts a recording would have raised, as JSON lines.

    Each line is {"event", "alert", "rule", "subject", "severity", "at"}; `at` is ms UTC, when it happened.
    """
    people = registry_problems(registry or [])
    if isinstance(people, list):
        end_with(people)
    checked = rule_problems(rules, people)
    if isinstance(checked, list):
        end_with(checked)
    replay = Replay(people, checked, site)
    read = 0
    for number, line in lines_of(file):
        found = read_line(line, timed=True)
        if isinstance(found, str):
            end(f"{file}:{number}: {found}", USAGE)
        _print(replay.take(found.message))
        read += 1
    told.print(f"{read} messages, {replay.rejected} rejected, {replay.repeated} repeats", markup=False)


class Replay:
    """Interprets, drops repeats, asks the rules and keeps the book, one message after the other."""

    def __init__(self, registry: Registry, rules: RuleSet, site: str) -> None:
        self._registry, self._rules, self._site = registry, rules, site
        self._engine: Engine | None = None
        self._book = Book()
        self._facts = Facts(registry)
        self._seen: dict[int, int] = {}
        self._read = self.rejected = self.repeated = 0

    def take(self, message: Message) -> list[tuple[Event, Episode]]:
        """What follows from one message, and from the time that passed before it."""
        now = message.received_at
        engine = self._engine = self._engine or Engine(self._rules, self._registry, now)
        said = interpret(message, self._registry, self._site, self._facts)
        self._facts.learn(self._read, said.learned)
        self._read += 1
        self.rejected += bool(said.rejected and not said.observations)
        decisions = engine.tick(now)
        repeats = {
            identity
            for o, identity, good_for in zip(said.observations, said.identities, said.good_for, strict=True)
            if (seen := self._seen.get(identity)) is not None
            and is_repeat(o, good_for, now - seen, closed_since=self._book.closed_at(o.device) >= seen)
        }
        self.repeated += bool(repeats)
        for observation, identity in zip(said.observations, said.identities, strict=True):
            if identity not in repeats:
                decisions += engine.observe(observation)
        self._seen.update((identity, now) for identity in said.identities if identity not in {0, *repeats})
        decisions += [unreadable(device, why, str(self._read), now) for device, why in said.unreadable]
        return self._decided(decisions, now)

    def _decided(self, decisions: list[Decision], now: int) -> list[tuple[Event, Episode]]:
        followed: list[tuple[Event, Episode]] = []
        for decision in decisions:
            site = site_of(self._registry, decision.subject) or self._site
            events = decide(self._book, decision, max(now, decision.at), site)
            followed += [(event, self._book.apply(event)) for event in events]
        return followed


def _print(followed: list[tuple[Event, Episode]]) -> None:
    for event, episode in followed:
        if isinstance(event, (Acknowledged, Resolved)):
            continue  # nobody acts in a replay
        line = {
            "event": event.name,
            "alert": episode.id,
            "rule": episode.rule,
            "subject": event.subject,
            "severity": episode.severity,
            "at": event.evidence.at,
        }
        sys.stdout.buffer.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
