"""Something a person must do by a time was not done. Rule: how each check ended follows from the checks made.

The schedule (`rules.schedule`) says when: the daily "I am fine" (R-82), night rounds by care level (R-77,
R-78), turning (R-76), visits by tier and after a change (R-83), medication (R-84), observations after a fall
(R-73). Every check that falls due ends in one RECORD with an outcome (`Outcome`) and a key of its own: rule,
resident, deadline and outcome. Whoever keeps them keeps the last of a deadline.

A check counts from when it was made (`at`, but never later than it was received), also when its report is
late: that a round was made is a fact about the past, and staff's scanners buffer. It is in time for the
first deadline whose window holds it, and late for the last that was missed, up to the next window; a late one
clears. An old report settles nothing that has fallen due since: it never hides that somebody is overdue now.
A further miss raises again in the same episode, with evidence of its own; so does each step of lateness.
While she is away deadlines pass as paused, and what was overdue is so no longer. Who comes back between a
deadline and the end of its grace is not asked for it, and rounds count from when she is back.
A badge that has been at the bed for hours was left there, and stands in for nobody (`rules.situation`).
At first start the deadlines ahead count, from the moment of the start on for rounds: what was done before
nobody told us, and asking once too often is the safe error.
"""

from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple

from devices.observation import Observation
from rules.deadlines import local_time
from rules.decision import Change, Decision, Evidence, Severity
from rules.kind import Kind, Rule, Step, Subject, decide, ended, seen
from rules.schedule import Schedule, Told, Window, proof_of

MissedCheckSettings = Schedule
"""What a rule of this kind can be told."""

_COUNTED = 32  # checks that are known when told again
_KEPT = 16  # misses for which a report may still come; rounds of every hour make ten a night

_Rule = Rule[Schedule]


class Outcome(StrEnum):
    """How a check that fell due ended. Of one deadline the last one told holds."""

    DONE = "done"
    SUBSTITUTED = "substituted"  # by one of `also`, in time
    LATE = "late"
    MISSED = "missed"
    PAUSED = "paused"
    UNPROVEN = "unproven"  # made, but without its proof or by somebody else: not done yet


class Memory(NamedTuple):
    """A check at or after `opens` settles `due`; `due` is 0 while nothing is. All times ms UTC.

    `told` is how many steps of lateness were told of `due`, `told_late` of the last one missed. `missed` are
    those not made up for, the oldest first, and `misses` how many were missed in a row; `alarmed` is whether
    something stands raised. `last` is the last check that counted (0: none), `refused` how many did not.
    `since` is when a series began; `absence` why she was away when we last looked. `counted` are the last
    checks that settled something: told again they settle nothing more (R-93).
    """

    wake: int | None
    opens: int
    due: int
    told: int = 0
    last: int = 0
    missed: tuple[Window, ...] = ()
    misses: int = 0
    told_late: int = 0
    alarmed: bool = False
    refused: int = 0
    since: int = 0
    absence: str = ""
    counted: tuple[int, ...] = ()


def coming(rule: _Rule, subject: Subject, memory: Memory, now: int, until: int) -> Iterator[tuple[int, bool]]:
    """The deadlines of a check that were missed and not made up for, and the next one before `until`.

    Each with whether it was missed. What is paused is not asked for.
    """
    if rule.settings.pauses(memory.absence, now, subject.zone):
        return
    for window in memory.missed:
        yield window.due, True
    if memory.due and memory.due < until:
        yield memory.due, memory.due + rule.settings.grace_ms <= now


def start(rule: _Rule, subject: Subject, memory: Memory | None, now: int) -> Step[Memory]:
    """The first deadline ahead; under new settings, given the checks made under the old ones."""
    schedule = rule.settings
    before = memory or Memory(None, 0, 0, absence=subject.absence)
    window = _ahead(schedule, subject.zone, before, now)
    opens, due = window or (0, 0)
    kept = before._replace(
        opens=opens,
        due=due,
        told=_told(schedule, due, now, schedule.reminders),
        told_late=_told(schedule, before.missed[-1].due if before.missed else 0, now, len(schedule.steps)),
    )
    return _woken(schedule, kept, now), ()


def _ahead(schedule: Schedule, zone: str, before: Memory, now: int) -> Window | None:
    grace = schedule.grace_ms
    if schedule.within:
        due = schedule.of_series(before.since, now - grace) if before.since else None
        return schedule.of_series(before.since, due.due) if due and due.opens <= before.last else due
    if schedule.from_first and not before.last:
        return None
    if not before.due and not before.last:
        return schedule.next(zone, now, now)
    if schedule.every is None:
        window = schedule.next(zone, now - grace, now)
        return window if before.last < window.opens else schedule.next(zone, window.due, now)
    base = before.last or before.opens
    window = schedule.next(zone, now, base)
    return window if window.due + grace > now else Window(base, schedule.next(zone, now, now).due)


