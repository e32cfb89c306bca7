"""Episodes and events as JSON, for the database and for other programs.

Rule: reading gives back exactly what was written; a record says its version, and an unknown one is an error.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import orjson

from alerts.call import Call
from alerts.episode import Concern, Episode, Sign
from alerts.event import (
    Acknowledged,
    Address,
    Arrived,
    Cleared,
    Ending,
    Event,
    EventName,
    EvidenceAdded,
    Lapsed,
    MessageDelivered,
    MessageFailed,
    Notified,
    Opened,
    Outcome,
    Released,
    Resolved,
    State,
    Suppressed,
    SuppressionEnded,
    Suspended,
    SuspensionBegun,
    SuspensionEnded,
    Told,
    Weight,
)
from rules.decision import Evidence, Severity

VERSION = 1
"""Version of the records written here."""

_EVENTS: Mapping[EventName, type[Event]] = {
    **dict.fromkeys((EventName.SHELVED, EventName.OUT_OF_SERVICE), Suspended),
    **{
        kind.name: kind
        for kind in (
            Opened,
            EvidenceAdded,
            Cleared,
            Acknowledged,
            Arrived,
            Lapsed,
            Notified,
            MessageDelivered,
            MessageFailed,
            Resolved,
            Released,
            SuspensionBegun,
            SuspensionEnded,
            Suppressed,
            SuppressionEnded,
        )
    },
}


def _addresses(value: list[dict[str, str]]) -> tuple[Address, ...]:
    return tuple(Address(**one) for one in value)


_READ: Mapping[str, Callable[[Any], object]] = {
    "severity": Severity,
    "state": State,
    "outcome": lambda value: None if value is None else Outcome(value),
    "weight": Weight,
    "told": Told,
    "call": lambda value: None if value is None else Call(**_typed(value) | {"why": EventName(value["why"])}),
    "to": lambda value: value if isinstance(value, str) else _addresses(value),
    "nobody": tuple,
    "took": tuple,
    "came": tuple,
    "waiting": _addresses,
    "refused": _addresses,
    "addressed": _addresses,
    "ending": Ending,
    "signs": lambda value: tuple(Sign(**_typed(sign)) for sign in value),
    "subjects": lambda value: tuple(Concern(**concern) for concern in value),
}
"""Fields that are more than JSON holds. So is `evidence` in an event; in an episode it is a count."""


def dump_event(event: Event) -> bytes:
    """An event as one JSON object: `v`, `event` (its name) and its fields."""
    return orjson.dumps({"v": VERSION, "event": event.name} | _fields(event))


def load_event(record: bytes | str) -> Event:
    """The event that `dump_event` wrote. Raises ValueError for anything else."""
    values = _object(record)
    try:
        kind = _EVENTS[EventName(values.pop("event"))]
        if "evidence" in values:
            values["evidence"] = Evidence(**values["evidence"])
        return kind(**_typed(values))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"not an alert event of version {VERSION}") from error


def dump_episode(episode: Episode) -> bytes:
    """An episode as one JSON object: `v` and its fields, times in ms UTC."""
    return orjson.dumps({"v": VERSION} | _fields(episode))


def load_episode(record: bytes | str) -> Episode:
    """The episode that `dump_episode` wrote. Raises ValueError for anything else."""
    values = _object(record)
    try:
        return Episode(**_typed(values))
    except (TypeError, ValueError) as error:
        raise ValueError(f"not an episode of version {VERSION}") from error


def _object(record: bytes | str) -> dict[str, Any]:
    values = orjson.loads(record)
    if not isinstance(values, dict) or values.pop("v", None) != VERSION:
        raise ValueError(f"not a record of version {VERSION}")
    return values


def _fields(value: Event | Episode) -> dict[str, object]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _typed(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _READ[name](value) if name in _READ else value for name, value in values.items()}
