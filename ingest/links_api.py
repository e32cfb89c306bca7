"""The page behind the link of a message: what it is, how it stands, and buttons to act.

Rule: looking changes nothing (mail scanners and previews look, too); only the page's buttons act. No name, no
diagnosis, no script, nothing from elsewhere; it works on an old telephone.
"""

from collections.abc import Callable, Mapping
from html import escape
from typing import Annotated, Protocol
from urllib.parse import parse_qs

from fastapi import APIRouter, Path, Request
from starlette.responses import HTMLResponse, Response

from alerts.acts import Refusal, Refused
from alerts.episode import Episode
from alerts.event import Outcome, State
from alerts.links import VALID_MS, Link, Wrong, read, token
from alerts.notification import Notification, standing
from devices.registry import Registry

PREFIX = "/a/"
"""Open at the border: the link itself is the authority."""

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}
_OUTCOMES = {
    Outcome.REAL: "真实情况 Real",
    Outcome.FALSE: "误报 False alarm",
    Outcome.TEST: "测试 Test",
    Outcome.NO_ACTION: "无需处理 No action",
}
_STATES = {
    State.OPEN: "尚无人接手 Nobody has taken charge",
    State.ASKING: "正在询问住户 The resident is being asked",
    State.ACKNOWLEDGED: "已接手 Taken charge of by",
    State.ON_SITE: "已到场 On site:",
    State.SHELVED: "已暂缓 Shelved",
    State.OUT_OF_SERVICE: "设备维护中 Device out of service",
    State.RESOLVED: "已处理完毕 Resolved by",
}
_REFUSED = {
    Refusal.FRESH_EVIDENCE: "此后又有新的呼叫，请再看一遍 People were called again since: look again",
    Refusal.ALREADY_RESOLVED: "已处理完毕 It was resolved before",
    Refusal.MISSING_NAME: "请填写姓名 Say who you are",
    Refusal.BAD_OUTCOME: "请选择结果 Choose an outcome",
}
_STYLE = (
    "body{font:18px sans-serif;margin:1em;max-width:34em}"
    "button{font:inherit;width:100%;padding:.8em;margin:.3em 0}"
    ".now{padding:.6em;background:#eee}.told{padding:.6em;background:#fd8}input[name=by]{font:inherit;width:100%}"
)


class LinkDesk(Protocol):
    """Where alerts are acted on."""

    @property
    def registry(self) -> Registry:
        """The registry that holds now."""
        ...

    def get(self, episode: str) -> Episode | None:
        """One episode, however old."""
        ...

    async def acknowledge(
        self, episode: str, by: str, note: str = "", source: str = "api", seen: int | None = None
    ) -> Episode | Refused:
        """A named person takes charge."""
        ...

    async def arrive(
        self, episode: str, by: str, note: str = "", source: str = "api", seen: int | None = None
    ) -> Episode | Refused:
        """A named person is with the resident."""
        ...

    async def resolve(
        self,
        episode: str,
        by: str,
        outcome: str,
        note: str = "",
        source: str = "api",
        seen: int | None = None,
    ) -> Episode | Refused:
        """A named person closes the episode."""
        ...


def links(key: bytes, public_url: str) -> Callable[[Episode, Notification, str, str], Mapping[str, str]]:
    """What makes the links of a message; none where nobody said where the service is reached."""

    def made(episode: Episode, notification: Notification, channel: str, to: str) -> Mapping[str, str]:
        if not public_url:
            return {}
        link = Link(episode.id, episode.called, to, channel, notification.at + VALID_MS)
        return {"acknowledge": f"{public_url.rstrip('/')}{PREFIX}{token(key, link)}"}

    return made


_Token = Annotated[str, Path(max_length=400, pattern=r"^[A-Za-z0-9_-]+$")]


