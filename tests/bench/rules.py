"""How fast the rules are, in one process, and what an idle resident costs: the default rule set.

Each size has a process of its own, and they work by turns of a second or less, so that whatever else the
machine does meets all alike. Observations are made outside of what is timed, a slice at a time, as the
service makes them; the search for garbage, set as in the service, is timed whole, and so is what a checkpoint
takes over every five seconds.
"""

import gc
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice

import orjson
from rich.console import Console
from rich.table import Table

from devices.observation import Observation
from devices.reading import Value
from devices.registry import CareLevel, Device, Place, PlaceKind, Registry, Resident, Risk, RiskLevel
from ingest.commands.console import be_prompt
from ingest.feed import SLICE
from ingest.pipeline import CHECKPOINT_S
from rules.configuration import default
from rules.engine import Engine

RESIDENTS = (1_000, 20_000, 100_000)
MINUTES = 15
"""Of each round: every third minute has more to write down (`rules.kinds.news2`), and so has every fifth."""

TURNS = 15
START = 1_763_812_800_000  # 2025-11-22 20:00 in Shanghai; the night's rounds begin at 21:00
EVERY_MS = 60_000
FEW = 120  # residents, of every sort, who are watched before memory is looked at
_LEVELS = list(CareLevel)
_RISKS = [RiskLevel.LOW, RiskLevel.MEDIUM, RiskLevel.HIGH]


def home(residents: int) -> Registry:
    """A home with so many residents, each with a room, a wearable, a bed sensor and a motion sensor."""
    numbers = range(residents)
    return Registry.of(
        [
            Place("home", PlaceKind.SITE),
            *(Place(f"room-{n}", PlaceKind.ROOM, parent="home") for n in numbers),
        ],
        [
            Resident(
                f"r-{n}",
                f"room-{n}",
                care_level=_LEVELS[n % 4],
                risks={Risk.BED_FALL: _RISKS[n % 3], Risk.PRESSURE_ULCER: _RISKS[n % 3]},
            )
            for n in numbers
        ],
        [
            *(Device(f"watch-{n}", resident=f"r-{n}", site="home", calls=True) for n in numbers),
            *(Device(f"bed-{n}", place=f"room-{n}", site="home") for n in numbers),
            *(Device(f"motion-{n}", place=f"room-{n}", site="home") for n in numbers),
        ],
    )


def stream(registry: Registry, minute: int) -> Iterator[Observation]:
    """What calm people's devices say in a minute: each once, spread over it; nobody is ill.

    Whose it is is in the registry's own words, as `devices.normalise` gives them. Made one by one: what the
    bench itself keeps would be searched for garbage in the time of the rules.
    """
    watches = (device for device in registry.devices.values() if device.calls)
    for n, watch in enumerate(watches):
        resident, place = watch.resident, registry.residents[watch.resident].place
        at = START + minute * EVERY_MS + n * EVERY_MS // len(registry.residents)
        pulse = float(64 + (n + minute) % 12)
        sources: tuple[tuple[str, tuple[tuple[str, Value], ...]], ...] = (
            (f"watch-{n}", (("heart_rate", pulse), ("spo2", 97.0), ("worn", True), ("battery", 80.0))),
            (f"bed-{n}", (("bed_occupied", True), ("heart_rate", pulse), ("respiratory_rate", 14.0))),
            (f"motion-{n}", (("motion", (minute + n) % 7 == 0),)),
        )
        for device, values in sources:
            for metric, value in values:
                yield Observation(
                    device, metric, value, at - 200, at, site="home", resident=resident, place=place
                )


class _Counting(Engine):
    """Counts how often a rule looks at an observation."""

    count = 0

    def _run(self, watch, act, given, at, decisions):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        self.count += isinstance(given, Observation)
        super()._run(watch, act, given, at, decisions)


