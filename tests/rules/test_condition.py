"""One excursion is said once and its end once, as early as its delays allow and never earlier."""

from collections.abc import Iterable, Iterator

import orjson
from hypothesis import given
from hypothesis import strategies as st

from devices.metrics import METRICS
from rules.condition import QUIET, Condition, Delays, Limit, beyond, due, passed, told

SECOND, MINUTE = 1_000, 60_000
HIGH = Limit(130.0, above=True, deadband=3.0)
LOW = Limit(40.0, above=False, deadband=3.0)

limits = st.builds(
    Limit, st.integers(-50, 50).map(float), st.booleans(), st.integers(0, 10).map(lambda n: n / 2)
)
delays = st.builds(Delays, st.integers(0, 20), st.integers(0, 20), st.integers(1, 3), st.integers(0, 8))
gaps = st.integers(1, 12)


def run(
    limit: Limit, delays: Delays, readings: Iterable[tuple[int, float]], *, until: int | None = None
) -> Iterator[tuple[int, Condition]]:
    """Every state with its time, as an engine sees it: a timer goes before a reading of the same time."""
    condition = QUIET
    for at, value in readings:
        while (wake := due(condition, delays)) is not None and wake <= at:
            condition = passed(condition, delays, wake)
            yield wake, condition
        condition = told(condition, delays, beyond(limit, value, condition.active), at)
        yield at, condition
    while until is not None and (wake := due(condition, delays)) is not None and wake <= until:
        condition = passed(condition, delays, wake)
        yield wake, condition


def turns(states: Iterable[tuple[int, Condition]]) -> list[tuple[int, bool]]:
    """When it began or ended."""
    found: list[tuple[int, bool]] = []
    for at, condition in states:
        if condition.active is not bool(found and found[-1][1]):
            found.append((at, condition.active))
    return found


@st.composite
def series(draw: st.DrawFn) -> list[tuple[int, float]]:
    values = draw(st.lists(st.integers(-70, 70).map(float), max_size=30))
    at, found = 0, []
    for value in values:
        at += draw(gaps)
        found.append((at, value))
    return found


@given(limits, st.lists(st.floats(0, 0.9), min_size=1, max_size=30))
def test_r53_inside_the_deadband_nothing_flaps(limit: Limit, parts: list[float]) -> None:
    sign = 1 if limit.above else -1
    inside = [limit.bound - sign * limit.deadband * part for part in parts]
    first = [(0, limit.bound + sign)]
    later = [(n, value) for n, value in enumerate(inside, start=1)]
    assert turns(run(limit, Delays(), first + later)) == [(0, True)] or limit.deadband == 0
    assert turns(run(limit, Delays(), later)) == []


def test_r53_it_ends_when_the_value_is_back_by_the_deadband() -> None:
    high = run(HIGH, Delays(), [(0, 131), (1, 128), (2, 127)])
    low = run(LOW, Delays(), [(0, 39), (1, 42), (2, 43)])
    assert turns(high) == turns(low) == [(0, True), (2, False)]


def test_r53_every_limit_has_the_deadband_of_its_metric() -> None:
    deadbands = {name: METRICS[name].deadband for name in ("heart_rate", "spo2", "body_temperature")}
    assert deadbands == {"heart_rate": 3, "spo2": 1, "body_temperature": 0.2}


@given(limits, delays, series())
def test_an_excursion_begins_once_and_ends_once(
    limit: Limit, delays: Delays, readings: list[tuple[int, float]]
) -> None:
    found = turns(run(limit, delays, readings, until=10_000))
    assert [active for _, active in found] == [n % 2 == 0 for n in range(len(found))]


@given(limits, delays, series())
def test_r54_it_never_begins_before_its_delay_nor_without_its_readings(
    limit: Limit, delays: Delays, readings: list[tuple[int, float]]
) -> None:
    for at, active in turns(run(limit, delays, readings, until=10_000)):
        heard = [(when, value) for when, value in readings if when <= at]
        if heard[-1][0] == at and beyond(limit, heard[-1][1], not active) is not active:
            heard.pop()  # a timer went before it
        row: list[int] = []
        while heard and beyond(limit, heard[-1][1], not active) is active:
            row.append(heard.pop()[0])
        assert at - min(row) >= (delays.on if active else delays.off)
        assert not active or len(row) >= delays.readings


@given(limits, st.integers(0, 20), st.integers(0, 20), st.lists(gaps, max_size=8))
def test_r54_a_lasting_excursion_begins_at_its_delay_exactly(
    limit: Limit, on: int, off: int, between: list[int]
) -> None:
    sign = 1 if limit.above else -1
    times = [0]
    for gap in between:
        times.append(times[-1] + gap)
    end = max(times[-1], on) + 1
    bad = [(at, limit.bound + sign) for at in times]
    calm = [(end, limit.bound - sign * (limit.deadband + 1))]
    found = turns(run(limit, Delays(on, off), bad + calm, until=end + off))
    assert found == [(on, True), (end + off, False)]


