"""Smoke, gas, carbon monoxide, water. Rule: what a detector says alerts at once, wherever it hangs.

R-54 (no delay for smoke and gas), R-90 (up to 24 h late, labelled with its age), section 12 (water is
medium). A tested detector says `device_test`, which is no alarm. That the air is clear again is noted as the
end of the condition; a person resolves it. A detector that repeats itself calls once in ten minutes at most,
and again as soon as somebody has answered. The kind remembers nothing, for detectors hang in kitchens and
corridors too.
"""

from dataclasses import replace

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


def observe(
    rule: Rule[EnvironmentSettings], subject: Subject, memory: None, observation: Observation
) -> Step[None]:
    """An alarm raises, its end clears. Each danger at each place is an episode of its own."""
    raised = observation.value is True
    change = Change.RAISE if raised else Change.CLEAR
    decision = said_by_device(rule, subject, observation, change, SAME_ALARM_MS)
    if observation.metric in _MEDIUM:
        decision = replace(decision, severity=Severity.MEDIUM)
    if not raised:
        decision = replace(decision, evidence=ended(observation))
    return memory, (replace(decision, cause=f"{observation.metric}:{subject.id}"),)


KIND = Kind(
    name="environment",
    settings=EnvironmentSettings,
    observe=observe,
    metrics=lambda _: METRICS,
    life_safety=True,
)
