"""SCU IoT: a fall unless the message takes it back; a stocked medicine is not taken."""

import pytest

from tests.devices.told import identity, told


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        ({"code": 400}, {"fall": True}),
        ({"code": "400", "timestamp": 0}, {"fall": True}),
        ({"message": "监测到患者摔倒"}, {"fall": True}),
        ({}, {"fall": True}),
        ('{"code": 40', {"fall": True}),
        ({"code": 200, "message": "正常"}, {}),
        ({"code": 200, "message": "摔倒报警已解除"}, {"fall_cleared": True}),
    ],
)
def test_what_comes_on_the_topic_of_falls(payload: object, says: dict[str, object]) -> None:
    assert told("drug/q7/slip", payload) == says


def test_a_fall_that_is_sent_again_is_the_same() -> None:
    fall = {"code": 400, "timestamp": 1789999990}
    assert identity("drug/q7/slip", fall, "fall") == identity("drug/q7/slip", fall | {"message": "x"}, "fall")


@pytest.mark.parametrize("topic", ["drug/q7/adddrug", "drug/q7/nextdrug"])
def test_medicine_in_the_box_is_no_event(topic: str) -> None:
    assert told(topic, "维生素") == {}


def test_a_measurement_that_failed_is_none() -> None:
    assert told("drug/q7/heartrate", {"code": 400, "heartrate": 150}) == {}
    assert told("drug/q7/spo2", {"code": 200, "spo2": 0}) == {}
