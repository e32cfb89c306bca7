"""The receiving side of MQTT: the one module that owns paho. Nothing else imports it.

Rule: a message is acknowledged only when its owner says it is durable; until then the broker keeps it.
What is in flight is bounded by the broker (receive maximum) and, for QoS 0, by not reading on.
"""

import asyncio
import random
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as paho
import structlog
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.matcher import MQTTMatcher
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from devices.message import Message
from ingest.clock import Clock
from ingest.journal import head_of

log = structlog.get_logger()

_BURST = 32  # packets read in one turn of the event loop
_PIECE_BYTES = 65_536
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 30.0
_CONNECT_TIMEOUT_S = 10.0
_SESSION_EXPIRY_S = 7 * 86_400
_KEEPALIVE_S = 30
_TOPICS_AT_ONCE = 100
_MOST_FOLLOWED = 100_000


@dataclass(frozen=True, slots=True)
class Broker:
    """How to reach a broker. `url` is mqtt://host[:port] or mqtts://host[:port]."""

    url: str
    client_id: str = "shouwang"
    version: str = "3.1.1"
    username: str = ""
    password: str = ""
    tls: ssl.SSLContext | None = None
    max_in_flight: int = 10_000

    @property
    def host(self) -> str:
        """The host name of the URL."""
        return urlsplit(self.url).hostname or "localhost"

    @property
    def port(self) -> int:
        """The port of the URL, or the scheme's own."""
        return urlsplit(self.url).port or (8883 if self.url.startswith("mqtts") else 1883)


@dataclass(frozen=True, slots=True)
class Token:
    """What acknowledges one message: only valid on the connection it came in by."""

    connection: int
    mid: int
    qos: int


def followable(topic: str) -> bool:
    """Whether an announced topic may be subscribed to: one topic, nobody's inner affairs, no blank.

    The embedded broker has no topics with blanks.
    """
    return bool(topic) and len(topic) <= 512 and not set(topic) & set("+#\0 ") and not topic.startswith("$")


Opened = Any  # a socket, or what paho wraps around one; its type is paho's own secret
Received = Callable[[Message, Token], None]


class _Client(paho.Client):
    """paho, reading from its socket in large pieces: by itself it makes four system calls a packet."""

    _piece, _used = b"", 0

    @property
    def holds(self) -> bool:
        """Whether bytes are here that the socket no longer has."""
        return self._used < len(self._piece)

    def forget(self) -> None:
        """A new connection begins."""
        self._piece, self._used = b"", 0

    def _sock_recv(self, bufsize: int) -> bytes:
        if self._used >= len(self._piece):
            self._piece, self._used = super()._sock_recv(max(bufsize, _PIECE_BYTES)), 0
        start = self._used
        self._used = min(start + bufsize, len(self._piece))
        return self._piece[start : self._used]


