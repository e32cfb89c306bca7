"""The last seconds of one signal on the grid, whatever windows it comes in.

Rule: the same samples make the same ring, however they were cut, repeated or overlapped; a gap is bridged by
a line until what belongs there comes. Memory is bounded: `CAPACITY` samples.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rules.falls import RATE_HZ
from rules.falls.candidate import THRESHOLD_G
from rules.falls.resample import resample

CAPACITY = 12 * RATE_HZ
GAP = 4 * RATE_HZ
"""The longest gap that is bridged; after a longer one a signal begins anew."""

PIECE = 125
"""The most samples that one `add` may bring: what they change must find all that it needs in the ring."""

_TAIL = 2
_TAIL_S = _TAIL / RATE_HZ
_NEW_S = 0.1  # less than a window brings that goes on
_OTHERWISE_G = (1.0, 0.15)  # at most and on the average: more than an accelerometer's noise
_ON_GRID = 1e-3  # samples by which one may miss its place on the grid

Times = NDArray[np.float64]
Values = NDArray[np.float32]


class Stretch(NamedTuple):
    """Samples in g, shape (n, 3), n > 0, `fs` a second; the first was at `begin_s` (seconds UTC)."""

    begin_s: float
    samples: Values
    fs: float

    @property
    def end_s(self) -> float:
        """When the last one was."""
        return self.begin_s + (len(self.samples) - 1) / self.fs

    def times_s(self) -> Times:
        """When each was."""
        return self.begin_s + np.arange(len(self.samples)) / self.fs


class _Box:
    """The corners of what a signal has lain in since an index: small while nobody moves."""

    __slots__ = ("high", "low", "since")

    def __init__(self) -> None:
        self.forget(0)

    def forget(self, head: int) -> None:
        """Know nothing of what lies before `head`."""
        self.since = head
        self.low, self.high = [math.inf] * 3, [-math.inf] * 3

    def add(self, first: int, samples: Values, most: float) -> None:
        """Take what goes on at `first`; where the box would be wider than `most`, it begins anew."""
        low, high = np.minimum.reduce(samples).tolist(), np.maximum.reduce(samples).tolist()
        wider_low, wider_high = [*map(min, low, self.low)], [*map(max, high, self.high)]
        if math.dist(wider_low, wider_high) < most:
            self.low, self.high = wider_low, wider_high
        elif math.dist(low, high) < most:
            self.since, self.low, self.high = first, low, high
        else:
            self.forget(first + len(samples))


class Ring:
    """Samples from index `start` up to `head` on the grid (`rules.falls.RATE_HZ`), in g, shape (n, 3).

    The grid lies on the first sample, so that a device of its rate is taken as it is: a line between two
    samples is lower than the blow they saw.
    """

    __slots__ = ("_box", "_gaps", "_phase_s", "_tail", "head", "values")

    def __init__(self) -> None:
        self.values: Values = np.empty((0, 3), np.float32)
        self._gaps: NDArray[np.bool_] | None = None  # which samples are known; None: all of them
        self._box = _Box()
        self._tail: tuple[Times, Values] | None = None  # the newest samples as they came
        self._phase_s = 0.0  # of the grid
        self.head = 0

    @property
    def start(self) -> int:
        """The index of the first sample."""
        return self.head - len(self.values)

    def time_ms(self, index: int) -> int:
        """When the sample of an index was, ms."""
        return round((index / RATE_HZ + self._phase_s) * 1000)

    def fits(self, first: int) -> bool:
        """Whether a window that begins at this index goes on with this signal, or fills it."""
        return not len(self.values) or self.head - CAPACITY <= first <= self.head + GAP

    def still(self, first: int) -> bool:
        """Whether all from index `first` on is surely too near together for an impact; it errs towards no."""
        return max(first, self.start) >= self._box.since

    def _known(self) -> NDArray[np.bool_]:
        return np.ones(len(self.values), np.bool_) if self._gaps is None else self._gaps

    def add(self, stretch: Stretch) -> tuple[int, int] | None:
        """Take samples; which indices [first, last) changed, None if none did."""
        if self._goes_on(stretch):
            return self._append(stretch)
        changed = self._fit_in(stretch)
        self._box.forget(self.head)
        return changed

    def _goes_on(self, stretch: Stretch) -> bool:
        """Whether it is as usual: of the grid's rate, the next ones after the last."""
        if stretch.fs != RATE_HZ or self._tail is None or len(stretch.samples) < _TAIL:
            return False
        return abs((stretch.begin_s - self._phase_s) * RATE_HZ - self.head) < _ON_GRID

    def _append(self, stretch: Stretch) -> tuple[int, int]:
        first, new = self.head, stretch.samples
        end_s = stretch.end_s - self._phase_s
        self._tail = np.array([end_s - 1 / RATE_HZ, end_s]), new[-_TAIL:]
        self._extend(new)
        self.head += len(new)
        self._box.add(first, new, THRESHOLD_G)
        self._bounded(None)
        return first, self.head

    def _extend(self, new: Values) -> None:
        self.values = np.concatenate([self.values, new])
        if self._gaps is not None:
            self._gaps = np.concatenate([self._gaps, np.ones(len(new), np.bool_)])

    def _fit_in(self, stretch: Stretch) -> tuple[int, int] | None:
        times_s, samples, fs = stretch.times_s(), stretch.samples, stretch.fs
        if self._tail is None:
            self._phase_s = float(times_s[0] % (1 / RATE_HZ))
        times_s = times_s - self._phase_s
        if self._tail is not None:
            times_s, samples = self._joined(times_s, samples, fs)
        if self._tail is None or times_s[-1] > self._tail[0][-1]:
            newest = times_s > times_s[-1] - _TAIL_S
            self._tail = times_s[newest], samples[newest]
        first, found = resample(times_s, samples, fs)
        if not len(found):
            return None
        if not len(self.values):
            self.values = found
            self.head = first + len(found)
            changed: tuple[int, int] | None = (first, self.head)
        elif self.start <= first <= self.head and self._known()[first - self.start :].all():
            new = found[self.head - first :]
            self._extend(new)
            changed = (self.head, self.head + len(new)) if len(new) else None
            self.head += len(new)
        else:
            changed = self._place(first, found)
        return self._bounded(changed)

    def _bounded(self, changed: tuple[int, int] | None) -> tuple[int, int] | None:
        if len(self.values) > CAPACITY:
            self.values = self.values[-CAPACITY:]
            if self._gaps is not None:
                kept = self._gaps[-CAPACITY:]
                self._gaps = None if kept.all() else kept
        return changed and (max(changed[0], self.start), changed[1])

    def _joined(self, times_s: Times, samples: Values, fs: float) -> tuple[Times, Values]:
        """A window with the end of the one before, where it goes on with it or overlaps it."""
        before, values = self._tail or (times_s[:0], samples[:0])
        end = float(before[-1])
        if not times_s[0] - end <= max(1.5 / fs, 0.03) or times_s[-1] <= end:
            return times_s, samples
        if times_s[0] <= end and not self._known()[max(int(times_s[0] * RATE_HZ) - self.start, 0) :].all():
            return times_s, samples  # it fills a gap, too
        new = times_s > end + 0.5 / fs
        return np.concatenate([before, times_s[new]]), np.concatenate([values, samples[new]])

    def contradicts(self, stretch: Stretch) -> bool:
        """Whether a window is of a time that is known, and known otherwise: its clock went back."""
        if self._tail is None or stretch.end_s - self._phase_s > self._tail[0][-1] + _NEW_S:
            return False
        first, found = resample(stretch.times_s() - self._phase_s, stretch.samples, stretch.fs)
        found = found[: max(self.head - first, 0)]
        known = slice(first - self.start, first - self.start + len(found))
        if first < self.start or not len(found) or not self._known()[known].all():
            return False
        apart = np.sqrt(((found - self.values[known]) ** 2).sum(axis=1))
        return bool(apart.max() > _OTHERWISE_G[0] or apart.mean() > _OTHERWISE_G[1])

    def go_on(self, other: "Ring") -> Iterator[tuple[int, int]]:
        """Take what a ring has that begins where this one ends, or before; what changed, piece by piece."""
        for start in range(0, len(other.values), PIECE):
            changed = self._bounded(self._place(other.start + start, other.values[start : start + PIECE]))
            if changed is not None:
                self._box.forget(self.head)
                yield changed
        self._tail, self._phase_s = other._tail, other._phase_s  # noqa: SLF001  it is one of ours

    def _place(self, first: int, found: Values) -> tuple[int, int] | None:
        oldest = max(first, self.head - CAPACITY)
        found, first = found[oldest - first :], oldest
        last = first + len(found)
        earlier, later = max(self.start - first, 0), max(last - self.head, 0)
        if earlier or later:
            unknown = np.zeros(earlier + later, np.bool_)
            self._gaps = np.concatenate([unknown[:earlier], self._known(), unknown[earlier:]])
            self.values = np.concatenate([_nothing(earlier), self.values, _nothing(later)])
            self.head += later
        if self._gaps is None:
            return None
        begin, end = first - self.start, last - self.start
        fresh = ~self._gaps[begin:end]
        if not fresh.any():
            return None
        rows = np.flatnonzero(fresh) + begin
        self.values[rows] = found[fresh]
        self._gaps[rows] = True
        return self._bridge(self._gaps, int(rows[0]), int(rows[-1]) + 1)

    def _bridge(self, is_known: NDArray[np.bool_], begin: int, end: int) -> tuple[int, int]:
        """Draw the lines anew over what is not known around changed rows; all that changed, as indices."""
        known = np.flatnonzero(is_known)
        before, after = known[known < begin], known[known >= end]
        low = int(before[-1]) if len(before) else 0
        high = int(after[0]) if len(after) else len(self.values) - 1
        missing = np.flatnonzero(~is_known[low : high + 1]) + low
        if len(missing):
            for axis in range(3):
                self.values[missing, axis] = np.interp(missing, known, self.values[known, axis])
            begin, end = min(begin, int(missing[0])), max(end, int(missing[-1]) + 1)
        return begin + self.start, end + self.start


def _nothing(n: int) -> Values:
    return np.zeros((n, 3), np.float32)
