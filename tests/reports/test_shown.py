"""A report's forms: each holds every figure, nothing from outside breaks out of them, all has words."""

import csv
import io
import json
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.people import Language
from alerts.reports import words
from alerts.reports.figure import Cause, Figure, Group, Miss, Report, Unit
from ingest.reporting.files import FIGURE_COLUMNS, MISS_COLUMNS, as_json, figures_csv, misses_csv
from ingest.reporting.page import page
from ingest.reporting.periods import Period, period

HOSTILE = "<script>alert('x')</script>\"&'"
IDS = st.one_of(
    st.just(HOSTILE), st.sampled_from(["=1+1", "@cmd", "fall"]), st.text(st.characters(codec="utf-8"))
).filter(lambda text: "\0" not in text)
FIGURES = st.builds(
    Figure,
    group=st.sampled_from(Group),
    name=st.sampled_from(["answered_60s", "acknowledge_p90", "precision", "calls", "of the future"]),
    value=st.none() | st.floats(0, 1e6),
    unit=st.sampled_from(Unit),
    of=st.integers(0, 1000),
    by=st.dictionaries(st.sampled_from(["rule", "place", "shift", "task"]), IDS, max_size=2),
    target=st.none() | st.floats(0, 1),
    met=st.none() | st.booleans(),
    requirement=st.sampled_from(["", "R-35"]),
    episodes=st.lists(st.text("abc", min_size=1, max_size=8), max_size=4).map(tuple),
)
MISSES = st.builds(
    Miss,
    episode=st.text("abcdef234567", min_size=1, max_size=16),
    rule=IDS,
    place=IDS,
    shift=IDS,
    called_at=st.integers(0, 4 * 10**12),
    answered_at=st.none() | st.integers(0, 4 * 10**12),
    limit_s=st.sampled_from([60, 180]),
    cause=st.sampled_from(Cause),
)
REPORTS = st.builds(
    Report,
    since=st.just(1_700_000_000_000),
    until=st.just(1_702_000_000_000),
    known_at=st.just(1_703_000_000_000),
    zone=st.sampled_from(["Asia/Shanghai", "UTC"]),
    calls=st.integers(0, 9),
    alerts=st.integers(0, 9),
    left_out=st.integers(0, 9),
    figures=st.lists(FIGURES, max_size=6).map(tuple),
    misses=st.lists(MISSES, max_size=4).map(tuple),
)


class Seen(HTMLParser):
    """The tags, texts and addresses of a page, and whether every tag was closed in its turn."""

    _VOID = frozenset(("meta", "br", "rect", "line"))
    _LOOSE = frozenset(("html", "p"))

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            assert not name.startswith("on"), "a handler"
            assert name != "src", "something from elsewhere"
            if name == "href":
                self.links.append(value or "")
        if tag not in self._VOID | self._LOOSE:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in self._LOOSE:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@given(REPORTS)
def test_json_has_all_of_it(report: Report) -> None:
    read = json.loads(as_json(report))
    assert [tuple(one["episodes"]) for one in read["figures"]] == [one.episodes for one in report.figures]
    assert [one["by"] for one in read["figures"]] == [dict(one.by) for one in report.figures]
    assert [one["cause"] for one in read["misses"]] == [one.cause.value for one in report.misses]


@given(REPORTS)
def test_csv_has_a_row_for_each_and_no_formula(report: Report) -> None:
    head, *rows = list(csv.reader(io.StringIO(figures_csv(report), newline="")))
    assert tuple(head) == FIGURE_COLUMNS
    assert len(rows) == len(report.figures)
    for row, figure in zip(rows, report.figures, strict=True):
        assert row[1] == figure.name
        assert row[-1].split() == list(figure.episodes)
        assert not any(cell.startswith(("=", "+", "@", "-")) for cell in row), row
    head, *rows = list(csv.reader(io.StringIO(misses_csv(report), newline="")))
    assert tuple(head) == MISS_COLUMNS
    assert [row[-1] for row in rows] == [miss.cause.value for miss in report.misses]


