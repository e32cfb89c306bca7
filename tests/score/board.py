"""The scoreboard: numbers per kind, and their targets. Rule: a figure without a target is shown too."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from statistics import quantiles

from rich.table import Table

from tests.score.judging import Judged

TARGET_FALSE_A_WEEK = 1.0
RECALL = {"sos": 1.0, "fall": 1.0, "environment": 1.0, "bed_exit": 0.98, "inactivity": 0.98}
PRECISION: dict[str, float] = {}
_CHECKS = "missed_check/"


@dataclass(frozen=True, slots=True)
class Score:
    """One kind in one world. Rates are None where nothing was expected, or nothing raised; delays are s."""

    world: str
    kind: str
    expected: int
    found: int
    missed: int
    false: int
    recall: float | None
    precision: float | None
    delay_p50: float | None
    delay_p95: float | None
    false_a_week: float


def scores(judged: Iterable[Judged]) -> list[Score]:
    """The score of every kind in every world."""
    found: Counter[tuple[str, str]] = Counter()
    missed: Counter[tuple[str, str]] = Counter()
    false: Counter[tuple[str, str]] = Counter()
    weeks: Counter[str] = Counter()
    delays: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for one in judged:
        weeks[one.world] += one.resident_weeks  # type: ignore[assignment]
        for each, raised in one.found:
            found[one.world, each.rule] += 1
            delays[one.world, each.rule].append(max(0, raised.at - each.at_ms) / 1000)
        missed.update((one.world, each.rule) for each in one.missed)
        false.update((one.world, each.kind) for each in one.false)
    return [
        Score(
            world,
            kind,
            expected=(hits := found[key]) + missed[key],
            found=hits,
            missed=missed[key],
            false=false[key],
            recall=hits / (hits + missed[key]) if hits + missed[key] else None,
            precision=hits / (hits + false[key]) if hits + false[key] else None,
            delay_p50=_percentile(delays[key], 50),
            delay_p95=_percentile(delays[key], 95),
            false_a_week=false[key] / weeks[world],
        )
        for key in sorted({*found, *missed, *false})
        for world, kind in (key,)
    ]


def _percentile(values: list[float], percent: int) -> float | None:
    if not values:
        return None
    return values[0] if len(values) == 1 else quantiles(values, n=100, method="inclusive")[percent - 1]


def below_target(found: Iterable[Score], judged: Iterable[Judged]) -> Iterator[str]:
    """Every target that was missed, in words."""
    false_in_calm = 0.0
    for one in found:
        if one.world == "calm":
            false_in_calm += one.false_a_week
            continue
        checks = one.kind.startswith(_CHECKS)
        for name, value, target in (
            ("recall", one.recall, 1.0 if checks else RECALL.get(one.kind)),
            ("precision", one.precision, 1.0 if checks else None),
        ):
            if target is not None and value is not None and value < target:
                yield f"{one.kind}: {name} {value:.3f}, should be {target:g}"
    if false_in_calm > TARGET_FALSE_A_WEEK:
        yield f"calm: {false_in_calm:.2f} false per resident-week, should be {TARGET_FALSE_A_WEEK:g} at most"
    for each in judged:
        for failure in each.failures:
            yield f"{each.world}, {each.site}: {failure}"


def table(found: Iterable[Score]) -> Table:
    """The scores for people to read."""
    shown = Table(title="Scoreboard")
    shown.add_column("world, kind", no_wrap=True)
    for name in (
        "expected",
        "found",
        "missed",
        "false",
        "recall",
        "precision",
        "delay p50",
        "p95",
        "false/week",
    ):
        shown.add_column(name, justify="right")
    for one in found:
        shown.add_row(
            f"{one.world} {one.kind}",
            *(f"{count}" for count in (one.expected, one.found, one.missed, one.false)),
            *("" if rate is None else f"{rate:.3f}" for rate in (one.recall, one.precision)),
            *("" if delay is None else f"{delay:.0f} s" for delay in (one.delay_p50, one.delay_p95)),
            f"{one.false_a_week:.3f}",
        )
    return shown


def as_json(found: Iterable[Score], judged: Iterable[Judged], wrong: list[str]) -> dict[str, object]:
    """The scores for programs to read."""
    every = list(judged)
    return {
        "scores": [asdict(one) for one in found],
        "messages": sum(one.messages for one in every),
        "messages_per_processor_second": round(
            sum(one.messages for one in every) / max(sum(one.seconds for one in every), 1e-9)
        ),
        "allowed": sum(one.allowed for one in every),
        "below_target": wrong,
    }
