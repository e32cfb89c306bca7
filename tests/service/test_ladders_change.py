"""A file of ladders that changes under a running service: good ones hold at once, bad ones never."""

from pathlib import Path

import pytest

from tests.brokers import AnyBroker
from tests.deadline import eventually
from tests.publisher import Publisher
from tests.service.house import Killable, client
from tests.service.receiver import Receiver
from tests.service.test_faults import sos
from tests.service.test_ladder_house import DUTY, LADDERS, channel

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.parametrize("broker", ["embedded"], indirect=True),
]


async def metric(home: Killable, sample: str) -> float:
    """The value of one sample of /metrics."""
    async with client(home.api) as api:
        lines = (await api.get("/metrics")).text.splitlines()
    return float(next(line for line in lines if line.startswith(sample + " ")).split()[-1])


async def test_other_ladders_call_at_once_and_bad_ones_never(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    problems = 'shouwang_file_problems{file="ladders"}'
    with Receiver() as first, Receiver() as other, Publisher(broker.port) as device:
        (tmp_path / "duty.toml").write_text(DUTY)
        file = tmp_path / "ladders.toml"
        file.write_text(LADDERS)
        channels = channel("first", first.url) + channel("other", other.url)
        home = Killable(
            tmp_path, broker.url, dsn, top='duty = "duty.toml"\nladders = "ladders.toml"', more=channels
        )
        await home.start()
        try:
            file.write_text(LADDERS.replace('"first"', '"nowhere"'))

            async def told() -> bool:
                return await metric(home, problems) == 1

            await eventually(told, why="nobody is told of the mistake")
            assert 'there is no [[channel]] \\"nowhere\\"' in home.log()
            device.send_all([sos("one")])
            await eventually(lambda: first.told, why="the ladders before do not go on")
            assert other.told == []

            file.write_text(LADDERS.replace('"first"', '"other"').replace("5min", "6min"))

            async def taken() -> bool:
                return "ladders_changed" in home.log() and await metric(home, problems) == 0

            await eventually(taken, why="the new ladders are not taken up")
            device.send_all([sos("two", device="w-02")])
            await eventually(lambda: other.told, why="the new ladders do not call")
            assert {told.body["cause"] for told in other.told} == {"r-02"}
            assert await metric(home, "shouwang_duty_gaps") == 0
        finally:
            home.stop()
