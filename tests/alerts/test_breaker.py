"""The circuit breaker: a dead channel is spared, and life never waits."""

from hypothesis import given
from hypothesis import strategies as st

from alerts.breaker import FIRST_PAUSE_MS, LONGEST_PAUSE_MS, OPENS_AFTER, Breaker, Circuit

STEPS = st.lists(st.tuples(st.integers(0, 400_000), st.booleans(), st.booleans()), max_size=60)


def failed(times: int, now: int = 0) -> Breaker:
    breaker = Breaker()
    for _ in range(times):
        breaker = breaker.begun(now).failed(now)
    return breaker


def test_it_opens_after_five_failures_in_a_row_and_waits_longer_each_time() -> None:
    assert failed(OPENS_AFTER - 1).circuit(0) is Circuit.CLOSED
    breaker = failed(OPENS_AFTER)
    assert breaker.wait_ms(0, life_safety=False) == FIRST_PAUSE_MS
    assert breaker.circuit(FIRST_PAUSE_MS) is Circuit.HALF_OPEN
    again = breaker.begun(FIRST_PAUSE_MS).failed(FIRST_PAUSE_MS)
    assert again.wait_ms(FIRST_PAUSE_MS, life_safety=False) == 2 * FIRST_PAUSE_MS


def test_half_open_lets_one_through() -> None:
    probing = failed(OPENS_AFTER).begun(FIRST_PAUSE_MS)
    assert probing.wait_ms(FIRST_PAUSE_MS, life_safety=False) > 0
    assert probing.succeeded().circuit(FIRST_PAUSE_MS) is Circuit.CLOSED


@given(STEPS)
def test_life_never_waits_and_no_wait_is_longer_than_five_minutes(
    steps: list[tuple[int, bool, bool]],
) -> None:
    breaker, now, in_a_row = Breaker(), 0, 0
    for pause, life, comes_through in steps:
        now += pause
        assert breaker.wait_ms(now, life_safety=True) == 0
        wait = breaker.wait_ms(now, life_safety=False)
        assert 0 <= wait <= LONGEST_PAUSE_MS
        assert breaker.circuit(now + wait) is not Circuit.OPEN
        if wait and not life:
            continue
        assert (breaker.circuit(now) is Circuit.CLOSED) == (in_a_row < OPENS_AFTER)
        breaker = breaker.begun(now)
        breaker = breaker.succeeded() if comes_through else breaker.failed(now)
        in_a_row = 0 if comes_through else in_a_row + 1
