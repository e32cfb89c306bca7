"""Whether the broker is reached, journalled whenever that changes. Rule: it is an input like any other.

Who cannot reach us cannot call for help: the rules must know, live and in every replay. The service may end
while the broker is away and find it there at the next start: that is a change, too.
"""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from devices.message import Message
from devices.ourselves import broker_message
from ingest.clock import Clock
from ingest.source import Source

log = structlog.get_logger()

_LOOK_S = 1.0
_PATIENCE, _AT_START = 2, 10
"""Looks in a row that must find a connection missing: a quick reconnect is not worth a word; connecting to
all that there is takes its time."""


class Reach:
    """Looks at the connections of all lanes: a call on the one that is missing is heard by nobody.

    `reached` is what was said last, before this start.
    """

    def __init__(
        self, sources: Sequence[Source], say: Callable[[Message], None], clock: Clock, *, reached: bool
    ) -> None:
        self._sources, self._say, self._clock = sources, say, clock
        self._said = reached
        self._missing = 0
        self._patience = _AT_START

    async def run(self) -> None:
        """Look every second until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(_LOOK_S)

    def look(self) -> None:
        """Say it where it is not what was said last."""
        reached = all(source.connected for source in self._sources)
        self._missing = 0 if reached else self._missing + 1
        self._patience = _PATIENCE if reached else self._patience
        if reached is not self._said and (reached or self._missing >= self._patience):
            self._said = reached
            log.info("broker_reached" if reached else "broker_not_reached")
            self._say(broker_message(self._clock.now(), reached=reached))
