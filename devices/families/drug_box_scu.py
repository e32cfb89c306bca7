"""SCU IoT pill box and wearable: `drug/<id>/<what>`, JSON with a code (400 is an alarm, not an HTTP error).

Rule: a message about a fall that cannot be read is a fall, since nothing else is sent on its topic. A
medicine that is stocked was not taken.
"""

from devices.catalogue import words_of
from devices.envelope import json_object, text_of
from devices.families import unreadable
from devices.message import Message
from devices.reading import Decoded, Known, Reason, Rejected, TimeSource
from devices.words import Origin, Said, flatten, number_of, own_time, speak_fields

FAMILY = "drug-box-scu"
TOPICS = ("drug/+/+",)
CALLS = (b"slip",)

_FELL = 400
_DONE = 200
_SAYS_FELL = ("摔倒", "跌倒")
_SAYS_OVER = ("恢复", "解除", "取消", "误报")
_SILENT = frozenset(("adddrug", "nextdrug"))  # stock, and what the box is told to dispense, in plain text


def claims(topic: str) -> bool:
    """Whether the topic is `drug/<id>/<what>`."""
    return topic.startswith("drug/") and topic.count("/") == 2


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """One message of a wearable or a box."""
    levels = message.topic.split("/")
    device, what = (levels[1], levels[2]) if len(levels) == 3 else ("", "")
    if not device:
        return Rejected(Reason.UNKNOWN_TOPIC, "expected drug/<id>/<what>")
    if what in _SILENT:
        return Decoded(FAMILY)
    payload = json_object(message.payload, device)
    if isinstance(payload, Rejected):
        if what != "slip" or not message.payload:
            return payload
        return unreadable.call(FAMILY, device, "fall", payload)
    at = own_time(payload.get("timestamp"), message.received_at)
    origin = Origin(device, message.received_at, at, TimeSource.DEVICE, "" if at is None else f"{what}@{at}")
    said = Said()
    code = number_of(payload.get("code"))
    if what == "slip":
        _slip(code, text_of(payload.get("message")), origin, said)
    elif code is None or code == _DONE:
        fields = {name: value for name, value in flatten(payload)[0].items() if name not in _ENVELOPE}
        speak_fields(words_of(FAMILY, *known.models(device)), fields, origin, said)
    return said.decoded(FAMILY, device)


_ENVELOPE = frozenset(("id", "code", "message", "timestamp"))


def _slip(code: float | None, words: str, origin: Origin, said: Said) -> None:
    """A fall, unless the message itself says that it is over, or that all is well."""
    over = any(word in words for word in _SAYS_OVER)
    if code == _FELL or (any(word in words for word in _SAYS_FELL) and not over):
        said.add(origin, "fall", value=True)
    elif over:
        said.add(origin, "fall_cleared", value=True)
    elif code is None:
        said.add(origin, "fall", value=True, detail="without a code")
    elif code != _DONE:
        said.left.append("code")
