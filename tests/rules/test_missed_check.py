"""Checks that are made, missed, made late and reported late."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.observation import Observation, Quality
from devices.registry import Registry
from rules.decision import Change, Decision
from rules.engine import Engine
from tests.rules.home import DAY, HOME, HOUR, MINUTE, called, heard, local, rules

DAILY = """
[[rule]]
id = "daily"
kind = "missed_check"
check = "check_in"
from = "05:00"
by = "09:30"
grace = "15min"
"""

ROUNDS = """
[[rule]]
id = "round"
kind = "missed_check"
check = "visit"
every = "2h"
between = ["21:00", "07:00"]
[rule.care_level.1]
every = "1h"
[rule.care_level.3]
every = "3h"
"""

EVENING = local("2025-11-22 20:00")


def engine(text: str, now: int, registry: Registry = HOME) -> Engine:
    return Engine(rules(text), registry, now)


def visit(resident: str, at: int, *, delay: int = 0, late: bool = False) -> Observation:
    return heard("scanner", "visit", at, resident=resident, delay=delay, late=late, key=f"{resident}@{at}")


def check_in(resident: str, at: int) -> Observation:
    return heard("phone", "check_in", at, resident=resident)


def about(resident: str, decisions: list[Decision]) -> list[tuple[Change, int]]:
    return [(d.change, d.at) for d in called(decisions) if d.subject == resident]


def missed(*times: str) -> list[tuple[Change, int]]:
    return [(Change.RAISE, local(time)) for time in times]


def test_r82_no_check_in_by_the_deadline_raises_after_the_grace() -> None:
    watch = engine(DAILY, EVENING)
    assert about("wang", watch.tick(local("2025-11-23 09:44"))) == []
    (decision,) = [d for d in called(watch.tick(local("2025-11-23 09:45"))) if d.subject == "wang"]
    assert decision.evidence.key == f"daily|wang|{local('2025-11-23 09:30')}"
    assert decision.evidence.at == decision.evidence.received_at == decision.at == local("2025-11-23 09:45")
    assert decision.facts["due_local"] == "09:30"
    assert decision.severity == "medium"


def test_r82_a_check_in_settles_its_own_day_only() -> None:
    watch = engine(DAILY, EVENING)
    assert called(watch.observe(check_in("wang", local("2025-11-23 05:00")))) == []
    assert about("wang", watch.tick(local("2025-11-24 12:00"))) == missed("2025-11-24 09:45")


@pytest.mark.parametrize("time", ["2025-11-23 04:59", "2025-11-22 21:00"])
def test_a_check_in_before_the_window_settles_nothing(time: str) -> None:
    watch = engine(DAILY, EVENING)
    watch.observe(check_in("wang", local(time)))
    assert about("wang", watch.tick(local("2025-11-23 12:00"))) == missed("2025-11-23 09:45")


def test_a_check_in_within_the_grace_is_in_time() -> None:
    watch = engine(DAILY, EVENING)
    watch.observe(check_in("wang", local("2025-11-23 09:40")))
    assert about("wang", watch.tick(local("2025-11-23 23:00"))) == []


def test_a_check_in_after_the_alert_clears_it_once() -> None:
    watch = engine(DAILY, EVENING)
    late = local("2025-11-23 10:10")
    decisions = watch.observe(check_in("wang", late))
    assert about("wang", decisions) == [*missed("2025-11-23 09:45"), (Change.CLEAR, late)]
    assert called(watch.observe(check_in("wang", late + MINUTE))) == []


def test_two_missed_days_are_one_episode_with_two_pieces_of_evidence() -> None:
    decisions = [d for d in called(engine(DAILY, EVENING).tick(EVENING + 2 * DAY)) if d.subject == "wang"]
    assert [d.cause for d in decisions] == ["wang", "wang"]
    assert len({d.evidence.key for d in decisions}) == 2
    assert [d.facts["missed_in_a_row"] for d in decisions] == [1, 2]


def test_a_retained_check_in_is_no_check_in() -> None:
    watch = engine(DAILY, EVENING)
    watch.observe(check_in("wang", local("2025-11-23 08:00"))._replace(quality=Quality.STALE))
    assert about("wang", watch.tick(local("2025-11-23 10:00"))) == missed("2025-11-23 09:45")


def test_r78_the_interval_follows_the_care_level() -> None:
    decisions = engine(ROUNDS, EVENING).tick(EVENING + 7 * HOUR)
    assert about("li", decisions)[:2] == missed("2025-11-22 22:06", "2025-11-22 23:06")
    assert about("zhao", decisions) == missed("2025-11-22 23:12", "2025-11-23 01:12")
    assert about("wang", decisions) == missed("2025-11-23 00:18")


def test_r77_every_missed_round_of_a_night_raises_and_the_day_is_quiet() -> None:
    decisions = engine(ROUNDS, EVENING).tick(EVENING + DAY)
    nights = [f"2025-11-23 {hour}:12" for hour in ("01", "03", "05", "07")]
    assert about("zhao", decisions) == missed("2025-11-22 23:12", *nights)


def test_a_round_moves_the_next_deadline() -> None:
    watch = engine(ROUNDS, EVENING)
    watch.observe(visit("zhao", local("2025-11-22 22:30")))
    assert about("zhao", watch.tick(local("2025-11-23 00:41"))) == []
    assert about("zhao", watch.tick(local("2025-11-23 00:42"))) == missed("2025-11-23 00:42")


def test_a_late_round_clears_all_that_was_missed() -> None:
    watch = engine(ROUNDS, EVENING)
    watch.tick(local("2025-11-23 01:30"))
    done = local("2025-11-23 01:31")
    assert about("zhao", watch.observe(visit("zhao", done))) == [(Change.CLEAR, done)]
    assert about("zhao", watch.tick(local("2025-11-23 04:00"))) == missed("2025-11-23 03:43")


def test_a_round_reported_late_counts_from_when_it_was_made() -> None:
    watch = engine(ROUNDS, EVENING)
    made = local("2025-11-22 22:50")
    decisions = watch.observe(visit("zhao", made, delay=50 * MINUTE, late=True))
    assert about("zhao", decisions) == [
        *missed("2025-11-22 23:12"),
        (Change.CLEAR, local("2025-11-22 23:40")),
    ]
    cleared = next(d for d in decisions if d.change is Change.CLEAR and d.subject == "zhao")
    assert cleared.evidence.at == local("2025-11-22 23:40"), "what is cleared is later than the check"
    assert cleared.facts["done_ms"] == made
    assert about("zhao", watch.tick(local("2025-11-23 01:30"))) == missed("2025-11-23 01:02")


def test_a_round_of_long_ago_does_not_hide_that_somebody_is_overdue_now() -> None:
    watch = engine(ROUNDS, EVENING)
    watch.tick(local("2025-11-23 02:00"))
    reported = visit("zhao", local("2025-11-22 22:00"), delay=4 * HOUR, late=True)
    assert about("zhao", watch.observe(reported)) == []
    assert about("zhao", watch.tick(local("2025-11-23 03:30"))) == missed("2025-11-23 03:12")


def test_a_check_dated_in_the_future_counts_from_when_it_was_received() -> None:
    watch = engine(ROUNDS, EVENING)
    received = local("2025-11-22 21:30")
    watch.observe(visit("zhao", received + 50_000, delay=-50_000))
    assert about("zhao", watch.tick(local("2025-11-22 23:50"))) == missed("2025-11-22 23:42")


def test_a_start_inside_the_window_counts_from_the_start() -> None:
    watch = engine(ROUNDS, local("2025-11-22 23:30"))
    assert about("zhao", watch.tick(local("2025-11-23 02:00"))) == missed("2025-11-23 01:42")


def test_a_start_after_the_deadline_does_not_ask_for_what_is_past() -> None:
    watch = engine(DAILY, local("2025-11-22 09:31"))
    assert about("wang", watch.tick(local("2025-11-22 23:59"))) == []


def test_residents_on_leave_are_not_checked_and_are_again_when_back() -> None:
    away = Registry.of(
        HOME.places.values(),
        [replace(HOME.residents["zhao"], away=True), HOME.residents["wang"]],
    )
    watch = engine(ROUNDS, EVENING, away)
    assert about("zhao", watch.tick(local("2025-11-23 02:00"))) == []
    back = engine(ROUNDS, local("2025-11-23 02:00"))
    back.restore(watch.dirty())
    assert about("zhao", back.tick(local("2025-11-23 04:00"))) == missed("2025-11-23 03:12")


def absent(resident: str, at: int, why: str) -> Observation:
    return heard("desk", "absence", at, why, resident=resident)


def test_who_comes_back_within_the_grace_of_a_deadline_is_not_asked_for_it() -> None:
    watch = engine(DAILY, EVENING)
    decisions = watch.observe(absent("wang", EVENING, "hospital"))
    decisions += watch.observe(absent("wang", local("2025-11-23 09:33"), "present"))
    decisions += watch.tick(local("2025-11-24 12:00"))
    assert about("wang", decisions) == missed("2025-11-24 09:45")
    assert about("zhao", decisions) == missed("2025-11-23 09:45", "2025-11-24 09:45")


def test_rounds_count_from_when_she_is_back() -> None:
    watch = engine(ROUNDS, EVENING)
    decisions = watch.observe(absent("zhao", EVENING, "leave"))
    decisions += watch.observe(absent("zhao", local("2025-11-22 22:50"), "present"))
    decisions += watch.tick(local("2025-11-23 02:00"))
    assert about("zhao", decisions)[:1] == missed("2025-11-23 01:02")


def test_overrides_the_most_specific_wins() -> None:
    text = (
        ROUNDS
        + """
