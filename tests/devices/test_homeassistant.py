"""Home Assistant: what discovery announces decides what a state means; no call is lost, nothing guessed."""

import json
from typing import Any

import pytest

from devices.families.discovery import identity_of, path_of
from devices.reading import Decoded, Reason, Rejected
from tests.devices.taught import Taught


def _announce(taught: Taught, component: str, config: dict[str, Any], thing: str = "x1") -> None:
    answer = taught.hear(f"homeassistant/{component}/{thing}/config", config)
    assert isinstance(answer, Decoded)
    assert not answer.readings


def _one(component: str, config: dict[str, Any], payload: Any, thing: str = "x1") -> dict[str, object]:  # noqa: ANN401
    taught = Taught()
    _announce(taught, component, {"state_topic": "my/x1/state", **config}, thing)
    return taught.said("my/x1/state", payload)


@pytest.mark.parametrize(
    ("klass", "on"),
    [
        ("battery", {"battery_low": True}),
        ("battery_charging", {"charging": True}),
        ("carbon_monoxide", {"carbon_monoxide": True}),
        ("connectivity", {"online": True}),
        ("door", {"door_open": True}),
        ("garage_door", {"door_open": True}),
        ("opening", {"door_open": True}),
        ("window", {"door_open": True}),
        ("gas", {"gas": True}),
        ("moisture", {"water_leak": True}),
        ("motion", {"motion": True}),
        ("moving", {"moving": True}),
        ("occupancy", {"presence": True}),
        ("presence", {"presence": True}),
        ("plug", {}),
        ("problem", {"fault": True}),
        ("smoke", {"smoke": True}),
        ("tamper", {"tamper": True}),
        ("vibration", {"vibration": True}),
        ("safety", {}),
        ("lock", {}),
        ("cold", {}),
        ("sound", {}),
        ("running", {}),
        ("", {}),
    ],
)
def test_a_class_decides_what_on_means(klass: str, on: dict[str, bool]) -> None:
    config = {"device_class": klass, "name": "Kitchen thing"}
    assert _one("binary_sensor", config, "ON") == on
    assert _one("binary_sensor", config, "OFF") == dict.fromkeys(on, False)


@pytest.mark.parametrize("none", ["", "None", "unknown", "unavailable", "maybe"])
def test_a_state_that_is_none_or_not_announced_says_nothing(none: str) -> None:
    assert _one("binary_sensor", {"device_class": "door"}, none) == {}


@pytest.mark.parametrize(
    ("config", "payload", "said"),
    [
        ({"name": "Fall detected", "device_class": "safety"}, "ON", {"fall": True}),
        ({"name": "SOS Pendant", "device_class": "safety"}, "ON", {"sos": True}),
        ({"name": "求助按钮", "device_class": "safety"}, "ON", {"sos": True}),
        ({"name": "求助按钮"}, "ON", {"sos": True}),
        ({"name": "Front door bell", "device_class": "safety"}, "ON", {}),
        ({"name": "Fall detected", "device_class": "safety"}, "OFF", {}),
        ({"name": "Fall detected", "device_class": "problem"}, "ON", {"fall": True}),
        ({"object_id": "bath_sos", "device_class": "safety"}, "ON", {"sos": True}),
        ({"unique_id": "b1_panic_button"}, "ON", {"sos": True}),
        ({"name": "紧急按钮"}, "ON", {"sos": True}),
        ({"name": "SOS battery", "device_class": "battery"}, "ON", {"battery_low": True}),
        ({"name": "SOS connection", "device_class": "connectivity"}, "OFF", {"online": False}),
        ({"name": "Emergency exit", "device_class": "door"}, "ON", {"door_open": True}),
        ({"name": "Fall sensor tamper", "device_class": "tamper"}, "ON", {"tamper": True}),
        ({"name": "Possible fall", "device_class": "safety"}, "ON", {"fall_suspected": True}),
        ({"name": "Bed occupancy", "device_class": "occupancy"}, "OFF", {"bed_occupied": False}),
        ({"name": "Chair occupancy", "device_class": "occupancy"}, "ON", {"seat_occupied": True}),
        ({"name": "Bed empty", "device_class": "occupancy"}, "ON", {}),
        ({"name": "Rain", "device_class": "moisture"}, "ON", {}),
        ({"name": "Mains", "device_class": "power"}, "OFF", {"mains_power": False}),
        ({"name": "Television", "device_class": "power"}, "OFF", {}),
        ({"name": "Charger", "device_class": "plug"}, "ON", {"mains_power": True}),
        ({"name": None, "device": {"name": "SOS pendant", "ids": "p"}}, "ON", {"sos": True}),
        ({"name": "Button", "device": {"name": "SOS pendant", "ids": "p"}}, "ON", {"sos": True}),
        (
            {"name": "Door", "device_class": "door", "payload_on": "OPEN", "payload_off": "SHUT"},
            "SHUT",
            {"door_open": False},
        ),
        ({"name": "Door", "device_class": "door", "payload_on": "OPEN", "payload_off": "SHUT"}, "ON", {}),
        ({"name": "SOS", "payload_on": "1", "payload_off": "0"}, "pressed", {"sos": True}),
    ],
)
def test_a_name_makes_a_call_or_a_bed_of_what_the_class_leaves_open(
    config: dict[str, Any], payload: str, said: dict[str, object]
) -> None:
    assert _one("binary_sensor", config, payload) == said


