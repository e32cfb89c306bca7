"""Suppression by state (R-57, R-58): counted and shown, opens nothing; never what is about life."""

from dataclasses import replace

import pytest

from alerts.event import State
from alerts.suppression import MOST
from rules.decision import Change, Decision
from tests.alerts.course import Course
from tests.alerts.decisions import decision


def suppressed(key: str = "k1", why: str = "leave", **about: object) -> Decision:
    given = {"rule": "bed_exit", "change": Change.SUPPRESS} | about
    return replace(decision(key, **given), facts={"why": why})  # type: ignore[arg-type]


def test_r57_what_is_suppressed_is_listed_with_why_and_how_often() -> None:
    course = Course()
    for number, why in enumerate(("leave", "leave", "staff")):
        course.now += 1
        assert course.decided(suppressed(f"k{number}", why)) is None
    course.decided(suppressed("k2", "staff"))
    (one,) = course.book.suppressions.listed()
    assert (one.rule, one.subject, one.why, one.count) == ("bed_exit", "wang", "staff", 3)
    assert (one.since, one.at) == (course.now - 2, course.now)
    assert course.sent == []


@pytest.mark.parametrize("change", [Change.RAISE, Change.CLEAR])
def test_r57_it_is_listed_until_it_is_raised_or_over(change: Change) -> None:
    course = Course()
    course.decided(suppressed())
    course.decided(decision("k2", rule="bed_exit", subject="li", change=change))
    assert len(course.book.suppressions.listed()) == 1
    course.decided(decision("k2", rule="bed_exit", change=change))
    assert course.book.suppressions.listed() == []
    course.decided(suppressed("k3"))
    assert course.book.suppressions.listed()[0].count == 1


@pytest.mark.parametrize("rule", ["sos", "fall", "long_lie"])
def test_r58_what_is_about_life_is_raised_even_where_a_rule_would_suppress_it(rule: str) -> None:
    course = Course()
    episode = course.decided(suppressed(rule=rule))
    assert episode is not None
    assert episode.state is State.OPEN
    assert len(course.calls) == 1


def test_a_record_of_the_history_is_no_alert() -> None:
    course = Course()
    course.decided(decision(rule="missed_check", change=Change.RECORD))
    assert course.told == []


def test_the_list_survives_a_restart_and_is_bounded_and_forgotten() -> None:
    course = Course()
    for number in range(MOST + 5):
        course.now += 1
        course.decided(suppressed(f"k{number}", subject=f"p{number}"))
    course.restart()
    listed = course.book.suppressions.listed()
    assert [one.subject for one in (listed[0], listed[-1])] == ["p5", f"p{MOST + 4}"]
    assert len(listed) == MOST
    course.book.forget(course.now)
    assert [one.subject for one in course.book.suppressions.listed()] == [f"p{MOST + 4}"]
