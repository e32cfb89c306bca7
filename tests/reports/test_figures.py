"""Figures of a few alerts that can be counted on one's fingers."""

from dataclasses import replace
from datetime import date, time

import pytest

from alerts.duty import PRIMARY, Duty
from alerts.event import Outcome
from alerts.reports.case import Case, Round
from alerts.reports.figure import Cause, Report
from alerts.reports.frame import Frame
from alerts.reports.kpi import report
from alerts.reports.rounds import Check
from alerts.rota import Shift
from devices.registry import Place, PlaceKind, Registry, Resident
from rules.decision import DRILL, Severity
from tests.alerts.decisions import HOME
from tests.reports.made import DAY, HOUR, MINUTE, SECOND, case, figure, value

ZONE = "Asia/Shanghai"
EARLY = Shift("early", PRIMARY, ("s1",), ZONE, time(6), time(14), date(2026, 1, 1), turns=(("an",),))


def made(
    *cases: Case,
    checks: tuple[Check, ...] = (),
    duty: Duty | None = None,
    registry: Registry = HOME,
    hours: int = 48,
    known_at: int | None = None,
) -> Report:
    until = DAY + hours * HOUR
    return report(cases, checks, Frame(DAY, until, known_at or until, ZONE, registry, duty or Duty()))


def test_answered_in_time_is_asked_of_high_severity() -> None:
    found = made(
        case("a", answered=60_000),
        case("b", answered=60_001),
        case("c", severity=Severity.MEDIUM, answered=10 * MINUTE),
        case("d"),
    )
    asked = figure(found, "answered_60s")
    assert (asked.value, asked.of, asked.target, asked.met) == (1 / 3, 3, 0.985, False)
    assert (asked.requirement, asked.episodes) == ("R-35", ("a",))
    assert value(found, "answered_180s") == 2 / 3
    medium = figure(found, "answered_60s", severity="medium")
    assert (medium.value, medium.of, medium.target) == (0, 1, None)
    assert [(one.episode, one.limit_s) for one in found.misses] == [("b", 60), ("d", 60), ("d", 180)]


def test_a_call_counts_once_its_limit_is_over() -> None:
    for known_ms, of in ((60_000, 0), (60_001, 1)):
        found = made(case("a"), known_at=DAY + known_ms)
        assert figure(found, "answered_60s").of == of
        assert len(found.misses) == of


def test_a_call_that_was_withdrawn_in_time_is_neither_answered_nor_missed() -> None:
    withdrawn = replace(case("a").rounds[0], withdrawn_at=DAY + 180 * SECOND)
    found = made(replace(case("a"), rounds=(withdrawn,)))
    assert (figure(found, "answered_60s").of, figure(found, "answered_180s").of) == (1, 0)
    assert [one.limit_s for one in found.misses] == [60]
    assert value(found, "withdrawn") == 1


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        ({"unstaffed": (DAY,)}, Cause.NOBODY_ON_DUTY),
        ({"unstaffed": (DAY,), "steps": ((DAY + 1, 0),)}, Cause.NOBODY_ON_DUTY),
        ({"unstaffed": (DAY,), "steps": ((DAY + 1, 2),)}, Cause.UNDELIVERED),
        ({}, Cause.NOT_TOLD),
        ({"steps": ((DAY + 90_000, 1),)}, Cause.NOT_TOLD),
        ({"steps": ((DAY, 1),)}, Cause.UNDELIVERED),
        ({"steps": ((DAY, 0),), "delivered_at": DAY + 60_001}, Cause.DELIVERED_LATE),
        ({"steps": ((DAY, 1),), "delivered_at": DAY + 60_000}, Cause.NOT_ANSWERED),
        ({"delivered_at": DAY + 1}, Cause.NOT_ANSWERED),
    ],
)
def test_why_nobody_answered_in_time(given: dict[str, object], cause: Cause) -> None:
    one = replace(case("a").rounds[0], answered_at=DAY + 2 * MINUTE, **given)  # type: ignore[arg-type]
    (miss,) = made(replace(case("a"), rounds=(one,))).misses
    assert (miss.cause, miss.limit_s, miss.place, miss.shift) == (cause, 60, "s1", "night")
    assert (miss.called_at, miss.answered_at) == (DAY, DAY + 2 * MINUTE)


