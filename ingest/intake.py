"""Between the sources and the journal: what is durable is processed and acknowledged.

Rule: nothing is acknowledged before it is durable. A call for help waits for no disk, nor does a look at
acceleration, in which one may be: once the broker has handed them over, which it does not while as many
messages are unacknowledged as it allows (`max_in_flight`). Hence the lanes.
"""

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import structlog

from devices.accelerometer import may_hold_motion
from devices.message import Message
from devices.ourselves import SYNTHETIC_TOPIC, ours
from ingest.clock import Clock
from ingest.interpret import goes_ahead
from ingest.journal import Entry, SqliteJournal
from ingest.metrics import Metrics
from ingest.pipeline import Pipeline
from ingest.source import Source, Token
from ingest.synthetic import Way

log = structlog.get_logger()

_BACKLOG = 10_000  # entries to be processed, beyond which telemetry is acknowledged only as it is processed
_LOOK_S = 0.25
_PATIENCE_S = 0.01  # how long a call for help waits to be recorded: some commits, and no stall
_STUCK_S = 1.0  # after which it is worth a line in the log
_SETTLE_S = 10.0
_OURS = "ours"  # the lane of what we say ourselves


class Receipt(NamedTuple):
    """Who is to acknowledge a message, and whether it went ahead.

    `number` tells receipts apart: messages of QoS 0 all have the same token.
    """

    number: int
    source: Source
    token: Token
    urgent: bool


@dataclass(frozen=True, slots=True)
class OwnCall:
    """A call for help of our own; nobody is to be told that it is durable."""

    number: int


class Intake:
    """Between the sources and the journal: what is durable is processed and acknowledged."""

    def __init__(self, clock: Clock, metrics: Metrics) -> None:
        self._clock, self._metrics = clock, metrics
        self._waiting = self._number = 0
        self._held: deque[Receipt] = deque()  # durable, not acknowledged yet
        self._calls: dict[Receipt | OwnCall, asyncio.TimerHandle] = {}  # urgent, not durable yet
        self._sources: dict[str, Source] = {}
        self.synthetic = Way()
        self.journal: SqliteJournal  # made after this, since it calls `committed`
        self.pipeline: Pipeline
        self._early: list[Message] | None = []  # calls before there is a pipeline

    def receiver(self, lane: str) -> Callable[[Message, Token], None]:
        """What the source of this lane calls for each message."""

        def received(message: Message, token: Token) -> None:
            if ours(message.topic):  # nobody outside may say it; no wildcard asks for it
                self._sources[lane].acknowledge(token)
                return
            self._waiting += 1
            self._number += 1
            hurry = self.goes_ahead(message)
            message = self.synthetic.taken(message)
            receipt = Receipt(self._number, self._sources[lane], token, hurry)
            self.journal.append(message, urgent=hurry, receipt=receipt)
            if hurry:
                self._await(receipt, message)
            if may_hold_motion(message):
                self.pipeline.feel(message)

        return received

    def say(self, message: Message) -> None:
        """Take a message of our own (`devices.ourselves`): journalled and processed in its turn."""
        self._waiting += 1
        self.journal.append(message, urgent=False)

    def begin(self, pipeline: Pipeline) -> None:
        """Let this pipeline process what becomes durable from now on."""
        self.pipeline = pipeline
        early, self._early = self._early or [], None
        for message in early:
            self.call(message)

    def call(self, message: Message) -> None:
        """Take a call for help of our own (a fall that was felt): it goes ahead, and waits for no disk."""
        if self._early is not None:
            self._early.append(message)
            return
        self._waiting += 1
        self._number += 1
        call = OwnCall(self._number)
        self.journal.append(message, urgent=True, receipt=call)
        self._await(call, message)

    def _await(self, call: Receipt | OwnCall, message: Message) -> None:
        """A disk that is full, locked or stalled holds up no call for help: it is decided unrecorded.

        It stays unacknowledged, and becoming durable later changes nothing: its evidence is known by then.
        """
        loop = asyncio.get_running_loop()

        def overdue() -> None:
            self._calls[call] = loop.call_later(_STUCK_S, stuck)
            try:
                self.pipeline.alarm(message)
            except Exception as error:  # noqa: BLE001  a bug, or the disk: it is tried again, and decided once durable
                log.error("call_undecided", error=type(error).__name__)  # noqa: TRY400  no values in logs
                self._calls[call].cancel()
                self._calls[call] = loop.call_later(_STUCK_S, overdue)
            else:
                self._metrics.unrecorded.labels("decided").inc()

        def stuck() -> None:
            lane = _OURS if isinstance(call, OwnCall) else call.source.lane
            log.error("journal_holds_up_a_call", lane=lane)

        self._calls[call] = loop.call_later(_PATIENCE_S, overdue)

    async def record(self, message: Message) -> None:
        """Take a message of our own, as `say`; returns once it is durable."""
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting += 1
        self.journal.append(message, urgent=False, receipt=durable)
        await durable

    def goes_ahead(self, message: Message) -> bool:
        """See `ingest.interpret`."""
        return goes_ahead(message, self.pipeline.facts)

    def attach(self, source: Source) -> None:
        """The source that receives and acknowledges for its lane."""
        self._sources[source.lane] = source

    def committed(self, entries: list[Entry]) -> None:
        """Entries are durable: decide on the urgent ones, then acknowledge all, then leave the rest."""
        self._waiting -= len(entries)
        waited_s = (self._clock.now() - min(entry.message.received_at for entry in entries)) / 1000
        self._metrics.latency.labels("journalled").observe(max(0.0, waited_s / self._clock.speed))
        by_receipt = [(entry, entry.receipt) for entry in entries if isinstance(entry.receipt, Receipt)]
        receipts = [receipt for _, receipt in by_receipt]
        own = [entry.receipt for entry in entries if isinstance(entry.receipt, OwnCall)]
        hurried = len(own) + sum(receipt.urgent for receipt in receipts)
        hurry = entries[:hurried]  # the journal puts urgent ones first
        for entry in hurry:
            if entry.message.topic == SYNTHETIC_TOPIC:
                self.synthetic.journalled(entry.message)
        self.pipeline.take(hurry, entries[hurried:])
        for receipt in receipts:
            if receipt.urgent:
                self._calls.pop(receipt).cancel()
        for call in own:
            self._calls.pop(call).cancel()
        self._held.extend(receipts)
        self._release()
        for entry in entries:
            if isinstance(entry.receipt, asyncio.Future) and not entry.receipt.done():
                entry.receipt.set_result(None)
        # A test call is our own: it must hide no silence of the devices.
        heard = [r.source.lane for entry, r in by_receipt if entry.message.topic != SYNTHETIC_TOPIC]
        for lane, count in Counter(heard).items():
            self._metrics.received.labels(lane).inc(count)
        if len(heard) < len(entries):
            self._metrics.received.labels(_OURS).inc(len(entries) - len(heard))

    def _release(self) -> None:
        """Acknowledge what is durable; a service that cannot keep up lets the broker keep the rest."""
        while self._held and (self._held[0].urgent or self.pipeline.backlog < _BACKLOG):
            receipt = self._held.popleft()
            receipt.source.acknowledge(receipt.token)

    async def run(self) -> None:
        """Acknowledge what was kept back once there is room."""
        while True:
            await asyncio.sleep(_LOOK_S)
            self._release()

    async def settled(self) -> None:
        """Wait until all that was received is durable and acknowledged; bounded."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE_S):
                while self._waiting:
                    await self.journal.transact(lambda _: None)
