"""The whole report of a period. Rule: the same cases and checks give the same report, in whatever order.

Whoever has a database asks `ingest.store.reports.kpi`; this is the pure part.
"""

from collections.abc import Iterable

from alerts.reports.case import Case
from alerts.reports.figure import Report
from alerts.reports.frame import Frame
from alerts.reports.load import load
from alerts.reports.precision import precision
from alerts.reports.response import calls_of, misses, response
from alerts.reports.rounds import Check, rounds
from rules.decision import DRILL


def report(cases: Iterable[Case], checks: Iterable[Check], frame: Frame) -> Report:
    """All figures of the period of `frame`. Drills are in none of them.

    `cases` are at least all alerts raised before its end and not resolved before its beginning, each with all
    its events before `frame.known_at`; `checks` at least all that fell due in it. More of both change
    nothing.
    """
    ordered = sorted(cases, key=lambda case: case.id)
    left_out = sum(frame.holds(case.called_at) for case in ordered if case.kind == DRILL)
    counted = [case for case in ordered if case.kind != DRILL]
    calls = calls_of(counted, frame)
    return Report(
        since=frame.since,
        until=frame.until,
        known_at=frame.known_at,
        zone=frame.zone,
        calls=len(calls),
        alerts=sum(frame.holds(case.called_at) for case in counted),
        left_out=left_out,
        figures=(
            *response(calls, frame),
            *load(counted, calls, frame),
            *precision(counted, frame),
            *rounds(checks, counted, frame),
        ),
        misses=tuple(misses(calls, frame)),
    )
