"""Why a way to call is none, what all ways have in common, and what stands in when none works."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.observation import Observation, Quality
from devices.ourselves import broker_message, broker_observation
from devices.reading import Value
from devices.registry import Device, Registry, Supervision
from rules.decision import Change, Decision, Severity
from rules.engine import Engine
from rules.kinds.unprotected import without_line
from rules.snapshot import Row
from tests.rules.home import DAY, HOME, HOUR, MINUTE, SECOND, heard, local, rules

NOW = local("2025-11-22 12:00")
RULES = rules('[[rule]]\nid = "unprotected"\nkind = "unprotected"')
WATCH = replace(HOME.devices["home", "watch"], supervision=Supervision.H25)
CORD = Device("cord", kind="cord", place="room-1", site="home", calls=True)
RADAR = Device("radar-1", kind="radar", place="room-1", site="home", supervision=Supervision.H5)
MAT = Device("mat", kind="bed", resident="wang", site="home", supervision=Supervision.H5)


def of_wang(*devices: Device) -> Registry:
    """A home in which only wang lives, in room 1, with these devices and the hub."""
    whole = [HOME.devices["home", "hub"], *devices]
    return Registry.of(HOME.places.values(), [HOME.residents["wang"]], whole)


def engine(registry: Registry, now: int = NOW) -> Engine:
    return Engine(RULES, registry, now)


def says(
    watch: Engine, device: str, metric: str, second: int, value: Value = True, **about: str
) -> list[tuple[str, str, str, int]]:
    return told(watch.observe(heard(device, metric, NOW + second * SECOND, value, **about)))  # type: ignore[arg-type]


def broker(watch: Engine, second: int, *, reached: bool) -> list[tuple[str, str, str, int]]:
    return told(watch.observe(broker_observation(broker_message(NOW + second * SECOND, reached=reached))))


def told(decisions: list[Decision]) -> list[tuple[str, str, str, int]]:
    return [(d.change, d.subject, d.cause, (d.at - NOW) // SECOND) for d in decisions]


def at(watch: Engine, second: int) -> list[tuple[str, str, str, int]]:
    return told(watch.tick(NOW + second * SECOND))


class TestWhyALineIsNone:
    """Each reason has a grace of its own, and an end."""

    def test_r12_a_cord_pulled_out_is_no_way_to_call(self) -> None:
        watch = engine(of_wang(CORD))
        assert says(watch, "cord", "tamper", 10) == [("raise", "wang", "device:home/cord", 10)]
        assert says(watch, "cord", "battery", 20, 90.0) == [], "it lives, but hangs on the floor"
        assert says(watch, "cord", "tamper", 30, value=False) == [("clear", "wang", "device:home/cord", 30)]

    @pytest.mark.parametrize(
        ("metric", "lost", "mended", "grace"),
        [("worn", False, True, 30 * 60), ("fault", True, False, 30), ("battery", 5.0, 8.0, 600)],
    )
    def test_r29_each_reason_is_told_with_its_own_metric(
        self, metric: str, lost: Value, mended: Value, grace: int
    ) -> None:
        watch = engine(of_wang(WATCH))
        assert says(watch, "watch", metric, 10, lost) == []
        assert says(watch, "watch", metric, 20, lost) == [], "said again, it began when it was said first"
        assert at(watch, 10 + grace - 1) == []
        (raised,) = watch.tick(NOW + (10 + grace) * SECOND)
        assert (raised.cause, raised.evidence.metric) == ("device:home/watch", metric)
        assert raised.facts["why"] in {"unworn", "fault", "flat"}
        assert says(watch, "watch", "heart_rate", 5000, 70.0) == [], "it lives, but is no way to call"
        assert [change for change, *_ in says(watch, "watch", metric, 5010, mended)] == ["clear"]

    def test_r28_a_flat_battery_has_a_deadband_and_its_time(self) -> None:
        watch = engine(of_wang(WATCH))
        says(watch, "watch", "battery", 0, 5.0)
        says(watch, "watch", "battery", 590, 8.0)
        assert at(watch, 700) == [], "it was charged before the ten minutes were over"
        says(watch, "watch", "battery", 700, 4.0)
        says(watch, "watch", "battery", 710, 7.0)
        assert at(watch, 1300) == [("raise", "wang", "device:home/watch", 1300)], "7 % is within the deadband"

    def test_r28_on_its_charger_a_flat_watch_works(self) -> None:
        watch = engine(of_wang(WATCH))
        says(watch, "watch", "battery", 0, 3.0)
        says(watch, "watch", "charging", 60)
        assert at(watch, 1200) == []
        assert says(watch, "watch", "charging", 1201, value=False) == [
            ("raise", "wang", "device:home/watch", 1201)
        ], "flat since long ago"

    def test_r28_a_battery_called_low_is_a_way_to_call_until_it_was_to_be_replaced(self) -> None:
        watch = engine(of_wang(WATCH))
        for hours in range(0, 24 * 14, 8):
            assert says(watch, "watch", "battery_low", hours * 3600) == []
        assert at(watch, 14 * 86_400) == [("raise", "wang", "device:home/watch", 14 * 86_400)]

    def test_r28_a_percentage_knows_better_than_a_flag(self) -> None:
        watch = engine(of_wang(WATCH))
        says(watch, "watch", "battery_low", 0)
        for hours in range(8, 24 * 20, 8):
            assert says(watch, "watch", "battery", hours * 3600, 40.0) == []

    def test_a_watch_on_the_table_is_no_way_to_call(self) -> None:
        watch = engine(of_wang(WATCH))
        says(watch, "watch", "worn", 0, value=False)
        assert at(watch, 1800) == [("raise", "wang", "device:home/watch", 1800)]

    def test_by_day_a_watch_may_be_charged_for_three_hours(self) -> None:
        watch = engine(of_wang(WATCH))
        says(watch, "watch", "worn", 0, value=False)
        says(watch, "watch", "charging", 0)
        assert at(watch, 3 * 3600 - 1) == []
        assert at(watch, 3 * 3600) == [("raise", "wang", "device:home/watch", 3 * 3600)]

    def test_at_night_it_lies_on_its_charger_beside_the_bed(self) -> None:
        watch = engine(of_wang(WATCH))
        evening = (local("2025-11-22 20:00") - NOW) // SECOND
        says(watch, "watch", "worn", evening, value=False)
        says(watch, "watch", "charging", evening)
        morning = (local("2025-11-23 07:30") - NOW) // SECOND
        assert at(watch, morning - 1) == []
        assert at(watch, morning) == [("raise", "wang", "device:home/watch", morning)]

    def test_a_home_may_think_otherwise_of_the_night(self) -> None:
        text = '[[rule]]\nid = "u"\nkind = "unprotected"\ncharging_at_night = false\ncharging_after = "1h"'
        watch = Engine(rules(text), of_wang(WATCH), NOW)
        evening = (local("2025-11-22 22:00") - NOW) // SECOND
        says(watch, "watch", "worn", evening, value=False)
        says(watch, "watch", "charging", evening)
        assert at(watch, evening + 3600) == [("raise", "wang", "device:home/watch", evening + 3600)]

    def test_r94_what_is_bad_or_stale_says_nothing_of_a_device(self) -> None:
        watch = engine(of_wang(CORD))
        assert says(watch, "cord", "tamper", 10, quality=Quality.BAD) == []
        assert says(watch, "cord", "tamper", 20, quality=Quality.STALE) == []


class TestTheWay:
    """A cord of the room is a way for all who dwell there; gateways may stand behind gateways."""

    def test_a_cord_of_her_room_is_a_way_to_call(self) -> None:
        short = replace(WATCH, supervision=Supervision.S90)
        watch = engine(of_wang(short, CORD))
        assert at(watch, HOUR // SECOND) == []
        assert at(watch, 90_000) == [("raise", "wang", "device:home/cord", 90_000)]

    def test_a_cord_of_a_room_counts_for_all_of_its_people(self) -> None:
        cord = replace(CORD, place="room-2", gateway="hub-2", supervision=Supervision.H25)
        registry = Registry.of(HOME.places.values(), HOME.residents.values(), [*HOME.devices.values(), cord])
        watch = engine(registry)
        assert {subject for _, subject, *_ in at(watch, HOUR // SECOND)} == {"wang"}
        watch.observe(heard("cord", "tamper", NOW + HOUR + SECOND))
        assert without_line(registry) == ["meyer"]

    def test_r49_a_gateway_behind_a_gateway_is_told_as_the_outer_one(self) -> None:
        inner, outer = Device("inner", site="home", gateway="outer"), Device("outer", site="home")
        watch = engine(of_wang(replace(WATCH, gateway="inner"), inner, outer))
        says(watch, "inner", "online", 10, value=False)
        says(watch, "outer", "online", 12, value=False)
        assert at(watch, 40) == [("raise", "wang", "gateway:home/outer", 40)]
        assert says(watch, "watch", "heart_rate", 50, 70.0) == [("clear", "wang", "gateway:home/outer", 50)]

    def test_gateways_in_a_ring_are_followed_once(self) -> None:
        one, two = Device("one", site="home", gateway="two"), Device("two", site="home", gateway="one")
        watch = engine(of_wang(replace(WATCH, gateway="one"), one, two))
        says(watch, "two", "online", 1, value=False)
        assert at(watch, 31) == [("raise", "wang", "gateway:home/two", 31)]

    def test_r22_a_gateway_that_spoke_regularly_and_falls_silent_is_lost(self) -> None:
        hub = Device("hub", site="home", supervision=Supervision.S180)
        watch = engine(of_wang(hub, WATCH))
        for second in range(0, 601, 60):
            says(watch, "hub", "rssi", second, -60.0)
        assert at(watch, 779) == []
        assert at(watch, 780) == [("raise", "wang", "gateway:home/hub", 780)]
        assert says(watch, "hub", "rssi", 800, -60.0) == [("clear", "wang", "gateway:home/hub", 800)]

    def test_a_gateway_that_speaks_only_when_it_connects_is_not_taken_for_silent(self) -> None:
        hub = Device("hub", site="home", supervision=Supervision.S180)
        watch = engine(of_wang(hub, WATCH))
        for day in range(3):
            for second in range(5):
                says(watch, "hub", "online", day * 86_400 + second)
            says(watch, "watch", "heart_rate", day * 86_400 + 60, 70.0)
        assert at(watch, 3 * 86_400) == []

    def test_her_own_line_speaks_for_a_silent_gateway(self) -> None:
        hub = Device("hub", site="home", supervision=Supervision.S180)
        watch = engine(of_wang(hub, WATCH))
        for second in range(0, 601, 60):
            says(watch, "hub", "rssi", second, -60.0)
        says(watch, "watch", "heart_rate", 700, 70.0)
        assert at(watch, 879) == []
        assert at(watch, 880) == [("raise", "wang", "gateway:home/hub", 880)]


class TestTheBroker:
    """While we do not reach the broker nothing is known of anybody: one cause for all."""

    def test_r49_the_broker_is_one_cause_for_all(self) -> None:
        watch = engine(HOME)
        assert broker(watch, 10, reached=False) == []
        raised = [("raise", who, "broker", 40) for who in ("li", "wang", "zhao")]
        assert at(watch, 1000) == raised, "and nobody is told of the silence of her own devices"
        back = broker(watch, 1001, reached=True)
        assert sorted(back) == [("clear", who, "broker", 1001) for who in ("li", "wang", "zhao")]

    def test_r27_what_was_only_silent_because_of_it_is_not_told_afterwards(self) -> None:
        watch = engine(HOME)
        broker(watch, 10, reached=False)
        at(watch, 1000)
        broker(watch, 1001, reached=True)
        assert at(watch, 1090) == [], "each has its whole supervision to come back"
        assert at(watch, 1091) == [("raise", "wang", "device:home/watch", 1091)]

    def test_a_device_of_the_longest_class_has_what_was_left_of_it(self) -> None:
        watch = engine(of_wang(WATCH))
        broker(watch, 89_000, reached=False)
        broker(watch, 89_600, reached=True)
        assert at(watch, 90_599) == []
        assert at(watch, 90_600) == [("raise", "wang", "device:home/watch", 90_600)]

    def test_a_reconnect_of_ours_is_no_outage(self) -> None:
        watch = engine(HOME)
        broker(watch, 80, reached=False)
        assert at(watch, 99) == []
        assert broker(watch, 100, reached=True) == []
        assert at(watch, 109) == []
        assert at(watch, 110) == [("raise", "wang", "device:home/watch", 110)], "90 s that we could hear"

    def test_what_was_lost_before_stays_what_it_was(self) -> None:
        watch = engine(HOME)
        assert at(watch, 90) == [("raise", "wang", "device:home/watch", 90)]
        broker(watch, 100, reached=False)
        assert at(watch, 1000) == [("raise", who, "broker", 130) for who in ("li", "zhao")]
        assert sorted(broker(watch, 1001, reached=True)) == [
            ("clear", who, "broker", 1001) for who in ("li", "zhao")
        ]

    def test_what_is_wrong_besides_is_told_when_the_broker_is_back(self) -> None:
        watch = engine(of_wang(WATCH))
        says(watch, "watch", "battery", 0, 4.0)
        broker(watch, 10, reached=False)
        assert at(watch, 2000) == [("raise", "wang", "broker", 40)]
        assert broker(watch, 2001, reached=True) == [
            ("clear", "wang", "broker", 2001),
            ("raise", "wang", "device:home/watch", 2001),
        ]

    def test_it_is_told_once_however_often_it_is_said(self) -> None:
        watch = engine(of_wang(WATCH))
        broker(watch, 10, reached=False)
        broker(watch, 20, reached=False)
        assert at(watch, 40) == [("raise", "wang", "broker", 40)]
        broker(watch, 50, reached=False)
        assert len(broker(watch, 60, reached=True)) == 1
        assert broker(watch, 70, reached=True) == []

    def test_nobody_but_the_service_can_say_it(self) -> None:
        watch = engine(of_wang(WATCH))
        for site in ("home", "", "broker"):
            fake = broker_observation(broker_message(NOW + SECOND, reached=False))._replace(site=site)
            assert watch.observe(fake) == []
        assert at(watch, HOUR // SECOND) == []


class TestWhatStandsIn:
    """Who cannot call but is watched is told of at low severity; who is alone for long, at high."""

    def raised(self, *around: Device, says_also: Iterable[tuple[str, str, Value]] = ()) -> list[Decision]:
        watch = engine(of_wang(CORD, *around))
        for device, metric, value in says_also:
            watch.observe(heard(device, metric, NOW, value))
        return watch.observe(heard("cord", "tamper", NOW + SECOND))

    def test_alone_is_of_the_rules_severity(self) -> None:
        (raised,) = self.raised()
        assert (raised.severity, "stand_in" in raised.facts) == (Severity.MEDIUM, False)

    def test_a_radar_of_her_room_stands_in(self) -> None:
        (raised,) = self.raised(RADAR, says_also=[("radar-1", "presence", True)])
        assert (raised.severity, raised.facts["stand_in"]) == (Severity.LOW, "radar radar-1")

    def test_a_detector_that_was_never_heard_stands_in_for_nobody(self) -> None:
        (raised,) = self.raised(RADAR)
        assert raised.severity is Severity.MEDIUM

    @pytest.mark.parametrize(("in_bed", "severity"), [(True, Severity.LOW), (False, Severity.MEDIUM)])
    def test_a_bed_sensor_stands_in_while_she_lies_there(self, in_bed: bool, severity: Severity) -> None:
        (raised,) = self.raised(MAT, says_also=[("mat", "bed_occupied", in_bed)])
        assert raised.severity is severity

    def test_getting_up_leaves_her_alone(self) -> None:
        watch = engine(of_wang(CORD, MAT))
        watch.observe(heard("mat", "bed_occupied", NOW))
        says(watch, "cord", "tamper", 1)
        (again,) = watch.observe(heard("mat", "bed_occupied", NOW + MINUTE, value=False))
        assert (again.change, again.severity, again.cause) == ("raise", Severity.MEDIUM, "device:home/cord")

    def test_two_hours_alone_are_told_as_high(self) -> None:
        watch = engine(of_wang(CORD))
        says(watch, "cord", "tamper", 0)
        assert at(watch, 7199) == []
        (again,) = watch.tick(NOW + 2 * HOUR)
        assert (again.severity, again.facts["for_h"]) == (Severity.HIGH, 2)
        assert at(watch, 5 * 86_400) == [], "once"

    def test_two_hours_count_from_the_end_of_what_stood_in(self) -> None:
        watch = engine(of_wang(CORD, RADAR))
        watch.observe(heard("radar-1", "presence", NOW))
        says(watch, "cord", "tamper", 0)
        silent = 5 * 3600
        assert at(watch, silent) == [("raise", "wang", "device:home/cord", silent)]
        assert at(watch, silent + 7199) == []
        (again,) = watch.tick(NOW + 7 * HOUR)
        assert again.severity is Severity.HIGH

    def test_a_person_stands_in_until_they_say_otherwise(self) -> None:
        watch = engine(of_wang(CORD))
        says(watch, "cord", "tamper", 0)
        there = heard("desk", "stand_in", NOW + HOUR, resident="wang")._replace(by="chen")
        (note,) = watch.observe(there)
        assert (note.change, note.facts) == (Change.NOTE, {"stand_in": "chen"})
        assert at(watch, 11 * 3600) == [], "not alone, so not for too long"
        watch.observe(there._replace(value=False, at=NOW + 11 * HOUR, received_at=NOW + 11 * HOUR))
        (again,) = watch.tick(NOW + 13 * HOUR)
        assert again.severity is Severity.HIGH

    def test_a_persons_word_holds_for_a_shift(self) -> None:
        watch = engine(of_wang(CORD))
        watch.observe(heard("desk", "stand_in", NOW, resident="wang")._replace(by="chen"))
        (raised,) = watch.observe(heard("cord", "tamper", NOW + SECOND))
        assert (raised.severity, raised.facts["stand_in"]) == (Severity.LOW, "chen")
        assert at(watch, 12 * 3600) == [("raise", "wang", "device:home/cord", 12 * 3600)]


class TestHerAbsence:
    """Who is not here needs no way to call here."""

    def gone(self, watch: Engine, second: int, where: str) -> list[Decision]:
        watch.observe(heard("desk", "absence", NOW + second * SECOND, where, resident="wang"))
        return watch.tick(NOW + (second + 2) * SECOND)

    def test_r57_what_holds_while_she_is_in_hospital_is_suppressed(self) -> None:
        watch = engine(of_wang(CORD))
        self.gone(watch, 0, "hospital")
        (kept,) = watch.observe(heard("cord", "tamper", NOW + MINUTE))
        assert (kept.change, kept.facts["why"]) == (Change.SUPPRESS, "hospital")

    def test_her_leaving_ends_the_alert_and_her_return_gives_time_to_put_the_watch_on(self) -> None:
        watch = engine(of_wang(CORD))
        says(watch, "cord", "tamper", 0)
        ended, kept = self.gone(watch, 60, "leave")
        assert (ended.change, kept.change) == (Change.CLEAR, Change.SUPPRESS)
        assert self.gone(watch, 3600, "present") == []
        says(watch, "cord", "battery", 3700, 50.0)
        assert at(watch, 5399) == []
        assert at(watch, 5400) == [("raise", "wang", "device:home/cord", 5400)]


def test_a_clock_that_was_ahead_leaves_no_silence_unnoticed() -> None:
    ahead = engine(of_wang(WATCH))
    ahead.observe(heard("watch", "heart_rate", NOW + 3650 * DAY, 70.0))
    snapshot = ahead.dirty()
    right = Engine(
        rules('[[rule]]\nid = "unprotected"\nkind = "unprotected"\nafter = "31s"'), of_wang(WATCH), NOW
    )
    right.restore(snapshot)
    assert at(right, 90_000) == [("raise", "wang", "device:home/watch", 90_000)]


MODEL = rules("""
[[rule]]
id = "unprotected"
kind = "unprotected"
unworn_after = "60s"
flat_after = "45s"
settle = "0s"
alone_for = "30d"
""")
MODEL_HOME = Registry.of(
    HOME.places.values(),
    [HOME.residents["wang"], HOME.residents["li"], HOME.residents["zhao"]],
    [
        *HOME.devices.values(),
        replace(CORD, place="room-2", gateway="hub-2", supervision=Supervision("4min")),
    ],
)
LINES = {
    "wang": [("watch", 90, "hub")],
    "li": [("band", 180, "hub"), ("cord", 240, "hub-2")],
    "zhao": [("pendant", 90, ""), ("button", 180, "hub-2"), ("cord", 240, "hub-2")],
}
SAID: dict[str, tuple[str, Value]] = {
    "value": ("heart_rate", 70.0),
    "online": ("online", True),
    "offline": ("online", False),
    "taken off": ("worn", False),
    "put on": ("worn", True),
    "flat": ("battery", 3.0),
    "full": ("battery", 90.0),
    "pulled": ("tamper", True),
    "mended": ("tamper", False),
}
TROUBLES = [("taken off", "put on", 60), ("flat", "full", 45), ("pulled", "mended", 0)]
Happen = tuple[str, str]
Happening = tuple[int, str, str]
HAPPENINGS = st.lists(
    st.tuples(
        st.integers(1, 45),
        st.sampled_from(["watch", "band", "pendant", "button", "cord"]),
        st.sampled_from(sorted(SAID)),
    )
    | st.tuples(st.integers(1, 45), st.sampled_from(["hub", "hub-2"]), st.sampled_from(["online", "offline"]))
    | st.tuples(st.integers(1, 45), st.just("broker"), st.sampled_from(["online", "offline"])),
    max_size=25,
)


class Model:
    """Asks the whole history, at each second, whether a line works. Seconds from NOW."""

    def __init__(self, happenings: list[tuple[int, str, str]]) -> None:
        self.history: list[Happening] = []
        self.outages: list[tuple[int, int]] = []
        second, since = 0, None
        for gap, who, what in happenings:
            second += gap
            if who == "broker":
                if (what == "offline") == (since is None):
                    self.outages += [] if since is None else [(since, second)]
                    since = second if what == "offline" else None
                self.history.append((second, who, what))
            elif since is None:  # else nobody hears it
                self.history.append((second, who, what))
        self.outages += [] if since is None else [(since, 1 << 30)]
        self.end = second + 400

    def unreached(self, known: int) -> int | None:
        """Since when the broker is not reached."""
        return next((since for since, until in self.outages if since <= known < until), None)

    def over(self, known: int) -> list[tuple[int, int]]:
        return [outage for outage in self.outages if outage[1] <= known]

    def holds_since(self, begins: Happen, ends: set[Happen], known: int) -> int | None:
        found = None
        for second, *happened in self.history:
            if second > known:
                break
            if tuple(happened) in ends:
                found = None
            elif tuple(happened) == begins and found is None:
                found = second
        return found

    def works(self, resident: str, line: tuple[str, int, str], now: int, known: int) -> bool:
        device, silence, gateway = line
        alive = {(device, what) for what in SAID if what != "offline"}
        heard = max(
            (s for s, *happened in self.history if tuple(happened) in alive and s <= known), default=0
        )
        deaf = sum(min(until, now) - max(since, heard) for since, until in self.over(known) if until > heard)
        if now - heard - deaf >= silence:
            return False
        hers = {(one, what) for one, _, via in LINES[resident] if via == gateway for what in SAID}
        through = {(gateway, "online")} | {one for one in hers if one[1] != "offline"}
        for who, proofs in ((device, alive), (gateway, through)):
            gone = self.holds_since((who, "offline"), proofs, known)
            for since, until in self.over(known):
                if gone is not None and gone < until and since < gone + 30:
                    gone = until
            if gone is not None and now - gone >= 30:
                return False
        for begins, ends, grace in TROUBLES:
            told = self.holds_since((device, begins), {(device, ends)}, known)
            if told is not None and now - told >= grace:
                return False
        return True

    def expected(self, resident: str) -> list[tuple[str, bool, int]]:
        """Raises and clears of one person: what, whether for the broker, when."""
        found: list[tuple[str, bool, int]] = []
        state = ""
        for now in range(self.end + 1):
            for known in (now - 1, now):  # a deadline comes before what is heard at the same time
                since = self.unreached(known)
                if since is not None:
                    if not state and now - since >= 30:
                        state = "broker"
                        found.append(("raise", True, now))
                    continue
                lost = not any(self.works(resident, line, now, known) for line in LINES[resident])
                if state == "broker" or (state and not lost):
                    found.append(("clear", state == "broker", now))
                    state = ""
                if lost and not state:
                    state = "other"
                    found.append(("raise", False, now))
        return found

    def observations(self) -> list[Observation]:
        found = []
        for second, who, what in self.history:
            if who == "broker":
                message = broker_message(NOW + second * SECOND, reached=what == "online")
                found.append(broker_observation(message))
            else:
                found.append(heard(who, SAID[what][0], NOW + second * SECOND, SAID[what][1]))
        return found


def play(watch: Engine, observations: list[Observation], until: int) -> list[Decision]:
    decisions = [decision for observation in observations for decision in watch.observe(observation)]
    return decisions + watch.tick(NOW + until * SECOND)


@given(HAPPENINGS)
def test_exactly_those_are_alerted_who_have_no_working_line_once_per_cause(
    happenings: list[tuple[int, str, str]],
) -> None:
    model = Model(happenings)
    decisions = play(Engine(MODEL, MODEL_HOME, NOW), model.observations(), model.end)
    for resident in LINES:
        mine = [d for d in decisions if d.subject == resident]
        assert [
            (d.change.value, d.cause == "broker", (d.at - NOW) // SECOND) for d in mine
        ] == model.expected(resident)
        for raised, cleared in pairwise(mine):
            if cleared.change is Change.CLEAR:
                assert raised.cause == cleared.cause
    assert len(
        {(d.at, d.cause) for d in decisions if d.cause == "broker" and d.change is Change.RAISE}
    ) <= len(model.outages), "an outage of the broker is one moment and one cause"


@given(HAPPENINGS, st.data())
def test_a_restart_at_any_point_changes_nothing(
    happenings: list[tuple[int, str, str]], data: st.DataObject
) -> None:
    model = Model(happenings)
    observations = model.observations()
    expected = play(Engine(MODEL, MODEL_HOME, NOW), observations, model.end)
    cut = data.draw(st.integers(0, len(observations)))
    first, second = Engine(MODEL, MODEL_HOME, NOW), Engine(MODEL, MODEL_HOME, NOW + DAY)
    decisions = [decision for one in observations[:cut] for decision in first.observe(one)]
    rows: list[Row] = first.dirty()
    assert second.restore(rows) == []
    assert decisions + play(second, observations[cut:], model.end) == expected
