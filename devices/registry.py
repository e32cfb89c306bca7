"""Who is cared for, where, and which device reports for whom.

Rule: a registry is a value, checked whole when it is made; nobody changes it afterwards.
`devices.registry_files` reads one from CSV or TOML.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Self


class PlaceKind(StrEnum):
    """The levels of DESIGN section 1, widest first."""

    PROVINCE = "province"
    CITY = "city"
    DISTRICT = "district"
    STREET = "street"
    COMMUNITY = "community"
    SITE = "site"
    BUILDING = "building"
    FLOOR = "floor"
    ROOM = "room"
    BED = "bed"


class CareLevel(StrEnum):
    """Care levels as homes in China grade them (REQUIREMENTS R-78)."""

    SPECIAL = "special"
    LEVEL_1 = "1"
    LEVEL_2 = "2"
    LEVEL_3 = "3"


class Risk(StrEnum):
    """The nine protections of GB 38600 (R-79), by what they protect from."""

    CHOKING = "choking"
    INTAKE = "intake"  # of the wrong food or drug
    PRESSURE_ULCER = "pressure_ulcer"
    SCALD = "scald"
    BED_FALL = "bed_fall"
    FALL = "fall"
    GOING_MISSING = "going_missing"
    HARM = "harm"  # to self or others
    ACTIVITY = "activity"  # accidents in activities


class RiskLevel(StrEnum):
    """How great a risk was found to be. Not assessed is no low risk: screens show it red (R-79)."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    UNASSESSED = "unassessed"


class Oxygen(StrEnum):
    """What she breathes when no device says so (NEWS2, R-64); empty: nobody said."""

    UNKNOWN = ""
    AIR = "air"
    OXYGEN = "oxygen"


class VisitTier(StrEnum):
    """How often a person at home is visited (R-83): weekly, monthly, quarterly; empty: not by a visitor."""

    NONE = ""
    HIGH = "high"
    KEY = "key"
    GENERAL = "general"


_SHORTEST_MS, _LONGEST_MS = 60_000, 90_000_000
_UNITS_MS = {"s": 1_000, "min": 60_000, "h": 3_600_000}
_DURATION = re.compile(r"([1-9]\d{0,5}) ?(s|min|h)", re.ASCII)


class Supervision(str):
    """How long a device may be silent before it counts as lost (R-21, R-22): 90s, 10min, 5h; `ms` says it so.

    From a minute to 25 hours; any other text is a ValueError. SOS Access v4 has the four classes named here.
    """

    __slots__ = ("ms",)
    ms: int
    S90: ClassVar["Supervision"]
    S180: ClassVar["Supervision"]
    H5: ClassVar["Supervision"]
    H25: ClassVar["Supervision"]

    def __new__(cls, text: str) -> Self:
        """As people write it, the unit after the number or after a blank."""
        found = _DURATION.fullmatch(text)
        ms = int(found[1]) * _UNITS_MS[found[2]] if found else 0
        if not _SHORTEST_MS <= ms <= _LONGEST_MS:
            message = f"{text!r} is no duration from 1min to 25h, like 90s, 10min or 5h"
            raise ValueError(message)
        made = super().__new__(cls, text.replace(" ", ""))
        made.ms = ms
        return made


Supervision.S90 = Supervision("90s")
Supervision.S180 = Supervision("180s")
Supervision.H5 = Supervision("5h")
Supervision.H25 = Supervision("25h")


@dataclass(frozen=True, slots=True)
class Place:
    """A place inside `parent` ("" at the top). `timezone` is an IANA name, inherited when ""."""

    id: str
    kind: PlaceKind
    name: str = ""
    parent: str = ""
    timezone: str = ""


@dataclass(frozen=True, slots=True)
class Resident:
    """A person cared for. `place` is a bed, or a room or home where there are no beds.

    `away` is where she stands until somebody reports an absence. `risks` are those that were assessed.
    `spo2_scale` is 2 only by a clinician's word (R-64).
    """

    id: str
    place: str
    name: str = ""
    care_level: CareLevel = CareLevel.LEVEL_3
    away: bool = False
    visit_tier: VisitTier = VisitTier.NONE
    spo2_scale: int = 1
    oxygen: Oxygen = Oxygen.UNKNOWN
    risks: Mapping[Risk, RiskLevel] = field(default_factory=dict)

    def risk(self, risk: Risk) -> RiskLevel:
        """The level of a risk, `UNASSESSED` where nobody assessed it."""
        return self.risks.get(risk, RiskLevel.UNASSESSED)


@dataclass(frozen=True, slots=True)
class Device:
    """A device, bound to a resident or to a place (both "": kept, but unassigned).

    `site` tells apart devices of the same id at two sites ("" when ids are unique). `gateway` is the id
    of the device through which this one is heard. `calls` is whether the wearer can call for help with it,
    `downlink` whether it shows what it is told on its native channel `command` (R-11).
    """

    id: str
    kind: str = ""
    model: str = ""
    resident: str = ""
    place: str = ""
    site: str = ""
    gateway: str = ""
    calls: bool = False
    supervision: Supervision = Supervision.H25
    downlink: bool = False


