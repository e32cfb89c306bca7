"""What becomes of readings, for tests of `devices.normalise`: each has one fate."""

from devices.message import Message
from devices.normalise import Normalised, normalise
from devices.observation import Observation
from devices.reading import Decoded, Reading, Reason, Rejected, Value
from devices.registry import Registry

NOW = 1_790_000_000_123
MINUTE = 60_000
DAY = 24 * 60 * MINUTE


def normalised(
    *readings: Reading, registry: Registry | None = None, site: str = "home-1", **message: bool
) -> Normalised:
    decoded = Decoded("any", readings)
    return normalise(decoded, Message("t", b"", NOW, **message), registry or Registry(), site)


def one(metric: str, value: Value, unit: str = "", **reading: object) -> Observation | Rejected:
    """The fate of one reading."""
    fate = normalised(Reading("d1", metric, value, unit, **reading))  # type: ignore[arg-type]
    assert len(fate.observations) + len(fate.rejected) == 1
    return (fate.observations or fate.rejected)[0]


def seen(metric: str, value: Value, unit: str = "", **reading: object) -> Observation:
    fate = one(metric, value, unit, **reading)
    assert isinstance(fate, Observation), fate
    return fate


def turned_down(metric: str, value: Value, unit: str = "") -> Reason:
    fate = one(metric, value, unit)
    assert isinstance(fate, Rejected), fate
    assert (fate.device, fate.metric) == ("d1", metric)
    return fate.reason
