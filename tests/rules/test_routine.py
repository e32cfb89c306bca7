"""The learned routine: what is noted of a history, and which days teach."""

from dataclasses import replace
from datetime import date, time
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.observation import Observation, Quality
from devices.registry import Device, Registry
from rules.routine import Outing, Routine, Silence, Window, date_of, gaps, learn, lesson, nights
from tests.rules.days import MONDAY, at, every, in_order, moves, night, told
from tests.rules.home import DAY, HOME, HOUR, MINUTE, heard

DAYTIME = Window(8 * 60, 20 * 60)
NIGHT = Window(21 * 60, 6 * 60)


def learned(*histories: list[Observation], registry: Registry = HOME) -> Routine:
    return learn(in_order(*histories), registry)["wang"]


def whole_day(day: int) -> list[Observation]:
    """A day with a sign of life every hour, midnight to midnight."""
    return every(day, "00:00", "23:00", 60)


def test_a_silence_counts_from_sign_to_sign_and_within_the_window_only() -> None:
    routine = learned(moves(0, "00:00", "07:00", "09:30", "09:31", "15:00", "23:59"))
    (part,) = lesson(routine, DAYTIME).parts
    assert date_of(part.day) == date(2025, 11, 3)
    assert part.silences == (Silence(0, 90), Silence(90, 1), Silence(91, 329), Silence(420, 300))
    assert part.longest == 329


def test_a_window_may_go_over_midnight() -> None:
    routine = learned(moves(0, "00:00", "21:30"), moves(1, "02:00", "23:59"))
    (part,) = lesson(routine, NIGHT).parts
    assert part.silences == (Silence(0, 30), Silence(30, 270), Silence(300, 240))


def test_the_rule_file_says_which_window() -> None:
    assert Window.of(None).minutes == 1440
    assert Window.of((time(21), time(6))) == NIGHT
    assert (NIGHT.minutes, str(NIGHT)) == (540, "21:00 and 06:00")


@pytest.mark.parametrize("why", ["leave", "hospital", "holiday"])
def test_days_away_do_not_teach(why: str) -> None:
    routine = learned(
        *(whole_day(day) for day in range(4)),
        [told(1, "10:30", "absence", why, "desk"), told(2, "09:00", "absence", "present", "desk")],
    )
    days = lesson(routine, DAYTIME)
    assert ([part.day - days.parts[0].day for part in days.parts], days.away) == ([0, 3], 2)


def test_who_is_still_away_at_the_end_teaches_no_more() -> None:
    routine = learned(
        *(whole_day(day) for day in range(3)), [told(1, "10:30", "absence", "hospital", "desk")]
    )
    assert (len(lesson(routine, DAYTIME).parts), lesson(routine, DAYTIME).away) == (1, 2)


def test_days_with_a_lost_sensor_do_not_teach() -> None:
    routine = learned(
        *(whole_day(day) for day in range(3)),
        [told(1, "12:00", "online", False, "radar"), told(1, "12:30", "online", True, "radar")],
    )
    assert (len(lesson(routine, DAYTIME).parts), lesson(routine, DAYTIME).lost) == (2, 1)


def test_a_lost_device_that_never_saw_her_takes_nothing_away() -> None:
    routine = learned(
        *(whole_day(day) for day in range(3)),
        [told(1, "12:00", "online", False, "scales"), told(1, "12:30", "online", True, "scales")],
    )
    assert (len(lesson(routine, DAYTIME).parts), lesson(routine, DAYTIME).lost) == (3, 0)


def test_a_lost_gateway_loses_the_sensors_behind_it() -> None:
    registry = replace(
        HOME,
        devices={
            **HOME.devices,
            ("home", "radar"): Device("radar", resident="wang", site="home", gateway="hub"),
        },
    )
    off, on = (heard("hub", "online", at(1, clock), clock == "12:30") for clock in ("12:00", "12:30"))
    routine = learned(*(whole_day(day) for day in range(3)), [off, on], registry=registry)
    assert (len(lesson(routine, DAYTIME).parts), lesson(routine, DAYTIME).lost) == (2, 1)


def test_a_time_in_which_nothing_spoke_does_not_teach_where_much_else_speaks() -> None:
    beats = [
        heard("band", "battery", MONDAY + minute * MINUTE, 80, resident="wang")
        for minute in range(0, 5 * 1440, 10)
        if not 2 * 1440 + 600 < minute < 2 * 1440 + 800
    ]
    signs = [moves(day, "08:30", "12:30", "19:30") for day in range(5)]
    days = lesson(learned(beats, *signs), DAYTIME)
    assert (len(days.parts), days.lost) == (4, 1)


def test_where_only_movement_speaks_a_quiet_day_teaches() -> None:
    signs = [moves(day, "08:30", "12:30", "19:30") for day in range(5)]
    signs[2] = moves(2, "09:30", "19:30")
    days = lesson(learned(moves(0, "00:00"), *signs, moves(4, "23:59")), DAYTIME)
    assert [part.longest for part in days.parts] == [420, 420, 600, 420, 420]


