"""Three people who live apart, and whatever their devices may say. Rule: nothing is expected here."""

from hypothesis import strategies as st

from devices.metrics import METRICS, Kind
from devices.observation import Observation, Quality
from devices.reading import Value
from devices.registry import (
    CareLevel,
    Device,
    Oxygen,
    Place,
    PlaceKind,
    Registry,
    Resident,
    Risk,
    RiskLevel,
    Supervision,
    VisitTier,
)
from tests.rules.home import HOUR, MINUTE, SECOND, local

NOW = local("2025-11-22 20:30")
PEOPLE = ("an", "bo", "cui")


def _flat(name: str) -> tuple[list[Place], list[Device]]:
    """A flat with all kinds of sensors, a wearable and a button."""
    rooms = [Place(f"{name}-flat", PlaceKind.ROOM, parent="house")]
    rooms += [Place(f"{name}-{room}", PlaceKind.ROOM, parent=f"{name}-flat") for room in ("bed", "kitchen")]
    worn = [
        Device(f"{name}-{kind}", kind, resident=name, calls=True, supervision=Supervision.S180)
        for kind in ("watch", "button")
    ]
    fixed = [
        Device(f"{name}-mat", "bed_sensor", place=f"{name}-bed"),
        Device(f"{name}-smoke", "smoke_detector", place=f"{name}-kitchen"),
        Device(f"{name}-door", "door_sensor", place=f"{name}-flat"),
    ]
    return rooms, worn + fixed


_FLATS = [_flat(name) for name in PEOPLE]
HOME = Registry.of(
    [Place("house", PlaceKind.SITE), *(room for rooms, _ in _FLATS for room in rooms)],
    [
        Resident(
            "an",
            "an-flat",
            care_level=CareLevel.LEVEL_1,
            risks=dict.fromkeys(Risk, RiskLevel.HIGH),
            visit_tier=VisitTier.HIGH,
        ),
        Resident(
            "bo",
            "bo-flat",
            spo2_scale=2,
            oxygen=Oxygen.AIR,
            risks={Risk.BED_FALL: RiskLevel.LOW, Risk.PRESSURE_ULCER: RiskLevel.MEDIUM},
            visit_tier=VisitTier.KEY,
        ),
        Resident("cui", "cui-flat"),
    ],
    [device for _, devices in _FLATS for device in devices],
)
_DEVICES = {
    name: [device for device in HOME.devices.values() if device.id.startswith(name)] for name in PEOPLE
}


def _values(metric: str) -> st.SearchStrategy[Value]:
    of = METRICS[metric]
    match of.kind:
        case Kind.STATE:
            return st.booleans()
        case Kind.EVENT:
            return st.just(value=True)
        case Kind.ENUM:
            return st.sampled_from(of.words or ("lobby", "garden"))
        case Kind.QUANTITY:
            low, high = of.hard or (0, 100)
            return st.integers(int(max(low, -100)), int(min(high, 300))).map(float)


_SAID = st.sampled_from(sorted(METRICS)).flatmap(lambda metric: st.tuples(st.just(metric), _values(metric)))
_USUAL = st.sampled_from(
    [
        *(("bed_occupied", True), ("bed_occupied", False), ("motion", True), ("door_open", True)),
        *(("visit", True), ("check_in", True), ("staff_present", True), ("staff_present", False)),
        *(("absence", "hospital"), ("absence", "present"), ("worn", False), ("room_temperature", 8.0)),
        *(("heart_rate", 72.0), ("heart_rate", 131.0), ("respiratory_rate", 26.0), ("spo2", 90.0)),
        *(("smoke", True), ("smoke", False), ("fall", True)),
    ]
)
_GAPS = st.integers(0, 3 * SECOND) | st.integers(0, 20 * MINUTE) | st.integers(0, 5 * HOUR)


@st.composite
def histories(draw: st.DrawFn, most: int = 30) -> list[Observation]:
    """What is heard of three people who live apart, in order of its arrival."""
    at, history = NOW, []
    for number in range(draw(st.integers(0, most))):
        at += draw(_GAPS)
        name = draw(st.sampled_from(PEOPLE))
        device = draw(st.sampled_from(_DEVICES[name]))
        metric, value = draw(_USUAL | _SAID)
        late = draw(st.integers(0, 19)) == 0
        happened = at - (draw(st.integers(0, 6 * HOUR)) if late else draw(st.integers(0, SECOND)))
        history.append(
            Observation(
                device.id,
                metric,
                value,
                happened,
                at,
                draw(st.sampled_from([Quality.GOOD] * 6 + [*Quality])),
                resident=name,
                place=device.place or f"{name}-flat",
                late=late and at - happened > METRICS[metric].lateness.ms,
                key=f"k{number}",
            )
        )
    return history