def routes(desk: LinkDesk, key: bytes, now: Callable[[], int]) -> APIRouter:
    """The routes; `now` is our clock (ms)."""
    router = APIRouter(include_in_schema=False)

    @router.get(PREFIX + "{given}")
    async def look(given: _Token) -> Response:
        """The alert as it stands, with what may be done."""
        link = read(key, given, now())
        return _no_link(link) if isinstance(link, Wrong) else _page(desk, link)

    @router.post(PREFIX + "{given}")
    async def act(given: _Token, request: Request) -> Response:
        """Do what a button says, then show the alert as it stands."""
        link = read(key, given, now())
        if isinstance(link, Wrong):
            return _no_link(link)
        fields = parse_qs((await request.body()).decode("utf-8", "replace"), max_num_fields=8)
        said = {name: values[0][:64] for name, values in fields.items()}
        by = link.to or said.get("by", "").strip()
        if not by.isprintable():
            by = ""
        seen = int(said["seen"]) if said.get("seen", "").isdecimal() and len(said["seen"]) < 10 else link.seen
        source = f"link:{link.channel}"
        match said.get("act"):
            case "acknowledge":
                became = await desk.acknowledge(link.alert, by, "", source, seen)
            case "arrive":
                became = await desk.arrive(link.alert, by, "", source, seen)
            case "resolve":
                became = await desk.resolve(link.alert, by, said.get("outcome", ""), "", source, seen)
            case _:
                return _page(desk, link)
        told = _REFUSED.get(became.why, became.message) if isinstance(became, Refused) else "已记录 Noted"
        return _page(desk, link, told, 409 if isinstance(became, Refused) else 200)

    return router


def _no_link(why: Wrong) -> Response:
    expired = why is Wrong.EXPIRED
    said = "链接已过期 This link has expired" if expired else "链接无效 This is no link of ours"
    return HTMLResponse(_whole(f"<p class=told>{said}</p>"), 410 if expired else 404, _HEADERS)


def _page(desk: LinkDesk, link: Link, told: str = "", status: int = 200) -> Response:
    episode = desk.get(link.alert)
    if episode is None:
        return HTMLResponse(_whole("<p class=told>没有这条警报 There is no such alert</p>"), 404, _HEADERS)
    if not told and episode.called > link.seen and episode.state is not State.RESOLVED:
        told = "这条消息之后又有新的呼叫 People were called again since this message"
    texts = standing(episode, desk.registry)
    who = episode.resolved_by or episode.arrived_by or episode.acknowledged_by
    parts = [
        f"<p class=told>{escape(told)}</p>" if told else "",
        *(f"<h1>{escape(text)}</h1>" for text in texts.values()),
        f"<p class=now>{_STATES[episode.state]} {escape(who)}</p>",
    ]
    if episode.state is not State.RESOLVED:
        parts.append(_form(episode, link))
    return HTMLResponse(_whole("".join(parts)), status, _HEADERS)


def _form(episode: Episode, link: Link) -> str:
    ask = "" if link.to else "<p>您是谁 Who are you <input name=by required maxlength=64></p>"
    buttons = [
        "<button name=act value=acknowledge>我去处理 I take it</button>"
        if episode.state not in {State.ACKNOWLEDGED, State.ON_SITE}
        else "",
        "<button name=act value=arrive>已到场 I am there</button>"
        if episode.state is not State.ON_SITE
        else "",
    ]
    choices = "".join(
        f"<p><label><input type=radio name=outcome value={outcome.value}> {words}</label></p>"
        for outcome, words in _OUTCOMES.items()
    )
    return (
        f"<form method=post><input type=hidden name=seen value={episode.called}>{ask}{''.join(buttons)}"
        f"<hr>{choices}<button name=act value=resolve>处理完毕 Resolve</button></form>"
    )


def _whole(inner: str) -> str:
    return (
        "<!doctype html><html lang=zh-CN><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width,initial-scale=1'><title>守望 Shouwang</title>"
        f"<style>{_STYLE}</style>{inner}</html>"
    )
