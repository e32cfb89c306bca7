"""A broker that wants TLS and a password, and an API that wants its token."""

import shutil
import subprocess
from pathlib import Path

import pytest

from ingest.config import Config
from tests.brokers import Mosquitto
from tests.deadline import eventually
from tests.publisher import Publisher
from tests.service.house import client, config, free_port, living

pytestmark = pytest.mark.integration

PASSWORD = "of the test"  # noqa: S105  nobody else's


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for localhost, signed by itself, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl on PATH")
    certificate, key = tmp_path / "localhost.pem", tmp_path / "localhost.key"
    subprocess.run(
        [
            *("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost".split()),
            *("-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


@pytest.fixture
def closed_broker(tmp_path: Path, certificate: tuple[Path, Path]) -> tuple[Mosquitto, int]:
    """A Mosquitto with a second port, for TLS and `shouwang` with its password only; and that port."""
    if shutil.which("mosquitto") is None or shutil.which("mosquitto_passwd") is None:
        pytest.skip("needs mosquitto and mosquitto_passwd on PATH")
    accounts, port = tmp_path / "accounts", free_port()
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(accounts), "shouwang", PASSWORD], check=True)
    more = f"allow_anonymous true\nlistener {port} 127.0.0.1\n"
    more += f"certfile {certificate[0]}\nkeyfile {certificate[1]}\n"
    per_listener = f"allow_anonymous false\npassword_file {accounts}\n"
    return Mosquitto(tmp_path, more="per_listener_settings true\n" + more + per_listener), port


def setting(folder: Path, port: int, dsn: str, ca_file: Path, password: str) -> Config:
    (folder / "password").write_text(password + "\n")
    plain = config(folder, f"mqtts://localhost:{port}", dsn)
    broker = plain.broker.model_copy(
        update={"username": "shouwang", "password_file": folder / "password", "ca_file": ca_file}
    )
    return plain.model_copy(update={"broker": broker})


async def test_an_sos_gets_through_tls_with_a_password_from_a_file(
    closed_broker: tuple[Mosquitto, int], certificate: tuple[Path, Path], dsn: str, tmp_path: Path
) -> None:
    broker, port = closed_broker
    broker.start()
    try:
        async with living(setting(tmp_path, port, dsn, certificate[0], PASSWORD)) as running:
            with Publisher(broker.port) as device:
                device.send_all([("shouwang/v1/home-1/w-01/event", b'{"event": "sos"}')] * 100)
            await eventually(running.desk.book.unresolved)
            counted = running.metrics.registry.get_sample_value
            await eventually(
                lambda: counted("shouwang_messages_received_total", {"lane": "life_safety"}) == 100
            )
    finally:
        broker.stop()


async def test_the_api_wants_its_token(tmp_path: Path, dsn: str) -> None:
    broker = Mosquitto(tmp_path) if shutil.which("mosquitto") else pytest.skip("needs mosquitto")
    broker.start()
    try:
        async with living(config(tmp_path, broker.url, dsn)) as running, client(running.api_url) as api:
            assert (await api.get("/api/v1/alerts")).status_code == 200
            for wrong in ({"Authorization": "Bearer wrong"}, {"Authorization": ""}):
                assert (await api.get("/api/v1/alerts", headers=wrong)).status_code == 401
                assert (await api.get("/metrics", headers=wrong)).status_code == 401
                assert (await api.get("/healthz", headers=wrong)).status_code == 200
    finally:
        broker.stop()
