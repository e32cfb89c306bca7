"""A small process that runs one server and stops it when its own parent is gone, however that went.

The one rule: standard input is the parent's life. Its first line says what to run; its end, by will or by
`kill -9`, stops the server, gently first. Signals do not move the guard, so Ctrl-C in a terminal and a
SIGTERM to the whole group leave the parent time to finish with the server. Should the guard itself be killed,
the kernel sends the server its first stop signal (Linux only).

Runs as a script of its own (`python -I -S guard.py`), knows the standard library only, has one thread.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1


def main() -> int:
    """Runs the server that the first line of standard input describes; returns its exit status."""
    line = sys.stdin.buffer.readline()
    if not line:
        return 0
    order = json.loads(line)
    bell, ringer = os.pipe()
    os.set_blocking(ringer, False)
    signal.set_wakeup_fd(ringer, warn_on_full_buffer=False)
    # Handlers rather than SIG_IGN, which the server would inherit.
    for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, lambda *_: None)
    server = _start(order)
    with contextlib.suppress(BrokenPipeError):
        os.write(1, b"%d\n" % server.pid)
    while server.poll() is None:
        ready, _, _ = select.select([0, bell], [], [])
        if 0 in ready:
            _stop(server, order["stop"])
            break
        os.read(bell, 4096)
    for folder in order["remove"]:
        _remove(folder)
    status = server.poll()
    return 1 if status is None else status if status >= 0 else 128 - status


def _start(order: dict[str, Any]) -> "subprocess.Popen[bytes]":
    guard = os.getpid()
    first = signal.Signals[order["stop"][0][0]]
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def tie_to_guard() -> None:
        # Here and not earlier: changing the user would undo it.
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, first)
        if os.getppid() != guard:
            os._exit(1)

    server = subprocess.Popen(  # noqa: S603 - the order comes from our parent alone
        order["argv"],
        executable=order["executable"],
        cwd=order["folder"],
        env=order["environment"],
        stdin=subprocess.PIPE,
        stdout=2,
        pass_fds=order["handles"],
        user=order["user"],
        group=order["group"],
        extra_groups=None if order["user"] is None else [],
        umask=0o077,
        preexec_fn=tie_to_guard,  # noqa: PLW1509 - safe: the guard has one thread
    )
    # What a server is told is smaller than a pipe's buffer, so this cannot block.
    with contextlib.suppress(BrokenPipeError), server.stdin or contextlib.nullcontext() as told:
        if told is not None:
            told.write(order["input"].encode())
    return server


def _stop(server: "subprocess.Popen[bytes]", plan: list[tuple[str, float]]) -> None:
    for name, patience_s in plan:
        server.send_signal(signal.Signals[name])
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(patience_s)
            return


def _remove(folder: str) -> None:
    """Removes a folder of plain files: the socket of a server that could not tidy up after itself."""
    with contextlib.suppress(OSError):
        for file in Path(folder).iterdir():
            file.unlink()
        Path(folder).rmdir()


if __name__ == "__main__":
    sys.exit(main())
