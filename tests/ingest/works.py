"""A pipeline on real files for tests: journal, checkpoint and engine, which can crash and be opened again."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from devices.message import Message
from devices.observation import Observation
from devices.registry import Device, Place, PlaceKind, Registry, Resident
from devices.urgency import urgent
from ingest.checkpoint import Checkpoint
from ingest.facts import Fact
from ingest.feed import Processed
from ingest.felt import Felt
from ingest.journal import Entry, SqliteJournal
from ingest.metrics import Metrics
from ingest.pipeline import Pipeline, Recorded
from rules.configuration import load
from rules.decision import Decision
from rules.engine import Engine
from rules.falls.detector import MOST_DEVICES, Detector
from rules.falls.model import Model, default_models
from rules.ruleset import RuleSet
from tests.deadline import eventually

SITE = "home-1"
T0 = 1_790_000_000_000

REGISTRY = Registry.of(
    [Place("r1", PlaceKind.ROOM), Place("r2", PlaceKind.ROOM)],
    [Resident("ann", "r1"), Resident("bob", "r2")],
    [
        Device("d1", resident="ann"),
        Device("d2", resident="bob"),
        Device("d3", place="r1"),
        Device("d4", resident="bob", calls=True),
    ],
)

_RULES = """
[[rule]]
id = "sos"
kind = "sos"
[[rule]]
id = "fall"
kind = "fall"
[[rule]]
id = "smoke"
kind = "environment"
"""


def rules() -> RuleSet:
    found = load(_RULES, REGISTRY)
    assert isinstance(found, RuleSet)
    return found


@dataclass
class TestClock:
    """A clock that a test sets."""

    __test__ = False
    time: int = T0
    speed: float = 1.0

    def now(self) -> int:
        return self.time


@dataclass
class Works:
    """What outlives a crash: the folder, and what was decided. `pipeline` is the present one."""

    folder: Path
    recorded: Recorded | None = None
    clock: TestClock = field(default_factory=TestClock)
    decided: list[Decision] = field(default_factory=list)
    metrics: Metrics = field(default_factory=Metrics)
    durable: list[Entry] = field(default_factory=list)
    closed: dict[str, int] = field(default_factory=dict)  # device -> when its alert was last resolved
    taught: list[Fact] = field(default_factory=list)
    felt: list[Message] = field(default_factory=list)  # falls that were found
    most_devices: int = MOST_DEVICES
    models: Mapping[str, Model] = field(default_factory=default_models)
    pipeline: Pipeline = field(init=False)
    checkpoint: Checkpoint | None = None

    def __post_init__(self) -> None:
        self.journal = SqliteJournal(self.folder / "journal.db", self.durable.extend)
        self.crash()

    def crash(self) -> int:
        """A new pipeline from the last checkpoint, as after kill -9; how many entries it caught up with."""
        if self.checkpoint is not None:
            self.checkpoint.close()
        self.checkpoint = Checkpoint(self.folder / "checkpoint.db", self.journal.id)
        engine = Engine(rules(), REGISTRY, T0)
        engine.restore(self.checkpoint.memories())
        detector = Detector(self.models, self.most_devices)
        self.pipeline = Pipeline(
            journal=self.journal,
            checkpoint=self.checkpoint,
            engine=engine,
            registry=REGISTRY,
            site=SITE,
            clock=self.clock,
            metrics=self.metrics,
            decide=lambda decisions, _: self.decided.extend(decisions),
            felt=Felt(detector, self.clock, self.metrics, self.felt.append),
            recorded=self.recorded,
            closed_at=lambda device: self.closed.get(device, 0),
            taught=self.taught.extend,
        )
        return self.pipeline.catch_up()

    async def journalled(self, *messages: Message) -> list[Entry]:
        """Makes messages durable; their entries."""
        before = len(self.durable)
        for message in messages:
            self.journal.append(message, urgent=False)
        await eventually(lambda: len(self.durable) >= before + len(messages))
        return self.durable[before:]

    def give(self, entries: list[Entry]) -> None:
        """What the service does with entries just made durable."""
        hurry = [entry for entry in entries if urgent(entry.message)]
        self.pipeline.take(hurry, [entry for entry in entries if not urgent(entry.message)])

    async def take(self, *messages: Message) -> list[Entry]:
        """Makes messages durable and gives them to the pipeline."""
        entries = await self.journalled(*messages)
        self.give(entries)
        return entries

    async def stored(self, after: int = 0, rows: int = 10_000) -> list[Processed]:
        """All that the feed has beyond `after`."""
        found: list[Processed] = []
        while batch := await self.pipeline.feed.take(found[-1].seq if found else after, rows):
            found += batch
        return found

    def fates(self) -> dict[str, float]:
        """How many messages had each fate that there was."""
        return {
            sample.labels["fate"]: sample.value
            for metric in self.metrics.fate.collect()
            for sample in metric.samples
            if sample.name.endswith("_total") and sample.value
        }

    def close(self) -> None:
        self.journal.close()
        if self.checkpoint is not None:
            self.checkpoint.close()


@contextlib.contextmanager
def works(folder: Path, recorded: Recorded | None = None) -> Iterator[Works]:
    """Works that are closed at the end."""
    made = Works(folder, recorded)
    try:
        yield made
    finally:
        made.close()


def message(channel: str, payload: object, device: str = "d1", at: int = T0, **flags: bool) -> Message:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Message(f"shouwang/v1/{SITE}/{device}/{channel}", raw, at, **flags)


def heart_rate(bpm: int, at: int = T0, **about: object) -> Message:
    return message("telemetry", {"heart_rate": bpm} | about, at=at)


def sos(at: int = T0, device: str = "d1", **about: object) -> Message:
    return message("event", {"event": "sos"} | about, device, at)


def metrics_of(observations: list[Observation]) -> list[tuple[str, object]]:
    return [(o.metric, o.value) for o in observations]
