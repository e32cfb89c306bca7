"""A check told twice at once is one check (R-93), for every schedule."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.observation import Observation
from rules.decision import Decision
from tests.rules.checks import AFTER, DAILY, EVENING, MONTHLY, ROUNDS, absent, engine, visit
from tests.rules.home import DAY, MINUTE

_VISIT = '\n[[rule]]\nid = "it"\nkind = "missed_check"\ncheck = "visit"\n'
_EVERY = _VISIT + 'every = "20min"\n'

SCHEDULES = {
    "rounds": ROUNDS,
    "rounds in steps": ROUNDS.replace("2h", "1h") + 'overdue = ["25% low", "50% medium", "75% high"]\n',
    "rounds all day": _EVERY,
    "rounds at a time": _EVERY + 'grace = "0s"\n',
    "rounds of long grace": _EVERY + 'grace = "19min"\n',
    "rounds from the first": _EVERY + "from_first = true\n",
    "rounds and days off": ROUNDS + 'closed = ["2025-11-23"]\n',
    "daily": DAILY.replace("check_in", "visit"),
    "daily in steps": DAILY.replace("check_in", "visit")
    + 'overdue = ["0min low", "15min medium", "2h high"]\n',
    "doses that overlap": _VISIT
    + 'by = ["21:00", "21:20", "21:40", "22:30"]\nahead = "3h"\ngrace = "30min"\n',
    "doses from the first": _VISIT + 'by = ["21:00", "21:20", "21:40"]\nahead = "3h"\nfrom_first = true\n',
    "daily by calendar": _VISIT + 'calendar = "FREQ=DAILY"\nby = ["09:00", "21:00"]\ngrace = "14h"\n',
    "monthly": MONTHLY.replace("BYMONTHDAY=-1", "BYMONTHDAY=23,24,-1"),
    "a series": AFTER.replace('"consciousness"\n', '"visit"\n'),
    "a series of long grace": AFTER.replace('"consciousness"\n', '"visit"\n').replace("5min", "3h"),
    "observations": AFTER,
    "after a return": _VISIT + 'after = ["hospital", "fall"]\nwithin = ["2h", "22h"]\n',
}  # fmt: skip
"""Of every shape."""

WHAT = st.sampled_from(["visit", "visit", "staff_present", "fall", "consciousness", "hospital", "present"])
HAPPENINGS = st.tuples(
    st.integers(0, 30 * 60) | st.sampled_from([0, 1, 59, 60, 61, 100, 119]), WHAT, st.integers(0, 300)
)


def _happened(happenings: Sequence[tuple[int, str, int]]) -> list[Observation]:
    """In the order in which it is heard; rounds may be heard late."""
    history = []
    for minute, what, delay in happenings:
        at = EVENING + minute * MINUTE
        if what in {"hospital", "present"}:
            history.append(absent(what, at))
        elif what == "visit" and delay % 2:
            history.append(visit(at, delay=delay * MINUTE, late=True))
        else:
            history.append(visit(at, metric=what, value="V" if what == "consciousness" else True))
    return sorted(history, key=lambda one: one.received_at)


def _told_later(minute: int, delay: int, again: int) -> list[Observation]:
    """A check, and the same once more; minutes after each other."""
    at = EVENING + minute * MINUTE
    return [visit(at, delay=wait * MINUTE, late=True) for wait in (delay, delay + again)]


def _decided(schedule: str, history: Sequence[Observation]) -> dict[tuple[str, ...], Decision]:
    """The first decision of each piece of evidence."""
    watch = engine(SCHEDULES[schedule])
    decisions = [d for one in history for d in watch.observe(one)]
    made: dict[tuple[str, ...], Decision] = {}
    for d in decisions + watch.tick(EVENING + 4 * DAY):
        made.setdefault((d.rule, d.subject, d.change, d.evidence.key), d)
    return made


@pytest.mark.parametrize("schedule", SCHEDULES)
@given(st.lists(HAPPENINGS, max_size=12))
@settings(max_examples=30)
def test_r93_what_is_told_twice_at_once_changes_nothing(
    schedule: str, happenings: list[tuple[int, str, int]]
) -> None:
    history = _happened(happenings)
    twice = [one for one in history for _ in range(2)]
    assert _decided(schedule, twice) == _decided(schedule, history)


@pytest.mark.parametrize("schedule", SCHEDULES)
@given(
    st.lists(HAPPENINGS, max_size=8), st.integers(0, 30 * 60), st.integers(0, 200), st.integers(1, 30 * 60)
)
@settings(max_examples=20)
def test_r93_what_is_told_again_hours_later_changes_nothing(
    schedule: str, happenings: list[tuple[int, str, int]], minute: int, delay: int, again: int
) -> None:
    _changes_nothing(schedule, happenings, _told_later(minute, delay, again))


@pytest.mark.parametrize(
    ("schedule", "happenings", "told"),
    [
        ("rounds", [(59, "visit", 133)], (84, 132, 96)),
        ("a series", [(0, "fall", 0), (46, "visit", 0), (47, "fall", 0)], (45, 1, 1)),
    ],
)
def test_r93_a_round_of_the_evening_and_a_check_of_a_series_that_began_anew(
    schedule: str, happenings: list[tuple[int, str, int]], told: tuple[int, int, int]
) -> None:
    _changes_nothing(schedule, happenings, _told_later(*told))


def _changes_nothing(schedule: str, happenings: list[tuple[int, str, int]], told: list[Observation]) -> None:
    once, twice = (
        sorted([*_happened(happenings), *told[:times]], key=lambda one: one.received_at) for times in (1, 2)
    )
    assert _decided(schedule, twice) == _decided(schedule, once)


def test_r93_a_scanner_that_tells_its_buffer_again_settles_nothing_more() -> None:
    made = [EVENING + evening * DAY + minute * MINUTE for evening in range(4) for minute in (0, 40, 90)]
    heard_at = EVENING + 4 * DAY - MINUTE
    doses = [visit(at, delay=heard_at - at, late=True) for at in made]
    once = _decided("doses that overlap", doses)
    assert _decided("doses that overlap", [*doses, *doses]) == once