def observe(rule: _Rule, subject: Subject, memory: Memory, observation: Observation) -> Step[Memory]:
    """A check settles what it was made for, and clears what was missed; an event may make one due."""
    schedule = rule.settings
    made: tuple[Decision, ...] = ()
    match schedule.told(observation):
        case Told.INSTEAD if _is_of_a_badge_left_behind(subject, observation):
            pass
        case Told.DONE | Told.INSTEAD as told:
            memory, made = _done(rule, subject, memory, observation, told)
        case Told.NO_PROOF | Told.NOT_ENTITLED as told:
            memory, made = _refused(rule, subject, memory, observation, told)
        case Told.NOTHING:
            pass
    if schedule.begins(observation):
        happened, heard = min(observation.at, observation.received_at), observation.received_at
        memory = _begun(schedule, memory, happened, heard)
    return memory, made


def _is_of_a_badge_left_behind(subject: Subject, observation: Observation) -> bool:
    """Whether it says that staff are there, and has for longer than anybody stays: it makes no rounds."""
    return observation.metric == "staff_present" and subject.situation.left_behind(observation.at)


def wake(rule: _Rule, subject: Subject, memory: Memory, now: int) -> Step[Memory]:
    """A deadline, its grace or a step of its lateness has passed without a check."""
    schedule = rule.settings
    made: list[Decision] = []
    if memory.due:
        paused = schedule.pauses(subject.absence, memory.due, subject.zone)
        while memory.told < schedule.reminders and memory.due + schedule.steps[memory.told][0] <= now:
            if not paused:
                made.append(_raise(rule, subject, memory, memory.due, memory.told, memory.misses + 1, now))
            memory = memory._replace(told=memory.told + 1, alarmed=memory.alarmed or not paused)
        if memory.due + schedule.grace_ms <= now:
            memory = _passed(rule, subject, memory, paused, now, made)
    while memory.misses and memory.told_late < len(schedule.steps):
        due = memory.missed[-1].due
        if due + schedule.steps[memory.told_late][0] > now:
            break
        made.append(_raise(rule, subject, memory, due, memory.told_late, memory.misses, now))
        memory = memory._replace(told_late=memory.told_late + 1, alarmed=True)
    return _woken(schedule, memory, now), tuple(made)


def moved(rule: _Rule, subject: Subject, memory: Memory, now: int) -> Step[Memory]:
    """She went or came back: nobody is asked for what is paused; her return may make a check due (R-83)."""
    schedule, absence, before = rule.settings, subject.absence, memory.absence
    if absence == before:
        return memory, ()
    still = before in schedule.after and bool(absence)  # from hospital on leave: her return is yet to come
    memory = memory._replace(absence=before if still else absence)
    made: list[Decision] = []
    if absence in schedule.pause and memory.alarmed:
        gone = Evidence(f"{rule.id}|{subject.id}|{absence}|{now}", "absence", "", now, now)
        made.append(decide(rule, subject, Change.CLEAR, gone, at=now, facts={"check": schedule.name}))
        memory = _woken(schedule, memory._replace(misses=0, alarmed=False), now)
    if not absence and before in schedule.pause and memory.due:
        memory = _woken(schedule, _resumed(rule, subject, memory, now, made), now)
    if not absence and before in schedule.after:
        memory = _begun(schedule, memory, now, now)
    return memory, tuple(made)


def _resumed(rule: _Rule, subject: Subject, memory: Memory, now: int, made: list[Decision]) -> Memory:
    """She is back: rounds count from now on, and what fell due while she was away is not asked for."""
    if rule.settings.every:
        base = max(now, memory.last)  # that she is back may be said long after
        return memory._replace(opens=base + 1, due=rule.settings.next(subject.zone, base, base).due, told=0)
    if memory.due <= now:
        return _passed(rule, subject, memory, paused=True, now=now, made=made)
    return memory


def basis(rule: _Rule, subject: Subject) -> str:
    """The settings and the time zone."""
    return f"{rule.basis} {subject.zone}"


def _passed(
    rule: _Rule, subject: Subject, memory: Memory, paused: bool, now: int, made: list[Decision]
) -> Memory:
    """What was due is due no more: it was missed, or nobody asked for it. The next one is."""
    schedule = rule.settings
    window = Window(memory.opens, memory.due)
    evidence = Evidence("", schedule.check, "", now, now)
    outcome = Outcome.PAUSED if paused else Outcome.MISSED
    made.append(_record(rule, subject, outcome, window.due, evidence, now, refused=memory.refused))
    if not paused:
        memory = memory._replace(
            missed=(*memory.missed, window)[-_KEPT:], misses=memory.misses + 1, told_late=schedule.reminders
        )
    opens, due = schedule.following(window, subject.zone, memory.since) or (0, 0)
    return memory._replace(opens=opens, due=due, told=0)


