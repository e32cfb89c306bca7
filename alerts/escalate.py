"""What falls due for an alert by the passing of time: the next step of its ladder, a lapse, a call.

Rule: whoever is late in asking gets everything that fell due meanwhile, each thing once; nothing but a person
who takes charge ends the calling (R-40, R-56).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from alerts.call import Call
from alerts.episode import Episode
from alerts.event import Address, EpisodeEvent, Lapsed, Notified, Outcome, Released, Resolved, State
from alerts.ladder import DEFAULT, RECEIPT_MS, Ladder, Step, choose
from alerts.where import where
from devices.registry import Registry
from rules.decision import DRILL, DUTY, FLOOD, TECHNICAL, Severity
from rules.unreadable import UNREADABLE

LEASE_MS = {Severity.HIGH: 300_000, Severity.MEDIUM: 1_800_000}
"""How long an acknowledgement holds without anybody at the resident (R-56); the others' does not end."""

_OF_NO_PLACE = frozenset((DUTY, FLOOD, TECHNICAL))

RESIDENT = "resident"
"""The source of a resolution by the resident's own answer."""

_AHEAD_MS = 60_000  # a time so far ahead of now is of a clock that was put back: nothing waits for it
_LONGEST_REPEAT_MS = 3_600_000
_PLACES = 50  # concerned, whose staff is told


class OnDuty(Protocol):
    """Who is on duty."""

    def on_duty(self, role: str, places: Sequence[str], at: int) -> tuple[str, ...]:
        """Ids of those on duty in a role at a place (`places`: it and all above), at a time (ms UTC)."""
        ...


class Nobody:
    """No rota."""

    def on_duty(self, role: str, places: Sequence[str], at: int) -> tuple[str, ...]:  # noqa: ARG002  a protocol
        """Nobody."""
        return ()


@dataclass(frozen=True, slots=True)
class Policy:
    """Who is to be told when: the ladders, and the rota that says who that is.

    What none of the ladders holds for goes by the default ones. `close_needs_presence` as `needs_presence` in
    `acts.resolve`.
    """

    registry: Registry
    ladders: tuple[Ladder, ...] = ()
    duty: OnDuty = field(default_factory=Nobody)
    close_needs_presence: bool = False


def lease_ms(episode: Episode) -> int:
    """How long an acknowledgement of an alert holds without presence; 0: to the end.

    Nobody arrives at an empty post, a flood or a fault of ours; but at a message that may have been a call.
    """
    if episode.kind in _OF_NO_PLACE and episode.rule != UNREADABLE:
        return 0
    return LEASE_MS.get(episode.severity, 0)


def advance(episode: Episode, policy: Policy, now: int) -> EpisodeEvent | None:
    """The first thing due for an episode at `now` (ms, our clock), if any; fold it in and ask again."""
    number = episode.number + 1
    match episode.state:
        case State.ACKNOWLEDGED if episode.lease_until and _over(
            episode.lease_until, now, episode.acknowledged_at or 0
        ):
            return Lapsed(episode.id, number, now, episode.acknowledged_by)
        case State.ASKING if not _over(episode.ask_until, now, episode.raised_at):
            return None
        case State.ASKING if episode.active:
            return Released(episode.id, number, now, "")
        case State.ASKING:
            who = episode.subjects[0].subject
            return Resolved(episode.id, number, now, who, Outcome.NO_ACTION, RESIDENT)
        case State.OPEN if episode.call is not None:
            return _call(episode, episode.call, policy, now)
    return None


def _over(until: int, now: int, since: int) -> bool:
    """Whether something that goes from `since` to `until` is over; also where `since` has not come yet."""
    return now >= until or since > now + _AHEAD_MS


