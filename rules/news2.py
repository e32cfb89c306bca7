"""NEWS2, the National Early Warning Score 2 (RCP 2017). Rule: the published table, and nothing is guessed.

REQUIREMENTS 6.1, 6.2 and R-62 to R-70. A missing input is never 0: without all seven there is no total
(R-65), only the least response that holds whatever the missing ones are, for they can only add points. A
score screens; it diagnoses nothing, and is not validated under 16 years or in pregnancy (R-69).

Values are placed in bands. The bounds lie half a step above the figures of the chart, so that a value is
placed as if it had been rounded half up (R-68): 35.05 is 35.1, and 8.5 breaths are 9.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple

RESPIRATORY_RATE, SPO2, OXYGEN, SYSTOLIC, PULSE, CONSCIOUSNESS, TEMPERATURE = PARAMETERS = (
    "respiratory_rate",
    "spo2",
    "supplemental_oxygen",
    "bp_systolic",
    "heart_rate",
    "consciousness",
    "body_temperature",  # core or tympanic: never skin_temperature
)
"""The seven, by the metric that is measured, in the order of the chart."""

RED = 3
_BOUNDS: Mapping[str, tuple[float, ...]] = {
    RESPIRATORY_RATE: (8.5, 11.5, 20.5, 24.5),
    SYSTOLIC: (90.5, 100.5, 110.5, 219.5),
    PULSE: (40.5, 50.5, 90.5, 110.5, 130.5),
    TEMPERATURE: (35.05, 36.05, 38.05, 39.05),
}
_SPO2_BOUNDS = {1: (91.5, 93.5, 95.5), 2: (83.5, 85.5, 87.5, 92.5, 94.5, 96.5)}
_POINTS: Mapping[str, tuple[int | None, ...]] = {
    RESPIRATORY_RATE: (3, 1, 0, 2, 3),
    OXYGEN: (0, 2),
    SYSTOLIC: (3, 2, 1, 0, 3),
    PULSE: (3, 1, 0, 1, 2, 3),
    CONSCIOUSNESS: (0, 3),
    TEMPERATURE: (3, 1, 0, 1, 2),
}
_SPO2_POINTS = (3, 2, 1, 0)
_SCALE_2_ON_OXYGEN = (3, 2, 1, 0, 1, 2, 3)
_SCALE_2_ON_AIR = (3, 2, 1, 0, 0, 0, 0)
_SCALE_2_UNKNOWN = (3, 2, 1, 0, None, None, None)  # no score, ask


class Response(IntEnum):
    """What the score asks for (6.2), the mildest first."""

    ROUTINE = 0
    LOW = 1
    SINGLE_RED = 2  # 3 in any single parameter
    URGENT = 3  # 5 or 6
    EMERGENCY = 4  # 7 or more

    @property
    def word(self) -> str:
        """As it is named in output."""
        return self.name.lower()


class Score(NamedTuple):
    """`points` in the order of PARAMETERS, None for what is missing. `total` is None unless all are there.

    `response` is at least called for: exactly, when there is a total.
    """

    points: tuple[int | None, ...]
    total: int | None
    response: Response

    @property
    def given(self) -> int:
        """How many of the seven are there."""
        return sum(point is not None for point in self.points)


def band(parameter: str, value: float | str | bool, scale: int = 1) -> int:
    """The band of a value, from 0 at the low end; of consciousness 0 is alert, of oxygen 0 is air.

    `scale` is the resident's for SpO2: 2 only where a clinician set it (R-64).
    """
    if isinstance(value, str):
        return int(value != "A")
    if parameter == OXYGEN:
        return int(value > 0)
    return bisect_right(_SPO2_BOUNDS[scale] if parameter == SPO2 else _BOUNDS[parameter], value)


def points(parameter: str, scale: int = 1, oxygen: bool | None = None) -> tuple[int | None, ...]:
    """The points by band; None where they cannot be told: SpO2 of 93 or more on scale 2, oxygen unknown."""
    if parameter != SPO2:
        return _POINTS[parameter]
    if scale == 1:
        return _SPO2_POINTS
    if oxygen is None:
        return _SCALE_2_UNKNOWN
    return _SCALE_2_ON_OXYGEN if oxygen else _SCALE_2_ON_AIR


def score(bands: Sequence[int | None], scale: int = 1) -> Score:
    """The score of seven bands in the order of PARAMETERS, None for what is missing."""
    told = bands[2]
    oxygen = None if told is None else told > 0
    each = tuple(
        None if placed is None else points(parameter, scale, oxygen)[placed]
        for parameter, placed in zip(PARAMETERS, bands, strict=True)
    )
    found = [point for point in each if point is not None]
    least = sum(found)
    if least >= 7:
        response = Response.EMERGENCY
    elif least >= 5:
        response = Response.URGENT
    elif RED in found:
        response = Response.SINGLE_RED
    else:
        response = Response.LOW if least else Response.ROUTINE
    return Score(each, least if len(found) == len(PARAMETERS) else None, response)
