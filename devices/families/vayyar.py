"""Vayyar Care fall radars: `/devices/<id>/events|state`, and in China `/<pk>/<dn>/user/events|state`.

Rule: the numbers of event types differ by firmware, so an event is told by what it holds. A fall is one
incident from suspicion to its end, known by the time at which it began.
"""

import re
from functools import lru_cache

from devices.catalogue import TRUTH, words_of
from devices.envelope import Json, json_value, object_of, text_of
from devices.message import Message
from devices.notation import Vocabulary
from devices.reading import Decoded, Known, Reason, Rejected, TimeSource
from devices.words import Fields, Origin, Said, Scalar, flatten, own_time, speak_fields, truth_of

FAMILY = "vayyar"
TOPICS = ("/devices/+/#", "devices/+/#", "/+/+/user/#")
CALLS = (
    b"calling",
    b"on_call",
    b"on call",
    b"on-call",
    b"target_on_ground",
    b"suspected",
    b"confirmed",
    b"detected",
    b"confidencelevel",  # what only a fall has, whatever its status is called
)

_TOPIC = re.compile(
    r"/?devices/([^/]+)/(events|state|response|request|commands|config)(?:/.*)?"
    r"|/[^/]+/([^/]+)/user/(events|state|batch_update|commands|config)",
    re.DOTALL,
)
_MOST_EVENTS = 256
_STAGES: dict[str, tuple[str, ...]] = {
    # What each status of a fall says. The radar calls only when it has confirmed the fall. That its call is
    # finished does not say that anybody stood up.
    "fall_detected": ("fall_suspected",),
    "fall_suspected": ("fall_suspected",),
    "target_on_ground": ("fall_suspected",),
    "fall_confirmed": ("fall",),
    "calling": ("fall",),
    "on_call": ("fall", "call_started"),
    "finished": ("call_ended",),
    "fall_finished": ("call_ended",),
    "fall_exit": ("fall_cleared",),
    "canceled": ("help_cancelled",),
    "cancelled": ("help_cancelled",),
    "fall_canceled": ("help_cancelled",),
    "fall_cancelled": ("help_cancelled",),
}
_ALARMING = frozenset(("fall", "fall_suspected"))
_SHORT = {
    # Words that are of a fall only in its own events.
    "detected": "fall_detected",
    "suspected": "fall_suspected",
    "confirmed": "fall_confirmed",
    "exit": "fall_exit",
}
_FALL_TYPES = frozenset(("fall", "sensitive_fall", "target_on_ground"))
_FALL_NUMBERS = frozenset(("1", "5", "8"))
_FALL_FIELDS = frozenset(("falllocxcm", "falllocycm", "suspectedeventscounter", "confidencelevel"))
_BED_FIELDS = frozenset(("bedexit", "outofbed", "inbed", "bedoccupied"))
_BED_TYPES = frozenset(("10", "bed_exit", "bedexit", "out_of_bed"))
_PRACTICE = frozenset(("issimulated", "islearning", "istest", "simulated", "learning", "test"))
_TIMES = ("timestamp", "timestampmillis", "timestampstr")
_ANSWER = frozenset(("code", "msg"))  # to a command
_ABOUT = frozenset((*_TIMES, *_PRACTICE, "statusupdatetimestamp", "endtimestamp", "type", "deviceid"))


def claims(topic: str) -> bool:
    """Whether the topic is of a Vayyar device, at its own broker or at Aliyun's."""
    return _TOPIC.fullmatch(topic) is not None


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """One message of a radar. Commands and configuration carry no reading."""
    device, about = _whose(message.topic)
    if about in {"commands", "config", "request"}:
        return Decoded(FAMILY)
    payload = json_value(message.payload, device)
    if isinstance(payload, Rejected):
        return payload
    if about == "response" and isinstance(payload, dict):
        # The answer to a broadcast request, of any device; it holds the broker's password beside the signal.
        payload = object_of(payload.get("payload"))
        device = text_of(payload.get("device_id"))
    events = payload if isinstance(payload, list) else [payload]
    found = [event for event in events[:_MOST_EVENTS] if isinstance(event, dict)]
    if not found:
        return Rejected(Reason.WRONG_SHAPE, "expected a JSON object", device)
    device = device or text_of(found[0].get("deviceId"))
    if not device:
        return Rejected(Reason.WRONG_SHAPE, "names no device")
    vocabulary, said, sent_at = words_of(FAMILY, *known.models(device)), Said(), None
    for one in found:
        if about in {"state", "response"}:
            _state(one, Origin(device, message.received_at, None, TimeSource.DEVICE), vocabulary, said)
        else:
            sent_at = _event(one, device, message, vocabulary, said) or sent_at
    if len(events) > _MOST_EVENTS:
        said.left.append("events")
    return said.decoded(FAMILY, device, sent_at=sent_at)