@pytest.mark.parametrize(
    ("config", "payload", "said"),
    [
        (
            {"device_class": "temperature", "unit_of_measurement": "°C", "name": "Bedroom"},
            "21.5",
            {"room_temperature": 21.5},
        ),
        ({"device_class": "temperature", "name": "Body temperature"}, "36.8", {"body_temperature": 36.8}),
        ({"device_class": "temperature", "name": "Wrist temperature"}, "33.8", {"skin_temperature": 33.8}),
        ({"device_class": "temperature", "name": "CPU temperature"}, "48", {"device_temperature": 48}),
        ({"device_class": "temperature", "name": "Outdoor temperature"}, "3", {}),
        ({"device_class": "temperature", "name": "Water temperature"}, "55", {}),
        ({"device_class": "humidity", "name": "Soil humidity"}, "55", {}),
        ({"device_class": "battery", "unit_of_measurement": "%"}, "87", {"battery": 87}),
        (
            {"device_class": "voltage", "unit_of_measurement": "mV", "name": "Battery voltage"},
            "2980",
            {"battery_voltage": 2980},
        ),
        ({"device_class": "voltage", "unit_of_measurement": "V", "name": "Mains voltage"}, "230", {}),
        (
            {"device_class": "weight", "unit_of_measurement": "kg", "name": "Body weight"},
            "71.2",
            {"body_weight": 71.2},
        ),
        ({"device_class": "weight", "unit_of_measurement": "g", "name": "Coffee"}, "250", {}),
        (
            {"device_class": "pressure", "unit_of_measurement": "mmHg", "name": "Systolic"},
            "128",
            {"bp_systolic": 128},
        ),
        ({"device_class": "carbon_monoxide", "unit_of_measurement": "ppm"}, "12", {}),
        ({"unit_of_measurement": "bpm", "name": "Heart rate"}, "64", {"heart_rate": 64}),
        ({"unit_of_measurement": "bpm", "name": "Heart rate"}, "nan", {}),
        ({"unit_of_measurement": "bpm", "name": "Heart rate"}, "unknown", {}),
        ({"unit_of_measurement": "%", "name": "Heart rate"}, "64", {}),
        ({"name": "Fall state"}, "Suspected", {"fall_suspected": True}),
        ({"name": "Sleep stage", "device_class": "enum"}, "deep", {"sleep_stage": "deep"}),
        ({"device_class": "timestamp", "name": "Last SOS"}, "2026-01-01T00:00:00+00:00", {}),
        ({"name": "Motion sensitivity"}, "7", {}),
        ({"device_class": "energy", "unit_of_measurement": "Wh"}, "1500", {"energy": 1500}),
    ],
)
def test_a_sensor_is_read_by_class_name_and_unit(
    config: dict[str, Any], payload: str, said: dict[str, object]
) -> None:
    assert _one("sensor", config, payload) == said


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("", None),
        ("{{ value }}", None),
        ("{{ value | float }}", None),
        ("{{ value_json.x }}", ["x"]),
        ("{{value_json['a b'].c}}", ["a b", "c"]),
        ('{{ value_json["a"]["b"] | round(1) }}', ["a", "b"]),
        ("{{ value_json.list[0].x|int(0)|default('') }}", ["list", 0, "x"]),
        ("{{ value_json.tempc | is_defined }}", ["tempc"]),
        ("{{ value_json.get('x') }}", ["x"]),
        ("{{ float(value_json.x) }}", ["x"]),
        ("{{ value_json.x * 10 }}", False),
        ("{{ 'ON' if value_json.x else 'OFF' }}", False),
        ("{% if value == 'x' %}ON{% endif %}", False),
        ("{{ states('sensor.x') }}", False),
        ("{{ value_json.__class__.__mro__ }}", ["__class__", "__mro__"]),  # a path into JSON is only that
        ("{{ value.lower() }}", False),
        ("{{" * 100, False),
    ],
)
def test_a_template_is_understood_when_it_only_picks_a_value(template: str, path: object) -> None:
    assert path_of(template) == path


