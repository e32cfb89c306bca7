"""A file that is no model, or half of one, is told from one before anything is judged with it."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.falls.crew import models_in
from rules.falls.model import POSITIONS, read, write
from tests.commands.program import REPOSITORY

MODELS = REPOSITORY / "rules" / "falls" / "models"
GOOD = (MODELS / "waist.npz").read_bytes()
DAMAGED = "no model, or damaged: make it with python -m ingest.falls.train"


def changed(**arrays: Any) -> bytes:  # noqa: ANN401  whatever somebody may put there
    with np.load(io.BytesIO(GOOD)) as good:
        kept = dict(good)
    file = io.BytesIO()
    np.savez(file, **{name: value for name, value in (kept | arrays).items() if value is not None})
    return file.getvalue()


def test_a_model_is_read_as_it_was_written() -> None:
    assert write(read(GOOD)) == GOOD
    assert write(read(changed())) == GOOD


@given(st.integers(0, len(GOOD) - 1))
def test_half_of_a_model_is_none(length: int) -> None:
    with pytest.raises(ValueError, match=DAMAGED):
        read(GOOD[:length])


@settings(max_examples=200)
@example(279, 2)
@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_a_model_with_a_wrong_byte_is_another_or_none(at: int, more: int) -> None:
    data = bytearray(GOOD)
    data[at] = (data[at] + more) % 256
    try:
        assert write(read(bytes(data))) == GOOD  # a byte of no meaning
    except ValueError as error:
        assert str(error) == DAMAGED  # noqa: PT017  either is right


def _with_header(header: bytes) -> bytes:
    """A whole archive in which the arrays begin like this."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(GOOD)) as good, zipfile.ZipFile(file, "w") as made:
        for name in good.namelist():
            data = good.read(name)
            made.writestr(name, data[:10] + header + data[10 + len(header) :])
    return file.getvalue()


def _without_magic(array: str) -> bytes:
    """One array is none of numpy's."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(GOOD)) as good, zipfile.ZipFile(file, "w") as made:
        for name in good.namelist():
            made.writestr(name, b"0.5" if name == f"{array}.npy" else good.read(name))
    return file.getvalue()


def _npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        _with_header(b"{'descr':("), _with_header(b"((("), _with_header(b"  \n ]"), _with_header(b"\0"),
        _without_magic("final_feature"), _without_magic("final_threshold"), _without_magic("final_roots"),
        b"", b"none", b"a,b,c\n1,2,3\n", _npy(),
        changed(final_left=None),
        changed(version=np.array([1, 1])),
        changed(version=np.array("one")),
        changed(final_limit=np.array([0.5, 0.5])),
        changed(final_limit=np.nan),
        changed(final_limit=7.0),
        changed(final_feature=np.full(8700, 189, np.int16)),
        changed(provisional_feature=np.full(8700, 188, np.int16)),
        changed(final_feature=np.zeros(8700, np.float32)),
        changed(final_feature=np.zeros((8700, 1), np.int16)),
        changed(final_left=np.full(8700, 8700, np.int32)),
        changed(final_right=np.full(8700, -1, np.int32)),
        changed(final_left=np.zeros(8700, np.int32)),
        changed(final_left=np.zeros(8699, np.int32)),
        changed(final_roots=np.array([8700], np.int32)),
        changed(final_roots=np.array(5, np.int32)),
        changed(final_threshold=np.full(8700, np.nan, np.float32)),
        changed(final_threshold=np.array(["x"] * 8700)),
    ],
)  # fmt: skip
def test_what_is_no_model_says_how_one_is_made(data: bytes) -> None:
    with pytest.raises(ValueError, match=DAMAGED) as found:
        read(data)
    assert str(found.value) == DAMAGED


def test_a_model_of_another_version_is_to_be_trained_anew() -> None:
    with pytest.raises(ValueError, match="a model of version 2, not 1: train it anew"):
        read(changed(version=np.array(2)))


def test_whoever_gives_other_models_is_told_which_files_they_are(tmp_path: Path) -> None:
    needed = (
        "a folder is needed with waist.npz, wrist.npz, unknown.npz, as python -m ingest.falls.train writes"
    )
    file, empty, part = MODELS / "waist.npz", tmp_path / "empty", tmp_path / "part"
    for folder in (empty, part):
        folder.mkdir()
    (part / "waist.npz").write_bytes(GOOD)
    for given_, why in (
        (file, "no folder"),
        (tmp_path / "none", "No such folder"),
        (empty, "not there: waist.npz, wrist.npz, unknown.npz"),
        (part, "not there: wrist.npz, unknown.npz"),
    ):
        with pytest.raises(ValueError, match=needed) as found:
            models_in(given_)
        assert str(found.value).startswith(f"{given_}: {why}: ")
    assert set(models_in(MODELS)) == set(POSITIONS)
