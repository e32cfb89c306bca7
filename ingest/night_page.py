"""The page behind the question before a night: which night it is, how it stands, and two buttons to answer.

Rule: looking answers nothing (mail scanners and previews look, too); only the page's buttons do.
"""

from collections.abc import Callable
from html import escape
from typing import Protocol

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from alerts.acts import Refused
from alerts.assurance import Course, Night, question
from alerts.links import NightLink, Wrong, night_token, read_night
from alerts.people import Person
from ingest.pages import HEADERS, Guesses, fields, no_link, whole

PREFIX = "/d/"
"""Open at the border: the link itself is the authority."""

SOURCE = "link"

_HERE, _AWAY = "here", "away"
_OVER = "<p class=told>这一夜已不再询问 This night is not asked about any more</p>"


class Watch(Protocol):
    """Who asks about nights, and takes the answers."""

    def nights(self) -> list[tuple[Night, Course]]:
        """The nights that are asked about now, with how far each has come."""
        ...

    async def answer(
        self, night: str, person: str, *, here: bool = True, source: str = "api"
    ) -> Course | Refused:
        """Somebody who was asked says whether they are on duty that night."""
        ...


def addresses(key: bytes, public_url: str) -> Callable[[Night, Person], str]:
    """What makes the address by which a person answers; "" where nobody said how the service is reached."""

    def made(night: Night, person: Person) -> str:
        if not public_url:
            return ""
        return (
            f"{public_url.rstrip('/')}{PREFIX}{night_token(key, NightLink(night.id, person.id, night.end))}"
        )

    return made


def routes(watch: Watch, key: bytes, now: Callable[[], int]) -> APIRouter:
    """The routes; `now` is our clock (ms)."""
    router = APIRouter(include_in_schema=False)
    guesses = Guesses(now)

    @router.get(PREFIX + "{given}")
    async def look(given: str) -> Response:
        """The night as it stands."""
        link = read_night(key, given, now())
        return no_link(link, guesses) if isinstance(link, Wrong) else _page(watch, link)

    @router.post(PREFIX + "{given}")
    async def act(given: str, request: Request) -> Response:
        """Answer as a button says, then show the night as it stands."""
        link = read_night(key, given, now())
        if isinstance(link, Wrong):
            return no_link(link, guesses)
        said = fields(await request.body()).get("act", "")
        if said not in {_HERE, _AWAY}:
            return _page(watch, link)
        became = await watch.answer(link.night, link.person, here=said == _HERE, source=SOURCE)
        if isinstance(became, Refused):
            return HTMLResponse(whole(_OVER), 409, HEADERS)
        return _page(watch, link, "已记录 Noted")

    return router


def _page(watch: Watch, link: NightLink, told: str = "") -> Response:
    found = next(((night, course) for night, course in watch.nights() if night.id == link.night), None)
    if found is None:
        return HTMLResponse(whole(_OVER), 410, HEADERS)
    night, course = found
    parts = [
        f"<p class=told>{told}</p>" if told else "",
        *(f"<h1>{escape(text)}</h1>" for text in question(night).values()),
        f"<p class=now>{escape(_standing(course, link.person))}</p>",
        f"<form method=post><p>以 {escape(link.person)} 的身份 As {escape(link.person)}</p>",
        f"<button name=act value={_HERE}>我值班 I am on duty</button>",
        f"<button name=act value={_AWAY}>我不能值班，请问下一位 I cannot: ask the next</button></form>",
    ]
    return HTMLResponse(whole("".join(parts)), 200, HEADERS)


def _standing(course: Course, person: str) -> str:
    if course.by == person:
        return "您已确认值班 You have confirmed"
    if course.by:
        return f"{course.by} 已确认值班 {course.by} has confirmed"
    if person in course.refused:
        return "您已回复不能值班 You have said that you cannot"
    return "等待您确认 Waiting for your answer"
