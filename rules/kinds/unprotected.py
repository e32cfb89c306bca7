"""Has she a working way to call for help now? Rule: one alert when the last way is lost, its end said once.

R-22, R-23 (silent longer than its supervision is lost), R-26, R-27 (lost once, back once), R-49 (one
cause, many people). A resident's lines are the registry's devices that are hers and can call. A line is lost
`after` its device or its gateway said offline (default 30 s: a reconnect is no outage; R-54 asks for no
delay of SOS, fall, gas and smoke only), or when the device has been silent for its supervision.

Any message of a device proves it and its gateway alive, but for `online` = false and what the broker retained
(quality stale). A retained offline counts: the last will is the device's present state. When the last line
goes while its gateway is down, the gateway is the cause, whichever was told first.
A gateway heard through another resident's device changes nothing here: it says so itself with `online`.
Residents without any line are left to `check-config`: that is a gap in the plan, not an event. Residents on
leave are not reported.
"""

from typing import NamedTuple

from devices.observation import Observation, Quality
from devices.registry import Device, Registry
from rules.decision import Change, Evidence
from rules.kind import Kind, Rule, Step, Subject, decide, ended
from rules.settings import Duration, Settings

AWAY_AGAIN_MS = 3_600_000
_STALE = Quality.STALE


class UnprotectedSettings(Settings):
    """`after`: how long a device or gateway may be offline before it counts."""

    after: Duration = 30_000


class Line(NamedTuple):
    """One way to call: when last `heard`; since when it is `offline`, or its gateway is (`cut`). ms UTC."""

    device: str
    heard: int
    offline: int | None = None
    cut: int | None = None


class Memory(NamedTuple):
    """The lines, in the order of the subject's devices. `raised` is the cause of the open alert ("" none)."""

    wake: int | None
    lines: tuple[Line, ...]
    raised: str = ""


def without_line(registry: Registry) -> list[str]:
    """Residents who have no device to call with, by id."""
    able = {device.resident for device in registry.devices.values() if device.calls}
    return sorted(resident for resident in registry.residents if resident not in able)


def start(rule: Rule[UnprotectedSettings], subject: Subject, memory: Memory | None, now: int) -> Step[Memory]:
    """Silence counts from `now`, for lines not known before. An open alert stays until a line is heard."""
    known = {line.device: line for line in memory.lines} if memory else {}
    names = (f"{device.site}/{device.id}" for device in subject.lines)
    lines = tuple(known.get(name) or Line(name, now) for name in names)
    raised = memory.raised if memory else ""
    return Memory(None if raised else max(_lost(rule, subject, lines), now), lines, raised), ()


def observe(
    rule: Rule[UnprotectedSettings], subject: Subject, memory: Memory, observation: Observation
) -> Step[Memory]:
    """A device of hers spoke, or its gateway's state is told."""
    if observation.metric == "online" and observation.value is False:
        lines = _gone(subject, memory.lines, observation)
    elif observation.quality is _STALE:
        return memory, ()
    else:
        lines = _heard(subject, memory.lines, observation)
    if lines == memory.lines:
        return memory, ()
    lost = _lost(rule, subject, lines)
    if not memory.raised:
        return Memory(max(lost, observation.received_at), lines), ()
    if lost <= observation.received_at:
        return Memory(None, lines, memory.raised), ()
    back = decide(
        rule, subject, Change.CLEAR, ended(observation), at=observation.received_at, cause=memory.raised
    )
    return Memory(lost, lines), (back,)