def test_a_call_behind_a_template_that_nobody_may_run_is_told_as_unreadable() -> None:
    taught = Taught()
    _announce(
        taught,
        "binary_sensor",
        {"name": "SOS", "stat_t": "p/1", "val_tpl": "{{ 'ON' if value_json.b == 3 else 'OFF' }}"},
    )
    answer = taught.hear("p/1", {"b": 3})
    assert isinstance(answer, Decoded)
    assert [one.reason for one in answer.rejected] == [Reason.UNDECODED]


def test_one_topic_has_many_entities_and_one_device() -> None:
    taught = Taught()
    for name, klass, path in [
        ("Leak", "moisture", "leak"),
        ("Batt", "battery", "low"),
        ("Lid", "tamper", "lid"),
    ]:
        _announce(
            taught,
            "binary_sensor",
            {
                "name": name,
                "dev_cla": klass,
                "~": "bath",
                "stat_t": "~/s1",
                "val_tpl": f"{{{{ value_json.{path} }}}}",
                "pl_on": True,
                "pl_off": False,
            },
            path,
        )
    readings = taught.readings("bath/s1", {"leak": True, "low": False, "lid": None})
    assert {one.metric: one.value for one in readings} == {"water_leak": True, "battery_low": False}
    assert {one.device for one in readings} == {"bath/s1"}


def test_devices_that_share_a_topic_are_told_apart() -> None:
    taught = Taught()
    for one in ("bed1", "bed2"):
        _announce(
            taught,
            "binary_sensor",
            {
                "name": "Bed occupied",
                "stat_t": "gw/state",
                "val_tpl": f"{{{{ value_json.{one} }}}}",
                "dev": {"ids": [one]},
            },
            one,
        )
    assert {one.device: one.value for one in taught.readings("gw/state", {"bed1": "ON", "bed2": "OFF"})} == {
        "gw/bed1": True,
        "gw/bed2": False,
    }


def test_an_empty_configuration_takes_its_entity_away() -> None:
    taught = Taught()
    _announce(taught, "binary_sensor", {"device_class": "smoke", "state_topic": "k/1"}, "a")
    _announce(
        taught,
        "sensor",
        {
            "name": "Battery",
            "device_class": "battery",
            "state_topic": "k/1",
            "value_template": "{{ value_json.b }}",
        },
        "b",
    )
    taught.hear("homeassistant/binary_sensor/a/config", b"")
    assert taught.said("k/1", {"b": 9}) == {"battery": 9}
    taught.hear("homeassistant/sensor/b/config", b"")
    assert isinstance(taught.hear("k/1", "ON"), Rejected)


def test_a_changed_configuration_replaces_the_one_before() -> None:
    taught = Taught()
    _announce(taught, "binary_sensor", {"device_class": "smoke", "state_topic": "k/1"})
    _announce(taught, "binary_sensor", {"device_class": "gas", "state_topic": "k/2"})
    assert isinstance(taught.hear("k/1", "ON"), Rejected)
    assert taught.said("k/2", "ON") == {"gas": True}


def test_a_whole_device_is_announced_at_once() -> None:
    taught = Taught()
    config = {
        "dev": {"ids": "ea334450945afc", "name": "Bed 12", "mf": "X", "mdl": "xya"},
        "o": {"name": "bla2mqtt", "sw": "2.1"},
        "cmps": {
            "occupied": {
                "p": "binary_sensor",
                "device_class": "occupancy",
                "name": "Bed occupied",
                "value_template": "{{ value_json.occ }}",
                "unique_id": "o",
            },
            "resp": {
                "p": "sensor",
                "name": "Respiratory rate",
                "unit_of_measurement": "/min",
                "value_template": "{{ value_json.rr }}",
                "unique_id": "r",
            },
            "old": {"p": "sensor"},
        },
        "state_topic": "beds/12/state",
        "avty_t": "beds/12/status",
    }
    answer = taught.hear("homeassistant/device/0AFFD2/config", config)
    assert isinstance(answer, Decoded)
    assert taught.said("beds/12/state", {"occ": "ON", "rr": 15}) == {
        "bed_occupied": True,
        "respiratory_rate": 15,
    }
    assert [(one.device, one.value) for one in taught.readings("beds/12/status", "offline")] == [
        ("beds/12", False)
    ]
    assert taught.facts["beds/12", "model"] == "xya X Bed 12"


