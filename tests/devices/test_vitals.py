"""Units of vital signs: named ones are believed, sure sizes tell, doubtful numbers are left."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.catalogue import BASE, ENTRIES
from devices.message import Message
from devices.normalise import normalise
from devices.notation import claim
from devices.reading import Decoded, Reading, Reason
from devices.registry import Registry
from devices.vitals import MGDL, MMHG, settle, unit_named, upside_down

_ARRIVED = 1_790_000_000_000


def _said(*claims: tuple[str, float], told: str = "", documented: bool = False) -> dict[str, float]:
    """What the service observes of a measurement whose payload names one unit, or none."""
    unit = unit_named(told)
    readings = [Reading("d", metric, value) for metric, value in claims]
    found, _ = settle(
        readings,
        {unit.quantity: unit} if unit else {},
        {"glucose": MGDL, "pressure": MMHG} if documented else {},
    )
    observed = normalise(Decoded("x", tuple(found)), Message("t", b"", _ARRIVED), Registry()).observations
    return {one.metric: one.value for one in observed if isinstance(one.value, float)}


@pytest.mark.parametrize(
    ("value", "told", "documented", "wanted"),
    [
        (108, "", False, 5.995),
        (34, "", False, 1.887),
        (5.6, "", False, 5.6),
        (9.9, "", False, 9.9),
        (20, "", False, None),
        (20, "mg/dL", False, 1.110),
        (20, "mmol/L", False, 20.0),
        (20, "", True, 1.110),
        (20.4, "", True, None),  # meters show mg/dL whole, so this was mmol/L: too grave to guess
        (108, "mmol/L", False, None),  # beyond what anybody lives with
    ],
)
def test_glucose(value: float, told: str, documented: bool, wanted: float | None) -> None:
    said = _said(("glucose", value), told=told, documented=documented)
    assert said == ({} if wanted is None else {"glucose": pytest.approx(wanted, rel=1e-3)})


@pytest.mark.parametrize(
    ("systolic", "diastolic", "told", "documented", "wanted"),
    [
        (120, 80, "", False, (120, 80)),
        (16.0, 10.7, "", False, (120, 80.3)),
        (16.0, 10.7, "kPa", False, (120, 80.3)),
        (35, 25, "", False, None),
        (35, 25, "kPa", False, (262.5, 187.5)),
        (35, 25, "mmHg", False, (35, 25)),
        (35, 25, "", True, (35, 25)),
        (28, 18, "", True, (210, 135)),
    ],
)
def test_pressure(
    systolic: float, diastolic: float, told: str, documented: bool, wanted: tuple[float, float] | None
) -> None:
    said = _said(("bp_systolic", systolic), ("bp_diastolic", diastolic), told=told, documented=documented)
    if wanted is None:
        assert said == {}
    else:
        assert (said["bp_systolic"], said["bp_diastolic"]) == pytest.approx(wanted, rel=1e-3)


@pytest.mark.parametrize(
    ("value", "told", "wanted"),
    [(36.6, "", 36.6), (98.6, "", 37.0), (98.6, "℉", 37.0), (36.43000031, "", 36.43), (102.2, "F", 39.0)],
)
def test_body_temperature(value: float, told: str, wanted: float) -> None:
    assert _said(("body_temperature", value), told=told) == {"body_temperature": pytest.approx(wanted)}


@pytest.mark.parametrize(
    ("value", "told", "wanted"),
    [(140, "lb", 63.503), (140, "斤", 70.0), (70000, "g", 70.0), (70, "公斤", 70.0), (11, "st", 69.853)],
)
def test_weight(value: float, told: str, wanted: float) -> None:
    assert _said(("body_weight", value), told=told) == {"body_weight": pytest.approx(wanted, rel=1e-3)}


def test_a_weight_whose_unit_nobody_names_is_left() -> None:
    assert settle([Reading("d", "body_weight", 70)], {}, {}) == ([], ["body_weight"])


@pytest.mark.parametrize(("value", "wanted"), [(0.96, 96.0), (96, 96.0), (1, 100.0)])
def test_oxygen_may_be_a_fraction(value: float, wanted: float) -> None:
    assert _said(("spo2", value)) == {"spo2": wanted}


def test_a_unit_that_a_reading_has_stays() -> None:
    reading = Reading("d", "glucose", 15.0, "mmol/L")
    assert settle([reading], {"glucose": MGDL}, {}) == ([reading], [])


@pytest.mark.parametrize(("systolic", "diastolic"), [(80, 120), (255, 255)])
def test_a_pressure_upside_down_is_seen(systolic: float, diastolic: float) -> None:
    assert upside_down([Reading("d", "bp_systolic", systolic), Reading("d", "bp_diastolic", diastolic)])
    assert not upside_down([Reading("d", "bp_systolic", systolic)])


_METRICS = ["glucose", "bp_systolic", "bp_diastolic", "bp_mean", "body_temperature", "body_weight", "spo2"]


@given(
    st.lists(st.tuples(st.sampled_from(_METRICS), st.floats() | st.integers() | st.just(10**400))),
    st.text() | st.sampled_from(["斤", "kPa", "mg/dL", "lb"]),
)
def test_any_number_in_any_unit_has_an_answer(claims: list[tuple[str, float]], told: str) -> None:
    unit = unit_named(told)
    found, left = settle(
        [Reading("d", metric, value) for metric, value in claims], {unit.quantity: unit} if unit else {}, {}
    )
    assert len(found) + len(left) == len(claims)


def _claims(word: object) -> list[str]:
    if isinstance(word, dict):
        return [one for chosen in word.values() for one in _claims(chosen)]
    if isinstance(word, list):
        return [one for listed in word for one in _claims(listed)]
    return [word] if isinstance(word, str) and word not in {"", "?"} else []


_UNITS = sorted(
    {
        (one.metric, one.unit)
        for words in [*BASE.values(), *(entry.words for entry in ENTRIES)]
        for word in words.values()
        for written in _claims(word)
        if (one := claim(written)).unit
    }
)


@pytest.mark.parametrize(("metric", "unit"), _UNITS)
def test_every_unit_in_the_catalogue_can_be_converted(metric: str, unit: str) -> None:
    decoded = Decoded("x", (Reading("d", metric, 1, unit),))
    rejected = normalise(decoded, Message("t", b"", _ARRIVED), Registry()).rejected
    assert [one.reason for one in rejected if one.reason is Reason.WRONG_TYPE] == []
