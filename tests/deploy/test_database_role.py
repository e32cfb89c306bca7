"""The database's first start: the service gets a database of its own, and no more rights than it needs."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from ingest.embedded.account import account_for
from ingest.embedded.binaries import CACHE, postgres_programs
from ingest.embedded.guarded import Account
from ingest.embedded.ports import port_for
from ingest.store.schema import migrate
from tests.deploy.folder import DEPLOY

pytestmark = pytest.mark.integration


@dataclass(frozen=True)
class Server:
    """A PostgreSQL as its container's image has it: a superuser, and passwords for all who come over TCP."""

    programs: Path
    sockets: Path
    port: int


@pytest.fixture
def server() -> Iterator[Server]:
    # Not in tmp_path: an account without rights must get there, and a socket's path is short.
    folder = Path(tempfile.mkdtemp(prefix="shouwang-", dir="/tmp"))
    account = account_for(folder)
    programs = postgres_programs(account, CACHE)
    port = port_for(folder / "port")
    if account is not None:
        os.chown(folder, account.uid, account.gid)
    data = folder / "data"
    try:
        _run(account, programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust")
        (data / "pg_hba.conf").write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
        options = (
            f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
        )
        _run(account, programs / "pg_ctl", "-D", data, "-l", folder / "log", "-w", "-o", options, "start")
        try:
            yield Server(programs, folder, port)
        finally:
            _run(account, programs / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def _run(account: Account | None, *words: str | Path) -> None:
    subprocess.run(
        words,
        cwd="/",
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=60,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def _first_start(server: Server, password_file: Path) -> None:
    """What the image does once with each script of /docker-entrypoint-initdb.d."""
    environment = {
        "PATH": f"{server.programs}:{os.environ['PATH']}",
        "PGHOST": str(server.sockets),
        "PGPORT": str(server.port),
        "POSTGRES_USER": "postgres",
        "POSTGRES_DB": "postgres",
        "SHOUWANG_DB_PASSWORD_FILE": str(password_file),
    }
    subprocess.run([DEPLOY / "timescaledb" / "10-shouwang.sh"], env=environment, check=True, timeout=60)


def test_the_service_owns_its_database_and_nothing_else(server: Server, installation: Path) -> None:
    secrets = installation / "secrets"
    _first_start(server, secrets / "db_password")
    dsn = (secrets / "db_dsn").read_text().strip().replace("@timescaledb:5432/", f"@127.0.0.1:{server.port}/")

    with psycopg.connect(dsn, autocommit=True) as database:
        schema = migrate(database)
        assert schema.applied
        assert database.execute(
            "SELECT current_database(), rolsuper, rolcreatedb, rolcreaterole, rolreplication"
            " FROM pg_roles WHERE rolname = current_user"
        ).fetchone() == ("shouwang", False, False, False, False)

    password = (secrets / "db_password").read_text().strip()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(dsn.replace(password, "wrong"))

    with psycopg.connect(f"host={server.sockets} port={server.port} user=postgres", autocommit=True) as admin:
        admin.execute("CREATE ROLE somebody LOGIN")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(f"host={server.sockets} port={server.port} user=somebody dbname=shouwang")
