"""Who follows alert events as they happen. Rule: a reader too slow to keep up is let go; it delays nobody."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

from alerts.event import Event

_QUEUE = 1000
_MISSED = 1000  # read at once

Numbered = tuple[int, Event]


@dataclass(eq=False, slots=True)
class _Watcher:
    queue: asyncio.Queue[Numbered | None] = field(default_factory=lambda: asyncio.Queue(maxsize=_QUEUE))

    def tell(self, item: Numbered) -> None:
        try:
            self.queue.put_nowait(item)
        except asyncio.QueueFull:  # it resumes by the number of the last it saw
            self.end()

    def end(self) -> None:
        while self.queue.full():
            self.queue.get_nowait()
        self.queue.put_nowait(None)


class Watchers:
    """All subscriptions. `recorded` gives events after a number, in order, at most so many."""

    def __init__(self, recorded: Callable[[int, int], list[Numbered]]) -> None:
        self._recorded = recorded
        self._watchers: set[_Watcher] = set()

    async def subscribe(self, after: int | None = None) -> AsyncGenerator[Numbered, None]:
        """Every event from now on with its number, or every one after `after`. A slow reader's ends."""
        watcher = _Watcher()
        self._watchers.add(watcher)
        try:
            last = after or 0
            while after is not None and (missed := self._recorded(last, _MISSED)):
                for seq, event in missed:
                    last = seq
                    yield seq, event
            while (item := await watcher.queue.get()) is not None:
                if item[0] > last:
                    yield item
        finally:
            self._watchers.discard(watcher)

    def tell(self, seq: int, event: Event) -> None:
        """An event was recorded."""
        for watcher in list(self._watchers):
            watcher.tell((seq, event))

    def close(self) -> None:
        """End every subscription."""
        for watcher in self._watchers:
            watcher.end()
