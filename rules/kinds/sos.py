"""A call for help. Rule: every press reaches a human; nothing here suppresses, delays or downgrades one.

R-01, R-05, R-42, R-54 (no delay), R-58 (never suppressed), R-90 (up to 24 h late, labelled with its age).
The kind remembers nothing: a press is its own evidence. One physical press may come as several messages
(zigbee2mqtt sends up to three; a latched button repeats itself every 5 s): each is evidence, and says
through `same_within_ms` that it need not call again. A device cannot take a call back: `help_cancelled`
is a NOTE, and a person decides.
"""

from devices.observation import Observation
from rules.decision import Change, Decision
from rules.kind import Kind, Rule, Step, Subject, decide, seen
from rules.settings import LifeSafetySettings

SAME_PRESS_MS = 10_000
WORTH_SAYING_MS = 60_000


class SosSettings(LifeSafetySettings):
    """Nothing to set: see LifeSafetySettings."""


def observe(rule: Rule[SosSettings], subject: Subject, memory: None, observation: Observation) -> Step[None]:
    """A press raises; the device's own cancellation is noted."""
    if not observation.value:
        return memory, ()
    change = Change.RAISE if observation.metric == "sos" else Change.NOTE
    return memory, (said_by_device(rule, subject, observation, change),)


def said_by_device(
    rule: Rule[LifeSafetySettings],
    subject: Subject,
    observation: Observation,
    change: Change,
    same_ms: int = SAME_PRESS_MS,
) -> Decision:
    """What a device reported, passed on as it is; `age_s` in the facts when the report is old (R-90)."""
    age_ms = observation.received_at - observation.at
    return decide(
        rule,
        subject,
        change,
        seen(observation, same_ms),
        at=observation.received_at,
        facts={"age_s": age_ms // 1_000} if age_ms >= WORTH_SAYING_MS else None,
    )


KIND = Kind(
    name="sos",
    settings=SosSettings,
    observe=observe,
    metrics=lambda _: frozenset({"sos", "help_cancelled"}),
    life_safety=True,
)
