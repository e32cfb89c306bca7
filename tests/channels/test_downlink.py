"""Asking a resident over a real broker, journal and desk: whatever goes wrong, it is never a silent delay."""

import asyncio
import contextlib
import json
import signal
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from alerts.downlink import Command, Word
from alerts.event import State
from devices.observation import Observation
from devices.reading import TimeSource
from devices.registry import Device, Registry
from ingest import alert_log, outbox, outcomes
from ingest.desk import Desk
from ingest.downlink import Downlink
from ingest.journal import SqliteJournal
from ingest.metrics import Metrics
from ingest.mqtt_link import MqttLink
from ingest.outbox import Outbox
from ingest.source import Broker
from rules.decision import Change, Decision, Severity
from tests.alerts.decisions import HOME, decision
from tests.brokers import Mosquitto
from tests.deadline import eventually
from tests.ingest.works import T0, TestClock

pytestmark = pytest.mark.integration

ASK_MS = 120_000
HOUSE = Registry.of(
    places=list(HOME.places.values()),
    residents=list(HOME.residents.values()),
    devices=[
        Device("gateway", site="s1"),
        Device("watch", resident="wang", site="s1", gateway="gateway", downlink=True),
    ],
)


class Asking:
    """A desk that asks over a broker; leaving it is kill -9 as far as its memory goes."""

    def __init__(self, folder: Path, port: int, timeout_s: float = 10.0) -> None:
        schema = alert_log.SCHEMA + outbox.SCHEMA + outcomes.SCHEMA
        self.journal = SqliteJournal(folder / "journal.db", lambda _: None, schema)
        metrics, clock = Metrics(), TestClock(T0)
        broker = Broker(f"mqtt://127.0.0.1:{port}", client_id="link")
        self.link = MqttLink(broker, random=lambda: 0.0, timeout_s=timeout_s)
        self.downlink = Downlink(self.link, HOUSE, metrics)
        self.desk = Desk(
            self.journal,
            Outbox(self.journal, [], HOUSE, clock, metrics),
            HOUSE,
            "s1",
            clock,
            metrics,
            downlink=self.downlink,
        )

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.link.run(), name="link")
            tasks.create_task(self.downlink.run(), name="downlink")
            tasks.create_task(self.desk.run(), name="desk")

    def ask(self, key: str = "up", severity: Severity = Severity.MEDIUM) -> None:
        """She is out of bed."""
        self.desk.decide([out_of_bed(key, severity)], T0)

    @property
    def states(self) -> list[State]:
        return [episode.state for episode in self.desk.book.unresolved()]


def out_of_bed(key: str, severity: Severity) -> Decision:
    return replace(decision(key, rule="bed_exit", severity=severity, at=T0), ask_ms=ASK_MS)


def presence(device: str = "watch", *, online: bool) -> Observation:
    return Observation(device, "online", online, T0, T0, TimeSource.ARRIVAL, site="s1")


@asynccontextmanager
async def asking(folder: Path, port: int, timeout_s: float = 10.0) -> AsyncIterator[Asking]:
    made = Asking(folder, port, timeout_s)
    running = asyncio.create_task(made.run(), name="asking")
    try:
        yield made
    finally:
        running.cancel()
        await asyncio.wait([running])
        made.journal.close()


@asynccontextmanager
async def watch(port: int) -> AsyncIterator[list[dict[str, Any]]]:
    """What her watch is told."""
    heard: list[dict[str, Any]] = []

    async def listen(client: aiomqtt.Client) -> None:
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            heard.append(json.loads(message.payload))

    async with aiomqtt.Client("127.0.0.1", port, identifier="watch") as client:
        await client.subscribe("shouwang/v1/s1/watch/command", qos=1)
        listening = asyncio.create_task(listen(client))
        try:
            yield heard
        finally:
            listening.cancel()


