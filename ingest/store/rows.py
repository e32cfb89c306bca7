"""Observations as the bytes of PostgreSQL's binary COPY. Rule: pure; one row per observation, in order.

Packed by hand because this is the widest road of the service: about a microsecond a row. The format is
that of the PostgreSQL manual, COPY, "Binary Format".
"""

import struct
from collections.abc import Iterable
from functools import lru_cache

import psycopg

from devices.observation import Observation

COPY = (
    "COPY observation (site, device, metric, quality, at_source, resident, place, at, received_at, late,"
    " value, journal_seq, part, word, detail, by_whom, confidence, device_at, key, utc_offset)"
    " FROM STDIN (FORMAT binary)"
)

HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TAIL = b"\xff\xff"

REFUSED = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.errors.ProgramLimitExceeded,
    ValueError,
    OverflowError,
    struct.error,
)
"""A row's own fault: what it holds is too long, too large or no text. It must not hold up the others."""

_COLUMNS = struct.pack("!h", 20)
_NULL = b"\xff\xff\xff\xff"
_NO_TAIL = 7 * _NULL
_KEY_ALONE = 5 * _NULL
_NUMBER = struct.Struct("!iqiqi?idiqii")
_WORD = struct.Struct("!iqiqi?iiqii")
_INT2 = struct.Struct("!ih")
_FLOAT4 = struct.Struct("!if")
_TIME = struct.Struct("!iq")
_EPOCH_MS = 946_684_800_000  # PostgreSQL counts microseconds from 2000-01-01


def pack(seq: int, observations: Iterable[Observation], first: int = 0) -> bytes:
    """The rows of one journal entry, numbered from `first` on."""
    parts: list[bytes] = []
    for part, o in enumerate(observations, first):
        at, received_at = (o.at - _EPOCH_MS) * 1000, (o.received_at - _EPOCH_MS) * 1000
        parts.append(_whose(o.site, o.device, o.metric, o.quality, o.at_source, o.resident, o.place))
        if isinstance(o.value, str):
            parts.append(_WORD.pack(8, at, 8, received_at, 1, o.late, -1, 8, seq, 4, part))
        else:
            parts.append(_NUMBER.pack(8, at, 8, received_at, 1, o.late, 8, o.value, 8, seq, 4, part))
        if (
            isinstance(o.value, str)
            or o.detail
            or o.by
            or o.confidence is not None
            or o.device_at is not None
            or o.utc_offset is not None
        ):
            parts.append(_tail(o))
        elif o.key:
            parts.append(_KEY_ALONE + _text(o.key) + _NULL)
        else:
            parts.append(_NO_TAIL)
    return b"".join(parts)


@lru_cache(maxsize=200_000)
def _whose(
    site: str, device: str, metric: str, quality: str, source: str, resident: str, place: str
) -> bytes:
    texts = (_text(site), _text(device), _text(metric), _text(quality), _text(source))
    return b"".join(
        (_COLUMNS, *texts, _text(resident) if resident else _NULL, _text(place) if place else _NULL)
    )


def _tail(o: Observation) -> bytes:
    return b"".join(
        (
            _text(o.value) if isinstance(o.value, str) else _NULL,
            _text(o.detail) if o.detail else _NULL,
            _text(o.by) if o.by else _NULL,
            _FLOAT4.pack(4, o.confidence) if o.confidence is not None else _NULL,
            _TIME.pack(8, (o.device_at - _EPOCH_MS) * 1000) if o.device_at is not None else _NULL,
            _text(o.key) if o.key else _NULL,
            _INT2.pack(2, o.utc_offset) if o.utc_offset is not None else _NULL,
        )
    )


def _text(text: str) -> bytes:
    """UTF-8 with its length. NUL, which PostgreSQL's text cannot hold, becomes U+FFFD."""
    data = text.replace("\0", "\ufffd").encode("utf-8", "replace")
    return struct.pack("!i", len(data)) + data
