"""The outbox policy: who goes first, when again, when never again."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.outbox import (
    CAP_MS,
    GIVE_UP_MS,
    LIFE_SAFETY_CAP_MS,
    Delivered,
    Failed,
    GivenUp,
    Queued,
    Receipt,
    Retry,
    delay_ms,
    due,
    settle,
)
from rules.decision import Severity

JITTER = st.floats(0, 1, exclude_max=True)
RECEIPTS = st.one_of(
    st.builds(Failed, st.just("404")),
    st.builds(Retry, st.just("503"), st.none() | st.floats(-10, 1e9)),
)


def queued(
    name: str = "n", *, life: bool = False, severity: Severity = Severity.LOW, at: int = 0, attempts: int = 0
) -> Queued:
    return Queued(name, "webhook", life, severity, at, at, attempts)


def test_what_is_delivered_is_done() -> None:
    assert settle(queued(life=True), Delivered(), 5, 0.5) == Delivered()


@given(RECEIPTS, st.integers(0, 10_000), JITTER, st.integers(0, 10**12))
def test_life_safety_is_never_given_up_and_tried_at_least_every_30_s(
    receipt: Receipt, attempts: int, jitter: float, now: int
) -> None:
    again = settle(queued(life=True, attempts=attempts), receipt, now, jitter)
    assert isinstance(again, Queued)
    assert again.attempts == attempts + 1
    assert 500 <= again.next_at - now <= LIFE_SAFETY_CAP_MS


@given(st.integers(1, 10_000), JITTER, st.booleans())
def test_delays_double_to_the_cap_and_jitter_takes_at_most_half(
    attempts: int, jitter: float, life: bool
) -> None:
    cap = LIFE_SAFETY_CAP_MS if life else CAP_MS
    full = delay_ms(attempts, 0.0, life_safety=life)
    assert full == min(cap, 1_000 * 2 ** min(attempts - 1, 30))
    assert full / 2 <= delay_ms(attempts, jitter, life_safety=life) <= full


def test_five_attempts_are_made_within_half_a_minute() -> None:
    assert sum(delay_ms(attempts, 0.0, life_safety=False) for attempts in range(1, 5)) == 15_000


def test_a_refusal_ends_what_is_not_life_safety() -> None:
    assert settle(queued(), Failed("404"), 5, 0.0) == GivenUp("404")


def test_the_rest_is_given_up_after_24_hours() -> None:
    late = settle(queued(), Retry("503"), GIVE_UP_MS - 1_000, 0.0)
    assert isinstance(late, Queued)
    assert settle(late, Retry("503"), GIVE_UP_MS - 1_000, 0.0) == GivenUp("not delivered within 24 h: 503")


@pytest.mark.parametrize(
    ("life", "after_s", "wait_ms"),
    [
        (False, 60.0, 60_000),
        (False, 0.1, 1_000),
        (False, 1e9, CAP_MS),
        (False, math.inf, CAP_MS),
        (True, 60.0, LIFE_SAFETY_CAP_MS),
        (True, 20.0, 20_000),
    ],
)
def test_a_receiver_may_ask_for_a_pause_within_bounds(life: bool, after_s: float, wait_ms: int) -> None:
    again = settle(queued(life=life), Retry("429", after_s), 0, 0.0)
    assert isinstance(again, Queued)
    assert again.next_at == wait_ms


def test_life_safety_goes_first_then_severity_then_age() -> None:
    waiting = [
        queued("old low", at=1),
        queued("high, yet no life", severity=Severity.HIGH, at=3),
        queued("young life", life=True, severity=Severity.MEDIUM, at=4),
        queued("old life", life=True, severity=Severity.MEDIUM, at=2),
        queued("not yet", life=True, severity=Severity.HIGH, at=100),
        queued("young low", at=5),
    ]
    assert [one.notification for one in due(waiting, 99)] == [
        "old life",
        "young life",
        "high, yet no life",
        "old low",
        "young low",
    ]
