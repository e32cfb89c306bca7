"""A gap of the rota is one alert, raised twelve hours ahead or when it is made, and over once filled."""

from dataclasses import replace
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.book import Book
from alerts.decide import decide
from alerts.duty import Change as RotaChange
from alerts.duty import Cover, Duty, Gap
from alerts.notification import standing
from alerts.rota import Shift
from alerts.vacancy import AHEAD_MS, duty_decisions, known_gaps
from devices.registry import Place, PlaceKind, Registry
from rules.decision import Change, Decision, Severity
from tests.alerts.rotas import MINUTE, duties

ZONE = "Asia/Shanghai"
REGISTRY = Registry.of([Place("home", PlaceKind.SITE, "松园")])
DAY = Shift("day", "primary", ("home",), ZONE, time(8), time(20), date(2026, 12, 1), turns=(("an",),))
DUTY = Duty(shifts=(DAY,), covers=(Cover("primary", ("home",), ZONE),))


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE)).timestamp() * 1000)


NIGHT = Gap(at("2026-12-02 20:00"), at("2026-12-03 08:00"), "home", "primary")
FILLED = replace(
    DUTY, changes=(RotaChange(NIGHT.begin, NIGHT.end, person="bo", role="primary", place="home"),)
)


def changes(decisions: list[Decision]) -> list[tuple[Change, str]]:
    return [(one.change, one.cause) for one in decisions]


def cause(gap: Gap) -> str:
    return f"duty:{gap.place}/{gap.role}/{gap.begin}"


def test_r41_a_gap_is_told_twelve_hours_before_it_begins_and_once() -> None:
    due = NIGHT.begin - AHEAD_MS
    assert duty_decisions(DUTY, (), due) == ([], ())
    decisions, known = duty_decisions(DUTY, (), due + 1)
    assert changes(decisions) == [(Change.RAISE, cause(NIGHT))]
    assert decisions[0].severity is Severity.HIGH
    assert known == (NIGHT,)
    for later in (due + MINUTE, NIGHT.begin, NIGHT.begin + MINUTE, NIGHT.end - 1):
        again, known = duty_decisions(DUTY, known, later)
        assert (again, [gap.begin for gap in known if gap.begin <= later]) == (
            [],
            [NIGHT.begin] if later >= NIGHT.begin else [],
        )


def test_a_gap_ends_when_it_is_filled_and_an_empty_post_is_news_again() -> None:
    now = NIGHT.begin - MINUTE
    cleared, known = duty_decisions(FILLED, (NIGHT,), now)
    assert (changes(cleared), known) == ([(Change.CLEAR, cause(NIGHT))], ())
    first, _ = duty_decisions(DUTY, (), now - MINUTE)
    again, _ = duty_decisions(DUTY, known, now + 30_000)
    assert changes(again) == changes(first)
    assert again[0].evidence.key != first[0].evidence.key


def test_a_gap_of_last_month_that_somebody_closed_hides_none_of_today() -> None:
    old = Gap(at("2026-11-02 20:00"), at("2026-11-03 08:00"), "home", "primary")
    decisions, known = duty_decisions(DUTY, (old,), NIGHT.begin + MINUTE)
    now = replace(NIGHT, begin=NIGHT.begin + MINUTE)
    assert changes(decisions) == [(Change.CLEAR, cause(old)), (Change.RAISE, cause(now))]
    assert known == (now,)


def test_after_a_restart_what_alerts_were_raised_for_is_known() -> None:
    now = NIGHT.begin - MINUTE
    decisions, known = duty_decisions(DUTY, (), now)
    book = Book()
    for decision in decisions:
        for event in decide(book, decision, now, "home"):
            book.apply(event)
    assert known_gaps(book.unresolved()) == known
    cleared, _ = duty_decisions(FILLED, known, now + MINUTE)
    for event in decide(book, cleared[0], now + MINUTE, "home"):
        book.apply(event)
    assert known_gaps(book.unresolved()) == ()


def test_the_text_says_which_post_is_empty_when() -> None:
    decisions, _ = duty_decisions(DUTY, (), NIGHT.begin - MINUTE)
    book = Book()
    episode = book.apply(decide(book, decisions[0], NIGHT.begin, "home")[0])
    assert episode is not None
    told = standing(episode, REGISTRY)
    assert told["zh-CN"] == "【紧急】松园：值班空缺（主班 12-02 20:00 至 12-03 08:00）"
    assert told["en"] == "URGENT: 松园: nobody on duty (primary 12-02 20:00 to 12-03 08:00)"


@settings(max_examples=60, deadline=None)
@given(duties(), st.lists(st.integers(1, 600), min_size=1, max_size=8))
def test_whenever_one_looks_what_is_raised_is_every_gap_of_the_next_hours(
    made: tuple[Duty, int, int], steps: list[int]
) -> None:
    duty, now, _ = made
    book, known, raised = Book(), (), set[str]()
    for step in steps:
        now += step * MINUTE
        decisions, known = duty_decisions(duty, known, now)
        for decision in decisions:
            assert (decision.change is Change.RAISE) == (decision.cause not in raised)
            raised ^= {decision.cause}
            for event in decide(book, decision, now, "home"):
                book.apply(event)
        wanted = duty.gaps(now, now + AHEAD_MS)
        assert sorted((gap.place, gap.role) for gap in wanted) == sorted(
            (gap.place, gap.role) for gap in known
        )
        assert raised == {cause(gap) for gap in known}
        alerts = known_gaps(book.unresolved())  # its end may be another by now
        assert sorted(replace(gap, end=0) for gap in alerts) == sorted(replace(gap, end=0) for gap in known)
