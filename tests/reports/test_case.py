"""An alert's events as rounds of calling: when each begins, who answers it, and what ends it otherwise."""

import pytest

from alerts.decide import SUSPENSION
from alerts.escalate import RESIDENT
from alerts.event import (
    Address,
    Lapsed,
    MessageDelivered,
    Notified,
    Outcome,
    Released,
    State,
    Suspended,
    Weight,
)
from alerts.reports.case import Round, case_of
from rules.decision import Severity
from tests.reports.made import DAY, MINUTE, SECOND, done, more, opened, taken, there

LOW, MEDIUM, HIGH = Severity.LOW, Severity.MEDIUM, Severity.HIGH


def test_the_first_person_answers_and_whoever_arrives_is_there() -> None:
    found = case_of(
        [opened(), taken(2, DAY + 20 * SECOND), there(3, DAY + MINUTE, "bo"), done(4, DAY + 5 * MINUTE)]
    )
    assert found.rounds == (
        Round(DAY, DAY, HIGH, answered_at=DAY + 20 * SECOND, answered_by="an", arrived_at=DAY + MINUTE),
    )
    assert (found.resolved_at, found.by_person, found.outcome) == (DAY + 5 * MINUTE, True, Outcome.REAL)


@pytest.mark.parametrize("act", [taken(2, DAY + 9), there(2, DAY + 9), done(2, DAY + 9)])
def test_taking_charge_arriving_and_resolving_all_answer(act: object) -> None:
    (one,) = case_of([opened(), act]).rounds  # type: ignore[list-item]
    assert one.answered_at == DAY + 9
    assert not one.open


def test_evidence_while_people_are_called_begins_no_round_and_after_an_answer_one() -> None:
    events = [opened(), more(2, DAY + MINUTE), taken(3, DAY + 2 * MINUTE), more(4, DAY + 3 * MINUTE)]
    first, second = case_of(events).rounds
    assert (first.called_at, first.answered_at) == (DAY, DAY + 2 * MINUTE)
    assert (second.called_at, second.since, second.answered_at) == (DAY + 3 * MINUTE, DAY + 3 * MINUTE, None)


def test_what_is_more_urgent_has_a_clock_of_its_own_and_the_first_goes_on() -> None:
    """A danger that grew is not excused by how long the small one was left alone, nor the other way round."""
    events = [opened(severity=MEDIUM), more(2, DAY + 10 * MINUTE, HIGH), there(3, DAY + 11 * MINUTE)]
    first, second = case_of(events).rounds
    assert (first.severity, first.called_at, first.answered_at) == (MEDIUM, DAY, DAY + 11 * MINUTE)
    assert (second.severity, second.called_at) == (HIGH, DAY + 10 * MINUTE)
    assert second.answered_at == first.arrived_at == second.arrived_at == DAY + 11 * MINUTE


def test_after_a_lapse_the_waiting_at_the_bedside_goes_on_since_the_first() -> None:
    events = [
        opened(),
        taken(2, DAY + 10 * SECOND),
        Lapsed("e1", 3, DAY + 5 * MINUTE, "an"),
        taken(4, DAY + 6 * MINUTE, "bo"),
        Lapsed("e1", 5, DAY + 11 * MINUTE, "bo"),
        there(6, DAY + 12 * MINUTE, "chen"),
    ]
    first, second, third = case_of(events).rounds
    assert (first.answered_at, first.lapsed_at, first.arrived_at) == (
        DAY + 10 * SECOND,
        DAY + 5 * MINUTE,
        None,
    )
    assert (second.called_at, second.since, second.lapsed_at) == (DAY + 5 * MINUTE, DAY, DAY + 11 * MINUTE)
    assert (third.called_at, third.since, third.arrived_at) == (DAY + 11 * MINUTE, DAY, DAY + 12 * MINUTE)


def test_whoever_arrives_is_there_for_all_that_wait() -> None:
    events = [opened(), taken(2, DAY + 9), more(3, DAY + MINUTE), there(4, DAY + 2 * MINUTE)]
    assert [one.arrived_at for one in case_of(events).rounds] == [DAY + 2 * MINUTE] * 2


