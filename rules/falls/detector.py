"""Falls in the windows that devices send: impacts on every sample, a model's judgement on each impact.

Rule: the same samples give the same falls, whatever windows they came in, in the order of time; one fall is
declared once; memory is bounded in time and in devices. A fall is declared at 1.0 s after the impact if the
model is sure by then, else at 2.5 s; when the signal stops, with what there is. Then it says whether anything
moves after it.
"""

import heapq
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from devices.instants import PLAUSIBLE_FROM
from devices.normalise import MAX_AHEAD_MS
from devices.reading import Motion
from rules.falls import RATE_HZ
from rules.falls.candidate import FELT_BEFORE, dynamic, impacts
from rules.falls.features import BEFORE
from rules.falls.model import Model, Stage, position_class
from rules.falls.ring import CAPACITY, PIECE, Ring, Stretch, Values

SAME_FALL = 10 * RATE_HZ
"""Impacts this near to a declared one are of the same fall."""

MOST_DEVICES = 10_000
"""Of how many devices, by where they are worn, signals are kept; who was not heard for longest goes first."""

_SILENT_MS = 3000  # after the last window: then the signal has stopped
_NEAR = 75  # samples by which a window without a time of its own may miss the end of the one before
_REST = (Stage.FINAL.after, 11 * RATE_HZ)  # no movement ten seconds after a fall
_STILL_G = 0.1  # breathing and a trembling hand are less
_TAIL = Stage.FINAL.after

_Key = tuple[str, str, str]  # a phone and a watch may speak as one device
_Found = tuple[int, float, str, Stage]


class Fall(NamedTuple):
    """A fall as declared: which device saw it, when the impact was (ms UTC, its clock), how sure, and why."""

    site: str
    device: str
    at: int
    confidence: float
    evidence: str
    stage: Stage


class Rest(NamedTuple):
    """Whether a device moved in the ten seconds after a `fall` (when its impact was); `at` they were over."""

    site: str
    device: str
    at: int
    fall: int
    moving: bool


class _Signal:
    """One stretch of a device's signal and what was judged of it."""

    __slots__ = ("awaited", "declared", "heard", "judged", "ring", "settled")

    def __init__(self) -> None:
        self.ring = Ring()
        self.judged: set[tuple[int, Stage]] = set()
        self.declared: list[int] = []
        self.awaited: list[int] = []  # falls after which we look whether anything moves
        self.settled = False
        self.heard = 0  # ms, our clock

    def go_on(self, present: "_Signal", model: Model) -> Iterator[_Found]:
        """Become the present signal, which begins where this one ends; the falls that follow."""
        self.declared += present.declared
        self.awaited += present.awaited
        for changed in self.ring.go_on(present.ring):
            yield from self.find(model, changed)

    def find(self, model: Model, changed: tuple[int, int]) -> Iterator[_Found]:
        """The falls that follow from a change of the samples of these indices."""
        ring, (first, last) = self.ring, changed
        if self.settled or last < ring.head:  # what was judged without these samples is judged again
            stale = range(first - _TAIL, last + BEFORE)
            self.judged = {(i, stage) for i, stage in self.judged if i not in stale}
            self.settled = False
        first = max(first - _TAIL, ring.start)
        if ring.still(first - FELT_BEFORE):
            return
        yield from self._look(model, ring.values, ring.start, first, ring.head)

    def settle(self, model: Model) -> Iterator[_Found]:
        """The falls that follow if nothing more comes."""
        ring = self.ring
        if self.settled or not len(ring.values):
            return
        longer = np.concatenate([ring.values, np.repeat(ring.values[-1:], _TAIL, axis=0)])
        yield from self._look(model, longer, ring.start, ring.head - _TAIL, ring.head + _TAIL)
        self.settled = True

    def _look(self, model: Model, values: Values, start: int, first: int, head: int) -> Iterator[_Found]:
        """Judge what struck from `first` on, in the order in which it can be; `head` is where samples end."""
        oldest = self.ring.head - CAPACITY
        self.judged = {one for one in self.judged if one[0] >= oldest}
        self.declared = [i for i in self.declared if i >= oldest - SAME_FALL]
        last = head - Stage.PROVISIONAL.after
        struck = [i + start for i in impacts(values, max(first - start, 0), last - start)]
        due = sorted((i + stage.after, i, stage) for i in struck for stage in Stage if i + stage.after < head)
        for _, i, stage in due:
            if (i, stage) in self.judged:
                continue
            self.judged.add((i, stage))
            if any(abs(i - other) <= SAME_FALL for other in self.declared):
                continue
            rows = np.clip(np.arange(i - BEFORE, i + stage.after + 1) - start, 0, len(values) - 1)
            verdict = model.judge(values[rows], stage)
            if verdict.fall:
                self.declared.append(i)
                self.awaited.append(i)
                yield self.ring.time_ms(i), verdict.confidence, verdict.evidence, stage

    def rests(self) -> Iterator[tuple[int, int, bool]]:
        """Of falls long enough ago: when that was clear, when the fall was, whether anything moved."""
        ring = self.ring
        for i in [i for i in self.awaited if i + _REST[1] < ring.head]:
            self.awaited.remove(i)
            first = i + _REST[0] - ring.start
            if first >= 0:
                level = dynamic(ring.values[first : i + _REST[1] - ring.start])
                moving = bool(np.quantile(level, 0.95) >= _STILL_G)
                yield ring.time_ms(i + _REST[1]), ring.time_ms(i), moving


