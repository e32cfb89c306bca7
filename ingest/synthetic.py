"""The synthetic resident at work: it calls for help every few minutes and sees that it comes back (R-32).

Rule: the call takes the way of every call (broker, source, journal, rules, desk, outbox), and nothing here is
in that way: what is noted is noted beside it. Its seconds are real ones, for it is about machines.
"""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import aiomqtt
import structlog

from alerts.book import Book
from alerts.episode import Episode
from alerts.event import Opened
from alerts.notification import Notification
from alerts.outbox import Delivered, Receipt
from alerts.synthetic import (
    CHANNEL,
    Stage,
    call,
    cause,
    is_ours,
    last_seen,
    missed,
    number_of,
    rehearsed,
    topic,
    verdict,
)
from devices.message import Message
from devices.ourselves import SYNTHETIC_TOPIC
from ingest.channels import Delivery, Receipts
from ingest.clock import Clock
from ingest.metrics import Metrics
from ingest.source import Broker
from rules.decision import TECHNICAL, Decision

log = structlog.get_logger()

DEADLINE_S = 30.0
"""A call that is not back by then is lost."""

_FIRST_S = 60.0  # after a start: the broker may have much to send that waited for us
_ANSWER_S = 10.0  # of the broker, to each packet
_NUMBER_BYTES = 16

_CLIENT_LOG = logging.getLogger("shouwang.synthetic")
_CLIENT_LOG.setLevel(logging.ERROR)  # what the client would warn of is a lost call here


class Way:
    """How far the one test call has come that is under way; whoever handles calls says so here.

    Without a `key` nothing is a test call. Of a call that nobody waits for nothing is kept.
    """

    def __init__(self, key: bytes = b"", site: str = "") -> None:
        self._key, self.site = key, site
        self.topic = topic(site) if key else ""
        self._number, self._payload, self._began = "", b"", 0.0
        self._episode: Episode | None = None
        self._stages: dict[Stage, float] = {}
        self._back = asyncio.Event()

    def begin(self, at: int) -> bytes:
        """A new call begins at `at` (ms, our clock); the payload to publish."""
        self._number = secrets.token_hex(_NUMBER_BYTES)
        self._payload = call(self._key, self._number, at)
        self._began = asyncio.get_running_loop().time()
        self._episode, self._stages, self._back = None, {}, asyncio.Event()
        return self._payload

    @property
    def waiting(self) -> bool:
        """Whether a call is under way."""
        return bool(self._number)

    async def back(self) -> None:
        """Returns when there is a receipt for the call."""
        await self._back.wait()

    def end(self) -> Mapping[Stage, float]:
        """The call is waited for no more; where it was seen, in real seconds since it began."""
        self._number, self._payload, self._episode = "", b"", None
        return self._stages

    def taken(self, message: Message) -> Message:
        """A message as it is to be journalled: a test call of ours as a message of our own."""
        if message.topic != self.topic or not is_ours(self._key, message.payload):
            return message
        return replace(message, topic=SYNTHETIC_TOPIC)

    def published(self) -> None:
        """The broker has it."""
        self._reach(Stage.PUBLISHED)

    def journalled(self, message: Message) -> None:
        """This message of ours is durable."""
        if message.payload == self._payload:
            self._reach(Stage.JOURNALLED)

    def decided(self, decision: Decision, now: int) -> tuple[Opened, Episode, Notification] | None:
        """What follows from the rules' decision about the call under way; None when it is about none."""
        if not self._number or number_of(decision) != self._number or self._episode is not None:
            return None
        made = rehearsed(decision, now, self.site)
        if made is not None:
            self._episode = made[1]
            self._reach(Stage.DECIDED)
        return made

    def recorded(self, episode: str) -> None:
        """What is to be told of it is durable."""
        if self.episode(episode) is not None:
            self._reach(Stage.RECORDED)

    def receipt(self, notification: str) -> None:
        """The outbox has a receipt for it."""
        if self.episode(notification.rpartition("-")[0]) is not None:
            self._reach(Stage.DELIVERED)
            self._back.set()

    def episode(self, episode: str) -> Episode | None:
        """That of the call under way, if this is its id."""
        return self._episode if self._episode is not None and self._episode.id == episode else None

    def _reach(self, stage: Stage) -> None:
        self._stages.setdefault(stage, asyncio.get_running_loop().time() - self._began)


