"""Starts a server under its guard, and claims its folder so that no two servers share one.

The one rule: a folder is in use exactly as long as its lock is held. The lock is inherited by the guard and
by the server with all its children, so it outlives whoever took it until the last of them is gone.
"""

import contextlib
import fcntl
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_GUARD = Path(__file__).with_name("guard.py")
_POLL_S = 0.01
_START_S = 60.0
_LAST_OWNER_S = 60.0  # longer than any stop plan: a killed parent's server may still be stopping
_LOG_LIMIT = 16 << 20
_TAIL = 3000


class EmbeddedError(Exception):
    """An embedded server cannot run. The message says why and what to do next."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user and its group."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Program:
    """What a guard shall run, and how it shall end it.

    `stop` lists signals with the seconds each gets; the last one should be SIGKILL. `handles` are file
    descriptors that the program inherits. `remove` are folders of plain files to remove afterwards.
    """

    name: str
    argv: Sequence[str]
    folder: Path
    log: Path
    stop: Sequence[tuple[str, float]]
    account: Account | None = None
    executable: str | None = None
    handles: Sequence[int] = ()
    remove: Sequence[Path] = ()
    input: str = ""

    def order(self) -> bytes:
        """The line that tells a guard all this."""
        order = {
            "argv": list(self.argv),
            "executable": self.executable,
            "folder": str(self.folder),
            "stop": list(self.stop),
            "user": self.account and self.account.uid,
            "group": self.account and self.account.gid,
            "handles": list(self.handles),
            "remove": [str(folder) for folder in self.remove],
            "input": self.input,
            "environment": _environment(),
        }
        return json.dumps(order).encode() + b"\n"


def _environment() -> dict[str, str]:
    """Only what a program needs to load: the rest of ours may hold secrets or change the server's ways."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {"PATH": os.defpath, **kept, "LC_ALL": "C", "TZ": "UTC"}


class Server:
    """A running program with its guard; `pid` is the program's own."""

    def __init__(self, program: Program) -> None:
        self._program = program
        with contextlib.suppress(FileNotFoundError):
            if program.log.stat().st_size > _LOG_LIMIT:
                program.log.replace(program.log.with_suffix(".log.1"))
        with program.log.open("ab") as log:
            program.log.chmod(0o600)
            self._log_start = log.tell()
            self._guard = subprocess.Popen(  # noqa: S603 - our own script
                [sys.executable, "-I", "-S", str(_GUARD), program.name],
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd="/",
                pass_fds=list(program.handles),
                start_new_session=True,  # a terminal's Ctrl-C is for the service, which then stops us
            )
        try:
            self.pid = self._told()
        except BaseException:
            self.stop()
            raise

    def _told(self) -> int:
        """Gives the guard its order; returns the program's process id, which is the guard's answer."""
        guard = self._guard
        if guard.stdin is None or guard.stdout is None:
            raise AssertionError("both are pipes")
        with contextlib.suppress(BrokenPipeError):  # its log says why, see below
            guard.stdin.write(self._program.order())
        ready, _, _ = select.select([guard.stdout], [], [], _START_S)
        answer = guard.stdout.read(32) if ready else b""
        if not answer:
            raise self.failure("could not be started")
        return int(answer)

    def exit_status(self) -> int | None:
        """None while the program runs; afterwards its exit status, 128 + n for signal n."""
        return self._guard.poll()

    def wait(self, deadline_s: float) -> int:
        """The exit status of a program that ends by itself.

        Raises:
            EmbeddedError: It does not end in time.
        """
        try:
            return self._guard.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise self.failure(f"is not done after {deadline_s:g} s") from None

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Returns as soon as `ready()`.

        Raises:
            EmbeddedError: The program has ended, or is not ready within a minute.
        """
        deadline = time.monotonic() + _START_S
        while not ready():
            status = self.exit_status()
            if status is not None:
                raise self.failure(f"ended with status {status} instead of starting")
            if time.monotonic() > deadline:
                raise self.failure(f"does not accept connections after {_START_S:g} s")
            time.sleep(_POLL_S)

    def failure(self, what: str) -> EmbeddedError:
        """The error that says `what` happened to the program, with the end of its log."""
        with self._program.log.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(self._log_start, size - _TAIL))
            tail = log.read().decode(errors="replace").strip()
        return EmbeddedError(f"{self._program.name} {what}; {self._program.log} ends with:\n{tail}")

    def stop(self) -> None:
        """Ends the program as its plan says, and the guard with it; safe to repeat.

        Raises:
            EmbeddedError: It survives even the last signal of its plan.
        """
        guard = self._guard
        for pipe in (guard.stdin, guard.stdout):
            if pipe is not None:
                pipe.close()
        patience_s = 5.0 + sum(seconds for _, seconds in self._program.stop)
        try:
            guard.wait(patience_s)
        except subprocess.TimeoutExpired:
            guard.kill()
            guard.wait(5.0)
            raise self.failure("does not stop") from None


@contextlib.contextmanager
def guarded(program: Program) -> Iterator[Server]:
    """Runs `program` for the length of a `with` block.

    Raises:
        EmbeddedError: It cannot be started or stopped.
    """
    server = Server(program)
    try:
        yield server
    finally:
        server.stop()


def run(program: Program, deadline_s: float = 120.0) -> None:
    """Runs `program` to its end.

    Raises:
        EmbeddedError: It fails or takes too long.
    """
    with guarded(program) as server:
        status = server.wait(deadline_s)
        if status != 0:
            raise server.failure(f"failed with status {status}")


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[int]:
    """Makes `folder`, if need be, and holds its lock; gives the lock's descriptor for servers to inherit.

    Raises:
        EmbeddedError: Another process uses the folder, or the servers of a dead one do not end.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not _try_lock(handle):
            owner = os.pread(handle, 32, 0).decode(errors="replace").strip()
            if owner.isdigit() and _alive(int(owner)):
                raise EmbeddedError(
                    f"{folder} is in use by process {owner}: stop that one first, or choose another folder"
                )
            if not lock_within(handle, _LAST_OWNER_S):
                raise EmbeddedError(
                    f"a server left behind in {folder} does not end: see `fuser -v {folder / 'lock'}`, end it"
                )
        os.ftruncate(handle, 0)
        os.pwrite(handle, b"%d\n" % os.getpid(), 0)
        yield handle
        os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def lock_within(handle: int, deadline_s: float) -> bool:
    """Whether `handle` could be locked in time."""
    deadline = time.monotonic() + deadline_s
    while not _try_lock(handle):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