def test_how_long_everything_took() -> None:
    cases = [
        case(f"c{n}", answered=n * SECOND, arrived=n * MINUTE, resolved=n * HOUR, outcome=Outcome.REAL)
        for n in range(1, 11)
    ]
    found = made(*cases)
    for name, unit in (("acknowledge", 1), ("bedside", 60), ("resolve", 3600)):
        assert [value(found, f"{name}_p{p}") for p in (50, 90, 99)] == [5 * unit, 9 * unit, 10 * unit]
    assert value(found, "on_the_way_p50") == 5 * 59
    assert value(found, "at_bedside_p50") == 5 * 59 * 60
    high = figure(found, "bedside_p90", severity="high")
    assert (high.value, high.target, high.met, high.requirement) == (540, 180, False, "R-38")
    assert (
        figure(found, "acknowledge_p50", place="s1").of
        == figure(found, "acknowledge_p50", rule="sos").of
        == 10
    )
    assert figure(made(), "acknowledge_p50").value is None


def test_an_alert_that_a_suspension_closed_has_no_time_to_resolve() -> None:
    found = made(case("a", answered=1, arrived=2, resolved=3))
    assert (figure(found, "resolve_p50").of, figure(found, "at_bedside_p50").of) == (0, 0)


def test_drills_are_in_no_figure() -> None:
    found = made(case("a", answered=1), case("b", rule=DRILL), case("c", DAY - 1, rule=DRILL))
    assert (found.calls, found.alerts, found.left_out) == (1, 1, 1)
    assert all("b" not in one.episodes for one in found.figures)
    assert found.misses == ()


def test_a_second_round_is_a_call_of_its_own_and_one_alert() -> None:
    again = Round(DAY + HOUR, DAY + HOUR, Severity.HIGH, answered_at=DAY + HOUR + 1)
    first = case("a", DAY - 1, answered=1)
    found = made(replace(first, rounds=(*first.rounds, again)))
    assert (found.calls, found.alerts) == (1, 0)
    assert figure(found, "acknowledge_p50").of == 1
    assert figure(found, "resolve_p50").of == 0


def test_shifts_are_the_primarys_at_her_place_else_day_or_night() -> None:
    second = replace(EARLY, id="a-second", role="second", begins=time(6), ends=time(16))
    near = replace(EARLY, id="room", places=("r301",), begins=time(12), ends=time(13))
    duty = Duty(shifts=(EARLY, second, near))
    cases = [case(f"h{hour}", DAY + hour * HOUR) for hour in (5, 7, 12, 13, 15, 20, 21)]
    found = made(*cases, duty=duty)
    assert {
        one.by["shift"]: one.episodes for one in found.figures if one.name == "calls" and "shift" in one.by
    } == {
        "early": ("h13", "h7"),
        "room": ("h12",),
        "a-second": ("h15",),
        "day": ("h20",),
        "night": ("h21", "h5"),
    }


def test_places_are_no_rooms_and_no_beds() -> None:
    floor = Place("f3", PlaceKind.FLOOR, parent="s1")
    places = [floor, *HOME.places.values(), Place("r301", PlaceKind.ROOM, "301", parent="f3")]
    home = Registry.of(places, HOME.residents.values())
    alerts = [
        case("hers"),
        case("kitchen", subject="kitchen"),
        case("button", subject="device:s9/x", site="s9"),
        case("unknown", subject="nobody", site=""),
    ]
    found = made(*alerts, registry=home)
    assert {
        one.by["place"]: one.episodes for one in found.figures if one.name == "calls" and "place" in one.by
    } == {
        "f3": ("hers",),
        "s1": ("kitchen",),
        "s9": ("button",),
        "": ("unknown",),
    }


