"""Quarantined messages at rest: readable only with the key in the data folder.

Rule: what nobody understood may hold anything about anybody (R-106), so it is kept whole but sealed.
AES-256-GCM; the journal's id and the entry's number are bound to it, so that rows cannot be exchanged.
"""

import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ingest.key_file import key_in

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
    """The seal whose key is in a file (`ingest.key_file`). Raises OSError.

    With another key what was sealed before stays closed, but people are watched over.
    """
    return Seal(key_in(path))
