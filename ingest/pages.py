"""What the pages behind our links have in common: how they look, what a browser may do, and who guesses.

Rule: no script, nothing from elsewhere, nothing kept by a browser; they work on an old telephone.
"""

from collections.abc import Callable
from urllib.parse import parse_qs

import structlog
from starlette.responses import HTMLResponse, Response

from alerts.links import Wrong

log = structlog.get_logger()

GUESSES = 60
"""So many links that are none of ours are answered in a minute; one that is ours always is."""

_MINUTE_MS = 60_000
_FIELDS = 8

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}
_STYLE = (
    "body{font:18px sans-serif;margin:1em;max-width:34em}"
    "button{font:inherit;width:100%;padding:.8em;margin:.3em 0}"
    ".now{padding:.6em;background:#eee}.told{padding:.6em;background:#fd8}input[name=by]{font:inherit;width:100%}"
)


class Guesses:
    """How many links of this minute were none of ours."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now, self._minute, self._count = now, 0, 0

    def too_many(self) -> bool:
        """Count one more."""
        minute = self._now() // _MINUTE_MS
        self._count = self._count + 1 if minute == self._minute else 1
        self._minute = minute
        if self._count == GUESSES + 1:
            log.warning("links_guessed", in_a_minute=self._count)
        return self._count > GUESSES


def fields(content: bytes) -> dict[str, str]:
    """The fields of a form, the first of each name; none of what is no form of ours."""
    try:
        found = parse_qs(content.decode("utf-8", "replace"), max_num_fields=_FIELDS)
    except ValueError:
        return {}
    return {name: values[0][:64] for name, values in found.items()}


def no_link(why: Wrong, guesses: Guesses) -> Response:
    """What is answered to a link that is none."""
    expired = why is Wrong.EXPIRED
    if not expired and guesses.too_many():
        busy = "请稍后再试 Try again in a minute"
        return HTMLResponse(whole(f"<p class=told>{busy}</p>"), 429, HEADERS | {"Retry-After": "60"})
    said = "链接已过期 This link has expired" if expired else "链接无效 This is no link of ours"
    return HTMLResponse(whole(f"<p class=told>{said}</p>"), 410 if expired else 404, HEADERS)


def whole(inner: str) -> str:
    """A page around this HTML."""
    return (
        "<!doctype html><html lang=zh-CN><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width,initial-scale=1'><title>守望 Shouwang</title>"
        f"<style>{_STYLE}</style>{inner}</html>"
    )
