"""The canonical vocabulary: every metric an observation may have.

Rule: a metric is a row of this table or it does not exist. Codes, hard and suspect limits and deadbands
are those of REQUIREMENTS sections 11 and 12; names and units those of cases/VOCABULARY.md.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What sort of value a metric has."""

    QUANTITY = "quantity"  # a number with a UCUM unit
    STATE = "state"  # true or false; unknown is no observation
    EVENT = "event"  # a happening; the value is true
    ENUM = "enum"  # a word


class Lateness(StrEnum):
    """After how long an observation no longer acts as current (R-90)."""

    VITAL = "vital"  # 2 min
    ENVIRONMENT = "environment"  # 10 min
    CHECK = "check"  # 24 h: a check done on time and reported late was done
    LIFE_SAFETY = "life_safety"  # 24 h, labelled with its age

    @property
    def ms(self) -> int:
        """The limit in ms."""
        return {"vital": 120_000, "environment": 600_000}.get(self.value, 86_400_000)


Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Metric:
    """One row. `hard`: outside is rejected; `suspect`: outside is quality uncertain (None: no limit)."""

    name: str
    kind: Kind
    unit: str = ""
    loinc: str = ""
    hard: Range | None = None
    suspect: Range | None = None
    deadband: float = 0.0
    lateness: Lateness = Lateness.ENVIRONMENT
    words: tuple[str, ...] = ()


def _quantity(
    name: str,
    unit: str,
    hard: Range | None = None,
    suspect: Range | None = None,
    *,
    loinc: str = "",
    deadband: float = 0.0,
    vital: bool = False,
) -> Metric:
    lateness = Lateness.VITAL if vital else Lateness.ENVIRONMENT
    return Metric(name, Kind.QUANTITY, unit, loinc, hard, suspect, deadband, lateness)


_ANY = (-1e15, 1e15)
_POSITIVE = (0.0, 1e15)

_QUANTITIES = (
    _quantity("heart_rate", "/min", (0, 300), (25, 220), loinc="8867-4", deadband=3, vital=True),
    _quantity("respiratory_rate", "/min", (0, 100), (5, 60), loinc="9279-1", deadband=2, vital=True),
    _quantity("spo2", "%", (0, 100), (70, 100), loinc="59408-5", deadband=1, vital=True),
    _quantity("body_temperature", "Cel", (20, 46), (32, 42), loinc="8310-5", deadband=0.2, vital=True),
    _quantity("skin_temperature", "Cel", (0, 60), (20, 45), deadband=0.2, vital=True),
    _quantity("bp_systolic", "mm[Hg]", (30, 320), (60, 260), loinc="8480-6", deadband=5, vital=True),
    _quantity("bp_diastolic", "mm[Hg]", (10, 220), (30, 150), loinc="8462-4", deadband=5, vital=True),
    _quantity("bp_mean", "mm[Hg]", (20, 250), loinc="8478-0", deadband=5, vital=True),
    _quantity("body_weight", "kg", (15, 350), loinc="29463-7", deadband=0.2, vital=True),
    _quantity("body_fat", "%", (0, 100), vital=True),
    _quantity("glucose", "mmol/L", (0.5, 60), (1.1, 33.3), loinc="15074-8", deadband=0.3, vital=True),
    _quantity("o2_flow", "L/min", (0, 70), (0, 15), loinc="3151-8", vital=True),
    _quantity("o2_concentration", "%", (21, 100), loinc="3150-0", vital=True),
    _quantity("steps", "{steps}", (0, 100_000), (0, 40_000), loinc="41950-7"),
    _quantity("heart_rate_variability", "ms", (0, 5000), vital=True),
    _quantity("body_movement", "1", _ANY),
    _quantity("battery", "%", (0, 100), deadband=3),
    _quantity("battery_voltage", "V", (0, 1000)),
    _quantity("rssi", "dBm", (-150, 0), (-120, 0)),
    _quantity("snr", "dB", (-100, 100)),
    _quantity("link_quality", "%", (0, 100)),
    _quantity("room_temperature", "Cel", (-40, 85), (5, 40), deadband=0.5),
    _quantity("humidity", "%", (0, 100)),
    _quantity("co2", "[ppm]", (0, 1e6)),
    _quantity("tvoc", "ug/m3", _POSITIVE),
    _quantity("pm2_5", "ug/m3", _POSITIVE),
    _quantity("illuminance", "lx", _POSITIVE),
    _quantity("air_pressure", "hPa", (300, 1200)),
    _quantity("device_temperature", "Cel", (-60, 200)),
    _quantity("water_volume", "L", _POSITIVE),
    _quantity("power", "W", _ANY),
    _quantity("energy", "kWh", _ANY),
    _quantity("noise", "dB", (-50, 200)),
    _quantity("distance", "m", _POSITIVE),
    _quantity("people_count", "{people}", (0, 1000)),
    _quantity("latitude", "deg", (-90, 90)),
    _quantity("longitude", "deg", (-180, 180)),
    _quantity("location_accuracy", "m", _POSITIVE),
    _quantity("speed", "km/h", (0, 1500)),
)

_STATES = (
    "bed_occupied seat_occupied presence motion door_open worn online battery_low charging mains_power "
    "tamper fault smoke gas carbon_monoxide water_leak vibration moving relay_on staff_present stand_in "
    "supplemental_oxygen usable"
).split()

_EVENTS = (
    "sos fall fall_suspected fall_cleared help_cancelled check_in visit bed_exit bed_enter button_press "
    "medication_taken geofence_enter geofence_exit call_started call_ended device_test device_joined "
    "device_left power_on power_off apnea snoring turned medication_reminder medication_missed "
    "acknowledge arrive"
).split()

_LIFE_SAFETY = frozenset(("sos", "fall", "fall_suspected", "smoke", "gas", "carbon_monoxide"))
_CHECKS = frozenset(
    (
        "check_in visit turned medication_taken medication_missed help_cancelled fall_cleared device_test "
        "absence"
    ).split()
)

_ENUMS = {
    "posture": ("lying", "sitting", "standing", "walking"),
    "sleep_stage": ("awake", "light", "deep", "rem"),
    "zone": (),
    "consciousness": ("A", "C", "V", "P", "U"),  # ACVPU (LOINC 80288-4)
    "absence": ("present", "leave", "hospital", "holiday"),  # where she is, as staff report it
    "resolve": ("real", "false", "test", "no_action"),  # of an alert: what it turned out to be
}


def _lateness(name: str) -> Lateness:
    if name in _LIFE_SAFETY:
        return Lateness.LIFE_SAFETY
    return Lateness.CHECK if name in _CHECKS else Lateness.ENVIRONMENT


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        *_QUANTITIES,
        *(Metric(name, Kind.STATE, lateness=_lateness(name)) for name in _STATES),
        *(Metric(name, Kind.EVENT, lateness=_lateness(name)) for name in _EVENTS),
        *(Metric(name, Kind.ENUM, lateness=_lateness(name), words=words) for name, words in _ENUMS.items()),
    )
}
"""The table, by name."""

LIFE_SAFETY = _LIFE_SAFETY
"""Metrics that nothing may delay, drop, merge away or throttle."""
