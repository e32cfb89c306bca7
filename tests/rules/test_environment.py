"""Smoke, gas, carbon monoxide and water alert at once, wherever the detector hangs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.acts import Refused, acknowledge
from alerts.book import Book
from alerts.decide import decide
from alerts.event import Cleared, Event, Opened
from devices.observation import Observation, Quality
from rules.decision import Change, Severity
from rules.engine import Engine
from tests.rules.home import HOME, HOUR, MINUTE, SECOND, heard, local, rules

NOW = local("2025-11-22 12:00")


@pytest.fixture
def engine() -> Engine:
    return Engine(rules(""), HOME, NOW)  # holds though the file does not name it


def detector(metric: str, at: int = NOW, *, value: bool = True, place: str = "kitchen") -> Observation:
    return heard("detector", metric, at, value, resident="", place=place)


@pytest.mark.parametrize(
    ("metric", "severity"),
    [
        ("smoke", Severity.HIGH),
        ("gas", Severity.HIGH),
        ("carbon_monoxide", Severity.HIGH),
        ("water_leak", Severity.MEDIUM),
    ],
)
def test_r54_an_alarm_raises_at_once_where_nobody_lives(
    engine: Engine, metric: str, severity: Severity
) -> None:
    (decision,) = engine.observe(detector(metric))
    assert (decision.change, decision.kind, decision.severity) == (Change.RAISE, "environment", severity)
    assert (decision.subject, decision.at) == ("kitchen", NOW)


def test_an_unassigned_detector_alerts_too(engine: Engine) -> None:
    (decision,) = engine.observe(detector("smoke", place=""))
    assert decision.subject == "device:home/detector"


def test_each_danger_at_each_place_is_an_episode_of_its_own(engine: Engine) -> None:
    seen = [detector("smoke"), detector("gas"), detector("smoke", place="hall")]
    assert len({engine.observe(one)[0].cause for one in seen}) == 3


def test_its_end_clears_and_a_replayed_end_does_not(engine: Engine) -> None:
    book = Book()

    def follow(observation: Observation) -> list[object]:
        return [
            (event, book.apply(event))[0]
            for decision in engine.observe(observation)
            for event in decide(book, decision, observation.received_at)
        ]

    assert [type(event) for event in follow(detector("smoke"))] == [Opened]
    assert follow(detector("smoke", NOW - MINUTE, value=False)) == []
    (cleared,) = follow(detector("smoke", NOW + MINUTE, value=False))
    assert isinstance(cleared, Cleared)
    (episode,) = book.unresolved()  # a person resolves it
    assert not episode.active


def test_a_detector_that_repeats_itself_calls_once_in_ten_minutes(engine: Engine) -> None:
    book = Book()
    calls = 0
    for second in range(0, 700, 10):
        observation = detector("smoke", NOW + second * SECOND)
        for decision in engine.observe(observation):
            for event in decide(book, decision, observation.received_at):
                calls += isinstance(event, Opened) or getattr(event, "calls", False)
                book.apply(event)
    assert calls == 2


@pytest.mark.parametrize(
    ("quality", "raises"), [(Quality.GOOD, 1), (Quality.UNCERTAIN, 1), (Quality.STALE, 0)]
)
def test_what_the_broker_had_retained_is_no_fire(engine: Engine, quality: Quality, raises: int) -> None:
    assert len(engine.observe(detector("smoke")._replace(quality=quality))) == raises


def test_r90_smoke_of_hours_ago_raises_with_its_age(engine: Engine) -> None:
    late = detector("smoke", NOW - 2 * HOUR)._replace(received_at=NOW)
    (decision,) = engine.observe(late)
    assert decision.facts == {"age_s": 7200}


def calls_of(engine: Engine, book: Book, observation: Observation) -> int:
    """How often people are called for an observation."""
    calls = 0
    for decision in engine.observe(observation):
        for event in decide(book, decision, observation.received_at):
            calls += isinstance(event, Opened) or getattr(event, "calls", False)
            book.apply(event)
    return calls


def test_what_is_answered_is_not_called_out_again_with_every_repeat(engine: Engine) -> None:
    book = Book()
    assert calls_of(engine, book, detector("smoke")) == 1
    (episode,) = book.unresolved()
    for event in acknowledged(book, episode.id):
        book.apply(event)
    repeats = [detector("smoke", NOW + second * SECOND) for second in range(10, 601, 10)]
    assert [calls_of(engine, book, one) for one in repeats] == [0] * 60
    assert calls_of(engine, book, detector("smoke", NOW + 610 * SECOND)) == 1, "it still burns"


def acknowledged(book: Book, episode: str) -> list[Event]:
    events = acknowledge(book, episode, "nurse", NOW + SECOND)
    assert not isinstance(events, Refused)
    return events


@pytest.mark.parametrize("answered", [False, True])
def test_a_new_alarm_after_the_end_of_the_old_one_always_calls(engine: Engine, answered: bool) -> None:
    book = Book()
    assert calls_of(engine, book, detector("smoke")) == 1
    for event in acknowledged(book, book.unresolved()[0].id) if answered else ():
        book.apply(event)
    assert calls_of(engine, book, detector("smoke", NOW + MINUTE, value=False)) == 0
    assert calls_of(engine, book, detector("smoke", NOW + 2 * MINUTE)) == 1


def test_another_detector_of_the_same_danger_calls_too(engine: Engine) -> None:
    book = Book()
    second = detector("smoke", NOW + SECOND)._replace(device="detector-2")
    assert [calls_of(engine, book, one) for one in (detector("smoke"), second)] == [1, 1]


@given(
    st.lists(
        st.tuples(
            st.integers(1, 900), st.booleans(), st.sampled_from(["a", "b"]), st.sampled_from(["smoke", "gas"])
        ),
        max_size=30,
    )
)
def test_r54_only_a_repeat_within_ten_minutes_of_a_call_does_not_call(
    told: list[tuple[int, bool, str, str]],
) -> None:
    engine = Engine(rules(""), HOME, NOW)
    called: dict[tuple[str, str], int] = {}
    at = NOW
    for gap, raised, device, metric in told:
        at += gap * SECOND
        observation = detector(metric, at, value=raised)._replace(device=device)
        decisions = engine.observe(observation)
        key = (device, metric)
        if not raised:
            heard_of = called.pop(key, None) is not None
            goes_on = any(other == metric for _, other in called)
            expected = [Change.NOTE if goes_on else Change.CLEAR] if heard_of or not goes_on else []
            assert [decision.change for decision in decisions] == expected
            continue
        (decision,) = decisions
        if key in called and at - called[key] <= 10 * MINUTE:
            assert decision.change is Change.NOTE
        else:
            called[key] = at
            assert (decision.change, decision.at) == (Change.RAISE, at)


def test_the_air_is_clear_when_the_last_detector_says_so(engine: Engine) -> None:
    def told(device: str, at: int, *, value: bool) -> list[Change]:
        observation = detector("smoke", at, value=value)._replace(device=device)
        return [decision.change for decision in engine.observe(observation)]

    assert told("one", NOW, value=True) == [Change.RAISE]
    assert told("two", NOW + SECOND, value=False) == [], "it saw nothing, and ends nothing"
    assert told("two", NOW + 2 * SECOND, value=True) == [Change.RAISE]
    assert told("one", NOW + MINUTE, value=False) == [Change.NOTE], "the other one still burns"
    assert told("two", NOW + 2 * MINUTE, value=False) == [Change.CLEAR]


def test_a_detector_that_fell_silent_keeps_no_other_one_from_ending(engine: Engine) -> None:
    engine.observe(detector("smoke")._replace(device="burnt"))
    later = NOW + 24 * HOUR + SECOND
    engine.observe(detector("smoke", later)._replace(device="new"))
    (decision,) = engine.observe(detector("smoke", later + MINUTE, value=False)._replace(device="new"))
    assert decision.change is Change.CLEAR


@pytest.mark.parametrize("said", [NOW - MINUTE, NOW + 30 * SECOND])
def test_an_end_from_before_what_was_said_last_ends_nothing(engine: Engine, said: int) -> None:
    """It waited for the network, and comes after the alarm, or after the alarm's repeat."""
    engine.observe(detector("smoke"))
    engine.observe(detector("smoke", NOW + MINUTE))
    replayed = detector("smoke", said, value=False)._replace(received_at=NOW + 2 * MINUTE)
    assert engine.observe(replayed) == []
    (decision,) = engine.observe(detector("smoke", NOW + 3 * MINUTE, value=False))
    assert decision.change is Change.CLEAR


def test_a_detector_whose_clock_stands_still_calls_again_too(engine: Engine) -> None:
    def told(heard_at: int) -> Change:
        stuck = detector("smoke", NOW - 1000 * HOUR)._replace(received_at=heard_at, quality=Quality.UNCERTAIN)
        return engine.observe(stuck)[0].change

    assert [told(NOW), told(NOW + MINUTE), told(NOW + 11 * MINUTE)] == [
        Change.RAISE,
        Change.NOTE,
        Change.RAISE,
    ]
