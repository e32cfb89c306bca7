"""What a device says is wrong with itself, before it is lost. Rule: one alert per device and condition.

A kind of its own beside `unprotected`: that one is about people, this one about devices, of places as well,
and for whoever maintains them; who can no longer call is told there. Conditions (R-29 keeps them apart):

- `battery` (R-28): 15 % or less for ten minutes, or called low. Low, with the day by which it is to be
  replaced (`due_ms`, 14 days on), told again every 7 days; medium with 3 days left, or at 5 %. A percentage
  knows better than a flag. What reports `charging` is charged daily: it counts from 10 %, and ends on the
  charger.
- `mains` (R-30): without mains for ten minutes; over once it has been back for an hour.
- `tamper` (R-12): at once. `fault`: after half a minute.
- `readings` (R-94): what it measures was impossible for three minutes, and no value has come since: its
  rejects must not hide an emergency.

A device of nobody and nowhere is not ours to look after. Nothing is remembered of a device that is well.
"""

from collections.abc import Iterable
from typing import NamedTuple

from devices.observation import Observation
from rules.decision import Change, Decision, Evidence, Severity
from rules.kind import Kind, Rule, Step, Subject, decide, ended, teller
from rules.settings import Duration, Settings

_DAY_MS = 86_400_000
_FLAT, _DEADBAND = 5.0, 3.0  # %
_WHAT = {
    "battery": "battery",
    "battery_low": "battery",
    "charging": "battery",
    "mains_power": "mains",
    "tamper": "tamper",
    "fault": "fault",
    "usable": "readings",
}


class DeviceHealthSettings(Settings):
    """`low`, `low_charged`: the percentages at which a battery is low, and one that is charged daily.

    `..._after`: how long a condition must hold. `replace_within`: by when a battery is to be replaced,
    `urgent_before`: how long before that it becomes medium, `remind_every`: how often it is told till then.
    `restored_after`: how long mains must be back.
    """

    low: float = 15.0
    low_charged: float = 10.0
    battery_after: Duration = 600_000
    replace_within: Duration = 14 * _DAY_MS
    urgent_before: Duration = 3 * _DAY_MS
    remind_every: Duration = 7 * _DAY_MS
    mains_after: Duration = 600_000
    restored_after: Duration = 3_600_000
    tamper_after: Duration = 0
    fault_after: Duration = 30_000
    readings_after: Duration = 180_000


class Condition(NamedTuple):
    """One condition of one device; all times ms UTC, 0 for never.

    `since` it holds, and so `next` is when there is something to do about it (None: nothing). `flat`: since
    when the battery has been at 5 %. `last`: when it was told last, `urgent` whether as such. `over`: since
    when it seems to be over.
    """

    cause: str
    metric: str
    device: str
    since: int
    next: int | None = None
    flat: int = 0
    last: int = 0
    urgent: bool = False
    over: int = 0


class Memory(NamedTuple):
    """The conditions of a subject's devices, and which of them (site/id) are charged."""

    wake: int | None = None
    conditions: tuple[Condition, ...] = ()
    charged: tuple[str, ...] = ()


_WELL = Memory()


def start(
    rule: Rule[DeviceHealthSettings], _subject: Subject, memory: Memory | None, now: int
) -> Step[Memory]:
    """A condition that is known goes on; none began later than `now`."""
    if memory is None:
        return _WELL, ()
    dated = (
        one._replace(
            since=min(one.since, now),
            flat=min(one.flat, now),
            last=min(one.last, now),
            over=min(one.over, now),
        )
        for one in memory.conditions
    )
    return _kept(rule, memory, dated), ()


def observe(
    rule: Rule[DeviceHealthSettings], subject: Subject, memory: Memory, observation: Observation
) -> Step[Memory]:
    """A device said something of itself."""
    metric, at = observation.metric, observation.received_at
    holds = _holds(rule.settings, memory, observation)
    if holds is not True and not memory.conditions and metric != "charging":
        return memory, ()  # nearly always: it is well
    name = teller(observation)
    if metric == "charging" and name not in memory.charged:
        memory = memory._replace(charged=(*memory.charged, name))
    cause = f"{_WHAT[metric]}:{name}"
    known = next((one for one in memory.conditions if one.cause == cause), None)
    if holds is None or (known is None and not holds):
        return memory, ()
    others = [one for one in memory.conditions if one is not known]
    if holds:
        one = known or Condition(cause, _evidence_metric(metric), observation.device, at)
        flat = _is_flat(observation)
        one = one._replace(over=0, flat=one.flat or at) if flat else one._replace(over=0)
        return (memory if one == known else _kept(rule, memory, [*others, one])), ()
    assert known is not None  # noqa: S101 -- see above
    if known.last and metric == "mains_power":
        return _kept(rule, memory, [*others, known._replace(over=known.over or at)]), ()
    kept = _kept(rule, memory, others)
    if not known.last:
        return kept, ()
    return kept, (decide(rule, subject, Change.CLEAR, ended(observation), at=at, cause=cause),)


