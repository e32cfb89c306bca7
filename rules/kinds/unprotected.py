"""Has she a working way to call for help now? Rule: one alert when the last way is lost, its end said once.

R-12, R-22, R-23 (silent longer than its supervision is lost), R-26, R-27 (lost once, back once), R-28 (flat),
R-29, R-49 (one cause, many people). Her lines are her devices that can call and those of the places where
she dwells. `rules.lines` says when one is lost, and why; the alert is for the last of them, and names its
cause: the broker, else the outermost gateway that is down, else the device itself.

Any message of a device proves it and the gateways it came through alive, but for `online` = false and what
the broker retained (quality stale). A retained offline counts: the last will is the device's present state.
While the broker is not reached it is the only cause, of one alert for all; what was only silent because of
that is raised neither then nor afterwards.

What notices by itself (`rules.residents`), or a person whom the desk names (`stand_in`, with `by`), stands
in: the alert is then of low severity, for she cannot call but is not unwatched. It is raised at the rule's
severity once she is alone, and as high when that goes on for `alone_for` (R-15: the harm is delayed, not
less). Both are told again under the same cause.

Residents without any line are left to `check-config`: that is a gap in the plan, not an event. Who is away is
not reported; on her return a wearable has the time to be put on.
"""

from datetime import time
from typing import NamedTuple

from pydantic import StrictBool

from devices.observation import Observation, Quality
from devices.ourselves import BROKER
from devices.registry import Device, Registry
from rules.decision import Change, Evidence, Severity
from rules.kind import Kind, Rule, Step, Subject, decide, ended, seen
from rules.lines import (
    CAUSE,
    DeviceKey,
    Loss,
    Network,
    Part,
    holds,
    lost,
    plain,
    said,
    spared,
    spoke,
    spoke_again,
)
from rules.residents import is_bed, residents
from rules.settings import DailyWindow, Duration, Settings

_STALE = Quality.STALE
_SHORTEST_MS = 60_000  # of supervisions
_HOUR_MS = 3_600_000
_STOOD_IN, _ALONE, _TOO_LONG = 1, 2, 3  # how an open alert was told last


class UnprotectedSettings(Settings):
    """After how long each reason for having no way to call counts; see `rules.lines.Graces`.

    `settle`: how long devices may take to come back after the broker. `alone_for`: after how long without a
    fix or a stand-in the alert becomes high. `stand_in_for`: how long a person's word holds. A wearable may
    charge for `charging_after`, and with `charging_at_night` the whole `night`: it lies beside the bed.
    """

    after: Duration = 30_000
    broker_after: Duration = 30_000
    flat_after: Duration = 600_000
    replace_within: Duration = 14 * 24 * _HOUR_MS
    unworn_after: Duration = 1_800_000
    charging_after: Duration = 3 * _HOUR_MS
    charging_at_night: StrictBool = True
    night: DailyWindow = (time(21), time(7))
    tamper_after: Duration = 0
    fault_after: Duration = 30_000
    settle: Duration = 300_000
    alone_for: Duration = 2 * _HOUR_MS
    stand_in_for: Duration = 12 * _HOUR_MS


class Memory(NamedTuple):
    """What is known of her lines, in the order of the subject's, and of `others` that were heard or are gone.

    `calm`: nobody is offline and no alert is open, so a plain message says no more than that a device lives.
    `raised` is the cause of the open alert ("" none), `told` how it was told, `alone` since or from when
    nothing stands in. `until`: so long does a person (`by`) stand in. `outage`: since when the broker is not
    reached. Nothing is raised before `not_before`.
    """

    wake: int | None
    lines: tuple[Part, ...]
    others: tuple[Part, ...] = ()
    calm: bool = True
    until: int = 0
    by: str = ""
    not_before: int = 0
    outage: int | None = None
    raised: str = ""
    told: int = 0
    alone: int = 0


def without_line(registry: Registry) -> list[str]:
    """Residents who have no device to call with, neither of their own nor where they live, by id."""
    return sorted(one.id for one in residents(registry).values() if not one.lines)


def start(rule: Rule[UnprotectedSettings], subject: Subject, memory: Memory | None, now: int) -> Step[Memory]:
    """Silence counts from `now`, for lines not known before. An open alert stays until a line is heard.

    What was heard in the future was heard while our own clock was wrong.
    """
    old = memory or Memory(None, ())
    known = {(part.site, part.device): _dated(part, now) for part in (*old.lines, *old.others)}
    mine = {(one.site, one.id): Part(one.site, one.id, now) for one in subject.lines}
    parts = {**mine, **{key: known[key] for key in _devices(subject) if key in known}}
    outage = None if old.outage is None else min(old.outage, now)
    kept = old._replace(
        outage=outage,
        alone=min(old.alone, now),
        until=min(old.until, now + rule.settings.stand_in_for),
        not_before=min(old.not_before, now + rule.settings.unworn_after),
    )
    return _kept(rule, subject, kept, parts, now), ()


