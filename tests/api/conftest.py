"""The API over real HTTP: uvicorn on a port of its own, httpx on the other side."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest
import uvicorn
from fastapi import APIRouter
from prometheus_client import CollectorRegistry

from ingest import quiet_api
from ingest.api import create_app
from rules.failure import Failure
from tests.api.memory_desk import MemoryDesk

TOKEN = "a token for tests"  # noqa: S105  it opens nothing else
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@dataclass
class Served:
    """A service at work: a client that holds the token, and what stands behind it."""

    client: httpx.AsyncClient
    desk: MemoryDesk
    parts: dict[str, str]
    metrics: CollectorRegistry
    port: int
    server: uvicorn.Server
    failures: list[Failure]

    async def stop(self) -> None:
        """Shut down as the service does: end the streams, then the server."""
        self.desk.close()
        self.server.should_exit = True


@asynccontextmanager
async def serving(
    *,
    token: str | None = TOKEN,
    metrics_open: bool = False,
    heartbeat_s: float = 15.0,
    stalled_s: float = 20.0,
    desk: MemoryDesk | None = None,
    more: Sequence[APIRouter] = (),
    guarded: Sequence[str] = (),
) -> AsyncIterator[Served]:
    parts = {"broker": "", "journal": "", "database": ""}
    metrics = CollectorRegistry()
    desk = desk or MemoryDesk()
    failures: list[Failure] = []
    app = create_app(
        desk,
        lambda: parts,
        metrics,
        token,
        more=[quiet_api.routes(desk, lambda: failures), *more],
        guarded=guarded,
        metrics_open=metrics_open,
        heartbeat_s=heartbeat_s,
        stalled_s=stalled_s,
    )
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, lifespan="off", access_log=False, timeout_graceful_shutdown=5)
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)  # so that slow readers show soon
        port = listening.getsockname()[1]
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(server.serve(sockets=[listening]), name="uvicorn")
            try:
                async with httpx.AsyncClient(
                    base_url=f"http://127.0.0.1:{port}",
                    headers=BEARER,
                    trust_env=False,
                    timeout=httpx.Timeout(10, pool=None),
                ) as client:
                    yield Served(client, desk, parts, metrics, port, server, failures)
            finally:
                desk.close()
                server.should_exit = True
                async with asyncio.timeout(10):
                    await running


Serving = Callable[..., AbstractAsyncContextManager[Served]]


@pytest.fixture
def serve() -> Serving:
    """Start services of one's own."""
    return serving


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """A service with a token."""
    async with serving() as service:
        yield service
