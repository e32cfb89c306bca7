"""Sparkplug B: births teach aliases, deaths take all, integers have signs, and no alias is guessed."""

import gzip
import struct
import zlib

import pytest

from devices.families import wire
from devices.reading import Decoded, Reason, Rejected, TimeSource
from tests.devices.taught import ARRIVED, Taught

_AT = ARRIVED - 60_000
_DATA, _BIRTH = "spBv1.0/Home/DDATA/floor1/bed1", "spBv1.0/Home/DBIRTH/floor1/bed1"


def _varint(number: int) -> bytes:
    out = b""
    while True:
        number, low = number >> 7, number & 0x7F
        if not number:
            return out + bytes([low])
        out += bytes([low | 0x80])


def _field(number: int, value: bytes | float) -> bytes:
    match value:
        case int():
            return _varint(number << 3) + _varint(value)
        case bytes():
            return _varint(number << 3 | 2) + _varint(len(value)) + value
        case float():
            return _varint(number << 3 | 1) + struct.pack("<d", value)


def _metric(
    name: str = "", alias: int | None = None, datatype: int | None = None, more: bytes = b""
) -> bytes:
    out = _field(1, name.encode()) if name else b""
    out += b"" if alias is None else _field(2, alias)
    out += b"" if datatype is None else _field(4, datatype)
    return out + more


def _payload(*metrics: bytes, at: int | None = _AT, seq: int = 1) -> bytes:
    return (
        (b"" if at is None else _field(1, at)) + b"".join(_field(2, one) for one in metrics) + _field(3, seq)
    )


def _value(name: str, datatype: int, more: bytes) -> dict[str, object]:
    return Taught().said(_DATA, _payload(_metric(name, None, datatype, more)))


def test_an_alias_is_what_the_last_birth_named_it() -> None:
    taught = Taught()
    taught.hear(
        _BIRTH,
        _payload(
            _metric("Emergency/SOS", 1, 11, _field(14, 0)), _metric("Bed/Occupied", 2, 11, _field(14, 1))
        ),
    )
    assert taught.said(_DATA, _payload(_metric("", 1, None, _field(14, 1)))) == {"sos": True}
    taught.hear(_BIRTH, _payload(_metric("Bed/Occupied", 1, 11, _field(14, 1))))
    assert taught.said(_DATA, _payload(_metric("", 1, None, _field(14, 0)))) == {"bed_occupied": False}


def test_an_alias_without_its_birth_is_unreadable_and_costs_no_other_metric() -> None:
    unborn = _metric("", 9, None, _field(14, 1))
    answer = Taught().hear(_DATA, _payload(unborn))
    assert answer == Rejected(Reason.UNDECODED, "an alias without its birth certificate", "Home/floor1/bed1")
    answer = Taught().hear(_DATA, _payload(unborn, _metric("SOS", None, 11, _field(14, 1))))
    assert isinstance(answer, Decoded)
    assert [one.metric for one in answer.readings] == ["sos"]
    assert answer.rejected


def test_a_birth_says_its_values_and_that_the_device_is_there() -> None:
    assert Taught().said(_BIRTH, _payload(_metric("Vitals/HeartRate", 1, 10, _field(13, 61.5)))) == {
        "online": True,
        "heart_rate": 61.5,
    }


@pytest.mark.parametrize(
    ("datatype", "raw", "value"),
    [
        (1, 0xFD, -3),
        (1, 0xFFFFFFFD, -3),
        (2, 0xFFFD, -3),
        (3, 0xFFFFFFFD, -3),
        (3, 0xFFFFFFFFFFFFFFFD, -3),
        (4, 0xFFFFFFFFFFFFFFFD, -3),
        (5, 253, 253),
        (7, 21, 21),
        (3, 21, 21),
    ],
)
def test_integers_have_the_sign_of_their_datatype(datatype: int, raw: int, value: int) -> None:
    found = _value("Room/Temperature", datatype, _field(11 if datatype == 4 else 10, raw))
    assert found == {"room_temperature": value}


def test_a_truth_may_travel_as_an_integer() -> None:
    assert _value("Door/Open", 11, _field(10, 1)) == {"door_open": True}


