"""When a notification is tried again, which goes first, and when to give up.

Rule: what concerns life safety is tried until it is delivered, at least every 30 s, and always goes first.
The shell keeps the queue and sends; time and jitter are arguments here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from alerts.episode import rank
from rules.decision import Severity

FIRST_DELAY_MS = 1_000
LIFE_SAFETY_CAP_MS = 30_000
CAP_MS = 15 * 60_000
GIVE_UP_MS = 24 * 3_600_000
_MOST_DOUBLINGS = 20


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver has it: it answered so itself (R-03), a mere transport did not."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A provider took it for the receiver, whose own word comes later or never.

    `ref` is the provider's name of it.
    """

    ref: str = ""


@dataclass(frozen=True, slots=True)
class Retry:
    """It may work later; `after_s` when the receiver said how much later. `why` names no person or value."""

    why: str
    after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The receiver refused it, and trying again is not expected to help."""

    why: str


Receipt = Delivered | Accepted | Retry | Failed


@dataclass(frozen=True, slots=True)
class Queued:
    """A notification waiting to go out on one channel. Times are ms UTC; `attempts` counts those made."""

    notification: str
    channel: str
    life_safety: bool
    severity: Severity
    queued_at: int
    next_at: int
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class GivenUp:
    """It will not be tried again: to be recorded as failed, with `why`."""

    why: str


def settle(
    queued: Queued, receipt: Receipt, now: int, jitter: float
) -> Delivered | Accepted | Queued | GivenUp:
    """What becomes of a notification after an attempt that ended at `now`. `jitter` is in [0, 1).

    A `Queued` is to be kept and tried at its `next_at`. Life safety is never given up: even a refusal is
    tried again, since the receiver may be mended (a wrong secret, a moved address). Other notifications end
    with a refusal, or when the next attempt would come later than 24 h after they were queued.
    """
    if isinstance(receipt, (Delivered, Accepted)):
        return receipt
    attempts = queued.attempts + 1
    wait = delay_ms(attempts, jitter, life_safety=queued.life_safety)
    if isinstance(receipt, Retry) and receipt.after_s is not None:
        cap = LIFE_SAFETY_CAP_MS if queued.life_safety else CAP_MS
        wait = max(wait, round(min(cap, receipt.after_s * 1000)))
    again = replace(queued, attempts=attempts, next_at=now + wait)
    if queued.life_safety:
        return again
    if isinstance(receipt, Failed):
        return GivenUp(receipt.why)
    if again.next_at - queued.queued_at > GIVE_UP_MS:
        return GivenUp(f"not delivered within 24 h: {receipt.why}")
    return again


def delay_ms(attempts: int, jitter: float, *, life_safety: bool) -> int:
    """How long to wait after so many attempts: 1 s doubling to the cap, of which jitter takes up to a half.

    The jitter keeps a thousand notifications from coming back in the same instant.
    """
    cap = LIFE_SAFETY_CAP_MS if life_safety else CAP_MS
    ceiling = min(cap, FIRST_DELAY_MS << min(max(attempts, 1) - 1, _MOST_DOUBLINGS))
    return round(ceiling * (1 - jitter / 2))


def due(queue: Iterable[Queued], now: int) -> list[Queued]:
    """Those whose time has come: life safety first, then the more severe, then the longer queued."""
    return sorted((queued for queued in queue if queued.next_at <= now), key=urgency)


def urgency(queued: Queued) -> tuple[bool, int, int, str, str]:
    """The order in which notifications go out, as a sort key: smaller is sooner."""
    severity = -rank(queued.severity)
    return (not queued.life_safety, severity, queued.queued_at, queued.notification, queued.channel)
