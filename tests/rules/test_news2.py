"""NEWS2 of whoever is measured: the worst response that is sure, said once; nothing is made up."""

from itertools import count, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.book import Book
from alerts.decide import decide
from alerts.notification import notify, text
from devices.observation import Observation, Quality
from devices.reading import Value
from devices.registry import Oxygen, Registry, Resident
from rules.decision import Change, Decision, Severity
from rules.engine import Engine
from rules.kind import Rule, Subject
from rules.kinds.news2 import KIND, Memory, News2Settings
from rules.news2 import PARAMETERS
from tests.rules.home import HOME, HOUR, MINUTE, SECOND, heard, local, rules

NOW = local("2025-11-22 12:00")
RULE = '[[rule]]\nid = "news2"\nkind = "news2"\n'
WARD = Registry.of(
    places=HOME.places.values(),
    residents=[
        Resident("wang", "room-1", oxygen=Oxygen.AIR),
        Resident("li", "bed-2", spo2_scale=2),
        Resident("zhao", "room-2", spo2_scale=2, oxygen=Oxygen.OXYGEN),
        Resident("meyer", "berlin", spo2_scale=2, oxygen=Oxygen.AIR),
    ],
    devices=HOME.devices.values(),
)
CALM: dict[str, Value] = {
    "respiratory_rate": 16.0,
    "spo2": 97.0,
    "bp_systolic": 130.0,
    "heart_rate": 72.0,
    "consciousness": "A",
    "body_temperature": 36.8,
}


def measured(
    metric: str, value: Value, at: int = NOW, who: str = "wang", quality: Quality = Quality.GOOD
) -> Observation:
    return heard("tablet", metric, at, value, resident=who, quality=quality)


def full(at: int = NOW, who: str = "wang", **changed: Value | None) -> list[Observation]:
    """All that a nurse measures, a second apart; oxygen is the registry's unless said."""
    values = {**CALM, **changed}
    return [
        measured(metric, value, at + n * SECOND, who)
        for n, (metric, value) in enumerate(values.items())
        if value is not None
    ]


def told(engine: Engine, observations: list[Observation], *, until: int = 0) -> list[Decision]:
    """What was decided, when all has left the reorder window."""
    found = [decision for observation in observations for decision in engine.observe(observation)]
    return found + engine.tick(max([until, *(o.received_at for o in observations)]) + 3 * SECOND)


def bands(decisions: list[Decision]) -> list[object]:
    return [d.facts.get("band", d.change.value) for d in decisions]


@pytest.fixture
def engine() -> Engine:
    return Engine(rules(RULE), WARD, NOW)


def test_a_calm_full_score_says_nothing(engine: Engine) -> None:
    assert told(engine, full()) == []


def test_r62_the_response_is_that_of_the_table(engine: Engine) -> None:
    five = told(engine, full(heart_rate=115.0, bp_systolic=95.0, spo2=95.0))
    assert [(d.facts["band"], d.severity) for d in five] == [("urgent", Severity.MEDIUM)]
    worse = full(NOW + HOUR, heart_rate=115.0, bp_systolic=95.0, spo2=93.0, respiratory_rate=11.0)
    seven = told(engine, worse)
    assert [(d.facts["band"], d.severity) for d in seven] == [("emergency", Severity.HIGH)]


def test_r63_a_single_red_is_said_though_the_total_is_three(engine: Engine) -> None:
    (found,) = told(engine, full(respiratory_rate=25.0))
    assert (found.change, found.facts["band"], found.severity) == (
        Change.RAISE,
        "single_red",
        Severity.MEDIUM,
    )


def test_r63_respiration_of_25_alone_is_said_at_once(engine: Engine) -> None:
    (found,) = told(engine, [measured("respiratory_rate", 25.0)])
    assert found.at == NOW
    assert found.facts["band"] == "single_red"


@pytest.mark.parametrize(
    ("who", "spo2", "said"),
    [
        ("wang", 91.0, ["single_red"]),
        ("meyer", 91.0, []),
        ("zhao", 91.0, []),
        ("meyer", 97.0, []),
        ("zhao", 97.0, ["urgent"]),  # 3, and 2 for the oxygen
        ("meyer", 83.0, ["single_red"]),
    ],
)
def test_r64_scale_2_is_for_whom_the_registry_says(
    engine: Engine, who: str, spo2: float, said: list[str]
) -> None:
    assert bands(told(engine, [measured("spo2", spo2, who=who)])) == said


