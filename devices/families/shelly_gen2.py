"""Shelly of the second and later generations: `<id>/events/rpc` (changes and events) and `<id>/status/...`.

Rule: a status is a delta, so what it leaves out says nothing. Of a button only the gesture is a press, never
its edges. A Bluetooth device heard by a script is itself, by its address, whichever Shelly heard it.
"""

from devices.catalogue import MAX_MODEL, words_of
from devices.envelope import Json, json_object
from devices.families.names import calls
from devices.families.online import true_or_not
from devices.instants import clock_ms
from devices.message import Message
from devices.notation import Vocabulary
from devices.reading import MAX_DETAIL, Decoded, Known, Learned, Reason, Rejected, TimeSource
from devices.words import OWN_NUMBER_MS, Fields, Origin, Said, Scalar, flatten, speak_fields

FAMILY = "shelly-gen2"
TOPICS = (
    *("+/events/rpc", "+/status/+", "+/online", "+/announce"),
    *("shellies/+/events/rpc", "shellies/+/status/+"),
)

CALLS = (b"_push", b"hold_press", b'"button"')  # a call by the registry's word for the button

_EVENTS, _STATUS = "/events/rpc", "/status/"
_TAILS = ("/online", "/announce", "/rpc", "/debug/log")
_GESTURES = {
    "single_push": "single",
    "double_push": "double",
    "triple_push": "triple",
    "long_push": "long",
    "long_double_push": "long_double",
    "long_triple_push": "long_triple",
    "hold_press": "hold",
    "hold_push": "hold",
}
_PRESSES = {
    1: "single",
    2: "double",
    3: "triple",
    4: "long",
    5: "long_double",
    6: "long_triple",
    128: "hold",
    254: "hold",
}
"""BTHome's button events, 0x3A; 128 and 254 are Shelly's own. 0 is no press."""
_ALARMS = {
    # component and event -> metric and value
    "smoke.alarm": ("smoke", True),
    "smoke.alarm_off": ("smoke", False),
    "smoke.alarm_test": ("device_test", True),
    "flood.alarm": ("water_leak", True),
    "flood.alarm_off": ("water_leak", False),
    "flood.cable_unplugged": ("fault", True),
    "motion.motion": ("motion", True),
    "motion.no_motion": ("motion", False),
}
_SILENT = frozenset(
    "btn_down btn_up config_changed component_added component_removed sleep scheduled_restart sys_btn_down "
    "sys_btn_up sys_btn_push ota_begin ota_progress ota_success ota_error ble.scan_result discovery_started "
    "discovery_done device_discovered associations_changed".split()
)
_COMPONENTS = frozenset(
    (
        *"smoke flood temperature humidity illuminance devicepower presencezone occupancy motion".split(),
        *"switch light cover input pm1 em em1 emdata em1data thermostat voltmeter".split(),
        *"bthomedevice bthomesensor blutrv script".split(),
    )
)
_APART = ("bthomedevice:", "bthomesensor:", "blutrv:")
"""Components that are another device, heard by Bluetooth; a status does not say its address."""
_MAX_PARTS = 256
_MAX_DEVICE = 60


def claims(topic: str) -> bool:
    """Whether a topic ends as only these devices' do, or belongs to a Shelly by its name."""
    if topic.endswith(_EVENTS):
        return True
    prefix, status, component = topic.partition(_STATUS)
    kind, numbered, _ = component.partition(":")
    if prefix and numbered and kind in _COMPONENTS:  # also where the prefix was chosen by somebody
        return True
    if not topic.startswith("shelly"):
        return False
    return bool(status) or (not topic.startswith("shellies/") and topic.endswith(_TAILS))


