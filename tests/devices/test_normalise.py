"""Readings to observations: each reading has one fate; limits and units are REQUIREMENTS' own numbers.

The tables here are typed from section 11 of REQUIREMENTS, not read from the code.
"""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.message import Message
from devices.metrics import METRICS, Kind
from devices.normalise import normalise
from devices.observation import Quality
from devices.reading import Decoded, Reading, Reason, Rejected, TimeSource, Value
from devices.registry import Registry
from tests.devices.fates import DAY, MINUTE, NOW, normalised, one, seen, turned_down

_VALUES = st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([10**400, 0, 1, 36.6])
_READINGS = st.builds(
    Reading,
    device=st.sampled_from(["d1", "d2", ""]),
    metric=st.sampled_from(sorted(METRICS)) | st.text(),
    value=_VALUES,
    unit=st.sampled_from(["", "Cel", "[degF]", "K", "%", "mV", "V"]) | st.text(),
    at=st.none() | st.integers(-(10**30), 10**30) | st.integers(NOW - 2 * DAY, NOW + DAY),
    at_source=st.sampled_from(TimeSource),
    key=st.text(),
    detail=st.text(max_size=500),
    confidence=st.none() | st.floats(0, 1),
    by=st.text(),
)


class TestFates:
    """Every reading ends as exactly one observation or one rejection."""

    @given(st.lists(_READINGS, max_size=8), st.booleans())
    def test_nothing_raises_and_nothing_vanishes(self, readings: list[Reading], retained: bool) -> None:
        before = (Rejected(Reason.UNDECODED),)
        message = Message("t", b"", NOW, retained)
        fate = normalise(Decoded("any", tuple(readings), rejected=before), message, Registry())
        assert len(fate.observations) + len(fate.rejected) == len(readings) + 1
        assert fate.rejected[0] == before[0]
        assert len(set(fate.kept)) == len(fate.kept) == len(fate.observations)
        for index, observation in zip(fate.kept, fate.observations, strict=True):
            reading = readings[index]
            assert (observation.device, observation.metric) == (reading.device, reading.metric)
            assert observation.by == reading.by
            kept = len(reading.key) <= 200 and reading.key.isprintable()
            assert observation.key == reading.key if kept else observation.key.startswith("hash:")

    @pytest.mark.parametrize("key", ["a\0b", "\ud800", "x" * 201])
    def test_a_key_that_no_table_holds_identifies_by_a_short_one(self, key: str) -> None:
        one, same, other = (
            normalised(Reading("d1", "sos", value=True, key=said)).observations[0].key
            for said in (key, key, key + "x")
        )
        assert one == same != other
        assert len(one) < 50
        assert one.isprintable()

    @given(_READINGS)
    def test_an_observation_is_what_it_says(self, reading: Reading) -> None:
        fate = normalised(reading)
        for observation in fate.observations:
            metric = METRICS[observation.metric]
            match metric.kind:
                case Kind.QUANTITY:
                    assert type(observation.value) is float
                    assert math.isfinite(observation.value)
                case Kind.STATE:
                    assert type(observation.value) is bool
                case Kind.EVENT:
                    assert observation.value is True
                case Kind.ENUM:
                    assert isinstance(observation.value, str)
                    assert 0 < len(observation.value) <= 200
            assert len(observation.detail) <= 200
            assert 946_684_800_000 <= observation.at <= NOW + MINUTE
            assert observation.received_at == NOW

    @given(_READINGS)
    def test_the_same_reading_gives_the_same(self, reading: Reading) -> None:
        assert repr(normalised(reading)) == repr(normalised(reading))

    def test_a_metric_that_is_none(self) -> None:
        assert one("pulse", 70) == Rejected(Reason.UNKNOWN_METRIC, "pulse", "d1")


