"""Whether a device is online, as a text on a topic of its own: what a last will or a birth leaves behind.

Rule: it is said of now, whenever it was retained; a device that only sleeps is offline as well.
"""

from devices.catalogue import TRUTH
from devices.message import Message
from devices.reading import Decoded, Reading, Reason, Rejected, TimeSource
from devices.words import truth_of

_LONGEST = 40


def online(family: str, message: Message, device: str) -> Decoded | Rejected:
    """`Online`, `offline`, `true`, `0`; anything else is rejected."""
    text = message.payload[:_LONGEST].decode(errors="replace").strip().lower()
    state = truth_of(text, "online", TRUTH)
    if state is None:
        return Rejected(Reason.WRONG_SHAPE, "expected online or offline", device)
    return Decoded(family, (Reading(device, "online", state, at_source=TimeSource.ARRIVAL),))
