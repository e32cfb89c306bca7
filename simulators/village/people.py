"""Who lives in the village, how frail they are and what they wear. Rule: size and seed say it all.

Care levels, the nine risks (R-79) and visit tiers (R-83) are spread as in a mixed home: most risks are low.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Literal

from simulators.home import residents

CARE, STREET = "care-1", "street-1"
"""The two sites: a care home with rooms of two beds, and flats in one street."""

FLOOR_ROOMS = 5
_CARE_LEVELS = ("2", "1", "3", "2", "special", "2", "3", "1")
_RISKS = "choking intake pressure_ulcer scald bed_fall fall going_missing harm activity".split()
_FRAILTY = {  # of ten people: how many are at high, and at high or medium risk
    "bed_fall": (2, 5),
    "fall": (3, 6),
    "pressure_ulcer": (1, 3),
    "going_missing": (1, 2),
}
_TIERS = ("general", "key", "high")

Dwelling = Literal["care", "flat"]
Speaks = Literal["native", "zigbee"]


@dataclass(frozen=True, slots=True)
class Villager:
    """One resident. `number` counts from 1 within her site; ids of her devices follow from it.

    `speaks` is how her button and the sensors of her flat are heard; `watch` and `bed` whether she has one.
    """

    number: int
    name: str
    dwelling: Dwelling
    care_level: str
    risks: dict[str, str]
    visit_tier: str
    speaks: Speaks
    watch: bool
    bed: bool
    rises_early: bool

    @property
    def site(self) -> str:
        """Where she lives."""
        return CARE if self.dwelling == "care" else STREET

    @property
    def id(self) -> str:
        """The resident's id."""
        return f"{self.dwelling}-{self.number:03}"

    @property
    def room(self) -> str:
        """Her room in the care home (two share one), or her flat."""
        if self.dwelling == "flat":
            return f"{STREET}-flat-{self.number:03}"
        return f"{self.floor}-room-{(self.number - 1) // 2 + 1:02}"

    @property
    def place(self) -> str:
        """Where the registry has her: her bed in the care home, her flat in the street."""
        return self.room if self.dwelling == "flat" else f"{self.room}-bed-{(self.number - 1) % 2 + 1}"

    @property
    def floor(self) -> str:
        """Her floor of the care home; of a flat the house it is in."""
        if self.dwelling == "flat":
            return f"{STREET}-house"
        return f"{CARE}-floor-{(self.number - 1) // (2 * FLOOR_ROOMS) + 1}"

    @property
    def gateway(self) -> str:
        """Through which her native devices are heard: the floor's box, or the hub in her flat."""
        return f"hub-{self.id}" if self.dwelling == "flat" else f"gw-{self.floor}"

    def device(self, kind: str) -> str:
        """The id of a device of hers."""
        return f"{kind}-{self.id}"

    def risk(self, name: str) -> str:
        """How high a risk was assessed."""
        return self.risks.get(name, "low")


def villagers(count: int, seed: int) -> Iterator[Villager]:
    """`count` people, the first half of them in the care home."""
    cared_for = (count + 1) // 2
    for number, person in enumerate(residents(count), 1):
        rng = Random(f"{seed}/person/{number}")  # noqa: S311 - the same seed must give the same people
        flat = number > cared_for
        own = number - cared_for if flat else number
        yield Villager(
            number=own,
            name=person.name,
            dwelling="flat" if flat else "care",
            care_level="3" if flat else _CARE_LEVELS[(own - 1) % len(_CARE_LEVELS)],
            risks=dict(_risks(rng, own)) | ({"pressure_ulcer": "low"} if flat else {}),
            visit_tier=_TIERS[own % len(_TIERS)] if flat else "",
            speaks="zigbee" if not flat or own % 2 == 0 else "native",
            watch=not flat or own % 3 != 0,
            bed=not flat or own % 3 == 1,
            rises_early=rng.random() < 0.1,
        )


def _risks(rng: Random, number: int) -> Iterator[tuple[str, str]]:
    for at, name in enumerate(_RISKS):
        high, medium = _FRAILTY.get(name, (0, 1))
        drawn = (number * 7 + at * 3 + rng.randrange(2)) % 10
        yield name, "high" if drawn < high else "medium" if drawn < medium else "low"
