"""The systemd unit: it starts the program, comes back, stops in time, and may do little else."""

import configparser
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.deploy.folder import DEPLOY

_UNIT = DEPLOY / "shouwang.service"


def _section(name: str) -> dict[str, str]:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[method-assign,assignment]  # systemd's keys are case-sensitive
    parser.read(_UNIT)
    return dict(parser[name])


def test_it_runs_the_program_as_a_user_without_rights() -> None:
    service = _section("Service")
    assert service["ExecStart"].split()[1:] == ["run", "--config", "/etc/shouwang/shouwang.toml"]
    assert service["User"] == service["Group"] == "shouwang"
    assert service["NoNewPrivileges"] == "yes"
    assert service["CapabilityBoundingSet"] == ""
    assert service["ProtectSystem"] == "strict"


def test_it_comes_back_for_ever_and_is_stopped_in_order() -> None:
    service = _section("Service")
    assert service["Restart"] == "always"
    assert _section("Unit")["StartLimitIntervalSec"] == "0"
    assert service["KillSignal"] == "SIGTERM"
    assert int(service["TimeoutStopSec"]) >= 60


def test_its_state_is_where_the_configuration_has_it() -> None:
    data = tomllib.loads((DEPLOY / "shouwang.toml").read_text())["data"]
    assert Path("/var/lib") / _section("Service")["StateDirectory"] == Path(data)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze on PATH")
def test_systemd_understands_every_line(tmp_path: Path) -> None:
    program = tmp_path / "shouwang"
    program.symlink_to("/bin/true")
    unit = tmp_path / _UNIT.name
    unit.write_text(re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={program}", _UNIT.read_text()))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    about_ours = [line for line in done.stderr.splitlines() if "shouwang" in line]
    assert (done.returncode, about_ours) == (0, []), done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze on PATH")
def test_systemd_finds_little_exposed() -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", _UNIT],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout.splitlines()[-1]
