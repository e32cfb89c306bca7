"""Into PostgreSQL or TimescaleDB. Rule: rows and the journal position they came from commit together."""
