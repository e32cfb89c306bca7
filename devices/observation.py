"""An observation: a reading normalised. Rule: what is here has a canonical metric, unit and UTC time."""

from enum import StrEnum
from typing import NamedTuple

from devices.reading import TimeSource, Value


class Quality(StrEnum):
    """How far a value can be trusted (R-94). Bad and stale never enter a score or an average."""

    GOOD = "good"
    UNCERTAIN = "uncertain"
    BAD = "bad"
    STALE = "stale"


class Observation(NamedTuple):
    """One value of one metric. A NamedTuple because the service makes tens of thousands a second.

    `resident` and `place` are the ids of whose it is and where ("" when unknown; both "" is unassigned).
    `at` and `received_at` are ms UTC; `late` is whether it is history only (R-90): stored, not acted on.
    `device_at` is what the device's clock said, where `at` is another time because that clock is at fault:
    ahead and put right (R-87: `at_source` is still the device's), or not to be believed (R-88, R-91).
    `utc_offset` is by how many minutes that clock was ahead of UTC, where the message says so (R-85).
    """

    device: str
    metric: str
    value: Value
    at: int
    received_at: int
    quality: Quality = Quality.GOOD
    at_source: TimeSource = TimeSource.DEVICE
    site: str = ""
    resident: str = ""
    place: str = ""
    late: bool = False
    key: str = ""
    detail: str = ""
    confidence: float | None = None
    by: str = ""
    device_at: int | None = None
    utc_offset: int | None = None
