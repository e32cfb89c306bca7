"""The entry for commands: a scenario or a recording, played to a broker, with its truth.

Rule: what the user got wrong is told in words and answered by exit code 2, a broker that is away by 1.
"""

import asyncio
import math
import signal
import sys
from collections.abc import Callable, Coroutine, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from simulators import home
from simulators import recording as recordings
from simulators import registry as registries
from simulators import scenario as scenarios
from simulators.broker import Broker, broker_at
from simulators.clock import ClockAnchor, real_now_ms
from simulators.link import BrokerUnreachableError, Patience
from simulators.publication import Connection, Publication
from simulators.publish import publish
from simulators.truth import Expected, Tally, expected
from simulators.world import World

USAGE = 2
FAILED = 1


@dataclass(frozen=True, slots=True)
class Piece:
    """What can be played: publications in time order, their connections, and what should come of them."""

    name: str
    start_ms: int
    end_ms: int
    publications: Iterable[Publication]
    connections: tuple[Connection, ...]
    expected: tuple[Expected, ...]
    registry: str
    seed: int = 0


def piece_of_scenario(
    which: str | Path, *, seed: int = 1, start_ms: int | None = None, residents: int | None = None
) -> Piece | list[str]:
    """A scenario by name or path. Without `start_ms` it starts at its own time of day, at most a day ago."""
    found = scenarios.read(which)
    if isinstance(found, scenarios.Scenario) and residents is not None:
        found = found.with_residents(residents)
    if not isinstance(found, scenarios.Scenario):
        return found
    world = World(found, seed, latest_start_ms(found) if start_ms is None else start_ms)
    return Piece(
        found.name,
        world.start_ms,
        world.end_ms,
        world,
        world.connections,
        tuple(expected(world.timetable)),
        registries.of_home(found.residents),
        seed,
    )


def latest_start_ms(found: scenarios.Scenario, now_ms: int | None = None) -> int:
    """The last time before now at which the home's clock showed the start of the scenario."""
    now_ms = real_now_ms() if now_ms is None else now_ms
    today = datetime.fromtimestamp(now_ms / 1000, home.ZONE).date()
    start_ms = found.start_ms(today)
    return start_ms if start_ms <= now_ms else found.start_ms(today - timedelta(days=1))


def piece_of_recording(which: str | Path, data: Path, house: str) -> Piece | list[str]:
    """A recorded house: `which` is a map by name or path, `data` the recorded log."""
    log = recordings.read(which, data, house)
    if not isinstance(log, recordings.Recording):
        return log
    return Piece(
        f"{log.map.name} {house}",
        log.start_ms,
        log.end_ms,
        log.publications(),
        log.connections,
        (),
        log.registry(),
    )


def piece(
    scenario: str | Path,
    *,
    seed: int = 1,
    start_ms: int | None = None,
    residents: int | None = None,
    recording: Path | None = None,
    house: str = "B",
) -> Piece | list[str]:
    """A scenario, or with `recording` (a log's file) a house of it as the map `scenario` reads it."""
    if recording is None:
        return piece_of_scenario(scenario, seed=seed, start_ms=start_ms, residents=residents)
    return piece_of_recording(scenario, recording, house)


async def run(
    scenario: str | Path,
    broker_url: str,
    *,
    speed: float = 1.0,
    seed: int = 1,
    truth: Path | None = None,
    anchor: ClockAnchor | None = None,
    start_ms: int | None = None,
    residents: int | None = None,
    recording: Path | None = None,
    house: str = "B",
    registry: Path | None = None,
    username: str | None = None,
    password: str | None = None,
    ca_file: Path | None = None,
    mqtt5: bool = False,
    wait_s: float = 10.0,
    stop: asyncio.Event | None = None,
    stderr: TextIO | None = None,
) -> int:
    """Plays a scenario, or with `recording` (a log's file) a recorded house; returns the exit code.

    `anchor` is the clock shared with the service and decides the speed; without it the piece begins now.
    `start_ms` defaults to the anchor's time, then to the scenario's own time of day; a recording keeps its
    own times. `wait_s` is how long the broker may take to be there at first. The truth is written when the
    piece ends, early or not, and counts what was published. Setting `stop` ends it early; so does
    cancelling, but then no truth is written. Never raises for what the user or the network gets wrong.
    """
    console = Console(file=stderr or sys.stderr, highlight=False, soft_wrap=True)
    broker = broker_at(broker_url, username=username, password=password, ca_file=ca_file, mqtt5=mqtt5)
    if start_ms is None and anchor:
        start_ms = anchor.sim_ms
    played = piece(
        scenario, seed=seed, start_ms=start_ms, residents=residents, recording=recording, house=house
    )
    wrong = [broker] if isinstance(broker, str) else []
    wrong += played if isinstance(played, list) else []
    if not (anchor or 0 <= speed < math.inf):
        wrong.append("the speed is a number from 0 (as fast as it goes) on")
    if wrong or isinstance(broker, str) or isinstance(played, list):
        return _told(console, wrong, USAGE)
    anchor = anchor or ClockAnchor(real_now_ms(), played.start_ms, speed)
    tally = Tally()
    try:
        if truth:  # not to be told after half an hour that it cannot be written
            truth.open("ab").close()
        if registry:
            await asyncio.to_thread(registry.write_text, played.registry, "utf-8")
        code = await _play(played, broker, anchor, tally, Patience(first_s=wait_s), stop, console)
        if truth:
            _write_truth(truth, played, tally, ended=not (code or (stop and stop.is_set())))
    except OSError as error:
        return _told(console, [f"{error.filename}: {error.strerror}"], FAILED)
    return code


