"""`shouwang listen`: a live broker watched, and per device what was understood, what was left, what is new.

Rule: only listens. It subscribes with a session of its own and acknowledges for nobody, so it may run beside
the service; its output is for the installer's eyes and is kept nowhere.
"""

import asyncio
import contextlib
import secrets
import ssl
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

import aiomqtt
import typer
from rich.console import Console
from rich.live import Live

from devices.families import FAMILIES
from devices.message import Message
from ingest.commands.console import USAGE, end, end_with, json_line, now_ms, registry_problems, told
from ingest.commands.explaining import observation_json, rejected_json
from ingest.commands.hearing import Ear, New, nothing_heard
from ingest.commands.registering import stored
from ingest.commands.serving import stop_on_signals
from ingest.commands.windows_shown import window_json
from ingest.config import EMBEDDED, Config, load
from ingest.journal import head_of

_REFRESH_S = 0.5
_WAIT_S = 10.0
_PIPED_WIDTH = 200
_REFUSED_USER = frozenset((4, 5, 134, 135))  # CONNACK: MQTT 3.1.1, 3.2.2.3; MQTT 5, 3.2.2.2
_REFUSED_FILTER = 128  # SUBACK: from here on a filter was refused
_EVERYTHING = (
    "#",
    *dict.fromkeys(topic for family in FAMILIES.values() for topic in family.topics if topic[0] == "$"),
)
"""`#` is all topics but those that begin with `$` (MQTT 3.1.1, 4.7.2), where platforms have theirs."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen, as whom. `data` is the folder of a service whose own broker it is."""

    host: str
    port: int
    username: str = ""
    password: str = ""
    tls: ssl.SSLContext | None = None
    data: Path | None = None


def run(
    broker: Annotated[str, typer.Option(help="mqtt://host:port, or mqtts://")] = "",
    config: Annotated[
        Path | None,
        typer.Option(help="A configuration: its broker, account and registry, and what it reads."),
    ] = None,
    topic: Annotated[
        list[str] | None,
        typer.Option(help="A topic filter to listen to, instead of all; may be given again."),
    ] = None,
    username: Annotated[str, typer.Option(help="Who we are at the broker.")] = "",
    password: Annotated[
        str, typer.Option(envvar="SHOUWANG_MQTT_PASSWORD", help="Better given in the environment.")
    ] = "",
    ca_file: Annotated[Path | None, typer.Option(help="Certificate authority of the broker.")] = None,
    registry: Annotated[
        list[Path] | None, typer.Option(help="More registry files, for models and for what is new.")
    ] = None,
    seconds: Annotated[float, typer.Option("--for", min=0, help="End after so many seconds.")] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line per message.")] = False,
) -> None:
    """Watch a live broker: per device what was understood, what was left, and what is new.

    Changes nothing and may run beside the service. On a terminal a table that follows; into a pipe one line
    when a device or something it says is new, and the table at the end. With --json every message is a line
    {"at", "topic", "family", "new", "observations", "motion", "rejected", "left", "taught", "test_call"}.
    The last is true of a test call of the service itself, which no device made.
    """
    topics = topic if topic is not None else list(_EVERYTHING)
    for one in topics:
        if not _is_filter(one):
            end(f"not a topic filter: {one!r} (like zigbee2mqtt/#, tele/+/SENSOR or #)", USAGE)
    found = _configured(config)
    more = registry or []
    people = registry_problems(more) if found is None else stored(found.data, [*found.registry, *more])
    if isinstance(people, list):
        end_with(people)
    try:
        address = _address(found, broker, username, password, ca_file)
    except (OSError, ValueError) as error:
        end(error, USAGE)
    ear = Ear(people) if found is None else Ear(people, _reads(found), b"" if broker else _key(found))
    try:
        asyncio.run(_listen(address, topics, ear, seconds, as_json))
    except aiomqtt.MqttError as error:
        end(_why_not(error, address))
    except KeyboardInterrupt:
        pass


def _is_filter(text: str) -> bool:
    try:
        aiomqtt.Wildcard(text)
    except ValueError:
        return False
    return "\0" not in text


def _reads(config: Config) -> Callable[[str], bool]:
    """Whether the service is sent a topic, by the filters of its configuration."""
    filters = [*config.broker.topics, *config.broker.life_safety_topics]
    return lambda topic: any(
        aiomqtt.Topic(topic).matches(one)
        for one in filters
        if topic[:1] != "$" or one[:1] == "$"  # no wildcard at the beginning matches it (4.7.2)
    )


def _key(config: Config) -> bytes:
    """By which the service's test calls are known; b"" where it is not for us to read."""
    try:
        return (config.data / "synthetic.key").read_bytes()
    except OSError:
        return b""


def _why_not(error: aiomqtt.MqttError, address: Address) -> str:
    """Why nothing can be heard, and what to do."""
    where = f"{address.host}:{address.port}"
    code = error.rc if isinstance(error, aiomqtt.MqttCodeError) else None
    if _number(code) in _REFUSED_USER:
        whom = f"the user {address.username!r} or its password" if address.username else "us without a user"
        return f"{where}: the broker refuses {whom}: give --username and SHOUWANG_MQTT_PASSWORD"
    if address.data is not None:
        return f"no broker is running in {address.data}: start the service first"
    if isinstance(error, _NotReadable):
        return f"{where}: {error}"
    scheme = "is it the right port, and mqtt:// or mqtts:// as the broker wants it?"
    if "timed out" in str(error).lower() or code is not None:
        return f"{where}: does not answer as an MQTT broker does ({error}); {scheme}"
    return f"{where}: {error}; is the broker there, and {scheme}"