def test_a_suspension_withdraws_the_call_and_its_end_is_nobodys_word() -> None:
    events = [
        opened(severity=MEDIUM, rule="bed_exit"),
        Suspended("e1", 2, DAY + MINUTE, State.SHELVED, "s-1"),
        done(3, DAY + 60 * MINUTE, SUSPENSION, Outcome.NO_ACTION),
    ]
    found = case_of(events)
    (one,) = found.rounds
    assert (one.answered_at, one.withdrawn_at, one.open) == (None, DAY + MINUTE, False)
    assert not found.by_person


def test_when_a_suspension_ends_and_it_still_holds_people_are_called_anew() -> None:
    events = [
        opened(severity=MEDIUM, rule="bed_exit"),
        Suspended("e1", 2, DAY + MINUTE, State.SHELVED, "s-1"),
        Released("e1", 3, DAY + 60 * MINUTE, "s-1"),
    ]
    events.append(there(4, DAY + 61 * MINUTE))
    first, second = case_of(events).rounds
    assert (first.called_at, first.arrived_at) == (DAY, None)
    assert (second.called_at, second.arrived_at) == (DAY + 60 * MINUTE, DAY + 61 * MINUTE)


def test_the_residents_own_answer_is_not_a_carers() -> None:
    found = case_of([opened(weight=Weight.ASKED), done(2, DAY + 9, RESIDENT, Outcome.NO_ACTION)])
    assert (found.rounds, found.by_person) == ((), False)
    (one,) = case_of([opened(), done(2, DAY + 9, RESIDENT)]).rounds
    assert (one.answered_at, one.withdrawn_at) == (None, DAY + 9)


def test_who_was_told_and_what_became_of_it() -> None:
    told = (Address("an", "push"), Address("an", "sms"), Address("", "board"))
    events = [
        opened(),
        Notified("e1", 2, DAY, "l", 0, 0, (), ("primary",)),
        Notified("e1", 3, DAY + 5, "l", 0, 1, told, ("second",)),
        MessageDelivered("e1", 4, DAY + 8, "e1-3", "an", "push"),
        MessageDelivered("e1", 5, DAY + 9, "e1-3", "an", "sms"),
        Notified("e1", 6, DAY + 30, "l", 0, 2),
    ]
    found = case_of(events)
    (one,) = found.rounds
    assert (one.unstaffed, one.steps, one.delivered_at) == ((DAY,), ((DAY + 5, 3), (DAY + 30, 0)), DAY + 8)
    assert found.told == (("an", DAY + 5),)


def test_rules_and_sensors_that_have_a_say_its_own_first_and_notes_none() -> None:
    events = [
        opened(rule="sos", device="button"),
        more(2, DAY + 1, rule="fall", device="watch"),
        more(3, DAY + 2, weight=Weight.NOTE, device="phone"),
        more(4, DAY + 3, weight=Weight.REPEAT, device="button"),
    ]
    found = case_of(events)
    assert (found.rules, found.sensors) == (("sos", "fall"), ("button", "watch"))


@pytest.mark.parametrize(
    ("times", "weight", "subject", "chatters"),
    [
        ((30, 60), Weight.CALL, "wang", True),
        ((30, 60), Weight.LATCHED, "wang", True),
        ((30, 61), Weight.CALL, "wang", False),
        ((30, 60), Weight.REPEAT, "wang", False),
        ((30, 60), Weight.CALL, "li", False),
    ],
)
def test_three_activations_of_one_alarm_in_a_minute_chatter(
    times: tuple[int, int], weight: Weight, subject: str, *, chatters: bool
) -> None:
    first, second = (
        more(number, DAY + at * SECOND, weight=weight, subject=subject)
        for number, at in enumerate(times, start=2)
    )
    assert case_of([opened(), first, second]).chattered is chatters


def test_the_deadlines_that_it_was_raised_for() -> None:
    found = case_of([opened(rule="round", due_ms=1), more(2, DAY + 1, subject="li", due_ms=2)])
    assert found.checks == (("round", "wang", 1), ("round", "li", 2))


def test_events_that_do_not_begin_at_the_beginning_are_none_of_a_case() -> None:
    with pytest.raises(ValueError, match="begin with its opening"):
        case_of([taken(2, DAY)])
