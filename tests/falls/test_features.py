"""Impacts and features: local, orientation-free, total."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from rules.falls import RATE_HZ
from rules.falls.candidate import CONTEXT_S, dynamic, impacts
from rules.falls.features import features
from rules.falls.resample import resample

_G = st.floats(-16, 16, width=32)
_SECOND = RATE_HZ
_CONTEXT = round(CONTEXT_S * RATE_HZ)


def _signal(n: int = 20 * _SECOND) -> st.SearchStrategy[NDArray[np.float32]]:
    return arrays(np.float32, (n, 3), elements=_G)


def _walk(seed: int, seconds: int = 20) -> NDArray[np.float32]:
    """Something like a person who moves, and strikes something now and then."""
    random = np.random.default_rng(seed)
    n = seconds * RATE_HZ
    a = np.array([0, 0, 1.0]) + 0.2 * random.standard_normal((n, 3)).cumsum(axis=0) / RATE_HZ
    for at in random.integers(0, n, 5):
        a[at : at + 4] += random.uniform(-4, 4, 3)
    return a.astype(np.float32)


def _turned(seed: int) -> NDArray[np.float64]:
    """A rotation, perhaps with a mirror."""
    q, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((3, 3)))
    turned: NDArray[np.float64] = q
    return turned


@given(st.integers(0, 10_000), st.integers(0, 20 * _SECOND), st.integers(0, 20 * _SECOND))
@settings(max_examples=100, deadline=None)
def test_impacts_are_the_same_whatever_part_is_asked_for(seed: int, one: int, other: int) -> None:
    a, (first, last) = _walk(seed), sorted((one, other))
    whole = impacts(a, 0, len(a))
    assert impacts(a, first, last) == [i for i in whole if first <= i < last]


@given(st.integers(0, 10_000))
@settings(max_examples=100, deadline=None)
def test_an_impact_needs_a_second_after_it_and_two_before_and_no_more(seed: int) -> None:
    a = _walk(seed)
    for i in impacts(a, 3 * _SECOND, 15 * _SECOND):
        part = a[i - 2 * _CONTEXT : i + _CONTEXT + 1]
        assert 2 * _CONTEXT in impacts(part, 0, len(part))


@given(st.integers(0, 10_000), st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_a_device_may_be_worn_any_way_round(seed: int, way: int) -> None:
    a = _walk(seed)[:326].astype(np.float64)
    turned = a @ _turned(way)
    assert np.allclose(dynamic(a), dynamic(turned), atol=1e-6)
    for n in (251, 326):
        one, names = features(a[None, :n])
        other, _ = features(turned[None, :n])
        strays = [
            name
            for name, x, y in zip(names, one[0], other[0], strict=True)
            if not np.isclose(x, y, 1e-3, 1e-2)
        ]
        assert not strays


@given(_signal(326))
@settings(max_examples=50, deadline=None)
def test_features_are_numbers_whatever_the_samples(a: NDArray[np.float32]) -> None:
    for n in (251, 326):
        rows, names = features(a[None, :n])
        assert rows.shape == (1, len(names))
        assert len(set(names)) == len(names)
        assert np.isfinite(rows).all()


def test_many_impacts_at_once_are_as_each_alone() -> None:
    windows = np.stack([_walk(seed)[:326] for seed in range(20)])
    together, _ = features(windows)
    alone = np.concatenate([features(window[None])[0] for window in windows])
    assert np.allclose(together, alone, rtol=1e-5, atol=1e-5)


@given(st.floats(20, 200), st.floats(0, 1), st.floats(0.2, 1.5))
@settings(max_examples=100, deadline=None)
def test_a_slow_signal_is_the_same_at_every_rate(fs: float, phase: float, hertz: float) -> None:
    times = phase + np.arange(int(5 * fs)) / fs
    a = np.stack([np.sin(2 * np.pi * hertz * times), np.cos(2 * np.pi * hertz * times), times], axis=1)
    first, found = resample(times, a, fs)
    grid = (first + np.arange(len(found))) / RATE_HZ
    inner = slice(1, -1)
    assert len(found) >= (times[-1] - times[0]) * RATE_HZ - 2
    assert np.allclose(found[inner, 0], np.sin(2 * np.pi * hertz * grid)[inner], atol=0.06)
    assert np.allclose(found[inner, 2], grid[inner], atol=0.011)


def test_what_lies_between_no_two_samples_is_not_made_up() -> None:
    assert len(resample(np.array([0.005]), np.zeros((1, 3)), 50)[1]) == 0
    first, found = resample(np.array([1.0]), np.ones((1, 3)), 50)
    assert (first, len(found)) == (50, 1)
