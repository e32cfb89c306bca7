"""Real brokers for simulators. Rule: a test that publishes does it through each kind of broker."""

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from ingest.embedded.broker import EmbeddedBroker

REPOSITORY = Path(__file__).parents[2]


class AnyBroker(Protocol):
    """A broker that can be stopped and started again, keeping what it has acknowledged."""

    url: str

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Mosquitto:
    """The mosquitto on PATH, with its sessions in a folder."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"mqtt://127.0.0.1:{self._port}"
        self._config = folder / "mosquitto.conf"
        self._config.write_text(
            f"listener {self._port} 127.0.0.1\nallow_anonymous true\nuser root\n"
            f"persistence true\npersistence_location {folder}/\n"
            "max_queued_messages 0\nmax_inflight_messages 0\nlog_dest stderr\n"
        )
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = ["mosquitto", "-c", str(self._config)]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        told = []
        for line in self._process.stderr:
            told.append(line)
            if " running" in line:
                return
        raise AssertionError("mosquitto does not start: " + "".join(told))

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.communicate(timeout=10)
            self._process = None


@pytest.fixture(params=["mosquitto", "embedded"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyBroker]:
    """A running broker: the one for production, and the embedded one."""
    if request.param == "mosquitto" and shutil.which("mosquitto") is None:
        pytest.skip("mosquitto is not on PATH")
    running: AnyBroker = Mosquitto(tmp_path) if request.param == "mosquitto" else EmbeddedBroker(tmp_path)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def kasteren() -> Path:
    """The recorded houses, which are not part of the repository."""
    shared = Path(os.environ.get("SHOUWANG_SHARED", REPOSITORY.parent / "shared"))
    log = shared / "replay" / "kasteren.events.csv.gz"
    if not log.exists():
        pytest.skip(f"no recorded houses: {log} (set SHOUWANG_SHARED)")
    return log


@pytest.fixture
def small_log(tmp_path: Path) -> Callable[[str], Path]:
    """Writes rows as a log that `simulators/maps/kasteren.toml` can read."""

    def write(rows: str) -> Path:
        path = tmp_path / "log.csv"
        path.write_text("house,ts_epoch_s,sensor_id,sensor_name,value\n" + rows)
        return path

    return write