def test_null_dates_and_tables_are_no_values() -> None:
    assert _value("Vitals/HeartRate", 10, _field(7, 1)) == {}
    assert _value("Vitals/HeartRate", 13, _field(11, _AT)) == {}
    assert _value("Vitals/HeartRate", 16, _field(17, b"\x08\x01")) == {}


def test_history_keeps_the_time_of_each_metric() -> None:
    old = _metric("HeartRate", None, 10, _field(3, _AT - 3_600_000) + _field(5, 1) + _field(13, 70.0))
    new = _metric("SpO2", None, 10, _field(13, 97.0))
    answer = Taught().hear(_DATA, _payload(old, new))
    assert isinstance(answer, Decoded)
    assert [(one.at, one.at_source) for one in answer.readings] == [
        (_AT - 3_600_000, TimeSource.DEVICE),
        (_AT, TimeSource.GATEWAY),
    ]
    assert answer.sent_at == _AT


def test_what_the_node_does_not_trust_is_no_value_but_a_call_is_a_call() -> None:
    for quality, said in ((192, {"heart_rate": 70.0}), (0, {}), (500, {})):
        properties = _field(9, _field(1, b"Quality") + _field(2, _field(1, 3) + _field(3, quality)))
        assert _value("HeartRate", 10, properties + _field(13, 70.0)) == said
        assert _value("SOS", 11, properties + _field(14, 1)) == {"sos": True}


def test_a_unit_is_a_property() -> None:
    properties = _field(9, _field(1, b"engUnit") + _field(2, _field(1, 12) + _field(8, "°F".encode())))
    (reading,) = Taught().readings(
        _DATA, _payload(_metric("Room/Temperature", None, 10, properties + _field(13, 70.0)))
    )
    assert (reading.value, reading.unit) == (70, "[degF]")


def test_an_instance_of_a_template_has_metrics_and_its_definition_none() -> None:
    part = _field(2, _metric("SpO2", None, 10, _field(13, 97.0)))
    assert _value("Vitals", 19, _field(18, part)) == {"spo2": 97}
    assert _value("Vitals", 19, _field(18, part + _field(5, 1))) == {}


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_a_compressed_payload_is_read(pack: object) -> None:
    body = pack(_payload(_metric("SOS", None, 11, _field(14, 1))))  # type: ignore[operator]
    assert Taught().said(_DATA, _field(4, b"SPBV1.0_COMPRESSED") + _field(5, body)) == {"sos": True}


def test_a_bomb_is_not_unpacked() -> None:
    bomb = zlib.compress(b"\0" * 50_000_000)
    assert isinstance(Taught().hear(_DATA, _field(4, b"SPBV1.0_COMPRESSED") + _field(5, bomb)), Rejected)


def _node(what: str, session: int) -> tuple[str, bytes]:
    return f"spBv1.0/Home/{what}/floor1", _payload(_metric("bdSeq", None, 8, _field(11, session)))


def test_a_node_dies_and_its_births_told_whose_devices_are_lost_with_it() -> None:
    taught = Taught()
    taught.hear(*_node("NBIRTH", 3))
    for bed in ("bed1", "bed2", "bed1"):
        taught.hear(f"spBv1.0/Home/DBIRTH/floor1/{bed}", _payload())
    (died,) = taught.readings(*_node("NDEATH", 3))
    assert (died.device, died.metric, died.value, died.at) == ("Home/floor1", "online", False, None)
    assert taught.facts["Home/floor1", "children"] == '["Home/floor1/bed1","Home/floor1/bed2"]'


def test_a_long_birth_is_kept_without_the_names_that_say_nothing() -> None:
    taught, aliases = Taught(), range(1_900)
    called = _metric("Ward/Bed 7/Emergency/SOS", 1_900, 11, _field(14, 0))
    plant = (_metric(f"Plant/{'Conveyor/' * 5}Position {one}", one, 10, _field(13, 1.0)) for one in aliases)
    taught.hear(_BIRTH, _payload(*plant, called))
    assert len(taught.facts["Home/floor1/bed1", "metrics"]) < 48_000
    assert taught.said(_DATA, _payload(_metric("", 1_900, None, _field(14, 1)))) == {"sos": True}
    answer = taught.hear(_DATA, _payload(*(_metric("", one, None, _field(13, 2.0)) for one in aliases)))
    assert isinstance(answer, Decoded)  # born, and nothing that is known: no call that could not be read
    assert (answer.readings, answer.rejected, set(answer.left)) == ((), (), {"?"})


