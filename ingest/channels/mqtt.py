"""Alerts on MQTT, for corridor displays and pagers.

Rule: `shouwang/v1/<site>/alerts/<alert>` holds, retained, the alert as it is until it is resolved, and then
nothing: who subscribes late sees exactly what still needs somebody (DESIGN section 4).
"""

import asyncio
import logging
import math
import re
import ssl
from collections.abc import Callable
from contextlib import suppress

import aiomqtt
import structlog

from alerts.outbox import Delivered, Receipt, Retry
from ingest.channels import Delivery, Receipts

log = structlog.get_logger()

_NOT_IN_A_LEVEL = re.compile(r"[^A-Za-z0-9_.:-]")
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_HELD_S = 10.0  # a connection that lasted so long was a good one: the next pause is short again
_KEEPALIVE_S = 15

_CLIENT_LOG = logging.getLogger("shouwang.channels.mqtt")
_CLIENT_LOG.setLevel(logging.ERROR)  # what the client would warn of is logged here, or ordinary


def topic(site: str, alert: str) -> str:
    """Where an alert is published. A site with other characters gets `_` for each; none at all is `-`."""
    return f"shouwang/v1/{_NOT_IN_A_LEVEL.sub('_', site)[:64] or '-'}/alerts/{alert}"


class MqttChannel:
    """A channel to one broker. `run` keeps its one connection and must be running for anything to be sent.

    `client_id` is this channel's own: the broker ends the older of two connections with one id. `random`
    gives numbers in [0, 1), for the jitter of reconnecting. `timeout_s` bounds a delivery, and the broker's
    welcome.
    """

    receipts = Receipts.NONE  # the broker has it then, and no display

    def __init__(
        self,
        host: str,
        port: int,
        *,
        client_id: str,
        random: Callable[[], float],
        username: str | None = None,
        password: str | None = None,
        tls: ssl.SSLContext | None = None,
        timeout_s: float = 5.0,
        name: str = "mqtt",
    ) -> None:
        self.name = name
        self._timeout_s = timeout_s
        self._random = random
        self._new_client: Callable[[], aiomqtt.Client] = lambda: aiomqtt.Client(
            host,
            port,
            identifier=client_id,
            username=username,
            password=password,
            tls_context=tls,
            timeout=timeout_s,
            keepalive=_KEEPALIVE_S,
            logger=_CLIENT_LOG,
        )
        self._client: aiomqtt.Client | None = None
        self._connected = asyncio.Event()
        self._link: asyncio.Timeout | None = None
        self._waiting: set[asyncio.Timeout] = set()

    async def run(self) -> None:
        """Stay connected until cancelled, coming back with pauses of 0.5 to 30 s, jittered."""
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            began = loop.time()
            try:
                await self._connection()
            except (aiomqtt.MqttError, TimeoutError) as error:
                log.warning("alert broker away", channel=self.name, why=str(error) or "no answer")
            if (task := asyncio.current_task()) and task.cancelling():
                raise asyncio.CancelledError  # `wait_for` in aiomqtt may swallow it (CPython issue 81839)
            failures = 0 if loop.time() - began > _HELD_S else failures + 1
            ceiling = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** min(failures, 10))
            await asyncio.sleep(ceiling * (1 - self._random() / 2))

    async def send(self, delivery: Delivery) -> Receipt:
        """Publish with QoS 1 and wait for the broker's PUBACK; without a connection, wait for one first.

        A broker that does not answer in time loses the connection, since it may be half open.
        """
        content = b"" if delivery.resolved else delivery.content
        asked = None
        try:
            async with asyncio.timeout(self._timeout_s) as deadline:
                await self._connected.wait()
                asked = self._client
                if asked is None:  # pragma: no cover - `_connected` says that it is there
                    return Retry("not connected")
                self._waiting.add(deadline)
                try:
                    where = topic(delivery.site, delivery.alert)
                    await asked.publish(where, content, qos=1, retain=True, timeout=math.inf)
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
