"""What holds of every report, whatever happened."""

from collections import Counter
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from alerts.reports.case import Case
from alerts.reports.counting import percentile
from alerts.reports.figure import Report, Unit
from alerts.reports.frame import Frame
from alerts.reports.kpi import report
from alerts.reports.rounds import Check
from rules.decision import DRILL, Severity
from tests.alerts.decisions import HOME
from tests.reports.courses import DUTY, START, Deed, cases_of, courses, play

LIMITS_MS = (60_000, 180_000)


def frame(since: int, until: int, known_at: int) -> Frame:
    return Frame(since, until, known_at, "Asia/Shanghai", HOME, DUTY)


def told(cases: Sequence[Case], since: int, until: int, known_at: int) -> Report:
    return report(cases, [], frame(since, until, known_at))


@given(courses, st.randoms(use_true_random=False))
def test_the_order_of_cases_does_not_matter(course: list[Deed], chance: st.DataObject) -> None:
    events, end = play(course)
    cases = cases_of(events)
    shuffled = list(cases)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert told(cases, START, end + 1, end + 1) == told(shuffled, START, end + 1, end + 1)


@given(courses, st.floats(0, 1))
def test_counts_of_two_parts_add_up_and_nothing_counts_twice(course: list[Deed], where: float) -> None:
    events, end = play(course)
    cases = cases_of(events)
    middle = START + round((end + 1 - START) * where)
    whole = told(cases, START, end + 1, end + 1)
    parts = (told(cases, START, middle, end + 1), told(cases, middle, end + 1, end + 1))
    for name in ("calls", "alerts", "left_out"):
        assert getattr(whole, name) == sum(getattr(part, name) for part in parts)
    late = [Counter((one.episode, one.called_at, one.limit_s, one.cause) for one in r.misses) for r in parts]
    assert Counter((m.episode, m.called_at, m.limit_s, m.cause) for m in whole.misses) == late[0] + late[1]
    for name in ("calls", "lapsed", "unanswered", "withdrawn", "real", "false"):
        assert number(whole, name) == sum(number(part, name) for part in parts), name


def number(found: Report, name: str) -> float:
    (value,) = (one.value for one in found.figures if one.name == name and not one.by)
    assert value is not None
    return value


@given(courses, st.sampled_from((0, 1, 60_000, 10**9)))
def test_a_miss_is_a_call_of_high_severity_answered_late_or_not_at_all(
    course: list[Deed], later: int
) -> None:
    events, end = play(course)
    cases = cases_of(events)
    known_at = end + 1 + later
    wanted = set()
    for case in cases:
        for one in case.rounds:
            if case.kind == DRILL or one.severity is not Severity.HIGH:
                continue
            for limit in LIMITS_MS:
                over = one.called_at + limit
                ended = [at for at in (one.answered_at, one.withdrawn_at) if at is not None]
                if not any(at <= over for at in ended) and (known_at > over or ended):
                    wanted.add((case.id, one.called_at, limit // 1000, one.answered_at))
    found = told(cases, START, end + 1, known_at)
    assert {(one.episode, one.called_at, one.limit_s, one.answered_at) for one in found.misses} == wanted
    assert len(found.misses) == len(wanted)
    for limit in (60, 180):
        (ratio,) = (one for one in found.figures if one.name == f"answered_{limit}s" and not one.by)
        late = sum(one.limit_s == limit for one in found.misses)
        assert round((1 - (1 if ratio.value is None else ratio.value)) * ratio.of) == late


@given(courses)
def test_figures_are_whole_and_lead_to_their_episodes(course: list[Deed]) -> None:
    events, end = play(course)
    cases = cases_of(events)
    found = told(cases, START, end + 1, end + 1)
    counted = {case.id for case in cases if case.kind != DRILL}
    named = {}
    for one in found.figures:
        key = (one.name, *one.by.items())
        assert key not in named
        named[key] = one
        assert set(one.episodes) <= counted
        assert (one.met is None) == (one.target is None or one.value is None)
        assert one.target is None or one.requirement
        if one.unit is Unit.RATIO:
            assert (one.value is None) == (one.of == 0)
            assert one.value is None or 0 <= one.value <= 1
    assert set(named["calls",].episodes) == {case.id for case in cases if case.rounds and case.id in counted}
    for by in ("severity", "rule", "kind", "place", "shift", "hour"):
        every = [one.value for one in found.figures if one.name == "calls" and by in one.by]
        assert sum(value or 0 for value in every) == found.calls, by
    for key, one in named.items():
        if one.name.endswith("_p50") and one.value is not None:
            worse = [named[one.name[:-2] + percent, *key[1:]].value for percent in ("90", "99")]
            assert one.value <= worse[0] <= worse[1]  # type: ignore[operator]


@given(courses)
def test_what_was_over_before_or_came_after_changes_nothing(course: list[Deed]) -> None:
    events, end = play(course)
    cases = cases_of(events)
    middle = (START + end) // 2
    needed = [
        case
        for case in cases
        if case.opened_at < middle + 60_000 and not (case.resolved_at and case.resolved_at < middle - 60_000)
    ]
    since, until = middle - 60_000, middle + 60_000
    assert told(cases, since, until, end + 1) == told(needed, since, until, end + 1)


@given(courses)
def test_rounds_follow_each_other_and_only_more_urgent_ones_overlap(course: list[Deed]) -> None:
    events, _ = play(course)
    for case in cases_of(events):
        for before, after in zip(case.rounds, case.rounds[1:], strict=False):
            over = before.answered_at or before.withdrawn_at
            assert before.called_at <= after.called_at
            assert (over is not None and over <= after.called_at) or before.severity != after.severity
        for one in case.rounds:
            assert one.since <= one.called_at
            assert one.answered_at is None or one.called_at <= one.answered_at
            assert one.arrived_at is None or one.answered_at is not None
            assert not (one.arrived_at and one.lapsed_at)


@given(st.lists(st.integers(0, 100)), st.integers(1, 100))
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(
    values: list[int], percent: int
) -> None:
    ordered = sorted(values)
    enough = [one for one in ordered if 100 * sum(each <= one for each in ordered) >= percent * len(ordered)]
    assert percentile(ordered, percent) == (enough[0] if enough else None)


CHECKS = st.lists(
    st.builds(
        Check,
        st.sampled_from(("round", "visits")),
        st.sampled_from(("wang", "li")),
        st.integers(0, 100).map(lambda n: START + n * 1000),
        st.sampled_from(("visit", "community_visit")),
        st.sampled_from(("done", "substituted", "late", "missed", "unproven", "paused")),
        st.sampled_from(("b1", "r301", "s1", "gone")),
    )
)


@given(CHECKS)
def test_every_check_ended_in_one_way(checks: list[Check]) -> None:
    found = report([], checks, frame(START, START + 60_000, START + 60_000)).figures
    named = {(one.name, tuple(one.by.items())): one for one in found}
    for name, by in named:
        if name != "due":
            continue
        due, in_time = named["due", by], named["in_time", by]
        done = round((in_time.value or 0) * in_time.of)
        assert due.value == done + sum(named[each, by].value or 0 for each in ("late", "missed"))
    in_period = [one for one in checks if one.due < START + 60_000]
    for task in {one.task for one in in_period}:
        due, paused = (named[name, (("task", task),)].value or 0 for name in ("due", "paused"))
        assert due + paused == sum(one.task == task for one in in_period)