@given(limits, delays, series(), st.lists(st.integers(0, 29), max_size=10))
def test_a_reading_told_again_changes_nothing(
    limit: Limit, delays: Delays, readings: list[tuple[int, float]], again: list[int]
) -> None:
    doubled = sorted(
        [*readings, *(readings[n] for n in again if n < len(readings))], key=lambda reading: reading[0]
    )
    assert turns(run(limit, delays, doubled, until=10_000)) == turns(
        run(limit, delays, readings, until=10_000)
    )


@given(limits, st.builds(Delays, st.integers(0, 20), st.integers(0, 20)), series(), st.data())
def test_a_value_repeated_between_readings_changes_nothing(
    limit: Limit, delays: Delays, readings: list[tuple[int, float]], data: st.DataObject
) -> None:
    split: list[tuple[int, float]] = []
    for (at, value), until in zip(readings, [at for at, _ in readings[1:]] + [20_000], strict=False):
        more = data.draw(st.lists(st.integers(at, min(until - 1, at + 30)), max_size=2))
        split += [(at, value), *((when, value) for when in sorted(more))]
    assert turns(run(limit, delays, split, until=10_000)) == turns(run(limit, delays, readings, until=10_000))


@given(limits, delays, series(), st.integers(0, 29), st.integers(1, 100))
def test_what_is_older_than_the_newest_that_mattered_changes_nothing(
    limit: Limit, delays: Delays, readings: list[tuple[int, float]], cut: int, age: int
) -> None:
    states = list(run(limit, delays, readings[: cut + 1]))
    if states and (condition := states[-1][1]).last:
        for holds in (True, False):
            assert told(condition, delays, holds, condition.last - age) is condition


@given(delays, series())
def test_the_quiet_stay_the_same_object(delays: Delays, readings: list[tuple[int, float]]) -> None:
    condition = QUIET
    for at, _ in readings:
        condition = told(condition, delays, False, at)
    assert condition is QUIET


@given(limits, delays, series())
def test_a_condition_survives_json(limit: Limit, delays: Delays, readings: list[tuple[int, float]]) -> None:
    for _, condition in run(limit, delays, readings):
        assert Condition(*orjson.loads(orjson.dumps(condition, default=tuple))) == condition


def test_r60_two_readings_at_least_fifteen_seconds_apart_or_the_third_in_time() -> None:
    spo2, ask = Limit(90, above=False, deadband=1), Delays(on=15 * SECOND, readings=2)
    spot = [(0, 88.0), (3_600_000, 88.0)]
    assert turns(run(spo2, ask, spot[:1], until=3_600_000)) == []
    assert turns(run(spo2, ask, spot)) == [(3_600_000, True)]
    continuous = [(n * SECOND, 88.0) for n in range(60)]
    assert turns(run(spo2, ask, continuous)) == [(15 * SECOND, True)]
    slow = [(n * 10 * SECOND, 88.0) for n in range(3)]
    assert turns(run(spo2, ask, slow)) == [(15 * SECOND, True)]
    artefact = [(0, 97.0), (SECOND, 80.0), (2 * SECOND, 97.0), (3 * SECOND, 80.0), (4 * SECOND, 97.0)]
    assert turns(run(spo2, ask, artefact, until=3_600_000)) == []


def test_section_11_blood_pressure_needs_two_readings_two_minutes_apart() -> None:
    ask = Delays(readings=2, apart=2 * MINUTE)
    high = Limit(200, above=True, deadband=5)
    assert turns(run(high, ask, [(0, 210), (MINUTE, 210)], until=3_600_000)) == []
    assert turns(run(high, ask, [(0, 210), (MINUTE, 210), (2 * MINUTE, 210)])) == [(2 * MINUTE, True)]


def test_section_11_a_suspect_value_stands_only_with_a_second_reading() -> None:
    suspect = told(QUIET, Delays(), True, 0, doubtful=True)
    assert not suspect.active
    assert due(suspect, Delays()) is None
    assert told(suspect, Delays(), True, 1, doubtful=True).active
    assert told(suspect, Delays(), True, 1).active
    assert not told(suspect, Delays(), False, 1).active


def test_section_11_a_suspect_value_ends_nothing() -> None:
    active = told(QUIET, Delays(), True, 0)
    assert told(active, Delays(), False, 1, doubtful=True) is active
    pending = told(QUIET, Delays(on=10), True, 0)
    assert told(pending, Delays(on=10), False, 1, doubtful=True) is pending
