"""The times of observations, typed from section 8 of REQUIREMENTS, by number."""

import pytest

from devices.instants import local_ms
from devices.message import Message
from devices.normalise import normalise
from devices.observation import Quality
from devices.reading import Decoded, Reading, TimeSource, Value
from devices.registry import Registry
from tests.devices.fates import DAY, MINUTE, NOW, normalised, seen


class TestTime:
    """REQUIREMENTS section 8, by number."""

    def test_r85_utc_ms_with_the_time_it_was_received(self) -> None:
        observation = seen("heart_rate", 70, at=NOW - 1, at_source=TimeSource.GATEWAY)
        assert (observation.at, observation.received_at) == (NOW - 1, NOW)
        assert observation.at_source is TimeSource.GATEWAY

    def test_r85_the_offset_of_the_devices_clock_is_kept(self) -> None:
        told = local_ms("2025-11-22T06:20:00+08:00", "")
        assert seen("heart_rate", 70, at=told).utc_offset == 480
        assert seen("heart_rate", 70, at=NOW).utc_offset is None

    def test_r86_without_a_stamp_it_is_arrival_time(self) -> None:
        observation = seen("heart_rate", 70)
        assert (observation.at, observation.at_source) == (NOW, TimeSource.ARRIVAL)
        assert (observation.quality, observation.late) == (Quality.GOOD, False)

    @pytest.mark.parametrize("at", [946_684_799_999, 0, -1, -(10**18)])
    def test_r88_a_stamp_of_no_timeline_is_kept_but_not_used(self, at: int) -> None:
        observation = seen("heart_rate", 70, at=at)
        assert (observation.at, observation.at_source) == (NOW, TimeSource.ARRIVAL)
        assert (observation.quality, observation.late) == (Quality.UNCERTAIN, True)

    @pytest.mark.parametrize("metric", ["sos", "fall", "fall_suspected", "smoke", "gas", "carbon_monoxide"])
    def test_r88_an_emergency_with_a_clock_never_set_still_acts(self, metric: str) -> None:
        observation = seen(metric, True, at=5_000)
        assert (observation.at, observation.quality, observation.late) == (NOW, Quality.UNCERTAIN, False)

    def test_r88_the_first_plausible_instant(self) -> None:
        assert seen("sos", True, at=946_684_800_000).at == 946_684_800_000

    @pytest.mark.parametrize(
        ("metric", "value", "limit"),
        [
            ("heart_rate", 70, 2 * MINUTE),
            ("respiratory_rate", 15, 2 * MINUTE),
            ("spo2", 97, 2 * MINUTE),
            ("body_temperature", 36.6, 2 * MINUTE),
            ("bp_systolic", 120, 2 * MINUTE),
            ("bp_diastolic", 80, 2 * MINUTE),
            ("glucose", 5.5, 2 * MINUTE),
            ("room_temperature", 21, 10 * MINUTE),
            ("humidity", 40, 10 * MINUTE),
            ("door_open", True, 10 * MINUTE),
            ("bed_occupied", False, 10 * MINUTE),
            ("sos", True, DAY),
            ("fall", True, DAY),
            ("fall_suspected", True, DAY),
            ("smoke", True, DAY),
            ("gas", True, DAY),
            ("carbon_monoxide", True, DAY),
            ("check_in", True, DAY),
            ("visit", True, DAY),
        ],
    )
    def test_r90_late_is_history_only(self, metric: str, value: Value, limit: int) -> None:
        just, late = seen(metric, value, at=NOW - limit), seen(metric, value, at=NOW - limit - 1)
        assert (just.late, just.at) == (False, NOW - limit)
        assert (late.late, late.at) == (True, NOW - limit - 1), "stored with its own time"
        assert late.quality is Quality.GOOD

    @pytest.mark.parametrize("metric", ["sos", "fall", "smoke"])
    def test_no_device_keeps_a_call_for_a_month_its_clock_was_reset(self, metric: str) -> None:
        kept = seen(metric, True, at=NOW - 30 * DAY)
        reset = seen(metric, True, at=NOW - 30 * DAY - 1)
        assert (kept.late, kept.quality) == (True, Quality.GOOD)
        assert (reset.late, reset.quality) == (False, Quality.UNCERTAIN)

    def test_r91_a_stamp_in_the_future(self) -> None:
        near, far = seen("heart_rate", 70, at=NOW + MINUTE), seen("heart_rate", 70, at=NOW + MINUTE + 1)
        assert (near.at, near.at_source, near.quality) == (NOW + MINUTE, TimeSource.DEVICE, Quality.GOOD)
        assert (far.at, far.at_source, far.quality) == (NOW, TimeSource.ARRIVAL, Quality.UNCERTAIN)
        assert not far.late

    @pytest.mark.parametrize("ahead_ms", [5_001, 3 * 365 * DAY])
    def test_r87_a_clock_that_is_ahead_is_put_right(self, ahead_ms: int) -> None:
        """The example of HL7 PHD, case 3: what was measured a minute before sending is a minute old."""
        measured, sent_at = NOW + ahead_ms - MINUTE, NOW + ahead_ms
        fate = normalise(
            Decoded("t", (Reading("d1", "heart_rate", 70, at=measured),), sent_at=sent_at),
            Message("t", b"", NOW),
            Registry(),
        )
        (observation,) = fate.observations
        assert (observation.at, observation.at_source) == (NOW - MINUTE, TimeSource.DEVICE)
        assert (observation.quality, observation.late) == (Quality.GOOD, False)
        assert observation.device_at == measured

    @pytest.mark.parametrize("sent_at", [None, NOW + 5_000, NOW - 3_600_000])
    def test_r87_a_clock_that_may_be_right_is_believed(self, sent_at: int | None) -> None:
        """A message from an hour ago may have waited for the network: it must not become current."""
        at = NOW - 3_600_000
        decoded = Decoded("t", (Reading("d1", "heart_rate", 70, at=at),), sent_at=sent_at)
        (observation,) = normalise(decoded, Message("t", b"", NOW), Registry()).observations
        assert (observation.at, observation.late, observation.device_at) == (at, True, None)

    @pytest.mark.parametrize("at", [NOW + MINUTE + 1, 1_000, 10**15])
    def test_r88_r91_a_stamp_that_is_not_believed_is_kept_beside(self, at: int) -> None:
        observation = seen("heart_rate", 70, at=at)
        assert (observation.at, observation.device_at) == (NOW, at if at < 10**15 else None)

    def test_a_retained_message_without_a_stamp_is_of_unknown_age(self) -> None:
        readings = [
            Reading("d1", "battery", 50),
            Reading("d1", "online", True),
            Reading("d1", "spo2", 97, at=NOW),
        ]
        fate = normalised(*readings, retained=True)
        assert [o.quality for o in fate.observations] == [Quality.STALE, Quality.GOOD, Quality.GOOD]

    def test_doubts_about_time_and_value_do_not_cancel_out(self) -> None:
        fate = normalised(Reading("d1", "heart_rate", 250), retained=True)
        assert fate.observations[0].quality is Quality.STALE