def _call(episode: Episode, call: Call, policy: Policy, now: int) -> Notified | None:
    number = episode.number + 1
    if call.again and call.addressed:
        last = max(0, call.step - 1)
        return Notified(episode.id, number, now, call.ladder, call.cycle, last, call.addressed, again=True)
    ladder = _ladder(episode, call, policy, now)
    as_of_life = episode.about_life or episode.kind == DRILL
    if ladder is None:
        return None
    begins_again = call.step >= len(ladder.steps)
    latest = call.stepped_at if begins_again else max(call.since, call.stepped_at)
    if not _over(_due(call, ladder, life=as_of_life), now, latest):
        return None
    cycle, taken = (call.cycle + 1, 0) if begins_again else (call.cycle, call.step)
    step = ladder.steps[taken]
    found, nobody = _addressees(episode, step, policy, now)
    if call.sent_at == now:  # steps that fell due while we were down: nobody is told twice in one moment
        found = tuple(one for one in found if one not in call.addressed)
    again = call.cycle > 0 or call.step > 0 or step.after_ms > 0
    repeat = again and not (call.step > 0 and call.stepped_at == now)  # displays: once for all that was due
    return Notified(episode.id, number, now, ladder.id, cycle, taken, found, nobody, repeat=repeat)


def _ladder(episode: Episode, call: Call, policy: Policy, now: int) -> Ladder | None:
    """The ladder it goes by: to its end the one it began on, unless that is gone."""
    going = next((one for one in (*policy.ladders, *DEFAULT) if one.id == call.ladder), None)
    if going is not None and call.step < len(going.steps):
        return going
    chain = next(_chains(episode, policy.registry), ())
    zone = policy.registry.timezone(chain[0]) if chain else policy.registry.zone
    local = datetime.fromtimestamp(now / 1000, ZoneInfo(zone))
    minute = local.hour * 60 + local.minute
    fitting = choose(policy.ladders, episode.severity, chain, minute)
    return fitting or choose(DEFAULT, episode.severity, chain, minute)


def _due(call: Call, ladder: Ladder, *, life: bool) -> int:
    """When the next step is due (ms): at its time, or as soon as the one before told nobody."""
    if call.step >= len(ladder.steps):
        repeat = ladder.repeat_ms
        if not life:  # nobody came: less and less often, down to every hour
            repeat = max(repeat, min(_LONGEST_REPEAT_MS, repeat << min(call.cycle, 20)))
        return call.stepped_at + repeat
    due = call.since + ladder.steps[call.step].after_ms
    if call.step == 0:
        return due
    if call.unstaffed:
        return min(due, call.stepped_at)
    if call.sent_at is not None and not call.delivered:
        return min(due, call.sent_at + RECEIPT_MS if call.waiting else call.sent_at)
    return due


def _addressees(
    episode: Episode, step: Step, policy: Policy, now: int
) -> tuple[tuple[Address, ...], tuple[str, ...]]:
    """Whom a step tells, and the roles in which nobody is on duty."""
    if not step.to:
        return tuple(Address("", channel) for channel in step.channels), ()
    people: dict[str, None] = {}
    nobody = []
    for role in step.to:
        if role.startswith("person:"):
            found: tuple[str, ...] = (role.removeprefix("person:"),)
        else:
            chains = dict.fromkeys(_chains(episode, policy.registry)) or {(): None}
            found = tuple(one for chain in chains for one in policy.duty.on_duty(role, chain, now))
        people.update(dict.fromkeys(found))
        if not found:
            nobody.append(role)
    addressed = tuple(Address(person, channel) for person in people for channel in step.channels)
    return addressed, tuple(nobody)


def _chains(episode: Episode, registry: Registry) -> Iterator[tuple[str, ...]]:
    """The places concerned, each with all above it, nearest first; those where it still holds."""
    running = [one for one in episode.subjects if one.cleared_at is None] or episode.subjects
    for concern in running[:_PLACES]:
        chain = tuple(at.id for at in registry.above(where(registry, concern.subject).place))
        yield chain or ((episode.site,) if episode.site else ())
