"""Loopback ports for embedded servers.

The one rule: a server keeps the port it had, as long as nobody else has taken it, so that clients find it
again after a restart.
"""

import contextlib
import random
import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"

_OURS = range(20_000, 30_000)
"""Below the ports that systems give to outgoing connections, one of which might hold ours at a restart."""


def port_for(remembered: Path) -> int:
    """The port that the file `remembered` names, if it is free now, else any free one."""
    with contextlib.suppress(OSError, ValueError):
        port = int(remembered.read_text(encoding="ascii"))
        if is_free(port):
            return port
    for port in random.sample(_OURS, len(_OURS)):
        if is_free(port):
            return port
    raise OSError(f"no free port from {_OURS.start} to {_OURS.stop - 1}")


def is_free(port: int) -> bool:
    """Whether a server could listen on this port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: closing ones don't count
        try:
            probe.bind((LOOPBACK, port))
            probe.listen()
        except (OSError, OverflowError):
            return False
    return True
