"""A secret key of the service's own, in a file of the data folder. Rule: made once, whole or not at all."""

import os
from pathlib import Path

import structlog

log = structlog.get_logger()

_KEY_BYTES = 32


def key_in(path: Path) -> bytes:
    """The 32 bytes in a file, made there when it is missing. Raises OSError.

    A file that holds no key is set aside.
    """
    if not path.exists():
        _make(path)
    key = path.read_bytes()
    if len(key) != _KEY_BYTES:
        log.error("no_key", file=path.name, bytes=len(key), kept_as=path.name + ".unreadable")
        path.replace(path.with_name(path.name + ".unreadable"))
        _make(path)
        key = path.read_bytes()
    return key


def _make(path: Path) -> None:
    """A new key, whole or not at all whatever dies when: half a one would be none."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(os.urandom(_KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # what depends on it must not outlive it
    finally:
        os.close(folder)
