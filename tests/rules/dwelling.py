"""A house of people at risk, for rules about beds, doors and signs of life. Rule: no logic worth testing."""

from collections.abc import Iterable

from devices.observation import Observation
from devices.reading import Value
from devices.registry import Device, Place, PlaceKind, Registry, Resident, Risk, RiskLevel
from rules.configuration import load
from rules.decision import Change, Decision
from rules.engine import Engine

HOUSE = Registry.of(
    places=[
        Place("home", PlaceKind.SITE, timezone="Asia/Shanghai"),
        Place("lobby", PlaceKind.FLOOR, parent="home"),
        Place("room-1", PlaceKind.ROOM, parent="home"),
        Place("room-2", PlaceKind.ROOM, parent="home"),
        Place("bed-2a", PlaceKind.BED, parent="room-2"),
        Place("bed-2b", PlaceKind.BED, parent="room-2"),
        Place("berlin", PlaceKind.SITE, timezone="Europe/Berlin"),
        Place("flat", PlaceKind.ROOM, parent="berlin"),
    ],
    residents=[
        Resident("an", "room-1", risks={Risk.GOING_MISSING: RiskLevel.HIGH, Risk.BED_FALL: RiskLevel.HIGH}),
        Resident("bo", "bed-2a"),
        Resident("chen", "bed-2b", risks={Risk.FALL: RiskLevel.HIGH}),
        Resident("meyer", "flat", risks={Risk.GOING_MISSING: RiskLevel.HIGH}),
    ],
    devices=[Device("mat", place="room-1", site="home")],
)


def watch(text: str, now: int, registry: Registry = HOUSE) -> Engine:
    """An engine with the rules of a valid TOML text."""
    loaded = load(text, registry)
    assert not isinstance(loaded, list), loaded
    return Engine(loaded, registry, now)


def of(
    resident: str, metric: str, at: int, value: Value = True, *, device: str = "one", place: str = ""
) -> Observation:
    """What a device of a resident, or of nobody at a place, says."""
    where = HOUSE.residents[resident].place if resident and not place else place
    return Observation(
        device=device,
        metric=metric,
        value=value,
        at=at,
        received_at=at,
        site="home",
        resident=resident,
        place=where,
    )


def play(engine: Engine, history: Iterable[Observation], until: int) -> list[Decision]:
    """All that is decided of a history and the time after it."""
    decisions = [decision for observation in history for decision in engine.observe(observation)]
    return decisions + engine.tick(until)


def said(decisions: Iterable[Decision], kind: str) -> list[tuple[Change, int]]:
    """What one kind said, and when."""
    return [(decision.change, decision.at) for decision in decisions if decision.kind == kind]
