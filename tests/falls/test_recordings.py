"""The tidy form is read as it was written, in either kind of file and whatever the order of its rows."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.falls.recordings import NEEDED, Recording, Unreadable, read
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


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_one_recording_is_one_whatever_the_order_of_its_rows(kind: str, tmp_path: Path) -> None:
    listed = rows(recording(np.arange(300).reshape(100, 3)))
    shuffled = [listed[number] for number in np.random.default_rng(1).permutation(100)]
    halves, late = listed[50:] + listed[:50], listed[:40] + listed[41:45] + listed[40:41] + listed[45:]
    rounded = [row | {"t_s": round(row["t_s"], 1)} for row in listed]
    for number, order in enumerate((listed, listed[::-1], shuffled, halves, late, rounded, rounded[::-1])):
        [found] = read(write(tmp_path / f"{number}.{kind}", order))
        assert (found.trial, found.xyz[:, 0].tolist()) == ("01", list(range(0, 300, 3)))


@settings(max_examples=40)
@given(order=st.permutations(range(15)), fs=st.sampled_from([50.0, 200.0]))
def test_no_order_of_rows_makes_a_second_recording(
    order: list[int], fs: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    one = recording(np.arange(45).reshape(15, 3), fs)
    path = write(tmp_path_factory.mktemp("mixed") / "a.parquet", [rows(one)[number] for number in order])
    assert [_plain(found) for found in read(path)] == [_plain(one)]


def test_what_was_recorded_again_a_little_later_is_another_recording(tmp_path: Path) -> None:
    first, again = recording(np.full((100, 3), 1.0)), recording(np.full((80, 3), 2.0))
    later = [row | {"t_s": row["t_s"] + 0.013} for row in rows(again)]
    found = read(write(tmp_path / "a.parquet", [*rows(first), *later]))
    assert [(one.trial, set(one.xyz[:, 0].tolist())) for one in found] == [("01", {1.0}), ("01#2", {2.0})]


def test_rows_in_no_order_are_refused_where_nobody_can_tell_whose_they_are(tmp_path: Path) -> None:
    listed, again = rows(recording(np.ones((100, 3)))), rows(recording(np.zeros((100, 3))))
    mixed = [(listed + again)[number] for number in np.random.default_rng(1).permutation(200)]
    later = [row | {"t_s": row["t_s"] + 0.713} for row in again]
    for number, order in enumerate(
        (mixed, listed[::-1] + again, listed + again[50:] + again[:50], listed + later)
    ):
        with pytest.raises(Unreadable, match="rows must be in order of t_s within a recording") as found:
            read(write(tmp_path / f"{number}.parquet", order))
        assert "made/wrist/s1/walking/01" in str(found.value)


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_a_fall_is_0_or_1_or_false_or_true(kind: str, tmp_path: Path) -> None:
    row, what = rows(recording(np.ones((1, 3))))[0], "row 2" if kind == "parquet" else "line 3"
    for values in ([0, 1], [0.0, 1.0], [False, True], ["False", "1"]):
        listed = [row | {"is_fall": value, "trial": f"{trial}"} for trial, value in enumerate(values)]
        assert [one.is_fall for one in read(write(tmp_path / f"a.{kind}", listed))] == [False, True]
    for good, value, shown in ((0, 2, "“2”"), (0, -1, "“-1”"), ("0", "fall", "“fall”"), (1, None, "empty")):
        path = write(tmp_path / f"b.{kind}", [row | {"is_fall": one} for one in (good, value)])
        with pytest.raises(Unreadable, match=f"{what}, column is_fall is {shown}: it must be 0 or 1"):
            read(path)


def test_a_recording_is_of_a_fall_or_of_none(tmp_path: Path) -> None:
    listed = rows(recording(np.ones((100, 3))))
    listed[50] |= {"is_fall": 1}
    with pytest.raises(Unreadable, match="is_fall must be the same in all rows of a recording"):
        read(write(tmp_path / "a.parquet", listed))


def test_whoever_saved_a_table_otherwise_is_told_how_to(tmp_path: Path) -> None:
    good = write(tmp_path / "good.csv", rows(recording(np.ones((3, 3)), subject="s1")))
    text = good.read_text()
    lines = text.splitlines()
    lines[2] = lines[2].replace(",1,1,1", ",1,1;5,1")
    for name, data, why in (
        ("number", "\n".join(lines).encode(), "line 3, column ay_g is “1;5”: it must be a number in g"),
        ("semicolons", text.replace(",", ";").encode(), "separated by semicolons: save it with commas"),
        ("comma", text.replace(",", ";").replace("0.02", "0,02").encode(), "separated by semicolons"),
        ("rows", text.encode() + b"1,2\n", "Row #5: Expected 14 columns, got 2"),
        ("tabs", text.replace(",", "\t").encode("utf-8-sig"), "separated by tabs"),
        ("utf-16", text.encode("utf-16"), "save it as “CSV UTF-8”"),
        ("gbk", text.replace("s1", "老人").encode("gb18030"), "save it as “CSV UTF-8”"),
        ("header", text.replace("fs_hz", "频率").encode("gb18030"), "save it as “CSV UTF-8”"),
        ("twice", text.replace("fs_hz", "t_s").encode(), "columns that are there twice: t_s"),
    ):
        path = tmp_path / f"{name}.csv"
        path.write_bytes(data)
        with pytest.raises(Unreadable, match=why):
            read(path)
    good.write_bytes(text.encode("utf-8-sig"))
    assert len(read(good)) == 1


@pytest.mark.parametrize("name", ["t_s", "ax_g"])
def test_a_row_without_a_number_is_left_out_and_counted(name: str, tmp_path: Path) -> None:
    listed = rows(recording(np.ones((5, 3))))
    listed[2] = {**listed[2], name: None}
    listed[3] = {**listed[3], name: float("nan")}
    [found] = read(write(tmp_path / "a.parquet", listed))
    assert found.left_out == 2
    assert found.t_s.tolist() == pytest.approx([0.0, 0.02, 0.08])


@pytest.mark.parametrize("column", NEEDED)
def test_a_missing_column_is_named(column: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", rows(recording(np.ones((5, 3)))), without=column)
    with pytest.raises(Unreadable, match=f"columns missing: {column};"):
        read(path)


def test_who_says_less_has_one_set_of_one_person(tmp_path: Path) -> None:
    fall, other = recording(np.ones((60, 3)), is_fall=True), recording(np.zeros((60, 3)))
    needed = [{name: row[name] for name in NEEDED} for one in (fall, other) for row in rows(one)]
    found = read(write(tmp_path / "mine.csv", needed))
    assert [(one.name, one.is_fall, one.age_group, len(one.t_s)) for one in found] == [
        ("mine/wrist/-/-/1", True, "unknown", 60),
        ("mine/wrist/-/-/1#2", False, "unknown", 60),
    ]


def test_a_word_that_is_not_there_is_the_same_as_a_column_that_is_not_there(tmp_path: Path) -> None:
    listed = rows(recording(np.ones((60, 3))))
    for number, row in enumerate(listed):
        row |= {
            "dataset": None,
            "subject": ("", None, " ", "  ")[number % 4],
            "trial": "",
            "activity_code": None,
        }
    for path in (tmp_path / "mine.csv", tmp_path / "mine.parquet"):
        [found] = read(write(path, listed))
        assert (found.name, len(found.t_s)) == ("mine/wrist/-/-/1", 60)


def test_who_is_recorded_next_has_an_age_and_a_fall_of_her_own(tmp_path: Path) -> None:
    young = recording(np.ones((60, 3)), fall_start_s=0.5, is_fall=True)
    old = recording(np.ones((60, 3)), age_group="elderly", fall_start_s=0.7, is_fall=True)
    listed = [{**row, "subject": None} for one in (young, old) for row in rows(one)]
    found = read(write(tmp_path / "a.csv", listed))
    assert [(one.age_group, one.fall_start_s) for one in found] == [("young", 0.5), ("elderly", 0.7)]


@pytest.mark.parametrize("column", ["dataset", "subject", "age_group", "is_fall"])
@pytest.mark.parametrize("said", [["a"], {"a": "b"}, b"\xff"])
def test_a_column_of_words_that_holds_none_is_named(column: str, said: object, tmp_path: Path) -> None:
    listed = [{**row, column: said} for row in rows(recording(np.ones((60, 3))))]
    with pytest.raises(Unreadable, match=f"column {column} must hold words"):
        read(write(tmp_path / "a.parquet", listed))


def test_what_holds_no_recordings_says_why(tmp_path: Path) -> None:
    good = rows(recording(np.ones((2, 3))))
    empty = tmp_path / "empty.parquet"
    whole = pyarrow.parquet.read_table(write(tmp_path / "good.parquet", good))
    pyarrow.parquet.write_table(whole.slice(0, 0), empty)
    garbage, broken = tmp_path / "a.csv", tmp_path / "b.parquet"
    garbage.write_bytes(b"\xff\xfe\0\0" * 100)
    broken.write_bytes(b"PAR1" + b"\0" * 100)
    nowhere = [{**row, "t_s": float("nan")} for row in good]
    (tmp_path / "nothing.csv").write_bytes(b"")
    (tmp_path / "a.json").write_text('{"xyz": [[0, 0, 1]]}\n')
    for path, why in (
        (empty, "no rows"),
        (tmp_path / "nothing.csv", "is empty"),
        (tmp_path / "a.json", "holds no recordings: its first line names none of the columns sensor_"),
        (garbage, "save it as “CSV UTF-8”"),
        (broken, "neither parquet nor CSV"),
        (tmp_path / "none.parquet", "cannot be read: No such file"),
        (tmp_path, "is a folder: name the files in it"),
        (
            write(tmp_path / "words.parquet", [{**row, "ax_g": "much"} for row in good]),
            "column ax_g is “much”",
        ),
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
