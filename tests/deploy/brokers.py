"""A Mosquitto that runs with the configuration of an installation."""

import asyncio
import contextlib
import os
import signal
import socket
from pathlib import Path
from typing import Any

import aiomqtt

from tests.deploy.folder import make_secrets


def free_ports(count: int) -> list[int]:
    """Ports of this host that nobody listens on."""
    with contextlib.ExitStack() as opened:
        probes = [opened.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [probe.getsockname()[1] for probe in probes]


class Mosquitto:
    """A Mosquitto with the configuration of an installation: only paths, addresses and ports differ."""

    def __init__(self, installation: Path, folder: Path) -> None:
        self.installation = installation
        self.devices, self.inner, self.tls = free_ports(3)
        self._passwords = {"shouwang": (installation / "secrets" / "mqtt_password").read_text().strip()}
        (folder / "broker").mkdir()
        self._config = folder / "broker" / "mosquitto.conf"
        self._data = folder / "broker"

    def write(self, text: str) -> None:
        """Take a configuration written for the container."""
        for there, here in {
            "/run/secrets/": f"{self.installation}/secrets/",
            "/mosquitto/config/": f"{self.installation}/mosquitto/",
            "/mosquitto/data/": f"{self._data}/",
            "listener 1883": f"listener {self.devices} 127.0.0.1",
            "listener 1884": f"listener {self.inner} 127.0.0.1",
            "listener 8883": f"listener {self.tls} 127.0.0.1",
        }.items():
            text = text.replace(there, here)
        # A broker started as root becomes another user, who cannot enter this test's folder.
        self._config.write_text(text + ("user root\n" if os.geteuid() == 0 else ""))

    def add(self, account: str) -> None:
        """Make an account; a broker that runs must reload to know it."""
        _, self._passwords[account] = make_secrets(self.installation, "add", account).split()

    async def start(self) -> None:
        self._log: asyncio.Queue[str] = asyncio.Queue()
        self._process = await asyncio.create_subprocess_exec(
            "mosquitto", "-c", self._config, stderr=asyncio.subprocess.PIPE
        )
        self._reading = asyncio.create_task(self._read(), name="the broker's log")
        await self.said("running")

    async def stop(self) -> None:
        if self._process.returncode is None:
            self._process.terminate()
        try:
            async with asyncio.timeout(10):
                await self._process.wait()
                await self._reading
        finally:
            if self._process.returncode is None:
                self._process.kill()

    async def reload(self) -> None:
        self._process.send_signal(signal.SIGHUP)
        await self.said("Reloading config")

    async def said(self, words: str) -> None:
        """Wait until the broker's log says this."""
        async with asyncio.timeout(10):
            while words not in (line := await self._log.get()):
                assert line, f"Mosquitto ended without saying {words!r}"

    async def _read(self) -> None:
        assert self._process.stderr is not None
        while line := await self._process.stderr.readline():
            self._log.put_nowait(line.decode())
        self._log.put_nowait("")

    def client(self, account: str, **options: Any) -> aiomqtt.Client:  # noqa: ANN401  whatever it takes
        """A connection with an account; the service's to its own listener."""
        port = self.inner if account == "shouwang" else self.devices
        given = {"username": account, "password": self._passwords[account], "port": port, "timeout": 10}
        return aiomqtt.Client("127.0.0.1", **(given | options))
