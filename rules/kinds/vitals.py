"""A vital sign beyond a limit. Rule: what lasts is said once; worse is said again; unknown is never normal.

R-53 (hysteresis), R-54 and R-60 (on-delay, off-delay, readings in a row), section 11 (deadbands, delays, a
suspect value needs a second reading), R-94 (bad and stale never come here), R-58 (not while she is away).
One rule watches one metric:

    metric = "heart_rate"
    below = 31             # alarms below 31 and above 150 ...
    above = 150
    far_above = 170        # ... and calls again, as `far_severity` (high), above 170
    on_delay = "15s"       # must have lasted so long; with so many readings, so far apart
    readings = 2
    off_delay = "5min"     # must be back, by the deadband, for so long

What is not given has the value of section 11 for the metric. One episode per resident and rule. When the
device that showed an excursion is taken off, or nobody measured for an hour, or she leaves, what it showed
is neither so nor over: that is noted, and the next excursion is a new one. Values of all her devices count as
one series, but where they disagree: what one of them shows, another's calm values do not hide while it goes
on measuring (`DISPUTED_MS`). Facts hold no values and no direction: what was measured is in the history.
"""

from collections.abc import Iterable
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from devices.metrics import METRICS
from devices.metrics import Kind as MetricKind
from devices.observation import Observation, Quality
from rules.condition import QUIET, SECTION_11, Condition, Delays, Limit, beyond, due, passed, told
from rules.decision import Change, Decision, Evidence, Severity
from rules.kind import Kind, Rule, Step, Subject, decide, ended, seen
from rules.reorder import happened
from rules.settings import Duration, Settings

OFF_DELAY_MS = 300_000
FORGET_MS = 3_600_000
"""An excursion that was not measured for so long is unknown: the next one is said again."""

DISPUTED_MS = 900_000
"""So long after a device last showed an excursion only its own word can end that, not another device's.

For its second reading we wait longer (FORGET_MS): it may measure every half hour.
"""

_UNCERTAIN = Quality.UNCERTAIN
_ANY = float("inf")
_RANK = {Severity.INFO: 1, Severity.LOW: 2, Severity.MEDIUM: 3, Severity.HIGH: 4}


class VitalsSettings(Settings):
    """Which metric, and its limits: at least one of `below`, `above`, `far_below` and `far_above`."""

    metric: str
    below: float | None = None
    above: float | None = None
    far_below: float | None = None
    far_above: float | None = None
    far_severity: Severity = Severity.HIGH
    deadband: float | None = Field(None, ge=0)
    on_delay: Duration | None = None
    off_delay: Duration = OFF_DELAY_MS
    readings: int | None = Field(None, ge=1, le=10)
    apart: Duration | None = None

    @field_validator("metric")
    @classmethod
    def _is_a_vital_sign(cls, metric: str) -> str:
        found = METRICS.get(metric)
        if found is None or found.kind is not MetricKind.QUANTITY:
            raise ValueError("name a quantity such as heart_rate, spo2 or glucose")
        return metric

    @model_validator(mode="after")
    def _limits_in_order(self) -> Self:
        given = [
            (name, bound)
            for name in ("far_below", "below", "above", "far_above")
            if (bound := getattr(self, name)) is not None
        ]
        if not given:
            raise ValueError("give a limit: below, above, far_below or far_above")
        for (name, bound), (wider, further) in pairwise(given):
            if bound >= further:
                raise ValueError(f"{name} must be less than {wider}")
        return self

    @cached_property
    def limits(self) -> tuple[tuple[Limit, Severity], ...]:
        """The limits given, each with its severity."""
        band = METRICS[self.metric].deadband if self.deadband is None else self.deadband
        sides = (
            (self.below, False, self.severity),
            (self.above, True, self.severity),
            (self.far_below, False, self.far_severity),
            (self.far_above, True, self.far_severity),
        )
        return tuple(
            (Limit(bound, above, band), severity) for bound, above, severity in sides if bound is not None
        )

    @cached_property
    def calm(self) -> tuple[float, float]:
        """From and to where a value is beyond no limit."""
        below = [limit.bound for limit, _ in self.limits if not limit.above]
        above = [limit.bound for limit, _ in self.limits if limit.above]
        return max(below, default=-_ANY), min(above, default=_ANY)

    @cached_property
    def delays(self) -> Delays:
        """The delays given, else those of section 11."""
        usual = SECTION_11.get(self.metric, Delays())
        return Delays(
            on=usual.on if self.on_delay is None else self.on_delay,
            off=self.off_delay,
            readings=self.readings or usual.readings,
            apart=usual.apart if self.apart is None else self.apart,
        )


