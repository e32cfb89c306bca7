"""Real MQTT brokers for tests: the one for production and the embedded one, behind one face.

Rule: a broker keeps its address for its life, through every stop, kill and start.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Protocol

import pytest

from ingest.embedded.broker import EmbeddedBroker

KINDS = ("mosquitto", "embedded")
"""What `running` knows."""

_START_S = 20.0


class AnyBroker(Protocol):
    """A broker that can be stopped or killed, and started again with the sessions it has kept."""

    url: str
    port: int

    def start(self) -> None:
        """Return when it accepts connections."""
        ...

    def stop(self) -> None:
        """End it in order; safe to repeat."""
        ...

    def kill(self) -> None:
        """End it as `kill -9` does."""
        ...


class Mosquitto:
    """The mosquitto on PATH, with its sessions in a folder; what it logs is in `mosquitto.log` there.

    By itself it writes sessions only when stopped; with `durable` after every change, so that `kill` loses
    none. `more` is added to its configuration.
    """

    def __init__(self, folder: Path, *, durable: bool = False, more: str = "") -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        self._config = folder / "mosquitto.conf"
        self._log = folder / "mosquitto.log"
        saving = "autosave_on_changes true\nautosave_interval 1\n" if durable else ""
        anonymous = "" if "allow_anonymous" in more else "allow_anonymous true\n"
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\n{anonymous}user root\n"
            f"persistence true\npersistence_location {folder}/\n{saving}"
            f"max_queued_messages 0\nmax_inflight_messages 0\nlog_dest stderr\n{more}"
        )

    def start(self) -> None:
        """Return when it accepts connections."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [shutil.which("mosquitto") or "mosquitto", "-c", str(self._config)], stderr=log
            )
        deadline = time.monotonic() + _START_S
        while not self._listens():
            said = self._log.read_text(errors="replace")
            assert self.process.poll() is None, f"mosquitto ended: {said}"
            assert time.monotonic() < deadline, f"mosquitto does not listen: {said}"

    def stop(self) -> None:
        """End it in order; safe to repeat."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)  # one that a test has stopped hears nothing else
            self.process.send_signal(number)
            self.process.wait(timeout=20)
            self.process = None

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=0.2):
            return True
        return False


class Embedded(EmbeddedBroker):
    """The embedded broker, which a test may kill."""

    def kill(self) -> None:
        """End its server as `kill -9` does."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.stop()


def made(kind: str, folder: Path) -> AnyBroker:
    """A broker of a kind, not started. Skips the test where there is no mosquitto."""
    if kind == "embedded":
        return Embedded(folder)
    if shutil.which("mosquitto") is None:
        pytest.skip("mosquitto is not on PATH")
    return Mosquitto(folder)
