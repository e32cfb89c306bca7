"""Out of bed at night for longer than is good for her (R-75)."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.observation import Observation, Quality
from rules.configuration import default
from rules.decision import Change, Decision, Severity
from rules.engine import Engine
from tests.rules.dwelling import HOUSE, of, play, said, watch
from tests.rules.home import DAY, HOUR, MINUTE, SECOND, local

RAISE, CLEAR, SUPPRESS = Change.RAISE, Change.CLEAR, Change.SUPPRESS
EVENING = local("2025-11-22 20:00")
LATE = local("2025-11-22 23:00")
AT_ONCE = '[[rule]]\nid = "bed"\nkind = "bed_exit"\nwithin = "0s"'


def told(history: Sequence[Observation], until: int, text: str = "") -> list[tuple[Change, int]]:
    engine = watch(text, EVENING) if text else Engine(default(), HOUSE, EVENING)
    return said(play(engine, history, until), "bed_exit")


def bed(at: int, occupied: bool, resident: str = "bo", device: str = "bed") -> Observation:
    return of(resident, "bed_occupied", at, occupied, device=device)


def test_r75_out_for_half_an_hour_at_night_raises_and_back_clears() -> None:
    history = [bed(LATE - HOUR, True), bed(LATE, False), bed(LATE + HOUR, True)]
    assert told(history, LATE + 2 * HOUR) == [(RAISE, LATE + 30 * MINUTE), (CLEAR, LATE + HOUR)]


@pytest.mark.parametrize(
    ("resident", "minutes", "severity"),
    [("bo", 30, Severity.MEDIUM), ("an", 15, Severity.HIGH), ("chen", 15, Severity.HIGH)],
)
def test_r79_a_high_risk_of_falling_halves_the_time(resident: str, minutes: int, severity: Severity) -> None:
    history = [bed(LATE - HOUR, True, resident), bed(LATE, False, resident)]
    decisions = play(Engine(default(), HOUSE, EVENING), history, LATE + HOUR)
    (raised,) = [decision for decision in decisions if decision.kind == "bed_exit"]
    assert (raised.at, raised.severity) == (LATE + minutes * MINUTE, severity)


def test_r75_back_in_time_says_nothing() -> None:
    assert told([bed(LATE, False), bed(LATE + 29 * MINUTE, True)], LATE + HOUR) == []


def test_r75_who_must_not_get_up_alone_is_told_of_within_five_seconds() -> None:
    engine = watch(AT_ONCE, EVENING)
    assert play(engine, [bed(LATE - HOUR, True), bed(LATE, False)], LATE + 4_999) == []
    assert said(engine.tick(LATE + 5 * SECOND), "bed_exit") == [(RAISE, LATE + 3 * SECOND)]


def test_r75_turning_over_is_no_exit() -> None:
    empty_for_a_second = [
        bed(LATE + n * SECOND, bool(n % 2)) for n in range(20)
    ]  # out, in, out, in: never for three seconds
    assert told([*empty_for_a_second, bed(LATE + MINUTE, True)], LATE + HOUR, AT_ONCE) == []


def test_a_hand_on_the_mattress_is_no_return() -> None:
    history = [bed(LATE, False), bed(LATE + 20 * MINUTE, True), bed(LATE + 20 * MINUTE + SECOND, False)]
    assert told(history, LATE + HOUR) == [(RAISE, LATE + 30 * MINUTE)]


def test_r75_by_day_nothing_is_said_and_out_since_shortly_before_counts_from_nine() -> None:
    nine = local("2025-11-23 21:00")
    history = [bed(EVENING, True), bed(nine - 10 * MINUTE, False)]
    assert told(history, nine + DAY // 2) == [(RAISE, nine + 30 * MINUTE)]


@pytest.mark.parametrize("up", ["07:00", "13:30", "18:59"])
def test_r75_who_is_up_since_the_day_has_not_gone_to_bed_yet(up: str) -> None:
    history = [bed(EVENING, True), bed(local(f"2025-11-23 {up}"), False)]
    night = local("2025-11-23 23:00")
    assert told([*history, bed(night, True)], night + HOUR) == []
    rises = [*history, bed(night, True), bed(night + HOUR, False)]
    assert told(rises, night + 3 * HOUR) == [(RAISE, night + HOUR + 30 * MINUTE)]


def test_r75_who_is_found_out_of_bed_by_day_is_up_and_by_night_is_out() -> None:
    assert told([bed(EVENING, False)], EVENING + 9 * HOUR) == []
    assert told([bed(LATE, False)], LATE + HOUR) == [(RAISE, LATE + 30 * MINUTE)]


def test_r75_a_touch_of_the_bed_does_not_put_to_bed_who_is_up() -> None:
    touch = [bed(EVENING, False), bed(LATE, True), bed(LATE + SECOND, False)]
    assert told(touch, LATE + 5 * HOUR) == []


def test_who_rises_at_the_end_of_the_night_is_not_out_of_bed() -> None:
    rises = local("2025-11-23 05:45")
    assert told([bed(EVENING, True), bed(rises, False)], rises + 12 * HOUR) == []


@pytest.mark.parametrize("night", ["2025-10-25", "2025-10-26", "2026-03-28"])
def test_r75_the_night_is_by_the_wall_clock_also_when_the_clocks_change(night: str) -> None:
    opens = local(f"{night} 21:00", "Europe/Berlin")
    engine = Engine(default(), HOUSE, opens - 2 * HOUR)
    history = [bed(opens - 2 * HOUR, True, "meyer"), bed(opens - HOUR, False, "meyer")]
    decisions = play(engine, history, opens + 11 * HOUR)
    assert said(decisions, "bed_exit") == [(RAISE, opens + 30 * MINUTE)]


def test_r75_events_of_a_bed_sensor_say_the_same_as_its_state() -> None:
    history = [
        of("bo", "bed_enter", LATE - HOUR),
        of("bo", "bed_exit", LATE),
        of("bo", "bed_enter", LATE + HOUR),
    ]
    assert told(history, LATE + 2 * HOUR) == [(RAISE, LATE + 30 * MINUTE), (CLEAR, LATE + HOUR)]


def test_she_is_in_bed_when_any_sensor_says_so() -> None:
    both = [bed(LATE - HOUR, True), bed(LATE - HOUR, True, device="radar"), bed(LATE, False, device="radar")]
    assert told(both, LATE + HOUR) == []
    out = [*both, bed(LATE + HOUR, False)]
    assert told(out, LATE + 2 * HOUR) == [(RAISE, LATE + 90 * MINUTE)]


def test_r58_staff_in_the_room_suppress_until_they_have_left() -> None:
    comes, leaves = LATE + 10 * MINUTE, LATE + 50 * MINUTE
    history = [
        bed(LATE, False),
        of("bo", "staff_present", comes, device="badge"),
        of("bo", "staff_present", leaves, False, device="badge"),
    ]
    waits = 5 * MINUTE  # staff were with her a moment ago
    (suppressed, raised) = told(history, LATE + 2 * HOUR)
    assert suppressed == (SUPPRESS, LATE + 30 * MINUTE)
    assert raised[0] is RAISE
    assert leaves + waits <= raised[1] <= leaves + waits + MINUTE


def test_r58_a_round_a_moment_ago_suppresses_for_a_moment() -> None:
    visit = of("bo", "visit", LATE + 28 * MINUTE, device="scanner")
    changes = told([bed(LATE, False), visit], LATE + HOUR)
    assert [change for change, _ in changes] == [SUPPRESS, RAISE]
    assert LATE + 33 * MINUTE <= changes[1][1] <= LATE + 34 * MINUTE


def test_nothing_is_said_while_she_is_away_and_an_alert_ends_with_it() -> None:
    history = [
        bed(LATE, False),
        of("bo", "absence", LATE + HOUR, "hospital", device="desk"),
        of("bo", "absence", LATE + 3 * HOUR, "present", device="desk"),
    ]
    assert told(history, LATE + 4 * HOUR) == [
        (RAISE, LATE + 30 * MINUTE),
        (CLEAR, LATE + HOUR),
        (RAISE, LATE + 3 * HOUR + 30 * MINUTE),
    ]


def test_r26_a_sensor_that_is_offline_says_nothing_any_more() -> None:
    history = [bed(LATE, False), of("bo", "online", LATE + 10 * MINUTE, False, device="bed")]
    assert told(history, LATE + HOUR) == [(SUPPRESS, LATE + 10 * MINUTE)]
    history.append(of("bo", "online", LATE + 20 * MINUTE, device="bed"))
    assert told(history, LATE + HOUR)[1:] == []  # what it said before is not believed again
    history.append(bed(LATE + 30 * MINUTE, False))
    assert told(history, LATE + 2 * HOUR)[1:] == [(RAISE, LATE + HOUR)]


def test_r26_a_sensor_silent_for_a_day_is_no_alert() -> None:
    died = local("2025-11-22 22:00")
    night = local("2025-11-23 21:00")
    assert told([bed(died, False)], night + 8 * HOUR) == [(RAISE, died + 30 * MINUTE)]


def test_r26_a_sensor_that_fell_silent_raises_no_alert_but_says_so() -> None:
    hourly = '[[rule]]\nid="b"\nkind="bed_exit"\nwithin="2h"\nstale="1h"'
    assert told([bed(LATE, False)], LATE + 3 * HOUR, hourly) == [(SUPPRESS, LATE + 2 * HOUR)]


def test_a_sensor_that_goes_on_saying_the_same_is_believed() -> None:
    hourly = '[[rule]]\nid="b"\nkind="bed_exit"\nwithin="2h"\nstale="1h"'
    history = [bed(LATE + n * 10 * MINUTE, False) for n in range(13)]
    assert told(history, LATE + 3 * HOUR, hourly) == [(RAISE, LATE + 2 * HOUR)]


@pytest.mark.parametrize("quality", [Quality.STALE, Quality.BAD])
def test_r94_what_is_stale_or_bad_is_not_believed(quality: Quality) -> None:
    assert told([bed(LATE, False)._replace(quality=quality)], LATE + HOUR) == []


def test_still_out_the_next_evening_is_up_and_raises_nothing_more() -> None:
    nine = local("2025-11-23 21:00")
    history = [bed(LATE, False), *(bed(LATE + n * HOUR, False) for n in range(1, 24))]
    assert told(history, nine + HOUR) == [(RAISE, LATE + 30 * MINUTE)]


def test_r58_staff_who_leave_after_the_night_has_ended_end_it() -> None:
    six = local("2025-11-23 06:00")
    history = [
        bed(six - HOUR, False),
        *(of("bo", "visit", six - n * MINUTE) for n in (35, 30, 25, 20, 15, 10, 5, 1)),
    ]
    assert told(history, six + DAY // 2) == [(SUPPRESS, six - 30 * MINUTE)]


def test_r75_sitting_up_is_said_early_where_it_is_asked_for() -> None:
    history = [
        bed(LATE - HOUR, True),
        of("bo", "posture", LATE, "sitting"),
        of("bo", "posture", LATE + MINUTE, "lying"),
    ]
    assert told(history, LATE + HOUR) == []
    early = told(history, LATE + HOUR, f"{AT_ONCE}\nearly = true")
    assert early == [(RAISE, LATE), (CLEAR, LATE + MINUTE)]


def test_r75_only_lying_again_ends_what_was_said_early_and_the_next_sitting_is_said_anew() -> None:
    course = ["sitting", "standing", "sitting", "lying", "sitting"]
    history = [bed(LATE - HOUR, True)]
    history += [of("bo", "posture", LATE + n * MINUTE, posture) for n, posture in enumerate(course)]
    early = told(history, LATE + HOUR, f"{AT_ONCE}\nearly = true")
    assert early == [(RAISE, LATE), (CLEAR, LATE + 3 * MINUTE), (RAISE, LATE + 4 * MINUTE)]


def test_r75_back_in_bed_after_an_early_word_the_next_sitting_is_said_anew() -> None:
    history = [
        bed(LATE - HOUR, True),
        of("bo", "posture", LATE, "sitting"),
        bed(LATE + MINUTE, False),
        bed(LATE + 2 * MINUTE, True),
        of("bo", "posture", LATE + 3 * MINUTE, "sitting"),
    ]
    ours = told(history, LATE + HOUR, f"{AT_ONCE}\nearly = true")
    assert [change for change, _ in ours] == [RAISE, RAISE, CLEAR, RAISE]


def test_r26_of_two_sensors_that_say_out_one_offline_changes_nothing() -> None:
    history = [
        *(bed(LATE - HOUR, True, device=device) for device in ("mat", "radar")),
        *(bed(LATE, False, device=device) for device in ("mat", "radar")),
        of("bo", "online", LATE + MINUTE, False, device="radar"),
    ]
    assert told(history, LATE + HOUR) == [(RAISE, LATE + 30 * MINUTE)]


SETTLE = 3
OPENS, CLOSES = local("2025-11-22 21:00"), local("2025-11-22 21:20")
BEGINS = OPENS - 5 * MINUTE
WITHIN = {"0s": 0, "10s": 10, "5min": 300}


def second_by_second(history: Sequence[Observation], within_s: int) -> list[tuple[Change, int]]:
    """The obvious model: every second, look at what the sensor says and for how long."""
    decided: list[tuple[Change, int]] = []
    says: bool | None = None
    since = 0
    out: int | None = None
    raised = was_in = False
    until = CLOSES + 10 * MINUTE
    words = {observation.at: observation.value is True for observation in history}
    for at in range(BEGINS, until, SECOND):
        for word in (says, words.get(at, says)):
            if word is not says:
                says, since = word, at
            stood = at - since >= SETTLE * SECOND
            if says is False and out is None:
                out = since if was_in or since >= OPENS else until  # found up by day: not counted
            was_in = was_in or says is True
            if says and stood and out is not None:
                decided += [(CLEAR, since)] if raised else []
                out, raised = None, False
            lies_out = says is False and stood and out is not None and OPENS <= at < CLOSES
            if lies_out and not raised and at - max(out or until, OPENS) >= within_s * SECOND:
                decided.append((RAISE, at))
                raised = True
    return decided


@given(
    st.lists(st.tuples(st.integers(1, 6) | st.integers(1, 600), st.booleans()), max_size=30),
    st.sampled_from(list(WITHIN)),
)
def test_r75_is_what_looking_every_second_says(told_after: list[tuple[int, bool]], within: str) -> None:
    at, history = BEGINS, []
    for gap, occupied in told_after:
        at += gap * SECOND
        if at < CLOSES + 9 * MINUTE:
            history.append(bed(at, occupied))
    text = f'[[rule]]\nid="b"\nkind="bed_exit"\nwithin="{within}"\nbetween=["21:00", "21:20"]'
    decisions = play(watch(text, BEGINS), history, CLOSES + 10 * MINUTE + 1_000)
    assert said(decisions, "bed_exit") == second_by_second(history, WITHIN[within])


def test_a_sensor_that_repeats_itself_writes_nothing_but_once_in_five_minutes() -> None:
    engine = watch(AT_ONCE, EVENING)
    play(engine, [bed(LATE, True)], LATE + MINUTE)
    engine.dirty()
    play(engine, (bed(LATE + n * SECOND, True) for n in range(1, 299)), LATE + 5 * MINUTE)
    assert [row for row in engine.dirty() if row[0] == "bed"] == []


def facts_of(decisions: Sequence[Decision]) -> list[dict[str, object]]:
    return [dict(decision.facts) for decision in decisions if decision.kind == "bed_exit"]


def test_facts_say_how_long_she_has_been_out() -> None:
    decisions = play(Engine(default(), HOUSE, EVENING), [bed(LATE, False)], LATE + HOUR)
    assert facts_of(decisions) == [{"out_min": 30}]
