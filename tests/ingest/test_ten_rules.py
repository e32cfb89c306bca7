"""The ten rules that real devices force on whoever listens to them (FAMILIES.md), one by one.

Each is shown on real families, through the front door: message in, observations and decisions out.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from devices.message import Message
from devices.metrics import METRICS
from devices.observation import Observation, Quality
from devices.reading import Reason, Rejected, TimeSource
from devices.registry import Device, Place, PlaceKind, Registry
from devices.scrub import shown
from ingest.interpret import Interpreted, interpret
from tests.ingest.works import SITE, T0, Works, works

SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
NOBODY = Registry()


def message(topic: str, payload: object, at: int = T0, **flags: bool) -> Message:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Message(topic, raw, at, **flags)


def means(topic: str, payload: object, model: str = "", device: str = "", zone: str = "") -> Interpreted:
    """What a message means to a service that knows this device's model, and perhaps the zone it stands in."""
    home = Place("home", PlaceKind.ROOM, timezone=zone)
    known = Registry.of([home], devices=[Device(device, model=model, place="home")]) if device else NOBODY
    return interpret(message(topic, payload), known, SITE)


def values(said: Interpreted) -> dict[str, object]:
    return {o.metric: o.value for o in said.observations}


def only(said: Interpreted) -> Observation:
    (observation,) = said.observations
    return observation


@pytest.fixture
async def at_work(tmp_path: Path) -> "Iterator[Works]":  # type: ignore[misc]
    with works(tmp_path) as made:
        yield made


async def decided(works: Works, *messages: Message) -> list[str]:
    """The metrics of all that was decided on, so far."""
    await works.take(*messages)
    works.pipeline.drain()
    return [decision.evidence.metric for decision in works.decided]


class TestRule1:
    """A model's polarity comes from the registry or the catalogue, never from the key alone."""

    @pytest.mark.parametrize(
        ("topic", "payload", "device", "model", "is_open"),
        [
            ("zigbee2mqtt/door", {"contact": True}, "door", "MCCGQ11LM", False),
            (
                "tele/b/SENSOR",
                {"ZbReceived": {"door": {"Name": "door", "Contact": 1}}},
                "door",
                "SNZB-04",
                True,
            ),
            (
                "zigbee/send",
                {"cmd": "report", "did": "lumi.158d", "params": [{"res_name": "3.1.85", "value": 1}]},
                "lumi.158d",
                "lumi.sensor_magnet.aq2",
                True,
            ),
        ],
    )
    def test_the_same_word_of_three_makers(
        self, topic: str, payload: object, device: str, model: str, is_open: bool
    ) -> None:
        assert values(means(topic, payload, model, device)) == {"door_open": is_open}

    def test_without_a_model_it_is_left_and_kept(self) -> None:
        said = means("zigbee2mqtt/door", {"contact": True})
        assert not said.observations
        assert [rejected.reason for rejected in said.rejected] == [Reason.NOT_UNDERSTOOD]


class TestRule2:
    """True, false, unknown: what is unknown is no observation."""

    @pytest.mark.parametrize(
        ("topic", "payload", "unknown"),
        [
            (
                "zigbee2mqtt/d",
                {"smoke": None, "water_leak": "", "battery": None},
                ["smoke", "water_leak", "battery"],
            ),
            ("owntracks/u/p", {"_type": "location", "batt": -1, "lat": 1, "lon": 2}, ["battery"]),
            (
                "iMEDE_watch/AP55",
                {"IMEI": "8", "data": [{"heartRate": 0, "spO2": 0}]},
                ["heart_rate", "spo2"],
            ),
            ("sleepsensor/respiration", b"255", ["respiratory_rate"]),
            ("node/sensor/heart_rate/state", b"nan", ["heart_rate"]),
            ("shouwang/v1/h/d/telemetry", {"heart_rate": 0, "respiratory_rate": 0}, ["heart_rate"]),
        ],
    )
    def test_sentinels_say_nothing(self, topic: str, payload: object, unknown: list[str]) -> None:
        said = means(topic, payload)
        assert not set(unknown) & set(values(said))


