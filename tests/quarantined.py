"""What is in quarantine, opened. For tests."""

from pathlib import Path

import psycopg

from devices.message import Message
from ingest.seal import Seal, seal_of
from ingest.store.quarantine import Choice, Sealed, message_of, sealed

SEAL = Seal(bytes(32))
"""The seal of tests that have no data folder."""


def quarantined(dsn: str, seal: Seal | Path = SEAL) -> list[tuple[Sealed, Message]]:
    """Every row with its message, in order; `seal` may be the service's data folder."""
    seal = seal_of(seal / "quarantine.key") if isinstance(seal, Path) else seal
    with psycopg.connect(dsn, options="-c timezone=UTC") as database:
        rows = sealed(database, Choice(waiting=False, limit=10_000))
    found = [(row, message_of(row, seal)) for row in rows]
    return [(row, message) for row, message in found if message is not None]