@pytest.mark.parametrize(
    ("config", "payload", "said"),
    [
        ({"avty_t": "a"}, "online", {"online": True}),
        ({"avty_t": "a"}, "offline", {"online": False}),
        ({"avty_t": "a", "pl_avail": "1", "pl_not_avail": "0"}, "0", {"online": False}),
        ({"avty_t": "a", "pl_avail": "1", "pl_not_avail": "0"}, "offline", {}),
        (
            {"avty": [{"t": "a", "val_tpl": "{{ value_json.state }}"}]},
            '{"state": "offline"}',
            {"online": False},
        ),
        ({"avty": [{"t": "a"}, {"t": "b"}], "avty_mode": "all"}, "online", {}),
        ({"avty": [{"t": "a"}, {"t": "b"}], "avty_mode": "all"}, "offline", {"online": False}),
        ({"avty": [{"t": "a"}, {"t": "b"}], "avty_mode": "any"}, "offline", {}),
        ({"avty": {"topic": "a"}}, "offline", {"online": False}),
    ],
)
def test_availability_says_whether_a_device_is_there_and_never_that_it_is_safe(
    config: dict[str, Any], payload: str, said: dict[str, object]
) -> None:
    taught = Taught()
    _announce(taught, "binary_sensor", {"device_class": "door", "state_topic": "d/1", **config})
    readings = taught.readings("a", payload)
    assert {one.metric: one.value for one in readings} == said
    assert {one.device for one in readings} <= {"d/1"}


@pytest.mark.parametrize(
    ("config", "event", "said"),
    [
        ({"name": "Button"}, "single", {"button_press": True}),
        ({"name": "Button"}, "release", {}),
        ({"name": "Button"}, "sos", {"sos": True}),
        ({"name": "Help button"}, "long", {"sos": True}),
        ({"name": "Help button"}, "released", {}),
        ({"name": "Help button"}, "cancelled", {"help_cancelled": True}),
        ({"name": None, "dev": {"name": "SOS pendant"}}, "press", {"sos": True}),
        ({"name": "Radar"}, "fall_detected", {"fall": True}),
        ({"name": "Doorbell", "device_class": "doorbell"}, "ring", {"button_press": True}),
        ({"name": "Thing"}, "explosion", {}),
    ],
)
def test_an_event_is_a_press_unless_its_button_or_its_word_is_a_call(
    config: dict[str, Any], event: str, said: dict[str, object]
) -> None:
    assert _one("event", config, {"event_type": event, "extra": 1}) == said


@pytest.mark.parametrize(
    ("config", "payload", "said"),
    [
        ({"type": "button_short_press", "subtype": "button_1", "payload": "s"}, "s", {"button_press": True}),
        ({"type": "button_short_press", "subtype": "button_1", "payload": "s"}, "l", {}),
        ({"type": "button_long_release", "subtype": "button_1", "payload": "s"}, "s", {}),
        ({"type": "action", "subtype": "emergency", "payload": "emergency"}, "emergency", {"sos": True}),
        ({"type": "button_short_press", "subtype": "sos"}, "1", {"sos": True}),
    ],
)
def test_a_trigger_is_what_its_type_or_subtype_says(
    config: dict[str, Any], payload: str, said: dict[str, object]
) -> None:
    assert (
        _one("device_automation", {"topic": "my/x1/state", "automation_type": "trigger", **config}, payload)
        == said
    )


def test_a_tracker_says_its_zone_and_position() -> None:
    taught = Taught()
    _announce(
        taught,
        "device_tracker",
        {"stat_t": "t/1/state", "json_attr_t": "t/1/attributes", "pl_home": "in", "pl_not_home": "out"},
    )
    assert taught.said("t/1/state", "out") == {"zone": "not_home"}
    assert taught.said("t/1/state", "Garden") == {"zone": "Garden"}
    assert taught.said(
        "t/1/attributes", {"latitude": 31.2, "longitude": 121.4, "gps_accuracy": 9, "x": 1}
    ) == {
        "latitude": 31.2,
        "longitude": 121.4,
        "location_accuracy": 9,
    }
    assert taught.said("t/1/attributes", {"latitude": 0, "longitude": 0}) == {}


def test_the_state_stream_is_read_with_the_class_beside_it() -> None:
    taught = Taught()
    state = "homeassistant/binary_sensor/lid_7/state"
    assert taught.said(state, "on") == {}
    taught.hear("homeassistant/binary_sensor/lid_7/device_class", '"opening"')
    assert taught.said(state, "on") == {"door_open": True}
    assert taught.said(state, "unavailable") == {}
    taught.hear("homeassistant/sensor/t7/unit_of_measurement", '"°F"')
    taught.hear("homeassistant/sensor/t7/device_class", '"temperature"')
    (reading,) = taught.readings("homeassistant/sensor/t7/state", "70.0")
    assert (reading.metric, reading.value, reading.unit) == ("room_temperature", 70, "[degF]")


