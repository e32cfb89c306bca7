"""Laws of the kinds that remember a state: bed, signs of life, doors, rooms, the floor."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from devices.observation import Observation
from devices.reading import Value
from rules.decision import Decision
from rules.engine import Engine
from rules.reorder import REORDER_MS
from rules.snapshot import Row
from tests.rules.dwelling import of, play, watch
from tests.rules.home import DAY, HOUR, MINUTE, SECOND, local

NOW = local("2025-11-22 19:30")
RULES = """
[[rule]]
id = "bed"
kind = "bed_exit"
within = "10min"
early = true
[rule.risk.fall.high]
within = "0s"
[[rule]]
id = "silent"
kind = "inactivity"
within = "2h"
between = ["06:00", "23:00"]
[[rule]]
id = "lost"
kind = "wandering"
allowed = ["garden"]
[[rule]]
id = "room"
kind = "climate"
"""

SAYINGS: list[tuple[str, Value]] = [
    ("bed_occupied", True),
    ("bed_occupied", False),
    ("bed_enter", True),
    ("bed_exit", True),
    ("posture", "sitting"),
    ("posture", "walking"),
    ("posture", "lying"),
    ("motion", True),
    ("presence", True),
    ("presence", False),
    ("door_open", True),
    ("door_open", False),
    ("geofence_exit", True),
    ("geofence_enter", True),
    ("zone", "garden"),
    ("zone", "street"),
    ("steps", 10.0),
    ("steps", 90.0),
    ("visit", True),
    ("staff_present", True),
    ("staff_present", False),
    ("absence", "hospital"),
    ("absence", "present"),
    ("online", False),
    ("online", True),
    ("fall", True),
    ("smoke", True),
    ("smoke", False),
    ("room_temperature", 5.0),
    ("room_temperature", 20.0),
    ("room_temperature", 40.0),
]
AT_ONCE = frozenset(("environment", "fall"))  # they wait for nothing; the book knows evidence seen before
WHO = st.sampled_from([("an", ""), ("bo", ""), ("chen", ""), ("", "room-2"), ("", "lobby")])
GAPS = st.sampled_from([1, SECOND, 2 * SECOND]) | st.integers(1, 5 * MINUTE) | st.integers(1, 4 * HOUR)


@st.composite
def histories(draw: st.DrawFn) -> list[Observation]:
    """What happens in the house, each at a time of its own."""
    at, history = NOW, []
    for gap, (who, place), (metric, value), device in draw(
        st.lists(st.tuples(GAPS, WHO, st.sampled_from(SAYINGS), st.sampled_from(["one", "two"])), max_size=30)
    ):
        at += gap
        history.append(of(who, metric, at, value, device=device, place=place))
    return history


def fresh(now: int = NOW) -> Engine:
    return watch(RULES, now)


def everything(history: Sequence[Observation]) -> list[Decision]:
    return play(fresh(), history, NOW + 6 * DAY)


@given(histories(), st.data())
def test_replay_after_a_restart_at_any_point_equals_no_restart(
    history: list[Observation], data: st.DataObject
) -> None:
    snapshot: dict[tuple[str, str], Row] = {}
    engine, decisions, done = fresh(), [], 0
    for cut in sorted(data.draw(st.lists(st.integers(0, len(history)), max_size=3))):
        decisions += play(engine, history[done:cut], 0)
        done = cut
        snapshot.update({row[:2]: row for row in engine.dirty()})
        engine = fresh(NOW + data.draw(st.integers(0, DAY)))
        engine.restore(snapshot.values())
    decisions += play(engine, history[done:], NOW + 6 * DAY)
    assert decisions == everything(history)


@given(histories(), st.lists(st.integers(NOW, NOW + 6 * DAY), max_size=20))
def test_however_often_the_clock_is_asked_it_decides_the_same(
    history: list[Observation], ticks: list[int]
) -> None:
    engine, decisions, pending = fresh(), [], sorted(ticks)
    for observation in history:
        while pending and pending[0] <= observation.received_at:
            decisions += engine.tick(pending.pop(0))
        decisions += engine.observe(observation)
    assert decisions + engine.tick(NOW + 6 * DAY) == everything(history)


@given(histories(), st.data())
def test_r92_the_order_of_arrival_within_the_window_changes_nothing(
    history: list[Observation], data: st.DataObject
) -> None:
    arrived = [
        one._replace(received_at=one.at + data.draw(st.integers(0, REORDER_MS - 1))) for one in history
    ]
    as_it_came = play(fresh(), sorted(arrived, key=lambda one: one.received_at), NOW + 6 * DAY)
    assert _in_order(as_it_came) == _in_order(everything(history))


def _in_order(decisions: Sequence[Decision]) -> list[tuple[object, ...]]:
    """What was decided by those that wait for the order of things."""
    return [_told(one) for one in decisions if one.kind not in AT_ONCE]


def _told(decision: Decision) -> tuple[object, ...]:
    """A decision but for when we heard of what it is about."""
    return decision.change, decision.rule, decision.subject, decision.cause, decision.at, decision.facts


@given(histories())
def test_the_same_told_twice_changes_nothing(history: list[Observation]) -> None:
    twice = [one for one in history for _ in range(2)]
    assert _in_order(everything(twice)) == _in_order(everything(history))


@given(histories(), st.sampled_from(["an", "bo", "chen"]))
def test_what_is_said_of_one_resident_does_not_depend_on_the_others(
    history: list[Observation], who: str
) -> None:
    hers = [one for one in history if one.resident == who or (not one.resident and one.place == "room-2")]
    alone = [one for one in everything(hers) if one.subject == who]
    assert alone == [one for one in everything(history) if one.subject == who]


@given(histories())
def test_no_kind_ever_fails(history: list[Observation]) -> None:
    engine = fresh()
    play(engine, history, NOW + 6 * DAY)
    assert engine.failures() == []
