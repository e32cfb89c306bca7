"""`shouwang decode`: what a payload means, without a broker or a database.

Rule: the same decoders as the service; every input line gives one output line in a batch.
"""

import base64
import binascii
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, BinaryIO, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson
import typer
from rich.console import Console

from devices.catalogue import ENTRIES, entries_of_any
from devices.decode import decode
from devices.families import ALIASES, FAMILIES
from devices.instants import iso_ms
from devices.message import Message
from devices.reading import Decoded, Motion
from ingest.commands.console import USAGE, bare, end, json_line, now_ms, told
from ingest.commands.explaining import Explained, Lessons, explain, observation_json, rejected_json, table
from ingest.commands.windows_shown import MOTION, doubt_of_position, doubt_of_unit, window_json, window_text
from ingest.journal import head_of

NOTHING_BUT_REJECTS = 3

_END_OF_TIME = 253_402_300_800_000  # year 10,000, which no calendar here can print


class Line(NamedTuple):
    """A line of a batch or a recording: a message, and what the line says of its device's model."""

    message: Message
    model: str = ""


def run(
    topic: Annotated[str, typer.Option(help="The topic the payload came on.")] = "",
    family: Annotated[str, typer.Option(help=f"Instead of guessing by topic: {', '.join(FAMILIES)}.")] = "",
    model: Annotated[
        str, typer.Option(help="The device's model, where the payload alone is ambiguous.")
    ] = "",
    zone: Annotated[
        str, typer.Option(help="The time zone of devices that write times without one: Asia/Shanghai.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines, also on a terminal.")] = False,
    as_table: Annotated[bool, typer.Option("--table", help="A table, also into a pipe.")] = False,
    batch: Annotated[
        Path | None,
        typer.Option(
            help='Lines {"topic", "payload" | "payload_b64" | "text", "model"?, "received_at"?}'
            " with received_at in ms or ISO 8601; - is stdin."
        ),
    ] = None,
    file: Annotated[Path | None, typer.Argument(help="The payload; stdin when missing or -.")] = None,
) -> None:
    """Explain a payload: what it says, what could not be used, and what was not understood.

    On a terminal this is a table; into a pipe one JSON object a line per observation, or why it was rejected.
    With --json said, a window of acceleration is a line {"motion": {...}} that names the model by which falls
    are looked for in it, and fields that were not understood are in a last line: {"left": [...]}.
    Exits with 3 when there is nothing but rejects. With --batch every line is answered by one: a JSON array
    of observations and of {"motion": {...}}, or the reject; what a line teaches (models, births, discovery)
    holds for those after it.
    """
    family = ALIASES.get(family, family)
    if family and family not in FAMILIES:
        end(f"unknown family {family!r}; known are {', '.join(FAMILIES)}", USAGE)
    if as_json and as_table:
        end("--json or --table, not both", USAGE)
    if not _is_zone(zone):
        end(f"--zone {zone!r} is no time zone of the IANA database, like Asia/Shanghai", USAGE)
    known = Lessons(model, zone)
    if batch is not None:
        if topic or file is not None:
            end("--batch brings its own topics and payloads: leave out --topic and FILE", USAGE)
        if as_table:
            end("--batch answers in JSON lines: leave out --table", USAGE)
        with _opened(batch) as lines:
            good = [_batch_line(line, family, known, model) for line in lines]
        raise typer.Exit(NOTHING_BUT_REJECTS if good and not any(good) else 0)
    if not topic and not family:
        end("say on which topic the payload came: --topic zigbee2mqtt/button-1", USAGE)
    with _opened(file) as source:
        payload = source.read()
    message = head_of(topic, payload, now_ms(), (False, False, 0))
    found = explain(message, known, family)
    if as_table or (sys.stdout.isatty() and not as_json):
        Console(highlight=False).print(table(found))
    else:
        _print_lines(found, in_full=as_json)
    if model and not entries_of_any(model):
        told.print(f"model {model} is not in the catalogue (devices/README.md)", markup=False)
    elif found.left and not model and _model_would_help(message, found, known):
        told.print("say the device's model with --model, as the registry would", markup=False)
    raise typer.Exit(NOTHING_BUT_REJECTS if _nothing_but_rejects(found) else 0)


def _nothing_but_rejects(found: Explained) -> bool:
    return bool(found.rejected) and not found.observations and not found.windows