def test_a_button_of_the_state_stream_was_pressed_when_its_state_says() -> None:
    (reading,) = Taught().readings("homeassistant/input_button/sos_bed_12/state", "2026-09-21T12:00:00+00:00")
    assert (reading.metric, reading.device, reading.at) == ("sos", "sos_bed_12", 1_789_992_000_000)
    assert Taught().readings("homeassistant/input_button/sos_bed_12/state", "unknown") == ()


def test_esphome_is_read_as_announced_and_stays_the_same_device() -> None:
    taught = Taught()
    topic = "bed-node/binary_sensor/contact_2/state"
    assert taught.said(topic, "ON") == {}
    _announce(taught, "binary_sensor", {"dev_cla": "door", "stat_t": topic, "avty_t": "bed-node/status"})
    (reading,) = taught.readings(topic, "ON")
    assert (reading.device, reading.metric, reading.value) == ("bed-node", "door_open", True)
    assert [(one.device, one.value) for one in taught.readings("bed-node/status", "offline")] == [
        ("bed-node", False)
    ]


def test_topics_of_other_families_stay_theirs() -> None:
    taught = Taught()
    _announce(
        taught,
        "binary_sensor",
        {
            "device_class": "smoke",
            "state_topic": "zigbee2mqtt/0x01",
            "value_template": "{{ value_json.contact }}",
            "device": {"model": "TS0203", "identifiers": ["zigbee2mqtt_0x01"]},
        },
    )
    assert taught.said("zigbee2mqtt/0x01", {"contact": False}) == {"door_open": True}


@pytest.mark.parametrize(
    ("topic", "device"),
    [
        ("homeassistant/binary_sensor/garden/state", "garden"),
        ("homeassistant/sensor/bed12/heart_rate/state", "bed12"),
        ("home/doorbell/state", "home/doorbell"),
        ("bed-node/sensor/hr/state", "bed-node"),
        ("x", "x"),
        ("", ""),
        ("state", "state"),
    ],
)
def test_a_device_is_named_by_its_topic(topic: str, device: str) -> None:
    assert identity_of(topic) == device


def test_a_thousand_components_and_a_long_template_are_no_trouble() -> None:
    config = {
        "cmps": {
            str(n): {"p": "sensor", "val_tpl": "{{ value_json" + ".a" * 60 + " }}"} for n in range(1000)
        },
        "stat_t": "s",
    }
    assert isinstance(Taught().hear("homeassistant/device/x/config", json.dumps(config)), Decoded)


def test_an_event_that_nobody_announced_is_known_by_its_shape() -> None:
    (reading,) = Taught().readings("home/doorbell/state", {"event_type": "press", "duration": 0.1})
    assert (reading.device, reading.metric, reading.detail) == ("home/doorbell", "button_press", "press")
    assert Taught().said("home/sos/state", {"event_type": "press"}) == {"sos": True}


def test_a_state_may_be_an_object_of_nothing_else() -> None:
    assert Taught().said("homeassistant/binary_sensor/hall_motion/state", {"state": "ON"}) == {"motion": True}
    assert Taught().said("homeassistant/sensor/bedroom/state", {"temperature": 21.5, "humidity": None}) == {
        "room_temperature": 21.5
    }


@pytest.mark.parametrize(
    ("topic", "call", "metric"),
    [
        ("fall-node/binary_sensor/fall_detected/state", b"ON", "fall"),
        ("dev0815/fall/detected", b"1", "fall_suspected"),
        ("home/radar/fall", b"1", "fall"),
    ],
)
def test_no_announcement_silences_a_call(topic: str, call: bytes, metric: str) -> None:
    """Anybody may announce any topic as a thermometer's."""
    house = Taught()
    before = house.said(topic, call)
    house.hear(
        "homeassistant/sensor/x/config", {"state_topic": topic, "device_class": "temperature", "name": "t"}
    )
    assert before[metric] is True
    assert house.said(topic, call) == before


def test_what_is_announced_the_other_way_round_is_no_call() -> None:
    house = Taught()
    topic = "fall-node/binary_sensor/fall_detected/state"
    upside_down = {"state_topic": topic, "name": "fall", "payload_on": "OFF", "payload_off": "ON"}
    house.hear("homeassistant/binary_sensor/x/config", upside_down)
    assert house.said(topic, "ON").get("fall") is not True
