"""What models are trained on: the impacts of recordings, each with the seconds around it and what it was.

Rule: nothing here is fitted to the data; an impact is prepared alone, so nothing leaks from one to another.

In a recording of a fall the impact is the strongest one (within the time that was noted, where one was). What
came well before it is daily life; what came with it or after it is neither, and is left out.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.falls.recordings import Recording
from rules.falls import RATE_HZ
from rules.falls.candidate import dynamic, impacts
from rules.falls.features import BEFORE
from rules.falls.model import Stage, position_class
from rules.falls.resample import resample

_WELL_BEFORE = round(2.5 * RATE_HZ)
_WINDOW = BEFORE + Stage.FINAL.after + 1
FALL, DAILY_LIFE, NEITHER = 1, 0, -1


@dataclass(frozen=True, slots=True)
class Impacts:
    """Impacts of many recordings, a row each: windows (n, 326, 3), what they were, of which recording."""

    windows: NDArray[np.float32]
    what: NDArray[np.int8]
    recording: NDArray[np.int32]
    recordings: tuple[Recording, ...]

    @property
    def dataset(self) -> NDArray[Any]:
        """The set of each row."""
        return np.array([one.dataset for one in self.recordings])[self.recording]

    @property
    def position(self) -> NDArray[Any]:
        """Where the device of each row was worn (`rules.falls.model.POSITIONS`)."""
        return np.array([position_class(one.position) for one in self.recordings])[self.recording]

    @property
    def person(self) -> NDArray[Any]:
        """Whose each row is. One person has several devices."""
        return np.array([one.person for one in self.recordings])[self.recording]


def prepare(recordings: Iterable[Recording]) -> Impacts:
    """The impacts of all recordings, in their order."""
    kept = tuple(recordings)
    windows: list[NDArray[np.float32]] = []
    what: list[int] = []
    whose: list[int] = []
    for number, recording in enumerate(kept):
        start, samples = resample(recording.t_s, recording.xyz, recording.fs_hz)
        found = impacts(samples, 0, len(samples))
        for index, kind in zip(found, _kinds(recording, found, start, samples), strict=True):
            rows = np.clip(np.arange(index - BEFORE, index - BEFORE + _WINDOW), 0, len(samples) - 1)
            windows.append(samples[rows])
            what.append(kind)
            whose.append(number)
    empty = np.empty((0, _WINDOW, 3), np.float32)
    stacked = np.stack(windows) if windows else empty
    return Impacts(stacked, np.array(what, np.int8), np.array(whose, np.int32), kept)


def _kinds(recording: Recording, found: list[int], start: int, samples: NDArray[np.float32]) -> list[int]:
    if not recording.is_fall or not found:
        return [DAILY_LIFE] * len(found)
    possible = found
    low, high = recording.fall_start_s, recording.fall_end_s
    if low is not None and high is not None:
        possible = [i for i in found if low - 0.5 <= (start + i) / RATE_HZ <= high + 1.5] or found
    level = dynamic(samples)
    fall = max(possible, key=lambda i: float(level[i]))
    return [FALL if i == fall else DAILY_LIFE if i < fall - _WELL_BEFORE else NEITHER for i in found]


def varied(windows: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """The same impacts as other devices might have seen them: gain, rate, clipping, losses."""
    random = np.random.default_rng(seed)
    return np.stack([_varied(window, random) for window in windows]).astype(np.float32)


def _varied(window: NDArray[np.float32], random: np.random.Generator) -> NDArray[Any]:
    n = len(window)
    a: NDArray[Any] = window[np.clip(np.arange(n) + random.integers(-3, 4), 0, n - 1)]
    if random.random() < 0.5:
        a = a * random.uniform(0.88, 1.12)
    if random.random() < 0.4:
        a = _at_rate(a, random.uniform(18, 40), random.uniform(0, 1))
    if random.random() < 0.1:
        a = np.clip(a, -4, 4)
    if random.random() < 0.25:  # the device was switched on just before
        begin = int(random.integers(0, 150))
        a = np.concatenate([np.repeat(a[begin : begin + 1], begin, axis=0), a[begin:]])
    if random.random() < 0.2:  # windows that never came
        length = int(random.integers(15, 60))
        first = int(random.integers(0, n - length))
        a = a.copy()
        a[first : first + length] = np.linspace(a[first], a[first + length], length)
    return a


def _at_rate(a: NDArray[Any], fs: float, phase: float) -> NDArray[Any]:
    """As sampled at `fs` Hz and brought back."""
    times = np.arange(len(a)) / RATE_HZ
    taken = np.arange(phase / fs, times[-1], 1 / fs)
    slow = [np.interp(taken, times, a[:, axis]) for axis in range(3)]
    return np.stack([np.interp(times, taken, axis) for axis in slow], axis=1)
