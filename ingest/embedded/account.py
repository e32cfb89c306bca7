"""Who runs an embedded server: ourselves, or, since servers must not be root, an account without rights.

The one rule: the permissions of folders we did not make stay as they are. A server that may not walk down
to its folder (say /root/demo/postgres, with /root closed to others) is put there instead: it is started with
the folder as its working directory and knows it as `/proc/self/cwd`, a link that leads to the folder itself
and not along its path.
"""

import contextlib
import os
import pwd
import secrets
import sys
from pathlib import Path

from ingest.embedded.guarded import Account, EmbeddedError

# The first that exists. A system user "shouwang" of its own keeps other daemons that run as nobody apart.
_NAMES = ("shouwang", "nobody")


def account_for(folder: Path) -> Account | None:
    """The account for the server that lives in `folder`; None when it runs as ourselves, not being root.

    A folder that already belongs to somebody stays theirs.
    """
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(FileNotFoundError):
        found = folder.stat()
        if found.st_uid != 0:
            return Account(found.st_uid, found.st_gid)
    for name in _NAMES:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_uid, entry.pw_gid)
    raise EmbeddedError(f"no unprivileged account to run the server: useradd --system {_NAMES[0]}")


def inside(folder: Path) -> str:
    """How a server whose working directory is `folder` names that folder, whatever lies above it."""
    return "/proc/self/cwd" if sys.platform == "linux" else str(folder)


def make_private(folder: Path, account: Account | None) -> None:
    """Makes `folder`, closed to everybody but `account`; leaves an existing one alone."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        if account is not None:
            os.chown(folder, account.uid, account.gid)


def write_private(path: Path, text: str, account: Account | None = None) -> None:
    """Replaces the file `path` with one that only `account` (or only we) can read, whole or not at all.

    What is for `account` lies in a folder of theirs; it is written one level above and moved in, since root
    must not open files by name where another account can plant links.
    """
    beside = path.parent if account is None else path.parent.parent
    made = beside / f".{path.name}.{secrets.token_hex(4)}"
    handle = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            if account is not None:
                os.fchown(file.fileno(), account.uid, account.gid)
            os.fsync(file.fileno())
        made.replace(path)
    except BaseException:
        made.unlink(missing_ok=True)
        raise