[rule.place.building-2]
every = "4h"
[rule.place.bed-2]
every = "5h"
[rule.resident.zhao]
grace = "0s"
"""
    )
    decisions = engine(text, EVENING).tick(EVENING + 7 * HOUR)
    assert about("li", decisions) == missed("2025-11-23 02:30"), "her bed's, over her building's and level's"
    assert about("zhao", decisions) == missed("2025-11-23 01:00"), "her own grace, her building's interval"
    assert about("wang", decisions) == missed("2025-11-23 00:18")


def test_rules_that_changed_keep_what_was_done() -> None:
    before = engine(DAILY, EVENING)
    before.observe(check_in("wang", local("2025-11-23 08:00")))
    after = engine(DAILY.replace("09:30", "10:30"), local("2025-11-23 09:00"))
    assert after.restore(before.dirty()) == []
    decisions = after.tick(local("2025-11-23 23:00"))
    assert about("wang", decisions) == []
    assert about("zhao", decisions) == missed("2025-11-23 10:45")


def test_rounds_that_changed_count_from_the_last_round() -> None:
    before = engine(ROUNDS, EVENING)
    before.observe(visit("zhao", local("2025-11-22 22:00")))
    after = engine(ROUNDS.replace('"2h"', '"1h"'), local("2025-11-22 22:30"))
    after.restore(before.dirty())
    assert about("zhao", after.tick(local("2025-11-22 23:10"))) == missed("2025-11-22 23:06")


def test_a_shorter_interval_gives_one_interval_of_time_to_whom_it_finds_overdue() -> None:
    before = engine(ROUNDS, EVENING)
    before.observe(visit("zhao", local("2025-11-22 22:00")))
    after = engine(ROUNDS.replace('"2h"', '"1h"'), local("2025-11-22 23:30"))
    after.restore(before.dirty())
    assert about("zhao", after.tick(local("2025-11-23 01:00"))) == missed("2025-11-23 00:36")


def test_a_daily_deadline_in_the_gap_and_in_the_double_hour_raises_once_a_day() -> None:
    text = DAILY.replace("05:00", "00:00").replace("09:30", "02:30").replace("15min", "0s")
    for first, last in (("2025-03-29 12:00", "2025-03-31 12:00"), ("2025-10-25 12:00", "2025-10-27 12:00")):
        start = local(first, "Europe/Berlin")
        decisions = engine(text, start).tick(local(last, "Europe/Berlin"))
        assert len(about("meyer", decisions)) == 2


@given(
    st.lists(st.integers(0, 6 * 24 * 60), max_size=12),
    st.sampled_from(["2025-03-28 12:00", "2025-10-24 12:00", "2025-12-29 12:00"]),
)
def test_r82_a_day_raises_exactly_when_nobody_checked_in_within_its_window(
    minutes: list[int], first: str
) -> None:
    start = local(first, "Europe/Berlin")
    checks = sorted(start + minute * MINUTE for minute in minutes)
    watch = engine(DAILY, start)
    decisions = [d for at in checks for d in watch.observe(check_in("meyer", at))]
    decisions += watch.tick(start + 6 * DAY)
    raised = {at for change, at in about("meyer", decisions) if change is Change.RAISE}
    expected = set()
    for n in range(1, 7):
        day = date.fromisoformat(first[:10]) + timedelta(days=n)
        opens, until = (local(f"{day} {time}", "Europe/Berlin") for time in ("05:00", "09:45"))
        if not any(opens <= at < until for at in checks):
            expected.add(until)
    assert raised == expected
