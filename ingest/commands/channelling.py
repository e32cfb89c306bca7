"""`shouwang channels`: how each way to tell people fares, and a test of one.

Rule: a test says in words what became of it, and exits with 1 where nobody got it.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ingest.commands.client import ApiOption, ConfigOption, TokenOption, local, service_at, zone_at
from ingest.commands.console import FAILURE
from ingest.commands.console import told as spoken
from ingest.commands.quarantine_shown import console

app = typer.Typer(
    help="Ways to tell people: how they fare, and tests. 通知渠道",
    epilog="Example: shouwang channels test push --by zhou --to li.na",
    no_args_is_help=True,
)
_DEFAULT = Path("shouwang.toml")


@app.command("list", epilog="Example: shouwang channels list --config shouwang.toml")
def list_(config: ConfigOption = _DEFAULT, api: ApiOption = "", token_file: TokenOption = None) -> None:
    """Every channel: whether it works, when it last did, and what was wrong."""
    found = service_at(config, api, token_file).get("/api/v1/channels")["channels"]
    zone = zone_at(config)
    table = Table("channel", "for", "circuit", f"delivered ({zone})", "failed", "why")
    for one in found:
        whom = "people" if one["addressed"] else "everything"
        table.add_row(
            one["channel"],
            whom,
            one["circuit"],
            local(one["delivered_at"] or "", zone) or "-",
            local(one["failed_at"] or "", zone) or "-",
            one["why"] or "",
        )
    console().print(table)


@app.command("test", epilog="Example: shouwang channels test push --by zhou --to li.na")
def try_(
    name: Annotated[str, typer.Argument(help="A channel of the configuration, by name.")],
    by: Annotated[str, typer.Option("--by", help="Who asks for the test.")],
    to: Annotated[
        str, typer.Option("--to", help="To which person of the duty file; none: the channel.")
    ] = "",
    config: ConfigOption = _DEFAULT,
    api: ApiOption = "",
    token_file: TokenOption = None,
) -> None:
    """Send one message marked as a test 发送一条测试通知."""
    path = f"/api/v1/channels/{name}/test"
    became = service_at(config, api, token_file).post(path, {"by": by, "to": to})
    good = became["result"] in {"delivered", "accepted"}
    spoken.print(
        f"{name}: {became['result']}: {became['detail']}", style="green" if good else "red", markup=False
    )
    if not good:
        raise typer.Exit(FAILURE)
