"""What tests of the deployment share: the folder itself, and a copy of it with secrets made."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.deploy.brokers import Mosquitto
from tests.deploy.folder import installed


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    """A copy of deploy/ as somebody has it who has run make_secrets.py."""
    return installed(tmp_path)


@pytest.fixture
async def broker(installation: Path, tmp_path: Path) -> AsyncIterator[Mosquitto]:
    """One that runs, with accounts for the devices and displays that the ACL names."""
    if shutil.which("mosquitto") is None:
        pytest.skip("needs mosquitto on PATH")
    broker = Mosquitto(installation, tmp_path)
    for account in ("watch-01", "gateway-1", "display-1", "zigbee2mqtt", "lorawan"):
        broker.add(account)
    broker.write((installation / "mosquitto" / "mosquitto.conf").read_text())
    try:
        await broker.start()
        yield broker
    finally:
        await broker.stop()
