"""Xiaomi and Aqara gateways: whose a value is, when, what repeats a state, what belongs to nobody else."""

import json

import pytest

from devices.families import xiaomi_gateway3
from devices.message import Message
from devices.reading import Decoded, Learned, Models, Reason, Rejected, TimeSource
from devices.words import OWN_NUMBER_MS

_ARRIVED = 1_790_000_000_000
_TIME = 1_789_999_990_000


def _gateway(topic: str, payload: object, model: str = "") -> Decoded:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    answer = xiaomi_gateway3.decode(Message(topic, raw, _ARRIVED), Models(default=model))
    assert isinstance(answer, Decoded), answer
    return answer


def _zigbee(model: str, *values: tuple[str, object], command: str = "report") -> Decoded:
    items = [{"res_name": name, "value": value} for name, value in values]
    if command == "heartbeat":
        held: dict[str, object] = {"params": [{"did": "lumi.1", "time": _TIME, "res_list": items}]}
    else:
        held = {"did": "lumi.1", "time": _TIME, "results" if command == "read_rsp" else "params": items}
    return _gateway("zigbee/send", {"cmd": command, "id": 2_000_000_001, **held}, model)


def _beacon(product: int, *events: tuple[int, str]) -> Decoded:
    params = {
        "dev": {"did": "blt.3.a", "mac": "AA:BB:CC:DD:EE:FF", "pdid": product},
        "evt": [{"eid": number, "edata": data} for number, data in events],
        "frmCnt": 36,
        "gwts": _TIME // 1000,
    }
    return _gateway("miio/report", {"method": "_async.ble_event", "params": params})


def _said(answer: Decoded) -> list[tuple[str, object]]:
    return [(one.metric, one.value) for one in answer.readings]


@pytest.mark.parametrize("topic", ["zigbee/send", "miio/report", "central/report", "xiaomi/gw1/zigbee/send"])
def test_its_topics_are_claimed_with_or_without_a_bridges_prefix(topic: str) -> None:
    assert xiaomi_gateway3.claims(topic)


@pytest.mark.parametrize("topic", ["gw/588E81FFFEF9CCE4/heartbeat", "zigbee2mqtt/x", "notzigbee/send", ""])
def test_other_topics_are_not(topic: str) -> None:
    assert not xiaomi_gateway3.claims(topic)


@pytest.mark.parametrize("topic", ["zigbee/recv", "x/miio/command", "miio/report_ack", "openmiio/report"])
def test_what_is_asked_of_a_gateway_carries_no_reading(topic: str) -> None:
    asked = {"cmd": "read", "did": "lumi.1", "params": [{"res_name": "3.1.85", "value": 1}]}
    assert xiaomi_gateway3.claims(topic)
    assert _gateway(topic, asked) == Decoded("xiaomi-gateway3")


def test_the_log_has_bluetooth_objects_alone() -> None:
    answer = _gateway("log/ble", {"did": "blt.3.a", "eid": 18438, "edata": "01", "pdid": 16143, "seq": 175})
    (reading,) = answer.readings
    assert (reading.device, reading.metric, reading.value, reading.key) == (
        "blt.3.a",
        "water_leak",
        True,
        "175",
    )


@pytest.mark.parametrize(
    ("model", "name", "value", "said"),
    [
        ("lumi.sensor_magnet.aq2", "3.1.85", 1, [("door_open", True)]),
        ("lumi.sensor_magnet.aq2", "3.1.85", 0, [("door_open", False)]),
        ("lumi.sensor_wleak.aq1", "3.1.85", 1, [("water_leak", True)]),
        ("lumi.sensor_motion", "3.1.85", 1, [("motion", True)]),
        ("lumi.motion.ac01", "3.51.85", 0, [("presence", False)]),
        ("", "3.1.85", 1, []),
        ("lumi.sensor_smoke", "13.1.85", 1, [("smoke", True)]),
        ("lumi.sensor_smoke", "13.1.85", 2, [("device_test", True)]),
        ("lumi.sensor_smoke", "13.1.85", 64, [("fault", True)]),
        ("lumi.sensor_natgas", "13.1.85", 1, [("gas", True)]),
        ("lumi.vibration.aq1", "13.1.85", 3, [("vibration", True)]),
        ("lumi.sensor_cube", "13.1.85", 3, []),
        ("lumi.lock.acn03", "13.5.85", 8, [("sos", True)]),
        ("", "13.1.85", 1, []),
        ("", "8.0.2102", {"status": "offline", "time": 65530}, [("online", False)]),
        ("", "8.0.2001", 255, []),
        ("", "8.0.2006", 33, [("device_temperature", 33)]),
    ],
)
def test_the_model_decides_what_a_number_means(
    model: str, name: str, value: object, said: list[tuple[str, object]]
) -> None:
    assert _said(_zigbee(model, (name, value))) == said


