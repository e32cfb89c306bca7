"""SOS and falls: every one reaches a human, with its age, its evidence and nothing in between."""

import pytest

from devices.observation import Quality
from devices.ourselves import AFTER_FALL
from rules.decision import Change, Decision, Severity
from rules.engine import Engine
from tests.rules.home import HOME, HOUR, SECOND, heard, local, rules

NOW = local("2025-11-22 12:00")


@pytest.fixture
def engine() -> Engine:
    return Engine(rules(""), HOME, NOW)


def words(decisions: list[Decision]) -> list[tuple[str, str, str, str]]:
    return [(d.change, d.rule, d.subject, d.severity) for d in decisions]


def test_r54_a_press_raises_at_once_and_high(engine: Engine) -> None:
    (decision,) = engine.observe(heard("watch", "sos", NOW, delay=40))
    assert (decision.change, decision.severity, decision.kind) == (Change.RAISE, Severity.HIGH, "sos")
    assert (decision.subject, decision.cause, decision.at) == ("wang", "wang", NOW + 40)
    assert (decision.evidence.at, decision.evidence.received_at) == (NOW, NOW + 40)
    assert decision.facts == {}


def test_r42_every_press_raises_again_with_evidence_of_its_own(engine: Engine) -> None:
    presses = [engine.observe(heard("watch", "sos", NOW + n * SECOND)) for n in range(3)]
    assert [len(decisions) for decisions in presses] == [1, 1, 1]
    assert len({decisions[0].evidence.key for decisions in presses}) == 3


def test_messages_of_one_press_are_close_enough_to_call_once(engine: Engine) -> None:
    (decision,) = engine.observe(heard("watch", "sos", NOW))
    assert decision.evidence.same_within_ms == 10_000


def test_r05_the_same_press_again_is_the_same_evidence(engine: Engine) -> None:
    (first,) = engine.observe(heard("watch", "sos", NOW, key="press-7"))
    (again,) = engine.observe(heard("watch", "sos", NOW, key="press-7", delay=SECOND))
    assert first.evidence.key == again.evidence.key


def test_a_counter_that_starts_anew_does_not_make_a_new_press_an_old_one(engine: Engine) -> None:
    (first,) = engine.observe(heard("watch", "sos", NOW, key="1"))
    (after_reboot,) = engine.observe(heard("watch", "sos", NOW + HOUR, key="1"))
    assert first.evidence.key != after_reboot.evidence.key


def test_presses_of_two_devices_are_two_pieces_of_evidence(engine: Engine) -> None:
    (one,) = engine.observe(heard("pendant", "sos", NOW))
    (other,) = engine.observe(heard("button", "sos", NOW))
    assert one.evidence.key != other.evidence.key
    assert one.cause == other.cause == "zhao"


def test_r90_a_press_of_hours_ago_raises_with_its_age(engine: Engine) -> None:
    (decision,) = engine.observe(heard("watch", "sos", NOW - 20 * HOUR, delay=20 * HOUR))
    assert decision.change is Change.RAISE
    assert decision.facts == {"age_s": 72_000}


def test_r90_what_normalising_calls_history_does_not_raise(engine: Engine) -> None:
    assert engine.observe(heard("watch", "sos", NOW, late=True)) == []


def test_a_retained_press_is_no_new_press(engine: Engine) -> None:
    assert engine.observe(heard("watch", "sos", NOW, quality=Quality.STALE)) == []


@pytest.mark.parametrize("quality", [Quality.UNCERTAIN, Quality.BAD])
def test_doubtful_quality_does_not_hide_a_press(engine: Engine, quality: Quality) -> None:
    assert words(engine.observe(heard("watch", "sos", NOW, quality=quality))) == [
        ("raise", "sos", "wang", "high")
    ]


def test_an_sos_of_an_unknown_device_alerts_about_the_device(engine: Engine) -> None:
    (decision,) = engine.observe(heard("stray", "sos", NOW))
    assert decision.subject == decision.cause == "device:home/stray"


def test_an_sos_of_a_room_is_about_the_room(engine: Engine) -> None:
    assert words(engine.observe(heard("radar", "sos", NOW, place="room-2"))) == [
        ("raise", "sos", "room-2", "high")
    ]


def test_an_sos_of_a_resident_the_registry_does_not_know_alerts(engine: Engine) -> None:
    assert words(engine.observe(heard("watch", "sos", NOW, resident="new"))) == [
        ("raise", "sos", "new", "high")
    ]


def test_r42_a_device_cannot_take_a_call_back(engine: Engine) -> None:
    engine.observe(heard("watch", "sos", NOW))
    decisions = engine.observe(heard("watch", "help_cancelled", NOW + SECOND))
    assert {(d.rule, d.change) for d in decisions} == {("sos", Change.NOTE), ("fall", Change.NOTE)}


def test_r72_a_confirmed_fall_is_high_and_a_suspected_one_medium_in_the_same_episode(engine: Engine) -> None:
    (suspected,) = engine.observe(heard("watch", "fall_suspected", NOW, key="f1"))
    (confirmed,) = engine.observe(heard("watch", "fall", NOW + SECOND, key="f1"))
    assert (suspected.severity, confirmed.severity) == (Severity.MEDIUM, Severity.HIGH)
    assert suspected.cause == confirmed.cause == "wang"
    assert suspected.evidence.key != confirmed.evidence.key, "a confirmation must not pass for a repeat"


def test_messages_of_one_fall_are_close_enough_to_call_once(engine: Engine) -> None:
    (decision,) = engine.observe(heard("radar", "fall", NOW, place="room-2", key="e"))
    assert decision.evidence.same_within_ms == 60_000
    assert decision.subject == "room-2"


def test_a_fall_that_the_device_calls_over_is_noted(engine: Engine) -> None:
    assert words(engine.observe(heard("watch", "fall_cleared", NOW))) == [("note", "fall", "wang", "high")]


@pytest.mark.parametrize("moves", [True, False])
def test_r72_whether_she_moved_after_a_fall_that_we_felt_is_noted(engine: Engine, moves: bool) -> None:
    rest = heard("watch", "moving", NOW, moves)._replace(detail=AFTER_FALL[moves])
    (decision,) = engine.observe(rest)
    assert (decision.change, decision.kind, decision.subject) == (Change.NOTE, "fall", "wang")
    assert decision.evidence.detail == AFTER_FALL[moves]
    assert engine.observe(heard("watch", "moving", NOW, moves)) == []


def test_an_event_that_is_false_is_none(engine: Engine) -> None:
    assert engine.observe(heard("watch", "sos", NOW, value=False)) == []
    assert engine.observe(heard("watch", "fall", NOW, value=False)) == []
