"""Smoke, gas, carbon monoxide, water. Rule: what a detector says alerts at once, wherever it hangs.

R-54 (no delay for smoke and gas), R-90 (up to 24 h late, labelled with its age), section 12 (water is
medium). A tested detector says `device_test`, which is no alarm. That the air is clear again is noted as the
end of the condition; a person resolves it.

A detector that repeats itself calls once in ten minutes, also after somebody has answered: what it says in
between is a note. An alarm after its end is a new one and always calls, and so does every other detector. All
that the kind remembers is which detector called last when; where it knows nothing it calls.
"""

from dataclasses import replace
from typing import NamedTuple

from devices.observation import Observation
from rules.decision import Change, Severity
from rules.kind import Kind, Rule, Step, Subject, ended
from rules.kinds.sos import said_by_device
from rules.settings import LifeSafetySettings

SAME_ALARM_MS = 600_000
_MEDIUM = frozenset(("water_leak",))
METRICS = frozenset(("smoke", "gas", "carbon_monoxide", "water_leak"))


class EnvironmentSettings(LifeSafetySettings):
    """Nothing to set: see LifeSafetySettings."""


class Alarm(NamedTuple):
    """A danger that a detector told of, and when it last called (ms UTC, its own time)."""

    device: str
    metric: str
    at: int


class Memory(NamedTuple):
    """The alarms that have not ended. `wake` is never: nothing here waits."""

    alarms: tuple[Alarm, ...] = ()
    wake: None = None


def start(
    _rule: Rule[EnvironmentSettings], _subject: Subject, memory: Memory | None, _now: int
) -> Step[Memory]:
    """No alarm is known at first."""
    return memory or Memory(), ()


def observe(
    rule: Rule[EnvironmentSettings], subject: Subject, memory: Memory, observation: Observation
) -> Step[Memory]:
    """An alarm raises, its end clears. Each danger at each place is an episode of its own."""
    metric, raised = observation.metric, observation.value is True
    known = _known(memory, observation)
    if not raised and known is None and not memory.alarms:
        change, kept = Change.CLEAR, memory
    elif not raised:
        change, kept = Change.CLEAR, Memory(tuple(alarm for alarm in memory.alarms if alarm is not known))
    elif known is not None and abs(observation.at - known.at) <= SAME_ALARM_MS:
        change, kept = Change.NOTE, memory
    else:
        others = tuple(alarm for alarm in memory.alarms if alarm is not known)
        change, kept = Change.RAISE, Memory((*others, Alarm(_name(observation), metric, observation.at)))
    decision = said_by_device(rule, subject, observation, change, 0)
    if metric in _MEDIUM:
        decision = replace(decision, severity=Severity.MEDIUM)
    if not raised:
        decision = replace(decision, evidence=ended(observation))
    return kept, (replace(decision, cause=f"{metric}:{subject.id}"),)


def _known(memory: Memory, observation: Observation) -> Alarm | None:
    """The alarm of this detector and danger that has not ended."""
    for alarm in memory.alarms:
        if alarm.metric == observation.metric and alarm.device == _name(observation):
            return alarm
    return None


def _name(observation: Observation) -> str:
    return f"{observation.site}/{observation.device}"


KIND = Kind(
    name="environment",
    settings=EnvironmentSettings,
    observe=observe,
    metrics=lambda _: METRICS,
    life_safety=True,
    memory=Memory,
    start=start,
    lazy=True,
)
