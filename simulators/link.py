"""One MQTT connection of the simulated world.

Rule: what was handed to a link is acknowledged by the broker or sent again; order is kept.

A link connects when it first has something to say, resends after every reconnection what was not
acknowledged (with the same payload, so the same id), and can be cut as a power cut would: without a
DISCONNECT, so that the broker publishes the last will.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import aiomqtt

from simulators.broker import Broker
from simulators.publication import Connection, Publication

Said = Callable[[Publication], None]
Tell = Callable[[str], None]

_ANSWER_WITHIN_S = 30.0
_QUIET = logging.Logger("simulators.mqtt", logging.CRITICAL)  # noqa: LOG001 - the link itself tells what goes wrong


class BrokerUnreachableError(Exception):
    """The broker did not answer for as long as the link was ready to wait."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a link waits for the broker: at first, and when it was there before; and how it asks again."""

    first_s: float = 10.0
    later_s: float = 300.0
    shortest_s: float = 0.2
    longest_s: float = 5.0

    def pause_s(self, failures: int, rng: Random) -> float:
        """How long to wait after so many failures in a row: doubled each time, capped, with jitter."""
        return rng.uniform(0.5, 1.0) * min(self.longest_s, self.shortest_s * 2.0 ** min(failures, 16))


class _Wire(aiomqtt.Client):
    """The client, with an end that is not polite."""

    def cut(self) -> None:
        """Breaks the connection without DISCONNECT."""
        wire = self._client.socket()
        if isinstance(wire, socket.socket):
            wire.shutdown(socket.SHUT_RDWR)


class Link:
    """Owns one connection. `serve` runs it; `publish`, `drain` and `close` are for its one user."""

    def __init__(
        self,
        broker: Broker,
        connection: Connection,
        *,
        client_id: str,
        window: int,
        said: Said,
        tell: Tell,
        patience: Patience | None = None,
    ) -> None:
        self._broker = broker
        self._connection = connection
        self._client_id = client_id
        self._window = window
        self._said = said
        self._tell = tell
        self._patience = patience or Patience()
        self._rng = Random()  # noqa: S311 - spreads reconnections, decides nothing that is published
        self._queue: asyncio.Queue[Publication | None] = asyncio.Queue(maxsize=window)
        self._unacknowledged: dict[int, Publication] = {}
        self._sequence = 0
        self._nothing_open = asyncio.Event()
        self._nothing_open.set()
        self._was_connected = False
        self._owes_birth = False
        self._ending: Publication | None = None
        self._closing = False

    async def publish(self, publication: Publication) -> None:
        """Takes a publication; waits while too many are on their way. A will cuts the connection."""
        await self._queue.put(publication)

    async def drain(self) -> None:
        """Waits until all that was handed over is acknowledged, or cut."""
        await self._queue.join()

    async def close(self) -> None:
        """Asks `serve` to end once everything is acknowledged."""
        await self._queue.put(None)

    async def serve(self) -> None:
        """Runs the link until it is closed. Raises BrokerUnreachableError when patience ends."""
        while not self._closing and (publication := await self._queue.get()) is not None:
            if publication.will:
                self._done(publication)  # it is away already, and the broker has said so
                continue
            self._open(publication)
            await self._keep_connected()

    async def _keep_connected(self) -> None:
        """Connects as often as it takes, until the link is cut on purpose or closed."""
        clock = asyncio.get_running_loop().time
        failures, alone_since = 0, clock()
        while True:
            reason = ""
            try:
                async with self._wire() as wire:
                    failures, self._was_connected = 0, True
                    await self._converse(wire)
                    return
            except* aiomqtt.MqttError as problems:
                reason = _first(problems)
            if not failures:
                alone_since = clock()
            self._owes_birth = self._was_connected
            limit_s = self._patience.later_s if self._was_connected else self._patience.first_s
            if clock() - alone_since > limit_s:
                raise BrokerUnreachableError(f"the broker {self._broker} does not answer: {reason}")
            if not failures:
                self._tell(f"{self._broker}: {reason}; trying again for {limit_s:.0f} s")
            await asyncio.sleep(self._patience.pause_s(failures, self._rng))
            failures += 1

    async def _converse(self, wire: _Wire) -> None:
        room = asyncio.Semaphore(self._window)
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(self._watch(wire), name=f"{self._connection.name} watch")

            async def send(sequence: int) -> None:
                await room.acquire()
                group.create_task(self._deliver(wire, sequence, room), name=f"{self._connection.name} send")

            if self._owes_birth and (birth := self._connection.birth):
                await wire.publish(birth.topic, birth.payload, birth.qos, birth.retain)
            for sequence in list(self._unacknowledged):
                await send(sequence)
            while not (self._closing or self._ending):
                publication = await self._queue.get()
                if publication is None:
                    self._closing = True
                elif publication.will:
                    self._ending = publication
                else:
                    await send(self._open(publication))
            await self._nothing_open.wait()
            if self._ending:
                wire.cut()
                await watch
                self._done(self._ending)
            else:
                watch.cancel()
        self._owes_birth, self._ending = False, None

    async def _watch(self, wire: _Wire) -> None:
        """Notices when the connection is lost although nothing is being said."""
        try:
            async for _ in wire.messages:
                pass
        except aiomqtt.MqttError:
            if not self._ending or self._unacknowledged:
                raise

    def _open(self, publication: Publication) -> int:
        self._sequence += 1
        self._unacknowledged[self._sequence] = publication
        self._nothing_open.clear()
        return self._sequence

    async def _deliver(self, wire: _Wire, sequence: int, room: asyncio.Semaphore) -> None:
        said = self._unacknowledged[sequence]
        await wire.publish(said.topic, said.payload, said.qos, said.retain, timeout=_ANSWER_WITHIN_S)
        del self._unacknowledged[sequence]
        self._done(said)
        room.release()
        if not self._unacknowledged:
            self._nothing_open.set()

    def _done(self, publication: Publication) -> None:
        self._said(publication)
        self._queue.task_done()

    def _wire(self) -> _Wire:
        will = self._connection.will
        wire = _Wire(
            self._broker.host,
            self._broker.port,
            username=self._broker.username,
            password=self._broker.password,
            tls_context=self._broker.tls,
            protocol=aiomqtt.ProtocolVersion.V5 if self._broker.mqtt5 else aiomqtt.ProtocolVersion.V311,
            identifier=f"{self._client_id}-{self._connection.name}",
            will=aiomqtt.Will(will.topic, will.payload, will.qos, will.retain) if will else None,
            logger=_QUIET,
            max_inflight_messages=self._window,
            timeout=_ANSWER_WITHIN_S,
        )
        wire.pending_calls_threshold = self._window + 1
        return wire


def _first(problems: BaseExceptionGroup[BaseException]) -> str:
    """The first of what went wrong, in words."""
    problem: BaseException = problems
    while isinstance(problem, BaseExceptionGroup):
        problem = problem.exceptions[0]
    return str(problem)
