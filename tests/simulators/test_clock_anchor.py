"""The shared clock: the same three numbers give the same time everywhere."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.clock import ClockAnchor

INSTANTS = st.integers(min_value=1, max_value=4_000_000_000_000)
SPEEDS = st.floats(min_value=0.01, max_value=1e6)


@given(INSTANTS, INSTANTS, SPEEDS)
def test_anchored_times_correspond(real_ms: int, sim_ms: int, speed: float) -> None:
    anchor = ClockAnchor(real_ms, sim_ms, speed)
    assert anchor.sim_at(real_ms) == sim_ms
    assert anchor.real_at(sim_ms) == real_ms


@given(INSTANTS, INSTANTS, SPEEDS, st.integers(0, 30 * 86_400_000))
def test_there_and_back_is_within_the_rounding_of_a_ms(
    real_ms: int, sim_ms: int, speed: float, later: int
) -> None:
    anchor = ClockAnchor(real_ms, sim_ms, speed)
    there = anchor.real_at(sim_ms + later)
    rounding = 1 + speed * math.ulp(there)
    assert abs(anchor.sim_at(there) - (sim_ms + later)) <= rounding


@given(INSTANTS, INSTANTS, SPEEDS, st.lists(st.integers(0, 86_400_000), min_size=2))
def test_simulated_time_never_runs_backwards(
    real_ms: int, sim_ms: int, speed: float, later: list[int]
) -> None:
    anchor = ClockAnchor(real_ms, sim_ms, speed)
    seen = [anchor.sim_at(real_ms + each) for each in sorted(later)]
    assert seen == sorted(seen)


def test_thirty_times_real_speed() -> None:
    anchor = ClockAnchor(real_ms=1_000_000, sim_ms=5_000_000, speed=30)
    assert anchor.sim_at(1_002_000) == 5_060_000
    assert anchor.real_at(5_060_000) == 1_002_000


@pytest.mark.parametrize("speed", [-1, math.nan, math.inf])
def test_a_speed_that_is_none_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="speed"):
        ClockAnchor(0, 0, speed)
