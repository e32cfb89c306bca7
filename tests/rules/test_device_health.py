"""What devices say is wrong with themselves: batteries, mains, tampering, faults."""

from hypothesis import given
from hypothesis import strategies as st

from devices.observation import Observation
from devices.reading import Value
from devices.registry import Device, Registry
from rules.decision import Change, Decision, Severity
from rules.engine import Engine
from tests.rules.home import DAY, HOME, HOUR, MINUTE, SECOND, heard, local, rules

NOW = local("2025-11-22 12:00")
RULES = rules('[[rule]]\nid = "health"\nkind = "device_health"')
PLUG = Device("router", kind="gateway", place="building-2", site="home")
HOUSE = Registry.of(HOME.places.values(), HOME.residents.values(), [*HOME.devices.values(), PLUG])
LOW, MEDIUM, RAISE, CLEAR = Severity.LOW, Severity.MEDIUM, Change.RAISE, Change.CLEAR


def engine() -> Engine:
    return Engine(RULES, HOUSE, NOW)


def says(
    watch: Engine, metric: str, after: int, value: Value = True, device: str = "watch"
) -> list[Decision]:
    place = "" if device == "watch" else "building-2"
    return watch.observe(heard(device, metric, NOW + after, value, place=place))


def told(decisions: list[Decision]) -> list[tuple[Change, Severity, int]]:
    return [(d.change, d.severity, d.at - NOW) for d in decisions]


class TestBattery:
    """R-28: low, told again every week, urgent three days before it is to be replaced."""

    def test_r28_a_low_battery_is_told_with_the_day_to_replace_it_and_again_every_seven_days(self) -> None:
        watch = engine()
        assert says(watch, "battery", 0, 15.0) == []
        (first,) = watch.tick(NOW + 10 * MINUTE)
        assert (first.severity, first.cause, first.subject) == (LOW, "battery:home/watch", "wang")
        assert first.facts == {"device": "watch", "due_ms": NOW + 14 * DAY, "days_left": 14}
        assert told(watch.tick(NOW + 30 * DAY)) == [
            (RAISE, LOW, 7 * DAY + 10 * MINUTE),
            (RAISE, MEDIUM, 11 * DAY),
            (RAISE, MEDIUM, 18 * DAY),
            (RAISE, MEDIUM, 25 * DAY),
        ]

    def test_r28_at_five_percent_it_is_urgent(self) -> None:
        watch = engine()
        says(watch, "battery", 0, 12.0)
        watch.tick(NOW + HOUR)
        says(watch, "battery", HOUR, 5.0)
        assert told(watch.tick(NOW + 2 * HOUR)) == [(RAISE, MEDIUM, HOUR + 10 * MINUTE)]
        says(watch, "battery", 3 * HOUR, 4.0)
        assert watch.tick(NOW + 7 * DAY) == [], "told so once, then every week"

    def test_r28_a_new_battery_ends_it_and_the_deadband_does_not(self) -> None:
        watch = engine()
        says(watch, "battery", 0, 12.0)
        watch.tick(NOW + HOUR)
        assert says(watch, "battery", HOUR, 17.0) == []
        assert told(says(watch, "battery", 2 * HOUR, 100.0)) == [(CLEAR, MEDIUM, 2 * HOUR)]
        assert watch.tick(NOW + 30 * DAY) == []

    def test_r53_what_recovers_within_ten_minutes_was_none(self) -> None:
        watch = engine()
        says(watch, "battery", 0, 15.0)
        assert says(watch, "battery", 9 * MINUTE, 18.0) == []
        assert watch.tick(NOW + DAY) == []

    def test_r28_a_flag_alone_counts_and_a_percentage_knows_better(self) -> None:
        watch = engine()
        says(watch, "battery_low", 0)
        assert told(watch.tick(NOW + HOUR)) == [(RAISE, LOW, 10 * MINUTE)]
        assert told(says(watch, "battery", HOUR, 60.0)) == [(CLEAR, MEDIUM, HOUR)]

    def test_what_is_charged_daily_counts_from_ten_percent_and_ends_on_the_charger(self) -> None:
        watch = engine()
        says(watch, "charging", 0, value=False)
        says(watch, "battery", 0, 14.0)
        assert watch.tick(NOW + HOUR) == []
        says(watch, "battery", HOUR, 10.0)
        assert told(watch.tick(NOW + 2 * HOUR)) == [(RAISE, LOW, HOUR + 10 * MINUTE)]
        assert told(says(watch, "charging", 2 * HOUR)) == [(CLEAR, MEDIUM, 2 * HOUR)]


