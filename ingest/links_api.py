"""The page behind the link of a message: what it is, how it stands, and buttons to act.

Rule: looking changes nothing (mail scanners and previews look, too); only the page's buttons act. No name, no
diagnosis, no script, nothing from elsewhere; it works on an old telephone.
"""

from collections.abc import Callable, Collection, Mapping
from html import escape
from typing import Protocol

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from alerts.acts import Refusal, Refused
from alerts.episode import Episode
from alerts.event import Outcome, State
from alerts.links import VALID_MS, Link, Wrong, read, token
from alerts.notification import Notification, standing
from alerts.replies import SHORT, code
from devices.registry import Registry
from ingest.pages import HEADERS, Guesses, fields, no_link, whole

PREFIX = "/a/"
"""Open at the border: the link itself is the authority."""


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
    Refusal.UNKNOWN: "已处理完毕 It was resolved before",
    Refusal.NOBODY_THERE: "尚无人到场：请先到场再处理完毕 Nobody was there yet: arrive first, then resolve",
}
_TAKEN = "{0} 已先接手；仍要接替请再按一次 {0} took charge meanwhile: press again to take over"
_WHO = "<p>您是谁 Who are you <input name=by required maxlength=64></p>"


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
        voice_contact: str = "",
    ) -> Episode | Refused:
        """A named person closes the episode."""
        ...


def links(
    key: bytes, public_url: str, replying: Collection[str] = ()
) -> Callable[[Episode, Notification, str, str], Mapping[str, str]]:
    """What makes the ways by which a message is answered.

    No links where nobody said where the service is reached; a code on channels by which people write back.
    """

    def made(episode: Episode, notification: Notification, channel: str, to: str) -> Mapping[str, str]:
        ways = {}
        if public_url:
            link = Link(episode.id, episode.called, to, channel, notification.at + VALID_MS)
            ways["acknowledge"] = f"{public_url.rstrip('/')}{PREFIX}{token(key, link)}"
        if channel in replying:
            ways["reply"] = code(episode.id, episode.called)[:SHORT]
        return ways

    return made


def routes(desk: LinkDesk, key: bytes, now: Callable[[], int]) -> APIRouter:
    """The routes; `now` is our clock (ms)."""
    router = APIRouter(include_in_schema=False)
    guesses = Guesses(now)

    @router.get(PREFIX + "{given}")
    async def look(given: str) -> Response:
        """The alert as it stands, with what may be done."""
        link = read(key, given, now())
        return no_link(link, guesses) if isinstance(link, Wrong) else _page(desk, link)

    @router.post(PREFIX + "{given}")
    async def act(given: str, request: Request) -> Response:
        """Do what a button says, then show the alert as it stands."""
        link = read(key, given, now())
        if isinstance(link, Wrong):
            return no_link(link, guesses)
        said = fields(await request.body())
        by = link.to or said.get("by", "").strip()
        if not by.isprintable():
            by = ""
        holder = _holder(desk, link.alert)
        if said.get("act") == "acknowledge" and holder not in {"", by, said.get("holder", "")}:
            return _page(desk, link, _TAKEN.format(holder), 409)
        became = await _done(desk, link, said, by)
        if became is None:
            return _page(desk, link)
        told = _REFUSED.get(became.why, became.message) if isinstance(became, Refused) else "已记录 Noted"
        return _page(desk, link, told, 409 if isinstance(became, Refused) else 200)

    return router


async def _done(desk: LinkDesk, link: Link, said: Mapping[str, str], by: str) -> Episode | Refused | None:
    """What became of what a button says; None where it says nothing."""
    given = said.get("seen", "")
    seen = int(given) if given.isascii() and given.isdigit() and len(given) < 10 else link.seen
    source = f"link:{link.channel}"
    match said.get("act"):
        case "acknowledge":
            return await desk.acknowledge(link.alert, by, "", source, seen)
        case "arrive":
            return await desk.arrive(link.alert, by, "", source, seen)
        case "resolve":
            return await desk.resolve(link.alert, by, said.get("outcome", ""), "", source, seen)
    return None


def _holder(desk: LinkDesk, alert: str) -> str:
    episode = desk.get(alert)
    return episode.acknowledged_by if episode and episode.state is State.ACKNOWLEDGED else ""


def _page(desk: LinkDesk, link: Link, told: str = "", status: int = 200) -> Response:
    episode = desk.get(link.alert)
    if episode is None:
        return HTMLResponse(whole("<p class=told>没有这条警报 There is no such alert</p>"), 404, HEADERS)
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
    return HTMLResponse(whole("".join(parts)), status, HEADERS)


def _form(episode: Episode, link: Link) -> str:
    who = f"<p>以 {escape(link.to)} 的身份 As {escape(link.to)}</p>" if link.to else _WHO
    buttons = [
        f"<button name=act value=acknowledge>{words}</button>" if (words := _taking(episode, link)) else "",
        "<button name=act value=arrive>已到场 I am there</button>"
        if episode.state is not State.ON_SITE
        else "",
    ]
    choices = "".join(
        f"<p><label><input type=radio name=outcome value={outcome.value}> {words}</label></p>"
        for outcome, words in _OUTCOMES.items()
    )
    return (
        f"<form method=post><input type=hidden name=seen value={episode.called}>"
        f'<input type=hidden name=holder value="{escape(episode.acknowledged_by)}">{who}{"".join(buttons)}'
        f"<hr>{choices}<button name=act value=resolve>处理完毕 Resolve</button></form>"
    )


def _taking(episode: Episode, link: Link) -> str:
    """What the button says that takes charge; "" where there is nothing to take."""
    holder = episode.acknowledged_by
    if episode.state is State.ON_SITE or (holder and holder == link.to):
        return ""
    return f"我来接替 {escape(holder)} I take over from them" if holder else "我去处理 I take it"