def test_alerts_of_a_carer_by_hours_on_duty() -> None:
    morning = DAY + 8 * HOUR
    cases = [case(f"c{n}", morning + n * MINUTE, told=("an", "an")) for n in range(7)]
    cases.append(case("evening", DAY + 22 * HOUR, told=("an",)))
    found = made(*cases, duty=Duty(shifts=(EARLY,)), hours=24)
    busiest = figure(found, "busiest_hour", carer="an")
    assert (busiest.value, busiest.target, busiest.met, len(busiest.episodes)) == (7, 6, False, 7)
    mean = figure(found, "alerts_per_hour", carer="an")
    assert (mean.value, mean.of, mean.met) == (7 / 7, 7, True)  # 7 to 14: from 6 to 7 it is night
    night = figure(found, "alerts_per_hour_night", carer="an")
    assert (night.value, night.of, night.target) == (
        1 / 2,
        2,
        3,
    )  # one hour on duty, one in which she was told


def test_what_is_said_again_is_no_load_of_its_own_until_people_are_called_anew() -> None:
    alert = case("a", DAY)
    anew = Round(DAY + 5 * HOUR, DAY, Severity.HIGH)
    told = tuple(("an", DAY + hour * HOUR) for hour in range(8))
    found = made(replace(alert, rounds=(*alert.rounds, anew), told=told))
    assert figure(found, "alerts_per_hour_night", carer="an").of == 2


def test_where_nobody_is_told_by_name_those_on_duty_are() -> None:
    display = case("display", DAY + 8 * HOUR)
    empty = replace(display.rounds[0], unstaffed=(DAY + 8 * HOUR,))
    found = made(display, replace(display, id="empty", rounds=(empty,)), duty=Duty(shifts=(EARLY,)))
    assert figure(found, "busiest_hour", carer="an").episodes == ("display",)


def test_a_flood_is_more_than_ten_alerts_in_ten_minutes_at_one_site() -> None:
    ten = [case(f"t{n}", DAY + HOUR) for n in range(10)]
    assert value(made(*ten), "flood") == 0
    found = made(*ten, case("other", DAY + HOUR + 10 * MINUTE), case("away", DAY + HOUR, site="s2"))
    assert value(found, "flood") == 0
    flooded = figure(made(*ten, case("one", DAY + HOUR + 10 * MINUTE - 1), hours=24), "flood")
    assert (flooded.value, flooded.of, flooded.met, len(flooded.episodes)) == (1 / 144, 144, True, 11)


def test_a_ten_minute_period_begun_counts() -> None:
    found = report([], [], Frame(DAY, DAY + 10 * MINUTE + 1, DAY + HOUR, ZONE, HOME, Duty()))
    assert figure(found, "flood").of == 2


def test_stale_is_what_holds_for_more_than_a_day() -> None:
    long = replace(case("long"), active=((DAY, DAY + 30 * HOUR),))
    ever = replace(case("ever"), active=((DAY, None),))
    twice = replace(case("twice"), active=((DAY, DAY + 24 * HOUR), (DAY + 25 * HOUR, None)))
    old = replace(case("old", DAY - 90 * HOUR), active=((DAY - 90 * HOUR, DAY + HOUR),))
    never = replace(case("never"), active=((DAY, None),), rounds=())
    found = made(long, ever, twice, old, never, hours=72)
    by_day = {one.by["day"]: one.episodes for one in found.figures if one.name == "stale" and one.by}
    assert by_day == {
        "2026-01-05": ("old",),
        "2026-01-06": ("ever", "long"),
        "2026-01-07": ("ever", "twice"),
    }
    worst = figure(found, "stale")
    assert (worst.value, worst.met, worst.episodes) == (2, True, ("ever", "long", "old", "twice"))
    five = [replace(ever, id=f"e{n}") for n in range(5)]
    assert figure(made(*five), "stale").met is False


