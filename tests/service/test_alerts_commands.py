"""Alerts from a terminal, against a running service."""

import asyncio
import json
import os
import signal
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.brokers import AnyBroker
from tests.commands.program import Answer, called, shouwang, started
from tests.deadline import eventually
from tests.publisher import Publisher
from tests.service.house import TOKEN, Killable, client
from tests.service.test_faults import sos

pytestmark = [pytest.mark.integration, pytest.mark.parametrize("broker", ["embedded"], indirect=True)]


async def test_an_alert_is_listed_taken_attended_and_resolved(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    home = Killable(tmp_path, broker.url, dsn)
    await home.start()

    async def run(*words: str) -> Answer:
        config = str(tmp_path / "shouwang.toml")
        return await asyncio.to_thread(called, "alerts", *words, "--config", config)

    try:
        assert "nothing needs anybody" in (await run("list")).err
        assert "everything calls" in (await run("quiet")).err
        with Publisher(broker.port) as device:
            device.send_all([sos("one")])

        async def listed() -> bool:
            return "call for help" in (await run("list")).out.decode()

        await eventually(listed, why="the SOS is not listed")
        shown = (await run("list")).out.decode()
        alert = next(word for word in shown.split() if len(word) == 16)
        async with client(home.api) as api:
            raised = (await api.get(f"/api/v1/alerts/{alert}")).json()["raised_at"]
        at_home = datetime.fromisoformat(raised).astimezone(ZoneInfo("Asia/Shanghai"))
        assert f"{at_home:%Y-%m-%d %H:%M:%S}" in shown
        assert "since (Asia/Shanghai)" in shown
        first = (await run("show", alert)).err
        assert "待处理 open" in first
        assert "no person was told so far; number" in first
        taken = await run("ack", alert[:8], "--by", "chen.mei")
        assert (taken.code, "已接手 acknowledged: chen.mei" in taken.err, "until" in taken.err) == (
            0,
            True,
            True,
        )
        over = await run("ack", alert, "--by", "li.na", "--seen", "1")
        assert (over.code, "li.na" in over.err) == (0, True)
        assert (await run("arrive", alert, "--by", " ")).code == 2
        assert (await run("arrive", alert, "--by", "chen.mei")).code == 0
        assert (await run("resolve", alert, "--by", "chen.mei", "--outcome", "nonsense")).code == 2
        assert (await run("resolve", alert, "--by", "chen.mei", "--outcome", "real")).code == 0
        again = await run("ack", alert, "--by", "li.na")
        assert (again.code, "resolved before" in again.err) == (1, True)
        told = (await run("show", alert)).out.decode()
        for word in (
            "opened",
            "acknowledged",
            "arrived",
            "resolved",
            "chen.mei cli",
            "li.na cli",
            "chen.mei cli real",
        ):
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


async def test_what_happens_is_watched_through_a_restart(broker: AnyBroker, dsn: str, tmp_path: Path) -> None:
    home = Killable(tmp_path, broker.url, dsn)
    await home.start()
    options = ("--config", str(tmp_path / "shouwang.toml"))
    try:
        async with (
            started("alerts", "watch", *options) as people,
            started("alerts", "watch", "--json", *options) as programs,
        ):
            await people.line("0 条未处理完毕 not resolved")
            await programs.line("connected: what happens from now on follows")
            with Publisher(broker.port) as device:
                device.send_all([sos("one")])
                said = await people.line(" opened ", "呼救", "call for help")
                alert = next(word for word in said.split() if len(word) == 16)
                await programs.line('"opened"')
                home.kill()
                await people.line("正在重连")
                await home.start()
                async with client(home.api) as api:
                    path = f"/api/v1/alerts/{alert}/acknowledge"
                    assert (await api.post(path, json={"by": "chen.mei"})).status_code == 200
            await people.line(alert, "acknowledged", "chen.mei api")
            heard = json.loads(await programs.line('"acknowledged"'))
            assert (heard["alert"], heard["by"]) == (alert, "chen.mei")
            numbers = [json.loads(one)["number"] for one in programs.heard if one.startswith("{")]
            assert numbers == sorted(set(numbers)), "each event once, in order"
            for one in (people, programs):
                assert (await one.ends(signal.SIGINT)).code == 0
    finally:
        home.stop()
    gone = await asyncio.to_thread(shouwang, "alerts", "watch", *options)
    assert (gone.code, "is the service running?" in gone.err) == (1, True)


async def test_the_token_may_stand_in_the_environment(
    broker: AnyBroker, dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Killable(tmp_path, broker.url, dsn)
    await home.start()
    missing = str(tmp_path / "none.toml")
    try:
        asked = ("alerts", "list", "--config", missing, "--api", home.api)
        monkeypatch.delenv("SHOUWANG_API__TOKEN", raising=False)
        assert (await asyncio.to_thread(shouwang, *asked)).code == 2
        for token, code in ((TOKEN, 0), ("wrong", 1), ("\N{SNOWMAN}", 2)):
            monkeypatch.setenv("SHOUWANG_API__TOKEN", token)
            answer = await asyncio.to_thread(shouwang, *asked)
            assert answer.code == code, (token, answer.err)
        assert os.environ["SHOUWANG_API__TOKEN"] not in answer.err
    finally:
        assert home.stop() == 0
