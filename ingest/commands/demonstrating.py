"""`shouwang demo`: a small home, complete, on this machine: database, broker, service and simulators.

Rule: nothing is faked on the way. The simulated devices speak to a real broker; what is printed is what the
service's own event stream says.
"""

import asyncio
import contextlib
import logging
import os
import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime, timedelta
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import psycopg
import typer
from rich.console import Console

from alerts.episode import Episode
from alerts.event import (
    EpisodeEvent,
    EvidenceAdded,
    MessageDelivered,
    MessageFailed,
    Notified,
    Opened,
    QuietEvent,
)
from alerts.notification import notify, text
from alerts.where import where
from devices.registry import Registry
from devices.registry_files import read
from ingest.checkpoint import latest_clock
from ingest.clock import ScaledClock
from ingest.commands.console import FAILURE, be_prompt, end, end_with, set_up_logs, told
from ingest.commands.serving import stop_on_signals
from ingest.config import Config
from ingest.embedded.broker import EmbeddedBroker
from ingest.embedded.guarded import EmbeddedError
from ingest.embedded.postgres import EmbeddedPostgres
from rules.configuration import default
from simulators import play
from simulators import scenario as scenarios
from simulators.clock import ClockAnchor

if TYPE_CHECKING:  # loaded where it runs, as in `serving`
    from ingest.app import Running

_ZONE = ZoneInfo("Asia/Shanghai")
_SCENARIO = "demo"
_SIMULATOR_STOPS_S = 10.0
_NAMED = 3  # people named in one line

_shown = Console(highlight=False, soft_wrap=True)
"""What happens in the home is what the demo is for: it goes to stdout."""


