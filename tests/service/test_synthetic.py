"""The synthetic resident in a whole service: its call comes back the way of every call, and is nobody's."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from alerts.synthetic import CHANNEL, Stage, call, cause, topic
from devices.ourselves import SYNTHETIC_TOPIC
from ingest import outbox as outboxes
from ingest.app import Running
from ingest.clock import ScaledClock
from ingest.source import Broker
from ingest.synthetic import SyntheticResident
from rules.decision import TECHNICAL
from tests.brokers import AnyBroker, made
from tests.deadline import eventually
from tests.publisher import Publisher
from tests.service.house import Killable, client, config, hears, living, rows
from tests.service.receiver import Receiver
from tests.service.test_faults import sos

pytestmark = [pytest.mark.integration, pytest.mark.slow]

TOPIC = topic("home-1")


async def called(api: httpx.AsyncClient) -> dict[str, object]:
    """A test call, made now."""
    answer = await api.post("/api/v1/synthetic", timeout=60)
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return found


async def alerts(api: httpx.AsyncClient) -> list[tuple[str, str]]:
    found = (await api.get("/api/v1/alerts")).json()["alerts"]
    return [(one["kind"], one["cause"]) for one in found]


@contextlib.contextmanager
def journal(folder: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(folder / "data" / "journal.db")) as database:
        yield database


def waiting(folder: Path) -> int:
    """How many messages would be sent at the next start."""
    with journal(folder) as database:
        found = database.execute("SELECT count(*) FROM message WHERE state = 'waiting'").fetchone()
    return int(found[0])


def count(running: Running, name: str, **labels: str) -> float:
    return running.metrics.registry.get_sample_value(name, labels) or 0.0


async def test_r32_a_test_call_goes_the_whole_way_and_leaves_nothing(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    with Receiver() as screen, Publisher(broker.port) as device:
        setting = config(tmp_path, broker.url, dsn, webhook=screen.url)
        async with living(setting) as running, client(running.api_url) as api:
            began = time.time()
            for _ in range(3):
                found = await called(api)
                assert (found["back"], found["last_seen"]) == (True, "delivered")
                seconds = found["seconds"]
                assert isinstance(seconds, dict)
                assert list(seconds) == sorted(seconds, key=list(Stage).index) or "published" in seconds
                assert set(seconds) == set(Stage) - {Stage.UNSENT}
            assert await alerts(api) == []
            assert screen.told == []
            assert count(running, "shouwang_synthetic_call_seconds_count", stage="delivered") == 3
            assert count(running, "shouwang_synthetic_last_success_timestamp_seconds") >= began
            assert count(running, "shouwang_messages_received_total", lane="life_safety") == 0
            assert count(running, "shouwang_alerts_raised_total", severity="high") == 0
            assert count(running, "shouwang_alert_end_to_end_seconds_count") == 0
            assert count(running, "shouwang_latency_seconds_count", stage="delivered") == 0

            device.send_all([sos("one")])
            await eventually(lambda: screen.told, why="a real call after them was not told")
            assert await alerts(api) == [("sos", "r-01")]
            stored = "SELECT site, device, metric FROM observation WHERE metric = 'sos'"
            await eventually(lambda: rows(dsn, stored) == [("home-1", "w-01", "sos")])
    assert rows(dsn, "SELECT count(*) FROM alert") == [(1,)]
    assert rows(dsn, "SELECT count(*) FROM quarantine") == [(0,)]
    with journal(tmp_path) as database:
        events = database.execute("SELECT count(*) FROM alert_event WHERE body LIKE '%synthetic%'")
        assert events.fetchone() == (0,)
        outboxes.prune(database, 0)
        left = database.execute("SELECT count(*) FROM message WHERE channel = ?", (CHANNEL,))
        assert left.fetchone() == (0,), "what is to be sent of it piles up"


async def test_a_forged_one_is_a_call_for_help_and_a_replayed_one_is_nothing(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    with Publisher(broker.port) as stranger:
        async with (
            living(config(tmp_path, broker.url, dsn)) as running,
            client(running.api_url) as api,
        ):
            assert (await called(api))["back"]
            with journal(tmp_path) as database:
                found = database.execute("SELECT payload FROM journal WHERE topic = ?", (SYNTHETIC_TOPIC,))
                ((ours,),) = found.fetchall()
            stranger.send_all([(TOPIC, ours)] * 3)
            stranger.send_all([sos("after")])
            await eventually(lambda: alerts(api), why="the press after it was not heard")
            assert await alerts(api) == [("sos", "r-01")], "a replayed test call was told"
            assert count(running, "shouwang_synthetic_call_seconds_count", stage="journalled") == 1

            forged = call(bytes(32), "ab" * 16, time.time_ns() // 1_000_000)
            stranger.send_all([(TOPIC, forged)])
            unknown = ("sos", "device:home-1/shouwang-synthetic")
            await eventually(lambda: told(api, unknown), why="a forged test call was kept quiet")
            # In another's name it is that one's call, with our signature or without.
            stranger.send_all([("shouwang/v1/home-1/w-02/event", ours)])
            await eventually(lambda: told(api, ("sos", "r-02")), why="a call was kept quiet by a signature")


async def told(api: httpx.AsyncClient, wanted: tuple[str, str]) -> bool:
    return wanted in await alerts(api)


def resident(
    running: Running, url: str, *, reached: bool = True, deadline_s: float = 1.0
) -> SyntheticResident:
    """One that has less patience, at a broker of its own."""
    desk = running.desk
    return SyntheticResident(
        desk.synthetic,
        Broker(url, "impatient"),
        desk.book,
        desk.decide,
        lambda: reached,
        running.clock,
        running.metrics,
        60_000,
        deadline_s,
    )


async def test_calls_that_do_not_come_back_are_an_alert_until_one_does(dsn: str, tmp_path: Path) -> None:
    broker, elsewhere = made("mosquitto", tmp_path), made("mosquitto", _folder(tmp_path, "elsewhere"))
    broker.start()
    elsewhere.start()
    try:
        with Receiver() as screen:
            setting = config(tmp_path, broker.url, dsn, webhook=screen.url)
            async with living(setting) as running, client(running.api_url) as api:
                lost = resident(running, elsewhere.url)
                assert (await lost.call()).last_seen is Stage.PUBLISHED
                assert await alerts(api) == []
                assert (await lost.call()).last_seen is Stage.PUBLISHED
                await eventually(lambda: screen.told, why="nobody was told that calls are lost")
                said = screen.told[0].body
                assert (said["kind"], said["severity"], said["cause"]) == (TECHNICAL, "high", cause("home-1"))
                assert "ACL" in said["text"]["en"]  # type: ignore[index]
                assert count(running, "shouwang_synthetic_calls_lost_total", last_seen="published") == 2
                assert count(running, "shouwang_rule_failures_total") == 0
                back = resident(running, broker.url, deadline_s=20)
                assert (await back.call()).last_seen is Stage.DELIVERED
                await running.desk.settled()
                standing = (await api.get("/api/v1/alerts")).json()["alerts"]
                assert [(one["kind"], one["active"]) for one in standing] == [(TECHNICAL, False)]
    finally:
        broker.stop()
        elsewhere.stop()


async def test_while_the_broker_is_away_its_loss_is_counted_and_told_by_others(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    async with living(config(tmp_path, broker.url, dsn)) as running, client(running.api_url) as api:
        broker.kill()
        away = resident(running, broker.url, reached=False, deadline_s=0.5)
        for _ in range(3):
            assert (await away.call()).last_seen is Stage.UNSENT
        assert count(running, "shouwang_synthetic_calls_lost_total", last_seen="unsent") == 3
        assert (TECHNICAL, cause("home-1")) not in await alerts(api)
        broker.start()
        await eventually(lambda: hears(api), why="the service does not come back")
        found = await called(api)
        assert found["back"], found


async def test_a_stalled_disk_holds_up_neither_a_test_call_nor_a_real_one(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    with Receiver() as screen, Publisher(broker.port) as device:
        setting = config(tmp_path, broker.url, dsn, webhook=screen.url)
        async with living(setting) as running, client(running.api_url) as api:
            with journal(tmp_path) as thief:
                thief.execute("BEGIN IMMEDIATE")
                found = await called(api)
                assert found["back"], found
                device.send_all([sos("one")])
                await eventually(lambda: len(screen.told) == 1, 20, "the real call was held up")
                device.send_all([("shouwang/v1/home-1/w-02/event", b'{"event": "sos"}')])
                await eventually(lambda: len(screen.told) == 2, 20, "another's call was held up by that")
                thief.execute("ROLLBACK")
            await eventually(lambda: told(api, ("sos", "r-01")))
            await running.desk.settled()
            assert sorted(await alerts(api)) == [("sos", "r-01"), ("sos", "r-02")]
            assert len(screen.told) == 2, "what was told unrecorded was told again"
            assert count(running, "shouwang_calls_unrecorded_total", stage="decided") >= 2
            assert count(running, "shouwang_calls_unrecorded_total", stage="told") >= 2
            await eventually(lambda: waiting(tmp_path) == 0, why="one that was delivered would go out again")


async def test_kill_9_in_the_middle_leaves_nothing_behind(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    """It dies before a checkpoint, with a call in the outbox; another call of it waits at the broker."""
    home = Killable(tmp_path, broker.url, dsn)
    await home.start()
    try:
        async with client(home.api) as api:
            assert (await called(api))["back"]
        home.kill()
        key = (tmp_path / "data" / "synthetic.key").read_bytes()
        with journal(tmp_path) as database:
            database.execute("UPDATE message SET state = 'waiting' WHERE channel = ?", (CHANNEL,))
            database.commit()
        with Publisher(broker.port) as itself:
            itself.send_all([(TOPIC, call(key, "cd" * 16, time.time_ns() // 1_000_000)), sos("one")])
        await home.start()
        async with client(home.api) as api:
            await eventually(lambda: told(api, ("sos", "r-01")), why="the real call was lost")
            assert await alerts(api) == [("sos", "r-01")]
            with journal(tmp_path) as database:
                left = database.execute("SELECT count(*) FROM message WHERE channel = ?", (CHANNEL,))
                assert left.fetchone() == (0,)
            assert (await called(api))["back"]
            assert await alerts(api) == [("sos", "r-01")]
    finally:
        home.stop()
    assert "Traceback" not in home.log()


async def test_the_alert_outlives_a_restart_and_ends_with_the_next_that_is_back(
    dsn: str, tmp_path: Path
) -> None:
    broker, elsewhere = made("mosquitto", tmp_path), made("mosquitto", _folder(tmp_path, "elsewhere"))
    broker.start()
    elsewhere.start()
    try:
        setting = config(tmp_path, broker.url, dsn)
        async with living(setting) as running:
            lost = resident(running, elsewhere.url, deadline_s=0.3)
            for _ in range(2):
                await lost.call()
            await running.desk.settled()
        async with living(setting) as running, client(running.api_url) as api:
            assert await alerts(api) == [(TECHNICAL, cause("home-1"))]
            lost = resident(running, elsewhere.url, deadline_s=0.3)
            for _ in range(3):
                await lost.call()
            await running.desk.settled()
            (standing,) = (await api.get("/api/v1/alerts")).json()["alerts"]
            assert (standing["active"], standing["evidence"]) == (True, 1), "it was told again"
            assert (await called(api))["back"]
            await running.desk.settled()
            (standing,) = (await api.get("/api/v1/alerts")).json()["alerts"]
            assert (standing["active"], standing["state"]) == (False, "open"), "a person closes it"
    finally:
        broker.stop()
        elsewhere.stop()


async def test_it_calls_by_itself_again_and_again_until_it_is_stopped(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    async with living(config(tmp_path, broker.url, dsn)) as running:
        ever = replace(resident(running, broker.url, deadline_s=20), every_ms=50)
        task = asyncio.create_task(ever.run())
        await eventually(
            lambda: count(running, "shouwang_synthetic_call_seconds_count", stage="delivered") >= 5,
            why="it calls no more",
        )
        broker.stop()
        await eventually(lambda: not task.done() and ever.way.waiting, why="no call is under way")
        task.cancel()
        await asyncio.wait([task], timeout=20)
        assert task.cancelled()
        lost = "shouwang_synthetic_calls_lost_total"
        assert sum(count(running, lost, last_seen=stage) for stage in Stage) == 0, "its end is no loss"
        broker.start()


@pytest.mark.parametrize(
    ("more", "every_s"),
    [
        ({}, 300),
        ({"synthetic": {"every": "10min"}}, 600),
        ({"synthetic": {"every": "0s"}}, 0),
        ({"broker": {"life_safety_topics": ["zigbee2mqtt/#"], "topics": ["home/#"]}}, 0),
    ],
)
async def test_it_calls_as_often_as_is_said_and_never_where_nobody_would_hear(
    more: dict[str, dict[str, object]], every_s: int, dsn: str, tmp_path: Path
) -> None:
    broker = made("embedded", tmp_path)
    broker.start()
    try:
        asked = config(tmp_path, broker.url, dsn, **{k: v for k, v in more.items() if k != "broker"})
        reading = asked.broker.model_copy(update=more.get("broker", {}))
        async with living(asked.model_copy(update={"broker": reading})) as running:
            at_work = "synthetic" in {task.get_name() for task in asyncio.all_tasks()}
            assert at_work is bool(every_s)
            name = "shouwang_synthetic_interval_seconds"
            await eventually(lambda: count(running, name) == every_s)
    finally:
        broker.stop()


async def test_seconds_are_real_ones_however_fast_the_clock_runs(dsn: str, tmp_path: Path) -> None:
    broker = made("embedded", tmp_path)
    broker.start()
    try:
        now = time.time_ns() // 1_000_000
        clock = ScaledClock(now, now, 10_000.0)
        async with (
            living(config(tmp_path, broker.url, dsn), clock=clock) as running,
            client(running.api_url) as api,
        ):
            began = time.monotonic()
            found = await called(api)
            took = time.monotonic() - began
            assert found["back"], found
            assert found["seconds"]["delivered"] <= took  # type: ignore[index]
    finally:
        broker.stop()


async def test_many_real_calls_and_test_calls_at_once_all_come_through(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    strangers = [f"stranger-{number}" for number in range(60)]
    with Receiver() as screen, Publisher(broker.port) as device:
        setting = config(tmp_path, broker.url, dsn, webhook=screen.url)
        async with living(setting) as running, client(running.api_url) as api:
            calling = asyncio.create_task(_several(api, 10))
            for stranger in strangers:
                device.send_all([sos("now", stranger)])
                await asyncio.sleep(0)
            assert all(found["back"] for found in await calling)
            wanted = {f"device:home-1/{stranger}" for stranger in strangers}
            await eventually(
                lambda: wanted == {told.body["cause"] for told in screen.told if told.body["kind"] == "sos"}
            )
            assert count(running, "shouwang_alerts_raised_total", severity="high") == len(strangers)


async def _several(api: httpx.AsyncClient, times: int) -> list[dict[str, object]]:
    return [await called(api) for _ in range(times)]


def _folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder
