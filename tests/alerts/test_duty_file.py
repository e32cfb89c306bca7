"""A duty file is a rota, or all that is wrong with it with its lines."""

from dataclasses import replace
from datetime import date, time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.duty_file import DutyFile, load
from alerts.people import Language
from alerts.rota import Rotation
from devices.registry import Place, PlaceKind, Registry

REGISTRY = Registry.of(
    [
        Place("home-1", PlaceKind.SITE, timezone="Asia/Shanghai"),
        Place("house", PlaceKind.BUILDING, parent="home-1"),
        Place("far", PlaceKind.SITE, timezone="Asia/Urumqi"),
    ]
)
GOOD = """\
[[person]]
id = "chen.mei"
name = "陈梅"
addresses = { phone = "+8613800000000" }

[[person]]
id = "li"
language = "en"

[[shift]]
id = "night"
role = "primary"
places = ["home-1"]
from = "20:00"
to = "08:00"
since = 2026-12-01
calendar = "FREQ=WEEKLY;BYDAY=SA,SU"
people = ["chen.mei", ["li", "chen.mei"]]

[[shift]]
id = "month"
role = "second"
places = ["house"]
from = "20:00"
to = "08:00"
since = 2026-12-01
until = 2026-12-31
rotation = "list"
[shift.on]
2026-12-01 = "li"
2026-12-02 = ["li", "chen.mei"]

[[assurance]]
id = "night"
place = "house"
at = "20:30"
night = ["21:00", "07:00"]
within = "5min"
"""


def loaded(text: str) -> DutyFile:
    found = load(text, REGISTRY)
    assert isinstance(found, DutyFile), found
    return found


def test_what_is_written_is_the_rota() -> None:
    found = loaded(GOOD)
    assert found.people["chen.mei"].addresses == {"phone": "+8613800000000"}
    assert found.people["li"].language is Language.EN
    night, month = found.shifts
    assert (night.begins, night.ends, night.zone) == (time(20), time(8), "Asia/Shanghai")
    assert night.turns == (("chen.mei",), ("li", "chen.mei"))
    assert month.rotation is Rotation.LIST
    assert month.listed == {date(2026, 12, 1): ("li",), date(2026, 12, 2): ("li", "chen.mei")}
    (assurance,) = found.assurances
    assert (assurance.places, assurance.within_ms) == (("house", "home-1"), 300_000)
    assert assurance.ask == ("primary", "second", "lead", "manager")


def test_r41_without_covers_the_primary_must_always_be_there_wherever_there_is_one() -> None:
    found = loaded(GOOD)
    (cover,) = found.duty(REGISTRY).covers
    assert (cover.role, cover.places, cover.between) == ("primary", ("home-1",), None)
    written = loaded(GOOD + '[[cover]]\nrole = "second"\nplaces = ["house"]\nbetween = ["20:00", "08:00"]\n')
    (cover,) = written.duty(REGISTRY).covers
    assert (cover.role, cover.places, cover.between) == ("second", ("house", "home-1"), (time(20), time(8)))
    turn = next(found.shifts[0].between(0, 2_000_000_000_000))
    assert {one.places[0] for one in found.duty(REGISTRY, [replace(turn, places=("far",))]).covers} == {
        "home-1",
        "far",
    }


def test_all_errors_at_once_with_their_lines() -> None:
    text = """\
colour = "red"
[[person]]
id = "li"
[[person]]
id = "li"
language = "fr"
[[person]]
id = "li"
[[shift]]
id = "night"
role = "all"
places = ["nowhere"]
from = "25:00"
to = "08:00"
people = ["li"]
[[shift]]
id = "day"
role = "primary"
places = ["home-1", "far"]
from = "08:00"
to = "20:00"
since = 2026-12-01
people = ["li", "wang"]
[[shift]]
id = "list"
role = "primary"
places = ["home-1"]
from = "08:00"
to = "20:00"
since = 2026-12-01
rotation = "list"
[shift.on]
2026-12-01 = "zhou"
tuesday = "li"
[[cover]]
role = "primary"
places = ["moon"]
[[assurance]]
id = "night"
place = "home-1"
at = "20:30"
night = ["21:00", "21:00"]
"""
    found = load(text, REGISTRY)
    assert isinstance(found, list)
    told = {(one.line, one.message.split(":")[0].split(" is ")[0]) for one in found}
    assert told >= {
        (1, 'unknown key "colour"'),
        (6, "language"),
        (8, "id"),
        (9, "since"),
        (11, "role"),
        (13, "from"),
        (19, "places"),
        (23, "there"),
        (34, "on.tuesday"),
        (37, "there"),
        (42, "night"),
    }, found


@pytest.mark.parametrize(
    ("change", "line", "word"),
    [
        (('rotation = "list"', 'rotation = "daily"'), 20, "take turns"),
        (("until = 2026-12-31", "until = 2026-11-30"), 27, "until"),
        (("2026-12-02 = ", "2027-01-02 = "), 29, "2027-01-02"),
        (("FREQ=WEEKLY;BYDAY=SA,SU", "FREQ=DAILY;COUNT=3"), 17, "until"),
        (("FREQ=WEEKLY;BYDAY=SA,SU", "FREQ=MONTHLY;BYMONTHDAY=31"), 17, "no shift"),
        (('"20:30"', '"8"'), 36, "local time"),
        (("since = 2026-12-01\ncal", "since = 1026-12-01\ncal"), 16, "2000-01-01"),
        (('"5min"', '"5s"'), 38, "at least 1min"),
        (('id = "chen.mei"\nname', 'id = "chen:mei"\nname'), 2, "id"),
    ],
)
def test_each_mistake_is_told_where_it_is(change: tuple[str, str], line: int, word: str) -> None:
    assert change[0] in GOOD
    found = load(GOOD.replace(*change), REGISTRY)
    assert isinstance(found, list)
    assert any(one.line == line and word in one.message for one in found), found


@pytest.mark.parametrize("text", ["[[shift]", "shift = 3", "[shift]\nid=1", "x = " + "[" * 3000])
def test_what_is_no_duty_file_is_told(text: str) -> None:
    assert isinstance(load(text, REGISTRY), list)


def test_an_empty_file_is_an_empty_rota() -> None:
    assert loaded("").duty(REGISTRY).gaps(0, 10**12) == []


_SETTINGS = [number for number, line in enumerate(GOOD.split("\n")) if " = " in line]
_WORDS = [
    '"li"',
    "2026-12-01",
    '"list"',
    "[]",
    "[1]",
    '[["li"]]',
    "3",
    "true",
    "{}",
    '"20:00"',
    "9999-12-31",
    '"all"',
]


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(_SETTINGS) - 1), st.sampled_from(_WORDS))
def test_whatever_stands_for_a_value_it_is_a_rota_or_told(which: int, word: str) -> None:
    written = GOOD.split("\n")
    at = _SETTINGS[which]
    written[at] = f"{written[at].partition(' = ')[0]} = {word}"
    found = load("\n".join(written), REGISTRY)
    if isinstance(found, list):
        assert all(1 <= problem.line <= len(written) and problem.message for problem in found)
    else:
        found.duty(REGISTRY).gaps(1_798_732_800_000, 1_799_732_800_000)
