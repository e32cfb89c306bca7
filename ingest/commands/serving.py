"""`shouwang run`, `check-config` and `migrate`: the service itself. Rule: nothing starts half-configured."""

import asyncio
import contextlib
import os
import resource
import secrets
import signal
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import psycopg
import structlog
import typer
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from alerts.duty_file import DutyFile
from alerts.ladder import Ladder, unaddressed
from alerts.ladder_doubts import unreachable
from alerts.synthetic import topic
from alerts.vacancy import local
from devices.catalogue import entries_of_any, expected_ms
from devices.registry import PlaceKind, Registry, Risk
from devices.registry_files import Problem
from ingest import ladder_watch, roster
from ingest.commands.console import USAGE, be_prompt, end, end_with, now_ms, rule_problems, set_up_logs, told
from ingest.commands.registering import stored, unknown_models
from ingest.config import EMBEDDED, ChannelConfig, Config, load
from ingest.embedded.broker import EmbeddedBroker
from ingest.embedded.guarded import EmbeddedError
from ingest.embedded.postgres import EmbeddedPostgres
from ingest.embedded.server import EmbeddedServer
from ingest.store.schema import migrate as migrate_database
from rules.configuration import default
from rules.decision import Severity
from rules.explanation import idle_overrides, unassessed
from rules.kinds.unprotected import without_line
from rules.ruleset import RuleSet

if TYPE_CHECKING:  # the service with its web framework takes as long to load as all the rest: where it runs
    from ingest.parts import Setting

log = structlog.get_logger()

_LOOK_S = 1.0
_MOST = 10  # named of a kind of doubt
_LATE_MS = 60_000  # an urgent alert is to have reached a person's channel by then

_Config = Annotated[Path, typer.Option("--config", help="The configuration, TOML.")]


@dataclass(frozen=True, slots=True)
class Checked:
    """A configuration with all it names, found good."""

    config: Config
    registry: Registry
    rules: RuleSet
    ladders: tuple[Ladder, ...] = ()
    duty: DutyFile = field(default_factory=DutyFile)


def check(path: Path) -> Checked | list[Problem]:
    """Configuration, registry and rules, read and checked together; or everything that is wrong."""
    config = load(path)
    if isinstance(config, list):
        return config
    problems = _missing_files(path, config)
    registry = stored(config.data, config.registry)
    rules = rule_problems(config.rules, registry if isinstance(registry, Registry) else None)
    known = replace(registry, zone=config.timezone) if isinstance(registry, Registry) else None
    duty = roster.load(config.duty, known)
    ladders = ladder_watch.load(config, known, duty if config.duty and isinstance(duty, DutyFile) else None)
    for found in (registry, rules, duty, ladders):
        problems += found if isinstance(found, list) else []
    if problems or known is None or isinstance(rules, list):
        return problems
    if isinstance(ladders, list) or isinstance(duty, list):
        return problems
    return Checked(config, known, rules, ladders, duty)


def _missing_files(path: Path, config: Config) -> list[Problem]:
    """Secrets and certificates that cannot be read."""
    problems: list[Problem] = []
    attempts = [config.broker.secret, config.broker.tls, config.database.secret, config.api.secret]
    signed = {one.name: one.key for one in config.webhook}
    signed |= {one.name: one.key for one in config.channel if one.kind != "apprise" or one.replies}
    attempts += [*signed.values(), *(one.where for one in config.channel)]
    for attempt in attempts:
        try:
            attempt()
        except OSError as error:
            problems.append(
                Problem(str(path), 0, f"{error.filename or 'a certificate'}: {error.strerror or error}")
            )
    with contextlib.suppress(OSError):
        dsn = config.database.secret()
        if dsn != EMBEDDED and not _is_dsn(dsn):  # not in libpq's words: they would repeat the password
            problems.append(
                Problem(str(path), 0, "database: the DSN is none: postgresql://user@host/database")
            )
    for name, key in signed.items():
        with contextlib.suppress(OSError):
            if len(key().encode()) < 16:
                problems.append(Problem(str(path), 0, f"{name}: the secret needs at least 16 characters"))
    return problems + [
        Problem(str(path), 0, f"channel {one.name}: {wrong}")
        for one in config.channel
        if (wrong := _wrong_address(one))
    ]


def _wrong_address(channel: ChannelConfig) -> str:
    """What is wrong with a channel's address, which is not repeated: it may hold a token."""
    try:
        url = channel.where()
    except OSError:
        return ""
    if channel.kind != "apprise":
        return "" if urlsplit(url).scheme in {"http", "https"} else "url must be http://... or https://..."
    from ingest.channels.apprise_channel import is_understood

    try:
        known = is_understood(url)
    except ValueError as error:
        return f"url: {error}"
    return "" if known else "url is none that Apprise knows"


