"""Who may go missing leaves (R-80)."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.observation import Observation
from devices.reading import Value
from rules.configuration import default
from rules.decision import Change, Decision, Severity
from rules.engine import Engine
from tests.rules.dwelling import HOUSE, of, play, said, watch
from tests.rules.home import DAY, HOUR, MINUTE, SECOND, local

RAISE, CLEAR, NOTE, SUPPRESS = Change.RAISE, Change.CLEAR, Change.NOTE, Change.SUPPRESS
EVENING, NIGHT, NOON = (local(f"2025-11-22 {time}") for time in ("20:00", "23:30", "12:00"))
LATER = 15 * MINUTE
OURS = """
[[rule]]
id = "w"
kind = "wandering"
enabled = false
exits = ["street-door"]
allowed = ["house", "garden"]
[rule.risk.going_missing.high]
enabled = true
[rule.place.lobby]
enabled = true
"""


def decisions_of(history: Sequence[Observation], until: int, text: str = "") -> list[Decision]:
    start = min(EVENING, history[0].at)
    engine = watch(text, start) if text else Engine(default(), HOUSE, start)
    return [one for one in play(engine, history, until + 2 * SECOND) if one.kind == "wandering"]


def told(history: Sequence[Observation], until: int, text: str = "") -> list[tuple[Change, int]]:
    return said(decisions_of(history, until, text), "wandering")


def door(
    at: int, resident: str = "an", *, opened: bool = True, device: str = "door", place: str = ""
) -> Observation:
    return of(resident, "door_open", at, opened, device=device, place=place)


def test_r80_a_door_at_night_raises_high_and_again_when_she_is_not_found() -> None:
    first, second = decisions_of([door(NIGHT)], NIGHT + HOUR)
    assert (first.change, first.at, first.severity) == (RAISE, NIGHT, Severity.HIGH)
    assert first.facts == {"why": "door", "place": "room-1", "seen_ms": NIGHT}
    assert (second.change, second.at, second.severity) == (RAISE, NIGHT + LATER, Severity.HIGH)
    assert second.facts == {"not_located": 1, "lost_min": 15, "place": "room-1", "seen_ms": NIGHT}
    assert first.evidence.key != second.evidence.key


def test_r80_it_is_said_within_five_seconds() -> None:
    engine = Engine(default(), HOUSE, EVENING)
    assert engine.observe(door(NIGHT)) == []
    assert said(engine.tick(NIGHT + 5 * SECOND), "wandering") == [(RAISE, NIGHT)]


def test_r80_only_for_who_is_at_risk_and_by_day_only_at_the_exits() -> None:
    assert told([door(NIGHT, "bo")], NIGHT + HOUR) == []
    assert told([door(NOON)], NOON + HOUR, OURS) == []
    assert told([door(NOON, device="street-door")], NOON, OURS) == [(RAISE, NOON)]


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("geofence_enter", True),
        ("bed_enter", True),
        ("bed_occupied", True),
        ("seat_occupied", True),
        ("visit", True),
        ("staff_present", True),
        ("presence", True),
        ("zone", "garden"),
    ],
)
def test_r80_located_again_clears_and_ends_the_search(metric: str, value: Value) -> None:
    found = NIGHT + 5 * MINUTE
    history = [door(NIGHT), of("an", metric, found, value, device="other")]
    assert told(history, NIGHT + HOUR, OURS) == [(RAISE, NIGHT), (CLEAR, found)]


@pytest.mark.parametrize(
    ("metric", "value", "after", "resident", "place"),
    [
        ("presence", True, 5 * SECOND, "an", ""),  # the sensor may be seeing her leave
        ("presence", False, 5 * MINUTE, "an", ""),
        ("motion", True, 5 * MINUTE, "an", ""),  # the watch on her wrist
        ("zone", "street", 5 * MINUTE, "an", ""),
        ("presence", True, 5 * MINUTE, "", "room-2"),
        ("bed_enter", True, 5 * MINUTE, "chen", ""),
    ],
)
def test_r80_this_does_not_locate_her(
    metric: str, value: Value, after: int, resident: str, place: str
) -> None:
    other = of(resident, metric, NIGHT + after, value, device="other", place=place)
    changes = [change for change, at in told([door(NIGHT), other], NIGHT + HOUR, OURS)]
    assert CLEAR not in changes
    assert (RAISE, NIGHT + LATER) in told([door(NIGHT), other], NIGHT + HOUR, OURS)


def test_r80_leaving_a_geofence_or_entering_a_strange_zone_raises_at_any_hour() -> None:
    for leaves in (of("an", "geofence_exit", NOON), of("an", "zone", NOON, "street")):
        assert told([leaves], NOON, OURS) == [(RAISE, NOON)]
    assert told([of("an", "zone", NOON, "garden")], NOON + HOUR, OURS) == []
    assert told([of("an", "zone", NOON, "anything")], NOON + HOUR) == []  # no zones were named


def test_a_zone_told_every_minute_is_left_once() -> None:
    history = [of("an", "zone", NOON + n * MINUTE, "street") for n in range(10)]
    assert told(history, NOON + 10 * MINUTE, OURS) == [(RAISE, NOON)]
    market = [*history, of("an", "zone", NOON + 10 * MINUTE, "market")]
    assert told(market, NOON + 11 * MINUTE, OURS) == [(RAISE, NOON), (RAISE, NOON + 10 * MINUTE)]


def test_found_on_the_street_by_a_nurse_she_is_not_lost_again_there_until_she_was_home() -> None:
    street = [of("an", "zone", NOON + n * MINUTE, "street") for n in range(20)]
    nurse = of("an", "visit", NOON + 5 * MINUTE + 1, device="scanner")
    walk = sorted([*street, nurse], key=lambda one: one.at)
    assert told(walk, NOON + HOUR, OURS) == [(RAISE, NOON), (CLEAR, nurse.at)]
    home, again = of("an", "zone", NOON + HOUR, "house"), of("an", "zone", NOON + 2 * HOUR, "street")
    assert told([*walk, home, again], NOON + 2 * HOUR, OURS)[2:] == [(RAISE, NOON + 2 * HOUR)]


def test_a_beacon_that_knows_but_one_zone_tells_of_her_every_time() -> None:
    """It hangs at the gate: nothing says that she went away from there but that she is in bed."""
    tomorrow = NOON + DAY
    gate = [of("an", "zone", at, "gate") for at in (NOON, NOON + MINUTE, tomorrow, tomorrow + MINUTE)]
    bed = of("an", "bed_occupied", NOON + 10 * MINUTE, device="mat")
    history = sorted([*gate, bed], key=lambda one: one.at)
    assert told(history, tomorrow + 2 * MINUTE, OURS) == [(RAISE, NOON), (CLEAR, bed.at), (RAISE, tomorrow)]


def test_r58_with_staff_at_hand_a_door_is_suppressed_and_a_geofence_is_not() -> None:
    staff = of("an", "staff_present", NIGHT - MINUTE, device="badge")
    assert told([staff, door(NIGHT)], NIGHT + HOUR) == [(SUPPRESS, NIGHT)]
    assert told([staff, of("an", "geofence_exit", NIGHT)], NIGHT) == [(RAISE, NIGHT)]
    passed = of("an", "visit", NIGHT - 2 * MINUTE, device="scanner")
    assert told([passed, door(NIGHT)], NIGHT) == [(RAISE, NIGHT)]


def test_who_is_away_does_not_go_missing_and_is_found_by_being_reported() -> None:
    leave = of("an", "absence", NIGHT - HOUR, "leave", device="desk")
    assert told([leave, door(NIGHT)], NIGHT + HOUR) == [(SUPPRESS, NIGHT)]
    hospital = of("an", "absence", NIGHT + MINUTE, "hospital", device="desk")
    assert told([door(NIGHT), hospital], NIGHT + HOUR) == [(RAISE, NIGHT), (CLEAR, NIGHT + MINUTE)]


def test_a_door_that_stands_open_and_repeats_itself_is_passed_once() -> None:
    history = [door(NIGHT + n * MINUTE) for n in range(10)]
    assert told(history, NIGHT + 10 * MINUTE) == [(RAISE, NIGHT)]
    again = [*history, door(NIGHT + 10 * MINUTE, opened=False), door(NIGHT + 11 * MINUTE)]
    assert told(again, NIGHT + 12 * MINUTE) == [(RAISE, NIGHT), (RAISE, NIGHT + 11 * MINUTE)]


def test_last_seen_is_the_newest_door_and_the_time_counts_from_the_first() -> None:
    history = [door(NIGHT), door(NIGHT + 5 * MINUTE, device="stairs", place="lobby")]
    last = decisions_of(history, NIGHT + HOUR)[-1]
    assert (last.at, last.facts["place"], last.facts["seen_ms"]) == (
        NIGHT + LATER,
        "lobby",
        NIGHT + 5 * MINUTE,
    )


def test_r80_a_shared_door_to_the_street_alerts_on_the_place_and_names_nobody() -> None:
    (raised,) = decisions_of([door(NIGHT, "", device="lobby-door", place="lobby")], NIGHT + HOUR, OURS)
    assert (raised.subject, raised.cause, raised.change) == ("lobby", "lobby", RAISE)
    assert not {"an", "bo", "chen"} & set(map(str, raised.facts.values()))
    assert decisions_of([door(NIGHT, "", device="lobby-door", place="lobby")], NIGHT + HOUR) == []
    staff = of("", "visit", NIGHT - 30 * SECOND, device="scanner", place="lobby")
    accompanied = [staff, door(NIGHT, "", device="lobby-door", place="lobby")]
    assert told(accompanied, NIGHT + HOUR, OURS) == [(SUPPRESS, NIGHT)]


def test_a_restart_while_she_is_missed_still_raises_once() -> None:
    before = Engine(default(), HOUSE, EVENING)
    play(before, [door(NIGHT)], NIGHT + MINUTE)
    after = Engine(default(), HOUSE, NIGHT + HOUR)
    after.restore(before.dirty())
    assert said(after.tick(NIGHT + HOUR), "wandering") == [(RAISE, NIGHT + LATER)]


@given(
    st.lists(
        st.tuples(st.integers(1, 20 * 60), st.sampled_from(["open", "close", "bed", "fence", "nurse"])),
        max_size=15,
    )
)
def test_r80_is_what_a_night_nurse_with_a_watch_would_say(given: list[tuple[int, str]]) -> None:
    at, history = local("2025-11-22 21:30"), []
    words = {
        "open": "door_open",
        "close": "door_open",
        "bed": "bed_enter",
        "fence": "geofence_exit",
        "nurse": "visit",
    }
    for gap, what in given:
        at += gap * SECOND
        history.append(of("an", words[what], at, what != "close", device=words[what]))
    until = at + DAY // 8
    ours = told(history, until) if history else []
    assert ours == nurse(history)


def nurse(history: Sequence[Observation]) -> list[tuple[Change, int]]:
    """The obvious model, happening by happening."""
    decided: list[tuple[Change, int]] = []
    is_open, lost, search, visited = False, False, 0, 0
    for one in (*history, None):
        if search and (one is None or search <= one.at):
            decided.append((RAISE, search))
            search = 0
        if one is None:
            break
        opens = one.metric == "door_open" and one.value is True and not is_open
        if one.metric == "door_open":
            is_open = one.value is True
        accompanied = visited and one.at - visited <= MINUTE
        if opens and accompanied:
            decided.append((SUPPRESS, one.at))
        elif opens or one.metric == "geofence_exit":
            decided.append((NOTE if search and not opens else RAISE, one.at))
            lost, search = True, search or one.at + LATER
        elif one.metric in {"bed_enter", "visit"} and lost:
            decided.append((CLEAR, one.at))
            lost, search = False, 0
        visited = one.at if one.metric == "visit" else visited
    return decided