@given(REPORTS, st.sampled_from(Language), st.sampled_from(["", "https://home.example/api/v1/alerts/"]))
def test_the_page_is_whole_and_needs_nothing_else(report: Report, language: Language, link: str) -> None:
    text = page(report, language, link)
    seen = Seen(text)
    assert seen.open == []
    assert not {"script", "link", "img", "iframe", "object"} & set(seen.tags)
    assert "url(" not in text
    assert "@import" not in text
    assert all(one.startswith(link) for one in seen.links) if link else not seen.links
    for miss in report.misses:
        assert miss.episode in seen.text
        assert words.cause(miss.cause, language)[0] in seen.text
    for figure in report.figures:
        if figure.by and not figure.name.endswith("_p90"):
            assert all(one in seen.text for one in figure.episodes) or _shadowed(figure, report)


def _shadowed(figure: Figure, report: Report) -> bool:
    """Whether another one of the same name and group stands for it: a real report has none."""
    same = [
        one
        for one in report.figures
        if (one.group, one.name, one.by) == (figure.group, figure.name, figure.by)
    ]
    return len(same) > 1


@pytest.mark.parametrize("language", Language)
def test_all_has_words(language: Language) -> None:
    for group in Group:
        assert words.group(group, language)
    for cause in Cause:
        assert all(words.cause(cause, language))
    assert words.name("acknowledge_p90", language) != "acknowledge_p90"


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (1.0, Unit.RATIO, "100 %"),
        (0.99999, Unit.RATIO, "99.9 %"),
        (0.00001, Unit.RATIO, "0.1 %"),
        (0.985, Unit.RATIO, "98.5 %"),
        (8.24, Unit.SECONDS, "8.2 s"),
        (61.0, Unit.SECONDS, "61 s"),
        (600.0, Unit.SECONDS, "10.0 min"),
        (9000.0, Unit.SECONDS, "2.5 h"),
        (6.0, Unit.PER_HOUR, "6"),
        (1.25, Unit.PER_HOUR, "1.2"),
    ],
)
def test_numbers_are_said_so_that_nothing_short_of_all_is_all(value: float, unit: Unit, said: str) -> None:
    assert words.amount(value, unit) == said


def test_a_period_is_of_local_days_and_its_mistakes_are_told() -> None:
    now = 1_796_000_000_000  # 2026-11-30
    asked = period("2026-11-01", "2026-11-02", "Asia/Shanghai", now)
    assert asked == Period(1_793_462_400_000, 1_793_462_400_000 + 86_400_000)
    assert period("2026-11-01", "", "UTC", now) == Period(1_793_491_200_000, now)
    ahead = period("2026-11-29", "2027-11-01", "UTC", now)
    assert isinstance(ahead, Period)
    assert ahead.until == now
    for since, until, word in (
        ("yesterday", "", "is no time"),
        ("2026-11-02", "2026-11-01", "not after"),
        ("2027-01-01", "2027-02-01", "lies ahead"),
        ("2024-01-01", "2026-01-01", "366 days"),
        ("2026-11-01", "x", "is no time"),
    ):
        found = period(since, until, "UTC", now)
        assert isinstance(found, str)
        assert word in found


def test_percentiles_of_one_thing_stand_in_one_column_with_the_alerts_once() -> None:
    told = ((50, 4.0), (90, 20.0), (99, 31.0))
    by = {"rule": "fall"}
    figures = tuple(
        Figure(Group.RESPONSE, f"acknowledge_p{share}", value, Unit.SECONDS, 3, by, episodes=("a1",))
        for share, value in told
    )
    whole = page(Report(0, 3_600_000, 3_600_000, "UTC", 3, 3, 0, figures, ()), Language.EN)
    assert whole.count(" / p90 / p99</th>") == 1
    assert "<td>4.0 s / 20 s / 31 s<details>" in whole
    assert whole.count("a1") == 1