def wake(rule: Rule[UnprotectedSettings], subject: Subject, memory: Memory, now: int) -> Step[Memory]:
    """The last line is lost."""
    if subject.away:
        return memory._replace(wake=now + AWAY_AGAIN_MS), ()
    devices = subject.lines
    lost = [_line_lost(rule, device, line) for device, line in zip(devices, memory.lines, strict=True)]
    last = max(range(len(lost)), key=lambda n: (lost[n], memory.lines[n].cut is not None))
    device, line = devices[last], memory.lines[last]
    behind = line.cut is not None
    cause = f"gateway:{device.site}/{device.gateway}" if behind else f"device:{line.device}"
    evidence = Evidence(
        key=f"{rule.id}|{subject.id}|{now}",
        metric="online",
        device=device.gateway if behind else device.id,
        at=now,
        received_at=now,
    )
    facts: dict[str, str | int] = {"lines": len(lost), "last_heard_ms": line.heard}
    kept = Memory(None, memory.lines, cause)
    return kept, (decide(rule, subject, Change.RAISE, evidence, at=now, cause=cause, facts=facts),)


def basis(rule: Rule[UnprotectedSettings], subject: Subject) -> str:
    """The delay, and her lines."""
    lines = (f"{line.site}/{line.id}>{line.gateway} {line.supervision}" for line in subject.lines)
    return f"{rule.basis} {', '.join(lines)}"


def deaf(
    rule: Rule[UnprotectedSettings], subject: Subject, memory: Memory, gap: tuple[int, int]
) -> Step[Memory]:
    """Our own deafness, from one time to another, is no silence of theirs."""
    since, until = gap
    lines = tuple(
        line._replace(heard=max(line.heard, min(line.heard, since) + until - since)) for line in memory.lines
    )
    if lines == memory.lines:
        return memory, ()
    return Memory(None if memory.raised else _lost(rule, subject, lines), lines, memory.raised), ()


def _gone(subject: Subject, lines: tuple[Line, ...], observation: Observation) -> tuple[Line, ...]:
    """The lines after a device, or the gateway of some, said that it is offline."""
    told, at = observation.device, observation.received_at
    kept = []
    for device, line in zip(subject.lines, lines, strict=True):
        here = device.site in {"", observation.site}
        offline = at if line.offline is None and here and device.id == told else line.offline
        cut = at if line.cut is None and here and device.gateway == told else line.cut
        kept.append(Line(line.device, line.heard, offline, cut))
    return tuple(kept)


def _heard(subject: Subject, lines: tuple[Line, ...], observation: Observation) -> tuple[Line, ...]:
    """The lines after a device spoke: itself, and all behind the gateway that it proved alive."""
    told, at = observation.device, observation.received_at
    if len(lines) == 1 and subject.lines[0].id == told:  # nearly always
        return (Line(lines[0].device, max(lines[0].heard, at)),)
    via = next((device.gateway for device in subject.lines if device.id == told), "") or told
    kept = []
    for device, line in zip(subject.lines, lines, strict=True):
        if device.site not in {"", observation.site}:
            kept.append(line)
        elif device.id == told:
            kept.append(Line(line.device, max(line.heard, at)))
        else:
            proved = device.gateway in {via, told}
            kept.append(Line(line.device, line.heard, line.offline, None if proved else line.cut))
    return tuple(kept)


def _line_lost(rule: Rule[UnprotectedSettings], device: Device, line: Line) -> int:
    """When a line is lost, ms UTC, if nothing more is heard."""
    silent = line.heard + device.supervision.ms
    told = [at for at in (line.offline, line.cut) if at is not None]
    return min(silent, min(told) + rule.settings.after) if told else silent


def _lost(rule: Rule[UnprotectedSettings], subject: Subject, lines: tuple[Line, ...]) -> int:
    """When the last line is lost, ms UTC, if nothing more is heard."""
    return max(_line_lost(rule, device, line) for device, line in zip(subject.lines, lines, strict=True))


KIND = Kind(
    name="unprotected",
    settings=UnprotectedSettings,
    observe=observe,
    metrics=lambda _: frozenset(),
    memory=Memory,
    watches=lambda subject: bool(subject.lines),
    start=start,
    wake=wake,
    basis=basis,
    hears=lambda subject: subject.lines,
    deaf=deaf,
)
