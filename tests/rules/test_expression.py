"""A home's own conditions: mistakes are told by line, unknown is never true, and none takes long."""

from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.metrics import METRICS
from devices.observation import Observation, Quality
from devices.reading import Value
from devices.registry import Registry, Resident, Risk, RiskLevel
from rules.configuration import load
from rules.decision import Change, Decision, Severity
from rules.engine import Engine
from rules.expression import MAX_LENGTH, NAMES, compiled
from tests.rules.home import HOME, HOUR, MINUTE, SECOND, heard, local, rules

NOW = local("2025-11-22 12:00")
FAST = "heart_rate > 110 && spo2 < 93"


def engine(condition: str, more: str = "", at: int = NOW, registry: Registry = HOME) -> Engine:
    written = f'[[rule]]\nid = "own"\nkind = "expression"\ncondition = \'{condition}\'\n{more}\n'
    return Engine(rules(written), registry, at)


def told(engine: Engine, *observations: Observation, until: int = 0) -> list[Decision]:
    """What was decided, when all has left the reorder window."""
    found = [decision for observation in observations for decision in engine.observe(observation)]
    return found + engine.tick(max([until, *(o.received_at for o in observations)]) + 3 * SECOND)


def pulse(value: float, at: int = NOW, quality: Quality = Quality.GOOD) -> Observation:
    return heard("watch", "heart_rate", at, value, quality=quality)


def spo2(value: float, at: int = NOW) -> Observation:
    return heard("watch", "spo2", at, value)


