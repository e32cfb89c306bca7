"""A small home for rules to watch, and short words for what happens in it. Rule: no logic worth testing."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from devices.observation import Observation, Quality
from devices.reading import Value
from devices.registry import CareLevel, Device, Place, PlaceKind, Registry, Resident, Supervision
from rules.configuration import load
from rules.decision import Change, Decision
from rules.engine import Engine
from rules.ruleset import RuleSet

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000

HOME = Registry.of(
    places=[
        Place("home", PlaceKind.SITE, timezone="Asia/Shanghai"),
        Place("building-2", PlaceKind.BUILDING, parent="home"),
        Place("room-1", PlaceKind.ROOM, parent="home"),
        Place("room-2", PlaceKind.ROOM, parent="building-2"),
        Place("bed-2", PlaceKind.BED, parent="room-2"),
        Place("berlin", PlaceKind.SITE, timezone="Europe/Berlin"),
    ],
    residents=[
        Resident("wang", "room-1"),
        Resident("li", "bed-2", care_level=CareLevel.LEVEL_1),
        Resident("zhao", "room-2", care_level=CareLevel.LEVEL_2),
        Resident("meyer", "berlin"),
    ],
    devices=[
        Device("hub", site="home"),
        Device("hub-2", site="home"),
        Device("watch", resident="wang", site="home", gateway="hub", calls=True, supervision=Supervision.S90),
        Device("bed", resident="wang", site="home"),
        Device("band", resident="li", site="home", gateway="hub", calls=True, supervision=Supervision.S180),
        Device("pendant", resident="zhao", site="home", calls=True, supervision=Supervision.S90),
        Device(
            "button", resident="zhao", site="home", gateway="hub-2", calls=True, supervision=Supervision.S180
        ),
        Device("radar", place="room-2", site="home"),
    ],
)

OWNERS = {device.id: device.resident for device in HOME.devices.values()}


def rules(text: str) -> RuleSet:
    """The rules of a valid TOML text."""
    loaded = load(text, HOME)
    assert isinstance(loaded, RuleSet), loaded
    return loaded


def local(written: str, zone: str = "Asia/Shanghai", fold: int = 0) -> int:
    """The ms of a local time such as "2025-11-22 21:00"."""
    return round(
        datetime.fromisoformat(written).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp() * 1_000
    )


def play(
    watch: Engine, history: Sequence[Observation], ticks: Iterable[int] = (), *, until: int
) -> list[Decision]:
    """What an engine decides of a history, asked for the time at these ticks besides, and `until` then."""
    decisions = []
    pending = sorted(ticks)
    for observation in history:
        while pending and pending[0] <= observation.received_at:
            decisions += watch.tick(pending.pop(0))
        decisions += watch.observe(observation)
    for tick in pending:
        decisions += watch.tick(tick)
    return decisions + watch.tick(until)


def called(decisions: list[Decision]) -> list[Decision]:
    """Those that concern an alert: without what is for the history only."""
    return [decision for decision in decisions if decision.change is not Change.RECORD]


def heard(
    device: str,
    metric: str,
    at: int,
    value: Value = True,
    *,
    resident: str | None = None,
    place: str = "",
    delay: int = 0,
    quality: Quality = Quality.GOOD,
    late: bool = False,
    key: str = "",
) -> Observation:
    """An observation of a device of the home; whose it is follows from the registry unless said."""
    return Observation(
        device=device,
        metric=metric,
        value=value,
        at=at,
        received_at=at + delay,
        quality=quality,
        site="home",
        resident=OWNERS.get(device, "") if resident is None else resident,
        place=place,
        late=late,
        key=key,
    )
