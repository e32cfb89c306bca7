"""The synthetic resident: a marked test call that goes the whole way of a real one, to a receipt (R-32).

Rule: only the holder of the key makes one, and a call counts once, while it is waited for: what anybody else
sends is an unknown device's call for help, and one that comes again proves nothing. It is decided and told in
a book of its own, so that it stands in no list, no flood and no figure, and nobody is called.
"""

import hmac
import re
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from hashlib import sha256

from alerts.book import Book
from alerts.decide import decide
from alerts.episode import Episode
from alerts.event import Address, Opened
from alerts.notification import Notification, notify
from devices.ourselves import SYNTHETIC
from rules.decision import TECHNICAL, Change, Decision, Evidence, Severity

CHANNEL = "$synthetic"
"""The outbox's channel of test calls; none of a configuration may be called so."""

SUBJECT = "device:" + "/".join(SYNTHETIC)
"""Whom the rules take a test call for: a device that is nobody's."""

METRIC = "synthetic"
"""Of the alert that test calls do not come back."""

MISSES = 2
"""So many calls in a row must be lost before people are told: one may be a connection lost and made again."""

_DEVICE = "shouwang-synthetic"
_DOMAIN = b"shouwang synthetic v1\0"
_PAYLOAD = re.compile(rb'\{"event":"sos","id":"([0-9a-f]{64})","ts":([0-9]{1,16}),"note":"([0-9a-f]{32})"\}')


class Stage(StrEnum):
    """How far a test call was seen to come, in this order."""

    UNSENT = "unsent"  # the broker did not say that it has it
    PUBLISHED = "published"  # the broker has it
    JOURNALLED = "journalled"  # it came back from the broker and is durable
    DECIDED = "decided"  # the rules called for help
    RECORDED = "recorded"  # what is to be told is durable
    DELIVERED = "delivered"  # the outbox has a receipt


STAGES = tuple(Stage)


def topic(site: str) -> str:
    """Where the test calls of a service are published: an event of the native protocol."""
    return f"shouwang/v1/{site}/{_DEVICE}/event"


def call(key: bytes, number: str, at: int) -> bytes:
    """The payload of one test call. `number` is 32 random hex digits, `at` our clock (ms UTC)."""
    return b'{"event":"sos","id":"%s","ts":%d,"note":"%s"}' % (_mac(key, number, at), at, number.encode())


def is_ours(key: bytes, payload: bytes) -> bool:
    """Whether we made this call. What differs from it in one byte is somebody's call for help."""
    match = _PAYLOAD.fullmatch(payload)
    if match is None:
        return False
    mac, at, number = match.groups()
    return hmac.compare_digest(mac, _mac(key, number.decode(), int(at)))


def looks_ours(heard_on: str, payload: bytes) -> bool:
    """Whether a message is like a test call of some service: who has not its key can tell no more."""
    levels = heard_on.split("/")
    return len(levels) > 2 and heard_on == topic(levels[2]) and _PAYLOAD.fullmatch(payload) is not None


def number_of(decision: Decision) -> str:
    """The number of the test call that a decision is about, "" when it is about none."""
    is_call = decision.subject == SUBJECT and decision.change is Change.RAISE and decision.kind == "sos"
    return decision.evidence.detail if is_call else ""


def rehearsed(decision: Decision, now: int, site: str) -> tuple[Opened, Episode, Notification] | None:
    """What a test call opens and what is told of it: by the same functions as a real one, but to nobody."""
    book = Book()
    for event in decide(book, decision, now, site):
        if isinstance(event, Opened):
            episode = book.apply(event)
            note = notify(episode, event)
            if note is not None:
                return event, episode, replace(note, everyone=False, to=(Address("", CHANNEL),))
    return None


def last_seen(stages: Mapping[Stage, float]) -> Stage:
    """The furthest of the stages that a call was seen at."""
    return max((Stage.UNSENT, *stages), key=STAGES.index)


def missed(before: int, stage: Stage, *, broker_away: bool) -> int:
    """How many calls in a row are lost after one that came as far as `stage`; `before` it there were so many.

    While the broker is known to be away that is what is the matter, and people were told of it: none counts.
    """
    if stage is Stage.DELIVERED or broker_away:
        return 0
    return before + 1


def verdict(standing: Episode | None, misses: int, stage: Stage, site: str, now: int) -> Decision | None:
    """What to tell people after a call that came as far as `stage` (`misses` as of `missed`).

    `standing` is the unresolved alert about this, if there is one. Its end is the next call that comes back.
    """
    active = standing is not None and standing.active
    if active and stage is Stage.DELIVERED:
        change = Change.CLEAR
    elif not active and misses >= MISSES:
        change = Change.RAISE
    else:
        return None
    return Decision(
        change=change,
        rule=TECHNICAL,
        kind=TECHNICAL,
        subject=site,
        cause=cause(site),
        severity=Severity.HIGH,
        at=now,
        evidence=Evidence(f"{METRIC}|{now}", METRIC, "", now, now),
        facts={"stage": stage.value} if change is Change.RAISE else {},
    )


def cause(site: str) -> str:
    """The cause of the alert about a site's test calls."""
    return f"{METRIC}:{site}"


def _mac(key: bytes, number: str, at: int) -> bytes:
    return hmac.digest(key, _DOMAIN + f"{number}@{at}".encode(), sha256).hex().encode()
