"""ZHZYOU G601, G616 and G618 watches: `atom/<model>/status/<IMEI>`, one flat object, numbers as texts.

Rule: the only time in it is that of the last fix, so it is no other value's. What comes with an offline watch
was measured before: of that only a call for help is taken.
"""

from datetime import datetime

from devices.catalogue import TRUTH, words_of
from devices.datum import gcj02
from devices.envelope import Json, json_value, text_of
from devices.families.places import place_of, say_place
from devices.instants import local_ms
from devices.message import Message
from devices.reading import Decoded, Known, Reason, Rejected, TimeSource
from devices.words import Origin, Said, flatten, speak_fields, truth_of

FAMILY = "watch-g616"
TOPICS = ("atom/+/status/+", "atom/+/cmd/#")

_REPEATS_MS = 5_000
_ABOUT = frozenset(("imei", "isOnline", "location", "locationDate", "locationTime"))
_CALLS = frozenset(("sos", "fall", "fallDown", "isFall", "fallAlarm"))


def claims(topic: str) -> bool:
    """Whether the topic is of such a watch's status, or of a command to one."""
    levels = topic.split("/", 4)
    return levels[0] == "atom" and len(levels) > 3 and levels[2] in {"status", "cmd"}


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """The state of one watch. Commands and their answers carry no reading."""
    levels = message.topic.split("/")
    if len(levels) > 2 and levels[2] == "cmd":
        return Decoded(FAMILY)
    device = levels[3] if len(levels) > 3 else ""
    payload = json_value(message.payload, device)
    if isinstance(payload, Rejected):
        return payload
    device = device or (text_of(payload.get("imei"))[:40] if isinstance(payload, dict) else "")
    if not isinstance(payload, dict) or not device:
        return Rejected(Reason.WRONG_SHAPE, "expected the status of a watch", device)
    fields = flatten(payload)[0]
    said = Said()
    arrived = Origin(device, message.received_at, None, TimeSource.ARRIVAL, good_for_ms=_REPEATS_MS)
    online = _truth(fields.get("isOnline"))
    if online is not None:
        said.add(arrived, "online", online)
    wanted = _CALLS if online is False else fields.keys() - _ABOUT
    speak_fields(
        words_of(FAMILY, *known.models(device)),
        {name: value for name, value in fields.items() if name in wanted},
        arrived,
        said,
    )
    if online is not False:
        _position(payload, Origin(device, message.received_at, None), known.clock_zone(device), said)
    readings = [
        # Whether it is worn it does not know well (its manual says so).
        reading._replace(confidence=0.5) if reading.metric == "worn" else reading
        for reading in said.readings
    ]
    said.readings = readings
    return said.decoded(FAMILY, device)


def _position(payload: dict[str, Json], origin: Origin, zone: str, said: Said) -> None:
    """The last fix: `longitude,latitude` on GCJ-02, with its day (yymmdd) and time."""
    longitude, _, latitude = text_of(payload.get("location"))[:60].partition(",")
    fix = place_of(latitude, longitude)
    if fix is None:
        return
    at = _local(f"{text_of(payload.get('locationDate'))}{text_of(payload.get('locationTime'))}", zone)
    if at is not None:
        origin = Origin(origin.device, origin.received_at, at, TimeSource.DEVICE, f"fix@{at}")
    say_place(*gcj02(*fix), origin, said)


def _local(digits: str, zone: str) -> int | None:
    if len(digits) != 12 or not zone:
        return None
    try:
        when = datetime.strptime(digits, "%y%m%d%H%M%S")  # noqa: DTZ007  local_ms gives it its zone
    except ValueError:
        return None
    return local_ms(when, zone)


def _truth(value: Json) -> bool | None:
    if isinstance(value, str):
        return truth_of(value.strip().lower(), "online", TRUTH)
    return bool(value) if isinstance(value, (bool, int)) and value in {0, 1} else None
