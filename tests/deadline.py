"""Waiting for something without guessing how long it takes: until it is so, or a deadline fails the test."""

import asyncio
import os
from collections.abc import Callable

DEADLINE_S = 30.0


async def eventually(holds: Callable[[], object], deadline_s: float = DEADLINE_S) -> None:
    """Returns when `holds` is true; lets everything else run meanwhile."""
    async with asyncio.timeout(deadline_s):
        while not holds():
            await asyncio.to_thread(os.sched_yield)
