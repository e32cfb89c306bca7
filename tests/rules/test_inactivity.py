"""No sign of life from any sensor of a home for too long (R-81)."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.observation import Observation, Quality
from rules import signs
from rules.configuration import default, load
from rules.decision import Change
from rules.engine import Engine
from rules.kinds.inactivity import GRAIN_MS
from tests.rules.dwelling import HOUSE, of, play, said, watch
from tests.rules.home import HOUR, MINUTE, SECOND, local

RAISE, CLEAR, SUPPRESS = Change.RAISE, Change.CLEAR, Change.SUPPRESS
MORNING = local("2025-11-22 08:00")


def told(history: Sequence[Observation], until: int, text: str = "") -> list[tuple[Change, int]]:
    engine = watch(text, MORNING) if text else Engine(default(), HOUSE, MORNING)
    return said(play(engine, history, until + 2 * SECOND), "inactivity")


def motion(at: int, resident: str = "bo", *, value: bool = True, device: str = "pir") -> Observation:
    return of(resident, "motion", at, value, device=device)


def test_r81_four_silent_hours_by_day_raise_and_the_next_sign_clears() -> None:
    back = MORNING + 5 * HOUR
    assert told([motion(MORNING), motion(back)], back + HOUR) == [(RAISE, MORNING + 4 * HOUR), (CLEAR, back)]


def test_r81_it_is_never_too_early_and_at_most_five_minutes_late() -> None:
    ((change, at),) = told([motion(MORNING + 61 * SECOND)], MORNING + 5 * HOUR)
    assert change is RAISE
    assert 0 <= at - (MORNING + 61 * SECOND + 4 * HOUR) <= GRAIN_MS


@pytest.mark.parametrize("within", ["119min", "13h", "0s"])
def test_r81_the_time_is_two_to_twelve_hours(within: str) -> None:
    assert isinstance(load(f'[[rule]]\nid = "i"\nkind = "inactivity"\nwithin = "{within}"'), list)


def test_r81_her_own_time_and_that_of_an_hour() -> None:
    text = (
        '[[rule]]\nid = "i"\nkind = "inactivity"\n[rule.resident.bo]\nwithin = "2h"\nhours = { "12" = "3h" }'
    )
    assert told([motion(MORNING)], MORNING + 2 * HOUR, text) == [(RAISE, MORNING + 2 * HOUR)]
    noon = local("2025-11-22 12:30")
    assert told([motion(noon)], noon + 3 * HOUR, text) == [(RAISE, noon + 3 * HOUR)]
    assert isinstance(load('[[rule]]\nid = "i"\nkind = "inactivity"\nhours = { "24" = "3h" }'), list)


def test_r81_the_night_stops_the_count_and_the_morning_begins_it_anew() -> None:
    evening, morning = local("2025-11-22 20:30"), local("2025-11-23 06:00")
    assert told([motion(evening)], morning + 4 * HOUR) == [(RAISE, morning + 4 * HOUR)]
    at_night = local("2025-11-23 03:00")
    assert told([motion(at_night)], morning + 4 * HOUR) == [(RAISE, morning + 4 * HOUR)]


def test_r81_who_was_silent_since_the_afternoon_does_not_wait_for_the_morning() -> None:
    afternoon = local("2025-11-22 18:30")
    assert told([motion(afternoon)], afternoon + 4 * HOUR) == [(RAISE, afternoon + 4 * HOUR)]


@pytest.mark.parametrize("day", ["2025-10-26", "2026-03-29"])
def test_r81_the_day_is_by_the_wall_clock_also_when_the_clocks_change(day: str) -> None:
    morning = local(f"{day} 06:00", "Europe/Berlin")
    engine = Engine(default(), HOUSE, morning - 20 * HOUR)
    decisions = play(engine, [motion(morning - 5 * HOUR, "meyer")], morning + 5 * HOUR)
    assert said(decisions, "inactivity") == [(RAISE, morning + 4 * HOUR)]


def test_r81_in_bed_by_day_is_longer_but_not_for_ever() -> None:
    lies_down = MORNING + HOUR
    history = [
        motion(MORNING),
        of("bo", "bed_occupied", MORNING, False, device="bed"),
        of("bo", "bed_occupied", lies_down, device="bed"),
        *(of("bo", "bed_occupied", lies_down + n * MINUTE, device="bed") for n in range(600)),
    ]
    assert told(history, lies_down + 9 * HOUR) == [(RAISE, lies_down + 8 * HOUR)]


def test_a_heart_rate_is_no_sign_of_activity() -> None:
    history = [motion(MORNING), *(of("bo", "heart_rate", MORNING + n * MINUTE, 70.0) for n in range(300))]
    assert told(history, MORNING + 5 * HOUR) == [(RAISE, MORNING + 4 * HOUR)]


@pytest.mark.parametrize("metric", sorted(signs.AT_ONCE))
def test_r81_every_sign_of_life_counts(metric: str) -> None:
    history = [motion(MORNING), of("bo", metric, MORNING + 3 * HOUR)]
    in_bed = 4 * HOUR if metric == "bed_enter" else 0
    due = MORNING + 7 * HOUR + in_bed
    assert told(history, due) == [(RAISE, due)]


def test_a_door_as_the_last_sign_is_said() -> None:
    doors = [of("bo", "door_open", MORNING + n * HOUR, bool(n), device="door") for n in range(2)]
    engine = Engine(default(), HOUSE, MORNING)
    decisions = play(engine, [motion(MORNING), *doors], MORNING + 5 * HOUR + 2 * SECOND)
    (raised,) = [decision for decision in decisions if decision.kind == "inactivity"]
    assert (raised.at, raised.facts["last"]) == (MORNING + 5 * HOUR, "door_open")


def test_what_happens_in_a_shared_room_is_a_sign_of_all_who_live_there() -> None:
    history = [motion(MORNING, "bo"), motion(MORNING, "chen")]
    history += [of("", "motion", MORNING + n * HOUR, device="ceiling", place="room-2") for n in range(1, 5)]
    assert told(history, MORNING + 7 * HOUR) == []


def test_who_has_but_a_button_or_a_bed_is_not_watched() -> None:
    bed = [of("bo", "bed_occupied", MORNING + n * HOUR, bool(n % 2), device="bed") for n in range(2)]
    assert told([of("bo", "check_in", MORNING, device="button"), *bed], MORNING + 9 * HOUR) == []


def test_three_sensors_of_any_sort_are_enough() -> None:
    history = [
        of("bo", "door_open", MORNING + n * MINUTE, bool(n), device=door)
        for n in range(2)
        for door in ("fridge", "wardrobe", "bathroom")
    ]
    last = MORNING + 5 * MINUTE
    assert told(history, last + 4 * HOUR) == [(RAISE, last + 4 * HOUR)]


def test_it_is_paused_while_she_is_away_and_counts_from_her_return() -> None:
    history = [
        motion(MORNING),
        of("bo", "absence", MORNING + HOUR, "leave", device="desk"),
        of("bo", "absence", MORNING + 6 * HOUR, "present", device="desk"),
    ]
    back = MORNING + 6 * HOUR
    assert told(history, back + 4 * HOUR) == [(RAISE, back + 4 * HOUR)]
    assert told(history[:2], MORNING + 30 * HOUR) == []


def test_going_away_ends_the_alert() -> None:
    leaves = MORNING + 5 * HOUR
    history = [motion(MORNING), of("bo", "absence", leaves, "hospital", device="desk")]
    assert told(history, leaves + 9 * HOUR) == [(RAISE, MORNING + 4 * HOUR), (CLEAR, leaves)]


def test_r26_all_sensors_offline_is_a_fault_and_no_silence() -> None:
    gone, back = MORNING + HOUR, MORNING + 6 * HOUR
    history = [motion(MORNING), of("bo", "online", gone, False, device="pir")]
    assert told(history, MORNING + 12 * HOUR) == [(SUPPRESS, MORNING + 4 * HOUR)]
    history.append(of("bo", "online", back, device="pir"))
    assert told(history, back + 4 * HOUR)[1:] == [(RAISE, back + 4 * HOUR)]


def test_one_sensor_offline_of_two_is_said_in_the_alert() -> None:
    history = [
        motion(MORNING),
        motion(MORNING, device="pir-2"),
        of("bo", "online", MORNING + HOUR, False, device="pir"),
    ]
    decisions = play(Engine(default(), HOUSE, MORNING), history, MORNING + 4 * HOUR + 2 * SECOND)
    (raised,) = [decision for decision in decisions if decision.kind == "inactivity"]
    assert (raised.facts["sensors"], raised.facts["offline"], raised.facts["silent_min"]) == (2, 1, 240)


def test_a_time_in_which_we_heard_nobody_is_taken_out() -> None:
    engine = Engine(default(), HOUSE, MORNING)
    play(engine, [motion(MORNING)], MORNING + HOUR)
    engine.deaf(MORNING + HOUR, MORNING + 3 * HOUR)
    assert said(engine.tick(MORNING + 6 * HOUR + 2 * SECOND), "inactivity") == [(RAISE, MORNING + 6 * HOUR)]


def test_of_a_time_in_which_we_heard_nobody_only_what_came_after_the_last_sign_is_taken_out() -> None:
    engine = Engine(default(), HOUSE, MORNING)
    play(engine, [motion(MORNING + 2 * HOUR)], MORNING + 3 * HOUR)
    engine.deaf(MORNING + HOUR, MORNING + 3 * HOUR)
    assert said(engine.tick(MORNING + 8 * HOUR), "inactivity") == [(RAISE, MORNING + 7 * HOUR)]


def test_a_change_that_is_older_than_what_is_known_is_no_sign() -> None:
    """That a door was closed, told an hour and a half late, makes no change of what it says since."""
    moved = [motion(MORNING + n * MINUTE) for n in range(2)]
    door = [of("bo", "door_open", MORNING, False), of("bo", "door_open", MORNING + HOUR, True)]
    late = of("bo", "door_open", MORNING + 30 * MINUTE, False)._replace(received_at=MORNING + 2 * HOUR)
    again = of("bo", "door_open", MORNING + 3 * HOUR, True)
    assert told([*moved, *door, late, again], MORNING + 6 * HOUR) == [(RAISE, MORNING + 5 * HOUR)]


def test_still_no_sign_raises_again() -> None:
    ours = told([motion(MORNING)], MORNING + 9 * HOUR)
    assert ours == [(RAISE, MORNING + 4 * HOUR), (RAISE, MORNING + 8 * HOUR)]


@pytest.mark.parametrize("quality", [Quality.STALE, Quality.BAD])
def test_r94_what_is_stale_or_bad_is_no_sign(quality: Quality) -> None:
    stale = motion(MORNING + HOUR)._replace(quality=quality)
    assert told([motion(MORNING), stale], MORNING + 5 * HOUR) == [(RAISE, MORNING + 4 * HOUR)]


def test_motion_every_second_writes_nothing_but_every_five_minutes() -> None:
    engine = Engine(default(), HOUSE, MORNING)
    play(engine, [motion(MORNING + SECOND)], MORNING + MINUTE)
    engine.dirty()
    play(engine, (motion(MORNING + n * SECOND) for n in range(2, 300)), MORNING + 300 * SECOND)
    assert [row for row in engine.dirty() if row[0] == "inactivity"] == []


@given(
    st.lists(
        st.tuples(st.integers(1, 60) | st.integers(60, 15 * 60), st.sampled_from(["motion", "in", "out"])),
        min_size=1,
        max_size=15,
    ),
    st.sampled_from([2, 4, 7]),
)
def test_r81_is_what_counting_every_five_minutes_says(given: list[tuple[int, str]], hours: int) -> None:
    at, history = MORNING, [motion(MORNING)]
    for gap, what in given:
        at += gap * MINUTE + 1
        history.append(motion(at) if what == "motion" else of("bo", BED[what], at, device="bed"))
    until = at + 60 * HOUR
    text = f'[[rule]]\nid = "i"\nkind = "inactivity"\nwithin = "{hours}h"'
    assert told(history, until, text) == counted(history, hours * HOUR, until)


BED = {"in": "bed_enter", "out": "bed_exit"}


def counted(history: Sequence[Observation], within: int, until: int) -> list[tuple[Change, int]]:
    """The obvious model: every five minutes of the day five more are counted, until she gives a sign."""
    decided: list[tuple[Change, int]] = []
    six, day = local("2025-11-22 06:00"), 15 * HOUR
    silent, limit = 0, within
    in_bed = through_the_night = raised = False
    for at in range(MORNING, until + 1, GRAIN_MS):
        clock = (at - six) % (24 * HOUR)
        if at > MORNING and (0 < clock <= day or through_the_night):
            silent += GRAIN_MS
        heard = [one for one in history if at - GRAIN_MS < one.at <= at]
        if heard:
            in_bed = [in_bed, *(one.metric == "bed_enter" for one in heard if one.metric != "motion")][-1]
            decided += [(CLEAR, heard[0].at)] if raised else []
            raised = False
        elif silent == limit:
            decided.append((RAISE, at))
            raised = True
        if heard or silent == limit:
            silent, through_the_night = 0, False
            limit = min(2 * within, 12 * HOUR) if in_bed and clock < day else within
        if clock == day:
            through_the_night = not in_bed and 2 * silent >= within
            silent, limit = (silent, limit) if through_the_night else (0, within)
    return decided


EXITS = '[[rule]]\nid = "i"\nkind = "inactivity"\nexits = ["front"]'


def door(*times: int, resident: str = "bo", device: str = "front") -> list[Observation]:
    """A door that opens and closes, beginning closed a minute before nine."""
    first = of(resident, "door_open", MORNING, False, device=device)
    return [first, *(of(resident, "door_open", at, not n % 2, device=device) for n, at in enumerate(times))]


def test_r81_who_went_out_by_a_door_that_leads_out_has_twelve_hours() -> None:
    history = [motion(MORNING), *door(MORNING + HOUR, MORNING + HOUR + 20 * SECOND)]
    assert told(history, MORNING + 14 * HOUR, EXITS) == [(RAISE, MORNING + 13 * HOUR + 5 * MINUTE)]
    inside = [motion(MORNING), *door(MORNING + HOUR, MORNING + HOUR + 20 * SECOND, device="fridge")]
    assert told(inside, MORNING + 6 * HOUR, EXITS) == [(RAISE, MORNING + 5 * HOUR + 5 * MINUTE)]


def test_r81_a_sign_from_inside_means_that_she_stayed() -> None:
    stays = MORNING + HOUR + 3 * MINUTE  # within the grain of the door, too
    history = [motion(MORNING), *door(MORNING + HOUR, MORNING + HOUR + 20 * SECOND), motion(stays)]
    assert told(history, MORNING + 6 * HOUR, EXITS) == [(RAISE, MORNING + 5 * HOUR + 5 * MINUTE)]


@pytest.mark.parametrize("gone", [10 * MINUTE, 3 * HOUR, 8 * HOUR])
def test_r81_who_comes_in_and_gives_no_sign_may_lie_behind_the_door(gone: int) -> None:
    back = MORNING + HOUR + gone
    history = [motion(MORNING), *door(MORNING + HOUR, MORNING + HOUR + 20 * SECOND, back, back + 20 * SECOND)]
    assert told(history, back + 5 * HOUR, EXITS) == [(RAISE, back + 4 * HOUR + 5 * MINUTE)]


def test_r81_a_door_after_hours_of_silence_is_no_going_out() -> None:
    comes = MORNING + 3 * HOUR
    history = [motion(MORNING), *door(comes, comes + 20 * SECOND)]
    assert told(history, comes + 5 * HOUR, EXITS) == [(RAISE, comes + 4 * HOUR + 5 * MINUTE)]


def test_r81_a_door_that_she_shares_tells_nothing_of_her() -> None:
    at = MORNING + HOUR
    doors = [of("", "door_open", at + n * SECOND, bool(n), device="front", place="room-2") for n in range(2)]
    assert told([motion(MORNING), *doors], MORNING + 6 * HOUR, EXITS) == [(RAISE, at + 4 * HOUR + 5 * MINUTE)]


def test_r81_out_since_the_evening_is_asked_after_in_the_morning() -> None:
    leaves, morning = local("2025-11-22 17:00"), local("2025-11-23 06:00")
    history = [motion(leaves - HOUR), *door(leaves, leaves + 20 * SECOND)]
    assert told(history, morning + 5 * HOUR, EXITS) == [(RAISE, morning + 4 * HOUR)]
