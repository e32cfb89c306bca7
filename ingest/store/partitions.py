"""Where the rows of plain PostgreSQL go: a partition a month. Rule: one is made before its first row."""

from collections.abc import Iterable
from datetime import UTC, datetime

import psycopg

from devices.observation import Observation

DAY_MS = 86_400_000


def ensure_months(
    database: psycopg.Connection, observations: Iterable[Observation], known: set[tuple[int, int]]
) -> None:
    """Make the partitions these rows need; `known` are those that are there, and is added to."""
    for day in {o.at // DAY_MS for o in observations}:
        date = datetime.fromtimestamp(day * 86_400, UTC)
        month = (date.year, date.month)
        if month in known:
            continue
        following = (date.year + date.month // 12, date.month % 12 + 1)
        database.execute(
            f"CREATE TABLE IF NOT EXISTS observation_{month[0]}_{month[1]:02} PARTITION OF observation"
            f" FOR VALUES FROM ('{month[0]}-{month[1]:02}-01 00:00Z')"
            f" TO ('{following[0]}-{following[1]:02}-01 00:00Z')".encode()
        )
        known.add(month)