@lru_cache(maxsize=4096)
def _whose(topic: str) -> tuple[str, str]:
    """The device of a topic, and what it is about."""
    found = _TOPIC.fullmatch(topic)
    if found is None:
        return "", ""
    return (found[1], found[2]) if found[1] else (found[3], found[4])


_MAX_FIELDS = 1024
_MAX_NAME = 100


@lru_cache(maxsize=1024)
def _fold(name: str) -> str:
    """A name as it is spelled in every firmware: `is_simulated` is `isSimulated`."""
    return name.replace("_", "").lower()


def _fields(payload: dict[str, Json]) -> Fields:
    fields = flatten(payload)[0]
    if len(fields) > _MAX_FIELDS:  # of no device: names of so many are taken as they are written
        return fields
    return {_fold(name) if len(name) < _MAX_NAME else name: value for name, value in fields.items()}


def _word(value: Scalar) -> str:
    """A text as firmwares agree on it: `Fall confirmed` is `fall_confirmed`."""
    if isinstance(value, bool) or value is None or isinstance(value, float):
        return ""
    if isinstance(value, int):
        return str(value) if 0 <= value < 100 else ""
    return value.strip().lower().replace(" ", "_").replace("-", "_")


def _time(fields: Fields, received_at: int) -> int | None:
    for name in _TIMES:
        value = fields.get(name)
        if value is not None and (at := own_time(value, received_at)) is not None:
            return at
    return None


def _state(payload: dict[str, Json], origin: Origin, vocabulary: Vocabulary, said: Said) -> None:
    """The radar's state every two minutes. Its temperature is the chip's."""
    fields = _fields(payload)
    at = _time(fields, origin.received_at)
    origin = Origin(origin.device, origin.received_at, at, TimeSource.DEVICE)
    speak_fields(
        vocabulary,
        {f"state.{name}": value for name, value in fields.items() if name not in _ABOUT},
        origin,
        said,
    )


def _event(
    event: dict[str, Json], device: str, message: Message, vocabulary: Vocabulary, said: Said
) -> int | None:
    """One event. Returns when it was sent, where it says so."""
    inner = event.get("payload")
    body = inner if isinstance(inner, dict) else event
    fields = _fields(body)
    if fields.keys() >= _ANSWER:
        return None
    at = _time(fields, message.received_at)
    sent_at = own_time(fields.get("statusupdatetimestamp"), message.received_at)
    origin = Origin(device, message.received_at, at, TimeSource.DEVICE)
    outer = event.get("type")
    kinds = {_word(fields.get("type")), "" if isinstance(outer, (dict, list)) else _word(outer)}
    status = _word(fields.pop("status", None)) or _word(fields.pop("eventtype", None))
    if stages := _stages(status, kinds, fields):
        ended_at = own_time(fields.get("endtimestamp"), message.received_at) or sent_at or at
        _fall(stages, status, fields, origin, ended_at, said)
    elif status or (kinds & _BED_TYPES and not fields.keys() & _BED_FIELDS):
        fields["event.status"] = status or "bed_exit"
    if not stages and kinds & _BED_TYPES and _practised(fields):
        said.add(origin, "device_test", value=True, detail=status[:40] or "bed_exit")
        return sent_at
    targets = body.get("trackerTargets")
    if isinstance(targets, list) and targets:
        said.add(origin, "people_count", len(targets))
    speak_fields(
        vocabulary, {name: value for name, value in fields.items() if name not in _ABOUT}, origin, said
    )
    return sent_at


def _stages(status: str, kinds: set[str], fields: Fields) -> tuple[str, ...]:
    """What an event says of a fall; nothing when it is of something else. An unknown stage is a suspicion."""
    if status in _STAGES:
        return _STAGES[status]
    about_fall = (
        "fall" in status or kinds & _FALL_TYPES or (kinds & _FALL_NUMBERS and fields.keys() & _FALL_FIELDS)
    )
    if status in _SHORT and (about_fall or kinds & _FALL_NUMBERS) and "presencedetected" not in fields:
        return _STAGES[_SHORT[status]]
    return ("fall_suspected",) if about_fall else ()


def _fall(
    stages: tuple[str, ...], status: str, fields: Fields, origin: Origin, ended_at: int | None, said: Said
) -> None:
    """A stage of a fall, known by when it began. What is simulated, or seen while learning, calls nobody."""
    device, received_at, at = origin.device, origin.received_at, origin.at
    key = "" if at is None else str(at)
    practice = _practised(fields)
    for metric in stages:
        alarming = metric in _ALARMING
        if practice and not alarming:
            continue
        moment = Origin(device, received_at, at if alarming else ended_at, TimeSource.DEVICE, key)
        said.add(moment, "device_test" if practice else metric, value=True, detail=status[:40])


def _practised(fields: Fields) -> bool:
    return any(_true(fields[name]) for name in _PRACTICE.intersection(fields))


def _true(value: Scalar) -> bool:
    if isinstance(value, str):
        return truth_of(value.strip().lower(), "device_test", TRUTH) is True
    return value is True or value == 1
