"""The learned routine: what is noted of a history, and which days teach."""

from dataclasses import replace
from datetime import date, time
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.observation import Observation, Quality
from devices.registry import Device, Registry
from rules.routine import Outing, Routine, Window, date_of, gaps, learn, lesson, nights, stirred
from tests.rules.days import MONDAY, at, every, in_order, moves, night, told
from tests.rules.home import DAY, HOME, HOUR, MINUTE, heard

DAYTIME = Window(8 * 60, 20 * 60)
NIGHT = Window(21 * 60, 6 * 60)


def learned(*histories: list[Observation], registry: Registry = HOME) -> Routine:
    return learn(in_order(*histories), registry)["wang"]


def whole_day(day: int) -> list[Observation]:
    """A day with a sign of life every hour, midnight to midnight."""
    return every(day, "00:00", "23:00", 60)


def test_gaps_are_from_sign_to_sign_and_go_over_midnight() -> None:
    routine = learned(moves(0, "07:00", "09:30", "09:31", "23:59"), moves(1, "07:00"))
    taught = range(min(routine.days), min(routine.days) + 2)
    assert [gap.minutes for gap in gaps(routine, taught)] == [150, 1, 868, 421]
    assert date_of(min(routine.days)) == date(2025, 11, 3)
    assert not list(gaps(routine, taught[:0]))


def test_a_gap_that_touches_a_day_that_does_not_teach_is_none() -> None:
    routine = learned(*(moves(day, "08:00", "20:00") for day in range(4)))
    first = min(routine.days)
    assert [gap.minutes for gap in gaps(routine, {first, first + 1, first + 3})] == [720, 720, 720, 720]


def test_a_silence_that_begins_in_bed_says_so() -> None:
    out_of_it = told(0, "20:00", "bed_occupied", False)
    routine = learned([out_of_it], list(night(0)), moves(0, "21:00"), moves(1, "07:30"))
    first = min(routine.days)
    assert [gap.in_bed for gap in gaps(routine, {first, first + 1})] == [False, True, False]


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
    assert ([day - days.days[0] for day in days.days], days.away) == ([0, 3], 2)


def test_who_is_still_away_at_the_end_teaches_no_more() -> None:
    routine = learned(
        *(whole_day(day) for day in range(3)), [told(1, "10:30", "absence", "hospital", "desk")]
    )
    assert (len(lesson(routine, DAYTIME).days), lesson(routine, DAYTIME).away) == (1, 2)


def test_days_with_a_lost_sensor_do_not_teach() -> None:
    routine = learned(
        *(whole_day(day) for day in range(3)),
        [told(1, "12:00", "online", False, "radar"), told(1, "12:30", "online", True, "radar")],
    )
    assert (len(lesson(routine, DAYTIME).days), lesson(routine, DAYTIME).lost) == (2, 1)


def test_a_lost_device_that_never_saw_her_takes_nothing_away() -> None:
    routine = learned(
        *(whole_day(day) for day in range(3)),
        [told(1, "12:00", "online", False, "scales"), told(1, "12:30", "online", True, "scales")],
    )
    assert (len(lesson(routine, DAYTIME).days), lesson(routine, DAYTIME).lost) == (3, 0)


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
    assert (len(lesson(routine, DAYTIME).days), lesson(routine, DAYTIME).lost) == (2, 1)


def test_a_time_in_which_nothing_spoke_does_not_teach_where_much_else_speaks() -> None:
    beats = [
        heard("band", "battery", MONDAY + minute * MINUTE, 80, resident="wang")
        for minute in range(0, 5 * 1440, 10)
        if not 2 * 1440 + 600 < minute < 2 * 1440 + 800
    ]
    signs = [moves(day, "08:30", "12:30", "19:30") for day in range(5)]
    days = lesson(learned(beats, *signs), DAYTIME)
    assert (len(days.days), days.lost) == (4, 1)


def test_where_only_movement_speaks_a_quiet_day_teaches() -> None:
    signs = [moves(day, "08:30", "12:30", "19:30") for day in range(5)]
    signs[2] = moves(2, "09:30", "19:30")
    days = lesson(learned(moves(0, "00:00"), *signs, moves(4, "23:59")), DAYTIME)
    assert (len(days.days), days.lost) == (5, 0)


