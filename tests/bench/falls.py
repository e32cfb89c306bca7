"""Falls felt: what a second of signal and an impact cost, and a service with 2,000 watches on one core.

The watches send a second of 50 Hz each, packed; one in twenty wearers walks, a hundred fall. Told is how much
CPU the service takes, and how long after the window with the last needed sample an alert is out on MQTT.
"""

import asyncio
import base64
import math
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from devices.decode import decode
from devices.message import Message
from devices.reading import Decoded, Motion
from rules.falls.detector import Detector
from rules.falls.model import Stage, default_models
from tests.bench.stage import SITE, latencies, listening, stage
from tests.bench.stage import Stage as Scene
from tests.falls.bodies import fall, walk
from tests.publisher import Publisher

WATCHES, SECONDS, FALLS = 2000, 40, 100
_AT_S, _LENGTH_S = 8, 14
_NEEDED = _AT_S + 1  # the window with the sample 1.0 s after the impact
_NOW = 1_763_763_600_000
_TICKS = os.sysconf("SC_CLK_TCK")


def tell(out: Console, folder: Path, *, embedded: bool) -> None:
    """Measure and print."""
    table = Table("measured", "median of 5", "limit")
    still, walking = (_per_second(kind) for kind in (_still, walk))
    table.add_row("CPU of a second of signal, still, us", _us(still), "150")
    table.add_row("CPU of a second of signal, walking (with its impacts), us", _us(walking), "")
    table.add_row(
        "CPU of decoding it as JSON / packed, us", f"{_us(_decoding(False))} / {_us(_decoding(True))}", ""
    )
    table.add_row("CPU of an impact, judged at 1.0 s and at 2.5 s, us", _us(_per_impact()), "2000")
    out.print(table)
    with stage(folder, embedded=embedded) as scene:
        asyncio.run(_streaming(out, scene))


def _us(seconds: float) -> str:
    return f"{seconds * 1e6:,.0f}"


def _median(measure: Callable[[], float]) -> float:
    return statistics.median(measure() for _ in range(5))


def _still(seconds: float, seed: int = 0) -> NDArray[np.float32]:
    a = np.tile([0.0, 0.0, 1.0], (round(seconds * 50), 1))
    return (a + 0.02 * np.random.default_rng(seed).standard_normal(a.shape)).astype(np.float32)


def _per_second(kind: Callable[[float, int], NDArray[np.float32]]) -> float:
    """CPU seconds of the detector for a second of signal."""
    people = [kind(60, seed) * (1.6 if kind is walk else 1) for seed in range(20)]

    def measure() -> float:
        detector = Detector(default_models())
        for second in range(60):
            if second == 20:  # the rings are full
                began = time.process_time()
            for number, a in enumerate(people):
                part = a[second * 50 : second * 50 + 50].astype("<f4").tobytes()
                at = _NOW + second * 1000
                detector.observe(SITE, Motion(f"w{number}", at, 50.0, "wrist", part), at + 1000)
        return (time.process_time() - began) / (40 * len(people))

    return _median(measure)


def _decoding(packed: bool) -> float:
    message = Message(f"shouwang/v1/{SITE}/w/motion", _payload(_still(1), _NOW, packed=packed), _NOW)

    def measure() -> float:
        began = time.process_time()
        for _ in range(1000):
            decoded = decode(message)
        assert isinstance(decoded, Decoded)
        assert decoded.motion
        return (time.process_time() - began) / 1000

    return _median(measure)


def _per_impact() -> float:
    model, a = default_models()["wrist"], fall(_AT_S, _LENGTH_S)
    windows = [(one, a[201 : 402 + one.after]) for one in Stage]

    def measure() -> float:
        began = time.process_time()
        for _ in range(100):
            for one, window in windows:
                model.judge(window, one)
        return (time.process_time() - began) / 100

    return _median(measure)


