"""Chinese map datums: there and back, and nothing is moved where nothing was shifted."""

import math

import pytest
from eviltransform import distance, wgs2bd, wgs2gcj
from hypothesis import given
from hypothesis import strategies as st

from devices.datum import bd09, gcj02, in_china

_CITIES = {
    "Beijing": (39.9087, 116.3975),
    "Shanghai": (31.2304, 121.4737),
    "Urumqi": (43.8256, 87.6168),
    "Lhasa": (29.6525, 91.1721),
    "Harbin": (45.8038, 126.5350),
    "Sanya": (18.2528, 109.5119),
    "Hong Kong": (22.3193, 114.1694),
    "Kunming": (25.0389, 102.7183),
}
_ABROAD = {
    "Bangkok": (13.7563, 100.5018),
    "Hanoi": (21.0278, 105.8342),
    "Taipei": (25.0330, 121.5654),
    "Seoul": (37.5665, 126.9780),
    "Osaka": (34.6937, 135.5023),
    "Ulaanbaatar": (47.8864, 106.9057),
    "Delhi": (28.6139, 77.2090),
    "Berlin": (52.5200, 13.4050),
    "Lima": (-12.0464, -77.0428),
    "nowhere": (0.0, 0.0),
}


@pytest.mark.parametrize("place", _CITIES.values(), ids=_CITIES)
def test_a_shifted_position_is_put_back_to_a_centimetre(place: tuple[float, float]) -> None:
    assert distance(*wgs2gcj(*place), *place) > 100
    assert math.dist(gcj02(*wgs2gcj(*place)), place) < 1e-7
    assert math.dist(bd09(*wgs2bd(*place)), place) < 1e-5  # Baidu's own step is exact to a metre only


@pytest.mark.parametrize("place", _ABROAD.values(), ids=_ABROAD)
def test_abroad_nothing_is_moved(place: tuple[float, float]) -> None:
    assert not in_china(*place)
    assert gcj02(*place) == place
    assert bd09(*place) == place


@given(st.floats() | st.integers(), st.floats() | st.integers())
def test_any_number_has_an_answer(latitude: float, longitude: float) -> None:
    for moved in (gcj02(latitude, longitude), bd09(latitude, longitude)):
        assert all(isinstance(one, (int, float)) for one in moved)
        if not in_china(latitude, longitude):
            assert repr(moved) == repr((latitude, longitude))  # NaN is not equal to itself