def test_a_day_without_any_sign_does_not_teach_and_is_counted() -> None:
    signs = [moves(day, "00:00", "08:30", "12:30", "19:30", "23:59") for day in (0, 1, 3)]
    days = lesson(learned(*signs), DAYTIME)
    assert (len(days.days), days.empty) == (3, 1)


def test_before_the_first_word_and_after_the_last_nobody_listened() -> None:
    days = lesson(learned(moves(0, "10:00"), whole_day(1), moves(2, "09:00")), DAYTIME)
    assert (len(days.days), days.lost) == (1, 2)


def test_the_times_out_of_bed_are_of_the_night_in_which_they_began() -> None:
    history = in_order(night(0, ("01:00", "01:12"), ("04:30", "04:50")), whole_day(0), whole_day(1))
    routine = learned(history)
    (outings,) = nights(routine, NIGHT).values()
    assert outings == (
        Outing(at(1, "01:00"), at(1, "01:12")),
        Outing(at(1, "04:30"), at(1, "04:50")),
    ), "she rose at seven, which is after the night and before one of which the bed told"


def test_who_is_up_by_day_is_so_before_the_next_night() -> None:
    routine = learned(in_order(night(0), night(1), whole_day(0), whole_day(1), whole_day(2)))
    first = min(routine.days)
    assert nights(routine, NIGHT) == {first: (), first + 1: (Outing(at(1, "07:00"), at(1, "22:00")),)}


def test_a_sensor_that_tells_of_her_out_of_bed_has_seen_her_stir() -> None:
    out = ("02:00", "02:20")
    unseen = learned(list(night(0, out)))
    assert [stirred(unseen, outing) for outing in unseen.outings[:1]] == [False]
    seen = learned(in_order(night(0, out), moves(1, "02:05")))
    assert [stirred(seen, outing) for outing in seen.outings[:1]] == [True]


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
    assert learned(history).outings == (Outing(at(1, "03:00"), at(1, "03:10")),)


def test_a_night_without_a_word_from_the_bed_is_none() -> None:
    routine = learned(*(whole_day(day) for day in range(3)), list(night(1)))
    assert [day - min(routine.days) for day in nights(routine, NIGHT)] == [1]


def test_what_is_nobodys_alone_teaches_about_all_who_dwell_there() -> None:
    both = [heard("radar", "motion", MONDAY, resident="", place="room-2")]
    assert learn(both, HOME).keys() == {"li", "zhao"}


def test_what_is_stale_shows_no_life() -> None:
    stale = [heard("radar", "motion", MONDAY, resident="wang", quality=Quality.STALE)]
    routine = learned(stale, moves(0, "01:00"))
    assert not list(gaps(routine, routine.days))


def test_the_hours_are_local_when_the_clocks_change() -> None:
    spring = 1_774_742_400_000  # 2026-03-29 00:00 UTC: in Berlin 02:00 becomes 03:00 an hour later
    history = [heard("radar", "motion", spring + hour * HOUR, resident="meyer") for hour in range(-26, 48)]
    routine = learn(history, HOME)["meyer"]
    days = lesson(routine, DAYTIME).days
    hours = [{gap.start % 1440 // 60 for gap in gaps(routine, [day])} for day in days]
    assert hours == [set(range(23)), set(range(23)) - {2}, set(range(23))]


days_of_signs = st.dictionaries(
    st.integers(0, 6), st.lists(st.integers(0, 1439), min_size=1, max_size=12), min_size=1
)


def history_of(days: dict[int, list[int]]) -> list[Observation]:
    minutes = sorted(MONDAY + day * DAY + minute * MINUTE for day, found in days.items() for minute in found)
    return [heard("radar", "motion", minute, resident="wang") for minute in minutes]


@given(days_of_signs)
def test_gaps_join_the_first_sign_to_the_last_and_hold_none(days: dict[int, list[int]]) -> None:
    routine = learned(history_of(days))
    signs = sorted(
        day * 1440 + m for day, noted in routine.days.items() for m in range(1440) if noted.signs >> m & 1
    )
    found = [(gap.start, gap.start + gap.minutes) for gap in gaps(routine, range(min(routine.days), 1 << 20))]
    assert found == list(pairwise(signs))


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
