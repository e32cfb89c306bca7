"""A file that people write: rules, ladders, a rota. Rule: what cannot be read is one problem in words."""

import stat
from pathlib import Path

from devices.registry_files import Problem

MAX_BYTES = 4 * 1024 * 1024
"""A longer file is none that people write: limits for twenty thousand residents take a third of it."""


Signature = tuple[int, int, int] | None


def signature(path: Path | None) -> Signature:
    """What changes when a file does; None when there is none."""
    try:
        found = path.stat() if path else None
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino) if found else None


def read_text(path: Path) -> str | Problem:
    """The text of a file in UTF-8, or what is wrong with it."""
    try:
        if stat.S_ISFIFO(path.stat().st_mode):  # whoever opened it would wait for somebody to write
            return Problem(str(path), 0, "cannot be read: is no file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        return Problem(str(path), 0, f"cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        return Problem(str(path), 0, "is not UTF-8 text: save it as UTF-8 请另存为 UTF-8")
    if len(content) > MAX_BYTES:
        return Problem(str(path), 0, f"is longer than {MAX_BYTES} bytes: nobody writes such a file")
    return text
