"""What the channels' tests share: a delivery, and brokers to deliver to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.channels import Delivery
from tests.brokers import KINDS, Mosquitto, made


@pytest.fixture
def delivery() -> Delivery:
    return Delivery("a1-1", "a1", "s1", b'{"alert":"a1"}', resolved=False)


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A started Mosquitto: the broker that a test may freeze."""
    broker = made("mosquitto", tmp_path)
    assert isinstance(broker, Mosquitto)
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture(params=KINDS)
def broker_port(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[int]:
    """The port of a broker of either sort."""
    broker = made(request.param, tmp_path)
    broker.start()
    yield broker.port
    broker.stop()