PANIC = {"model": "X10-Security", "id": "7be1", "code": "26", "event": "KR18 PANIC", "mic": "CRC"}
CARD = {"user_id": 7, "tenant_id": 1, "timestamp": T0 // 1000, "alarm_type": "SOS"}
PRESS = {"deduplicationId": "u-1", "time": "2026-09-21T13:33:20Z", "object": {"sos": True}}


class TestRule3:
    """One physical event may come as many messages; a new one is never taken for an old one."""

    async def test_by_the_family_s_own_key(self, at_work: Works) -> None:
        one = message("application/a/device/b/event/up", PRESS)
        assert await decided(at_work, one, one) == ["sos"]

    async def test_the_same_alarm_on_two_topics(self, at_work: Works) -> None:
        assert await decided(at_work, message("info/alarm", CARD), message("info/7/alarm", CARD)) == ["sos"]

    async def test_else_by_what_was_said_within_a_few_seconds(self, at_work: Works) -> None:
        """A radio repeats itself; the receiver's own relative time differs each time."""
        topic = "rtl_433/hub/events"
        repeats = [message(topic, {"time": f"@0.{n}s"} | PANIC, T0 + n * SECOND // 5) for n in range(6)]
        assert await decided(at_work, *repeats) == ["sos"]
        pressed_again = message(topic, {"time": "@9s"} | PANIC, T0 + 10 * SECOND)
        assert await decided(at_work, pressed_again) == ["sos", "sos"]

    async def test_a_state_that_came_back_within_a_second_is_no_repeat(self, at_work: Works) -> None:
        states = [
            message("home/radar/presence", said, T0 + n * 200) for n, said in enumerate((b"1", b"0", b"1"))
        ]
        await decided(at_work, *states)
        stored = [o.value for entry in await at_work.stored() for o in entry.observations]
        assert stored == [True, False, True]

    async def test_a_retained_replay_is_no_new_call(self, at_work: Works) -> None:
        replayed = message("zigbee2mqtt/button", {"action": "emergency"}, retained=True)
        assert await decided(at_work, replayed) == []

    async def test_a_press_after_the_alert_was_closed_is_a_new_one(self, at_work: Works) -> None:
        event = {"alarm_id": 1, "alarm_type": "fall", "alarm_status": "alarm_triggered"}
        alarm = {"object": {"events": [event]}}
        topic = "application/a/device/radar/event/up"
        assert await decided(at_work, message(topic, alarm), message(topic, alarm, T0 + SECOND)) == ["fall"]
        at_work.closed["radar"] = T0 + 2 * SECOND
        assert await decided(at_work, message(topic, alarm, T0 + 3 * SECOND)) == ["fall", "fall"]


class TestRule4:
    """When it was, and when it came, are kept apart."""

    @pytest.mark.parametrize(
        "stamp", [T0 // 1000 - 5, T0 - 5_000, (T0 - 5_000) * 1_000, (T0 - 5_000) * 1_000_000]
    )
    def test_seconds_milliseconds_micro_and_nanoseconds_by_magnitude(self, stamp: int) -> None:
        observation = only(means("shouwang/v1/h/d/telemetry", {"ts": stamp, "spo2": 97}))
        assert (observation.at, observation.received_at) == (T0 - 5_000, T0)

    def test_a_zoneless_time_is_one_only_where_the_zone_is_known(self) -> None:
        payload = {"IMEI": "8", "battery": 67, "timeStamps": "21/09/2026 22:13:15"}
        unknown = only(means("iMEDE_watch/hb", payload))
        assert (unknown.at, unknown.at_source) == (T0, TimeSource.ARRIVAL)
        known = only(means("iMEDE_watch/hb", payload, "kati", "8", "Asia/Shanghai"))
        assert (known.at, known.at_source) == (T0 - 5_000, TimeSource.DEVICE)

    def test_a_clock_far_ahead_is_not_believed(self) -> None:
        ahead = only(means("shouwang/v1/h/d/telemetry", {"ts": T0 + 400 * 24 * HOUR, "spo2": 97}))
        assert (ahead.at, ahead.quality) == (T0, Quality.UNCERTAIN)

    def test_backfill_is_history(self) -> None:
        item = {"timestamp": T0 // 1000 - 3600, "heartRate": 84}
        observation = only(means("iMEDE_watch/AP55", {"IMEI": "8", "data": [item]}))
        assert (observation.at, observation.late) == (T0 - HOUR, True)

    async def test_a_late_call_still_alerts(self, at_work: Works) -> None:
        late = message("info/alarm", CARD | {"timestamp": T0 // 1000 - 3600})
        assert await decided(at_work, late) == ["sos"]
        assert at_work.decided[0].facts["age_s"] == 3600


class TestRule5:
    """Envelopes are taken apart; a device is who measured, and on which side."""

    def test_two_persons_in_one_bed(self) -> None:
        items = [
            {
                "timeStamp": T0 // 1000,
                "dataKey": "realtime",
                "deviceId": "pad",
                "data": {"heartRate": bpm, "leftRight": n},
            }
            for n, bpm in enumerate((62, 71))
        ]
        said = means("sleepace/push", items)
        assert [(o.device, o.value) for o in said.observations] == [("pad/left", 62.0), ("pad/right", 71.0)]

    def test_a_gateway_is_not_the_device_behind_it(self) -> None:
        item = {"scan_time": T0 // 1000, "ble_addr": "806fb0", "blood_glucose": "108"}
        data = {"attribute": "Contour_Elite", "mac": "GW", "value": {"device_list": [item]}}
        said = means("dusun_pub", {"time": T0 // 1000, "mac": "GW", "type": "reportAttribute", "data": data})
        assert only(said).device == "806fb0"


class TestRule6:
    """Suspected, confirmed, over, test: none passes for another."""

    @pytest.mark.parametrize(
        ("payload", "metric"),
        [
            ({"status": "fall detected"}, "fall_suspected"),
            ({"status": "fall confirmed"}, "fall"),
            ({"status": "fall exit", "endTimestamp": T0 - 1}, "fall_cleared"),
            ({"status": "fall confirmed", "isSimulated": True}, "device_test"),
        ],
    )
    def test_the_stages_of_a_fall(self, payload: dict[str, object], metric: str) -> None:
        said = means("/devices/id_1/events", {"type": 1, "payload": payload | {"timestamp": T0 - 60_000}})
        assert list(values(said)) == [metric]

    def test_a_tested_smoke_detector_is_no_fire(self) -> None:
        said = means("zigbee2mqtt/smoke", {"smoke": True, "test": True})
        assert values(said) == {"device_test": True}


class TestRule7:
    """Offline is unknown: never an empty bed, an absent person, a closed door."""

    @pytest.mark.parametrize(
        ("topic", "payload"),
        [
            ("zigbee2mqtt/bed/availability", b"offline"),
            ("shouwang/v1/h/bed/status", b"offline"),
            ("tele/bed/LWT", b"Offline"),
            ("shellybed/online", b"false"),
            ("iMEDE_watch/onlineTrigger", {"IMEI": "8", "status": "offline"}),
            ("spBv1.0/home/DDEATH/node/bed", b"\x18\x05"),
        ],
    )
    def test_it_says_that_and_nothing_else(self, topic: str, payload: object) -> None:
        assert values(means(topic, payload)) == {"online": False}


class TestRule8:
    """What cannot be decoded of a device that may call is told; what is malformed is kept."""

    @pytest.mark.parametrize(
        ("topic", "payload", "reason"),
        [
            ("v3/a@t/devices/d4/up", {"uplink_message": {"frm_payload": "AQ=="}}, "undecoded"),
            ("application/a/device/d4/event/up", {"data": "AQ=="}, "undecoded"),
            ("zigbee2mqtt/d4", b'{"action": "em', "not_json"),
        ],
    )
    async def test_an_unreadable_message_of_a_call_device(
        self, at_work: Works, topic: str, payload: object, reason: str
    ) -> None:
        assert await decided(at_work, message(topic, payload)) == ["unreadable"]
        assert at_work.decided[0].evidence.detail == reason
        (entry,) = await at_work.stored()
        assert entry.message is not None
        assert [rejected.reason for rejected in entry.rejected] == [reason]


class TestRule9:
    """Secrets and persons are in nothing that is logged or shown, sizes are bounded, no template runs."""

    def test_of_a_medical_kiosk(self) -> None:
        person = {"citiz": "1101700203452", "nameTH": "สมชาย", "nameEN": "Somchai", "brith": "25000101"}
        payload = {
            "mac": "e4",
            "type": "reportAttribute",
            **person,
            "data": {"attribute": "WBP_JUMPER", "value": {}},
        }
        said = means("CM4_BLE_GW_TX", payload)
        told = shown(json.dumps(payload, ensure_ascii=False).encode()) + repr(said)
        assert not [value for value in person.values() if value in told]

    def test_a_reject_names_fields_never_values(self) -> None:
        said = means("shouwang/v1/h/d/telemetry", {"heart_rate": "secret-72", "password": "hunter2"})
        assert len(said.rejected) == 2
        assert not [r for r in said.rejected if "hunter2" in r.detail or "secret-72" in r.detail]

    def test_a_template_is_text(self) -> None:
        template = "{{ ''.__class__.__mro__[1].__subclasses__() }}"
        config = {
            "state_topic": "t/s",
            "unique_id": "u",
            "value_template": template,
            "name": "door",
            "dev_cla": "door",
        }
        taught = interpret(message("homeassistant/binary_sensor/u/config", config), NOBODY, SITE)
        facts = {(fact.about, fact.field): fact.value for fact in taught.learned}
        known = _Taught(facts)
        assert not interpret(message("t/s", b"ON"), NOBODY, SITE, known).observations

    def test_what_is_too_large_is_not_decoded(self) -> None:
        said = means("zigbee2mqtt/d", b'{"smoke": true, "x": "' + b"x" * 300_000 + b'"}')
        assert [rejected.reason for rejected in said.rejected] == [Reason.TOO_LARGE]


class _Taught:
    """What earlier messages taught."""

    def __init__(self, facts: dict[tuple[str, str], str]) -> None:
        self._facts = facts

    def models(self, device: str) -> tuple[str, ...]:  # noqa: ARG002
        return ()

    def fact(self, about: str, field: str) -> str:
        return self._facts.get((about, field), "")

    def clock_zone(self, device: str) -> str:  # noqa: ARG002
        return ""


class TestRule10:
    """Ranges and units: one unit per metric, and nothing that cannot be."""

    def test_units_are_the_metric_s_own(self) -> None:
        item = {"scan_time": T0 // 1000, "ble_addr": "8", "blood_glucose": "108"}
        data = {"attribute": "Contour_Elite", "value": {"device_list": [item]}}
        said = means("dusun_pub", {"time": T0 // 1000, "mac": "GW", "type": "reportAttribute", "data": data})
        assert values(said)["glucose"] == pytest.approx(108 / 18.016)
        assert METRICS["glucose"].unit == "mmol/L"

    def test_what_cannot_be_is_rejected_and_counted(self) -> None:
        said = means(
            "shouwang/v1/h/d/telemetry", {"humidity": 104.7, "latitude": 91, "heart_rate": 301, "spo2": 97}
        )
        assert values(said) == {"spo2": 97.0}
        assert {r.metric for r in said.rejected} == {"humidity", "latitude", "heart_rate"}
        assert {r.reason for r in said.rejected} == {Reason.OUT_OF_RANGE}

    def test_a_position_on_the_chinese_datum_is_moved(self) -> None:
        payload = {"imei": "8", "isOnline": "1", "location": "113.4945307,22.2248915", "sos": True}
        said = values(means("atom/g616/status/8", payload))
        assert said["latitude"] == pytest.approx(22.2276, abs=0.01)
        assert said["longitude"] == pytest.approx(113.489, abs=0.01)
        assert said["longitude"] != pytest.approx(113.4945307, abs=0.002)


def test_a_rejected_names_its_device_wherever_the_topic_does() -> None:
    said = means("zigbee2mqtt/button", b"{")
    assert said.rejected == (Rejected(Reason.NOT_JSON, "", "button"),)
