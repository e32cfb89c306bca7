"""`shouwang quarantine list / show / retry`: what nobody understood, at a running service.

Rule: a client of the service's HTTP API and nothing more, so there is one way in and the service keeps order.
"""

import base64
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import httpx
import orjson
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from ingest.commands.console import FAILURE, USAGE, bare, end, end_with, plain, told
from ingest.config import Config, load

_TIMEOUT_S = 60.0

_Config = Annotated[Path, typer.Option("--config", help="The service's configuration.")]
_Api = Annotated[str, typer.Option("--api", help="The service's address, where it is another machine's.")]
_Token = Annotated[
    Path | None, typer.Option("--token-file", help="The API's token; else that of the configuration.")
]
_Reason = Annotated[str, typer.Option(help="Only this reason, such as not_understood.")]
_Family = Annotated[str, typer.Option(help="Only this family.")]
_Device = Annotated[str, typer.Option(help="Only this device.")]
_Json = Annotated[bool, typer.Option("--json", help="JSON lines instead of a table.")]


@dataclass(frozen=True, slots=True)
class Service:
    """Where the service answers, and the token it wants."""

    url: str
    token: str

    def get(self, path: str, parameters: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401  JSON
        """The answer's JSON; ends the program when there is none."""
        return self._asked("GET", path, params=parameters)

    def post(self, path: str, body: object) -> Any:  # noqa: ANN401  JSON
        """The answer's JSON; ends the program when there is none."""
        return self._asked("POST", path, json=body)

    def _asked(self, method: str, path: str, **more: Any) -> Any:  # noqa: ANN401
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
            detail = found.get("detail", "") if isinstance(found, dict) else ""
            hint = (
                ": name the token with --token-file" if answer.status_code == httpx.codes.UNAUTHORIZED else ""
            )
            end(f"{detail or answer.reason_phrase}{hint}", FAILURE)
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
    found = service.get("/api/v1/quarantine", asked)
    if as_json:
        for row in found["quarantine"]:
            _print(row)
        return
    console = Console(highlight=False)
    rows = Table(title="quarantine 隔离区", title_justify="left", highlight=False)
    for name in (
        "id",
        "received 收到",
        "family 协议",
        "device 设备",
        "reason 原因",
        "detail 说明",
        "payload 内容",
    ):
        rows.add_column(name, overflow="fold")
    for row in found["quarantine"]:
        shown = row["shown"] if len(row["shown"]) <= 120 else row["shown"][:120] + " ..."
        cells = (row["received_at"][:19], row["family"] or "?", row["device"] or row["topic"], row["reason"])
        rows.add_row(str(row["id"]), *map(plain, (*cells, row["detail"], shown)))
    console.print(rows)
    for one in found["counts"]:
        console.print(f"{one['count']:>8}  {one['family'] or '?'}  {one['reason']}", markup=False)
    if found["quarantine"]:
        told.print("shouwang quarantine show ID shows one; retry tries them again after an upgrade")


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
    found = _service(config, api, token_file).get(f"/api/v1/quarantine/{row}", {"clear": clear})
    if as_json:
        _print(found)
        return
    console = Console(highlight=False)
    for name, value in found.items():
        if name != "message":
            console.print(f"{name:14}{bare(str(value)) if value is not None else '-'}", markup=False)
    if clear:
        console.print(f"{'topic':14}{bare(found['message']['topic'])}", markup=False)
        payload = base64.b64decode(found["message"]["payload_base64"]).decode(errors="backslashreplace")
        console.print(bare(payload, lines=True), markup=False, soft_wrap=True)


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
    waiting = (
        len(rows)
        if rows
        else sum(one["count"] for one in service.get("/api/v1/quarantine", parameters)["counts"])
    )
    total = dict.fromkeys(("looked_at", "understood", "observations", "calls", "unopened"), 0)
    after = 0
    with Progress(console=told, disable=not told.is_terminal) as progress:
        task = progress.add_task("retrying 重试", total=waiting)
        while (done := service.post("/api/v1/quarantine/retry", asked | {"after": after}))["looked_at"]:
            after = done["last"]
            for name in total:
                total[name] += done[name]
            progress.advance(task, done["looked_at"])
    if as_json:
        _print(total)
    else:
        said = (
            f"{total['looked_at']} looked at, {total['understood']} understood,"
            f" {total['observations']} observations stored, {total['calls']} late calls told"
        )
        Console(highlight=False).print(said)
    if total["unopened"]:
        told.print(f"{total['unopened']} were sealed with a key that is not in the service's data folder")


def _service(config: Path, api: str, token_file: Path | None) -> Service:
    found: Config | None = None
    if config.exists() or not (api and token_file):
        loaded = load(config)
        if isinstance(loaded, list):
            end_with(loaded)
        found = loaded
    try:
        if token_file is not None:
            token = token_file.read_text().strip()
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
    return Service(api.rstrip("/"), token)


def _print(value: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))
