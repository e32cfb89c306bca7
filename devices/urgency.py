"""Which messages may be about somebody's life, told from topic and bytes before anything is decoded.

Rule: errs towards urgent. It only decides who goes first, never what is true.
"""

from devices.message import Message

_WORDS = (
    *b"sos fall emergency panic help alarm alert smoke fire gas carbon urgent tumble mandown".split(),
    *(b"man down", b"abnormal", b"silent", b"co_state", b"event status"),  # of devices in the catalogue
    b"\\u00",  # a letter of such a word written as an escape; nobody needs to
)


def urgent(message: Message) -> bool:
    """Whether a message goes ahead of telemetry (DESIGN section 3, R-10)."""
    if message.topic.endswith("/event"):
        return True
    payload = message.payload.lower()  # plain searches are faster than a pattern, by far on a long payload
    return any(word in payload for word in _WORDS)