def test_a_birth_without_end_is_cut_since_an_older_one_is_true_no_longer() -> None:
    taught = Taught()
    beds = (_metric(f"{'Ward/' * 20}{one}/Bed/Occupied", one, 11, _field(14, 1)) for one in range(1, 1_200))
    taught.hear(_BIRTH, _payload(*beds))
    assert 50_000 < len(taught.facts["Home/floor1/bed1", "metrics"]) < 65_536
    assert taught.said(_DATA, _payload(_metric("", 1, None, _field(14, 0)))) == {"bed_occupied": False}
    assert isinstance(taught.hear(_DATA, _payload(_metric("", 1_199, None, _field(14, 0)))), Rejected)


def test_a_node_has_no_children_without_end() -> None:
    taught = Taught()
    for one in range(120):
        taught.hear(f"spBv1.0/Home/DBIRTH/floor1/{one:0600}", _payload())
    assert len(taught.facts["Home/floor1", "children"]) < 65_536


@pytest.mark.parametrize(
    ("born", "died", "dead"), [(3, 3, True), (3, 2, False), (0, 255, False), (3, 4, True), (255, 0, True)]
)
def test_the_will_of_an_older_session_is_not_the_death_of_this_one(born: int, died: int, dead: bool) -> None:
    taught = Taught()
    taught.hear(*_node("NBIRTH", born))
    assert bool(taught.readings(*_node("NDEATH", died))) is dead


def test_a_device_dies_alone() -> None:
    (reading,) = Taught().readings("spBv1.0/Home/DDEATH/floor1/bed1", _payload())
    assert (reading.device, reading.metric, reading.value) == ("Home/floor1/bed1", "online", False)


@pytest.mark.parametrize(
    ("topic", "payload", "state"),
    [
        ("spBv1.0/STATE/scada", '{"online": false, "timestamp": 1}', False),
        ("spBv1.0/STATE/scada", '{"online": true, "timestamp": 1}', True),
        ("STATE/scada", "ONLINE", True),
        ("STATE/scada", "OFFLINE", False),
    ],
)
def test_the_state_of_a_host(topic: str, payload: str, state: bool) -> None:
    (reading,) = Taught().readings(topic, payload)
    assert (reading.device, reading.metric, reading.value) == ("scada", "online", state)


def test_commands_say_nothing() -> None:
    assert Taught().hear("spBv1.0/Home/DCMD/floor1/bed1", b"\xff\xff") == Decoded("sparkplug-b")


@pytest.mark.parametrize(
    "broken", [b"\x12", b"\x12\xff", b"\x0b", b"\x80" * 20, b"\x09\x01", b"{", b'{"metrics": 1}']
)
def test_what_is_no_payload_is_rejected_with_its_device(broken: bytes) -> None:
    answer = Taught().hear(_DATA, broken)
    assert isinstance(answer, Rejected)
    assert answer.device == "Home/floor1/bed1"


def test_the_wire_format_ends_where_its_bytes_end() -> None:
    assert list(wire.fields(b"\x08\x96\x01\x12\x02hi", wire.Budget(9))) == [(1, 0, 150), (2, 2, b"hi")]
    with pytest.raises(ValueError, match="truncated"):
        list(wire.fields(b"\x12\x7fhi", wire.Budget(9)))


def test_a_payload_of_too_many_fields_is_told_as_such() -> None:
    assert isinstance(Taught().hear(_DATA, b"\x18\x00" * 100_000), Rejected)
    many = [_metric("SOS", None, 11, _field(14, 1))] + [_metric("x", None, 11, _field(14, 1))] * 3000
    answer = Taught().hear(_DATA, _payload(*many))
    assert isinstance(answer, Decoded)
    assert [one.metric for one in answer.readings] == ["sos"]
    assert [one.reason for one in answer.rejected] == [Reason.UNDECODED]