class SyntheticChannel:
    """The end of the way: whoever is told here has been told."""

    name = CHANNEL
    receipts = Receipts.DELIVERED

    async def send(self, delivery: Delivery) -> Receipt:  # noqa: ARG002  a channel's signature
        """Take it."""
        return Delivered()


@dataclass(frozen=True, slots=True)
class Course:
    """How one test call fared: real seconds by stage, and the furthest of them."""

    stages: Mapping[Stage, float]

    @property
    def last_seen(self) -> Stage:
        """The furthest stage."""
        return last_seen(self.stages)


@dataclass(slots=True)
class SyntheticResident:
    """Calls every `every_ms` real ms, and tells people when two calls in a row do not come back.

    `reached` says whether the broker is; `decide` takes what people are told.
    """

    way: Way
    broker: Broker
    book: Book
    decide: Callable[[list[Decision], int], None]
    reached: Callable[[], bool]
    clock: Clock
    metrics: Metrics
    every_ms: int
    deadline_s: float = DEADLINE_S
    _misses: int = 0
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self) -> None:
        """Call until cancelled."""
        every_s = self.every_ms / 1000
        self.metrics.synthetic_interval.set(every_s)
        await asyncio.sleep(min(_FIRST_S, every_s))
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            await self.call()
            await asyncio.sleep(max(0.0, began + every_s - loop.time()))

    async def call(self) -> Course:
        """Call once, and wait until it is back or lost."""
        async with self._one:
            away = not self.reached()
            payload = self.way.begin(self.clock.now())
            try:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self.deadline_s):
                        await self._publish(payload)
                        await self.way.back()
            finally:
                course = Course(self.way.end())
            self._judge(course, broker_away=away or not self.reached())
            return course

    async def _publish(self, payload: bytes) -> None:
        """By a connection of its own, as a device would: the broker must let somebody in, too."""
        client = aiomqtt.Client(
            self.broker.host,
            self.broker.port,
            identifier=self.broker.client_id,
            username=self.broker.username or None,
            password=self.broker.password or None,
            tls_context=self.broker.tls,
            timeout=_ANSWER_S,
            logger=_CLIENT_LOG,
        )
        try:
            try:
                # Not `async with`: its end may fail and must not hide a cancellation.
                await client.__aenter__()
                await client.publish(self.way.topic, payload, qos=1)
                self.way.published()
            finally:
                with contextlib.suppress(aiomqtt.MqttError):
                    await client.__aexit__(None, None, None)
        except aiomqtt.MqttError as error:
            log.warning("synthetic_call_unsent", error=str(error))
        if (task := asyncio.current_task()) and task.cancelling():
            raise asyncio.CancelledError  # `wait_for` in aiomqtt may swallow it (CPython issue 81839)

    def _judge(self, course: Course, *, broker_away: bool) -> None:
        """Count it, and tell people what they must know."""
        stage, now, site = course.last_seen, self.clock.now(), self.way.site
        for one, seconds in course.stages.items():
            self.metrics.synthetic.labels(one).observe(seconds)
        if stage is Stage.DELIVERED:
            self.metrics.synthetic_success.set(time.time())
        else:
            log.error("synthetic_call_lost", last_seen=stage, broker_away=broker_away)
            self.metrics.synthetic_lost.labels(stage).inc()
        self._misses = missed(self._misses, stage, broker_away=broker_away)
        standing = self.book.open_for(TECHNICAL, cause(site))
        if decision := verdict(standing, self._misses, stage, site, now):
            self.decide([decision], now)
