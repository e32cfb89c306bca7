"""A room too cold or too hot to live in. Rule: only what has lasted is said, and its end once.

Section 11 (room temperature: deadband 0.5 Cel, delay 10 min, suspect values need a second reading), R-53,
R-54. One alert per sensor, with all who live where it hangs. Too cold or too hot is medium; so cold or hot
that the body cannot hold out for a night is high, in the same alert. Back within the limits clears; back from
the worst to the bad is a note.

The defaults are ours, not a standard's. Where houses are not heated (Sichuan, along the Yangtze) rooms of 12
to 16 degrees are winter, in which people dress and heat one room; to raise there every evening would teach
everybody to look away. Below 12 the circulation is under strain, below 8 sitting still cools a frail body
out. Summers bring 30 degrees indoors for weeks; from 32 on somebody should see to drink and cooling, and 36
is as warm as the skin. A home with heating sets cold = 16 or more, and a room that is colder on purpose less.
Only places where somebody lives count: store rooms and lobbies may be cold. Nobody is called while she is
away; what still holds is said when she comes back.
"""

from collections.abc import Mapping
from typing import Annotated, NamedTuple

from pydantic import Field

from devices.metrics import METRICS
from devices.observation import Observation, Quality
from rules.condition import QUIET, Condition, Delays, Limit, beyond, due, passed, told
from rules.decision import Change, Decision, Evidence, Severity
from rules.kind import Kind, Rule, Step, Subject, decide, teller
from rules.reorder import happened
from rules.settings import AskingSettings, Duration

METRIC = "room_temperature"
_DEADBAND = METRICS[METRIC].deadband

Cold = Annotated[float, Field(ge=-20, le=25)]
Heat = Annotated[float, Field(ge=25, le=60)]


class ClimateSettings(AskingSettings):
    """Limits in degrees Celsius; `after`: how long it must last, and its end too."""

    cold: Cold = 12.0
    severe_cold: Cold = 8.0
    heat: Heat = 32.0
    severe_heat: Heat = 36.0
    after: Annotated[Duration, Field(le=6 * 3_600_000)] = 600_000

    @property
    def warm(self) -> float:
        """From here up nothing is too cold."""
        return max(self.cold, self.severe_cold)

    @property
    def cool(self) -> float:
        """Up to here nothing is too hot."""
        return min(self.heat, self.severe_heat)

    def limits(self) -> dict[str, Limit]:
        """The four limits by name; of each pair the worse one first."""
        return {
            "severe_cold": Limit(self.severe_cold, above=False, deadband=_DEADBAND),
            "cold": Limit(self.cold, above=False, deadband=_DEADBAND),
            "severe_heat": Limit(self.severe_heat, above=True, deadband=_DEADBAND),
            "heat": Limit(self.heat, above=True, deadband=_DEADBAND),
        }


class Memory(NamedTuple):
    """What is not as it should be, or on the way there: by "<site>/<device>|<limit>"."""

    wake: int | None
    conditions: Mapping[str, Condition]


def start(rule: Rule[ClimateSettings], _subject: Subject, memory: Memory | None, now: int) -> Step[Memory]:
    """Nothing is known at first. Under new limits, what was told stays until the next reading."""
    if memory is None:
        return Memory(None, {}), ()
    wake = _wake(rule, memory.conditions)
    return memory._replace(wake=None if wake is None else max(wake, now)), ()


def observe(
    rule: Rule[ClimateSettings], subject: Subject, memory: Memory, observation: Observation
) -> Step[Memory]:
    """A reading. One within the limits, of a room that was well, changes nothing."""
    value, settings = observation.value, rule.settings
    if not isinstance(value, (int, float)):
        return memory, ()
    conditions = memory.conditions
    if not conditions and settings.warm <= value <= settings.cool:
        return memory, ()
    device, at = teller(observation), happened(observation)
    doubtful = observation.quality is Quality.UNCERTAIN
    after: dict[str, Condition] = {}
    for name, limit in settings.limits().items():
        key = f"{device}|{name}"
        before = conditions.get(key, QUIET)
        holds = beyond(limit, value, before.active)
        after[key] = told(before, _delays(rule), holds, at, doubtful=doubtful)
    return _next(rule, subject, memory, {**conditions, **after}, at)


