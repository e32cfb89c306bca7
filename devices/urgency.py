"""Which messages may be about somebody's life, told from topic and bytes before anything is decoded.

Rule: errs towards urgent. It only decides who goes first, never what is true.
"""

import re

from devices.message import Message

_WORDS = re.compile(
    rb"sos|fall|emergency|panic|help|alarm|smoke|fire|gas|carbon|urgent|tumble", re.IGNORECASE
)
_HEAD_BYTES = 4096


def urgent(message: Message) -> bool:
    """Whether a message goes ahead of telemetry (DESIGN section 3, R-10)."""
    return message.topic.endswith("/event") or _WORDS.search(message.payload, 0, _HEAD_BYTES) is not None
