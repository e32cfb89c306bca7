"""What must be looked at from time to time: gauges, and what may be forgotten. Rule: never what is needed."""

import asyncio
import sqlite3
from collections.abc import Callable

import structlog

from ingest import outbox as outboxes
from ingest import outcomes
from ingest.checkpoint import SEEN_FOR_MS, Checkpoint
from ingest.clock import Clock
from ingest.felt import REACH_MS
from ingest.journal import SqliteJournal
from ingest.metrics import Metrics
from ingest.pipeline import Pipeline
from ingest.store.projections import Projections
from ingest.store.writer import Writer

log = structlog.get_logger()

_LOOK_S = 1.0
_PRUNE_EVERY = 600  # looks


class House:
    """Looks after a service. `keep_hours` is how long messages stay in the journal after all is done."""

    def __init__(
        self,
        clock: Clock,
        keep_hours: float,
        journal: SqliteJournal,
        checkpoint: Checkpoint,
        pipeline: Pipeline,
        writer: Writer,
        projections: Projections,
        metrics: Metrics,
        parts: Callable[[], dict[str, str]],
    ) -> None:
        self._clock, self._journal = clock, journal
        self._keep_ms = max(int(keep_hours * 3_600_000), 2 * REACH_MS)  # a start takes signals up from it
        self._checkpoint, self._pipeline, self._writer = checkpoint, pipeline, writer
        self._projections, self._metrics, self._parts = projections, metrics, parts

    async def run(self) -> None:
        """Look every second until cancelled."""
        turn = 0
        while True:
            await asyncio.sleep(_LOOK_S)
            for part, why in self._parts().items():
                self._metrics.up.labels(part).set(not why)
            self._metrics.waiting.set(self._journal.last - self._writer.position)
            self._metrics.facts.set(self._pipeline.facts.size[0])
            self._metrics.facts_refused.set(self._pipeline.facts.refused)
            turn += 1
            self._journal.trim(
                min(self._writer.position, self._pipeline.saved), self._clock.now() - self._keep_ms
            )
            if turn % _PRUNE_EVERY == 0:
                await self._prune()

    async def _prune(self) -> None:
        now = self._clock.now()
        await self._journal.transact(lambda database: outboxes.prune(database, now))
        stored = self._projections.outcomes_stored
        await self._journal.transact(lambda database: outcomes.prune(database, now, stored))
        try:
            await asyncio.to_thread(
                self._checkpoint.forget, seen_before=now - SEEN_FOR_MS, stored=self._writer.position
            )
            self._pipeline.facts.forget(self._writer.position)
        except sqlite3.Error as error:  # locked by a checkpoint under way: next time
            log.warning("not_pruned", error=str(error))
