"""What follows from the act of a named person on the rota: an override, a swap of two turns.

Rule: what cannot be meant (nobody of that name, a turn that somebody else has) is a `Refused`, and changes
nothing; everything else is a change that holds from then on.
"""

from collections.abc import Container
from dataclasses import dataclass
from datetime import date

from alerts.acts import Refusal, Refused
from alerts.duty import Change, Duty
from alerts.rota import Turn

LONGEST_MS = 366 * 86_400_000
"""An override ends: a longer one is a new rota."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """From `since` until before `until` (ms UTC) `person` instead of `instead`, or `person` additionally.

    `nobody`: nobody at all in that role at that place. `instead` without `person`: nobody instead.
    """

    since: int
    until: int
    person: str = ""
    instead: str = ""
    role: str = ""
    place: str = ""
    nobody: bool = False


@dataclass(frozen=True, slots=True)
class TurnOf:
    """A turn by its shift and the local day on which it begins; `person` where several have it together."""

    shift: str
    day: date
    person: str = ""


def override(duty: Duty, asked: Override, places: Container[str], now: int) -> tuple[Change, ...] | Refused:
    """The change that an override is, at `now` (ms UTC)."""
    for person in filter(None, (asked.person, asked.instead)):
        if person not in duty.people:
            return Refused(Refusal.UNKNOWN_PERSON, f"there is no person {person} in the duty file")
    if asked.place and asked.place not in places:
        return Refused(Refusal.UNKNOWN_PLACE, f"there is no place {asked.place} in the registry")
    if not asked.since < asked.until <= asked.since + LONGEST_MS or asked.until <= now:
        return Refused(Refusal.BAD_SCOPE, "until must lie after from and ahead of now, within a year")
    if asked.person == asked.instead != "":
        return Refused(Refusal.BAD_SCOPE, "person and instead are the same")
    if asked.nobody and (asked.person or asked.instead):
        return Refused(Refusal.BAD_SCOPE, "nobody goes without person and instead")
    if not (asked.person or asked.instead or asked.nobody):
        return Refused(Refusal.BAD_SCOPE, "say who: person, instead of whom, or nobody")
    if not asked.instead and not (asked.role and asked.place):
        return Refused(Refusal.BAD_SCOPE, "name the role and the place")
    change = Change(asked.since, asked.until, asked.person, asked.instead, asked.role, asked.place)
    if asked.instead and not any(
        post.person == asked.instead and asked.role in {"", post.role} and asked.place in {"", post.place}
        for _, _, post in duty.spans(asked.since, asked.until)
    ):
        return Refused(
            Refusal.NOT_ON_DUTY, f"{asked.instead} is not on duty in that time: look at the calendar"
        )
    return (change,)


def swap(duty: Duty, one: TurnOf, other: TurnOf, now: int) -> tuple[Change, ...] | Refused:
    """Two people exchange two turns that are not over; the changes, one for each."""
    found = []
    for asked in (one, other):
        turn = _turn(duty, asked)
        if isinstance(turn, Refused):
            return turn
        if turn.end <= now:
            return Refused(Refusal.BAD_SCOPE, f"{asked.shift} of {asked.day} is over")
        who = _who(duty, turn, asked)
        if isinstance(who, Refused):
            return who
        found.append((turn, who))
    (first, an), (second, bo) = found
    if an == bo:
        return Refused(Refusal.BAD_SCOPE, f"{an} has both turns")
    return (
        Change(first.begin, first.end, bo, an, shift=first.shift),
        Change(second.begin, second.end, an, bo, shift=second.shift),
    )


def _turn(duty: Duty, asked: TurnOf) -> Turn | Refused:
    for shift in duty.shifts:
        if shift.id == asked.shift and (turn := shift.on(asked.day)):
            return turn
    return Refused(Refusal.UNKNOWN_SHIFT, f"there is no shift {asked.shift} on {asked.day}")


def _who(duty: Duty, turn: Turn, asked: TurnOf) -> str | Refused:
    """Whose turn it is, after all changes so far."""
    people = {post.person for post in duty.posts(turn.begin) if post.shift == turn.shift}
    if asked.person:
        if asked.person in people:
            return asked.person
        return Refused(Refusal.NOT_ON_DUTY, f"{asked.person} does not have {asked.shift} of {asked.day}")
    if len(people) == 1:
        return people.pop()
    who = "nobody has" if not people else f"{', '.join(sorted(people))} have"
    return Refused(Refusal.BAD_SCOPE, f"{who} {asked.shift} of {asked.day}: name the person")
