"""Pipes and terminals of every kind: who stops reading, a full disk, closed streams, an old encoding."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import structlog

from ingest.commands.console import set_up_logs
from tests.commands.program import DEADLINE_S, REPOSITORY, called, shouwang

SHELL = "/bin/bash"
PROGRAM = '"$PYTHON" -m ingest'


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Many presses of many buttons: more output than a pipe holds."""
    line = '{"at":%d,"topic":"zigbee2mqtt/button-%d","payload":{"action":"emergency"}}\n'
    path = tmp_path / "presses.jsonl"
    path.write_text("".join(line % (1_790_000_000_000 + n, n) for n in range(2000)))
    return path


def _piped(command: str, **more: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [SHELL, "-c", f"{PROGRAM} {command}"],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHON": sys.executable} | more,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )
    assert "Traceback" not in done.stderr
    assert "a bug" not in done.stderr
    return done


@pytest.mark.parametrize("command", ["decode --batch", "replay"])
def test_who_reads_one_line_only_hears_no_complaint(command: str, recording: Path) -> None:
    assert len(called(*command.split(), recording).out) > 65_536
    done = _piped(f"{command} {recording} | head -1")
    assert len(done.stdout.splitlines()) == 1
    assert "Broken" not in done.stderr


def test_help_may_go_unread() -> None:
    assert _piped("--help | true").stderr == ""


def test_a_full_disk_is_a_failure(recording: Path) -> None:
    done = _piped(f"replay {recording} > /dev/full")
    assert done.returncode == 1
    assert "No space left" in done.stderr


def test_closed_streams_do_no_harm(recording: Path) -> None:
    assert _piped(f"replay {recording} >&-").returncode == 0
    assert _piped(f"replay {recording} 2>&-").returncode == 0
    assert '"empty"' in _piped("decode --topic zigbee2mqtt/button-1 <&-").stdout


def test_a_terminal_without_chinese_is_spoken_to() -> None:
    done = _piped("--help", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "Shouwang ??" in done.stdout


def test_a_registry_is_utf_8_in_any_locale(tmp_path: Path) -> None:
    (tmp_path / "homes.csv").write_text("id,kind,name\nh,site,守望颐养院\n", "utf-8")
    assert called("registry", "import", "--data", tmp_path / "data", tmp_path / "homes.csv").code == 0
    done = _piped(
        f"registry export --data {tmp_path / 'data'} > {tmp_path / 'homes.toml'}", PYTHONIOENCODING="gbk"
    )
    assert done.returncode == 0
    assert "守望颐养院" in (tmp_path / "homes.toml").read_text("utf-8")


@pytest.mark.parametrize(
    "words",
    ["decode --topic zigbee2mqtt/\udcff", "migrate --dsn postgresql://\udcff@h/d", "check-config \udcff"],
)
def test_words_that_are_no_text(words: str) -> None:
    answer = shouwang(*words.split())
    assert answer.code == 2
    assert r"\udcff" in answer.err


def test_the_log_masks_what_looks_like_a_persons_number(capfd: pytest.CaptureFixture[str]) -> None:
    set_up_logs()
    structlog.get_logger().warning(
        "event_rejected", device="868334000000000", topics=["health/weight/jo_at_example_com"], count=3
    )
    line = json.loads(capfd.readouterr().err)
    assert (line["device"], line["topics"], line["count"]) == ("***", ["health/weight/***"], 3)
    assert line["event"] == "event_rejected"
    structlog.reset_defaults()
