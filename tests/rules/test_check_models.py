"""How checks end, held against models that are slow and obvious, and over restarts."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from devices.observation import Observation
from rules.decision import Change
from rules.engine import Row
from tests.rules.checks import AFTER, DAILY, EVENING, MONTHLY, ROUNDS, absent, engine, visit
from tests.rules.home import DAY, HOUR, MINUTE, local

_Window = tuple[int, int]


def windows(text: str, start: int, until: int) -> list[_Window]:
    """All windows in Berlin, day by day."""
    zone = ZoneInfo("Europe/Berlin")
    day = datetime.fromtimestamp(start / 1000, zone).date() - timedelta(days=40)
    found: list[_Window] = []
    while (day := day + timedelta(days=1)) <= datetime.fromtimestamp(until / 1000, zone).date():
        if text == DAILY:
            found.append((local(f"{day} 05:00", zone.key), local(f"{day} 09:30", zone.key)))
        elif (day + timedelta(days=1)).day == 1:
            found.append((found[-1][1] if found else 0, local(f"{day} 18:00", zone.key)))
    return [window for window in found if window[1] > start]


def outcomes_of(
    text: str, grace: int, start: int, until: int, checks: Sequence[Observation]
) -> dict[int, str]:
    """Each check, in the order in which it is heard, takes the first open window that holds its time."""
    all_windows = windows(text, start, until + 60 * DAY)
    ends_as: dict[int, str] = {}
    for check in checks:
        at = check.at
        held = [w for w in all_windows if w[0] <= at < w[1] + grace and w[1] not in ends_as]
        past = [n for n, (_, due) in enumerate(all_windows) if due + grace <= at]
        if past and all_windows[past[-1]][1] not in ends_as:
            due, opens_next = all_windows[past[-1]][1], all_windows[past[-1] + 1][0]
            if at < opens_next or opens_next == due:
                ends_as[due] = "late"
        if held:
            ends_as[held[0][1]] = "done"
    for _, due in all_windows:
        if due + grace <= until:
            ends_as.setdefault(due, "missed")
    return ends_as


@given(
    st.sampled_from([DAILY, MONTHLY]),
    st.lists(st.tuples(st.integers(0, 40 * 24 * 60), st.integers(0, 20 * 60)), max_size=14),
    st.sampled_from(["2025-03-20 12:00", "2025-10-18 12:00", "2025-12-20 12:00", "2028-02-10 12:00"]),
)
def test_every_deadline_ends_as_the_obvious_model_says(
    text: str, minutes: list[tuple[int, int]], first: str
) -> None:
    start = local(first, "Europe/Berlin")
    checks = sorted(
        (
            visit(
                start + made * MINUTE,
                "meyer",
                metric="check_in" if text == DAILY else "visit",
                delay=delay * MINUTE,
                late=delay > 10,
            )
            for made, delay in dict(minutes).items()
        ),
        key=lambda check: (check.received_at, check.at),
    )
    watch = engine(text, start)
    decisions = [d for check in checks for d in watch.observe(check)]
    until = max([start + 40 * DAY, *(check.received_at for check in checks)])
    decisions += watch.tick(until)
    found = {
        int(d.facts["due_ms"]): d.facts["outcome"]
        for d in decisions
        if d.change is Change.RECORD and d.subject == "meyer"
    }
    grace = 15 * MINUTE if text == DAILY else 6 * HOUR
    assert found == outcomes_of(text, grace, start, until, checks)


@given(st.lists(st.integers(0, 4 * 24 * 60), max_size=20, unique=True), st.sampled_from([30, 60, 120, 180]))
def test_r78_exactly_the_rounds_that_were_not_made_are_missed(minutes: list[int], every: int) -> None:
    """Between a check (or the window's start) and the next, one is missed for every interval that passes."""
    checks = sorted(EVENING + minute * MINUTE for minute in minutes)
    watch = engine(ROUNDS.replace("2h", f"{every}min"))
    decisions = [d for at in checks for d in watch.observe(visit(at))]
    until = EVENING + 4 * DAY
    decisions += watch.tick(until)
    missed = {
        int(d.facts["due_ms"])
        for d in decisions
        if d.change is Change.RECORD and d.facts["outcome"] == "missed" and d.subject == "wang"
    }
    expected: set[int] = set()
    for night in range(5):
        opens = EVENING + HOUR + night * DAY
        closes, interval = opens + 10 * HOUR, every * MINUTE
        points = [opens, *(at for at in checks if opens <= at < closes)]
        for point in points:
            following = min((at for at in checks if at > point), default=until + 1)
            due = point + interval
            while due <= closes and due + interval // 10 <= min(following, until):
                expected.add(due)
                due += interval
    assert missed == expected


HAPPENINGS = st.tuples(
    st.integers(0, 3 * 24 * 60),
    st.sampled_from(["visit", "check_in", "fall", "consciousness", "hospital", "present", "staff_present"]),
    st.integers(0, 90),
)


@given(st.lists(HAPPENINGS, max_size=20), st.data())
def test_a_restart_in_the_middle_and_a_clock_asked_at_any_time_change_nothing(
    happenings: list[tuple[int, str, int]], data: st.DataObject
) -> None:
    text = ROUNDS + DAILY + 'overdue = ["0min low", "15min medium"]\n' + AFTER + MONTHLY
    history = []
    for minute, what, delay in happenings:
        at = EVENING + minute * MINUTE
        late = {"delay": delay * MINUTE, "late": delay > 10}
        if what in {"hospital", "present"}:
            history.append(absent(what, at))
        elif what == "consciousness":
            history.append(visit(at, metric=what, value="V", **late))
        else:
            history.append(visit(at, metric=what, **(late if what in {"visit", "check_in"} else {})))
    history.sort(key=lambda observation: observation.received_at)

    whole = engine(text)
    expected = [d for observation in history for d in whole.observe(observation)] + whole.tick(
        EVENING + 4 * DAY
    )

    watch, decisions = engine(text), []
    snapshot: dict[tuple[str, str], Row] = {}
    for observation in history:
        if data.draw(st.booleans()):
            decisions += watch.tick(observation.received_at - data.draw(st.integers(0, HOUR)))
        decisions += watch.observe(observation)
        if data.draw(st.booleans()):
            snapshot.update({row[:2]: row for row in watch.dirty()})
            watch = engine(text, observation.received_at + data.draw(st.integers(0, DAY)))
            watch.restore(snapshot.values())
    assert decisions + watch.tick(EVENING + 4 * DAY) == expected
