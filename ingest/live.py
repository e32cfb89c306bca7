"""Alert events as they happen, as server-sent events.

Rule: a stream is never a buffer. A reader that does not keep up is dropped; it comes back with the number of
the last event it saw (Last-Event-ID) and misses nothing.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import orjson
import structlog
from starlette.background import BackgroundTask
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from alerts.event import Event
from alerts.view import view_event

log = structlog.get_logger()

Numbered = tuple[int, Event]


class EventStream(Response):
    """Sends `events` until they end, the client goes, or it takes longer than `stalled_s` for one of them.

    After `heartbeat_s` without an event a comment goes out, so that both sides notice a dead connection.
    """

    media_type = "text/event-stream"
    background: BackgroundTask | None = None

    def __init__(self, events: AsyncGenerator[Numbered, None], heartbeat_s: float, stalled_s: float) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["Content-Length"]
        self._events = events
        self._heartbeat_s = heartbeat_s
        self._stalled_s = stalled_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the end (ASGI)."""
        del scope

        async def put(content: bytes, *, more: bool = True) -> None:
            async with asyncio.timeout(self._stalled_s):
                await send({"type": "http.response.body", "body": content, "more_body": more})

        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        try:
            async with aclosing(self._events) as events, asyncio.TaskGroup() as tasks:
                gone = tasks.create_task(_gone(receive), name="reader of events")
                coming = tasks.create_task(_next(events), name="next event")
                try:
                    await put(b"retry: 2000\n\n")
                    while True:
                        done, _ = await asyncio.wait(
                            {gone, coming}, timeout=self._heartbeat_s, return_when=asyncio.FIRST_COMPLETED
                        )
                        if gone in done:
                            return
                        if not done:
                            await put(b": still here\n\n")
                            continue
                        if (numbered := coming.result()) is None:
                            await put(b"", more=False)
                            return
                        coming = tasks.create_task(_next(events), name="next event")
                        await put(_written(*numbered))
                finally:
                    gone.cancel()
                    coming.cancel()
        except TimeoutError:
            log.info("slow_reader_dropped")


async def _next(events: AsyncGenerator[Numbered, None]) -> Numbered | None:
    return await anext(events, None)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _written(number: int, event: Event) -> bytes:
    """One event as text/event-stream has it; JSON holds no line break."""
    return f"id: {number}\nevent: {event.name}\ndata: ".encode() + orjson.dumps(view_event(event)) + b"\n\n"
