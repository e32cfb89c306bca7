"""A PostgreSQL and an MQTT broker of our own, for demos, tests and small houses.

Rule of this package: what it starts ends with the process that started it, however that process ends.
"""

from ingest.embedded.broker import EmbeddedBroker
from ingest.embedded.guarded import EmbeddedError
from ingest.embedded.postgres import EmbeddedPostgres

__all__ = ["EmbeddedBroker", "EmbeddedError", "EmbeddedPostgres"]
