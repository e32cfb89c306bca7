"""Observations read back from the database, as they were stored and in the order in which they came.

Rule: what comes out is what went in: value, time, quality, whose it was then, and the key of its happening,
so that whatever decided on them live decides the same on them again.

Not there, since it never was an observation: rejected messages (they are in quarantine) and repeats. A row
from before migration 0005 has no key: the alerts it leads to are the same but for their ids, where the device
sends keys.
"""

from collections.abc import Iterator

import psycopg

from alerts.acts import Act
from alerts.decide import SUSPENSION
from alerts.event import Acknowledged, Ending, Event, Resolved, SuspensionBegun, SuspensionEnded
from alerts.records import load_event
from devices.metrics import METRICS, Kind
from devices.observation import Observation, Quality
from devices.reading import TimeSource, Value

BELATED_MS = 31 * 86_400_000
"""How long before its arrival an observation may have been made and still be found: keeps a query of one week
from reading all the years before it."""

_READ_AT_ONCE = 5_000

# A float4 as text is the shortest decimal that is it: 0.9 comes back as 0.9.
_SELECT = """
SELECT device, metric, coalesce(word, ''), value,
    (date_part('epoch', at) * 1000)::bigint, (date_part('epoch', received_at) * 1000)::bigint,
    quality, at_source, site, coalesce(resident, ''), coalesce(place, ''), late, coalesce(key, ''),
    coalesce(detail, ''), confidence::text::float8, coalesce(by_whom, ''),
    (date_part('epoch', device_at) * 1000)::bigint, utc_offset
FROM observation
WHERE received_at >= to_timestamp(%(since)s / 1000.0) AND received_at < to_timestamp(%(until)s / 1000.0)
    AND at >= to_timestamp((%(since)s - %(belated)s) / 1000.0)
    AND (%(resident)s = '' OR resident = %(resident)s OR (%(shared)s AND resident IS NULL))
ORDER BY received_at, journal_seq, part
"""

_ACTS = """
SELECT body::text FROM alert_event
WHERE event IN ('acknowledged', 'resolved', 'suspension_begun', 'suspension_ended')
    AND at >= to_timestamp(%(since)s / 1000.0) AND at < to_timestamp(%(until)s / 1000.0)
ORDER BY at, seq
"""

_SPANS = """
SELECT what, (extract(epoch FROM at) * 1000)::bigint, (body->>'since')::bigint FROM rule_record
WHERE what IN ('begun', 'deaf')
    AND at >= to_timestamp(%(since)s / 1000.0) AND at < to_timestamp(%(until)s / 1000.0)
ORDER BY at, seq
"""

_QUALITIES = {quality.value: quality for quality in Quality}
_SOURCES = {source.value: source for source in TimeSource}
_KINDS = {name: metric.kind for name, metric in METRICS.items()}


def observations(
    database: psycopg.Connection, since: int, until: int, resident: str = "", *, shared: bool = False
) -> Iterator[Observation]:
    """What was received from `since` until before `until` (ms UTC), of one resident or of all; streamed.

    With `shared`, of one resident also what is nobody's alone: it may be about her.

    In the order of arrival, then of the journal: the order in which the rules were given them. Raises
    `psycopg.Error`. The connection is this generator's own until it ends: it reads by a server-side cursor in
    a transaction.
    """
    given = {"since": since, "until": until, "belated": BELATED_MS, "resident": resident, "shared": shared}
    with database.transaction(), database.cursor("history", binary=True) as cursor:
        cursor.itersize = _READ_AT_ONCE
        cursor.execute(_SELECT, given)
        for row in cursor:
            device, metric, word, value, at, received_at, quality, source, *rest = row
            site, whose, place, late, key, detail, confidence, by, device_at, offset = rest
            yield Observation(
                device,
                metric,
                word if value is None else _value(metric, value),
                at,
                received_at,
                _QUALITIES[quality],
                _SOURCES[source],
                site,
                whose,
                place,
                late,
                key,
                detail,
                confidence,
                by,
                device_at,
                offset,
            )


def _value(metric: str, stored: float) -> Value:
    """A number of the table as the value it stands for: states and events are stored as 1 and 0."""
    kind = _KINDS.get(metric)
    return bool(stored) if kind is Kind.STATE or kind is Kind.EVENT else stored


def acts(database: psycopg.Connection, since: int, until: int) -> list[Act]:
    """What people did about alerts in a period (ms UTC), in order; not what followed from it by itself."""
    found = database.execute(_ACTS, {"since": since, "until": until})
    return [event for (body,) in found if (event := _act(load_event(body))) is not None]


def _act(event: Event) -> Act | None:
    match event:
        case Acknowledged() | SuspensionBegun():
            return event
        case Resolved() if event.source != SUSPENSION:
            return event
        case SuspensionEnded() if event.ending is Ending.ENDED:
            return event
        case _:
            return None


def spans(database: psycopg.Connection, since: int, until: int) -> list[tuple[str, int, int]]:
    """When in a period the rules began, and until when nobody could be heard, in order.

    Each is (what, at, since) in ms UTC; `since` is 0 for a beginning.
    """
    found = database.execute(_SPANS, {"since": since, "until": until})
    return [(what, at, begin or 0) for what, at, begin in found]
