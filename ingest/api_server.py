"""The server of the HTTP API: its port, and uvicorn on it. Rule: the command decides what a signal means."""

import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

_CONNECTIONS = 256


class _Server(uvicorn.Server):
    """uvicorn without its hands on SIGINT and SIGTERM: the command decides what those mean."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


def listen(host: str, port: int) -> socket.socket:
    """The API's own port. Raises OSError that says what to do when it cannot be had."""
    try:
        return socket.create_server((host, port), backlog=128)
    except OSError as error:
        why = str(error.strerror).partition(" (")[0]  # the address comes again in brackets
        said = f"the API cannot listen on {host}:{port}: {why}; choose another port (0: any free one)"
        raise OSError(error.errno, said) from error


def server(app: ASGIApp) -> uvicorn.Server:
    """A server of an application; `serve` it on what `listen` gave, and end it by `should_exit`."""
    return _Server(
        uvicorn.Config(
            app,
            log_config=None,
            lifespan="off",
            access_log=False,
            timeout_graceful_shutdown=3,
            limit_concurrency=_CONNECTIONS,
        )
    )


def address(listening: socket.socket) -> str:
    """The URL of what listens."""
    host, port = listening.getsockname()[:2]
    return f"http://{host}:{port}"
