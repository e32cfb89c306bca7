"""Vayyar: one fall from suspicion to its end, told from other events; what is simulated calls nobody."""

from typing import Any

import pytest

from devices.reading import Decoded, Rejected, TimeSource
from tests.devices.told import answer, heard, identity, told

_EVENTS = "/devices/id_N0M6OUU6QkQ6MDA6MDA6MDE/events"
_BEGAN, _SENT, _ENDED = 1_789_999_990_000, 1_789_999_995_000, 1_789_999_999_000


def _stage(status: str, **more: object) -> dict[str, Any]:
    inner = {"status": status, "timestamp": _BEGAN, "statusUpdateTimestamp": _SENT, "endTimestamp": 0}
    return {"type": 5, "payload": inner | more}


@pytest.mark.parametrize(
    ("status", "metrics"),
    [
        ("fall_detected", {"fall_suspected"}),
        ("fall_suspected", {"fall_suspected"}),
        ("Fall confirmed", {"fall"}),
        ("calling", {"fall"}),
        ("on_call", {"fall", "call_started"}),
        ("finished", {"call_ended"}),
        ("fall exit", {"fall_cleared"}),
        ("canceled", {"help_cancelled"}),
        ("fall_something_new", {"fall_suspected"}),
    ],
)
def test_each_stage_of_a_fall_says_how_far_it_is(status: str, metrics: set[str]) -> None:
    assert set(told(_EVENTS, _stage(status))) == metrics


def test_confirmation_and_call_are_one_fall() -> None:
    confirmed = identity(_EVENTS, _stage("fall_confirmed"), "fall")
    assert identity(_EVENTS, _stage("calling", statusUpdateTimestamp=_ENDED), "fall") == confirmed
    assert identity(_EVENTS, _stage("fall_confirmed", timestamp=_BEGAN + 1), "fall") != confirmed


def test_a_fall_is_at_its_beginning_and_its_end_at_its_end() -> None:
    (fall,) = heard(_EVENTS, _stage("fall_confirmed"))
    (over,) = heard(_EVENTS, _stage("fall_exit", endTimestamp=_ENDED))
    assert (fall.at, over.at) == (_BEGAN, _ENDED)
    assert fall.at_source is TimeSource.DEVICE
    confirmed = answer(_EVENTS, _stage("fall_confirmed"))
    assert isinstance(confirmed, Decoded)
    assert confirmed.sent_at == _SENT


@pytest.mark.parametrize("sign", ["isSimulated", "is_simulated", "isLearning", "is_test"])
@pytest.mark.parametrize("value", [True, "true", 1])
def test_a_fall_that_is_simulated_or_seen_while_learning_is_a_test(sign: str, value: object) -> None:
    assert told(_EVENTS, _stage("calling", **{sign: value})) == {"device_test": True}
    assert told(_EVENTS, _stage("fall_exit", **{sign: value})) == {}


def test_a_silent_fall_is_as_real() -> None:
    assert "fall" in told(_EVENTS, _stage("calling", isSilent=True, isSimulated="false"))


@pytest.mark.parametrize("number", [0, 4, 99])
def test_presence_is_told_by_what_it_holds_and_not_by_its_number(number: int) -> None:
    body = {"presenceDetected": False, "timestamp": _BEGAN, "trackerTargets": []}
    assert told(_EVENTS, {"type": number, "payload": body}) == {"presence": False}


def test_the_number_of_a_fall_with_another_content_is_no_fall() -> None:
    assert told(_EVENTS, {"type": 5, "payload": {"doorOpen": True}}) == {"door_open": True}


def test_who_left_the_bed_is_told_once() -> None:
    assert told(_EVENTS, {"type": 10, "payload": {"bedExit": True}}) == {
        "bed_exit": True,
        "bed_occupied": False,
    }


def test_a_radar_that_does_not_monitor_is_at_fault() -> None:
    state = _EVENTS.replace("events", "state")
    assert told(state, {"status": "suspended"}) == {"fault": True}
    assert told(state, {"status": "monitoring"}) == {"fault": False}


def test_the_answer_to_a_broadcast_is_the_answering_radars_and_its_password_nobodys() -> None:
    payload = {"rssi": -58, "mqtt_pass": "s3cret", "device_id": "id_A"}
    (signal,) = heard("/devices/common/response", {"type": "status", "payload": payload})
    assert (signal.device, signal.metric, signal.value) == ("id_A", "rssi", -58)
    assert "s3cret" not in repr(answer("/devices/common/response", {"type": "status", "payload": payload}))


def test_what_is_cut_off_names_its_radar() -> None:
    found = answer(_EVENTS, '{"type":5,"payload":{"status":"fall_con')
    assert isinstance(found, Rejected)
    assert found.device == "id_N0M6OUU6QkQ6MDA6MDA6MDE"


def test_a_bed_exit_that_is_simulated_leaves_nobodys_bed() -> None:
    exit_ = {"timestamp": _BEGAN, "deviceId": "x"}
    assert told(_EVENTS, {"type": 10, "payload": exit_}) == {"bed_exit": True, "bed_occupied": False}
    assert told(_EVENTS, {"type": 10, "payload": exit_ | {"isSimulated": True}}) == {"device_test": True}
