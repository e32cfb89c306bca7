"""A round of calling people for one alert: how far it has come.

Rule: a `Call` follows from the events of its alert alone, so it is the same after every restart.
"""

from dataclasses import dataclass, replace

from alerts.event import Address, MessageDelivered, MessageFailed, Notified


@dataclass(frozen=True, slots=True)
class Call:
    """A round of calling, that began `since` (ms, our clock) or began again then (`cycle` counts that).

    `step` is the next step of the ladder, `stepped_at` when the last was taken, `waiting` to whom of it no
    receipt came yet, `delivered` whether one did. `addressed` are all that were told in this round. `again`:
    they are to be told once more, since there is fresh evidence. `ladder` is the id of the one it goes by,
    "" at the beginning.
    """

    since: int
    cycle: int = 0
    step: int = 0
    stepped_at: int = 0
    waiting: tuple[Address, ...] = ()
    delivered: bool = False
    addressed: tuple[Address, ...] = ()
    again: bool = False
    ladder: str = ""


def stepped(call: Call, event: Notified) -> Call:
    """After a step was taken, or those told before were told again."""
    if event.again:
        return replace(call, again=False)
    return Call(
        since=event.at if event.cycle > call.cycle else call.since,
        cycle=event.cycle,
        step=event.step + 1,
        stepped_at=event.at,
        waiting=event.to,
        addressed=tuple(dict.fromkeys((*call.addressed, *event.to))),
        again=call.again and not event.to,
        ladder=event.ladder,
    )


def answered(call: Call, event: MessageDelivered | MessageFailed) -> Call:
    """After a receipt, or word that there will be none."""
    one = Address(event.to, event.channel)
    waiting = tuple(address for address in call.waiting if address != one)
    return replace(
        call,
        waiting=waiting,
        delivered=call.delivered or (isinstance(event, MessageDelivered) and one in call.waiting),
    )
