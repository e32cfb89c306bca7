"""How fast people were helped: who answered, came and was done, and every call that was not answered in time.

Rule: each round of calling has its own clock, from when people were called (`alerts.reports.case`).

- *answered*: the first person took charge, arrived or resolved. `answered_60s` and `answered_180s` are asked
  of alerts of high severity (R-35, R-36); those of the other severities stand beside them without a target. A
  round counts once it was answered or its limit is over; one that was withdrawn before that never does, and
  one whose limit is not over yet does not count yet.
- `acknowledge`: from the call to the answer. `bedside`: from when it is waited since until somebody is with
  the resident, over lapses (R-38: 3 min high, 10 min medium, asked of nine in ten). `on_the_way`: from the
  answer to the arrival, `at_bedside`: from there until it was resolved (R-39). Only what happened is
  measured: what was not answered has no time, and stands among the misses.
- `resolve`: from the first call for an alert until a person resolved it; one time of each alert.
- A miss is a round of high severity not answered within a limit that is over, with its cause (R-37).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from alerts.reports.case import Case, Round
from alerts.reports.counting import By, Timed, count, percentiles, ratio
from alerts.reports.figure import Cause, Figure, Group, Miss
from alerts.reports.frame import Frame
from rules.decision import Severity

LIMITS_S = {60: ("R-35", 0.985), 180: ("R-36", 0.99)}
"""Within how long a call is to be answered, who asks it, and of what part of them."""

_BEDSIDE_S = {Severity.HIGH: 180.0, Severity.MEDIUM: 600.0}
_BEDSIDE_PERCENT = 90


class Call(NamedTuple):
    """A round of the period, and of what it counts."""

    case: Case
    round: Round
    place: str
    shift: str
    day: str

    @property
    def high(self) -> bool:
        """Whether the limits are asked of it."""
        return self.round.severity is Severity.HIGH


def calls_of(cases: Iterable[Case], frame: Frame) -> list[Call]:
    """The rounds of the period."""
    return [
        Call(case, one, frame.place(case), frame.shift(case, one.called_at), frame.day(one.called_at))
        for case in cases
        for one in frame.rounds(case)
    ]


def response(calls: Sequence[Call], frame: Frame) -> list[Figure]:
    """The figures of all calls of the period."""
    found: list[Figure] = []
    for by, group in _grouped(calls, "severity"):
        found += _answered(group, by, frame, asked=by in {(), (("severity", Severity.HIGH.value),)})
        found += _times(group, by)
    for by, group in _grouped(calls, "rule", "kind", "place", "shift", "day"):
        found += _answered(group, by, frame, asked=True)
        if by and by[0][0] != "day":
            found += _times(group, by)
    return found


def misses(calls: Iterable[Call], frame: Frame) -> list[Miss]:
    """Every call of high severity that was not answered within a limit, in order of time."""
    found = [
        Miss(
            call.case.id,
            call.case.rule,
            call.place,
            call.shift,
            call.round.called_at,
            call.round.answered_at,
            limit,
            _cause(call.round, call.round.called_at + limit * 1000),
        )
        for call in calls
        for limit in LIMITS_S
        if call.high and _in_time(call.round, limit * 1000, frame.known_at) is False
    ]
    return sorted(found, key=lambda miss: (miss.called_at, miss.episode, miss.limit_s))


def _in_time(one: Round, limit_ms: int, known_at: int) -> bool | None:
    """Whether a round was answered in time; None when it is not known yet, or it was withdrawn before."""
    ends = one.called_at + limit_ms
    if one.answered_at is not None:
        return one.answered_at <= ends
    if one.withdrawn_at is not None and one.withdrawn_at <= ends:
        return None
    return False if known_at > ends else None


def _cause(one: Round, ends: int) -> Cause:
    told = [number for at, number in one.steps if at <= ends]
    if not any(told) and any(at <= ends for at in one.unstaffed):
        return Cause.NOBODY_ON_DUTY
    if not told and (one.delivered_at is None or one.delivered_at > ends):
        return Cause.NOT_TOLD
    if one.delivered_at is None:
        return Cause.UNDELIVERED
    return Cause.DELIVERED_LATE if one.delivered_at > ends else Cause.NOT_ANSWERED


def _grouped(calls: Sequence[Call], *names: str) -> Iterator[tuple[By, list[Call]]]:
    """The calls by each of these, in order of the ids; all of them first, for `severity`."""
    if "severity" in names:
        yield (), list(calls)
    for name in names:
        groups: defaultdict[str, list[Call]] = defaultdict(list)
        for call in calls:
            groups[_id(call, name)].append(call)
        yield from ((((name, key),), groups[key]) for key in sorted(groups))


def _id(call: Call, name: str) -> str:
    match name:
        case "severity":
            return call.round.severity.value
        case "rule":
            return call.case.rule
        case "kind":
            return call.case.kind
        case "place":
            return call.place
        case "shift":
            return call.shift
        case _:
            return call.day


def _answered(calls: Sequence[Call], by: By, frame: Frame, *, asked: bool) -> Iterator[Figure]:
    """The part answered within each limit, and how many are out of the reckoning.

    Of high severity alone where it is `asked`; nothing where there are none of those.
    """
    counted = [call for call in calls if call.high] if asked else calls
    if not counted and by:
        return
    for limit, (requirement, target) in LIMITS_S.items():
        known = [(call, _in_time(call.round, limit * 1000, frame.known_at)) for call in counted]
        yield ratio(
            Group.RESPONSE,
            f"answered_{limit}s",
            sum(in_time is True for _, in_time in known),
            sum(in_time is not None for _, in_time in known),
            by,
            at_least=target if asked else None,
            requirement=requirement if asked else "",
            episodes=(call.case.id for call, in_time in known if in_time),
        )


def _times(calls: Sequence[Call], by: By) -> list[Figure]:
    """How many calls there were and what became of them, and how long everything took."""
    rounds = [(call.case, call.round) for call in calls]
    figures = [
        _counted("calls", rounds, by),
        _counted("unanswered", [each for each in rounds if each[1].open], by),
        _counted("lapsed", [each for each in rounds if each[1].lapsed_at is not None], by),
        _counted("withdrawn", [each for each in rounds if each[1].withdrawn_at is not None], by),
    ]
    severity = Severity(by[0][1]) if by and by[0][0] == "severity" else None
    bedside = _BEDSIDE_S.get(severity) if severity else None
    targets = {} if bedside is None else {_BEDSIDE_PERCENT: bedside}
    figures += percentiles(
        Group.RESPONSE, "acknowledge", _took((c, r.called_at, r.answered_at) for c, r in rounds), by
    )
    figures += percentiles(
        Group.RESPONSE,
        "bedside",
        _took((c, r.since, r.arrived_at) for c, r in rounds),
        by,
        "R-38",
        targets,
    )
    figures += percentiles(
        Group.RESPONSE, "on_the_way", _took((c, r.answered_at, r.arrived_at) for c, r in rounds), by
    )
    first = [(c, r) for c, r in rounds if r is c.rounds[0] and c.by_person]
    last_arrival = [
        (c, max((r.arrived_at for r in c.rounds if r.arrived_at), default=None)) for c, _ in first
    ]
    figures += percentiles(
        Group.RESPONSE, "at_bedside", _took((c, at, c.resolved_at) for c, at in last_arrival), by
    )
    figures += percentiles(
        Group.RESPONSE, "resolve", _took((c, r.called_at, c.resolved_at) for c, r in first), by
    )
    return figures


def _counted(name: str, rounds: Sequence[tuple[Case, Round]], by: By) -> Figure:
    return count(Group.RESPONSE, name, len(rounds), by, episodes=(case.id for case, _ in rounds))


def _took(each: Iterable[tuple[Case, int | None, int | None]]) -> list[Timed]:
    """How long it took, where it began and ended; never less than 0, though a clock may be set back."""
    return [
        (max(0, ended - began), case.id)
        for case, began, ended in each
        if began is not None and ended is not None
    ]
