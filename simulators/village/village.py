"""The village in motion, site by site: what its devices say, in the order in which it comes in.

Rule: a site is a pure function of setting, seed and start; it can be played again, byte for byte. Sites know
nothing of each other, so that each may be played in a process of its own.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from simulators.life import DAY_MS, MINUTE_MS, Body, Span
from simulators.publication import Publication
from simulators.village import fate as fates
from simulators.village import faults, rooms, wards, worn
from simulators.village.fate import Dangers, Fate, fate_of
from simulators.village.faults import Failing, Faults
from simulators.village.people import CARE, STREET, Villager, villagers
from simulators.village.rooms import Fire
from simulators.village.run import Run
from simulators.village.staff import Staff
from simulators.zigbee2mqtt import BRIDGE, bridge_state

GATEWAY_EVERY_MS = 10 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class Setting:
    """How many people for how many days, and what may go wrong. `fires`: a week at each smoke detector."""

    name: str
    residents: int
    days: int
    dangers: Dangers
    failing: Failing
    fires: float = 0.0

    @property
    def eventful(self) -> bool:
        """Whether dangerous things happen."""
        return self.dangers != fates.CALM


def calm(residents: int, days: int) -> Setting:
    """Nothing dangerous happens: whoever is called, is called for nothing."""
    return Setting("calm", residents, days, fates.CALM, faults.CALM)


def eventful(residents: int, days: int) -> Setting:
    """Plenty of every danger, and everything fails now and then."""
    return Setting("eventful", residents, days, fates.EVENTFUL, faults.EVENTFUL, fires=0.12)


class Site:
    """The care home or the street. Iterating gives the publications; every iteration gives the same ones."""

    def __init__(self, setting: Setting, site: str, seed: int, start_ms: int) -> None:
        self.setting, self.id = setting, site
        self.start_ms, self.end_ms = start_ms, start_ms + setting.days * DAY_MS
        drawn = f"{seed}/{setting.name}"
        self.people = tuple(one for one in villagers(setting.residents, seed) if one.site == site)
        self.fates: Mapping[str, Fate] = {
            one.id: fate_of(one, setting.dangers, drawn, start_ms, self.end_ms) for one in self.people
        }
        self.staff: Mapping[str, Staff] = {
            name: Staff(fate, drawn, start_ms, self.end_ms, careless=setting.eventful)
            for name, fate in self.fates.items()
        }
        run_name = f"{setting.name}-{seed:x}-{start_ms:x}"
        self.run = Run(run_name, site, drawn, start_ms, self.end_ms, Faults(setting.failing))
        self._draw_faults(drawn)

    @property
    def faults(self) -> Faults:
        """What fails in the run."""
        return self.run.faults

    @cached_property
    def rooms(self) -> Mapping[str, tuple[Villager, ...]]:
        """Who lives in which room or flat."""
        found: defaultdict[str, list[Villager]] = defaultdict(list)
        for one in self.people:
            found[one.room].append(one)
        return {room: tuple(people) for room, people in found.items()}

    @cached_property
    def floors(self) -> tuple[str, ...]:
        """The floors of the care home; none in the street."""
        return tuple(dict.fromkeys(one.floor for one in self.people)) if self.id == CARE else ()

    @cached_property
    def detectors(self) -> Mapping[str, str]:
        """The smoke detectors, by id, and where they hang."""
        if self.id == CARE:
            return {f"smoke-{floor}": floor for floor in self.floors}
        return {one.device("smoke"): one.place for one in self.people}

    @cached_property
    def fires(self) -> tuple[Fire, ...]:
        """Every time that there is smoke."""
        found: list[Fire] = []
        for device, place in self.detectors.items():
            rng = self.run.rng(device, "fires")
            for day in range(self.setting.days):
                if rng.random() < self.setting.fires / 7:
                    start = self.start_ms + day * DAY_MS + rng.randrange(DAY_MS)
                    found.append(Fire(device, place, start, start + rng.randrange(3, 15) * MINUTE_MS))
        return tuple(found)

    def __iter__(self) -> Iterator[Publication]:
        return rooms.merged([*self._gateways(), *self._of_residents(), *self._of_rooms(), *self._of_staff()])

    def gateways(self) -> tuple[str, ...]:
        """The native gateways: one on each floor, one in each flat; the bridge apart."""
        return tuple(dict.fromkeys(one.gateway for one in self.people))

    def _draw_faults(self, drawn: str) -> None:
        failing, run = self.setting.failing, self.run
        made = faults.faults_of(
            failing, run.rng("outages"), self.start_ms, self.end_ms, self.gateways(), BRIDGE
        )
        self.faults.by_name.update(made.by_name)
        # the broker is one for all sites, so its outages must not depend on the site
        shared = Run(run.name, "", drawn, self.start_ms, self.end_ms, run.faults)
        self.faults.broker += faults.broker_outages(failing, shared.rng("broker"), self.start_ms, self.end_ms)
        for one in self.people:
            for kind, per_week in (
                ("watch", failing.battery),
                ("button", failing.battery),
                ("bed", failing.sensor),
            ):
                name = one.device(kind)
                faults.wear(self.faults, run.rng(name, "wear"), name, self.start_ms, self.end_ms, per_week)

    def _gateways(self) -> Iterator[Iterator[Publication]]:
        for name in self.gateways():
            yield self._gateway(name)
        yield self._bridge()

    def _gateway(self, name: str) -> Iterator[Publication]:
        device = self.run.native(name, name)
        known = [device.plain_status(self.start_ms, "online")]
        for outage in self.faults.by_name[name]:
            known.append(device.plain_status(outage.told, "offline", will=True))
            known.append(device.plain_status(outage.end, "online"))
        alive = (
            device.telemetry(at, {"mains_power": True})
            for at in self.run.ticks(name, GATEWAY_EVERY_MS)
            if self.faults.works(name, at)
        )
        return self.run.heard("", "", known, alive)

    def _bridge(self) -> Iterator[Publication]:
        known = [bridge_state(self.start_ms, "online")]
        for outage in self.faults.by_name[BRIDGE]:
            known.append(bridge_state(outage.told, "offline", will=True))
            known.append(bridge_state(outage.end, "online"))
        return self.run.heard("", "", known)

    def _of_residents(self) -> Iterator[Iterator[Publication]]:
        for one in self.people:
            fate, staff = self.fates[one.id], self.staff[one.id]
            body = Body(self.run.rng(one.id, "body"))
            yield worn.button(self.run, fate)
            if one.watch:
                yield worn.watch(self.run, fate, staff, body)
            if one.bed:
                yield rooms.bed(self.run, fate, body)
            if self.id == STREET:
                yield worn.tablet(self.run, fate, staff)
                yield from rooms.flat(self.run, fate, staff, self.fires)
            else:
                yield wards.cart(self.run, fate, body)

    def _of_rooms(self) -> Iterator[Iterator[Publication]]:
        for room, people in self.rooms.items() if self.id == CARE else ():
            via = people[0].gateway
            yield rooms.radar(self.run, room, via, (self.fates[one.id] for one in people))
            assists: list[Span] = [span for one in people for span in self.staff[one.id].assists]
            yield rooms.reader(self.run, room, via, assists)
        for device in self.detectors if self.id == CARE else ():
            yield rooms.smoke(self.run, device, self.fires)

    def _of_staff(self) -> Iterator[Iterator[Publication]]:
        for floor in self.floors:
            whose = [one for one in self.people if one.floor == floor]
            yield wards.scanner(self.run, f"scanner-{floor}", whose[0].gateway, self._staff_of(whose))
        if self.id == STREET:
            yield wards.scanner(self.run, wards.PHONE, "", self._staff_of(self.people))
        yield wards.desk(self.run, self.fates.values())

    def _staff_of(self, whose: tuple[Villager, ...] | list[Villager]) -> dict[str, Staff]:
        return {one.id: self.staff[one.id] for one in whose}


def sites(setting: Setting, seed: int, start_ms: int) -> tuple[Site, ...]:
    """The sites of the village in which anybody lives."""
    found = (Site(setting, site, seed, start_ms) for site in (CARE, STREET))
    return tuple(site for site in found if site.people)
