"""How figures are made of what was counted. Rule: one definition of a ratio, a percentile and a target."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from alerts.reports.figure import Figure, Group, Unit

PERCENTILES = (50, 90, 99)

By = tuple[tuple[str, str], ...]
"""Of what a figure is, as `Figure.by` but hashable."""

Timed = tuple[int, str]
"""How long it took (ms), and the episode."""


def percentile(ordered: Sequence[int], percent: int) -> int | None:
    """The nearest-rank percentile of values in order: the smallest that so many percent do not exceed.

    That is PostgreSQL's `percentile_disc`. None where there are no values.
    """
    if not ordered:
        return None
    rank = -(-percent * len(ordered) // 100)
    return ordered[max(rank, 1) - 1]


def percentiles(
    group: Group,
    name: str,
    times: Iterable[Timed],
    by: By = (),
    requirement: str = "",
    targets: Mapping[int, float] | None = None,
) -> list[Figure]:
    """Figures `<name>_p50`, `_p90`, `_p99` of durations, in seconds. `targets` (s) are asked at most."""
    found = sorted(times)
    ordered = [took for took, _ in found]
    episodes = ids(episode for _, episode in found)
    figures = []
    for percent in PERCENTILES:
        took, target = percentile(ordered, percent), (targets or {}).get(percent)
        value = None if took is None else took / 1000
        met = None if value is None or target is None else value <= target
        asked = requirement if target is not None else ""
        figures.append(
            Figure(
                group,
                f"{name}_p{percent}",
                value,
                Unit.SECONDS,
                len(found),
                dict(by),
                target,
                met,
                asked,
                episodes,
            )
        )
    return figures


def ratio(
    group: Group,
    name: str,
    part: int,
    whole: int,
    by: By = (),
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
    requirement: str = "",
    episodes: Iterable[str] = (),
) -> Figure:
    """A part of a whole; None of nothing. At most one of `at_least`, `at_most` and `below` is asked."""
    value = part / whole if whole else None
    return _asked(
        Figure(group, name, value, Unit.RATIO, whole, dict(by), episodes=ids(episodes)),
        at_least,
        at_most,
        below,
        requirement,
    )


def count(
    group: Group,
    name: str,
    value: float,
    by: By = (),
    *,
    of: int | None = None,
    unit: Unit = Unit.COUNT,
    at_most: float | None = None,
    below: float | None = None,
    requirement: str = "",
    episodes: Iterable[str] = (),
) -> Figure:
    """A number; `of` is itself unless said."""
    made = Figure(
        group, name, value, unit, int(value) if of is None else of, dict(by), episodes=ids(episodes)
    )
    return _asked(made, None, at_most, below, requirement)


def ids(episodes: Iterable[str]) -> tuple[str, ...]:
    """Episodes, each once, in order of their ids."""
    return tuple(sorted(set(episodes)))


def _asked(
    made: Figure, at_least: float | None, at_most: float | None, below: float | None, requirement: str
) -> Figure:
    """The figure with what is asked of it, and whether that is reached."""
    value = made.value
    if at_least is not None:
        met = None if value is None else value >= at_least
        return replace(made, target=at_least, met=met, requirement=requirement)
    if at_most is not None:
        met = None if value is None else value <= at_most
        return replace(made, target=at_most, met=met, requirement=requirement)
    if below is not None:
        met = None if value is None else value < below
        return replace(made, target=below, met=met, requirement=requirement)
    return made
