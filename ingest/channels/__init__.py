"""Ways to tell people and machines of an alert.

Rule: a channel answers every delivery within its own deadline with a `Receipt` and never raises for what the
world does to it; whether and when to try again is `alerts.outbox`'s to say.
"""

from dataclasses import dataclass
from typing import Protocol

import orjson

from alerts.episode import Episode
from alerts.event import State
from alerts.notification import Notification
from alerts.outbox import Receipt
from alerts.view import body
from devices.registry import Registry


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt (the first is 1) to send one notification. `content` is JSON as `notification.body` says.

    Make it anew for each attempt (`deliver`): it tells of the episode as it is now, so that an old
    notification which comes late cannot show a resolved alert as open.
    """

    notification: str
    alert: str
    site: str
    content: bytes
    resolved: bool
    attempt: int = 1


def deliver(episode: Episode, notification: Notification, registry: Registry, attempt: int = 1) -> Delivery:
    """The delivery of a notification about an episode as it is now."""
    return Delivery(
        notification=notification.id,
        alert=episode.id,
        site=episode.site,
        content=orjson.dumps(body(episode, notification, registry)),
        resolved=episode.state is State.RESOLVED,
        attempt=attempt,
    )


class Channel(Protocol):
    """One way out. `name` is its name in the outbox, the configuration and the metrics."""

    name: str

    async def send(self, delivery: Delivery) -> Receipt:
        """Try once. May be called concurrently; cancelling it leaves the channel usable."""
        ...
