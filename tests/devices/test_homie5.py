"""Homie: a lost root takes its children with it; units come from descriptions; alerts are by their ids."""

import pytest

from devices.reading import Decoded, Reason, Rejected
from tests.devices.taught import Taught


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("ready", {"online": True}),
        ("lost", {"online": False}),
        ("disconnected", {"online": False}),
        ("init", {}),
        ("sleeping", {}),
        ("alert", {"online": True, "fault": True}),
        ("", {"device_left": True}),
    ],
)
@pytest.mark.parametrize("base", ["homie/5/bed-12", "homie/bed-12", "house/5/bed-12"])
def test_states_of_all_versions(base: str, state: str, said: dict[str, object]) -> None:
    readings = Taught().readings(f"{base}/$state", state)
    assert {one.metric: one.value for one in readings} == said
    assert {one.device for one in readings} <= {"bed-12"}


@pytest.mark.parametrize(
    ("text", "said"), [("true", {"online": True}), ("false", {"online": False}), ("", {})]
)
def test_the_oldest_devices_say_whether_they_are_online(text: str, said: dict[str, object]) -> None:
    assert Taught().said("homie/bed-12/$online", text) == said


def test_an_unknown_state_is_rejected() -> None:
    answer = Taught().hear("homie/5/bed-12/$state", "dancing")
    assert isinstance(answer, Rejected)
    assert (answer.reason, answer.device) == (Reason.WRONG_SHAPE, "bed-12")


def test_a_lost_root_takes_its_children_and_theirs_with_it() -> None:
    taught = Taught()
    taught.hear("homie/5/bridge/$description", {"homie": "5.0", "version": 1, "children": ["relay"]})
    taught.hear("homie/5/relay/$description", {"root": "bridge", "children": ["light1", "light2"]})
    taught.hear("homie/5/light1/$description", {"root": "bridge", "parent": "relay"})
    lost = taught.readings("homie/5/bridge/$state", "lost")
    assert [one.device for one in lost] == ["bridge", "relay", "light1", "light2"]
    assert {one.value for one in lost} == {False}
    assert [one.device for one in taught.readings("homie/5/bridge/$state", "disconnected")] == ["bridge"]


@pytest.mark.parametrize(
    ("topic", "payload", "said"),
    [
        ("bed/occupied", "true", {"bed_occupied": True}),
        ("bed/occupied", "false", {"bed_occupied": False}),
        ("bed/occupied", "TRUE", {"bed_occupied": True}),
        ("bed/occupied", "", {}),
        ("bed/occupied", "\0", {}),
        ("sos/pressed", "true", {"sos": True}),
        ("sos/pressed", "false", {}),
        ("radar/fall", "suspected", {"fall_suspected": True}),
        ("vitals/heart-rate", "64", {"heart_rate": 64}),
        ("vitals/heart-rate", "0", {}),
        ("air/temperature", "21.5", {"room_temperature": 21.5}),
        ("outside/temperature", "3", {}),
        ("temperature/degrees", "21.5", {"room_temperature": 21.5}),
        ("humidity/percent", "44", {"humidity": 44}),
        ("door/set", "true", {}),
        ("relay/power/set", "true", {}),
        ("air/temperature/$target", "22", {}),
        ("thing/odd", "1", {}),
    ],
)
def test_a_property_is_what_its_node_and_its_id_say(
    topic: str, payload: str, said: dict[str, object]
) -> None:
    assert Taught().said(f"homie/5/bed-12/{topic}", payload) == said


def test_units_and_names_come_from_the_description() -> None:
    taught = Taught()
    nodes = {
        "air": {"properties": {"temperature": {"unit": "°F"}, "p1": {"name": "Heart rate", "unit": "bpm"}}}
    }
    taught.hear("homie/5/bed-12/$description", {"homie": "5.0", "nodes": nodes})
    (reading,) = taught.readings("homie/5/bed-12/air/temperature", "70")
    assert (reading.value, reading.unit) == (70, "[degF]")
    assert taught.said("homie/5/bed-12/air/p1", "61") == {"heart_rate": 61}


def test_before_version_5_they_come_each_on_a_topic() -> None:
    taught = Taught()
    taught.hear("homie/hall/air/temperature/$unit", "°F")
    taught.hear("homie/hall/air/temperature/$name", "Temperature")
    (reading,) = taught.readings("homie/hall/air/temperature", "70")
    assert (reading.device, reading.unit) == ("hall", "[degF]")


def test_a_domain_of_its_own_is_announced_by_its_description() -> None:
    taught = Taught()
    taught.hear("house/5/bed-12/$description", {"nodes": {"sos": {"properties": {"pressed": {}}}}})
    assert taught.said("house/5/bed-12/sos/pressed", "true") == {"sos": True}


@pytest.mark.parametrize(
    ("alert", "text", "said"),
    [
        ("battery", "low", {"battery_low": True}),
        ("battery", "", {"battery_low": False}),
        ("childlost", "silent for 3 hours", {"fault": True}),
        ("childlost", "", {}),
        ("smoke", "in the kitchen", {"smoke": True}),
        ("sos", "bed 12", {"sos": True}),
        ("fall", "bed 12", {"fall": True}),
        ("fall", "", {}),
    ],
)
def test_an_alert_is_by_its_id_and_its_end_says_little(
    alert: str, text: str, said: dict[str, object]
) -> None:
    assert Taught().said(f"homie/5/bed-12/$alert/{alert}", text) == said


@pytest.mark.parametrize("name", ["battery", "signal", "cputemp"])
def test_statistics_before_version_5(name: str) -> None:
    metric = {"battery": "battery", "signal": "link_quality", "cputemp": "device_temperature"}[name]
    assert Taught().said(f"homie/hall/$stats/{name}", "48") == {metric: 48}


@pytest.mark.parametrize(
    "topic",
    [
        "homie/5/$broadcast/alert",
        "homie/5/bed-12/$log/error",
        "homie/hall/$mac",
        "homie/hall/$nodes",
        "homie",
    ],
)
def test_broadcasts_logs_and_attributes_say_nothing(topic: str) -> None:
    answer = Taught().hear(topic, "fall alarm sos")
    assert not isinstance(answer, Decoded) or not answer.readings
