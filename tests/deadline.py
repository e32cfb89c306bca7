"""Waiting for something without guessing how long it takes: until it is so, or a deadline fails the test."""

import asyncio
import inspect
import time
from collections.abc import Callable

DEADLINE_S = 30.0
_GLANCE_S = 0.005


async def eventually(holds: Callable[[], object], deadline_s: float = DEADLINE_S, why: str = "") -> None:
    """Returns when `holds` (or what it returns to be awaited) is true; lets everything else run meanwhile."""
    deadline = time.monotonic() + deadline_s
    while True:
        held = holds()
        if inspect.isawaitable(held):
            held = await held
        if held:
            return
        assert time.monotonic() < deadline, why or "it did not come to be in time"
        await asyncio.sleep(_GLANCE_S)
