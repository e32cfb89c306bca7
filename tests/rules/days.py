"""Days of a resident as her sensors tell them. Rule: what is written here happens, and nothing else."""

from collections.abc import Iterable, Iterator

from devices.observation import Observation
from devices.reading import Value
from tests.rules.home import DAY, MINUTE, heard, local

MONDAY = local("2025-11-03 00:00")
"""The first day of the histories, a Monday in Shanghai."""


def at(day: int, clock: str) -> int:
    """The ms of a local time on the n-th day."""
    hours, minutes = clock.split(":")
    return MONDAY + day * DAY + (int(hours) * 60 + int(minutes)) * MINUTE


def moves(day: int, *clock: str) -> list[Observation]:
    """Motion seen at these local times of the n-th day."""
    return [heard("radar", "motion", at(day, each), resident="wang") for each in clock]


def every(day: int, since: str, until: str, minutes: int) -> list[Observation]:
    """Motion seen every so many minutes of the n-th day, first and last included."""
    times = range(at(day, since), at(day, until) + 1, minutes * MINUTE)
    return [heard("radar", "motion", each, resident="wang") for each in times]


def told(day: int, clock: str, metric: str, value: Value = True, device: str = "bed") -> Observation:
    """One observation about the resident wang."""
    return heard(device, metric, at(day, clock), value, resident="wang")


def night(
    day: int, *outings: tuple[str, str], bed: str = "22:00", up: str = "07:00"
) -> Iterator[Observation]:
    """A night that begins on the n-th day: to bed, out of it and back (after midnight), and up."""
    yield told(day, bed, "bed_occupied")
    for left, back in outings:
        yield told(day + 1, left, "bed_occupied", False)
        yield told(day + 1, back, "bed_occupied")
    yield told(day + 1, up, "bed_occupied", False)


def in_order(*histories: Iterable[Observation]) -> list[Observation]:
    """Histories as one, in the order of time."""
    return sorted((o for history in histories for o in history), key=lambda o: o.at)
