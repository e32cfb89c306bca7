"""A house with a whole service in it, for end-to-end tests: in this process, or in one that can be killed."""

import contextlib
import json
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psycopg

from alerts.duty_file import DutyFile
from devices.registry import Registry
from devices.registry_files import read
from ingest.app import Running, service
from ingest.clock import Clock, RealClock
from ingest.config import Config
from ingest.parts import Setting
from ingest.roster import load as load_rota
from rules.configuration import default
from rules.ruleset import RuleSet
from tests.deadline import eventually
from tests.service.receiver import SECRET

TOKEN = "a token of the tests"  # noqa: S105  nobody else's
REGISTRY = """
[[place]]
id = "home-1"
kind = "site"
timezone = "Asia/Shanghai"
[[place]]
id = "302"
kind = "room"
name = "302"
parent = "home-1"
[[place]]
id = "302-1"
kind = "bed"
name = "1"
parent = "302"
[[place]]
id = "302-2"
kind = "bed"
name = "2"
parent = "302"
[[resident]]
id = "r-01"
place = "302-1"
name = "王秀英"
care_level = "1"
[[resident]]
id = "r-02"
place = "302-2"
name = "李建国"
[[device]]
id = "w-01"
kind = "wearable"
resident = "r-01"
site = "home-1"
calls = true
[[device]]
id = "w-02"
kind = "wearable"
resident = "r-02"
site = "home-1"
calls = true
[[device]]
id = "button-1"
kind = "button"
model = "Tuya TS0215A_sos"
resident = "r-01"
calls = true
"""


def registry() -> Registry:
    """Two residents of one room with wearables, one with a button."""
    found = read([("house.toml", REGISTRY)])
    assert isinstance(found, Registry)
    return found


def config(folder: Path, broker_url: str, dsn: str, webhook: str = "", **more: object) -> Config:
    """A configuration for loopback, on a port of its own."""
    webhooks = [{"name": "hook", "url": webhook, "secret": SECRET, "timeout_s": 2}] if webhook else []
    return Config.model_validate(
        {
            "data": folder / "data",
            "broker": {"url": broker_url, "version": more.pop("version", "3.1.1")},
            "database": {"dsn": dsn},
            "api": {"port": 0},
            "webhook": webhooks,
            **more,
        }
    )


@contextlib.asynccontextmanager
async def living(
    setting: Config,
    people: Registry | None = None,
    rules: RuleSet | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Running]:
    """A service in this process, connected to its broker."""
    broker, dsn = setting.broker.url, setting.database.secret()
    home = people or registry()
    duty = load_rota(setting.duty, home)
    assert isinstance(duty, DutyFile), duty
    whole = Setting(setting, home, rules or default(), broker, dsn, TOKEN, clock or RealClock(), duty=duty)
    async with service(whole) as running:
        async with client(running.api_url) as api:
            await eventually(lambda: hears(api), why="the service does not reach the broker")
        yield running


async def hears(api: httpx.AsyncClient) -> bool:
    """Whether the service is subscribed."""
    return bool((await api.get("/readyz")).json()["parts"]["broker"])


def client(url: str) -> httpx.AsyncClient:
    """The API with its token."""
    return httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=20)


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Killable:
    """A service in a process of its own, configured by a file, that may be killed at any time.

    `top` are further lines of the file's first part, `more` further tables.
    """

    def __init__(
        self, folder: Path, broker_url: str, dsn: str, webhook: str = "", top: str = "", more: str = ""
    ) -> None:
        self.folder, self.port = folder, free_port()
        self.api = f"http://127.0.0.1:{self.port}"
        (folder / "registry.toml").write_text(REGISTRY)
        self._config = folder / "shouwang.toml"
        hook = f'[[webhook]]\nname = "hook"\nurl = "{webhook}"\nsecret = "{SECRET}"\n' if webhook else ""
        self._config.write_text(
            f'data = "data"\nregistry = ["registry.toml"]\n{top}\n[broker]\nurl = "{broker_url}"\n'
            f'[database]\ndsn = {json.dumps(dsn)}\n[api]\nport = {self.port}\ntoken = "{TOKEN}"\n{hook}{more}'
        )
        self._process: subprocess.Popen[bytes] | None = None

    def add(self, registered: str) -> None:
        """Register more."""
        with (self.folder / "registry.toml").open("a") as file:
            file.write(registered)

    def public(self) -> None:
        """Let its messages hold links."""
        text = self._config.read_text().replace("[api]\n", f'[api]\npublic_url = "{self.api}"\n')
        self._config.write_text(text)

    async def start(self) -> None:
        """Return when it has subscribed."""
        command = [sys.executable, "-m", "ingest", "run", "--config", str(self._config)]
        with (self.folder / "service.log").open("ab") as log:
            self._process = subprocess.Popen(command, stderr=log)  # noqa: ASYNC220  it returns at once
        await eventually(self._hears, why="the service does not start: see " + str(self._config))

    async def _hears(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            async with client(self.api) as api:
                return await hears(api)
        return False

    def kill(self) -> None:
        """End it as `kill -9` does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(20)
        self._process = None

    def ended(self) -> bool:
        """Whether it has ended by itself."""
        return self._process is not None and self._process.poll() is not None

    def stop(self) -> int:
        """End it as a service manager does; its exit code."""
        if self._process is None:
            return 0
        if not self.ended():
            self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(60)
        self._process = None
        return code

    def log(self) -> str:
        """What it said."""
        path = self.folder / "service.log"
        return path.read_text() if path.exists() else ""


def rows(dsn: str, sql: str, *values: object) -> list[tuple[object, ...]]:
    """A query's answer; nothing while the tables are not there yet."""
    with psycopg.connect(dsn) as database:
        try:
            return database.execute(sql.encode(), values or None).fetchall()
        except psycopg.errors.UndefinedTable:
            return []
