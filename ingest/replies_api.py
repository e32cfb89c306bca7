"""What people write back by SMS, WeCom or DingTalk, as a gateway passes it on, and what they are answered.

Rule: a reply counts when it is signed with its channel's secret and comes from an address of the duty file;
whatever else it is, the gateway gets words for the person, and the record says what became of it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from hashlib import sha256
from typing import Annotated, Protocol

import structlog
from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import Response

from alerts.acts import Refusal, Refused
from alerts.episode import Episode
from alerts.event import Event, QuietEvent, State
from alerts.people import Person
from alerts.replies import Act, Answer, Reply, code, meant, parse, said, sender
from alerts.view import iso
from devices.registry import Registry
from ingest.asked import PROBLEMS, Problem
from ingest.border import answer, problem
from ingest.channels.made import Replying
from ingest.channels.webhook import verify
from ingest.reply_records import Reply as Kept
from ingest.reply_records import ReplyRecords

log = structlog.get_logger()

PREFIX = "/api/v1/replies/"
"""Open at the border: the signature is looked at here."""

_MOST = 1000
_LATELY = 100  # resolved alerts among which an old code is looked for
_SHOWN_END = 4


class ReplyDesk(Protocol):
    """Where alerts are acted on."""

    @property
    def registry(self) -> Registry:
        """The registry that holds now."""
        ...

    def urgent(self, limit: int, state: State | None = None) -> list[Episode]:
        """What is not resolved."""
        ...

    def episodes(
        self, state: State | None, limit: int, before: tuple[int, str] | None = None
    ) -> list[Episode]:
        """Episodes of one state, newest first."""
        ...

    def history(self, episode: str) -> list[Event]:
        """All that happened to an episode."""
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


class ReplyGiven(BaseModel):
    """What somebody wrote. `id` is the gateway's for this message; without one its bytes identify it."""

    model_config = ConfigDict(extra="forbid")
    sender: Annotated[str, Field(alias="from", min_length=1, max_length=200)]
    text: Annotated[str, Field(max_length=2000)]
    id: Annotated[str, Field(max_length=200)] = ""


_Done = tuple[Answer | Refusal, Sequence[Episode], str]
_Channel = Annotated[str, Path(max_length=64)]


def routes(
    desk: ReplyDesk,
    records: ReplyRecords,
    channels: Mapping[str, Replying],
    people: Callable[[], Collection[Person]],
    sent: Callable[[str, str], int],
    now: Callable[[], int],
    now_s: Callable[[], float],
) -> APIRouter:
    """The routes. `sent` says the number of the newest message about an alert to a person; `now` is ms."""
    router = APIRouter(
        prefix="/api/v1", dependencies=[Depends(HTTPBearer(auto_error=False))], responses=PROBLEMS
    )

    @router.post(
        "/replies/{channel}", responses={401: {"model": Problem, "description": "Not signed, or wrongly"}}
    )
    async def reply(channel: _Channel, request: Request) -> Response:
        """What somebody wrote back, passed on by a gateway: `{"from": address, "text": ..., "id": ...}`.

        Signed as our webhooks are, with the channel's secret. Safe to repeat. `1` takes charge, `2` is there,
        `3` to `6` resolve (real, false, test, no action), `?` lists; a code says of which alert, where there
        are several. The answer's `text` is for the person, in her language; `status` is for programs.
        """
        content = await request.body()
        known = channels.get(channel)
        if known is None or not verify(known.secret, request.headers, content, now_s()):
            return problem(401, "unauthorized", "sign it with that channel's secret when you send it")
        try:
            given = ReplyGiven.model_validate_json(content)
        except ValidationError:
            return problem(422, "invalid", "give from, text and, if you have one, id")
        stamp = request.headers.get("X-Shouwang-Timestamp", "")
        name = given.id or sha256(stamp.encode() + content).hexdigest()
        if (kept := records.find(channel, name)) is not None:
            return answer(200, kept.answer)
        person = sender(people(), known.kinds, given.sender)
        what, episodes, word = (
            await _understood(given.text, person, f"reply:{channel}")
            if person
            else (Answer.UNKNOWN_SENDER, (), "")
        )
        texts = said(what, desk.registry, episodes, word)
        told: dict[str, object] = {
            "status": what.value,
            "alert": episodes[0].id if len(episodes) == 1 else None,
            "text": texts[person.language.value] if person else "\n".join(texts.values()),
            "texts": texts,
        }
        who = person.id if person else f"...{given.sender[-_SHOWN_END:]}"
        log.info("reply", channel=channel, status=what.value, alert=told["alert"])
        await records.keep(Kept(channel, name, now(), who, told))
        return answer(200, told)

    @router.get("/replies")
    async def list_replies(limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Response:
        """What was written back, newest first: by whom, when, on which channel, and what became of it."""
        listed = [
            {
                "channel": one.channel,
                "at": iso(one.at),
                "from": one.sender,
                "status": one.answer["status"],
                "alert": one.answer["alert"],
            }
            for one in records.newest(limit)
        ]
        return answer(200, {"replies": listed})

    async def _understood(text: str, person: Person, source: str) -> _Done:
        asked = parse(text)
        if asked is None:
            return Answer.NOT_UNDERSTOOD, (), ""
        standing = desk.urgent(_MOST)
        if asked.act is Act.LIST:
            found = [one for one in standing if sent(one.id, person.id) or one.acknowledged_by == person.id]
            return (Answer.LISTED, found, "") if found else (Answer.NOTHING, (), "")
        about = meant(asked, standing, lambda alert: sent(alert, person.id), person.id)
        if len(about) > 1:
            return Answer.UNCLEAR, [one.episode for one in about], ""
        if not about:
            return _old(asked, standing)
        return await _act(asked, about[0].episode, about[0].seen, person.id, source)

    def _old(asked: Reply, standing: Sequence[Episode]) -> _Done:
        """What a code meant that no alert has now: an earlier call, or what was resolved."""
        if not asked.code:
            return Answer.NOTHING, (), ""
        for one in standing:
            calls = (event for event in desk.history(one.id) if not isinstance(event, QuietEvent))
            if any(
                code(one.id, event.number).startswith(asked.code)
                for event in calls
                if getattr(event, "calls", False)
            ):
                return Refusal.FRESH_EVIDENCE, (one,), ""
        for one in desk.episodes(State.RESOLVED, _LATELY):
            if code(one.id, one.called).startswith(asked.code):
                return Refusal.ALREADY_RESOLVED, (one,), ""
        return Answer.UNKNOWN_CODE, (), asked.code

    async def _act(asked: Reply, episode: Episode, seen: int, by: str, source: str) -> _Done:
        match asked.act:
            case Act.ARRIVE:
                became, done = await desk.arrive(episode.id, by, "", source, seen), Answer.ARRIVED
            case Act.RESOLVE:
                became = await desk.resolve(episode.id, by, asked.outcome, "", source, seen)
                done = Answer.RESOLVED
            case Act.ACKNOWLEDGE if episode.acknowledged_by not in {"", by}:
                return Answer.TAKEN, (episode,), ""
            case _:
                became, done = await desk.acknowledge(episode.id, by, "", source, seen), Answer.ACKNOWLEDGED
        if isinstance(became, Refused):
            return became.why, (desk.get(episode.id) or episode,), ""
        return done, (became,), ""

    return router
