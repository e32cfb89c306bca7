"""Netlia sensors as its event forwarding sends them: `netlia/<device>/<event type>`, one event a message.

Rule: `event-start` means what the kind of device says: an alarm button calls for help, a magnet says that a
door was opened. `EventId` identifies an event that is delivered several times. Version 2 of the protocol has
what is the event's own below `data`, and is about a room where it names no device.
"""

from devices.catalogue import words_of
from devices.envelope import Json, json_object, text_of
from devices.instants import iso_ms
from devices.message import Message
from devices.reading import Decoded, Known, Reason, Rejected, TimeSource
from devices.words import Origin, Said, flatten, speak_fields

FAMILY = "netlia"
TOPICS = ("netlia/#",)

_SIGNS = frozenset(("devicetype", "eventtype", "eventid"))
_SIGNS_OF_2 = frozenset(("protocolversion", "eventtype", "eventid", "eventtime"))
_DATA = "data."
_WHOSE = ("deviceid", "entity.id", "roomid")


def claims(topic: str) -> bool:
    """Whether the topic begins with `netlia/`."""
    return topic.startswith("netlia/")


def recognises(payload: Json) -> bool:
    """Whether it is an event of Netlia's: its topics are whatever partner and Netlia agreed on."""
    if not isinstance(payload, dict) or len(payload) >= 64:
        return False
    names = {name.lower() for name in payload}
    return names >= _SIGNS or names >= _SIGNS_OF_2


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """One event of one device."""
    levels = message.topic.split("/")
    device = levels[1] if levels[0] == "netlia" and len(levels) > 1 else ""
    payload = json_object(message.payload, device)
    if isinstance(payload, Rejected):
        return payload
    flat, lists = flatten(payload)
    # Those of the regulator and of version 2 begin in lower case.
    fields = {name.lower().removeprefix(_DATA): value for name, value in flat.items()}
    for field in _WHOSE:
        if named := text_of(fields.get(field)):
            device = named[:200]
            break
    kind, event = fields.get("devicetype"), fields.get("eventtype")
    if not device or not isinstance(event, str):
        return Rejected(Reason.WRONG_SHAPE, "expected DeviceId and EventType", device)
    number = text_of(fields.get("eventid"))[:100]
    origin = Origin(
        device,
        message.received_at,
        iso_ms(text_of(fields.get("eventtime"))),
        TimeSource.GATEWAY,
        f"{number}/{event}"[:200] if number else "",
    )
    if not isinstance(kind, str):
        fields["devicetype"] = "?"  # what any device may say is understood without it
    said = Said()
    speak_fields(words_of(FAMILY, *known.models(device)), fields, origin, said)
    said.left += [name for name, _ in lists]
    return said.decoded(FAMILY, device)
