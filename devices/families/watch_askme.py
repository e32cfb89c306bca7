"""askme 4G caps and badges: `info/<kind>` and, the same once more, `info/<tenant>/<kind>`.

Rule: `heart` is the heartbeat, not the heart. What comes on two topics is one event, known by kind and time.
"""

from devices.catalogue import words_of
from devices.envelope import id_of, json_object
from devices.families import unreadable
from devices.families.places import say_place
from devices.message import Message
from devices.reading import Decoded, Known, Reason, Rejected, TimeSource
from devices.words import Fields, Origin, Said, flatten, own_time, speak_fields

FAMILY = "watch-askme"
TOPICS = ("info/+", "info/+/+", "op/alarm/cap/+", "op/command/cap/+")

_KINDS = frozenset(("heart", "position", "up", "down", "alarm"))
_COMMANDS = ("op/alarm/cap/", "op/command/cap/")
_ABOUT = frozenset(("user_id", "tenant_id", "timestamp", "lng", "lat", "elevation", "accuracy"))
_BACK_INSIDE = ("in", "enter", "进")
_OVER = ("stop", "off", "end", "clear", "停", "解除")


def claims(topic: str) -> bool:
    """Whether the topic is one of the five kinds, of all tenants or of one, or a command."""
    levels = topic.split("/")
    return (levels[0] == "info" and 2 <= len(levels) <= 3 and levels[-1] in _KINDS) or topic.startswith(
        _COMMANDS
    )


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """One message of a cap. What is sent to it ends in nothing."""
    if message.topic.startswith("op/"):
        return Decoded(FAMILY)
    kind = message.topic.rpartition("/")[2]
    payload = json_object(message.payload)
    if isinstance(payload, Rejected):
        return _unreadable(kind, message, payload)
    fields = flatten(payload)[0]
    whose = (id_of(fields.get("user_id")), id_of(fields.get("tenant_id")))
    device = "/".join(part for part in whose if part)
    if not device:
        if kind != "alarm":
            return Rejected(Reason.WRONG_SHAPE, "names neither user nor tenant")
        device = message.topic
    at = None if kind == "down" else own_time(fields.get("timestamp"), message.received_at)
    said = Said()
    if kind == "alarm":
        fields = _alarm(fields)
        if fields["alarm"] is None:
            said.left.append("alarm_type")
    key = "" if at is None else f"{kind} {fields.get('alarm', '')}@{at}"
    origin = Origin(device, message.received_at, at, TimeSource.DEVICE, key)
    if kind in {"up", "down"}:
        arrived = Origin(
            device, message.received_at, at, TimeSource.DEVICE if at else TimeSource.ARRIVAL, key
        )
        said.add(arrived, "online", kind == "up")
    speak_fields(
        words_of(FAMILY, *known.models(device)),
        {name: value for name, value in fields.items() if name not in _ABOUT},
        origin,
        said,
    )
    # Positions are of a correction service on WGS-84's frame; GCJ-02 is for maps.
    say_place(fields.get("lat"), fields.get("lng"), origin, said, fields.get("accuracy"))
    return said.decoded(FAMILY, device)


def _alarm(fields: Fields) -> Fields:
    """The fields with the alarm as one word, also for a fence that the wearer came back into."""
    named, more = fields.get("alarm_type"), fields.get("additional")
    alarm = named.strip().lower()[:40] if isinstance(named, str) else ""
    added = more.strip().lower()[:40] if isinstance(more, str) else ""
    if alarm == "fence":
        if any(word in added for word in _OVER):
            alarm = "fence stop"
        elif added.startswith(_BACK_INSIDE):
            alarm = "fence in"
    rest = {name: value for name, value in fields.items() if name not in {"alarm_type", "additional"}}
    return {**rest, "alarm": alarm or None}


def _unreadable(kind: str, message: Message, rejected: Rejected) -> Decoded | Rejected:
    """An alarm that cannot be read, but holds the word for a call or a fall, is one."""
    payload = message.payload.lower()
    for word, metric in ((b"sos", "sos"), (b'"fall', "fall")):
        if kind == "alarm" and word in payload:
            return unreadable.call(FAMILY, message.topic[:200] or "alarm", metric, rejected)
    return rejected
