"""The webhook against a real HTTP server: one that answers, refuses, hangs, drips or dies."""

import asyncio
from dataclasses import replace

import pytest

from alerts.outbox import Delivered, Failed, Retry
from ingest.channels import Delivery
from ingest.channels.webhook import Webhook, sign, verify
from tests.channels.servers import Answer, answering, drip, hang, hang_up, serving

SECRET = b"sixteen bytes or more"
NOW = 1_763_763_600.0


def webhook(url: str, timeout_s: float = 5.0) -> Webhook:
    return Webhook("family", url + "/alerts", SECRET, timeout_s=timeout_s, now=lambda: NOW)


async def test_a_delivery_is_a_signed_post_which_the_receiver_can_verify(delivery: Delivery) -> None:
    async with (
        serving(answering("204 No Content", content=b"")) as server,
        webhook(server.url) as channel,
    ):
        assert await channel.send(replace(delivery, attempt=3)) == Delivered()
    (request,) = server.requests
    assert request.line == "POST /alerts HTTP/1.1"
    assert request.content == delivery.content
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-shouwang-delivery"] == "a1-1"
    assert request.headers["x-shouwang-attempt"] == "3"
    assert verify(SECRET, request.headers, request.content, NOW + 1)


async def test_one_connection_serves_many_deliveries(delivery: Delivery) -> None:
    async with serving(answering("200 OK")) as server, webhook(server.url) as channel:
        for _ in range(3):
            assert await channel.send(delivery) == Delivered()
    assert (server.connections, len(server.requests)) == (1, 3)


@pytest.mark.parametrize(
    ("status", "headers", "receipt"),
    [
        ("500 Oops", [], Retry("HTTP 500")),
        ("503 Busy", ["Retry-After: 7"], Retry("HTTP 503", 7.0)),
        ("429 Slow", ["Retry-After: Fri, 21 Nov 2025 22:20:30 GMT"], Retry("HTTP 429", 30.0)),
        ("429 Slow", ["Retry-After: Fri, 21 Nov 2025 22:19:00 GMT"], Retry("HTTP 429", 0.0)),
        ("429 Slow", ["Retry-After: 999999999999999999999"], Retry("HTTP 429", 900.0)),
        ("429 Slow", ["Retry-After: soon"], Retry("HTTP 429")),
        ("408 Late", [], Retry("HTTP 408")),
        ("425 Early", [], Retry("HTTP 425")),
        ("400 Bad", [], Failed("HTTP 400")),
        ("401 Who", [], Failed("HTTP 401")),
        ("410 Gone", ["Retry-After: 7"], Failed("HTTP 410")),
        ("302 Elsewhere", ["Location: http://127.0.0.1:9/"], Failed("HTTP 302")),
    ],
)
async def test_answers_other_than_2xx(
    status: str, headers: list[str], receipt: Retry | Failed, delivery: Delivery
) -> None:
    async with serving(answering(status, *headers)) as server, webhook(server.url) as channel:
        assert await channel.send(delivery) == receipt


@pytest.mark.parametrize("answer", [hang, drip])
async def test_a_server_that_keeps_us_waiting_is_left_at_the_deadline(
    answer: Answer, delivery: Delivery
) -> None:
    loop = asyncio.get_running_loop()
    async with serving(answer) as server, webhook(server.url, timeout_s=0.2) as channel:
        began = loop.time()
        receipt = await channel.send(delivery)
    assert len(server.requests) == 1
    assert loop.time() - began < 2
    assert receipt == Retry("no answer in time")


async def test_an_endless_answer_is_not_read_to_its_end(delivery: Delivery) -> None:
    async with (
        serving(answering("200 OK", content=b"." * 5_000_000)) as server,
        webhook(server.url) as channel,
    ):
        assert await channel.send(delivery) == Delivered()


async def test_a_server_that_hangs_up_or_is_not_there_is_tried_again(delivery: Delivery) -> None:
    async with serving(hang_up) as server, webhook(server.url) as channel:
        assert isinstance(await channel.send(delivery), Retry)
    async with webhook(server.url) as channel:
        assert await channel.send(delivery) == Retry("ConnectError")


async def test_a_hanging_receiver_does_not_slow_another(delivery: Delivery) -> None:
    async with (
        serving(hang) as slow,
        serving(answering("200 OK")) as quick,
        webhook(slow.url, timeout_s=30) as stuck,
        webhook(quick.url) as channel,
    ):
        waiting = [asyncio.create_task(stuck.send(delivery), name="stuck") for _ in range(150)]
        assert await channel.send(delivery) == Delivered()
        assert not any(task.done() for task in waiting)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


@pytest.mark.parametrize("url", ["", "ftp://host/", "http://", "/alerts"])
def test_an_address_that_cannot_be_posted_to_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="address"):
        webhook(url)
    with pytest.raises(ValueError, match="16 bytes"):
        Webhook("family", "http://host/", b"short")


def test_verify_takes_only_the_right_secret_body_and_time() -> None:
    content = b'{"alert":"a1"}'
    stamp = str(int(NOW))
    headers = {"X-Shouwang-Timestamp": stamp, "X-Shouwang-Signature": sign(SECRET, stamp, content)}
    assert verify(SECRET, headers, content, NOW)
    assert verify(SECRET, {name.upper(): value for name, value in headers.items()}, content, NOW + 300)
    assert not verify(SECRET, headers, content, NOW + 301)
    assert not verify(SECRET, headers, content, NOW - 301)
    assert verify(SECRET, headers, content, NOW + 301, tolerance_s=400)
    assert not verify(b"another secret of 16", headers, content, NOW)
    assert not verify(SECRET, headers, content + b" ", NOW)
    later = headers | {"X-Shouwang-Timestamp": str(int(NOW) + 1)}
    assert not verify(SECRET, later, content, NOW)
    assert not verify(SECRET, {}, content, NOW)
    for wrong in ("", "-1", "١", "1" * 400, "now"):
        forged = {"X-Shouwang-Timestamp": wrong, "X-Shouwang-Signature": sign(SECRET, wrong, content)}
        assert not verify(SECRET, forged, content, NOW)
    assert not verify(SECRET, headers | {"X-Shouwang-Signature": "v1=é"}, content, NOW)


def test_the_signature_is_the_published_one() -> None:
    """A value computed apart: printf '1763763600.{}' | openssl dgst -sha256 -hmac secret."""
    assert (
        sign(b"secret", "1763763600", b"{}")
        == "v1=e655cf918f0d5b873b42c5d650ea5d2629c6440cde1564f445a433e854971d8e"
    )
