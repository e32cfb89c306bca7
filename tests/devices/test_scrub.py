"""What is shown in clear of a message that was not understood names nobody and opens nothing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.scrub import MOST_SHOWN, masked, personal, shown
from tests.devices.seeds import SEEDS

_PERSONAL = [
    ({"mqtt_pass": "s3cret"}, "s3cret"),
    ({"wifiState": {"ssid": "ward-3", "rssi": -43}}, "ward-3"),
    ({"IMEI": "868334000000000"}, "868334000000000"),
    ({"x": 868334000000000}, "868334000000000"),
    ({"ICCID": "8966030000000000000"}, "8966030000000000000"),
    ({"note": "call 13812345678 now"}, "13812345678"),
    ({"note": "+86 13812345678"}, "13812345678"),
    ({"citizenId": "1101700203452"}, "1101700203452"),
    ({"cid": "1101700203452"}, "1101700203452"),
    ({"id": "11010519491231002X"}, "11010519491231002X"),
    ({"extradata": "Disarm Pin: 1234"}, "1234"),
    ({"pinCode": 4711}, "4711"),
    ({"patient": {"nameTH": "Somchai"}}, "Somchai"),
    ({"patient": {"x": ["Somchai"]}}, "Somchai"),
    ({"姓名": "王秀英"}, "王秀英"),
    ({"user_name": "wang"}, "wang"),
    ({"birth_date": "1941-02-03"}, "1941"),
    ({"mail": "john@example.com"}, "john"),
    ({"latitude": 30.6571}, "30.6571"),
    ({"list": [{"token": ["a1", "b2"]}]}, "b2"),
    ({"note": "tel13812345678"}, "13812345678"),
    ({"note": "138-1234-5678"}, "1234-5678"),
    ({"guardian": "Li Lei", "emergencyContact": "Li Lei"}, "Li Lei"),
    ({"老人": "王秀英"}, "王秀英"),
    ({"psk": "hunter22", "otp": "hunter22"}, "hunter22"),
    ({"pos": "31.2304,121.4737"}, "31.2304"),
    ({"coordinates": [31.5, 121.5]}, "31.5"),
    ({"raw": "*HQ,88,V1,121300,A,2234.5678,N,11354.1234,E"}, "2234.5678"),
    ({"url": "mqtt://wang:s3cret@host"}, "s3cret"),
    ({"t": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIx.c2ln"}, "eyJzdWIiOiIx"),
    ({"sms": "your PIN is 4711"}, "4711"),
]


@pytest.mark.parametrize(("payload", "hidden"), _PERSONAL)
def test_secrets_and_persons_are_not_shown(payload: object, hidden: str) -> None:
    whole = json.dumps(payload, ensure_ascii=False).encode()
    assert hidden not in shown(whole)
    assert hidden not in shown(whole[:-1])  # nor where the JSON is broken
    assert hidden not in shown(b"[" + whole + b",")


@pytest.mark.parametrize(
    "payload",
    [
        '{"action":"emergency","battery":88,"friendly_name":"bed 12"}',
        '{"time":1763763600123,"passed":true,"mac_address":"AA:BB:CC:DD:EE:FF"}',
        '{"id":"24e124136b502217","mac":"a0:b1:38:12:34:56","at":1763763600.123,"v":[0.25,21.5]}',
        '{"deviceName":"watch0001","params":[1,2.5,null,false],"state":"fall confirmed"}',
    ],
)
def test_what_an_installer_needs_stays(payload: str) -> None:
    assert shown(payload.encode()) == payload


def test_a_topic_may_hold_an_address() -> None:
    assert masked("health/blood_pressure/john_at_example_com") == "health/blood_pressure/***"
    assert masked("zigbee2mqtt/room 302/bed") == "zigbee2mqtt/room 302/bed"


def test_what_is_binary_is_not_shown() -> None:
    assert shown(b"\xff\x00secret") == "(8 bytes that are no text)"


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b'{"contact"', "(10 bytes of broken JSON)"),
        (b'{"contact":', "(11 bytes of broken JSON; fields: contact)"),
    ],
)
def test_of_broken_json_the_fields_are_named_if_it_has_any(payload: bytes, said: str) -> None:
    assert shown(payload) == said


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.topic)
def test_real_messages_keep_their_shape(seed: object) -> None:
    raw = seed.raw  # type: ignore[attr-defined]
    assert shown(raw)


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace")))
def test_any_bytes_have_something_to_show(payload: bytes) -> None:
    found = shown(payload)
    assert len(found) <= MOST_SHOWN + 40
    assert found.isprintable()


@given(st.text(max_size=100))
def test_any_name_has_an_answer(name: str) -> None:
    assert personal(name) in {True, False}
    assert isinstance(masked(name), str)
