"""Netlia: the same event type is a call, a door or water by the kind of device."""

from typing import Any

import pytest

from devices.instants import iso_ms
from tests.devices.told import heard, identity, told


def _event(kind: object, event: str, **more: object) -> dict[str, Any]:
    common = {"DeviceId": "n1", "DeviceType": kind, "EventType": event, "EventId": "e-1"}
    return common | {"EventTime": "2026-09-21T13:53:00.1234567Z"} | more


@pytest.mark.parametrize(
    ("kind", "event", "says"),
    [
        ("sos-button", "event-start", {"sos": True}),
        ("SOS-Button", "Event-Start", {"sos": True}),
        ("sos-button", "event-end", {}),
        ("magnetic-detector-simple", "event-end", {"door_open": False}),
        ("magnetic-detector-continuous", "event-end", {}),
        ("pir-detector", "event-continue", {"motion": True}),
        ("water-detector", "event-end", {"water_leak": False}),
        ("smoke-detector", "event-start", {"smoke": True}),
        ("thermometer", "measured-temperature", {"room_temperature": 20.5}),
        ("thermometer", "alive", {"online": True, "room_temperature": 20.5}),
        (None, "transport", {"fault": True, "online": False}),
        ("something new", "event-start", {}),
        ("something new", "restart", {"power_on": True, "online": True, "fault": False}),
    ],
)
def test_what_an_event_means_is_the_devices(kind: object, event: str, says: dict[str, object]) -> None:
    more = {"Temperature": 20.5} if kind == "thermometer" else {}
    assert told("netlia/n1/x", _event(kind, event, **more)) == says


def test_an_event_that_is_delivered_again_is_the_same() -> None:
    start = _event("magnetic-detector-simple", "event-start")
    again = dict(reversed(start.items()))  # the order of fields is not guaranteed
    assert identity("netlia/n1/x", start, "door_open") == identity("netlia/n1/x", again, "door_open")
    end = _event("magnetic-detector-simple", "event-end")
    assert identity("netlia/n1/x", start, "door_open") != identity("netlia/n1/x", end, "door_open")


def test_the_regulator_spells_its_fields_in_lower_case_and_any_topic_will_do() -> None:
    event = {
        name[0].lower() + name[1:]: value
        for name, value in _event("temperature-regulator", "battery-alert").items()
    }
    (low,) = heard("partner/events", event | {"batteryStatus": "low", "protocolVersion": 1})
    assert (low.device, low.metric, low.at) == ("n1", "battery_low", iso_ms("2026-09-21T13:53:00.123Z"))


@pytest.mark.parametrize(
    ("event", "data", "device", "says"),
    [
        ("measured-temperature", {"deviceId": "t1", "temperature": 21.5}, "t1", {"room_temperature": 21.5}),
        ("battery-alert", {"deviceId": "t1", "batteryStatus": "low"}, "t1", {"battery_low": True}),
        ("battery-alert", {"deviceId": "t1", "batteryStatus": "unknown"}, "t1", {}),
        ("failure", {"deviceId": None, "type": "generic-device-error"}, "room-1", {"fault": True}),
        ("failure-resolved", {"deviceId": "t1", "type": "generic-device-error"}, "t1", {"fault": False}),
        ("heating-state-changed", {"targetTemperature": 22.0}, "", {}),
    ],
)
def test_the_second_version_has_what_it_says_below_data(
    event: str, data: dict[str, object], device: str, says: dict[str, object]
) -> None:
    envelope = {"protocolVersion": 2, "eventId": "e-2", "eventTime": "2026-09-21T13:53:00Z"}
    inside = {"entity": {"id": "room-1", "type": "room"}} | data
    found = heard("netlia/events", envelope | {"eventType": event, "data": inside})
    assert {one.metric: one.value for one in found} == says
    assert {one.device for one in found} <= {device}


def test_an_error_of_the_regulator_is_a_fault_and_a_press_on_its_thermostat_is_a_press() -> None:
    assert told("netlia/n1/x", _event("temperature-regulator", "error", errorType="e")) == {"fault": True}
    assert told("netlia/n1/x", _event("temperature-regulator", "warning", warningType="w")) == {}
    press = _event(
        "temperature-regulator", "user-requested-temperature-change", requestedTemperatureChange="increase"
    )
    (pressed,) = heard("netlia/n1/x", press)
    assert (pressed.metric, pressed.detail) == ("button_press", "increase")
