"""A home's own condition, in CEL. Rule: unknown is never true; what is true long enough is said once.

    condition = 'heart_rate > 110 && spo2 < 93 && risk_fall == "high"'
    between = ["21:00", "06:00"]      # local time; outside it the condition counts as not so
    on_delay = "5min"
    off_delay = "10min"
    fresh = "10min"                   # how long a value counts

What a condition can name (`rules.expression` is the language): the metrics of devices.metrics, with her
newest values, for `fresh`, else for as long as they act as current by R-90; an event is true for so long
after it happened, and else false. `risk_...` (R-79) and `care_level` of the registry; `local_time` as
"23:05"; `absence` and `staff_present` from her situation. Values of a room that she shares are hers too.

It is asked when one of its metrics is heard, when a value is no longer fresh, and at the edges of `between`;
`local_time` alone wakes nobody. A suspect value needs a second reading (section 11). Nobody is called while
she is away, unless the condition names `absence` itself (R-58). An alert of which nothing is known for an
hour is noted as unknown, and the next time it is so it is said again. It is no life-safety rule: SOS, falls
and fire have their own, which nothing here delays.
"""

from functools import cached_property
from typing import Annotated, NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from devices.metrics import LIFE_SAFETY, METRICS, Lateness
from devices.metrics import Kind as MetricKind
from devices.observation import Observation, Quality
from devices.reading import Value
from devices.registry import RiskLevel
from rules.condition import QUIET, Condition, Delays, due, passed, told
from rules.deadlines import local_time, window_at
from rules.decision import Change, Decision, Evidence
from rules.expression import OF_RISK, Expression, compiled
from rules.kind import Kind, Rule, Step, Subject, decide, ended, seen
from rules.reorder import happened
from rules.settings import AskingSettings, DailyWindow, Duration

FORGET_MS = 3_600_000
"""A condition of which nothing was known for so long is unknown: the next time it is said again."""


_OF_SITUATION = frozenset(("absence", "staff_present"))


class ExpressionSettings(AskingSettings):
    """The condition, when it counts and how long it must hold."""

    condition: str
    between: DailyWindow | None = None
    on_delay: Duration = 0
    off_delay: Duration = 0
    fresh: Annotated[Duration, Field(gt=0)] | None = None

    @field_validator("condition")
    @classmethod
    def _compiles(cls, condition: str) -> str:
        compiled(condition)
        return condition

    @model_validator(mode="after")
    def _asks_about_no_illness(self) -> Self:
        """Who may be ill or in danger cannot judge: her vital signs and calls are not asked about."""
        grave = [one for one in self.metrics if METRICS[one].lateness is Lateness.VITAL or one in LIFE_SAFETY]
        if self.ask and grave:
            raise ValueError(
                f"ask: the condition is about {', '.join(grave)}, which calls at once: remove ask"
            )
        return self

    @cached_property
    def expression(self) -> Expression:
        """The condition, to be asked."""
        return compiled(self.condition)

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """The metrics it names."""
        return tuple(sorted(self.expression.names & METRICS.keys()))

    @cached_property
    def delays(self) -> Delays:
        """How long it must hold, and its end too."""
        return Delays(on=self.on_delay, off=self.off_delay)

    @cached_property
    def counts(self) -> tuple[tuple[str, int, bool], ...]:
        """The metrics, how long a value of each counts (ms), and whether it is an event."""
        found = (METRICS[name] for name in self.metrics)
        return tuple((m.name, self.fresh or m.lateness.ms, m.kind is MetricKind.EVENT) for m in found)

    @cached_property
    def others(self) -> frozenset[str]:
        """What it names that is no metric, or her situation's."""
        return (self.expression.names - METRICS.keys()) | (self.expression.names & _OF_SITUATION)


class Known(NamedTuple):
    """The newest value of a metric, and when it was so, ms UTC."""

    value: Value
    at: int


class Memory(NamedTuple):
    """`known` in the order of the settings' metrics. `sure`: when last it was not unknown, ms UTC.

    `suppressed`: what was said was said to nobody, for she was away.
    """

    wake: int | None
    known: tuple[Known | None, ...]
    condition: Condition = QUIET
    sure: int = 0
    suppressed: bool = False


def start(
    rule: Rule[ExpressionSettings],
    subject: Subject,  # noqa: ARG001
    memory: Memory | None,  # noqa: ARG001
    now: int,  # noqa: ARG001
) -> Step[Memory]:
    """Nothing is known yet."""
    return Memory(None, (None,) * len(rule.settings.metrics)), ()


def observe(
    rule: Rule[ExpressionSettings], subject: Subject, memory: Memory, observation: Observation
) -> Step[Memory]:
    """One of its metrics was heard."""
    metrics, metric, at = rule.settings.metrics, observation.metric, happened(observation)
    if metric not in metrics:
        return memory, ()  # another one's, whose condition was changed for her alone
    n = metrics.index(metric)
    before = memory.known[n]
    if before is not None and at < before.at:
        return memory, ()
    known = (*memory.known[:n], Known(observation.value, at), *memory.known[n + 1 :])
    memory = Memory(memory.wake, known, memory.condition, memory.sure, memory.suppressed)
    doubtful = observation.quality is Quality.UNCERTAIN and METRICS[metric].suspect is not None
    return _asked(rule, subject, memory, at, observation, doubtful=doubtful)


def wake(rule: Rule[ExpressionSettings], subject: Subject, memory: Memory, now: int) -> Step[Memory]:
    """A delay is over, a value is old, the window opens or closes, or nothing is known for long."""
    made: tuple[Decision, ...] = ()
    turned = passed(memory.condition, rule.settings.delays, now)
    if turned is not memory.condition:
        memory, made = _concluded(rule, subject, memory, turned, now, None)
    memory, asked = _asked(rule, subject, memory, now, None)
    if not memory.condition.active or now < memory.sure + FORGET_MS:
        return memory, made + asked
    memory, forgotten = _forgotten(rule, subject, memory, now, "not_known")
    return memory, made + asked + forgotten


