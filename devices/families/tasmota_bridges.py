"""What a Tasmota bridge heard of other devices: Zigbee, LoRaWAN, Bluetooth, beacons and 433 MHz codes.

Rule: the identity is the name the bridge uses (its key in the message); the time is the bridge's. A Zigbee
contact is 1 when it is OPEN. An alarm during a test is a test.
"""

from collections.abc import Callable

from devices.catalogue import MAX_MODEL, words_of
from devices.envelope import Json
from devices.families.lorawan import once
from devices.message import Message
from devices.notation import Vocabulary
from devices.reading import Decoded, Known, Learned, Reading, Reason, Rejected, TimeSource
from devices.words import Fields, Origin, Said, flatten, number_of, speak_fields

_ZIGBEE, _LORA, _BLE, _RF = "tasmota_zigbee", "tasmota_lora", "tasmota_ble", "tasmota_rf"
_DIGITS = "0123456789"
_TEMPERATURES = frozenset(("room_temperature", "device_temperature"))
_PRESSURE = {"mmHg": 1.33322387, "inHg": 33.86389}  # to hPa
_ZONE = {  # bits of a zone's status (ZCL 8.2.2.2.1.3)
    "zone.tamper": 0x0004,
    "zone.battery_low": 0x0008,
    "zone.trouble": 0x0040,
    "zone.mains_fault": 0x0080,
    "zone.test": 0x0100,
    "zone.alarm": 0x0003,
}
_DANGERS = ("Fire", "CO", "Water", "Panic", "PersonalAlarm", "CIE")
"""A zone's alarms by Tasmota's names, where either alarm bit is one."""
_ZONE_TYPES: dict[object, str] = {  # by Tasmota's names of their alarms (ZCL 8.2.2.2.1.2)
    0x0D: "Occupancy",
    0x15: "Contact",
    0x28: "Fire",
    0x2A: "Water",
    0x2B: "CO",
    0x2C: "PersonalAlarm",
    0x2D: "Movement",
}
_ZONE_COMMANDS = ("0500<00", "0500?00", "0500!00")
_MAX_PARTS = 256
_MAX_DEVICE = 60


class Told:
    """What one message tells, while it is taken apart."""

    def __init__(self, message: Message, known: Known, device: str) -> None:
        self.device, self.known, self.received_at = device, known, message.received_at
        self.said = Said()
        self.learned: list[Learned] = []
        self.heard: set[str] = set()
        self.units: dict[str, Json] = {}

    def decoded(self) -> Decoded:
        """The answer."""
        self.said.readings = once(self.said.readings)
        whose = next(iter(self.heard)) if len(self.heard) == 1 else self.device
        return self.said.decoded("tasmota", whose, learned=self.learned)

    def learn(self, about: str, *names: Json) -> None:
        """The model of a device, where something says so."""
        model = " ".join(name for name in names if isinstance(name, str) and name)
        if about and model:
            self.learned.append(Learned(about, "model", model[:MAX_MODEL]))

    def origin(self, device: str, at: int | None) -> Origin:
        """A device that the bridge heard."""
        device = device[: 2 * _MAX_DEVICE]
        self.heard.add(device)
        return Origin(device, self.received_at, at, TimeSource.GATEWAY)

    def bounded(self, devices: dict[str, Json]) -> list[str]:
        """The names in a message, as many as a bridge ever sends; that there were more is said."""
        names = list(devices)
        if len(names) > _MAX_PARTS:
            self.said.rejected.append(
                Rejected(Reason.TOO_LARGE, f"more than {_MAX_PARTS} devices", self.device)
            )
        return names[:_MAX_PARTS]

    def speak(self, vocabulary: Vocabulary, fields: Fields, origin: Origin, detail: str = "") -> None:
        """What fields say, in the units that the message names."""
        mark = len(self.said.readings)
        speak_fields(vocabulary, fields, origin, self.said)
        fahrenheit, pressure = self.units.get("TempUnit") == "F", self.units.get("PressureUnit")
        if not (detail or fahrenheit or pressure):
            return
        for index in range(mark, len(self.said.readings)):
            self.said.readings[index] = _in_its_unit(self.said.readings[index], detail, fahrenheit, pressure)