def changes(decisions: list[Decision]) -> list[tuple[Change, int]]:
    return [(d.change, (d.evidence.at - NOW) // SECOND) for d in decisions]


def test_a_condition_raises_once_and_clears_once() -> None:
    own = engine(FAST, 'severity = "low"')
    found = told(own, pulse(120), spo2(90, NOW + SECOND), pulse(121, NOW + 9 * SECOND))
    assert changes(found) == [(Change.RAISE, 1)]
    assert (found[0].kind, found[0].subject, found[0].severity) == ("expression", "wang", Severity.LOW)
    assert changes(told(own, spo2(97, NOW + 20 * SECOND), spo2(98, NOW + 25 * SECOND))) == [
        (Change.CLEAR, 20)
    ]


def test_r54_it_must_hold_for_its_on_delay_and_be_over_for_its_off_delay() -> None:
    own = engine("heart_rate > 110", 'on_delay = "30s"\noff_delay = "1min"')
    rates = [(0, 120), (20, 100), (30, 120), (90, 120), (100, 100), (120, 130), (130, 90), (200, 90)]
    found = told(own, *(pulse(value, NOW + s * SECOND) for s, value in rates))
    assert changes(found) == [(Change.RAISE, 60), (Change.CLEAR, 190)]


def test_what_is_not_known_is_never_true() -> None:
    for condition in (FAST, "!(heart_rate > 110 && spo2 >= 93) && spo2 < 200"):
        assert told(engine(condition), pulse(120), until=NOW + 600 * SECOND) == []


def test_what_decides_alone_needs_not_the_rest() -> None:
    assert changes(told(engine("heart_rate > 110 || spo2 < 93"), pulse(120))) == [(Change.RAISE, 0)]


def test_r90_a_value_counts_no_longer_than_it_acts_as_current() -> None:
    assert told(engine(FAST), pulse(120), spo2(90, NOW + 121 * SECOND)) == []
    fresh = engine(FAST, 'fresh = "10min"')
    assert changes(told(fresh, pulse(120), spo2(90, NOW + 121 * SECOND))) == [(Change.RAISE, 121)]


def test_a_value_that_grows_old_stops_the_on_delay() -> None:
    own = engine("heart_rate > 110", 'on_delay = "5min"')
    assert told(own, pulse(120), until=NOW + HOUR) == []
    steady = [pulse(120, NOW + HOUR + n * MINUTE) for n in range(10)]
    assert changes(told(own, *steady)) == [(Change.RAISE, 3900)]


def test_r26_an_alert_of_which_nothing_is_known_is_noted_and_said_again_next_time() -> None:
    own = engine("heart_rate > 110")
    found = told(own, pulse(120), until=NOW + 5 * HOUR)
    assert [(d.change, d.facts) for d in found] == [(Change.RAISE, {}), (Change.NOTE, {"why": "not_known"})]
    assert [d.change for d in told(own, pulse(120, NOW + 6 * HOUR))] == [Change.RAISE]


def test_a_device_slower_than_its_values_are_fresh_calls_once() -> None:
    own = engine("heart_rate > 110")
    assert changes(told(own, *(pulse(120, NOW + n * 5 * MINUTE) for n in range(100)))) == [(Change.RAISE, 0)]


def test_an_event_is_true_for_as_long_as_it_is_fresh() -> None:
    own = engine("bed_exit && heart_rate > 110", 'fresh = "10min"')
    found = told(own, pulse(120), heard("bed", "bed_exit", NOW + MINUTE), until=NOW + HOUR)
    assert changes(found) == [(Change.RAISE, 60), (Change.CLEAR, 660)]
    assert told(engine("bed_exit && heart_rate > 110"), pulse(120), until=NOW + MINUTE) == []


@pytest.mark.parametrize(
    ("hour", "said"), [("22:00", True), ("05:59", True), ("06:00", False), ("12:00", False)]
)
def test_it_counts_in_its_window_of_local_time(hour: str, said: bool) -> None:
    at = local(f"2025-11-22 {hour}")
    own = engine("heart_rate > 110", 'between = ["22:00", "06:00"]', at)
    assert bool(told(own, pulse(120, at))) is said


def test_the_edges_of_its_window_are_seen_without_a_reading() -> None:
    evening, morning = local("2025-11-22 22:00"), local("2025-11-23 06:00")
    own = engine("door_open", 'between = ["22:00", "06:00"]\nfresh = "1d"', evening - HOUR)
    found = told(own, heard("door", "door_open", evening - HOUR, True, resident="wang"), until=morning + HOUR)
    assert [(d.change, d.at) for d in found] == [(Change.RAISE, evening), (Change.CLEAR, morning)]


def test_it_knows_the_time_the_care_level_the_risks_and_where_she_is() -> None:
    ward = Registry.of(
        places=HOME.places.values(),
        residents=[Resident("wang", "room-1", risks={Risk.FALL: RiskLevel.HIGH}), Resident("li", "bed-2")],
        devices=HOME.devices.values(),
    )
    for condition, said in {
        'presence && local_time >= "12:00" && local_time < "12:01"': True,
        'presence && local_time >= "12:01"': False,
        'presence && care_level == "3"': True,
        'presence && care_level in ["special", "1"]': False,
        'presence && risk_fall == "high"': True,
        'presence && risk_scald == "high"': False,
        'presence && absence == "present" && !staff_present': True,
        "presence && staff_present": False,
    }.items():
        own = engine(condition, registry=ward)
        assert bool(told(own, heard("bed", "presence", NOW))) is said, condition


def test_r58_while_she_is_away_it_is_only_counted_unless_it_asks_about_that() -> None:
    left = heard("desk", "absence", NOW, "leave", resident="wang")
    found = told(engine("heart_rate > 110"), left, pulse(120, NOW + SECOND))
    assert [(d.change, d.facts) for d in found] == [(Change.SUPPRESS, {"why": "leave"})]
    asks = told(engine('heart_rate > 110 && absence == "leave"'), left, pulse(120, NOW + SECOND))
    assert [d.change for d in asks] == [Change.RAISE]


def test_when_she_comes_back_it_is_seen_anew() -> None:
    own = engine("heart_rate > 110")
    left = heard("desk", "absence", NOW, "leave", resident="wang")
    back = heard("desk", "absence", NOW + MINUTE, "present", resident="wang")
    found = told(own, left, pulse(120, NOW + SECOND), back, pulse(120, NOW + 2 * MINUTE))
    assert [d.change for d in found] == [Change.SUPPRESS, Change.RAISE]


def test_a_room_she_shares_is_hers_too() -> None:
    own = engine("room_temperature < 16", 'fresh = "1h"')
    found = told(own, heard("radar", "room_temperature", NOW, 14.0, resident="", place="room-2"))
    assert sorted(d.subject for d in found) == ["li", "zhao"]


@pytest.mark.parametrize("quality", [Quality.BAD, Quality.STALE])
def test_r94_bad_and_stale_values_are_not_known(quality: Quality) -> None:
    assert told(engine("heart_rate > 110"), pulse(120, quality=quality)) == []


def test_section_11_a_suspect_value_needs_a_second_reading() -> None:
    own = engine("heart_rate < 30")
    assert told(own, pulse(20, quality=Quality.UNCERTAIN), until=NOW + MINUTE) == []
    assert [d.change for d in told(own, pulse(20, NOW + 90 * SECOND))] == [Change.RAISE]


def test_a_restart_says_nothing_twice() -> None:
    own = engine("heart_rate > 110")
    assert len(told(own, pulse(120))) == 1
    again = engine("heart_rate > 110", at=NOW + MINUTE)
    again.restore(own.dirty())
    assert told(again, pulse(121, NOW + MINUTE)) == []


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("heart_rate >", "no condition in CEL: character 13"),
        ("(heart_rate > 110", "missing ')'"),
        ("heart_rate = 110", 'character 12: write "=="'),
        ("heart_rate > 110 & spo2 < 90", '"&&" for and'),
        ("heart_rate > 110 and spo2 < 90", 'write "&&" for and'),
        ("hart_rate > 110", 'did you mean "heart_rate"?'),
        ("pulses > 110", 'there is no "pulses"'),
        ("heart_rate", "is no condition"),
        ("heart_rate > 110 && spo2", "spo2: is no condition"),
        ("bed_occupied > 1", "different kinds"),
        ("bed_occupied == 1", "never so"),
        ('heart_rate > 1 || heart_rate + "a" == "b"', "different kinds"),
        ('bed_occupied && care_level == "4"', 'care_level is never "4"'),
        ('posture in ["lying", "flying"]', 'posture is never "flying"'),
        ('local_time > "22:00"', "names no metric"),
        ("size(zone) > 1", "no functions"),
        ("[1, 2].exists(x, x > heart_rate)", "'.' has no meaning"),
        ("heart_rate > 1 ? true : false", "'?' has no meaning"),
        ("", "no condition in CEL"),
        ("heart_rate > 110 || " * 40 + "worn", "at most 500"),
    ],
)
def test_a_mistake_in_a_condition_is_a_problem_with_its_line(condition: str, message: str) -> None:
    text = f'[[rule]]\nid = "own"\nkind = "expression"\nseverity = "low"\ncondition = \'{condition}\'\n'
    problems = load(text)
    assert isinstance(problems, list)
    (problem,) = problems
    assert problem.line == 5
    assert message in problem.message


