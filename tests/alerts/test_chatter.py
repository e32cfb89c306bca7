"""The chatter latch (R-48): what it latches, what it never touches, and when it lets go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.acts import acknowledge
from alerts.chatter import NONE, QUIET_MS, WINDOW_MS, called, counted, latches
from alerts.event import EvidenceAdded, Opened, Weight
from rules.decision import Change, Severity
from tests.alerts.course import Course
from tests.alerts.decisions import decision


def beat(course: Course, number: int, rule: str = "bed_exit", **about: object) -> Weight:
    """The alarm's condition begins once more, now; what that weighs."""
    about = {"severity": Severity.MEDIUM} | about
    course.decided(decision(f"k{number}", rule=rule, at=course.now, **about))  # type: ignore[arg-type]
    last = course.told[-1]
    assert isinstance(last, (Opened, EvidenceAdded))
    return last.weight


def chattering(*, rule: str = "bed_exit", apart: int = 20_000, times: int = 3) -> Course:
    course = Course()
    for number in range(times):
        beat(course, number, rule)
        course.now += apart
    return course


def test_r48_the_fourth_activation_within_a_minute_only_counts() -> None:
    course = chattering()
    assert len(course.calls) == 3
    for number in range(3, 50):
        assert beat(course, number) is Weight.LATCHED
        course.now += 20_000
    (episode,) = course.book.unresolved()
    assert len(course.calls) == 3
    assert (episode.evidence, episode.latched, episode.called) == (50, 47, 3)


def test_r48_three_in_more_than_a_minute_are_no_chatter() -> None:
    course = chattering(apart=30_001, times=30)
    assert len(course.calls) == 30


def test_r48_what_was_due_hour_by_hour_in_an_outage_calls_three_times_when_it_is_over() -> None:
    course, hour = Course(), 3_600_000
    for number in range(30):
        due = course.now - (30 - number) * hour
        course.decided(decision(f"round-{number}", rule="night-round", at=due, severity=Severity.MEDIUM))
    (episode,) = course.book.unresolved()
    assert len(course.calls) == 3
    assert (episode.evidence, episode.latched) == (30, 27)


def test_r48_after_ten_quiet_minutes_it_calls_again() -> None:
    course = chattering()
    course.now += QUIET_MS - 20_001
    assert beat(course, 3) is Weight.LATCHED
    course.now += QUIET_MS
    assert beat(course, 4) is Weight.CALL
    (episode,) = course.book.unresolved()
    assert (episode.latched, episode.evidence) == (0, 5)


def test_r48_after_a_person_acted_it_calls_again() -> None:
    course = chattering()
    assert beat(course, 3) is Weight.LATCHED
    (episode,) = course.book.unresolved()
    course.acted(acknowledge(course.book, episode.id, "Chen", course.now))
    assert course.book.unresolved()[0].latched == 0
    assert beat(course, 4) is Weight.CALL


@pytest.mark.parametrize(
    ("rule", "metric"),
    [
        ("sos", "sos"),
        ("fall", "fall"),
        ("long_lie", "fall"),
        ("environment", "smoke"),
        ("environment", "gas"),
        ("environment", "carbon_monoxide"),
        ("technical", "unreadable"),
    ],
)
def test_r48_what_is_about_life_is_never_latched(rule: str, metric: str) -> None:
    course = Course()
    for number in range(20):
        assert beat(course, number, rule, metric=metric) is Weight.CALL
    assert len(course.calls) == 20


def test_r48_what_is_worse_somebody_else_or_another_cause_is_not_swallowed() -> None:
    course = chattering()
    assert beat(course, 3, subject="li") is Weight.CALL
    assert beat(course, 4, rule="wandering") is Weight.CALL
    assert beat(course, 5) is Weight.LATCHED
    assert beat(course, 6, severity=Severity.HIGH) is Weight.CALL


def test_r48_forty_people_behind_one_gateway_are_no_chatter() -> None:
    course = Course()
    for number in range(40):
        assert beat(course, number, "unprotected", subject=f"p{number}", cause="gateway:g1") is Weight.CALL


def test_r48_while_it_chatters_its_ends_are_not_sent_and_a_display_shows_it_as_going_on() -> None:
    course = Course()
    for number in range(10):
        beat(course, number)
        course.now += 2_000
        end = decision(f"e{number}", rule="bed_exit", change=Change.CLEAR, at=course.now)
        course.decided(end)
        course.now += 2_000
    reasons = [note.reason.value for note in course.sent]
    assert reasons == ["opened", "cleared", "evidence", "cleared", "evidence", "cleared"]
    assert len(course.told) == 20, "each is on record"


def test_r48_the_latch_survives_a_restart() -> None:
    course = chattering()
    course.restart()
    assert beat(course, 3) is Weight.LATCHED


@given(st.lists(st.integers(0, QUIET_MS * 2), max_size=40))
def test_the_latch_closes_after_three_calls_in_a_minute_and_opens_after_the_quiet_time(
    pauses: list[int],
) -> None:
    at, known, calls, last = 1_000_000, NONE, [], 0
    for pause in pauses:
        at += pause
        if latches(known, at):
            assert at - last < QUIET_MS
            assert len(calls) >= 3
            assert calls[-1] - calls[-3] <= WINDOW_MS
            known = counted(known, at)
        else:
            assert not (len(calls) >= 3 and calls[-1] - calls[-3] <= WINDOW_MS and at - last < QUIET_MS)
            calls.append(at)
            known = called(known, at)
        last = at