def recognises(payload: Json) -> bool:
    """Whether a script sent a Bluetooth device's BTHome data, on whatever topic."""
    return isinstance(payload, dict) and _bthome(payload) is not None


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """One notification, the status of a component, whether it is online, or a Bluetooth device's data."""
    topic = message.topic
    if topic.endswith("/online"):
        return true_or_not(FAMILY, message, _device(topic.removesuffix("/online")))
    if topic.endswith(("/rpc", "/debug/log", "/command")) and not topic.endswith((_EVENTS, "/status/rpc")):
        return Decoded(FAMILY)  # requests, and answers to them
    device, status, component = topic.partition(_STATUS)
    device = _device(device.removesuffix(_EVENTS).removesuffix("/announce"))
    payload = json_object(message.payload, device)
    if isinstance(payload, Rejected):
        return payload
    told = _Told(message, known, device)
    if status:
        told.status(payload if component == "rpc" else {component: payload})
    elif topic.endswith("/announce"):
        told.learn(device, payload.get("model"))
    elif isinstance(payload.get("method"), str):
        told.notification(payload)
    elif _bthome(payload) is not None:
        told.bluetooth(payload, message.received_at, None)
    else:
        return Rejected(Reason.WRONG_SHAPE, "no notification of a Shelly", device)
    return told.said.decoded(FAMILY, device, learned=told.learned)


def _device(prefix: str) -> str:
    """The topic prefix, which is the device's id unless somebody chose another."""
    return prefix.removeprefix("shellies/")


def _bthome(data: dict[str, Json]) -> dict[str, Json] | None:
    """The BTHome values in what a script emits: the data themselves, or below `service_data`."""
    inside = data.get("service_data")
    found = inside if isinstance(inside, dict) else data
    return found if "BTHome_version" in found else None


