"""HTTP servers for channels to meet: one that answers, refuses, hangs, drips or dies; on real sockets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Request:
    """A request as the server saw it."""

    line: str
    headers: dict[str, str]
    content: bytes


Answer = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


def answering(status: str, *headers: str, content: bytes = b"ok") -> Answer:
    async def answer(_: Request, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", *headers]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + content)
        await writer.drain()

    return answer


async def hang(_: Request, __: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def hang_up(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def drip(_: Request, writer: asyncio.StreamWriter) -> None:
    """An answer that never ends, though every read of it is quick."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(0.01)


@dataclass
class Server:
    """A server on a port of its own; `requests` are those it has read whole."""

    url: str
    requests: list[Request]
    connections: int = 0


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[Server]:
    seen = Server("", [])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                line, *rest = head.decode().strip().split("\r\n")
                headers = {name.lower(): value for name, value in (field.split(": ", 1) for field in rest)}
                content = await reader.readexactly(int(headers["content-length"]))
                seen.requests.append(Request(line, headers, content))
                await answer(seen.requests[-1], writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    tasks: list[asyncio.Task[None]] = []

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.create_task(serve(reader, writer), name="one connection"))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    seen.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield seen
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
