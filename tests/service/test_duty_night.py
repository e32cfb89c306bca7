"""The question before a night: asked by a running service, answered by its link, whatever dies on the way."""

import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from ingest.night_page import PREFIX
from tests.brokers import AnyBroker
from tests.deadline import eventually
from tests.service.house import Killable, client
from tests.service.receiver import Receiver
from tests.service.test_ladder_house import DUTY, LADDERS, Stuck, channel

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.parametrize("broker", ["embedded"], indirect=True),
]

NIGHT = """
[[assurance]]
id = "night"
place = "home-1"
at = "00:00"
night = ["00:00", "23:59"]
within = "60min"
"""


def house(folder: Path, broker: AnyBroker, dsn: str, hook: Receiver) -> Killable:
    """Its night is the whole day, so that it asks at once."""
    (folder / "duty.toml").write_text(DUTY + NIGHT)
    (folder / "ladders.toml").write_text(LADDERS)
    top = 'duty = "duty.toml"\nladders = "ladders.toml"'
    home = Killable(
        folder, broker.url, dsn, top=top, more=channel("first", hook.url) + channel("other", hook.url)
    )
    home.public()
    return home


def questions(hook: Receiver, to: str) -> list[str]:
    """The links of the questions that were put to somebody about this day."""
    return [
        str(told.body["confirm"])
        for told in hook.told
        if told.body.get("event") == "duty_question" and told.body["person"] == to
    ]


def came(hook: Receiver, to: str, count: int = 1) -> Callable[[], bool]:
    return lambda: len(questions(hook, to)) >= count


async def confirmed(home: Killable) -> set[str]:
    async with client(home.api) as api:
        nights = (await api.get("/api/v1/duty/nights")).json()["nights"]
    return {night["confirmed"] for night in nights} - {"", None}


async def test_a_night_is_answered_by_its_link_and_looking_answers_nothing(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    with Receiver() as hook:
        home = house(tmp_path, broker, dsn, hook)
        await home.start()
        try:
            await eventually(came(hook, "s-01"), why="the first was not asked")
            link = questions(hook, "s-01")[0]
            assert link.startswith(home.api + PREFIX)
            async with httpx.AsyncClient() as phone:
                page = await phone.get(link)
                assert page.status_code == 200
                assert "等待您确认" in page.text
                assert re.findall(r"name=act value=(\w+)", page.text) == ["here", "away"]
                assert await confirmed(home) == set()

                assert (await phone.post(link, content="act=away")).status_code == 200
                await eventually(came(hook, "s-02"), why="the next was not asked")
                second = questions(hook, "s-02")[0]
                assert "已确认" in (await phone.post(second, content="act=here")).text
                assert await confirmed(home) == {"s-02"}
                assert "s-02 已确认" in (await phone.get(link)).text

                alert_link = link.replace(PREFIX, "/a/")
                assert (await phone.get(alert_link)).status_code == 404, "a night's link acts on no alert"
                assert (await phone.post(link[:-3] + "AAA", content="act=here")).status_code == 404
        finally:
            home.stop()


async def test_kill_9_while_the_question_is_sent_asks_again_and_once_answered_nobody(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    stuck = Stuck()
    with Receiver(stuck) as hook:
        home = house(tmp_path, broker, dsn, hook)
        await home.start()
        await eventually(lambda: stuck.asked >= 1, why="nobody was asked")
        home.kill()
        stuck.released.set()
        hook.told.clear()
        await home.start()
        try:
            await eventually(came(hook, "s-01"), why="the question was lost with the service")
            assert questions(hook, "s-02") == [], "the next was asked though the first may answer"
            async with httpx.AsyncClient() as phone:
                await phone.post(questions(hook, "s-01")[0], content="act=here")
            home.kill()
            hook.told.clear()
            await home.start()
            assert await confirmed(home) == {"s-01"}
            async with client(home.api) as api:
                # The watch looks at nights at its start: what an override changes is looked at after that.
                given = {"instead": "s-02", "until": "2030-01-01T00:00:00+08:00", "by": "head"}
                await api.post("/api/v1/duty/overrides", json=given)
            assert questions(hook, "s-01") == questions(hook, "s-02") == []
        finally:
            home.stop()
