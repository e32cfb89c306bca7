"""Devices that speak the native protocol (DESIGN section 4). Rule: what they say is in the vocabulary."""

from collections.abc import Callable, Mapping

import orjson

from devices.metrics import METRICS, Kind
from simulators.acceleration import RATE, Sample, packed
from simulators.publication import Publication

Value = float | bool | str

EVENTS = frozenset(
    "sos fall check_in visit bed_exit bed_enter motion door_open door_close smoke gas water_leak tamper "
    "help_cancelled turned geofence_enter geofence_exit device_test medication_taken".split()
)
"""What the event channel may say."""

_NOBODY_ELSE: Mapping[str, str] = {}


def right(at_ms: int) -> int:
    """What a clock shows that is right."""
    return at_ms


class NativeDevice:
    """Encodes the messages of one device; each gets an id that no other message of any run has."""

    def __init__(
        self, site: str, device: str, run: str, via: str, clock: Callable[[int], int] = right
    ) -> None:
        """`clock` gives what the device's own clock shows at a time, ms UTC."""
        self.device = device
        self._clock = clock
        self.via = via
        self._prefix = f"shouwang/v1/{site}/{device}/"
        self._run = run
        self._count = 0

    def telemetry(
        self, at_ms: int, values: Mapping[str, Value], about: Mapping[str, str] = _NOBODY_ELSE
    ) -> Publication:
        """Quantities and states, by canonical metric; `about` is {"resident": id} or {"place": id}."""
        if unknown := [name for name in values if name not in METRICS or METRICS[name].kind is Kind.EVENT]:
            raise ValueError(f"not telemetry: {', '.join(unknown)}")
        return self._say(at_ms, "telemetry", {**about, **values}, tuple(values))

    def event(
        self,
        at_ms: int,
        event: str,
        by: str = "",
        about: Mapping[str, str] = _NOBODY_ELSE,
        *,
        note: str = "",
        cleared: bool = False,
    ) -> Publication:
        """A happening, done `by` a member of staff or a resident; `note` is the proof of it."""
        if event not in EVENTS:
            raise ValueError(f"not an event of the native protocol: {event}")
        more = {"by": by, "note": note, "state": "cleared" if cleared else ""}
        body = {"event": event, **about} | {name: word for name, word in more.items() if word}
        return self._say(at_ms, "event", body, (event,))

    def motion(self, at_ms: int, samples: list[Sample]) -> Publication:
        """A window of acceleration at the wrist whose last sample was taken at `at_ms`."""
        begin_ms = at_ms - len(samples) * 1000 // RATE
        body = {"ts": self._clock(begin_ms), "fs": RATE, "position": "wrist", **packed(samples)}
        return Publication(
            at_ms, f"{self._prefix}motion", orjson.dumps(body), 1, False, self.via, self.device, ()
        )

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
        payload = orjson.dumps(
            {"ts": self._clock(at_ms), "id": f"{self._run}-{self.device}-{self._count}", **body}
        )
        return Publication(
            at_ms, f"{self._prefix}{channel}", payload, 1, retain, self.via, self.device, metrics
        )
