"""Rooms too cold or too hot to live in: said once it has lasted, and its end once."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.observation import Observation, Quality
from rules.configuration import default
from rules.decision import Change, Decision, Severity
from rules.engine import Engine
from tests.rules.dwelling import HOUSE, of, play, said, watch
from tests.rules.home import HOUR, MINUTE, SECOND, local

RAISE, CLEAR, NOTE, SUPPRESS = Change.RAISE, Change.CLEAR, Change.NOTE, Change.SUPPRESS
NOW = local("2025-11-22 12:00")
LASTS = 10 * MINUTE


def degrees(
    at: int, value: float, device: str = "thermometer", resident: str = "an", place: str = ""
) -> Observation:
    return of(resident, "room_temperature", at, value, device=device, place=place)


def decisions_of(history: Sequence[Observation], until: int, text: str = "") -> list[Decision]:
    engine = watch(text, NOW) if text else Engine(default(), HOUSE, NOW)
    return [one for one in play(engine, history, until + 2 * SECOND) if one.kind == "climate"]


def told(history: Sequence[Observation], until: int, text: str = "") -> list[tuple[Change, int]]:
    return said(decisions_of(history, until, text), "climate")


@pytest.mark.parametrize(
    ("value", "cause", "severity"),
    [
        (11.9, "cold:home/thermometer", Severity.MEDIUM),
        (7.9, "cold:home/thermometer", Severity.HIGH),
        (32.1, "heat:home/thermometer", Severity.MEDIUM),
        (36.1, "heat:home/thermometer", Severity.HIGH),
    ],
)
def test_a_room_too_cold_or_too_hot_for_ten_minutes_raises(
    value: float, cause: str, severity: Severity
) -> None:
    (raised,) = decisions_of([degrees(NOW, value)], NOW + HOUR)
    assert (raised.change, raised.at, raised.cause) == (RAISE, NOW + LASTS, cause)
    assert (raised.severity, raised.subject) == (severity, "an")
    assert value not in raised.facts.values()


@pytest.mark.parametrize("value", [12.0, 20.0, 32.0])
def test_winter_and_summer_as_they_are_indoors_say_nothing(value: float) -> None:
    assert told([degrees(NOW, value)], NOW + HOUR) == []


def test_r54_an_open_window_for_some_minutes_says_nothing() -> None:
    assert told([degrees(NOW, 10.0), degrees(NOW + 9 * MINUTE, 13.0)], NOW + HOUR) == []


def test_r53_it_ends_half_a_degree_above_the_limit_and_only_after_ten_minutes() -> None:
    history = [degrees(NOW, 11.0), degrees(NOW + HOUR, 12.4), degrees(NOW + 2 * HOUR, 12.5)]
    assert told(history[:2], NOW + 9 * HOUR) == [(RAISE, NOW + LASTS)]
    assert told(history, NOW + 9 * HOUR) == [(RAISE, NOW + LASTS), (CLEAR, NOW + 2 * HOUR + LASTS)]


def test_worse_raises_again_in_the_same_alert_and_better_is_noted() -> None:
    history = [degrees(NOW, 11.0), degrees(NOW + HOUR, 7.0), degrees(NOW + 2 * HOUR, 10.0)]
    decisions = decisions_of(history, NOW + 9 * HOUR)
    assert said(decisions, "climate") == [
        (RAISE, NOW + LASTS),
        (RAISE, NOW + HOUR + LASTS),
        (NOTE, NOW + 2 * HOUR + LASTS),
    ]
    assert len({decision.cause for decision in decisions}) == 1
    assert decisions[1].severity is Severity.HIGH


def test_a_suspect_reading_needs_a_second_one() -> None:
    first = degrees(NOW, 3.0)._replace(quality=Quality.UNCERTAIN)
    assert told([first], NOW + HOUR) == []
    second = first._replace(at=NOW + MINUTE, received_at=NOW + MINUTE)
    assert told([first, second], NOW + HOUR) == [(RAISE, NOW + LASTS)]


def test_all_who_live_in_the_room_are_in_one_alert() -> None:
    shared = degrees(NOW, 10.0, resident="", place="room-2")
    decisions = decisions_of([shared], NOW + HOUR)
    assert {(decision.subject, decision.cause) for decision in decisions} == {
        ("bo", "cold:home/thermometer"),
        ("chen", "cold:home/thermometer"),
    }


def test_where_nobody_lives_it_may_be_cold() -> None:
    assert told([degrees(NOW, 2.0, resident="", place="lobby")], NOW + HOUR) == []


def test_nobody_is_called_for_the_room_of_who_is_away_until_she_is_back() -> None:
    history = [of("an", "absence", NOW - HOUR, "leave", device="desk"), degrees(NOW, 10.0)]
    back = of("an", "absence", NOW + 5 * HOUR, "present", device="desk")
    assert told([*history, back], NOW + 9 * HOUR) == [(SUPPRESS, NOW + LASTS), (RAISE, NOW + 5 * HOUR)]


def test_going_away_ends_it() -> None:
    away = of("an", "absence", NOW + HOUR, "leave", device="desk")
    assert told([degrees(NOW, 10.0), away], NOW + 9 * HOUR) == [(RAISE, NOW + LASTS), (CLEAR, NOW + HOUR)]


def test_a_home_sets_its_own_limits() -> None:
    text = '[[rule]]\nid = "c"\nkind = "climate"\ncold = 18.0\nafter = "1min"'
    assert told([degrees(NOW, 17.0)], NOW + HOUR, text) == [(RAISE, NOW + MINUTE)]


def test_two_thermometers_do_not_speak_for_each_other() -> None:
    history = [
        degrees(NOW + n * MINUTE, 10.0 if n % 2 else 20.0, "cold" if n % 2 else "warm") for n in range(20)
    ]
    assert told(history, NOW + HOUR) == [(RAISE, NOW + MINUTE + LASTS)]


@given(st.lists(st.tuples(st.integers(1, 30), st.sampled_from([5.0, 10.0, 12.2, 20.0, 33.0])), max_size=25))
def test_r53_r54_is_what_looking_every_minute_says(given: list[tuple[int, float]]) -> None:
    at, history = NOW, []
    for gap, value in given:
        at += gap * MINUTE
        history.append(degrees(at, value))
    text = '[[rule]]\nid = "c"\nkind = "climate"\nsevere_cold = -20.0'
    until = at + HOUR
    assert told(history, until, text) == minute_by_minute(history, until)


def minute_by_minute(history: Sequence[Observation], until: int) -> list[tuple[Change, int]]:
    """The obvious model: each minute, how long has the room been otherwise than what was said of it?"""
    decided: list[tuple[Change, int, str]] = []
    readings = {one.at: float(one.value) for one in history if isinstance(one.value, float)}
    for side in ("cold", "heat"):
        active, since, value = False, None, 20.0
        for at in range(NOW, until + 1, MINUTE):
            if since is not None and at - since >= LASTS:
                active, since = not active, None
                decided.append((RAISE if active else CLEAR, at, side))
            value = readings.get(at, value)
            bound = 12.5 if active else 12.0
            beyond = value < bound if side == "cold" else value > (31.5 if active else 32.0)
            if beyond is active:
                since = None
            elif since is None and at in readings:
                since = at
    return [(change, at) for change, at, _ in sorted(decided, key=lambda one: (one[1], one[0] is CLEAR))]