def _number(code: object) -> int:
    """The number of an answer's code, which the library gives bare or with its words."""
    number = getattr(code, "value", code)
    return number if isinstance(number, int) else -1


class _NotReadable(aiomqtt.MqttError):
    """The broker lets this account read nothing of what was asked for."""


def _configured(path: Path | None) -> Config | None:
    if path is None:
        return None
    found = load(path)
    if isinstance(found, list):
        end_with(found)
    return found


def _address(config: Config | None, url: str, username: str, password: str, ca_file: Path | None) -> Address:
    if url or config is None:
        if not url:
            raise ValueError("say which broker: --broker mqtt://localhost:1883, or --config FILE")
        return _named(url, username, password, ca_file)
    if config.broker.url == EMBEDDED:
        port = config.data / "broker" / "port"
        if not port.exists():
            raise ValueError(f"no broker is running in {config.data}: start the service first")
        return Address("127.0.0.1", int(port.read_text()), data=config.data)
    parts = urlsplit(config.broker.url)
    try:
        tls = config.broker.tls()
    except OSError as error:
        raise _about(error, config.broker.ca_file or config.broker.cert_file) from error
    return Address(
        parts.hostname or "localhost",
        parts.port or (8883 if tls else 1883),
        username or config.broker.username,
        password or config.broker.secret(),
        tls,
    )


def _named(url: str, username: str, password: str, ca_file: Path | None) -> Address:
    """The address in a URL, which may hold the account."""
    parts = urlsplit(url)
    if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname:
        shown = url.rpartition("@")[2]  # without a password
        raise ValueError(f"not a broker's address: {shown!r} (mqtt://host:port or mqtts://host:port)")
    try:
        tls = ssl.create_default_context(cafile=ca_file) if parts.scheme == "mqtts" else None
    except OSError as error:
        raise _about(error, ca_file) from error
    if ca_file is not None and tls is None:
        raise ValueError("--ca-file is for mqtts://, and this broker's address is mqtt://")
    return Address(
        parts.hostname,
        parts.port or (8883 if tls else 1883),
        username or unquote(parts.username or ""),
        password or unquote(parts.password or ""),
        tls,
    )


def _about(error: OSError, file: Path | None) -> ValueError:
    """An error of TLS with the name of the file, which it does not say itself."""
    why = "holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
    return ValueError(f"{file or 'TLS'}: {why}")


async def _listen(address: Address, topics: list[str], ear: Ear, seconds: float, as_json: bool) -> None:
    stop = stop_on_signals()
    client = aiomqtt.Client(
        address.host,
        address.port,
        username=address.username or None,
        password=address.password or None,
        identifier=f"shouwang-listen-{secrets.token_hex(4)}",
        tls_context=address.tls,
        timeout=_WAIT_S,
    )
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _PIPED_WIDTH)
    async with client:
        heard = await _subscribe(client, topics)
        told.print(f"listening to {', '.join(heard)} on {address.host}:{address.port}", markup=False)
        with _following(console, ear, as_json) as follow:
            ending = asyncio.create_task(stop.wait(), name="stop")
            hearing = asyncio.create_task(_hear(client, ear, as_json, follow), name="hear")
            try:
                done, _ = await asyncio.wait(
                    {ending, hearing}, timeout=seconds or None, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    await task
            finally:
                ending.cancel()
                hearing.cancel()
    if not ear.messages:
        told.print(nothing_heard(), markup=False)
    elif not as_json and not console.is_terminal:
        console.print(ear.table(now_ms()))


async def _subscribe(client: aiomqtt.Client, topics: list[str]) -> list[str]:
    """Ask for the topics. Returns those that the broker lets us read; says which it does not."""
    heard: list[str] = []
    for topic in topics:
        granted = await client.subscribe(topic, qos=0)
        if all(_number(code) < _REFUSED_FILTER for code in granted):
            heard.append(topic)
        elif topic[0] != "$" or topics != list(_EVERYTHING):
            told.print(f"the broker does not let this account read {topic}", style="red", markup=False)
    if not heard:
        raise _NotReadable("the broker lets this account read none of these topics: see its ACL, or --topic")
    return heard


@contextlib.contextmanager
def _following(console: Console, ear: Ear, as_json: bool) -> Iterator[Live | None]:
    """The table that follows on a terminal."""
    if as_json or not console.is_terminal:
        yield None
        return
    with Live(
        get_renderable=lambda: ear.table(now_ms()), console=console, refresh_per_second=1 / _REFRESH_S
    ) as live:
        yield live


async def _hear(client: aiomqtt.Client, ear: Ear, as_json: bool, follow: Live | None) -> None:
    async for came in client.messages:
        message = head_of(came.topic.value, _bytes(came.payload), now_ms(), (came.retain, False, came.qos))
        new = ear.hear(message)
        if as_json:
            json_line(_line(message, new))
        elif follow is None:
            for line in new.lines:
                print(line, flush=True)  # noqa: T201


def _bytes(payload: object) -> bytes:
    """A received payload; aiomqtt's type allows for what is only ever sent."""
    return bytes(payload) if isinstance(payload, (bytes, bytearray)) else b""


def _line(message: Message, new: New) -> dict[str, object]:
    explained = new.explained
    return {
        "at": message.received_at,
        "topic": message.topic,
        "family": explained.family,
        "devices": explained.devices,
        "new": new.devices,
        "observations": [observation_json(o) for o in explained.observations],
        "motion": [window_json(window) for window in explained.windows],
        "rejected": [rejected_json(rejected) for rejected in explained.rejected],
        "left": list(explained.left),
        "taught": [{"about": fact.about, "field": fact.field} for fact in explained.learned],
        "test_call": new.test_call,
    }
