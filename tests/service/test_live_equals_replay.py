"""The law of trust: what the service raised live is what the replay of its stored history raises, by id."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from ingest.app import Running
from tests.brokers import AnyBroker
from tests.commands.program import called
from tests.deadline import eventually
from tests.publisher import Publisher
from tests.service.house import REGISTRY, config, living, rows

pytestmark = [pytest.mark.integration, pytest.mark.parametrize("broker", ["embedded"], indirect=True)]

T0 = 1_790_000_000_000  # 2026-09-21 22:13 in Shanghai
MINUTE, HOUR = 60_000, 3_600_000


@dataclass
class Hand:
    """A clock that is moved by hand."""

    time: int = T0
    speed: float = 1.0

    def now(self) -> int:
        return self.time


def said(random: Random, at: int, number: int) -> tuple[str, bytes]:
    """What one of the wearables says at a time: mostly that she is well, now and then a call."""
    device = random.choice(["w-01", "w-02"])
    name = random.choices(
        ["telemetry", "visit", "check_in", "bed", "door_open", "sos", "fall", "help_cancelled"],
        [30, 12, 6, 20, 4, 3, 2, 2],
    )[0]
    body: dict[str, object] = {"ts": at - random.choice([0, 200, 1500, 9000, 400_000])}
    if random.random() < 0.8:
        body["id"] = f"k{number}"
    if name == "telemetry":
        body |= {"heart_rate": random.choice([45, 72, 75, 132]), "spo2": random.choice([97, 97.5, 88])}
    elif name == "bed":
        body |= {"bed_occupied": random.random() < 0.6}
    else:
        body |= {"event": name, "confidence": random.choice([0.4, 0.9])}
    channel = "telemetry" if name in {"telemetry", "bed"} else "event"
    return f"shouwang/v1/home-1/{device}/{channel}", json.dumps(body).encode()


async def lived(running: Running, clock: Hand, broker: AnyBroker, random: Random, count: int) -> None:
    """A stretch of life: messages at their times, and staff who answer now and then."""
    fates = running.metrics.fate

    def processed() -> float:
        return sum(
            sample.value for metric in fates.collect() for sample in metric.samples if "total" in sample.name
        )

    with Publisher(broker.port) as devices:
        for number in range(count):
            clock.time += random.choice([1, 700, 5_000, MINUTE, 12 * MINUTE, 40 * MINUTE, 2 * HOUR])
            before = processed()
            devices.send_all([said(random, clock.time, clock.time)])
            await eventually(lambda before=before: processed() > before)  # type: ignore[misc]
            unresolved = running.desk.book.unresolved()
            if unresolved and number % 7 == 0:
                clock.time += 1
                alert = random.choice(unresolved).id
                if random.random() < 0.3:
                    await running.desk.acknowledge(alert, "chen")
                else:
                    await running.desk.resolve(alert, "chen", "real")


async def test_live_equals_the_replay_of_the_stored_history(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    random, clock = Random(4), Hand()  # noqa: S311  a seed, not a secret
    setting = config(tmp_path, broker.url, dsn)
    async with living(setting, clock=clock) as running:
        await lived(running, clock, broker, random, 120)
    clock.time += 3 * HOUR  # down
    async with living(setting, clock=clock) as running:
        await lived(running, clock, broker, random, 120)
    stored = [
        json.loads(str(body)) for (body,) in rows(dsn, "SELECT body::text FROM alert_event ORDER BY seq")
    ]
    live = [
        (one["event"], one["episode"], one["subject"], one["evidence"]["at"])
        for one in stored
        if one["event"] in {"opened", "evidence", "cleared"}
    ]

    home = tmp_path / "house.toml"
    home.write_text(REGISTRY)
    began = datetime.fromtimestamp(T0 / 1000 - 60, UTC).isoformat()
    answer = called("replay", "--from", began, "--dsn", dsn, "--registry", home)
    assert answer.code == 0, answer.err
    replayed = [(line["event"], line["alert"], line["subject"], line["at"]) for line in answer.lines]

    kinds = {rule for (rule,) in rows(dsn, "SELECT DISTINCT rule FROM alert")}
    assert {"sos", "fall", "night-round", "daily-check-in", "bed-exit"} <= kinds
    assert len(live) > 100
    assert replayed == live
