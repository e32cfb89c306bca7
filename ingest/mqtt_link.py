"""The service's one connection for publishing: alerts for displays, words for devices.

Rule: a publication counts once the broker has acknowledged it; a broker that does not answer in time loses
the connection, since it may be half open.
"""

import asyncio
import logging
import math
from collections.abc import Callable
from contextlib import suppress

import aiomqtt
import structlog

from alerts.outbox import Delivered, Retry
from ingest.source import Broker

log = structlog.get_logger()

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_HELD_S = 10.0  # a connection that lasted so long was a good one: the next pause is short again
_KEEPALIVE_S = 15

_CLIENT_LOG = logging.getLogger("shouwang.mqtt_link")
_CLIENT_LOG.setLevel(logging.ERROR)  # what the client would warn of is logged here, or ordinary


class MqttLink:
    """A connection to one broker; `run` keeps it and must be running for anything to be published.

    The broker's `client_id` must be this link's own: the older of two connections with one id is ended.
    `random` gives numbers in [0, 1), for the jitter of reconnecting. `timeout_s` bounds a publication, and
    the broker's welcome.
    """

    def __init__(self, broker: Broker, *, random: Callable[[], float], timeout_s: float = 5.0) -> None:
        self._timeout_s = timeout_s
        self._random = random
        self._new_client: Callable[[], aiomqtt.Client] = lambda: aiomqtt.Client(
            broker.host,
            broker.port,
            identifier=broker.client_id,
            username=broker.username or None,
            password=broker.password or None,
            tls_context=broker.tls,
            timeout=timeout_s,
            keepalive=_KEEPALIVE_S,
            logger=_CLIENT_LOG,
        )
        self._client: aiomqtt.Client | None = None
        self._connected = asyncio.Event()
        self._link: asyncio.Timeout | None = None
        self._waiting: set[asyncio.Timeout] = set()

    @property
    def connected(self) -> bool:
        """Whether there is a connection that nobody has found to be dead."""
        return self._connected.is_set()

    async def run(self) -> None:
        """Stay connected until cancelled, coming back with pauses of 0.5 to 30 s, jittered."""
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            began = loop.time()
            try:
                await self._connection()
            except (aiomqtt.MqttError, TimeoutError) as error:
                log.warning("publishing_broker_away", why=str(error) or "no answer")
            if (task := asyncio.current_task()) and task.cancelling():
                raise asyncio.CancelledError  # `wait_for` in aiomqtt may swallow it (CPython issue 81839)
            failures = 0 if loop.time() - began > _HELD_S else failures + 1
            ceiling = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** min(failures, 10))
            await asyncio.sleep(ceiling * (1 - self._random() / 2))

    async def publish(self, topic: str, content: bytes, *, retain: bool = False) -> Delivered | Retry:
        """Publish with QoS 1 and wait for the broker's PUBACK; without a connection, wait for one first."""
        asked = None
        try:
            async with asyncio.timeout(self._timeout_s) as deadline:
                await self._connected.wait()
                asked = self._client
                if asked is None:  # pragma: no cover - `_connected` says that it is there
                    return Retry("not connected")
                self._waiting.add(deadline)
                try:
                    await asked.publish(topic, content, qos=1, retain=retain, timeout=math.inf)
                finally:
                    self._waiting.discard(deadline)
        except TimeoutError:
            if asked is None:
                return Retry("not connected")
            if asked is self._client:
                self._drop()
            return Retry("no PUBACK")
        except aiomqtt.MqttError as error:
            return Retry(type(error).__name__)
        return Delivered()

    async def _connection(self) -> None:
        """One connection, from its beginning until it is lost or found to be dead; never returns in peace."""
        client = self._new_client()
        try:
            await client.__aenter__()  # not `async with`: its end may fail and must not hide a cancellation
            async with asyncio.timeout(None) as self._link:
                self._client = client
                self._connected.set()
                try:
                    async for _ in client.messages:  # we subscribe to nothing: it only ends, with MqttError
                        pass
                finally:
                    self._drop()
        finally:
            with suppress(aiomqtt.MqttError):  # also after a failed beginning: it would leave its socket open
                await client.__aexit__(None, None, None)

    def _drop(self) -> None:
        """Use this connection no more: whoever waits for its answers is told now, not at the deadline."""
        self._connected.clear()
        for deadline in (self._link, *self._waiting):
            _expire(deadline)
        self._client = self._link = None


def _expire(deadline: asyncio.Timeout | None) -> None:
    """End what this deadline bounds now rather than later."""
    if deadline is not None and not deadline.expired():
        deadline.reschedule(asyncio.get_running_loop().time())