def test_the_old_rule_is_not_touched_by_a_wrong_override() -> None:
    text = (
        '[[rule]]\nid = "own"\nkind = "expression"\ncondition = "heart_rate > 110"\n'
        "[rule.resident.wang]\ncondition = \"heart_rate > 'x'\"\n"
    )
    problems = load(text, HOME)
    assert isinstance(problems, list)
    assert [problem.line for problem in problems] == [6]


def test_an_override_may_ask_about_other_metrics() -> None:
    own = engine("heart_rate > 110", "[rule.resident.wang]\ncondition = 'spo2 < 93'\n")
    lis = heard("band", "heart_rate", NOW, 120.0)
    assert [d.subject for d in told(own, pulse(120), lis, spo2(90, NOW + SECOND))] == ["li", "wang"]


_RULES = [
    ("heart_rate > 110", 'on_delay = "5min"\noff_delay = "10min"\nfresh = "10min"'),
    ("heart_rate > 110 && spo2 < 93", ""),
    ("bed_exit && heart_rate > 110 || spo2 < 85", 'between = ["21:00", "06:00"]\nfresh = "1h"'),
    ('heart_rate > 110 && absence == "present" && !staff_present', 'on_delay = "1min"'),
]
_HEARD = st.one_of(
    st.tuples(st.just("heart_rate"), st.sampled_from((72.0, 120.0))),
    st.tuples(st.just("spo2"), st.sampled_from((80.0, 97.0))),
    st.tuples(st.just("bed_exit"), st.just(value=True)),
    st.tuples(st.just("absence"), st.sampled_from(("present", "leave"))),
    st.tuples(st.just("staff_present"), st.booleans()),
)


