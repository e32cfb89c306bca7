"""`shouwang quarantine list / show / retry`: what nobody understood, at a running service.

Rule: a client of the service's HTTP API and nothing more, so there is one way in and the service keeps order.
"""

import base64
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from devices.families import FAMILIES
from devices.reading import Reason
from ingest.commands.client import ApiOption, ConfigOption, Service, TokenOption, service_at
from ingest.commands.console import USAGE, end, json_line, told
from ingest.commands.quarantine_shown import console, print_list, print_retried, print_row

_PATH = "/api/v1/quarantine"

_OF_A_MODEL = {Reason.NOT_UNDERSTOOD, Reason.UNDECODED}

_Reason = Annotated[str, typer.Option(help=f"Only this reason: {', '.join(Reason)}.")]
_Family = Annotated[str, typer.Option(help="Only this family.")]
_Device = Annotated[str, typer.Option(help="Only this device.")]
_Json = Annotated[bool, typer.Option("--json", help="JSON lines instead of a table.")]


def list_(
    reason: _Reason = "",
    family: _Family = "",
    device: _Device = "",
    all_: Annotated[bool, typer.Option("--all", help="Also what a retry understood.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: _Json = False,
    config: ConfigOption = Path("shouwang.toml"),
    api: ApiOption = "",
    token_file: TokenOption = None,
) -> None:
    """What could not be used, newest first, with its reason and what can be shown of it."""
    service = service_at(config, api, token_file)
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
    config: ConfigOption = Path("shouwang.toml"),
    api: ApiOption = "",
    token_file: TokenOption = None,
) -> None:
    """One message of the quarantine, without secrets and personal identifiers unless asked for."""
    found = service_at(config, api, token_file).get(f"{_PATH}/{row}", {"clear": clear})
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
    config: ConfigOption = Path("shouwang.toml"),
    api: ApiOption = "",
    token_file: TokenOption = None,
) -> None:
    """Interpret them again and store what is understood now, with its own time.

    Nobody is alerted of what is past, except of a call for help or a fall of the last 24 hours. Do it after
    an upgrade, or when the registry has learned a device's model. Safe to repeat.
    """
    service = service_at(config, api, token_file)
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
        if (row := service.find(f"{_PATH}/{number}")) is None:
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
