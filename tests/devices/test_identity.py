"""What makes two messages the same: a redelivery keeps its identity, all else has another (R-05, R-93)."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.decode import decode
from devices.identity import RESENT_MS, anonymous, identities, is_repeat
from devices.message import Message
from devices.observation import Observation, Quality
from devices.reading import Decoded, Reading, TimeSource

NOW = 1_790_000_000_123
TS = NOW - 1_000


def native(channel: str, payload: object, device: str = "d1", site: str = "home-1") -> Message:
    return Message(f"shouwang/v1/{site}/{device}/{channel}", json.dumps(payload).encode(), NOW)


def of(message: Message) -> list[int]:
    decoded = decode(message)
    assert isinstance(decoded, Decoded)
    return identities(decoded, message)


_ABOUT = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["a", "b", 1]),
        "seq": st.integers(0, 2),
        "ts": st.sampled_from([TS, TS + 1, 0, -5, "2025-11-21T22:20:00Z"]),
    },
)
_TELEMETRY = st.builds(
    lambda about, bpm: about | {"heart_rate": bpm, "spo2": 97}, _ABOUT, st.integers(60, 62)
)
_EVENTS = st.builds(
    lambda about, event: about | {"event": event}, _ABOUT, st.sampled_from(["sos", "fall", "visit"])
)
_MESSAGES = st.builds(
    native, st.just("telemetry"), _TELEMETRY | st.lists(_TELEMETRY, max_size=3)
) | st.builds(native, st.just("event"), _EVENTS | st.lists(_EVENTS, max_size=3))


@given(_MESSAGES, st.integers(1, 10**9), st.booleans(), st.sampled_from([0, 1, 2]))
def test_a_redelivery_keeps_its_identity(message: Message, later: int, dup: bool, qos: int) -> None:
    again = replace(message, received_at=NOW + later, dup=dup, qos=qos)
    assert of(again) == of(message)
    assert anonymous(again) == anonymous(message)


@given(_MESSAGES)
def test_every_reading_has_one_that_fits_64_bits(message: Message) -> None:
    decoded = decode(message)
    assert isinstance(decoded, Decoded)
    found = identities(decoded, message)
    assert len(found) == len(decoded.readings)
    assert all(-(2**63) <= identity < 2**63 for identity in found)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"id": "a"}, {"id": "b"}),
        ({"id": "a"}, {"ts": TS}),
        ({"seq": 1, "ts": TS}, {"seq": 2, "ts": TS}),
        ({"seq": 1, "ts": TS}, {"seq": 1, "ts": TS + 1}),
        ({"ts": TS}, {"ts": TS + 1}),
        ({"id": "1"}, {"seq": 1, "ts": TS}),
    ],
)
def test_different_messages_differ(one: dict[str, object], other: dict[str, object]) -> None:
    first, second = (native("telemetry", item | {"heart_rate": 70}) for item in (one, other))
    assert 0 not in of(first) + of(second)
    assert of(first) != of(second)


def test_the_same_time_with_another_value_differs() -> None:
    assert of(native("telemetry", {"ts": TS, "heart_rate": 70})) != of(
        native("telemetry", {"ts": TS, "heart_rate": 71})
    )


def test_with_an_id_the_payload_does_not_matter() -> None:
    """SCAIP re-sends one reference with whatever else changed (R-04)."""
    first, second = ({"id": "a", "ts": TS + n, "heart_rate": 70 + n} for n in (0, 1))
    assert of(native("telemetry", first)) == of(native("telemetry", second))


def test_the_same_id_of_another_device_or_site_differs() -> None:
    payload = {"id": "a", "event": "sos"}
    found = [of(native("event", payload, device, site)) for device in ("d1", "d2") for site in ("s1", "s2")]
    assert len({tuple(identity) for identity in found}) == 4


def test_happenings_of_one_incident_do_not_pass_for_each_other() -> None:
    """A gateway may number incidents, not messages: suspected, confirmed and over are three happenings."""
    items = [
        {"event": "fall_suspected"},
        {"event": "fall"},
        {"event": "fall", "state": "cleared"},
        {"event": "sos"},
        {"event": "smoke"},
        {"event": "smoke", "state": "cleared"},
    ]
    for about in ({"id": "incident-7"}, {"seq": 7, "ts": TS}):
        found = [of(native("event", item | about)) for item in items]
        assert len({tuple(identity) for identity in found}) == len(items)


def test_an_sos_is_not_taken_for_telemetry_of_the_same_id() -> None:
    about = {"id": 1, "ts": TS}
    assert of(native("event", about | {"event": "sos"})) != of(
        native("telemetry", about | {"heart_rate": 70})
    )


def test_readings_of_one_item_share_one() -> None:
    message = native("telemetry", [{"id": "a", "heart_rate": 70, "spo2": 97}, {"id": "b", "heart_rate": 70}])
    first, second, third = of(message)
    assert first == second != third


@pytest.mark.parametrize("ts", [None, 0, -5, "-5", "soon"])
def test_without_key_and_time_it_cannot_be_told(ts: object) -> None:
    """Also a relative time is none: the same bytes an hour later are another press."""
    about = {} if ts is None else {"ts": ts}
    assert of(native("event", about | {"event": "sos"})) == [0]
    assert of(native("event", about | {"event": "sos", "seq": 1})) == [0], "counters begin anew"


def test_the_bytes_of_a_topic_identify_the_anonymous() -> None:
    one = native("telemetry", {"heart_rate": 70})
    assert anonymous(one) != 0
    assert anonymous(one) == anonymous(replace(one, received_at=NOW + 1))
    assert anonymous(one) != anonymous(native("telemetry", {"heart_rate": 71}))
    assert anonymous(one) != anonymous(native("telemetry", {"heart_rate": 70}, "d2"))


_RADIO = Message("rtl_433/hub/events", b"{}", NOW)


def _said(*readings: Reading) -> list[int]:
    return identities(Decoded("rtl433", readings), _RADIO)


def test_a_radio_that_repeats_itself_is_identified_by_what_it_says() -> None:
    press, low = Reading("a", "sos", True, good_for_ms=5_000), Reading("a", "battery_low", False)
    assert 0 not in _said(press)
    assert _said(press) == _said(press)
    assert _said(press)[0] != _said(press, low)[0]
    assert _said(press)[0] != _said(press._replace(metric="fall"))[0]
    assert _said(press)[0] != _said(press._replace(device="b"))[0]
    assert _said(low) == [0]  # without a window, what says neither key nor time is new


def test_no_state_is_a_repeat_by_what_it_says() -> None:
    """Smoke, no smoke, smoke: within five seconds all three are true."""
    for metric in ("smoke", "door_open", "heart_rate"):
        assert _said(Reading("a", metric, True, good_for_ms=5_000)) == [0]


def _observed(metric: str, source: TimeSource) -> Observation:
    return Observation("d", metric, value=True, at=NOW, received_at=NOW, at_source=source)


_DEVICE, _ARRIVAL = TimeSource.DEVICE, TimeSource.ARRIVAL


@pytest.mark.parametrize(
    ("metric", "source", "good_for_ms", "ago_ms", "closed", "repeat"),
    [
        ("heart_rate", _ARRIVAL, 0, 10**9, False, True),  # a key for good
        ("heart_rate", _ARRIVAL, 5_000, 5_000, False, True),
        ("heart_rate", _ARRIVAL, 5_000, 5_001, False, False),
        ("sos", _DEVICE, 0, 10**9, True, True),  # says when it was: that very press
        ("sos", _ARRIVAL, 0, RESENT_MS, True, True),  # sent again until somebody takes it
        ("sos", _ARRIVAL, 0, RESENT_MS + 1, False, False),
        ("sos", _ARRIVAL, 600_000, 600_000, False, True),
        ("sos", _ARRIVAL, 600_000, 600_001, False, False),
        ("sos", _ARRIVAL, 600_000, 1, True, False),  # pressed again after the alert was closed
        ("sos", _DEVICE, 600_000, 1, True, True),
        ("button_press", _ARRIVAL, 600_000, 1, True, True),
    ],
)
def test_for_how_long_a_key_identifies(
    metric: str, source: TimeSource, good_for_ms: int, ago_ms: int, closed: bool, repeat: bool
) -> None:
    assert is_repeat(_observed(metric, source), good_for_ms, ago_ms, closed_since=closed) is repeat


@pytest.mark.parametrize("source", [_ARRIVAL, _DEVICE])
def test_a_clock_at_fault_does_not_make_the_next_press_the_same(source: TimeSource) -> None:
    press = _observed("sos", source)._replace(quality=Quality.UNCERTAIN)
    assert is_repeat(press, 0, RESENT_MS, closed_since=False)
    assert not is_repeat(press, 0, RESENT_MS, closed_since=True)
    assert not is_repeat(press, 0, RESENT_MS + 1, closed_since=False)


@pytest.mark.parametrize("filler", [0, 1000, 100_000])
def test_one_byte_anywhere_makes_another_message_however_long(filler: int) -> None:
    def sent(note: str) -> Message:
        return native("telemetry", [{"ts": TS, "heart_rate": 70}, {"x": "a" * filler, "note": note}])

    first, second = of(sent("a")), of(sent("b"))
    assert first
    assert first != second
    assert first == of(sent("a"))


def test_what_repeats_itself_is_told_by_all_that_it_says_of_one_device() -> None:
    def said(other: int) -> Decoded:
        own = [Reading("a", metric, value=True, good_for_ms=5) for metric in ("sos", "button_press")]
        theirs = [
            Reading("b", "battery", other, good_for_ms=5),
            Reading("b", "sos", value=True, good_for_ms=5),
        ]
        return Decoded("x", (*own, *theirs))

    message = native("event", {})
    first, second = identities(said(1), message), identities(said(2), message)
    assert first[:2] == second[:2]
    assert first[0] != first[1]
    assert first[2] == second[2] == 0
    assert first[3] != second[3]
