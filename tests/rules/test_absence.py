"""Reported away, but her bed is lain in: asked once, and answered by the next report."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from devices.observation import Observation
from rules.configuration import default
from rules.decision import Change
from rules.engine import Engine
from tests.rules.dwelling import HOUSE, of, play, said
from tests.rules.home import HOUR, MINUTE, SECOND, local

RAISE, CLEAR = Change.RAISE, Change.CLEAR
NOW = local("2025-11-22 12:00")


def told(history: Sequence[Observation], until: int = NOW + 24 * HOUR) -> list[tuple[Change, int]]:
    engine = Engine(default(), HOUSE, NOW)
    return [(change, at - NOW) for change, at in said(play(engine, history, until + 2 * SECOND), "absence")]


def away(at: int, word: str = "hospital") -> Observation:
    return of("bo", "absence", at, word, device="desk")


def bed(at: int, occupied: bool, device: str = "mat-2a") -> Observation:
    return of("bo", "bed_occupied", at, occupied, device=device)


def test_r58_an_absence_that_nobody_ended_is_asked_about_once_she_lies_in_her_bed() -> None:
    history = [away(NOW), bed(NOW + HOUR, occupied=True), away(NOW + 2 * HOUR, "present")]
    assert told(history) == [(RAISE, 90 * MINUTE), (CLEAR, 2 * HOUR)]


def test_who_was_reported_away_by_mistake_is_asked_about_where_she_lies() -> None:
    assert told([bed(NOW, occupied=True), away(NOW + HOUR)]) == [(RAISE, 90 * MINUTE)]


def test_a_made_bed_a_seat_on_it_and_a_sensor_that_dies_say_nothing() -> None:
    made = [bed(NOW + MINUTE, occupied=True), bed(NOW + 20 * MINUTE, occupied=False)]
    sat = [bed(NOW + 30 * MINUTE, occupied=True), bed(NOW + 50 * MINUTE, occupied=False)]
    died = [
        bed(NOW + HOUR, occupied=True),
        of("bo", "online", NOW + 80 * MINUTE, value=False, device="mat-2a"),
    ]
    assert told([away(NOW), *made, *sat, *died]) == []


def test_it_is_asked_once_for_each_absence() -> None:
    nights = [bed(NOW + hours * HOUR, occupied=hours % 2 == 1) for hours in range(1, 9)]
    again = [away(NOW + 10 * HOUR, "leave"), bed(NOW + 11 * HOUR, occupied=True)]
    assert [change for change, _ in told([away(NOW), *nights, *again])] == [RAISE, CLEAR, RAISE]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 90), st.sampled_from([True, False, "hospital", "leave", "present"]), st.booleans()
        ),
        max_size=12,
    )
)
def test_it_is_what_a_slow_look_at_every_minute_would_say(course: list[tuple[int, bool | str, bool]]) -> None:
    """Raised in the minute in which she has been away and her bed occupied for 30 min, once per absence."""
    at, history, moments = 0, [], []
    for gap, what, other in course:
        at += gap + 1  # one thing a minute
        moments.append((at, what, other))
        when = NOW + at * MINUTE
        history.append(
            bed(when, what, "radar" if other else "mat-2a") if isinstance(what, bool) else away(when, what)
        )
    assert [(change, when // MINUTE) for change, when in told(history)] == _looked(moments)


def _looked(moments: list[tuple[int, bool | str, bool]]) -> list[tuple[Change, int]]:
    found: list[tuple[Change, int]] = []
    beds: dict[bool, bool] = {}
    absence, both, asked = "", 0, False
    by_minute = {at: (what, other) for at, what, other in moments}
    for minute in range(24 * 60 + 1):
        both = both + 1 if absence and any(beds.values()) else 0
        if both == 30 and not asked:
            found.append((RAISE, minute))
            asked = True
        what, other = by_minute.get(minute, ("", False))
        if isinstance(what, bool):
            beds[other] = what
        elif what and (what if what != "present" else "") != absence:
            absence = "" if what == "present" else what
            if asked:
                found.append((CLEAR, minute))
            asked, both = False, 0
        if not any(beds.values()):
            both = 0
    return found


def test_that_she_is_here_is_believed_from_a_slow_clock_too() -> None:
    slow = away(NOW - 5 * MINUTE, "present")._replace(received_at=NOW + HOUR)
    engine = Engine(default(), HOUSE, NOW)
    play(engine, [away(NOW), slow], NOW + 2 * HOUR)
    history = [bed(NOW + 3 * HOUR, occupied=True)]
    assert said(play(engine, history, NOW + 10 * HOUR), "absence") == []
