"""Sleepace: two sleepers, values that are none, alarms raised and relieved, offline beds."""

from typing import Any

import pytest

from devices.reading import Rejected
from tests.devices.told import answer, heard, identity, told

_TOPIC = "sleepace-10001"


def _push(about: str, data: object, **more: object) -> list[dict[str, Any]]:
    return [{"timeStamp": 1789999990, "dataKey": about, "data": data, "deviceId": "k3x9"} | more]


def test_each_sleeper_is_a_device() -> None:
    both = _push("realtime", {"heart": 61, "leftRight": 0}) + _push(
        "realtime", {"heart": 72, "leftRight": "1"}
    )
    assert [(one.device, one.value) for one in heard(_TOPIC, both)] == [("k3x9/left", 61), ("k3x9/right", 72)]
    together = _push("realtime", [{"heart": 61, "leftRight": 0}, {"heart": 72, "leftRight": 1}])
    assert [one.device for one in heard(_TOPIC, together)] == ["k3x9/left", "k3x9/right"]
    (alone,) = heard(_TOPIC, _push("realtime", {"heart": 61}))
    assert alone.device == "k3x9"


def test_while_it_starts_and_when_nothing_changed_it_says_nothing() -> None:
    assert told(_TOPIC, _push("realtime", {"heart": 60, "bedStatus": 1, "initStatus": 1})) == {}
    assert told(_TOPIC, _push("realtime", {"heart": 255, "breath": 255, "bedStatus": 8, "sitUp": 8})) == {}
    assert told(_TOPIC, _push("inBedStatus", {"inbedStatus": 8})) == {}


def test_the_two_words_for_the_bed_have_opposite_numbers() -> None:
    assert told(_TOPIC, _push("inBedStatus", {"inbedStatus": 1})) == {"bed_occupied": True}
    assert told(_TOPIC, _push("realtime", {"bedStatus": 1})) == {"bed_occupied": False}


def test_those_for_homes_say_whether_the_bed_was_left_and_have_no_sides() -> None:
    pushed = _push("inBedStatus", {"inbedStatus": 1, "leftRight": 0})
    (left,) = heard(_TOPIC, pushed, "Sleepace BM8701-2")
    assert (left.device, left.metric, left.value) == ("k3x9", "bed_occupied", False)
    (other,) = heard(_TOPIC, pushed, "Sleepace M8701W")
    assert (other.device, other.metric, other.value) == ("k3x9/left", "bed_occupied", True)


def test_an_alarm_is_at_its_own_time_and_its_relief_at_another() -> None:
    data = {"type": "alarmSensorFall", "id": 5, "timestamp": 1789999000, "relieveTime": 1789999500}
    (raised,) = heard(_TOPIC, _push("alarmNotify", data | {"status": 0}))
    (relieved,) = heard(_TOPIC, _push("alarmNotify", data | {"status": 1}))
    assert (raised.at, relieved.at) == (1_789_999_000_000, 1_789_999_500_000)


def test_an_offline_bed_is_not_an_empty_one() -> None:
    assert told(_TOPIC, _push("connectionStatus", {"connectionStatus": 0})) == {"online": False}


@pytest.mark.parametrize(
    ("alarm", "says"),
    [
        ("alarmLeftBed", {"bed_exit": True, "bed_occupied": False}),
        ("alarmBreathRatePause", {"apnea": True}),
        ("alarmSitup", {"posture": "sitting"}),
        ("alarmOnBed", {"bed_occupied": True}),
        ("alarmSensorFall", {"fault": True}),
        ("alarmHeartRateSlow", {}),
    ],
)
def test_alarms(alarm: str, says: dict[str, object]) -> None:
    assert told(_TOPIC, _push("alarmNotify", {"type": alarm, "status": 0, "id": 5})[0]) == says


def test_a_relieved_alarm_is_no_new_one_and_no_copy_of_the_old() -> None:
    raised = _push("alarmNotify", {"type": "alarmSensorFall", "status": 0, "id": 5})
    relieved = _push("alarmNotify", {"type": "alarmSensorFall", "status": 1, "id": 5})
    assert told(_TOPIC, relieved) == {"fault": False}
    assert identity(_TOPIC, raised, "fault") != identity(_TOPIC, relieved, "fault")
    assert told(_TOPIC, _push("alarmNotify", {"type": "alarmBreathRatePause", "status": 1, "id": 6})) == {}


def test_a_batch_that_comes_again_in_another_envelope_is_the_same() -> None:
    one, other = _push("inBedStatus", {"inbedStatus": 1}), _push("connectionStatus", {"connectionStatus": 1})
    assert identity(_TOPIC, one, "bed_occupied") == identity(_TOPIC, other + one, "bed_occupied")


def test_any_topic_will_do_and_a_stranger_costs_only_itself() -> None:
    assert told("partner/queue", _push("inBedStatus", {"inbedStatus": 0})) == {"bed_occupied": False}
    assert told(_TOPIC, [7, *_push("inBedStatus", {"inbedStatus": 0})]) == {"bed_occupied": False}
    assert isinstance(answer(_TOPIC, [{"dataKey": "inBedStatus", "data": {}}]), Rejected)
