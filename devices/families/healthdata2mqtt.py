"""healthdata2mqtt: `health/<kind>/<user>` of its scripts, `healthdata/<user>/<kind>` of its app, raw scales.

Rule: whoever shares a cuff is told apart by the user in the topic, so that is the device; the payload's own
`user`, an e-mail address, is never read. Messages are retained: the measurement's time tells a replay.
"""

from functools import lru_cache

from devices.envelope import Json, json_object, object_of, text_of
from devices.families.medical import measured
from devices.instants import local_ms
from devices.message import Message
from devices.reading import Decoded, Known, Reason, Rejected, TimeSource
from devices.vitals import KG, MMHG
from devices.words import Origin, Said, own_time

FAMILY = "healthdata2mqtt"
TOPICS = ("health/+/+", "healthdata/+/+", "healthdata/devices/+/+")

_KINDS = frozenset(
    "body_composition blood_pressure temperature body_temperature pulse_oximetry spo2 blood_oxygen glucose "
    "blood_glucose weight heart_rate raw raw_scale_data".split()
)
_DOCUMENTED = {"pressure": MMHG, "weight": KG}
_TIMES = ("time", "date", "timestamp")
_MAX_KEY = 100


def claims(topic: str) -> bool:
    """Whether the topic looks like the scripts' or the app's."""
    return _parts(topic) is not None


@lru_cache(maxsize=1024)
def _parts(topic: str) -> tuple[str, str] | None:
    """Kind and whose; whose is "" where the app lists what it sees."""
    match topic.split("/"):
        case ["health", kind, who] if kind in _KINDS and who:
            return kind, who
        case ["healthdata", "devices", "discovery"]:
            return "discovery", ""
        case ["healthdata", "devices", who, kind] if kind in _KINDS and who:
            return kind, who
        case ["healthdata", who, kind] if kind in _KINDS and who:
            return kind, who
    return None


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """One measurement of a person, or of a scale before it is known who stands on it."""
    parts = _parts(message.topic)
    if parts is None:
        return Rejected(Reason.UNKNOWN_TOPIC, "expected health/<kind>/<user>")
    kind, device = parts
    payload = json_object(message.payload, device)
    if isinstance(payload, Rejected):
        return payload
    if kind in {"raw", "raw_scale_data", "discovery"}:
        device = text_of(payload.get("device")) or text_of(payload.get("device_mac")) or device
    if not device:
        return Rejected(Reason.WRONG_SHAPE, "expected device_mac")
    stamp = payload.get("timestamp")
    at = _at(stamp, message, known, device)
    key = f"{kind} {stamp}"[:_MAX_KEY] if at is None and isinstance(stamp, str) and stamp else ""
    origin = Origin(device, message.received_at, at, TimeSource.DEVICE, key)
    item = object_of(payload.get("data")) or payload
    for name in _TIMES:
        item.pop(name, None)
    said = Said()
    measured(item, (*_hint(kind), *known.models(device)), origin, said, _DOCUMENTED)
    return said.decoded(FAMILY, device)


def _hint(kind: str) -> tuple[str, ...]:
    return ("thermometer",) if "temperature" in kind else ()


def _at(value: Json, message: Message, known: Known, device: str) -> int | None:
    """Python's isoformat has no zone; the app's times have."""
    if isinstance(value, (dict, list)):
        return None
    at = own_time(value, message.received_at)
    return local_ms(value, known.clock_zone(device)) if at is None and isinstance(value, str) else at