def moved(rule: Rule[ExpressionSettings], subject: Subject, memory: Memory, now: int) -> Step[Memory]:
    """She left, or is back after it was said to nobody: it is seen anew, unless it asks about that itself."""
    if "absence" in rule.settings.metrics or not (subject.away or memory.suppressed):
        return memory, ()
    return _forgotten(rule, subject, memory, now, subject.absence)


def _asked(
    rule: Rule[ExpressionSettings],
    subject: Subject,
    memory: Memory,
    at: int,
    by: Observation | None,
    *,
    doubtful: bool = False,
) -> Step[Memory]:
    settings = rule.settings
    before = memory.condition
    holds: bool | None = False
    if settings.between is None or window_at(settings.between, subject.zone, at)[0] <= at:
        holds = settings.expression(_values(settings, subject, memory.known, at))
    if holds is None:  # what was about to begin or to end is not
        after = told(before, settings.delays, before.active, at)
    else:
        memory = Memory(memory.wake, memory.known, before, at, memory.suppressed)
        after = told(before, settings.delays, holds, at, doubtful=doubtful)
    return _concluded(rule, subject, memory, after, at, by)


def _values(
    settings: ExpressionSettings, subject: Subject, known: tuple[Known | None, ...], at: int
) -> dict[str, Value]:
    """What is known at a time, by name."""
    values: dict[str, Value] = {}
    for (metric, fresh, is_event), one in zip(settings.counts, known, strict=True):
        if one is not None and at - one[1] <= fresh:
            values[metric] = one[0]
        elif is_event:
            values[metric] = False
    resident = subject.resident
    for name in settings.others:
        match name:
            case "local_time":
                values[name] = local_time(at, subject.zone)
            case "absence":
                values[name] = subject.absence or "present"
            case "staff_present":
                values[name] = subject.attended(at)
            case "care_level" if resident:
                values[name] = resident.care_level.value
            case _ if resident:
                values[name] = resident.risks.get(OF_RISK[name], RiskLevel.UNASSESSED).value
    return values


def _concluded(
    rule: Rule[ExpressionSettings],
    subject: Subject,
    memory: Memory,
    after: Condition,
    at: int,
    by: Observation | None,
) -> Step[Memory]:
    """What follows when the condition is now `after`."""
    before = memory.condition
    kept = _timed(rule, subject, memory, after, at)
    if after.active is before.active:
        return kept, ()
    if not after.active:
        return kept, (_said(rule, subject, Change.CLEAR, at, by),)
    if subject.away and "absence" not in rule.settings.metrics:
        suppressed = _said(rule, subject, Change.SUPPRESS, at, by, why=subject.absence)
        return kept._replace(suppressed=True), (suppressed,)
    return kept, (_said(rule, subject, Change.RAISE, at, by),)


def _forgotten(
    rule: Rule[ExpressionSettings], subject: Subject, memory: Memory, now: int, why: str
) -> Step[Memory]:
    """Nothing counts of how it was so far. That it was so and is unknown now is noted, not cleared (R-26)."""
    kept = _timed(rule, subject, memory, QUIET, now)
    if not memory.condition.active or memory.suppressed:
        return kept, ()
    return kept, (_said(rule, subject, Change.NOTE, now, None, why=why),)


def _timed(
    rule: Rule[ExpressionSettings], subject: Subject, memory: Memory, condition: Condition, now: int
) -> Memory:
    """The memory with this condition, and when that may be otherwise though nothing is heard."""
    wake = _wake(rule.settings, subject, memory, condition, now)
    return Memory(wake, memory.known, condition, memory.sure, memory.suppressed and condition.active)


def _wake(
    settings: ExpressionSettings, subject: Subject, memory: Memory, condition: Condition, now: int
) -> int | None:
    unsettled = condition.active or condition.since is not None
    if not unsettled and not settings.between:
        return None
    waits: list[int] = []
    known = zip(settings.counts, memory.known, strict=True)
    old = [one.at + fresh + 1 for (_, fresh, _), one in known if one is not None]
    if unsettled:
        waits += old
        if condition.active:
            waits.append(max(memory.sure + FORGET_MS, now + 1))
        if (turns := due(condition, settings.delays)) is not None:
            waits.append(turns)
    if settings.between:
        opens, closes = window_at(settings.between, subject.zone, now)
        edge = closes if opens <= now else opens
        if edge < max(old, default=0):  # else nothing is known by then
            waits.append(edge)
    return min((at for at in waits if at > now), default=None)


def _said(
    rule: Rule[ExpressionSettings],
    subject: Subject,
    change: Change,
    at: int,
    by: Observation | None,
    why: str = "",
) -> Decision:
    facts: dict[str, str | int] = {"why": why} if why else {}
    if by is None:
        evidence = Evidence(f"{rule.id}|{subject.id}|{at}", rule.settings.metrics[0], "", at, at)
        return decide(rule, subject, change, evidence, at=at, facts=facts)
    evidence = ended(by) if change is Change.CLEAR else seen(by)
    return decide(rule, subject, change, evidence, at=by.received_at, facts=facts)


KIND = Kind(
    name="expression",
    settings=ExpressionSettings,
    observe=observe,
    metrics=lambda settings: frozenset(settings.metrics),
    ordered=True,
    lazy=True,
    shares=True,
    memory=Memory,
    watches=lambda subject: subject.resident is not None,
    start=start,
    wake=wake,
    moved=moved,
    basis=lambda rule, subject: f"{rule.basis} {subject.zone}",
)
