"""Tasks of the service that begin in a line and end in the same line, backwards.

Rule: each has a name, and each wait for one to end has a deadline.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine

import structlog

log = structlog.get_logger()

DEADLINE_S = 10.0
"""How long each step of ending is waited for."""


class Line:
    """Starts named tasks and stops each, within a deadline, when the stack unwinds."""

    def __init__(self, stack: contextlib.AsyncExitStack, tasks: asyncio.TaskGroup) -> None:
        self._stack, self._tasks = stack, tasks

    def start(
        self,
        name: str,
        work: Coroutine[None, None, None],
        stop: Callable[[], None] | None = None,
        abort: Callable[[], None] | None = None,
    ) -> None:
        """Run `work`; to end it, `stop` is called and, a while later, `abort`; then it is cancelled."""
        task = self._tasks.create_task(work, name=name)
        self._stack.push_async_callback(self._end, task, stop, abort)

    async def _end(
        self, task: asyncio.Task[None], stop: Callable[[], None] | None, abort: Callable[[], None] | None
    ) -> None:
        for ask in (stop, abort):
            if ask is not None and not task.done():
                ask()
                await asyncio.wait([task], timeout=DEADLINE_S)
        task.cancel()
        _, still = await asyncio.wait([task], timeout=DEADLINE_S)
        if still:
            log.error("would_not_stop", task=task.get_name())
