"""A whole service on real servers, for measuring: the stage on which the benchmarks play."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiomqtt
import httpx
import orjson
import psycopg

from ingest.embedded.broker import EmbeddedBroker
from ingest.embedded.postgres import EmbeddedPostgres

REPOSITORY = Path(__file__).parents[2]
DEVICES = 10_000
PAYLOAD = (
    '{"ts":@@@@@@@@@@@@@,"seq":########,"heart_rate":72,"spo2":97.5,"skin_temperature":33.1,'
    '"steps":1234,"battery":87}'
)
METRICS = 5
SITE = "home-1"
TOKEN = "bench-token"  # noqa: S105  of a service that lives for a minute on loopback


@dataclass(frozen=True, slots=True)
class Stage:
    """Where everything is."""

    folder: Path
    dsn: str
    broker_port: int
    api: str
    service: subprocess.Popen[bytes]

    def stored(self) -> tuple[int, int]:
        """Journal entries and observation rows in the database."""
        with psycopg.connect(self.dsn) as database:
            entries = database.execute("SELECT coalesce(sum(seq), 0) FROM journal_position").fetchone()
            rows = database.execute("SELECT count(*) FROM observation").fetchone()
        return int(entries[0]) if entries else 0, rows[0] if rows else 0

    def buckets(self, name: str, label: str) -> list[tuple[float, float]]:
        """The upper bounds (s) of a histogram of the service, each with how many are not above it."""
        text = httpx.get(f"{self.api}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
        lines = [one for one in text.splitlines() if one.startswith(f"{name}_bucket{{") and label in one]
        return [(float(one.split('le="')[1].split('"')[0]), float(one.rsplit(" ", 1)[1])) for one in lines]

    def entries(self) -> int:
        """Journal entries in the database."""
        with psycopg.connect(self.dsn) as database:
            row = database.execute("SELECT coalesce(sum(seq), 0) FROM journal_position").fetchone()
        return int(row[0]) if row else 0


def shared() -> Path:
    """The folder with recordings and tools, beside the repository unless SHOUWANG_SHARED says otherwise."""
    return Path(os.environ.get("SHOUWANG_SHARED", REPOSITORY.parent / "shared"))


def load_tool(folder: Path) -> Path | None:
    """The fast publisher, built; None where its source or a compiler is missing."""
    source, compiler = shared() / "tools" / "load.c", shutil.which("cc")
    if not source.exists() or compiler is None:
        return None
    built = folder / "load"
    subprocess.run(
        [compiler, "-O2", "-D_GNU_SOURCE", "-o", str(built), str(source)], check=True, capture_output=True
    )
    return built


@contextlib.contextmanager
def mosquitto(folder: Path) -> Iterator[int]:
    """A Mosquitto configured as deploy/ does it: nothing is dropped, 1000 in flight. Its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = folder / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_inflight_messages 10000\n"
        "max_queued_messages 0\nset_tcp_nodelay true\nlog_type none\n"
    )
    process = subprocess.Popen(["mosquitto", "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        _until(lambda: _answers(port), 10, "mosquitto does not start")
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
        return True
    return False


def _until(true: Callable[[], bool], seconds: float, otherwise: str) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(otherwise)
        time.sleep(0.02)


@contextlib.asynccontextmanager
async def listening(port: int, identifier: str) -> AsyncIterator[tuple[aiomqtt.Client, dict[str, float]]]:
    """A client at the broker, and when each device's first alert was on MQTT (monotonic s) as it comes."""
    told: dict[str, float] = {}
    async with aiomqtt.Client("127.0.0.1", port, identifier=identifier) as client:
        await client.subscribe("shouwang/v1/+/alerts/#", qos=1)

        async def listen() -> None:
            async for message in client.messages:
                if isinstance(message.payload, bytes) and message.payload:
                    told.setdefault(orjson.loads(message.payload)["device"], time.monotonic())

        async with asyncio.TaskGroup() as tasks:
            listener = tasks.create_task(listen())
            yield client, told
            listener.cancel()


async def latencies(sent: Mapping[str, float], told: Mapping[str, float]) -> list[float]:
    """Seconds from when each device's message was sent to its alert; waits 10 s for those that lack."""
    deadline = time.monotonic() + 10
    while not sent.keys() <= told.keys() and time.monotonic() < deadline:  # noqa: ASYNC110  bounded
        await asyncio.sleep(0.01)
    return [told[device] - at for device, at in sent.items() if device in told]


@contextlib.contextmanager
def stage(folder: Path, *, embedded: bool = False) -> Iterator[Stage]:
    """PostgreSQL, a broker and a service with 10,000 registered devices; all gone afterwards."""
    with contextlib.ExitStack() as stack:
        dsn = stack.enter_context(EmbeddedPostgres(folder)).dsn
        if embedded:
            port = stack.enter_context(EmbeddedBroker(folder)).port
        else:
            port = stack.enter_context(mosquitto(folder))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            api_port = probe.getsockname()[1]
        (folder / "registry.toml").write_text(registry())
        (folder / "shouwang.toml").write_text(
            f'site = "{SITE}"\ndata = "data"\nregistry = ["registry.toml"]\n'
            f'[broker]\nurl = "mqtt://127.0.0.1:{port}"\n[database]\ndsn = "{dsn}"\n'
            f'[api]\nport = {api_port}\ntoken = "{TOKEN}"\n'
        )
        service = subprocess.Popen(
            [sys.executable, "-m", "ingest", "run", "--config", str(folder / "shouwang.toml")],
            stderr=(folder / "service.log").open("wb"),
        )
        stack.callback(_stop, service)
        api = f"http://127.0.0.1:{api_port}"
        _until(lambda: _ready(api), 60, "the service does not get ready: " + str(folder / "service.log"))
        yield Stage(folder, dsn, port, api, service)


def _stop(service: subprocess.Popen[bytes]) -> None:
    service.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        service.wait(40)
    service.kill()
    service.wait()


def _ready(api: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(api + "/readyz", timeout=1).status_code == 200
    return False


def registry() -> str:
    """A registry of DEVICES wearables, one per resident."""
    site = f'[[place]]\nid = "{SITE}"\nkind = "site"\ntimezone = "Asia/Shanghai"\n'
    return site + "".join(
        f'[[resident]]\nid = "r{number}"\nplace = "{SITE}"\n'
        f'[[device]]\nid = "d{number}"\nkind = "wearable"\nresident = "r{number}"\n'
        f'site = "{SITE}"\ncalls = true\n'
        for number in range(DEVICES)
    )


def publish(
    tool: Path, port: int, total: int, rate: int, *, connections: int = 8, window: int = 100
) -> dict[str, float]:
    """Publish `total` messages of five metrics with QoS 1 and wait for every PUBACK; what the tool says."""
    done = subprocess.run(
        publisher(tool, port, total, rate, connections=connections, window=window),
        env=os.environ | {"DEVICES": str(DEVICES)},
        capture_output=True,
        check=True,
    )
    said: dict[str, float] = json.loads(done.stdout)
    return said


def publisher(
    tool: Path, port: int, total: int, rate: int, *, connections: int = 8, window: int = 100
) -> list[str]:
    """The command line of the fast publisher."""
    topic = f"shouwang/v1/{SITE}/d%d/telemetry"
    numbers = [str(port), str(connections), "1", str(total), str(window), str(rate)]
    return [str(tool), *numbers, topic, PAYLOAD]
