"""What all devices of one run share: its seed, its time, its faults. Rule: chance belongs to one purpose."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

from simulators.life import MINUTE_MS
from simulators.native import NativeDevice
from simulators.publication import Publication
from simulators.village.faults import Faults, wire


@dataclass(frozen=True, slots=True)
class Run:
    """One site in one run. `name` makes the ids of its messages differ from those of any other run."""

    name: str
    site: str
    seed: str
    start_ms: int
    end_ms: int
    faults: Faults

    def rng(self, *whose: str) -> Random:
        """A source of chance that belongs to one purpose of one person or device."""
        return Random("/".join((self.seed, self.site, *whose)))  # noqa: S311 - the same seed, the same run

    def native(self, device: str, via: str) -> NativeDevice:
        """A device that speaks the native protocol."""
        return NativeDevice(self.site, device, self.name, via, self.faults.clock(device))

    def ticks(self, device: str, every_ms: int) -> range:
        """When a device reports by itself: at its own pace from its own moment on."""
        phase = self.rng(device, "phase").randrange(min(every_ms, 10 * MINUTE_MS))
        return range(self.start_ms + phase, self.end_ms, every_ms)

    def heard(self, device: str, via: str, *streams: Iterable[Publication]) -> Iterator[Publication]:
        """The streams of a device as the service gets them, as far as they are in the run."""
        said = wire(self.faults, self.rng(device, "wire"), device, via, streams)
        return (each for each in said if self.start_ms <= each.at_ms < self.end_ms)
