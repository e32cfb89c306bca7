"""An SOS button behind zigbee2mqtt. Rule: payloads are those of zigbee2mqtt for a Tuya TS0215A_sos.

One press is three messages: the action, its reset to "", and the same action as plain text on the
legacy topic (Koenkk/zigbee-herdsman-converters issue 2797). None carries a time or an id. QoS is 1: a
per-device option there, and what a button that people call for help with should have.
"""

from collections.abc import Iterator

import orjson

from simulators.publication import Publication

BASE = "zigbee2mqtt"
BRIDGE = "bridge"
MODEL = "Tuya TS0215A_sos"


class Button:
    """Encodes the messages of one button, by its friendly name. `link_quality` is on the scale 0-255."""

    def __init__(self, name: str, link_quality: int) -> None:
        self.name = name
        self._link_quality = link_quality

    def press(self, at_ms: int, battery: int) -> Iterator[Publication]:
        """One press for help: three messages within a tenth of a second."""
        yield self._state(at_ms, "emergency", battery, ("sos",))
        yield self._state(at_ms + 60, "", battery, ())
        topic = f"{BASE}/{self.name}/action"
        yield Publication(at_ms + 80, topic, b"emergency", 1, False, BRIDGE, self.name, ("sos",), repeat=True)

    def report(self, at_ms: int, battery: int) -> Publication:
        """What the button tells every few hours by itself."""
        return self._state(at_ms, "", battery, ())

    def availability(self, at_ms: int, state: str) -> Publication:
        """Whether zigbee2mqtt reaches the button: `online` or `offline`, retained."""
        return _state_of(at_ms, f"{self.name}/availability", self.name, state)

    def _state(self, at_ms: int, action: str, battery: int, metrics: tuple[str, ...]) -> Publication:
        payload = {"action": action, "battery": battery, "linkquality": self._link_quality, "voltage": 3000}
        says = (*metrics, "battery", "battery_voltage", "link_quality")
        return Publication(
            at_ms, f"{BASE}/{self.name}", orjson.dumps(payload), 1, False, BRIDGE, self.name, says
        )


def bridge_state(at_ms: int, state: str, *, will: bool = False) -> Publication:
    """Whether zigbee2mqtt itself is there: `online`, or `offline` as its last will; retained."""
    return _state_of(at_ms, "bridge/state", BRIDGE, state, will=will)


def _state_of(at_ms: int, topic: str, device: str, state: str, *, will: bool = False) -> Publication:
    payload = orjson.dumps({"state": state})
    return Publication(at_ms, f"{BASE}/{topic}", payload, 1, True, BRIDGE, device, ("online",), will)
