"""Recordings that tests make, and files of them in the tidy form; where the developers' own files are."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import ArrayLike

from ingest.falls.recordings import Recording
from tests.cases import SHARED

FALLS = SHARED / "falls"

Row = dict[str, Any]


def recording(xyz: ArrayLike, fs: float = 50.0, **more: object) -> Recording:
    """A recording of these samples (n, 3) in g from 0 s on; `more` are other fields."""
    samples = np.asarray(xyz, np.float32).reshape(-1, 3)
    said: Row = {
        "dataset": "made",
        "subject": "s1",
        "age_group": "young",
        "activity": "walking",
        "is_fall": False,
        "trial": "01",
        "position": "wrist",
    }
    return Recording(**{**said, "t_s": np.arange(len(samples)) / fs, "xyz": samples, **more})


def rows(one: Recording) -> list[Row]:
    """The rows of a recording in the tidy form, in order of time."""
    said = {
        "dataset": one.dataset,
        "subject": one.subject,
        "age_group": one.age_group,
        "activity_code": one.activity,
        "is_fall": int(one.is_fall),
        "trial": one.trial,
        "sensor_position": one.position,
        "fs_hz": one.fs_hz,
        "fall_start_s": one.fall_start_s,
        "fall_end_s": one.fall_end_s,
    }
    return [
        {**said, "t_s": t_s, "ax_g": x, "ay_g": y, "az_g": z}
        for t_s, (x, y, z) in zip(one.t_s.tolist(), one.xyz.tolist(), strict=True)
    ]


def write(path: Path, listed: Iterable[Row], without: str = "") -> Path:
    """A file of rows: CSV where it is called so, else parquet; `without` a column."""
    table = pa.Table.from_pylist(list(listed))
    if without:
        table = table.drop_columns(without)
    if path.suffix == ".csv":
        pyarrow.csv.write_csv(table, path)
    else:
        pyarrow.parquet.write_table(table, path)
    return path
