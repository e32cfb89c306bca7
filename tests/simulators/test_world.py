"""The world: a pure function of scenario, seed and start, that says what devices really say."""

import json
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices import registry_files
from devices.decode import decode
from devices.message import Message
from devices.metrics import METRICS, Kind
from devices.reading import Decoded
from devices.registry import Registry
from simulators import registry, scenario
from simulators.life import DAY_MS, Life
from simulators.publication import Publication
from simulators.scenario import Scenario
from simulators.truth import Expected, Tally, expected
from simulators.world import World

DAY = date(2025, 11, 20)
NAMES = sorted(scenario.known())

CALM = """
start = "20:50"
duration = "13h"
residents = 10
every = { wearable = "10m", bed = "10m", gateway = "10m" }
[description]
zh = "静"
en = "calm"
"""


def parsed(text: str) -> Scenario:
    found = scenario.parse("test", text)
    assert isinstance(found, Scenario), found
    return found


def world(name: str, seed: int = 1) -> World:
    found = scenario.read(name)
    assert isinstance(found, Scenario), found
    return World(found, seed, found.start_ms(DAY))


def world_of(text: str, seed: int = 1) -> World:
    found = parsed(text)
    return World(found, seed, found.start_ms(DAY))


def native(publications: Iterator[Publication]) -> Iterator[tuple[Publication, dict[str, object]]]:
    for said in publications:
        if said.topic.startswith("shouwang/") and said.payload.startswith(b"{"):
            yield said, json.loads(said.payload)