@pytest.mark.parametrize("command", ["heartbeat", "read_rsp"])
def test_what_a_heartbeat_or_an_answer_repeats_did_not_happen_now(command: str) -> None:
    assert _said(_zigbee("lumi.sensor_motion", ("3.1.85", 1), command=command)) == []
    assert _said(_zigbee("lumi.sensor_magnet", ("3.1.85", 1), command=command)) == [("door_open", True)]
    assert _said(_zigbee("lumi.sensor_smoke", ("13.1.85", 1), command=command)) == [("smoke", True)]


def test_a_heartbeat_names_its_devices_itself() -> None:
    inner = [
        {"did": f"lumi.{number}", "time": _TIME + number, "res_list": [{"res_name": "8.0.2001", "value": 50}]}
        for number in (1, 2)
    ]
    answer = _gateway("zigbee/send", {"cmd": "heartbeat", "id": 7, "did": "lumi.0", "params": inner})
    assert [(one.device, one.at, one.at_source) for one in answer.readings] == [
        ("lumi.1", _TIME + 1, TimeSource.GATEWAY),
        ("lumi.2", _TIME + 2, TimeSource.GATEWAY),
    ]


def test_a_value_that_could_not_be_read_is_none() -> None:
    items = [
        {"res_name": "8.0.2001", "value": 50, "error_code": -5020},
        {"siid": 2, "piid": 1, "code": -5020},
    ]
    assert _gateway("zigbee/send", {"cmd": "read_rsp", "did": "lumi.1", "results": items}).readings == ()


def test_the_gateways_number_and_time_identify_a_message() -> None:
    (reading,) = _zigbee("lumi.sensor_magnet", ("3.1.85", 1)).readings
    assert (reading.key, reading.good_for_ms) == (f"2000000001@{_TIME}", OWN_NUMBER_MS)


def test_a_frame_counter_identifies_a_bluetooth_event() -> None:
    (reading,) = _beacon(2701, (15, "000100")).readings
    assert (reading.metric, reading.at, reading.key) == ("motion", _TIME, "36")
    assert reading.good_for_ms == OWN_NUMBER_MS


@pytest.mark.parametrize(
    ("number", "data", "said"),
    [
        (4117, "00", [("smoke", False)]),
        (4117, "01", [("smoke", True)]),
        (4117, "02", [("fault", True)]),
        (4118, "01", [("gas", True)]),
        (4116, "01", [("water_leak", True)]),
        (4121, "00", [("door_open", True)]),
        (4121, "01", [("door_open", False)]),
        (4121, "02", [("door_open", True)]),
        (4121, "03", []),
        (4100, "9cff", [("room_temperature", -10.0)]),
        (4102, "3901", [("humidity", 31.3)]),
        (4109, "ec003901", [("room_temperature", 23.6), ("humidity", 31.3)]),
        (4106, "329aaecd62", [("battery", 50)]),
        (4119, "78000000", [("motion", False)]),
        (4119, "00000000", [("motion", True)]),
        (4097, "000002", [("button_press", True)]),
        (18433, "0000c841", [("room_temperature", 25.0)]),
        (18433, "0000c07f", []),
        (18438, "01", [("water_leak", True)]),
        (18510, "00", [("presence", False)]),
        (18952, "00008041", [("motion", True), ("illuminance", 16.0)]),
        (19459, "51", [("battery", 81)]),
        (19980, "", [("button_press", True)]),
        (19981, "02", [("button_press", True)]),
        (4100, "9c", []),
        (60000, "01", []),
    ],
)
def test_a_bluetooth_object_means_the_same_on_any_product(
    number: int, data: str, said: list[tuple[str, object]]
) -> None:
    assert _said(_beacon(65_000, (number, data))) == said


def test_a_lock_says_when_its_door_opened_and_never_whose_finger_it_was() -> None:
    answer = _beacon(1694, (7, "00c5aecd62"), (11, "2002000180c4aecd62"), (6, "ffffffff00"))
    assert [(one.metric, one.value, one.at, one.at_source) for one in answer.readings] == [
        ("door_open", True, 1_657_646_789_000, TimeSource.DEVICE)
    ]
    assert "80010002" not in repr(answer)


