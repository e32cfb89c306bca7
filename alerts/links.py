"""Signed links by which a message is answered. Rule: a link says what was seen, by whom, and until when.

Whoever holds the link may act: it goes to one person by one channel, ends by itself, and an act on an alert
for which people were called again since is refused as any other's. 120 bits of HMAC-SHA256, in a URL.
"""

import binascii
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

VALID_MS = 24 * 3_600_000
"""How long a link may be used."""

_MAC_BYTES = 15
_DOMAIN = b"shouwang link v1\0"
_MINUTE_MS = 60_000
_FIELDS = 5


@dataclass(frozen=True, slots=True)
class Link:
    """What a link says: `seen` is the number of the call it was sent for, `to` the person ("" a group).

    `until` is ms UTC, in whole minutes.
    """

    alert: str
    seen: int
    to: str
    channel: str
    until: int


class Wrong(StrEnum):
    """Why a link is none."""

    FORGED = "forged"
    EXPIRED = "expired"


def token(key: bytes, link: Link) -> str:
    """The link's part of an address: A-Z a-z 0-9 - _."""
    parts = (link.alert, f"{link.seen:x}", f"{link.until // _MINUTE_MS:x}", link.channel, link.to)
    said = "\0".join(parts).encode("utf-8", "surrogatepass")
    return urlsafe_b64encode(_mac(key, said) + said).rstrip(b"=").decode()


def read(key: bytes, given: str, now: int) -> Link | Wrong:
    """What a link says, or why it is none at `now` (ms UTC)."""
    try:
        whole = urlsafe_b64decode(given.encode("ascii") + b"=" * (-len(given) % 4))
    except (binascii.Error, ValueError):
        return Wrong.FORGED
    mac, said = whole[:_MAC_BYTES], whole[_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(key, said)):
        return Wrong.FORGED
    parts = said.decode("utf-8", "surrogatepass").split("\0", _FIELDS - 1)
    alert, seen, until, channel, to = parts
    link = Link(alert, int(seen, 16), to, channel, int(until, 16) * _MINUTE_MS)
    return link if now < link.until else Wrong.EXPIRED


def _mac(key: bytes, said: bytes) -> bytes:
    return hmac.digest(key, _DOMAIN + said, sha256)[:_MAC_BYTES]
