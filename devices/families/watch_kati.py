"""Kati / iMEDE watches: `iMEDE_watch/<kind>`, JSON with the watch's IMEI inside.

Rule: what comes on the topic of a call or a fall is one, read or not; it has no time. Every vital sign of a
batch has a time of its own, however old.
"""

import re
from datetime import datetime

from devices.catalogue import words_of
from devices.envelope import Json, id_of, json_object, object_of
from devices.families import unreadable
from devices.families.places import say_place
from devices.instants import local_ms
from devices.message import Message
from devices.notation import Vocabulary
from devices.reading import Decoded, Known, Reason, Rejected, TimeSource
from devices.words import Origin, Said, Scalar, flatten, own_time, speak_fields

FAMILY = "watch-kati"
TOPICS = ("iMEDE_watch/#",)

_CALLS = {"sos": "sos", "falldown": "fall"}
_SILENT = frozenset(("command_res", "command", "cmd", "sleepdata"))  # the codes of sleep are not documented
_IMEI = re.compile(rb'"imei"\s{0,4}:\s{0,4}"?(\d{14,17})', re.IGNORECASE)
_TAKEN_BACK = ("cancel", "clear", "off", "false alarm")
_REPEATS_MS = 5_000
_MOST_ITEMS = 1_000


def claims(topic: str) -> bool:
    """Whether the topic begins with `iMEDE_watch/`, whose case varies."""
    return topic[:12].lower() == "imede_watch/"


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """One message of a watch."""
    kind = message.topic.rpartition("/")[2].lower()
    if kind in _SILENT:
        return Decoded(FAMILY)
    payload = json_object(message.payload)
    if isinstance(payload, Rejected):
        return _unreadable(kind, message, payload)
    named = next((payload[name] for name in ("IMEI", "imei", "Imei") if name in payload), None)
    device = id_of(named or None)[:40]
    if not device:
        return _unreadable(kind, message, Rejected(Reason.WRONG_SHAPE, "names no IMEI"))
    zone = known.clock_zone(device)
    at = _local(payload.get("timeStamps"), zone) or _local(payload.get("time"), zone)
    origin = Origin(device, message.received_at, at, TimeSource.DEVICE, good_for_ms=_REPEATS_MS)
    vocabulary, said = words_of(FAMILY, *known.models(device)), Said()
    fields = {
        name: value
        for name, value in flatten({key: held for key, held in payload.items() if key not in _APART})[
            0
        ].items()
        if not name.startswith("location.")
    }
    status = fields.get("status")
    if kind in _CALLS:
        fields = {**fields, "status": None}
        said.add(origin, _call(kind, status), value=True)
    speak_fields(vocabulary, fields, origin, said)
    fix = object_of(object_of(payload.get("location")).get("GPS"))  # networks and cells are no position
    say_place(fix.get("latitude"), fix.get("longitude"), origin, said)
    history = payload.get("data")
    if isinstance(history, list):
        _batch(history, origin, vocabulary, said)
    return said.decoded(FAMILY, device, sent_at=at if isinstance(history, list) else None)


_APART = frozenset(("IMEI", "imei", "Imei", "timeStamps", "time", "num_datas", "data", "location"))


def _call(kind: str, status: Scalar) -> str:
    """What a message on the topic of a call says: its status may take it back, or tell a fall from a call."""
    words = status.strip().lower() if isinstance(status, str) else ""
    if any(word in words for word in _TAKEN_BACK):
        return "help_cancelled" if kind == "sos" else "fall_cleared"
    return "fall" if "fall" in words else _CALLS[kind]


def _local(value: Json, zone: str) -> int | None:
    """`16/06/2025 12:30:45` on the watch's clock: day, month, year."""
    if not isinstance(value, str) or not zone or len(value) > 30:
        return None
    try:
        when = datetime.strptime(value.strip(), "%d/%m/%Y %H:%M:%S")  # noqa: DTZ007  local_ms gives it its zone
    except ValueError:
        return None
    return local_ms(when, zone)


def _batch(history: list[Json], origin: Origin, vocabulary: Vocabulary, said: Said) -> None:
    """Vital signs of the past, each with its own epoch seconds."""
    for item in history[:_MOST_ITEMS]:
        fields = flatten(item)[0] if isinstance(item, dict) else {}
        at = own_time(fields.pop("timestamp", None), origin.received_at)
        if at is None:
            said.left.append("data")
        else:
            speak_fields(vocabulary, fields, origin.moment(at, f"{at}"), said)
    if len(history) > _MOST_ITEMS:
        said.left.append("data")


def _unreadable(kind: str, message: Message, rejected: Rejected) -> Decoded | Rejected:
    """A call that cannot be read is a call, of the watch whose number can still be seen in it."""
    found = _IMEI.search(message.payload)
    device = found[1].decode() if found else ""
    rejected = Rejected(rejected.reason, rejected.detail, device)
    if kind not in _CALLS or not message.payload:
        return rejected
    return unreadable.call(FAMILY, device or message.topic[:200], _CALLS[kind], rejected)
