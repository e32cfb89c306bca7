"""What can be told of an impact from the seconds around it, in numbers.

Rule: orientation-free. Only lengths, angles between directions and what lies along the gravity of before; a
device may be worn any way round. All arrays are of many impacts at once: shape (batch, n, 3), in g.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules.falls import RATE_HZ
from rules.falls.candidate import Samples, dynamic

BEFORE = 4 * RATE_HZ
"""Samples of a window before the impact."""

_BIN = 12
_FROM = BEFORE - 100  # where the bins begin: 2 s before the impact
_STEPS = slice(15, 60, 3)  # lags: 0.3 to 1.2 s
_SMALL = 1e-6

Array = NDArray[Any]


class _Table:
    """Columns by name, in order."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._columns: list[Array] = []

    def add(self, name: str, column: Array) -> None:
        if column.ndim == 1:
            self.names.append(name)
            column = column[:, None]
        else:
            self.names += [f"{name}_{number}" for number in range(column.shape[1])]
        self._columns.append(column)

    def matrix(self) -> NDArray[np.float32]:
        return np.concatenate(self._columns, axis=1).astype(np.float32)


def features(windows: Samples) -> tuple[NDArray[np.float32], list[str]]:
    """The features of windows (batch, n, 3) from 4 s before an impact on, and their names.

    n is 251 (to 1.0 s after the impact) or 326 (to 2.5 s); the second has features of the time after, too.
    """
    a = np.asarray(windows, np.float64)
    table = _Table()
    m = _length(a)
    d = dynamic(a)
    change = np.diff(a, axis=1)
    jerk = _length(change) * RATE_HZ
    jerk = np.concatenate([jerk[:, :1], jerk], axis=1)
    gravity = _mean(a[:, _FROM : BEFORE - 50])
    _binned(table, a, m, d, jerk, gravity)
    _before(table, a, m, d)
    _impact(table, a, m, d, jerk, gravity)
    _directions(table, a, gravity)
    if a.shape[1] > BEFORE + 125:
        _after(table, a, m, d, jerk, gravity)
    return table.matrix(), table.names


def _binned(table: _Table, a: Array, m: Array, d: Array, jerk: Array, gravity: Array) -> None:
    """The course of it, in bins of 0.24 s from 2 s before the impact on."""
    batch, n = m.shape
    bins = (n - _FROM) // _BIN
    cut = slice(_FROM, _FROM + bins * _BIN)
    shape = (batch, bins, _BIN)
    down = _unit(gravity)
    along = np.einsum("bti,bi->bt", a[:, cut], down)
    across = np.sqrt(np.maximum(m[:, cut] ** 2 - along**2, 0))
    means = a[:, cut].reshape(batch, bins, _BIN, 3).mean(axis=2)
    table.add("most", m[:, cut].reshape(shape).max(axis=2))
    table.add("least", m[:, cut].reshape(shape).min(axis=2))
    table.add("dynamic", d[:, cut].reshape(shape).mean(axis=2))
    table.add("jerk", jerk[:, cut].reshape(shape).mean(axis=2))
    table.add("along", along.reshape(shape).mean(axis=2))
    table.add("across", across.reshape(shape).mean(axis=2))
    table.add("turned", _angle(means, gravity[:, None]))


def _before(table: _Table, a: Array, m: Array, d: Array) -> None:
    early = m[:, : BEFORE - 50]
    table.add("spread_before", _spread(early))
    table.add("spread_just_before", _spread(m[:, _FROM : BEFORE - 25]))
    table.add("dynamic_before", _mean(d[:, : BEFORE - 50]))
    table.add("most_dynamic_before", d[:, 50 : BEFORE - 50].max(axis=1))
    table.add("most_before", early.max(axis=1))
    table.add("steps_before", _rhythm(m[:, : BEFORE - 25], _STEPS))
    _shape(table, "before", a[:, _FROM : BEFORE - 25])


def _impact(table: _Table, a: Array, m: Array, d: Array, jerk: Array, gravity: Array) -> None:
    falling = m[:, BEFORE - 60 : BEFORE + 1]
    for limit in (0.5, 0.7, 0.85):
        table.add(f"below_{limit}", (falling < limit).sum(axis=1))
    table.add("weightless", np.maximum(1 - falling, 0).sum(axis=1) / RATE_HZ)
    table.add("speed", (falling - 1).sum(axis=1) / RATE_HZ)
    table.add("least_before", falling.min(axis=1))
    near = m[:, BEFORE - 25 : BEFORE + 26]
    table.add("blow", np.maximum(m[:, BEFORE - 10 : BEFORE + 25] - 1, 0).sum(axis=1) / RATE_HZ)
    table.add("peak", near.max(axis=1))
    table.add("peak_dynamic", d[:, BEFORE])
    table.add("peak_jerk", jerk[:, BEFORE - 25 : BEFORE + 26].max(axis=1))
    for limit in (1.5, 2.0, 3.0):
        table.add(f"above_{limit}", (near > limit).sum(axis=1))
    table.add("blows", ((near[:, 1:] > 1.3) & (near[:, :-1] <= 1.3)).sum(axis=1))
    still = _spread(m[:, BEFORE + 25 : BEFORE + 51])
    table.add("spread_after", still)
    table.add("spread_ratio", still / (_spread(m[:, : BEFORE - 50]) + 0.02))
    table.add("jerk_after", _mean(jerk[:, BEFORE + 25 : BEFORE + 51]))
    table.add("peak_ratio", d[:, BEFORE] / (d[:, 50 : BEFORE - 50].max(axis=1) + 0.1))
    _shape(table, "impact", a[:, BEFORE - 25 : BEFORE + 26])
    rough = np.abs(np.diff(m[:, BEFORE - 15 : BEFORE + 15], axis=1))
    table.add("rough", _mean(rough[:, 5:]))
    table.add("rough_ratio", rough.sum(axis=1) / (d[:, BEFORE - 15 : BEFORE + 15].sum(axis=1) + 0.1))
    down = _unit(gravity)
    for name, first, last in (("gained", BEFORE - 50, BEFORE + 1), ("lost", BEFORE - 5, BEFORE + 20)):
        velocity = (a[:, first:last] - gravity[:, None]).sum(axis=1) / RATE_HZ
        table.add(name, _length(velocity))
        table.add(f"{name}_down", (velocity * down).sum(axis=1))


def _directions(table: _Table, a: Array, gravity: Array) -> None:
    early, late = _mean(a[:, :_FROM]), _mean(a[:, BEFORE + 25 : BEFORE + 51])
    table.add("weight", np.stack([_length(early), _length(gravity), _length(late)], axis=1))
    table.add("turned_before", _angle(early, gravity))
    table.add("turned_by_impact", _angle(gravity, late))
    table.add("turned_in_all", _angle(early, late))
    turns = _turns(a[:, BEFORE - 75 : BEFORE + 50])
    table.add("path", turns.sum(axis=1))
    table.add("sharpest_turn", turns.max(axis=1))
    table.add("path_before", turns[:, :12].sum(axis=1))
    table.add("path_after", turns[:, 15:].sum(axis=1))


def _after(table: _Table, a: Array, m: Array, d: Array, jerk: Array, gravity: Array) -> None:
    early, late = _mean(a[:, :_FROM]), _mean(a[:, BEFORE + 75 : BEFORE + 126])
    just = _mean(a[:, BEFORE + 25 : BEFORE + 51])
    table.add("final_weight", _length(late))
    table.add("finally_turned", _angle(gravity, late))
    table.add("finally_turned_in_all", _angle(early, late))
    table.add("turned_after", _angle(just, late))
    still = _spread(m[:, BEFORE + 75 : BEFORE + 126])
    table.add("spread_then", _spread(m[:, BEFORE + 50 : BEFORE + 90]))
    table.add("final_spread", still)
    table.add("final_spread_ratio", still / (_spread(m[:, : BEFORE - 50]) + 0.02))
    table.add("jerk_then", _mean(jerk[:, BEFORE + 50 : BEFORE + 90]))
    table.add("final_jerk", _mean(jerk[:, BEFORE + 75 : BEFORE + 126]))
    table.add("most_dynamic_after", d[:, BEFORE + 50 :].max(axis=1))
    table.add("most_after", m[:, BEFORE + 40 :].max(axis=1))
    table.add("least_after", m[:, BEFORE + 40 :].min(axis=1))
    table.add("steps_after", _rhythm(m[:, BEFORE + 25 :], slice(15, 50, 3)))
    _shape(table, "after", a[:, BEFORE + 50 : BEFORE + 126])
    table.add("path_then", _turns(a[:, BEFORE + 50 : BEFORE + 125]).sum(axis=1))


def _length(vectors: Array) -> Array:
    found: Array = np.sqrt((vectors * vectors).sum(axis=-1))
    return found


def _unit(vectors: Array) -> Array:
    return vectors / np.maximum(_length(vectors), _SMALL)[..., None]


def _angle(one: Array, other: Array) -> Array:
    """The angle between directions, in degrees."""
    cosine = (one * other).sum(axis=-1) / np.maximum(_length(one) * _length(other), _SMALL)
    found: Array = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    return found


def _turns(a: Array) -> Array:
    """By how many degrees the direction turns from each 0.1 s to the next."""
    batch, n, _ = a.shape
    means = a.reshape(batch, n // 5, 5, 3).mean(axis=2)
    return _angle(means[:, 1:], means[:, :-1])


def _rhythm(m: Array, lags: slice) -> Array:
    """How regular it is: the highest autocorrelation at the lags (samples) of steps."""
    x = m - _mean(m)[:, None]
    spectrum = np.fft.rfft(x, 2 * m.shape[1])
    found = np.fft.irfft(spectrum.real**2 + spectrum.imag**2, 2 * m.shape[1])
    most: Array = found[:, lags].max(axis=1) / (found[:, 0] + 1e-3)
    return most


def _mean(x: Array) -> Array:
    mean: Array = np.add.reduce(x, axis=1) / x.shape[1]
    return mean


def _spread(x: Array) -> Array:
    """The standard deviation of each row."""
    away = x - _mean(x)[:, None]
    found: Array = np.sqrt(np.einsum("bt,bt->b", away, away) / x.shape[1])
    return found


def _shape(table: _Table, name: str, a: Array) -> None:
    """How strong the movement is, and whether along a line, in a plane or all ways."""
    x = a - a.mean(axis=1, keepdims=True)
    spread = np.linalg.eigvalsh(np.matmul(x.transpose(0, 2, 1), x) / a.shape[1])
    table.add(f"strength_{name}", np.sqrt(np.maximum(spread[:, 2], 0)))
    table.add(f"plane_{name}", spread[:, 1] / (spread[:, 2] + 1e-4))
    table.add(f"volume_{name}", spread[:, 0] / (spread[:, 2] + 1e-4))
