"""Ruuvi: the vendor's own test vectors, values that are not there, times as texts, encrypted frames."""

import json
from typing import Any

import pytest

from devices.decode import decode
from devices.families import ruuvi
from devices.message import Message
from devices.reading import Decoded, Reason, Rejected, TimeSource

_TOPIC = "ruuvi/C8:25:2D:8E:9C:2C/CB:B8:33:4C:88:4F"
_DEVICE = "CB:B8:33:4C:88:4F"


def _decode(payload: Any, topic: str = _TOPIC) -> Decoded | Rejected:  # noqa: ANN401  (JSON)
    return decode(Message(topic, json.dumps(payload).encode(), 1_790_000_000_000))


def _advertised(frame: str) -> str:
    data = bytes.fromhex(frame)
    return f"020106{len(data) + 3:02X}FF9904{frame}"


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        ("03291A1ECE1EFC18F94202CA0B53", {"tempc": 26.3, "hum": 20.5, "pres": 1027.66, "volt": 2.899}),
        (
            "0512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F",
            {"tempc": 24.3, "hum": 53.49, "pres": 1000.44, "volt": 2.977, "packet": 205},
        ),
        (
            "C512FC5394C37CAC364200CDCBB8334C884F",
            {"tempc": 24.3, "hum": 53.49, "pres": 1000.44, "volt": 2.977, "packet": 205},
        ),
        (
            "06170C5668C79E007000C90501D9FFCD004C884F",
            {
                "tempc": 29.5,
                "hum": 55.3,
                "pres": 1011.02,
                "pm25": 11.2,
                "co2": 201,
                "lux": 13026.67,
                "packet": 205,
            },
        ),
        (
            "E1170C5668C79E0065007004BD11CA00C90A0213E0ACFFFFFFDECDEE01FFFFFFFFFFCBB8334C884F",
            {
                "tempc": 29.5,
                "hum": 55.3,
                "pres": 1011.02,
                "pm25": 11.2,
                "co2": 201,
                "lux": 13027.0,
                "packet": 0xEE,
            },
        ),
        ("058000FFFFFFFF800080008000FFFFFFFFFFFFFFFFFFFFFF", {}),
        ("068000FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", {"packet": 255}),
        ("E18000FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFFFFFFFFFFFFFFFFFF", {}),
        ("058001000000008001800180010000000000CBB8334C884F", {"tempc": -163.835, "hum": 0, "pres": 500}),
    ],
)
def test_the_vendors_test_vectors(frame: str, said: dict[str, Any]) -> None:
    found = ruuvi.fields(bytes.fromhex(frame))
    assert found is not None
    assert {name: found.get(name) for name in said} == pytest.approx(said)
    assert said or not found


@pytest.mark.parametrize(
    "frame", ["", "05", "0512FC5394C37C0004FFFC040CAC364200CDCBB8334C88", "2012FC", "06170C56"]
)
def test_a_frame_that_is_cut_or_unknown_is_none(frame: str) -> None:
    assert ruuvi.fields(bytes.fromhex(frame)) is None


def test_times_are_the_gateways_and_may_be_texts() -> None:
    data = _advertised("0512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F")
    for stamp, sent in (("1753668026", "1753668027"), (1753668026, 1753668027)):
        answer = _decode(
            {"gw_mac": "C8", "rssi": -50, "ts": stamp, "gwts": sent, "data": data, "coords": "1,2"}
        )
        assert isinstance(answer, Decoded)
        assert {(one.device, one.at, one.at_source) for one in answer.readings} == {
            (_DEVICE, 1_753_668_026_000, TimeSource.GATEWAY)
        }
        assert answer.sent_at == 1_753_668_027_000
        assert not {"latitude", "longitude"} & {one.metric for one in answer.readings}


@pytest.mark.parametrize("stamp", ["0", 0, 42, None, "", "x", [1], True])
def test_a_clock_that_was_never_set_is_no_time(stamp: object) -> None:
    answer = _decode(
        {"gw_mac": "C8", "rssi": -50, "ts": stamp, "gwts": stamp, "data": _advertised("05" + "00" * 23)}
    )
    assert isinstance(answer, Decoded)
    assert {one.at for one in answer.readings} == {None}
    assert answer.sent_at is None


