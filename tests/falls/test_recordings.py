"""The tidy form is read as it was written, in either kind of file and whatever the order of its rows."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.falls.recordings import COLUMNS, Recording, Unreadable, read
from tests.falls.recorded import FALLS, recording, rows, write

_WORDS = st.sampled_from(["01", "1", "a", "B b", "落"])
_G = st.floats(-16, 16, width=32).map(lambda g: g + 0.0)


@st.composite
def _recorded(draw: st.DrawFn) -> Recording:
    n = draw(st.integers(1, 6))
    is_fall = draw(st.booleans())
    start_s = draw(st.sampled_from([None, 0.5, 2.0])) if is_fall else None
    return recording(
        draw(st.lists(st.tuples(_G, _G, _G), min_size=n, max_size=n)),
        fs=draw(st.sampled_from([20.0, 50.0, 100.0])),
        dataset=draw(_WORDS),
        subject=draw(_WORDS),
        activity=draw(_WORDS),
        trial=draw(_WORDS),
        position=draw(_WORDS),
        age_group=draw(_WORDS),
        is_fall=is_fall,
        fall_start_s=start_s,
        fall_end_s=None if start_s is None else start_s + 1,
    )


def _plain(one: Recording) -> tuple[Any, ...]:
    return (
        one.name, one.age_group, one.is_fall, one.fall_start_s, one.fall_end_s,
        one.t_s.tolist(), one.xyz.tolist(), one.left_out,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["parquet", "csv"])
@settings(max_examples=40)
@given(data=st.data())
def test_what_is_written_is_read(
    kind: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = data.draw(st.lists(_recorded(), min_size=1, max_size=4, unique_by=lambda one: one.name))
    listed = [row for one in made for row in rows(one)]
    mixed = sorted(listed, key=lambda row: (row["t_s"], data.draw(st.integers(0, 9))))
    path = write(tmp_path_factory.mktemp("tidy") / f"tidy.{kind}", mixed)
    assert sorted(map(_plain, read(path)), key=str) == sorted(map(_plain, made), key=str)


def test_samples_are_float32_in_g_and_the_rate_is_that_of_their_times(tmp_path: Path) -> None:
    one = recording(np.zeros((335, 3)), fs=33.5)
    rounded = [{**row, "t_s": round(row["t_s"], 2)} for row in rows(one)]
    [found] = read(write(tmp_path / "a.parquet", rounded))
    assert found.xyz.dtype == np.float32
    assert found.xyz.shape == (335, 3)
    assert found.fs_hz == pytest.approx(33.5, rel=0.001)
    assert found.duration_s == pytest.approx(10.0, rel=0.001)


def test_a_gap_does_not_change_the_rate(tmp_path: Path) -> None:
    one = [row for row in rows(recording(np.zeros((100, 3)))) if not 0.5 <= row["t_s"] < 1.5]
    [found] = read(write(tmp_path / "a.parquet", one))
    assert found.fs_hz == pytest.approx(50.0)
    assert len(found.t_s) == 50


def test_what_was_recorded_again_under_one_name_is_another_recording(tmp_path: Path) -> None:
    first, again = recording(np.full((5, 3), 1.0)), recording(np.full((3, 3), 2.0))
    found = read(write(tmp_path / "a.parquet", [*rows(first), *rows(again)]))
    assert [(one.trial, one.xyz[:, 0].tolist()) for one in found] == [("01", [1.0] * 5), ("01#2", [2.0] * 3)]


@pytest.mark.parametrize("name", ["t_s", "ax_g"])
def test_a_row_without_a_number_is_left_out_and_counted(name: str, tmp_path: Path) -> None:
    listed = rows(recording(np.ones((5, 3))))
    listed[2] = {**listed[2], name: None}
    listed[3] = {**listed[3], name: float("nan")}
    [found] = read(write(tmp_path / "a.parquet", listed))
    assert found.left_out == 2
    assert found.t_s.tolist() == pytest.approx([0.0, 0.02, 0.08])


@pytest.mark.parametrize("column", COLUMNS)
def test_a_missing_column_is_named(column: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", rows(recording(np.ones((5, 3)))), without=column)
    with pytest.raises(Unreadable, match=f"columns missing: {column};"):
        read(path)


def test_what_holds_no_recordings_says_why(tmp_path: Path) -> None:
    good = rows(recording(np.ones((2, 3))))
    empty = tmp_path / "empty.parquet"
    whole = pyarrow.parquet.read_table(write(tmp_path / "good.parquet", good))
    pyarrow.parquet.write_table(whole.slice(0, 0), empty)
    garbage, broken = tmp_path / "a.csv", tmp_path / "b.parquet"
    garbage.write_bytes(b"\xff\xfe\0\0" * 100)
    broken.write_bytes(b"PAR1" + b"\0" * 100)
    nowhere = [{**row, "t_s": float("nan")} for row in good]
    for path, why in (
        (empty, "no rows"),
        (garbage, "neither parquet nor CSV|columns missing"),
        (broken, "neither parquet nor CSV"),
        (tmp_path / "none.parquet", "cannot be read: No such file"),
        (tmp_path, "cannot be read: Is a directory"),
        (write(tmp_path / "words.parquet", [{**row, "ax_g": "much"} for row in good]), "column ax_g holds"),
        (write(tmp_path / "nowhere.parquet", nowhere), "no row holds a time and three accelerations"),
    ):
        with pytest.raises(Unreadable, match=why) as found:
            read(path)
        assert str(path) in str(found.value)
        assert "\n" not in str(found.value)


@pytest.mark.skipif(not FALLS.is_dir(), reason="the developers' ../shared/falls is not there")
@pytest.mark.parametrize(
    ("file", "falls", "others"),
    [("weda_fall.dev.parquet", 200, 359), ("umafall_waist.dev.parquet", 51, 194 + 5)],
)
def test_recorded_sets_are_read_whole(file: str, falls: int, others: int) -> None:
    found = read(FALLS / file)
    assert (sum(one.is_fall for one in found), sum(not one.is_fall for one in found)) == (falls, others)
    assert sum(len(one.t_s) for one in found) == pyarrow.parquet.ParquetFile(FALLS / file).metadata.num_rows
    assert all((np.diff(one.t_s) >= 0).all() for one in found)
