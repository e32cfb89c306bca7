"""The service, composed: every part made in order, every clean-up registered as soon as its part exists.

Rule: one straight line up, the same line down; each wait on the way down has a deadline.
"""

import asyncio
import contextlib
import fcntl
import os
import socket
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import random

import structlog
from fastapi import APIRouter

from alerts.duty_file import DutyFile
from alerts.escalate import Policy
from alerts.event import State
from alerts.ladder import Ladder
from alerts.vacancy import known_gaps
from devices.message import Message
from devices.registry import Registry
from ingest import (
    alert_log,
    api_server,
    channels_api,
    drills_api,
    duty_api,
    duty_records,
    icalendar_file,
    links_api,
    night_page,
    outcomes,
    quarantine_api,
    quiet_api,
    replies_api,
    reply_records,
    residents_api,
    rule_records,
    rules_api,
    synthetic_api,
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
from ingest.duty_records import DutyRecords
from ingest.duty_watch import DutyWatch
from ingest.facts import ANNOUNCED, Fact
from ingest.housekeeping import House
from ingest.intake import Intake
from ingest.journal import SqliteJournal
from ingest.key_file import key_in
from ingest.ladder_watch import LadderWatch
from ingest.line import DEADLINE_S, Line
from ingest.metrics import Metrics
from ingest.mqtt_link import MqttLink
from ingest.outbox import Outbox
from ingest.pipeline import Pipeline
from ingest.quarantine import Quarantine
from ingest.reach import Reach
from ingest.reply_records import ReplyRecords
from ingest.reporting.handover import Handover
from ingest.reporting.routes import routes as report_routes
from ingest.reports import Reports
from ingest.roster import Roster
from ingest.rule_records import RuleRecords
from ingest.rulebook import Rulebook
from ingest.seal import Seal, seal_of
from ingest.source import Broker, Source
from ingest.store.projections import Projections
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
_JOURNAL = "journal.db"
_THREADS = 64
_VENDORS = "vendors"
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


@dataclass(frozen=True, slots=True)
class Running:
    """A service at work. `goes_ahead` says which messages it takes for possible calls for help."""

    api_url: str
    desk: Desk
    metrics: Metrics
    clock: Clock
    goes_ahead: Callable[[Message], bool]


@contextlib.asynccontextmanager
async def service(setting: Setting) -> AsyncIterator[Running]:
    """A running service; leaving the context stops it: no more intake, flush, checkpoint, close.

    Raises OSError when the API's port is taken and `sqlite3.Error` when the data folder is unusable.
    A broker or database that is away is no error: the service waits for them.
    """
    config, clock, registry = setting.config, setting.clock, setting.registry
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_unhandled)
    # Name look-ups share this executor with all else that blocks: one dead name server must not fill it.
    loop.set_default_executor(ThreadPoolExecutor(_THREADS, "shouwang"))
    metrics = Metrics()
    intake = Intake(clock, metrics)
    async with contextlib.AsyncExitStack() as stack:
        # First of all: within the tasks' group the error would be one of a group.
        listening = stack.enter_context(api_server.listen(config.api.host, config.api.port))
        stack.enter_context(_alone(config.data))
        journal, checkpoint = _kept(stack, config.data, intake)

        records = RuleRecords(journal)
        begun, engine = await _engine(setting, checkpoint, records)
        link = MqttLink(_broker(setting, "-alerts"), random=random)
        displays = link if config.alerts_over_mqtt else None
        channels = await made.make(stack, config, displays, clock, metrics.circuit_is)
        roster = Roster(config.duty, setting.duty, registry, DutyRecords(journal), clock)
        link_key = key_in(config.data / "links.key")
        outbox = await _outbox(setting, journal, metrics, channels, roster, link_key)
        downlink = Downlink(link, registry, metrics)
        desk = _desk(setting, journal, outbox, metrics, roster, downlink, intake)
        followers: list[Source] = []

        def taught(facts: list[Fact]) -> None:
            for source in followers:
                source.follow(fact.about for fact in facts if fact.field == ANNOUNCED and fact.value)

        pipeline = Pipeline(
            journal=journal,
            checkpoint=checkpoint,
            engine=engine,
            registry=registry,
            site=config.site,
            clock=clock,
            metrics=metrics,
            decide=_decider(desk, clock, metrics),
            recorded=desk.settled,
            closed_at=desk.book.closed_at,
            taught=taught,
            signalled=desk.signalled,
        )
        await _catch_up(pipeline, engine, records, begun, clock)
        intake.pipeline = pipeline
        log.info("restored", open_alerts=len(desk.book.unresolved()))
        rulebook = _rulebook(setting, records, metrics, pipeline, desk)

        projections = Projections(config.data / _JOURNAL, journal.id)
        stack.callback(projections.close)
        seal = _seal(config.data / "quarantine.key")
        writer = Writer(setting.dsn, journal.id, pipeline.feed, registry, metrics, projections, seal)
        quarantine = stack.enter_context(
            Quarantine(setting.dsn, seal, pipeline.interpret, pipeline.recall, desk.settled, clock)
        )
        sources = [_source(setting, intake, lane, topics) for lane, topics in _lanes(config.broker)]
        followers += [source for source in sources if source.lane == _VENDORS]
        for source in followers:
            source.follow(pipeline.facts.about(ANNOUNCED))

        parts = partial(_parts, sources, journal, writer)
        tasks = await stack.enter_async_context(asyncio.TaskGroup())  # a task that dies ends the service
        line = Line(stack, tasks)
        # Down again: last made, first stopped.
        line.start("writer", writer.run(), stop=writer.stop, abort=writer.abort)
        line.start("mqtt-link", link.run())
        line.start("downlink", downlink.run())
        line.start("outbox", outbox.run(desk.told_of, desk.receipt))
        line.start("desk", desk.run())
        stack.push_async_callback(_finish, pipeline, desk, outbox)
        line.start("pipeline", pipeline.run())
        line.start("rulebook", rulebook.run())
        line.start("intake", intake.run())
        said = _reports(line, Reports(journal, intake.record, registry, clock))
        line.start(
            "housekeeping",
            House(
                setting.clock,
                config.journal_keep_hours,
                journal,
                checkpoint,
                pipeline,
                writer,
                projections,
                metrics,
                parts,
            ).run(),
        )
        watch = _watch(line, roster, desk, channels, setting, link_key, metrics)
        more = [
            quarantine_api.routes(quarantine),
            quiet_api.routes(desk, pipeline.failures),
            drills_api.routes(desk),
            synthetic_api.routes(_resident(line, setting, desk, sources, metrics)),
            report_routes(
                setting.dsn,
                lambda: roster.duty,
                registry,
                clock,
                Handover(desk, pipeline, lambda: roster.duty, registry, clock),
                config.api.public_url,
            ),
            residents_api.routes(said, pipeline.away),
            rules_api.routes(rulebook, records),
            duty_api.routes(roster, watch, registry, clock, setting.token),
            night_page.routes(watch, link_key, clock.now),
            channels_api.routes(channels, desk, roster.person, made.secrets(config)),
            links_api.routes(desk, link_key, setting.clock.now),
            replies_api.routes(
                desk,
                ReplyRecords(journal),
                made.replying(config),
                roster.people,
                outbox.sent,
                clock.now,
                time.time,
            ),
        ]
        api_url = _api(line, listening, setting, desk, parts, metrics, more)
        stack.push_async_callback(intake.settled)
        _hear(line, sources, Reach(sources, intake.say, clock, reached=not engine.outage))
        yield Running(api_url, desk, metrics, clock, intake.goes_ahead)
        log.info("stopping")


