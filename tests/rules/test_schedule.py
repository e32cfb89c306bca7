"""When checks are due: over midnight, month ends, leap days and the nights in which clocks change."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.configuration import Problem, load
from rules.deadlines import instant, local_time
from rules.schedule import Schedule
from tests.rules.home import DAY, HOUR, MINUTE, local

BERLIN, SHANGHAI = "Europe/Berlin", "Asia/Shanghai"
ZONES = st.sampled_from([SHANGHAI, BERLIN, "America/Santiago", "Australia/Lord_Howe", "Asia/Kathmandu"])
INSTANTS = st.integers(local("2024-06-01 00:00"), local("2030-12-31 00:00"))
MONTHLY = "FREQ=MONTHLY;BYMONTHDAY=-1"


def schedule(**written: object) -> Schedule:
    return Schedule.model_validate({"check": "visit", **written})


def dues(wanted: Schedule, after: int, count: int, zone: str = SHANGHAI) -> list[str]:
    found = []
    for _ in range(count):
        after = wanted.next(zone, after, after).due
        found.append(datetime.fromtimestamp(after / 1000, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M"))
    return found


def test_r83_monthly_visits_are_due_on_the_last_day_of_every_month() -> None:
    monthly = schedule(calendar=MONTHLY, by="18:00")
    assert dues(monthly, local("2027-12-31 18:00"), 4) == [
        "2028-01-31 18:00",
        "2028-02-29 18:00",
        "2028-03-31 18:00",
        "2028-04-30 18:00",
    ]
    assert dues(monthly, local("2027-01-31 18:00"), 1) == ["2027-02-28 18:00"]


def test_r83_weekly_and_quarterly_visits() -> None:
    weekly = schedule(calendar="FREQ=WEEKLY;BYDAY=SU", by="18:00")
    assert dues(weekly, local("2025-12-28 17:59"), 2) == ["2025-12-28 18:00", "2026-01-04 18:00"]
    quarterly = schedule(calendar="FREQ=YEARLY;BYMONTH=3,6,9,12;BYMONTHDAY=-1", by="18:00")
    assert dues(quarterly, local("2026-01-01 00:00"), 3) == [
        "2026-03-31 18:00",
        "2026-06-30 18:00",
        "2026-09-30 18:00",
    ]


def test_every_so_many_days_counts_from_its_first_day() -> None:
    third = schedule(calendar="FREQ=DAILY;INTERVAL=3", since=date(2026, 2, 27), by="09:00")
    assert dues(third, local("2026-02-27 00:00"), 3) == [
        "2026-02-27 09:00",
        "2026-03-02 09:00",
        "2026-03-05 09:00",
    ]


def test_by_the_calendar_a_window_opens_at_the_deadline_before() -> None:
    window = schedule(calendar=MONTHLY, by=["09:00", "18:00"]).next(SHANGHAI, local("2026-03-01 00:00"), 0)
    assert window == (local("2026-02-28 18:00"), local("2026-03-31 09:00"))
    window = schedule(calendar=MONTHLY, by=["18:00", "09:00"]).next(SHANGHAI, window.due, 0)
    assert window == (local("2026-03-31 09:00"), local("2026-03-31 18:00"))


def test_ahead_says_how_early_a_visit_counts() -> None:
    window = schedule(calendar=MONTHLY, by="18:00", ahead="7d").next(SHANGHAI, local("2026-03-01 00:00"), 0)
    assert window == (local("2026-03-24 18:00"), local("2026-03-31 18:00"))


def test_r84_several_doses_a_day_each_with_its_own_hour() -> None:
    doses = schedule(check="medication_taken", by=["20:00", "08:00"])
    assert dues(doses, local("2026-02-28 08:00"), 3) == [
        "2026-02-28 20:00",
        "2026-03-01 08:00",
        "2026-03-01 20:00",
    ]
    assert doses.next(SHANGHAI, local("2026-02-28 08:00"), 0).opens == local("2026-02-28 19:00")


def test_r73_four_half_hourly_four_hourly_and_three_two_hourly_observations() -> None:
    series = schedule(check="consciousness", after=["fall"], within=["30min x 4", "1h x 4", "2h x 3"])
    window, passed = series.of_series(0, 0), []
    while window:
        passed.append(window.due // MINUTE)
        window = series.following(window, SHANGHAI, 0)
    assert passed == [30, 60, 90, 120, 180, 240, 300, 360, 480, 600, 720]


@given(
    st.lists(
        st.times().map(lambda t: t.replace(second=0, microsecond=0, fold=0)),
        min_size=1,
        max_size=3,
        unique=True,
    ),
    st.sampled_from([*range(1, 8)]),
    ZONES,
    INSTANTS,
)
def test_the_next_deadline_is_the_first_that_walking_through_the_days_finds(
    times: list[time], weekday: int, zone: str, now: int
) -> None:
    written = [f"{at:%H:%M}" for at in times]
    days = "MO TU WE TH FR SA SU".split()
    weekly = schedule(calendar=f"FREQ=WEEKLY;BYDAY={days[weekday - 1]}", by=written)
    found = weekly.next(zone, now, now)
    today = datetime.fromtimestamp(now / 1000, ZoneInfo(zone)).date()
    around = [today + timedelta(days=n) for n in range(-16, 17)]
    all_of_them = sorted(
        {instant(day, at, zone) for day in around if day.isoweekday() == weekday for at in times}
    )
    assert found.due == min(due for due in all_of_them if due > now)
    assert found.opens <= found.due
    assert found.opens in {*(due for due in all_of_them if due < found.due), found.due}
    following = weekly.following(found, zone, 0)
    assert following
    assert (
        following.due == min(due for due in all_of_them if due > found.due) or following.due > all_of_them[-1]
    )


def test_deadlines_by_the_wall_clock_stay_there_when_the_clocks_change() -> None:
    doses = schedule(check="medication_taken", by=["02:30", "20:00"])
    for day, after in (("2025-03-30", 23 * HOUR), ("2025-10-26", 25 * HOUR)):
        evening = local(f"{day} 20:00", BERLIN) - after
        first = doses.next(BERLIN, evening, 0).due
        second = doses.next(BERLIN, first, 0).due
        assert second == evening + after
        assert local_time(second, BERLIN) == "20:00"
        assert local_time(first, BERLIN) == ("03:30" if "03" in day[:7] else "02:30")


def test_a_pause_is_what_the_rule_says_it_is() -> None:
    rule = schedule(every="2h", pause=["hospital"], closed=["2026-10-01/2026-10-07", "2026-01-01"])
    at = local("2026-09-30 12:00")
    assert rule.pauses("hospital", at, SHANGHAI)
    assert not rule.pauses("leave", at, SHANGHAI)
    assert not rule.pauses("", at, SHANGHAI)
    assert rule.pauses("", local("2026-10-07 23:59"), SHANGHAI)
    assert not rule.pauses("", local("2026-10-08 00:00"), SHANGHAI)
    assert rule.pauses("", local("2026-01-01 00:00"), SHANGHAI)


def test_lateness_is_a_part_of_the_interval_or_a_time() -> None:
    turning = schedule(check="turned", every="4h", overdue=["50% medium", "25% low"])
    assert turning.steps == ((HOUR, "low"), (2 * HOUR, "medium"))
    daily = schedule(by="09:30", overdue=["0min low", "15min medium"])
    assert (daily.steps, daily.reminders) == (((0, "low"), (15 * MINUTE, "medium")), 1)
    assert schedule(every="2h", severity="low").steps == ((12 * MINUTE, "low"),)


HEAD = "[[rule]]\nid = 'a'\nkind = 'missed_check'\ncheck = 'visit'\n"


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("calendar = 'FREQ=MONTHLY'", 1, "with by"),
        ("by = '18:00'\ncalendar = 'FREQ=MONTHLY;BYMONTHDAY=31'", 6, "-1 for the last day"),
        ("by = '18:00'\nsince = 2026-01-05\ncalendar = 'FREQ=HOURLY'", 7, "write every"),
        ("by = '18:00'\nsince = '2026-01-05'", 6, "without quotes"),
        ("by = ['18:00', '18:00']", 5, "once"),
        ("by = ['18:00', '25:00']", 5, "09:30"),
        ("by = ['18:00', '09:00']\nfrom = '05:00'", 1, "one daily by"),
        ("every = '2h'\nahead = '1h'", 1, "ahead"),
        ("every = '2h'\noverdue = ['soon low']", 6, "90s"),
        ("every = '2h'\noverdue = 'low'", 6, "25% low"),
        ("every = '2h'\noverdue = '100% low'", 1, "before the next round"),
        ("by = '18:00'\noverdue = '25% low'", 1, "no interval"),
        ("after = ['fall']", 1, "within"),
        ("within = '24h'", 1, "after"),
        ("after = ['fall']\nwithin = '24 hours'", 6, "24h"),
        ("after = ['fall']\nwithin = '0h'", 6, "more than 0"),
        ("after = ['tumble']\nwithin = '24h'", 5, "tumble"),
        ("every = '2h'\nalso = ['heart_rate']", 6, "no event"),
        ("every = '2h'\nproof = ['photo']", 6, "nfc"),
        ("every = '2h'\npause = ['rain']", 6, "hospital"),
        ("every = '2h'\nclosed = ['1 October']", 6, "2026-10-01"),
        ("every = '2h'\ntask = 'Night round'", 6, 'a-z and "_"'),
        ("every = '2h'\nfrom_first = 'yes'", 6, "true or false"),
        ("every = '2h'\nby = '18:00'", 1, "either by"),
    ],
)
def test_what_is_wrong_in_a_rule_file_is_told_by_its_line(text: str, line: int, part: str) -> None:
    problems = load(HEAD + text)
    assert isinstance(problems, list), "accepted"
    assert [problem.line for problem in problems] == [line], problems
    assert part in problems[0].message
    assert isinstance(problems[0], Problem)


@given(st.sampled_from([MONTHLY, "FREQ=WEEKLY;BYDAY=SU", "FREQ=DAILY;INTERVAL=3"]), ZONES, INSTANTS)
def test_windows_by_the_calendar_follow_each_other_without_a_gap(text: str, zone: str, now: int) -> None:
    rule = schedule(calendar=text, by="18:00")
    window = rule.next(zone, now, now)
    for _ in range(5):
        following = rule.following(window, zone, 0)
        assert following
        assert following.opens == window.due < following.due <= window.due + 32 * DAY
        window = following
