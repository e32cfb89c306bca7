"""Messages one after the other: what earlier ones taught is known to the later ones, as in the service."""

from typing import Any

from devices.decode import decode
from devices.message import Message
from devices.reading import Decoded, Models, Reading, Rejected
from tests.devices.told import ARRIVED, sent


class Taught:
    """What was learned so far. `zone` and `model` are those of every device."""

    def __init__(self, *, model: str = "") -> None:
        self.facts: dict[tuple[str, str], str] = {}
        self.known = Models(default=model, facts=self.facts)

    def hear(self, topic: str, payload: Any = b"") -> Decoded | Rejected:  # noqa: ANN401  (JSON, text or bytes)
        """Decodes one message: bytes and text as they are, anything else as JSON."""
        answer = decode(Message(topic, sent(payload), ARRIVED), self.known)
        if isinstance(answer, Decoded):
            self.facts |= {(one.about, one.field): one.value for one in answer.learned}
        return answer

    def said(self, topic: str, payload: Any = b"") -> dict[str, object]:  # noqa: ANN401
        """Metric -> value of one message."""
        return {one.metric: one.value for one in self.readings(topic, payload)}

    def readings(self, topic: str, payload: Any = b"") -> tuple[Reading, ...]:  # noqa: ANN401
        """The readings of one message, none when it is rejected."""
        answer = self.hear(topic, payload)
        return answer.readings if isinstance(answer, Decoded) else ()
