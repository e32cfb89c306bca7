"""Sensor Logger: each sample's own time beyond a double's precision, gravity, units, what is no position."""

import json
from typing import Any

import pytest

from devices.decode import decode
from devices.message import Message
from devices.reading import Decoded, Motion, Rejected

_NS = 1_790_000_000_123_456_789
_MS = 1_790_000_000_123


def _batch(*items: dict[str, Any], topic: str = "sensor-logger") -> Decoded:
    payload = {"messageId": 1, "sessionId": "s", "deviceId": "phone", "payload": list(items)}
    answer = decode(Message(topic, json.dumps(payload).encode(), _MS + 900))
    assert isinstance(answer, Decoded), answer
    return answer


def _item(name: str, time: object = _NS, **values: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"name": name, "time": time, "values": values}


def _says(*items: dict[str, Any]) -> dict[str, Any]:
    return {reading.metric: reading.value for reading in _batch(*items).readings}


@pytest.mark.parametrize("time", [_NS, str(_NS), _NS // 1000, _NS // 1_000_000])
def test_every_sample_keeps_its_own_time(time: object) -> None:
    answer = _batch(_item("heartrate", time, bpm=70), _item("heartrate", _NS + 5_000_000_000, bpm=71))
    assert [(one.value, one.at) for one in answer.readings] == [(70, _MS), (71, _MS + 5_000)]


@pytest.mark.parametrize("time", [None, 0, 12345, "", "x", [1], True, 10**30])
def test_a_sample_without_a_time_has_none(time: object) -> None:
    assert [one.at for one in _batch(_item("heartrate", time, bpm=70)).readings] == [None]


def test_values_may_stand_in_the_item_itself() -> None:
    assert _says({"name": "location", "time": _NS, "latitude": 31.2, "longitude": 121.4}) == {
        "latitude": 31.2,
        "longitude": 121.4,
    }


@pytest.mark.parametrize(
    "place",
    [
        {"latitude": 0, "longitude": 0},
        {"latitude": 91, "longitude": 10},
        {"latitude": None, "longitude": 10},
        {"longitude": 10},
        {"latitude": "x", "longitude": 10},
    ],
)
def test_no_position(place: dict[str, Any]) -> None:
    assert _says(_item("location", **place, horizontalAccuracy=5, speed=-1)) == {}


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (_item("battery", batteryLevel=0.5, batteryState="charging"), {"battery": 50, "charging": True}),
        (_item("battery", batteryLevel=-1, batteryState="unknown"), {}),
        (_item("batterytemp", temperature=31.5), {"device_temperature": 31.5}),
        (_item("barometer", pressure=1013.2, relativeAltitude=0.2), {"air_pressure": 1013.2}),
        (_item("watchbarometer", pressure=101.32), {"air_pressure": 101.32}),
        (_item("watchbarometer", pressure=1013.2), {"air_pressure": 1013.2}),
        (_item("pedometer", steps=812), {"steps": 812}),
        (_item("activity", activity="walking", confidence="high"), {"posture": "walking"}),
        (_item("activity", activity="automotive"), {}),
        (_item("light", lux=33), {"illuminance": 33}),
        (_item("annotation", text="help", millisecond_press_duration=80), {}),
        (_item("microphone", dBFS=-41), {}),
        (_item("network", ssid="home", ipAddress="1.2.3.4"), {}),
        (_item("Heart Rate", bpm=70), {"heart_rate": 70}),
    ],
)
def test_what_the_sensors_say(item: dict[str, Any], said: dict[str, Any]) -> None:
    assert _says(item) == said


def test_what_people_wrote_and_where_they_are_connected_is_not_repeated() -> None:
    answer = _batch(_item("annotation", text="my pin is 4711"), _item("network", ssid="home", bssid="00:11"))
    assert set(answer.left) == {"annotation", "network"}


def _samples(name: str, xyz: tuple[float, float, float], count: int = 51) -> list[dict[str, Any]]:
    return [_item(name, _NS + n * 20_000_000, x=xyz[0], y=xyz[1], z=xyz[2]) for n in range(count)]


def _window(answer: Decoded) -> Motion:
    (found,) = answer.motion
    return found


@pytest.mark.parametrize(
    ("name", "z"),
    [
        ("totalacceleration", 9.80665),
        ("accelerometeruncalibrated", 9.80665),
        ("accelerometeruncalibrated", 1),
    ],
)
def test_acceleration_with_gravity_is_a_window_in_g(name: str, z: float) -> None:
    window = _window(_batch(*reversed(_samples(name, (0, 0, z)))))
    assert (window.device, window.at, window.position) == ("phone", _MS, "phone")
    assert window.fs == pytest.approx(50)
    assert len(window.xyz) == 51
    assert window.xyz[0] == pytest.approx((0, 0, 1))


def test_acceleration_without_gravity_would_look_like_a_fall_and_is_left() -> None:
    answer = _batch(*_samples("accelerometer", (0.01, 0, 0)))
    assert answer.motion == ()
    assert answer.left == ("accelerometer",)


def test_acceleration_and_gravity_together_are_a_window() -> None:
    window = _window(_batch(*_samples("accelerometer", (0, 0, 0.1)), *_samples("gravity", (0, 0, 9.70665))))
    assert window.xyz[0] == pytest.approx((0, 0, 1))


def test_a_wrist_is_a_window_of_its_own() -> None:
    rows = [
        _item(
            "wristmotion",
            _NS + n * 20_000_000,
            accelerationX=0,
            accelerationY=0,
            accelerationZ=0.1,
            gravityX=0,
            gravityY=0,
            gravityZ=0.9,
        )
        for n in range(10)
    ]
    window = _window(_batch(*rows))
    assert (window.position, window.xyz[0]) == ("wrist", pytest.approx((0, 0, 1)))


def test_another_topic_is_known_by_the_payload() -> None:
    assert _batch(_item("heartrate", bpm=70), topic="anything/else").family == "sensor-logger"


@pytest.mark.parametrize(
    "payload", [b"{}", b"[]", b"12", b'{"deviceId":"a"}', b'{"deviceId":"a","payload":{}}']
)
def test_what_is_no_batch_is_rejected(payload: bytes) -> None:
    assert isinstance(decode(Message("sensor-logger", payload, _MS)), Rejected)


def test_a_huge_batch_is_decoded_in_part_and_says_so() -> None:
    answer = decode(
        Message("sensor-logger", b'{"deviceId":"a","payload":[' + b",".join([b"1"] * 100_000) + b"]}", _MS)
    )
    assert isinstance(answer, Decoded)
    assert answer.left == ("payload",)


def test_nanoseconds_in_a_text_are_not_rounded_to_the_millisecond_before() -> None:
    (rate,) = _batch(_item("heartrate", "1790000000514000000", bpm=70)).readings
    assert rate.at == 1_790_000_000_514


def test_a_heart_rate_of_nothing_is_none() -> None:
    assert not _batch(_item("heartrate", bpm=0)).readings