def test_r64_on_scale_2_with_the_oxygen_unknown_there_is_no_score_and_staff_are_asked_once(
    engine: Engine,
) -> None:
    found = told(engine, [*full(who="li"), *full(NOW + MINUTE, who="li")])
    assert [(d.change, d.severity, d.facts["ask"]) for d in found] == [
        (Change.RAISE, Severity.LOW, "supplemental_oxygen")
    ]
    answer = measured("supplemental_oxygen", True, NOW + 2 * MINUTE, "li")
    (scored,) = told(engine, [answer])
    assert (scored.facts["band"], scored.facts["inputs"]) == ("urgent", "7/7")


def test_r64_a_flow_of_oxygen_is_oxygen(engine: Engine) -> None:
    flow = measured("o2_flow", 2.0, NOW - MINUTE, "meyer")
    assert bands(told(engine, [flow, measured("spo2", 97.0, who="meyer")])) == ["urgent"]
    none = measured("o2_flow", 0.0, NOW, "zhao")
    assert told(engine, [none, measured("spo2", 97.0, NOW + MINUTE, who="zhao")]) == []


def test_r65_without_all_seven_it_is_partial_and_the_red_still_said(engine: Engine) -> None:
    (found,) = told(engine, [measured("heart_rate", 72.0), measured("respiratory_rate", 25.0, NOW + SECOND)])
    assert found.facts["inputs"] == "partial 3/7, at least"
    assert "total" not in found.facts


def test_r65_points_that_are_there_call_for_their_response_without_a_total(engine: Engine) -> None:
    part = full(heart_rate=115.0, bp_systolic=95.0, respiratory_rate=22.0, consciousness=None)
    found = told(engine, part)
    assert [(d.facts["band"], d.facts["inputs"]) for d in found] == [("urgent", "partial 5/7, at least")]


def test_r66_inputs_of_one_score_lie_within_fifteen_minutes(engine: Engine) -> None:
    early = [measured("heart_rate", 115.0), measured("bp_systolic", 95.0, NOW + SECOND)]
    assert told(engine, [*early, measured("spo2", 95.0, NOW + 15 * MINUTE + 2 * SECOND)]) == []
    again = Engine(rules(RULE), WARD, NOW)
    assert bands(told(again, [*early, measured("spo2", 95.0, NOW + 15 * MINUTE)])) == ["urgent"]


def test_r66_the_age_of_each_input_is_told(engine: Engine) -> None:
    (found,) = told(
        engine, [measured("heart_rate", 72.0), measured("respiratory_rate", 25.0, NOW + 5 * MINUTE)]
    )
    assert found.facts["ages"] == "respiratory_rate 0 s, heart_rate 300 s"


