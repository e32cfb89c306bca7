"""What happened, for the rules to be tried on: a recording in a file, or the history in the database.

Rule: happenings come in order of our clock, one after the other: nothing is held whole in memory.
"""

import contextlib
import heapq
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
from rich.progress import Progress

from devices.observation import Observation
from ingest.commands.console import USAGE, end, now_ms, told
from ingest.commands.decoding import lines_of, read_line
from ingest.config import EMBEDDED, Config
from ingest.embedded.guarded import EmbeddedError
from ingest.embedded.postgres import EmbeddedPostgres, running
from ingest.replay import Begun, Deaf, Happening, Moment, Recording, when
from ingest.rule_records import What
from ingest.store.history import acts, observations, spans

_DURATION = re.compile(r"(\d{1,3})(min|h|d)")
_MS = {"min": 60_000, "h": 3_600_000, "d": 86_400_000}
_CONNECT_TIMEOUT_S = 10
_SHOWN_EVERY = 512  # happenings between two looks at the bar, which take longer than a happening


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` until before `until`, ms UTC; `open_end`: as far as there is anything."""

    since: int
    until: int
    open_end: bool


def period(since: str, until: str, zone: ZoneInfo) -> Period:
    """The period as written; ends the program when it is none."""
    begin = instant("--from", since, zone)
    finish = instant("--to", until, zone) if until else now_ms()
    if finish <= begin:
        end(f"--to {until or 'now'} is not after --from {since}", USAGE)
    return Period(begin, min(finish, now_ms()), open_end=not until)


def instant(option: str, written: str, zone: ZoneInfo) -> int:
    """A date or time as ms UTC; one without an offset is local to `zone`."""
    try:
        found = datetime.fromisoformat(written)
        return round((found if found.tzinfo else found.replace(tzinfo=zone)).timestamp() * 1000)
    except (ValueError, OverflowError):
        end(f"{option} {written!r} is no time: write 2026-11-01, 2026-11-01T21:00 or ISO 8601", USAGE)


def duration(option: str, written: str) -> int:
    """A duration as ms."""
    found = _DURATION.fullmatch(written)
    if found is None:
        end(f"{option} {written!r} is no duration: write 30min, 12h or 1d", USAGE)
    return int(found[1]) * _MS[found[2]]


def recorded(file: Path, recording: Recording) -> Iterator[Happening]:
    """The happenings of a file; ends the program at a line that is none."""
    size = file.stat().st_size if file.is_file() else None
    with _progress() as progress:
        task = progress.add_task("replaying 回放", total=size)
        for number, line in lines_of(file):
            found = read_line(line, timed=True)
            if isinstance(found, str):
                end(f"{file}:{number}: {found}{_of_falls(file, line)}", USAGE)
            yield from recording.happenings(found.message)
            progress.advance(task, len(line))


def _of_falls(file: Path, line: bytes) -> str:
    """Where to take a file that looks like recordings of falls, "" for others."""
    looks_so = file.suffix.lower() in {".parquet", ".csv"} or line.startswith(b"PAR1") or b"ax_g" in line
    return f"; for recordings of falls: shouwang falls evaluate {file}" if looks_so else ""


@contextlib.contextmanager
def database(dsn: str, config: Config | None) -> Iterator[psycopg.Connection]:
    """A connection to read history by; ends the program when there is none to be had."""
    with contextlib.ExitStack() as stack:
        if not dsn and config is not None:
            dsn = config.database.secret()
            dsn = _embedded(stack, config.data) if dsn == EMBEDDED else dsn
        if not dsn:
            end("the history is in a database: name it with --dsn, or the service's --config", USAGE)
        try:
            made = psycopg.connect(
                dsn, autocommit=True, connect_timeout=_CONNECT_TIMEOUT_S, options="-c timezone=UTC"
            )
            yield stack.enter_context(made)
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
            end("the database is not up to date: run shouwang migrate --dsn DSN, then try again")
        except psycopg.ProgrammingError as error:
            end(f"--dsn: {str(error).strip()}; write postgresql://user@host/database", USAGE)
        except psycopg.Error as error:
            end(f"the database said: {str(error).strip() or type(error).__name__}")


def _embedded(stack: contextlib.ExitStack, data: Path) -> str:
    """The embedded server: that of the running service, or one of our own meanwhile."""
    if (found := running(data)) and _answers(found):
        return found
    try:
        return stack.enter_context(EmbeddedPostgres(data)).dsn
    except EmbeddedError as error:
        end(error)


def _answers(dsn: str) -> bool:
    try:
        psycopg.connect(dsn, connect_timeout=_CONNECT_TIMEOUT_S).close()
    except psycopg.OperationalError:
        return False
    return True


class Past:
    """What is stored of a period, and of the time before it that rules need to be in their stride.

    At the end time passes until the period's, unless that is open. `read` and `acts` say how many there were,
    once read.
    """

    def __init__(self, connection: psycopg.Connection, asked: Period, warm_up_ms: int) -> None:
        self._connection, self._asked = connection, asked
        self._begin = asked.since - warm_up_ms
        acted = acts(connection, self._begin, asked.until)
        self.read, self.acts = 0, len(acted)
        begun_or_deaf: Iterator[Happening] = (
            Begun(at) if what == What.BEGUN else Deaf(since, at)
            for what, at, since in spans(connection, self._begin, asked.until)
        )
        self._others: list[Happening] = list(heapq.merge(begun_or_deaf, acted, key=when))

    @property
    def happenings(self) -> Iterator[Happening]:
        """All in order, streamed."""
        asked = self._asked
        with _progress() as progress:
            task = progress.add_task("replaying 回放", total=asked.until - self._begin)
            for number, happening in enumerate(heapq.merge(self._others, self._observations(), key=when)):
                yield happening
                if number % _SHOWN_EVERY == 0:
                    progress.update(task, completed=when(happening) - self._begin)
        if not asked.open_end:
            yield Moment(asked.until)

    def _observations(self) -> Iterator[Observation]:
        for observation in observations(self._connection, self._begin, self._asked.until):
            self.read += 1
            yield observation


def _progress() -> Progress:
    return Progress(console=told, disable=not told.is_terminal, transient=True)