def _in_its_unit(reading: Reading, detail: str, fahrenheit: bool, pressure: Json) -> Reading:
    if detail and not reading.detail:
        reading = reading._replace(detail=detail)
    if fahrenheit and reading.metric in _TEMPERATURES and not reading.unit:
        return reading._replace(unit="[degF]")
    factor = (
        _PRESSURE.get(pressure) if isinstance(pressure, str) and reading.metric == "air_pressure" else None
    )
    if factor is not None and isinstance(reading.value, (int, float)) and abs(reading.value) < 1e9:
        return reading._replace(value=round(reading.value * factor, 2))
    return reading


def kind_of(name: str, body: dict[str, Json]) -> Callable[[Told, dict[str, Json], int | None], None] | None:
    """Who decodes an object that stands by itself (SetOption100 takes its wrapper away), None for a chip."""
    if isinstance(body.get("Device"), str):
        return lora if "Node" in body or "DevEUIh" in body else zigbee
    if "MAC" in body or "NMT" in body:
        return bluetooth
    kind, dash, serial = name.rpartition("-")
    if dash and kind and len(serial) == 6 and all(letter in "0123456789abcdefABCDEF" for letter in serial):
        return bluetooth  # `LYWSD03-52680f`: the kind and half of the address
    return None


def zigbee(told: Told, devices: dict[str, Json], at: int | None) -> None:
    """`{"<name or short address>": {attribute: value, ...}}`."""
    for name in told.bounded(devices):
        body = devices[name]
        if not isinstance(body, dict) or not name:
            continue
        origin = told.origin(name, at)
        model = body.get("ModelId")
        told.learn(origin.device, model, body.get("Manufacturer") if model else None)
        fields, lists = flatten(body)
        told.said.left += [field for field, _ in lists]
        models = (model, *told.known.models(name)) if isinstance(model, str) else told.known.models(name)
        vocabulary = words_of(_ZIGBEE, *models)
        fields = _named(_zoned(fields), vocabulary)
        pressure = fields.pop("PressureUnit", None)
        told.units = told.units if pressure is None else told.units | {"PressureUnit": pressure}
        if number_of(fields.get("BatteryVoltage")) == 0:  # Aqara's answer when it does not know
            fields.pop("BatteryPercentage", None)
        told.speak(vocabulary, fields, origin)


def _zoned(fields: Fields) -> Fields:
    """The fields, with a zone's status by its bits. During a test its alarms are not alarms."""
    status = fields.get("ZoneStatusChange", fields.get("ZoneStatus"))
    bits = int(status) if isinstance(status, (int, float)) and 0 <= status < 65536 else None
    if bits is None:
        raw = next((fields[name] for name in _ZONE_COMMANDS if name in fields), None)
        if not isinstance(raw, str) or len(raw) < 4:
            return fields
        try:
            bits = int.from_bytes(bytes.fromhex(raw[:4]), "little")
        except ValueError:
            return fields
    zone: Fields = {name: bool(bits & bit) for name, bit in _ZONE.items()}
    kind = _ZONE_TYPES.get(fields.get("ZoneType"))
    if kind is not None and kind not in fields:
        fields = fields | {kind: zone["zone.alarm"]}
    dangers = [name for name in _DANGERS if name in fields]
    if zone["zone.test"]:
        del zone["zone.alarm"]
        return {name: value for name, value in fields.items() if name not in dangers} | zone
    return fields | zone | dict.fromkeys(dangers, zone["zone.alarm"])