class Memory(NamedTuple):
    """`conditions`: one for each limit, none while all are quiet. `raised`: the rank of what was said last.

    `device` showed what the conditions say; `unworn` are devices that lie somewhere. `suppressed`: what was
    said was said to nobody, for she was away.
    """

    wake: int | None = None
    conditions: tuple[Condition, ...] = ()
    raised: int = 0
    device: str = ""
    unworn: tuple[str, ...] = ()
    suppressed: bool = False


_CALM = Memory()


def start(rule: Rule[VitalsSettings], subject: Subject, memory: Memory | None, now: int) -> Step[Memory]:  # noqa: ARG001
    """Nothing is known yet; under new limits, nothing that was said under the old ones counts."""
    return Memory(unworn=memory.unworn) if memory and memory.unworn else _CALM, ()


def observe(
    rule: Rule[VitalsSettings], subject: Subject, memory: Memory, observation: Observation
) -> Step[Memory]:
    """A value, or a device put on or taken off."""
    settings, value = rule.settings, observation.value
    if observation.metric != settings.metric:
        return _worn(rule, subject, memory, observation)
    if not isinstance(value, (int, float)):
        return memory, ()
    conditions = memory.conditions
    if not conditions:
        low, high = settings.calm
        if low <= value <= high:
            return memory, ()
        conditions = (QUIET,) * len(settings.limits)
    if observation.device in memory.unworn:
        return memory, ()
    at, delays, doubtful = happened(observation), settings.delays, observation.quality is _UNCERTAIN
    holds = [
        beyond(limit, value, condition.active)
        for condition, (limit, _) in zip(conditions, settings.limits, strict=True)
    ]
    shows = any(holds) or observation.device == memory.device
    after = tuple(
        condition
        if not shows and _stands(condition, at)
        else told(condition, delays, held, at, doubtful=doubtful)
        for condition, held in zip(conditions, holds, strict=True)
    )
    if after == memory.conditions:
        return memory, ()
    return _concluded(rule, subject, memory._replace(device=observation.device), after, observation)


def _stands(condition: Condition, at: int) -> bool:
    """Whether another device's calm value leaves a condition as it is: it was seen lately, or may be yet."""
    if condition.active:
        return at - condition.last <= DISPUTED_MS
    return condition.since is not None and at - condition.last <= FORGET_MS


def wake(rule: Rule[VitalsSettings], subject: Subject, memory: Memory, now: int) -> Step[Memory]:
    """A delay is over, and nothing was heard to the contrary; or nothing was heard at all."""
    delays = rule.settings.delays
    if (_forget_at(memory.conditions) or now + 1) <= now:
        evidence = Evidence(f"{rule.id}|{subject.id}|{now}", rule.settings.metric, memory.device, now, now)
        return _forgotten(rule, subject, memory, evidence, "not_measured")
    after = tuple(passed(condition, delays, now) for condition in memory.conditions)
    return _concluded(rule, subject, memory, after, now)


def moved(rule: Rule[VitalsSettings], subject: Subject, memory: Memory, now: int) -> Step[Memory]:
    """She left: what was shown counts no longer. Or she is back: what was said to nobody is to be said."""
    if not subject.away:
        return (Memory(unworn=memory.unworn) if memory.suppressed else memory), ()
    evidence = Evidence(f"{rule.id}|{subject.id}|{now}", rule.settings.metric, memory.device, now, now)
    return _forgotten(rule, subject, memory, evidence, subject.absence)


