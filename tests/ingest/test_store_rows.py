"""The packed bytes are what PostgreSQL's COPY takes, and every column reads back as it was observed."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from devices.observation import Observation, Quality
from devices.reading import TimeSource
from ingest.store.rows import COPY, HEAD, TAIL, pack

pytestmark = pytest.mark.integration

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS = (
    "at, received_at, site, device, resident, place, metric, value, word, quality, at_source, late, detail,"
    " by_whom, confidence::float8, journal_seq, part, device_at, key, utc_offset"
)


@pytest.fixture
def database(dsn: str) -> Iterator[psycopg.Connection]:
    """A database with the table alone, in one piece."""
    folder = files("ingest.store") / "migrations"
    with psycopg.connect(dsn, autocommit=True, options="-c timezone=UTC") as connection:
        for name in (
            "0002_observation.sql",
            "0003_device_at.sql",
            "0005_observation_key.sql",
            "0006_utc_offset.sql",
        ):
            text = (folder / name).read_text("utf-8")
            connection.execute(text.replace("/* PARTITION */", "").encode())
        yield connection


_TEXTS = st.text(max_size=30) | st.sampled_from(
    ["", "\0", "a\0b", "\ud800", "x\udfffy", "床 12", "\U0001f600", "'\\\t\n"]
)
_TIMES = st.integers(0, 253_402_300_799_999)
_VALUES = (
    st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0.0, -0.0, 5e-324, 1.7e308, 36.6])
    | _TEXTS.filter(bool)
)
_OBSERVATIONS = st.builds(
    Observation,
    device=_TEXTS,
    metric=st.sampled_from(["heart_rate", "sos", "zone"]),
    value=_VALUES,
    at=_TIMES,
    received_at=_TIMES,
    quality=st.sampled_from(Quality),
    at_source=st.sampled_from(TimeSource),
    site=_TEXTS,
    resident=_TEXTS,
    place=_TEXTS,
    late=st.booleans(),
    key=_TEXTS,
    detail=_TEXTS,
    confidence=st.none() | st.floats(0, 1, width=32),
    by=_TEXTS,
    device_at=st.none() | _TIMES,
    utc_offset=st.none() | st.integers(-900, 900),
)


def _text(text: str) -> str:
    """As a PostgreSQL text can hold it."""
    return "".join("\ufffd" if c == "\0" else "?" if 0xD800 <= ord(c) < 0xE000 else c for c in text)


def _expected(seq: int, part: int, o: Observation) -> tuple[object, ...]:
    word = isinstance(o.value, str)
    return (
        _EPOCH + timedelta(milliseconds=o.at),
        _EPOCH + timedelta(milliseconds=o.received_at),
        _text(o.site),
        _text(o.device),
        _text(o.resident) or None,
        _text(o.place) or None,
        o.metric,
        None if word else float(o.value),
        _text(str(o.value)) if word else None,
        o.quality.value,
        o.at_source.value,
        o.late,
        _text(o.detail) or None,
        _text(o.by) or None,
        o.confidence,
        seq,
        part,
        None if o.device_at is None else _EPOCH + timedelta(milliseconds=o.device_at),
        _text(o.key) or None,
        o.utc_offset,
    )


@given(
    entries=st.dictionaries(
        st.integers(1, 2**63 - 1), st.lists(_OBSERVATIONS, max_size=4), min_size=1, max_size=4
    )
)
@example(entries={1: [Observation("d", "zone", "\0\ud800", 0, 0, confidence=None)]})
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_column_reads_back(database: psycopg.Connection, entries: dict[int, list[Observation]]) -> None:
    database.execute("TRUNCATE observation")
    with database.cursor().copy(COPY) as copy:
        copy.write(HEAD)
        for seq, observations in entries.items():
            copy.write(pack(seq, observations))
        copy.write(TAIL)
    found = database.execute(
        f"SELECT {_COLUMNS} FROM observation ORDER BY journal_seq, part".encode()
    ).fetchall()
    expected = [_expected(seq, part, o) for seq in sorted(entries) for part, o in enumerate(entries[seq])]
    assert found == expected
    for row, wanted in zip(found, expected, strict=True):
        if isinstance(wanted[7], float):
            assert math.copysign(1, row[7]) == math.copysign(1, wanted[7]), "also of zero"


def test_no_observation_is_no_bytes() -> None:
    assert pack(1, []) == b""