def check_config(file: Annotated[Path, typer.Argument(help="The configuration, TOML.")]) -> None:
    """Check configuration, rules and registry; tell all errors at once."""
    found = check(file)
    if isinstance(found, list):
        end_with(found)
    told.print(
        f"{file}: good. {len(list(found.rules))} rules, {len(found.registry.residents)} residents,"
        f" {len(found.registry.devices)} devices.",
        style="green",
        markup=False,
    )
    for doubt in _doubts(found):
        told.print(f"note: {doubt}", style="yellow", markup=False)


def _doubts(found: Checked) -> list[str]:
    """What is allowed, but hardly meant."""
    sites = {place.id for place in found.registry.places.values() if place.kind is PlaceKind.SITE}
    doubts = []
    if sites and found.config.site not in sites:
        doubts.append(
            f"site is {found.config.site!r}, but the registry's sites are {', '.join(sorted(sites))}: devices"
            " whose topics name no site (zigbee2mqtt, LoRaWAN) are taken to be at the former"
        )
    strangers = sorted({d.site for d in found.registry.devices.values() if d.site and d.site not in sites})
    if strangers:
        doubts.append(f"devices are at {', '.join(strangers)}, which no place of kind site is")
    if found.config.synthetic.every and not found.config.broker.reads(called := topic(found.config.site)):
        doubts.append(f"[broker] reads no {called}: no test call for help is made (R-32)")
    kinds = {rule.kind.name for rule in found.rules}
    missing = sorted({rule.kind.name for rule in default()} - kinds)
    if missing:
        doubts.append(f"no rule of kind {', '.join(missing)}: a rule file replaces the default one whole")
    doubts += _doubtful_devices(found.registry)
    doubts += _not_assessed(found.registry)
    doubts += _few(idle_overrides(found.rules, found.registry), "overrides that can do nothing")
    doubts += _unreached(found)
    doubts += _few(_gaps(found), "gaps of the rota in the next 14 days")
    lonely = without_line(found.registry)
    if lonely:
        doubts.append(f"no device to call for help with: {', '.join(list(lonely)[:10])}")
    return doubts


def _gaps(found: Checked) -> list[str]:
    """Where the rota of the file leaves nobody; what was changed of it since is not in the file."""
    now = now_ms()
    return [
        f"nobody is {gap.role} at {gap.place} from {local(gap.begin, found.registry.timezone(gap.place))}"
        f" to {local(gap.end, found.registry.timezone(gap.place))} 值班空缺"
        for gap in found.duty.duty(found.registry).gaps(now, now + roster.GAPS_AHEAD_MS)
    ]


def _unreached(found: Checked) -> list[str]:
    """Whom and when the ladders' calls would not reach."""
    asked = {one.name: one.asks() for one in found.config.channel}
    return [*unreachable(found.ladders, found.duty, asked), *_unaddressed(found)]


def _unaddressed(found: Checked) -> Iterator[str]:
    """Where and when ladders send an urgent alert to nobody, though at other times or places they do."""
    if not any(step.channels for ladder in found.ladders for step in ladder.steps):
        return
    told_of = {place for ladder in found.ladders for place in ladder.places}
    asked: dict[tuple[str, ...], str] = {}
    for resident in found.registry.residents.values():
        chain = tuple(place.id for place in found.registry.above(resident.place) if place.id in told_of)
        asked.setdefault(chain, resident.place)
    for chain, place in asked.items():
        for since, until in unaddressed(found.ladders, Severity.HIGH, chain, _LATE_MS):
            yield (
                f"an urgent alert at {place or 'any place'} from {_hour(since)} to {_hour(until)}"
                f" is sent to nobody within {_LATE_MS // 1000} s, only to displays and webhooks:"
                " add a [[ladder]] for it"
            )


