"""Three makes of watches: times of their own, calls without one, values that were not measured."""

import pytest

from devices.instants import local_ms
from devices.reading import Decoded, Rejected
from tests.devices.told import answer, heard, identity, told

_KATI = {"IMEI": "860000000000017"}
_CAP = {"user_id": 7, "tenant_id": 3, "timestamp": 1789999990}
_G616 = "atom/g616/status/350000000000011"


@pytest.mark.parametrize(
    ("topic", "metric"),
    [("iMEDE_watch/SOS", "sos"), ("imede_watch/sos", "sos"), ("iMEDE_watch/FALLDOWN", "fall")],
)
@pytest.mark.parametrize(
    "payload",
    [_KATI, _KATI | {"status": "?"}, '{"IMEI":"860000000000017","status', b'{"imei": 860000000000017,'],
)
def test_kati_what_comes_on_the_topic_of_a_call_is_one(topic: str, metric: str, payload: object) -> None:
    (call,) = heard(topic, payload)
    assert (call.device, call.metric, call.at) == ("860000000000017", metric, None)


def test_kati_a_call_may_be_taken_back() -> None:
    assert told("iMEDE_watch/SOS", _KATI | {"status": "SOS cancel"}) == {"help_cancelled": True}


def test_kati_each_sign_of_a_batch_has_its_own_time() -> None:
    data = [{"timestamp": 1738331256, "heartRate": 84}, {"timestamp": 0, "heartRate": 99}, {"heartRate": 98}]
    batch = _KATI | {"timeStamps": "21/09/2026 20:53:00", "data": data}
    found = answer("iMEDE_watch/AP55", batch, zone="Asia/Bangkok")
    assert isinstance(found, Decoded)
    assert [(one.value, one.at) for one in found.readings] == [(84, 1_738_331_256_000)]
    assert found.sent_at == local_ms("2026-09-21T20:53:00", "Asia/Bangkok")
    assert found.left == ("data", "data")


def test_kati_day_and_month_are_not_mixed_up_and_without_a_zone_there_is_no_time() -> None:
    beat = _KATI | {"battery": 50, "timeStamps": "03/02/2026 10:00:00"}
    (there,) = heard("iMEDE_watch/hb", beat, zone="Asia/Bangkok")
    assert there.at == local_ms("2026-02-03T10:00:00", "Asia/Bangkok")
    (nowhere,) = heard("iMEDE_watch/hb", beat)
    assert nowhere.at is None


def test_kati_zero_was_not_measured() -> None:
    signs = _KATI | {
        "heartRate": 0,
        "spO2": "0",
        "bodyTemperature": 0,
        "bloodPressure": {"bp_sys": 0, "bp_dia": 0},
    }
    assert told("iMEDE_watch/VitalSign", signs) == {}


def test_askme_the_same_alarm_on_both_topics_is_one() -> None:
    alarm = _CAP | {"alarm_type": "SOS"}
    assert identity("info/alarm", alarm, "sos") == identity("info/3/alarm", alarm, "sos")
    assert identity("info/alarm", alarm | {"timestamp": 1789999991}, "sos") != identity(
        "info/alarm", alarm, "sos"
    )


@pytest.mark.parametrize(
    ("alarm", "added", "says"),
    [
        ("fall", "", {"fall": True}),
        ("Unwear", "", {"worn": False}),
        ("battery", "", {"battery_low": True}),
        ("fence", "", {"geofence_exit": True}),
        ("fence", "enter", {"geofence_enter": True}),
        ("fence", "stop", {}),
        ("field", "", {}),
    ],
)
def test_askme_alarms(alarm: str, added: str, says: dict[str, object]) -> None:
    assert told("info/alarm", _CAP | {"alarm_type": alarm, "additional": added}) == says


def test_askme_the_last_will_has_no_time() -> None:
    (gone,) = heard("info/down", _CAP)
    assert (gone.metric, gone.value, gone.at) == ("online", False, None)


def test_askme_a_call_that_is_cut_off_is_a_call() -> None:
    assert told("info/alarm", '{"user_id":7,"alarm_type":"SOS"') == {"sos": True}
    assert isinstance(answer("info/alarm", '{"user_id":7,"alarm_type":"fence"'), Rejected)


def test_g616_only_a_call_is_taken_from_an_offline_watch() -> None:
    state = {"isOnline": False, "heartRate": "90", "battery": "20", "location": "113.5,22.2"}
    assert told(_G616, state | {"sos": False}) == {"online": False}
    assert told(_G616, state | {"sos": True}) == {"online": False, "sos": True}


def test_g616_the_time_is_the_fixes_and_the_position_is_moved_to_wgs_84() -> None:
    state = {
        "heartRate": "90",
        "location": "113.4945307,22.2248915",
        "locationDate": "260921",
        "locationTime": "215300",
    }
    rate, latitude, longitude = heard(_G616, state, zone="Asia/Shanghai")
    assert rate.at is None
    assert latitude.at == longitude.at == local_ms("2026-09-21T21:53:00", "Asia/Shanghai")
    assert latitude.value == pytest.approx(22.22769, abs=1e-4)
    assert longitude.value == pytest.approx(113.48925, abs=1e-4)


def test_g616_whether_it_is_worn_is_not_sure() -> None:
    (worn,) = heard(_G616, {"isWearing": True})
    assert worn.confidence == 0.5
