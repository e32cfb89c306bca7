"""Files in the tidy form as columns: parquet or CSV, one row is one sample.

Rule: a file is read whole, or refused with a reason that names the column and the row and says what to do.
"""

import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

WHOSE = ("dataset", "sensor_position", "subject", "activity_code", "trial")
AXES = ("ax_g", "ay_g", "az_g")
NOTED = ("fall_start_s", "fall_end_s")
NEEDED = ("sensor_position", "is_fall", "t_s", *AXES)
"""What a file must have."""

_WORDS = (*WHOSE, "age_group", "is_fall")  # trial 01 is no number
COLUMNS = (*_WORDS, "t_s", *AXES, *NOTED)
"""What is read of a file, where it is there."""

_IN = {"t_s": "seconds", **dict.fromkeys(AXES, "g"), **dict.fromkeys(NOTED, "seconds")}
_YES_OR_NO = {"0": False, "1": True, "0.0": False, "1.0": True, "false": False, "true": True}
_NO_NUMBER = {"", "na", "n/a", "#n/a", "nan", "null", "none"}
_PARQUET = b"PAR1"
_HEADER_BYTES = 65_536
_CHUNK_BYTES = 1 << 20
_LONGEST_SHOWN = 40


class Unreadable(ValueError):  # noqa: N818  it says what the file is
    """A file that holds no recordings; its text is the reason, for people."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a file; `row` is what people call a row of it, and `first` the number of the first."""

    path: Path
    table: "pa.Table"
    row: str
    first: int

    def numbers(self, name: str) -> NDArray[np.float64]:
        """A column of numbers, NaN for none; of one that is missing everywhere."""
        import pyarrow as pa

        if name not in self.table.column_names:
            return np.full(self.table.num_rows, np.nan)
        try:
            return np.asarray(self.table[name].cast(pa.float64()).to_numpy(), np.float64)
        except pa.ArrowException as error:
            raise self._no_number(name, self.table[name].to_pylist()) from error

    def coded(self, name: str, missing: str = "") -> tuple[list[str], NDArray[np.int64]]:
        """The words of a column, sorted, and which of them each row has; `missing` where it has none."""
        import pyarrow as pa

        if name not in self.table.column_names:
            return [missing], np.zeros(self.table.num_rows, np.int64)
        column = self.table[name]
        try:
            if not pa.types.is_dictionary(column.type):
                column = column.cast(pa.string()).dictionary_encode()
            coded = column.unify_dictionaries().combine_chunks()
            said = coded.dictionary.cast(pa.string()).to_pylist()
        except pa.ArrowException as error:
            raise Unreadable(f"{self.path}: column {name} must hold words or numbers") from error
        words = [missing, *((word or "").strip() or missing for word in said)]
        listed = sorted(set(words))
        ranks = {word: rank for rank, word in enumerate(listed)}
        rank = np.array([ranks[word] for word in words])
        codes = coded.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
        return listed, rank[codes + 1]

    def yes_or_no(self, name: str) -> NDArray[np.bool_]:
        """A column of 0 and 1, or of true and false."""
        words, codes = self.coded(name)
        meant = [_YES_OR_NO.get(word.strip().lower()) for word in words]
        bad = np.flatnonzero(np.array([one is None for one in meant])[codes])
        if len(bad):
            said = words[codes[bad[0]]]
            raise self._refused(name, int(bad[0]), said, "0 or 1, true or false")
        return np.array([bool(one) for one in meant])[codes]

    def _no_number(self, name: str, values: Sequence[object]) -> Unreadable:
        row = next((row for row, value in enumerate(values) if not _is_number(value)), 0)
        return self._refused(name, row, values[row], f"a number in {_IN[name]}, like 0.98")

    def _refused(self, name: str, row: int, said: object, expected: str) -> Unreadable:
        shown = f"is “{_short(said)}”" if str(said).strip() else "is empty"
        return Unreadable(
            f"{self.path}: {self.row} {row + self.first}, column {name} {shown}: it must be {expected}"
        )


