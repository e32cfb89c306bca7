"""A power cut: 500 alerts in 10 s with 20 calls for help among them, told to three carers by real HTTP.

Measured is from the rules' decision to the request at the carer's receiver, which takes 100 ms to answer,
with the alerts recorded on a real disk on the way. Of what is not about life it tells in how many messages it
came.
"""

import asyncio
import json
import random
import statistics
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from alerts.escalate import Policy
from alerts.ladder import Ladder, Step
from alerts.people import Person
from devices.registry import Place, PlaceKind, Registry, Resident
from ingest import alert_log, outbox, outcomes
from ingest.channels.webhook import Webhook
from ingest.clock import RealClock
from ingest.desk import Desk
from ingest.journal import SqliteJournal
from ingest.metrics import Metrics
from ingest.outbox import Outbox
from rules.decision import FLOOD, Decision, Severity
from tests.alerts.decisions import decision
from tests.channels.servers import Request, serving

ALERTS, CALLS, SECONDS = 500, 20, 10.0
CARERS = ("s-1", "s-2", "s-3")
_ANSWER_S = 0.1
_SECRET = b"sixteen bytes or more"
_LADDER = Ladder("all", (Step(0, ("all",), ("push",)),), 600_000)


class _All:
    def on_duty(self, role: str, places: Sequence[str], at: int) -> tuple[str, ...]:
        del role, places, at
        return CARERS


def tell(out: Console, folder: Path, runs: int = 3) -> None:
    """Play it some times and print the figures of each."""
    table = Table(
        "run", "SOS p50 ms", "SOS p99 ms", "SOS max ms", "messages of the rest", "alerts told", "lost"
    )
    for run in range(runs):
        place = folder / f"burst-{run}"
        place.mkdir()
        table.add_row(str(run + 1), *asyncio.run(_burst(place, run)))
    out.print(table)
    out.print(f"{ALERTS} alerts in {SECONDS:g} s, {CALLS} of them SOS, {len(CARERS)} carers; SOS p99 <= 1 s")


async def _burst(folder: Path, seed: int) -> list[str]:
    clock = RealClock()
    registry = Registry.of(
        [Place("s1", PlaceKind.SITE), *(Place(f"b{n}", PlaceKind.BED, parent="s1") for n in range(ALERTS))],
        [Resident(f"r{n}", f"b{n}") for n in range(ALERTS)],
        [],
    )
    came: list[tuple[float, list[dict[str, object]]]] = []

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        body = json.loads(request.content)
        came.append((time.monotonic(), [body, *body.get("others", ())]))
        await asyncio.sleep(_ANSWER_S)
        writer.write(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving(answer))
        hook = await stack.enter_async_context(Webhook("push", server.url, _SECRET))
        schema = alert_log.SCHEMA + outbox.SCHEMA + outcomes.SCHEMA
        journal = SqliteJournal(folder / "journal.db", lambda _: None, schema)
        stack.callback(journal.close)
        metrics = Metrics()
        people = {name: Person(name) for name in CARERS}
        box = Outbox(journal, [], registry, clock, metrics, addressed=[hook], person=people.get)
        policy = Policy(registry, (_LADDER,), _All())
        desk = Desk(journal, box, registry, "s1", clock, metrics, policy=policy)
        tasks = [
            asyncio.create_task(desk.run(), name="desk"),
            asyncio.create_task(box.run(desk.get, desk.receipt), name="outbox"),
        ]
        pressed = await _play(desk, clock, seed)
        await box.empty()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    return _figures(came, pressed)


async def _play(desk: Desk, clock: RealClock, seed: int) -> dict[str, float]:
    """The alerts, spread over the seconds; when each call for help was decided."""
    chance = random.Random(seed)  # noqa: S311  no secret
    order = [n < CALLS for n in range(ALERTS)]
    chance.shuffle(order)
    pressed: dict[str, float] = {}
    began = time.monotonic()
    for number, call in enumerate(order):
        await asyncio.sleep(max(0.0, began + number * SECONDS / ALERTS - time.monotonic()))
        now = clock.now()
        made = _made(number, now, call=call)
        if call:
            pressed[made.subject] = time.monotonic()
        desk.decide([made], now, asyncio.get_running_loop().time())
    return pressed


def _made(number: int, now: int, *, call: bool) -> Decision:
    made = decision(f"k{number}", rule="sos" if call else "inactivity", subject=f"r{number}", at=now)
    return made if call else replace(made, severity=Severity.MEDIUM)


def _figures(came: list[tuple[float, list[dict[str, object]]]], pressed: dict[str, float]) -> list[str]:
    first: dict[str, float] = {}
    told: set[object] = set()
    others = 0
    for at, bodies in came:
        told |= {body["cause"] for body in bodies if body["kind"] != FLOOD}
        if bodies[0]["cause"] in pressed:
            first.setdefault(str(bodies[0]["cause"]), at)
        else:
            others += 1
    took = sorted((first[cause] - at) * 1000 for cause, at in pressed.items() if cause in first)
    p99 = statistics.quantiles(took, n=100, method="inclusive")[98]
    figures = [f"{statistics.median(took):.0f}", f"{p99:.0f}", f"{took[-1]:.0f}", str(others), str(len(told))]
    return [*figures, str(ALERTS - len(told))]
