"""Words on their way to the residents' devices. Rule: nothing waits for them; what cannot be said is counted.

A question that did not reach the broker was not asked: then people are called at once. Nor is one asked of a
device that the broker says is away, or whose gateway is (`status` offline, its last will).
"""

import asyncio
from collections.abc import Callable

import structlog

from alerts.asking import PRESENCE, can_show
from alerts.book import Book
from alerts.downlink import Command, Word, commands, told
from alerts.episode import Episode
from alerts.event import EpisodeEvent, State
from alerts.outbox import Delivered
from devices.observation import Observation
from devices.registry import Device, Registry
from ingest.metrics import Metrics
from ingest.mqtt_link import MqttLink

log = structlog.get_logger()

_WAITING = 1000


class Downlink:
    """Publishes commands in order. `unasked` hears of questions that could not be put."""

    def __init__(self, link: MqttLink, registry: Registry, metrics: Metrics) -> None:
        self._link, self._registry, self._metrics = link, registry, metrics
        self._queue: asyncio.Queue[Command] = asyncio.Queue(_WAITING)
        self._away: set[tuple[str, str]] = set()
        self.unasked: Callable[[str], None] = lambda _: None

    def can_ask(self, resident: str) -> bool:
        """Whether she has something that can show her a question now."""
        return self._link.connected and not self._queue.full() and self.reaches(resident)

    def reaches(self, resident: str) -> bool:
        """Whether she has something that shows words, and is not known to be away."""
        return any(self._is_there(device) for device in can_show(self._registry, resident))

    def _is_there(self, device: Device) -> bool:
        passed: set[tuple[str, str]] = set()
        while (key := (device.site, device.id)) not in passed:
            if key in self._away:
                return False
            passed.add(key)
            gateway = self._registry.device(device.site, device.gateway) if device.gateway else None
            device = gateway or device
        return True

    def heard(self, observation: Observation, book: Book) -> None:
        """A device or gateway came or went: who is asked by one that went is not asked any more."""
        device = self._registry.device(observation.site, observation.device)
        if observation.metric != PRESENCE or device is None:
            return
        change = self._away.add if observation.value is False else self._away.discard
        change((device.site, device.id))
        for episode in _asking(book):
            if not any(self.reaches(one.subject) for one in episode.subjects):
                self.unasked(episode.id)

    def ask_again(self, book: Book) -> None:
        """Nobody knows whether what was asked before a restart reached her: it is asked once more."""
        for episode in _asking(book):
            questions = list(told(self._registry, episode, Word.ASK))
            for question in questions:
                self.put(question)
            if not questions:
                self.unasked(episode.id)

    def say(self, book: Book, episode: Episode, event: EpisodeEvent, *, asked: bool) -> None:
        """What follows from an event that is on record; no question that is none any more."""
        for command in commands(self._registry, episode, event, asked=asked):
            if command.word is not Word.ASK or _asks(book.get(episode.id)):
                self.put(command)

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
                continue
            self._failed(command, receipt.why)
            for _ in range(self._queue.qsize()):  # what waits behind it must not wait as long again
                self._failed(self._queue.get_nowait(), receipt.why)

    def _failed(self, command: Command, why: str) -> None:
        self._metrics.downlink.labels(command.word.value, "failed").inc()
        log.warning("downlink_failed", device=command.device, command=command.word.value, why=why)
        if command.word is Word.ASK:
            self.unasked(command.alert)


def _asking(book: Book) -> list[Episode]:
    return [episode for episode in book.unresolved() if _asks(episode)]


def _asks(episode: Episode | None) -> bool:
    return episode is not None and episode.state is State.ASKING
