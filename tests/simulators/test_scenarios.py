"""Scenarios: valid as a whole, or every error is told."""

import tomllib
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators import scenario as scenarios
from simulators.scenario import Scenario, duration_ms, parse, read

GOOD = """
start = "09:20"
duration = "30m"
residents = 3
[description]
zh = "好"
en = "good"
[[incident]]
kind = "sos"
at = "2m"
who = "r-03"
"""


def test_every_scenario_of_the_package_is_valid() -> None:
    found = {name: read(name) for name in scenarios.known()}
    assert {"calm_night", "fall_at_night", "sos_by_day", "missed_round", "gateway_lost", "demo"} <= set(found)
    assert [each for each in found.values() if not isinstance(each, Scenario)] == []


def test_start_is_local_time_of_the_home() -> None:
    scenario = parse("good", GOOD)
    assert isinstance(scenario, Scenario)
    start = datetime(2025, 11, 22, 1, 20, tzinfo=UTC)
    assert scenario.start_ms(date(2025, 11, 22)) == start.timestamp() * 1000


def test_all_errors_are_told_at_once_with_their_place() -> None:
    wrong = parse(
        "bad",
        """
        start = "25:00"
        duration = "soon"
        residents = 0
        weather = "rain"
        [description]
        zh = "坏"
        [[incident]]
        kind = "fall"
        at = "2m"
        who = "r-1"
        whom = "r-02"
        [[incident]]
        kind = "earthquake"
        """,
    )
    assert isinstance(wrong, list)
    for place in (
        "start: not a time of day",
        "duration: not a duration",
        "residents: ",
        "weather: unknown key",
        "description.en: missing",
        "incident 1.fall.who: ",
        "incident 1.fall.whom: unknown key",
        "incident 2: ",
    ):
        assert [each for each in wrong if each.startswith(f"bad: {place}")], (place, wrong)
    assert len(wrong) == 8


@pytest.mark.parametrize(
    ("incident", "complaint"),
    [
        ('kind = "sos"\nat = "31m"\nwho = "r-01"', "after the end"),
        ('kind = "sos"\nat = "1m"\nwho = "r-04"', "r-04 is not one of 3 residents"),
        ('kind = "missed_check_in"\nwho = "r-00"', "r-00 is not one of"),
        (
            """kind = "gateway_lost"
            at = "1m"
            lasts = "5m"
            [[incident]]
            kind = "gateway_lost"
            at = "4m"
            lasts = "1m"
            which = "gw-1"
            """,
            "incident 3.gateway_lost: gw-1 is already lost then",
        ),
    ],
)
def test_contradictions_are_told(incident: str, complaint: str) -> None:
    wrong = parse("bad", f"{GOOD}\n[[incident]]\n{incident}")
    assert isinstance(wrong, list)
    assert [each for each in wrong if complaint in each], wrong


def test_a_smaller_home_must_still_have_the_people_of_the_incidents() -> None:
    scenario = parse("good", GOOD)
    assert isinstance(scenario, Scenario)
    assert isinstance(scenario.with_residents(300), Scenario)
    assert scenario.with_residents(2) == ["good: incident 1.sos.who: r-03 is not one of 2 residents"]
    assert scenario.with_residents(0) == ["good: residents: from 1 to 5000, not 0"]


def test_an_unknown_scenario_lists_the_known_ones() -> None:
    (wrong,) = read("dmeo")
    assert "unknown scenario 'dmeo'" in wrong
    assert "demo, fall_at_night" in wrong


@pytest.mark.parametrize(
    ("text", "ms"), [("90s", 90_000), ("2m", 120_000), ("5h50m", 21_000_000), ("1d", 86_400_000), ("0s", 0)]
)
def test_durations(text: str, ms: int) -> None:
    assert duration_ms(text) == ms


@given(st.text() | st.text(alphabet="0123456789dhms"))
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    try:
        ms = duration_ms(text)
    except ValueError as error:
        assert "duration" in str(error)  # noqa: PT017 - both ends are right, raising is not required
    else:
        assert ms >= 0
        assert text.rstrip("dhms")[-1:].isdigit()


@given(st.text())
def test_any_text_is_a_scenario_or_errors(text: str) -> None:
    found = parse("any", text)
    assert isinstance(found, Scenario) or (found and all(each.startswith("any: ") for each in found))


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(["start", "duration", "residents", "every", "incident", "description"]), JUNK)
def test_any_value_of_any_key_is_accepted_or_told_by_that_key(key: str, value: object) -> None:
    found = scenarios.of_table("any", {**tomllib.loads(GOOD), key: value})
    if not isinstance(found, Scenario):
        assert found
        places = (f"any: {key}", "any: incident 1.sos.who: r-03 is not one of")
        assert all(each.startswith(places) for each in found), found


@pytest.mark.parametrize("residents", ["true", '"3"', "3.0"])
def test_a_number_of_residents_is_a_whole_number(residents: str) -> None:
    wrong = parse("bad", GOOD.replace("residents = 3", f"residents = {residents}"))
    assert isinstance(wrong, list)
    assert wrong[0].startswith("bad: residents: ")
