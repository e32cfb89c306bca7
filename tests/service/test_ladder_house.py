"""A house with a rota, a ladder and channels: who presses reaches a person, whatever dies on the way."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import orjson
import pytest

from ingest.channels.webhook import sign
from tests.brokers import AnyBroker
from tests.deadline import eventually
from tests.publisher import Publisher
from tests.service.house import Killable, client
from tests.service.receiver import SECRET, Receiver, Told
from tests.service.test_faults import sos

pytestmark = [pytest.mark.integration, pytest.mark.faults, pytest.mark.slow]

DUTY = """
[[person]]
id = "s-01"
addresses = { phone = "+8613800000001" }
[[person]]
id = "s-02"
addresses = { phone = "+8613800000002" }
""" + "".join(
    f"""
[[shift]]
id = "{role}"
role = "{role}"
places = ["home-1"]
from = "00:00"
to = "00:00"
since = 2020-01-01
rotation = "daily"
people = ["{person}"]
"""
    for role, person in (("primary", "s-01"), ("second", "s-02"))
)
LADDERS = """
[[ladder]]
id = "all"
repeat = "10min"
[[ladder.step]]
to = ["primary"]
channels = ["first"]
[[ladder.step]]
after = "5min"
to = ["second"]
channels = ["other"]
"""


def channel(name: str, url: str, kind: str = "webhook", timeout_s: float = 60) -> str:
    return (
        f'[[channel]]\nname = "{name}"\nkind = "{kind}"\nurl = "{url}"\nsecret = "{SECRET}"\n'
        f"timeout_s = {timeout_s}\n"
    )


def house(folder: Path, broker: AnyBroker, dsn: str, *channels: str) -> Killable:
    (folder / "duty.toml").write_text(DUTY)
    (folder / "ladders.toml").write_text(LADDERS)
    top = 'duty = "duty.toml"\nladders = "ladders.toml"'
    return Killable(folder, broker.url, dsn, top=top, more="".join(channels))


async def history(home: Killable) -> list[dict[str, object]]:
    """All that happened to the one alert about r-01."""
    async with client(home.api) as api:
        alerts = (await api.get("/api/v1/alerts")).json()["alerts"]
        if not alerts:  # acknowledged to the device, and not on record yet
            return []
        (alert,) = (one["alert"] for one in alerts if one["cause"] == "r-01")
        found: list[dict[str, object]] = (await api.get(f"/api/v1/alerts/{alert}")).json()["history"]
        return found


async def happened(home: Killable, name: str) -> list[dict[str, object]]:
    return [event for event in await history(home) if event["event"] == name]


class Stuck:
    """An answer that does not come until it may."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.asked = 0

    def __call__(self, _: int) -> int:
        self.asked += 1
        self.released.wait(60)
        return 204


