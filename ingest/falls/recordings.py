"""Recordings of falls and of daily life, from parquet or CSV in the tidy form: one row is one sample.

Rule: a file is read whole or refused with a reason; what was recorded anew under the same name is another
recording, never mixed into the first.

Rows of one name belong to one recording (a file without dataset, subject, activity_code or trial is one set
of one person). They may stand in any order where no time is there twice. Rows that begin anew from the
earliest time on, and ascend each time, are one recording each.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ingest.falls.tables import AXES, NEEDED, NOTED, WHOSE, Columns, Unreadable, columns

__all__ = ("NEEDED", "Recording", "Unreadable", "read", "told_apart")

_FS_HZ = 50.0
_ABOUT_S = 0.5
"""So much later than the first one a recording of the same name may begin."""
_LASTS_S = 1.0
_MIXED = 10
_MOST_G = 1e30
_UNSAID = "-"


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording of one device: sample times `t_s` in s, ascending; `xyz` in g, float32 of shape (n, 3).

    `fall_start_s` and `fall_end_s` are times like `t_s`, None where nobody noted them. `left_out` is how many
    rows held no number.
    """

    dataset: str
    subject: str
    age_group: str
    activity: str
    is_fall: bool
    trial: str
    position: str
    t_s: NDArray[np.float64]
    xyz: NDArray[np.float32]
    fall_start_s: float | None = None
    fall_end_s: float | None = None
    left_out: int = 0

    @property
    def group(self) -> str:
        """Its set: the dataset at this body position."""
        return f"{self.dataset}/{self.position}"

    @property
    def name(self) -> str:
        """What tells it from all others."""
        return f"{self.dataset}/{self.position}/{self.subject}/{self.activity}/{self.trial}"

    @property
    def person(self) -> str:
        """Who was recorded: a subject of a study, whichever device it is. The sets of a study share them."""
        return f"{self.dataset.split('_')[0]}/{self.subject}"

    @property
    def fs_hz(self) -> float:
        """The rate of its samples, by their times; gaps aside, and whatever those were rounded to."""
        steps = np.diff(self.t_s)
        steps = steps[steps < 1.5 * np.median(steps)] if len(steps) else steps
        mean_s = float(steps.mean()) if len(steps) else 0.0
        return 1 / mean_s if mean_s > 0 else _FS_HZ

    @property
    def duration_s(self) -> float:
        """How long it is."""
        return float(self.t_s[-1] - self.t_s[0]) + 1 / self.fs_hz


def read(path: Path) -> list[Recording]:
    """The recordings of a file, by set, position, subject, activity and trial; raises `Unreadable`."""
    found = list(_recordings(columns(path)))
    if not found:
        raise Unreadable(f"{path}: no row holds a time and three accelerations")
    return found


def _recordings(table: Columns) -> Iterator[Recording]:
    unsaid = dict.fromkeys(WHOSE, _UNSAID) | {"dataset": table.path.stem, "trial": "1"}
    words, codes = zip(*(table.coded(name, unsaid[name]) for name in WHOSE), strict=True)
    ages, age = table.coded("age_group")
    t_s = table.numbers("t_s")
    axes = np.stack([table.numbers(name) for name in AXES], axis=1)
    xyz = axes.clip(-_MOST_G, _MOST_G).astype(np.float32)
    is_fall = table.yes_or_no("is_fall")
    start_s, end_s = (table.numbers(name) for name in NOTED)
    good = np.isfinite(t_s) & np.isfinite(axes).all(axis=1)
    for rows in _groups(codes, t_s):
        kept = rows[good[rows]]
        if not len(kept):
            continue
        one = int(kept[0])
        dataset, position, subject, activity, trial = (
            said[code[one]] for said, code in zip(words, codes, strict=True)
        )
        name = f"{dataset}/{position}/{subject}/{activity}/{trial}"
        parts = _in_time(kept, t_s)
        if not parts:
            raise Unreadable(
                f"{table.path}: rows must be in order of t_s within a recording, and those of {name} are "
                "not: sort them, or give another trial to what was recorded again"
            )
        for part, samples in enumerate(parts, 1):
            if np.ptp(is_fall[samples].astype(np.int8)):
                raise Unreadable(
                    f"{table.path}: is_fall must be the same in all rows of a recording, and is not in "
                    f"{name}: 1 where it is one of a fall"
                )
            first = int(samples[0])
            yield Recording(
                dataset=dataset,
                subject=subject,
                age_group=ages[age[first]] or "unknown",
                activity=activity,
                is_fall=bool(is_fall[first]),
                trial=trial if part == 1 else f"{trial}#{part}",
                position=position,
                t_s=t_s[samples],
                xyz=xyz[samples],
                fall_start_s=_noted(start_s[first]),
                fall_end_s=_noted(end_s[first]),
                left_out=len(rows) - len(kept) if part == 1 else 0,
            )


def told_apart(recordings: Iterable[Recording]) -> list[Recording]:
    """The same, also those of several files: the second of a name is its trial #2, and so on."""
    names: set[str] = set()
    found: list[Recording] = []
    for one in recordings:
        other, number = one, 1
        while other.name in names:
            number += 1
            other = replace(one, trial=f"{one.trial}#{number}")
        names.add(other.name)
        found.append(other)
    return found


def _groups(codes: tuple[NDArray[np.int64], ...], t_s: NDArray[np.float64]) -> list[NDArray[np.int64]]:
    """The rows of each name, in the order of the file."""
    key = np.zeros(len(t_s), np.int64)
    for code in codes:
        key = np.unique(key * (int(code.max()) + 1) + code, return_inverse=True)[1]
    order = np.argsort(key, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(key[order])) + 1)


def _in_time(rows: NDArray[np.int64], t_s: NDArray[np.float64]) -> list[NDArray[np.int64]]:
    """The rows of one name as recordings, each in order of time; none where nobody can tell what they are."""
    times = t_s[rows]
    back = times[1:] < times[:-1]
    if not back.any():
        return [rows]
    if (times[1:] <= times[:-1]).all():
        return [rows[::-1]]
    runs = np.split(rows, np.flatnonzero(back) + 1)
    if _begin_anew(runs, t_s):
        return runs
    order = np.argsort(times, kind="stable")
    twice = (np.diff(times[order]) == 0).any()
    return [] if twice or _mixed(order, back) else [rows[order]]


def _begin_anew(runs: list[NDArray[np.int64]], t_s: NDArray[np.float64]) -> bool:
    """Whether every run, which ascends, begins where the earliest does, or about there and lasts a while."""
    first, last = (np.array([t_s[run[end]] for run in runs]) for end in (0, -1))
    if (first == first.min()).all():
        return True
    return bool((first <= first.min() + _ABOUT_S).all() and (last >= first + _LASTS_S).all())


def _mixed(order: NDArray[np.int64], back: NDArray[np.bool_]) -> bool:
    """Whether in order of time the runs take turns again and again, as those of several recordings do."""
    run = np.concatenate([[0], np.cumsum(back)])
    turns = np.count_nonzero(np.diff(run[order]))
    return bool(turns > _MIXED * (run[-1] + 1))


def _noted(time_s: float) -> float | None:
    return float(time_s) if np.isfinite(time_s) else None
