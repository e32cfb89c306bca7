"""Recordings of falls and of daily life, from parquet or CSV in the tidy form: one row is one sample.

Rule: a file is read whole or refused with a reason; what was recorded anew under the same name is another
recording, never mixed into the first.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

_WHOSE = ("dataset", "sensor_position", "subject", "activity_code", "trial")
_AXES = ("ax_g", "ay_g", "az_g")
_NOTED = ("fall_start_s", "fall_end_s")
COLUMNS = (*_WHOSE, "age_group", "is_fall", "t_s", *_AXES)
"""What a file must have; `fall_start_s` and `fall_end_s` are read where somebody noted them."""

_PARQUET = b"PAR1"
_FS_HZ = 50.0


class Unreadable(ValueError):  # noqa: N818  it says what the file is
    """A file that holds no recordings; its text is the reason, for people."""


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
    def name(self) -> str:
        """What tells it from all others."""
        return f"{self.dataset}/{self.position}/{self.subject}/{self.activity}/{self.trial}"

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
    table = _table(path)
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        raise Unreadable(f"{path}: columns missing: {', '.join(missing)}; needed are {', '.join(COLUMNS)}")
    if not table.num_rows:
        raise Unreadable(f"{path}: no rows")
    found = list(_recordings(table, path))
    if not found:
        raise Unreadable(f"{path}: no row holds a time and three accelerations")
    return found


def _table(path: Path) -> "pa.Table":
    try:
        import pyarrow as pa
        import pyarrow.csv
        import pyarrow.parquet
    except ImportError as error:
        raise Unreadable("recordings are read with pyarrow: pip install 'shouwang[falls]'") from error
    try:
        with path.open("rb") as file:
            parquet = file.read(len(_PARQUET)) == _PARQUET
        if parquet:
            names = set(pyarrow.parquet.read_schema(path).names)
            wanted = [name for name in (*COLUMNS, *_NOTED) if name in names]
            return pyarrow.parquet.read_table(path, columns=wanted)
        words = dict.fromkeys((*_WHOSE, "age_group"), pa.string())  # trial 01 is no number
        options = pyarrow.csv.ConvertOptions(column_types=words)
        return pyarrow.csv.read_csv(path, convert_options=options)
    except OSError as error:
        raise Unreadable(f"{path}: cannot be read: {error.strerror or _first_line(error)}") from error
    except pa.ArrowException as error:
        raise Unreadable(f"{path}: neither parquet nor CSV: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _recordings(table: "pa.Table", path: Path) -> Iterator[Recording]:
    words, codes = zip(*(_coded(table, name) for name in _WHOSE), strict=True)
    ages, age = _coded(table, "age_group")
    t_s = _numbers(table, "t_s", path)
    xyz = np.stack([_numbers(table, name, path).astype(np.float32) for name in _AXES], axis=1)
    is_fall = _numbers(table, "is_fall", path) > 0
    start_s, end_s = (
        _numbers(table, name, path) if name in table.column_names else np.full(len(t_s), np.nan)
        for name in _NOTED
    )
    good = np.isfinite(t_s) & np.isfinite(xyz).all(axis=1)
    for rows in _groups(codes, t_s):
        kept = rows[good[rows]]
        if not len(kept):
            continue
        one = int(kept[0])
        dataset, position, subject, activity, trial = (
            said[code[one]] for said, code in zip(words, codes, strict=True)
        )
        for part, samples in enumerate(_in_time(kept, t_s), 1):
            yield Recording(
                dataset=dataset,
                subject=subject,
                age_group=ages[age[one]] or "unknown",
                activity=activity,
                is_fall=bool(is_fall[one]),
                trial=trial if part == 1 else f"{trial}#{part}",
                position=position,
                t_s=t_s[samples],
                xyz=xyz[samples],
                fall_start_s=_noted(start_s[one]),
                fall_end_s=_noted(end_s[one]),
                left_out=len(rows) - len(kept) if part == 1 else 0,
            )


def _coded(table: "pa.Table", name: str) -> tuple[list[str], NDArray[np.int64]]:
    """The words of a column, sorted, "" for none, and for each row which of them it has."""
    import pyarrow as pa

    column = table[name]
    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.string()).dictionary_encode()
    coded = column.unify_dictionaries().combine_chunks()
    words = ["", *map(str, coded.dictionary.to_pylist())]
    listed = sorted(set(words))
    rank = np.array([listed.index(word) for word in words])
    return listed, rank[coded.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False) + 1]


def _numbers(table: "pa.Table", name: str, path: Path) -> NDArray[np.float64]:
    import pyarrow as pa

    try:
        found = table[name].cast(pa.float64()).to_numpy()
    except pa.ArrowException as error:
        raise Unreadable(f"{path}: column {name} holds what is no number: {_first_line(error)}") from error
    return np.asarray(found, np.float64)


def _groups(codes: tuple[NDArray[np.int64], ...], t_s: NDArray[np.float64]) -> list[NDArray[np.int64]]:
    """The rows of each name, in the order of the file."""
    key = np.zeros(len(t_s), np.int64)
    for code in codes:
        key = np.unique(key * (int(code.max()) + 1) + code, return_inverse=True)[1]
    order = np.argsort(key, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(key[order])) + 1)


def _in_time(rows: NDArray[np.int64], t_s: NDArray[np.float64]) -> list[NDArray[np.int64]]:
    """The rows of one name in order of time; each return to the earliest time begins another recording."""
    times = t_s[rows]
    again = np.flatnonzero((times == times.min()) & (np.diff(times, prepend=-np.inf) < 0))
    return [part[np.argsort(t_s[part], kind="stable")] for part in np.split(rows, again)]


def _noted(time_s: float) -> float | None:
    return None if np.isnan(time_s) else float(time_s)