def wake(rule: Rule[DeviceHealthSettings], subject: Subject, memory: Memory, now: int) -> Step[Memory]:
    """A condition has held for long enough, is to be told again, or is over."""
    kept: list[Condition] = []
    decisions: list[Decision] = []
    for one in memory.conditions:
        if one.next is None or one.next > now:
            kept.append(one)
        elif one.over:
            decisions.append(_decided(rule, subject, Change.CLEAR, one, now))
        else:
            urgent = one.urgent or _urgent_at(rule.settings, one) <= now
            told = one._replace(last=now, urgent=urgent)
            decisions.append(_decided(rule, subject, Change.RAISE, told, now))
            kept.append(told)
    return _kept(rule, memory, kept, now), tuple(decisions)


def _holds(settings: DeviceHealthSettings, memory: Memory, observation: Observation) -> bool | None:
    """Whether the condition holds by this: None where it does not say."""
    metric, value = observation.metric, observation.value
    if metric == "battery":
        if not isinstance(value, (int, float)):
            return None
        charged = memory.charged and teller(observation) in memory.charged
        low = settings.low_charged if charged else settings.low
        return True if value <= low else (False if value >= low + _DEADBAND else None)
    if metric == "charging":
        return False if value is True else None
    return value is not (metric in {"mains_power", "usable"})


def _is_flat(observation: Observation) -> bool:
    value = observation.value
    return observation.metric == "battery" and isinstance(value, (int, float)) and value <= _FLAT


def _evidence_metric(metric: str) -> str:
    return "battery" if metric == "battery_low" else metric


def _urgent_at(settings: DeviceHealthSettings, one: Condition) -> int:
    """From when on a battery is urgent."""
    if one.metric != "battery":
        return 1 << 62
    due = one.since + settings.replace_within - settings.urgent_before
    return min(due, one.flat + settings.battery_after) if one.flat else due


def _next(settings: DeviceHealthSettings, one: Condition) -> int | None:
    """When there is something to do about a condition if nothing more is said."""
    if one.over:
        return one.over + settings.restored_after
    if not one.last:
        after = {
            "battery": settings.battery_after,
            "mains_power": settings.mains_after,
            "tamper": settings.tamper_after,
            "usable": settings.readings_after,
        }.get(one.metric, settings.fault_after)
        return one.since + after
    if one.metric != "battery":
        return None
    again = one.last + settings.remind_every
    return again if one.urgent else min(again, _urgent_at(settings, one))


def _kept(
    rule: Rule[DeviceHealthSettings], memory: Memory, conditions: Iterable[Condition], now: int | None = None
) -> Memory:
    """The memory with these conditions, and when to look again: in a `wake`, later than now."""
    dated = []
    for one in conditions:
        due = _next(rule.settings, one)
        dated.append(one._replace(next=due if due is None or now is None else max(due, now + 1)))
    wakes = [one.next for one in dated if one.next is not None]
    return Memory(min(wakes, default=None), tuple(dated), memory.charged)


def _decided(
    rule: Rule[DeviceHealthSettings], subject: Subject, change: Change, one: Condition, now: int
) -> Decision:
    evidence = Evidence(f"{rule.id}|{one.cause}|{now}", one.metric, one.device, now, now)
    facts: dict[str, str | int] = {"device": one.device}
    severity = None
    if one.metric == "battery":
        due = one.since + rule.settings.replace_within
        facts |= {"due_ms": due, "days_left": max(0, -((now - due) // _DAY_MS))}
        severity = Severity.MEDIUM if one.urgent else Severity.LOW
    return decide(rule, subject, change, evidence, at=now, cause=one.cause, severity=severity, facts=facts)


KIND = Kind(
    name="device_health",
    settings=DeviceHealthSettings,
    observe=observe,
    metrics=lambda _: frozenset(_WHAT),
    memory=Memory,
    watches=lambda subject: subject.resident is not None or bool(subject.place),
    start=start,
    wake=wake,
    lazy=True,
    rewinds=True,
)
