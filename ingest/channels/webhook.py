"""Alerts by signed HTTP POST, and how a receiver checks them.

Rule: only a 2xx answer within the deadline is a delivery. What the receiver must trust is in the body, which
the signature covers together with its time: `verify`, then drop a `notification` seen before.
"""

import asyncio
import hmac
import ssl
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

import httpx

from alerts.outbox import Delivered, Failed, Receipt, Retry
from ingest.channels import Delivery, Receipts

TOLERANCE_S = 300
"""How far a receiver's clock may be from ours: an older signature is refused as a replay."""

_TIMESTAMP = "X-Shouwang-Timestamp"
_SIGNATURE = "X-Shouwang-Signature"
_DELIVERY = "X-Shouwang-Delivery"
_ATTEMPT = "X-Shouwang-Attempt"
_RETRY_STATUS = frozenset((408, 425, 429))  # and every 5xx
_LONGEST_PAUSE_S = 900.0
_ANSWER_BYTES = 65_536  # read, so that the connection can be used again; more is not


def sign(secret: bytes, timestamp: str, content: bytes) -> str:
    """The signature header's value: HMAC-SHA256 over timestamp, ".", body, in hex after `v1=`."""
    return "v1=" + hmac.digest(secret, timestamp.encode() + b"." + content, "sha256").hex()


def verify(
    secret: bytes, headers: Mapping[str, str], content: bytes, now: float, tolerance_s: int = TOLERANCE_S
) -> bool:
    """Whether a request came from the holder of `secret`, at most `tolerance_s` from `now` (Unix time, s).

    `content` is the body's bytes as received. Header names in any case. Within the tolerance a copied request
    passes again: drop a `notification` (in the body) that was handled before, as repeats are ordinary anyway.
    """
    given = {name.lower(): value for name, value in headers.items()}
    timestamp = given.get(_TIMESTAMP.lower(), "")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    expected = sign(secret, timestamp, content).encode()
    genuine = hmac.compare_digest(expected, given.get(_SIGNATURE.lower(), "").encode())
    return genuine and abs(now - int(timestamp)) <= tolerance_s


class Webhook:
    """A channel to one URL, with connections of its own: another receiver's slowness is not felt here.

    An async context manager. `secret` has at least 16 bytes. `timeout_s` bounds an attempt in all, from name
    lookup to answer. Proxy variables of the environment are not heeded: alerts go where the configuration
    says (R-120). Redirects are refused for the same reason.
    """

    receipts = Receipts.DELIVERED

    def __init__(
        self,
        name: str,
        url: str,
        secret: bytes,
        *,
        timeout_s: float = 5.0,
        tls: ssl.SSLContext | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        if len(secret) < 16:
            raise ValueError("a webhook's secret has at least 16 bytes")
        self.name = name
        self._url = httpx.URL(url)
        if self._url.scheme not in {"http", "https"} or not self._url.host:
            raise ValueError("a webhook's address starts with http:// or https:// and names a host")
        self._secret = secret
        self._timeout_s = timeout_s
        self._now = now
        self._client = httpx.AsyncClient(
            timeout=timeout_s, verify=True if tls is None else tls, trust_env=False, follow_redirects=False
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def send(self, delivery: Delivery) -> Receipt:
        """POST it once. 2xx: delivered; 408, 425, 429, 5xx, no answer: retry; any other answer: failed.

        A refusal of a life-safety notification is tried again all the same (`outbox.settle`).
        """
        timestamp = str(int(self._now()))
        headers = {
            "Content-Type": "application/json",
            _TIMESTAMP: timestamp,
            _SIGNATURE: sign(self._secret, timestamp, delivery.content),
            _DELIVERY: delivery.notification,
            _ATTEMPT: str(delivery.attempt),
        }
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._client.stream("POST", self._url, content=delivery.content, headers=headers) as answer,
            ):
                await _read_a_little(answer)
                return self._receipt(answer)
        except (TimeoutError, httpx.TimeoutException):
            return Retry("no answer in time")
        except httpx.HTTPError as error:
            return Retry(type(error).__name__)

    def _receipt(self, answer: httpx.Response) -> Receipt:
        status = answer.status_code
        if answer.is_success:
            return Delivered()
        if status in _RETRY_STATUS or status >= 500:
            return Retry(f"HTTP {status}", _pause_s(answer.headers.get("Retry-After", ""), self._now()))
        return Failed(f"HTTP {status}")


async def _read_a_little(answer: httpx.Response) -> None:
    size = 0
    async for chunk in answer.aiter_raw():
        size += len(chunk)
        if size > _ANSWER_BYTES:
            return


def _pause_s(value: str, now: float) -> float | None:
    """Retry-After as s or as a date (RFC 9110, 10.2.3), at most 15 min; None when it is neither."""
    if value.isascii() and value.isdigit():
        return min(_LONGEST_PAUSE_S, float(value[:9]))
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    wait = until.replace(tzinfo=until.tzinfo or UTC) - datetime.fromtimestamp(now, UTC)
    return min(_LONGEST_PAUSE_S, max(0.0, wait.total_seconds()))
