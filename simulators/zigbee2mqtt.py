"""Devices behind zigbee2mqtt. Rule: payloads are those of zigbee2mqtt for the models named here.

The SOS button is a Tuya TS0215A_sos. One press is three messages: the action, its reset to "", and the same
action as plain text on the legacy topic (Koenkk/zigbee-herdsman-converters issue 2797). None carries a time
or an id. QoS is 1: a per-device option there, and what a button that people call for help with should have.
The sensors are a motion sensor Xiaomi RTCGQ11LM, a door contact Tuya TS0203 and a smoke detector Xiaomi
JTYJ-GD-01LM/BW.
"""

from collections.abc import Iterator, Mapping

import orjson

from simulators.publication import Publication

BASE = "zigbee2mqtt"
BRIDGE = "bridge"
MODEL = "Tuya TS0215A_sos"
MOTION, CONTACT, SMOKE = "Xiaomi RTCGQ11LM", "Tuya TS0203", "Xiaomi JTYJ-GD-01LM/BW"
_SAYS = {"occupancy": ("motion", True), "contact": ("door_open", False), "smoke": ("smoke", True)}


class Device:
    """Encodes the messages of one device, by its friendly name. `link_quality` is on the scale 0-255."""

    def __init__(self, name: str, link_quality: int) -> None:
        self.name = name
        self._link_quality = link_quality

    def availability(self, at_ms: int, state: str) -> Publication:
        """Whether zigbee2mqtt reaches the device: `online` or `offline`, retained."""
        return _state_of(at_ms, f"{self.name}/availability", self.name, state)

    def _object(self, at_ms: int, payload: Mapping[str, object], says: tuple[str, ...]) -> Publication:
        body = orjson.dumps({**payload, "linkquality": self._link_quality})
        return Publication(
            at_ms, f"{BASE}/{self.name}", body, 1, False, BRIDGE, self.name, (*says, "link_quality")
        )


class Sensor(Device):
    """A sensor of one state: `field` is `occupancy`, `contact` (true: shut) or `smoke`."""

    def __init__(self, name: str, link_quality: int, field: str) -> None:
        super().__init__(name, link_quality)
        self._field = field
        self._metric, self._positive = _SAYS[field]

    def state(self, at_ms: int, holds: bool, battery: int) -> Publication:
        """That there is motion, the door is open, there is smoke; or no more."""
        payload = {"battery": battery, self._field: holds is self._positive, "voltage": 3005}
        return self._object(at_ms, payload, (self._metric, "battery", "battery_voltage"))


class Button(Device):
    """The SOS button."""

    def press(self, at_ms: int, battery: int) -> Iterator[Publication]:
        """One press for help: three messages within a tenth of a second."""
        yield self._state(at_ms, "emergency", battery, ("sos",))
        yield self._state(at_ms + 60, "", battery, ())
        topic = f"{BASE}/{self.name}/action"
        yield Publication(at_ms + 80, topic, b"emergency", 1, False, BRIDGE, self.name, ("sos",), repeat=True)

    def report(self, at_ms: int, battery: int) -> Publication:
        """What the button tells every few hours by itself."""
        return self._state(at_ms, "", battery, ())

    def _state(self, at_ms: int, action: str, battery: int, metrics: tuple[str, ...]) -> Publication:
        payload = {"action": action, "battery": battery, "voltage": 3000}
        return self._object(at_ms, payload, (*metrics, "battery", "battery_voltage"))


def bridge_state(at_ms: int, state: str, *, will: bool = False) -> Publication:
    """Whether zigbee2mqtt itself is there: `online`, or `offline` as its last will; retained."""
    return _state_of(at_ms, "bridge/state", BRIDGE, state, will=will)


def _state_of(at_ms: int, topic: str, device: str, state: str, *, will: bool = False) -> Publication:
    payload = orjson.dumps({"state": state})
    return Publication(at_ms, f"{BASE}/{topic}", payload, 1, True, BRIDGE, device, ("online",), will)
