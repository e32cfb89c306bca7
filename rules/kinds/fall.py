"""A fall. Rule: what a device calls a fall alerts at once; what it only suspects is kept apart from it.

R-54 (no delay), R-72, R-90 (up to 24 h late, labelled with its age). A confirmed fall is high. A suspected
one is medium in the same episode, so a confirmation raises it to high. A radar that tells of one fall every
few seconds calls once a minute at most, and again as soon as somebody has answered. That the device thinks
the person is up again (`fall_cleared`, `help_cancelled`), and whether she moved in the ten seconds after a
fall that we felt, is a NOTE: a person decides. The kind remembers nothing. A radar's subject is its room
unless normalising found the one who lives there.
"""

from dataclasses import replace

from devices.observation import Observation
from devices.ourselves import AFTER_FALL
from rules.decision import Change, Severity
from rules.kind import Kind, Rule, Step, Subject
from rules.kinds.sos import said_by_device
from rules.settings import LifeSafetySettings

SAME_FALL_MS = 60_000
"""Nobody falls twice in a minute; falls of two people are two alerts anyway."""


class FallSettings(LifeSafetySettings):
    """Nothing to set: see LifeSafetySettings."""


def observe(rule: Rule[FallSettings], subject: Subject, memory: None, observation: Observation) -> Step[None]:
    """A fall raises high, a suspected one medium; the end of one is noted."""
    if observation.metric == "moving":
        about_fall = observation.detail in AFTER_FALL
        return memory, (said_by_device(rule, subject, observation, Change.NOTE),) if about_fall else ()
    if not observation.value:
        return memory, ()
    match observation.metric:
        case "fall":
            decision = said_by_device(rule, subject, observation, Change.RAISE, SAME_FALL_MS)
        case "fall_suspected":
            decision = said_by_device(rule, subject, observation, Change.RAISE, SAME_FALL_MS)
            decision = replace(decision, severity=Severity.MEDIUM)
        case _:
            decision = said_by_device(rule, subject, observation, Change.NOTE)
    return memory, (decision,)


KIND = Kind(
    name="fall",
    settings=FallSettings,
    observe=observe,
    metrics=lambda _: frozenset({"fall", "fall_suspected", "fall_cleared", "help_cancelled", "moving"}),
    life_safety=True,
)
