"""A ring holds the same samples whatever they came in, and never calls still what is not."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from rules.falls import RATE_HZ
from rules.falls.candidate import FELT_BEFORE, THRESHOLD_G, impacts
from rules.falls.ring import CAPACITY, Ring, Stretch

BEGIN_S = 1_763_763_600.0
LENGTH = 500


def signal(seed: int, knocks: dict[int, float], noise_g: float = 0.02) -> NDArray[np.float32]:
    """Somebody still who turns over slowly, knocked at these samples by so many g."""
    random = np.random.default_rng(seed)
    turn = np.linspace(0, random.uniform(0, np.pi), LENGTH)
    a = np.stack([np.sin(turn), np.zeros(LENGTH), np.cos(turn)], axis=1)
    a += noise_g * random.standard_normal(a.shape)
    for at, strength in knocks.items():
        a[at, 1] += strength
    return a.astype(np.float32)


def stretches(
    a: NDArray[np.float32], cuts: list[int], begin_s: float = BEGIN_S, fs: float = RATE_HZ
) -> list[Stretch]:
    """The signal in pieces of a few seconds at most, as the detector gives them."""
    edges = sorted({0, len(a), *range(0, len(a), 120), *(cut % len(a) for cut in cuts)})
    return [Stretch(begin_s + first / fs, a[first:last], fs) for first, last in pairwise(edges)]


knocks = st.dictionaries(st.integers(0, LENGTH - 1), st.floats(-8, 8), max_size=4)
cuts = st.lists(st.integers(0, LENGTH), max_size=20)


@given(st.integers(0, 100), knocks, cuts, st.floats(0, 0.02))
def test_a_signal_of_the_grids_rate_is_kept_as_it_is(
    seed: int, at: dict[int, float], cut: list[int], phase_s: float
) -> None:
    ring, a = Ring(), signal(seed, at)
    for one in stretches(a, cut, BEGIN_S + phase_s):
        ring.add(one)
    assert len(ring.values) == LENGTH
    assert np.allclose(ring.values, a, atol=1e-3)
    first_s = ring.time_ms(ring.start) / 1000
    assert abs(first_s - BEGIN_S - phase_s) <= 0.0005


@given(
    st.integers(0, 100),
    knocks,
    cuts,
    st.sets(st.integers(0, 10)),
    st.lists(st.integers(0, 10), max_size=4),
    st.floats(0, 0.2),
    st.sampled_from([0.0, 0.0004, 0.003, 0.5]),
)
def test_what_is_called_still_holds_no_impact(
    seed: int, at: dict[int, float], cut: list[int], lost: set[int], again: list[int], g: float, drift: float
) -> None:
    """Whatever is lost, comes late or twice, and however a clock drifts."""
    ring = Ring()
    pieces = stretches(signal(seed, at, g), cut)
    sent = [one for n, one in enumerate(pieces) if n not in lost]
    sent += [pieces[n % len(pieces)] for n in again]
    for n, one in enumerate(sent):
        ring.add(one._replace(begin_s=one.begin_s + drift * n / 50))
        for first in range(ring.start, ring.head, 25):
            if ring.still(first - FELT_BEFORE):
                assert not impacts(ring.values, first - ring.start, len(ring.values))
    assert np.isfinite(ring.values).all()


def test_somebody_still_is_called_so_and_not_while_a_knock_is_near() -> None:
    ring, a = Ring(), np.tile(np.float32([0, 0.6, 0.8]), (LENGTH, 1))
    a[250, 1] += 2 * THRESHOLD_G
    told: dict[int, bool] = {}
    for n in range(0, LENGTH, 50):
        ring.add(Stretch(BEGIN_S + n / RATE_HZ, a[n : n + 50], RATE_HZ))
        told[n] = ring.still(ring.head - 2 * RATE_HZ)
    assert [n for n, still in told.items() if not still] == [0, 50, 250, 300]


@given(st.integers(0, 100), cuts, st.integers(1, 9), st.integers(1, 3), st.booleans())
def test_a_gap_is_a_line_until_what_belongs_there_comes(
    seed: int, cut: list[int], gone: int, length: int, further: bool
) -> None:
    """Pieces that are lost, with or without more after them, and come at last."""
    ring, a = Ring(), signal(seed, {100: 3.0, 300: 4.0})
    pieces = stretches(a, [*cut, *range(0, LENGTH, 50)])
    lost = pieces[gone : gone + length]
    rest = [*pieces[:gone], *pieces[gone + length :]]
    for one in rest:
        ring.add(one)
    if further:
        ring.add(Stretch(BEGIN_S + LENGTH / RATE_HZ, a[:50], RATE_HZ))
    for one in lost:
        ring.add(one)
    assert np.allclose(ring.values[:LENGTH], a, atol=1e-3)


def test_memory_is_bounded_with_gaps_too() -> None:
    ring, a = Ring(), signal(1, {})
    for n in range(40):
        ring.add(Stretch(BEGIN_S + n * 1.5, a[:50], RATE_HZ))
        assert len(ring.values) <= CAPACITY
    for n in range(40):
        ring.add(Stretch(BEGIN_S + 60 + n, a[:50], RATE_HZ))
    assert len(ring.values) == CAPACITY
    assert np.allclose(ring.values[-50:], a[:50], atol=1e-3)


@given(st.lists(st.sampled_from([0.0, 0.004, 0.008, 0.011]), min_size=10, max_size=10))
def test_samples_beside_the_grid_are_drawn_onto_it(late_s: list[float]) -> None:
    """Somebody swings her arm three times a second, and each window begins a little late."""
    ring, swing = Ring(), 2 * np.pi * 3
    for n, late in enumerate(late_s):
        at = n + late + np.arange(50) / RATE_HZ
        ring.add(Stretch(BEGIN_S + n + late, np.sin(swing * at)[:, None].repeat(3, 1).astype("f4"), RATE_HZ))
    times = np.array([ring.time_ms(i) for i in range(ring.start, ring.head)]) / 1000 - BEGIN_S
    assert np.abs(ring.values[:, 0] - np.sin(swing * times)).max() < 0.08


@pytest.mark.parametrize("g", [0.35, 0.5])
def test_a_step_between_two_windows_is_not_called_still(g: float) -> None:
    ring, a = Ring(), np.tile(np.float32([0, 0, 1]), (50, 1))
    for n in range(8):
        ring.add(Stretch(BEGIN_S + n, a + np.float32(g * (n >= 5)), RATE_HZ))
        assert ring.still(ring.head - 2 * RATE_HZ) == (n not in {0, 1, 5}), n
