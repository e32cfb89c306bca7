"""How checks ended is stored exactly once, whatever dies when."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.brokers import made
from tests.deadline import eventually
from tests.publisher import Publisher
from tests.service.house import Killable, rows

pytestmark = [pytest.mark.integration, pytest.mark.faults, pytest.mark.slow]

CHECKS = 3_000
RULES = """
[[rule]]
id = "look"
kind = "missed_check"
check = "visit"
every = "1d"
grace = "0s"
"""
MADE = "SELECT count(DISTINCT (resident, at)) FROM observation WHERE metric = 'visit'"
KEPT = "SELECT count(*) FROM check_outcome WHERE outcome = 'done' AND by_whom = 'nurse-1' AND proof = 'nfc'"


def visits() -> Iterator[tuple[str, bytes]]:
    """Visits to both residents in turn, by a scanner that is neither's."""
    for number in range(CHECKS):
        who = f"r-0{number % 2 + 1}"
        said = {"id": f"v{number}", "event": "visit", "resident": who, "by": "nurse-1", "note": "nfc"}
        yield "shouwang/v1/home-1/scanner/event", json.dumps(said).encode()


async def test_kill_9_in_the_middle_of_rounds_keeps_each_of_them_once(dsn: str, tmp_path: Path) -> None:
    broker = made("mosquitto", tmp_path)
    broker.start()
    house = Killable(tmp_path, broker.url, dsn)
    (tmp_path / "rules.toml").write_text(RULES)
    with (tmp_path / "registry.toml").open("a") as registry:
        registry.write('\n[[device]]\nid = "scanner"\nsite = "home-1"\n')
    config = tmp_path / "shouwang.toml"
    config.write_text('rules = "rules.toml"\n' + config.read_text())
    try:
        with Publisher(broker.port) as device:
            for _ in range(2):  # a start, its checkpoint, and a start from it
                await house.start()
                assert house.stop() == 0
            await house.start()
            publishing = asyncio.create_task(asyncio.to_thread(device.send_all, visits()))
            for part in (0.25, 0.5):
                await eventually(lambda part=part: device.acknowledged > part * CHECKS)  # type: ignore[misc]
                house.kill()
                await house.start()
            await publishing
            everything = "SELECT count(*) FROM observation WHERE metric = 'visit'"
            await eventually(lambda: rows(dsn, everything) == [(CHECKS,)], 120, "some were lost")
            await eventually(lambda: rows(dsn, KEPT) == rows(dsn, MADE), 30, "not each check has its outcome")
    finally:
        house.kill()
        broker.stop()
    assert "Traceback" not in house.log()
