"""Channels through Apprise, against real receivers: ntfy- and WeCom-shaped HTTP, and an SMTP server."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from apprise.plugins.wecombot import NotifyWeComBot

from alerts.outbox import Accepted, Failed, Retry
from alerts.people import Language, Person
from ingest.channels import Delivery
from ingest.channels.apprise_channel import THREADS, AppriseChannel, is_understood, places_in
from tests.channels.servers import Answer, Server, answering, hang, hang_up, serving
from tests.deadline import eventually

CHEN = Person(
    "s-1", "陈梅", addresses={"ntfy": "chen-topic", "email": "chen@example.org", "phone": "13800000000"}
)
SMITH = replace(CHEN, id="s-2", name="Smith", language=Language.EN)
TOKEN = "tk-very-secret"  # noqa: S105


@pytest.fixture
def delivery(delivery: Delivery) -> Delivery:
    return replace(
        delivery,
        recipient=CHEN,
        text={"zh-CN": "【紧急】301室 1床：呼救", "en": "URGENT: Room 301, bed 1: call for help"},
        private_text={
            "zh-CN": "【紧急】301室 1床 王秀英：呼救",
            "en": "URGENT: Room 301, bed 1 Wang: call for help",
        },
        links={"acknowledge": "https://home.example/a/abc"},
        life_safety=True,
    )


@pytest.fixture
def made() -> Iterator[list[AppriseChannel]]:
    found: list[AppriseChannel] = []
    yield found
    for channel in found:
        channel.close()


def channel(made: list[AppriseChannel], url: str, **more: object) -> AppriseChannel:
    made.append(AppriseChannel("push", url, **more))  # type: ignore[arg-type]
    return made[-1]


def ntfy(server: Server) -> str:
    return server.url.replace("http://", "ntfy://") + "/{ntfy}?mode=private"


async def test_ntfy_gets_where_and_what_in_her_language_and_a_link(
    delivery: Delivery, made: list[AppriseChannel]
) -> None:
    async with serving(answering("200 OK", content=b'{"id": "1"}')) as server:
        push = channel(made, ntfy(server))
        assert await push.send(delivery) == Accepted()
        assert await push.send(replace(delivery, recipient=SMITH, attempt=2)) == Accepted()
    first, second = (json.loads(request.content) for request in server.requests)
    assert first["topic"] == "chen-topic"
    assert first["title"] == "【紧急】301室 1床：呼救"
    assert "https://home.example/a/abc" in first["message"]
    assert second["title"].startswith("(repeat) URGENT: Room 301")
    assert "王秀英" not in str(server.requests)


async def test_a_private_channel_names_the_resident(delivery: Delivery, made: list[AppriseChannel]) -> None:
    async with serving(answering("200 OK", content=b"{}")) as server:
        await channel(made, ntfy(server), private=True).send(delivery)
    assert "王秀英" in json.loads(server.requests[0].content)["title"]


async def test_wecom_gets_it_as_its_robot_does(
    delivery: Delivery, made: list[AppriseChannel], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(answering("200 OK", content=b'{"errcode":0,"errmsg":"ok"}')) as server:
        monkeypatch.setattr(NotifyWeComBot, "notify_url", server.url + "/cgi-bin/webhook/send?key={key}")
        group = channel(made, "wecombot://botkey1234")
        assert await group.send(replace(delivery, recipient=None)) == Accepted()
    (request,) = server.requests
    assert "key=botkey1234" in request.line
    assert "301室" in json.loads(request.content)["text"]["content"]


class Mailbox:
    """Keeps the letters that come."""

    def __init__(self) -> None:
        self.letters: list[Envelope] = []

    async def handle_DATA(  # noqa: N802  the library's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        self.letters.append(envelope)
        return "250 OK"


@pytest.fixture
async def mail() -> AsyncIterator[tuple[Mailbox, int]]:
    mailbox = Mailbox()
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(mailbox), "127.0.0.1", 0)
    yield mailbox, server.sockets[0].getsockname()[1]
    server.close()


async def test_a_letter_goes_to_her_address(
    delivery: Delivery, made: list[AppriseChannel], mail: tuple[Mailbox, int]
) -> None:
    mailbox, port = mail
    url = f"mailto://127.0.0.1:{port}?from=alerts@example.org&to={{email}}&mode=insecure&format=text"
    assert await channel(made, url).send(delivery) == Accepted()
    (letter,) = mailbox.letters
    assert letter.rcpt_tos == ["chen@example.org"]


@pytest.mark.parametrize(
    ("answer", "receipt"),
    [
        (answering("401 Unauthorized"), Failed("HTTP 401")),
        (answering("500 Internal Server Error"), Retry("HTTP 500")),
        (hang_up, Retry("not accepted")),
    ],
)
async def test_what_goes_wrong_is_said_in_words_of_ours(
    delivery: Delivery,
    made: list[AppriseChannel],
    answer: Answer,
    receipt: object,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(answer) as server:
        url = server.url.replace("http://", f"ntfy://{TOKEN}@") + "/{ntfy}?mode=private&auth=token"
        assert await channel(made, url).send(delivery) == receipt
    assert server.requests
    assert TOKEN not in caplog.text + "".join(capfd.readouterr())


async def test_who_has_no_such_address_is_said_to_have_none(
    delivery: Delivery, made: list[AppriseChannel]
) -> None:
    nobody = replace(delivery, recipient=Person("s-3"))
    receipt = await channel(made, "ntfy://localhost/{ntfy}").send(nobody)
    assert receipt == Failed("no address of kind ntfy")


async def test_a_service_that_hangs_holds_up_no_other_channel(
    delivery: Delivery, made: list[AppriseChannel]
) -> None:
    async with serving(hang) as dead, serving(answering("200 OK", content=b"{}")) as alive:
        stuck = channel(made, ntfy(dead), timeout_s=0.5)
        waiting = [asyncio.create_task(stuck.send(delivery)) for _ in range(THREADS * 3)]
        assert await channel(made, ntfy(alive)).send(delivery) == Accepted()
        assert set(await asyncio.gather(*waiting)) == {Retry("no answer in time")}
        await asyncio.to_thread(
            stuck._threads.shutdown, cancel_futures=True
        )  # none connects as the server goes


async def test_calls_for_help_wait_for_no_throttle(delivery: Delivery, made: list[AppriseChannel]) -> None:
    """Apprise waits seconds between messages of one service by itself."""
    async with serving(answering("200 OK", content=b"{}")) as server:
        push = channel(made, ntfy(server))
        sending = [asyncio.create_task(push.send(delivery)) for _ in range(20)]
        await eventually(lambda: len(server.requests) == 20, why="they were throttled")
        assert set(await asyncio.gather(*sending)) == {Accepted()}


def test_an_address_cannot_change_the_url(made: list[AppriseChannel]) -> None:
    assert places_in("sms://gate/{phone}/{email}") == ["phone", "email"]
    for wrong in ("x://{phone.__class__}", "x://{0}", "x://{phone!r}", "x://{phone:>9}"):
        with pytest.raises(ValueError, match="write"):
            places_in(wrong)
    del made


def test_what_apprise_does_not_know_is_no_channel() -> None:
    assert is_understood("wecombot://botkey1234")
    assert is_understood("dingtalk://{phone}token")
    assert not is_understood("pigeon://loft")
