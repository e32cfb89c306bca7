"""The commands under one name. Rule: every command has an example in its help."""

import inspect

import typer

from ingest.commands import (
    alerting,
    channelling,
    decoding,
    demonstrating,
    duty,
    falling,
    listening,
    modelling,
    proposing,
    quarantining,
    registering,
    replaying,
    reporting,
    ruling,
    serving,
    simulating,
)

app = typer.Typer(
    name="shouwang",
    help="Shouwang 守望: devices in over MQTT, alerts to staff out, nothing lost.",
    epilog="Example, a whole home on this machine: shouwang demo --for 60 --speed 30",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
registry = typer.Typer(
    help="Residents, places and devices.",
    epilog="Example: shouwang registry import residents.csv devices.csv",
    no_args_is_help=True,
)

app.command("demo", epilog="Example: shouwang demo --for 60 --speed 30")(demonstrating.run)
app.command("run", epilog="Example: shouwang run --config shouwang.toml")(serving.run)
app.command("check-config", epilog="Example: shouwang check-config shouwang.toml")(serving.check_config)
app.command("migrate", epilog="Example: shouwang migrate --dsn postgresql://shouwang@db/shouwang")(
    serving.migrate
)
app.command(
    "decode",
    epilog="""Example: echo '{"action":"emergency"}' | shouwang decode --topic zigbee2mqtt/button-1""",
)(decoding.run)
app.command("listen", epilog="Example: shouwang listen --broker mqtt://localhost:1883 --for 60")(
    listening.run
)
app.command("models", epilog="Example: shouwang models MCCGQ11LM")(modelling.run)
app.command(
    "replay",
    epilog="Example: shouwang replay --from 2026-11-01 --to 2026-11-08 --config shouwang.toml"
    " --compare new-rules.toml; of a recording: shouwang replay night.jsonl --registry home.toml",
)(replaying.run)
app.command(
    "simulate",
    epilog="Example: shouwang simulate demo --broker mqtt://localhost:1883 --speed 30 --truth truth.jsonl",
)(simulating.run)
registry.command("import", epilog="Example: shouwang registry import residents.csv devices.csv")(
    registering.import_
)
registry.command("export", epilog="Example: shouwang registry export > home.toml")(registering.export)
app.add_typer(registry, name="registry")
app.add_typer(alerting.app, name="alerts")
app.add_typer(channelling.app, name="channels")
app.add_typer(reporting.app, name="report")
app.add_typer(falling.app, name="falls")

quarantine = typer.Typer(
    help="What nobody understood: list it, look at it, try it again.",
    epilog="Example: shouwang quarantine list --config shouwang.toml",
    no_args_is_help=True,
)
quarantine.command("list", epilog="Example: shouwang quarantine list --reason not_understood")(
    quarantining.list_
)
quarantine.command("show", epilog="Example: shouwang quarantine show 17")(quarantining.show)
quarantine.command("retry", epilog="Example: shouwang quarantine retry --family zigbee2mqtt")(
    quarantining.retry
)
app.add_typer(quarantine, name="quarantine")

rules = typer.Typer(
    help="The rules: which hold for whom and why, and limits that fit a resident.",
    epilog="Example: shouwang rules propose r-03 --from 2026-10-01 --config shouwang.toml",
    no_args_is_help=True,
)
rules.command("explain", epilog="Example: shouwang rules explain r-03 --config shouwang.toml")(
    ruling.explain_
)
rules.command("list", epilog="Example: shouwang rules list --rules rules.toml")(ruling.list_)
rules.command(
    "propose", epilog="Example: shouwang rules propose r-03 --from 2026-10-01 --config shouwang.toml"
)(proposing.run)
app.add_typer(rules, name="rules")

rota = typer.Typer(
    help="The rota: who is on duty, gaps, overrides, swaps, calendars in and out.",
    epilog="Example: shouwang duty show --place home-1",
    no_args_is_help=True,
)
rota.command("show", epilog="Example: shouwang duty show --at 2026-12-01T23:00 --place room-101")(duty.show)
rota.command("gaps", epilog="Example: shouwang duty gaps --from 2026-12-24 --to 2027-01-02")(duty.gaps)
rota.command(
    "override",
    epilog="Example: shouwang duty override --person wang --instead li --until 2026-12-02T08:00 --by chen",
)(duty.override)
rota.command("swap", epilog="Example: shouwang duty swap night@2026-12-01 night@2026-12-04 --by chen.mei")(
    duty.swap
)
rota.command(
    "import", epilog="Example: shouwang duty import night.ics --role primary --place home-1 --by chen.mei"
)(duty.import_)
rota.command("export", epilog="Example: shouwang duty export --role primary --place home-1 > night.ics")(
    duty.export
)
rota.command("changes", epilog="Example: shouwang duty changes --limit 50")(duty.changes)
rota.command("withdraw", epilog="Example: shouwang duty withdraw 17 --by chen.mei")(duty.withdraw)
rota.command("confirm", epilog="Example: shouwang duty confirm night.2026-12-01 --by li")(duty.confirm)
app.add_typer(rota, name="duty")


def _reflow(group: typer.Typer) -> None:
    """Lets a terminal break the lines of help texts where it ends; indented paragraphs stay as they are."""
    for command in group.registered_commands:
        said = inspect.getdoc(command.callback) or ""
        command.help = "\n\n".join(
            part if part.startswith(" ") else part.replace("\n", " ") for part in said.split("\n\n")
        )
    for each in group.registered_groups:
        if each.typer_instance is not None:
            _reflow(each.typer_instance)


_reflow(app)
