"""`shouwang quarantine list / show / retry`: what nobody understood, at a running service.

Rule: a client of the service's HTTP API and nothing more, so there is one way in and the service keeps order.
"""

import base64
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx
import typer
from rich.progress import Progress

from devices.families import FAMILIES
from devices.reading import Reason
from ingest.commands.console import USAGE, end, end_with, json_line, told
from ingest.commands.quarantine_shown import console, print_list, print_retried, print_row
from ingest.config import Config, load

_TIMEOUT_S = 60.0
_PATH = "/api/v1/quarantine"

_OF_A_MODEL = {Reason.NOT_UNDERSTOOD, Reason.UNDECODED}

_Config = Annotated[Path, typer.Option("--config", help="The service's configuration.")]
_Api = Annotated[str, typer.Option("--api", help="The service's address, where it is another machine's.")]
_Token = Annotated[
    Path | None, typer.Option("--token-file", help="The API's token; else that of the configuration.")
]
_Reason = Annotated[str, typer.Option(help=f"Only this reason: {', '.join(Reason)}.")]
_Family = Annotated[str, typer.Option(help="Only this family.")]
_Device = Annotated[str, typer.Option(help="Only this device.")]
_Json = Annotated[bool, typer.Option("--json", help="JSON lines instead of a table.")]


