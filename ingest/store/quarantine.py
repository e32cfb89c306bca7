"""The table of what could not become observations: its rows, and what a retry makes of them.

Rule: a message stays here, sealed and whole, until a retry understood all of it; what a retry stores is in
one transaction with the row that says so, so nothing is stored twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import LiteralString, NamedTuple

import psycopg
from psycopg.rows import class_row

from devices.message import MAX_PAYLOAD_BYTES, Message
from devices.observation import Observation
from devices.reading import Rejected
from devices.scrub import masked, shown
from ingest.feed import Processed
from ingest.seal import Seal
from ingest.store.partitions import ensure_months
from ingest.store.rows import COPY, HEAD, TAIL, pack
from ingest.store.schema import is_hypertable

_DETAIL = 1000


@dataclass(frozen=True, slots=True)
class Held:
    """One row as people may see it. `shown` and `topic` are without secrets and personal identifiers."""

    id: int
    received_at: datetime
    topic: str
    device: str
    family: str
    reason: str
    detail: str
    size: int
    shown: str
    stored: int
    retried_at: datetime | None
    understood_at: datetime | None


class Choice(NamedTuple):
    """Which rows: `""` is any; `waiting`, those not understood yet; `after`, `before` an id (0: none)."""

    reason: str = ""
    family: str = ""
    device: str = ""
    waiting: bool = True
    ids: Sequence[int] = ()
    after: int = 0
    before: int = 0
    limit: int = 100


class Sealed(NamedTuple):
    """One row as a retry needs it."""

    id: int
    journal: str
    seq: int
    received_at: int
    retained: bool
    size: int
    sealed: bool
    topic: str
    payload: bytes
    stored: int


class Answer(NamedTuple):
    """What a retry made of a row: new observations, and what is still rejected (nothing: all understood)."""

    row: Sealed
    observations: Sequence[Observation]
    rejected: Sequence[Rejected]


_SHOWN: LiteralString = (
    "id, received_at, topic, device, family, reason, detail, size, shown, stored, retried_at, understood_at"
)
_CHOSEN: LiteralString = (
    " FROM quarantine WHERE id > %(after)s AND (%(before)s = 0 OR id < %(before)s)"
    " AND (%(reason)s = '' OR reason = %(reason)s) AND (%(family)s = '' OR family = %(family)s)"
    " AND (%(device)s = '' OR device = %(device)s) AND (NOT %(waiting)s OR understood_at IS NULL)"
    " AND (%(ids)s::bigint[] = '{}' OR id = ANY(%(ids)s))"
)


def row_of(journal: str, entry: Processed, seal: Seal) -> tuple[object, ...]:
    """The row of an entry that was turned down in whole or in part, for `INSERT`."""
    message, first = entry.message, entry.rejected[0]
    message = message or Message("", b"", 0)
    return (
        journal,
        entry.seq,
        datetime.fromtimestamp(message.received_at / 1000, UTC),
        _plain(masked(message.topic)),
        _plain(masked(first.device)),
        first.reason.value,
        reasons(entry.rejected),
        len(entry.rejected),
        max(message.size, len(message.payload)),
        seal.close(message.topic, message.payload, f"{journal}:{entry.seq}"),
        entry.family,
        _plain(shown(message.payload)),
        message.retained,
        len(entry.observations),
    )


INSERT: LiteralString = (
    "INSERT INTO quarantine (journal, journal_seq, received_at, topic, device, reason, detail, readings,"
    " size, payload, family, shown, retained, stored, sealed)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, true) ON CONFLICT DO NOTHING"
)


def held(database: psycopg.Connection, choice: Choice) -> list[Held]:
    """The chosen rows, the newest first."""
    with database.cursor(row_factory=class_row(Held)) as cursor:
        cursor.execute(
            "SELECT " + _SHOWN + _CHOSEN + " ORDER BY id DESC LIMIT %(limit)s", _parameters(choice)
        )
        return cursor.fetchall()


def counts(database: psycopg.Connection, choice: Choice) -> list[tuple[str, str, int]]:
    """How many of the chosen rows there are, by family and reason, the most first."""
    return database.execute(
        "SELECT family, reason, count(*)" + _CHOSEN + " GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2",
        _parameters(choice),
    ).fetchall()


def sealed(database: psycopg.Connection, choice: Choice) -> list[Sealed]:
    """The chosen rows as a retry needs them, in order."""
    rows = database.execute(
        "SELECT id, journal, journal_seq, (extract(epoch FROM received_at) * 1000)::bigint, retained, size,"
        " sealed, topic, payload, stored" + _CHOSEN + " ORDER BY id LIMIT %(limit)s",
        _parameters(choice),
    ).fetchall()
    return [Sealed(*row) for row in rows]


def message_of(row: Sealed, seal: Seal) -> Message | None:
    """The message as it came; None when it is sealed with another key. Only its head, if it was too long."""
    opened: tuple[str, bytes] | None = (row.topic, row.payload)
    if row.sealed:
        opened = seal.open(row.payload, f"{row.journal}:{row.seq}")
    if opened is None:
        return None
    topic, payload = opened
    size = row.size if row.size > MAX_PAYLOAD_BYTES else -1
    return Message(topic, payload, row.received_at, retained=row.retained, size=size)


def stored_before(database: psycopg.Connection, row: Sealed, observations: Sequence[Observation]) -> set[int]:
    """Positions of the observations that this row's message gave before, and which are stored."""
    if not observations:
        return set()
    there = set(
        database.execute(
            "SELECT device, metric, (extract(epoch FROM at) * 1000)::bigint FROM observation"
            " WHERE journal_seq = %s AND at BETWEEN to_timestamp(%s) AND to_timestamp(%s)",
            (
                row.seq,
                min(o.at for o in observations) / 1000 - 1,
                max(o.at for o in observations) / 1000 + 1,
            ),
        ).fetchall()
    )
    return {n for n, o in enumerate(observations) if (_plain(o.device), o.metric, o.at) in there}


def store(database: psycopg.Connection, answer: Answer) -> bool:
    """Store what a retry understood, once; False when another retry was faster. Raises `psycopg.Error`."""
    row = answer.row
    with database.transaction():
        free = database.execute(
            "SELECT 1 FROM quarantine WHERE id = %s AND understood_at IS NULL AND stored = %s FOR UPDATE",
            (row.id, row.stored),
        ).fetchone()
        if free is None:
            return False
        if answer.observations:
            if not is_hypertable(database):
                ensure_months(database, answer.observations, set())
            with database.cursor().copy(COPY) as copy:
                copy.write(HEAD)
                copy.write(pack(row.seq, answer.observations, row.stored))
                copy.write(TAIL)
        database.execute(
            "UPDATE quarantine SET retried_at = now(), stored = stored + %s, readings = %s,"
            " understood_at = CASE WHEN %s THEN now() END,"
            " reason = coalesce(%s, reason), detail = coalesce(%s, detail) WHERE id = %s",
            (
                len(answer.observations),
                len(answer.rejected),
                not answer.rejected,
                answer.rejected[0].reason.value if answer.rejected else None,
                reasons(answer.rejected) if answer.rejected else None,
                row.id,
            ),
        )
    return True


def reasons(rejected: Sequence[Rejected]) -> str:
    """Why, for people, but without persons: a field may be named after one, or by a number."""
    return _plain(masked("; ".join(dict.fromkeys(r.detail for r in rejected if r.detail)))[:_DETAIL])


def _parameters(choice: Choice) -> dict[str, object]:
    return choice._asdict() | {"ids": list(choice.ids)}


def _plain(text: str) -> str:
    """Text as PostgreSQL can hold it."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