async def test_a_step_that_nobody_received_calls_the_next_after_eight_seconds(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    stuck = Stuck()
    with Receiver(stuck) as first, Receiver() as other, Publisher(broker.port) as device:
        home = house(tmp_path, broker, dsn, channel("first", first.url), channel("other", other.url))
        await home.start()
        try:
            began = time.monotonic()
            device.send_all([sos("one")])
            await eventually(lambda: other.told, 20, "the second was not called")
            assert 8 <= other.told[0].at - began < 15
            assert other.told[0].body["calls"] is True
            await eventually(lambda: happened(home, "delivered"), why="no receipt")
            steps = [(event["step"], event["to"]) for event in await happened(home, "notified")]
            assert steps == [
                (0, [{"to": "s-01", "channel": "first"}]),
                (1, [{"to": "s-02", "channel": "other"}]),
            ]
        finally:
            stuck.released.set()
            assert home.stop() == 0
        assert "Traceback" not in home.log()


@pytest.mark.parametrize("status", [500, 401])
async def test_a_receiver_that_refuses_is_tried_until_it_takes_it(
    broker: AnyBroker, dsn: str, tmp_path: Path, status: int
) -> None:
    answers: Callable[[int], int] = lambda call: status if call < 3 else 204  # noqa: E731
    with Receiver(answers) as first, Receiver() as other, Publisher(broker.port) as device:
        home = house(tmp_path, broker, dsn, channel("first", first.url), channel("other", other.url))
        await home.start()
        try:
            device.send_all([sos("one")])
            await eventually(lambda: first.told, 20, "it was given up")
            assert first.told[0].attempt == 3
            await eventually(lambda: happened(home, "delivered"), why="no receipt")
        finally:
            assert home.stop() == 0


async def test_kill_9_between_commit_and_send_loses_nothing(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    """Nobody listens when the press comes; the service dies; both come back."""
    with Receiver() as late, Publisher(broker.port) as device:
        address = late.url
        late.__exit__(None, None, None)
        home = house(tmp_path, broker, dsn, channel("first", address), channel("other", address))
        await home.start()
        try:
            device.send_all([sos("one")])
            await eventually(lambda: happened(home, "notified"), why="no step was taken")
            home.kill()
            with Receiver(port=int(address.rpartition(":")[2].partition("/")[0])) as receiver:
                await home.start()
                await eventually(lambda: receiver.told, 20, "the press was forgotten")
                assert receiver.told[0].attempt > 1, "it may have been sent before, so it is marked"
                assert len(await happened(home, "opened")) == 1
                steps = [event["step"] for event in await happened(home, "notified") if not event["again"]]
                assert steps == sorted(set(steps)), "no step twice"
        finally:
            home.stop()


async def test_kill_9_between_send_and_record_sends_again_marked_as_a_repeat(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    stuck = Stuck()
    with Receiver(stuck) as first, Receiver() as other, Publisher(broker.port) as device:
        home = house(tmp_path, broker, dsn, channel("first", first.url), channel("other", other.url))
        await home.start()
        try:
            device.send_all([sos("one")])
            await eventually(lambda: stuck.asked == 1, why="nothing was sent")
            home.kill()
            stuck.released.set()
            await home.start()
            await eventually(lambda: len(first.told) == 2, 20, "it was not sent again")
            once, again = (one for one in first.told)
            assert (once.attempt, again.attempt > 1) == (1, True)
            assert once.body["notification"] == again.body["notification"]
        finally:
            home.stop()


def signed(body: dict[str, object]) -> tuple[bytes, dict[str, str]]:
    content, stamp = orjson.dumps(body), str(int(time.time()))
    return content, {
        "X-Shouwang-Timestamp": stamp,
        "X-Shouwang-Signature": sign(SECRET.encode(), stamp, content),
    }


def called(receiver: Receiver) -> Told:
    return receiver.told[0]


async def test_a_telephone_rings_and_key_1_takes_charge(broker: AnyBroker, dsn: str, tmp_path: Path) -> None:
    with Receiver() as gateway, Receiver() as other, Publisher(broker.port) as device:
        home = house(
            tmp_path, broker, dsn, channel("first", gateway.url, "voice"), channel("other", other.url)
        )
        await home.start()
        try:
            device.send_all([sos("one")])
            await eventually(lambda: gateway.told, why="nobody was rung")
            call = called(gateway).body
            assert call["call"] == "+8613800000001"
            assert "302" in str(call["text"])
            assert "王秀英" not in str(call["text"])
            assert not await happened(home, "delivered"), "a gateway's word is none of a person's"
            said = {key: call[key] for key in ("channel", "notification", "to")}
            async with httpx.AsyncClient(base_url=home.api) as anybody:
                path = "/api/v1/receipts"
                forged = await anybody.post(path, json=said | {"status": "answered", "key": "1"})
                assert forged.status_code == 401
                content, headers = signed(said | {"status": "answered", "key": "1"})
                for _ in range(2):
                    taken = await anybody.post(path, content=content, headers=headers)
                    assert taken.json() == {"status": "acknowledged", "by": "s-01"}
            assert len(await happened(home, "delivered")) == 1
            (acknowledged,) = await happened(home, "acknowledged")
            assert (acknowledged["by"], acknowledged["source"]) == ("s-01", "voice:first")
        finally:
            assert home.stop() == 0


async def test_a_channel_is_tested_and_its_health_told(broker: AnyBroker, dsn: str, tmp_path: Path) -> None:
    with Receiver(lambda _: 500) as first, Receiver() as other:
        home = house(tmp_path, broker, dsn, channel("first", first.url), channel("other", other.url))
        await home.start()
        try:
            async with client(home.api) as api:
                good = await api.post("/api/v1/channels/other/test", json={"by": "s-01", "to": "s-02"})
                assert good.json()["result"] == "delivered"
                bad = await api.post("/api/v1/channels/first/test", json={"by": "s-01"})
                assert bad.json() == {"channel": "first", "result": "failed", "detail": "HTTP 500"}
                unknown = await api.post("/api/v1/channels/pigeon/test", json={"by": "s-01"})
                assert unknown.status_code == 404
                listed = (await api.get("/api/v1/channels")).json()["channels"]
                health = {one["channel"]: (one["circuit"], one["why"]) for one in listed}
                assert health["first"] == ("closed", "HTTP 500")
                assert health["other"] == ("closed", None)
        finally:
            assert home.stop() == 0


async def test_a_message_s_link_takes_charge_and_looking_does_nothing(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    with Receiver() as gateway, Receiver() as other, Publisher(broker.port) as device:
        home = house(
            tmp_path, broker, dsn, channel("first", gateway.url, "voice"), channel("other", other.url)
        )
        home.public()
        await home.start()
        try:
            device.send_all([sos("one")])
            await eventually(lambda: gateway.told, why="nobody was rung")
            links = called(gateway).body["links"]
            assert isinstance(links, dict)
            path = "/a/" + links["acknowledge"].partition("/a/")[2]
            assert "http" not in str(called(gateway).body["text"]), (
                "nobody can press an address that is read out"
            )
            async with httpx.AsyncClient(base_url=home.api) as anybody:
                for _ in range(3):
                    page = await anybody.get(path)
                    assert page.status_code == 200
                assert "302" in page.text
                assert "王秀英" not in page.text
                assert "script" not in page.text
                assert not await happened(home, "acknowledged"), "looking took charge"
                seen = page.text.partition("name=seen value=")[2].partition(">")[0]
                for _ in range(2):
                    done = await anybody.post(path, data={"act": "acknowledge", "seen": seen})
                    assert done.status_code == 200
                (taken,) = await happened(home, "acknowledged")
                assert (taken["by"], taken["source"]) == ("s-01", "link:first")
                device.send_all([sos("two")])
                await eventually(lambda: happened(home, "evidence"), why="the second press is not there")
                late = await anybody.post(path, data={"act": "resolve", "outcome": "real", "seen": seen})
                assert late.status_code == 409
                assert "again" in late.text
                assert (await anybody.get("/a/" + "A" * 70)).status_code == 404
                assert (await anybody.get("/api/v1/alerts")).status_code == 401
        finally:
            assert home.stop() == 0


async def test_a_corridor_button_takes_charge_over_mqtt(broker: AnyBroker, dsn: str, tmp_path: Path) -> None:
    with Receiver() as first, Receiver() as other, Publisher(broker.port) as device:
        home = house(tmp_path, broker, dsn, channel("first", first.url), channel("other", other.url))
        home.add('[[device]]\nid = "corridor"\nsite = "home-1"\nplace = "home-1"\n')
        await home.start()
        try:
            device.send_all([sos("one")])
            await eventually(lambda: happened(home, "delivered"), why="nobody was told")
            press = orjson.dumps({"event": "acknowledge", "by": "s-02", "ts": time.time_ns() // 1_000_000})
            device.send_all([("shouwang/v1/home-1/stranger/event", press)])
            device.send_all([("shouwang/v1/home-1/w-01/event", press)])
            device.send_all([("shouwang/v1/home-1/corridor/event", press)] * 2)
            await eventually(lambda: happened(home, "acknowledged"), why="the button did nothing")
            (taken,) = await happened(home, "acknowledged")
            assert (taken["by"], taken["source"]) == ("s-02", "mqtt:corridor")
        finally:
            assert home.stop() == 0


async def test_a_pager_answers_its_alert_and_a_reader_sees_who_came(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    with Receiver() as first, Receiver() as other, Publisher(broker.port) as device:
        home = house(tmp_path, broker, dsn, channel("first", first.url), channel("other", other.url))
        home.add(
            '[[device]]\nid = "pager-1"\nsite = "home-1"\n'
            '[[device]]\nid = "reader-302"\nsite = "home-1"\nplace = "302"\n'
        )
        await home.start()
        try:
            device.send_all([sos("one")])
            await eventually(lambda: happened(home, "delivered"), why="nobody was told")
            (opened,) = await happened(home, "opened")
            topic = f"shouwang/v1/home-1/alerts/{opened['alert']}/ack"
            for forged in ({"by": "s-02"}, {"device": "stranger", "by": "s-02"}, {"device": "w-01"}):
                device.send_all([(topic, orjson.dumps(forged))])
            device.send_all([(topic, orjson.dumps({"device": "pager-1", "by": "s-02", "id": "p1"}))] * 2)
            await eventually(lambda: happened(home, "acknowledged"), why="the pager did nothing")
            visit = {"event": "visit", "by": "s-02", "ts": time.time_ns() // 1_000_000}
            device.send_all([("shouwang/v1/home-1/reader-302/event", orjson.dumps(visit))])
            await eventually(lambda: happened(home, "arrived"), why="nobody was seen")
            end = {"device": "pager-1", "by": "s-02", "act": "resolve", "outcome": "real"}
            device.send_all([(topic, orjson.dumps(end))])
            await eventually(lambda: happened(home, "resolved"), why="it was not closed")
            told = [
                (one["event"], one["by"], one["source"])
                for one in await history(home)
                if one["event"] in {"acknowledged", "arrived", "resolved"}
            ]
            assert told == [
                ("acknowledged", "s-02", "mqtt:pager-1"),
                ("arrived", "s-02", "mqtt:reader-302"),
                ("resolved", "s-02", "mqtt:pager-1"),
            ]
        finally:
            assert home.stop() == 0
