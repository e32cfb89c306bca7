"""A plain MQTT 3.1.1 publisher for tests: QoS 1, pipelined, and it knows exactly what was acknowledged.

Rule: no library of the service's, so that both cannot share a mistake.
"""

import socket
import struct
from collections.abc import Iterable
from types import TracebackType
from typing import Self

_WINDOW = 200


class Publisher:
    """One connection to a broker on loopback. `acknowledged` counts the broker's PUBACKs."""

    def __init__(self, port: int, client_id: str = "publisher") -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        name = client_id.encode()
        body = b"\x00\x04MQTT\x04\x02" + struct.pack("!H", 0) + struct.pack("!H", len(name)) + name
        self._socket.sendall(b"\x10" + _length(len(body)) + body)
        self._held = b""
        assert self._packet() == b"\x20\x02\x00\x00", "the broker refused the connection"
        self._waiting = 0
        self._packet_id = 0
        self.acknowledged = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._socket.close()

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish one message with QoS 1; waits only while too many are unacknowledged."""
        while self._waiting >= _WINDOW:
            self._take_ack()
        self._packet_id = self._packet_id % 65_535 + 1
        name = topic.encode()
        body = struct.pack("!H", len(name)) + name + struct.pack("!H", self._packet_id) + payload
        self._socket.sendall(bytes([0x32 | retain]) + _length(len(body)) + body)
        self._waiting += 1

    def send_all(self, messages: Iterable[tuple[str, bytes]]) -> int:
        """Publish all and wait until each is acknowledged; how many that were."""
        count = 0
        for topic, payload in messages:
            self.send(topic, payload)
            count += 1
        self.settle()
        return count

    def settle(self) -> None:
        """Wait until everything sent is acknowledged."""
        while self._waiting:
            self._take_ack()

    def _take_ack(self) -> None:
        packet = self._packet()
        if packet[0] == 0x40:
            self._waiting -= 1
            self.acknowledged += 1

    def _packet(self) -> bytes:
        while len(self._held) < 2 or len(self._held) < 2 + self._held[1]:
            more = self._socket.recv(65_536)
            if not more:
                raise ConnectionError("the broker closed the connection")
            self._held += more
        end = 2 + self._held[1]
        packet, self._held = self._held[:end], self._held[end:]
        return packet


def _length(count: int) -> bytes:
    """MQTT's variable length (MQTT 3.1.1, 2.2.3)."""
    coded = bytearray()
    while True:
        count, digit = divmod(count, 128)
        coded.append(digit | (0x80 if count else 0))
        if not count:
            return bytes(coded)
