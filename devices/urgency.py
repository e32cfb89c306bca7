"""Which messages may be about somebody's life, told from topic and bytes before anything is decoded.

Rule: errs towards urgent. It only decides who goes first, never what is true.
"""

from functools import lru_cache

from devices.families import GENERIC, SPECIFIC
from devices.families.names import CALLS as NAMES_OF_CALLS
from devices.message import MAX_TOPIC, Message

_WORDS = (
    *b"sos fall emergency panic help alarm alert smoke fire gas carbon urgent tumble mandown".split(),
    *(b"man down", b"abnormal", b"silent", b"co_state", b"event status"),  # of devices in the catalogue
    b"\\u00",  # a letter of such a word written as an escape; nobody needs to
)

_TEACHING = ("/config", "/$", "/bridge/devices", "BIRTH/", "DEATH/")
"""In topics of messages that say how later ones are to be read: a call must not overtake what announced it,
nor an announcement the one that took it back before."""

_NATIVE = (b'"sos', b'"fall', b'"smoke', b'"gas', b'"carbon', b"\\u00")


def urgent(message: Message) -> bool:
    """Whether a message goes ahead of telemetry (DESIGN section 3, R-10)."""
    topic, payload = message.topic, message.payload
    if is_motion_topic(topic):
        return False
    words = _words_on(topic) if len(topic) <= MAX_TOPIC else _WORDS
    if words is _NATIVE:
        pass  # there words are spelled as in the vocabulary
    elif not words:
        return True
    else:
        payload = payload.lower()
    # Plain searches are faster than a pattern, by far on a long payload; this loop is than `any`.
    for word in words:  # noqa: SIM110
        if word in payload:
            return True
    return False


def is_motion_topic(topic: str) -> bool:
    """Whether its messages are windows of acceleration: no call is in them, whatever words are."""
    return topic.startswith("shouwang/v1/") and topic.endswith("/motion") and topic.count("/") == 4


def about_life(name: str) -> bool:
    """Whether the name of a field or an entity, in any language, has a word for a call or a danger."""
    if not name:
        return False
    spelled = _spelled(name)
    return any(word in spelled for word in _WORDS) or any(word in spelled for word in NAMES_OF_CALLS)


def calls_for_help(name: str) -> bool:
    """Whether the name of a field can hardly be of anything but a call for help or a fall."""
    spelled = name.lower()
    return any(word in spelled for word in ("sos", "panic", "emergency", "fall", "help"))


@lru_cache(maxsize=65_536)
def _words_on(topic: str) -> tuple[bytes, ...]:
    """The words one of which is in every call for help on a topic; none when all on it are urgent."""
    if topic.endswith("/event") or any(part in topic for part in _TEACHING):
        return ()
    if topic.startswith("shouwang/") and topic.endswith("/telemetry"):
        return _NATIVE
    words = (
        *_WORDS,
        *(word for family in (*SPECIFIC, *GENERIC) if family.claims(topic) for word in family.calls),
    )
    spelled = _spelled(topic)
    return () if any(word in spelled for word in words) else words


def _spelled(text: str) -> bytes:
    """A text as the words are written; Home Assistant's own name asks nobody to assist."""
    return text.lower().replace("assistant", "").encode("utf-8", "replace")
