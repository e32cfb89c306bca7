"""`make bench`: how fast the whole path is, on this machine, now; and its parts, each alone with `--only`.

decode: one payload, by family. worst: the worst payloads. registry: the import of a large home. rules: the
engine with the default rules. burst: 500 alerts in 10 s, and how fast 20 calls for help among them are
out. falls: accelerometers, and a service with 2,000 watches. path: a running service, from broker to rows and
alerts.

Throughput is compared in one run with `mosquitto_sub | psql COPY` of the raw text: the least that could be
done with the same messages. Latency is that of an SOS, from publish to the alert's own message on MQTT.
"""

import argparse
import asyncio
import contextlib
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import psycopg
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tests.bench import burst, decoding, falls, registry, rules, worst
from tests.bench.stage import (
    METRICS,
    SITE,
    Stage,
    latencies,
    listening,
    load_tool,
    publish,
    publisher,
    stage,
)

_COPY_TEXT = "COPY raw_text FROM STDIN (FORMAT csv, DELIMITER E'\\001', QUOTE E'\\002')"
_PARTS = ("decode", "worst", "registry", "rules", "burst", "falls", "path")
out = Console(highlight=False)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", choices=_PARTS, action="append", help="one part of it; may be repeated")
    parser.add_argument("--messages", type=int, default=100_000, help="per throughput run")
    parser.add_argument("--runs", type=int, default=3, help="of throughput; the median is told")
    parser.add_argument("--presses", type=int, default=200, help="of the SOS button, per latency run")
    parser.add_argument("--rate", type=int, default=2000, help="messages/s beside the presses")
    parser.add_argument("--attacks", type=int, default=200, help="worst payloads tried on each family")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="shouwang-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for part in chosen.only or _PARTS:
            match part:
                case "decode":
                    decoding.tell(out)
                case "worst":
                    worst.tell(out, chosen.attacks)
                case "registry":
                    registry.tell(out, folder)
                case "rules":
                    rules.tell(out)
                case "burst":
                    burst.tell(out, folder)
                case "falls":
                    falls.tell(out, folder, embedded=shutil.which("mosquitto") is None)
                case _:
                    _service(folder, chosen)


def _service(folder: Path, chosen: argparse.Namespace) -> None:
    tool = load_tool(folder)
    if tool is None:
        out.print(
            "the fast publisher (shared/tools/load.c) or a C compiler is missing: the path is not measured"
        )
        return
    if shutil.which("mosquitto") is None:
        out.print("mosquitto is not on PATH: measuring with the embedded broker, without comparison")
    asyncio.run(_measure(folder, tool, chosen))


async def _measure(folder: Path, tool: Path, chosen: argparse.Namespace) -> None:
    with_mosquitto = shutil.which("mosquitto") is not None
    with stage(folder, embedded=not with_mosquitto) as scene, Progress(console=out) as progress:
        task = progress.add_task("throughput", total=2 * chosen.runs + 2)
        ours, raw = [], []
        for _ in range(chosen.runs):
            ours.append(await _throughput(scene, tool, chosen.messages))
            progress.advance(task)
            if with_mosquitto and shutil.which("psql"):
                raw.append(_raw(scene, tool, chosen.messages))
            progress.advance(task)
        progress.update(task, description="waiting until all is stored")
        await _quiet(scene)
        progress.update(task, description="SOS, idle")
        idle = await _latencies(scene, chosen.presses, "idle")
        progress.advance(task)
        progress.update(task, description="SOS, under load")
        seconds = chosen.presses * 0.05 + 10
        loaded = await _under_load(scene, tool, chosen, int(chosen.rate * seconds))
        progress.advance(task)
    _tell(chosen, ours, raw, idle, loaded)


async def _throughput(scene: Stage, tool: Path, messages: int) -> float:
    """Messages/s from the first publish to the last row stored."""
    await _quiet(scene)
    before, rows_before = scene.stored()
    began = time.monotonic()
    publishing = asyncio.create_task(asyncio.to_thread(publish, tool, scene.broker_port, messages, 0))
    async with asyncio.timeout(300):
        while await asyncio.to_thread(scene.entries) < before + messages:
            if publishing.done():
                publishing.result()  # raises where the publisher failed
            await asyncio.sleep(0.02)
    took = time.monotonic() - began
    await publishing
    _, rows = scene.stored()
    if rows - rows_before != messages * METRICS:
        out.print(f"[red]{rows - rows_before} rows stored instead of {messages * METRICS}[/red]")
    return messages / took


