"""Quarantined messages at rest: readable only with the key in the data folder.

Rule: what nobody understood may hold anything about anybody (R-106), so it is kept whole but sealed.
AES-256-GCM; the journal's id and the entry's number are bound to it, so that rows cannot be exchanged.
"""

import os
from pathlib import Path

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

log = structlog.get_logger()

_KEY_BYTES = 32
_NONCE_BYTES = 12


class Seal:
    """Closes and opens what is quarantined."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def close(self, topic: str, payload: bytes, about: str) -> bytes:
        """Topic and payload, sealed. `about` names the row."""
        nonce = os.urandom(_NONCE_BYTES)
        name = topic.encode("utf-8", "surrogatepass")
        plain = len(name).to_bytes(4, "big") + name + payload
        return nonce + self._cipher.encrypt(nonce, plain, about.encode())

    def open(self, sealed: bytes, about: str) -> tuple[str, bytes] | None:
        """Topic and payload; None when this is another key's, another row's, or damaged."""
        try:
            plain = self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about.encode())
        except (InvalidTag, ValueError):
            return None
        end = 4 + int.from_bytes(plain[:4], "big")
        return plain[4:end].decode("utf-8", "surrogatepass"), plain[end:]


def seal_of(path: Path) -> Seal:
    """The seal whose key is in a file, made there when it is missing. Raises OSError.

    A file that holds no key is set aside: what was sealed with it stays closed, but people are watched over.
    """
    if not path.exists():
        _make(path)
    key = path.read_bytes()
    if len(key) != _KEY_BYTES:
        log.error("no_quarantine_key", bytes=len(key), kept_as=path.name + ".unreadable")
        path.replace(path.with_name(path.name + ".unreadable"))
        _make(path)
        key = path.read_bytes()
    return Seal(key)


def _make(path: Path) -> None:
    """A new key, whole or not at all whatever dies when: half a one would be none."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(AESGCM.generate_key(_KEY_BYTES * 8))
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # what is sealed with it soon must not outlive it
    finally:
        os.close(folder)
