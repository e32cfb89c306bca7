"""The embedded PostgreSQL: its settings, its doors, and the folders it may find."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ingest.embedded import EmbeddedError, EmbeddedPostgres

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    # Deep enough that a socket in it could not be opened by its path.
    with EmbeddedPostgres(tmp_path_factory.mktemp("d" * 120)) as postgres:
        yield postgres


def _folder(server: EmbeddedPostgres) -> Path:
    return server._folder


def test_settings(server: EmbeddedPostgres) -> None:
    wanted = {
        "server_version_num": "18",
        "TimeZone": "UTC",
        "log_timezone": "UTC",
        "server_encoding": "UTF8",
        "data_checksums": "on",
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "shared_buffers": "128MB",
        "max_wal_size": "1GB",
        "listen_addresses": "127.0.0.1",
    }
    with psycopg.connect(server.dsn) as connection:
        for name, value in wanted.items():
            found = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
            assert found is not None
            assert found[0].startswith(value), name
        locale = connection.execute(
            "SELECT datlocprovider, datlocale FROM pg_database WHERE datname = current_database()"
        ).fetchone()
        assert locale == ("b", "C.UTF-8")


def test_the_role_owns_its_database_and_is_no_superuser(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        row = connection.execute(
            "SELECT rolsuper, rolcreatedb, current_database() FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        assert row == (False, True, "shouwang")
        connection.execute("CREATE TABLE t (a int)")
        connection.execute("CREATE DATABASE other")


def test_both_doors_lead_in(server: EmbeddedPostgres) -> None:
    assert server.dsn.startswith("postgresql://shouwang:")
    assert "@127.0.0.1:" in server.dsn
    for dsn in (server.dsn, server.socket_dsn):
        with psycopg.connect(dsn) as connection:
            assert connection.info.get_parameters()["user"] == "shouwang"


@pytest.mark.parametrize("user", ["shouwang", "postgres"])
@pytest.mark.parametrize("door", ["dsn", "socket_dsn"])
def test_no_way_in_without_the_password(server: EmbeddedPostgres, door: str, user: str) -> None:
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(getattr(server, door), user=user, password="guess", connect_timeout=10)  # noqa: S106 - wrong


def test_the_password_is_ours_alone(server: EmbeddedPostgres) -> None:
    password = _folder(server) / "password"
    assert stat.S_IMODE(password.stat().st_mode) == 0o600
    assert stat.S_IMODE(_folder(server).stat().st_mode) == 0o700
    assert password.read_text() in server.dsn
    assert password.read_text() not in (_folder(server) / "postgres.log").read_text()


def test_the_server_is_not_root(server: EmbeddedPostgres) -> None:
    assert Path(f"/proc/{server.pid}").stat().st_uid != 0


def test_rows_stay_out_of_the_log(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE pulse (bpm int CHECK (bpm < 300))")
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("INSERT INTO pulse VALUES (%s)", [987654])
    assert "987654" not in (_folder(server) / "postgres.log").read_text()


def test_what_was_committed_is_there_after_the_next_start(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path) as first, psycopg.connect(first.dsn) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    with EmbeddedPostgres(tmp_path) as second, psycopg.connect(second.dsn) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
        assert second.dsn == first.dsn


@pytest.mark.faults
def test_what_was_committed_survives_kill_9(tmp_path: Path) -> None:
    postgres = EmbeddedPostgres(tmp_path)
    with postgres:
        with psycopg.connect(postgres.dsn) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        os.kill(postgres.pid, signal.SIGKILL)
    assert (tmp_path / "postgres/cluster/postmaster.pid").exists()
    with postgres, psycopg.connect(postgres.dsn) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


@pytest.mark.faults
def test_a_stale_pid_file_that_names_another_process_of_the_same_user(tmp_path: Path) -> None:
    postgres = EmbeddedPostgres(tmp_path)
    with postgres:
        owner = (tmp_path / "postgres/cluster").stat()
        os.kill(postgres.pid, signal.SIGKILL)
    pid_file = tmp_path / "postgres/cluster/postmaster.pid"
    user, group = (owner.st_uid, owner.st_gid) if os.geteuid() == 0 else (None, None)
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, user=user, group=group) as stranger:
        pid_file.write_text("\n".join([str(stranger.pid), *pid_file.read_text().splitlines()[1:]]) + "\n")
        with postgres, psycopg.connect(postgres.dsn) as connection:
            connection.execute("SELECT 1")


@pytest.mark.faults
def test_an_empty_pid_file(tmp_path: Path) -> None:
    postgres = EmbeddedPostgres(tmp_path)
    with postgres:
        os.kill(postgres.pid, signal.SIGKILL)
    (tmp_path / "postgres/cluster/postmaster.pid").write_text("")
    with postgres, psycopg.connect(postgres.dsn) as connection:
        connection.execute("SELECT 1")


def test_a_lost_password_is_replaced(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path) as first:
        pass
    (tmp_path / "postgres/password").unlink()
    with EmbeddedPostgres(tmp_path) as second, psycopg.connect(second.dsn):
        assert second.dsn != first.dsn


def test_a_cluster_of_another_major_version_is_left_alone(tmp_path: Path) -> None:
    cluster = tmp_path / "postgres/cluster"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("15\n")
    with pytest.raises(EmbeddedError, match=r"made by PostgreSQL 15, installed is 18.*move it away"):
        EmbeddedPostgres(tmp_path).start()
    assert [file.name for file in cluster.iterdir()] == ["PG_VERSION"]


def test_a_folder_that_is_no_cluster_is_left_alone(tmp_path: Path) -> None:
    cluster = tmp_path / "postgres/cluster"
    cluster.mkdir(parents=True)
    (cluster / "diary.txt").write_text("mine")
    with pytest.raises(EmbeddedError, match="is no PostgreSQL cluster: move it away"):
        EmbeddedPostgres(tmp_path).start()
    assert (cluster / "diary.txt").exists()


def test_a_half_made_cluster_is_made_anew(tmp_path: Path) -> None:
    half = tmp_path / "postgres/cluster.new/base"
    half.mkdir(parents=True)
    (half / "1").write_bytes(b"half")
    with EmbeddedPostgres(tmp_path) as postgres, psycopg.connect(postgres.dsn) as connection:
        connection.execute("SELECT 1")


@pytest.mark.faults
def test_a_damaged_cluster_shows_the_end_of_the_log(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path):
        pass
    with (tmp_path / "postgres/cluster/postgresql.conf").open("a") as settings:
        settings.write("no_such_setting = 1\n")
    with pytest.raises(EmbeddedError, match=r"(?s)ended with status 1 .*ends with:\n.*no_such_setting"):
        EmbeddedPostgres(tmp_path).start()


def test_one_launcher_to_a_folder(server: EmbeddedPostgres) -> None:
    second = EmbeddedPostgres(_folder(server).parent)
    with pytest.raises(EmbeddedError, match=f"in use by process {os.getpid()}: stop that one first"):
        second.start()


def test_one_launcher_to_a_folder_from_another_process(server: EmbeddedPostgres) -> None:
    code = (
        "import sys, pathlib, ingest.embedded\n"
        "ingest.embedded.EmbeddedPostgres(pathlib.Path(sys.argv[1])).start()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, _folder(server).parent],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert f"in use by process {os.getpid()}" in done.stderr


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedError, match="choose a folder that is ours"):
        EmbeddedPostgres(tmp_path / "file").start()


def test_no_socket_is_left(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path) as postgres:
        folder = Path(psycopg.conninfo.conninfo_to_dict(postgres.socket_dsn)["host"])
        assert folder.exists()
        os.kill(postgres.pid, signal.SIGKILL)
    assert not folder.exists()
