"""How fast the rules are, in one process, and what an idle resident costs: the default rule set."""

import gc
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

import orjson
from rich.console import Console
from rich.table import Table

from devices.observation import Observation
from devices.reading import Value
from devices.registry import CareLevel, Device, Place, PlaceKind, Registry, Resident, Risk, RiskLevel
from rules.configuration import default
from rules.engine import Engine
from rules.ruleset import RuleSet

SIZES = (1_000, 20_000, 100_000)
OBSERVATIONS = 200_000
START = 1_763_812_800_000  # 2025-11-22 20:00 in Shanghai
EVERY_MS = 60_000
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


def stream(residents: int, count: int) -> Iterator[Observation]:
    """What calm people's devices say: each once a minute, spread over it; nobody is ill."""
    said = 0
    minute = 0
    while said < count:
        for n in range(residents):
            at = START + minute * EVERY_MS + n * EVERY_MS // residents
            pulse = float(64 + (n + minute) % 12)
            sources: tuple[tuple[str, tuple[tuple[str, Value], ...]], ...] = (
                (f"watch-{n}", (("heart_rate", pulse), ("spo2", 97.0), ("worn", True), ("battery", 80.0))),
                (
                    f"bed-{n}",
                    (("bed_occupied", True), ("heart_rate", pulse), ("respiratory_rate", 14.0)),
                ),
                (f"motion-{n}", (("motion", minute % 7 == 0),)),
            )
            for device, values in sources:
                for metric, value in values:
                    yield Observation(
                        device, metric, value, at - 200, at, site="home", resident=f"r-{n}", place=f"room-{n}"
                    )
                    said += 1
        minute += 1


class _Counting(Engine):
    """Counts how often a rule looks at an observation."""

    count = 0

    def _run(self, watch, act, given, at, decisions):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        self.count += isinstance(given, Observation)
        super()._run(watch, act, given, at, decisions)


def measure(residents: int, count: int) -> dict[str, float]:
    """Observations and evaluations a second of CPU, and bytes per idle resident."""
    rules = default()
    registry = home(residents)
    _warm(rules, registry)
    gc.collect()
    gc.freeze()
    before = _resident_bytes()
    engine = Engine(rules, registry, START)
    engine.changed()
    gc.collect()
    idle = _resident_bytes() - before
    given = list(stream(residents, count))
    first, rest = given[: residents * 8], given[residents * 8 :]
    for observation in first:  # everybody has been heard once: the steady state is measured
        engine.observe(observation)
    engine.changed()
    gc.collect()
    gc.freeze()
    began = time.process_time()
    for observation in rest:
        engine.observe(observation)
    took = time.process_time() - began
    counting = _Counting(rules, registry, START)
    for observation in first:
        counting.observe(observation)
    counting.count = 0
    for observation in rest:
        counting.observe(observation)
    return {
        "observations": len(rest) / took,
        "evaluations": counting.count / took,
        "bytes": idle / residents,
    }


def _warm(rules: RuleSet, registry: Registry) -> None:
    """What is made once is not the residents'."""
    small = Registry.of([registry.places["home"]], [], [])
    Engine(rules, small, START)


def _resident_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123  no path of ours
        return int(statm.read().split()[1]) * 4096


def tell(out: Console, runs: int = 3) -> None:
    """Measure in processes of their own and print medians."""
    table = Table("residents", "observations/s", "evaluations/s", "KB per idle resident")
    table.title = "default rules in one process, CPU time, medians"
    for residents in SIZES:
        found: list[dict[str, float]] = []
        for _ in range(runs):
            command = [sys.executable, "-m", "tests.bench.rules", str(residents), str(OBSERVATIONS)]
            done = subprocess.run(command, check=True, capture_output=True)
            found.append(orjson.loads(done.stdout))
        median = {name: statistics.median(one[name] for one in found) for name in found[0]}
        table.add_row(
            f"{residents:,}",
            f"{median['observations']:,.0f}",
            f"{median['evaluations']:,.0f}",
            f"{median['bytes'] / 1024:.2f}",
        )
    out.print(table)


if __name__ == "__main__":
    size, number = int(sys.argv[1]), int(sys.argv[2])
    sys.stdout.buffer.write(orjson.dumps(measure(size, max(number, size * 16))))
