"""A registry as people write it: CSV tables or TOML, checked whole.

Rule: all problems are reported at once, each with file and line; nothing is half-accepted.
"""

import csv
import io
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from devices.registry import (
    CareLevel,
    Device,
    Oxygen,
    Place,
    PlaceKind,
    Registry,
    Resident,
    Risk,
    RiskLevel,
    Supervision,
    VisitTier,
)

_ID = re.compile(r"[^\x00-\x1f\x7f]{1,128}")
_NATIVE = re.compile(r"[A-Za-z0-9_.:-]{1,64}/[A-Za-z0-9_.:-]{1,64}")  # site/device of our protocol


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend: `file`, `line` (1-based, 0 when it concerns the whole file), and what to do."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        """As compilers print it."""
        return f"{self.file}:{self.line}: {self.message}" if self.line else f"{self.file}: {self.message}"


@dataclass(frozen=True, slots=True)
class _Row:
    file: str
    line: int
    cells: Mapping[str, object]


@dataclass(slots=True)
class _Tables:
    place: list[_Row] = field(default_factory=list)
    resident: list[_Row] = field(default_factory=list)
    device: list[_Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


_COLUMNS = {
    "place": ("id", "kind", "name", "parent", "timezone"),
    "resident": (
        *("id", "place", "name", "care_level", "away", "visit_tier", "spo2_scale", "oxygen"),
        *(f"risk_{risk}" for risk in Risk),
    ),
    "device": (
        "id",
        "kind",
        "model",
        "resident",
        "place",
        "site",
        "gateway",
        "calls",
        "supervision",
        "downlink",
    ),
}


def read(files: Iterable[tuple[str, str]], base: Registry | None = None) -> Registry | list[Problem]:
    """A registry from (file name, text) pairs, on top of `base`; or everything that is wrong.

    A name ending in .toml is TOML with `[[place]]`, `[[resident]]`, `[[device]]`; any other is CSV whose
    header names the columns of one of the three. Rows refer to each other across files.
    """
    tables = _Tables()
    for name, text in files:
        (_read_toml if name.lower().endswith(".toml") else _read_csv)(name, text, tables)
    problems = tables.problems
    old = base or Registry()
    places = _unique(tables.place, _place, problems)
    residents = _unique(tables.resident, _resident, problems)
    devices = _unique(tables.device, _device, problems)
    registry = Registry.of(
        [*old.places.values(), *(place for place, _ in places)],
        [*old.residents.values(), *(resident for resident, _ in residents)],
        [*old.devices.values(), *(device for device, _ in devices)],
    )
    problems += _dangling(registry, places, residents, devices)
    return sorted(problems, key=lambda problem: (problem.file, problem.line)) if problems else registry


def write(registry: Registry) -> str:
    """The registry as TOML text that `read` gives back equal."""
    lines: list[str] = []
    for table, rows in (
        ("place", registry.places.values()),
        ("resident", registry.residents.values()),
        ("device", registry.devices.values()),
    ):
        for row in rows:
            lines.append(f"[[{table}]]")
            for column in _COLUMNS[table]:
                value = _cell(row, column)
                if value is True:
                    lines.append(f"{column} = true")
                elif value:
                    lines.append(f"{column} = {_quoted(str(value))}")
            lines.append("")
    return "\n".join(lines)


def _cell(row: Place | Resident | Device, column: str) -> object:
    if isinstance(row, Resident) and column.startswith("risk_"):
        return row.risks.get(Risk(column.removeprefix("risk_")), "")
    value: object = getattr(row, column)
    return "" if column == "spo2_scale" and value == 1 else value


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    if escaped.isprintable():
        return f'"{escaped}"'
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped) + '"'


def _read_toml(name: str, text: str, tables: _Tables) -> None:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        tables.problems.append(Problem(name, int(line[1]) if line else 0, f"is no TOML: {error}"))
        return
    heads: dict[str, list[int]] = {}
    for number, line_text in enumerate(text.split("\n"), 1):
        if head := re.match(r"\s*\[\[\s*(\w+)\s*\]\]", line_text):
            heads.setdefault(head[1], []).append(number)
    for table, rows in document.items():
        if table not in _COLUMNS or not isinstance(rows, list):
            tables.problems.append(
                Problem(name, 0, f"unknown table {table!r}: use [[place]], [[resident]], [[device]]")
            )
            continue
        lines = heads.get(table, [])
        for index, cells in enumerate(rows):
            line_number = lines[index] if index < len(lines) else 0
            if isinstance(cells, dict):
                _add(tables, table, _Row(name, line_number, cells))
            else:
                tables.problems.append(Problem(name, line_number, f"[[{table}]] must be a table"))


def _read_csv(name: str, text: str, tables: _Tables) -> None:
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), restkey="", strict=True)
    try:
        header = [column.strip() for column in reader.fieldnames or ()]
        reader.fieldnames = header
        table = _table_of(header)
        if table is None:
            tables.problems.append(Problem(name, 1, _unfitting(header)))
            table = _only_likely(header)
        if table is None:
            return
        for row in reader:
            if row.pop("", None) is not None:
                tables.problems.append(
                    Problem(name, reader.line_num, f"has more cells than the header's {len(header)}")
                )
            cells = {column: value.strip() for column, value in row.items() if isinstance(value, str)}
            known = {column: value for column, value in cells.items() if value and column in _COLUMNS[table]}
            if known:
                _add(tables, table, _Row(name, reader.line_num, known))
    except csv.Error as error:
        tables.problems.append(Problem(name, reader.line_num, f"is no CSV: {error}"))


def _unfitting(header: list[str]) -> str:
    """What is wrong with a header: the columns that its likeliest table does not have."""
    if not any(header):
        return f"there is no header: the first line names the columns, like {','.join(_COLUMNS['resident'])}"
    likeliest = max(_COLUMNS, key=lambda table: _in_common(header, table))
    unknown = [column for column in header if column not in _COLUMNS[likeliest]]
    wrong = f"unknown column {', '.join(map(repr, unknown))}" if unknown else "the column 'id' is missing"
    return f"{wrong}: a table of {likeliest}s has {','.join(_COLUMNS[likeliest])}"


def _only_likely(header: list[str]) -> str | None:
    """The table that a header with unknown columns must be meant for, where that is plain."""
    most = max(_in_common(header, table) for table in _COLUMNS)
    likeliest = [table for table in _COLUMNS if _in_common(header, table) == most]
    return likeliest[0] if "id" in header and len(likeliest) == 1 else None


def _in_common(header: list[str], table: str) -> int:
    return len(set(header) & set(_COLUMNS[table]))


def _table_of(header: list[str]) -> str | None:
    fitting = [table for table, columns in _COLUMNS.items() if header and set(header) <= set(columns)]
    if len(fitting) > 1:  # `id,place` fits residents and devices: a device also has a kind
        fitting = [t for t in fitting if t != "device"] if "place" in header else fitting
    return fitting[0] if "id" in header and fitting else None


def _add(tables: _Tables, table: str, row: _Row) -> None:
    for unknown in sorted(set(row.cells) - set(_COLUMNS[table])):
        tables.problems.append(
            Problem(
                row.file,
                row.line,
                f"unknown column {unknown!r} for a {table}; known: {', '.join(_COLUMNS[table])}",
            )
        )
    rows: list[_Row] = getattr(tables, table)
    rows.append(row)


_Made = TypeVar("_Made", Place, Resident, Device)


def _unique(
    rows: list[_Row], make: Callable[["_Cells"], _Made], problems: list[Problem]
) -> list[tuple[_Made, _Row]]:
    """What the rows describe, the wrong ones too: so that all that is wrong with them is told at once."""
    made: list[tuple[_Made, _Row]] = []
    seen: dict[tuple[str, str], _Row] = {}
    for row in rows:
        item = make(_Cells(row, problems))
        made.append((item, row))
        if not item.id:
            continue
        first = seen.setdefault((getattr(item, "site", ""), item.id), row)
        if first is not row:
            where = f"line {first.line}" if first.file == row.file else f"{first.file}:{first.line}"
            problems.append(Problem(row.file, row.line, f"id {item.id!r} stands already in {where}"))
    return made


_Word = TypeVar("_Word", bound=StrEnum)


class _Cells:
    """One row's cells, read with their type; what is wrong is noted."""

    def __init__(self, row: _Row, problems: list[Problem]) -> None:
        self._row, self._problems = row, problems

    def problem(self, message: str) -> None:
        self._problems.append(Problem(self._row.file, self._row.line, message))

    def text(self, column: str, *, missing: str = "") -> str:
        """The cell as text; `missing` is what to say when it must not be empty."""
        value = self._row.cells.get(column, "")
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or (value and not _ID.fullmatch(value)):
            self.problem(f"{column} must be a text of at most 128 printable characters")
            return ""
        if not value and missing:
            self.problem(f"{column} is missing: {missing}")
        return value

    def word(self, column: str, words: type[_Word], default: _Word | None = None) -> _Word:
        """The cell as a member of an enumeration."""
        value = self.text(column)
        if not value and default is not None:
            return default
        try:
            return words(value)
        except ValueError:
            self.problem(f"{column} {value!r} is none of {', '.join(filter(None, words))}")
            return next(iter(words))

    def zone(self, column: str) -> str:
        """The cell as the name of a time zone, or empty."""
        value = self.text(column)
        try:
            return ZoneInfo(value).key if value else ""
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.problem(f"{column} {value!r} is no time zone of the IANA database, like Asia/Shanghai")
            return ""

    def supervision(self, column: str) -> Supervision:
        """The cell as a duration; empty is the longest."""
        value = self.text(column)
        try:
            return Supervision(value) if value else Supervision.H25
        except ValueError as error:
            self.problem(f"{column} {error}")
            return Supervision.H25

    def risk(self, column: str) -> RiskLevel:
        """The cell as the level of a risk; empty is not assessed."""
        return self.word(column, RiskLevel, RiskLevel.UNASSESSED)

    def scale(self, column: str) -> int:
        """The cell as the NEWS2 scale of SpO2; empty is 1."""
        value = self.text(column)
        if value not in {"", "1", "2"}:
            self.problem(f"{column} {value!r} is neither 1 nor 2 (2 only where a clinician said so)")
        return 2 if value == "2" else 1

    def flag(self, column: str) -> bool:
        """The cell as yes or no; empty is no."""
        value = self._row.cells.get(column, "")
        said = value if isinstance(value, bool) else _FLAGS.get(str(value).lower())
        if said is None:
            self.problem(f"{column} {value!r} is neither yes nor no: write yes, no, true or false")
        return bool(said)


