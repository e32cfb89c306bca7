"""Other rules take over while the service works: nobody waits for it, nothing is lost, all is on record."""

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from ingest.app import Running
from ingest.rulebook import read
from rules.ruleset import RuleSet
from tests.brokers import AnyBroker
from tests.deadline import eventually
from tests.mistakes import TEN_MISTAKES, WRONG_LINES
from tests.publisher import Publisher
from tests.service.house import client, config, living, registry, rows

pytestmark = [pytest.mark.integration, pytest.mark.parametrize("broker", ["embedded"], indirect=True)]

ROUNDS = """
[[rule]]
id = "round"
kind = "missed_check"
check = "visit"
every = "{every}"
"""


def rules_in(path: Path) -> RuleSet:
    found = read(path, registry())
    assert isinstance(found, tuple), found
    return found[1]


async def shown(api: httpx.AsyncClient, path: str = "") -> dict[str, Any]:
    found: dict[str, Any] = (await api.get(f"/api/v1/rules{path}")).json()
    return found


async def press(broker: AnyBroker, presses: int, begun: asyncio.Event) -> None:
    """One press after the other, as quick as they are acknowledged."""

    def send() -> None:
        with Publisher(broker.port) as device:
            for number in range(presses):
                said = {"id": f"press-{number}", "event": "sos"}
                device.send_all([("shouwang/v1/home-1/w-01/event", json.dumps(said).encode())])

    begun.set()
    await asyncio.to_thread(send)


def presses_told(running: Running) -> int:
    """How many presses alerts know of."""
    return sum(episode.evidence for episode in running.desk.book.unresolved() if episode.kind == "sos")


async def test_rules_change_under_presses_and_every_press_is_decided_once(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(ROUNDS.format(every="2h"))
    setting = config(tmp_path, broker.url, dsn, rules=path)
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(living(setting, rules=rules_in(path)))
        api = await stack.enter_async_context(client(running.api_url))
        begun = asyncio.Event()
        pressing = asyncio.create_task(press(broker, 300, begun))
        await begun.wait()
        changes = 0
        while not pressing.done() or changes < 3:
            changes += 1
            path.write_text(ROUNDS.format(every=f"{changes + 2}h"))
            answer = await api.post("/api/v1/rules/reload", json={"by": "chen", "reason": "tried"})
            assert answer.status_code == 200
        await pressing
        await eventually(lambda: presses_told(running) == 300, why="a press was lost, or told twice")
        metric = running.metrics.registry.get_sample_value
        decided = metric("shouwang_latency_seconds_count", {"stage": "decided"})
        assert metric("shouwang_latency_seconds_bucket", {"stage": "decided", "le": "1.0"}) == decided
        found = (await shown(api, "/changes"))["changes"]
        assert len(found) == changes + 1, "the start is one as well"
        assert found[0]["by"] == "chen"
        assert found[0]["changes"] == [
            {
                "rule": "round",
                "scope": "",
                "key": "every",
                "before": f"'{changes + 1}h'",
                "after": f"'{changes + 2}h'",
            }
        ]
        await eventually(
            lambda: len(rows(dsn, "SELECT 1 FROM rule_record WHERE what = 'rules'")) == changes + 1
        )


async def test_r55_what_may_be_shelved_follows_the_rules_that_decide(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(ROUNDS.format(every="2h"))
    setting = config(tmp_path, broker.url, dsn, rules=path)
    bath = {"rule": "round", "subject": "r-01", "minutes": 45, "by": "chen", "reason": "bath"}
    async with living(setting, rules=rules_in(path)) as running, client(running.api_url) as api:
        assert (await api.post("/api/v1/quiet/shelve", json=bath)).status_code == 200
        path.write_text('[[rule]]\nid = "round"\nkind = "long_lie"\n')
        assert (await api.post("/api/v1/rules/reload", json={"by": "chen"})).status_code == 200
        answer = await api.post("/api/v1/quiet/shelve", json=bath)
        assert (answer.status_code, answer.json()["error"]) == (422, "life_safety")


async def test_a_file_with_ten_mistakes_is_told_and_the_rules_before_go_on(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(ROUNDS.format(every="2h"))
    setting = config(tmp_path, broker.url, dsn, rules=path)
    async with living(setting, rules=rules_in(path)) as running, client(running.api_url) as api:
        before = await shown(api)
        assert (before["problems"], before["source"]) == ([], str(path))

        path.write_text(TEN_MISTAKES)

        async def told() -> bool:
            return [one["line"] for one in (await shown(api))["problems"]] == WRONG_LINES

        await eventually(told, why="nobody looked at the file")
        after = await shown(api)
        assert (after["rules"], after["loaded_at"]) == (before["rules"], before["loaded_at"])
        assert running.metrics.registry.get_sample_value("shouwang_rules_invalid") == 10
        answer = await api.post("/api/v1/rules/reload", json={})
        assert (answer.status_code, answer.json()["error"]) == (422, "invalid_rules")
        with Publisher(broker.port) as device:
            device.send_all([("shouwang/v1/home-1/w-01/event", b'{"id": "p", "event": "sos"}')])
        await eventually(lambda: presses_told(running) == 1)

        path.write_text(ROUNDS.format(every="3h"))

        async def mended() -> bool:
            return not (await shown(api))["problems"]

        await eventually(mended)
        assert (await shown(api, "/changes"))["changes"][0]["by"] == "file"


@pytest.mark.parametrize("by", ["", "\u202enehc", "chen\0", "chen\n\x1b[31m"])
async def test_who_changes_rules_is_named_in_plain_letters(
    broker: AnyBroker, dsn: str, tmp_path: Path, by: str
) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(ROUNDS.format(every="2h"))
    setting = config(tmp_path, broker.url, dsn, rules=path)
    async with living(setting, rules=rules_in(path)) as running, client(running.api_url) as api:
        answer = await api.post("/api/v1/rules/reload", json={"by": by, "reason": "tried"})
        assert (answer.status_code, answer.json()["error"]) == (422, "invalid")


async def test_nobody_without_the_token_sees_or_changes_rules(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    async with living(config(tmp_path, broker.url, dsn)) as running:
        async with httpx.AsyncClient(base_url=running.api_url) as stranger:
            assert (await stranger.get("/api/v1/rules")).status_code == 401
            assert (await stranger.post("/api/v1/rules/reload", json={})).status_code == 401
        async with client(running.api_url) as api:
            assert (await shown(api))["source"] == "the default rules"