def _worn(
    rule: Rule[VitalsSettings], subject: Subject, memory: Memory, observation: Observation
) -> Step[Memory]:
    device, unworn = observation.device, memory.unworn
    if observation.value:
        if not unworn:
            return memory, ()
        kept = tuple(one for one in unworn if one != device)
        return (memory if kept == unworn else memory._replace(unworn=kept)), ()
    if device not in unworn:
        memory = memory._replace(unworn=(*unworn, device))
    if device != memory.device:
        return memory, ()
    return _forgotten(rule, subject, memory, ended(observation), "not_worn")


def _forgotten(
    rule: Rule[VitalsSettings], subject: Subject, memory: Memory, evidence: Evidence, why: str
) -> Step[Memory]:
    """Unknown from now on: not normal (R-26), so an alert that was raised is not cleared."""
    if not memory.conditions:
        return memory, ()
    kept = Memory(unworn=memory.unworn)
    if not memory.raised or memory.suppressed:
        return kept, ()
    noted = decide(rule, subject, Change.NOTE, evidence, at=evidence.received_at, facts={"why": why})
    return kept, (noted,)


def _concluded(
    rule: Rule[VitalsSettings],
    subject: Subject,
    memory: Memory,
    conditions: tuple[Condition, ...],
    by: Observation | int,
) -> Step[Memory]:
    """What these conditions mean, after an observation or when a delay was over."""
    settings = rule.settings
    if all(not condition.active and condition.since is None for condition in conditions):
        conditions = ()
    waits = [due(condition, settings.delays) for condition in conditions]
    waits.append(_forget_at(conditions))
    wake = min((at for at in waits if at is not None), default=None)
    worst = _worst(settings, conditions)
    rank = _RANK[worst] if worst else 0
    raised = max(rank, memory.raised) if rank else 0
    suppressed = subject.away if rank > memory.raised else memory.suppressed and raised > 0
    kept = Memory(wake, conditions, raised, memory.device, memory.unworn, suppressed)
    if rank > memory.raised:
        return kept, (_raise(rule, subject, memory, worst, by),)
    if memory.raised and not rank:
        return kept, (_said(rule, subject, memory, Change.CLEAR, by),)
    return kept, ()


def _forget_at(conditions: tuple[Condition, ...]) -> int | None:
    """When what is said to hold, and is not about to end, was last measured too long ago."""
    if not any(condition.active and condition.since is None for condition in conditions):
        return None
    return max(condition.last for condition in conditions) + FORGET_MS


def _worst(settings: VitalsSettings, conditions: Iterable[Condition]) -> Severity | None:
    holding = (
        severity
        for condition, (_, severity) in zip(conditions, settings.limits, strict=False)
        if condition.active
    )
    return max(holding, key=_RANK.__getitem__, default=None)


def _raise(
    rule: Rule[VitalsSettings],
    subject: Subject,
    memory: Memory,
    worst: Severity | None,
    by: Observation | int,
) -> Decision:
    if subject.away:
        return _said(rule, subject, memory, Change.SUPPRESS, by, worst, {"why": subject.absence})
    return _said(rule, subject, memory, Change.RAISE, by, worst)


def _said(
    rule: Rule[VitalsSettings],
    subject: Subject,
    memory: Memory,
    change: Change,
    by: Observation | int,
    severity: Severity | None = None,
    facts: dict[str, str | int] | None = None,
) -> Decision:
    if isinstance(by, int):
        key = f"{rule.id}|{subject.id}|{by}"
        evidence, at = Evidence(key, rule.settings.metric, memory.device, by, by), by
    else:
        evidence, at = (ended(by) if change is Change.CLEAR else seen(by)), by.received_at
    return decide(rule, subject, change, evidence, at=at, severity=severity, facts=facts)


KIND = Kind(
    name="vitals",
    settings=VitalsSettings,
    observe=observe,
    metrics=lambda settings: frozenset({settings.metric, "worn"}),
    ordered=True,
    lazy=True,
    memory=Memory,
    watches=lambda subject: subject.resident is not None,
    start=start,
    wake=wake,
    moved=moved,
    basis=lambda rule, _subject: rule.basis,
)
