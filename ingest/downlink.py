"""Words on their way to the residents' devices. Rule: nothing waits for them; what cannot be said is counted.

A question that did not reach the broker was not asked: then people are called at once.
"""

import asyncio
from collections.abc import Callable

import structlog

from alerts.asking import can_show
from alerts.downlink import Command, Word
from alerts.outbox import Delivered
from devices.registry import Registry
from ingest.metrics import Metrics
from ingest.mqtt_link import MqttLink

log = structlog.get_logger()

_WAITING = 1000


class Downlink:
    """Publishes commands in order. `unasked` hears of questions that could not be put."""

    def __init__(self, link: MqttLink, registry: Registry, metrics: Metrics) -> None:
        self._link, self._registry, self._metrics = link, registry, metrics
        self._queue: asyncio.Queue[Command] = asyncio.Queue(_WAITING)
        self.unasked: Callable[[str], None] = lambda _: None

    def can_ask(self, resident: str) -> bool:
        """Whether she has something that can show her a question now."""
        return self._link.connected and not self._queue.full() and bool(can_show(self._registry, resident))

    def put(self, command: Command) -> None:
        """Say it as soon as may be."""
        try:
            self._queue.put_nowait(command)
        except asyncio.QueueFull:
            self._failed(command, "full")

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            command = await self._queue.get()
            receipt = await self._link.publish(command.topic, command.payload())
            if isinstance(receipt, Delivered):
                self._metrics.downlink.labels(command.word.value, "published").inc()
            else:
                self._failed(command, receipt.why)

    def _failed(self, command: Command, why: str) -> None:
        self._metrics.downlink.labels(command.word.value, "failed").inc()
        log.warning("downlink_failed", device=command.device, command=command.word.value, why=why)
        if command.word is Word.ASK:
            self.unasked(command.alert)
