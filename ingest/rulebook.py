"""The rules in force: where they come from, since when, and how others take their place while they work.

Rule: a rule file is checked whole, against the registry; then it takes the place of the rules before, or it
changes nothing and they go on. Every change is recorded with what differs (R-61).
"""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from devices.registry import Registry
from devices.registry_files import Problem
from ingest.clock import Clock
from ingest.metrics import Metrics
from ingest.rule_records import RuleRecords, RulesChanged
from ingest.text_file import Signature, read_text, signature
from rules import configuration
from rules.difference import difference
from rules.ruleset import RuleSet

log = structlog.get_logger()

LOOK_S = 1.0
"""Real seconds between two looks at the file. One that stayed the same for two looks is written whole."""

DEFAULT = "the default rules"
FILE = "file"
"""Who changed the rules, where a file changed and nobody said so."""

_MOST_LOGGED = 50


def read(path: Path | None, registry: Registry | None) -> tuple[str, RuleSet] | list[Problem]:
    """The text of a rule file and its rules, those by default when there is no path; or all that is wrong."""
    if path is None:
        return "", configuration.default()
    text = read_text(path)
    if isinstance(text, Problem):
        return [text]
    found = configuration.load(text, registry)
    if isinstance(found, RuleSet):
        return text, found
    return [Problem(str(path), problem.line, f"{problem.where}: {problem.message}") for problem in found]


class Rulebook:
    """The rules in force and the watch over their file. Owned by the event loop.

    `replace` lets other rules take over and returns when they decide. `problems` is what is wrong with the
    file as it is now: then the rules before go on.
    """

    def __init__(
        self,
        path: Path | None,
        rules: RuleSet,
        registry: Registry,
        records: RuleRecords,
        clock: Clock,
        metrics: Metrics,
        replace: Callable[[RuleSet], Awaitable[None]],
    ) -> None:
        self._path, self._registry, self._records = path, registry, records
        self._clock, self._metrics, self._replace = clock, metrics, replace
        self._reading = asyncio.Lock()
        self._read_last: Signature = None
        self.rules = rules
        self.source = DEFAULT if path is None else str(path)
        self.loaded_at = clock.now()
        self.problems: list[Problem] = []

    async def _begin(self) -> None:
        """Record what holds from now on, where it is not what held before the start."""
        last = next(iter(self._records.changes(1)), None)
        found = await self._read()
        if isinstance(found, tuple) and found[1] == self.rules and (last is None or last.text != found[0]):
            before = _as_recorded(last) if last else RuleSet()
            await self._record(before, found[0], FILE, "found at the start")

    async def run(self) -> None:
        """Look at the file from time to time, until cancelled."""
        await self._begin()
        if self._path is None:
            return
        seen = self._read_last = signature(self._path)
        await self.reload()  # it may have changed since the service read it
        while True:
            await asyncio.sleep(LOOK_S)
            before, seen = seen, await asyncio.to_thread(signature, self._path)
            if seen != self._read_last and seen == before:
                await self.reload()

    async def reload(self, by: str = FILE, reason: str = "") -> bool:
        """Take up the file as it is now; whether it is good. The same rules again change nothing."""
        async with self._reading:
            if self._path is not None:
                self._read_last = await asyncio.to_thread(signature, self._path)
            found = await self._read()
            if isinstance(found, list):
                self._refuse(found)
                return False
            self.problems = []
            self._metrics.rules_invalid.set(0)
            text, rules = found
            return rules == self.rules or await self._take_up(text, rules, by, reason)

    async def _read(self) -> tuple[str, RuleSet] | list[Problem]:
        try:
            return await asyncio.to_thread(read, self._path, self._registry)
        except Exception as error:  # noqa: BLE001  a file that brings out a bug must not end those who watch
            return [Problem(self.source, 0, f"could not be read: {type(error).__name__}")]

    async def _take_up(self, text: str, rules: RuleSet, by: str, reason: str) -> bool:
        before = self.rules
        try:
            with _no_search_for_garbage():
                await self._replace(rules)
        except Exception as error:  # noqa: BLE001  a bug in taking over must not end those who watch
            self._refuse([Problem(self.source, 0, f"could not take over: {type(error).__name__}")])
            return False
        self.rules, self.loaded_at = rules, self._clock.now()
        await self._record(before, text, by, reason)
        return True

    async def _record(self, before: RuleSet, text: str, by: str, reason: str) -> None:
        changes = difference(before, self.rules)
        changed = RulesChanged(self._clock.now(), self.source, by, reason, text, changes)
        await self._records.changed(changed)
        self._metrics.rules_changed.inc()
        said = [str(change) for change in changes[:_MOST_LOGGED]]
        log.info("rules_changed", source=self.source, count=len(changes), changes=said)  # by whom: on record

    def _refuse(self, problems: list[Problem]) -> None:
        self.problems = problems
        self._metrics.rules_invalid.set(len(problems))
        for problem in problems[:_MOST_LOGGED]:
            log.error("rules_invalid", problem=str(problem))
        log.error("rules_kept", source=self.source, problems=len(problems))


def _as_recorded(record: RulesChanged) -> RuleSet:
    """The rules of a record; none where they would be no rules any more."""
    found = configuration.load(record.text) if record.text else configuration.default()
    return found if isinstance(found, RuleSet) else RuleSet()


@contextmanager
def _no_search_for_garbage() -> Iterator[None]:
    """Keeps a hundred thousand new memories from being searched for garbage, while an SOS would wait.

    They are there to stay, as all that was there before: see `console.be_prompt`.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
