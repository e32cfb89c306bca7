"""Alerts through Apprise: WeCom, DingTalk, Feishu, ntfy, e-mail, SMS gateways and a hundred more.

Rule: a service that hangs holds up no other channel, and what Apprise says of a failure leaves here as a few
words of ours: its own messages and addresses hold tokens.
"""

import asyncio
import logging
import re
import string
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import apprise

from alerts.outbox import Accepted, Failed, Receipt, Retry
from ingest.channels import Delivery, Receipts, wording

THREADS = 16
"""Messages under way on one channel; of more, life safety goes first (`ingest.outbox`)."""

_PLACE = re.compile(r"[a-z][a-z0-9_]{0,31}")
_STATUS = re.compile(r"error=(\d{3})\b")
_REFUSED = frozenset((400, 401, 403, 404, 405, 410, 413, 422))
_LATE = "no answer in time"


class _Heard(logging.Handler):
    """What Apprise logs in this thread: the only place where it says why."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._said = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(AttributeError):
            self._said.lines.append(record.getMessage())

    def start(self) -> list[str]:
        self._said.lines = []
        found: list[str] = self._said.lines
        return found


_HEARD = _Heard()
_LOG = logging.getLogger("apprise")
_LOG.addHandler(_HEARD)
_LOG.setLevel(logging.WARNING)
_LOG.propagate = False  # its messages hold addresses and tokens


def places_in(url: str) -> list[str]:
    """The kinds of address that a channel's URL asks for: `phone` in `sms://gateway/{phone}`.

    Raises ValueError for braces that are none of these.
    """
    found = []
    for _, name, spec, conversion in string.Formatter().parse(url):
        if name is None:
            continue
        if spec or conversion or not _PLACE.fullmatch(name):
            raise ValueError("write {phone}, {email} ...: the kinds of address in the duty file")
        found.append(name)
    return found


def is_understood(url: str) -> bool:
    """Whether Apprise knows such an address, with all places filled."""
    filled = url.format_map(dict.fromkeys(places_in(url), "13800000000"))
    return apprise.Apprise().add(filled)


class AppriseChannel:
    """A channel by one Apprise URL. With `{phone}` in it, it is for people who have such an address.

    `private`: the messages may name residents. `language` is that of a channel for nobody in particular.
    """

    receipts = Receipts.ACCEPTED

    def __init__(
        self,
        name: str,
        url: str,
        *,
        private: bool = False,
        language: str = "zh-CN",
        timeout_s: float = 10.0,
    ) -> None:
        self.name = name
        self._url, self._places = url, places_in(url)
        self._private, self._language, self._timeout_s = private, language, timeout_s
        self._threads = ThreadPoolExecutor(THREADS, f"channel-{name}")
        is_understood(url)  # Apprise loads its services at the first: not while somebody calls for help

    def close(self) -> None:
        """Wait for nobody: what hangs ends by its time-out."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def send(self, delivery: Delivery) -> Receipt:
        """Hand it to the service once. Its word is that of a provider, not of the person."""
        addresses: Mapping[str, str] = delivery.recipient.addresses if delivery.recipient else {}
        missing = [place for place in self._places if not addresses.get(place)]
        if missing:
            return Failed(f"no address of kind {', '.join(missing)}")
        quoted = {place: _quoted(addresses[place]) for place in self._places}
        url = self._url.format_map(quoted)
        title, body = wording(delivery, self._language, private=self._private)
        loop = asyncio.get_running_loop()
        attempt = loop.run_in_executor(self._threads, self._notify, url, title, body)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await asyncio.shield(attempt)
        except TimeoutError:
            attempt.add_done_callback(lambda done: done.cancelled() or done.exception())
            return Retry(_LATE)

    def _notify(self, url: str, title: str, body: str) -> Receipt:
        """In a thread of this channel's own."""
        said, began = _HEARD.start(), time.monotonic()
        joined = f"{url}{'&' if '?' in url else '?'}cto={self._timeout_s:g}&rto={self._timeout_s:g}"
        service = apprise.Apprise.instantiate(joined)
        if service is None:
            return Failed("the address is not understood")
        service.request_rate_per_sec = 0  # a call for help waits for no throttle; ours is the outbox
        try:
            accepted = service.notify(body=body, title=title)
        except Exception as error:  # noqa: BLE001  a plugin of a hundred
            return Retry(type(error).__name__)
        if accepted:
            return Accepted()
        statuses = [int(found[1]) for line in said if (found := _STATUS.search(line))]
        if not statuses:  # its own time-outs are as long as ours, and may come first
            late = time.monotonic() - began >= self._timeout_s
            return Retry(_LATE if late else "not accepted")
        return Failed(f"HTTP {statuses[-1]}") if statuses[-1] in _REFUSED else Retry(f"HTTP {statuses[-1]}")


def _quoted(address: str) -> str:
    """An address as part of a URL; what separates parts of one does not get in."""
    return "".join(one if one.isalnum() or one in "+-_.~@" else f"%{ord(one):02X}" for one in address)