def test_the_mix_of_priorities_counts_info_as_low() -> None:
    severities = (Severity.INFO, Severity.LOW, Severity.MEDIUM, Severity.HIGH)
    found = made(*(case(one.value, severity=one) for one in severities))
    assert [value(found, "priority", severity=name) for name in ("low", "medium", "high")] == [
        0.5,
        0.25,
        0.25,
    ]
    assert [figure(found, "priority", severity=name).met for name in ("low", "medium", "high")] == [False] * 3


def test_ten_sources_and_residents_that_make_too_much_of_the_load() -> None:
    cases = [case(f"c{n}", subject=f"p{n}") for n in range(20)] + [case(f"w{n}") for n in range(2)]
    found = made(*cases)
    assert value(found, "top_ten_sources") == 11 / 22
    assert value(found, "share", resident="wang") == 2 / 22
    assert [one.by for one in found.figures if one.name == "share"] == [{"resident": "wang"}]


def test_precision_is_of_what_people_said() -> None:
    outcomes = (Outcome.REAL, Outcome.FALSE, Outcome.FALSE, Outcome.FALSE, Outcome.NO_ACTION, Outcome.TEST)
    cases = [case(f"c{n}", resolved=1, outcome=one) for n, one in enumerate(outcomes)]
    cases += [case("open"), case("fall", rule="fall", resolved=1, outcome=Outcome.REAL)]
    cases.append(replace(case("both", resolved=1, outcome=Outcome.REAL), rules=("fall", "sos")))
    found = made(*cases)
    assert value(found, "precision", rule="sos") == 2 / 5
    assert value(found, "precision", rule="fall") == 1
    assert value(found, "precision", sensor="s1/button-1") == 3 / 6
    assert value(found, "actionable", rule="sos") == 2 / 6
    assert value(found, "test") == 1


def test_a_rule_of_which_less_than_a_fifth_needs_somebody_is_flagged() -> None:
    cases = [case(f"c{n}", resolved=1, outcome=Outcome.FALSE) for n in range(4)]
    for more, met in (((), False), ((case("r", resolved=1, outcome=Outcome.REAL),), True)):
        flagged = figure(made(*cases, *more), "actionable", rule="sos")
        assert (flagged.target, flagged.met, flagged.requirement) == (0.2, met, "R-59")


def test_coverage_of_visits_and_the_alerts_of_those_missed() -> None:
    home = Registry.of(
        [Place("street", PlaceKind.STREET), Place("flat", PlaceKind.ROOM, parent="street")],
        [Resident("wang", "flat"), Resident("li", "flat")],
    )

    def check(who: str, due: int, outcome: str) -> Check:
        return Check("visits", who, DAY + due, "community_visit", outcome, "flat")

    checks = (
        check("wang", 1, "done"),
        check("wang", 2, "missed"),
        check("li", 3, "late"),
        check("li", 4, "paused"),
        check("zhao", 5, "unproven"),
        check("qian", 6, "paused"),
        check("zhao", 48 * HOUR, "done"),
    )
    alert = replace(case("missed", rule="visits"), checks=(("visits", "wang", DAY + 2),))
    found = made(alert, checks=checks, registry=home)
    for by in ({"task": "community_visit"}, {"task": "community_visit", "place": "street"}):
        numbers = [value(found, name, **by) for name in ("due", "late", "missed", "paused")]
        assert numbers == [4, 1, 2, 2]
        assert value(found, "in_time", **by) == 1 / 4
        reached = figure(found, "reached", **by)
        assert (reached.value, reached.of, reached.target, reached.met) == (2 / 3, 3, 1, False)
        assert figure(found, "missed", **by).episodes == ("missed",)