async def test_what_was_asked_before_a_crash_is_asked_again(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async with watch(mosquitto.port) as heard:
        async with asking(tmp_path, mosquitto.port) as before:
            await eventually(lambda: before.link.connected)
            before.ask()
            await eventually(lambda: heard, why="she is not asked")  # that it was said is on no record
        async with asking(tmp_path, mosquitto.port) as after:
            await eventually(lambda: len(heard) == 2, why="nobody knows whether she was asked")
            assert {one["command"] for one in heard} == {"ask"}
            assert len({(one["id"], one["until"]) for one in heard}) == 1
            assert after.states == [State.ASKING]


async def test_a_restart_without_a_broker_calls(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async with asking(tmp_path, mosquitto.port) as before:
        await eventually(lambda: before.link.connected)
        before.ask()
        await before.desk.settled()
    mosquitto.stop()
    async with asking(tmp_path, mosquitto.port, timeout_s=0.5) as after:
        await eventually(lambda: after.states == [State.OPEN], why="a question nobody could hear")


@pytest.mark.parametrize("away", ["watch", "gateway"])
async def test_a_device_that_is_away_is_not_asked(away: str, mosquitto: Mosquitto, tmp_path: Path) -> None:
    async with asking(tmp_path, mosquitto.port) as house:
        await eventually(lambda: house.link.connected)
        house.desk.signalled(presence(away, online=False))
        house.ask()
        assert house.states == [State.OPEN]


async def test_a_device_that_goes_while_it_asks_calls_at_once(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async with asking(tmp_path, mosquitto.port) as house:
        await eventually(lambda: house.link.connected)
        house.desk.signalled(presence(online=False))
        house.desk.signalled(presence(online=True))
        house.ask()
        assert house.states == [State.ASKING]
        house.desk.signalled(presence(online=False))
        assert house.states == [State.OPEN]


async def test_whose_device_is_silent_flat_or_unworn_is_not_asked(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async with asking(tmp_path, mosquitto.port) as house:
        await eventually(lambda: house.link.connected)
        unworn = decision("u", rule="unprotected", severity=Severity.LOW, cause="watch", at=T0)
        house.desk.decide([unworn], T0)
        house.ask()
        assert house.states == [State.OPEN, State.OPEN]
        house.desk.decide(
            [replace(unworn, change=Change.CLEAR, evidence=replace(unworn.evidence, key="v"))], T0
        )
        (_, bed_exit) = house.desk.book.unresolved()
        await house.desk.resolve(bed_exit.id, "chen", "real")
        house.ask("again")
        assert State.ASKING in house.states


@pytest.mark.faults
async def test_a_broker_that_answers_nothing_was_asked_nothing(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async with asking(tmp_path, mosquitto.port, timeout_s=0.5) as house:
        await eventually(lambda: house.link.connected)
        assert mosquitto.process is not None
        mosquitto.process.send_signal(signal.SIGSTOP)
        try:
            for _ in range(100):  # none of them has an answer: each by itself would take its half second
                house.downlink.put(Command("s1", "watch", Word.END, "before"))
            house.ask()
            assert State.ASKING in house.states
            await eventually(
                lambda: State.ASKING not in house.states, why="the frozen broker delays her call"
            )
        finally:
            mosquitto.process.send_signal(signal.SIGCONT)


@pytest.mark.faults
async def test_while_the_disk_stalls_nobody_is_asked_in_vain(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async with watch(mosquitto.port) as heard, asking(tmp_path, mosquitto.port) as house:
        await eventually(lambda: house.link.connected)
        with locked(house.journal):
            house.ask(severity=Severity.HIGH)
            assert house.states == [State.ASKING]
            await eventually(lambda: house.states == [State.OPEN], why="she waits for the disk")
        await house.desk.settled()
        await eventually(lambda: heard, why="she is not told that staff were called")
        assert [one["command"] for one in heard] == ["placed"]


@contextlib.contextmanager
def locked(journal: SqliteJournal) -> Iterator[None]:
    """Nothing is written to the journal meanwhile."""
    free = threading.Event()

    def hold(_: sqlite3.Connection) -> None:
        free.wait(60)

    holding = asyncio.ensure_future(journal.transact(hold))
    try:
        yield
    finally:
        free.set()
        holding.add_done_callback(lambda done: done.result())