_FLAGS = {"": False, "true": True, "yes": True, "1": True, "是": True}
_FLAGS |= dict.fromkeys(("false", "no", "0", "否"), False)


def _place(cells: _Cells) -> Place:
    return Place(
        cells.text("id", missing="every place needs one"),
        cells.word("kind", PlaceKind),
        cells.text("name"),
        cells.text("parent"),
        cells.zone("timezone"),
    )


def _resident(cells: _Cells) -> Resident:
    return Resident(
        cells.text("id", missing="every resident needs one"),
        cells.text("place", missing="give the id of the resident's bed, room or home"),
        cells.text("name"),
        cells.word("care_level", CareLevel, CareLevel.LEVEL_3),
        cells.flag("away"),
        cells.word("visit_tier", VisitTier, VisitTier.NONE),
        cells.scale("spo2_scale"),
        cells.word("oxygen", Oxygen, Oxygen.UNKNOWN),
        {risk: level for risk in Risk if (level := cells.risk(f"risk_{risk}")) is not RiskLevel.UNASSESSED},
    )


def _device(cells: _Cells) -> Device:
    device = Device(
        cells.text("id", missing="every device needs one"),
        cells.text("kind"),
        cells.text("model"),
        cells.text("resident"),
        cells.text("place"),
        cells.text("site"),
        cells.text("gateway"),
        cells.flag("calls"),
        cells.supervision("supervision"),
        cells.flag("downlink"),
    )
    if device.downlink and not _NATIVE.fullmatch(f"{device.site}/{device.id}"):
        cells.problem(
            "downlink is for devices of our own protocol: write its site, and both site and id"
            " with A-Z a-z 0-9 _ . : - only"
        )
    return device


def _dangling(
    registry: Registry,
    places: list[tuple[Place, _Row]],
    residents: list[tuple[Resident, _Row]],
    devices: list[tuple[Device, _Row]],
) -> list[Problem]:
    """References to what is not there."""
    found: list[Problem] = []

    def need(row: _Row, what: str, reference: str, *, known: bool) -> None:
        if reference and not known:
            found.append(Problem(row.file, row.line, f"{what} {reference!r} is not in the registry"))

    for place, row in places:
        need(row, "parent", place.parent, known=place.parent in registry.places)
        chain = registry.above(place.id)
        if chain and chain[-1].parent and chain[-1].parent in registry.places:
            found.append(Problem(row.file, row.line, f"place {place.id!r} lies inside itself"))
    for resident, row in residents:
        need(row, f"resident {resident.id!r}: place", resident.place, known=resident.place in registry.places)
    for device, row in devices:
        need(
            row,
            f"device {device.id!r}: resident",
            device.resident,
            known=device.resident in registry.residents,
        )
        need(row, f"device {device.id!r}: place", device.place, known=device.place in registry.places)
        gateway = registry.device(device.site, device.gateway)
        need(row, f"device {device.id!r}: gateway", device.gateway, known=gateway is not None)
    return found
