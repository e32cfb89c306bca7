"""A message: one MQTT PUBLISH as it arrived. Rule: it is never changed after arrival."""

from dataclasses import dataclass

MAX_PAYLOAD_BYTES = 256 * 1024
"""Longest payload that is decoded (DESIGN section 4)."""

MAX_TOPIC = 1024
"""Longest topic that is anybody's, in characters. What is known of topics is remembered, so of these only."""


@dataclass(frozen=True, slots=True)
class Message:
    """One PUBLISH. `received_at` is our clock in ms UTC.

    `retained` and `dup` are MQTT's RETAIN and DUP flags.
    `size` is the payload's full length in bytes: `payload` holds only the head of an oversized one.
    """

    topic: str
    payload: bytes
    received_at: int
    retained: bool = False
    qos: int = 0
    dup: bool = False
    size: int = -1

    @property
    def oversized(self) -> bool:
        """Whether the payload was longer than MAX_PAYLOAD_BYTES (and so was not kept whole)."""
        return max(self.size, len(self.payload)) > MAX_PAYLOAD_BYTES
