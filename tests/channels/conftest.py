"""What the channels' tests share: a delivery, and brokers to deliver to."""

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.channels import Delivery
from ingest.embedded.broker import EmbeddedBroker


@pytest.fixture
def delivery() -> Delivery:
    return Delivery("a1-1", "a1", "s1", b'{"alert":"a1"}', resolved=False)


class Mosquitto:
    """A Mosquitto of the test's own, on one port for its life; it may be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        with contextlib.closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._config = folder / "mosquitto.conf"
        self._config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [shutil.which("mosquitto") or "mosquitto", "-c", str(self._config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 10
        while not self._listens():
            assert time.monotonic() < deadline, "mosquitto does not listen"

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=0.1):
            return True
        return False

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=10)
            self.process = None


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A started Mosquitto."""
    if shutil.which("mosquitto") is None:
        pytest.skip("needs mosquitto on PATH")
    broker = Mosquitto(tmp_path)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(params=["mosquitto", "embedded"])
def broker_port(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[int]:
    """The port of a broker of either sort."""
    if request.param == "mosquitto":
        yield request.getfixturevalue("mosquitto").port
        return
    with EmbeddedBroker(tmp_path) as broker:
        yield broker.port
