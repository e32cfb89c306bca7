"""All that follows the journal's database into PostgreSQL. Rule: one transaction brings all of it along."""

from pathlib import Path

import psycopg

from ingest.store.alerts import AlertProjection
from ingest.store.checks import CheckProjection
from ingest.store.rule_records import RuleRecordProjection


class Projections:
    """Alerts, how checks ended, and the rules' record; `__call__` runs in the writer's thread."""

    def __init__(self, path: Path, journal: str) -> None:
        self._checks = CheckProjection(path, journal)
        self._all = (AlertProjection(path, journal), self._checks, RuleRecordProjection(path, journal))

    def __call__(self, database: psycopg.Connection) -> None:
        """Copy what is new. Repeatable; runs inside the caller's transaction."""
        for projection in self._all:
            projection(database)

    @property
    def outcomes_stored(self) -> int:
        """A number up to which the database has all outcomes for good."""
        return self._checks.stored

    def close(self) -> None:
        """Close the connections."""
        for projection in self._all:
            projection.close()
