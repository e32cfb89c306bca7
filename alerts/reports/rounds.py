"""Coverage of what people must do by a time: night rounds, turning, visits (探访率).

Rule: the same definitions as the database's `check_coverage`; a check counts at its place and all around it.

Of what was `due` (paused apart) a part was done `in_time`, itself or by what stands for it, some `late`, the
rest `missed` (nobody proved that it was done, so far). `reached` is the part of the people that were to be
checked who were at least once, in time or late: for community visits that is the visit rate, of which R-83
asks all. A figure of missed ones leads to the alerts that were raised for them.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from alerts.reports.case import Case
from alerts.reports.counting import By, count, ratio
from alerts.reports.figure import Figure, Group
from alerts.reports.frame import Frame

VISIT = "community_visit"
"""The task whose coverage is the visit rate."""

_IN_TIME = frozenset(("done", "substituted"))
_MISSED = frozenset(("missed", "unproven"))
_LATE, _PAUSED = "late", "paused"


@dataclass(frozen=True, slots=True)
class Check:
    """How one check ended: its task, by which rule about whom, when due (ms UTC), where she lived then.

    `outcome`: done, substituted, late, missed, unproven or paused.
    """

    rule: str
    subject: str
    due: int
    task: str
    outcome: str
    place: str = ""


def rounds(checks: Iterable[Check], cases: Iterable[Case], frame: Frame) -> list[Figure]:
    """The figures of all checks that fell due in the period, by task, and by task and place."""
    raised = {deadline: case.id for case in cases for deadline in case.checks}
    groups: defaultdict[By, list[Check]] = defaultdict(list)
    around: dict[str, list[str]] = {}
    for check in checks:
        if not frame.holds(check.due):
            continue
        groups[("task", check.task),].append(check)
        if check.place not in around:
            around[check.place] = frame.around(check.place)
        for place in around[check.place]:
            groups[("task", check.task), ("place", place)].append(check)
    return [figure for by in sorted(groups) for figure in _covered(groups[by], by, raised)]


def _covered(checks: Sequence[Check], by: By, raised: dict[tuple[str, str, int], str]) -> Iterator[Figure]:
    paused = sum(one.outcome == _PAUSED for one in checks)
    due = len(checks) - paused
    in_time = sum(one.outcome in _IN_TIME for one in checks)
    missed = [one for one in checks if one.outcome in _MISSED]
    people = {one.subject for one in checks if one.outcome != _PAUSED}
    reached = {one.subject for one in checks if one.outcome in _IN_TIME or one.outcome == _LATE}
    keys = ((one.rule, one.subject, one.due) for one in missed)
    yield count(Group.ROUNDS, "due", due, by)
    yield ratio(Group.ROUNDS, "in_time", in_time, due, by)
    yield count(Group.ROUNDS, "late", sum(one.outcome == _LATE for one in checks), by, of=due)
    yield count(
        Group.ROUNDS,
        "missed",
        len(missed),
        by,
        of=due,
        episodes=(raised[key] for key in keys if key in raised),
    )
    yield count(Group.ROUNDS, "paused", paused, by, of=len(checks))
    visits = ("task", VISIT) in by
    yield ratio(
        Group.ROUNDS,
        "reached",
        len(reached),
        len(people),
        by,
        at_least=1.0 if visits else None,
        requirement="R-83" if visits else "",
    )