@pytest.mark.parametrize(
    ("changed", "hours"),
    [
        ({}, 12.0),
        ({"heart_rate": 95.0}, 6.0),
        ({"respiratory_rate": 25.0}, 1.0),
        ({"heart_rate": 132.0, "spo2": 93.0}, 1.0),
    ],
)
def test_r67_the_next_score_is_due_and_its_lateness_said_twice(
    engine: Engine, changed: dict[str, Value | None], hours: float
) -> None:
    every = int(hours * HOUR)
    found = [
        d for d in told(engine, full(NOW, "wang", **changed), until=NOW + 60 * HOUR) if "due_ms" in d.facts
    ]
    assert [(d.severity, d.at - NOW) for d in found] == [
        (Severity.MEDIUM, every * 5 // 4),
        (Severity.HIGH, every * 2),
    ]
    assert [d.facts["due_local"] for d in found][:1] == [f"{(12 + int(hours)) % 24:02}:00"]


def test_r67_a_new_score_ends_the_lateness_and_starts_the_timer_anew(engine: Engine) -> None:
    (late,) = told(engine, full(), until=NOW + 16 * HOUR)
    assert late.severity is Severity.MEDIUM
    (over,) = told(engine, full(NOW + 17 * HOUR), until=NOW + 31 * HOUR)
    assert over.change is Change.CLEAR
    assert [d.at - NOW for d in told(engine, [], until=NOW + 33 * HOUR)] == [32 * HOUR]


def test_r67_what_a_device_alone_sees_calls_and_leaves_the_timer_as_it_is(engine: Engine) -> None:
    told(engine, full())
    found = told(engine, [measured("spo2", 90.0, NOW + 3 * HOUR)], until=NOW + 14 * HOUR)
    assert [d.facts["band"] for d in found if d.change is Change.RAISE] == ["single_red"]


def test_r67_who_was_never_scored_in_full_is_not_late(engine: Engine) -> None:
    worn = [measured("heart_rate", 72.0, NOW + n * MINUTE) for n in range(600)]
    assert told(engine, worn, until=NOW + 240 * HOUR) == []


@pytest.mark.parametrize(("value", "said"), [(35.04, ["single_red"]), (35.05, [])])
def test_r68_a_temperature_is_rounded_before_it_is_placed(
    engine: Engine, value: float, said: list[str]
) -> None:
    assert bands(told(engine, [measured("body_temperature", value)])) == said


def test_r69_it_screens_and_diagnoses_nothing_and_no_text_holds_a_value(engine: Engine) -> None:
    (found,) = told(engine, full(respiratory_rate=26.5))
    assert found.facts["note"] == "screening, not diagnosis"
    assert set(found.facts) == {"band", "inputs", "ages", "note"}
    assert "26.5" not in repr(found)
    book = Book()
    (opened,) = decide(book, found, NOW)
    episode = book.apply(opened)
    notification = notify(episode, opened)
    assert notification is not None
    assert text(episode, notification, WARD)["en"].endswith("assess the vital signs")


def test_r70_skin_temperature_feeds_nothing(engine: Engine) -> None:
    assert told(engine, [measured("skin_temperature", 33.0, NOW + n * MINUTE) for n in range(60)]) == []
    assert "skin_temperature" not in KIND.metrics(News2Settings())


@pytest.mark.parametrize("quality", [Quality.BAD, Quality.STALE])
def test_r94_bad_and_stale_values_are_no_input(engine: Engine, quality: Quality) -> None:
    reds = [measured("respiratory_rate", 30.0, NOW + n * SECOND, quality=quality) for n in range(60)]
    assert told(engine, reds) == []


def test_section_11_a_suspect_value_waits_for_a_second_reading(engine: Engine) -> None:
    first = measured("heart_rate", 22.0, quality=Quality.UNCERTAIN)
    assert told(engine, [first], until=NOW + HOUR) == []
    second = measured("heart_rate", 22.0, NOW + HOUR, quality=Quality.UNCERTAIN)
    assert bands(told(engine, [second])) == ["single_red"]


def test_an_artefact_between_two_readings_is_not_said(engine: Engine) -> None:
    for n, value in enumerate((72.0, 140.0, 75.0, 38.0, 75.0)):
        assert told(engine, [measured("heart_rate", value, NOW + n * 5 * MINUTE)]) == []


def test_r60_a_watch_that_measures_every_20_minutes_is_believed_at_its_second_red_reading(
    engine: Engine,
) -> None:
    readings = (96.0, 84.0, 96.0, 84.0, 85.0)
    times = [NOW + n * 20 * MINUTE for n in range(len(readings))]
    found = told(engine, [measured("spo2", value, at) for value, at in zip(readings, times, strict=True)])
    assert [(d.at, d.facts["band"]) for d in found] == [(times[-1], "single_red")]


def test_what_a_person_measures_is_believed_at_once(engine: Engine) -> None:
    told(engine, full())
    watch = [heard("watch", "heart_rate", NOW + HOUR + n * MINUTE, 72.0) for n in range(10)]
    found = told(engine, [*watch, *full(NOW + HOUR + 10 * MINUTE, heart_rate=135.0)])
    assert [d.facts["band"] for d in found] == ["single_red"]
    assert found[0].evidence.device == "tablet"


def test_r66_a_red_value_after_which_a_slow_watch_fell_silent_is_said_with_its_age(engine: Engine) -> None:
    watch = [heard("watch", "spo2", NOW + n * 20 * MINUTE, value) for n, value in enumerate((97.0, 84.0))]
    (found,) = told(engine, watch, until=NOW + 70 * MINUTE)
    assert (found.at, found.facts["ages"]) == (NOW + 65 * MINUTE, "spo2 2700 s")


def test_a_value_that_stays_is_said_with_its_second_reading_and_without_one_after_a_while(
    engine: Engine,
) -> None:
    rates = [(0, 72.0), (60, 140.0), (65, 140.0), (70, 140.0), (75, 140.0)]
    found = told(engine, [measured("heart_rate", value, NOW + s * SECOND) for s, value in rates])
    assert [d.at - NOW for d in found] == [75 * SECOND]
    calm, red = measured("heart_rate", 72.0, who="li"), measured("heart_rate", 140.0, NOW + MINUTE, "li")
    (waited,) = told(engine, [calm, red], until=NOW + HOUR - 5 * MINUTE)
    assert waited.at == NOW + 7 * MINUTE


def test_a_word_about_consciousness_never_waits(engine: Engine) -> None:
    told(engine, full())
    (found,) = told(engine, [measured("consciousness", "C", NOW + MINUTE)])
    assert (found.at, found.facts["band"]) == (NOW + MINUTE, "single_red")


def test_a_device_that_streams_a_red_value_for_a_day_calls_once(engine: Engine) -> None:
    values = [134.0, 140.0, 135.0, 131.0, 136.0, 95.0]
    stream = [measured("heart_rate", values[n % 6], NOW + n * 10 * SECOND) for n in range(8640)]
    found = told(engine, stream)
    assert bands(found) == ["single_red"]
    assert len({d.cause for d in found}) == 1


def test_only_a_worse_response_is_said_again(engine: Engine) -> None:
    worse = [("heart_rate", 132.0), ("respiratory_rate", 22.0), ("bp_systolic", 95.0), ("spo2", 95.0)]
    found = told(engine, [measured(*one, NOW + n * MINUTE) for n, one in enumerate(worse)])
    assert bands(found) == ["single_red", "urgent", "emergency"]
    assert {d.cause for d in found} == {"wang"}
    milder = [measured(*one, NOW + 5 * MINUTE) for one in CALM.items()]
    red = [measured("heart_rate", 132.0, NOW + (6 + n) * MINUTE) for n in range(3)]
    assert told(engine, milder + red) == []


def test_what_was_not_seen_for_an_hour_is_over_when_measured_and_unknown_when_not(engine: Engine) -> None:
    told(engine, [measured("heart_rate", 132.0)])
    calm = [measured("heart_rate", 72.0, NOW + n * MINUTE) for n in range(1, 70)]
    assert bands(told(engine, calm)) == ["clear"]
    told(engine, [measured("heart_rate", 132.0, NOW + 10 * HOUR)])
    (unknown,) = told(engine, [], until=NOW + 12 * HOUR)
    assert (unknown.change, unknown.facts) == (Change.NOTE, {"why": "not_measured"})
    assert bands(told(engine, [measured("heart_rate", 132.0, NOW + 20 * HOUR)])) == ["single_red"]


def test_r58_while_she_is_away_it_is_counted_and_calls_nobody(engine: Engine) -> None:
    told(engine, full())
    found = told(
        engine,
        [
            heard("desk", "absence", NOW + HOUR, "leave", resident="wang"),
            measured("heart_rate", 140.0, NOW + 2 * HOUR),
        ],
        until=NOW + 60 * HOUR,
    )
    assert [(d.change, d.facts["why"]) for d in found if d.change is not Change.NOTE] == [
        (Change.SUPPRESS, "leave")
    ]


def test_r58_what_was_said_to_nobody_is_said_when_she_is_back(engine: Engine) -> None:
    left = heard("desk", "absence", NOW, "leave", resident="wang")
    back = heard("desk", "absence", NOW + 10 * MINUTE, "present", resident="wang")
    reds = [measured("heart_rate", 140.0, NOW + n * MINUTE) for n in (1, 11)]
    found = told(engine, [left, reds[0], back, reds[1]])
    assert [d.change for d in found] == [Change.SUPPRESS, Change.RAISE]


def test_r67_a_first_word_that_she_is_here_leaves_the_timer_as_it_is(engine: Engine) -> None:
    here = heard("desk", "absence", NOW + HOUR, "present", resident="wang")
    (late,) = told(engine, [*full(), here], until=NOW + 16 * HOUR)
    assert late.at == NOW + 15 * HOUR


def test_a_device_that_is_not_worn_is_not_listened_to(engine: Engine) -> None:
    off = heard("watch", "worn", NOW, False)
    lying = [heard("watch", "heart_rate", NOW + n * MINUTE, 30.0) for n in range(1, 60)]
    assert told(engine, [off, *lying]) == []
    on = heard("watch", "worn", NOW + HOUR, True)
    assert bands(told(engine, [on, heard("watch", "heart_rate", NOW + HOUR + MINUTE, 30.0)])) == [
        "single_red"
    ]


def test_a_last_red_breath_before_she_leaves_her_bed_is_not_said(engine: Engine) -> None:
    lies = [heard("bed", "respiratory_rate", NOW + n * MINUTE, 15.0) for n in range(5)]
    last = heard("bed", "respiratory_rate", NOW + 5 * MINUTE, 30.0)
    up = heard("bed", "bed_occupied", NOW + 5 * MINUTE + SECOND, False)
    empty = heard("bed", "respiratory_rate", NOW + 6 * MINUTE, 30.0)
    assert told(engine, [*lies, last, up, empty], until=NOW + 3 * HOUR) == []
    back = heard("bed", "bed_occupied", NOW + 3 * HOUR, True)
    again = [heard("bed", "respiratory_rate", NOW + 3 * HOUR + n * MINUTE, 30.0) for n in range(1, 3)]
    assert bands(told(engine, [back, *again])) == ["single_red"]


def test_a_restart_says_nothing_twice_and_forgets_no_timer(engine: Engine) -> None:
    told(engine, full(heart_rate=132.0))
    again = Engine(rules(RULE), WARD, NOW + MINUTE)
    again.restore(engine.dirty())
    found = told(again, [measured("heart_rate", 132.0, NOW + 10 * MINUTE)], until=NOW + 90 * MINUTE)
    assert [("due_ms" in d.facts, d.at - NOW) for d in found if d.change is Change.RAISE] == [
        (True, 75 * MINUTE)
    ]


def test_a_calm_value_in_its_band_leaves_the_memory_as_it_is() -> None:
    rule, subject = Rule("news2", "news2", News2Settings()), Subject("wang", WARD.residents["wang"])
    memory = Memory()
    for at in count(NOW, 10 * SECOND):
        before = memory
        memory, _ = KIND.observe(rule, subject, memory, measured("heart_rate", 72.0, at))
        if at > NOW + MINUTE:
            break
    assert memory is before


values = st.one_of(
    st.tuples(st.just("heart_rate"), st.integers(25, 200).map(float)),
    st.tuples(st.just("respiratory_rate"), st.integers(5, 40).map(float)),
    st.tuples(st.just("spo2"), st.integers(80, 100).map(float)),
    st.tuples(st.just("bp_systolic"), st.integers(70, 240).map(float)),
    st.tuples(st.just("body_temperature"), st.integers(340, 400).map(lambda n: n / 10)),
    st.tuples(st.just("consciousness"), st.sampled_from("ACVPU")),
    st.tuples(st.just("supplemental_oxygen"), st.booleans()),
    st.tuples(st.just("worn"), st.booleans()),
)


@given(
    st.lists(st.tuples(values, st.integers(1, 20 * MINUTE)), max_size=30),
    st.sampled_from(list(WARD.residents)),
)
def test_whatever_is_measured_live_equals_after_a_restart_and_nothing_breaks(
    readings: list[tuple[tuple[str, Value], int]], who: str
) -> None:
    at, observations = NOW, []
    for (metric, value), gap in readings:
        at += gap
        observations.append(measured(metric, value, at, who))
    live = Engine(rules(RULE), WARD, NOW)
    through = told(live, observations, until=at + 30 * HOUR)
    assert live.failures() == []
    half = len(observations) // 2
    first, second = Engine(rules(RULE), WARD, NOW), Engine(rules(RULE), WARD, NOW)
    before = [d for o in observations[:half] for d in first.observe(o)]
    second.restore(first.dirty())
    after = told(second, observations[half:], until=at + 30 * HOUR)
    assert before + after == through


@given(st.lists(st.tuples(values, st.integers(1, 5 * MINUTE)), max_size=30))
def test_a_response_is_said_again_only_when_worse_within_an_hour(
    readings: list[tuple[tuple[str, Value], int]],
) -> None:
    ranks = {"single_red": 2, "urgent": 3, "emergency": 4}
    at, observations = NOW, []
    for (metric, value), gap in readings:
        at += gap
        observations.append(measured(metric, value, at))
    raised = [d for d in told(Engine(rules(RULE), WARD, NOW), observations) if "band" in d.facts]
    for before, then in pairwise(raised):
        worse = ranks[str(then.facts["band"])] > ranks[str(before.facts["band"])]
        assert worse or then.at - before.at >= HOUR


def test_all_seven_are_metrics_of_the_vocabulary() -> None:
    assert set(PARAMETERS) < KIND.metrics(News2Settings())


def test_r63_what_one_device_shows_is_not_hidden_by_another_that_says_all_is_well() -> None:
    engine = Engine(rules(RULE), WARD, NOW)
    both = [
        heard(device, "spo2", NOW + n * 10 * MINUTE + delay, value, resident="wang")
        for n in range(6)
        for device, delay, value in (("ring", 0, 97.0), ("watch", 5 * MINUTE, 98.0 if n == 0 else 78.0))
    ]
    assert bands(told(engine, both))[:1] == ["single_red"]


def test_r60_an_artefact_of_one_device_is_settled_by_its_own_next_reading() -> None:
    engine = Engine(rules(RULE), WARD, NOW)
    values = [
        ("ring", 97.0),
        ("watch", 98.0),
        ("watch", 78.0),
        ("ring", 97.0),
        ("watch", 97.0),
        ("ring", 97.0),
    ]
    course = [
        heard(device, "spo2", NOW + n * 5 * MINUTE, value, resident="wang")
        for n, (device, value) in enumerate(values)
    ]
    assert told(engine, course, until=NOW + HOUR) == []