def _named(fields: Fields, vocabulary: Vocabulary) -> Fields:
    """The fields, with a command as `command` and an endpoint's number taken from an attribute's name.

    A command is `<cluster>!<number>`; beside it its attributes are what was asked of others.
    """
    command = next((name for name in fields if name[4:5] in {"!", "?"} and name[:4] != "0500"), None)
    if command is not None:
        kept = {name: value for name, value in fields.items() if name in {"LinkQuality", "BatteryPercentage"}}
        asked, value = f"{command[:4]}!{command[5:7]}", fields[command]
        if asked == "0006!FD" and isinstance(value, str):  # Tuya's: how it was pressed
            asked += value[:2]
        return {"command": asked} | kept
    words = vocabulary.words
    return {
        bare if name not in words and (bare := name.rstrip(_DIGITS)) in words else name: value
        for name, value in fields.items()
    }


def zigbee_memory(told: Told, devices: dict[str, Json], at: int | None) -> None:
    """What the bridge remembers of its devices: the model, and whether it reached them; values are old."""
    for name in told.bounded(devices):
        body = devices[name]
        if not isinstance(body, dict):
            continue
        known_as = body.get("Name")
        device = known_as if isinstance(known_as, str) and known_as else name
        if not device:
            continue
        told.learn(device, body.get("ModelId"), body.get("Manufacturer"))
        if isinstance(body.get("Reachable"), bool):
            told.said.add(told.origin(device, at), "online", body["Reachable"] is True)


def lora(told: Told, devices: dict[str, Json], at: int | None) -> None:
    """`LwReceived` (radio, and values of built-in decoders) and `LwDecoded` (values of a Berry decoder)."""
    for name in told.bounded(devices):
        body = devices[name]
        if not isinstance(body, dict) or not name:
            continue
        origin = told.origin(name, at)
        said = [body.get(field) for field in ("Decoder", "Device")]
        models = [one for one in said if isinstance(one, str) and one and not one.startswith("0x")]
        told.learn(origin.device, *models)
        fields, _ = flatten(body)
        battery = number_of(fields.get("Battery"))
        if battery is not None and battery > 15:
            fields["BatteryPercentage"] = fields.pop("Battery")
        told.speak(words_of(_LORA, *models, *told.known.models(name)), fields, origin)
        if "Payload" in body and "Decoder" not in body:
            told.said.rejected.append(Rejected(Reason.UNDECODED, "no decoder for the frame", origin.device))


def bluetooth(told: Told, devices: dict[str, Json], at: int | None) -> None:
    """Xiaomi and other sensors by the name that Tasmota gives them."""
    for name in told.bounded(devices):
        body = devices[name]
        if not isinstance(body, dict) or not name:
            continue
        origin = told.origin(name, at)
        fields, lists = flatten(body)
        told.said.left += [field for field, _ in lists]
        vocabulary = words_of(_BLE, name.rpartition("-")[0] or name, *told.known.models(name))
        for field in [field for field in fields if field.startswith("Button")]:  # `Button<which>`
            told.speak(vocabulary, {"Button": fields.pop(field)}, origin, field[6:])
        told.speak(vocabulary, fields, origin)


def beacon(told: Told, body: dict[str, Json], at: int | None) -> None:
    """A beacon that came or went. When it went, its signal is the last one, which is over."""
    fields, _ = flatten(body)
    device = next(
        (value for name in ("MAC", "UID", "NAME") if isinstance(value := fields.get(name), str)), ""
    )
    if not device:
        told.said.left.append("IBEACON")
        return
    state = fields.get("STATE")
    if isinstance(state, str) and state.strip().upper() == "OFF":
        fields = {"STATE": state}
    told.speak(words_of(_BLE, "IBEACON"), fields, told.origin(device, at))


def radio(told: Told, body: dict[str, Json], at: int | None) -> None:
    """A 433 MHz code. It is somebody's only by the registry: the code is the device."""
    code = body.get("Data")
    if not isinstance(code, str) or not code:
        told.said.left.append("RfReceived")
        return
    device = code[:_MAX_DEVICE]
    origin = Origin(device, told.received_at, at, TimeSource.GATEWAY, good_for_ms=5_000)  # remotes repeat
    told.speak(words_of(_RF, *told.known.models(device)), {"RfReceived": device}, origin)