def alerts(of: World) -> list[tuple[str, tuple[str, ...], int]]:
    return [(each.rule, each.subjects, (each.at_ms - of.start_ms) // 1000) for each in expected(of.timetable)]


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_run_in_time_order(name: str) -> None:
    once = list(world(name))
    assert once == list(world(name))
    assert all(before.at_ms <= after.at_ms for before, after in pairwise(once))
    of = world(name)
    assert once == list(of) == list(of)
    assert all(of.start_ms <= said.at_ms < of.end_ms for said in once)


def test_another_seed_gives_another_run() -> None:
    assert list(world("demo", 1)) != list(world("demo", 2))


def test_ids_are_unique_over_runs() -> None:
    runs = [world("demo", 1), world("demo", 2), world("gateway_lost", 1)]
    ids = [(said.device, body["id"]) for run in runs for said, body in native(iter(run))]
    assert len(ids) == len(set(ids)) > 1000


@pytest.mark.parametrize("name", NAMES)
def test_native_messages_are_those_of_the_protocol(name: str) -> None:
    for said, body in native(iter(world(name))):
        root, version, site, device, channel = said.topic.split("/")
        assert (root, version, site, device) == ("shouwang", "v1", "home-1", said.device)
        assert said.qos == 1
        if channel == "motion":  # a second of it, sent when it is over; what it is is its identity
            assert body.keys() == {"ts", "fs", "position", "xyz_i16", "scale"}
            assert body["ts"] == said.at_ms - 1000
            continue
        assert body.pop("ts") == said.at_ms
        assert isinstance(body.pop("id"), str)
        assert said.retain == (channel == "status")
        if channel == "telemetry":
            assert all(METRICS[name].kind in {Kind.QUANTITY, Kind.STATE} for name in body)
            for metric, value in body.items():
                assert isinstance(value, bool) == (METRICS[metric].kind is Kind.STATE)
        else:
            assert channel in {"event", "status"}


@pytest.mark.parametrize("name", NAMES)
def test_the_service_understands_every_message_as_the_tally_says(name: str) -> None:
    """The simulator encodes by itself; here the service's decoder reads it."""
    people = registry_files.read([("home.toml", registry.of_home(10))])
    assert isinstance(people, Registry), people
    tally, heard = Tally(), defaultdict[str, Counter[str]](Counter)
    for said in world(name):
        tally.add(said)
        decoded = decode(Message(said.topic, said.payload, said.at_ms, said.retain, said.qos), people)
        assert isinstance(decoded, Decoded), (said, decoded)
        assert not decoded.rejected, (said, decoded)
        heard[said.device].update(reading.metric for reading in decoded.readings if not said.repeat)
    assert heard == tally.observed


def test_a_press_of_a_button_is_three_messages() -> None:
    pressed = [said for said in world("demo") if said.topic.startswith("zigbee2mqtt/button-03")]
    at = pressed[-3].at_ms
    assert [(said.at_ms - at, said.topic.removeprefix("zigbee2mqtt/")) for said in pressed[-3:]] == [
        (0, "button-03"),
        (60, "button-03"),
        (80, "button-03/action"),
    ]
    first, second = (json.loads(said.payload) for said in pressed[-3:-1])
    assert first["action"] == "emergency"
    assert second == first | {"action": ""}
    assert pressed[-1].payload == b"emergency"
    assert pressed[-1].repeat


def test_demo_expects_what_its_incidents_say() -> None:
    everyone = tuple(f"r-{number:02}" for number in range(1, 11))
    assert alerts(world("demo")) == [
        ("sos", ("r-03",), 120),
        ("fall", ("r-07",), 360),
        ("long-lie", ("r-07",), 390),
        ("long-lie", ("r-07",), 540),
        ("sos", ("r-09",), 960),
        ("daily-check-in", ("r-05",), 25 * 60),
        ("unprotected", everyone, 27 * 60),
    ]


def test_everybody_else_checks_in_while_the_demo_runs() -> None:
    demo = world("demo")
    said = {said.device: said.at_ms for said, body in native(iter(demo)) if body.get("event") == "check_in"}
    assert set(said) == {f"w-{number:02}" for number in range(1, 11)} - {"w-05"}
    assert all(0 < at - demo.start_ms < 10 * 60_000 for at in said.values())


def test_a_calm_night_expects_nothing() -> None:
    assert alerts(world("calm_night")) == []


@given(seed=st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_rounds_and_check_ins_of_a_calm_night_are_in_time_whatever_the_seed(seed: int) -> None:
    calm = world_of(CALM, seed)
    events = defaultdict[tuple[str, str], list[int]](list)
    for said, body in native(iter(calm)):
        events[said.device, str(body.get("event"))].append((said.at_ms - calm.start_ms) // 1000)
    dusk, dawn, deadline = 600, 600 + 10 * 3600, 600 + 12 * 3600 + 1800
    for person in calm.timetable.people:
        hours = int(person.care_level)
        visits = [dusk, *(at for at in events[person.bed_sensor, "visit"] if at < dawn)]
        assert all(after - before <= hours * 3600 * 1.1 for before, after in pairwise(visits))
        assert dawn - visits[-1] < hours * 3600
        (check_in,) = events[person.wearable, "check_in"]
        assert deadline - 4.5 * 3600 < check_in < deadline
    assert alerts(calm) == []


def test_a_missed_round_is_overdue_from_the_last_visit_on() -> None:
    def missed(at: str, lasts: str) -> list[tuple[str, tuple[str, ...], int]]:
        incident = f'[[incident]]\nkind = "missed_visit"\nat = "{at}"\nlasts = "{lasts}"\nwho = "r-02"'
        return alerts(world_of(CALM + incident))

    dusk, hour = 600, 3600
    assert missed("10m", "1h30m") == [("night-round", ("r-02",), dusk + hour + 360)]
    (later,) = missed("3h", "1h")
    assert later[:2] == ("night-round", ("r-02",))
    assert dusk + 3 * hour + 60 <= later[2] < dusk + 3 * hour + 360
    first, second = (dusk + hour + 360, dusk + 2 * hour + 360)
    assert missed("10m", "2h30m") == [("night-round", ("r-02",), at) for at in (first, second)]
    assert missed("8h20m", "10m") == []


def test_whoever_calls_while_nobody_can_hear_is_not_expected_but_unprotected() -> None:
    lost = world_of(
        CALM
        + """
        [[incident]]
        kind = "gateway_lost"
        at = "1m"
        lasts = "5m"
        [[incident]]
        kind = "sos"
        at = "2m"
        who = "r-01"
        """
    )
    assert [rule for rule, _, _ in alerts(lost)] == ["unprotected"]
    silent = [said for said in lost if 60_000 <= said.at_ms - lost.start_ms < 360_000]
    assert [said.will for said in silent] == [True, True]


@pytest.mark.parametrize(("device", "people"), [("button", []), ("wearable", ["r-04"])])
def test_one_device_that_still_works_protects(device: str, people: list[str]) -> None:
    text = f"""
        [[incident]]
        kind = "gateway_lost"
        which = "bridge"
        at = "5m"
        lasts = "10m"
        [[incident]]
        kind = "device_offline"
        device = "{device}"
        who = "r-04"
        at = "8m"
        lasts = "10m"
        """
    of = world_of(CALM + text)
    assert alerts(of) == [("unprotected", tuple(people), 8 * 60 + 30)] * len(people)
    assert "offline" in [said.payload.decode() for said in of if said.device == "w-04"] or not people


def test_outages_too_short_to_matter_are_not_expected() -> None:
    of = world_of(CALM + '[[incident]]\nkind = "gateway_lost"\nat = "5m"\nlasts = "30s"')
    assert alerts(of) == []


def test_a_second_call_by_the_same_person_is_raised_not_opened() -> None:
    told = [each.event for each in expected(world("sos_by_day").timetable) if each.subjects == ("r-02",)]
    assert told == ["opened", "raised"]


def test_lines_of_the_truth() -> None:
    one = Expected("sos", "high", 5, 1000, ("r-01",))
    all_of_them = Expected("unprotected", "high", 6, 1000, ("r-01",))
    assert json.loads(one.line()) == {
        "event": "opened", "rule": "sos", "subject": "r-01", "severity": "high", "at": 5, "within_ms": 1000,
    }  # fmt: skip
    assert json.loads(all_of_them.line())["subjects"] == ["r-01"]


def test_lines_for_replay_carry_the_payload_as_it_is() -> None:
    for said in world("demo"):
        line = json.loads(said.line())
        assert (line["at"], line["topic"]) == (said.at_ms, said.topic)
        if "payload" in line:
            assert line["payload"] == json.loads(said.payload)
        else:
            assert said.payload in {b"online", b"offline", b"emergency"}


@given(seed=st.text(max_size=5), at=st.integers(0, 3 * DAY_MS), fall=st.integers(0, 3 * DAY_MS))
def test_who_has_fallen_does_not_lie_in_bed(seed: str, at: int, fall: int) -> None:
    start = 1_763_600_000_000
    up = (start + fall, start + fall + 1_800_000)
    life = Life(seed, start, start + 3 * DAY_MS, [up])
    assert all(before < after for span in life.in_bed for before, after in [span])
    assert all(before[1] <= after[0] for before, after in pairwise(life.in_bed))
    instant = start + at
    assert life.lies(instant) == any(begins <= instant < ends for begins, ends in life.in_bed)
    assert not any(life.lies(instant) for instant in range(*up, 60_000))


@pytest.mark.parametrize("count", [1, 10, 45])
def test_the_registry_is_what_the_service_reads(count: int) -> None:
    text = registry.of_home(count)
    read = registry_files.read([("home.toml", text)])
    assert isinstance(read, Registry), read
    assert len(read.residents) == count
    assert len(read.devices) == 3 * count + 2
    assert tomllib.loads(text)["place"][0]["timezone"] == "Asia/Shanghai"
    beds = [resident.place for resident in read.residents.values()]
    assert len(set(beds)) == count
    for device in read.devices.values():
        assert device.kind == "gateway" or read.devices.keys() & {
            ("home-1", device.gateway),
            ("", device.gateway),
        }
