"""The whole: the service with the example configuration, between this broker's ACL and a database."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.deploy.brokers import Mosquitto
from tests.deploy.folder import REPOSITORY

pytestmark = pytest.mark.integration


@asynccontextmanager
async def service(broker: Mosquitto, data: Path, dsn: str) -> AsyncIterator[str]:
    """The service as compose.yaml starts it, but for addresses and the data folder; the URL of its API."""
    dsn_file = broker.installation / "secrets" / "db_dsn"
    dsn_file.unlink()
    dsn_file.write_text(dsn)
    environment = os.environ | {
        "SHOUWANG_BROKER__URL": f"mqtt://127.0.0.1:{broker.inner}",
        "SHOUWANG_DATA": str(data),
        "SHOUWANG_API__HOST": "127.0.0.1",
        "SHOUWANG_API__PORT": "0",
    }
    words = ["run", "--config", broker.installation / "shouwang.toml"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ingest", *words, cwd=REPOSITORY, env=environment, stderr=PIPE
    )
    try:
        async with asyncio.timeout(60):
            yield await _api(process)
    finally:
        process.terminate()
        async with asyncio.timeout(90):  # as TimeoutStopSec and stop_grace_period have it
            _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()


async def _api(process: Process) -> str:
    """The address in the log's line `started`."""
    assert process.stderr is not None
    while line := await process.stderr.readline():
        if b'"started"' in line:
            return str(json.loads(line)["api"])
    raise AssertionError("the service ended before it started")


async def test_a_call_for_help_reaches_the_corridor_display(
    broker: Mosquitto, tmp_path: Path, dsn: str
) -> None:
    async with (
        broker.client("display-1") as display,
        service(broker, tmp_path / "data", dsn) as url,
        broker.client("watch-01") as device,
        httpx.AsyncClient(base_url=url) as api,
    ):
        assert (await api.get("/healthz")).status_code == 200
        while (ready := await api.get("/readyz")).status_code != 200:
            assert ready.status_code == 503

        await display.subscribe("shouwang/v1/home-1/alerts/#", qos=1)
        await device.publish("shouwang/v1/home-1/watch-01/event", json.dumps({"event": "sos"}), qos=1)
        async for alert in display.messages:
            if b'"rule":"sos"' in bytes(alert.payload):  # of the example's night nobody has said yes, either
                break
        assert b"r-01" in bytes(alert.payload)  # who wears it, says the example's registry

        assert "shouwang_up" in (await api.get("/metrics")).text
        alerts = await api.get("/api/v1/alerts")
        assert alerts.status_code == 401