class TestMains:
    """R-30: staff are told after ten minutes without, and that it is over after an hour with."""

    def test_r30_a_mains_failure_is_told_after_ten_minutes(self) -> None:
        watch = engine()
        assert says(watch, "mains_power", 0, value=False, device="router") == []
        (raised,) = watch.tick(NOW + HOUR)
        assert (raised.at - NOW, raised.severity) == (10 * MINUTE, MEDIUM)
        assert (raised.subject, raised.cause) == ("building-2", "mains:home/router")

    def test_r30_it_is_over_after_a_stable_hour(self) -> None:
        watch = engine()
        says(watch, "mains_power", 0, value=False, device="router")
        watch.tick(NOW + HOUR)
        says(watch, "mains_power", HOUR, value=True, device="router")
        says(watch, "mains_power", HOUR + 59 * MINUTE, value=False, device="router")
        says(watch, "mains_power", 2 * HOUR, value=True, device="router")
        says(watch, "mains_power", 2 * HOUR + MINUTE, value=True, device="router")
        assert told(watch.tick(NOW + DAY)) == [(CLEAR, MEDIUM, 3 * HOUR)]

    def test_r30_a_short_failure_is_none(self) -> None:
        watch = engine()
        says(watch, "mains_power", 0, value=False, device="router")
        assert says(watch, "mains_power", 9 * MINUTE, value=True, device="router") == []
        assert watch.tick(NOW + DAY) == []


def test_r12_a_device_pulled_out_is_told_at_once_and_once() -> None:
    watch = engine()
    assert told(says(watch, "tamper", SECOND)) == [(RAISE, MEDIUM, SECOND)]
    assert says(watch, "tamper", MINUTE) == []
    assert told(says(watch, "tamper", HOUR, value=False)) == [(CLEAR, MEDIUM, HOUR)]


def test_r29_each_condition_is_an_alert_of_its_own() -> None:
    watch = engine()
    made = [*says(watch, "tamper", 0), *says(watch, "fault", 0), *says(watch, "battery", 0, 3.0)]
    made += watch.tick(NOW + HOUR)
    assert [(d.cause, d.evidence.metric) for d in made] == [
        ("tamper:home/watch", "tamper"),
        ("fault:home/watch", "fault"),
        ("battery:home/watch", "battery"),
    ]


def test_a_device_of_nobody_and_nowhere_is_not_looked_after() -> None:
    watch = engine()
    watch.observe(heard("neighbour", "battery", NOW, 2.0, resident=""))
    assert watch.tick(NOW + DAY) == []


def test_of_a_device_that_is_well_nothing_is_remembered() -> None:
    watch = engine()
    for metric, value in (("battery", 80.0), ("tamper", False), ("fault", False), ("mains_power", True)):
        says(watch, metric, 0, value)
    assert watch.tick(NOW + DAY) == []
    assert [row for row in watch.dirty() if b"watch" in row[2]] == []


SAYINGS = st.lists(
    st.tuples(
        st.integers(0, 2 * DAY),
        st.sampled_from(["watch", "router"]),
        st.sampled_from(["battery", "battery_low", "charging", "mains_power", "tamper", "fault"]),
        st.integers(0, 20),
    ),
    max_size=20,
)


def played(sayings: list[tuple[int, str, str, int]]) -> list[Observation]:
    at, found = NOW, []
    for gap, device, metric, number in sayings:
        at += gap
        value: Value = float(number) if metric == "battery" else bool(number % 2)
        place = "" if device == "watch" else "building-2"
        found.append(heard(device, metric, at, value, place=place))
    return found


@given(SAYINGS, st.data())
def test_a_restart_at_any_point_changes_nothing(
    sayings: list[tuple[int, str, str, int]], data: st.DataObject
) -> None:
    history = played(sayings)
    until = NOW + 60 * DAY

    def play(watch: Engine, some: list[Observation]) -> list[Decision]:
        return [decision for one in some for decision in watch.observe(one)]

    whole = engine()
    expected = play(whole, history) + whole.tick(until)
    cut = data.draw(st.integers(0, len(history)))
    before, after = engine(), Engine(RULES, HOUSE, NOW + DAY)
    decisions = play(before, history[:cut])
    after.restore(before.dirty())
    assert decisions + play(after, history[cut:]) + after.tick(until) == expected


@given(SAYINGS)
def test_raises_come_before_clears_and_nothing_is_told_of_what_is_over(
    sayings: list[tuple[int, str, str, int]],
) -> None:
    watch = engine()
    decisions = [decision for one in played(sayings) for decision in watch.observe(one)]
    decisions += watch.tick(NOW + 60 * DAY)
    open_since: dict[str, int] = {}
    for decision in decisions:
        if decision.change is CLEAR:
            assert decision.cause in open_since
            del open_since[decision.cause]
        else:
            last = open_since.get(decision.cause)
            assert last is None or (decision.cause.startswith("battery:") and decision.at > last)
            open_since[decision.cause] = decision.at


class TestReadings:
    """R-94: what it measures cannot be used for longer than the shortest class interval."""

    def test_r94_readings_that_cannot_be_used_for_three_minutes_are_told_and_cleared(self) -> None:
        watch = engine()
        assert says(watch, "usable", 0, value=False) == []
        assert watch.tick(NOW + 3 * MINUTE - 1) == []
        (raised,) = watch.tick(NOW + 3 * MINUTE)
        assert (raised.change, raised.cause, raised.subject) == (RAISE, "readings:home/watch", "wang")
        (cleared,) = says(watch, "usable", HOUR, value=True)
        assert (cleared.change, cleared.cause) == (CLEAR, "readings:home/watch")

    def test_r94_what_is_over_before_that_calls_nobody(self) -> None:
        watch = engine()
        says(watch, "usable", 0, value=False)
        assert says(watch, "usable", MINUTE, value=True) == []
        assert watch.tick(NOW + HOUR) == []
