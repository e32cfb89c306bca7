"""`python -m simulators`: plays a scenario or a recording. Rule: wrong usage is exit 2, no traceback."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from simulators import play
from simulators import scenario as scenarios

_LAST_START_MS = 4_102_444_800_000  # the year 2100

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def _known(show: bool) -> None:
    if show:
        for name, description in scenarios.known().items():
            typer.echo(f"{name:16}{description}")
        raise typer.Exit


@app.command(
    epilog="Example: python -m simulators demo --broker mqtt://localhost:1883 --speed 30 --truth truth.jsonl"
)
def simulate(
    scenario: Annotated[
        str, typer.Argument(help="A scenario's name or .toml file; with --recording, a map's.")
    ],
    broker: Annotated[str, typer.Option(help="mqtt://host:port, or mqtts://")] = "",
    speed: Annotated[float, typer.Option(min=0, help="Times real speed; 0: as fast as it goes.")] = 1.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same run.")] = 1,
    residents: Annotated[int | None, typer.Option(help="Another size of the home.")] = None,
    truth: Annotated[
        Path | None, typer.Option(help="Write here what should have been observed and alerted.")
    ] = None,
    start: Annotated[
        int | None,
        typer.Option(
            min=0, max=_LAST_START_MS, help="Start of the run, ms UTC; else at the scenario's time of day."
        ),
    ] = None,
    recording: Annotated[Path | None, typer.Option(help="A recorded sensor log, .csv or .csv.gz.")] = None,
    house: Annotated[str, typer.Option(help="Which house of the recording.")] = "B",
    registry: Annotated[Path | None, typer.Option(help="Write the home's registry here, as TOML.")] = None,
    lines: Annotated[
        Path | None, typer.Option(help="Write the run here as input for replay, instead of playing it.")
    ] = None,
    username: Annotated[str | None, typer.Option(help="Who we are at the broker.")] = None,
    password: Annotated[
        str | None, typer.Option(envvar="SHOUWANG_MQTT_PASSWORD", help="Better given in the environment.")
    ] = None,
    ca_file: Annotated[Path | None, typer.Option(help="Certificate authority of the broker.")] = None,
    mqtt5: Annotated[bool, typer.Option("--mqtt5", help="Speak MQTT 5 instead of 3.1.1.")] = False,
    wait: Annotated[float, typer.Option(min=0, help="Seconds in which the broker must be there.")] = 10.0,
    _list: Annotated[
        bool, typer.Option("--list", callback=_known, is_eager=True, help="List the scenarios.")
    ] = False,
) -> None:
    """Plays a simulated home, or a recorded one, over MQTT."""
    if lines or (registry and not broker):
        raise typer.Exit(
            play.write_lines(
                lines, scenario, seed=seed, start_ms=start, residents=residents, recording=recording,
                house=house, registry=registry, truth=truth,
            )
        )  # fmt: skip
    if not broker:
        if wrong := play.check(scenario, residents=residents, recording=recording, house=house):
            raise typer.Exit(wrong)
        raise typer.BadParameter(
            "say which broker, or --lines FILE or --registry FILE", param_hint="--broker"
        )
    raise typer.Exit(
        play.blocking(
            lambda stop: play.run(
                scenario,
                broker,
                speed=speed,
                seed=seed,
                truth=truth,
                start_ms=start,
                residents=residents,
                recording=recording,
                house=house,
                registry=registry,
                username=username,
                password=password,
                ca_file=ca_file,
                mqtt5=mqtt5,
                wait_s=wait,
                stop=stop,
            )
        )
    )


if __name__ == "__main__":
    sys.exit(app())
