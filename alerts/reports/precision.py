"""What the alerts turned out to be, by the word of those who resolved them.

Rule: only a person's outcome counts; tests never do, and what a suspension or the resident's own answer
closed has none. Alerts count for the period in which people were first called for them.

`precision` is real of real and false. `actionable` is real of real, false and no action (R-59: a rule with
less than a fifth is flagged). An alert counts for every rule and every sensor that has a say in it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from alerts.event import Outcome
from alerts.reports.case import Case
from alerts.reports.counting import By, count, ratio
from alerts.reports.figure import Figure, Group
from alerts.reports.frame import Frame

_ACTIONABLE = 0.2


def precision(cases: Iterable[Case], frame: Frame) -> list[Figure]:
    """The figures of precision, of everything, by rule, kind and sensor."""
    mine = [case for case in cases if frame.holds(case.called_at)]
    judged = [case for case in mine if case.by_person]
    found = [*_outcomes(judged), *_figures(judged, ())]
    for name in ("rule", "kind", "sensor"):
        groups: defaultdict[str, list[Case]] = defaultdict(list)
        for case in judged:
            for key in _ids(case, name):
                groups[key].append(case)
        for key in sorted(groups):
            found += _figures(groups[key], ((name, key),))
    return found


def _ids(case: Case, name: str) -> tuple[str, ...]:
    match name:
        case "rule":
            return case.rules
        case "kind":
            return (case.kind,)
        case _:
            return tuple(f"{case.site}/{one}" if case.site else one for one in case.sensors)


def _outcomes(judged: Sequence[Case]) -> Iterator[Figure]:
    for outcome in Outcome:
        episodes = [case.id for case in judged if case.outcome is outcome]
        yield count(Group.PRECISION, outcome.value, len(episodes), of=len(judged), episodes=episodes)


def _figures(judged: Sequence[Case], by: By) -> Iterator[Figure]:
    of = {outcome: [case.id for case in judged if case.outcome is outcome] for outcome in Outcome}
    real, false, none = of[Outcome.REAL], of[Outcome.FALSE], of[Outcome.NO_ACTION]
    yield ratio(Group.PRECISION, "precision", len(real), len(real) + len(false), by, episodes=real)
    if not by or by[0][0] == "rule":
        yield ratio(
            Group.PRECISION,
            "actionable",
            len(real),
            len(real) + len(false) + len(none),
            by,
            at_least=_ACTIONABLE,
            requirement="R-59",
            episodes=real,
        )
