"""What is processed and waits to be stored, in order.

Rule: a store that keeps up takes it from memory, one that fell behind from the journal again, the same.
"""

import asyncio
from typing import NamedTuple, Protocol

from devices.message import Message
from devices.observation import Observation
from devices.ourselves import SYNTHETIC_TOPIC
from devices.reading import Rejected
from ingest.interpret import Interpreted

_HELD_ROWS = 200_000  # what the store may leave in memory
_NEAR = 5_000  # entries; a store no further behind is worth keeping results for

SLICE = 32
"""Entries processed before others may run (about 2 ms)."""


class Again(Protocol):
    """Who processes entries."""

    position: int

    def again(self, after: int, limit: int) -> list["Processed"]:
        """Processed entries once more from the journal."""
        ...

    def message(self, seq: int) -> Message | None:
        """The message of an entry while the journal has it."""
        ...


class Processed(NamedTuple):
    """One entry as the store wants it: its new observations, and why others are none.

    `message` is there only when something was rejected: then it goes to quarantine, as of its `family`.
    """

    seq: int
    observations: list[Observation]
    rejected: tuple[Rejected, ...]
    message: Message | None
    family: str = ""


def as_processed(seq: int, fresh: list[Observation], said: Interpreted, message: Message) -> Processed:
    """The entry of a message of which `fresh` was new."""
    kept = message if said.rejected else None
    if message.topic == SYNTHETIC_TOPIC:
        fresh = []  # it says nothing of anybody
    return Processed(seq, fresh, tuple(said.rejected), kept, said.family)


class Feed:
    """What the store has yet to take, in order: from memory while it keeps up, else from the journal."""

    def __init__(self, pipeline: Again) -> None:
        self._pipeline = pipeline
        self._held: dict[int, Processed] = {}
        self._rows = 0
        self._following = False
        self.arrived = asyncio.Event()

    def put(self, processed: Processed) -> None:
        """One entry just processed, perhaps ahead of others."""
        self.arrived.set()
        if self._following:
            self._held[processed.seq] = processed
            self._rows += 1 + len(processed.observations)
            if self._rows > _HELD_ROWS:  # the database is slow or away: the journal has it all
                self._held.clear()
                self._rows, self._following = 0, False

    async def take(self, after: int, rows: int) -> list[Processed]:
        """The next entries after `after`, about `rows` rows of them; empty when there are none yet."""
        self.arrived.clear()
        taken: list[Processed] = []
        count = 0
        while count < rows and after < self._pipeline.position:
            found = self._from_memory(after, rows - count)
            if not found:
                found = self._pipeline.again(after, SLICE)
                await asyncio.sleep(0)
            for processed in found:
                self._drop(processed.seq)
                count += 1 + len(processed.observations)
            taken += found
            after = taken[-1].seq if taken else after
            self._following = self._following or self._pipeline.position - after < _NEAR
        self._following = self._following or after >= self._pipeline.position
        return taken

    def message(self, seq: int) -> Message | None:
        """The message of an entry that the store has yet to take; from any thread."""
        return self._pipeline.message(seq)

    def _from_memory(self, after: int, rows: int) -> list[Processed]:
        found: list[Processed] = []
        while rows > 0 and (processed := self._held.get(after + 1)) and after < self._pipeline.position:
            found.append(processed)
            rows -= 1 + len(processed.observations)
            after += 1
        return found

    def _drop(self, seq: int) -> None:
        if processed := self._held.pop(seq, None):
            self._rows -= 1 + len(processed.observations)
