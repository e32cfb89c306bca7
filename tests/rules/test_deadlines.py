"""Deadlines by wall clocks: midnight, month ends, the nights in which clocks change."""

from datetime import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.deadlines import local_time, next_daily, next_round
from tests.rules.home import DAY, HOUR, MINUTE, local

BERLIN, SHANGHAI = "Europe/Berlin", "Asia/Shanghai"
NIGHT = (time(21), time(7))
ZONES = st.sampled_from([SHANGHAI, BERLIN, "America/Santiago", "Australia/Lord_Howe", "Asia/Kathmandu"])
TIMES = st.times().map(lambda t: t.replace(second=0, microsecond=0, tzinfo=None))
INSTANTS = st.integers(local("2024-01-01 00:00"), local("2026-12-31 00:00"))


def test_a_daily_deadline_is_later_than_now_and_opens_before() -> None:
    opens, due = next_daily(time(9, 30), time(5), SHANGHAI, local("2025-11-30 09:30"))
    assert (opens, due) == (local("2025-12-01 05:00"), local("2025-12-01 09:30"))


def test_a_window_that_opens_later_in_the_day_opened_the_evening_before() -> None:
    opens, due = next_daily(time(9, 30), time(21), SHANGHAI, local("2025-12-31 12:00"))
    assert (opens, due) == (local("2025-12-31 21:00"), local("2026-01-01 09:30"))


def test_a_time_that_does_not_exist_is_that_much_after_the_gap() -> None:
    _, due = next_daily(time(2, 30), time(0), BERLIN, local("2025-03-29 12:00", BERLIN))
    assert due == local("2025-03-30 03:30", BERLIN)


def test_a_time_that_exists_twice_is_due_once_the_first_time() -> None:
    _, due = next_daily(time(2, 30), time(0), BERLIN, local("2025-10-25 12:00", BERLIN))
    assert due == local("2025-10-26 02:30", BERLIN, fold=0)
    _, after = next_daily(time(2, 30), time(0), BERLIN, due)
    assert after == local("2025-10-27 02:30", BERLIN)


@given(TIMES, TIMES, ZONES, INSTANTS)
def test_daily_deadlines_come_once_for_every_local_day(by: time, opens: time, zone: str, now: int) -> None:
    dues = []
    due = now
    for _ in range(8):
        opened, due = next_daily(by, opens, zone, due)
        assert opened < due
        dues.append(due)
    assert now < dues[0] <= now + DAY + HOUR
    assert all(DAY - HOUR <= later - earlier <= DAY + HOUR for earlier, later in pairwise(dues))


def test_rounds_all_day_are_one_interval_apart() -> None:
    assert next_round(2 * HOUR, None, SHANGHAI, 1_000) == 1_000 + 2 * HOUR


@pytest.mark.parametrize(
    ("base", "due"),
    [
        ("2025-11-22 12:00", "2025-11-22 23:00"),  # before the window: one interval into it
        ("2025-11-22 20:59", "2025-11-22 23:00"),
        ("2025-11-22 21:00", "2025-11-22 23:00"),
        ("2025-11-22 23:10", "2025-11-23 01:10"),  # inside: one interval after the last
        ("2025-11-23 05:00", "2025-11-23 07:00"),  # up to the very end
        ("2025-11-23 05:01", "2025-11-23 23:00"),  # past the end: into the next night
        ("2025-11-30 23:30", "2025-12-01 01:30"),
        ("2025-12-31 23:30", "2026-01-01 01:30"),
    ],
)
def test_r78_rounds_within_a_window_over_midnight(base: str, due: str) -> None:
    assert next_round(2 * HOUR, NIGHT, SHANGHAI, local(base)) == local(due)


def test_an_interval_longer_than_the_window_leaves_one_round_a_window() -> None:
    due = next_round(12 * HOUR, NIGHT, SHANGHAI, local("2025-11-22 12:00"))
    assert due == local("2025-11-23 07:00")
    assert next_round(12 * HOUR, NIGHT, SHANGHAI, due) == local("2025-11-24 07:00")


@pytest.mark.parametrize(
    ("evening", "rounds"),
    [
        ("2025-03-29 20:00", ["23:00", "01:00", "04:00", "06:00"]),  # the night of nine hours
        ("2025-10-25 20:00", ["23:00", "01:00", "02:00", "04:00", "06:00"]),  # the night of eleven
        ("2025-11-22 20:00", ["23:00", "01:00", "03:00", "05:00", "07:00"]),
    ],
)
def test_rounds_stay_two_hours_apart_when_the_clocks_change(evening: str, rounds: list[str]) -> None:
    due, dues = local(evening, BERLIN), []
    for _ in rounds:
        due = next_round(2 * HOUR, NIGHT, BERLIN, due)
        dues.append(due)
    assert [local_time(due, BERLIN) for due in dues] == rounds
    assert {later - earlier for earlier, later in pairwise(dues)} == {2 * HOUR}


@given(st.integers(10, 48 * 60), TIMES, TIMES, ZONES, INSTANTS)
def test_a_round_is_due_after_its_base_and_inside_the_window(
    every: int, start: time, end: time, zone: str, base: int
) -> None:
    if start == end:
        end = time((start.hour + 1) % 24, start.minute)
    due = next_round(every * MINUTE, (start, end), zone, base)
    assert base < due <= base + 2 * DAY + HOUR + every * MINUTE
    assert next_round(every * MINUTE, (start, end), zone, due) > due
