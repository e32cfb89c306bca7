"""A channel with its circuit breaker, and how it fares. Rule: whatever is sent goes through here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alerts.breaker import Breaker, Circuit
from alerts.outbox import Accepted, Delivered, Receipt, Retry
from ingest.channels import Channel, Delivery

if TYPE_CHECKING:
    from ingest.channels import Receipts


@dataclass(slots=True)
class Health:
    """How a channel fares; times are ms of the service's clock, None for never."""

    delivered_at: int | None = None
    failed_at: int | None = None
    why: str = ""


class GuardedChannel:
    """A channel that is spared attempts while it is dead; life safety is tried all the same.

    `ticks` gives ms that only go forward, `now` our clock's. `told` hears whenever the circuit changes.
    """

    def __init__(
        self,
        channel: Channel,
        *,
        ticks: Callable[[], int],
        now: Callable[[], int],
        told: Callable[[str, Circuit], None] = lambda *_: None,
    ) -> None:
        self.name = channel.name
        self.receipts: Receipts = channel.receipts
        self.health = Health()
        self._channel, self._ticks, self._now, self._told = channel, ticks, now, told
        self._breaker = Breaker()
        told(self.name, Circuit.CLOSED)

    @property
    def circuit(self) -> Circuit:
        """What is let through now."""
        return self._breaker.circuit(self._ticks())

    async def send(self, delivery: Delivery) -> Receipt:
        """Try once, or say how long to wait."""
        wait_ms = self._breaker.wait_ms(self._ticks(), life_safety=delivery.life_safety)
        if wait_ms:
            return Retry("the channel is down", after_s=wait_ms / 1000)
        self._breaker = self._breaker.begun(self._ticks())
        receipt = await self._channel.send(delivery)
        before = self.circuit
        if isinstance(receipt, (Delivered, Accepted)):
            self._breaker, self.health.delivered_at = self._breaker.succeeded(), self._now()
        elif isinstance(receipt, Retry):
            self._breaker = self._breaker.failed(self._ticks())
            self.health.failed_at, self.health.why = self._now(), receipt.why
        else:  # refused: the channel answered, so it is there
            self._breaker = self._breaker.succeeded()
            self.health.failed_at, self.health.why = self._now(), receipt.why
        if self.circuit is not before:
            self._told(self.name, self.circuit)
        return receipt
