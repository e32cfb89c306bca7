"""What the simulated world says. Rule: a publication is a value; only `simulators.link` touches a broker."""

import base64
from dataclasses import dataclass

import orjson


@dataclass(frozen=True, slots=True)
class Publication:
    """One PUBLISH to come, at `at_ms` (UTC) of the simulation.

    `via` names the connection it goes through. `device` and `metrics` are what a right decoder should make
    of it, for the truth. A `will` is published by the broker, because the connection is cut at that
    moment; a `repeat` says again what the message before it has said (a button's legacy topic).
    """

    at_ms: int
    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
    via: str = ""
    device: str = ""
    metrics: tuple[str, ...] = ()
    will: bool = False
    repeat: bool = False

    def line(self) -> bytes:
        """The publication as a line for `shouwang replay`, without the line end."""
        head = {"at": self.at_ms, "topic": self.topic}
        if self.payload[:1] in {b"{", b"["}:
            return orjson.dumps(head | {"payload": orjson.Fragment(self.payload)})
        return orjson.dumps(head | {"payload_b64": base64.b64encode(self.payload).decode()})


@dataclass(frozen=True, slots=True)
class Connection:
    """An MQTT connection of the simulated world.

    `birth` is said again after every unplanned reconnection, `will` is left with the broker.
    """

    name: str
    birth: Publication | None = None
    will: Publication | None = None
