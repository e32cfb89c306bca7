"""Not up again after a fall (R-71, R-72)."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.observation import Observation, Quality
from devices.ourselves import AFTER_FALL
from devices.reading import Value
from rules.configuration import load
from rules.decision import Change, Severity
from rules.engine import Engine
from rules.kinds.long_lie import SETTLED_MS, STEPS_MS
from tests.rules.dwelling import HOUSE, of, play, said, watch
from tests.rules.home import DAY, HOUR, MINUTE, SECOND, local

RAISE, CLEAR = Change.RAISE, Change.CLEAR
NOW = local("2025-11-22 10:00")


def fresh() -> Engine:
    return watch("", NOW)


def told(*history: Observation, until: int = NOW + 3 * HOUR) -> list[tuple[Change, int]]:
    return said(play(fresh(), history, until), "long_lie")


def fall(at: int = NOW, resident: str = "bo", place: str = "") -> Observation:
    return of(resident, "fall", at, device="watch", place=place)


def test_r71_r72_who_does_not_get_up_is_called_for_again_and_again() -> None:
    decisions = play(fresh(), [fall()], NOW + 3 * HOUR)
    lies = [decision for decision in decisions if decision.kind == "long_lie"]
    assert [(d.at - NOW, d.facts["step_s"]) for d in lies] == [(ms, ms // SECOND) for ms in STEPS_MS]
    assert {(d.change, d.severity, d.cause) for d in lies} == {(RAISE, Severity.HIGH, "bo")}
    assert len({d.evidence.key for d in lies}) == len(STEPS_MS)


def test_r72_who_does_not_move_after_a_fall_is_called_for_sooner() -> None:
    still = of("bo", "moving", NOW + 11 * SECOND, False, device="watch")
    again = of("bo", "moving", NOW + 20 * SECOND, False, device="watch")
    decisions = play(fresh(), [fall(), still, again], NOW + 3 * HOUR)
    lies = [(d.at - NOW, d.facts["step_s"]) for d in decisions if d.kind == "long_lie"]
    assert lies == [(11 * SECOND, 11), *((ms, ms // SECOND) for ms in STEPS_MS[1:])]


def test_r72_a_watch_that_felt_it_tells_who_lies_still_also_where_a_radar_told_the_fall() -> None:
    """She wears it; a radar that sees nothing move may see an empty room."""
    radar = of("bo", "fall", NOW, device="radar")
    felt = of("bo", "fall", NOW + 2 * SECOND, device="watch")
    still = of("bo", "moving", NOW + 13 * SECOND, False, device="watch")._replace(detail=AFTER_FALL[False])
    decisions = play(fresh(), [radar, felt, still], NOW + MINUTE)
    assert [(d.at - NOW) // SECOND for d in decisions if d.kind == "long_lie"] == [13]


@pytest.mark.parametrize(
    ("at", "value", "device"),
    [
        (NOW + 11 * SECOND, True, "watch"),
        (NOW + 11 * SECOND, False, "radar"),
        (NOW + 5 * SECOND, False, "watch"),
    ],
)
def test_r72_who_moves_and_what_another_device_says_delays_nothing(
    at: int, value: Value, device: str
) -> None:
    moving = of("bo", "moving", at, value, device=device)
    assert told(fall(), moving) == told(fall())


def test_the_alert_of_the_fall_itself_is_as_it_was() -> None:
    (raised,) = fresh().observe(fall())
    assert (raised.kind, raised.change, raised.at) == ("fall", RAISE, NOW)


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("posture", "standing"),
        ("posture", "walking"),
        ("bed_occupied", True),
        ("seat_occupied", True),
        ("bed_enter", True),
        ("check_in", True),
        ("visit", True),
        ("staff_present", True),
    ],
)
def test_r71_she_is_up_or_not_alone(metric: str, value: Value) -> None:
    end = of("bo", metric, NOW + MINUTE, value)
    assert told(fall(), end) == [(RAISE, NOW + 30 * SECOND), (CLEAR, NOW + MINUTE)]
    soon = of("bo", metric, NOW + 20 * SECOND, value)
    assert told(fall(), soon) == []


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("posture", "lying"),
        ("posture", "sitting"),
        ("bed_occupied", False),
        ("fall_cleared", True),
        ("help_cancelled", True),
        ("heart_rate", 70.0),
        ("motion", True),
        ("door_open", True),
        ("bed_exit", True),
    ],
)
def test_r71_this_does_not_say_that_she_is_up(metric: str, value: Value) -> None:
    assert len(told(fall(), of("bo", metric, NOW + 20 * SECOND, value))) == len(STEPS_MS)


def test_steps_count_only_when_they_rise() -> None:
    counts = [(12, 200.0), (14, 203.0), (16, 203.0), (18, 205.0)]
    history = [of("bo", "steps", NOW + s * SECOND, count) for s, count in counts]
    assert told(fall(), *history[:3])[0] == (RAISE, NOW + 30 * SECOND)
    assert told(fall(), *history) == []


def test_the_bed_sensor_that_lags_behind_a_fall_out_of_bed_ends_nothing() -> None:
    assert told(fall(), of("bo", "bed_occupied", NOW + 5 * SECOND))[0] == (RAISE, NOW + 30 * SECOND)


def test_a_radar_that_repeats_the_fall_does_not_put_the_steps_off() -> None:
    falls = [fall(NOW + n * 5 * SECOND) for n in range(60)]
    assert told(*falls)[:2] == [(RAISE, NOW + 30 * SECOND), (RAISE, NOW + 3 * MINUTE)]


def test_a_new_fall_begins_anew_once_she_was_up_or_hours_later() -> None:
    up, again = of("bo", "posture", NOW + 20 * SECOND, "walking"), NOW + 5 * MINUTE
    assert told(fall(), up, fall(again))[0] == (RAISE, again + 30 * SECOND)
    later = NOW + 2 * HOUR
    assert told(fall(), fall(later))[4:6] == [(RAISE, later + 30 * SECOND), (RAISE, later + 3 * MINUTE)]


def test_the_same_fall_told_again_after_she_was_up_is_not_another() -> None:
    up = of("bo", "posture", NOW + 20 * SECOND, "walking")
    again = fall()._replace(received_at=NOW + MINUTE)
    assert told(fall(), up, again) == []


def test_nor_when_she_had_been_called_for_by_then() -> None:
    up = of("bo", "posture", NOW + MINUTE, "walking")
    again = fall()._replace(received_at=NOW + 2 * MINUTE)
    assert told(fall(), up, again) == [(RAISE, NOW + 30 * SECOND), (CLEAR, NOW + MINUTE)]


def test_what_was_told_is_said_and_every_lie_by_itself() -> None:
    up = of("bo", "visit", NOW + 200 * SECOND)._replace(received_at=NOW + 201 * SECOND)
    later = NOW + 2 * HOUR
    lies = [d for d in play(fresh(), [fall(), up, fall(later)], NOW + 4 * HOUR) if d.kind == "long_lie"]
    raised = [d for d in lies if d.change is RAISE]
    assert {(d.evidence.device, d.facts["fall_ms"]) for d in raised} == {("watch", NOW), ("watch", later)}
    assert len({d.evidence.key for d in raised}) == len(raised) == 2 + len(STEPS_MS)
    (cleared,) = (d for d in lies if d.change is CLEAR)
    assert (cleared.at, cleared.facts) == (NOW + 200 * SECOND, {"lay_s": 200, "ended_by": "visit"})


def test_from_ten_seconds_on_she_may_be_up() -> None:
    assert told(fall(), of("bo", "posture", NOW + SETTLED_MS, "standing")) == []


def test_r92_that_she_was_up_in_time_may_be_told_a_second_too_late() -> None:
    up = of("bo", "posture", NOW + 29 * SECOND, "walking")._replace(received_at=NOW + 31 * SECOND)
    assert told(fall(), up) == []


def test_no_fall_is_no_lie() -> None:
    assert told(of("bo", "fall", NOW, False, device="watch")) == []


@pytest.mark.parametrize("at", [NOW - 5 * SECOND, NOW + HOUR])
def test_another_fall_told_within_the_hour_is_of_the_same_lie(at: int) -> None:
    again = fall(at)._replace(received_at=max(at, NOW + 10 * SECOND))
    assert told(fall(), again) == [(RAISE, NOW + ms) for ms in STEPS_MS]


@pytest.mark.parametrize(("hours", "lies"), [(23, False), (25, True)])
def test_r90_a_fall_of_hours_ago_is_history_and_one_of_days_ago_of_now(hours: int, lies: bool) -> None:
    old = fall(NOW - hours * HOUR)._replace(received_at=NOW)
    assert told(old) == ([(RAISE, NOW + ms) for ms in STEPS_MS] if lies else [])


def test_r58_a_badge_left_at_the_bed_hours_ago_is_nobody_with_her() -> None:
    badge = [of("bo", "staff_present", NOW - n * 30 * MINUTE, device="badge") for n in range(6, 0, -1)]
    still = of("bo", "staff_present", NOW + 20 * SECOND, device="badge")
    decisions = play(watch("", NOW - 4 * HOUR), [*badge, fall(), still], NOW + 3 * HOUR)
    assert said(decisions, "long_lie") == [(RAISE, NOW + ms) for ms in STEPS_MS]


def test_a_clock_of_ours_that_goes_back_forgets_nobody_on_the_floor() -> None:
    engine = fresh()
    play(engine, [fall(NOW + HOUR)], NOW + HOUR + 10 * SECOND)
    engine.begin_again(NOW)
    assert said(engine.tick(NOW + 3 * HOUR), "long_lie") == [(RAISE, NOW + ms) for ms in STEPS_MS]


def test_a_clock_of_ours_that_goes_back_overlooks_no_fall_to_come() -> None:
    engine, ahead = fresh(), NOW + HOUR
    play(engine, [fall(ahead), of("bo", "visit", ahead + 20 * SECOND)], ahead + MINUTE)
    engine.begin_again(NOW)
    again = NOW + MINUTE
    lies = said(play(engine, [fall(again)], again + 3 * HOUR), "long_lie")
    assert lies == [(RAISE, again + ms) for ms in STEPS_MS]


@pytest.mark.parametrize(
    ("late_min", "first"),
    [(0, 30), (1, 30), (3, 180), (5, 180), (45, 1800), (59, 1800), (60, 3600), (61, 0)],
)
def test_r90_a_fall_told_late_calls_for_the_step_it_has_reached(late_min: int, first: int) -> None:
    late = fall()._replace(received_at=NOW + late_min * MINUTE)
    decisions = play(fresh(), [late], NOW + 3 * HOUR)
    steps = [decision.facts["step_s"] for decision in decisions if decision.kind == "long_lie"]
    assert steps == [ms // SECOND for ms in STEPS_MS if first and ms // SECOND >= first]


def test_a_fall_told_by_a_clock_years_behind_is_of_now() -> None:
    wrong = fall(NOW - 6 * 365 * DAY)._replace(received_at=NOW, quality=Quality.UNCERTAIN)
    assert told(wrong) == [(RAISE, NOW + ms) for ms in STEPS_MS]
    assert told(wrong, of("bo", "visit", NOW + 20 * SECOND)) == []


@pytest.mark.parametrize("quality", [Quality.GOOD, Quality.UNCERTAIN, Quality.BAD])
def test_r94_a_fall_of_bad_quality_counts_and_a_recovery_of_bad_quality_does_not(quality: Quality) -> None:
    up = of("bo", "posture", NOW + 20 * SECOND, "walking")._replace(quality=quality)
    lies = told(fall()._replace(quality=quality), up)
    assert bool(lies) is (quality is Quality.BAD)


def test_a_fall_in_a_shared_room_is_watched_there_and_another_person_walking_ends_nothing() -> None:
    room = fall(resident="", place="room-2")
    others = of("bo", "posture", NOW + 20 * SECOND, "walking")
    assert len(told(room, others)) == len(STEPS_MS)
    visit = of("", "visit", NOW + 20 * SECOND, device="scanner", place="room-2")
    assert told(room, visit) == []


def test_a_restart_in_the_middle_calls_for_every_step_once() -> None:
    before = fresh()
    first = said(play(before, [fall()], NOW + 4 * MINUTE), "long_lie")
    rows = before.dirty()
    after = watch("", NOW + 2 * HOUR)
    after.restore(rows)
    steps = first + said(after.tick(NOW + 2 * HOUR), "long_lie")
    assert steps == [(RAISE, NOW + ms) for ms in STEPS_MS]


def test_r42_it_cannot_be_switched_off_or_played_down() -> None:
    for line in ("enabled = false", 'severity = "low"'):
        assert isinstance(load(f'[[rule]]\nid = "l"\nkind = "long_lie"\n{line}', HOUSE), list)


WHAT = st.sampled_from(["fall", "walking", "sitting", "visit", "heart_rate"])


@given(st.lists(st.tuples(st.integers(1, 20 * 60), WHAT), max_size=12))
def test_r71_is_what_a_person_with_a_watch_would_write_down(given: list[tuple[int, str]]) -> None:
    at, history = NOW, []
    for gap, what in given:
        at += gap * SECOND
        match what:
            case "walking" | "sitting":
                history.append(of("bo", "posture", at, what))
            case _:
                history.append(of("bo", what, at, 70.0 if what == "heart_rate" else True))
    assert told(*history, until=NOW + 12 * HOUR) == written_down(history)


def written_down(history: Sequence[Observation]) -> list[tuple[Change, int]]:
    """The obvious model: for each fall that begins a lie, the steps until somebody saw her up."""
    written: list[tuple[Change, int]] = []
    free = 0
    for one in history:
        if one.metric != "fall" or one.at <= free:
            continue
        ends = (
            other.at
            for other in history
            if other.at >= one.at + SETTLED_MS and (other.value == "walking" or other.metric == "visit")
        )
        anew = (o.at for o in history if o.metric == "fall" and o.at > one.at + STEPS_MS[-1])
        end, free = next(ends, None), next(anew, NOW + 24 * HOUR) - 1
        lies = end if end is not None and end <= free else None
        steps = [one.at + ms for ms in STEPS_MS if lies is None or one.at + ms <= lies]
        written += [(RAISE, step) for step in steps]
        if lies is not None:
            free = lies
            written += [(CLEAR, lies)] if steps else []
    return written
