"""The parts of the service, each made in one place; `ingest.app` puts them together.

Rule: nothing here runs by itself; what is started gets its end from the `Line` or stack it is given.
"""

import asyncio
import contextlib
import fcntl
import os
import socket
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from fastapi import APIRouter

from alerts.duty_file import DutyFile
from alerts.escalate import Policy
from alerts.event import State
from alerts.ladder import Ladder
from alerts.vacancy import known_gaps
from devices.registry import Registry
from ingest import (
    alert_log,
    api_server,
    channels_api,
    duty_api,
    duty_records,
    icalendar_file,
    links_api,
    night_page,
    outcomes,
    replies_api,
    reply_records,
    rule_records,
)
from ingest import outbox as outboxes
from ingest import reports as reporting
from ingest.api import create_app
from ingest.channels import made
from ingest.channels.made import Channels
from ingest.checkpoint import Checkpoint
from ingest.clock import Clock, RealClock
from ingest.config import BrokerConfig, Config
from ingest.desk import Desk
from ingest.downlink import Downlink
from ingest.duty_questions import Questions
from ingest.duty_watch import DutyWatch
from ingest.intake import Intake
from ingest.journal import SqliteJournal
from ingest.key_file import key_in
from ingest.ladder_watch import LadderWatch
from ingest.line import DEADLINE_S, Line
from ingest.metrics import Metrics
from ingest.outbox import Outbox
from ingest.pipeline import Pipeline
from ingest.reach import Reach
from ingest.reports import Reports
from ingest.roster import Roster
from ingest.rule_records import RuleRecords
from ingest.rulebook import Rulebook
from ingest.seal import Seal, seal_of
from ingest.source import Broker, Source
from ingest.store.writer import Writer
from ingest.synthetic import SyntheticChannel, SyntheticResident, Way
from rules.decision import TECHNICAL, Decision
from rules.engine import Engine
from rules.ruleset import RuleSet

log = structlog.get_logger()

_SCHEMAS = "".join(
    one.SCHEMA
    for one in (alert_log, duty_records, outboxes, outcomes, reply_records, reporting, rule_records)
)
JOURNAL = "journal.db"
VENDORS = "vendors"
_REMEMBERED = 1000  # closed alerts among which those of gaps are looked for
_LAST_WORDS_S = 3.0  # for notifications under way at shutdown; they are sent at the next start otherwise
_MEASURED_S = 600.0  # what was decided later than this after arrival is a replay, not a latency


@dataclass(frozen=True, slots=True)
class Setting:
    """All that a service needs to start: nothing is looked up elsewhere.

    `broker_url` and `dsn` say where these really are (of the embedded ones, say). `token` "" leaves the API
    open; only the demo does that.
    """

    config: Config
    registry: Registry
    rules: RuleSet
    broker_url: str
    dsn: str
    token: str
    clock: Clock = field(default_factory=RealClock)
    ladders: tuple[Ladder, ...] = ()
    duty: DutyFile = field(default_factory=DutyFile)


def works(sources: list[Source], journal: SqliteJournal, writer: Writer) -> dict[str, str]:
    """What works (""), and why what does not."""
    away = [source.last_error or "not connected" for source in sources if not source.connected]
    return {
        "broker": "; ".join(dict.fromkeys(away)),
        "journal": "" if journal.healthy else "the disk refuses to write",
        "database": "" if writer.connected else writer.last_error,
    }


def start_reports(line: Line, reports: Reports) -> Reports:
    """Start to end what was reported until a time."""
    line.start("reports", reports.run())
    return reports


def make_desk(
    setting: Setting,
    journal: SqliteJournal,
    outbox: Outbox,
    metrics: Metrics,
    roster: Roster,
    downlink: Downlink,
    intake: Intake,
) -> Desk:
    """The desk, with its ladders, the rota that says who is on them, and the way of test calls."""
    way = intake.synthetic = Way(key_in(setting.config.data / "synthetic.key"), setting.config.site)
    site, registry = setting.config.site, setting.registry
    policy = Policy(registry, setting.ladders, roster, setting.config.alerts.close_needs_presence)
    return Desk(journal, outbox, registry, site, setting.clock, metrics, setting.rules, policy, downlink, way)


