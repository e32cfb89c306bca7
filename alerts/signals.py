"""What a device on the corridor says to alerts: a button that takes charge, a reader that sees who is there.

Rule: only a registered device, only about what people were called for before it spoke; never a call itself.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from alerts.book import Book
from alerts.event import State
from alerts.where import where
from devices.observation import Observation
from devices.registry import Registry

ACKNOWLEDGE = "acknowledge"
"""The event of a corridor button or pager: `detail` may name the alert."""

PRESENT = "staff_present"

CLOCK_MS = 5_000
"""By how much a device's clock may be behind ours: a press seems older than the call it answers."""

SIGNALS = frozenset((ACKNOWLEDGE, PRESENT))


class Verb(StrEnum):
    """What is done."""

    ACKNOWLEDGE = "acknowledge"
    ARRIVE = "arrive"


class Signal(NamedTuple):
    """An act that follows: on which alert, what, by whom, from where."""

    alert: str
    verb: Verb
    by: str
    source: str


def signals(book: Book, registry: Registry, observation: Observation) -> Iterator[Signal]:
    """The acts that follow from an observation, one for each alert it is about."""
    if observation.metric not in SIGNALS or observation.value is not True or observation.late:
        return
    device = registry.device(observation.site, observation.device)
    if device is None or device.resident:  # what she wears takes charge of nothing
        return
    verb = Verb.ARRIVE if observation.metric == PRESENT else Verb.ACKNOWLEDGE
    by = observation.by or f"device:{observation.device}"
    for episode in book.unresolved():
        called = episode.called_at
        if called is None or called > observation.at + CLOCK_MS or episode.state is State.ON_SITE:
            continue
        if verb is Verb.ACKNOWLEDGE and (episode.state is not State.OPEN):
            continue
        if observation.metric == ACKNOWLEDGE and observation.detail:
            about = episode.id == observation.detail
        else:
            here = observation.place
            places = (where(registry, one.subject).place for one in episode.subjects)
            about = bool(here) and any(here == at.id for place in places for at in registry.above(place))
        if about:
            yield Signal(episode.id, verb, by, f"mqtt:{observation.device}")
