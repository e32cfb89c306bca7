"""Before a night somebody says "I am on duty": the primary, or else the next; nobody is asked twice."""

from dataclasses import replace
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from alerts.assurance import (
    Answered,
    Asked,
    Assurance,
    Course,
    Escalated,
    Event,
    answer,
    assurance_decision,
    fold,
    follow,
    nights,
    question,
)
from alerts.duty import Duty
from alerts.rota import Shift
from rules.decision import Change

ZONE = "Asia/Shanghai"
MINUTE = 60_000
PRIMARY = Shift("night", "primary", ("home",), ZONE, time(21), time(7), date(2026, 12, 1), turns=(("an",),))
DUTY = Duty(
    shifts=(
        PRIMARY,
        replace(PRIMARY, id="second", role="second", turns=(("bo", "an"),)),
        replace(PRIMARY, id="lead", role="manager", turns=(("chen",),)),
    )
)
ASSURANCE = Assurance("night", ("room", "home"), ZONE, time(20, 30), (time(21), time(7)), 10 * MINUTE)


def at(text: str) -> int:
    return int(datetime.fromisoformat(f"2026-12-{text}").replace(tzinfo=ZoneInfo(ZONE)).timestamp() * 1000)


def taken(course: Course, now: int, duty: Duty = DUTY) -> tuple[Course, list[Event]]:
    """The course after all that is due for the one night asked about."""
    (night,) = [one for one in nights([ASSURANCE], now) if now < one.end]
    events = []
    while event := follow(night, course, duty, now):
        course = fold(course, event)
        events.append(event)
    return course, events


def test_asking_begins_at_its_time_and_the_night_is_named_by_its_day() -> None:
    assert list(nights([ASSURANCE], at("02 20:29"))) == [_night("01")]
    assert list(nights([ASSURANCE], at("02 20:30"))) == [_night("01"), _night("02")]
    assert _night("02").begin == at("02 21:00")
    assert _night("02").end == at("03 07:00")


def _night(day: str):  # noqa: ANN202  a Night
    (found,) = [one for one in nights([ASSURANCE], at(f"{day} 21:00")) if one.id == f"night.2026-12-{day}"]
    return found


def test_the_night_after_midnight_is_asked_about_on_the_evening_before() -> None:
    late = replace(ASSURANCE, night=(time(0), time(6)))
    (night,) = [one for one in nights([late], at("02 20:30")) if one.begin > at("02 20:30")]
    assert (night.id, night.begin) == ("night.2026-12-03", at("03 00:00"))


def test_asking_may_begin_with_the_night() -> None:
    (late,) = [
        one
        for one in nights([replace(ASSURANCE, at=time(21))], at("02 21:00"))
        if one.begin == at("02 21:00")
    ]
    assert late.ask_at == late.begin


def test_who_does_not_answer_in_time_is_followed_by_the_next_and_at_last_by_an_alert() -> None:
    course, events = taken(Course(), at("02 20:30"))
    assert events == [Asked("night.2026-12-02", at("02 20:30"), "an")]
    assert taken(course, at("02 20:39"))[1] == []
    course, events = taken(course, at("02 20:40"))
    assert [event.person for event in events if isinstance(event, Asked)] == ["bo"]
    course, events = taken(course, at("02 20:50"))
    assert [event.person for event in events if isinstance(event, Asked)] == ["chen"]
    assert assurance_decision(_night("02"), course, at("02 20:59")) is None
    course, events = taken(course, at("02 21:00"))
    assert events == [Escalated("night.2026-12-02", at("02 21:00"))]
    decision = assurance_decision(_night("02"), course, at("02 21:00"))
    assert decision is not None
    assert decision.change is Change.RAISE
    assert taken(course, at("02 23:00"))[1] == []


def test_a_yes_ends_asking_and_a_no_asks_the_next_at_once() -> None:
    course, _ = taken(Course(), at("02 20:30"))
    no = answer("n", course, "an", here=False, now=at("02 20:31"), source="api")
    assert no is not None
    course = fold(course, no)
    course, events = taken(course, at("02 20:31"))
    assert [event.person for event in events if isinstance(event, Asked)] == ["bo"]
    yes = answer("n", course, "bo", here=True, now=at("02 20:32"), source="api")
    assert yes is not None
    course = fold(course, yes)
    assert taken(course, at("03 06:59"))[1] == []
    assert answer("n", course, "bo", here=True, now=at("02 20:33"), source="link") is None


def test_a_late_yes_ends_the_alert_and_so_does_the_morning() -> None:
    course = Course((Asked("n", 0, "an"),), escalated=True)
    for by, now in (("an", "02 22:00"), ("", "03 07:00")):
        decision = assurance_decision(_night("02"), replace(course, by=by), at(now))
        assert decision is not None
        assert decision.change is Change.CLEAR


def test_who_falls_ill_after_saying_yes_is_replaced() -> None:
    course = fold(Course((Asked("n", at("02 20:30"), "an"),)), Answered("n", 1, "an", here=True))
    course = fold(course, Answered("n", 2, "an", here=False))
    _, events = taken(course, at("02 23:00"))
    assert [event.person for event in events if isinstance(event, Asked)] == ["bo"]


def test_with_nobody_on_the_rota_the_alert_comes_at_once() -> None:
    _, events = taken(Course(), at("02 20:30"), Duty())
    assert [type(event) for event in events] == [Escalated]


def test_the_question_says_when_and_names_nobody() -> None:
    for text in question(_night("02")).values():
        assert "12-02 21:00" in text
        assert "12-03 07:00" in text


@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.sampled_from([None, "an", "bo", "chen"]), st.booleans()), max_size=20
    )
)
def test_whatever_happens_nobody_is_asked_twice_and_silence_ends_in_an_alert(
    happenings: list[tuple[int, str | None, bool]],
) -> None:
    night, course, now = _night("02"), Course(), at("02 20:30")
    events: list[Event] = []
    for minutes, who, here in happenings:
        now += minutes * MINUTE
        if now >= night.end:
            break
        if who and any(asked.person == who for asked in course.asked):
            said = answer(night.id, course, who, here=here, now=now, source="api")
            events += [said] if said else []
            course = fold(course, said) if said else course
        course, more = taken(course, now)
        events += more
        asked = [event.person for event in events if isinstance(event, Asked)]
        assert len(asked) == len(set(asked))
        assert sum(isinstance(event, Escalated) for event in events) <= 1
        assert course.by or course.waits_for(ASSURANCE.within_ms, now) or course.escalated
    replayed = Course()
    for event in events:
        replayed = fold(replayed, event)
    assert replayed == course
