"""The truth follows from incidents alone. Fed with the same run, the service's rules come to the same."""

from collections import defaultdict
from datetime import date

import pytest

from devices import registry_files
from devices.decode import decode
from devices.message import Message
from devices.normalise import normalise
from devices.reading import Decoded
from devices.registry import Registry
from rules import configuration
from rules.decision import Change, Decision
from rules.engine import Engine
from simulators import registry, scenario
from simulators.scenario import Scenario
from simulators.truth import expected
from simulators.world import World

NOBODY_COMES = """
start = "20:50"
duration = "11h"
[description]
zh = "没有人来"
en = "nobody comes"
[[incident]]
kind = "missed_visit"
at = "3h"
lasts = "4h"
who = "r-02"
[[incident]]
kind = "missed_visit"
at = "10m"
lasts = "3h30m"
who = "r-03"
[[incident]]
kind = "device_offline"
at = "1h"
lasts = "40m"
who = "r-04"
device = "button"
[[incident]]
kind = "gateway_lost"
at = "1h30m"
lasts = "1m"
which = "gw-1"
[[incident]]
kind = "sos"
at = "1h30m30s"
who = "r-05"
device = "wearable"
"""


def decided(world: World) -> list[Decision]:
    """What the default rules decide when every message arrives the moment it is sent."""
    people = registry_files.read([("home.toml", registry.of_home(world.scenario.residents))])
    assert isinstance(people, Registry), people
    engine = Engine(configuration.default(), people, world.start_ms)
    decisions: list[Decision] = []
    for said in world:
        message = Message(said.topic, said.payload, said.at_ms, retained=False, qos=said.qos)
        decoded = decode(message, people)
        assert isinstance(decoded, Decoded), decoded
        for observation in normalise(decoded, message, people).observations:
            decisions += engine.observe(observation)
    decisions += engine.tick(world.end_ms - 1)
    assert engine.failures() == []
    return decisions


# A felt fall is decided seconds later, by the detector: `tests/commands/test_replay.py` has its truth.
TOLD = [name for name in scenario.known() if name != "fall_felt"]


@pytest.mark.parametrize("name", [*TOLD, "nobody comes"])
def test_the_rules_raise_what_the_truth_expects_and_nothing_else(name: str) -> None:
    found = scenario.parse(name, NOBODY_COMES) if name == "nobody comes" else scenario.read(name)
    assert isinstance(found, Scenario), found
    world = World(found, 1, found.start_ms(date(2025, 11, 20)))
    raised: defaultdict[tuple[str, int, str], set[str]] = defaultdict(set)
    severities: dict[str, str] = {}
    for decision in decided(world):
        if decision.change is Change.RAISE:
            cause = decision.cause if decision.rule == "unprotected" else decision.subject
            raised[decision.rule, decision.at // 1000, cause].add(decision.subject)
            severities[decision.rule] = decision.severity
    assert sorted((rule, at, tuple(sorted(people))) for (rule, at, _), people in raised.items()) == sorted(
        (each.rule, each.at_ms // 1000, each.subjects) for each in expected(world.timetable)
    )
    assert severities == {each.rule: each.severity for each in expected(world.timetable)}
