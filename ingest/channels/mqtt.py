"""Alerts on MQTT, for corridor displays and pagers.

Rule: `shouwang/v1/<site>/alerts/<alert>` holds, retained, the alert as it is until it is resolved, and then
nothing: who subscribes late sees exactly what still needs somebody (DESIGN section 4).
"""

import re

from alerts.outbox import Receipt
from ingest.channels import Delivery, Receipts
from ingest.mqtt_link import MqttLink

_NOT_IN_A_LEVEL = re.compile(r"[^A-Za-z0-9_.:-]")


def topic(site: str, alert: str) -> str:
    """Where an alert is published. A site with other characters gets `_` for each; none at all is `-`."""
    return f"shouwang/v1/{_NOT_IN_A_LEVEL.sub('_', site)[:64] or '-'}/alerts/{alert}"


class MqttChannel:
    """A channel of the link's broker."""

    name = "mqtt"
    receipts = Receipts.NONE  # the broker has it then, and no display

    def __init__(self, link: MqttLink) -> None:
        self._link = link

    async def send(self, delivery: Delivery) -> Receipt:
        """Publish it, retained; what is resolved is taken away."""
        content = b"" if delivery.resolved else delivery.content
        return await self._link.publish(topic(delivery.site, delivery.alert), content, retain=True)
