"""People write back to a message: through a signed gateway, into the real service, and out as an answer."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import orjson
import pytest

from ingest.channels.webhook import sign
from tests.brokers import AnyBroker
from tests.deadline import eventually
from tests.publisher import Publisher
from tests.service.house import Killable, client
from tests.service.receiver import SECRET, Receiver
from tests.service.test_faults import sos
from tests.service.test_ladder_house import channel, happened, house

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.parametrize("broker", ["embedded"], indirect=True),
]

FIRST, SECOND, STRANGER = "+8613800000001", "138 0000 0002", "+8613800009999"


@dataclass
class Gateway:
    """What passes on what people write; it may say things twice."""

    home: Killable
    told: Receiver
    count: int = 0

    def signed(self, said: dict[str, object], secret: str = SECRET) -> tuple[bytes, dict[str, str]]:
        content, stamp = orjson.dumps(said), str(int(time.time()))
        signature = sign(secret.encode(), stamp, content)
        return content, {"X-Shouwang-Timestamp": stamp, "X-Shouwang-Signature": signature}

    async def post(self, content: bytes, headers: dict[str, str], name: str = "first") -> httpx.Response:
        async with httpx.AsyncClient(base_url=self.home.api) as anybody:
            return await anybody.post(f"/api/v1/replies/{name}", content=content, headers=headers)

    async def says(self, text: str, by: str = FIRST) -> tuple[str, str]:
        """Status and text of the answer to a person; the same when the gateway says it again."""
        self.count += 1
        content, headers = self.signed({"from": by, "text": text, "id": f"m-{self.count}"})
        once, again = [await self.post(content, headers) for _ in range(2)]
        assert once.status_code == again.status_code == 200, once.text
        assert once.content == again.content
        found = once.json()
        return found["status"], found["text"]

    def code(self, nth: int = -1) -> str:
        """The code in the nth message."""
        links = self.told.told[nth].body["links"]
        assert isinstance(links, dict)
        return str(links["reply"])


@pytest.fixture
async def gateway(broker: AnyBroker, dsn: str, tmp_path: Path) -> AsyncIterator[Gateway]:
    with Receiver() as first, Receiver() as other:
        home = house(
            tmp_path,
            broker,
            dsn,
            channel("first", first.url) + "replies = true\n",
            channel("other", other.url),
        )
        await home.start()
        yield Gateway(home, first)
        assert home.stop() == 0
        log = home.log()
        assert "Traceback" not in log
        assert "13800000001" not in log


async def test_a_reply_takes_charge_arrives_and_resolves(gateway: Gateway, broker: AnyBroker) -> None:
    home = gateway.home
    assert (await gateway.says("1"))[0] == "nothing"
    with Publisher(broker.port) as device:
        device.send_all([sos("one")])
        await eventually(lambda: happened(home, "delivered"), why="nobody was told")
        assert gateway.told.told[0].body["to"] == "s-01"
        status, text = await gateway.says("1")
        assert (status, "302" in text, "5 分钟" in text, "王秀英" in text) == (
            "acknowledged",
            True,
            True,
            False,
        )
        assert (await gateway.says("１"))[0] == "acknowledged"
        taken = await gateway.says(gateway.code(), SECOND)
        assert (taken[0], "s-01" in taken[1]) == ("taken", True)
        assert (await gateway.says(f"9 {gateway.code()}", SECOND))[0] == "acknowledged"
        assert (await gateway.says("2", SECOND))[0] == "arrived"
        old = gateway.code()
        device.send_all([sos("two")])
        await eventually(lambda: len(gateway.told.told) > 1, 20, "the second press told nobody")
        fresh = await gateway.says(f"3 {old}", SECOND)
        assert (fresh[0], gateway.code() in fresh[1]) == ("fresh_evidence", True)
        assert (await gateway.says(gateway.code(), SECOND))[0] == "acknowledged"
        assert (await gateway.says("3", SECOND))[0] == "resolved"
        assert (await gateway.says(gateway.code()))[0] == "already_resolved"
    told = [
        (one["event"], one["by"], one["source"])
        for name in ("acknowledged", "arrived", "resolved")
        for one in await happened(home, name)
    ]
    assert told == [
        ("acknowledged", "s-01", "reply:first"),
        ("acknowledged", "s-02", "reply:first"),
        ("acknowledged", "s-02", "reply:first"),
        ("arrived", "s-02", "reply:first"),
        ("resolved", "s-02", "reply:first"),
    ]


async def test_what_means_nothing_is_answered_and_on_record(gateway: Gateway, broker: AnyBroker) -> None:
    home = gateway.home
    with Publisher(broker.port) as device:
        device.send_all([sos("one")])
        await eventually(lambda: happened(home, "delivered"), why="nobody was told")
    assert (await gateway.says("1", STRANGER))[0] == "unknown_sender"
    assert (await gateway.says("我去不了"))[0] == "not_understood"
    assert (await gateway.says("1 2AA2ZZ"))[0] == "unknown_code"
    listed = await gateway.says("?")
    assert (listed[0], gateway.code() in listed[1]) == ("listed", True)
    assert not await happened(home, "acknowledged")
    async with client(home.api) as api:
        kept = (await api.get("/api/v1/replies")).json()["replies"]
    assert [(one["from"], one["status"]) for one in kept] == [
        ("s-01", "listed"),
        ("s-01", "unknown_code"),
        ("s-01", "not_understood"),
        ("...9999", "unknown_sender"),
    ]
    said = {"from": FIRST, "text": "1", "id": "forged"}
    for content, headers in (
        gateway.signed(said, "another secret of theirs"),
        (gateway.signed(said)[0], {}),
        (b"{}", gateway.signed(said)[1]),
    ):
        assert (await gateway.post(content, headers)).status_code == 401
    assert (await gateway.post(*gateway.signed(said), "other")).status_code == 401, "nobody writes back there"
    assert (await gateway.post(*gateway.signed(said), "no-such")).status_code == 401
    for broken in ({"text": "1"}, {"from": 7, "text": "1"}, {"from": FIRST, "text": "1" * 3_000}):
        assert (await gateway.post(*gateway.signed(broken))).status_code == 422  # type: ignore[arg-type]
    async with httpx.AsyncClient(base_url=home.api) as anybody:
        assert (await anybody.get("/api/v1/replies")).status_code == 401
    assert not await happened(home, "acknowledged")


async def test_the_answer_to_a_message_is_the_same_after_kill_9(gateway: Gateway, broker: AnyBroker) -> None:
    home = gateway.home
    with Publisher(broker.port) as device:
        device.send_all([sos("one")])
        await eventually(lambda: happened(home, "delivered"), why="nobody was told")
    content, headers = gateway.signed({"from": FIRST, "text": "1", "id": "once"})
    before = await gateway.post(content, headers)
    home.kill()
    await home.start()
    after = await gateway.post(content, headers)
    assert (after.status_code, after.content) == (200, before.content)
    assert len(await happened(home, "acknowledged")) == 1
