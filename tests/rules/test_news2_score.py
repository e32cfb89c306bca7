"""NEWS2 as published: every boundary, whatever is missing, and rounding before banding."""

import csv
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.news2 import PARAMETERS, Response, Score, band, score

VECTORS = Path(__file__).parents[3] / "shared" / "news2_vectors.csv"
CALM: dict[str, float | str | bool] = {
    "respiratory_rate": 16,
    "spo2": 97,
    "supplemental_oxygen": False,
    "bp_systolic": 130,
    "heart_rate": 72,
    "consciousness": "A",
    "body_temperature": 36.8,
}
# The chart itself: (metric, scale, on oxygen, points by rising value). Each figure is the first of its band.
CHART: list[tuple[str, int, bool, list[tuple[float, int]]]] = [
    ("respiratory_rate", 1, False, [(0, 3), (9, 1), (12, 0), (21, 2), (25, 3)]),
    ("spo2", 1, False, [(0, 3), (92, 2), (94, 1), (96, 0)]),
    ("spo2", 1, True, [(0, 3), (92, 2), (94, 1), (96, 0)]),
    ("spo2", 2, False, [(0, 3), (84, 2), (86, 1), (88, 0)]),
    ("spo2", 2, True, [(0, 3), (84, 2), (86, 1), (88, 0), (93, 1), (95, 2), (97, 3)]),
    ("bp_systolic", 1, False, [(0, 3), (91, 2), (101, 1), (111, 0), (220, 3)]),
    ("heart_rate", 1, False, [(0, 3), (41, 1), (51, 0), (91, 1), (111, 2), (131, 3)]),
    ("body_temperature", 1, False, [(0, 3), (35.1, 1), (36.1, 0), (38.1, 1), (39.1, 2)]),
]


def scored(scale: int = 1, **changed: float | str | bool | None) -> Score:
    values = {**CALM, **changed}
    return score(
        [None if (value := values[name]) is None else band(name, value, scale) for name in PARAMETERS], scale
    )


def rounded(value: float, parameter: str) -> float:
    step = "0.1" if parameter == "body_temperature" else "1"
    return float(Decimal(repr(value)).quantize(Decimal(step), ROUND_HALF_UP))


@pytest.mark.skipif(not VECTORS.exists(), reason="the shared vectors are not on this machine")
def test_r62_every_row_of_the_published_vectors() -> None:
    with VECTORS.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 76
    for row in rows:
        found = scored(
            int(row["scale"]),
            respiratory_rate=float(row["rr"]),
            spo2=float(row["spo2"]),
            supplemental_oxygen=row["air_or_oxygen"] == "oxygen",
            bp_systolic=float(row["sbp"]),
            heart_rate=float(row["pulse"]),
            consciousness=row["acvpu"],
            body_temperature=float(row["temp_c"]),
        )
        names = ("s_rr", "s_spo2", "s_o2", "s_sbp", "s_pulse", "s_acvpu", "s_temp")
        assert found.points == tuple(int(row[name]) for name in names), row
        assert found.total == int(row["total"]), row
        assert found.response.word == row["response"], row


@pytest.mark.parametrize(("metric", "scale", "oxygen", "bands"), CHART)
def test_r62_every_boundary_of_the_chart(
    metric: str, scale: int, oxygen: bool, bands: list[tuple[float, int]]
) -> None:
    step = 0.1 if metric == "body_temperature" else 1
    at = PARAMETERS.index(metric)
    for (first, points), before in zip(bands, [None, *(points for _, points in bands)], strict=False):
        changed = {"supplemental_oxygen": oxygen, metric: first}
        assert scored(scale, **changed).points[at] == points
        if before is not None:
            below = {**changed, metric: round(first - step, 1)}
            assert scored(scale, **below).points[at] == before


@pytest.mark.parametrize("word", list("CVPU"))
def test_r62_whoever_is_not_alert_scores_three(word: str) -> None:
    assert scored(consciousness=word).total == 3
    assert scored(consciousness="A").total == 0


def test_r62_oxygen_scores_two_and_all_at_worst_is_twenty() -> None:
    assert scored(supplemental_oxygen=True).total == 2
    worst = scored(
        respiratory_rate=8,
        spo2=90,
        supplemental_oxygen=True,
        bp_systolic=85,
        heart_rate=135,
        consciousness="U",
        body_temperature=34.9,
    )
    assert (worst.total, worst.response) == (20, Response.EMERGENCY)


def test_r63_a_single_red_asks_for_review_when_the_total_is_three() -> None:
    found = scored(respiratory_rate=25)
    assert (found.total, found.response) == (3, Response.SINGLE_RED)


@pytest.mark.parametrize(
    ("spo2", "oxygen", "points"),
    [(97, False, 0), (97, True, 3), (97, None, None), (92, None, 0), (83, None, 3)],
)
def test_r64_on_scale_2_from_93_on_the_oxygen_decides(
    spo2: float, oxygen: bool | None, points: int | None
) -> None:
    found = scored(2, spo2=spo2, supplemental_oxygen=oxygen)
    assert found.points[1] == points
    if oxygen is None:
        assert found.total is None


@given(st.sets(st.sampled_from(PARAMETERS), min_size=1))
def test_r65_without_all_seven_there_is_no_total(missing: set[str]) -> None:
    found = scored(1, **dict.fromkeys(missing))
    assert found.total is None
    assert found.given == 7 - len(missing)


readings = st.fixed_dictionaries(
    {
        "respiratory_rate": st.integers(0, 60),
        "spo2": st.integers(60, 100),
        "supplemental_oxygen": st.booleans(),
        "bp_systolic": st.integers(50, 260),
        "heart_rate": st.integers(20, 220),
        "consciousness": st.sampled_from("ACVPU"),
        "body_temperature": st.integers(320, 420).map(lambda tenths: tenths / 10),
    }
)


@given(st.sampled_from((1, 2)), readings, st.sets(st.sampled_from(PARAMETERS)))
def test_r65_what_is_missing_never_makes_a_response_worse_than_it_is(
    scale: int, values: dict[str, float | str | bool], missing: set[str]
) -> None:
    whole = scored(scale, **values)
    part = scored(scale, **{**values, **dict.fromkeys(missing)})
    assert part.response <= whole.response
    if 3 in (point for name, point in zip(PARAMETERS, part.points, strict=True) if name not in missing):
        assert part.response >= Response.SINGLE_RED


@given(
    st.sampled_from([(metric, scale) for metric, scale, _, _ in CHART]),
    st.decimals(0, 250, places=3, allow_nan=False).map(float),
)
def test_r68_a_value_is_rounded_half_up_before_it_is_placed(of: tuple[str, int], value: float) -> None:
    metric, scale = of
    assert band(metric, value, scale) == band(metric, rounded(value, metric), scale)


def test_r68_35_04_is_red_and_35_05_is_not() -> None:
    at = PARAMETERS.index("body_temperature")
    assert [scored(body_temperature=value).points[at] for value in (35.04, 35.05)] == [3, 1]


def test_r70_skin_temperature_is_no_input_and_35_0_is_red() -> None:
    assert "skin_temperature" not in PARAMETERS
    assert scored(body_temperature=35.0).response is Response.SINGLE_RED