def _is_zone(zone: str) -> bool:
    try:
        return not zone or bool(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False


def _model_would_help(message: Message, found: Explained, known: Lessons) -> bool:
    """Whether there is any model of which less would be left: tried, for only the decoders know."""
    for entry in ENTRIES:
        supposed = replace(known, model=(*entry.models, *entry.spoken, "")[0])
        decoded = decode(message, supposed, found.family)
        if isinstance(decoded, Decoded) and len(decoded.left) < len(found.left):
            return True
    return False


def _print_lines(found: Explained, *, in_full: bool) -> None:
    for observation in found.observations:
        json_line(observation_json(observation))
    for reject in found.rejected:
        json_line(rejected_json(reject))
    for window in found.windows:
        if in_full:
            json_line({"motion": window_json(window)})
        else:
            _tell_of(window)
    if found.left and in_full:
        json_line({"left": found.left})
    elif found.left:
        told.print(f"not understood: {', '.join(found.left)}", markup=False)


def _tell_of(window: Motion) -> None:
    said = f"{window.device}: {MOTION}: {bare(window_text(window))}"
    told.print(
        f"{said}; run and replay look for falls in such windows 由 run 和 replay 识别跌倒", markup=False
    )
    for doubt in filter(None, (doubt_of_position(window), doubt_of_unit(window))):
        told.print(bare(doubt), style="yellow", markup=False)


def _opened(path: Path | None) -> BinaryIO:
    if path is None or str(path) == "-":
        return sys.stdin.buffer
    try:
        return path.open("rb")
    except OSError as error:
        end(f"{path}: {error.strerror}", USAGE)


def _batch_line(line: bytes, family: str, known: Lessons, model: str) -> bool:
    """Answer one line; whether it was more than a reject."""
    read = read_line(line)
    if isinstance(read, str):
        json_line({"rejected": "bad_line", "detail": read})
        return False
    known.model = read.model or model
    found = explain(read.message, known, family)
    if _nothing_but_rejects(found):
        json_line(rejected_json(found.rejected[0]))
        return False
    observed = [observation_json(observation) for observation in found.observations]
    json_line([*observed, *({"motion": window_json(window)} for window in found.windows)])
    return True


def read_line(line: bytes, *, timed: bool = False) -> Line | str:
    """A line of a batch or a recording, or what is wrong with it.

    `at` and `received_at` are the arrival time: ms UTC or ISO 8601; without one it is now, unless `timed`.
    """
    if not line.strip():
        return "the line is empty"
    try:
        item = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return f"not JSON: {error}"
    if not isinstance(item, dict) or not isinstance(item.get("topic"), str):
        return 'expected {"topic": ..., "payload": ...}'
    payload = _payload(item)
    if payload is None:
        return 'expected one of "payload", "payload_b64" (base64) and "text"'
    given = item.get("received_at", item.get("at"))
    if given is None and timed:
        return 'a recording says when each message came: "at" in ms'
    received_at = now_ms() if given is None else _arrival(given)
    if received_at is None:
        return "the arrival time is neither ms since 1970 nor ISO 8601 with a zone"
    retained = item.get("retained") is True
    model = item.get("model")
    message = head_of(item["topic"], payload, received_at, (retained, False, 0))
    return Line(message, model if isinstance(model, str) else "")


def _arrival(given: object) -> int | None:
    """An arrival time as ms. Our own tools write it, so unlike devices' times it is never guessed."""
    if isinstance(given, str):
        at = iso_ms(given)
    elif isinstance(given, (int, float)) and not isinstance(given, bool):
        at = round(given)
    else:
        return None
    return at if at is not None and 0 <= at < _END_OF_TIME else None


def _payload(item: dict[str, object]) -> bytes | None:
    if isinstance(text := item.get("payload"), str):  # as other tools record what is no JSON
        return text.encode()
    if "payload" in item:
        return orjson.dumps(item["payload"])
    if isinstance(text := item.get("text"), str):
        return text.encode()
    if isinstance(coded := item.get("payload_b64"), str):
        try:
            return base64.b64decode(coded, validate=True)
        except (binascii.Error, ValueError):
            return None
    return None


def lines_of(path: Path) -> Iterator[tuple[int, bytes]]:
    """The non-empty lines of a file with their numbers."""
    with _opened(path) as source:
        for number, line in enumerate(source, 1):
            if line.strip():
                yield number, line
