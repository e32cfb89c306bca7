"""Alerts from a terminal, against a running service."""

import asyncio
from pathlib import Path

import pytest

from tests.brokers import AnyBroker
from tests.commands.program import Answer, shouwang
from tests.deadline import eventually
from tests.publisher import Publisher
from tests.service.house import Killable
from tests.service.test_faults import sos

pytestmark = [pytest.mark.integration, pytest.mark.parametrize("broker", ["embedded"], indirect=True)]


async def test_an_alert_is_listed_taken_attended_and_resolved(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    home = Killable(tmp_path, broker.url, dsn)
    await home.start()

    async def run(*words: str) -> Answer:
        config = str(tmp_path / "shouwang.toml")
        return await asyncio.to_thread(shouwang, "alerts", *words, "--config", config)

    try:
        assert "nothing needs anybody" in (await run("list")).err
        with Publisher(broker.port) as device:
            device.send_all([sos("one")])

        async def listed() -> bool:
            return "call for help" in (await run("list")).out.decode()

        await eventually(listed, why="the SOS is not listed")
        alert = next(word for word in (await run("list")).out.decode().split() if len(word) == 16)
        taken = await run("ack", alert[:8], "--by", "chen.mei")
        assert (taken.code, "acknowledged, until" in taken.err) == (0, True)
        assert (await run("arrive", alert, "--by", "chen.mei")).code == 0
        assert (await run("resolve", alert, "--by", "chen.mei", "--outcome", "nonsense")).code == 2
        assert (await run("resolve", alert, "--by", "chen.mei", "--outcome", "real")).code == 0
        again = await run("ack", alert, "--by", "li.na")
        assert (again.code, "resolved before" in again.err) == (1, True)
        told = (await run("show", alert)).out.decode()
        for word in ("opened", "acknowledged", "arrived", "resolved", "chen.mei api real"):
            assert word in told
        refused = await run(
            "shelve", "--rule", "sos", "--subject", "r-01", "--minutes", "5", "--by", "x", "--reason", "y"
        )
        assert (refused.code, "cannot be shelved" in refused.err) == (1, True)
        asked = ("--rule", "bed-exit", "--subject", "r-01", "--minutes", "5", "--by", "x", "--reason", "bath")
        shelved = await run("shelve", *asked)
        assert shelved.code == 0
        quiet = (await run("quiet")).out.decode()
        assert "bath" in quiet
        suspension = shelved.err.partition(":")[0].strip()
        assert (await run("unshelve", suspension, "--by", "x")).code == 0
        assert "bath" not in (await run("quiet")).out.decode()
    finally:
        assert home.stop() == 0
    gone = await run("list")
    assert (gone.code, "is the service running?" in gone.err) == (1, True)
