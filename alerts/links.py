"""Signed links by which a message is answered. Rule: a link says what was seen, by whom, and until when.

Whoever holds the link may act: it goes to one person by one channel, ends by itself, and an act on an alert
for which people were called again since is refused as any other's. 120 bits of HMAC-SHA256, in a URL.
"""

import binascii
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

VALID_MS = 24 * 3_600_000
"""How long a link may be used."""

_MAC_BYTES = 15
_MINUTE_MS = 60_000


class _Domain(NamedTuple):
    """What is sealed, so that a link for one thing is none for another; how many fields it has."""

    name: bytes
    fields: int


_ALERT = _Domain(b"shouwang link v1\0", 5)
_NIGHT = _Domain(b"shouwang night v1\0", 3)


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


@dataclass(frozen=True, slots=True)
class NightLink:
    """By this link `person` says whether they are on duty in a night. `until` is ms UTC, in whole minutes."""

    night: str
    person: str
    until: int


def token(key: bytes, link: Link) -> str:
    """The link's part of an address: A-Z a-z 0-9 - _."""
    minutes = f"{link.until // _MINUTE_MS:x}"
    return _sealed(key, _ALERT, (link.alert, f"{link.seen:x}", minutes, link.channel, link.to))


def read(key: bytes, given: str, now: int) -> Link | Wrong:
    """What a link says, or why it is none at `now` (ms UTC)."""
    parts = _opened(key, _ALERT, given)
    if parts is None:
        return Wrong.FORGED
    alert, seen, until, channel, to = parts
    link = Link(alert, int(seen, 16), to, channel, int(until, 16) * _MINUTE_MS)
    return link if now < link.until else Wrong.EXPIRED


def night_token(key: bytes, link: NightLink) -> str:
    """The same for the question about a night."""
    return _sealed(key, _NIGHT, (link.night, f"{link.until // _MINUTE_MS:x}", link.person))


def read_night(key: bytes, given: str, now: int) -> NightLink | Wrong:
    """What a link of `night_token` says, or why it is none at `now` (ms UTC)."""
    parts = _opened(key, _NIGHT, given)
    if parts is None:
        return Wrong.FORGED
    night, until, person = parts
    link = NightLink(night, person, int(until, 16) * _MINUTE_MS)
    return link if now < link.until else Wrong.EXPIRED


def _sealed(key: bytes, domain: _Domain, parts: Iterable[str]) -> str:
    said = "\0".join(parts).encode("utf-8", "surrogatepass")
    return urlsafe_b64encode(_mac(key, domain, said) + said).rstrip(b"=").decode()


def _opened(key: bytes, domain: _Domain, given: str) -> list[str] | None:
    """The parts that were sealed; None for what we did not seal for this."""
    try:
        whole = urlsafe_b64decode(given.encode("ascii") + b"=" * (-len(given) % 4))
    except (binascii.Error, ValueError):
        return None
    mac, said = whole[:_MAC_BYTES], whole[_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(key, domain, said)):
        return None
    return said.decode("utf-8", "surrogatepass").split("\0", domain.fields - 1)


def _mac(key: bytes, domain: _Domain, said: bytes) -> bytes:
    return hmac.digest(key, domain.name + said, sha256)[:_MAC_BYTES]
