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


def fallen(number: int, **more: object) -> Recording:
    """Somebody at whose waist it is stands, falls at 6.0 s, and lies still; `number` varies the noise."""
    random = np.random.default_rng(number)
    xyz = np.tile([0.0, 0.0, 1.0], (700, 1)) + 0.02 * random.standard_normal((700, 3))
    xyz[275:300] *= np.linspace(1.0, 0.2, 25)[:, None]
    xyz[300:306] = np.array([[2.0, 1.0, 2.0], [5.0, 1.5, 3.0], [3.0, 1.0, 1.5], [2.0, -1.0, 0.5]] * 2)[:6]
    xyz[306:] = np.array([1.0, 0.1, 0.05]) + 0.01 * random.standard_normal((394, 3))
    said = {"is_fall": True, "activity": "F01", "trial": f"{number:02}", "position": "waist"}
    return recording(xyz, **{**said, **more})


def walked(number: int, **more: object) -> Recording:
    """Somebody walks for 14 s; `number` varies the steps."""
    random = np.random.default_rng(number)
    t_s = np.arange(700) / 50
    up = 1.0 + 0.7 * np.sin(2 * np.pi * 1.8 * t_s + number) + 0.03 * random.standard_normal(700)
    side = 0.1 * np.sin(2 * np.pi * 0.9 * t_s) + 0.03 * random.standard_normal(700)
    said = {"activity": "D01", "trial": f"{number:02}", "position": "waist"}
    return recording(np.stack([side, up, side / 2], axis=1), **{**said, **more})
