"""The service, composed: every part made in order, every clean-up registered as soon as its part exists.

Rule: one straight line up, the same line down; each wait on the way down has a deadline.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from random import random

import structlog

from devices.message import Message
from ingest import (
    api_server,
    channels_api,
    drills_api,
    duty_api,
    links_api,
    night_page,
    parts,
    quarantine_api,
    quiet_api,
    replies_api,
    residents_api,
    rules_api,
    synthetic_api,
)
from ingest.channels import made
from ingest.clock import Clock
from ingest.desk import Desk
from ingest.downlink import Downlink
from ingest.duty_records import DutyRecords
from ingest.facts import ANNOUNCED, Fact
from ingest.felt import Felt
from ingest.housekeeping import House
from ingest.intake import Intake
from ingest.key_file import key_in
from ingest.line import Line
from ingest.metrics import Metrics
from ingest.mqtt_link import MqttLink
from ingest.parts import Setting
from ingest.pipeline import Pipeline
from ingest.quarantine import Quarantine
from ingest.reach import Reach
from ingest.reply_records import ReplyRecords
from ingest.reporting.handover import Handover
from ingest.reporting.routes import routes as report_routes
from ingest.reports import Reports
from ingest.roster import Roster
from ingest.rule_records import RuleRecords
from ingest.source import Source
from ingest.store.projections import Projections
from ingest.store.writer import Writer
from rules.falls.detector import Detector
from rules.falls.model import default_models

log = structlog.get_logger()

_THREADS = 64


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
    loop.set_exception_handler(parts.unhandled)
    # Name look-ups share this executor with all else that blocks: one dead name server must not fill it.
    loop.set_default_executor(ThreadPoolExecutor(_THREADS, "shouwang"))
    metrics = Metrics()
    intake = Intake(clock, metrics)
    async with contextlib.AsyncExitStack() as stack:
        # First of all: within the tasks' group the error would be one of a group.
        listening = stack.enter_context(api_server.listen(config.api.host, config.api.port))
        stack.enter_context(parts.alone(config.data))
        journal, checkpoint = parts.kept(stack, config.data, intake)

        records = RuleRecords(journal)
        begun, engine = await parts.restored_engine(setting, checkpoint, records)
        link = MqttLink(parts.broker_for(setting, "-alerts"), random=random)
        displays = link if config.alerts_over_mqtt else None
        channels = await made.make(stack, config, displays, clock, metrics.circuit_is)
        roster = Roster(config.duty, setting.duty, registry, DutyRecords(journal), clock)
        link_key = key_in(config.data / "links.key")
        outbox = await parts.make_outbox(setting, journal, metrics, channels, roster, link_key)
        downlink = Downlink(link, registry, metrics)
        desk = parts.make_desk(setting, journal, outbox, metrics, roster, downlink, intake)
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
            decide=parts.decider(desk, clock, metrics),
            felt=Felt(Detector(default_models()), clock, metrics, intake.call),
            recorded=desk.settled,
            closed_at=desk.book.closed_at,
            taught=taught,
            signalled=desk.signalled,
        )
        await parts.catch_up(pipeline, engine, records, begun, clock)
        intake.begin(pipeline)
        log.info("restored", open_alerts=len(desk.book.unresolved()))
        rulebook = parts.make_rulebook(setting, records, metrics, pipeline, desk)

        projections = Projections(config.data / parts.JOURNAL, journal.id)
        stack.callback(projections.close)
        seal = parts.seal_in(config.data / "quarantine.key")
        writer = Writer(setting.dsn, journal.id, pipeline.feed, registry, metrics, projections, seal)
        quarantine = stack.enter_context(
            Quarantine(setting.dsn, seal, pipeline.interpret, pipeline.recall, desk.settled, clock)
        )
        sources = [
            parts.make_source(setting, intake, lane, topics) for lane, topics in parts.lanes(config.broker)
        ]
        followers += [source for source in sources if source.lane == parts.VENDORS]
        for source in followers:
            source.follow(pipeline.facts.about(ANNOUNCED))

        works = partial(parts.works, sources, journal, writer)
        tasks = await stack.enter_async_context(asyncio.TaskGroup())  # a task that dies ends the service
        line = Line(stack, tasks)
        # Down again: last made, first stopped.
        line.start("writer", writer.run(), stop=writer.stop, abort=writer.abort)
        line.start("mqtt-link", link.run())
        line.start("downlink", downlink.run())
        line.start("outbox", outbox.run(desk.told_of, desk.receipt))
        line.start("desk", desk.run())
        stack.push_async_callback(parts.finish, pipeline, desk, outbox)
        line.start("pipeline", pipeline.run())
        line.start("rulebook", rulebook.run())
        line.start("intake", intake.run())
        said = parts.start_reports(line, Reports(journal, intake.record, registry, clock))
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
                works,
            ).run(),
        )
        watch = parts.start_watch(line, roster, desk, channels, setting, link_key, metrics)
        more = [
            quarantine_api.routes(quarantine),
            quiet_api.routes(desk, pipeline.failures),
            drills_api.routes(desk),
            synthetic_api.routes(parts.start_resident(line, setting, desk, sources, metrics)),
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
        api_url = parts.serve_api(line, listening, setting, desk, works, metrics, more)
        stack.push_async_callback(intake.settled)
        parts.hear(line, sources, Reach(sources, intake.say, clock, reached=not engine.outage))
        yield Running(api_url, desk, metrics, clock, intake.goes_ahead)
        log.info("stopping")
