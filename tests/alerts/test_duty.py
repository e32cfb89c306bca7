"""Who is on duty: as a slow model says that looks at every minute's wall clock; and what people expect."""

from dataclasses import replace
from datetime import date, datetime, time
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given, settings

from alerts.duty import Change, Cover, Duty, Gap
from alerts.people import Person
from alerts.rota import Rotation, Shift
from tests.alerts.rotas import ABOVE, MINUTE, ROLES, Model, duties

SHANGHAI, BERLIN = "Asia/Shanghai", "Europe/Berlin"
NIGHT = Shift(
    "night",
    "primary",
    ("home",),
    SHANGHAI,
    time(20),
    time(8),
    date(2026, 12, 1),
    turns=(("an",), ("bo",), ("chen",)),
)
DAY_SHIFT = replace(NIGHT, id="day", begins=time(8), ends=time(20), turns=(("ding",),))
COVER = Cover("primary", ("home",), SHANGHAI)


def at(text: str, zone: str = SHANGHAI) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


@settings(max_examples=20, deadline=None)
@given(duties())
def test_on_duty_is_what_a_look_at_every_minute_says(made: tuple[Duty, int, int]) -> None:
    duty, begin, end = made
    model = Model(duty, begin, end)
    for minute in range(begin, end, MINUTE):
        for role in ROLES:
            for place, above in ABOVE.items():
                assert set(duty.on_duty(role, above, minute)) == model.on_duty(role, place, minute)


@settings(max_examples=60, deadline=None)
@given(duties())
def test_gaps_are_exactly_the_minutes_without_anybody(made: tuple[Duty, int, int]) -> None:
    duty, begin, end = made
    model = Model(duty, begin, end)
    gaps = duty.gaps(begin, end)
    for role in ROLES:
        for place in ABOVE:
            found = [gap for gap in gaps if (gap.role, gap.place) == (role, place)]
            minutes = [m for gap in found for m in range(gap.begin, gap.end, MINUTE)]
            assert len(minutes) == len(set(minutes))
            assert set(minutes) == model.missing(role, place)
            assert all(before.end < after.begin for before, after in pairwise(found))


@settings(max_examples=60, deadline=None)
@given(duties())
def test_spans_say_of_every_minute_who_has_which_post(made: tuple[Duty, int, int]) -> None:
    duty, begin, end = made
    model = Model(duty, begin, end)
    told: dict[int, set[tuple[str, str, str, str]]] = {minute: set() for minute in model.posts}
    for since, until, post in duty.spans(begin, end):
        for minute in range(since, until, MINUTE):
            told[minute].add((post.role, post.place, post.person, post.shift))
    assert told == {minute: set(posts) for minute, posts in model.posts.items()}


def test_a_night_belongs_to_who_began_it() -> None:
    duty = Duty(shifts=(NIGHT, DAY_SHIFT))
    assert duty.on_duty("primary", ["home"], at("2026-12-02 07:59")) == ("an",)
    assert duty.on_duty("primary", ["home"], at("2026-12-02 08:00")) == ("ding",)
    assert duty.on_duty("primary", ["home"], at("2026-12-02 20:00")) == ("bo",)
    assert duty.on_duty("primary", ["home"], at("2027-01-01 01:00")) == ("an",)  # the 31st night


def test_weeks_pass_on_the_day_on_which_they_began() -> None:
    weekly = replace(NIGHT, rotation=Rotation.WEEKLY)  # a Tuesday
    duty = Duty(shifts=(weekly,))
    assert duty.on_duty("primary", ["home"], at("2026-12-07 23:00")) == ("an",)
    assert duty.on_duty("primary", ["home"], at("2026-12-08 07:00")) == ("an",)
    assert duty.on_duty("primary", ["home"], at("2026-12-08 23:00")) == ("bo",)


def test_the_nearest_place_that_has_somebody_answers() -> None:
    house = replace(DAY_SHIFT, id="house", places=("house",), turns=(("an",),))
    duty = Duty(shifts=(DAY_SHIFT, house))
    noon = at("2026-12-02 12:00")
    assert duty.on_duty("primary", ["room", "house", "home"], noon) == ("an",)
    assert duty.on_duty("primary", ["home"], noon) == ("ding",)
    assert duty.on_duty("all", ["room", "house", "home"], noon) == ("an", "ding")
    away = replace(duty, changes=(Change(noon, noon + 1, instead="an"),))
    assert away.on_duty("primary", ["room", "house", "home"], noon) == ("ding",)
    assert duty.on_duty("lead", ["home"], noon) == ()


def test_the_later_change_holds() -> None:
    night = (at("2026-12-01 20:00"), at("2026-12-02 08:00"))
    duty = Duty(
        shifts=(NIGHT,),
        covers=(COVER,),
        changes=(
            Change(*night, person="bo", instead="an"),
            Change(*night, role="primary", place="home"),
            Change(night[0], night[0] + 60 * MINUTE, person="ding", role="primary", place="home"),
        ),
    )
    assert duty.on_duty("primary", ["home"], night[0]) == ("ding",)
    assert duty.gaps(*night) == [Gap(night[0] + 60 * MINUTE, night[1], "home", "primary")]


def test_two_people_exchange_two_nights() -> None:
    first, second = NIGHT.on(date(2026, 12, 1)), NIGHT.on(date(2026, 12, 2))
    assert first
    assert second
    duty = Duty(
        shifts=(NIGHT,),
        changes=(
            Change(first.begin, first.end, person="bo", instead="an", shift="night"),
            Change(second.begin, second.end, person="an", instead="bo", shift="night"),
        ),
    )
    assert duty.on_duty("primary", ["home"], first.begin) == ("bo",)
    assert duty.on_duty("primary", ["home"], second.begin) == ("an",)


def test_the_nights_in_which_clocks_change_have_no_hole_and_no_overlap() -> None:
    early = replace(NIGHT, zone=BERLIN, begins=time(20), ends=time(2, 30), since=date(2026, 3, 1))
    late = replace(DAY_SHIFT, zone=BERLIN, begins=time(2, 30), ends=time(20), since=date(2026, 3, 1))
    duty = Duty(shifts=(early, late), covers=(replace(COVER, zone=BERLIN),))
    assert duty.gaps(at("2026-03-28 12:00", BERLIN), at("2026-03-30 12:00", BERLIN)) == []
    assert duty.gaps(at("2026-10-24 12:00", BERLIN), at("2026-10-26 12:00", BERLIN)) == []
    changes_at = at("2026-03-29 03:00", BERLIN)
    assert duty.on_duty("primary", ["home"], changes_at + 29 * MINUTE) == ("an",)  # 02:30 is 03:30
    assert duty.on_duty("primary", ["home"], changes_at + 30 * MINUTE) == ("ding",)


def test_an_hour_between_two_shifts_is_a_gap_though_no_shift_is_empty() -> None:
    duty = Duty(shifts=(NIGHT, replace(DAY_SHIFT, ends=time(19))), covers=(COVER,))
    assert duty.gaps(at("2026-12-02 12:00"), at("2026-12-03 12:00")) == [
        Gap(at("2026-12-02 19:00"), at("2026-12-02 20:00"), "home", "primary")
    ]


def test_without_a_rota_nobody_is_on_duty_and_nothing_is_missed() -> None:
    assert Duty().on_duty("primary", ["home"], 0) == ()
    assert Duty().gaps(0, 10**12) == []
    assert Duty().person("an") is None
    assert Duty({"an": Person("an")}).person("an") == Person("an")
