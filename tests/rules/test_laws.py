"""Laws over all default rules together, whatever kinds there are: what a home relies on, unknowing."""

from collections.abc import Sequence
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.observation import Observation
from rules.configuration import default
from rules.decision import Decision
from rules.engine import Engine
from rules.kinds import KINDS
from rules.reorder import REORDER_MS
from rules.ruleset import Definition, RuleSet
from rules.snapshot import HELD, Row, row
from tests.rules.flats import HOME, NOW, PEOPLE, histories
from tests.rules.home import DAY, play

RULES = default()
ORDERED = frozenset(definition.id for definition in RULES if definition.kind.ordered)

_play = partial(play, until=NOW + 3 * DAY)


def fresh(now: int = NOW) -> Engine:
    return Engine(RULES, HOME, now)


@given(histories(), st.lists(st.integers(NOW, NOW + 2 * DAY), max_size=20))
def test_live_equals_replay(history: list[Observation], ticks: list[int]) -> None:
    assert _play(fresh(), history, ticks) == _play(fresh(), history)


@given(histories(), st.data())
def test_replay_after_restarts_equals_replay(history: list[Observation], data: st.DataObject) -> None:
    expected = _play(fresh(), history)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(history)), min_size=1, max_size=3)))
    snapshot: dict[tuple[str, str], Row] = {}
    watch, decisions, done = fresh(), [], 0
    for cut in cuts:
        for observation in history[done:cut]:
            decisions += watch.observe(observation)
        done = cut
        snapshot.update({row[:2]: row for row in watch.dirty()})
        watch = fresh(NOW + data.draw(st.integers(0, 3 * DAY)))
        assert {rule for rule, _ in watch.restore(snapshot.values())} <= {HELD}
    decisions += _play(watch, history[done:])
    assert decisions == expected


@given(histories(), st.data())
def test_what_changed_is_of_its_moment_whenever_it_is_written(
    history: list[Observation], data: st.DataObject
) -> None:
    first, second = sorted(data.draw(st.integers(0, len(history))) for _ in range(2))
    at_once, later = fresh(), fresh()
    rows, changes = [], []
    for begins, ends in ((0, first), (first, second)):
        for one in history[begins:ends]:
            at_once.observe(one)
            later.observe(one)
        rows += at_once.dirty()
        changes.append(later.changed())
    _play(later, history[second:])
    assert sorted(row(one) for part in changes for one in part.rows()) == sorted(rows)


@given(histories())
def test_one_residents_data_never_changes_anothers_alerts(history: list[Observation]) -> None:
    together = _play(fresh(), history)
    for name in PEOPLE:
        alone = _play(fresh(), [one for one in history if one.resident == name])
        assert of(name, alone) == of(name, together)


def of(name: str, decisions: Sequence[Decision]) -> list[Decision]:
    """Decisions about a person, her rooms and devices."""
    return [one for one in decisions if one.subject.removeprefix("device:/").split("-")[0] == name]


@given(histories(), st.integers(0, 30))
def test_no_rule_sees_the_future(history: list[Observation], cut: int) -> None:
    """What follows from what came later comes after all that was decided by then."""
    known = history[:cut]
    now = known[-1].received_at if known else NOW
    watch = fresh()
    by_then = [decision for one in known for decision in watch.observe(one)] + watch.tick(now)
    assert _play(fresh(), history, [now])[: len(by_then)] == by_then
    assert all(decision.at <= now for decision in by_then)


@given(histories(), st.data())
def test_r92_order_within_the_reorder_window_changes_nothing(
    history: list[Observation], data: st.DataObject
) -> None:
    history = [one._replace(at=one.received_at, late=False) for one in history]
    shuffled = [
        one._replace(received_at=one.at + data.draw(st.integers(0, REORDER_MS - 1))) for one in history
    ]
    shuffled.sort(key=lambda one: one.received_at)

    def told(decisions: Sequence[Decision]) -> list[tuple[str, str, str, str, str, str]]:
        return sorted(
            (d.rule, d.subject, d.change.value, d.severity.value, d.cause, d.evidence.key)
            for d in decisions
            if d.rule in ORDERED
        )

    assert told(_play(fresh(), shuffled)) == told(_play(fresh(), history))


@pytest.mark.parametrize("definition", list(RULES), ids=lambda definition: definition.id)
@settings(max_examples=15)
@given(history=histories(most=12))
def test_a_rule_alone_decides_as_it_does_among_others(
    definition: Definition, history: list[Observation]
) -> None:
    watch = Engine(RuleSet((definition,)), HOME, NOW)
    among = [one for one in _play(fresh(), history) if one.rule == definition.id]
    assert _play(watch, history) == among


def test_every_kind_has_a_default_rule_or_is_a_users_own() -> None:
    assert {definition.kind.name for definition in RULES} | {"expression"} >= set(KINDS)