_DWELLINGS = frozenset((PlaceKind.FLOOR, PlaceKind.BUILDING))
"""What may be somebody's home as a whole, where nobody wrote down rooms."""


@dataclass(frozen=True, slots=True)
class Registry:
    """All three, by id. Devices by (site, id). `zone` is the IANA time zone where no place names one."""

    places: dict[str, Place] = field(default_factory=dict)
    residents: dict[str, Resident] = field(default_factory=dict)
    devices: dict[tuple[str, str], Device] = field(default_factory=dict)
    zone: str = "Asia/Shanghai"
    _alone: dict[str, str] = field(default_factory=dict, repr=False, compare=False)
    _dwelling: dict[str, tuple[str, ...]] = field(default_factory=dict, repr=False, compare=False)
    _models: dict[str, str] = field(default_factory=dict, repr=False, compare=False)
    _callers: set[str] = field(default_factory=set, repr=False, compare=False)
    _stands: dict[str, str | None] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        places: Iterable[Place] = (),
        residents: Iterable[Resident] = (),
        devices: Iterable[Device] = (),
    ) -> "Registry":
        """A registry of these rows; later rows replace earlier ones of the same id."""
        registry = cls(
            {place.id: place for place in places},
            {resident.id: resident for resident in residents},
            {(device.site, device.id): device for device in devices},
        )
        living: dict[str, list[str]] = {}
        for resident in registry.residents.values():
            for place in registry.above(resident.place) or [Place(resident.place, PlaceKind.BED)]:
                if place.kind in {PlaceKind.BED, PlaceKind.ROOM} or (
                    place.id == resident.place and place.kind in _DWELLINGS
                ):
                    living.setdefault(place.id, []).append(resident.id)
        for device in registry.devices.values():
            told = registry._models.setdefault(device.id, device.model)
            if told != device.model:
                registry._models[device.id] = ""
            if device.calls:
                registry._callers.add(device.id)
            whose = registry.residents.get(device.resident)
            where = device.place or (whose.place if whose is not None else "")
            stands = registry._stands.setdefault(device.id, where)
            if stands is not None and registry.timezone(stands) != registry.timezone(where):
                registry._stands[device.id] = None
        registry._alone.update({place: ids[0] for place, ids in living.items() if len(ids) == 1})
        registry._dwelling.update({place: tuple(ids) for place, ids in living.items()})
        return registry

    def only_resident(self, place: str) -> str:
        """The one resident who lives in a room or bed, or "" when nobody or several do."""
        return self._alone.get(place, "")

    def dwellers(self, place: str) -> tuple[str, ...]:
        """Residents who live at a place, by id.

        Those whose own place it is or lies in it (room and bed; a home as a whole), else those whose home it
        is a part of (the kitchen of a flat). A corridor, a floor with rooms or a site is nobody's.
        """
        for at in self.above(place):
            found = self._dwelling.get(at.id)
            if found is not None:
                whole = tuple(one for one in found if self.residents[one].place == at.id)
                return found if at.id == place else whole
        return ()

    def device(self, site: str, device: str) -> Device | None:
        """The device of this id at this site, else the one registered for any site."""
        return self.devices.get((site, device)) or self.devices.get(("", device))

    def bound(self, site: str, device: str) -> tuple[str, str]:
        """Resident and place of a device. A device in a place where one person lives watches that person."""
        found = self.device(site, device)
        if found is None:
            return "", ""
        if found.resident:
            resident = self.residents.get(found.resident)
            return found.resident, found.place or (resident.place if resident else "")
        return self.only_resident(found.place), found.place

    def models(self, device: str) -> tuple[str, ...]:
        """The device's model; none when devices of this id differ (makes this a `devices.reading.Known`)."""
        found = self._models.get(device)
        return (found,) if found else ()

    def fact(self, about: str, field: str) -> str:  # noqa: ARG002  (the Protocol's)
        """Nothing: a registry learns no facts."""
        return ""

    def calls(self, device: str) -> bool:
        """Whether a device of this id, at any site, is one to call for help with."""
        return device in self._callers

    def clock_zone(self, device: str) -> str:
        """The zone of the place of a device; "" when it is not registered, or its namesakes are elsewhere."""
        place = self._stands.get(device)
        return "" if place is None else self.timezone(place)

    def above(self, place: str) -> list[Place]:
        """The place and everything it lies in, from the inside out."""
        chain: list[Place] = []
        while (found := self.places.get(place)) and found not in chain:
            chain.append(found)
            place = found.parent
        return chain

    def timezone(self, place: str) -> str:
        """The IANA time zone that holds at a place."""
        return next((at.timezone for at in self.above(place) if at.timezone), self.zone)

    def at(self, place: str, kind: PlaceKind) -> Place | None:
        """The place of this kind that holds a place: the site of a bed, say."""
        return next((at for at in self.above(place) if at.kind is kind), None)
