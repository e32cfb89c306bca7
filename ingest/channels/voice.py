"""Calls by voice: a signed request to a telephone gateway, which rings and reads the text out.

Rule: the gateway's answer is only that it took the call; whether somebody answered it says later, at
`POST /api/v1/receipts`, signed with the same secret (R-08, R-40).
"""

from dataclasses import replace

import orjson

from alerts.outbox import Accepted, Delivered, Failed, Receipt
from ingest.channels import Delivery, Receipts, wording
from ingest.channels.webhook import Webhook


class VoiceChannel:
    """A channel by one gateway. `address` is the kind of address that is rung."""

    receipts = Receipts.DELIVERED

    def __init__(self, webhook: Webhook, *, address: str = "phone", private: bool, language: str) -> None:
        self.name = webhook.name
        self._webhook, self._address = webhook, address
        self._private, self._language = private, language

    async def send(self, delivery: Delivery) -> Receipt:
        """Ask for a call once."""
        person = delivery.recipient
        number = person.addresses.get(self._address, "") if person else ""
        if person is None or not number:
            return Failed(f"no address of kind {self._address}")
        spoken = replace(delivery, links={})  # nobody can press an address
        title, body = wording(spoken, self._language, private=self._private)
        content = orjson.dumps(
            {
                "v": 1,
                "call": number,
                "to": person.id,
                "language": person.language,
                "text": f"{title}\n{body}".strip(),
                "alert": delivery.alert,
                "notification": delivery.notification,
                "channel": self.name,
                "severity": delivery.severity,
                "repeat": delivery.repeat,
                "links": dict(delivery.links),
            }
        )
        receipt = await self._webhook.send(replace(delivery, content=content))
        return Accepted() if isinstance(receipt, Delivered) else receipt