def _done(
    rule: _Rule, subject: Subject, memory: Memory, observation: Observation, told: Told
) -> Step[Memory]:
    schedule, received = rule.settings, observation.received_at
    done = min(observation.at, received)
    if done in memory.counted:
        return memory, ()
    pending = Window(memory.opens, memory.due) if memory.due else None
    if pending is None and schedule.from_first:
        if told is not Told.DONE:
            return memory, ()  # a call for help does not begin a habit of testing
        return _woken(schedule, _first(schedule, subject.zone, memory, done, received), received), ()
    find = _among_rounds if schedule.every else _among_deadlines
    hit, late, window, over = find(schedule, subject.zone, memory, pending, done, received)
    if not hit and not late and window == pending:
        return memory, ()
    made: list[Decision] = []
    evidence = seen(observation)
    if late:
        made.append(_record(rule, subject, Outcome.LATE, late.due, evidence, received, by=observation))
    if hit and not (hit == pending and _again(schedule, memory, done)):
        outcome = Outcome.SUBSTITUTED if told is Told.INSTEAD else Outcome.DONE
        made.append(_record(rule, subject, outcome, hit.due, evidence, received, by=observation))
    settled = {hit, late}
    kept = memory._replace(
        opens=window.opens if window else 0,
        due=window.due if window else 0,
        told=memory.told if window == pending else 0,
        last=max(memory.last, done),
        counted=(*memory.counted, done)[-_COUNTED:] if hit or late else memory.counted,
        missed=tuple(one for one in memory.missed if one not in settled),
        told_late=len(schedule.steps) if memory.missed[-1:] in {(hit,), (late,)} else memory.told_late,
        refused=0,
    )
    if over:
        if memory.alarmed:
            facts: dict[str, str | int] = {"check": schedule.name, "done_ms": done}
            made.append(decide(rule, subject, Change.CLEAR, ended(observation), at=received, facts=facts))
        kept = kept._replace(misses=0, alarmed=False)
    return _woken(schedule, kept, received), tuple(made)


_Found = tuple[Window | None, Window | None, Window | None, bool]
"""Which deadline a check was in time for, which it was late for, what is due next, whether all is well."""


def _among_rounds(
    schedule: Schedule, zone: str, memory: Memory, pending: Window | None, done: int, received: int
) -> _Found:
    """Rounds: a check moves the next deadline on. One before the last check only settles what was missed.

    What opens a window does not settle it: the same check heard again is no other one. Nor is one in time
    for a deadline that would still stand after it: at 21:24, of rounds every two hours, for 01:00.
    """
    grace = schedule.grace_ms
    window = schedule.next(zone, done, done)._replace(opens=done + 1)
    windows = (*memory.missed, pending) if pending else memory.missed
    hit = _in_time(tuple(one for one in windows if one.due < window.due), done, grace)
    if pending is None or done < pending.opens:
        return hit, None, pending, False
    late = _late(schedule, zone, memory, done)
    if window.due + grace <= received:  # made before what is overdue now
        return hit, late, pending, False
    return hit, late, window, True


def _among_deadlines(
    schedule: Schedule, zone: str, memory: Memory, pending: Window | None, done: int, _received: int
) -> _Found:
    """Deadlines that come whatever is done: each has a window of its own."""
    windows = (*memory.missed, pending) if pending else memory.missed
    hit = _in_time(windows, done, schedule.grace_ms)
    late = _late(schedule, zone, memory, done)
    if hit and hit == pending:
        return hit, late, schedule.following(hit, zone, memory.since), True
    makes_up = memory.misses and memory.missed[-1:] in {(hit,), (late,)}
    return hit, late, pending, bool(makes_up) and not memory.told


def _in_time(windows: tuple[Window, ...], done: int, grace: int) -> Window | None:
    return next((one for one in windows if one.opens <= done < one.due + grace), None)


def _late(schedule: Schedule, zone: str, memory: Memory, done: int) -> Window | None:
    """The last deadline missed by then, unless the next window had opened, and not right behind it.

    A series that began anew is another one.
    """
    grace = schedule.grace_ms
    begun = memory.since if schedule.within else 0
    passed = [one for one in memory.missed if one.due + grace <= done and one.due > begun]
    if not passed:
        return None
    after = schedule.following(passed[-1], zone, memory.since)
    if after is None:
        return passed[-1]
    until = after.opens if after.opens > passed[-1].due else after.due + grace
    return passed[-1] if done < until else None


