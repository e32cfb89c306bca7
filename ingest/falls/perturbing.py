"""What may be wrong with a worn accelerometer, done to a recording: to see how the figures change.

Rule: pure; when the fall was and what happened stay as they are, only how it was measured or sent changes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.falls.recordings import Recording
from ingest.falls.sending import Sending

_GRAVITY_S = 1.0

Samples = NDArray[np.float32]
Measured = Callable[[Recording], Recording]


def _as_it_is(recording: Recording) -> Recording:
    return recording


@dataclass(frozen=True, slots=True)
class Perturbation:
    """What is done to the samples, and to what is sent."""

    name: str
    words: str
    measured: Measured = _as_it_is
    lost: float = 0.0
    packed: bool = False

    def sending(self, plain: Sending) -> Sending:
        """How a device sends to which this happens."""
        return replace(plain, lost=max(plain.lost, self.lost), packed=plain.packed or self.packed)


def _samples(change: Callable[[Samples], NDArray[Any]]) -> Measured:
    return lambda recording: replace(recording, xyz=change(recording.xyz).astype(np.float32))


def resampled(recording: Recording, fs: float) -> Recording:
    """At another rate: between samples by a line, and to a lower rate the mean around each new sample."""
    if len(recording.t_s) < 2:
        return recording
    first, last = recording.t_s[0], recording.t_s[-1]
    t_s = first + np.arange(int((last - first) * fs + 1e-6) + 1) / fs
    if fs >= recording.fs_hz:
        columns = [np.interp(t_s, recording.t_s, axis) for axis in recording.xyz.T]
    else:
        columns = [_means(t_s, 0.5 / fs, recording.t_s, axis) for axis in recording.xyz.T]
    return replace(recording, t_s=t_s, xyz=np.stack(columns, axis=1).astype(np.float32))


def _means(
    at: NDArray[np.float64], half: float, t_s: NDArray[np.float64], values: Samples
) -> NDArray[np.float64]:
    """The mean of the line through the samples, from `half` s before each time to `half` s after it."""
    steps = np.diff(t_s) * (values[1:] + values[:-1]) / 2
    total = np.concatenate([[0.0], np.cumsum(steps)])
    low, high = np.maximum(at - half, t_s[0]), np.minimum(at + half, t_s[-1])
    means: NDArray[np.float64] = (
        _integral(high, t_s, values, total) - _integral(low, t_s, values, total)
    ) / (high - low)
    return means


def _integral(
    at: NDArray[np.float64], t_s: NDArray[np.float64], values: Samples, total: NDArray[np.float64]
) -> NDArray[np.float64]:
    left = np.clip(np.searchsorted(t_s, at, side="right") - 1, 0, len(t_s) - 2)
    since = at - t_s[left]
    end = np.interp(at, t_s, values)
    return np.asarray(total[left] + since * (values[left] + end) / 2)


def without_gravity(recording: Recording) -> Recording:
    """As telephones give linear acceleration: less what a low pass of 1 s leaves."""
    kept = _GRAVITY_S / (_GRAVITY_S + 1 / recording.fs_hz)
    columns = [
        np.array(list(accumulate(axis.tolist(), lambda gravity, g: kept * gravity + (1 - kept) * g)))
        for axis in recording.xyz.T
    ]
    return replace(recording, xyz=(recording.xyz - np.stack(columns, axis=1)).astype(np.float32))


PLAIN = Perturbation("plain", "as recorded")

PERTURBATIONS: Mapping[str, Perturbation] = {
    one.name: one
    for one in (
        PLAIN,
        Perturbation("axes", "axes permuted: z, x, y", _samples(lambda xyz: xyz[:, [2, 0, 1]])),
        Perturbation("flips", "axes flipped: -x, y, -z", _samples(lambda xyz: xyz * [-1, 1, -1])),
        Perturbation("mirror", "axes mirrored: x, -y, z", _samples(lambda xyz: xyz * [1, -1, 1])),
        Perturbation("gain+10", "gain 10 % too high", _samples(lambda xyz: xyz * 1.1)),
        Perturbation("gain-10", "gain 10 % too low", _samples(lambda xyz: xyz * 0.9)),
        Perturbation("clip-4g", "clipped at 4 g", _samples(lambda xyz: np.clip(xyz, -4, 4))),
        Perturbation("clip-8g", "clipped at 8 g", _samples(lambda xyz: np.clip(xyz, -8, 8))),
        Perturbation("lost-20", "20 % of the windows lost", lost=0.2),
        Perturbation("fs-25", "25 Hz", lambda recording: resampled(recording, 25.0)),
        Perturbation("fs-100", "100 Hz", lambda recording: resampled(recording, 100.0)),
        Perturbation("no-gravity", "gravity removed", without_gravity),
        Perturbation("int16", "packed as int16", packed=True),
    )
}
