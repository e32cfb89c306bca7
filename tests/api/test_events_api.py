"""Live events over real HTTP: complete, resumable, kept alive, dropped when slow, ended at shutdown."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest

from alerts.event import Event
from rules.decision import Severity
from tests.alerts.decisions import decision
from tests.api.conftest import BEARER, Served, Serving
from tests.api.memory_desk import MemoryDesk

EVENTS = "/api/v1/events"


@dataclass
class Stream:
    """An open stream, read line by line."""

    response: httpx.Response
    lines: AsyncIterator[str]

    async def block(self) -> dict[str, str] | None:
        """The next event (its fields by name) or comment (under ""); None at the end."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(10):
            async for line in self.lines:
                if line:
                    name, _, value = line.partition(":")
                    fields[name] = value.strip()
                elif fields:
                    return fields
        return None

    async def event(self) -> dict[str, str]:
        """The next event, past comments."""
        while "data" not in (found := await self.block() or {"data": "the end"}):
            pass
        return found


@asynccontextmanager
async def listening(served: Served, last: int | None = None) -> AsyncIterator[Stream]:
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    before = served.desk.readers
    async with served.client.stream("GET", EVENTS, headers=headers, timeout=30) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        stream = Stream(response, response.aiter_lines())
        assert await stream.block() == {"retry": "2000"}
        await served.desk.readers_are(before + 1)
        yield stream


async def test_every_event_comes_as_it_happens(served: Served) -> None:
    served.desk.decide(decision("before"), 1)
    async with listening(served) as stream:
        served.desk.decide(decision(subject="li", at=1_763_763_600_123), 1_763_763_600_123)
        alert = served.desk.episodes(None, 1)[0].id
        await served.client.post(f"/api/v1/alerts/{alert}/acknowledge", json={"by": "Chen"})
        body = {"by": "Chen", "outcome": "real"}
        await served.client.post(f"/api/v1/alerts/{alert}/resolve", json=body)
        found = [await stream.event() for _ in range(3)]
    assert [(one["id"], one["event"]) for one in found] == [
        ("2", "opened"),
        ("3", "acknowledged"),
        ("4", "resolved"),
    ]
    opened = json.loads(found[0]["data"])
    assert (opened["alert"], opened["subject"], opened["at"]) == (alert, "li", "2025-11-21T22:20:00.123Z")
    assert json.loads(found[2]["data"])["outcome"] == "real"


async def test_a_reader_that_comes_back_misses_nothing(served: Served) -> None:
    for number in range(3):
        served.desk.decide(decision(f"k{number}", subject=f"p{number}"), number)
    async with listening(served, last=1) as stream:
        served.desk.decide(decision("k3", subject="p3"), 3)
        assert [(await stream.event())["id"] for _ in range(3)] == ["2", "3", "4"]


async def test_r55_suspensions_and_what_they_do_to_alerts_are_events_too(served: Served) -> None:
    served.desk.tick(1_763_763_600_123)
    async with listening(served) as stream:
        shelf = {"rule": "bed_exit", "subject": "wang", "minutes": 1, "by": "Chen", "reason": "bath"}
        put = (await served.client.post("/api/v1/quiet/shelve", json=shelf)).json()
        served.desk.decide(decision(rule="bed_exit", severity=Severity.MEDIUM), 1_763_763_600_124)
        served.desk.tick(1_763_763_660_123)
        found = [await stream.event() for _ in range(4)]
    names = ["suspension_begun", "opened", "suspension_ended", "released"]
    assert [one["event"] for one in found] == names
    begun, opened, ended, _ = [json.loads(one["data"]) for one in found]
    assert "alert" not in begun
    assert (begun["suspension"], begun["until"]) == (put["suspension"], "2025-11-21T22:21:00.123Z")
    assert (opened["weight"], opened["suspension"]) == ("shelved", put["suspension"])
    assert (ended["suspension"], ended["ending"]) == (put["suspension"], "expired")


@pytest.mark.parametrize("last", ["x", "-1", "9" * 30])
async def test_a_number_that_is_none_is_refused(served: Served, last: str) -> None:
    response = await served.client.get(EVENTS, headers={"Last-Event-ID": last})
    assert (response.status_code, response.json()["error"]) == (422, "invalid")


async def test_a_silent_stream_is_kept_alive(serve: Serving) -> None:
    async with serve(heartbeat_s=0.02) as served, listening(served) as stream:
        assert await stream.block() == {"": "still here"}
        assert await stream.block() == {"": "still here"}
        served.desk.decide(decision(), 1)
        assert (await stream.event())["event"] == "opened"


async def test_a_reader_that_leaves_is_forgotten(served: Served) -> None:
    async with listening(served):
        assert served.desk.readers == 1
    await served.desk.readers_are(0)


async def test_streams_end_cleanly_at_shutdown(served: Served) -> None:
    loop = asyncio.get_running_loop()
    async with listening(served) as stream:
        served.desk.decide(decision(), 1)
        assert (await stream.event())["event"] == "opened"
        began = loop.time()
        await served.stop()
        assert await stream.block() is None, "the stream ends; a cut one would raise"
        assert loop.time() - began < 4


async def test_a_reader_that_stops_reading_is_dropped_and_others_are_not(serve: Serving) -> None:
    async with serve(stalled_s=0.3) as served, listening(served) as quick:
        loop = asyncio.get_running_loop()
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.setblocking(False)
            await loop.sock_connect(slow, ("127.0.0.1", served.port))
            request = f"GET {EVENTS} HTTP/1.1\r\nHost: x\r\nAuthorization: {BEARER['Authorization']}\r\n\r\n"
            await loop.sock_sendall(slow, request.encode())
            await served.desk.readers_are(2)
            raised = 0
            async with asyncio.timeout(30):
                while served.desk.readers == 2:
                    raised += 1
                    served.desk.decide(decision(f"k{raised}", subject=f"p{raised}"), raised)
                    assert (await quick.event())["id"] == str(raised)
            assert served.desk.readers == 1
            served.desk.decide(decision("after", subject="after"), raised + 1)
            assert (await quick.event())["id"] == str(raised + 1)


class FailingDesk(MemoryDesk):
    """A desk that fails while it is being listened to."""

    async def subscribe(self, after: int | None = None) -> AsyncIterator[tuple[int, Event]]:  # type: ignore[override]
        del after
        raise OSError("the disk of 王秀英")
        yield


async def test_a_desk_that_fails_ends_the_stream_and_tells_nobody_why(
    serve: Serving, capfd: pytest.CaptureFixture[str]
) -> None:
    async with serve(desk=FailingDesk()) as served:
        with pytest.raises(httpx.RemoteProtocolError):
            await served.client.get(EVENTS)
        assert (await served.client.get("/healthz")).status_code == 200
    written = "".join(capfd.readouterr())
    assert "OSError" in written
    assert "王秀英" not in written