def observe(
    rule: Rule[UnprotectedSettings], subject: Subject, memory: Memory, observation: Observation
) -> Step[Memory]:
    """A device of hers or a gateway spoke, the broker came or went, or a person stands in."""
    if memory.calm and (same := _alive(subject, memory, observation)) is not None:
        return same, ()  # nearly always this is all
    if (observation.site, observation.device) == BROKER:
        return _broker(rule, subject, memory, observation)
    if observation.metric == "stand_in":
        return _stand_in(rule, subject, memory, observation)
    parts = _after(subject, memory, observation)
    if parts is None:
        return memory, ()
    at = observation.received_at
    if memory.raised and _last(rule, subject, memory, parts).at > at:
        return _back(rule, subject, memory, parts, ended(observation))
    return _kept(rule, subject, memory, parts, at), ()


def wake(rule: Rule[UnprotectedSettings], subject: Subject, memory: Memory, now: int) -> Step[Memory]:
    """The last line is lost, she is alone now, or has been so for too long."""
    parts = _parts(memory)
    last = _last(rule, subject, memory, parts)
    if memory.raised:
        return _worse(rule, subject, memory, last, now)
    if last.at > now or memory.not_before > now:
        return _kept(rule, subject, memory, parts, now), ()
    evidence = _evidence(rule, subject, last, now)
    if subject.away:
        step = decide(
            rule, subject, Change.SUPPRESS, evidence, at=now, cause=last.cause, facts={"why": subject.absence}
        )
        return memory._replace(wake=None), (step,) if subject.situation.since else ()
    until, who = _stood_in(rule, subject, memory, parts, now)
    told = _STOOD_IN if until > now else _ALONE
    alone = max(until, now)
    kept = memory._replace(raised=last.cause, told=told, alone=alone, calm=False)
    severity = Severity.LOW if who else None
    facts = _facts(subject, last, who)
    raised = decide(
        rule,
        subject,
        Change.RAISE,
        evidence,
        at=now,
        cause=last.cause,
        severity=severity,
        facts=facts,
    )
    return kept._replace(wake=_next_told(rule, kept, now)), (raised,)


def moved(rule: Rule[UnprotectedSettings], subject: Subject, memory: Memory, now: int) -> Step[Memory]:
    """She left, so nothing is to be told of her; or she is back, and has the time to put her wearable on."""
    parts = _parts(memory)
    if not subject.away:
        kept = memory._replace(not_before=now + rule.settings.unworn_after)
        return _kept(rule, subject, kept, parts, now), ()
    if not memory.raised:
        return memory, ()
    gone = Evidence(f"{rule.id}|{subject.id}|away|{now}", "absence", "", now, now)
    return _back(rule, subject, memory, parts, gone)


def deaf(
    rule: Rule[UnprotectedSettings], subject: Subject, memory: Memory, gap: tuple[int, int]
) -> Step[Memory]:
    """Our own deafness, from one time to another, is no silence of theirs."""
    since, until = gap
    if memory.outage is not None:
        return memory, ()  # the whole of it is taken out when it is over
    network = _network(rule, subject, memory, _parts(memory))
    parts = spared(network, _devices(subject), since, until, 0)
    if parts == network.parts:
        return memory, ()
    return _kept(rule, subject, memory, parts, since), ()


def basis(rule: Rule[UnprotectedSettings], subject: Subject) -> str:
    """The settings, her lines and what they go through, what stands in, and whether she is away at first."""
    away = subject.resident is not None and subject.resident.away
    devices = (f"{one.site}/{one.id} {one.calls} {one.supervision}" for one in _devices(subject).values())
    ways = (subject.gateways.get((one.site, one.id), ()) for one in subject.lines)
    through = (">".join(f"{one.site}/{one.id}" for one in way) for way in ways)
    return f"{rule.basis} {away} {', '.join(devices)} {', '.join(through)}"


