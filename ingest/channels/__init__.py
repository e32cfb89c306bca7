"""Ways to tell people and machines of an alert.

Rule: a channel answers every delivery within its own deadline with a `Receipt` and never raises for what the
world does to it; whether and when to try again is `alerts.outbox`'s to say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import orjson

from alerts.episode import Episode
from alerts.event import State
from alerts.notification import Notification, repeated, text, together
from alerts.outbox import Receipt
from alerts.people import Person
from alerts.view import body
from devices.registry import Registry
from rules.decision import Severity


class Receipts(StrEnum):
    """What a channel's receipt says (R-03)."""

    DELIVERED = "delivered"  # the receiver itself has it
    ACCEPTED = "accepted"  # a provider took it; for the ladder that must do
    NONE = "none"  # a mere transport has it: no receipt at all


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt (the first is 1) to send one notification. `content` is JSON as `notification.body` says.

    `recipient` is the person it is for, None when it is for the channel itself. `text` is safe on a locked
    screen, `private_text` names the resident; both by language (`zh-CN`, `en`). `links` are signed links by
    what they do (`acknowledge`), and the code by which people answer in words (`reply`). `calls`: somebody is
    to be called, and not only brought up to date. What goes with it in one message is in the texts, and in
    `others` of the content.

    Make it anew for each attempt (`deliver`): it tells of the episode as it is now, so that an old
    notification which comes late cannot show a resolved alert as open.
    """

    notification: str
    alert: str
    site: str
    content: bytes
    resolved: bool
    attempt: int = 1
    recipient: Person | None = None
    text: Mapping[str, str] = field(default_factory=dict)
    private_text: Mapping[str, str] = field(default_factory=dict)
    severity: Severity = Severity.HIGH
    life_safety: bool = False
    calls: bool = True
    links: Mapping[str, str] = field(default_factory=dict)

    @property
    def repeat(self) -> bool:
        """Whether the receiver may have had it before."""
        return self.attempt > 1


def deliver(
    about: Sequence[tuple[Episode, Notification]],
    registry: Registry,
    attempt: int = 1,
    recipient: Person | None = None,
    links: Mapping[str, str] | None = None,
) -> Delivery:
    """The delivery of a notification about an episode as it is now; others go with the first."""
    (episode, notification), *others = about
    content = body(episode, notification, registry)
    if others:
        content["others"] = [body(*one, registry) for one in others]
    if recipient is not None:
        content["to"] = recipient.id
    if links:
        content["links"] = dict(links)
    return Delivery(
        notification=notification.id,
        alert=episode.id,
        site=episode.site,
        content=orjson.dumps(content),
        resolved=episode.state is State.RESOLVED,
        attempt=attempt,
        recipient=recipient,
        text=together([text(*one, registry) for one in about]),
        private_text=together([text(*one, registry, private=True) for one in about]),
        severity=notification.severity,
        life_safety=notification.life_safety,
        calls=notification.calls,
        links=links or {},
    )


def wording(delivery: Delivery, language: str, *, private: bool) -> tuple[str, str]:
    """Title and body for a person in her language, else in the channel's: what it is, and what to do.

    The title alone says where and what, for a locked screen; a repeat says so.
    """
    person = delivery.recipient
    spoken = person.language.value if person else language
    texts = delivery.private_text if private else delivery.text
    lines = texts.get(spoken, "").split("\n")
    zh = spoken == "zh-CN"
    if delivery.repeat:
        lines[0] = repeated(lines[0], zh=zh)
    if link := delivery.links.get("acknowledge", ""):
        lines.append(f"{'接手：' if zh else 'Take charge: '}{link}")
    if link := delivery.links.get("confirm", ""):
        lines.append(f"{'答复：' if zh else 'Answer: '}{link}")
    if code := delivery.links.get("reply", ""):
        lines.append(f"回 1 接手（编号 {code}）" if zh else f"Reply 1 to take charge (code {code})")
    return lines[0], "\n".join(lines[1:]) or lines[0]


class Channel(Protocol):
    """One way out. `name` is its name in the outbox, the configuration and the metrics."""

    name: str
    receipts: Receipts

    async def send(self, delivery: Delivery) -> Receipt:
        """Try once. May be called concurrently; cancelling it leaves the channel usable."""
        ...
