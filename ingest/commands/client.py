"""A running service as a command's client meets it: where it answers, and with which token.

Rule: commands that act on a running service go through its HTTP API, so there is one way in and the service
keeps order.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import httpx
import orjson
import typer

from ingest.commands.console import FAILURE, USAGE, end, end_with, told
from ingest.config import Config, load
from ingest.reporting.periods import BAD_PERIOD

_TIMEOUT_S = 60.0
_SILENCE_S = 45.0  # the stream of events says every 15 s that it is there
_TOKEN = "SHOUWANG_API__TOKEN"  # noqa: S105  the name of the variable that the configuration has too
_MOST_PROBLEMS = 20

ConfigOption = Annotated[Path, typer.Option("--config", help="The service's configuration.")]
ApiOption = Annotated[
    str, typer.Option("--api", help="The service's address, where it is another machine's.")
]
TokenOption = Annotated[
    Path | None,
    typer.Option(
        "--token-file", help="The API's token; else that of the configuration, else SHOUWANG_API__TOKEN."
    ),
]


@dataclass(frozen=True, slots=True)
class Service:
    """Where the service answers, and the token it wants."""

    url: str
    token: str
    unknown_token: str

    def get(
        self, path: str, parameters: Mapping[str, Any] | None = None, patience_s: float = _TIMEOUT_S
    ) -> Any:  # noqa: ANN401  JSON
        """The answer's JSON; ends the program when there is none."""
        return self._asked("GET", path, params=parameters, patience_s=patience_s)

    def find(self, path: str) -> Any:  # noqa: ANN401  JSON
        """The answer's JSON; None when there is no such thing."""
        return self._asked("GET", path, or_none=True)

    def text(
        self, path: str, parameters: Mapping[str, Any] | None = None, patience_s: float = _TIMEOUT_S
    ) -> bytes:
        """An answer in whatever form, as it is; ends the program when it is an error."""
        answer = self._request("GET", path, params=parameters, patience_s=patience_s)
        if answer.is_error:
            self._read(answer, or_none=False)
        return answer.content

    def post(self, path: str, body: object) -> Any:  # noqa: ANN401  JSON
        """The answer's JSON; ends the program when there is none."""
        return self._asked("POST", path, json=body)

    def events(self, after: int | None = None) -> Iterator[tuple[int, dict[str, Any]] | None]:
        """Alert events with their numbers as they happen, or all after one; None first, once it listens.

        Ends when the service ends it. Raises `httpx.HTTPError` when it is not there, or no longer.
        """
        headers = {"Authorization": f"Bearer {self.token}"}
        headers |= {} if after is None else {"Last-Event-ID": str(after)}
        with (
            httpx.Client(base_url=self.url, timeout=_SILENCE_S, trust_env=False) as client,
            client.stream("GET", "/api/v1/events", headers=headers) as answer,
        ):
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                end(self.unknown_token)
            if answer.is_error:
                end(f"{self.url} is no Shouwang service")
            yield None
            number = 0
            for line in answer.iter_lines():
                field, _, value = line.partition(": ")
                if field == "id" and value.isdigit():
                    number = int(value)
                elif field == "data":
                    yield number, orjson.loads(value)

    def _request(
        self,
        method: str,
        path: str,
        *,
        patience_s: float = _TIMEOUT_S,
        **more: Any,  # noqa: ANN401  as httpx takes it
    ) -> httpx.Response:
        try:
            with httpx.Client(base_url=self.url, timeout=patience_s, trust_env=False) as client:
                return client.request(method, path, headers={"Authorization": f"Bearer {self.token}"}, **more)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            end(f"{self.url} does not answer ({type(error).__name__}): is the service running?")

    def _asked(self, method: str, path: str, *, or_none: bool = False, **more: Any) -> Any:  # noqa: ANN401
        return self._read(self._request(method, path, **more), or_none=or_none)

    def _read(self, answer: httpx.Response, *, or_none: bool) -> Any:  # noqa: ANN401  JSON
        try:
            found = answer.json()
        except ValueError:
            end(f"{self.url} is no Shouwang service")
        if answer.is_error:
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                end(self.unknown_token)
            if answer.status_code == httpx.codes.NOT_FOUND and or_none:
                return None
            detail = found.get("detail", "") if isinstance(found, dict) else ""
            for one in found.get("problems", ())[:_MOST_PROBLEMS] if isinstance(found, dict) else ():
                where = f"line {one['line']}: " if one["line"] else ""
                told.print(f"{where}{one['message']}", style="red", markup=False)
            misused = isinstance(found, dict) and found.get("error") == BAD_PERIOD
            end(detail or answer.reason_phrase, USAGE if misused else FAILURE)
        return found


def service_at(config: Path, api: str, token_file: Path | None) -> Service:
    """The service of a configuration, or at an address; ends the program when it cannot be told.

    The token is that of its file, else of the configuration, else of the variable SHOUWANG_API__TOKEN.
    """
    found: Config | None = None
    if api and not _is_address(api):
        end(f"--api {api!r} is not an address: write http://localhost:8080", USAGE)
    by_environment = os.environ.get(_TOKEN, "") if api and not config.exists() else ""
    if config.exists() or not (api and (token_file or by_environment)):
        if not config.exists():
            end(_no_configuration(config, api), USAGE)
        loaded = load(config)
        if isinstance(loaded, list):
            end_with(loaded)
        found = loaded
    try:
        if token_file is not None:
            token = token_file.read_text(errors="replace").strip()
        elif by_environment:
            token = by_environment
        else:
            assert found is not None  # noqa: S101  loaded above unless there is another token
            kept = found.data / "api-token"
            token = found.api.secret() or (kept.read_text().strip() if kept.exists() else "")
            if not token:
                end(f"{kept} holds no token: is the service running? It makes one at its first start")
    except OSError as error:
        end(error, USAGE)
    if not api:
        assert found is not None  # noqa: S101  loaded above unless both are given
        host = "127.0.0.1" if found.api.host in {"0.0.0.0", "::"} else found.api.host  # noqa: S104
        api = f"http://{f'[{host}]' if ':' in host else host}:{found.api.port}"
    if token_file is not None:
        wrong = f"--token-file {token_file}: this token is wrong"
        if not token or not (token.isascii() and token.isprintable()):
            end(f"--token-file {token_file} holds no token", USAGE)
    elif by_environment:
        wrong = f"{api} does not take the token of {_TOKEN}"
        if not (token.isascii() and token.isprintable()):
            end(f"{_TOKEN} holds no token", USAGE)
    else:
        wrong = f"{api} does not take the configuration's token: name its own with --token-file"
    return Service(api.rstrip("/"), token, wrong)


def zone_at(config: Path) -> ZoneInfo:
    """The home's time zone, as its configuration has it; without one the zone that holds without a word."""
    loaded = load(config) if config.exists() else None
    zone = loaded.timezone if isinstance(loaded, Config) else Config.model_fields["timezone"].default
    return ZoneInfo(zone)


def local(written: str, zone: ZoneInfo) -> str:
    """A time as the API writes it, as a clock in the home shows it; "" stays so."""
    return f"{datetime.fromisoformat(written).astimezone(zone):%Y-%m-%d %H:%M:%S}" if written else ""


def _no_configuration(config: Path, api: str) -> str:
    if api:
        return f"{api} wants a token: name its file with --token-file, or set {_TOKEN}"
    here = "go to its folder, name it with --config, or name the service's address with --api"
    return f"there is no configuration {config} here: {here}"


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
