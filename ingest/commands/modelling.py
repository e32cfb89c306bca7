"""`shouwang models`: which models are known, by which words, and what each can tell.

Rule: the same catalogue as the decoders and devices/README.md; what is found here is understood there.
"""

import sys
from collections.abc import Iterable
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

from devices.catalogue import ENTRIES, Entry, entries_of_any
from devices.guide import CONNECT, families_of, tells
from ingest.commands.console import bare, end, plain

_SHOWN = 12
_NONE = "say what it is in plain words: shouwang models door; all of them: shouwang models"


def run(
    words: Annotated[
        list[str] | None,
        typer.Argument(help="A model, its maker, what it is, or a family; all of them must fit."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines, also on a terminal.")] = False,
) -> None:
    """Look up a model: what to write as `model` in the registry, and what such a device can tell.

    查询型号：登记表的 model 列写什么，这种设备能报告什么。Without a word: everything that is known.
    Where there are no codes, write one of the words. On a terminal and into a pipe this is a table, one JSON
    object a line with --json. Exits with 1 when nothing is found.
    """
    wanted = [word.lower() for word in words or () if word.strip()]
    said = " ".join(words or ())
    found = _found(said, wanted)
    if not found:
        end(f"no model is known by {bare(said)!r}; {_NONE}")
    if as_json:
        for entry in found:
            sys.stdout.buffer.write(orjson.dumps(_object(entry), option=orjson.OPT_APPEND_NEWLINE))
        return
    console = Console(highlight=False)
    console.print(_table(found, wanted))
    if len(found) > 1:
        console.print(f"{len(found)} kinds of device; how to connect them: devices/README.md", markup=False)


def _found(said: str, wanted: list[str]) -> list[Entry]:
    """The entries that all words fit, and those that the registry would take the words for."""
    if not wanted:
        return list(ENTRIES)
    registered = entries_of_any(said)
    exact = {entry for entry in registered if any(model.lower() in said.lower() for model in entry.models)}
    found = [entry for entry in ENTRIES if entry in exact or _fits(entry, wanted)]
    return sorted(found, key=lambda entry: entry not in exact) or list(registered)


def _texts(entry: Entry) -> Iterable[str]:
    """All that an entry may be looked up by."""
    yield from (entry.name, entry.kind, entry.dialect, *entry.models, *entry.spoken)
    for family in families_of(entry.dialect):
        yield from (family, CONNECT[family]["title"])


def _fits(entry: Entry, wanted: list[str]) -> bool:
    texts = [text.lower() for text in _texts(entry)]
    return all(any(word in text for text in texts) for word in wanted)


def _object(entry: Entry) -> dict[str, object]:
    return {
        "device": entry.name,
        "families": families_of(entry.dialect),
        "models": entry.models,
        "words": entry.spoken,
        "kind": entry.kind,
        "tells": tells(entry),
        "every": entry.expected,
    }


def _table(found: list[Entry], wanted: list[str]) -> Table:
    table = Table(show_lines=True, expand=True)
    table.add_column("device 设备", ratio=3, overflow="fold")
    table.add_column("model 登记的型号", ratio=4, overflow="fold")
    table.add_column("can tell 能报告", ratio=4, overflow="fold")
    for entry in found:
        device = (entry.name, entry.kind, ", ".join(families_of(entry.dialect)))
        every = f"speaks every 间隔 {entry.expected}" if entry.expected else "speaks of events 仅事件"
        told = (", ".join(tells(entry)), every)
        table.add_row(
            *(
                "\n".join(plain(line) for line in cell if line)
                for cell in (device, _models(entry, wanted), told)
            )
        )
    return table


def _models(entry: Entry, wanted: list[str]) -> list[str]:
    """Its models, those that were asked for first, and its words."""
    models = sorted(entry.models, key=lambda model: not any(word in model.lower() for word in wanted))
    more = f" and {len(models) - _SHOWN} more (--json)" if len(models) > _SHOWN else ""
    lines = [", ".join(models[:_SHOWN]) + more] if models else []
    if entry.spoken:
        lines.append(f"words 文字: {', '.join(entry.spoken)}")
    return lines