def columns(path: Path) -> Columns:
    """The columns of a file, all of `NEEDED` among them; raises `Unreadable`."""
    if path.is_dir():
        raise Unreadable(f"{path}: is a folder: name the files in it")
    try:
        found = _columns(path)
        names = found.table.column_names
    except UnicodeDecodeError as error:
        raise Unreadable(_no_text(path)) from error
    if missing := [name for name in NEEDED if name not in names]:
        said = f"columns missing: {', '.join(missing)}; needed are {', '.join(NEEDED)}"
        if len(missing) == len(NEEDED):
            said = f"holds no recordings: its first line names none of the columns {', '.join(NEEDED)}"
        raise Unreadable(f"{path}: {_separated(path) or said}" if found.row == "line" else f"{path}: {said}")
    if twice := [name for name in COLUMNS if names.count(name) > 1]:
        raise Unreadable(f"{path}: columns that are there twice: {', '.join(twice)}")
    if not found.table.num_rows:
        raise Unreadable(f"{path}: no rows")
    return found


def _columns(path: Path) -> Columns:
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError as error:
        raise Unreadable("recordings are read with pyarrow: pip install 'shouwang[falls]'") from error
    try:
        with path.open("rb") as file:
            parquet = file.read(len(_PARQUET)) == _PARQUET
        if path.is_file() and not path.stat().st_size:
            raise Unreadable(f"{path}: is empty")
        if not parquet:
            return _csv(path)
        names = set(pyarrow.parquet.read_schema(path).names)
        wanted = [name for name in COLUMNS if name in names]
        return Columns(path, pyarrow.parquet.read_table(path, columns=wanted), "row", 1)
    except OSError as error:
        raise Unreadable(f"{path}: cannot be read: {error.strerror or _first_line(error)}") from error
    except pa.ArrowException as error:
        raise Unreadable(f"{path}: neither parquet nor CSV: {_first_line(error)}") from error


def _csv(path: Path) -> Columns:
    import pyarrow as pa

    kinds = dict.fromkeys(_WORDS, pa.string()) | dict.fromkeys(_IN, pa.float64())
    try:
        return Columns(path, _csv_table(path, kinds), "line", 2)
    except pa.ArrowException as error:
        if not _is_utf8(path):
            raise Unreadable(_no_text(path)) from error
        if why := _separated(path):
            raise Unreadable(f"{path}: {why}") from error
        # Again, as words and row by row, to tell where it is no number, or no row.
        words = dict.fromkeys((*_WORDS, *_IN), pa.string())
        found = Columns(path, _csv_table(path, words, in_order=True), "line", 2)
        for name in _IN:
            if name in found.table.column_names:
                values = found.table[name].to_pylist()
                if not all(map(_is_number, values)):
                    raise found._no_number(name, values) from error  # noqa: SLF001  our own
        raise


def _csv_table(path: Path, kinds: dict[str, Any], *, in_order: bool = False) -> "pa.Table":
    import pyarrow.csv

    return pyarrow.csv.read_csv(
        path,
        read_options=pyarrow.csv.ReadOptions(use_threads=not in_order),
        convert_options=pyarrow.csv.ConvertOptions(column_types=kinds),
    )


def _is_number(value: object) -> bool:
    if value is None or str(value).strip().lower() in _NO_NUMBER:
        return True
    try:
        float(str(value))
    except ValueError:
        return False
    return True


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _no_text(path: Path) -> str:
    return f"{path}: is neither parquet nor text in UTF-8: save it as “CSV UTF-8”"


def _separated(path: Path) -> str:
    """What is wrong with the separators of a CSV file, or ""."""
    with path.open("rb") as file:
        header = file.readline(_HEADER_BYTES).decode(errors="replace")
    for sign, words in ((";", "semicolons"), ("\t", "tabs")):
        if {"t_s", "is_fall"} <= {word.strip().strip("\"'\ufeff") for word in header.split(sign)}:
            return (
                f"its columns are separated by {words}: save it with commas between them, "
                "and a point in numbers (0.98)"
            )
    return ""


def _short(said: object) -> str:
    text = "".join(c if c.isprintable() else "?" for c in str(said))
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