def test_repeats_of_a_measurement_share_its_number_and_each_signal_is_its_own() -> None:
    answer = _decode(
        {"gw_mac": "C8", "rssi": -50, "data": _advertised("0512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F")}
    )
    assert isinstance(answer, Decoded)
    assert {one.metric: one.key for one in answer.readings} == {
        **dict.fromkeys(("room_temperature", "humidity", "air_pressure", "battery_voltage"), "205"),
        "rssi": "",
    }


def test_what_is_given_twice_is_said_once() -> None:
    answer = _decode(
        {
            "gw_mac": "C8",
            "rssi": -50,
            "temperature": 24.3,
            "humidity": 53.49,
            "pressure": 100044,
            "data": _advertised("0512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F"),
        }
    )
    assert isinstance(answer, Decoded)
    metrics = [one.metric for one in answer.readings]
    assert len(metrics) == len(set(metrics)) == 5


@pytest.mark.parametrize(
    "data",
    ["0201061BFF990408" + "00" * 23, "020106" + "05", "zz", "123", "0B16D2FC4562511158BD25B8", 12, ["x"]],
)
def test_what_cannot_be_read_names_the_tag_or_says_only_how_it_was_heard(data: object) -> None:
    answer = _decode({"gw_mac": "C8", "rssi": -50, "data": data})
    if isinstance(answer, Rejected):
        assert (answer.reason, answer.device) == (Reason.UNDECODED, _DEVICE)
    else:
        assert [one.metric for one in answer.readings] == ["rssi"]
        assert answer.left == ("data",)


def test_other_devices_of_an_open_gateway_are_decoded_too() -> None:
    answer = _decode({"gw_mac": "C8", "rssi": -50, "data": "0716D2FC442D0164" + "00"})
    assert isinstance(answer, Decoded)
    assert {one.metric: one.value for one in answer.readings}["door_open"] is True


@pytest.mark.parametrize(("state", "online"), [("online", True), ("offline", False)])
def test_the_state_of_the_gateway(state: str, *, online: bool) -> None:
    answer = _decode({"state": state}, "ruuvi/C8:25:2D:8E:9C:2C/gw_status")
    assert isinstance(answer, Decoded)
    assert [(one.device, one.value) for one in answer.readings] == [("C8:25:2D:8E:9C:2C", online)]


def test_a_batch_is_taken_apart_by_tag() -> None:
    tags = {
        "CB:B8:33:4C:88:4F": {"rssi": -40, "timestamp": "1753668020", "data": _advertised("05" + "00" * 23)},
        "CB:B8:33:4C:88:50": {"rssi": -41, "timestamp": 1753668021, "temperature": 20.5},
        "CB:B8:33:4C:88:51": {"rssi": -42, "timestamp": 1753668021, "data": _advertised("08" + "00" * 23)},
        "CB:B8:33:4C:88:52": 7,
    }
    answer = _decode(
        {"data": {"coordinates": "", "timestamp": "1753668027", "gw_mac": "C8", "tags": tags}}, "x/y"
    )
    assert isinstance(answer, Decoded)
    assert {(one.device, one.at) for one in answer.readings} == {
        ("CB:B8:33:4C:88:4F", 1_753_668_020_000),
        ("CB:B8:33:4C:88:50", 1_753_668_021_000),
    }
    assert [(one.reason, one.device) for one in answer.rejected] == [(Reason.UNDECODED, "CB:B8:33:4C:88:51")]
    assert answer.sent_at == 1_753_668_027_000


def test_another_prefix_is_known_by_the_payload() -> None:
    payload = {"gw_mac": "C8", "rssi": -50, "data": _advertised("05" + "00" * 23)}
    answer = _decode(payload, f"house/7/{_DEVICE}")
    assert isinstance(answer, Decoded)
    assert answer.family == "ruuvi-gateway"
    assert {one.device for one in answer.readings} == {_DEVICE}
