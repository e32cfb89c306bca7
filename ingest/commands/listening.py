"""`shouwang listen`: a live broker watched, and per device what was understood, what was left, what is new.

Rule: only listens. It subscribes with a session of its own and acknowledges for nobody, so it may run beside
the service; its output is for the installer's eyes and is kept nowhere.
"""

import asyncio
import contextlib
import secrets
import ssl
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import aiomqtt
import orjson
import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from devices.message import Message
from devices.observation import Observation
from devices.reading import Rejected
from devices.registry import Registry
from ingest.commands.console import USAGE, bare, end, end_with, plain, registry_problems, told
from ingest.commands.explaining import (
    Explained,
    Lessons,
    explain,
    observation_json,
    rejected_json,
    value_text,
)
from ingest.commands.serving import stop_on_signals
from ingest.config import EMBEDDED, Config, load
from ingest.journal import head_of

_MOST_DEVICES = 5000
_MOST_SHOWN = 8
_REFRESH_S = 0.5
_WAIT_S = 10.0
_PIPED_WIDTH = 200


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen, as whom."""

    host: str
    port: int
    username: str = ""
    password: str = ""
    tls: ssl.SSLContext | None = None


@dataclass(slots=True)
class Heard:
    """What was heard of one device: the last value of each metric, and how often each field was left."""

    family: str = ""
    messages: int = 0
    last_ms: int = 0
    values: dict[str, Observation] = field(default_factory=dict)
    left: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)


class Ear:
    """Everything heard so far. Pure: messages in, lines and a table out."""

    def __init__(self, registry: Registry) -> None:
        self._known = Lessons(registry=registry)
        self._registry = registry
        self.devices: dict[str, Heard] = {}
        self.messages = 0

    def hear(self, message: Message) -> tuple[Explained, list[str]]:
        """What a message means, and which devices it is the first of."""
        self.messages += 1
        explained = explain(message, self._known)
        new: list[str] = []
        # What names no device is listed under its topic: the installer asks "what did this thing send?"
        for device in explained.devices or [message.topic]:
            heard = self.devices.get(device)
            if heard is None:
                new.append(device)
                if len(self.devices) >= _MOST_DEVICES:
                    continue
                heard = self.devices[device] = Heard()
            heard.family = explained.family or heard.family
            heard.messages += 1
            heard.last_ms = message.received_at
            heard.values |= {o.metric: o for o in explained.observations if o.device == device}
            heard.left.update(explained.left)
            heard.rejected.update(_why(r) for r in explained.rejected if r.device in {"", device})
        return explained, new

    def model(self, device: str) -> str:
        """The device's model as far as known, and whether the registry knows the device."""
        known = next(iter(self._known.models(device)), "")
        registered = any(name == device for _, name in self._registry.devices)
        return known if registered else f"{known} (not registered 未登记)".strip()

    def table(self, now_ms: int) -> Table:
        """All devices, the last heard first."""
        shown = Table(
            title=f"{len(self.devices)} devices 设备, {self.messages} messages 消息",
            title_justify="left",
            highlight=False,
        )
        for name in (
            "device 设备",
            "family 协议",
            "model 型号",
            "heard 收到",
            "understood 已识别",
            "left 未识别",
        ):
            shown.add_column(name, overflow="fold")
        for device, heard in sorted(self.devices.items(), key=lambda item: -item[1].last_ms):
            said = [f"{metric} {value_text(o)}" for metric, o in heard.values.items()]
            left = [name for name, _ in heard.left.most_common(_MOST_SHOWN)]
            bad = [why for why, _ in heard.rejected.most_common(_MOST_SHOWN)]
            shown.add_row(
                *map(plain, (device, heard.family or "?", self.model(device))),
                f"{heard.messages}x, {max(0, now_ms - heard.last_ms) // 1000} s",
                plain("\n".join(said) or "-", lines=True),
                plain("\n".join([*left, *bad]) or "-", lines=True),
            )
        return shown


