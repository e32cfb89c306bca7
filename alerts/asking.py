"""The resident is asked first, where a rule says so, and she can be: a few seconds to say that all is well.

Rule: asking is never a silent delay. What is about somebody's life is not asked about; who has nothing that
can show the question, or cannot be reached now, is not asked; no answer calls people.

A press of the button is always a call for help (R-42), never an answer. All is well says who takes her alarm
back on her own device (`help_cancelled`), or tells that she is fine by it (`check_in`): a device that is hers
alone. An answer that comes too late closes nothing.
"""

from collections.abc import Sequence

from alerts.book import Book
from alerts.episode import Episode
from alerts.escalate import RESIDENT
from alerts.event import Event, Outcome, Resolved, State
from alerts.signals import latest
from devices.observation import Observation, Quality
from devices.registry import Device, Registry

ANSWERS = frozenset(("help_cancelled", "check_in"))
"""The metrics by which a resident says that all is well."""

PRESENCE = "online"
"""The metric in which the broker says that a device came or went."""


def can_show(registry: Registry, resident: str) -> Sequence[Device]:
    """Her own devices that can show her a word of ours (R-11)."""
    return [device for device in registry.devices.values() if device.downlink and device.resident == resident]


def cut_off(book: Book, resident: str) -> bool:
    """Whether her devices are known to be silent, flat, unworn or away: nobody would hear a question."""
    return any(
        one.subject == resident and one.cleared_at is None
        for episode in book.unresolved()
        if episode.kind == _UNPROTECTED
        for one in episode.subjects
    )


_UNPROTECTED = "unprotected"


def answered(book: Book, registry: Registry, observation: Observation, now: int) -> list[Event]:
    """What follows from a resident's answer: what she was asked about is resolved by herself."""
    device = registry.device(observation.site, observation.device)
    said = observation.metric in ANSWERS and observation.value is not False
    if not said or device is None or not device.resident:
        return []
    if observation.late or observation.quality is Quality.STALE:  # who knows which question that answers
        return []
    return [
        Resolved(episode.id, episode.number + 1, now, device.resident, Outcome.NO_ACTION, RESIDENT)
        for episode in book.unresolved()
        if episode.state is State.ASKING
        and _hers(episode, device.resident)
        and observation.received_at < episode.ask_until
        and latest(observation) >= episode.raised_at
    ]


def _hers(episode: Episode, resident: str) -> bool:
    return all(one.subject == resident for one in episode.subjects)
