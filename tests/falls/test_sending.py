"""What is sent is what was recorded: decoded again, every sample is there once, at its time."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.decode import decode
from devices.message import Message
from devices.reading import Motion
from devices.registry import Registry
from ingest.falls.perturbing import PERTURBATIONS, PLAIN, resampled, without_gravity
from ingest.falls.recordings import Recording
from ingest.falls.sending import BEGIN_MS, Sending, messages
from tests.falls.recorded import recording

G = st.floats(-16, 16, width=32)


@st.composite
def recordings(draw: st.DrawFn) -> Recording:
    # Of two samples a gap would be the rate.
    n, fs = draw(st.integers(4, 300) | st.just(1)), draw(st.sampled_from([20.0, 33.5, 50.0, 100.0, 200.0]))
    seed = draw(st.integers(0, 99))
    one = recording(np.random.default_rng(seed).normal(0, 1, (n, 3)), fs, trial=f"{seed}")
    gap = draw(st.floats(0, 3))
    begin = draw(st.floats(-5, 5))
    after = np.arange(n) >= draw(st.integers(0, n))
    return replace(one, t_s=one.t_s + begin + after * gap)


def motion(message: Message) -> Motion:
    decoded = decode(message, Registry())
    assert not decoded.rejected  # type: ignore[union-attr]
    [found] = decoded.motion  # type: ignore[union-attr]
    return found


@given(recordings(), st.sampled_from([0.1, 0.5, 1.0, 2.5, 10.0]))
def test_every_sample_is_sent_once_and_at_its_time(one: Recording, window_s: float) -> None:
    sent = list(messages(one, Sending(window_s)))
    windows = [motion(message) for message in sent]
    assert np.concatenate([np.asarray(window.xyz, np.float32) for window in windows]).tolist() == (
        one.xyz.tolist()
    )
    times = [window.at + 1000 * number / window.fs for window in windows for number in range(len(window.xyz))]
    wanted = BEGIN_MS + 1000 * (one.t_s - one.t_s[0])
    # Half of a ms where a window begins, and what a gap of less than half a sample hides in it.
    assert np.abs(np.array(times) - wanted).max() <= 500 / one.fs_hz + 1
    for message, window in zip(sent, windows, strict=True):
        last = window.at + 1000 * (len(window.xyz) - 1) / window.fs
        assert message.received_at >= last - 500 / one.fs_hz - 2
        assert message.received_at - window.at <= 1000 * window_s + 1
    assert {window.position for window in windows} == {one.position}
    arrivals = [message.received_at for message in sent]
    assert arrivals == sorted(arrivals)


@given(recordings())
def test_packed_is_the_same_within_half_a_unit(one: Recording) -> None:
    packed = [motion(message) for message in messages(one, Sending(packed=True))]
    sent = np.concatenate([np.asarray(window.xyz, np.float64) for window in packed])
    assert np.abs(sent - np.clip(one.xyz, -16, 32767 / 2048)).max() <= 0.5 / 2048 + 1e-6


def test_what_is_lost_is_the_same_each_time_and_about_as_much_as_asked() -> None:
    many = [recording(np.ones((50 * 60, 3)), trial=f"{number}") for number in range(20)]
    lost = [list(messages(one, Sending(lost=0.2))) for one in many]
    assert lost == [list(messages(one, Sending(lost=0.2))) for one in many]
    assert 0.75 < sum(map(len, lost)) / (20 * 60) < 0.85
    assert len({tuple(message.received_at for message in one) for one in lost}) == 20
    whole = {message.payload for message in messages(many[0])}
    assert {message.payload for message in lost[0]} < whole


@pytest.mark.parametrize("name", PERTURBATIONS)
@given(one=recordings())
def test_whatever_is_done_samples_stay_samples(name: str, one: Recording) -> None:
    done = PERTURBATIONS[name].measured(one)
    assert done.xyz.dtype == np.float32
    assert done.xyz.shape == (len(done.t_s), 3)
    assert np.isfinite(done.xyz).all()
    assert (np.diff(done.t_s) > 0).all()
    assert done.t_s[0] == one.t_s[0]
    assert (done.name, done.is_fall, done.fall_start_s) == (one.name, one.is_fall, one.fall_start_s)
    assert PERTURBATIONS[name].sending(Sending(2.0)).window_s == 2.0


def test_what_is_done() -> None:
    one = recording([[1.0, -5.0, 9.0], [0.5, 2.0, -3.0]])
    done = {name: each.measured(one).xyz.tolist() for name, each in PERTURBATIONS.items()}
    assert done["plain"] == done["lost-20"] == done["int16"] == one.xyz.tolist()
    assert done["axes"] == [[9.0, 1.0, -5.0], [-3.0, 0.5, 2.0]]
    assert done["flips"] == [[-1.0, -5.0, -9.0], [-0.5, 2.0, 3.0]]
    assert done["mirror"] == [[1.0, 5.0, 9.0], [0.5, -2.0, -3.0]]
    assert done["gain+10"][0] == pytest.approx([1.1, -5.5, 9.9])
    assert done["gain-10"][0] == pytest.approx([0.9, -4.5, 8.1])
    assert done["clip-4g"] == [[1.0, -4.0, 4.0], [0.5, 2.0, -3.0]]
    assert done["clip-8g"] == [[1.0, -5.0, 8.0], [0.5, 2.0, -3.0]]
    assert PERTURBATIONS["lost-20"].sending(Sending()) == Sending(lost=0.2)
    assert PERTURBATIONS["int16"].sending(Sending()) == Sending(packed=True)
    assert PLAIN.sending(Sending(3.0)) == Sending(3.0)


def test_another_rate_keeps_a_slow_movement_and_loses_a_fast_one() -> None:
    t_s = np.arange(500) / 50
    slow, fast = np.sin(2 * np.pi * t_s), np.sin(2 * np.pi * 23 * t_s)
    one = recording(np.stack([slow, fast, np.ones(500)], axis=1))
    low, high = resampled(one, 25.0), resampled(one, 100.0)
    assert (low.fs_hz, high.fs_hz) == (pytest.approx(25.0), pytest.approx(100.0))
    assert low.xyz[1:-1, 0] == pytest.approx(np.sin(2 * np.pi * low.t_s[1:-1]), abs=0.03)
    assert high.xyz[:, 0] == pytest.approx(np.sin(2 * np.pi * high.t_s), abs=0.01)
    assert np.abs(low.xyz[5:-5, 1]).max() < 0.35  # not folded to 2 Hz in its full height
    assert low.xyz[:, 2] == pytest.approx(1.0)


def test_gravity_is_gone_within_seconds_and_a_knock_stays() -> None:
    still = np.tile([0.6, 0.0, 0.8], (500, 1))
    still[300] += [3.0, 0.0, 0.0]
    done = without_gravity(recording(still))
    assert np.abs(done.xyz[:300]).max() < 1e-6
    assert done.xyz[300] == pytest.approx([3.0, 0.0, 0.0], abs=0.1)