@dataclass(frozen=True, slots=True)
class Service:
    """Where the service answers, and the token it wants."""

    url: str
    token: str
    unknown_token: str

    def get(self, path: str, parameters: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401  JSON
        """The answer's JSON; ends the program when there is none."""
        return self._asked("GET", path, params=parameters)

    def row(self, row: int) -> Any:  # noqa: ANN401  JSON
        """A row of the quarantine; None when there is none of this number."""
        return self._asked("GET", f"{_PATH}/{row}", or_none=True)

    def post(self, path: str, body: object) -> Any:  # noqa: ANN401  JSON
        """The answer's JSON; ends the program when there is none."""
        return self._asked("POST", path, json=body)

    def _asked(self, method: str, path: str, *, or_none: bool = False, **more: Any) -> Any:  # noqa: ANN401
        try:
            with httpx.Client(base_url=self.url, timeout=_TIMEOUT_S, trust_env=False) as client:
                answer = client.request(
                    method, path, headers={"Authorization": f"Bearer {self.token}"}, **more
                )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            end(f"{self.url} does not answer ({type(error).__name__}): is the service running?")
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
            end(detail or answer.reason_phrase)
        return found


def list_(
    reason: _Reason = "",
    family: _Family = "",
    device: _Device = "",
    all_: Annotated[bool, typer.Option("--all", help="Also what a retry understood.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: _Json = False,
    config: _Config = Path("shouwang.toml"),
    api: _Api = "",
    token_file: _Token = None,
) -> None:
    """What could not be used, newest first, with its reason and what can be shown of it."""
    service = _service(config, api, token_file)
    asked = {"reason": reason, "family": family, "device": device, "waiting": not all_, "limit": limit}
    found = service.get(_PATH, asked)
    if not found["quarantine"]:
        _end_if_unknown(reason, family)
    if as_json:
        for row in found["quarantine"]:
            json_line(row)
        return
    if not found["quarantine"]:
        told.print(_nothing(reason, family, device))
        return
    print_list(console(), found["quarantine"], found["counts"])
    if more := sum(one["count"] for one in found["counts"]) - len(found["quarantine"]):
        told.print(f"... and {more} more: --limit")
    told.print(
        "shouwang quarantine show ID shows one; retry tries them again after an upgrade,"
        " or once the model is registered"
    )


def show(
    row: Annotated[int, typer.Argument(help="Its id, as `list` has it.")],
    clear: Annotated[
        bool, typer.Option("--clear", help="Also the message as it came: handle with care.")
    ] = False,
    as_json: _Json = False,
    config: _Config = Path("shouwang.toml"),
    api: _Api = "",
    token_file: _Token = None,
) -> None:
    """One message of the quarantine, without secrets and personal identifiers unless asked for."""
    found = _service(config, api, token_file).get(f"{_PATH}/{row}", {"clear": clear})
    if as_json:
        json_line(found)
        return
    payload = None
    if clear:
        payload = base64.b64decode(found["message"]["payload_base64"])
        found["topic"] = found["message"]["topic"]
    print_row(found, payload)


def retry(
    rows: Annotated[list[int] | None, typer.Argument(help="Their ids; all that wait when missing.")] = None,
    reason: _Reason = "",
    family: _Family = "",
    device: _Device = "",
    as_json: _Json = False,
    config: _Config = Path("shouwang.toml"),
    api: _Api = "",
    token_file: _Token = None,
) -> None:
    """Interpret them again and store what is understood now, with its own time.

    Nobody is alerted of what is past, except of a call for help or a fall of the last 24 hours. Do it after
    an upgrade, or when the registry has learned a device's model. Safe to repeat.
    """
    service = _service(config, api, token_file)
    asked: dict[str, Any] = {"ids": rows or [], "reason": reason, "family": family, "device": device}
    parameters = {"reason": reason, "family": family, "device": device, "limit": 1}
    waiting = len(rows) if rows else sum(one["count"] for one in service.get(_PATH, parameters)["counts"])
    total = dict.fromkeys(("looked_at", "understood", "observations", "calls", "unopened"), 0)
    tried: list[dict[str, Any]] = []
    after = 0
    with Progress(console=told, disable=not told.is_terminal) as progress:
        task = progress.add_task("retrying 重试", total=waiting)
        while (done := service.post(f"{_PATH}/retry", asked | {"after": after}))["looked_at"]:
            after = done["last"]
            tried += done.get("rows", ())  # a service of before does not say
            for name in total:
                total[name] += done[name]
            progress.advance(task, done["looked_at"])
    if as_json:
        json_line(total | {"rows": tried})
    else:
        _tell_retried(total, tried, named=bool(rows))
    if not total["looked_at"] and not rows:
        _end_if_unknown(reason, family)
        told.print(_nothing(reason, family, device))
    _account_for(service, set(rows or ()) - {row["id"] for row in tried})


def _tell_retried(total: Mapping[str, int], tried: Sequence[Mapping[str, Any]], *, named: bool) -> None:
    print_retried(tried, all_=named)
    console().print(
        f"{total['looked_at']} looked at, {total['understood']} understood,"
        f" {total['observations']} observations stored, {total['calls']} late calls told"
    )
    if any(row["reason"] in _OF_A_MODEL for row in tried):
        told.print(
            "if the device's model is not registered: register it (shouwang registry import),"
            " start the service again, and retry"
        )


def _account_for(service: Service, missing: AbstractSet[int]) -> None:
    """Say why rows that were named were not looked at; a number of nothing ends the program."""
    unknown = []
    for number in sorted(missing):
        if (row := service.row(number)) is None:
            unknown.append(str(number))
        elif row["understood_at"]:
            told.print(f"{number} was understood before, {row['stored']} stored", markup=False)
        else:
            told.print(f"{number} is of another reason, family or device", markup=False)
    if unknown:
        end(f"no {', '.join(unknown)} in quarantine")


def _nothing(reason: str, family: str, device: str) -> str:
    return f"nothing here{' of this kind' if reason or family or device else ''} 隔离区没有这样的消息"


def _end_if_unknown(reason: str, family: str) -> None:
    """Where nothing was found: perhaps because there is no such word."""
    if reason and reason not in set(Reason):
        end(f"unknown reason {reason!r}; there are {', '.join(Reason)}", USAGE)
    if family and family not in FAMILIES:
        end(f"unknown family {family!r}; there are {', '.join(FAMILIES)}", USAGE)


def _service(config: Path, api: str, token_file: Path | None) -> Service:
    found: Config | None = None
    if api and not _is_address(api):
        end(f"--api {api!r} is not an address: write http://localhost:8080", USAGE)
    if config.exists() or not (api and token_file):
        loaded = load(config)
        if isinstance(loaded, list):
            end_with(loaded)
        found = loaded
    try:
        if token_file is not None:
            token = token_file.read_text(errors="replace").strip()
        else:
            assert found is not None  # noqa: S101  loaded above unless both are given
            kept = found.data / "api-token"
            token = found.api.secret() or (kept.read_text().strip() if kept.exists() else "")
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
    else:
        wrong = f"{api} does not take the configuration's token: name its own with --token-file"
    return Service(api.rstrip("/"), token, wrong)


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