class _Watch:
    """A device: its signal, and a stretch of the past, of which more may come late, after an outage."""

    __slots__ = ("deadline", "last", "live", "past", "wake")

    def __init__(self) -> None:
        self.live, self.past = _Signal(), _Signal()
        self.deadline = 0  # when its signal has stopped
        self.wake = 0  # when we look whether it has; 0: we do not
        self.last: tuple[int | None, int] = (None, 0)  # the last window: its time, the hash of its samples


class Detector:
    """Signals of all devices. Owned by one caller; not thread-safe. Times are ms UTC."""

    def __init__(self, models: Mapping[str, Model], most_devices: int = MOST_DEVICES) -> None:
        self._models, self._most_devices = models, most_devices
        self._watches: OrderedDict[_Key, _Watch] = OrderedDict()
        self._deadlines: list[tuple[int, _Key]] = []
        self.forgotten = 0

    def observe(self, site: str, window: Motion, received_at: int) -> list[Fall | Rest]:
        """What follows from a window that was received then (our clock): falls, and what came after them."""
        return [felt for found in self.pieces(site, window, received_at) for felt in found]

    def pieces(self, site: str, window: Motion, received_at: int) -> Iterator[list[Fall | Rest]]:
        """What `observe` gives, piece by piece of the window: a long one takes long."""
        samples = window.xyz
        if not len(samples):
            return
        key = (site, window.device, position_class(window.position))
        watch = self._watches.get(key)
        if watch is None:
            watch = self._watches[key] = _Watch()
            if len(self._watches) > self._most_devices:
                yield self._forget()
        self._watches.move_to_end(key)
        length_ms = window.length_ms
        watch.deadline = received_at + max(_SILENT_MS, 2 * length_ms)
        if not watch.wake or watch.deadline < watch.wake:  # less: our clock went back
            self._wake(key, watch)
        begin_s = _begin_s(watch, window, received_at, length_ms)
        watch.last = window.at, hash(window.samples)
        step = max(int(PIECE * window.fs / RATE_HZ) - 1, 1)
        for start in range(0, len(samples), step):
            part = Stretch(begin_s + start / window.fs, samples[start : start + step], window.fs)
            yield self._take(key, watch, part, received_at)

    def tick(self, now: int) -> list[Fall | Rest]:
        """The falls that follow from signals that have stopped by now."""
        return [felt for found in self.stopped(now) for felt in found]

    def stopped(self, now: int) -> Iterator[Sequence[Fall | Rest]]:
        """What `tick` gives, device by device: all of a home may fall silent at once."""
        while self._deadlines and self._deadlines[0][0] <= now:
            at, key = heapq.heappop(self._deadlines)
            watch = self._watches.get(key)
            if watch is None or watch.wake != at:
                continue
            if watch.deadline > now:
                self._wake(key, watch)
                continue
            watch.wake = 0
            yield self._settle(key, watch)

    def next_wake(self) -> int | None:
        """When `tick` may next have something to say; it may be early."""
        return self._deadlines[0][0] if self._deadlines else None

    def _wake(self, key: _Key, watch: _Watch) -> None:
        watch.wake = watch.deadline
        heapq.heappush(self._deadlines, (watch.wake, key))

    def _take(self, key: _Key, watch: _Watch, part: Stretch, received_at: int) -> list[Fall | Rest]:
        first = round(part.begin_s * RATE_HZ)
        model = self._models[key[2]]
        falls: list[Fall | Rest] = []
        live, past = watch.live, watch.past
        if past.ring.fits(first) and len(past.ring.values) and first < live.ring.start:
            signal = past
        elif not live.ring.fits(first) and first <= live.ring.head:
            falls += self._said(key, past.settle(model))
            signal = watch.past = past = _Signal()
        elif live.ring.fits(first) and not live.ring.contradicts(part):
            signal = live
        else:  # that stretch is over; what was missed of it may yet come
            falls += self._said(key, chain(past.settle(model), live.settle(model)))
            watch.past, watch.live = past, signal = live, _Signal()
        signal.heard = received_at
        changed = signal.ring.add(part)
        if changed is not None:
            falls += self._said(key, signal.find(model, changed))
        if signal is past and live.ring.start <= past.ring.head:
            falls += self._said(key, past.go_on(live, model))
            watch.live, watch.past = past, _Signal()
        elif received_at - past.heard > _SILENT_MS:
            falls += self._said(key, past.settle(model))
        if signal.awaited:
            falls += [Rest(*key[:2], at, fall, moving) for at, fall, moving in signal.rests()]
        return falls

    def _settle(self, key: _Key, watch: _Watch) -> Sequence[Fall | Rest]:
        model = self._models[key[2]]
        return self._said(key, chain(watch.past.settle(model), watch.live.settle(model)))

    def _forget(self) -> list[Fall | Rest]:
        key, watch = self._watches.popitem(last=False)
        self.forgotten += 1
        return list(self._settle(key, watch))

    @staticmethod
    def _said(key: _Key, found: Iterable[_Found]) -> list[Fall]:
        return [Fall(*key[:2], at, confidence, evidence, stage) for at, confidence, evidence, stage in found]


def _begin_s(watch: _Watch, window: Motion, received_at: int, length_ms: int) -> float:
    """When a window began, in seconds: as it says, or so that it ended when it came (R-86, R-88, R-91).

    Another window with the time of the last one is of a clock that stands still.
    """
    at, last = window.at, watch.last
    stands = last[0] == at and last[1] != hash(window.samples)
    if at is not None and PLAUSIBLE_FROM <= at <= received_at + MAX_AHEAD_MS and not stands:
        return at / 1000
    begin_s = (received_at - length_ms) / 1000
    ring = watch.live.ring
    end_s = ring.time_ms(ring.head) / 1000
    return end_s if len(ring.values) and abs(begin_s - end_s) <= _NEAR / RATE_HZ else begin_s