class Source:
    """One MQTT connection with a persistent session, kept up until it is closed.

    `received` is called in the event loop for every message; the owner calls `acknowledge` with the token
    once the message is durable. `lane` tells several sources of one service apart.
    """

    def __init__(
        self, broker: Broker, topics: list[str], received: Received, clock: Clock, lane: str = ""
    ) -> None:
        self.lane = lane
        self._broker, self._topics, self._received, self._clock = broker, topics, received, clock
        self._covered = MQTTMatcher()  # type: ignore[no-untyped-call]
        for topic in topics:
            self._covered[topic] = topic
        self._followed: dict[str, None] = {}
        self._asked: dict[int, list[str]] = {}  # SUBSCRIBE packets for followed topics, not answered yet
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._connection = 0
        self._outstanding = 0
        self._order: deque[Token] = deque()  # of this connection, not acknowledged yet
        self._durable: set[int] = set()  # mids of those that wait only for their turn
        self._unacknowledged: dict[int, int] = {}  # of this connection: what each mid holds, as a hash
        self.repeated = 0
        self._taken = 0
        self._reading = False
        self._socket: Any = None
        self._lost = asyncio.Event()
        self.connected = self._leaving = False
        self.last_error = "not connected yet"
        self._client = self._make_client()

    def acknowledge(self, token: Token) -> None:
        """The message is durable: send its PUBACK, in the order of arrival as MQTT-4.6.0-2 asks.

        A token of an earlier connection is ignored: the broker sends that one again.
        """
        self._outstanding -= 1
        if token.connection == self._connection:
            self._durable.add(token.mid)
            while self._order and (not self._order[0].qos or self._order[0].mid in self._durable):
                self._ack(self._order.popleft())
        if not self._reading and self._socket is not None and self._outstanding < self._limit:
            self._read_on()

    def follow(self, topics: Iterable[str]) -> None:
        """Subscribe to more topics, now and after each reconnect: those that devices announced.

        A topic with a wildcard, the broker's own ($...), and what a subscription brings already is left out.
        """
        new = [
            topic
            for topic in dict.fromkeys(topics)
            if topic not in self._followed
            and followable(topic)
            and next(self._covered.iter_match(topic), None) is None  # type: ignore[no-untyped-call]
        ][: _MOST_FOLLOWED - len(self._followed)]
        self._followed |= dict.fromkeys(new)
        if self.connected:
            self._ask_for(new)

    def _ask_for(self, topics: list[str]) -> None:
        for start in range(0, len(topics), _TOPICS_AT_ONCE):
            some = topics[start : start + _TOPICS_AT_ONCE]
            code, mid = self._client.subscribe([(topic, 1) for topic in some])
            if code == MQTTErrorCode.MQTT_ERR_SUCCESS and mid is not None:
                self._asked[mid] = some

    def _ack(self, token: Token) -> None:
        self._durable.discard(token.mid)
        self._unacknowledged.pop(token.mid, None)
        # Not only once subscribed: a session's old messages come before the SUBACK, and each that stays
        # unacknowledged takes one of the broker's places for messages in flight.
        if token.qos and self._socket is not None:
            self._client.ack(token.mid, token.qos)

    async def run(self) -> None:
        """Connect, stay connected, reconnect with jittered back-off. Ends only by cancellation."""
        wait_s = _FIRST_WAIT_S
        try:
            while True:
                self._lost.clear()
                if await self._connect():
                    wait_s = _FIRST_WAIT_S
                    await self._attend()
                await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))  # noqa: S311  jitter, not a secret
                wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
        finally:
            self._hang_up()

    @property
    def _limit(self) -> int:
        return 4 * self._broker.max_in_flight

    def _make_client(self) -> "_Client":
        five = self._broker.version == "5"
        client = _Client(
            CallbackAPIVersion.VERSION2,
            self._broker.client_id,
            clean_session=None if five else False,
            protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
            manual_ack=True,
        )
        if self._broker.username:
            client.username_pw_set(self._broker.username, self._broker.password or None)
        if self._broker.tls is not None:
            client.tls_set_context(self._broker.tls)
        client.connect_timeout = _CONNECT_TIMEOUT_S
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_socket_open = self._on_socket_open
        client.on_socket_close = self._on_socket_close
        client.on_socket_register_write = self._on_register_write
        client.on_socket_unregister_write = self._on_unregister_write
        return client

    async def _connect(self) -> bool:
        options: dict[str, Any] = {}
        if self._broker.version == "5":
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.ReceiveMaximum = self._broker.max_in_flight
            properties.SessionExpiryInterval = _SESSION_EXPIRY_S
            options = {"clean_start": False, "properties": properties}
        self._connection += 1
        self._order.clear()
        self._durable.clear()
        self._unacknowledged.clear()
        try:
            await self._loop.run_in_executor(
                None,
                lambda: self._client.connect(self._broker.host, self._broker.port, _KEEPALIVE_S, **options),
            )
        except (OSError, ValueError) as error:  # refused, unknown host, TLS failure, a wrong port
            self._failed(f"cannot reach {self._broker.url}: {error}")
            return False
        return True

    async def _attend(self) -> None:
        """Serve keep-alives until the connection is lost."""
        while not self._lost.is_set():
            if self._client.loop_misc() != MQTTErrorCode.MQTT_ERR_SUCCESS:
                break
            try:
                await asyncio.wait_for(self._lost.wait(), 1.0)
            except TimeoutError:
                continue
        self._hang_up()

    def _hang_up(self) -> None:
        """Say goodbye where that is still possible, and let go of the socket."""
        self._leaving = True
        if self._socket is not None:
            self._client.disconnect()
            self._client.loop_write()  # paho closes the socket once the DISCONNECT is out
        opened, self._socket = self._socket, None
        if opened is not None:
            self._forget(opened)
            opened.close()
        self.connected = False

    def _failed(self, error: str) -> None:
        if error != self.last_error and not self._leaving:
            log.warning("broker_away", lane=self.lane, error=error)
        self.connected, self.last_error = False, error

    # paho's callbacks; connect() runs in a thread, so socket callbacks come from there too.

    def _on_socket_open(self, _client: paho.Client, _data: object, opened: Opened) -> None:
        self._client.forget()
        self._loop.call_soon_threadsafe(self._watch, opened)

    def _watch(self, opened: socket.socket) -> None:
        if opened.fileno() >= 0:
            self._socket = opened
            self._read_on()

    def _read_on(self) -> None:
        self._reading = True
        self._loop.add_reader(self._socket, self._read)
        if self._client.holds:
            self._loop.call_soon(self._read)

    def _read(self) -> None:
        if not self._reading:
            return  # paused or closed meanwhile
        for _ in range(_BURST):
            before = self._taken
            if self._client.loop_read() != MQTTErrorCode.MQTT_ERR_SUCCESS:
                self._lost.set()
                return
            if self._outstanding >= self._limit and self._socket is not None:
                self._reading = False
                self._loop.remove_reader(self._socket)
                return
            if self._taken == before and not self._client.holds:
                return
        if self._client.holds:  # no longer in the socket, so no event will tell of it
            self._loop.call_soon(self._read)

    def _on_socket_close(self, _client: paho.Client, _data: object, closed: Opened) -> None:
        self._loop.call_soon_threadsafe(self._lost.set)
        if closed is self._socket:
            self._socket = None
            self._forget(closed)

    def _forget(self, closed: Opened) -> None:
        self._reading = False
        if closed.fileno() >= 0:
            self._loop.remove_reader(closed)
            self._loop.remove_writer(closed)

    def _on_register_write(self, client: paho.Client, _data: object, opened: Opened) -> None:
        if threading.get_ident() == self._thread:
            self._write_on(client, opened)
        else:
            self._loop.call_soon_threadsafe(self._write_on, client, opened)

    def _write_on(self, client: paho.Client, opened: Opened) -> None:
        if opened.fileno() >= 0:
            self._loop.add_writer(opened, client.loop_write)

    def _on_unregister_write(self, _client: paho.Client, _data: object, opened: Opened) -> None:
        if threading.get_ident() == self._thread:
            self._write_off(opened)
        else:
            self._loop.call_soon_threadsafe(self._write_off, opened)

    def _write_off(self, opened: Opened) -> None:
        if opened.fileno() >= 0:
            self._loop.remove_writer(opened)

    def _on_connect(
        self, client: paho.Client, _data: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        if reason.is_failure:
            self._failed(f"{self._broker.url} refused the connection: {reason}")
            return
        code, _ = client.subscribe([(topic, 1) for topic in self._topics])
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._failed(f"{self._broker.url} took no subscription: {code}")
            self._lost.set()

    def _on_subscribe(
        self, _client: paho.Client, _data: object, mid: int, reasons: list[ReasonCode], _properties: object
    ) -> None:
        if (asked := self._asked.pop(mid, None)) is not None:
            unheard = sum(reason.is_failure for reason in reasons)
            if unheard:  # which is no reason to stop hearing the rest
                log.warning("announced_topics_refused", count=unheard, of=len(asked))
            return
        refused = [topic for topic, reason in zip(self._topics, reasons, strict=False) if reason.is_failure]
        if refused:
            self._failed(
                f"{self._broker.url} refuses to let us read {', '.join(refused)}: check the broker's ACL"
            )
            return
        self.connected, self.last_error = True, ""
        log.info("broker_connected", lane=self.lane, url=self._broker.url)
        self._asked.clear()
        self._ask_for(list(self._followed))

    def _on_disconnect(
        self, _client: paho.Client, _data: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        self._failed(f"connection to {self._broker.url} lost: {reason}")
        self._loop.call_soon_threadsafe(self._lost.set)

    def _in_our_hands(self, raw: paho.MQTTMessage) -> bool:
        """Whether a broker sends again what is here and waits for its PUBACK (some do after seconds).

        It is the same packet, and that PUBACK ends both: no other press, nor one more second of a signal.
        """
        if not raw.qos:
            return False
        held = hash((raw._topic, raw.payload))  # noqa: SLF001  paho has no other way to the bytes
        if raw.dup and self._unacknowledged.get(raw.mid) == held:
            return True
        self._unacknowledged[raw.mid] = held
        return False

    def _on_message(self, _client: paho.Client, _data: object, raw: paho.MQTTMessage) -> None:
        self._taken += 1
        if self._in_our_hands(raw):
            self.repeated += 1
            return
        self._outstanding += 1
        token = Token(self._connection, raw.mid, raw.qos)
        self._order.append(token)
        try:
            topic = raw.topic
        except UnicodeDecodeError:  # forbidden by MQTT-1.5.4-1; some brokers let it pass
            topic = raw._topic.decode(errors="replace")  # noqa: SLF001  paho has no other way to the bytes
        message = head_of(topic, bytes(raw.payload), self._clock.now(), (raw.retain, raw.dup, raw.qos))
        self._received(message, token)
