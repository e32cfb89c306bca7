"""Positions on Chinese map datums to WGS-84. Rule: where maps are not shifted, nothing is changed.

Chinese trackers report what Chinese maps show: GCJ-02 (AMap, Tencent) or BD-09 (Baidu). Each is up to 700 m
or 1.2 km beside the place, enough to send help to the wrong street.
"""

from eviltransform import bd2gcj, wgs2gcj

_CHINA = (
    # south, north, west, east: boxes that together cover mainland China, Hainan, Hong Kong and Macau
    (42.89, 49.22, 79.45, 96.33),
    (39.37, 54.14, 109.69, 135.0),
    (29.53, 42.89, 73.12, 124.14),
    (26.72, 29.53, 82.97, 97.04),
    (20.41, 29.53, 97.03, 124.37),
    (17.87, 20.41, 107.98, 111.74),
)
_ABROAD = (
    # what of its neighbours those boxes cover as well
    (21.79, 25.40, 119.92, 122.50),  # Taiwan, whose maps are WGS-84
    (20.10, 22.28, 101.87, 106.67),  # Laos and Vietnam
    (20.49, 21.54, 106.45, 108.05),
    (50.33, 55.82, 109.03, 119.13),  # Russia
    (49.56, 55.82, 127.46, 137.02),
    (42.57, 44.89, 131.27, 137.02),
)
_ROUNDS = 3
"""The shift is measured at the place found so far; three times leave less than a centimetre."""


def in_china(latitude: float, longitude: float) -> bool:
    """Whether maps of this place are shifted. Near a border it may be wrong by some kilometres."""
    return _inside(_CHINA, latitude, longitude) and not _inside(_ABROAD, latitude, longitude)


def gcj02(latitude: float, longitude: float) -> tuple[float, float]:
    """A position on GCJ-02 as WGS-84. Any number is taken; what is no place in China is unchanged."""
    if not in_china(latitude, longitude):
        return latitude, longitude
    lat, lon = latitude, longitude
    for _ in range(_ROUNDS):
        shifted_lat, shifted_lon = wgs2gcj(lat, lon)
        lat, lon = lat - (shifted_lat - latitude), lon - (shifted_lon - longitude)
    return lat, lon


def bd09(latitude: float, longitude: float) -> tuple[float, float]:
    """A position on BD-09 as WGS-84. Any number is taken; what is no place in China is unchanged."""
    if not in_china(latitude, longitude):
        return latitude, longitude
    return gcj02(*bd2gcj(latitude, longitude))


def _inside(boxes: tuple[tuple[float, float, float, float], ...], latitude: float, longitude: float) -> bool:
    return any(south <= latitude <= north and west <= longitude <= east for south, north, west, east in boxes)
