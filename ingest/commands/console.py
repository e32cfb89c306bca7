"""What all commands share: how they say things and how they end. Rule: people are told what to do next."""

import gc
import logging
import sys
import time
from collections.abc import Iterable, Mapping, MutableMapping
from pathlib import Path
from typing import NoReturn

import orjson
import structlog
import typer
from rich.console import Console
from rich.markup import escape

from devices.registry import Registry
from devices.registry_files import Problem, read
from devices.scrub import masked
from ingest.rulebook import read as read_rules
from rules.ruleset import RuleSet

FAILURE, USAGE = 1, 2

told = Console(stderr=True, highlight=False, soft_wrap=True)
"""Where people are spoken to."""


def plain(text: str, *, lines: bool = False) -> str:
    """What a device said, for a terminal: no markup, and nothing to obey. `lines` keeps its line breaks."""
    return escape(bare(text, lines=lines))


def bare(text: str, *, lines: bool = False) -> str:
    """The same where no markup is looked for."""
    return "".join(c if c.isprintable() or (lines and c == "\n") else "?" for c in text)


def json_line(value: object) -> None:
    """One JSON value on a line of stdout, for programs; a reader of a pipe has it at once."""
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))
    sys.stdout.buffer.flush()


def now_ms() -> int:
    """The real time, ms UTC."""
    return time.time_ns() // 1_000_000


def end(message: object, code: int = FAILURE) -> NoReturn:
    """Say why, and exit. Of an OSError its file and words, not its number."""
    if isinstance(message, OSError) and message.strerror:
        message = f"{message.filename}: {message.strerror}" if message.filename else message.strerror
    told.print(f"shouwang: {message}", style="red", markup=False)
    raise typer.Exit(code)


def end_with(problems: Iterable[object], *, so: str = "") -> NoReturn:
    """Say everything that is wrong, `so` what follows from it, and exit with 2."""
    listed = list(problems)
    for problem in listed:
        told.print(str(problem), style="red", markup=False)
    found = f"{len(listed)} problem{'s' * (len(listed) != 1)} found{so and f'; {so}'}."
    told.print(f"{found} 共 {len(listed)} 处问题。", style="bold")
    raise typer.Exit(USAGE)


def registry_problems(paths: Iterable[Path], base: Registry | None = None) -> Registry | list[Problem]:
    """The registry in these files."""
    texts: list[tuple[str, str]] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            texts.append((str(path), _table_text(path.read_bytes())))
        except OSError as error:
            problems.append(Problem(str(path), 0, f"cannot be read: {error.strerror}"))
        except UnicodeDecodeError:
            problems.append(Problem(str(path), 0, "is neither UTF-8 nor GB 18030: save it as “CSV UTF-8”"))
    found = read(texts, base)
    if problems:
        return problems + (found if isinstance(found, list) else [])
    return found


def _table_text(raw: bytes) -> str:
    """A table as text: UTF-8, or GB 18030 (GBK) as spreadsheets in China save it."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        if raw[:2] in {b"\xff\xfe", b"\xfe\xff"} or b"\0" in raw:
            raise  # UTF-16, or no text at all
        return raw.decode("gb18030")


def rule_problems(path: Path | None, registry: Registry | None) -> RuleSet | list[Problem]:
    """The rules in a file, or the default ones."""
    found = read_rules(path, registry)
    return found if isinstance(found, list) else found[1]


_SEARCH_YOUNG_AFTER = 200
"""Objects more than before: the readings of a slice are searched while the caches still have them."""

_SEARCH_REST_EVERY = 100_000
"""Searches of what is young: half an hour of 100,000 residents, a day of few."""


def be_prompt() -> None:
    """Keep the interpreter from making an SOS wait. Call it once everything is loaded.

    Threads that commit and store get their turn within half a ms of asking, not five: an SOS takes a dozen
    such turns. What is loaded by now (the registry, the rules' state) is no longer searched for garbage,
    which for tens of thousands of residents takes a tenth of a second each time.

    Nor is it often all that comes later: what is remembered of people, and what waits to be put in order, is
    let go of when it is replaced, without any search. What is young is searched soon and once, for 0.4 ms at
    most. With 100,000 residents searches of what that leaves took up to 50 ms, every 10,000 observations, and
    2 s while everybody was heard for the first time.
    """
    sys.setswitchinterval(0.0005)
    gc.collect()
    gc.freeze()
    gc.set_threshold(_SEARCH_YOUNG_AFTER, _SEARCH_REST_EVERY)


def set_up_logs(level: int = logging.INFO) -> None:
    """JSON lines on stderr. No health values, no names: callers log ids only."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _without_persons,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")


def _without_persons(
    _logger: object, _method: str, line: MutableMapping[str, object]
) -> Mapping[str, object]:
    """Masks what looks like a person's number or address, also in a device's id or a topic (IMEI, e-mail)."""
    for name, value in line.items():
        if isinstance(value, str):
            line[name] = masked(value)
        elif isinstance(value, (list, tuple)):
            line[name] = [masked(one) if isinstance(one, str) else one for one in value]
    return line