# metric, unit, hard reject below and above, suspect below and above (None: no such limit)
_SECTION_11 = [
    ("heart_rate", "/min", 0, 300, 25, 220),
    ("respiratory_rate", "/min", 0, 100, 5, 60),
    ("spo2", "%", 0, 100, 70, None),
    ("body_temperature", "Cel", 20, 46, 32, 42),
    ("bp_systolic", "mm[Hg]", 30, 320, 60, 260),
    ("bp_diastolic", "mm[Hg]", 10, 220, 30, 150),
    ("bp_mean", "mm[Hg]", 20, 250, None, None),
    ("body_weight", "kg", 15, 350, None, None),
    ("glucose", "mmol/L", 0.5, 60, 1.1, 33.3),
    ("steps", "{steps}", 0, 100_000, None, 40_000),
    ("battery", "%", 0, 100, None, None),
    ("room_temperature", "Cel", -40, 85, 5, 40),
    ("rssi", "dBm", -150, 0, -120, None),
]
_LOINC = {
    "heart_rate": "8867-4",
    "respiratory_rate": "9279-1",
    "spo2": "59408-5",
    "body_temperature": "8310-5",
    "bp_systolic": "8480-6",
    "bp_diastolic": "8462-4",
    "bp_mean": "8478-0",
    "body_weight": "29463-7",
    "glucose": "15074-8",
    "steps": "41950-7",
}
_DEADBANDS = {
    "heart_rate": 3,
    "respiratory_rate": 2,
    "spo2": 1,
    "body_temperature": 0.2,
    "bp_systolic": 5,
    "bp_diastolic": 5,
    "bp_mean": 5,
    "body_weight": 0.2,
    "glucose": 0.3,
    "battery": 3,
    "room_temperature": 0.5,
}


class TestLimits:
    """REQUIREMENTS section 11: outside hard is impossible, outside suspect is uncertain."""

    @pytest.mark.parametrize(("metric", "unit", "low", "high"), [row[:4] for row in _SECTION_11])
    def test_hard(self, metric: str, unit: str, low: float, high: float) -> None:
        assert METRICS[metric].unit == unit
        for limit, outside in ((low, math.nextafter(low, -math.inf)), (high, math.nextafter(high, math.inf))):
            if limit or metric not in {"heart_rate", "respiratory_rate"}:
                assert seen(metric, limit).value == limit
            assert turned_down(metric, outside) is Reason.OUT_OF_RANGE
        assert turned_down(metric, low - 1e6) is Reason.OUT_OF_RANGE
        assert turned_down(metric, 10**400) is Reason.OUT_OF_RANGE

    @pytest.mark.parametrize(("metric", "low", "high"), [(row[0], *row[4:]) for row in _SECTION_11])
    def test_suspect(self, metric: str, low: float | None, high: float | None) -> None:
        hard = next(row[2:4] for row in _SECTION_11 if row[0] == metric)
        good = [limit if limit is not None else hard[side] for side, limit in enumerate((low, high))]
        for value in good:
            assert seen(metric, value).quality is Quality.GOOD
        if low is not None:
            assert seen(metric, math.nextafter(low, -math.inf)).quality is Quality.UNCERTAIN
        if high is not None:
            assert seen(metric, math.nextafter(high, math.inf)).quality is Quality.UNCERTAIN

    @pytest.mark.parametrize("metric", ["heart_rate", "respiratory_rate"])
    def test_a_rate_of_zero_is_no_value(self, metric: str) -> None:
        """Of a device not worn, of an empty bed: not measured, not the end of a heart beat."""
        assert turned_down(metric, 0) is Reason.NOT_A_NUMBER
        assert turned_down(metric, -0.0) is Reason.NOT_A_NUMBER

    @pytest.mark.parametrize(
        ("systolic", "diastolic", "kept"), [(120, 80, True), (90, 90, False), (80, 120, False)]
    )
    def test_diastolic_is_below_systolic(self, systolic: float, diastolic: float, kept: bool) -> None:
        for swapped in (1, -1):
            pair = [Reading("d1", "bp_systolic", systolic), Reading("d1", "bp_diastolic", diastolic)][
                ::swapped
            ]
            fate = normalised(*pair)
            assert {o.metric for o in fate.observations} == {
                "bp_systolic",
                *(["bp_diastolic"] if kept else []),
            }
            assert [r.reason for r in fate.rejected] == ([] if kept else [Reason.OUT_OF_RANGE])
            assert [pair[index].metric for index in fate.kept] == [o.metric for o in fate.observations]

    def test_two_measurements_are_not_mixed(self) -> None:
        fate = normalised(
            Reading("d1", "bp_systolic", 100, at=NOW - 1000),
            Reading("d1", "bp_diastolic", 60, at=NOW - 1000),
            Reading("d1", "bp_systolic", 180, at=NOW),
            Reading("d1", "bp_diastolic", 110, at=NOW),
            Reading("d2", "bp_diastolic", 200, at=NOW),
        )
        assert len(fate.observations) == 5

    def test_codes(self) -> None:
        assert {name: METRICS[name].loinc for name in _LOINC} == _LOINC

    def test_deadbands(self) -> None:
        assert {name: METRICS[name].deadband for name in _DEADBANDS} == _DEADBANDS

    @pytest.mark.parametrize(
        "metric", [name for name, metric in METRICS.items() if metric.kind is Kind.QUANTITY]
    )
    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
    def test_r95_no_number_is_no_value(self, metric: str, value: float) -> None:
        assert turned_down(metric, value) is Reason.NOT_A_NUMBER

    @pytest.mark.parametrize("value", ["70", "", True, False])
    def test_a_text_or_a_truth_is_no_quantity(self, value: Value) -> None:
        assert turned_down("heart_rate", value) is Reason.WRONG_TYPE