def evaluations() -> float:
    """How many rules look at an observation of the stream, on average."""
    registry = home(FEW)
    engine = _Counting(default(), registry, START)
    given = 0
    for minute in range(7):
        engine.count = engine.count if minute else 0
        for observation in stream(registry, minute):
            engine.observe(observation)
            given += 1
    return engine.count / given


def work(residents: int) -> None:
    """In a process of its own: tells what memory it takes, then for every line given what a turn took."""
    rules, few, registry = default(), home(FEW), home(residents)
    tracemalloc.start()
    kept = Engine(rules, few, START)
    kept.changed()
    small = _allocated()
    engine = Engine(rules, registry, START)
    engine.changed()
    idle = (_allocated() - small) / residents
    tracemalloc.stop()
    be_prompt()
    for observation in stream(registry, 0):  # everybody has been heard once: the steady state is measured
        engine.observe(observation)
    engine.changed()
    be_prompt()  # as after a restart
    _tell({"idle": idle, "fixed": small - FEW * idle})
    count = residents * 8 * MINUTES // TURNS
    coming = (observation for minute in range(1, 60) for observation in stream(registry, minute))
    checkpoint = START + EVERY_MS
    for _ in sys.stdin:
        took, given = 0.0, 0
        while given < count:
            gc.disable()
            part = list(islice(coming, min(SLICE * 8, count - given)))
            gc.enable()
            began = time.process_time()
            for observation in part:
                engine.observe(observation)
            if observation.received_at >= checkpoint:
                checkpoint += int(CHECKPOINT_S * 1000)
                engine.changed()
            took += time.process_time() - began
            given += len(part)
        _tell({"observations": given, "seconds": took})


def _tell(found: dict[str, float]) -> None:
    sys.stdout.buffer.write(orjson.dumps(found) + b"\n")
    sys.stdout.buffer.flush()


def _allocated() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


class _Worker:
    """One size, in a process of its own."""

    def __init__(self, residents: int, stack: ExitStack) -> None:
        command = [sys.executable, "-m", "tests.bench.rules", str(residents)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._process = stack.enter_context(process)
        stack.callback(process.kill)
        self.memory = self._answer()
        self.rounds: list[float] = []

    def turn(self) -> tuple[float, float]:
        """Observations, and the seconds of CPU they took."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"go\n")
        self._process.stdin.flush()
        found = self._answer()
        return found["observations"], found["seconds"]

    def _answer(self) -> dict[str, float]:
        assert self._process.stdout is not None
        answer: dict[str, float] = orjson.loads(self._process.stdout.readline())
        return answer


def tell(out: Console, rounds: int = 3) -> None:
    """Measure by turns and print medians."""
    looks = evaluations()
    with ExitStack() as stack:
        workers = {residents: _Worker(residents, stack) for residents in RESIDENTS}
        for _ in range(rounds):
            turns = [[worker.turn() for worker in workers.values()] for _ in range(TURNS)]
            for worker, mine in zip(workers.values(), zip(*turns, strict=True), strict=True):
                given, took = map(sum, zip(*mine, strict=True))
                worker.rounds.append(given / took)
        table = Table("residents", "observations/s", "evaluations/s", "KB per idle resident")
        table.title = "default rules in one process, CPU time, medians"
        for residents, worker in workers.items():
            median, memory = statistics.median(worker.rounds), worker.memory
            table.add_row(
                f"{residents:,}",
                f"{median:,.0f} ({', '.join(f'{one / 1000:,.0f}' for one in worker.rounds)})",
                f"{median * looks:,.0f}",
                f"{memory['idle'] / 1024:.2f}",
            )
        fixed = statistics.median(worker.memory["fixed"] for worker in workers.values())
    out.print(table)
    out.print(
        "In brackets: each round, thousands. Memory: what the engine has allocated for each before anybody is"
        f" heard, without the registry; {fixed / 1024:,.0f} KB are made once, for however many."
    )


if __name__ == "__main__":
    work(int(sys.argv[1]))