def start_watch(
    line: Line,
    roster: Roster,
    desk: Desk,
    channels: Channels,
    setting: Setting,
    link_key: bytes,
    metrics: Metrics,
) -> DutyWatch:
    """Start to look at rota and ladders; gaps that alerts were raised for before are known, closed too."""
    raised = [*desk.book.unresolved(), *desk.episodes(State.RESOLVED, _REMEMBERED)]
    link = night_page.addresses(link_key, setting.config.api.public_url)
    questions = Questions(channels.addressed, setting.config.site, link)
    watch = DutyWatch(roster, setting.clock, desk.decide, questions, known_gaps(raised))
    line.start("duty", watch.run())
    ladders = LadderWatch(
        setting.config,
        setting.registry,
        lambda: roster.file if setting.config.duty else None,
        desk.follow_ladders,
        setting.ladders,
    )
    line.start("ladders", ladders.run())
    metrics.duty_gaps.set_function(lambda: len(watch.gaps))
    metrics.file_problems.labels("duty").set_function(lambda: len(roster.problems))
    metrics.file_problems.labels("ladders").set_function(lambda: len(ladders.problems))
    return watch


def hear(line: Line, sources: list[Source], reach: Reach) -> None:
    """Start to receive; whether we do is looked at to the last."""
    for source in sources:
        line.start(f"source-{source.lane}", source.run())
    line.start("reach", reach.run())  # stopped before them: our own end is no outage of the broker


def start_resident(
    line: Line, setting: Setting, desk: Desk, sources: list[Source], metrics: Metrics
) -> SyntheticResident:
    """The synthetic resident, at work where the configuration wants it."""
    config, every_ms = setting.config, setting.config.synthetic.every
    if not config.broker.reads(desk.synthetic.topic):
        log.warning("no_test_calls", why="[broker] topics do not read them", topic=desk.synthetic.topic)
        every_ms = 0
    resident = SyntheticResident(
        desk.synthetic,
        broker_for(setting, "-synthetic"),
        desk.book,
        desk.decide,
        lambda: all(source.connected for source in sources),
        setting.clock,
        metrics,
        every_ms,
    )
    if every_ms:
        line.start("synthetic", resident.run())
    return resident


def serve_api(
    line: Line,
    listening: socket.socket,
    setting: Setting,
    desk: Desk,
    parts: Callable[[], dict[str, str]],
    metrics: Metrics,
    more: Sequence[APIRouter],
) -> str:
    """Serve the HTTP API; its address."""
    api = setting.config.api
    app = create_app(
        desk,
        parts,
        metrics.registry,
        setting.token,
        more=more,
        metrics_open=api.open_metrics,
        guarded=[
            duty_api.FEED_PATH,
            channels_api.RECEIPTS_PATH,
            links_api.PREFIX,
            night_page.PREFIX,
            replies_api.PREFIX,
        ],
        large={duty_api.CALENDARS_PATH: 2 * icalendar_file.MAX_BYTES},
    )
    server = api_server.server(app)

    def stop() -> None:
        desk.close()
        server.should_exit = True

    line.start("api", server.serve(sockets=[listening]), stop=stop)
    return api_server.address(listening)


async def make_outbox(
    setting: Setting,
    journal: SqliteJournal,
    metrics: Metrics,
    channels: Channels,
    roster: Roster,
    link_key: bytes,
) -> Outbox:
    """The outbox with all its channels, and what was left in it."""
    await journal.transact(outboxes.take_over)
    return Outbox(
        journal,
        channels.everyone,
        setting.registry,
        setting.clock,
        metrics,
        addressed=[*channels.addressed, SyntheticChannel()],
        outside=made.outside(setting.config),
        person=roster.person,
        links=links_api.links(link_key, setting.config.api.public_url, made.replying(setting.config)),
    )


async def restored_engine(
    setting: Setting, checkpoint: Checkpoint, records: RuleRecords
) -> tuple[int, Engine]:
    """The rules as of the last checkpoint, and when that was (ms UTC).

    What the checkpoint has of rules and people that are gone is dropped.
    """
    begun = checkpoint.now or await records.begun(setting.clock.now())
    engine = Engine(setting.rules, setting.registry, begun)
    checkpoint.drop(engine.restore(checkpoint.memories()))
    return begun, engine


def make_rulebook(
    setting: Setting, records: RuleRecords, metrics: Metrics, pipeline: Pipeline, desk: Desk
) -> Rulebook:
    """The watch over the rule file; other rules decide, and the desk knows them."""

    async def replace(rules: RuleSet) -> None:
        await pipeline.replace(rules)
        desk.follow_rules(rules)

    path, registry = setting.config.rules, setting.registry
    return Rulebook(path, setting.rules, registry, records, setting.clock, metrics, replace)


async def catch_up(
    pipeline: Pipeline, engine: Engine, records: RuleRecords, begun: int, clock: Clock
) -> None:
    """Process what the journal holds since the last checkpoint, and let the time pass that we were down.

    What we did not hear meanwhile is not the devices' silence.
    """
    log.info("caught_up", replayed=pipeline.catch_up())
    deaf_since, now = max(begun, pipeline.last_received), clock.now()
    await records.deaf(deaf_since, now)
    engine.deaf(deaf_since, now)
    pipeline.tick(now)