class _Told:
    """What one message tells, while it is taken apart."""

    __slots__ = ("device", "known", "learned", "received_at", "said")

    def __init__(self, message: Message, known: Known, device: str) -> None:
        self.device, self.known, self.received_at = device, known, message.received_at
        self.said = Said()
        self.learned: list[Learned] = []

    def learn(self, about: str, model: Json) -> None:
        """The model of a device, where it says so."""
        if about and isinstance(model, str) and model:
            self.learned.append(Learned(about, "model", model[:MAX_MODEL]))

    def notification(self, payload: dict[str, Json]) -> None:
        """`NotifyStatus`, `NotifyFullStatus` and `NotifyEvent`; other methods are requests."""
        params = payload.get("params")
        if not isinstance(params, dict):
            return
        if payload["method"] == "NotifyEvent":
            events = params.get("events")
            if not isinstance(events, list):
                return
            if len(events) > _MAX_PARTS:
                self.too_many()
            for event in events[:_MAX_PARTS]:
                if isinstance(event, dict):
                    self.event(event, clock_ms(event.get("ts"), "") or clock_ms(params.get("ts"), ""))
        elif payload["method"] in {"NotifyStatus", "NotifyFullStatus"}:
            self.status(params)

    def too_many(self) -> None:
        """Says that a message was longer than any that a Shelly sends."""
        self.said.rejected.append(Rejected(Reason.TOO_LARGE, f"more than {_MAX_PARTS} parts", self.device))

    def status(self, components: dict[str, Json]) -> None:
        """The status of components by their key, `<type>:<id>`."""
        at = clock_ms(components.get("ts"), "")
        if len(components) > _MAX_PARTS:
            self.too_many()
        for key in list(components)[:_MAX_PARTS]:
            body = components[key]
            if isinstance(body, dict):
                self.component(key, body, at)

    def component(self, key: str, body: dict[str, Json], at: int | None) -> None:
        """What one component says, in the words of its type; of several, which is in the detail."""
        kind, _, number = key.partition(":")
        fields, lists = flatten({kind: body})
        device = f"{self.device}/{key}"[:_MAX_DEVICE] if key.startswith(_APART) else self.device
        if kind == "devicepower":
            fields = _powered(fields)
        elif kind in {"bthomedevice", "bthomesensor"}:
            at = clock_ms(body.get("last_updated_ts"), "") or at
        origin = Origin(device, self.received_at, at, TimeSource.DEVICE)
        mark = len(self.said.readings)
        speak_fields(self.words(device), fields, origin, self.said)
        for name, items in lists:
            if name.endswith(".errors"):
                self.faults(items, origin)
            else:
                self.said.left.append(name)
        if number not in {"", "0"} and device == self.device:
            self.said.channel(number[:MAX_DETAIL], mark)

    def faults(self, errors: list[Json], origin: Origin) -> None:
        """A component lists its errors only while it has some."""
        first = next((error for error in errors if isinstance(error, str)), None)
        if first is not None:
            self.said.add(origin, "fault", value=True, detail=first[:MAX_DETAIL])

    def event(self, event: dict[str, Json], at: int | None) -> None:
        """What happened to a component: a press, an alarm, or what a script emitted."""
        name, key = event.get("event"), event.get("component")
        if not isinstance(name, str) or not isinstance(key, str) or name in _SILENT:
            return
        kind, _, number = key.partition(":")
        device = f"{self.device}/{key}"[:_MAX_DEVICE] if key.startswith(_APART) else self.device
        origin = Origin(device, self.received_at, at, TimeSource.DEVICE)
        data = event.get("data")
        alarm = _ALARMS.get(f"{kind}.{name.removeprefix(f'{kind}.')}")
        if (gesture := _GESTURES.get(name.removeprefix(f"{kind}."))) is not None:
            which = event.get("idx") if device != self.device else number
            channel = f"{which}:" if isinstance(which, (int, str)) and which not in {"", "0", 0} else ""
            self.press(origin, f"{channel[:8]}{gesture}")
        elif alarm is not None:
            self.said.add(origin, *alarm)
        elif kind == "presencezone" and name in {"presence", "counter"}:
            self.component(key, {k: event[k] for k in ("value", "num_objects") if k in event}, at)
        elif isinstance(data, dict) and (_bthome(data) is not None or isinstance(data.get("address"), str)):
            self.bluetooth(data, self.received_at, at)
        else:
            self.said.left.append("events")

    def bluetooth(self, data: dict[str, Json], received_at: int, at: int | None) -> None:
        """BTHome data of a device nearby. Each of its packets has a number, which repeats share."""
        values = _bthome(data) or data
        address = data.get("address", data.get("addr", values.get("address")))
        if not isinstance(address, str) or not address:
            self.said.left.append("data")
            return
        device = address[:_MAX_DEVICE]
        if values.get("encryption") is True:
            self.said.rejected.append(Rejected(Reason.UNDECODED, "encrypted: the script has no key", device))
            return
        self.learn(device, data.get("model") or data.get("local_name"))
        packet = values.get("pid")
        key = f"{packet}" if isinstance(packet, int) and 0 <= packet <= 255 else ""
        origin = Origin(device, received_at, at, TimeSource.GATEWAY, key, OWN_NUMBER_MS if key else 0)
        fields: Fields = {}
        for name, value in (data | values).items():
            if name == "button":
                self.presses(value, origin)
            elif isinstance(value, list):
                scalars = [one for one in value[:8] if not isinstance(one, (dict, list))]
                fields[f"blu.{name}"] = scalars[0] if scalars else None
            elif not isinstance(value, dict):
                fields[f"blu.{name}"] = value
        speak_fields(self.words(device), fields, origin, self.said)

    def presses(self, value: Json, origin: Origin) -> None:
        """Which buttons were pressed and how: one number, or one for each button."""
        several = isinstance(value, list)
        for number, code in enumerate(value[:8] if isinstance(value, list) else [value], 1):
            gesture = _PRESSES.get(code) if isinstance(code, int) and not isinstance(code, bool) else None
            if gesture is not None:
                self.press(origin, f"{number}:{gesture}" if several else gesture)

    def press(self, origin: Origin, gesture: str) -> None:
        """A press, or a call where the registry says that the button is for calls."""
        call = any(map(calls, self.known.models(origin.device)))
        self.said.add(origin, "sos" if call else "button_press", value=True, detail=gesture)

    def words(self, device: str) -> Vocabulary:
        """Of the model that was learned or registered, else that the device's own name begins with."""
        return words_of(FAMILY, *self.known.models(device), device.partition("-")[0])


def _powered(fields: dict[str, Scalar]) -> dict[str, Scalar]:
    """A device on external power without batteries says 0 per cent, which is no flat battery."""
    if fields.get("devicepower.external.present") is True and fields.get("devicepower.battery.percent") == 0:
        return {name: value for name, value in fields.items() if ".battery." not in name}
    return fields
