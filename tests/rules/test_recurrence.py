"""Days by a calendar, held against calendars anybody can count out; texts that would leave somebody out."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.recurrence import SINCE, next_day, previous_day, problem

DAY = timedelta(days=1)
WEEK = "FREQ=WEEKLY;BYDAY=SU"
MONTH_END = "FREQ=MONTHLY;BYMONTHDAY=-1"
QUARTER_END = "FREQ=YEARLY;BYMONTH=3,6,9,12;BYMONTHDAY=-1"


def last_of_month(day: date) -> bool:
    return (day + DAY).day == 1


CALENDARS: dict[str, Callable[[date], bool]] = {
    WEEK: lambda day: day.isoweekday() == 7,
    MONTH_END: last_of_month,
    "FREQ=MONTHLY;BYMONTHDAY=28,29,30,31;BYSETPOS=-1": last_of_month,
    QUARTER_END: lambda day: last_of_month(day) and day.month in {3, 6, 9, 12},
    "FREQ=DAILY;INTERVAL=3": lambda day: (day - SINCE).days % 3 == 0,
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH": lambda day: (day - SINCE).days % 14 in {0, 3},
    "FREQ=MONTHLY;BYDAY=1MO": lambda day: day.isoweekday() == 1 and day.day <= 7,
    "FREQ=MONTHLY;BYDAY=-1FR": lambda day: day.isoweekday() == 5 and (day + 7 * DAY).month != day.month,
    "FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=15": lambda day: day.day == 15 and day.month % 2 == 1,
}


@given(st.sampled_from(list(CALENDARS)), st.dates(date(2024, 7, 1), date(2032, 12, 31)))
def test_the_next_and_the_last_day_are_those_that_counting_finds(text: str, day: date) -> None:
    assert problem(text) == ""
    later, earlier = day + DAY, day - DAY
    while not CALENDARS[text](later):
        later += DAY
    while not CALENDARS[text](earlier):
        earlier -= DAY
    assert next_day(text, SINCE, day) == later
    assert previous_day(text, SINCE, day) == earlier


def test_the_last_day_of_a_month_is_there_in_february_and_in_a_leap_year() -> None:
    assert next_day(MONTH_END, SINCE, date(2027, 1, 31)) == date(2027, 2, 28)
    assert next_day(MONTH_END, SINCE, date(2028, 1, 31)) == date(2028, 2, 29)


def test_before_the_first_day_counting_begins() -> None:
    assert previous_day("FREQ=YEARLY;BYMONTH=6", date(2026, 1, 5), date(2026, 2, 1)) == date(2026, 1, 5)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("monthly", "RFC 5545"),
        ("FREQ=MONTHLY;FREQ=MONTHLY", "each once"),
        ("FREQ=MONTHLY;BYDAY=", "RFC 5545"),
        ("FREQ=HOURLY", "write every"),
        ("RRULE:FREQ=DAILY", "FREQ"),
        ("BYDAY=MO", "FREQ"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL"),
        ("FREQ=DAILY;INTERVAL=1,2", "INTERVAL"),
        ("FREQ=DAILY;BYHOUR=9", 'by = "18:00"'),
        ("FREQ=DAILY;UNTIL=20270101", "no end"),
        ("FREQ=DAILY;COUNT=3", "no end"),
        ("FREQ=MONTHLY;BYMONTHDAY=45", "-31 to 31"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "not 0"),
        ("FREQ=YEARLY;BYMONTH=13", "1 to 12"),
        ("FREQ=WEEKLY;BYDAY=XX", "MO,WE,FR"),
        ("FREQ=WEEKLY;WKST=7", "WKST"),
        ("FREQ=MONTHLY;EVERY=2", "unknown part EVERY"),
        ("FREQ=MONTHLY;BYMONTHDAY=31", "-1 for the last day"),
        ("FREQ=MONTHLY;BYMONTHDAY=15,30", "-1 for the last day"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "-1 for the last day"),
        ("FREQ=YEARLY;BYMONTH=3,6,9,12;BYMONTHDAY=31", "-1 for the last day"),
        ("FREQ=MONTHLY;BYDAY=5MO", "sometimes there is no such day"),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=5", "sometimes there is no such day"),
        ("FREQ=MONTHLY;INTERVAL=12;BYMONTH=2", "sometimes there is no such day"),
    ],
)
def test_a_text_that_is_wrong_or_would_leave_somebody_out_says_what_to_write(text: str, part: str) -> None:
    assert part in problem(text)


@given(st.text(st.sampled_from("FREQ=DAILYWKMOH;BY,-0123456789 "), max_size=40))
def test_no_text_is_a_crash(text: str) -> None:
    assert isinstance(problem(text), str)
    assert isinstance(problem("FREQ=MONTHLY;" + text), str)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("FREQ=DAILY;BYSETPOS=5", "BYSETPOS: DAILY has no more than 1 to pick from"),
        ("FREQ=WEEKLY;BYDAY=MO;BYSETPOS=366", "BYSETPOS: WEEKLY has no more than 7 to pick from"),
        ("FREQ=WEEKLY;BYDAY=MO;BYMONTHDAY=13", "BYMONTHDAY: days of a month go with FREQ=MONTHLY"),
        ("FREQ=WEEKLY;BYDAY=1MO", "BYDAY: the first or the last of a weekday goes with FREQ=MONTHLY"),
        ("FREQ=DAILY;INTERVAL=7;BYDAY=TU", "sometimes there is no such day"),
    ],
)
def test_what_never_comes_or_comes_otherwise_than_it_reads_is_refused(text: str, wrong: str) -> None:
    """The first two would be followed day by day to the year 9999, again and again."""
    assert problem(text).startswith(wrong)
