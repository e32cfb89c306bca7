"""Shelving and absence in a whole service: over HTTP, through the journal, on MQTT, and after a restart."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingest.app import Running
from tests.brokers import AnyBroker, made
from tests.deadline import eventually
from tests.publisher import Publisher
from tests.service.house import client, config, living, rows

pytestmark = [pytest.mark.integration, pytest.mark.slow]

WATER = {"rule": "environment", "cause": "water_leak:r-01", "minutes": 30, "by": "chen", "reason": "plumber"}


def states(running: Running) -> list[tuple[str, str]]:
    return [(one.rule, one.state.value) for one in running.desk.book.unresolved()]


async def test_r55_r58_what_is_shelved_and_who_is_away_outlive_a_restart(dsn: str, tmp_path: Path) -> None:
    broker: AnyBroker = made("embedded", tmp_path)
    broker.start()
    setting = config(tmp_path, broker.url, dsn)
    leak = json.dumps({"event": "water_leak", "id": "leak-1"}).encode()
    help_ = json.dumps({"event": "sos", "id": "sos-1"}).encode()
    try:
        async with living(setting) as running, client(running.api_url) as api:
            put = await api.post("/api/v1/quiet/shelve", json=WATER)
            assert put.status_code == 200, put.text
            until = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
            absent = {"absence": "hospital", "by": "chen", "until": until}
            reported = await api.post("/api/v1/residents/r-02/absence", json=absent)
            assert reported.status_code == 200, reported.text
            unknown = await api.post("/api/v1/residents/nobody/absence", json=absent)
            assert (unknown.status_code, unknown.json()["error"]) == (404, "unknown_resident")
            naive = await api.post(
                "/api/v1/residents/r-02/absence", json=absent | {"until": "2030-01-01T00:00"}
            )
            assert naive.status_code == 422
            await eventually(lambda: away(api))
            with Publisher(broker.port) as devices:
                devices.send("shouwang/v1/home-1/w-01/event", leak)
                devices.send("shouwang/v1/home-1/w-02/event", help_)
                devices.settle()
            await eventually(lambda: len(states(running)) == 2)
        async with living(setting) as running, client(running.api_url) as api:
            quiet = (await api.get("/api/v1/quiet")).json()
            assert [one["suspension"] for one in quiet["shelved"]] == [put.json()["suspension"]]
            assert await away(api)
            assert sorted(states(running)) == [("environment", "shelved"), ("sos", "open")]
            back = await api.post("/api/v1/residents/r-02/absence", json={"absence": "present", "by": "chen"})
            assert back.status_code == 200
            await eventually(lambda: present(api))
            ended = await api.post(f"/api/v1/quiet/{put.json()['suspension']}/end", json={"by": "zhou"})
            assert ended.status_code == 200
            assert sorted(states(running)) == [("environment", "open"), ("sos", "open")]
            described = (await api.get("/openapi.json")).json()
            assert "/api/v1/residents/{resident}/stand-in" in described["paths"]
            stands = await api.post("/api/v1/residents/r-02/stand-in", json={"stand_in": True, "by": "zhou"})
            assert stands.status_code == 200
            await eventually(
                lambda: (
                    rows(dsn, "SELECT event FROM alert_event WHERE event LIKE 'suspension%' ORDER BY seq")
                    == [("suspension_begun",), ("suspension_ended",)]
                )
            )
            words = "SELECT word FROM observation WHERE metric = 'absence' AND resident = 'r-02' ORDER BY at"
            await eventually(lambda: rows(dsn, words) == [("hospital",), ("present",)])
    finally:
        broker.stop()


async def away(api: object) -> bool:
    found = (await api.get("/api/v1/residents/away")).json()["away"]  # type: ignore[attr-defined]
    return [(one["resident"], one["absence"]) for one in found] == [("r-02", "hospital")]


async def present(api: object) -> bool:
    return (await api.get("/api/v1/residents/away")).json() == {"away": []}  # type: ignore[attr-defined]
