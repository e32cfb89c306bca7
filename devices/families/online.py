"""Whether a device is online: what a last will or a birth leaves behind, mostly a text on a topic of its own.

Rule: it is said of now, whenever it was retained; a device that only sleeps is offline as well.
"""

from devices.catalogue import TRUTH
from devices.message import Message
from devices.reading import Decoded, Reading, Reason, Rejected, TimeSource
from devices.words import truth_of

_LONGEST = 40


def online(device: str, state: bool) -> Reading:
    """Whether a device is online, as of now."""
    return Reading(device, "online", state, at_source=TimeSource.ARRIVAL)


def online_of(payload: bytes) -> bool | None:
    """What a text says of being online; None when it is another text."""
    return TRUTH["online"].get(_text(payload).strip('"'))


def online_or_not(family: str, message: Message, device: str) -> Decoded | Rejected:
    """`Online` or `offline`; anything else is rejected."""
    return _decoded(family, device, online_of(message.payload))


def true_or_not(family: str, message: Message, device: str) -> Decoded | Rejected:
    """The same where the topic asks whether it is: `true` and `0` answer it as well."""
    return _decoded(family, device, truth_of(_text(message.payload), "online", TRUTH))


def _text(payload: bytes) -> str:
    return payload[:_LONGEST].decode(errors="replace").strip().lower()


def _decoded(family: str, device: str, state: bool | None) -> Decoded | Rejected:
    if state is None or not device:
        return Rejected(Reason.WRONG_SHAPE, "expected online or offline", device)
    return Decoded(family, (online(device, state),))
