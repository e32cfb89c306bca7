"""A round of calling people for one alert: how far it has come.

Rule: a `Call` follows from the events of its alert alone, so it is the same after every restart.
"""

from dataclasses import dataclass, replace

from alerts.event import Address, EventName, MessageDelivered, MessageFailed, Notified


@dataclass(frozen=True, slots=True)
class Call:
    """A round of calling, that began `since` (ms, our clock) or began again then (`cycle` counts that).

    `why` is what it began with: opened, evidence, released, lapsed.

    `step` is the next step of the ladder, `stepped_at` when the last was taken, `ladder` the id of the one it
    goes by ("" at the beginning). Of the last step that told somebody: `sent_at`, `waiting` those without a
    receipt yet, `refused` those whose message failed, `delivered` whether a receipt came (of one that failed
    at first, too). `unstaffed`: the last step found nobody on duty. `addressed` are all that were told in
    this round; `again`: they are to be told once more, since there is fresh evidence.
    """

    since: int
    why: EventName = EventName.OPENED
    cycle: int = 0
    step: int = 0
    stepped_at: int = 0
    ladder: str = ""
    sent_at: int | None = None
    waiting: tuple[Address, ...] = ()
    delivered: bool = False
    unstaffed: bool = False
    addressed: tuple[Address, ...] = ()
    again: bool = False
    refused: tuple[Address, ...] = ()


def stepped(call: Call, event: Notified) -> Call:
    """After a step was taken, or those told before were told again."""
    if event.again:
        return replace(call, again=False)
    after = replace(
        call,
        since=event.at if event.cycle > call.cycle else call.since,
        cycle=event.cycle,
        step=event.step + 1,
        stepped_at=event.at,
        ladder=event.ladder,
        unstaffed=bool(event.nobody) and not event.to,
        addressed=tuple(dict.fromkeys((*call.addressed, *event.to))),
        again=False,
    )
    sent = replace(after, sent_at=event.at, waiting=event.to, refused=(), delivered=False)
    return sent if event.to else after


def answered(call: Call, event: MessageDelivered | MessageFailed) -> Call:
    """After a receipt, or word that there will be none; what failed at first may still be delivered."""
    one, delivered = Address(event.to, event.channel), isinstance(event, MessageDelivered)
    if one not in call.waiting and not (delivered and one in call.refused):
        return call
    waiting, refused = _without(call.waiting, one), _without(call.refused, one)
    if not delivered:
        return replace(call, waiting=waiting, refused=(*refused, one))
    return replace(call, waiting=waiting, refused=refused, delivered=True)


def _without(addresses: tuple[Address, ...], one: Address) -> tuple[Address, ...]:
    return tuple(address for address in addresses if address != one)