def _parts(sources: list[Source], journal: SqliteJournal, writer: Writer) -> dict[str, str]:
    """What works (""), and why what does not."""
    away = [source.last_error or "not connected" for source in sources if not source.connected]
    return {
        "broker": "; ".join(dict.fromkeys(away)),
        "journal": "" if journal.healthy else "the disk refuses to write",
        "database": "" if writer.connected else writer.last_error,
    }


def _reports(line: Line, reports: Reports) -> Reports:
    """Start to end what was reported until a time."""
    line.start("reports", reports.run())
    return reports


def _desk(
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


def _watch(
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


def _hear(line: Line, sources: list[Source], reach: Reach) -> None:
    """Start to receive; whether we do is looked at to the last."""
    for source in sources:
        line.start(f"source-{source.lane}", source.run())
    line.start("reach", reach.run())  # stopped before them: our own end is no outage of the broker


def _resident(
    line: Line, setting: Setting, desk: Desk, sources: list[Source], metrics: Metrics
) -> SyntheticResident:
    """The synthetic resident, at work where the configuration wants it."""
    config, every_ms = setting.config, setting.config.synthetic.every
    if not config.broker.reads(desk.synthetic.topic):
        log.warning("no_test_calls", why="[broker] topics do not read them", topic=desk.synthetic.topic)
        every_ms = 0
    resident = SyntheticResident(
        desk.synthetic,
        _broker(setting, "-synthetic"),
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


def _api(
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


async def _outbox(
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


async def _engine(setting: Setting, checkpoint: Checkpoint, records: RuleRecords) -> tuple[int, Engine]:
    """The rules as of the last checkpoint, and when that was (ms UTC).

    What the checkpoint has of rules and people that are gone is dropped.
    """
    begun = checkpoint.now or await records.begun(setting.clock.now())
    engine = Engine(setting.rules, setting.registry, begun)
    checkpoint.drop(engine.restore(checkpoint.memories()))
    return begun, engine


def _rulebook(
    setting: Setting, records: RuleRecords, metrics: Metrics, pipeline: Pipeline, desk: Desk
) -> Rulebook:
    """The watch over the rule file; other rules decide, and the desk knows them."""

    async def replace(rules: RuleSet) -> None:
        await pipeline.replace(rules)
        desk.follow_rules(rules)

    path, registry = setting.config.rules, setting.registry
    return Rulebook(path, setting.rules, registry, records, setting.clock, metrics, replace)


async def _catch_up(
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


def _unhandled(_: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """What no task caught: a bug, said in one line."""
    log.error("unhandled", what=context.get("message"), error=type(context.get("exception")).__name__)


async def _finish(pipeline: Pipeline, desk: Desk, outbox: Outbox) -> None:
    """Process what was taken, record what was decided, give the last notifications a moment, checkpoint."""
    pipeline.drain()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DEADLINE_S):
            await desk.settled()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LAST_WORDS_S):
            await outbox.empty()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DEADLINE_S):
            await pipeline.save()
    desk.close()


def _seal(path: Path) -> Seal:
    """The quarantine's seal. Without its key people are watched over all the same."""
    try:
        return seal_of(path)
    except OSError as error:
        log.error("no_quarantine_key", error=error.strerror, kept="until the next start only")  # noqa: TRY400
        return Seal(os.urandom(32))


def _decider(desk: Desk, clock: Clock, metrics: Metrics) -> Callable[[list[Decision], int], None]:
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


def _broker(setting: Setting, suffix: str) -> Broker:
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


def _lanes(config: BrokerConfig) -> list[tuple[str, list[str]]]:
    """Each lane is a connection of its own, so that messages of one cannot stand before those of another.

    Calls for help of the native protocol; its telemetry; and other families, whose topics do not tell which
    is which (their calls for help go ahead as soon as they are here).
    """
    native = [topic for topic in config.topics if topic.startswith("shouwang/")]
    vendors = [topic for topic in config.topics if topic not in native]
    lanes = [("life_safety", config.life_safety_topics), ("telemetry", native), (_VENDORS, vendors)]
    return [(lane, topics) for lane, topics in lanes if topics]


def _source(setting: Setting, intake: Intake, lane: str, topics: list[str]) -> Source:
    source = Source(_broker(setting, f"-{lane}"), topics, intake.receiver(lane), setting.clock, lane)
    intake.attach(source)
    return source


def _kept(stack: contextlib.AsyncExitStack, data: Path, intake: Intake) -> tuple[SqliteJournal, Checkpoint]:
    """What is kept on disk."""
    journal = SqliteJournal(data / _JOURNAL, intake.committed, _SCHEMAS)
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
def _alone(data: Path) -> Iterator[None]:
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