def _payload(a: NDArray[np.float32], at: int, *, packed: bool = True) -> bytes:
    head = {"ts": at, "fs": 50, "position": "waist"}
    if not packed:
        return orjson.dumps(head | {"xyz": np.round(a.astype(float), 3).tolist()})
    counts = np.round(a * 1000).astype("<i2").tobytes()
    return orjson.dumps(head | {"xyz_i16": base64.b64encode(counts).decode(), "scale": 0.001})


def _signals() -> Iterator[NDArray[np.float32]]:
    """The whole signal of each watch."""
    every = WATCHES // FALLS
    still, walking = [_still(SECONDS, n) for n in range(20)], [walk(SECONDS, n) for n in range(5)]
    for number in range(WATCHES):
        if number % every == every // 2:
            a = still[number % 20].copy()
            begin = 4 + number // every % 20  # the falls are spread
            a[begin * 50 : (begin + _LENGTH_S) * 50] = fall(_AT_S, _LENGTH_S, number)
            a[(begin + _LENGTH_S) * 50 :, :] = a[(begin + _LENGTH_S) * 50 - 1]
            yield a
        else:
            yield walking[number % 5] if number % 20 == 0 else still[number % 20]


async def _streaming(out: Console, scene: Scene) -> None:
    port, service = scene.broker_port, scene.service.pid
    signals = list(_signals())
    sent: dict[str, float] = {}
    async with listening(port, "bench-falls") as (_, told):
        with Progress(console=out) as progress:
            step = progress.add_task(f"{WATCHES} watches", total=SECONDS)
            used, began = _cpu_s(service), time.monotonic()
            await asyncio.to_thread(_publish, port, signals, sent, lambda: progress.advance(step))
            took = time.monotonic() - began
            share = (_cpu_s(service) - used) / took
        late = sorted(await latencies(sent, told))
    if len(late) < len(sent):
        out.print(f"[red]{len(sent) - len(late)} of {len(sent)} falls were not told[/red]")
    others = len(told.keys() - sent.keys())
    table = Table("measured", "seen", "limit")
    table.add_row(f"CPU of the service with {WATCHES} watches, cores", f"{share:.2f}", "1")
    table.add_row("windows/s sent", f"{WATCHES * SECONDS / took:,.0f}", f"{WATCHES:,}")
    if late:
        median, most = (1000 * late[int(len(late) * part)] for part in (0.5, 0.99))
        table.add_row("last needed window to alert on MQTT: p50 / p99 ms", f"{median:.0f} / {most:.0f}", "50")
    felt, decided = (_within_ms(scene, stage, 0.99) for stage in ("felt", "decided"))
    table.add_row("99 % are felt / then decided within ms", f"{felt:.0f} / {decided:.0f}", "50 both")
    table.add_row("falls told / alerts of others", f"{len(late)} of {len(sent)} / {others}", "")
    out.print(table)


def _within_ms(scene: Scene, stage: str, part: float) -> float:
    """The least bucket of the service's histogram that holds so many of what came to a stage."""
    buckets = scene.buckets("shouwang_latency_seconds", f'stage="{stage}"')
    return 1000 * next((bound for bound, count in buckets if count >= part * buckets[-1][1]), math.inf)


def _publish(
    port: int, signals: list[NDArray[np.float32]], sent: dict[str, float], done: Callable[[], None]
) -> None:
    """Each watch's window as its second ends, spread over the second."""
    every = WATCHES // FALLS
    with Publisher(port, "bench-watches") as publisher:
        began, at = time.monotonic(), time.time_ns() // 1_000_000
        for second in range(SECONDS):
            for number, a in enumerate(signals):
                wait = began + second + number / WATCHES - time.monotonic()
                if wait > 0.002:
                    time.sleep(wait)
                ts = at + second * 1000 + number * 1000 // WATCHES - 1000
                payload = _payload(a[second * 50 : second * 50 + 50], ts)
                if number % every == every // 2 and second == 4 + number // every % 20 + _NEEDED:
                    sent[f"d{number}"] = time.monotonic()
                publisher.send(f"shouwang/v1/{SITE}/d{number}/motion", payload)
            done()
        publisher.settle()


def _cpu_s(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
