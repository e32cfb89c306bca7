"""A test call is made by the holder of the key alone and calls nobody; its loss is told once and ended."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.book import Book
from alerts.decide import decide
from alerts.event import Address, Cleared, Opened, QuietEvent
from alerts.notification import notify, text
from alerts.synthetic import (
    CHANNEL,
    METRIC,
    MISSES,
    STAGES,
    SUBJECT,
    Stage,
    call,
    cause,
    is_ours,
    last_seen,
    missed,
    number_of,
    rehearsed,
    topic,
    verdict,
)
from devices.message import Message
from devices.ourselves import SYNTHETIC, SYNTHETIC_TOPIC
from devices.registry import Device, Registry, Resident
from ingest.interpret import interpret
from rules.configuration import default
from rules.decision import TECHNICAL, Decision, Severity
from rules.engine import Engine
from tests.alerts.decisions import HOME

KEY = bytes(range(32))
NOW = 1_790_000_000_000
keys = st.binary(min_size=32, max_size=32)
numbers = st.binary(min_size=16, max_size=16).map(bytes.hex)
times = st.integers(0, 2**50)
stages = st.sampled_from(STAGES)


@given(keys, numbers, times)
def test_what_was_made_with_the_key_is_ours(key: bytes, number: str, at: int) -> None:
    assert is_ours(key, call(key, number, at))


@given(keys, keys, numbers, times)
def test_another_key_makes_none(key: bytes, other: bytes, number: str, at: int) -> None:
    assert is_ours(other, call(key, number, at)) is (key == other)


@given(numbers, times, st.data())
def test_one_other_byte_makes_it_somebodys_call(number: str, at: int, data: st.DataObject) -> None:
    made = bytearray(call(KEY, number, at))
    place = data.draw(st.integers(0, len(made) - 1))
    made[place] = data.draw(st.integers(0, 255).filter(lambda byte: byte != made[place]))
    assert not is_ours(KEY, bytes(made))


@given(st.binary(max_size=300))
def test_anything_else_is_not_ours_and_breaks_nothing(payload: bytes) -> None:
    assert not is_ours(KEY, payload)


def decisions(registry: Registry = HOME, number: str = "ab" * 16) -> list[Decision]:
    """What the default rules say of a test call that intake has taken for ours."""
    message = Message(SYNTHETIC_TOPIC, call(KEY, number, NOW), NOW, qos=1)
    engine = Engine(default(), registry, NOW)
    observed = interpret(message, registry, "s1").observations
    assert [(one.site, one.device, one.metric) for one in observed] == [(*SYNTHETIC, "sos")]
    made = [decision for one in observed for decision in engine.observe(one)]
    return [*made, *engine.tick(NOW + 3_600_000)]


def test_the_rules_call_for_it_as_for_any_press() -> None:
    (made,) = [one for one in decisions() if one.subject == SUBJECT]
    assert (made.kind, made.severity, number_of(made)) == ("sos", Severity.HIGH, "ab" * 16)


def test_it_is_nobodys_whatever_is_registered() -> None:
    registered = Registry.of(
        HOME.places.values(),
        [*HOME.residents.values(), Resident("victim", "b1")],
        [Device(device, site=site, resident="victim") for site, device in (("", SYNTHETIC[1]), SYNTHETIC)],
    )
    subjects = {one.subject for one in decisions(registered) if one.kind == "sos"}
    assert subjects == {SUBJECT}


def test_a_real_press_has_no_number() -> None:
    device = Message("shouwang/v1/s1/w-9/event", b'{"event":"sos","note":"%s"}' % (b"ab" * 16), NOW)
    (pressed,) = Engine(default(), HOME, NOW).observe(interpret(device, HOME, "s1").observations[0])
    assert number_of(pressed) == ""


def test_only_the_end_of_the_way_is_told_of_it() -> None:
    (made,) = [one for one in decisions() if number_of(one)]
    found = rehearsed(made, NOW, "s1")
    assert found is not None
    opened, episode, note = found
    assert opened.calls
    assert note.calls
    assert (note.everyone, note.to) == (False, (Address("", CHANNEL),))
    assert note.life_safety, "it goes the way of a call for help"
    assert episode.id == opened.episode


def test_the_furthest_stage_counts_in_whatever_order_they_were_seen() -> None:
    assert last_seen({}) is Stage.UNSENT
    assert last_seen({Stage.RECORDED: 0.2, Stage.PUBLISHED: 0.3}) is Stage.RECORDED


class Told:
    """People, told of the course of test calls by way of a real book."""

    def __init__(self) -> None:
        self.book = Book()
        self.misses = 0
        self.now = NOW

    def after(self, stage: Stage, *, away: bool = False) -> list[str]:
        self.now += 300_000
        self.misses = missed(self.misses, stage, broker_away=away)
        standing = self.book.open_for(TECHNICAL, cause("s1"))
        decision = verdict(standing, self.misses, stage, "s1", self.now)
        events = decide(self.book, decision, self.now, "s1") if decision else []
        for event in events:
            assert not isinstance(event, QuietEvent)
            self.book.apply(event)
        return [event.name.value for event in events]


def test_two_in_a_row_are_told_once_and_the_next_that_comes_back_ends_it() -> None:
    told = Told()
    assert told.after(Stage.JOURNALLED) == []
    assert told.after(Stage.DELIVERED) == []
    assert told.after(Stage.PUBLISHED) == []
    assert told.after(Stage.PUBLISHED) == ["opened"]
    assert told.after(Stage.PUBLISHED) == []
    assert told.after(Stage.DELIVERED) == ["cleared"]
    assert told.after(Stage.DELIVERED) == []
    assert told.after(Stage.DECIDED) == []
    assert told.after(Stage.DECIDED) == ["evidence"], "it is lost again before anybody closed the alert"


def test_while_the_broker_is_away_there_is_no_second_alert_and_no_end_of_one() -> None:
    told = Told()
    for _ in range(5):
        assert told.after(Stage.UNSENT, away=True) == []
    assert told.after(Stage.UNSENT) == [], "those before were the broker's"
    assert told.after(Stage.UNSENT) == ["opened"]
    assert told.after(Stage.UNSENT, away=True) == []


@given(st.lists(st.tuples(stages, st.booleans()), max_size=40))
def test_people_are_told_exactly_while_two_in_a_row_were_lost(course: list[tuple[Stage, bool]]) -> None:
    told, lost, expected = Told(), 0, False
    for stage, away in course:
        told.after(stage, away=away)
        back = stage is Stage.DELIVERED
        lost = 0 if back or away else lost + 1
        expected = not back and (expected or lost >= MISSES)
        standing = told.book.open_for(TECHNICAL, cause("s1"))
        assert (standing is not None and standing.active) is expected


@pytest.mark.parametrize("stage", STAGES[:-1])
def test_people_are_told_how_far_it_came_and_what_to_do(stage: Stage) -> None:
    book = Book()
    decision = verdict(None, MISSES, stage, "s1", NOW)
    assert decision is not None
    (event,) = decide(book, decision, NOW, "s1")
    assert isinstance(event, Opened)
    episode = book.apply(event)
    assert (episode.severity, episode.metric) == (Severity.HIGH, METRIC)
    note = notify(episode, event)
    assert note is not None
    said = text(episode, note, HOME)
    assert "试验呼叫没有返回" in said["zh-CN"]
    assert "请加强巡视" in said["zh-CN"]
    assert "a test call did not come back" in said["en"]
    assert "Make rounds" in said["en"]
    where = {
        Stage.UNSENT: "did not take it",
        Stage.PUBLISHED: "ACL",
        Stage.JOURNALLED: "not decided",
        Stage.DECIDED: "not recorded",
        Stage.RECORDED: "not sent",
    }
    assert where[stage] in said["en"]


def test_its_end_stands_in_the_history() -> None:
    told = Told()
    for stage in (Stage.UNSENT, Stage.UNSENT):
        told.after(stage)
    episode = told.book.open_for(TECHNICAL, cause("s1"))
    decision = verdict(episode, 0, Stage.DELIVERED, "s1", told.now)
    assert decision is not None
    (event,) = decide(told.book, decision, told.now, "s1")
    assert isinstance(event, Cleared)
    assert told.book.apply(event).facts["stage"] == "unsent", "where it was lost is not forgotten"


def test_it_is_published_where_calls_of_the_native_protocol_are_heard() -> None:
    said = interpret(Message(topic("s1"), b'{"event":"sos"}', NOW), HOME, "s1")
    assert [one.metric for one in said.observations] == ["sos"]