class TestWords:
    """States, events and words."""

    @pytest.mark.parametrize(
        ("value", "state"), [(True, True), (1, True), (1.0, True), (False, False), (0, False)]
    )
    def test_states(self, value: Value, state: bool) -> None:
        assert seen("bed_occupied", value).value is state

    @pytest.mark.parametrize("value", ["on", 2, -1, math.nan, 0.5])
    def test_what_is_no_state(self, value: Value) -> None:
        assert turned_down("bed_occupied", value) is Reason.WRONG_TYPE

    @pytest.mark.parametrize("value", [False, 1, "true"])
    def test_only_true_is_an_event(self, value: Value) -> None:
        assert turned_down("sos", value) is Reason.WRONG_TYPE

    def test_enumerations(self) -> None:
        assert seen("posture", "lying").value == "lying"
        assert seen("zone", "garden").value == "garden"
        assert turned_down("posture", "flying") is Reason.OUT_OF_RANGE
        for nothing in ("", "x" * 201, 7, True):
            assert turned_down("zone", nothing) is Reason.WRONG_TYPE


class TestUnits:
    """Everything is stored in the metric's own unit."""

    @pytest.mark.parametrize(
        ("metric", "given", "unit", "canonical"),
        [
            ("body_temperature", 98.6, "[degF]", 37.0),
            ("room_temperature", 32.0, "[degF]", 0.0),
            ("room_temperature", 293.15, "K", 20.0),
            ("glucose", 90.08, "mg/dL", 5.0),
            ("battery_voltage", 2950, "mV", 2.95),
            ("body_weight", 150, "[lb_av]", 68.0388555),
            ("body_weight", 70_000, "g", 70.0),
            ("air_pressure", 101.325, "kPa", 1013.25),
            ("air_pressure", 101_325, "Pa", 1013.25),
            ("distance", 250, "cm", 2.5),
            ("distance", 2500, "mm", 2.5),
            ("water_volume", 1.5, "m3", 1500.0),
            ("speed", 10, "m/s", 36.0),
            ("energy", 1500, "W.h", 1.5),
        ],
    )
    def test_conversion(self, metric: str, given: float, unit: str, canonical: float) -> None:
        assert seen(metric, given, unit).value == pytest.approx(canonical)

    @pytest.mark.parametrize(
        "metric", [name for name, metric in METRICS.items() if metric.kind is Kind.QUANTITY]
    )
    def test_its_own_unit_changes_nothing(self, metric: str) -> None:
        assert one(metric, 50, METRICS[metric].unit) == one(metric, 50)

    def test_limits_hold_in_the_canonical_unit(self) -> None:
        assert turned_down("body_temperature", 120, "[degF]") is Reason.OUT_OF_RANGE
        assert seen("body_temperature", 100, "[degF]").quality is Quality.GOOD

    @pytest.mark.parametrize("unit", ["mg/dL", "cel", "°C", "%"])
    def test_a_foreign_unit(self, unit: str) -> None:
        assert turned_down("body_temperature", 37, unit) is Reason.WRONG_TYPE