def wake(rule: Rule[ClimateSettings], subject: Subject, memory: Memory, now: int) -> Step[Memory]:
    """What was told has lasted."""
    after = {key: passed(condition, _delays(rule), now) for key, condition in memory.conditions.items()}
    return _next(rule, subject, memory, after, now)


def moved(rule: Rule[ClimateSettings], subject: Subject, memory: Memory, now: int) -> Step[Memory]:
    """She went away: it no longer matters; or she came back, into a room as it is."""
    change = Change.CLEAR if subject.away else Change.RAISE
    active = {key for key, condition in memory.conditions.items() if condition.active}
    said = tuple(
        _decided(rule, subject, change, key, now)
        for key in sorted(active)
        if _worse(key) not in active  # said with the worse one
    )
    return memory, said


def _next(
    rule: Rule[ClimateSettings], subject: Subject, memory: Memory, after: Mapping[str, Condition], at: int
) -> Step[Memory]:
    """The memory with these conditions, and what is to be said of those that began or ended."""
    kept = {key: one for key, one in after.items() if one.active or one.since is not None}
    before = memory.conditions
    if kept == before:
        return memory, ()
    begun = {key for key in after if after[key].active and not before.get(key, QUIET).active}
    ended = {key for key in after if not after[key].active and before.get(key, QUIET).active}
    decisions: list[Decision] = []
    for key in sorted(begun):
        if _worse(key) not in begun:
            change = Change.SUPPRESS if subject.away else Change.RAISE
            decisions.append(_decided(rule, subject, change, key, at))
    for key in sorted(ended):
        if not subject.away:
            change = Change.NOTE if _is_severe(key) else Change.CLEAR
            decisions.append(_decided(rule, subject, change, key, at))
    return Memory(_wake(rule, kept), kept), tuple(decisions)


def _decided(rule: Rule[ClimateSettings], subject: Subject, change: Change, key: str, at: int) -> Decision:
    """What is said of one sensor's limit."""
    device, _, name = key.partition("|")
    side = name.removeprefix("severe_")
    severity = Severity.HIGH if _is_severe(key) and change is Change.RAISE else None
    facts: dict[str, str | int] = {"limit": name}
    if change is Change.SUPPRESS:
        facts["why"] = subject.absence
    evidence = Evidence(f"{rule.id}|{key}|{change.value}@{at}", METRIC, device.partition("/")[2], at, at)
    cause = f"{side}:{device}"
    return decide(rule, subject, change, evidence, at=at, cause=cause, severity=severity, facts=facts)


def _is_severe(key: str) -> bool:
    return "|severe_" in key


def _worse(key: str) -> str:
    """The key of the worse limit on the same side; of a severe one none that exists."""
    return key.replace("|", "|severe_")


def _delays(rule: Rule[ClimateSettings]) -> Delays:
    return Delays(on=rule.settings.after, off=rule.settings.after)


def _wake(rule: Rule[ClimateSettings], conditions: Mapping[str, Condition]) -> int | None:
    """When the next condition turns by time alone."""
    dues = (due(condition, _delays(rule)) for condition in conditions.values())
    return min((at for at in dues if at is not None), default=None)


KIND = Kind(
    name="climate",
    settings=ClimateSettings,
    observe=observe,
    metrics=lambda _: frozenset({METRIC}),
    memory=Memory,
    watches=lambda subject: subject.resident is not None,
    start=start,
    wake=wake,
    basis=lambda rule, _: rule.basis,
    moved=moved,
    ordered=True,
    lazy=True,
    shares=True,
)
