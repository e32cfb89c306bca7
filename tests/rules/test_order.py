"""Kinds that take things in order, that begin with the first word, that share a home; where she is."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from devices.observation import Observation
from rules.decision import Change, Decision
from rules.engine import Engine
from rules.kind import Kind, Rule, Step, Subject, decide, seen
from rules.reorder import REORDER_MS
from rules.ruleset import Definition, RuleSet
from rules.settings import Settings
from rules.situation import STAFF_HOLDS_MS
from rules.snapshot import HELD, Row
from tests.rules.home import HOME, HOUR, MINUTE, SECOND, heard, local

NOW = local("2025-11-22 22:00")
QUIET = 10 * SECOND


class Empty(NamedTuple):
    """Since when a bed is empty."""

    wake: int | None = None
    since: int = 0


def _start(_rule: Rule[Settings], _subject: Subject, memory: Empty | None, _now: int) -> Step[Empty]:
    return memory or Empty(), ()


def _observe(rule: Rule[Settings], subject: Subject, memory: Empty, observation: Observation) -> Step[Empty]:
    """Leaving raises at once, and again after a while; coming back clears."""
    at = observation.at
    if at < memory.since:
        return memory, ()
    change = Change.CLEAR if observation.value else Change.RAISE
    kept = Empty(None if observation.value else at + QUIET, at)
    return kept, (decide(rule, subject, change, seen(observation), at=at),)


def _wake(rule: Rule[Settings], subject: Subject, memory: Empty, now: int) -> Step[Empty]:
    facts: dict[str, str | int] = {"attended": int(subject.attended(now)), "absence": subject.absence}
    evidence = seen(heard("bed", "bed_occupied", now, value=False))
    return Empty(None, memory.since), (decide(rule, subject, Change.RAISE, evidence, at=now, facts=facts),)


def _moved(rule: Rule[Settings], subject: Subject, memory: Empty, now: int) -> Step[Empty]:
    evidence = seen(heard("desk", "absence", now))
    return memory, (decide(rule, subject, Change.NOTE, evidence, at=now, facts={"absence": subject.absence}),)


ORDERED: Kind[Settings, Empty] = Kind(
    name="ordered",
    settings=Settings,
    observe=_observe,
    metrics=lambda _: frozenset({"bed_occupied"}),
    memory=Empty,
    start=_start,
    wake=_wake,
    moved=_moved,
    ordered=True,
    lazy=True,
    shares=True,
)


def engine(kind: Kind[Any, Any] = ORDERED, now: int = NOW) -> Engine:
    return Engine(RuleSet((Definition("bed", kind, {}),)), HOME, now)


def play(watch: Engine, history: Sequence[Observation], until: int = NOW + HOUR) -> list[Decision]:
    decisions = [decision for observation in history for decision in watch.observe(observation)]
    return decisions + watch.tick(until)


def told(decisions: Sequence[Decision]) -> list[tuple[str, str, int]]:
    return [(decision.subject, decision.change.value, decision.at - NOW) for decision in decisions]


_WORDS = [
    *(("bed", "bed_occupied", occupied) for occupied in (True, False)),
    *(("desk", "staff_present", present) for present in (True, False)),
    ("radar", "bed_occupied", False),
]


@st.composite
def shuffles(draw: st.DrawFn) -> tuple[list[Observation], list[Observation]]:
    """What happened, as it arrives in order, and as it arrives within the window in another."""
    at, inorder, other = NOW, [], []
    for gap in draw(st.lists(st.integers(0, 5) | st.integers(0, 15_000), max_size=20)):
        at += gap
        device, metric, value = draw(st.sampled_from(_WORDS))
        resident = "wang" if device == "desk" else None
        one = heard(device, metric, at, value, resident=resident, place="room-2" if device == "radar" else "")
        inorder.append(one)
        other.append(one._replace(received_at=at + draw(st.integers(0, REORDER_MS - 1))))
    return inorder, sorted(other, key=lambda one: one.received_at)


def when(decisions: Sequence[Decision]) -> list[tuple[str, str, int, int]]:
    """All that does not tell of arrival."""
    return [(d.subject, d.change.value, d.at, int(d.facts.get("attended", -1))) for d in decisions]


@given(shuffles())
def test_r92_order_within_the_window_changes_nothing(
    arrivals: tuple[list[Observation], list[Observation]],
) -> None:
    inorder, other = arrivals
    assert when(play(engine(), other)) == when(play(engine(), inorder))


@given(shuffles(), st.data())
def test_what_waits_in_the_window_survives_a_restart(
    arrivals: tuple[list[Observation], list[Observation]], data: st.DataObject
) -> None:
    _, history = arrivals
    expected = play(engine(), history)
    cut = data.draw(st.integers(0, len(history)))
    watch = engine()
    decisions = [decision for observation in history[:cut] for decision in watch.observe(observation)]
    rows: list[Row] = watch.dirty()
    again = engine(now=NOW + data.draw(st.integers(0, HOUR)))
    assert {rule for rule, _ in again.restore(rows)} <= {HELD}
    assert again.dirty() == []
    assert decisions + play(again, history[cut:]) == expected


def test_what_has_left_the_window_is_not_held_again_after_a_restart() -> None:
    watch = engine()
    watch.observe(heard("bed", "bed_occupied", NOW, value=False))
    snapshot = {row[:2]: row for row in watch.dirty()}
    assert (HELD, "wang") in snapshot
    watch.tick(NOW + MINUTE)
    snapshot.update({row[:2]: row for row in watch.dirty()})
    assert engine(now=NOW + MINUTE).restore(snapshot.values()) == [(HELD, "wang")]


def test_a_timer_of_such_a_kind_waits_for_what_is_under_way() -> None:
    watch = engine()
    out, back = NOW, NOW + QUIET - 500
    watch.observe(heard("bed", "bed_occupied", out, value=False))
    decisions = watch.tick(NOW + QUIET + SECOND)  # due, but something that happened before may be on its way
    decisions += watch.observe(heard("bed", "bed_occupied", back, delay=2_400))
    decisions += watch.tick(NOW + HOUR)
    assert told(decisions) == [("wang", "raise", 0), ("wang", "clear", QUIET - 500)]


def test_what_comes_later_than_the_window_is_given_at_once() -> None:
    watch = engine()
    assert told(watch.observe(heard("bed", "bed_occupied", NOW, value=False, delay=MINUTE))) == [
        ("wang", "raise", 0),
        ("wang", "raise", QUIET),
    ]


def test_who_shares_a_room_hears_what_is_nobodys_alone() -> None:
    decisions = play(engine(), [heard("radar", "bed_occupied", NOW, place="room-2")])
    assert {decision.subject for decision in decisions} == {"zhao", "li", "room-2"}


def test_a_watch_begins_with_the_first_word_about_somebody() -> None:
    watch = engine()
    assert watch.dirty() == []
    play(watch, [heard("bed", "bed_occupied", NOW)])
    assert {row[:2] for row in watch.dirty() if row[0] != HELD} == {("bed", "wang")}


def test_where_she_is_and_who_is_with_her_is_known_to_every_rule() -> None:
    history = [
        heard("bed", "bed_occupied", NOW, value=False),
        heard("desk", "staff_present", NOW + SECOND, resident="wang"),
        heard("desk", "absence", NOW + 2 * SECOND, "hospital", resident="wang"),
        heard("desk", "absence", NOW + 3 * SECOND, "hospital", resident="wang"),
        heard("desk", "absence", NOW + MINUTE, "present", resident="wang"),
    ]
    raised, noted, again, back = play(engine(), history)
    assert (raised.change, noted.change, again.change, back.change) == ("raise", "note", "raise", "note")
    assert noted.facts == {"absence": "hospital"}
    assert again.facts == {"attended": 1, "absence": "hospital"}
    assert back.facts == {"absence": ""}


def test_staff_are_with_her_until_they_leave_or_nobody_says_so_any_more() -> None:
    def attended(history: Sequence[Observation], at: int) -> bool:
        watch = engine()
        play(watch, [*history, heard("bed", "bed_occupied", at - QUIET, value=False)], at - QUIET)
        return watch.tick(at + REORDER_MS)[-1].facts["attended"] == 1

    here = heard("desk", "staff_present", NOW, resident="wang")
    gone = heard("desk", "staff_present", NOW + MINUTE, value=False, resident="wang")
    assert attended([here], NOW + STAFF_HOLDS_MS)
    assert not attended([here], NOW + STAFF_HOLDS_MS + 1)
    assert not attended([here, gone], NOW + 2 * MINUTE)
    assert not attended([], NOW + 2 * MINUTE)
