"""Devices that speak the native protocol (DESIGN section 4). Rule: what they say is in the vocabulary."""

from collections.abc import Mapping

import orjson

from devices.metrics import METRICS, Kind
from simulators.publication import Publication

Value = float | bool | str

EVENTS = frozenset(
    "sos fall check_in visit bed_exit bed_enter motion door_open door_close smoke gas water_leak tamper "
    "help_cancelled".split()
)
"""What the event channel may say."""


class NativeDevice:
    """Encodes the messages of one device; each gets an id that no other message of any run has."""

    def __init__(self, site: str, device: str, run: str, via: str) -> None:
        self.device = device
        self.via = via
        self._prefix = f"shouwang/v1/{site}/{device}/"
        self._run = run
        self._count = 0

    def telemetry(self, at_ms: int, values: Mapping[str, Value]) -> Publication:
        """Quantities and states, by canonical metric."""
        if unknown := [name for name in values if name not in METRICS or METRICS[name].kind is Kind.EVENT]:
            raise ValueError(f"not telemetry: {', '.join(unknown)}")
        return self._say(at_ms, "telemetry", dict(values), tuple(values))

    def event(self, at_ms: int, event: str, by: str = "") -> Publication:
        """A happening, done `by` a member of staff or a resident."""
        if event not in EVENTS:
            raise ValueError(f"not an event of the native protocol: {event}")
        return self._say(at_ms, "event", {"event": event} | ({"by": by} if by else {}), (event,))

    def status(self, at_ms: int, battery: float | None = None) -> Publication:
        """The retained word that the device is there."""
        level = {} if battery is None else {"battery": battery}
        body = {"state": "online", "fw": "1.4.2"} | level
        return self._say(at_ms, "status", body, ("online", *level), retain=True)

    def plain_status(self, at_ms: int, state: str, *, will: bool = False) -> Publication:
        """The same word as plain text: it has no time and no id, as suits a last will."""
        return Publication(
            at_ms, f"{self._prefix}status", state.encode(), 1, True, self.via, self.device, ("online",), will
        )

    def _say(
        self,
        at_ms: int,
        channel: str,
        body: Mapping[str, Value],
        metrics: tuple[str, ...],
        *,
        retain: bool = False,
    ) -> Publication:
        self._count += 1
        payload = orjson.dumps({"ts": at_ms, "id": f"{self._run}-{self.device}-{self._count}", **body})
        return Publication(
            at_ms, f"{self._prefix}{channel}", payload, 1, retain, self.via, self.device, metrics
        )
