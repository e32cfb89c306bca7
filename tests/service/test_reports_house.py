"""Reports of a running service, over HTTP and from a terminal: what happened is in them, with its alerts."""

import asyncio
import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.brokers import AnyBroker
from tests.commands.program import Answer, shouwang
from tests.deadline import eventually
from tests.publisher import Publisher
from tests.service.house import Killable, client, rows
from tests.service.test_faults import sos
from tests.service.test_ladder_house import DUTY

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.parametrize("broker", ["embedded"], indirect=True),
]
ROUND = """
[[rule]]
id = "round"
kind = "missed_check"
check = "visit"
every = "3h"
"""


async def test_a_call_that_was_answered_is_in_every_form(broker: AnyBroker, dsn: str, tmp_path: Path) -> None:
    (tmp_path / "duty.toml").write_text(DUTY)
    (tmp_path / "rules.toml").write_text(ROUND)
    home = Killable(tmp_path, broker.url, dsn, top='duty = "duty.toml"\nrules = "rules.toml"')
    home.public()
    await home.start()

    async def run(*words: str) -> Answer:
        return await asyncio.to_thread(
            shouwang, "report", *words, "--config", str(tmp_path / "shouwang.toml")
        )

    since = (datetime.now(UTC) - timedelta(hours=1)).isoformat(timespec="seconds")
    try:
        async with client(home.api) as api:

            async def report(**more: str) -> httpx.Response:
                return await api.get("/api/v1/reports/kpi", params={"from": since} | more)

            with Publisher(broker.port) as device:
                device.send_all([sos("one"), sos("two", device="w-02")])

            async def alerts() -> list[str]:
                found = (await api.get("/api/v1/alerts")).json()["alerts"]
                return [one["alert"] for one in found if one["kind"] == "sos"]

            async def both() -> bool:
                return len(await alerts()) == 2

            await eventually(both, why="the calls are not there")
            newest, oldest = await alerts()
            for act in ("acknowledge", "arrive"):
                assert (await api.post(f"/api/v1/alerts/{oldest}/{act}", json={"by": "s-01"})).is_success
            done = {"by": "s-01", "outcome": "real"}
            assert (await api.post(f"/api/v1/alerts/{oldest}/resolve", json=done)).is_success
            drill = await api.post("/api/v1/drills", json={"subject": "r-01", "by": "head"})
            assert drill.is_success

            await eventually(
                lambda: len(rows(dsn, "SELECT 1 FROM alert_event WHERE event = 'resolved'")) == 1,
                why="the database does not follow",
            )
            await eventually(
                lambda: len(rows(dsn, "SELECT 1 FROM alert WHERE kind = 'drill'")) == 1,
                why="the database does not follow",
            )
            found = (await report()).json()
            assert (found["calls"], found["alerts"], found["left_out"]) == (2, 2, 1)
            figures = {(one["name"], tuple(one["by"].items())): one for one in found["figures"]}
            answered = figures["answered_60s", ()]
            assert (answered["value"], answered["of"], answered["target"]) == (1.0, 1, 0.985)
            assert answered["episodes"] == [oldest]
            assert figures["unanswered", ()]["episodes"] == [newest]
            assert figures["real", ()]["episodes"] == [oldest]
            assert figures["answered_60s", (("shift", "primary"),)]["episodes"] == [oldest]

            sheet = await report(format="csv")
            assert sheet.headers["content-type"].startswith("text/csv")
            table = list(csv.DictReader(io.StringIO(sheet.content.decode("utf-8-sig"), newline="")))
            assert len(table) == len(found["figures"])
            page = (await report(format="html", language="en")).text
            assert f'<a href="{home.api}/api/v1/alerts/{oldest}">' in page
            assert "王秀英" not in page

            for wrong in ({"from": "x"}, {"from": "2999-01-01"}, {"from": since, "to": "2020-01-01"}):
                said = await api.get("/api/v1/reports/kpi", params=wrong)
                assert (said.status_code, said.json()["error"]) == (422, "bad_period"), wrong

            made = await asyncio.gather(*(report() for _ in range(8)))
            assert {one.status_code for one in made} <= {200, 429}
            assert 200 in {one.status_code for one in made}
            assert all(one.headers["Retry-After"] for one in made if one.status_code == 429)

            shift = (await api.get("/api/v1/reports/handover")).json()
            assert [one["alert"] for one in shift["open"] if one["kind"] == "sos"] == [newest]
            (past,) = [one for one in shift["happened"] if one["alert"] == oldest]
            assert (past["by"], past["outcome"], past["arrived"]) == ("s-01", "real", True)
            assert {(one["task"], one["subject"]) for one in shift["due"]} == {
                ("visit", "r-01"),
                ("visit", "r-02"),
            }
            assert {one["person"] for one in shift["on_duty"]} == {"s-01", "s-02"}
            assert (await api.get("/api/v1/reports/handover?place=nowhere")).status_code == 422
            assert "交接班" in (await api.get("/api/v1/reports/handover?format=html")).text

        told = await run("kpi", "--from", since, "--language", "en")
        assert told.code == 0, told.err
        shown = told.out.decode()
        assert "answered within 60 s" in shown
        assert "100 %" in shown
        written = tmp_path / "report.html"
        assert (await run("kpi", "--from", since, "--format", "html", "--output", str(written))).code == 0
        assert written.read_text("utf-8").startswith("<!doctype html>")
        as_json = await run("kpi", "--from", since, "--format", "json")
        assert json.loads(as_json.out)["calls"] == 2
        assert newest in (await run("handover")).out.decode()
        assert (await run("handover", "--format", "csv")).code == 2
        wrong_day = await run("kpi", "--from", "yesterday")
        assert (wrong_day.code, "is no time" in wrong_day.err) == (2, True)
        ahead = await run("kpi", "--from", "2027-01-01", "--to", "2026-12-01")
        assert (ahead.code, "is not after the beginning" in ahead.err) == (2, True)
        by_its_name = tmp_path / "report.csv"
        assert (await run("kpi", "--from", since, "--output", str(by_its_name))).code == 0
        assert "answered_60s" in by_its_name.read_text("utf-8-sig")
        unnamed = await run("kpi", "--from", since, "--output", str(tmp_path / "report"))
        assert (unnamed.code, "--format" in unnamed.err) == (2, True)
        nothing = await run("coverage", "--from", since)
        assert (nothing.code, "no check fell due" in nothing.err) == (0, True)
    finally:
        home.stop()


async def test_without_the_database_there_is_a_handover_and_no_report(
    broker: AnyBroker, tmp_path: Path
) -> None:
    home = Killable(tmp_path, broker.url, "postgresql://nobody@127.0.0.1:1/none")
    await home.start()
    try:
        async with client(home.api) as api:
            with Publisher(broker.port) as device:
                device.send_all([sos("one")])

            async def open_calls() -> bool:
                return bool((await api.get("/api/v1/reports/handover")).json()["open"])

            await eventually(open_calls, why="the handover does not know of the call")
            said = await api.get("/api/v1/reports/kpi", params={"from": "2026-01-01"})
            assert (said.status_code, said.json()["error"]) == (503, "database_away")
            assert "nobody@" not in said.text
    finally:
        home.stop()
