"""First-out (R-49): who was first, who follows, and who never does."""

import pytest

from alerts.acts import resolve
from alerts.event import State
from alerts.first_out import WITHIN_MS
from alerts.view import view
from rules.decision import Severity
from tests.alerts.course import Course
from tests.alerts.decisions import HOME, decision


def shown(course: Course, rule: str, subject: str = "wang", **about: object) -> dict[str, object]:
    """The alert that this decision opens, as screens see it."""
    episode = course.decided(
        decision(f"{rule}-{subject}-{course.now}", rule=rule, subject=subject, at=course.now, **about)  # type: ignore[arg-type]
    )
    assert episode is not None
    return view(episode, HOME)


def test_r49_what_follows_about_the_same_resident_says_so_and_stays_an_alert_of_its_own() -> None:
    course = Course()
    fall = shown(course, "fall")
    course.now += 60_000
    check = shown(course, "missed_check", severity=Severity.MEDIUM)
    own = shown(course, "expression", severity=Severity.MEDIUM)
    assert (fall["first_out"], fall["follows"]) == (True, None)
    assert (check["first_out"], check["follows"]) == (False, fall["alert"])
    assert own["follows"] == fall["alert"]
    assert [episode.state for episode in course.book.unresolved()] == [State.OPEN] * 3
    assert len(course.calls) == 3, "a follower calls like any other"


def test_r49_a_gateway_a_broker_and_a_device_of_one_site_are_one_outage() -> None:
    course = Course()
    first = shown(course, "unprotected", cause="gateway:s1/g1", severity=Severity.MEDIUM)
    second = shown(course, "unprotected", "li", cause="gateway:s1/g2", severity=Severity.MEDIUM)
    assert second["follows"] == first["alert"]
    elsewhere = course.decided(decision(rule="unprotected", subject="zhao", cause="gateway:s2/g1"), site="s2")
    assert elsewhere is not None
    assert elsewhere.follows == ""


def test_r49_two_residents_are_never_a_group() -> None:
    course = Course()
    shown(course, "fall")
    for rule in ("missed_check", "fall", "sos", "vitals"):
        assert shown(course, rule, "li")["follows"] in {None, *(e.id for e in _of(course, "li"))}


@pytest.mark.parametrize("before", ["missed_check", "unprotected", "wandering"])
@pytest.mark.parametrize("subject", ["wang", "r301"])
def test_r49_a_call_for_help_follows_no_lesser_alert(before: str, subject: str) -> None:
    course = Course()
    shown(course, before, subject, severity=Severity.MEDIUM)
    assert shown(course, "sos", subject)["first_out"] is True


def test_r49_a_fall_in_a_room_says_that_somebody_called_there_just_before() -> None:
    course = Course()
    sos = shown(course, "sos", "r301")
    assert shown(course, "fall", "r301")["follows"] == sos["alert"], "they may be two people"


@pytest.mark.parametrize("late", [False, True], ids=["resolved", "long ago"])
def test_r49_what_is_resolved_or_long_ago_leads_nobody(late: bool) -> None:
    course = Course()
    fall = shown(course, "fall")
    if late:
        course.now += WITHIN_MS + 1
    else:
        course.acted(resolve(course.book, str(fall["alert"]), "Chen", "real", "", course.now))
    assert shown(course, "missed_check", severity=Severity.MEDIUM)["first_out"] is True


def test_r49_the_group_survives_a_restart() -> None:
    course = Course()
    fall = shown(course, "fall")
    course.restart()
    assert shown(course, "missed_check", severity=Severity.MEDIUM)["follows"] == fall["alert"]


def _of(course: Course, subject: str) -> list:  # type: ignore[type-arg]
    return [episode for episode in course.book.unresolved() if episode.cause == subject]