async def _quiet(scene: Stage) -> None:
    """Wait until the service has nothing left to do: the raw text run's messages were its own, too."""
    before = -1
    while (now := await asyncio.to_thread(scene.entries)) != before:
        before = now
        await asyncio.sleep(2)


def _raw(scene: Stage, tool: Path, messages: int) -> float:
    """The same messages through `mosquitto_sub | psql COPY` into one text column."""
    with psycopg.connect(scene.dsn, autocommit=True) as database:
        database.execute("DROP TABLE IF EXISTS raw_text")
        database.execute("CREATE TABLE raw_text (line text)")
        port = str(scene.broker_port)
        pipe = (
            f"mosquitto_sub -p {port} -q 1 -i raw -t 'shouwang/v1/{SITE}/+/telemetry' -C {messages}"
            f" | psql -q -d '{scene.dsn}' -c \"{_COPY_TEXT}\""
        )
        copying = subprocess.Popen(["sh", "-c", pipe])
        time.sleep(0.5)
        began = time.monotonic()
        publish(tool, scene.broker_port, messages, 0)
        copying.wait(300)
        took = time.monotonic() - began
        row = database.execute("SELECT count(*) FROM raw_text").fetchone()
        if row is None or row[0] != messages:
            out.print(f"[red]mosquitto_sub | psql stored {row} instead of {messages}[/red]")
        return messages / took


async def _under_load(scene: Stage, tool: Path, chosen: argparse.Namespace, total: int) -> list[float]:
    command = publisher(tool, scene.broker_port, total, chosen.rate)
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL)
    await asyncio.sleep(3)
    try:
        return await _latencies(scene, chosen.presses, "load")
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _latencies(scene: Stage, presses: int, name: str) -> list[float]:
    """Seconds from the publish of each of many SOS to its alert on MQTT, each from another device."""
    sent: dict[str, float] = {}
    async with listening(scene.broker_port, f"bench-{name}") as (client, told):
        for number in range(presses):
            device = f"{name}-{number}-{time.time_ns()}"
            payload = orjson.dumps({"ts": time.time_ns() // 1_000_000, "id": device, "event": "sos"})
            sent[device] = time.monotonic()
            await client.publish(f"shouwang/v1/{SITE}/{device}/event", payload, qos=1)
            await asyncio.sleep(0.05)
        found = await latencies(sent, told)
    if len(found) < presses:
        out.print(f"[red]{presses - len(found)} of {presses} SOS were not told[/red]")
    return found


def _tell(
    chosen: argparse.Namespace, ours: list[float], raw: list[float], idle: list[float], loaded: list[float]
) -> None:
    table = Table("measured", "median", "of")
    table.add_row(
        "messages/s, first publish to last row stored", f"{statistics.median(ours):,.0f}", _all(ours)
    )
    table.add_row("observations/s", f"{statistics.median(ours) * METRICS:,.0f}", "")
    if raw:
        table.add_row("mosquitto_sub | psql COPY, messages/s", f"{statistics.median(raw):,.0f}", _all(raw))
        table.add_row("ours / raw text", f"{statistics.median(ours) / statistics.median(raw):.2f}", "")
    for name, times in (("idle", idle), (f"under {chosen.rate} messages/s", loaded)):
        if times:
            shown = f"{_ms(times, 0.5)} / {_ms(times, 0.99)} / {_ms(times, 1)}"
            table.add_row(f"SOS publish to alert, {name}: p50 / p99 / max ms", shown, f"{len(times)} presses")
    out.print(table)


def _ms(times: list[float], quantile: float) -> str:
    ordered = sorted(times)
    return f"{ordered[min(len(ordered) - 1, int(quantile * len(ordered)))] * 1000:.1f}"


def _all(values: list[float]) -> str:
    shown: Callable[[float], str] = "{:,.0f}".format
    return ", ".join(map(shown, values))


if __name__ == "__main__":
    main()
