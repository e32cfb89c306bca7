"""The detector: the same falls whatever the windows, once each, in bounded memory, on any input."""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from devices.reading import Motion
from rules.falls import RATE_HZ
from rules.falls.candidate import Samples
from rules.falls.detector import MOST_DEVICES, Detector, Fall, Rest
from rules.falls.model import BEFORE_S, Stage, Verdict
from rules.falls.ring import CAPACITY, Ring, Stretch
from tests.falls.bodies import fall

NOW = 1_763_763_600_000
Signal = NDArray[np.float32]


class Loud:
    """A model that calls a fall whatever struck with more than 3 g, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Samples] = []

    def judge(self, samples: Samples, stage: Stage) -> Verdict:
        self.asked.append(samples)
        assert samples.shape == (round(BEFORE_S * RATE_HZ) + stage.after + 1, 3)
        assert np.isfinite(samples).all()
        peak = float(np.linalg.norm(samples[195:206], axis=1).max())
        return Verdict(peak > 3 and stage is Stage.FINAL, min(peak / 10, 1.0), f"impact {peak:.1f} g")


def detector(model: Loud | None = None, most_devices: int = MOST_DEVICES) -> Detector:
    loud = model or Loud()
    return Detector({"waist": loud, "wrist": loud, "unknown": loud}, most_devices)


def window(
    samples: Signal, at: int | None, fs: float = 50.0, device: str = "w-1", position: str = "wrist"
) -> Motion:
    return Motion(device, at, fs, position, samples.astype("<f4").tobytes())


def signal(seconds: float, hits: dict[float, float], fs: float = 50.0) -> Signal:
    """Someone still, struck at these seconds with so many g."""
    times = np.arange(round(seconds * fs)) / fs
    a = np.tile([0.0, 0.0, 1.0], (len(times), 1))
    for at, strength in hits.items():
        a[np.abs(times - at) <= 0.011 + 0.5 / fs] = [strength, 0, 0]
    return a.astype(np.float32)


def played(a: Signal, cuts: list[int], fs: float = 50.0) -> list[Fall]:
    """The falls in a signal that comes in windows cut at these samples, each when its last was taken."""
    one = detector()
    falls: list[Fall | Rest] = []
    for begin, end in pairwise(sorted({*(cut % len(a) for cut in cuts), 0, len(a)})):
        at = NOW + round(begin * 1000 / fs)
        falls += one.observe("home-1", window(a[begin:end], at, fs), NOW + round(end * 1000 / fs))
    return only_falls(falls + one.tick(NOW + 10_000_000))


def only_falls(found: Iterable[Fall | Rest]) -> list[Fall]:
    return [one for one in found if isinstance(one, Fall)]


def test_a_fall_is_declared_when_its_impact_is_two_and_a_half_seconds_old() -> None:
    one = detector()
    a = signal(20, {10: 5})
    heard = {
        second: one.observe("home-1", window(a[second * 50 : second * 50 + 50], NOW + second * 1000), NOW)
        for second in range(20)
    }
    assert [second for second, falls in heard.items() if only_falls(falls)] == [12]
    (fall,) = only_falls(heard[12])
    assert (fall.site, fall.device, fall.stage) == ("home-1", "w-1", Stage.FINAL)
    assert abs(fall.at - NOW - 10_000) <= 20
    assert fall.evidence == "impact 5.0 g"


@given(
    st.dictionaries(st.integers(3, 50).map(float), st.floats(1.6, 2.4) | st.floats(4.5, 8), max_size=6),
    st.lists(st.integers(0, 10_000), max_size=40),
    st.sampled_from([50.0, 25.0, 100.0, 33.5]),
)
@settings(max_examples=60, deadline=None)
def test_it_does_not_matter_how_a_signal_is_cut(hits: dict[float, float], cuts: list[int], fs: float) -> None:
    a = signal(55, hits, fs)
    whole, cut = played(a, [], fs), played(a, cuts, fs)
    assert [abs(x.at - y.at) <= 40 for x, y in zip(whole, cut, strict=True)] == [True] * len(whole)


@given(
    st.dictionaries(st.integers(3, 25).map(float), st.floats(1.6, 8), max_size=4),
    st.lists(st.tuples(st.integers(0, 29), st.integers(1, 150)), max_size=20),
)
@settings(max_examples=60, deadline=None)
def test_what_comes_again_or_overlaps_changes_nothing(
    hits: dict[float, float], again: list[tuple[int, int]]
) -> None:
    a = signal(30, hits)
    once, more = detector(), detector()
    plain: list[Fall | Rest] = []
    doubled: list[Fall | Rest] = []
    for second in range(30):
        part = window(a[second * 50 : second * 50 + 50], NOW + second * 1000)
        plain += once.observe("home-1", part, NOW + second * 1000)
        doubled += more.observe("home-1", part, NOW + second * 1000)
        for which, length in again:
            if which == second:
                begin = max(second * 50 + 50 - length, 0)
                same = window(a[begin : second * 50 + 50], NOW + begin * 20)
                doubled += more.observe("home-1", same, NOW + second * 1000)
    assert plain + once.tick(NOW + 10**7) == doubled + more.tick(NOW + 10**7)


@given(st.permutations(range(4, 12)))
@settings(max_examples=60, deadline=None)
def test_windows_may_come_in_another_order(order: list[int]) -> None:
    a = signal(16, {8: 6})
    one = detector()
    falls: list[Fall | Rest] = []
    for second in [0, 1, 2, 3, *order, 12, 13, 14, 15]:
        part = window(a[second * 50 : second * 50 + 50], NOW + second * 1000)
        falls += one.observe("home-1", part, NOW + 15_000)
    falls += one.tick(NOW + 10**7)
    (found,) = only_falls(falls)
    assert abs(found.at - NOW - 8000) <= 60


def test_an_impact_in_a_window_that_comes_late_is_found() -> None:
    a = signal(16, {8.5: 6})
    one = detector()
    falls: list[Fall | Rest] = []
    for second in [*range(8), *range(9, 16), 8]:
        falls += one.observe("home-1", window(a[second * 50 : second * 50 + 50], NOW + second * 1000), NOW)
    assert len(only_falls(falls)) == 1


def test_a_signal_that_stops_is_judged_with_what_there_is() -> None:
    one = detector()
    assert not one.observe("home-1", window(signal(4.2, {4: 6}), NOW), NOW + 4200)
    wake = one.next_wake()
    assert wake is not None
    assert wake <= NOW + 4200 + 10_000
    assert len(one.tick(wake)) == 1
    assert not one.tick(wake + 60_000)
    assert one.next_wake() is None


@pytest.mark.parametrize(
    ("g", "until_s", "moves"), [(0, 40, False), (0.05, 40, False), (0.17, 40, True), (0.3, 13, True)]
)
def test_ten_seconds_after_a_fall_it_says_whether_anything_moves(g: float, until_s: int, moves: bool) -> None:
    """A hand that trembles does not; somebody who moved for a second did."""
    a = signal(40, {8: 6})
    moved = slice(12 * 50, until_s * 50)
    a[moved] += g * np.sin(np.arange(len(a[moved])))[:, None].astype(np.float32) / np.sqrt(3)
    one = detector()
    rests = []
    for second in range(40):
        at = NOW + second * 1000
        found = one.observe("home-1", window(a[second * 50 : second * 50 + 50], at), at)
        rests += [
            (second, rest.moving, round((rest.at - rest.fall) / 1000))
            for rest in found
            if isinstance(rest, Rest)
        ]
    assert rests == [(18, moves, 11)]


def test_one_fall_is_one_and_another_is_another() -> None:
    assert len(played(signal(60, {10: 6, 12: 5, 15: 7}), [])) == 1
    assert len(played(signal(60, {10: 6, 40: 7}), [])) == 2
    assert len(played(signal(60, {10: 6, 19.5: 7}), [])) == 1
    assert len(played(signal(60, {10: 6, 20.5: 7}), [])) == 2


def test_a_fall_of_an_hour_ago_is_found_beside_the_present() -> None:
    one = detector()
    now, before = signal(20, {}), signal(20, {10: 6})
    falls: list[Fall | Rest] = []
    for second in range(20):
        part = slice(second * 50, second * 50 + 50)
        at = NOW + second * 1000
        falls += one.observe("home-1", window(now[part], at), at)
        falls += one.observe("home-1", window(before[part], at - 3_600_000), at)
    assert [round((fall.at - NOW) / 1000) for fall in only_falls(falls)] == [-3590]


def test_windows_without_a_time_go_on_with_each_other() -> None:
    a = signal(20, {10: 6})
    one = detector()
    falls: list[Fall | Rest] = []
    for second in range(20):
        received_at = NOW + second * 1000 + (second * 37) % 400
        falls += one.observe("home-1", window(a[second * 50 : second * 50 + 50], None), received_at)
    assert len(only_falls(falls)) == 1


def test_a_clock_that_stands_still_hides_no_fall() -> None:
    a = fall(10, 20)
    one = detector()
    falls: list[Fall | Rest] = []
    for second in range(20):
        part = window(a[second * 50 : second * 50 + 50], NOW - 5000)
        falls += one.observe("home-1", part, NOW + second * 1000)
    assert len(only_falls(falls)) == 1


def test_devices_are_apart() -> None:
    one = detector()
    falls: list[Fall | Rest] = []
    for device, hits in (("w-1", {10.0: 6.0}), ("w-2", {})):
        falls += one.observe("home-1", window(signal(20, hits), NOW, device=device), NOW)
    falls += one.observe("home-2", window(signal(20, {}), NOW), NOW)
    assert [(fall.site, fall.device) for fall in only_falls(falls)] == [("home-1", "w-1")]


def test_a_phone_and_a_watch_that_speak_as_one_device_are_apart() -> None:
    model = Loud()
    one = detector(model)
    falls: list[Fall | Rest] = []
    wrist = signal(20, {10: 6})
    for second in range(20):
        for position, a in (("pocket", -signal(20, {})), ("wrist", wrist)):
            part, at = a[second * 50 : second * 50 + 50], NOW + second * 1000
            falls += one.observe("home-1", window(part, at, position=position), at)
    assert len(only_falls(falls)) == 1
    at = int(wrist[:, 0].argmax())
    assert all((asked == wrist[at - 200 : at + len(asked) - 200]).all() for asked in model.asked)


def test_memory_is_bounded() -> None:
    one = detector(most_devices=3)
    falls = one.observe("home-1", window(signal(4.2, {4: 6}), NOW, device="w-0"), NOW)
    for number in range(1, 10):
        falls += one.observe("home-1", window(signal(2, {}), NOW, device=f"w-{number}"), NOW)
    assert one.forgotten == 7
    assert [fall.device for fall in only_falls(falls)] == ["w-0"]  # judged before it was forgotten
    ring = Ring()
    for second in range(100):
        ring.add(Stretch(float(second), signal(1, {}), 50.0))
    assert len(ring.values) == CAPACITY


@given(
    st.lists(
        st.tuples(
            st.one_of(
                st.none(), st.integers(-(10**6), 10**6).map(lambda ms: NOW + ms), st.integers(0, 2**53)
            ),
            st.floats(5, 1000),
            st.lists(st.tuples(*[st.floats(-400, 400, width=32)] * 3), min_size=1, max_size=60),
            st.integers(0, 10**7),
        ),
        max_size=12,
    )
)
@settings(max_examples=100, deadline=None)
def test_nothing_that_a_device_can_send_raises(
    windows: list[tuple[int | None, float, list[tuple[float, float, float]], int]],
) -> None:
    one = detector()
    for at, fs, xyz, later in windows:
        one.observe("home-1", window(np.array(xyz, np.float32), at, fs), NOW + later)
    one.tick(NOW + 10**9)
    assert one.next_wake() is None


def test_a_clock_of_ours_that_went_back_puts_no_judgement_off() -> None:
    one = detector()
    one.observe("home-1", window(signal(2, {}), None), NOW + 3_600_000)
    one.observe("home-1", window(signal(4.2, {4: 6}), None), NOW)
    assert len(only_falls(one.tick(NOW + 10_000))) == 1


@pytest.mark.parametrize(
    "fell_at", [second + part for second in range(12, 28, 3) for part in (0.1, 0.5, 0.9)]
)
@pytest.mark.parametrize("live_before", [1, 3, 8])
def test_a_fall_where_the_past_meets_the_present_is_found(fell_at: float, live_before: int) -> None:
    """A watch that comes back from an outage and sends what is now first, and beside it what was."""
    a, back = signal(60, {fell_at: 6}), 20
    one = detector()
    falls: list[Fall | Rest] = []
    past, live = 0, back
    while live < 60:
        for _ in range(live_before):
            part = slice(live * 50, live * 50 + 50)
            falls += one.observe("home-1", window(a[part], NOW + live * 1000), NOW + live * 1000 + 1000)
            live += 1
        for _ in range(5):
            if past < back:
                part = slice(past * 50, past * 50 + 50)
                falls += one.observe("home-1", window(a[part], NOW + past * 1000), NOW + live * 1000)
                past += 1
    assert [round((fall.at - NOW) / 1000, 1) for fall in only_falls(falls)] == [
        pytest.approx(fell_at, abs=0.1)
    ]


def test_what_was_before_an_outage_is_known_when_its_first_windows_come_late() -> None:
    a = signal(40, {10.5: 6})
    a += 0.1 * np.sin(np.arange(len(a)) / 4.1)[:, None].astype(np.float32)
    model = Loud()
    one = detector(model)
    for second in [*range(10), 30, *range(10, 16)]:
        one.observe("home-1", window(a[second * 50 : second * 50 + 50], NOW + second * 1000), NOW + 30_000)
    at = int(a[:, 0].argmax())
    assert any(np.allclose(asked, a[at - 200 : at + len(asked) - 200], atol=1e-3) for asked in model.asked)


@given(st.integers(1, 60), st.floats(1.0, 9.0), st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_clock_that_is_set_back_hides_no_fall(set_back_s: int, after_s: float, walks: bool) -> None:
    a = signal(40, {20 + after_s: 6})
    if walks:
        a += 0.3 * np.sin(np.arange(len(a)) / 4.1)[:, None].astype(np.float32)
    one = detector()
    falls: list[Fall | Rest] = []
    for second in range(40):
        at = NOW + second * 1000 - (set_back_s * 1000 if second >= 20 else 0)
        falls += one.observe("home-1", window(a[second * 50 : second * 50 + 50], at), NOW + second * 1000)
    told = [fall.at for fall in only_falls(falls + one.tick(NOW + 10**7))]
    assert told
    assert max(told) - min(told) <= set_back_s * 1000 + 100, "one that is cut in two is told by both clocks"


@given(st.sampled_from([33.5, 50.0, 61.0, 100.0, 200.0]), st.lists(st.integers(0, 400), max_size=5))
@settings(max_examples=60, deadline=None)
def test_what_comes_again_at_any_rate_is_no_clock_that_went_back(fs: float, again: list[int]) -> None:
    a = signal(30, {6.3: 6, 20.5: 7}, fs)
    a += 0.4 * np.sin(np.arange(len(a)) * 10 / fs)[:, None].astype(np.float32)
    times, size, ring = NOW / 1000 + np.arange(len(a)) / fs, round(fs), Ring()
    for begin in range(0, len(a), size):
        ring.add(Stretch(float(times[begin]), a[begin : begin + size], fs))
        for back in again:
            same = slice(max(begin - back % 400, 0), max(begin - back % 400, 0) + size)
            assert not ring.contradicts(Stretch(float(times[same][0]), a[same], fs))
    assert ring.contradicts(Stretch(float(times[-size]), a[-size:] + 0.3, fs))
