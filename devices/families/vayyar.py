"""Vayyar Care fall radars: `/devices/<id>/events|state`, and in China `/<pk>/<dn>/user/events|state`.

Rule: the numbers of event types differ by firmware, so an event is told by what it holds. A fall is one
incident from suspicion to its end, known by the time at which it began.
"""

import re

from devices.catalogue import TRUTH, words_of
from devices.envelope import Json, json_value
from devices.families.lorawan import object_of, text_of
from devices.message import Message
from devices.reading import Decoded, Known, Reason, Rejected, TimeSource
from devices.words import Fields, Origin, Said, Scalar, Vocabulary, flatten, own_time, speak_fields, truth_of

FAMILY = "vayyar"
TOPICS = ("/devices/+/#", "devices/+/#", "/+/+/user/#")
CALLS = (b"calling", b"on_call", b"on call", b"target_on_ground", b'"type":5', b'"type": 5', b'"type":8')

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
    "detected": ("fall_suspected",),
    "fall_suspected": ("fall_suspected",),
    "suspected": ("fall_suspected",),
    "target_on_ground": ("fall_suspected",),
    "fall_confirmed": ("fall",),
    "confirmed": ("fall",),
    "fall": ("fall",),
    "calling": ("fall",),
    "on_call": ("fall", "call_started"),
    "finished": ("call_ended",),
    "fall_finished": ("call_ended",),
    "fall_exit": ("fall_cleared",),
    "exit": ("fall_cleared",),
    "canceled": ("help_cancelled",),
    "cancelled": ("help_cancelled",),
    "fall_canceled": ("help_cancelled",),
    "fall_cancelled": ("help_cancelled",),
}
_ALARMING = frozenset(("fall", "fall_suspected"))
_FALL_TYPES = frozenset(("5", "8", "fall", "sensitive_fall", "target_on_ground"))
_BED_TYPES = frozenset(("10", "bed_exit", "bedexit", "out_of_bed"))
_PRACTICE = ("issimulated", "islearning", "istest", "simulated", "learning", "test")
_TIMES = ("timestamp", "timestampmillis", "timestampstr")
_ANSWER = frozenset(("code", "msg"))  # to a command
_ABOUT = frozenset((*_TIMES, *_PRACTICE, "statusupdatetimestamp", "endtimestamp", "type", "deviceid"))


def claims(topic: str) -> bool:
    """Whether the topic is of a Vayyar device, at its own broker or at Aliyun's."""
    return _TOPIC.fullmatch(topic) is not None


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """One message of a radar. Commands and configuration carry no reading."""
    topic = _TOPIC.fullmatch(message.topic)
    own, chinese = ((topic[1], topic[2]), (topic[3], topic[4])) if topic else (("", ""), ("", ""))
    device, about = own if own[0] else chinese
    if about in {"commands", "config", "request"}:
        return Decoded(FAMILY)
    payload = json_value(message.payload)
    if isinstance(payload, Rejected):
        return Rejected(payload.reason, payload.detail, device)
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
    return Decoded(
        FAMILY,
        tuple(said.readings),
        rejected=tuple(said.rejected),
        left=said.names_left(),
        sent_at=sent_at,
    )


def _fields(payload: dict[str, Json]) -> Fields:
    """The scalar fields by names that are spelled alike in every firmware: `is_simulated`, `isSimulated`."""
    return {name.replace("_", "").lower(): value for name, value in flatten(payload)[0].items()}


def _word(value: Scalar) -> str:
    """A text as firmwares agree on it: `Fall confirmed` is `fall_confirmed`."""
    if isinstance(value, bool) or value is None or isinstance(value, float):
        return ""
    if isinstance(value, int):
        return str(value) if 0 <= value < 100 else ""
    return value.strip().lower().replace(" ", "_").replace("-", "_")


def _first_time(fields: Fields, names: tuple[str, ...], received_at: int) -> int | None:
    return next((at for name in names if (at := own_time(fields.get(name), received_at)) is not None), None)


def _state(payload: dict[str, Json], origin: Origin, vocabulary: Vocabulary, said: Said) -> None:
    """The radar's state every two minutes. Its temperature is the chip's."""
    fields = _fields(payload)
    at = _first_time(fields, _TIMES, origin.received_at)
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
    kinds = {
        _word(fields.get("type")),
        _word(kind) if not isinstance(kind := event.get("type"), (dict, list)) else "",
    }
    at = _first_time(fields, _TIMES, message.received_at)
    sent_at = own_time(fields.get("statusupdatetimestamp"), message.received_at)
    origin = Origin(device, message.received_at, at, TimeSource.DEVICE, "" if at is None else str(at))
    status = _word(fields.pop("status", None)) or _word(fields.pop("eventtype", None))
    if status in _STAGES or (kinds & _FALL_TYPES and "presencedetected" not in fields):
        ended_at = own_time(fields.get("endtimestamp"), message.received_at)
        over = Origin(device, message.received_at, ended_at or sent_at or at, TimeSource.DEVICE, origin.key)
        practice = any(_true(fields.get(name)) for name in _PRACTICE)
        for metric in _STAGES.get(status, ("fall_suspected",)):  # of an unknown status: towards help
            if not practice:
                said.add(origin if metric in _ALARMING else over, metric, value=True, detail=status[:40])
            elif metric in _ALARMING:
                said.add(origin, "device_test", value=True, detail=status[:40])
    elif status or kinds & _BED_TYPES:
        fields["event.status"] = status or "bed_exit"
    targets = body.get("trackerTargets")
    if isinstance(targets, list) and targets:
        said.add(origin, "people_count", len(targets))
    speak_fields(
        vocabulary, {name: value for name, value in fields.items() if name not in _ABOUT}, origin, said
    )
    return sent_at


def _true(value: Scalar) -> bool:
    if isinstance(value, str):
        return truth_of(value.strip().lower(), "device_test", TRUTH) is True
    return value is True or value == 1
