"""`make fuzz`: `python -m tests.fuzz [json|protobuf|text ...] [--seconds N]`, each kind for itself.

What breaks a law is made smaller, shown, and written as a seed that the tests replay from then on; the fuzzer
goes on and in the end fails. Time is judged without the fuzzer's own instruments, in a process of its own.
"""

import argparse
import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from random import Random

try:
    import atheris
except ImportError:
    sys.exit("atheris is not installed: `make fuzz` installs it. The tests have a short form without it.")

with atheris.instrument_imports(include=["devices", "ingest.interpret"], enable_loader_override=False):
    from tests.fuzz import target
    from tests.fuzz.mutation import mutated

_SLOW_MS = 4 * target.MOST_MS  # under the fuzzer's instruments; then it is measured without them
_MEASURED_EACH = 20_000
_LONG = 8192


class Run:
    """One kind being fuzzed: what was tried, and what was found."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind, self._folder = kind, folder
        self.executed = 0
        self.found: dict[str, Path] = {}
        self._began = time.monotonic()

    def one(self, data: bytes) -> None:
        """Judge one input of the fuzzer."""
        self.executed += 1
        place, payload = target.split(self.kind, data)
        began = time.process_time()
        try:
            target.judge(place, payload)
        except Exception as error:  # noqa: BLE001  whatever is raised is what is looked for
            where = _where(error)
            if where not in self.found:
                small = _smaller(payload, lambda less: _where_broken(place, less) == where)
                self._keep(where, place, small)
            return
        slow = (time.process_time() - began) * 1000 > _SLOW_MS
        family = target.family_at(place, payload)
        if f"slow {family}" not in self.found and (slow or self.executed % _MEASURED_EACH == 0):
            self._measure(family, place, payload)

    def _measure(self, family: str, place: target.Place, payload: bytes) -> None:
        line = _line(place, payload)
        command = [sys.executable, "-m", "tests.fuzz.measure"]
        answer = subprocess.run(command, input=line, capture_output=True, text=True, check=True)
        spent = target.Spent(*json.loads(answer.stdout))
        if spent.cpu_ms > target.MOST_MS or spent.peak_mb > target.MOST_MB:
            _say(f"{spent.cpu_ms:.0f} ms, {spent.peak_mb:.0f} MB")
            self._keep(f"slow {family}", place, payload)

    def _keep(self, where: str, place: target.Place, payload: bytes) -> None:
        line = _line(place, payload)
        name = target.family_at(place, payload) or "nobody"
        file = self._folder / f"{name}-{sha256(line.encode()).hexdigest()[:8]}.jsonl"
        self._folder.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{line}\n", "utf-8")
        self.found[where] = file
        _say(f"FOUND {where}\n  {line[:1000]}\n  kept in {file}")

    def ended(self, seconds: int) -> bool:
        """Whether the time is over; then what was done is told."""
        took = time.monotonic() - self._began
        if took < seconds:
            return False
        _say(f"{self.kind}: {self.executed} executions in {took:.0f} s, {len(self.found)} findings")
        return True


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _where(error: Exception) -> str:
    """What makes two findings the same: the kind of error and the line of ours that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/devices/" in frame.filename or "/ingest/" in frame.filename]
    last = (ours or frames)[-1]
    return f"{type(error).__name__} {str(error)[:60]!r} at {Path(last.filename).name}:{last.lineno}"


def _where_broken(place: target.Place, payload: bytes) -> str:
    try:
        target.judge(place, payload)
    except Exception as error:  # noqa: BLE001  as above
        return _where(error)
    return ""


def _smaller(payload: bytes, broken: Callable[[bytes], bool]) -> bytes:
    """A shorter payload that breaks in the same place: pieces are cut out, ever smaller ones."""
    size = len(payload) // 2
    tries = 500
    while size and tries:
        position = 0
        while position < len(payload) and tries:
            less = payload[:position] + payload[position + size :]
            tries -= 1
            if broken(less):
                payload = less
            else:
                position += size
        size //= 2
    return payload


def _line(place: target.Place, payload: bytes) -> str:
    """A message as a line of tests/devices/seeds."""
    seed: dict[str, str] = {"topic": place.topic}
    if place.model:
        seed["model"] = place.model
    try:
        seed["text"] = payload.decode()
    except UnicodeDecodeError:
        seed["base64"] = base64.b64encode(payload).decode()
    return json.dumps(seed, ensure_ascii=False)


def _fuzz(kind: str, seconds: int, folder: Path) -> None:
    """Fuzz for so many seconds, then end the process: libFuzzer does not return."""
    run = Run(kind, folder)
    corpus = Path(tempfile.mkdtemp(prefix="shouwang-fuzz-"))

    def one(data: bytes) -> None:
        if run.ended(seconds):
            shutil.rmtree(corpus)
            os._exit(1 if run.found else 0)
        run.one(data)

    def mutate(data: bytes, longest: int, seed: int) -> bytes:
        chance = Random(seed)  # noqa: S311  libFuzzer's own, so that a run can be repeated
        if chance.random() < 0.4:
            return bytes(atheris.Mutate(data, longest))
        _, payload = target.split(kind, data)
        place = data[:2] if chance.random() < 0.9 else chance.randbytes(2)
        new = mutated(kind, payload, chance)
        if len(new) > _LONG and chance.random() < 0.95:
            return data  # the longest are tried by tests.devices.adversarial; here they would only take time
        return (place + new)[:longest]

    for number, data in enumerate(target.inputs(kind)):
        (corpus / f"{number:05}").write_bytes(data)
    options = [f"-max_len={target.MAX_PAYLOAD_BYTES + 2}", "-timeout=60", "-rss_limit_mb=4096"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], one, custom_mutator=mutate)
    atheris.Fuzz()


def main() -> None:
    """One kind here, several in a process each."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(target.KINDS)}; all without")
    parser.add_argument("--seconds", type=int, default=600, help="for each kind")
    parser.add_argument("--found", type=Path, default=target.FOUND, help="where findings are kept")
    chosen = parser.parse_args()
    kinds = chosen.kinds or target.KINDS
    if unknown := set(kinds) - set(target.KINDS):
        parser.error(f"no such kind: {', '.join(sorted(unknown))}")
    if len(kinds) == 1:
        _fuzz(kinds[0], chosen.seconds, chosen.found)
    command = [
        sys.executable,
        "-m",
        "tests.fuzz",
        "--seconds",
        str(chosen.seconds),
        "--found",
        str(chosen.found),
    ]
    sys.exit(max(subprocess.run([*command, kind], check=False).returncode for kind in kinds))


if __name__ == "__main__":
    main()
