"""Who and what may come in over HTTP.

Rule: everything needs the token but what is listed as open; no body is larger or slower than allowed.
Whatever goes wrong inside, the client gets JSON `{"error", "detail"}` and never a traceback, and the log no
message of an exception (it might hold a name or a value).
"""

import asyncio
import hmac
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from types import MappingProxyType

import orjson
import structlog
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger()

MAX_BODY_BYTES = 16 * 1024
_DRAINED_BYTES = 1024 * 1024  # read and thrown away, so that the client is there to hear that it is too much
_BODY_S = 10.0


def answer(status: int, content: object, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer that nobody on the way keeps: it is about people's health."""
    kept = {"Cache-Control": "no-store"} | (headers or {})
    return Response(orjson.dumps(content), status, kept, media_type="application/json")


def problem(status: int, error: str, detail: str, headers: dict[str, str] | None = None) -> Response:
    """An error for the client: a code for programs, a sentence for people."""
    return answer(status, {"error": error, "detail": detail}, headers)


class Border:
    """ASGI middleware around the whole application. Without a `token` everybody may come in.

    An open path that ends with a slash is open with all below it. `large` are paths to which more may be
    sent: how many bytes.
    """

    def __init__(
        self,
        app: ASGIApp,
        token: str | None,
        open_paths: AbstractSet[str],
        large: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self._app, self._large = app, large
        self._expected = f"Bearer {token}".encode() if token else None
        self._open_paths = open_paths
        self._open_folders = tuple(path for path in open_paths if path.endswith("/"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it here (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            refused = self._refusal(scope)
            if refused is None and scope["method"] not in {"GET", "HEAD"}:
                content = await _whole_body(scope, receive, self._large.get(scope["path"], MAX_BODY_BYTES))
                if isinstance(content, Response):
                    refused = content
                else:
                    receive = _first(content, receive)
            await (refused or self._app)(scope, receive, sending)
        except Exception as error:  # noqa: BLE001  the last border before the client: nothing passes it
            log.error("request_failed", method=scope["method"], kind=_kind(error))  # noqa: TRY400
            if not started:
                await problem(500, "internal", "the service failed to answer")(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        if self._expected is None or scope["path"] in self._open_paths:
            return None
        if self._open_folders and scope["path"].startswith(self._open_folders):
            return None
        given = Headers(scope=scope).get("authorization", "").encode("latin-1")
        if hmac.compare_digest(given, self._expected):
            return None
        return problem(401, "unauthorized", "a bearer token is needed", {"WWW-Authenticate": "Bearer"})


async def _whole_body(scope: Scope, receive: Receive, most: int) -> bytes | Response:
    """The request's body, or why it is not taken."""
    too_large = problem(413, "too_large", f"a body has at most {most} bytes", {"Connection": "close"})
    length = Headers(scope=scope).get("content-length", "0")
    if not length.isdigit() or int(length[:9]) > _DRAINED_BYTES:
        return too_large
    content = bytearray()
    size = 0
    try:
        async with asyncio.timeout(_BODY_S):
            while True:
                message = await receive()
                size += len(message.get("body", b""))
                if size <= most:
                    content += message.get("body", b"")
                if size > _DRAINED_BYTES or not message.get("more_body", False):
                    return bytes(content) if size <= most else too_large
    except TimeoutError:
        return problem(408, "too_slow", "the body did not come in time", {"Connection": "close"})


def _first(content: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body read before, then what comes after it."""
    waiting = [content]

    async def receiving() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return receiving


def _kind(error: BaseException) -> str:
    """The type of what went wrong, through groups."""
    if isinstance(error, BaseExceptionGroup):
        return ", ".join(sorted({_kind(inner) for inner in error.exceptions}))
    return type(error).__name__
