"""A webhook's receiver: a real HTTP server that keeps what it was told. It may be slow, rude or away."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from ingest.channels.webhook import verify

SECRET = "a secret of the tests"  # noqa: S105  nobody else's


@dataclass(frozen=True, slots=True)
class Told:
    """One verified call. `at` is the monotonic time at which it came."""

    body: dict[str, object]
    attempt: int
    at: float


@dataclass(slots=True)
class Receiver:
    """Listens on loopback; `answers` gives the status for each call."""

    answers: Callable[[int], int] = lambda _: 204
    told: list[Told] = field(default_factory=list)
    unverified: int = 0
    calls: int = 0
    port: int = 0
    _server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.calls += 1
                status = receiver.answers(receiver.calls)
                if not verify(SECRET.encode(), dict(self.headers), content, time.time()):
                    receiver.unverified += 1
                elif status < 300:
                    attempt = int(self.headers["X-Shouwang-Attempt"])
                    receiver.told.append(Told(json.loads(content), attempt, time.monotonic()))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    @property
    def url(self) -> str:
        """Where it listens."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}/alerts"

    def reasons(self, kind: str) -> list[object]:
        """What was told about alerts of a kind, in order."""
        return [told.body["reason"] for told in self.told if told.body["kind"] == kind]
