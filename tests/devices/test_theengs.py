"""Bluetooth devices: polarity, presses, weights, encryption, addresses that are nobody's, raw frames."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.decode import decode
from devices.families import ble, bthome, mibeacon, ruuvi
from devices.identity import identities
from devices.message import Message
from devices.reading import Decoded, Models, Reading, Reason, Rejected

_NOW = 1_790_000_000_000
_TOPIC = "home/hall/BTtoMQTT/C0FFEE010203"
_RAW = "home/hall/BTtoMQTT/undecoded"
_ID = "C0:FF:EE:01:02:03"


def _message(payload: Any, topic: str = _TOPIC) -> Message:  # noqa: ANN401  (JSON)
    return Message(topic, json.dumps(payload).encode(), _NOW)


def _readings(payload: dict[str, Any], topic: str = _TOPIC, model: str = "") -> dict[str, Reading]:
    answer = decode(_message({"id": _ID, "rssi": -60, **payload}, topic), Models(default=model))
    assert isinstance(answer, Decoded), answer
    return {reading.metric: reading for reading in answer.readings}


def _says(payload: dict[str, Any], topic: str = _TOPIC, model: str = "") -> dict[str, Any]:
    said = {metric: reading.value for metric, reading in _readings(payload, topic, model).items()}
    said.pop("rssi", None)
    return said


def _raw(uuid: str, data: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return _says({"servicedatauuid": uuid, "servicedata": data, **more}, _RAW)


@pytest.mark.parametrize(
    ("code", "detail"),
    [(1, "single"), (2, "double"), (3, "triple"), (9, "long"), (11, "hold"), ("2", "double")],
)
def test_the_codes_of_a_press(code: object, detail: str) -> None:
    press = _readings({"model_id": "SBBT-002C", "packet": 3, "button": code})["button_press"]
    assert (press.value, press.detail) == (True, detail)


@pytest.mark.parametrize("code", [0, 10, None, ""])
def test_no_press_and_the_release_are_nothing(code: object) -> None:
    assert _says({"model_id": "SBBT-002C", "packet": 3, "button": code}) == {}


@pytest.mark.parametrize("model", ["SOS button", "Shelly BLU, panic", "护理院求助按钮"])
@pytest.mark.parametrize("code", [1, 2, 9, 11])
def test_any_press_of_a_button_that_is_registered_for_calls_is_one(model: str, code: int) -> None:
    assert _says({"model_id": "SBBT-002C", "packet": 3, "button": code}, model=model) == {"sos": True}


def test_two_gateways_hear_one_press_and_two_signals() -> None:
    heard = [
        _message({"id": _ID, "rssi": rssi, "model_id": "SBBT-002C", "packet": 7, "button": 1}, topic)
        for rssi, topic in (
            (-60, "home/hall/BTtoMQTT/C0FFEE010203"),
            (-80, "home/bath/BTtoMQTT/C0FFEE010203"),
        )
    ]
    answers = [decode(message) for message in heard]
    assert all(isinstance(answer, Decoded) for answer in answers)
    pressed = [
        dict(zip([one.metric for one in answer.readings], identities(answer, message), strict=True))
        for answer, message in zip(answers, heard, strict=True)
        if isinstance(answer, Decoded)
    ]
    assert pressed[0]["button_press"] == pressed[1]["button_press"] != 0
    assert [one["rssi"] for one in pressed] == [0, 0]  # each is new
    assert [answer.readings[-1].detail for answer in answers if isinstance(answer, Decoded)] == [
        "hall",
        "bath",
    ]


def test_a_door_that_counts_anew_is_not_taken_for_its_own_past() -> None:
    found = []
    for is_open in (True, False, False):
        message = _message({"id": _ID, "model_id": "SBDW-002C", "packet": 5, "open": is_open})
        answer = decode(message)
        assert isinstance(answer, Decoded)
        found += identities(answer, message)
    assert found[0] != found[1] == found[2]


def test_a_press_without_a_number_is_one_for_a_moment() -> None:
    press = _readings({"model_id": "NODONNIU", "button": 1, "batt": 90})["button_press"]
    assert press.key
    assert 0 < press.good_for_ms <= 10_000


@pytest.mark.parametrize(
    ("contact", "is_open"),
    [("open", True), ("timeout not closed", True), ("closed", False), ("CLOSED", False)],
)
def test_a_switchbot_contact_says_open_in_two_words(contact: str, *, is_open: bool) -> None:
    assert _says({"model_id": "W120150X", "contact": contact}) == {"door_open": is_open}


@pytest.mark.parametrize("model", ["SBDW-002C", "CGH1", "BSDOO", "MAG", "", "unheard of"])
def test_open_is_open(model: str) -> None:
    assert _says({"model_id": model, "open": True}) == {"door_open": True}
    assert _says({"model_id": model, "open": False}) == {"door_open": False}
    assert _says({"model_id": model, "open": None}) == {}


@pytest.mark.parametrize("model", ["W270160X", "W070160X", "X1"])
def test_what_moves_by_itself_is_no_door_and_nobody(model: str) -> None:
    said = _says({"model_id": model, "open": 1, "motion": True, "moving": True, "state": "on"})
    assert said == {}


@pytest.mark.parametrize(
    ("payload", "kilograms"),
    [
        ({"weighing_mode": "person", "unit": "kg", "weight": 61.7}, 61.7),
        ({"weighing_mode": "person", "unit": "jin", "weight": 123.4}, 61.7),
        ({"type": "SCALE", "unit": "kg", "weight": "61.7"}, 61.7),
        ({"model": "XMTZC04HM", "unit": "kg", "weight": 61.7}, 61.7),  # of an old gateway
    ],
)
def test_a_persons_weight(payload: dict[str, Any], kilograms: float) -> None:
    assert _says(payload) == {"body_weight": pytest.approx(kilograms)}


def test_pounds_are_said_to_be_pounds() -> None:
    reading = _readings({"weighing_mode": "person", "unit": "lb", "weight": 131.7})["body_weight"]
    assert (reading.value, reading.unit) == (131.7, "[lb_av]")


@pytest.mark.parametrize(
    "payload",
    [
        {"type": "SCALE", "weighing_mode": "object", "unit": "kg", "weight": 61.7},
        {"type": "SCALE", "unit": "g", "weight": 61.7},
        {"type": "SCALE", "weight": 61.7},
        {"unit": "kg", "weight": 61.7},
        {"type": "SCALE", "weighing_mode": "person", "unit": "kg", "weight": None},
    ],
)
def test_no_persons_weight(payload: dict[str, Any]) -> None:
    assert _says(payload) == {}


@pytest.mark.parametrize(
    "payload",
    [
        {"model_id": "SBBT_002C_ENCR", "encr": 2, "cipher": "62511158bd25", "ctr": "b8", "mic": "5b"},
        {"model_id": "SBDW_002C_ENCR"},  # without advertised data the model is all that is left
        {"model_id": "LYWSD03MMC/MJWSD05MMC_PVVX_ENCR", "encr": 1, "cipher": "ef"},
        {"servicedatauuid": "0xfcd2", "servicedata": "4562511158bd25b8f093645b573115"},
        {"servicedatauuid": "0xfe95", "servicedata": "58585b0509aabbccddeeff1234567800000011223344"},
        {"servicedatauuid": "0xfcd2", "servicedata": "not hexadecimal"},
        {"manufacturerdata": "9904084382"},
    ],
)
def test_what_is_encrypted_or_damaged_is_a_fault_with_a_name(payload: dict[str, Any]) -> None:
    answer = decode(_message({"id": _ID, "rssi": -60, **payload}, _RAW))
    assert isinstance(answer, Rejected)
    assert (answer.reason, answer.device) == (Reason.UNDECODED, _ID)


def test_what_a_gateway_garbled_is_a_fault_but_it_heard_the_device() -> None:
    garbled = _message({"id": _ID, "rssi": -60, "distance": 2.5, "servicedata": "zyx"}, _RAW)
    answer = decode(garbled)
    assert isinstance(answer, Decoded)
    assert {one.metric: one.value for one in answer.readings} == {"rssi": -60, "distance": 2.5}
    assert [one.reason for one in answer.rejected] == [Reason.UNDECODED]
    assert isinstance(decode(garbled, Models(default="SOS button")), Rejected)


def test_a_phones_beacon_is_known_by_its_uuid_where_the_gateway_says_so() -> None:
    uuid = "0f" * 16
    beacon = {"id": "5A:01:02:03:04:05", "mac_type": 1, "rssi": -60, "model_id": "IBEACON", "uuid": uuid}
    by_topic = decode(_message(beacon, f"home/hall/BTtoMQTT/{uuid}"))
    by_id = decode(_message(beacon | {"id": uuid, "mac": beacon["id"]}, "home/presence/theengs"))
    for answer in (by_topic, by_id):
        assert isinstance(answer, Decoded)
        assert [(one.device, one.metric, one.value) for one in answer.readings] == [(uuid, "rssi", -60)]
    answer = decode(_message(beacon, "home/hall/BTtoMQTT/5A0102030405"))
    assert isinstance(answer, Decoded)
    assert not answer.readings


def test_what_a_gateway_decrypted_counts_although_it_shows_the_cipher() -> None:
    said = _says(
        {"model_id": "SBBT-002C", "packet": 1, "button": 1, "cipher": "62", "ctr": "b8", "mic": "5b"}
    )
    assert said == {"button_press": True}


@pytest.mark.parametrize(
    "payload",
    [
        {"prmac": True, "model_id": "APPLEWATCH"},
        {"type": "RMAC", "model_id": "APPLEWATCH"},
        {"mac_type": 1, "id": "54:94:5E:9F:64:C4"},
    ],
)
def test_a_random_address_is_nobody(payload: dict[str, Any]) -> None:
    assert _readings({"distance": 2.0, **payload}) == {}


def test_a_static_random_address_stays() -> None:
    assert set(_readings({"mac_type": 1, "id": "C4:94:5E:9F:64:C4", "distance": 2})) == {"rssi", "distance"}


@pytest.mark.parametrize("payload", [{"presence": "absent"}, {"state": "offline"}])
def test_a_lost_tracker_is_offline_and_says_nothing_of_anybody(payload: dict[str, Any]) -> None:
    answer = decode(_message({"id": _ID, **payload}))
    assert isinstance(answer, Decoded)
    assert [(one.metric, one.value) for one in answer.readings] == [("online", False)]


def test_a_presence_topic_of_somebody_else_is_not_taken() -> None:
    heard = {"id": _ID, "rssi": -60, "distance": 1.5}
    for topic in (
        "home/TheengsGateway/presence",
        "home/home_presence/hall",
        "home/hall/presence",
        "ble/room/x",
        "x",
    ):
        answer = decode(_message(heard, topic))
        assert isinstance(answer, Decoded)
        assert answer.family == "theengs"
    answer = decode(Message("home/hall/presence", b"ON", _NOW))
    assert not isinstance(answer, Rejected) or answer.reason is Reason.UNKNOWN_TOPIC


def test_the_type_says_what_an_unknown_model_is_not() -> None:
    assert _says({"model_id": "new", "type": "BODY", "tempc": 36.9, "bpm": 70}) == {"heart_rate": 70}
    assert _says({"model_id": "new", "type": "WCVR", "open": 1, "motion": True}) == {}
    assert _says({"model_id": "new", "type": "BBQ", "tempc": 61}) == {}
    assert _says({"model_id": "new", "type": "CTMO", "contact": "open"}) == {"door_open": True}
    assert _says({"model_id": "new", "type": "CTMO", "contact": True}) == {}
    assert _says({"model_id": "new", "type": "THB", "tempc": 21}) == {"room_temperature": 21}


def test_an_external_probe_is_not_the_room() -> None:
    payload = {"model_id": "IBS-TH1/TH2/P01B/ITH-12S", "tempc": 4.1, "tempf": 39.4, "batt": 80}
    assert _says({**payload, "extprobe": True}) == {"battery": 80}
    assert _says({**payload, "extprobe": False}) == {"battery": 80, "room_temperature": 4.1}


def test_an_old_gateway_gives_texts_and_no_id() -> None:
    answer = decode(
        _message({"hum": "52.6", "tempc": "19.2", "tempf": "66.56"}, "home/BTtoMQTT/4C33A6603C79")
    )
    assert isinstance(answer, Decoded)
    assert {(one.device, one.metric, one.value) for one in answer.readings} == {
        ("4C:33:A6:60:3C:79", "humidity", 52.6),
        ("4C:33:A6:60:3C:79", "room_temperature", 19.2),
    }


def test_other_bases_and_the_gateways_configuration() -> None:
    assert _says({"model_id": "CGH1", "open": True}, "site/a/omg1/BTtoMQTT/C0FFEE010203") == {
        "door_open": True
    }
    assert decode(_message({"interval": 55555, "minrssi": -100}, "home/hall/BTtoMQTT")) == Decoded("theengs")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("40002a0164029d0903bf13", {"battery": 100, "room_temperature": 24.61, "humidity": 50.55}),
        ("4401642d01", {"battery": 100, "door_open": True}),
        ("441a00", {"door_open": False}),
        ("441101", {"door_open": True}),
        ("442101", {"motion": True}),
        ("442300", {"presence": False}),
        ("442901", {"smoke": True}),
        ("441c01", {"gas": True}),
        ("441701", {"carbon_monoxide": True}),
        ("442001", {"water_leak": True}),
        ("442b01", {"tamper": True}),
        ("441501", {"battery_low": True}),
        ("443a04", {"button_press": True}),
        ("443a00", {}),
        ("443a003a01", {"button_press": True}),
        ("442900ff00", {"smoke": False}),  # an object that nobody knows ends the reading
        ("4029", {}),  # cut short
        ("402902", {}),  # neither true nor false
        ("42061122334455" + "2901", {"smoke": True}),  # its own address in front
        ("6029" + "01", {}),  # version 3
    ],
)
def test_bthome(data: str, said: dict[str, Any]) -> None:
    assert _raw("0xfcd2", data) == said


def test_bthome_in_a_long_uuid_and_in_capitals() -> None:
    assert _raw("0000FCD2-0000-1000-8000-00805F9B34FB", "442D01") == {"door_open": True}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("5020aa0137dfaa33342d580d100404016602", {"room_temperature": 26.0, "humidity": 61.4}),
        ("5020830a01aabbccddeeff" + "1910" + "01" + "00", {"door_open": True}),
        ("5020830a01aabbccddeeff" + "1910" + "01" + "01", {"door_open": False}),
        ("5020830a01aabbccddeeff" + "1910" + "01" + "02", {"door_open": True}),
        ("5020830a01aabbccddeeff" + "1910" + "01" + "03", {}),
        ("5020830a01aabbccddeeff" + "1510" + "01" + "01", {"smoke": True}),
        ("5020830a01aabbccddeeff" + "1410" + "01" + "00", {"water_leak": False}),
        ("5020830a01aabbccddeeff" + "0300" + "01" + "01", {"motion": True}),
        ("5020830a01aabbccddeeff" + "0110" + "03" + "000000", {"button_press": True}),
        ("5020830a01aabbccddeeff" + "0110" + "03" + "000002", {"button_press": True}),
        ("5020830a01aabbccddeeff" + "0020" + "05" + "640e640e5a", {"body_temperature": 36.71, "battery": 90}),
        ("5020830a01aabbccddeeff" + "1910" + "02" + "00", {}),
    ],
)
def test_mibeacon(data: str, said: dict[str, Any]) -> None:
    assert _raw("0xfe95", data) == pytest.approx(said)


@pytest.mark.parametrize(("batt", "level"), [(104.7, 100), (100, 100), ("93", 93), (255, None), (-1, None)])
def test_a_new_cell_is_full_and_no_level_is_none(batt: object, level: int | None) -> None:
    assert _says({"model": "LYWSD03MMC", "batt": batt}).get("battery") == level


@pytest.mark.parametrize(
    ("uuid", "data", "said"),
    [
        ("0x181b", "0226e607020e10293af7019a38", {"body_weight": 72.45}),
        ("0x181d", "223e30e607020e10293a", {"body_weight": 61.75}),
        ("0xfdcd", "4804aabbccddeeff0401000f0100", {"door_open": True}),
        ("0xfd3d", "64c05c04000000000f", {"motion": True, "door_open": True, "battery": 92}),
    ],
)
def test_what_theengs_knows(uuid: str, data: str, said: dict[str, Any]) -> None:
    assert _raw(uuid, data) == said


def test_apples_advertisements_say_nothing() -> None:
    assert ble.read(ble.Advertisement(maker=bytes.fromhex("4c0010060319247bbc68"))) is None


@given(st.binary(max_size=260), st.sampled_from(["", "fcd2", "181c", "fe95", "181b", "fdcd", "fd3d", "180f"]))
def test_any_service_data_have_an_answer(data: bytes, uuid: str) -> None:
    found = ble.read(ble.Advertisement(uuid=uuid, service=data))
    assert found is None or isinstance(found, (dict, Rejected))


@given(st.binary(max_size=260))
def test_any_advertisement_has_an_answer(data: bytes) -> None:
    assert isinstance(ble.structures(data), ble.Advertisement)
    for read in (bthome.fields, bthome.fields_1, mibeacon.fields, ruuvi.fields):
        assert read(data) is None or isinstance(read(data), dict)
