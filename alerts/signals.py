"""What devices of the staff say to alerts: a corridor button, a pager, a reader that sees who is there.

Rule: only a registered device, only about what people were called for before it spoke; never a call itself.
A button takes charge of what is open at its place and beneath it; a pager names its alert. Who is seen at
somebody's room or bed is with her: a reader on the corridor says that of nobody.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from alerts.acts import Refused, acknowledge, arrive, resolve
from alerts.book import Book
from alerts.episode import Episode
from alerts.event import Event, State
from alerts.where import where
from devices.observation import Observation, Quality
from devices.reading import TimeSource
from devices.registry import PlaceKind, Registry

BUTTON = "ack_button"
"""The kind of a registered device whose every press takes charge: an ordinary button on the corridor."""

CLOCK_MS = 5_000
"""By how much a device's clock may be behind ours: a press seems older than the call it answers."""

_PRESS = "button_press"
_VISIT = "visit"
_AT_HERS = frozenset((PlaceKind.ROOM, PlaceKind.BED))


class Verb(StrEnum):
    """What is done, by the name of the event that says so."""

    ACKNOWLEDGE = "acknowledge"
    ARRIVE = "arrive"
    RESOLVE = "resolve"


_VERBS = {_PRESS: Verb.ACKNOWLEDGE, "staff_present": Verb.ARRIVE, _VISIT: Verb.ARRIVE} | {
    verb.value: verb for verb in Verb
}

SIGNALS = frozenset(_VERBS)
"""The metrics in which something may be said to alerts."""


class Signal(NamedTuple):
    """An act that follows: on which alert, what, by whom, from where; `seen` as in `acts.acknowledge`."""

    alert: str
    verb: Verb
    by: str
    source: str
    seen: int
    outcome: str = ""


def signals(book: Book, registry: Registry, observation: Observation) -> Iterator[Signal]:
    """The acts that follow from an observation, one for each alert it is about.

    One that is older than the newest call has seen less than that, and will be refused.
    """
    verb = _verb(registry, observation)
    if verb is None:
        return
    by, newest = observation.by or f"device:{observation.device}", latest(observation)
    outcome = str(observation.value) if verb is Verb.RESOLVE else ""
    for episode in book.unresolved():
        if episode.called_at is not None and _about(verb, episode, registry, observation):
            seen = episode.called if episode.called_at <= newest else episode.called - 1
            yield Signal(episode.id, verb, by, f"mqtt:{observation.device}", seen, outcome)


def done(book: Book, signal: Signal, now: int, *, needs_presence: bool = False) -> list[Event] | Refused:
    """What follows from a signal, or why nothing does. `needs_presence` as in `acts.resolve`."""
    alert, verb, by, source, seen, outcome = signal
    match verb:
        case Verb.ACKNOWLEDGE:
            return acknowledge(book, alert, by, now, source, seen=seen)
        case Verb.ARRIVE:
            return arrive(book, alert, by, now, source, seen=seen)
        case Verb.RESOLVE:
            return resolve(
                book, alert, by, outcome, "", now, source, seen=seen, needs_presence=needs_presence
            )


def latest(observation: Observation) -> int:
    """The latest call or question (ms, our clock) that this can be about: none that came after it was heard.

    So a replay of the journal finds what was found at first.
    """
    if observation.at_source is TimeSource.ARRIVAL:
        return observation.received_at
    return min(observation.received_at, observation.at + CLOCK_MS)


def _verb(registry: Registry, observation: Observation) -> Verb | None:
    """What an observation says to alerts, if its device may say so."""
    verb, device = _VERBS.get(observation.metric), registry.device(observation.site, observation.device)
    if verb is None or device is None or observation.value is False:
        return None
    if (
        observation.late or observation.quality is Quality.STALE
    ):  # retained by the broker: nobody knows since when
        return None
    if device.resident and (
        verb is not Verb.ARRIVE or device.calls
    ):  # what she wears takes charge of nothing
        return None
    allowed = {
        _PRESS: device.kind == BUTTON,
        _VISIT: bool(observation.by),
        Verb.RESOLVE: bool(observation.by and observation.detail),  # a person says what it was, of one alert
    }
    return verb if allowed.get(observation.metric, True) else None


def _about(verb: Verb, episode: Episode, registry: Registry, observation: Observation) -> bool:
    """Whether it is said of this alert: of all who are concerned by it now, not of one among many."""
    if observation.metric in set(Verb) and observation.detail:
        return episode.id == observation.detail
    running = [one for one in episode.concerned if one.cleared_at is None] or episode.concerned
    if verb is Verb.ARRIVE:
        return episode.state is not State.ON_SITE and all(
            _with_her(registry, observation, one.subject) for one in running
        )
    return episode.state is State.OPEN and all(
        _beneath(registry, observation.place, one.subject) for one in running
    )


def _beneath(registry: Registry, place: str, subject: str) -> bool:
    return any(place == at.id for at in registry.above(where(registry, subject).place))


def _with_her(registry: Registry, observation: Observation, subject: str) -> bool:
    """Whether who is seen is where the subject is: at her bed, in her room or that place, or her home."""
    found, place = where(registry, subject), registry.places.get(observation.place)
    if observation.resident and found.resident:
        return observation.resident == found.resident
    if place is None:
        return False
    at_hers = place.kind in _AT_HERS or (found.resident and found.place == place.id)
    return bool(at_hers) and _beneath(registry, place.id, subject)
