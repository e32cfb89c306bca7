"""How long it takes to understand one payload, by family, over the seeds.

The ratio is to `orjson.loads` of the same payloads in the same run: it says more than microseconds of a
machine that nobody else has.
"""

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import orjson
from rich.console import Console
from rich.table import Table

from devices.decode import decode
from devices.families import FAMILIES
from devices.message import Message
from devices.normalise import normalise
from devices.reading import Decoded, Learned, Models
from devices.registry import Device, Registry
from tests.devices.seeds import SEEDS, Seed

TARGET_US = 20.0
_RECEIVED = 1_790_000_000_000
_RUNS, _CALLS = 9, 40


class Times(NamedTuple):
    """Microseconds for one payload; `loads` is None where it is no JSON."""

    seed: Seed
    decoding: float
    with_normalise: float
    loads: float | None


def tell(out: Console) -> None:
    """Measure every seed and print a table of families."""
    measured = [_measure(seed) for seed in SEEDS]
    table = Table("family", "payloads", "bytes", "decode", "slowest", "+ normalise", "x orjson")
    table.title = f"microseconds a payload, medians; the target for JSON is {TARGET_US:.0f}"
    for family in FAMILIES:
        _row(table, family, [one for one in measured if one.seed.family == family])
    table.add_section()
    _row(table, "all JSON", [one for one in measured if one.loads is not None])
    out.print(table)


def _row(table: Table, name: str, measured: list[Times]) -> None:
    slowest = max(measured, key=lambda one: one.decoding)
    ratios = [one.decoding / one.loads for one in measured if one.loads is not None]
    table.add_row(
        name,
        str(len(measured)),
        f"{statistics.median(len(one.seed.raw) for one in measured):.0f}",
        f"{statistics.median(one.decoding for one in measured):.1f}",
        f"{slowest.decoding:.0f}",
        f"{statistics.median(one.with_normalise for one in measured):.1f}",
        f"{statistics.median(ratios):.1f}" if ratios else "",
    )


def _measure(seed: Seed) -> Times:
    message = Message(seed.topic, seed.raw, _RECEIVED)
    facts: tuple[Learned, ...] = ()
    answer = decode(message, Models(default=seed.model))
    if isinstance(answer, Decoded):
        facts = answer.learned
    known = Models(default=seed.model, facts={(one.about, one.field): one.value for one in facts})
    said = answer.readings if isinstance(answer, Decoded) else ()
    registry = Registry.of([], [], [Device(one) for one in dict.fromkeys(reading.device for reading in said)])

    def understand() -> None:
        answer = decode(message, known)
        if isinstance(answer, Decoded):
            normalise(answer, message, registry, "home")

    raw = message.payload
    try:
        orjson.loads(raw)
    except orjson.JSONDecodeError:
        loads = None
    else:
        loads = _microseconds(lambda: orjson.loads(raw))
    return Times(seed, _microseconds(lambda: decode(message, known)), _microseconds(understand), loads)


def _microseconds(call: Callable[[], object]) -> float:
    """The median of several runs of many calls each, in CPU time: others may be running, too."""
    runs = []
    for _ in range(_RUNS):
        began = time.process_time_ns()
        for _ in range(_CALLS):
            call()
        runs.append((time.process_time_ns() - began) / _CALLS / 1000)
    return statistics.median(runs)