def test_a_lock_that_somebody_was_forced_to_open_calls_for_help() -> None:
    assert _said(_beacon(1694, (11, "8002000180c4aecd62"))) == [("sos", True)]
    assert _said(_beacon(1694, (11, "0f0d00dec0c4aecd62"))) == [("sos", True)]


def test_properties_of_several_devices_are_told_apart() -> None:
    params = [
        {"did": "123", "siid": 2, "piid": 1006, "value": True, "tid": 1},
        {"did": 124, "siid": 2, "piid": 1078, "value": 0, "tid": 2},
        {"siid": 2, "piid": 1078, "value": 1},
    ]
    answer = _gateway("miio/report", {"method": "properties_changed", "params": params})
    assert [(one.device, one.metric, one.value, one.key) for one in answer.readings] == [
        ("123", "water_leak", True, "1"),
        ("124", "presence", False, "2"),
    ]
    assert answer.left == ("did",)


def test_presses_of_one_message_are_each_told() -> None:
    items = [{"siid": 3, "eiid": 1012, "arguments": [{"piid": 1, "value": n}]} for n in (1, 2)]
    answer = _gateway("zigbee/send", {"cmd": "report", "did": "lumi.1", "mi_spec": items})
    assert [(one.metric, one.detail) for one in answer.readings] == [
        ("button_press", "1_single"),
        ("button_press", "2_single"),
    ]


def test_mesh_devices_come_and_go() -> None:
    gone = {"method": "_sync.ble_mesh_offline", "params": {"list": [{"did": "123"}]}}
    assert _said(_gateway("miio/report", gone)) == [("online", False)]
    heard = {"method": "_sync.ble_mesh_keep_alive", "params": [{"did": "123", "rssi": -52, "hops": 0}]}
    assert _said(_gateway("miio/report", heard)) == [("online", True), ("rssi", -52)]


def test_a_device_that_is_added_tells_its_model() -> None:
    answer = _zigbee("", ("8.0.2084", {"did": "lumi.2", "mac": "0x2", "model": "lumi.sensor_smoke"}))
    assert [(one.device, one.metric) for one in answer.readings] == [("lumi.2", "device_joined")]
    assert answer.learned == (Learned("lumi.2", "model", "lumi.sensor_smoke"),)
    gone = _zigbee("", ("8.0.2082", "lumi.2"))
    assert [(one.device, one.metric) for one in gone.readings] == [("lumi.2", "device_left")]


@pytest.mark.parametrize(
    "payload",
    [
        {"cmd": "write_rsp", "did": "lumi.1", "results": [{"res_name": "4.1.85", "value": 1}]},
        {"method": "event.gw.heartbeat", "params": [{"free_mem": 1, "ip": "10.0.0.2", "ssid": "home"}]},
        {"method": "_sync.ble_query_dev", "params": {"mac": "AA:BB:CC:DD:EE:FF"}},
    ],
)
def test_acknowledgements_and_housekeeping_say_nothing(payload: object) -> None:
    assert _gateway("miio/report", payload) == Decoded("xiaomi-gateway3")


@pytest.mark.parametrize(
    ("payload", "reason", "device"),
    [
        (b'{"cmd":"report","did":"lumi.1","params":[', Reason.NOT_JSON, "lumi.1"),
        (b"[1]", Reason.WRONG_SHAPE, ""),
        (b"{}", Reason.WRONG_SHAPE, ""),
    ],
)
def test_the_malformed_is_rejected_with_its_device(payload: bytes, reason: Reason, device: str) -> None:
    answer = xiaomi_gateway3.decode(Message("zigbee/send", payload, _ARRIVED), Models())
    assert isinstance(answer, Rejected)
    assert (answer.reason, answer.device) == (reason, device)


def test_a_scale_packs_weight_and_pulse() -> None:
    arguments = [{"piid": 2, "value": 1_165_343_397}, {"piid": 3, "value": 1_778_217_052}]
    event = {"did": "blt.3.s", "siid": 11, "eiid": 1022, "tid": 1, "arguments": arguments}
    answer = _gateway("miio/report", {"method": "event_occured", "params": event}, "MJTZC01YM")
    assert [(one.metric, one.value, one.at) for one in answer.readings] == [
        ("body_weight", 67.7, 1_778_217_052_000),
        ("heart_rate", 105, 1_778_217_052_000),
    ]
