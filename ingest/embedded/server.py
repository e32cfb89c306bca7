"""What the embedded servers share: a life as long as the object is started.

Rule: `stop` undoes what `start` did, in reverse, and a start that fails leaves nothing behind.
"""

import contextlib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, Self

from ingest.embedded.guarded import EmbeddedError, Server


class EmbeddedServer(ABC):
    """A server in a folder of its own; a context manager. `pid` (the server's) exists once started."""

    name: ClassVar[str]
    pid: int

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: Server | None = None
        self._opened = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Returns when the server takes clients.

        Raises:
            EmbeddedError: It cannot be started, or another process (or this one) uses the folder already.
        """
        with contextlib.ExitStack() as opened:
            try:
                server = self._start(opened)
            except OSError as error:
                raise EmbeddedError(
                    f"no {self.name} in {self._folder}: {error}; choose a folder that is ours and has room"
                ) from error
            self.pid, self._server = server.pid, server
            self._opened = opened.pop_all()

    @property
    def ended(self) -> bool:
        """Whether it was started and has ended by itself since."""
        return self._server is not None and self._server.exit_status() is not None

    def stop(self) -> None:
        """Stops the server; safe to repeat.

        Raises:
            EmbeddedError: It survives even SIGKILL.
        """
        self._server = None
        self._opened.close()

    @abstractmethod
    def _start(self, opened: contextlib.ExitStack) -> Server:
        """Start it and return once it takes clients; `opened` undoes every step."""
