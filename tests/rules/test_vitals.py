"""What lasts beyond a limit is said once, worse is said again, and unknown is never normal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.observation import Observation, Quality
from devices.reading import Value
from rules.configuration import Problem, default, load
from rules.decision import Change, Decision, Severity
from rules.engine import Engine
from rules.kind import Rule, Subject
from rules.kinds.vitals import KIND, Memory, VitalsSettings
from tests.rules.home import HOME, HOUR, MINUTE, SECOND, heard, local, rules

NOW = local("2025-11-22 12:00")
LIMITS = """
[[rule]]
id = "pulse"
kind = "vitals"
metric = "heart_rate"
below = 40
above = 130
far_above = 150
"""


def pulse(value: float, at: int, device: str = "watch", quality: Quality = Quality.GOOD) -> Observation:
    return heard(device, "heart_rate", at, value, quality=quality, resident="wang")


def told(engine: Engine, observations: list[Observation], *, until: int = 0) -> list[Decision]:
    """What was decided, when all has left the reorder window."""
    found = [decision for observation in observations for decision in engine.observe(observation)]
    return found + engine.tick(max([until, *(o.received_at for o in observations)]) + 3 * SECOND)


def series(value: float, since: int, seconds: int, step: int = 5) -> list[Observation]:
    return [pulse(value, since + n * SECOND) for n in range(0, seconds, step)]


def changes(decisions: list[Decision]) -> list[tuple[Change, Severity, int]]:
    return [(d.change, d.severity, (d.evidence.at - NOW) // SECOND) for d in decisions]


@pytest.fixture
def engine() -> Engine:
    return Engine(rules(LIMITS), HOME, NOW)


def test_r54_what_lasts_longer_than_the_on_delay_is_said_once(engine: Engine) -> None:
    found = told(engine, series(140, NOW, 600))
    assert changes(found) == [(Change.RAISE, Severity.MEDIUM, 15)]
    assert (found[0].subject, found[0].cause, found[0].kind) == ("wang", "wang", "vitals")


def test_r54_a_brief_excursion_is_not_said(engine: Engine) -> None:
    assert told(engine, series(140, NOW, 14) + series(80, NOW + 14 * SECOND, 60), until=NOW + HOUR) == []


def test_r53_r54_it_is_over_when_back_by_the_deadband_for_the_off_delay(engine: Engine) -> None:
    bad = series(140, NOW, 60)
    in_the_deadband = series(128, NOW + MINUTE, 600)
    back = series(127, NOW + 11 * MINUTE, 600)
    assert changes(told(engine, bad + in_the_deadband + back)) == [
        (Change.RAISE, Severity.MEDIUM, 15),
        (Change.CLEAR, Severity.MEDIUM, 16 * 60),
    ]


def test_r53_values_around_the_limit_are_one_excursion(engine: Engine) -> None:
    values = [131, 129, 132, 128, 131, 131, 131, 131, 129, 131, 128, 133] * 50
    around = [pulse(value, NOW + n * 10 * SECOND) for n, value in enumerate(values)]
    assert [d.change for d in told(engine, around)] == [Change.RAISE]


def test_worse_is_said_again_in_the_same_episode_and_better_is_not(engine: Engine) -> None:
    worse = told(
        engine, [*series(140, NOW, 60), *series(160, NOW + MINUTE, 60), *series(140, NOW + 2 * MINUTE, 600)]
    )
    assert changes(worse) == [(Change.RAISE, Severity.MEDIUM, 15), (Change.RAISE, Severity.HIGH, 75)]
    assert len({(d.rule, d.cause) for d in worse}) == 1


def test_the_next_excursion_is_said_again(engine: Engine) -> None:
    calm = series(80, NOW + MINUTE, 600)
    found = told(engine, [*series(140, NOW, 60), *calm, *series(30, NOW + 11 * MINUTE, 60)])
    assert [d.change for d in found] == [Change.RAISE, Change.CLEAR, Change.RAISE]


@pytest.mark.parametrize(("readings", "raised"), [(1, []), (2, [Change.RAISE])])
def test_r60_a_spot_device_needs_two_readings_in_a_row(readings: int, raised: list[Change]) -> None:
    engine = Engine(default(), HOME, NOW)
    spot = [heard("watch", "spo2", NOW + n * HOUR, 80.0) for n in range(readings)]
    found = told(engine, spot, until=NOW + 10 * HOUR)
    of_rule = [d.change for d in found if d.rule == "oxygen-saturation"]
    assert of_rule[:1] == raised
    assert Change.RAISE not in of_rule[1:]


def test_section_11_a_suspect_value_does_nothing_without_a_second_reading() -> None:
    engine = Engine(rules(LIMITS + "readings = 1\n"), HOME, NOW)
    suspect = pulse(15, NOW, quality=Quality.UNCERTAIN)
    assert told(engine, [suspect], until=NOW + HOUR) == []
    again = pulse(14, NOW + HOUR, quality=Quality.UNCERTAIN)
    assert [d.change for d in told(engine, [again])] == [Change.RAISE]


@pytest.mark.parametrize("quality", [Quality.BAD, Quality.STALE])
def test_r94_bad_and_stale_values_say_nothing(engine: Engine, quality: Quality) -> None:
    assert told(engine, [pulse(140, NOW + n * SECOND, quality=quality) for n in range(60)]) == []
    told(engine, series(140, NOW + MINUTE, 60))
    over = [pulse(80, NOW + (120 + n) * SECOND, quality=quality) for n in range(900)]
    assert told(engine, over) == []


def test_r90_what_is_history_says_nothing(engine: Engine) -> None:
    late = [o._replace(late=True, received_at=o.at + HOUR) for o in series(140, NOW, 600)]
    assert told(engine, late) == []


def test_r58_while_she_is_away_it_is_suppressed_and_counted(engine: Engine) -> None:
    left = heard("desk", "absence", NOW, "hospital", resident="wang")
    found = told(engine, [left, *series(140, NOW + SECOND, 60)])
    assert [(d.change, d.facts) for d in found] == [(Change.SUPPRESS, {"why": "hospital"})]
    back = heard("desk", "absence", NOW + HOUR, "present", resident="wang")
    again = told(engine, [back, *series(140, NOW + HOUR + SECOND, 60)])
    assert [d.change for d in again] == [Change.RAISE]


def test_a_first_word_that_she_is_here_changes_nothing(engine: Engine) -> None:
    here = heard("desk", "absence", NOW + 30 * SECOND, "present", resident="wang")
    found = told(engine, [*series(140, NOW, 30), here, *series(140, NOW + 31 * SECOND, 600)])
    assert [d.change for d in found] == [Change.RAISE]


def test_r26_a_device_taken_off_leaves_what_it_showed_unknown(engine: Engine) -> None:
    assert len(told(engine, series(140, NOW, 60))) == 1
    off = heard("watch", "worn", NOW + MINUTE, False)
    noted = told(engine, [off, *series(0, NOW + MINUTE + SECOND, 600)])
    assert [(d.change, d.facts) for d in noted] == [(Change.NOTE, {"why": "not_worn"})]
    on = heard("watch", "worn", NOW + HOUR, True)
    assert [d.change for d in told(engine, [on, *series(140, NOW + HOUR + SECOND, 60)])] == [Change.RAISE]


def test_r26_what_was_not_measured_for_an_hour_is_unknown_and_the_next_excursion_is_said(
    engine: Engine,
) -> None:
    (raised,) = told(engine, series(140, NOW, 60))
    (noted,) = told(engine, [], until=NOW + 10 * HOUR)
    assert (raised.change, noted.change, noted.facts) == (
        Change.RAISE,
        Change.NOTE,
        {"why": "not_measured"},
    )
    assert [d.change for d in told(engine, series(140, NOW + 11 * HOUR, 60))] == [Change.RAISE]


def test_another_device_taken_off_ends_nothing(engine: Engine) -> None:
    assert len(told(engine, series(140, NOW, 60))) == 1
    assert told(engine, [heard("bed", "worn", NOW + MINUTE, False)]) == []
    assert [d.change for d in told(engine, series(160, NOW + 2 * MINUTE, 60))] == [Change.RAISE]


def both(watch: float, radar: float, since: int, minutes: int) -> list[Observation]:
    """A watch and a radar that measure every minute."""
    return [
        pulse(value, since + n * MINUTE + after, device)
        for n in range(minutes)
        for device, value, after in (("watch", watch, 0), ("radar", radar, 20 * SECOND))
    ]


def test_what_one_device_shows_is_not_hidden_by_another_that_disagrees(engine: Engine) -> None:
    start, calm = NOW + 60 * MINUTE, NOW + 90 * MINUTE
    history = both(70, 70, NOW, 60) + both(180, 70, start, 30) + both(70, 70, calm, 30)
    assert [(change, after) for change, _, after in changes(told(engine, history))] == [
        (Change.RAISE, 61 * 60),
        (Change.CLEAR, 95 * 60),
    ]


def test_a_device_that_measures_every_half_hour_is_not_hidden_either(engine: Engine) -> None:
    slow = [pulse(180, NOW + n * 30 * MINUTE) for n in range(2)]
    quick = [pulse(70, NOW + n * MINUTE, "patch") for n in range(1, 30)]
    history = sorted([*slow, *quick], key=lambda one: one.at)
    assert [change for change, _, _ in changes(told(engine, history))] == [Change.RAISE]


def test_when_the_device_that_disagreed_falls_silent_the_other_one_is_believed(engine: Engine) -> None:
    alone = [pulse(70, NOW + 10 * MINUTE + n * MINUTE, "radar") for n in range(60)]
    history = both(180, 70, NOW, 10) + alone
    assert [change for change, _, _ in changes(told(engine, history))] == [Change.RAISE, Change.CLEAR]


def test_two_devices_that_agree_are_two_readings(engine: Engine) -> None:
    history = [pulse(140, NOW), pulse(140, NOW + 20 * SECOND, "radar"), pulse(70, NOW + 30 * SECOND, "patch")]
    assert changes(told(engine, history)) == [(Change.RAISE, Severity.MEDIUM, 20)]


def test_nothing_decided_holds_a_value() -> None:
    engine = Engine(rules(LIMITS), HOME, NOW)
    found = told(engine, [*series(141.5, NOW, 60), *series(81.5, NOW + MINUTE, 600)])
    assert len(found) == 2
    assert "141.5" not in repr(found)
    assert "81.5" not in repr(found)


def test_a_calm_value_leaves_the_memory_as_it_is() -> None:
    settings = VitalsSettings.model_validate({"metric": "heart_rate", "below": 40, "above": 130})
    rule, subject, memory = Rule("pulse", "vitals", settings), Subject("wang"), Memory()
    assert KIND.observe(rule, subject, memory, pulse(72, NOW))[0] is memory


@pytest.mark.parametrize("value", [40, 41, 129.9, 130])
def test_the_limit_itself_is_within(engine: Engine, value: float) -> None:
    assert told(engine, series(value, NOW, 600)) == []


def test_a_restart_in_an_excursion_says_nothing_twice() -> None:
    engine = Engine(rules(LIMITS), HOME, NOW)
    assert len(told(engine, series(140, NOW, 60))) == 1
    again = Engine(rules(LIMITS), HOME, NOW + 2 * MINUTE)
    again.restore(engine.dirty())
    found = told(again, series(140, NOW + 2 * MINUTE, 60) + series(80, NOW + 3 * MINUTE, 600))
    assert [d.change for d in found] == [Change.CLEAR]


@pytest.mark.parametrize(
    ("written", "line", "message"),
    [
        ('metric = "pulse"\nabove = 1', 4, "name a quantity"),
        ('metric = "heart_rate"', 1, "give a limit"),
        ('metric = "heart_rate"\nbelow = 90\nabove = 80', 1, "below must be less than above"),
        ('metric = "heart_rate"\nabove = 90\non_delay = 15', 6, "write a duration"),
    ],
)
def test_a_wrong_limit_is_a_problem_with_its_line(written: str, line: int, message: str) -> None:
    problems = load(f'[[rule]]\nid = "a"\nkind = "vitals"\n{written}\n')
    assert isinstance(problems, list)
    assert [(p.line, message in p.message) for p in problems] == [(line, True)]
    assert all(isinstance(problem, Problem) for problem in problems)


def test_a_clinician_sets_other_limits_for_one_resident() -> None:
    engine = Engine(rules(LIMITS + "[rule.resident.wang]\nabove = 145\n"), HOME, NOW)
    hers = series(140, NOW, 60)
    lis = [o._replace(device="band", resident="li") for o in hers]
    found = told(engine, sorted([*hers, *lis], key=lambda o: o.at))
    assert [d.subject for d in found] == ["li"]


_SAID = st.one_of(
    st.tuples(st.just("heart_rate"), st.sampled_from((20.0, 39.0, 42.0, 80.0, 128.0, 140.0, 160.0))),
    st.tuples(st.just("worn"), st.booleans()),
    st.tuples(st.just("absence"), st.sampled_from(("present", "hospital"))),
)


@given(
    st.lists(st.tuples(_SAID, st.integers(1, 20) | st.integers(1, 7200), st.integers(0, 9)), max_size=30),
    st.data(),
)
def test_repeats_and_restarts_change_nothing_and_nothing_is_said_twice(
    readings: list[tuple[tuple[str, Value], int, int]], data: st.DataObject
) -> None:
    at, heard_of = NOW, []
    for (metric, value), gap, doubt in readings:
        at += gap * SECOND
        quality = Quality.GOOD if doubt else Quality.UNCERTAIN
        heard_of.append(heard("watch", metric, at, value, quality=quality))
    end = at + 30 * HOUR
    whole = Engine(rules(LIMITS), HOME, NOW)
    expected = told(whole, heard_of, until=end)
    assert whole.failures() == []
    cut = data.draw(st.integers(0, len(heard_of)))
    first, second = Engine(rules(LIMITS), HOME, NOW), Engine(rules(LIMITS), HOME, NOW)
    decisions = [d for one in heard_of[:cut] for again in (one, one) for d in first.observe(again)]
    second.restore(first.dirty())
    assert decisions + told(second, heard_of[cut:], until=end) == expected
    open_at: Severity | None = None
    for decision in expected:
        if decision.change is Change.RAISE:
            assert open_at is None or (open_at, decision.severity) == (Severity.MEDIUM, Severity.HIGH)
            open_at = decision.severity
        elif decision.change in {Change.CLEAR, Change.NOTE}:
            open_at = None
