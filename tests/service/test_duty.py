"""The rota in a running service: over HTTP and the command line, told of gaps, kept over a restart."""

import asyncio
import json
import time
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from ingest.clock import ScaledClock
from ingest.duty_api import token_of_feed
from tests.brokers import AnyBroker
from tests.commands.program import Answer, called
from tests.deadline import eventually
from tests.service.house import TOKEN, client, config, living

pytestmark = [pytest.mark.integration, pytest.mark.parametrize("broker", ["embedded"], indirect=True)]

ZONE = ZoneInfo("Asia/Shanghai")
TODAY = date(2026, 12, 3)
NOON = int(datetime(2026, 12, 3, 12, tzinfo=ZONE).timestamp() * 1000)
ROTA = f"""
[[person]]
id = "an"
[[person]]
id = "bo"
[[shift]]
id = "always"
role = "primary"
places = ["home-1"]
from = "00:00"
to = "00:00"
since = {TODAY - timedelta(days=2)}
people = ["an", "bo"]
[[assurance]]
id = "night"
place = "home-1"
at = "00:00"
night = ["00:00", "23:59"]
"""


def noon() -> ScaledClock:
    """It is noon of that day now, and time passes as it does."""
    return ScaledClock(time.time_ns() // 1_000_000, NOON, 1.0)


def moment(days: int, hour: int) -> str:
    return (
        datetime.combine(TODAY + timedelta(days=days), datetime.min.time(), ZONE)
        .replace(hour=hour)
        .isoformat()
    )


async def ask(api: httpx.AsyncClient, path: str, **query: str) -> dict[str, Any]:
    answer = await api.get(f"/api/v1/duty{path}", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def alerts(api: httpx.AsyncClient) -> list[Any]:
    found = (await api.get("/api/v1/alerts")).json()["alerts"]
    return [one for one in found if one["rule"] == "duty"]


async def test_a_rota_is_shown_changed_told_of_and_kept(broker: AnyBroker, dsn: str, tmp_path: Path) -> None:
    (tmp_path / "duty.toml").write_text(ROTA)
    clock = noon()
    setting = config(tmp_path, broker.url, dsn, duty=tmp_path / "duty.toml")
    async with living(setting, clock=clock) as running, client(running.api_url) as api:
        now = await ask(api, "", place="302-1")
        assert now["on_duty"] == {"primary": ["an"]}
        assert (await ask(api, "", at=moment(1, 12), place="302-1"))["on_duty"] == {"primary": ["bo"]}
        assert (await ask(api, "/gaps"))["gaps"] == []
        # Nobody can be reached, so that the night (this whole day) is an alert.
        await eventually(lambda: _one(api, "confirmed"), why="no alert about a night that nobody confirmed")
        (night,) = [one for one in (await ask(api, "/nights"))["nights"] if one["escalated"]]
        said = await api.post(f"/api/v1/duty/nights/{night['night']}/answer", json={"by": "an"})
        assert said.json()["confirmed"] == "an", said.text

        away = {"instead": "bo", "from": moment(1, 8), "until": moment(1, 9), "by": "head", "reason": "ill"}
        gone = await api.post("/api/v1/duty/overrides", json=away)
        assert gone.status_code == 200, gone.text
        assert [gap["place"] for gap in gone.json()["gaps"]] == ["home-1"]
        now_ill = {"instead": "an", "until": moment(1, 0), "by": "head"}
        assert (await api.post("/api/v1/duty/overrides", json=now_ill)).status_code == 200
        await eventually(lambda: _one(api, "nobody on duty"), why="no alert about a gap")
        assert (await ask(api, "", place="302-1"))["on_duty"] == {}
        wrong = await api.post("/api/v1/duty/overrides", json=away | {"instead": "eve"})
        assert (wrong.status_code, wrong.json()["error"]) == (404, "unknown_person")
    async with living(setting, clock=clock) as running, client(running.api_url) as api:
        assert (await ask(api, "", place="302-1"))["on_duty"] == {}
        found = [one for one in (await ask(api, "/changes"))["changes"] if one["what"] == "override"]
        assert [(one["by"], one["source"], one["reason"]) for one in found] == [
            ("head", "api", ""),
            ("head", "api", "ill"),
        ]
        before = await alerts(api)
        assert (
            await api.post(f"/api/v1/duty/changes/{found[0]['id']}/withdraw", json={"by": "head"})
        ).is_success
        await eventually(lambda: _cleared(api), why="the gap was filled, and its alert goes on")
        assert [one["alert"] for one in await alerts(api)] == [one["alert"] for one in before]
        (tmp_path / "token").write_text(TOKEN)
        where = ("--api", running.api_url, "--token-file", str(tmp_path / "token"))
        listed = await asyncio.to_thread(called, "alerts", "list", *where)
        assert "back to normal, not yet resolved" in listed.out.decode()


async def _one(api: httpx.AsyncClient, words: str) -> bool:
    return any(words in one["text"]["en"] for one in await alerts(api))


async def _cleared(api: httpx.AsyncClient) -> bool:
    return all(not one["active"] for one in await alerts(api) if "nobody on duty" in one["text"]["en"])


async def test_the_feed_has_a_token_of_its_own(broker: AnyBroker, dsn: str, tmp_path: Path) -> None:
    (tmp_path / "duty.toml").write_text(ROTA)
    setting = config(tmp_path, broker.url, dsn, duty=tmp_path / "duty.toml")
    async with living(setting, clock=noon()) as running, client(running.api_url) as api:
        path = (await ask(api, "/feed"))["path"]
        async with httpx.AsyncClient(base_url=running.api_url) as phone:
            feed = await phone.get(path)
            assert feed.headers["content-type"].startswith("text/calendar")
            assert "SUMMARY:an" in feed.text
            assert (await phone.get("/api/v1/duty.ics")).status_code == 401
            assert (await phone.get(path + "x")).status_code == 401
            token = path.partition("=")[2]
            assert token == token_of_feed(TOKEN) != token_of_feed(TOKEN + "x")
            stolen = await phone.get("/api/v1/alerts", headers={"Authorization": f"Bearer {token}"})
            assert stolen.status_code == 401


async def test_the_command_line_shows_and_changes_the_rota(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    (tmp_path / "duty.toml").write_text(ROTA)
    (tmp_path / "token").write_text(TOKEN)
    setting = config(tmp_path, broker.url, dsn, duty=tmp_path / "duty.toml")

    async def duty(*words: str, code: int = 0) -> Answer:
        where = ("--api", running.api_url, "--token-file", str(tmp_path / "token"))
        answer = await asyncio.to_thread(called, "duty", *words, *where)
        assert answer.code == code, answer.err
        return answer

    tomorrow, day_after = TODAY + timedelta(days=1), TODAY + timedelta(days=2)
    async with living(setting, clock=noon()) as running:
        assert "an" in (await duty("show", "--place", "302-1")).out.decode()
        swapped = await duty("swap", f"always@{tomorrow}", f"always@{day_after}", "--by", "head")
        assert "holds" in swapped.err
        shown = json.loads((await duty("show", "--at", f"{tomorrow}T12:00", "--json")).out)
        assert [post["person"] for post in shown["posts"]] == ["an"]
        await duty(
            "override",
            "--instead",
            "an",
            "--from",
            f"{tomorrow}T01:00",
            "--until",
            f"{tomorrow}T02:00",
            "--by",
            "head",
        )
        (gap,) = (await duty("gaps", "--json")).lines
        assert gap["role"] == "primary"
        exported = tmp_path / "primary.ics"
        exported.write_bytes((await duty("export", "--role", "primary", "--place", "home-1")).out)
        back = ("import", str(exported), "--role", "second", "--place", "home-1", "--by", "head")
        await duty(*back)
        shown = json.loads((await duty("show", "--at", f"{tomorrow}T12:00", "--json")).out)
        assert {(post["role"], post["person"]) for post in shown["posts"]} == {
            ("primary", "an"),
            ("second", "an"),
        }
        exported.write_text(exported.read_text().replace("SUMMARY:an", "SUMMARY:eve"))
        refused = await duty(*back, code=1)
        assert '"eve" is nobody of the duty file' in refused.err
        exported.write_text("a letter")
        refused = await duty(*back, code=1)
        assert ("1 problem; " in refused.err, "line 0" in refused.err) == (True, False)
        told = (await duty("changes")).out.decode()
        assert (
            f"bo instead of 替 an, always, {tomorrow} " in told
            or f"an instead of 替 bo, always, {tomorrow} " in told
        )
        assert f"nobody 无人 instead of 替 an, {tomorrow} 01:00 to 至 {tomorrow} 02:00" in told
        newest = (await duty("changes", "--json")).lines[0]
        assert (newest["what"], newest["by"]) == ("calendar", "head")
        assert "holds" in (await duty("withdraw", str(newest["id"]), "--by", "head")).err
        await duty("confirm", "night.2026-01-01", "--by", "an", code=1)
