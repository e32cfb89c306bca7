"""Late and out of order at the level of alerts (R-89, R-90, R-92), and what holds too long (R-50)."""

from alerts.book import STALE_MS
from alerts.event import State
from alerts.view import body, view
from rules.decision import Change
from tests.alerts.course import Course
from tests.alerts.decisions import HOME, decision

HOUR = 3_600_000


def test_r90_an_sos_of_an_hour_ago_calls_at_once_and_says_how_old_it_is() -> None:
    course = Course(now=10 * HOUR)
    episode = course.decided(decision(at=course.now - HOUR))
    assert episode is not None
    assert (episode.state, episode.late, len(course.calls)) == (State.OPEN, True, 1)
    assert view(episode, HOME)["age_ms"] == HOUR
    sent = body(episode, course.calls[0], HOME)
    assert (sent["calls"], sent["age_ms"]) == (True, HOUR)
    assert sent["text"]["en"].endswith("(happened 60 min ago)")  # type: ignore[index]


def test_r90_an_old_end_of_a_condition_clears_no_newer_beginning() -> None:
    course = Course()
    course.decided(decision("open", rule="wandering", at=2_000))
    course.decided(decision("closed", rule="wandering", at=1_000, change=Change.CLEAR))
    (episode,) = course.book.unresolved()
    assert episode.active
    course.decided(decision("closed now", rule="wandering", at=3_000, change=Change.CLEAR))
    (episode,) = course.book.unresolved()
    assert not episode.active


def test_r90_a_late_call_for_help_is_neither_latched_nor_muted_nor_merged_into_a_newer_one() -> None:
    course = Course(now=10 * HOUR)
    for number in range(5):
        course.decided(decision(f"now{number}", at=course.now))
    course.decided(decision("late", at=course.now - HOUR))
    assert len(course.calls) == 6


def test_r50_what_holds_for_more_than_a_day_is_stale_until_it_is_over_or_resolved() -> None:
    course = Course()
    course.decided(decision("k1", rule="wandering", at=course.now))
    course.decided(decision("k2", rule="bed_exit", at=course.now))
    course.passed(STALE_MS)
    assert course.book.stale(course.now) == []
    course.passed(1)
    assert [one.rule for one in course.book.stale(course.now)] == ["wandering", "bed_exit"]
    course.decided(decision("end", rule="bed_exit", at=course.now, change=Change.CLEAR))
    assert [one.rule for one in course.book.stale(course.now)] == ["wandering"]
