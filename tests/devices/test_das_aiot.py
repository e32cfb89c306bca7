"""DAS AIoT: many devices in one message of the bus, and topics beside Alink's."""

from devices.decode import family_of
from devices.message import Message
from devices.reading import Decoded, Reason
from tests.devices.told import answer, decoded, told


def test_topics_are_told_from_alinks() -> None:
    families = {
        "sys/p/d/thing/properties/up": "das-aiot",
        "sys/p/d/thing/event/up": "das-aiot",
        "sys/p/d/thing/event/SOS/up": "das-aiot",
        "sys/p/d/thing/status/up": "das-aiot",
        "sys/p/d/thing/event/property/post": "aliyun",
        "sys/p/d/thing/event/up/post": "das-aiot",
        "persistent://t/proj_1/v1-thing-events": "das-aiot",
    }
    for topic, name in families.items():
        family = family_of(Message(topic, b"{}", 0))
        assert family is not None
        assert family.name == name, topic


def test_one_message_of_the_bus_is_of_many_devices() -> None:
    def of(device: str, value: object, at: int) -> dict[str, object]:
        values = [{"key": "HeartRate", "value": value, "type": "int", "time": at, "module": ""}]
        return {"productId": "bed", "deviceId": device, "properties": values}

    payload = [of("b1", 61, 1789999990000), of("b2", "72", 1789999991), {"deviceId": "x"}]
    found = decoded("persistent://t/proj_1/v1-thing-props", payload)
    assert [(one.device, one.value, one.at) for one in found.readings] == [
        ("bed/b1", 61, 1789999990000),
        ("bed/b2", 72, 1789999991000),
    ]
    assert [one.reason for one in found.rejected] == [Reason.WRONG_SHAPE]


def test_a_module_before_an_identifier_does_not_matter() -> None:
    assert told("sys/p/d/thing/properties/up", {"params": {"vitals:HeartRate": 60}}) == {"heart_rate": 60}


def test_events_by_name_by_identifier_and_by_topic() -> None:
    sos = {"value": {"Battery": 9}, "time": 1789999990000}
    expected = {"sos": True, "battery": 9}
    assert told("sys/p/d/thing/event/up", {"params": {"SOS": sos}}) == expected
    assert told("sys/p/d/thing/event/up", {"params": {"identifier": "SOS", **sos}}) == expected
    assert told("sys/p/d/thing/event/SOS/up", {"params": sos}) == expected


def test_commands_say_nothing() -> None:
    for what in ("properties/set", "properties/up/response", "service/set", "ntp/up/response"):
        assert not getattr(answer(f"sys/p/d/thing/{what}", {"params": {"SOS": 1}}), "readings", ())
    assert answer("sys/p/d/thing/properties/set", {"params": {"SOS": 1}}) == Decoded("das-aiot")
