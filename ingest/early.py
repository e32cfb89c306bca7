"""What was done with messages before they were on disk, so that it is not done again once they are.

Rule: it is about one object of a message in this process; after a crash all is done again, as a repeat.
"""

from collections.abc import Callable, Sequence

from devices.message import Message
from devices.observation import Observation
from devices.reading import Motion
from ingest.interpret import Interpreted, stays

Interpret = Callable[[], Interpreted]


class Early:
    """By the identity of objects that are held here, so that none takes the place of another."""

    def __init__(self) -> None:
        self._felt: dict[int, tuple[Message, Interpreted | None]] = {}
        self._decided: dict[int, tuple[Message, list[Observation]]] = {}
        self.identities: dict[int, int] = {}
        """Under which calls were decided, and when they were received (ms), since the last `saved`."""

    def feel(self, message: Message, interpret: Interpret) -> Callable[[], Sequence[tuple[str, Motion]]]:
        """The windows of a message are looked at: what reads them in their turn."""

        def read() -> Sequence[tuple[str, Motion]]:
            said = interpret()
            if id(message) in self._felt:
                self._felt[id(message)] = message, said
            return said.motion

        self._felt[id(message)] = message, None
        return read

    def understood(self, message: Message, interpret: Interpret) -> Interpreted:
        """What a message means in its turn, without the windows that were looked at."""
        felt, before = self._felt.pop(id(message), (None, None))
        said = before if before is not None and stays(message, before) else interpret()
        return said if felt is None else said._replace(motion=())

    def decide(self, message: Message, observation: Observation) -> None:
        """The rules have this observation of a message."""
        self._decided.setdefault(id(message), (message, []))[1].append(observation)

    def decided(self, message: Message) -> Sequence[Observation]:
        """Which observations of a message the rules have, told once."""
        return self._decided.pop(id(message), (message, []))[1]

    def saved(self) -> None:
        """What was decided is on record under its identity."""
        self.identities = {}
