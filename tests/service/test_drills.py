"""A drill in a running service: told like a real call inside the house, never outside, beside real calls."""

import asyncio
from pathlib import Path

import pytest

from tests.brokers import AnyBroker
from tests.commands.program import Answer, called
from tests.deadline import eventually
from tests.publisher import Publisher
from tests.service.house import Killable, client
from tests.service.receiver import Receiver
from tests.service.test_faults import sos
from tests.service.test_ladder_house import DUTY, channel

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.parametrize("broker", ["embedded"], indirect=True),
]
LADDERS = """
[[ladder]]
id = "all"
[[ladder.step]]
to = ["primary"]
channels = ["family", "staff"]
"""


async def test_a_drill_reaches_staff_marked_and_nobody_outside(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    with Receiver() as staff, Receiver() as family, Receiver() as screen, Publisher(broker.port) as device:
        (tmp_path / "duty.toml").write_text(DUTY)
        (tmp_path / "ladders.toml").write_text(LADDERS)
        outside = channel("family", family.url) + "outside = true\n"
        home = Killable(
            tmp_path,
            broker.url,
            dsn,
            webhook=screen.url,
            top='duty = "duty.toml"\nladders = "ladders.toml"',
            more=channel("staff", staff.url) + outside,
        )
        await home.start()

        async def run(*words: str) -> Answer:
            config = str(tmp_path / "shouwang.toml")
            return await asyncio.to_thread(called, "alerts", *words, "--config", config)

        try:
            begun = await run("drill", "r-01", "--what", "fall", "--by", "head")
            assert begun.code == 0, begun.err
            assert "【演练】【" in begun.err
            await eventually(lambda: staff.told and screen.told, why="staff were not told")
            for told in (staff.told[0], screen.told[0]):
                assert told.body["text"]["zh-CN"].startswith("【演练】")  # type: ignore[index]
                assert told.body["text"]["en"].startswith("[DRILL] ")  # type: ignore[index]
            assert "跌倒" in str(staff.told[0].body["text"])
            alert = str(staff.told[0].body["alert"])

            async def withheld() -> bool:
                async with client(home.api) as api:
                    history = (await api.get(f"/api/v1/alerts/{alert}")).json()["history"]
                return any(
                    one["event"] == "undelivered" and one["channel"] == "family" and "outside" in one["why"]
                    for one in history
                )

            await eventually(withheld, why="that the family was not told is not on record")
            again = await run("drill", "r-01", "--by", "head")
            assert (again.code, alert in again.err) == (1, True)
            assert (await run("drill", "nobody", "--by", "head")).code == 1

            # A real press meanwhile is an alert of its own, told outside as well.
            device.send_all([sos("one")])
            await eventually(lambda: family.told, why="the real call was not told outside")
            assert {told.body["kind"] for told in family.told} == {"sos"}
            assert family.told[0].body["alert"] != alert

            assert (await run("resolve", alert, "--by", "head", "--outcome", "real")).code == 0
            async with client(home.api) as api:
                assert (await api.get(f"/api/v1/alerts/{alert}")).json()["outcome"] == "test"
                drills = (await api.get("/api/v1/drills")).json()["drills"]
                assert [(one["alert"], one["state"]) for one in drills] == [(alert, "resolved")]
                counted = (await api.get("/metrics")).text
                assert 'shouwang_alerts_raised_total{severity="high"} 1.0' in counted, "the press, no drill"
                standing = (await api.get("/api/v1/alerts?state=open")).json()["alerts"]
            assert [one["kind"] for one in standing] == ["sos"]
            home.kill()
            await home.start()
            assert (await run("drill", "r-01", "--by", "head")).code == 0, "a new one, after the first"
            assert {told.body["kind"] for told in family.told} == {"sos"}
        finally:
            home.stop()