def test_a_day_without_any_sign_does_not_teach_and_is_counted() -> None:
    signs = [moves(day, "00:00", "08:30", "12:30", "19:30", "23:59") for day in (0, 1, 3)]
    days = lesson(learned(*signs), DAYTIME)
    assert (len(days.parts), days.empty) == (3, 1)


def test_before_the_first_word_and_after_the_last_nobody_listened() -> None:
    days = lesson(learned(moves(0, "10:00"), whole_day(1), moves(2, "09:00")), DAYTIME)
    assert (len(days.parts), days.lost) == (1, 2)


def test_the_times_out_of_bed_are_those_she_came_back_from() -> None:
    history = in_order(night(0, ("01:00", "01:12"), ("04:30", "04:50")), whole_day(0), whole_day(1))
    (found,) = nights(learned(history), NIGHT)
    assert [outing.minutes for outing in found.outings] == [12, 20]
    assert found.outings[0].start == 4 * 60
    assert found.rose is None, "she rose at seven, which is after the night"


def test_who_rises_before_the_night_ends_rose() -> None:
    history = in_order(night(0, ("01:00", "01:12"), up="05:30"), whole_day(0), whole_day(1))
    (found,) = nights(learned(history), NIGHT)
    assert [outing.minutes for outing in found.outings] == [12]
    assert found.rose == 8 * 60 + 30


def test_two_mats_are_one_bed_and_one_that_flickers_is_no_outing() -> None:
    history = [
        told(0, "22:00", "bed_occupied", True, "left"),
        told(0, "22:01", "bed_occupied", True, "right"),
        told(1, "01:00", "bed_occupied", False, "left"),
        told(1, "02:00", "bed_occupied", False, "right"),
        heard("right", "bed_occupied", at(1, "02:00") + 30_000, True, resident="wang"),
        told(1, "03:00", "bed_exit", True, "right"),
        told(1, "03:10", "bed_enter", True, "left"),
    ]
    routine = learned(history)
    assert routine.outings == (Outing(at(1, "03:00"), at(1, "03:10")),)


def test_a_night_without_a_word_from_the_bed_is_none() -> None:
    routine = learned(*(whole_day(day) for day in range(3)), list(night(1)))
    assert [found.day - min(routine.days) for found in nights(routine, NIGHT)] == [1]


def test_what_is_nobodys_alone_teaches_about_all_who_dwell_there() -> None:
    both = [heard("radar", "motion", MONDAY, resident="", place="room-2")]
    assert learn(both, HOME).keys() == {"li", "zhao"}


def test_what_is_stale_shows_no_life() -> None:
    stale = [heard("radar", "motion", MONDAY, resident="wang", quality=Quality.STALE)]
    assert not list(gaps(learned(stale, moves(0, "01:00"))))


def test_gaps_go_over_midnight_but_not_over_an_absence() -> None:
    routine = learned(
        moves(0, "22:00"),
        moves(1, "06:00", "09:00", "19:00"),
        [told(1, "10:00", "absence", "leave", "desk"), told(1, "18:00", "absence", "present", "desk")],
    )
    assert [minutes for _, minutes in gaps(routine)][-2:] == [480, 180]


def test_the_hours_are_local_when_the_clocks_change() -> None:
    spring = 1_774_742_400_000  # 2026-03-29 00:00 UTC: in Berlin 02:00 becomes 03:00 an hour later
    history = [heard("radar", "motion", spring + hour * HOUR, resident="meyer") for hour in range(-26, 48)]
    found = lesson(learn(history, HOME)["meyer"], DAYTIME)
    assert [part.silences[0] for part in found.parts] == [Silence(0, 60)] * 3
    assert all(len(part.silences) == 12 for part in found.parts)


days_of_signs = st.dictionaries(
    st.integers(0, 6), st.lists(st.integers(0, 1439), min_size=1, max_size=12), min_size=1
)


def history_of(days: dict[int, list[int]]) -> list[Observation]:
    minutes = sorted(MONDAY + day * DAY + minute * MINUTE for day, found in days.items() for minute in found)
    return [heard("radar", "motion", minute, resident="wang") for minute in minutes]


@given(days_of_signs, st.integers(0, 1439), st.integers(0, 1439))
def test_the_silences_of_a_window_fill_it_and_hold_no_sign(
    days: dict[int, list[int]], start: int, end: int
) -> None:
    window = Window(start, end)
    routine = learned(history_of(days))
    for part in lesson(routine, window).parts:
        assert sum(silence.minutes for silence in part.silences) == window.minutes
        opens = part.day * 1440 + window.start
        signs = {
            day * 1440 + m for day, noted in routine.days.items() for m in range(1440) if noted.signs >> m & 1
        }
        for silence in part.silences:
            assert not signs & set(range(opens + silence.start + 1, opens + silence.start + silence.minutes))


@given(days_of_signs)
def test_what_is_told_twice_changes_nothing(days: dict[int, list[int]]) -> None:
    history = history_of(days)
    assert learned(history) == learned(history, history)


@given(days_of_signs, st.randoms(use_true_random=False))
def test_signs_may_come_in_any_order(days: dict[int, list[int]], shuffler: Random) -> None:
    history = history_of(days)
    mixed = list(history)
    shuffler.shuffle(mixed)
    assert learn(mixed, HOME) == learn(history, HOME)
