"""Laws of the kinds that remember a state: bed, signs of life, doors, rooms, the floor."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from devices.observation import Observation
from devices.reading import Value
from rules.configuration import default
from rules.decision import Change, Decision
from rules.engine import Engine
from rules.reorder import REORDER_MS
from rules.situation import UNREPORTED, follow
from rules.snapshot import Row
from tests.rules.dwelling import HOUSE, of, play, watch
from tests.rules.home import DAY, HOUR, MINUTE, SECOND, local

NOW = local("2025-11-22 19:30")
RECORD = Change.RECORD
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


def badge(first: int, last: int, every: int = MINUTE) -> list[Observation]:
    """A badge that says again and again that staff are with An."""
    return [of("an", "staff_present", at, device="badge") for at in range(first, last + 1, every)]


def told_of(kind: str, history: list[Observation], rules: str = "") -> list[tuple[str, int]]:
    history = sorted(history, key=lambda one: one.at)
    engine = watch(rules, NOW) if rules else Engine(default(), HOUSE, NOW)
    decisions = play(engine, history, history[-1].at + MINUTE)
    hers = (one for one in decisions if (one.kind, one.subject) == (kind, "an"))
    return [(one.change.value, one.at) for one in hers if one.change is not RECORD]


def test_r58_a_badge_left_at_the_bed_keeps_nobody_from_being_called_for_long() -> None:
    up = NOW + 5 * HOUR
    bed = [of("an", "bed_occupied", NOW + n, n == 0, device="mat") for n in (0, up - NOW)]
    assert told_of("bed_exit", [*bed, *badge(NOW, up + HOUR)], RULES) == [("raise", up + 10 * MINUTE)]
    comes = up - HOUR
    assert told_of("bed_exit", [*bed, *badge(comes, up + HOUR)], RULES)[0] == ("suppress", up + 10 * MINUTE)
    taken, back = of("an", "staff_present", comes - MINUTE, False, device="badge"), badge(comes, up + HOUR)
    again = [*bed, *badge(NOW, comes - 2 * MINUTE), taken, *back]
    assert told_of("bed_exit", again, RULES)[0] == ("suppress", up + 10 * MINUTE)


def test_r78_a_badge_left_at_the_bed_makes_no_rounds() -> None:
    rounds = """
[[rule]]
id = "r"
kind = "missed_check"
check = "visit"
also = ["staff_present"]
every = "1h"
"""
    left = badge(NOW, NOW + 6 * HOUR)
    missed = [at for change, at in told_of("missed_check", left, rounds) if change == "raise"]
    assert missed
    assert missed[0] == NOW + 3 * HOUR + 6 * MINUTE
    assert told_of("missed_check", badge(NOW, NOW + 2 * HOUR), rounds) == []


def test_r71_a_badge_left_at_the_bed_is_nobody_with_her_on_the_floor() -> None:
    fall = NOW + 3 * HOUR
    history = [*badge(NOW, fall + 5 * MINUTE), of("an", "fall", fall, device="watch")]
    assert told_of("long_lie", history) == [("raise", fall + 30 * SECOND), ("raise", fall + 3 * MINUTE)]
    helped = [*badge(fall + MINUTE, fall + 5 * MINUTE), of("an", "fall", fall, device="watch")]
    assert told_of("long_lie", helped) == [("raise", fall + 30 * SECOND), ("clear", fall + MINUTE)]


def test_the_newest_word_wins_by_when_it_was_so_not_by_when_it_was_heard() -> None:
    leave = follow(UNREPORTED, of("an", "absence", NOW, "leave", device="desk"))
    older = of("an", "absence", NOW - HOUR, "hospital", device="card")._replace(received_at=NOW + HOUR)
    assert follow(leave, older) == leave
    slow = follow(leave, older._replace(value="present"))
    assert (slow.absence, slow.since) == ("", NOW + HOUR), "but that she is here is believed from any clock"
    ahead = of("an", "absence", NOW + HOUR, "present", device="card")._replace(received_at=NOW + MINUTE)
    assert follow(leave, ahead).since == NOW + MINUTE, "nothing is of the future"


def test_of_two_words_about_staff_the_older_one_changes_nothing() -> None:
    here = follow(UNREPORTED, of("an", "staff_present", NOW, device="badge"))
    left = of("an", "staff_present", NOW - MINUTE, False, device="badge")._replace(received_at=NOW + HOUR)
    assert follow(here, left) == here
    gone = follow(here, left._replace(at=NOW))
    assert (gone.staff, gone.staff_at) == (False, NOW)
    left_there = here._replace(told=NOW + 5 * HOUR)  # its last word counts, though it was not believed
    assert follow(left_there, left._replace(at=NOW + HOUR)) == left_there