def run(
    broker: Annotated[str, typer.Option(help="mqtt://host:port, or mqtts://")] = "",
    config: Annotated[
        Path | None, typer.Option(help="A configuration: its broker, account and registry.")
    ] = None,
    topic: Annotated[list[str] | None, typer.Option(help="What to listen to; may be given again.")] = None,
    username: Annotated[str, typer.Option(help="Who we are at the broker.")] = "",
    password: Annotated[
        str, typer.Option(envvar="SHOUWANG_MQTT_PASSWORD", help="Better given in the environment.")
    ] = "",
    ca_file: Annotated[Path | None, typer.Option(help="Certificate authority of the broker.")] = None,
    registry: Annotated[
        list[Path] | None, typer.Option(help="Registry files, for models and for what is new.")
    ] = None,
    seconds: Annotated[float, typer.Option("--for", min=0, help="End after so many seconds.")] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line per message.")] = False,
) -> None:
    """Watch a live broker: per device what was understood, what was left, and what is new.

    Changes nothing and may run beside the service. On a terminal a table that follows; into a pipe one line
    per new device and the table at the end. With --json every message is a line {"at", "topic", "family",
    "new", "observations", "rejected", "left", "taught"}.
    """
    found = _configured(config)
    people = registry_problems(registry or (found.registry if found else []))
    if isinstance(people, list):
        end_with(people)
    try:
        address = _address(found, broker, username, password, ca_file)
    except (OSError, ValueError) as error:
        end(error, USAGE)
    ear = Ear(people)
    try:
        asyncio.run(_listen(address, topic or ["#"], ear, seconds, as_json))
    except aiomqtt.MqttError as error:
        end(f"{address.host}:{address.port}: {error}; is the broker there, and may we read all topics?")
    except KeyboardInterrupt:
        pass


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
        parts = urlsplit(url)
        if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname:
            raise ValueError(f"not a broker's address: {url!r} (mqtt://host:port or mqtts://host:port)")
        tls = ssl.create_default_context(cafile=ca_file) if parts.scheme == "mqtts" else None
        return Address(parts.hostname, parts.port or (8883 if tls else 1883), username, password, tls)
    if config.broker.url == EMBEDDED:
        port = config.data / "broker" / "port"
        if not port.exists():
            raise ValueError(f"no broker is running in {config.data}: start the service first")
        return Address("127.0.0.1", int(port.read_text()))
    parts = urlsplit(config.broker.url)
    tls = config.broker.tls()
    return Address(
        parts.hostname or "localhost",
        parts.port or (8883 if tls else 1883),
        username or config.broker.username,
        password or config.broker.secret(),
        tls,
    )


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
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds or None), client:
            for topic in topics:
                await client.subscribe(topic, qos=0)
            told.print(f"listening to {', '.join(topics)} on {address.host}:{address.port}", markup=False)
            with _following(console, ear, as_json) as follow:
                ending = asyncio.create_task(stop.wait(), name="stop")
                hearing = asyncio.create_task(_hear(client, ear, as_json, follow), name="hear")
                try:
                    done, _ = await asyncio.wait({ending, hearing}, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        await task
                finally:
                    ending.cancel()
                    hearing.cancel()
    if not as_json and not console.is_terminal:
        console.print(ear.table(_now()))


@contextlib.contextmanager
def _following(console: Console, ear: Ear, as_json: bool) -> Iterator[Live | None]:
    """The table that follows on a terminal."""
    if as_json or not console.is_terminal:
        yield None
        return
    with Live(
        get_renderable=lambda: ear.table(_now()), console=console, refresh_per_second=1 / _REFRESH_S
    ) as live:
        yield live


async def _hear(client: aiomqtt.Client, ear: Ear, as_json: bool, follow: Live | None) -> None:
    async for came in client.messages:
        message = head_of(came.topic.value, _bytes(came.payload), _now(), (came.retain, False, came.qos))
        explained, new = ear.hear(message)
        if as_json:
            _print(_line(message, explained, new))
        elif follow is None:
            for device in new:
                whose = explained.family or "unknown family 未知协议"
                print(f"new 新设备: {bare(device)} ({whose})", flush=True)  # noqa: T201


def _bytes(payload: object) -> bytes:
    """A received payload; aiomqtt's type allows for what is only ever sent."""
    return bytes(payload) if isinstance(payload, (bytes, bytearray)) else b""


def _line(message: Message, explained: Explained, new: list[str]) -> dict[str, object]:
    return {
        "at": message.received_at,
        "topic": message.topic,
        "family": explained.family,
        "devices": explained.devices,
        "new": new,
        "observations": [observation_json(o) for o in explained.observations],
        "rejected": [rejected_json(rejected) for rejected in explained.rejected],
        "left": list(explained.left),
        "taught": [{"about": fact.about, "field": fact.field} for fact in explained.learned],
    }


def _print(value: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))
    sys.stdout.buffer.flush()


def _why(rejected: Rejected) -> str:
    return f"{rejected.reason}: {rejected.detail}" if rejected.detail else rejected.reason.value


def _now() -> int:
    return time.time_ns() // 1_000_000
