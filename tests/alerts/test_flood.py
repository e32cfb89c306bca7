"""Alarm floods (R-46, R-47): begin and end once, mute what is low, and nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from alerts.acts import resolve
from alerts.event import State
from alerts.flood import WINDOW_MS
from alerts.notification import text
from rules.decision import FLOOD, Severity
from tests.alerts.course import Course
from tests.alerts.decisions import HOME, decision


def flooded(count: int = 11) -> Course:
    """So many alerts about as many people within a few seconds."""
    course = Course()
    for number in range(count):
        course.now += 100
        raised(course, number)
    return course


def raised(course: Course, number: int, severity: Severity = Severity.MEDIUM, rule: str = "bed_exit") -> bool:
    """An alert about somebody; whether people were called."""
    before = len(course.calls)
    seen = decision(f"k{number}", rule=rule, subject=f"p{number}", severity=severity, at=course.now)
    course.decided(seen)
    return any(call.episode != _flood(course) for call in course.calls[before:])


def _flood(course: Course) -> str:
    found = course.book.open_for(FLOOD, f"{FLOOD}:s1")
    return found.id if found else ""


def announced(course: Course) -> list[str]:
    return [note.reason.value for note in course.sent if note.episode == _flood(course)]


def test_r47_ten_alerts_in_ten_minutes_are_no_flood_and_eleven_are() -> None:
    assert announced(flooded(10)) == []
    course = flooded(11)
    assert announced(course) == ["opened"]
    assert course.book.positions["s1"].flooded


def test_r47_in_a_flood_only_what_is_low_waits_and_is_kept_in_the_list() -> None:
    course = flooded()
    assert raised(course, 20, Severity.MEDIUM)
    assert raised(course, 21, Severity.HIGH)
    assert not raised(course, 22, Severity.LOW)
    assert raised(course, 23, Severity.LOW, "sos")
    assert raised(course, 24, Severity.LOW, "fall")
    muted = course.book.open_for("bed_exit", "p22")
    assert muted is not None
    assert (muted.state, muted.muted, muted.follows) == (State.OPEN, 1, _flood(course))
    assert announced(course) == ["opened"], "announced once, however long it lasts"


def test_r47_the_end_is_announced_once_and_sums_up_what_waited() -> None:
    course = flooded()
    for number in range(30, 33):
        raised(course, number, Severity.LOW)
    course.passed(WINDOW_MS - 500)
    assert course.book.positions["s1"].flooded, "five or more are still in the window"
    course.passed(500)
    course.passed(WINDOW_MS)
    assert announced(course) == ["opened", "cleared"]
    (end,) = [note for note in course.sent if note.reason.value == "cleared"]
    episode = course.book.get(end.episode)
    assert episode is not None
    assert end.calls
    assert text(episode, end, HOME)["en"].endswith("over; 3 notices waited")
    assert raised(course, 40, Severity.LOW), "afterwards low alerts call again"


def test_r47_the_end_of_a_flood_in_which_nothing_waited_calls_nobody() -> None:
    course = flooded()
    course.passed(WINDOW_MS)
    (end,) = [note for note in course.sent if note.reason.value == "cleared"]
    assert not end.calls


def test_r47_one_alert_counts_once_however_often_it_calls() -> None:
    course = Course()
    for number in range(50):
        course.decided(decision(f"k{number}", at=course.now))
        course.decided(
            decision(f"k{number}", rule="unprotected", subject=f"p{number}", cause="gateway:s1/g1")
        )
    assert announced(course) == []


def test_r47_a_flood_is_of_one_site() -> None:
    course = flooded()
    seen = decision("other", rule="bed_exit", subject="zhao", severity=Severity.LOW)
    course.decided(seen, site="s2")
    assert course.calls[-1].severity is Severity.LOW


def test_r47_a_second_flood_is_announced_again_also_after_a_person_closed_the_first() -> None:
    course = flooded()
    first = _flood(course)
    course.passed(WINDOW_MS)
    for number in range(50, 61):
        raised(course, number)
    assert announced(course) == ["opened", "cleared", "evidence"]
    course.acted(resolve(course.book, first, "Chen", "real", "", course.now))
    assert not course.book.positions["s1"].flooded
    course.now += 1_000
    for number in range(70, 81):
        raised(course, number)
    assert _flood(course) not in {"", first}


def test_r47_a_flood_survives_a_restart() -> None:
    course = flooded()
    course.restart()
    assert not raised(course, 20, Severity.LOW)
    course.passed(WINDOW_MS)
    course.restart()
    course.passed(WINDOW_MS)
    assert announced(course) == ["opened", "cleared"]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 400_000),
            st.sampled_from(["sos", "fall", "bed_exit"]),
            st.sampled_from(Severity),
            st.integers(0, 30),
        ),
        max_size=80,
    )
)
def test_r47_whatever_comes_when_only_low_ever_waits_and_begin_and_end_alternate(
    happenings: list[tuple[int, str, Severity, int]],
) -> None:
    course = Course()
    for number, (pause, rule, severity, who) in enumerate(happenings):
        course.passed(pause)
        seen = decision(f"k{number}", rule=rule, subject=f"p{who}", severity=severity, at=course.now)
        episode = course.decided(seen)
        assert episode is not None
        if rule != "bed_exit" or severity in {Severity.MEDIUM, Severity.HIGH}:
            assert episode.muted == 0
    turns = [
        event.name.value for event in course.told if getattr(event, "episode", "") == _flood(course) != ""
    ]
    assert turns[1::2] == ["cleared"] * len(turns[1::2])
