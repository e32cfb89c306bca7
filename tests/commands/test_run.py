"""`run` and `migrate`: the service starts without its neighbours, names them, and stops when told."""

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.commands.program import called, shouwang, started
from tests.deadline import eventually

pytestmark = pytest.mark.integration

STOPS = [signal.SIGTERM, signal.SIGINT]


@pytest.fixture
def closed() -> Iterator[int]:
    """A port of ours that nobody listens on: connections are refused."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def configuration(folder: Path, closed: int, port: int = 0) -> Path:
    file = folder / "shouwang.toml"
    file.write_text(
        f'data = "data"\n[broker]\nurl = "mqtt://127.0.0.1:{closed}"\n'
        f'[database]\ndsn = "postgresql://nobody@127.0.0.1:{closed}/none"\n[api]\nport = {port}\n'
    )
    return file


@pytest.mark.parametrize("stop", STOPS)
async def test_the_service_is_alive_without_broker_and_database(
    stop: signal.Signals, tmp_path: Path, closed: int
) -> None:
    async with started("run", "--config", configuration(tmp_path, closed)) as service:
        url = json.loads(await service.line('"started"'))["api"]
        async with httpx.AsyncClient(base_url=url) as api:
            assert (await api.get("/healthz")).status_code == 200
            ready = await api.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["parts"] == {"broker": False, "database": False, "journal": True}
        assert (await service.ends(stop)).code == 0


@pytest.mark.parametrize("stop", STOPS)
async def test_who_stops_it_while_it_loads_sees_no_traceback(
    stop: signal.Signals, tmp_path: Path, closed: int
) -> None:
    async with started("run", "--config", configuration(tmp_path, closed)) as service:
        libraries = Path(f"/proc/{service.pid}/maps")
        await eventually(lambda: "pydantic_core" in libraries.read_text())
        answer = await service.ends(stop)
    assert answer.code in {0, -stop}
    assert b"Error" not in answer.out


def test_a_taken_port_is_named_with_what_to_do(tmp_path: Path, closed: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = shouwang("run", "--config", configuration(tmp_path, closed, port))
    assert answer.code == 1
    assert f"127.0.0.1:{port}" in answer.err
    assert "another port" in answer.err


def test_a_data_folder_that_cannot_be_is_named(tmp_path: Path, closed: int) -> None:
    (tmp_path / "data").write_text("a file")
    answer = shouwang("run", "--config", configuration(tmp_path, closed))
    assert answer.code == 1
    assert str(tmp_path / "data") in answer.err


def test_migrating_twice(dsn: str) -> None:
    first, second = called("migrate", "--dsn", dsn), called("migrate", "--dsn", dsn)
    assert (first.code, second.code) == (0, 0)
    assert "0001" in first.err
    assert "nothing to do" in second.err


def test_a_database_that_is_not_there_is_a_failure(closed: int) -> None:
    answer = shouwang("migrate", "--dsn", f"postgresql://nobody@127.0.0.1:{closed}/none")
    assert answer.code == 1
    assert str(closed) in answer.err


@pytest.mark.parametrize("dsn", ["", "mysql://h/d", "nonsense", "colour=red"])
def test_an_address_that_is_none_is_wrong_usage(dsn: str) -> None:
    answer = called("migrate", "--dsn", dsn)
    assert answer.code == 2
    assert "postgresql://" in answer.err