def _again(schedule: Schedule, memory: Memory, done: int) -> bool:
    """Whether it is the same round as the last check: a badge that is seen every minute, a second scan."""
    return bool(schedule.every) and not memory.misses and 0 <= done - memory.last < schedule.grace_ms


def _first(schedule: Schedule, zone: str, memory: Memory, done: int, received: int) -> Memory:
    """The first check ever made: from now on it is asked for."""
    opens, due = schedule.next(zone, received, done)
    if schedule.every:
        opens = done + 1
    elif opens <= done:
        opens, due = schedule.next(zone, due, done)
    return memory._replace(opens=opens, due=due, last=done, counted=(done,))


def _refused(
    rule: _Rule, subject: Subject, memory: Memory, observation: Observation, told: Told
) -> Step[Memory]:
    """A check that does not count: whoever looks at the alert or at the history sees that it was tried."""
    done, received = min(observation.at, observation.received_at), observation.received_at
    holds = bool(memory.due) and memory.opens <= done
    if not holds and not memory.alarmed:
        return memory, ()
    refused = memory.refused + 1
    evidence = seen(observation)
    made: list[Decision] = []
    if holds:
        outcome = Outcome.UNPROVEN
        made.append(
            _record(rule, subject, outcome, memory.due, evidence, received, by=observation, refused=refused)
        )
    if memory.alarmed:
        facts: dict[str, str | int] = {"check": rule.settings.name, "why": told.value}
        made.append(decide(rule, subject, Change.NOTE, evidence, at=received, facts=facts))
    return memory._replace(refused=refused), tuple(made)


def _begun(schedule: Schedule, memory: Memory, happened: int, heard: int) -> Memory:
    """Counts a series from when we heard of what began it; what is asked for already is not put off."""
    first = schedule.within[0]
    if heard < memory.since or (memory.due and memory.due == memory.since + first):
        return memory
    begun = memory._replace(opens=happened + 1, due=heard + first, told=0, since=heard)
    return _woken(schedule, begun, heard)


def _woken(schedule: Schedule, memory: Memory, now: int) -> Memory:
    """The memory with its next wake, which is later than `now`."""
    moments: list[int] = []
    if memory.due:
        delay = schedule.steps[memory.told][0] if memory.told < schedule.reminders else schedule.grace_ms
        moments.append(memory.due + delay)
    if memory.misses and memory.told_late < len(schedule.steps):
        moments.append(memory.missed[-1].due + schedule.steps[memory.told_late][0])
    wake = max(min(moments), now + 1) if moments else None
    return memory if wake == memory.wake else memory._replace(wake=wake)


def _told(schedule: Schedule, due: int, now: int, most: int) -> int:
    return sum(due + delay <= now for delay, _ in schedule.steps[:most]) if due else 0


def _raise(
    rule: _Rule, subject: Subject, memory: Memory, due: int, step: int, misses: int, now: int
) -> Decision:
    schedule = rule.settings
    key = f"{rule.id}|{subject.id}|{due}" + (f"|{step}" if step else "")
    facts: dict[str, str | int] = {
        "check": schedule.name,
        "due_ms": due,
        "due_local": local_time(due, subject.zone),
        "missed_in_a_row": misses,
    }
    if memory.refused:
        facts["refused"] = memory.refused
    severity: Severity = schedule.steps[step][1]
    evidence = Evidence(key, schedule.check, "", now, now)
    return decide(rule, subject, Change.RAISE, evidence, at=now, severity=severity, facts=facts)


def _record(
    rule: _Rule,
    subject: Subject,
    outcome: Outcome,
    due: int,
    evidence: Evidence,
    now: int,
    *,
    by: Observation | None = None,
    refused: int = 0,
) -> Decision:
    """How a check ended, for `check_outcome`. Ids, places and times only."""
    key = f"{rule.id}|{subject.id}|{due}|{outcome}"
    if outcome is Outcome.UNPROVEN:
        key += f"|{evidence.at}"  # there may be several
    facts: dict[str, str | int] = {
        "check": rule.settings.name,
        "outcome": outcome.value,
        "due_ms": due,
        "place": subject.place,
        "refused": refused,
    }
    if by is not None:
        facts |= {
            "done_ms": min(by.at, by.received_at),
            "by": by.by,
            "proof": proof_of(by),
            "metric": by.metric,
            "device": by.device,
        }
    return decide(rule, subject, Change.RECORD, replace(evidence, key=key), at=now, facts=facts)


KIND = Kind(
    name="missed_check",
    settings=Schedule,
    observe=observe,
    metrics=lambda schedule: schedule.wants,
    takes_late=True,
    memory=Memory,
    watches=lambda subject: subject.resident is not None,
    start=start,
    wake=wake,
    moved=moved,
    basis=basis,
)