def _alive(subject: Subject, memory: Memory, observation: Observation) -> Memory | None:
    """The memory after a message that says no more than that a device lives; None where there is more to it.

    `wake` may be early then: it looks again.
    """
    told, site, at = observation.device, observation.site, observation.received_at
    wake, lines, others, calm, until, by, not_before, *_ = memory
    for parts in (lines, others):
        for number, part in enumerate(parts):
            if part.device != told or (part.site != site and part.site):
                continue
            fresh = part.fresh
            if not fresh or not plain(part, observation):
                return None
            if at < fresh or observation.quality is _STALE:
                return memory
            regular = subject.lines[number].supervision.ms if parts is lines else _SHORTEST_MS
            if at - part.heard >= regular:
                return None
            again = (*parts[:number], spoke_again(part, at), *parts[number + 1 :])
            if parts is lines:
                return Memory(wake, again, others, calm, until, by, not_before)
            return Memory(wake, lines, again, calm, until, by, not_before)
    return None


def _broker(
    rule: Rule[UnprotectedSettings], subject: Subject, memory: Memory, observation: Observation
) -> Step[Memory]:
    """The broker is not reached, or is again."""
    at, since = observation.received_at, memory.outage
    if (observation.value is False) == (since is not None):
        return memory, ()
    parts = _parts(memory)
    if since is None:
        return _kept(rule, subject, memory._replace(outage=at), parts, at), ()
    settings = rule.settings
    settle = settings.settle if at - since >= settings.broker_after else 0  # else it was no outage
    spare = spared(_network(rule, subject, memory, parts), _devices(subject), since, at, settle)
    kept = memory._replace(outage=None)
    if memory.raised == CAUSE:
        return _back(rule, subject, kept, spare, ended(observation))
    return _kept(rule, subject, kept, spare, at), ()


def _stand_in(
    rule: Rule[UnprotectedSettings], subject: Subject, memory: Memory, observation: Observation
) -> Step[Memory]:
    """A person says that somebody is with her, or no longer."""
    at, there = observation.received_at, observation.value is True
    by = (observation.by or observation.device) if there else ""
    kept = memory._replace(until=at + rule.settings.stand_in_for if there else 0, by=by)
    note = decide(
        rule,
        subject,
        Change.NOTE,
        seen(observation),
        at=at,
        cause=memory.raised,
        facts={"stand_in": by},
    )
    return _kept(rule, subject, kept, _parts(kept), at), (note,) if memory.raised else ()