def unhandled(_: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """What no task caught: a bug, said in one line."""
    log.error("unhandled", what=context.get("message"), error=type(context.get("exception")).__name__)


async def finish(pipeline: Pipeline, desk: Desk, outbox: Outbox) -> None:
    """Process what was taken, record what was decided, give the last notifications a moment, checkpoint."""
    pipeline.drain()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DEADLINE_S):
            await pipeline.told()
            await desk.settled()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LAST_WORDS_S):
            await outbox.empty()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DEADLINE_S):
            await pipeline.save()
    desk.close()


def seal_in(path: Path) -> Seal:
    """The quarantine's seal. Without its key people are watched over all the same."""
    try:
        return seal_of(path)
    except OSError as error:
        log.error("no_quarantine_key", error=error.strerror, kept="until the next start only")  # noqa: TRY400
        return Seal(os.urandom(32))


def decider(desk: Desk, clock: Clock, metrics: Metrics) -> Callable[[list[Decision], int], None]:
    """Hands decisions to the desk with the loop time at which their message came in."""
    loop = asyncio.get_running_loop()

    def decide(decisions: list[Decision], now: int) -> None:
        behind_s = max(0.0, (clock.now() - now) / 1000 / clock.speed)
        fresh = behind_s < _MEASURED_S
        if fresh:
            metrics.latency.labels("decided").observe(behind_s)
        metrics.rule_failures.inc(sum(decision.rule == TECHNICAL for decision in decisions))
        try:
            desk.decide(decisions, now, loop.time() - behind_s if fresh else None)
        except Exception as error:  # noqa: BLE001  a bug in one alert must not hold up the next
            metrics.rule_failures.inc()
            log.error("alert_failed", error=type(error).__name__, rules=[d.rule for d in decisions])  # noqa: TRY400  no traceback for people

    return decide


def broker_for(setting: Setting, suffix: str) -> Broker:
    """How a connection of ours reaches the broker; each has a client id of its own."""
    config = setting.config.broker
    return Broker(
        setting.broker_url,
        config.client_id + suffix,
        config.version,
        config.username,
        config.secret(),
        config.tls(),
        config.max_in_flight,
    )


def lanes(config: BrokerConfig) -> list[tuple[str, list[str]]]:
    """Each lane is a connection of its own, so that messages of one cannot stand before those of another.

    Calls for help of the native protocol; its telemetry; and other families, whose topics do not tell which
    is which (their calls for help go ahead as soon as they are here).
    """
    native = [topic for topic in config.topics if topic.startswith("shouwang/")]
    vendors = [topic for topic in config.topics if topic not in native]
    lanes = [("life_safety", config.life_safety_topics), ("telemetry", native), (VENDORS, vendors)]
    return [(lane, topics) for lane, topics in lanes if topics]


def make_source(setting: Setting, intake: Intake, lane: str, topics: list[str]) -> Source:
    """The connection of a lane, known to who takes its messages."""
    source = Source(broker_for(setting, f"-{lane}"), topics, intake.receiver(lane), setting.clock, lane)
    intake.attach(source)
    return source


def kept(stack: contextlib.AsyncExitStack, data: Path, intake: Intake) -> tuple[SqliteJournal, Checkpoint]:
    """What is kept on disk."""
    journal = SqliteJournal(data / JOURNAL, intake.committed, _SCHEMAS)
    stack.push_async_callback(asyncio.to_thread, journal.close, DEADLINE_S)
    intake.journal = journal
    checkpoint = _checkpoint(data / "checkpoint.db", journal.id)
    stack.callback(checkpoint.close)
    return journal, checkpoint


def _checkpoint(path: Path, journal: str) -> Checkpoint:
    """The checkpoint; one that cannot be read is set aside: the journal has what it was made from."""
    try:
        return Checkpoint(path, journal)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise  # a full or read-only disk: another file would do no better
        log.error("checkpoint_unreadable", error=str(error), kept_as=path.name + ".unreadable")  # noqa: TRY400
        path.replace(path.with_name(path.name + ".unreadable"))
        for rest in ("-wal", "-shm"):
            path.with_name(path.name + rest).unlink(missing_ok=True)
        return Checkpoint(path, journal)


@contextlib.contextmanager
def alone(data: Path) -> Iterator[None]:
    """The data folder for us alone: two services on one journal would tear it apart. Raises OSError."""
    data.mkdir(parents=True, exist_ok=True)
    with (data / "service.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError(
                f"another service uses {data}: stop it, or give this one a folder of its own"
            ) from None
        yield
