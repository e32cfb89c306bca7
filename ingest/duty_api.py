"""The rota over HTTP: who is on duty, where nobody is, what is changed by whom. Rule: it only translates.

`ingest.roster` takes acts, `ingest.duty_watch` answers of nights. What takes long to look up is looked up in
a thread: the event loop has calls for help to serve.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from fastapi.security import HTTPBearer
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.responses import Response

from alerts.acts import Refused
from alerts.assurance import Course, Night
from alerts.duty import Duty, Gap, Post
from alerts.duty_acts import Override, TurnOf
from alerts.view import iso
from devices.registry import Registry
from ingest.asked import PROBLEMS, Id, Name, Note, Problem, refused
from ingest.border import answer, problem
from ingest.clock import Clock
from ingest.duty_records import ACTS, Record
from ingest.duty_watch import DutyWatch
from ingest.icalendar_file import feed
from ingest.roster import GAPS_AHEAD_MS, Roster, Taken

FEED_PATH = "/api/v1/duty.ics"
"""Guarded by a token of its own in the address, since calendars of phones can send no other."""

CALENDARS_PATH = "/api/v1/duty/calendars"

_DAY_MS = 86_400_000
_LONGEST_MS = 400 * _DAY_MS
_FEED_PAST_MS, _FEED_AHEAD_MS = 31 * _DAY_MS, 180 * _DAY_MS
_SECOND_MS = 1000  # iCalendar knows no less
_Reason = Annotated[Note, Field(max_length=500)]
_Person = Annotated[Id, Field(description="A staff id of the duty file.")]
_Moment = Annotated[AwareDatetime, Field(examples=["2026-12-01T20:00:00+08:00"])]


class Overriding(BaseModel):
    """`person` instead of `instead`, or additionally; `instead` alone or `nobody`: nobody."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "person": "wang",
                    "instead": "li",
                    "from": "2026-12-01T20:00:00+08:00",
                    "until": "2026-12-02T08:00:00+08:00",
                    "by": "chen.mei",
                    "reason": "li is ill",
                }
            ]
        },
    )
    person: _Person = ""
    instead: _Person = ""
    nobody: bool = False
    role: Annotated[Id, Field(max_length=32, pattern=r"^[a-z0-9_-]*$")] = ""
    place: Annotated[Id, Field(description="As the shift names it.")] = ""
    since: Annotated[_Moment | None, Field(alias="from", description="Left out: now.")] = None
    until: _Moment
    by: Name
    reason: _Reason = ""


class OfTurn(BaseModel):
    """A turn: a shift and the local day on which it begins; `person` where several have it together."""

    model_config = ConfigDict(extra="forbid")
    shift: Id
    day: date
    person: _Person = ""