def _worse(
    rule: Rule[UnprotectedSettings], subject: Subject, memory: Memory, last: Loss, now: int
) -> Step[Memory]:
    """What stood in is gone, or she has been alone for too long: told again, under the same cause."""
    kept = _kept(rule, subject, memory, _parts(memory), now)
    if kept.wake is not None and kept.wake > now:
        return kept, ()
    facts = _facts(subject, last, "")
    severity = None
    if kept.told == _ALONE:
        severity = Severity.HIGH
        facts["for_h"] = max(1, (now - kept.alone) // _HOUR_MS)
    kept = kept._replace(told=kept.told + 1)
    again = decide(
        rule,
        subject,
        Change.RAISE,
        _evidence(rule, subject, last, now),
        at=now,
        cause=memory.raised,
        severity=severity,
        facts=facts,
    )
    return kept._replace(wake=_next_told(rule, kept, now)), (again,)


def _back(
    rule: Rule[UnprotectedSettings],
    subject: Subject,
    memory: Memory,
    parts: dict[DeviceKey, Part],
    evidence: Evidence,
) -> Step[Memory]:
    """The open alert is over for her. What else is wrong comes up as a cause of its own."""
    at = evidence.received_at
    back = decide(rule, subject, Change.CLEAR, evidence, at=at, cause=memory.raised)
    return _kept(rule, subject, memory._replace(raised="", told=0, alone=0), parts, at), (back,)


def _kept(
    rule: Rule[UnprotectedSettings],
    subject: Subject,
    memory: Memory,
    parts: dict[DeviceKey, Part],
    now: int,
) -> Memory:
    """The memory with these parts, and when it is to be looked at again."""
    count = len(subject.lines)
    whole = tuple(parts.values())
    calm = not memory.raised and memory.outage is None and all(part.offline is None for part in whole)
    kept = memory._replace(lines=whole[:count], others=whole[count:], calm=calm)
    if not kept.raised:
        last = _last(rule, subject, kept, parts)
        return kept._replace(wake=max(last.at, kept.not_before, now))
    until, _ = _stood_in(rule, subject, kept, parts, now)
    alone = until if until > now else min(kept.alone, now)
    kept = kept._replace(alone=alone)
    return kept._replace(wake=_next_told(rule, kept, now - 1))


def _next_told(rule: Rule[UnprotectedSettings], memory: Memory, now: int) -> int | None:
    """When an open alert is told again if nothing changes; later than `now`."""
    match memory.told:
        case 1:
            return max(memory.alone, now + 1)
        case 2:
            return max(memory.alone + rule.settings.alone_for, now + 1)
    return None


def _stood_in(
    rule: Rule[UnprotectedSettings],
    subject: Subject,
    memory: Memory,
    parts: dict[DeviceKey, Part],
    now: int,
) -> tuple[int, str]:
    """Till when somebody or something stands in if nothing more is heard, and who: ids and kinds only."""
    network = _network(rule, subject, memory, parts)
    found: list[tuple[int, str]] = []
    if memory.until > now:
        found.append((memory.until, memory.by))
    for device in subject.stand_ins:
        part = parts.get((device.site, device.id))
        if part is not None and part.heard and (not is_bed(device) or holds(part, "bed_occupied")):
            until = lost(device, network).at
            if until > now:
                found.append((until, f"{device.kind} {device.id}"))
    return max((until for until, _ in found), default=0), ", ".join(who for _, who in found)


def _last(
    rule: Rule[UnprotectedSettings], subject: Subject, memory: Memory, parts: dict[DeviceKey, Part]
) -> Loss:
    """The loss of the last line, if nothing more is heard; of two at once that of the wider cause."""
    network = _network(rule, subject, memory, parts)
    return max((lost(device, network) for device in subject.lines), key=lambda loss: (loss.at, loss.rank))


def _network(
    rule: Rule[UnprotectedSettings], subject: Subject, memory: Memory, parts: dict[DeviceKey, Part]
) -> Network:
    return Network(parts, subject.gateways, rule.settings, subject.zone, memory.outage)


def _parts(memory: Memory) -> dict[DeviceKey, Part]:
    """Her lines first, in the order of the subject's."""
    return {(part.site, part.device): part for part in (*memory.lines, *memory.others)}


def _after(subject: Subject, memory: Memory, observation: Observation) -> dict[DeviceKey, Part] | None:
    """The parts after a device spoke: it, and all that it came through; None where that says nothing."""
    gone = observation.metric == "online" and observation.value is False
    devices = _devices(subject)
    at, name = observation.received_at, observation.device
    device = devices.get((observation.site, name)) or devices.get(("", name))
    if device is None or (observation.quality is _STALE and not gone):
        return None
    parts = _parts(memory)
    key = (device.site, device.id)
    part = parts.get(key) or Part(*key, 0)
    if gone:
        parts[key] = part if part.offline is not None else part._replace(offline=at)
        return parts
    parts[key] = said(spoke(part, device.supervision.ms, at), observation)
    for gateway in subject.gateways.get(key, ()):
        through = parts.get((gateway.site, gateway.id))
        if through is not None and through.offline is not None:
            parts[gateway.site, gateway.id] = through._replace(offline=None)
    return parts


def _devices(subject: Subject) -> dict[DeviceKey, Device]:
    """All devices that matter: her lines first, what stands in, and what these are heard through."""
    devices = [*subject.lines, *subject.stand_ins]
    through = [gateway for one in devices for gateway in subject.gateways.get((one.site, one.id), ())]
    return {(one.site, one.id): one for one in (*devices, *through)}


def _dated(part: Part, now: int) -> Part:
    """A part as of now: nothing was heard, lost or told later."""
    if part.heard <= now and (part.offline or 0) <= now and all(at <= now for _, at in part.told):
        return part
    told = tuple((metric, min(at, now)) for metric, at in part.told)
    offline = None if part.offline is None else min(part.offline, now)
    return Part(part.site, part.device, min(part.heard, now), 0, min(part.since, now), offline, told)


def _evidence(rule: Rule[UnprotectedSettings], subject: Subject, loss: Loss, now: int) -> Evidence:
    return Evidence(f"{rule.id}|{subject.id}|{now}", loss.metric, loss.device, now, now)


def _facts(subject: Subject, loss: Loss, stand_in: str) -> dict[str, str | int]:
    facts: dict[str, str | int] = {
        "lines": len(subject.lines),
        "last_heard_ms": loss.heard,
        "why": loss.why,
    }
    return facts | {"stand_in": stand_in} if stand_in else facts


KIND = Kind(
    name="unprotected",
    settings=UnprotectedSettings,
    observe=observe,
    metrics=lambda _: frozenset(("stand_in",)),
    memory=Memory,
    watches=lambda subject: bool(subject.lines),
    start=start,
    wake=wake,
    basis=basis,
    hears=lambda subject: (*subject.lines, *subject.stand_ins),
    deaf=deaf,
    moved=moved,
    shares=True,
    rewinds=True,
)