def run(
    residents: Annotated[int, typer.Option(min=9, max=200, help="Size of the home.")] = 10,
    speed: Annotated[float, typer.Option(min=1, max=1000, help="Times real speed.")] = 30.0,
    for_: Annotated[
        float | None, typer.Option("--for", min=1, help="Stop after so many real seconds; else at Ctrl-C.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Keep the data here; else in a folder that is removed at the end.", file_okay=False
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The API's port; 0: any free one.")] = 0,
    *,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the service's log, too.")] = False,
) -> None:
    """Run a simulated home with everything it needs, and print its alerts as they come."""
    set_up_logs(logging.INFO if verbose else logging.ERROR)
    os.umask(0o077)
    with ExitStack() as stack:
        if data is None:
            folder = Path(tempfile.mkdtemp(prefix="shouwang-demo-"))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
        else:
            folder = data.absolute()
        try:
            with told.status("starting PostgreSQL and the MQTT broker ..."):
                database, broker = _servers(stack, folder)
            demo = _Demo(folder, database.dsn, broker.url, residents, speed, port)
            code = asyncio.run(demo.run(for_))
        except KeyboardInterrupt:
            told.print("stopped before it was up")
            code = 0
        except (EmbeddedError, OSError) as error:
            end(error)
    raise typer.Exit(code)


def _servers(stack: ExitStack, folder: Path) -> tuple[EmbeddedPostgres, EmbeddedBroker]:
    """Both servers, started side by side; the service is loaded meanwhile, before its clock runs."""
    database, broker = EmbeddedPostgres(folder), EmbeddedBroker(folder)
    stack.callback(database.stop)
    stack.callback(broker.stop)
    with ThreadPoolExecutor(2) as pool:
        starting = [pool.submit(database.start), pool.submit(broker.start)]
        import_module("ingest.app")
        for started in starting:
            started.result()
    return database, broker


class _Demo:
    def __init__(
        self, folder: Path, dsn: str, broker_url: str, residents: int, speed: float, port: int
    ) -> None:
        self._dsn, self._broker_url, self._residents = dsn, broker_url, residents
        self._told: dict[str, int] = {}  # per episode, when what was told last happened
        now_ms = time.time_ns() // 1_000_000
        self._anchor = ClockAnchor(now_ms, _start_ms(folder, now_ms), speed)
        self._clock = ScaledClock(now_ms, self._anchor.sim_ms, speed)
        self._config = Config.model_validate({"data": folder / "service", "api": {"port": port}})
        piece = play.piece(_SCENARIO, residents=residents, start_ms=self._anchor.sim_ms)
        if isinstance(piece, list):
            end_with(piece)
        registry = read([("demo.toml", piece.registry)])
        if isinstance(registry, list):
            end_with(registry)
        self._registry: Registry = registry

    async def run(self, seconds: float | None) -> int:
        """Run until the time is over or somebody stops it; the exit code."""
        stop = stop_on_signals()
        from ingest.app import service
        from ingest.parts import Setting

        setting = Setting(
            self._config, self._registry, default(), self._broker_url, self._dsn, "", self._clock
        )
        quiet = asyncio.Event()
        async with service(setting) as running, asyncio.TaskGroup() as tasks:
            be_prompt()
            self._greet(running, seconds)
            printer = tasks.create_task(self._print_alerts(running), name="alerts")
            simulator = tasks.create_task(self._simulate(quiet), name="simulator")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await stop.wait()
            quiet.set()
            await asyncio.wait([simulator], timeout=_SIMULATOR_STOPS_S)
            simulator.cancel()
            await running.desk.settled()
            await asyncio.sleep(0)
            printer.cancel()
        _shown.print()
        _shown.print(self._summary(), markup=False)
        failed = simulator.cancelled() or simulator.result() != 0
        return FAILURE if failed else 0

    async def _simulate(self, stop: asyncio.Event) -> int:
        output = StringIO()
        code = await play.run(
            _SCENARIO,
            self._broker_url,
            anchor=self._anchor,
            residents=self._residents,
            stop=stop,
            stderr=output,
        )
        if code:
            told.print(output.getvalue(), style="red", markup=False)
        return code

    async def _print_alerts(self, running: "Running") -> None:
        async for _, event in running.desk.subscribe():
            if isinstance(event, QuietEvent):
                continue
            episode = running.desk.get(event.episode)
            if episode is not None and self._worth_telling(event, episode):
                _shown.print(self._line(event, episode), markup=False, style=_STYLES.get(event.name, ""))

    def _worth_telling(self, event: EpisodeEvent, episode: Episode) -> bool:
        """Not one more message of the same press, nor the same cause again for the next person."""
        if isinstance(event, (Notified, MessageDelivered, MessageFailed)):
            return False  # at a demo's speed nobody can keep up with the ladder
        if not isinstance(event, (Opened, EvidenceAdded)):
            return event.number == episode.number
        if isinstance(event, EvidenceAdded) and not event.calls:
            return False
        before = self._told.get(event.episode)
        self._told[event.episode] = event.evidence.at
        return event.evidence.at != before

    def _line(self, event: EpisodeEvent, episode: Episode) -> str:
        """One alert event for the eye: when, how urgent, what, who and where, and how fast we were."""
        at = datetime.fromtimestamp(event.at / 1000, _ZONE).strftime("%H:%M:%S")
        notification = notify(episode, event)
        said = text(episode, notification, self._registry) if notification else {}
        shown = f"\n{_INDENT}".join(said.values()) or f"{episode.kind_of(event)}: {event.name}"
        if not isinstance(event, (Opened, EvidenceAdded)):
            return f"{at} {event.name:9} {episode.kind_of(event)}\n{_INDENT}{shown}"
        everybody = [concern.subject for concern in episode.concerned]
        who = ", ".join(self._who(subject) for subject in everybody[:_NAMED])
        who += f" and {len(everybody) - _NAMED} more" if len(everybody) > _NAMED else ""
        latency = max(0.0, (self._clock.now() - event.evidence.at) / self._clock.speed)
        how_fast = f"{latency:.0f} ms" if event.evidence.at >= self._anchor.sim_ms else "while nobody watched"
        return f"{at} {event.name:9} {episode.kind_of(event)}: {who}, {how_fast}\n{_INDENT}{shown}"

    def _who(self, subject: str) -> str:
        found = where(self._registry, subject)
        resident = self._registry.residents.get(found.resident)
        name = f"{resident.id} {resident.name}" if resident else subject
        room = f"room {found.room}" if found.room else found.en
        return f"{name}, {room}"

    def _greet(self, running: "Running", seconds: float | None) -> None:
        began = datetime.fromtimestamp(self._anchor.sim_ms / 1000, _ZONE)
        _shown.print(
            f"A home of {self._residents} at {began:%H:%M}, {self._anchor.speed:g} times real speed"
            + (f", for {seconds:g} s" if seconds else ", until Ctrl-C")
        )
        _shown.print(f"  alerts    {running.api_url}/api/v1/alerts   (live: {running.api_url}/api/v1/events)")
        _shown.print(f"  metrics   {running.api_url}/metrics")
        port = urlsplit(self._broker_url).port
        _shown.print(f"  broker    {self._broker_url}   (try: mosquitto_sub -p {port} -t 'shouwang/#' -v)")
        _shown.print(f"  database  {self._dsn}", markup=False)
        _shown.print("  (in the demo the API is open to all on this machine; `run` asks for its token)")
        _shown.print()

    def _summary(self) -> str:
        try:
            with psycopg.connect(self._dsn) as database:
                row = database.execute(
                    "SELECT (SELECT count(*) FROM observation), (SELECT count(*) FROM alert),"
                    " (SELECT count(*) FROM quarantine)"
                ).fetchone()
        except psycopg.Error as error:
            return f"the database said: {error}"
        observations, alerts, quarantined = row or (0, 0, 0)
        return f"{observations} observations and {alerts} alerts stored, {quarantined} messages quarantined"


_INDENT = " " * 9
_STYLES = {"opened": "bold red", "evidence": "red", "cleared": "green"}


def _start_ms(folder: Path, now_ms: int) -> int:
    """The demo's own time of day, today; with kept data on the first day after what is there."""
    found = scenarios.read(_SCENARIO)
    if isinstance(found, list):
        end_with(found)
    latest = latest_clock(folder / "service" / "checkpoint.db")
    day = datetime.fromtimestamp(max(now_ms, latest) / 1000, _ZONE).date()
    start = found.start_ms(day)
    return start if start > latest else found.start_ms(day + timedelta(days=1))