def _hour(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _not_assessed(registry: Registry) -> Iterator[str]:
    """Whose risks nobody assessed (R-79)."""
    lacking = {one.id: len(unassessed(one)) for one in registry.residents.values()}
    found = [f"{resident} ({count} of {len(Risk)})" for resident, count in lacking.items() if count]
    if found:
        more = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
        yield f"risks not assessed 风险未评估 (R-79): {', '.join(found[:_MOST])}{more}"


def _few(found: list[str], what: str) -> Iterator[str]:
    yield from found[:_MOST]
    if len(found) > _MOST:
        yield f"and {len(found) - _MOST} more {what}"


def _doubtful_devices(registry: Registry) -> Iterator[str]:
    """Models nobody knows, and devices that are silent for longer than they may."""
    if unknown := unknown_models(registry):
        yield unknown
    entries = {
        model: entries_of_any(model) for model in {d.model for d in registry.devices.values() if d.model}
    }
    hasty = []
    for device in registry.devices.values():
        expected = [ms for entry in entries.get(device.model, ()) if (ms := expected_ms(entry)) is not None]
        if expected and device.supervision.ms < min(expected):
            hasty.append(f"{device.id} ({device.supervision})")
    if hasty:
        yield f"supervision is shorter than these are silent by themselves: {', '.join(hasty[:10])}"


def migrate(
    dsn: Annotated[
        str, typer.Option(help="postgresql://user@host/database", envvar="SHOUWANG_DATABASE__DSN")
    ],
) -> None:
    """Bring a database's schema up to date. Safe to repeat."""
    try:
        given = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError as error:
        end(f"--dsn: {str(error).strip()}; write postgresql://user@host/database", USAGE)
    if not given:
        end("--dsn is empty; write postgresql://user@host/database", USAGE)
    try:
        with psycopg.connect(dsn, autocommit=True, connect_timeout=10) as database:
            schema = migrate_database(database)
    except psycopg.Error as error:
        end(f"the database said: {str(error).strip() or type(error).__name__}")
    kind = "TimescaleDB hypertable" if schema.timescale else "PostgreSQL range partitions"
    told.print(f"{', '.join(schema.applied) or 'nothing to do'} ({kind})", markup=False)


def run(config: _Config) -> None:
    """Run the service until SIGINT or SIGTERM."""
    found = check(config)
    if isinstance(found, list):
        end_with(found)
    set_up_logs()
    for doubt in _unreached(found):
        log.warning("reaches_nobody", doubt=doubt)
    os.umask(0o077)  # what we keep is about people's health
    try:
        token = _token(found.config)
        _allow_many_files()
        with embedded(found.config) as (broker_url, dsn, servers):
            from ingest.parts import Setting

            setting = Setting(
                found.config,
                found.registry,
                found.rules,
                broker_url,
                dsn,
                token,
                ladders=found.ladders,
                duty=found.duty,
            )
            asyncio.run(_serve(setting, servers))
            if ended := [server.name for server in servers if server.ended]:
                end(f"the embedded {' and '.join(ended)} ended by itself; start the service again")
    except KeyboardInterrupt:
        pass  # stopped before it was up
    except (EmbeddedError, OSError, sqlite3.Error) as error:
        end(error)


def _token(config: Config) -> str:
    """The API's token: the configured one, else one made once and kept in the data folder."""
    if given := config.api.secret():
        return given
    path = config.data / "api-token"
    if not path.exists():
        config.data.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32) + "\n")
        told.print(f"made an API token, kept in {path}", markup=False)
    return path.read_text().strip()


@contextlib.contextmanager
def embedded(config: Config) -> Iterator[tuple[str, str, list[EmbeddedServer]]]:
    """The broker's URL, the database's DSN, and our own servers where the configuration wants those."""
    servers: list[EmbeddedServer] = []
    with contextlib.ExitStack() as stack:
        broker_url, dsn = config.broker.url, config.database.secret()
        if dsn == EMBEDDED:
            database = stack.enter_context(EmbeddedPostgres(config.data))
            servers.append(database)
            dsn = database.dsn
        if broker_url == EMBEDDED:
            broker = stack.enter_context(EmbeddedBroker(config.data))
            servers.append(broker)
            broker_url = broker.url
        yield broker_url, dsn, servers


def _allow_many_files() -> None:
    """As many open files as the system lets us have: idle clients of the API must not use them up."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _serve(setting: "Setting", servers: list[EmbeddedServer]) -> None:
    """Serve until told to stop, or until a server of ours has ended: whoever starts us starts all again."""
    from ingest.app import service

    stop = stop_on_signals()
    async with service(setting) as running:
        be_prompt()
        log.info(
            "started",
            api=running.api_url,
            broker=setting.broker_url,
            database=_without_password(setting.dsn),
            data=str(setting.config.data),
            site=setting.config.site,
        )
        while not stop.is_set() and not any(server.ended for server in servers):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _LOOK_S)
    log.info("stopped")


def _is_dsn(dsn: str) -> bool:
    try:
        return bool(conninfo_to_dict(dsn))
    except psycopg.Error:
        return False


def _without_password(dsn: str) -> str:
    known = {key: str(value) for key, value in conninfo_to_dict(dsn).items() if key != "password"}
    return make_conninfo(**known)


def stop_on_signals() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
