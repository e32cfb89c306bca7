"""Which messages may be about somebody's life, told from topic and bytes before anything is decoded.

Rule: errs towards urgent. It only decides who goes first, never what is true.
"""

from devices.message import Message

_WORDS = (
    *b"sos fall emergency panic help alarm alert smoke fire gas carbon urgent tumble mandown".split(),
    *(b"man down", b"abnormal", b"silent", b"co_state", b"event status"),  # of devices in the catalogue
    b"\\u00",  # a letter of such a word written as an escape; nobody needs to
)

_NATIVE = (b'"sos', b'"fall', b'"smoke', b'"gas', b'"carbon', b"\\u00")


def urgent(message: Message) -> bool:
    """Whether a message goes ahead of telemetry (DESIGN section 3, R-10)."""
    topic, payload = message.topic, message.payload
    if topic.endswith("/event"):
        return True
    if topic.endswith("/telemetry"):  # the native protocol's: there words are spelled as in the vocabulary
        words: tuple[bytes, ...] = _NATIVE
    else:
        payload, words = payload.lower(), _WORDS
    # Plain searches are faster than a pattern, by far on a long payload; this loop is than `any`.
    for word in words:  # noqa: SIM110
        if word in payload:
            return True
    return False