@given(
    st.sampled_from(_RULES),
    st.lists(st.tuples(_HEARD, st.integers(1, 10) | st.integers(1, 8 * 3600)), max_size=25),
    st.data(),
)
def test_ticks_repeats_and_restarts_change_nothing(
    rule: tuple[str, str], readings: list[tuple[tuple[str, Value], int]], data: st.DataObject
) -> None:
    at, heard_of = NOW, []
    for (metric, value), gap in readings:
        at += gap * SECOND
        heard_of.append(heard("watch", metric, at, value))
    end = at + 30 * HOUR
    whole = engine(*rule)
    expected = told(whole, *heard_of, until=end)
    assert whole.failures() == []
    cut = data.draw(st.integers(0, len(heard_of)))
    first, second = engine(*rule), engine(*rule)
    decisions = [d for one in heard_of[:cut] for again in (one, one) for d in first.observe(again)]
    if cut < len(heard_of):
        decisions += first.tick(data.draw(st.integers(NOW, heard_of[cut].received_at)))
    second.restore(first.dirty())
    assert decisions + told(second, *heard_of[cut:], until=end) == expected


parts = st.sampled_from(
    [
        *"()[]!<>+-*/,",
        *("&&", "||", "==", "!=", "<=", ">=", " in ", "true", "false", '"lying"', "'x'", "1", "22.5", "0"),
        *("heart_rate", "worn", "posture", "care_level", "risk_fall", "local_time", "sos", "nobody"),
    ]
)


@given(st.lists(parts, max_size=60).map(" ".join) | st.text(max_size=60))
def test_any_text_is_a_condition_or_a_plain_error(text: str) -> None:
    try:
        expression = compiled(text)
    except ValueError as error:
        said = str(error)
        expression = None
    if expression is None:
        assert "\n" not in said
        assert "<input>" not in said
    else:
        assert expression(NAMES) in {True, False}
        assert expression.names <= NAMES.keys()


@given(st.lists(parts, max_size=12).map(" ".join), st.sets(st.sampled_from(sorted(NAMES))))
def test_knowing_more_never_turns_an_answer_round(text: str, unknown: set[str]) -> None:
    try:
        expression = compiled(text)
    except ValueError:
        return
    part: dict[str, Value] = {name: value for name, value in NAMES.items() if name not in unknown}
    assert expression(part) in {None, expression(NAMES)}


def test_the_worst_that_can_be_written_does_not_hold_up_the_engine() -> None:
    worst = [
        "heart_rate<0||" * 34 + "heart_rate<0",
        "heart_rate" + "+1" * 240 + "<0",
        "!" * 480 + "worn",
        "heart_rate in [" + "1," * 240 + "1]",
        '"' + "x" * 470 + '"==zone&&worn',
        "(" * 20 + "heart_rate" + ")" * 20 + ">0" + "&&worn" * 70,
    ]
    for text in worst:
        assert len(text) <= MAX_LENGTH
        expression = compiled(text)
        started = perf_counter()
        for _ in range(100):
            expression(NAMES)
        assert (perf_counter() - started) / 100 < 0.005, text[:40]


def test_every_metric_can_be_named() -> None:
    assert set(METRICS) <= set(NAMES)
