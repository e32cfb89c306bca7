"""SQLite as all of ours use it. Rule: few statements with many rows rather than many statements.

Each statement lets other threads run, and when the event loop is busy each costs a wait for its turn:
a commit of five hundred single inserts under load would take longer than an SOS may.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

_SIZES = (128, 16, 1)  # rows in one statement; at most 32,766 values (SQLITE_MAX_VARIABLE_NUMBER)


def connect(path: Path, synchronous: str = "FULL") -> sqlite3.Connection:
    """A connection: WAL, explicit transactions, usable from the owner's thread. Raises sqlite3.Error."""
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute(f"PRAGMA synchronous = {synchronous}")
    database.execute("PRAGMA wal_autocheckpoint = 4000")
    return database


def insert(
    database: sqlite3.Connection, table: str, rows: Sequence[tuple[object, ...]], *, verb: str = "INSERT"
) -> None:
    """Insert whole rows; `verb` may be INSERT OR REPLACE or INSERT OR IGNORE. `table` is our own word."""
    done = 0
    for size in _SIZES:
        while len(rows) - done >= size:
            part = rows[done : done + size]
            one = f"({','.join('?' * len(part[0]))})"
            database.execute(
                f"{verb} INTO {table} VALUES {','.join([one] * size)}",
                [value for row in part for value in row],
            )
            done += size
