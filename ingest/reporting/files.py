"""A report as JSON and as CSV. Rule: each holds every figure with its episodes; times are ISO 8601, UTC."""

import csv
import io
from collections.abc import Iterable
from dataclasses import asdict

import orjson

from alerts.reports.figure import Figure, Miss, Report
from alerts.view import iso

FIGURE_COLUMNS = (
    *("group", "name", "by", "id", "value", "unit", "of", "target", "met", "requirement", "episodes"),
)
MISS_COLUMNS = ("episode", "rule", "place", "shift", "called_at", "answered_at", "limit_s", "cause")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would compute


def as_json(report: Report) -> bytes:
    """The report as one JSON object."""
    return orjson.dumps(
        {
            "since": iso(report.since),
            "until": iso(report.until),
            "known_at": iso(report.known_at),
            "zone": report.zone,
            "calls": report.calls,
            "alerts": report.alerts,
            "left_out": report.left_out,
            "figures": [asdict(figure) for figure in report.figures],
            "misses": [_miss(miss) for miss in report.misses],
        }
    )


def figures_csv(report: Report) -> str:
    """One row a figure; `by` and `id` joined by "/" where there are two, episodes by blanks."""
    return _rows(FIGURE_COLUMNS, (_figure(figure) for figure in report.figures))


def misses_csv(report: Report) -> str:
    """One row a call that was not answered in time."""
    return _rows(MISS_COLUMNS, (list(_miss(miss).values()) for miss in report.misses))


def _figure(figure: Figure) -> list[object]:
    return [
        figure.group.value,
        figure.name,
        "/".join(figure.by),
        "/".join(figure.by.values()),
        figure.value,
        figure.unit.value,
        figure.of,
        figure.target,
        figure.met,
        figure.requirement,
        " ".join(figure.episodes),
    ]


def _miss(miss: Miss) -> dict[str, object]:
    answered = None if miss.answered_at is None else iso(miss.answered_at)
    return asdict(miss) | {"called_at": iso(miss.called_at), "answered_at": answered}


def _rows(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")  # RFC 4180
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue()


def _cell(value: object) -> object:
    """An id that a spreadsheet would take for a formula is text to it."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