class Swapping(BaseModel):
    """Two people exchange two turns."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "one": {"shift": "night", "day": "2026-12-01"},
                    "other": {"shift": "night", "day": "2026-12-04"},
                    "by": "chen.mei",
                }
            ]
        },
    )
    one: OfTurn
    other: OfTurn
    by: Name
    reason: _Reason = ""


class Importing(BaseModel):
    """A calendar (iCalendar text) for one role at one place; it replaces the one before."""

    model_config = ConfigDict(extra="forbid")
    role: Annotated[Id, Field(min_length=1, max_length=32, pattern=r"^[a-z][a-z0-9_-]*$")]
    place: Annotated[Id, Field(min_length=1)]
    text: str
    by: Name
    reason: _Reason = ""


class Withdrawing(BaseModel):
    """A person takes back an override, a swap or a calendar."""

    model_config = ConfigDict(extra="forbid")
    by: Name
    reason: _Reason = ""


class Answering(BaseModel):
    """Whether who was asked is on duty that night."""

    model_config = ConfigDict(extra="forbid")
    by: Annotated[Name, Field(description="The staff id of who was asked.")]
    here: bool = True


_UNKNOWN: dict[int | str, dict[str, object]] = {
    404: {"model": Problem, "description": "No such person, place, shift, change or night"},
    409: {"model": Problem, "description": "Not on duty then, or not asked"},
}
_At = Annotated[AwareDatetime | None, Query(description="Left out: now.")]
_Until = Annotated[AwareDatetime | None, Query(description="At most 400 days after `from`.")]


def routes(
    roster: Roster, watch: DutyWatch, registry: Registry, clock: Clock, token: str | None
) -> APIRouter:
    """The router. `token` is the API's, from which that of the feed is made."""
    router = APIRouter(
        prefix="/api/v1", dependencies=[Depends(HTTPBearer(auto_error=False))], responses=PROBLEMS
    )
    feed_token = token_of_feed(token)

    def period(since: datetime | None, until: datetime | None, ahead_ms: int) -> tuple[int, int] | Response:
        begin = clock.now() if since is None else _ms(since)
        end = begin + ahead_ms if until is None else _ms(until)
        if not begin < end <= begin + _LONGEST_MS:
            return problem(422, "invalid", "until must lie after from, at most 400 days")
        return begin, end

    @router.get("/duty")
    async def show(at: _At = None, place: Annotated[str, Query(max_length=128)] = "") -> Response:
        """Who is on duty, now or at a time: `posts` are all; with `place` `on_duty` says who answers there.

        `problems` are those of the duty file as it is now; then the rota before goes on.
        """
        moment = clock.now() if at is None else _ms(at)
        posts = roster.duty.posts(moment)
        said: dict[str, object] = {
            "at": iso(moment),
            "rota": roster.kept,
            "posts": [_post(one) for one in posts],
            "problems": [{"line": one.line, "message": one.message} for one in roster.problems[:100]],
        }
        if place:
            chain = [one.id for one in registry.above(place)]
            if not chain:
                return problem(404, "unknown_place", f"there is no place {place} in the registry")
            roles = dict.fromkeys(one.role for one in posts if one.place in chain)
            said |= {
                "place": place,
                "on_duty": {role: roster.on_duty(role, chain, moment) for role in roles},
            }
        return answer(200, said)

    @router.get("/duty/gaps")
    async def gaps(since: Annotated[_At, Query(alias="from")] = None, until: _Until = None) -> Response:
        """Where a role that must not be left empty is; of the next 14 days unless asked otherwise."""
        asked = period(since, until, GAPS_AHEAD_MS)
        if isinstance(asked, Response):
            return asked
        return answer(200, {"gaps": _gaps(await asyncio.to_thread(roster.duty.gaps, *asked))})

    @router.get("/duty/calendar")
    async def calendar(since: Annotated[_At, Query(alias="from")] = None, until: _Until = None) -> Response:
        """Who has which post from when until when; of the next 14 days unless asked otherwise."""
        asked = period(since, until, GAPS_AHEAD_MS)
        if isinstance(asked, Response):
            return asked
        spans = await asyncio.to_thread(roster.duty.spans, *asked)
        return answer(
            200, {"turns": [{"begin": iso(a), "end": iso(b)} | _post(post) for a, b, post in spans]}
        )

    @router.get("/duty/changes")
    async def changes(limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Response:
        """All that was changed of the rota and asked of people, newest first: who, when, from where, why."""
        gone = roster.withdrawn()
        newest = roster.records[: -limit - 1 : -1]
        return answer(200, {"changes": [_record(one, gone) for one in newest]})

    @router.post("/duty/overrides", responses=_UNKNOWN)
    async def override(act: Overriding) -> Response:
        """Change who is on duty for a while. Answers once durable, with the gaps of the next 14 days."""
        since = clock.now() if act.since is None else _ms(act.since)
        asked = Override(
            since=since // _SECOND_MS * _SECOND_MS,
            until=_ms(act.until) // _SECOND_MS * _SECOND_MS,
            person=act.person,
            instead=act.instead,
            role=act.role,
            place=act.place,
            nobody=act.nobody,
        )
        return _taken(await roster.override(asked, act.by, act.reason))

    @router.post("/duty/swaps", responses=_UNKNOWN)
    async def swap(act: Swapping) -> Response:
        """Two people exchange two turns. Answers once durable, with the gaps of the next 14 days."""
        one, other = (TurnOf(it.shift, it.day, it.person) for it in (act.one, act.other))
        return _taken(await roster.swap(one, other, act.by, act.reason))

    @router.post("/duty/calendars", responses=_UNKNOWN)
    async def import_calendar(act: Importing) -> Response:
        """Take a calendar for a role at a place; 422 with all `problems` when anybody in it is not known."""
        found = await roster.take_calendar(act.text, act.role, act.place, act.by, act.reason)
        if isinstance(found, list):
            listed = [{"line": one.line, "message": one.message} for one in found[:100]]
            detail = f"{len(found)} problem{'s' * (len(found) != 1)}; the calendar before goes on"
            return answer(422, {"error": "invalid_calendar", "detail": detail, "problems": listed})
        return _taken(found)

    @router.post("/duty/changes/{change}/withdraw", responses=_UNKNOWN)
    async def withdraw(change: Annotated[int, Path(ge=1)], act: Withdrawing) -> Response:
        """An override, a swap or a calendar holds no longer. Answers once durable."""
        return _taken(await roster.withdraw(change, act.by, act.reason))

    @router.get("/duty/nights")
    async def nights() -> Response:
        """The nights that people are asked about: who was asked, who said yes, whether anybody did."""
        return answer(200, {"nights": [_night(night, course) for night, course in watch.nights()]})

    @router.post("/duty/nights/{night}/answer", responses=_UNKNOWN)
    async def answer_night(night: Annotated[str, Path(max_length=100)], act: Answering) -> Response:
        """Who was asked says "I am on duty", or `here` false: I cannot. Safe to repeat."""
        found = await watch.answer(night, act.by, here=act.here)
        if isinstance(found, Refused):
            return refused(found)
        return answer(200, {"night": night, "by": act.by, "here": act.here, "confirmed": found.by})

    @router.get("/duty/feed")
    async def feed_address() -> Response:
        """The address of the feed, to subscribe to: whoever knows it can read the rota, no more."""
        return answer(200, {"path": FEED_PATH + (f"?token={feed_token}" if feed_token else "")})

    @router.get("/duty.ics")
    async def ics(
        token: Annotated[str, Query(max_length=100)] = "",
        role: Annotated[str, Query(max_length=32)] = "",
        place: Annotated[str, Query(max_length=128)] = "",
    ) -> Response:
        """The rota as iCalendar, of one role or place or all: from a month ago to half a year ahead."""
        if feed_token and not hmac.compare_digest(token.encode(), feed_token.encode()):
            return problem(401, "unauthorized", "the address is not right: ask /api/v1/duty/feed for it")
        made = await asyncio.to_thread(_feed, roster.duty, clock.now(), role, place)
        return Response(made, 200, {"Cache-Control": "no-store"}, "text/calendar; charset=utf-8")

    return router


def token_of_feed(token: str | None) -> str:
    """The feed's token: it opens the feed, and nobody makes the API's from it."""
    if not token:
        return ""
    return hmac.new(token.encode(), b"shouwang duty feed", hashlib.sha256).hexdigest()[:32]


def _feed(duty: Duty, now: int, role: str, place: str) -> bytes:
    spans = duty.spans(now - _FEED_PAST_MS, now + _FEED_AHEAD_MS)
    return feed((one for one in spans if role in {"", one[2].role} and place in {"", one[2].place}), now)


def _taken(result: Taken | Refused) -> Response:
    if isinstance(result, Refused):
        return refused(result)
    return answer(200, _record(result.record, frozenset()) | {"gaps": _gaps(result.gaps)})


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _post(post: Post) -> dict[str, object]:
    return {"role": post.role, "place": post.place, "person": post.person, "shift": post.shift}


def _gaps(gaps: Sequence[Gap]) -> list[dict[str, object]]:
    return [
        {"begin": iso(one.begin), "end": iso(one.end), "place": one.place, "role": one.role} for one in gaps
    ]


def _record(record: Record, gone: frozenset[int]) -> dict[str, object]:
    """A record; of a calendar its size instead of its text, of changes their times as people read them."""
    body: dict[str, object] = {}
    for key, value in record.body.items():
        if key == "text":
            body["length"] = len(value)
        elif key == "changes":
            body["changes"] = [_change(one) for one in value]
        else:
            body[key] = value
    said = {"id": record.id, "at": iso(record.at), "what": record.what.value, "by": record.by}
    said |= {"source": record.source, "reason": record.reason}
    if record.what in ACTS:
        said["withdrawn"] = record.id in gone
    return said | body


def _change(written: Mapping[str, object]) -> dict[str, object]:
    times = {"from": written["since"], "until": written["until"]}
    rest = {key: value for key, value in written.items() if value and key not in {"since", "until"}}
    return {key: iso(int(str(at))) for key, at in times.items()} | rest


def _night(night: Night, course: Course) -> dict[str, object]:
    return {
        "night": night.id,
        "place": night.assurance.places[0],
        "begin": iso(night.begin),
        "end": iso(night.end),
        "asked": [{"person": one.person, "at": iso(one.at)} for one in course.asked],
        "confirmed": course.by,
        "refused": sorted(course.refused),
        "escalated": course.escalated,
    }
