"""The program as its users meet it: in a process of its own, or the same commands called in this one.

Rule: whatever is asked of it, no answer holds a traceback or calls itself a bug.
"""

import asyncio
import json
import subprocess
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from ingest.commands.program import app

REPOSITORY = Path(__file__).parents[2]
DEADLINE_S = 60.0
_PYTHON = ("env", "--default-signal=INT", sys.executable, "-m", "ingest")
"""Ctrl-C reaches it also where the tests run in the background."""

Word = str | Path


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command ended."""

    code: int
    out: bytes
    err: str

    @property
    def lines(self) -> list[Any]:
        """Its output, one JSON value a line."""
        return [json.loads(line) for line in self.out.splitlines()]


def shouwang(*words: Word, stdin: bytes = b"") -> Answer:
    """Run a command to its end in a process of its own."""
    command = [*_PYTHON, *words]
    done = subprocess.run(
        command, input=stdin, cwd=REPOSITORY, capture_output=True, check=False, timeout=DEADLINE_S
    )
    return _polite(Answer(done.returncode, done.stdout, done.stderr.decode()))


def called(*words: Word, stdin: bytes = b"") -> Answer:
    """Call a command in this process: the same but for the last guard of `ingest.__main__`."""
    done = CliRunner().invoke(app, [str(word) for word in words], input=stdin, env={"COLUMNS": "300"})
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    return _polite(Answer(done.exit_code, done.stdout_bytes, done.stderr))


def _polite(answer: Answer) -> Answer:
    for said in (answer.out.decode(errors="replace"), answer.err):
        assert "Traceback" not in said
        assert "this is a bug" not in said
    return answer


class Live:
    """A command at work."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.heard: list[str] = []
        self.pid = process.pid

    async def line(self, *wanted: str) -> str:
        """The next line of its output, or on stderr, that holds all of these words."""
        assert self._process.stdout is not None
        while line := (await self._process.stdout.readline()).decode():
            self.heard.append(line)
            if all(word in line for word in wanted):
                return line
        raise AssertionError(f"it ended without saying {wanted}: {self.heard}")

    async def ends(self, number: int | None = None) -> Answer:
        """Send it this signal, if any, and wait for its end; all it ever said is in `out`."""
        if number is not None:
            self._process.send_signal(number)
        out, _ = await self._process.communicate()
        assert self._process.returncode is not None
        return _polite(Answer(self._process.returncode, "".join(self.heard).encode() + out, ""))


@asynccontextmanager
async def started(*words: Word, deadline_s: float = DEADLINE_S) -> AsyncIterator[Live]:
    """A command at work, both outputs in one. Killed when the test leaves it running; fails after a while."""
    process = await asyncio.create_subprocess_exec(
        *_PYTHON,
        *words,
        cwd=REPOSITORY,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
    )
    try:
        async with asyncio.timeout(deadline_s):
            yield Live(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
