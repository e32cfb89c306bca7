"""Ladders and leases: what falls due, when, and once."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from alerts.acts import acknowledge, arrive, resolve
from alerts.book import Book
from alerts.decide import decide
from alerts.episode import Episode
from alerts.escalate import Policy, advance
from alerts.event import (
    Address,
    EpisodeEvent,
    EvidenceAdded,
    Lapsed,
    MessageDelivered,
    MessageFailed,
    Notified,
    State,
    Told,
)
from alerts.ladder import Ladder, Step
from rules.decision import Decision, Severity
from tests.alerts.decisions import HOME, decision


class Rota:
    """Who is on duty, by role."""

    def __init__(self, **roles: tuple[str, ...]) -> None:
        self.roles = roles

    def on_duty(self, role: str, places: Sequence[str], at: int) -> tuple[str, ...]:
        del places, at
        return self.roles.get(role, ())


LADDER = Ladder(
    "night",
    (
        Step(0, ("primary",), ("push",)),
        Step(60_000, ("second",), ("push", "sms")),
        Step(120_000, (), ("board",)),
    ),
    repeat_ms=180_000,
)
ROTA = Rota(primary=("s-1",), second=("s-2",))
POLICY = Policy(HOME, (LADDER,), ROTA)


def vital(key: str, at: int = 0, severity: Severity = Severity.MEDIUM) -> Decision:
    """Something about a resident that is not about her life."""
    made = decision(key, rule="vitals", at=at)
    return replace(
        made, kind="vitals", severity=severity, evidence=replace(made.evidence, metric="heart_rate")
    )


class Called:
    """A book with one alert, and its clock."""

    def __init__(self, policy: Policy = POLICY, first: Decision | None = None) -> None:
        self.policy, self.book, self.now = policy, Book(), 0
        self.steps: list[tuple[int, EpisodeEvent]] = []
        self.take(*decide(self.book, first or decision("k0"), 0))
        self.due()

    @property
    def episode(self) -> Episode:
        (found,) = self.book.unresolved()
        return found

    def take(self, *events: object) -> None:
        for event in events:
            self.book.apply(event)  # type: ignore[call-overload]

    def due(self) -> list[EpisodeEvent]:
        taken = []
        while event := advance(self.episode, self.policy, self.now):
            self.book.apply(event)
            taken.append(event)
        self.steps += [(self.now, event) for event in taken]
        return taken

    def until(self, now: int) -> list[tuple[int, EpisodeEvent]]:
        """Everything that falls due until then, looked for each second."""
        before = len(self.steps)
        while self.now < now:
            self.now = min(now, self.now + 1000)
            self.due()
        return self.steps[before:]

    def delivered(self, to: str, channel: str) -> None:
        one = self.episode
        self.take(MessageDelivered(one.id, one.number + 1, self.now, f"{one.id}-2", to, channel))

    def failed(self, to: str, channel: str) -> None:
        one = self.episode
        self.take(MessageFailed(one.id, one.number + 1, self.now, f"{one.id}-2", to, channel, "HTTP 400"))


def told(steps: list[tuple[int, EpisodeEvent]]) -> list[tuple[int, int, tuple[Address, ...]]]:
    return [(at, event.step, event.to) for at, event in steps if isinstance(event, Notified)]


PUSH1, PUSH2, SMS2 = Address("s-1", "push"), Address("s-2", "push"), Address("s-2", "sms")
BOARD = Address("", "board")


def test_r40_the_first_step_is_taken_at_once() -> None:
    called = Called()
    assert told(called.steps) == [(0, 0, (PUSH1,))]
    assert called.episode.told is Told.NOTIFIED


def test_r40_a_message_without_a_receipt_after_eight_seconds_calls_the_next() -> None:
    assert told(Called().until(59_000)) == [(8_000, 1, (PUSH2, SMS2)), (16_000, 2, (BOARD,))]


def test_r40_with_receipts_the_ladder_goes_by_its_times_and_begins_again() -> None:
    called = Called()
    called.delivered("s-1", "push")
    assert called.episode.told is Told.DELIVERED
    assert told(called.until(60_000)) == [(60_000, 1, (PUSH2, SMS2))]
    called.delivered("s-2", "sms")
    assert told(called.until(120_000)) == [(120_000, 2, (BOARD,))]
    assert told(called.until(300_000)) == [(300_000, 0, (PUSH1,))]
    assert called.episode.call is not None
    assert called.episode.call.cycle == 1


def test_all_refused_calls_the_next_without_waiting() -> None:
    called = Called()
    called.now = 500
    called.failed("s-1", "push")
    assert told([(500, event) for event in called.due()]) == [(500, 1, (PUSH2, SMS2))]
    called.failed("s-2", "push")
    assert called.due() == [], "the other way may still arrive"
    called.failed("s-2", "sms")
    assert len(called.due()) == 1


def test_what_failed_at_first_and_was_delivered_then_is_a_receipt() -> None:
    called = Called()
    called.delivered("s-1", "push")
    called.until(60_000)
    called.failed("s-2", "push")
    called.delivered("s-2", "push")
    assert told(called.until(119_000)) == [], "the next was called though somebody has it"
    assert told(called.until(120_000)) == [(120_000, 2, (BOARD,))]


def test_nobody_on_duty_calls_the_next_at_once_and_says_so() -> None:
    called = Called(replace(POLICY, duty=Rota(second=("s-2",))))
    first, second = (event for _, event in called.steps)
    assert isinstance(first, Notified)
    assert (first.to, first.nobody) == ((), ("primary",))
    assert isinstance(second, Notified)
    assert second.to == (PUSH2, SMS2)


def test_steps_that_fell_due_while_nobody_looked_are_taken_at_once_once() -> None:
    called = Called()
    called.delivered("s-1", "push")
    called.now = 100_000_000
    taken = [(one.step, one.repeat) for one in called.due() if isinstance(one, Notified)]
    assert taken == [(1, True), (2, False)], "displays are told once for both"
    assert called.due() == []
    assert told(called.until(100_179_000)) == []
    assert told(called.until(100_180_000))[0][1] == 0


def test_fresh_evidence_tells_those_told_before_and_the_ladder_goes_on() -> None:
    called = Called()
    called.delivered("s-1", "push")
    called.until(30_000)
    called.take(*decide(called.book, decision("k1", at=30_000), 30_000))
    (again,) = called.due()
    assert isinstance(again, Notified)
    assert (again.again, again.to) == (True, (PUSH1,))
    assert told(called.until(60_000)) == [(60_000, 1, (PUSH2, SMS2))]


@pytest.mark.parametrize(("severity", "lease_ms"), [(Severity.HIGH, 300_000), (Severity.MEDIUM, 1_800_000)])
def test_r56_an_acknowledgement_without_presence_lapses_and_calls_from_the_top(
    severity: Severity, lease_ms: int
) -> None:
    called = Called(first=vital("k0", severity=severity))
    called.until(5_000)
    called.take(*acknowledge(called.book, called.episode.id, "s-1", 5_000))  # type: ignore[misc]
    assert called.until(5_000 + lease_ms - 1) == []
    lapsed, first = called.until(5_000 + lease_ms)
    assert isinstance(lapsed[1], Lapsed)
    assert lapsed[1].by == "s-1"
    assert told([first]) == [(5_000 + lease_ms, 0, (PUSH1,))]
    assert called.episode.state is State.OPEN
    assert called.episode.acknowledged_by == ""


@pytest.mark.parametrize("kind", ["duty", "flood", "technical"])
def test_what_nobody_can_go_to_is_taken_charge_of_for_good(kind: str) -> None:
    called = Called(first=replace(vital("k0", severity=Severity.HIGH), kind=kind, rule=kind))
    called.take(*acknowledge(called.book, called.episode.id, "s-1", 0))  # type: ignore[misc]
    assert called.until(4_000_000) == []


def test_r45_presence_ends_the_lease_and_fresh_evidence_ends_presence() -> None:
    called = Called()
    called.take(*acknowledge(called.book, called.episode.id, "s-1", 0))  # type: ignore[misc]
    called.take(*arrive(called.book, called.episode.id, "s-1", 0))  # type: ignore[misc]
    assert arrive(called.book, called.episode.id, "s-1", 0) == []
    assert (called.episode.state, called.episode.arrived_by) == (State.ON_SITE, "s-1")
    assert called.until(10_000_000) == []
    called.take(*decide(called.book, decision("k1", at=10_000_000), called.now))
    assert called.episode.state is State.OPEN
    assert len(called.due()) == 1


def test_whoever_takes_charge_ends_the_calling() -> None:
    called = Called()
    called.take(*acknowledge(called.book, called.episode.id, "s-1", 0))  # type: ignore[misc]
    assert called.until(299_000) == []
    called.take(*resolve(called.book, called.episode.id, "s-1", "real", "", called.now))  # type: ignore[misc]
    assert called.book.unresolved() == []


def test_what_becomes_worse_begins_the_ladder_of_the_worse() -> None:
    low = replace(
        LADDER, id="calm", severities=frozenset({Severity.MEDIUM}), steps=(Step(0, (), ("board",)),)
    )
    high = replace(LADDER, severities=frozenset({Severity.HIGH}))
    called = Called(replace(POLICY, ladders=(low, high)), vital("k0"))
    assert told(called.steps) == [(0, 0, (BOARD,))]
    called.take(*decide(called.book, vital("k1", severity=Severity.HIGH), 0))
    assert [event.to for event in called.due() if isinstance(event, Notified)] == [(PUSH1,)]


def test_what_is_not_about_life_is_told_less_and_less_often_down_to_every_hour() -> None:
    policy = replace(POLICY, ladders=(replace(LADDER, steps=(Step(0, (), ("board",)),)),))
    called = Called(policy, vital("k0"))
    times = [at for at, _ in called.until(4 * 3_600_000)]
    gaps = [after - before for before, after in pairwise(times)]
    assert gaps == sorted(gaps)
    assert max(gaps) == 3_600_000
    life = Called(policy)
    assert {after - before for before, after in pairwise(at for at, _ in life.until(3_600_000))} == {180_000}


def test_evidence_that_calls_nobody_moves_no_ladder() -> None:
    called = Called()
    called.delivered("s-1", "push")
    again = replace(
        decision("k1", at=1_000), evidence=replace(decision("k1", at=1_000).evidence, same_within_ms=9_000)
    )
    (repeat,) = decide(called.book, again, 1_000)
    assert isinstance(repeat, EvidenceAdded)
    assert not repeat.calls
    called.take(repeat)
    assert called.due() == []


def test_a_clock_that_is_put_back_stops_no_calling() -> None:
    """It was an hour ahead when she pressed; then the network told it the time."""
    called = Called()
    called.now = -3_600_000
    (second, board) = called.due()
    assert isinstance(second, Notified)
    assert isinstance(board, Notified)
    assert (second.step, board.step) == (1, 2)
    assert called.due() == [], "once"
    assert [at for at, _ in called.until(-3_600_000 + 600_000)][:3] == [
        -3_600_000 + 180_000,
        -3_600_000 + 180_000 + 8_000,
        -3_600_000 + 180_000 + 16_000,
    ]


def test_a_clock_that_is_put_back_leaves_nobody_to_a_lease_without_end() -> None:
    called = Called()
    taken = acknowledge(called.book, called.episode.id, "chen", 0)
    assert isinstance(taken, list)
    called.take(*taken)
    called.now = -5_000
    assert called.due() == [], "a little is no matter"
    called.now = -3_600_000
    assert isinstance(called.due()[0], Lapsed)
