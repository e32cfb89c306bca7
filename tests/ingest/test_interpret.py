"""One message, interpreted: each observation under the identity of its own item, whatever was turned down."""

import json

from hypothesis import given
from hypothesis import strategies as st

from devices.decode import decode
from devices.identity import anonymous, identities
from devices.message import Message
from devices.reading import Decoded, Models, Reason
from devices.registry import Device, Registry
from ingest.interpret import Interpreted, interpret

NOW = 1_790_000_000_123


def message(channel: str, payload: object) -> Message:
    return Message(f"shouwang/v1/home-1/d1/{channel}", json.dumps(payload).encode(), NOW)


_ITEMS = st.fixed_dictionaries(
    {},
    optional={
        "ts": st.sampled_from([NOW - 5, NOW - 4, NOW - 3, 0]),
        "id": st.sampled_from(["a", "b"]),
        "heart_rate": st.sampled_from([70, 71, 999, "x"]),
        "spo2": st.sampled_from([97, 200]),
        "sos": st.just(True),
    },
)


@given(st.lists(_ITEMS, max_size=5))
def test_an_observation_has_its_own_items_identity(items: list[dict[str, object]]) -> None:
    """As that item has where nothing of the message is turned down."""
    given_message = message("telemetry", items)
    decoded = decode(given_message)
    said = interpret(given_message, Registry(), "home-1")
    if not isinstance(decoded, Decoded):
        assert not said.observations
        return
    wanted = [
        (reading.metric, float(reading.value), identity)
        for reading, identity in zip(decoded.readings, identities(decoded, given_message), strict=True)
        if isinstance(reading.value, (bool, int)) and reading.value not in {999, 200}
    ]
    found = zip(said.observations, said.identities, strict=True)
    assert [(o.metric, float(o.value), identity) for o, identity in found] == wanted


def test_what_says_nothing_and_what_cannot_be_read() -> None:
    assert interpret(message("telemetry", {}), Registry(), "s") == Interpreted(
        (), (), (), family="native", unreadable=[]
    )
    said = interpret(message("telemetry", {"pulse": 1}), Registry(), "s")
    assert [rejected.reason for rejected in said.rejected] == [Reason.UNKNOWN_METRIC]
    assert not said.observations


def test_bytes_identify_the_anonymous_but_never_a_call_for_help() -> None:
    telemetry = message("telemetry", {"heart_rate": 70})
    assert interpret(telemetry, Registry(), "s").anonymous == anonymous(telemetry)
    assert interpret(message("telemetry", {"id": "a", "heart_rate": 70}), Registry(), "s").anonymous == 0
    for payload in ({"sos": True}, [{"heart_rate": 70}, {"smoke": False}]):
        said = interpret(message("telemetry", payload), Registry(), "s")
        assert (said.anonymous, set(said.identities)) == (0, {0})


def test_the_registrys_model_decides_what_a_device_means() -> None:
    raw = Message("zigbee2mqtt/button", b'{"action": "single"}', NOW)
    known = Registry.of(devices=[Device("button", model="Aqara WXKG11LM", site="home-1")])
    assert [o.metric for o in interpret(raw, known, "home-1").observations] == ["button_press"]


_CHILDREN = {("Home/floor1", "children"): '["Home/floor1/bed1","Home/floor1/bed2"]'}


def offline(topic: str, payload: bytes, facts: dict[tuple[str, str], str]) -> list[tuple[str, object, str]]:
    said = interpret(Message(topic, payload, NOW), Registry(), "home-1", Models(facts=facts))
    assert len(said.identities) == len(said.good_for) == len(said.observations)
    return [(one.device, one.value, one.detail) for one in said.observations if one.metric == "online"]


def test_a_node_that_dies_takes_its_devices_off_line_with_it() -> None:
    death = "spBv1.0/Home/NDEATH/floor1"
    assert offline(death, b"\x12\x00", {}) == [("Home/floor1", False, "")]
    assert offline(death, b"\x12\x00", _CHILDREN) == [
        ("Home/floor1", False, ""),
        ("Home/floor1/bed1", False, "gateway"),
        ("Home/floor1/bed2", False, "gateway"),
    ]


def test_a_device_that_dies_or_a_node_that_is_born_takes_nobody_along() -> None:
    assert offline("spBv1.0/Home/DDEATH/floor1/bed1", b"\x12\x00", _CHILDREN) == [
        ("Home/floor1/bed1", False, "")
    ]
    assert offline("spBv1.0/Home/NBIRTH/floor1", b"\x12\x00", _CHILDREN) == [("Home/floor1", True, "")]


def test_who_is_lost_with_whom_is_said_once_and_broken_facts_say_nobody() -> None:
    circle = {("Home/floor1", "children"): '["Home/floor1","Home/floor1/bed1","Home/floor1/bed1",7]'}
    death = "spBv1.0/Home/NDEATH/floor1"
    assert [one[0] for one in offline(death, b"\x12\x00", circle)] == ["Home/floor1", "Home/floor1/bed1"]
    assert len(offline(death, b"\x12\x00", {("Home/floor1", "children"): "{"})) == 1


def _kept(payload: object, model: str = "") -> bool:
    """Whether a message goes to quarantine, beside what is understood of it."""
    raw = Message("zigbee2mqtt/d", json.dumps(payload).encode(), NOW)
    said = interpret(raw, Registry.of(devices=[Device("d", model=model)]), "home-1")
    assert [o.metric for o in said.observations] in ([], ["battery"], ["battery", "door_open"])
    return bool(said.rejected)


def test_what_is_left_is_kept_where_it_may_be_understood_one_day() -> None:
    assert _kept({"contact": False})  # nothing was understood
    assert _kept({"battery": 80, "contact": False})  # a model would tell
    assert not _kept({"battery": 80, "contact": False}, "MCCGQ11LM")
    assert not _kept({"battery": 80, "moon_phase": 3})  # nobody's word
    assert _kept({"battery": 80, "moon_alarm": 3})  # may be about life
    assert not _kept({"battery": 80, "contact": False, "alarm_volume": 3}, "MCCGQ11LM")
    assert _kept({"battery": 80, "contact": False, "sos_pressed": 3}, "MCCGQ11LM")