def write_lines(
    path: Path | None,
    scenario: str | Path,
    *,
    seed: int = 1,
    start_ms: int | None = None,
    residents: int | None = None,
    recording: Path | None = None,
    house: str = "B",
    registry: Path | None = None,
    truth: Path | None = None,
) -> int:
    """Writes the piece as input for `shouwang replay` instead of playing it; returns the exit code.

    Without `path` only its registry and its truth are written.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    found = piece(
        scenario, seed=seed, start_ms=start_ms, residents=residents, recording=recording, house=house
    )
    if isinstance(found, list):
        return _told(console, found, USAGE)
    tally = Tally()
    try:
        with path.open("wb") if path else nullcontext() as out:
            for publication in found.publications:
                if out:
                    out.write(publication.line() + b"\n")
                tally.add(publication)
        if registry:
            registry.write_text(found.registry, "utf-8")
        if truth:
            _write_truth(truth, found, tally, ended=True)
    except OSError as error:
        return _told(console, [f"{error.filename}: {error.strerror}"], FAILED)
    return 0


def check(
    scenario: str | Path, *, residents: int | None = None, recording: Path | None = None, house: str = "B"
) -> int:
    """Says what is wrong with a piece; returns the exit code, 0 when it can be played."""
    found = piece(scenario, residents=residents, recording=recording, house=house)
    if not isinstance(found, list):
        return 0
    return _told(Console(stderr=True, highlight=False, soft_wrap=True), found, USAGE)


def blocking(playing: Callable[[asyncio.Event], Coroutine[None, None, int]]) -> int:
    """Runs `playing` to its end in a loop of its own; SIGINT and SIGTERM set its stop event."""

    async def guarded() -> int:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        return await playing(stop)

    return asyncio.run(guarded())


async def _play(
    piece: Piece,
    broker: Broker,
    anchor: ClockAnchor,
    tally: Tally,
    patience: Patience,
    stop: asyncio.Event | None,
    console: Console,
) -> int:
    with _progress(console) as progress:
        task = progress.add_task(piece.name, total=(piece.end_ms - piece.start_ms) // 1000)

        def said(publication: Publication) -> None:
            tally.add(publication)
            progress.update(task, completed=(publication.at_ms - piece.start_ms) // 1000)

        last = ""

        def tell(message: str) -> None:
            nonlocal last
            if message != last:  # all connections lose the same broker
                progress.console.print(message, style="yellow", markup=False)
            last = message

        try:
            await publish(
                piece.publications,
                piece.connections,
                broker,
                anchor,
                said=said,
                tell=tell,
                stop=stop,
                patience=patience,
            )
        except* BrokerUnreachableError as problems:
            unreachable = problems.exceptions[0]
        else:
            progress.update(task, description=f"{piece.name}: {tally.published} published")
            return 0
    return _told(console, [str(unreachable)], FAILED)


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TextColumn("s simulated"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def _told(console: Console, messages: Iterable[str], code: int) -> int:
    for message in messages:
        console.print(message, style="red", markup=False)
    return code


def _write_truth(path: Path, piece: Piece, tally: Tally, *, ended: bool) -> None:
    about: dict[str, str | int] = {
        "piece": piece.name,
        "seed": piece.seed,
        "start": piece.start_ms,
        "end": piece.end_ms,
    }
    reached_ms = piece.end_ms if ended else tally.last_ms
    expectations = (each.line() for each in piece.expected if each.at_ms <= reached_ms)
    path.write_bytes(b"\n".join((tally.line(about), *expectations, b"")))
