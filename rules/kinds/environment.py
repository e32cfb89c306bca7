"""Smoke, gas, carbon monoxide, water. Rule: what a detector says alerts at once, wherever it hangs.

R-54 (no delay for smoke and gas), R-90 (up to 24 h late, labelled with its age), section 12 (water is
medium). A tested detector says `device_test`, which is no alarm. That the air is clear again is noted as the
end of the condition; a person resolves it.

A detector that repeats itself calls once in ten minutes, also after somebody has answered: what it says in
between is a note. An alarm after its end is a new one and always calls, and so does every other detector. The
danger is over when the last of the detectors that told of it says so; another one's word that it sees none
ends nothing. All that the kind remembers is which detector called last when; where it knows nothing it calls.
"""

from dataclasses import replace
from typing import NamedTuple

from devices.observation import Observation
from rules.decision import Change, Severity
from rules.kind import Kind, Rule, Step, Subject, ended, teller
from rules.kinds.sos import said_by_device
from rules.settings import LifeSafetySettings

SAME_ALARM_MS = 600_000
_A_DAY_MS = 86_400_000
_MEDIUM = frozenset(("water_leak",))
METRICS = frozenset(("smoke", "gas", "carbon_monoxide", "water_leak"))


class EnvironmentSettings(LifeSafetySettings):
    """Nothing to set: see LifeSafetySettings."""


class Alarm(NamedTuple):
    """A danger that a detector told of, and has not ended. ms UTC.

    When it last called, by its own clock (`at`) and by ours (`heard`); `last` is its newest word.
    """

    device: str
    metric: str
    at: int
    heard: int
    last: int


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
    others = tuple(alarm for alarm in memory.alarms if alarm is not known)
    kept = memory
    if raised:
        change, kept = _raised(known, others, observation)
    else:
        goes_on = _goes_on(others, observation)
        if goes_on if known is None else observation.at < known.last:
            return memory, ()  # who saw nothing ends nothing, nor does what was said before the alarm
        change = Change.NOTE if goes_on else Change.CLEAR
        kept = memory if known is None else Memory(others)
    decision = said_by_device(rule, subject, observation, change, 0)
    if metric in _MEDIUM:
        decision = replace(decision, severity=Severity.MEDIUM)
    if not raised and known is not None:
        decision = replace(decision, evidence=ended(observation))
    return kept, (replace(decision, cause=f"{metric}:{subject.id}"),)


def _raised(
    known: Alarm | None, others: tuple[Alarm, ...], observation: Observation
) -> tuple[Change, Memory]:
    """An alarm calls; its repeats do once in ten minutes, by either clock: its own may stand still."""
    at, heard = observation.at, observation.received_at
    if known is not None and max(abs(at - known.at), heard - known.heard) <= SAME_ALARM_MS:
        return Change.NOTE, Memory((*others, known._replace(last=max(at, known.last))))
    return Change.RAISE, Memory((*others, Alarm(teller(observation), observation.metric, at, heard, at)))


def _goes_on(others: tuple[Alarm, ...], observation: Observation) -> bool:
    """Whether another detector of the same danger has not ended it, and called within a day."""
    return any(
        alarm.metric == observation.metric and observation.received_at - alarm.heard <= _A_DAY_MS
        for alarm in others
    )


def _known(memory: Memory, observation: Observation) -> Alarm | None:
    """The alarm of this detector and danger that has not ended."""
    for alarm in memory.alarms:
        if alarm.metric == observation.metric and alarm.device == teller(observation):
            return alarm
    return None


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
