"""The HTTP API: what needs somebody, what happened to it, and a named person's answer to it.

Rule: this module only translates. The desk decides what an act does, `ingest.border` who may come in.
"""

import re
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Literal, Protocol

from fastapi import APIRouter, Depends, FastAPI, Header, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from alerts.acts import Refusal, Refused
from alerts.episode import Episode
from alerts.event import Event, Outcome, State
from alerts.view import view, view_event
from devices.registry import Registry
from ingest.asked import PROBLEMS, Id, Name, Note, Problem, Seen, refused
from ingest.border import Border, answer, problem
from ingest.live import EventStream

Cursor = tuple[int, str]
"""Where a page of episodes ended: `raised_at` (ms) and id of its last one."""

Parts = Callable[[], Mapping[str, str]]
"""What the service stands on, by name: "" when it works, else why not."""

HEARTBEAT_S = 15.0
STALLED_S = 20.0


class Desk(Protocol):
    """Where episodes are kept. `tests/api/desk_contract.py` is what every desk must do."""

    @property
    def registry(self) -> Registry:
        """The registry that holds now, for the names of rooms and beds."""
        ...

    def episodes(self, state: State | None, limit: int, before: Cursor | None = None) -> list[Episode]:
        """At most `limit` episodes of one state, or all: newest first, by (raised_at, id) downwards."""
        ...

    def urgent(self, limit: int, state: State | None = None) -> list[Episode]:
        """At most `limit` that are not resolved, of one state or all.

        About life first, then open ones, then by severity.
        """
        ...

    def stale(self) -> list[Episode]:
        """Those whose condition holds for more than 24 h, the oldest first (R-50)."""
        ...

    def get(self, episode: str) -> Episode | None:
        """One episode, however old."""
        ...

    def history(self, episode: str) -> list[Event]:
        """All that happened to an episode, in order; [] for an unknown one."""
        ...

    async def acknowledge(
        self, episode: str, by: str, note: str = "", source: str = "api", seen: int | None = None
    ) -> Episode | Refused:
        """A named person takes charge; returns once that is durable."""
        ...

    async def arrive(
        self, episode: str, by: str, note: str = "", source: str = "api", seen: int | None = None
    ) -> Episode | Refused:
        """A named person is with the resident; returns once that is durable."""
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
        """A named person closes the episode; returns once that is durable."""
        ...

    def subscribe(self, after: int | None = None) -> AsyncGenerator[tuple[int, Event], None]:
        """Events with their numbers: from now on, or every one after `after`.

        Ends when the desk closes. A reader who is too slow ends too, rather than being buffered for.
        """
        ...


Via = Annotated[
    Literal["api", "cli", "console"],
    Field(description="From where the person acts, for the record: of what holds the token."),
]


class Acknowledgement(BaseModel):
    """A person takes charge."""

    model_config = ConfigDict(extra="forbid")
    by: Name
    note: Note = ""
    seen: Seen = None
    via: Via = "api"


class Arrival(BaseModel):
    """A person is with the resident."""

    model_config = ConfigDict(extra="forbid")
    by: Name
    note: Note = ""
    seen: Seen = None
    via: Via = "api"


class Resolution(BaseModel):
    """A person closes the alert and says what it was."""

    model_config = ConfigDict(extra="forbid")
    by: Name
    outcome: Outcome
    note: Note = ""
    seen: Seen = None
    via: Via = "api"
    voice_contact: Annotated[
        Id,
        Field(
            description="The id of a conversation with the resident that took place, where one did (R-17)."
        ),
    ] = ""


_CODES = {400: "bad_request", 404: "not_found", 405: "method_not_allowed"}
_ACT_PROBLEMS: dict[int | str, dict[str, object]] = {
    404: {"model": Problem, "description": "No such alert"},
    409: {
        "model": Problem,
        "description": "Resolved before, people were called again since `seen`, or nobody was there yet",
    },
    413: {"model": Problem, "description": "Body too large"},
}
_CURSOR = re.compile(r"(\d{1,15})(?:\.([A-Za-z0-9_-]{1,64}))?", re.ASCII)

_Alert = Annotated[str, Path(description="The alert's id.")]


def create_app(
    desk: Desk,
    parts: Parts,
    metrics: CollectorRegistry,
    token: str | None,
    *,
    more: Sequence[APIRouter] = (),
    metrics_open: bool = False,
    guarded: Iterable[str] = (),
    large: Mapping[str, int] = MappingProxyType({}),
    heartbeat_s: float = HEARTBEAT_S,
    stalled_s: float = STALLED_S,
) -> FastAPI:
    """The application. Without a `token` (None or "") everybody may do everything: for loopback only.

    /healthz, /readyz and /openapi.json are open to all. /metrics needs the token too, unless `metrics_open`:
    counts per kind of alert say more about a home than a scraper's network should know. `more` are routers of
    other parts of the service, which guard the `guarded` paths themselves; `large` ones take so many bytes.
    """
    # No pages with documentation: FastAPI's would load scripts from foreign servers.
    app = FastAPI(title="Shouwang", version="1", docs_url=None, redoc_url=None)
    open_paths = {"/healthz", "/readyz", "/openapi.json", *guarded} | (
        {"/metrics"} if metrics_open else set()
    )
    app.add_middleware(Border, token=token, open_paths=open_paths, large=large)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(HTTPException, _no_such_way)
    app.include_router(_alerts(desk, heartbeat_s, stalled_s))
    app.include_router(_operations(parts, metrics))
    for router in more:
        app.include_router(router)
    return app


def _alerts(desk: Desk, heartbeat_s: float, stalled_s: float) -> APIRouter:
    router = APIRouter(
        prefix="/api/v1", dependencies=[Depends(HTTPBearer(auto_error=False))], responses=PROBLEMS
    )

    @router.get("/alerts")
    async def list_alerts(
        state: State | Literal["all"] = "all",
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        before: Annotated[
            str | None, Query(description="`next` of the page before, or a time in ms.")
        ] = None,
        order: Annotated[
            Literal["newest", "urgent"],
            Query(
                description="`urgent`: what is not resolved, in one page, calls for help and falls on top,"
                " then open ones before those that somebody has taken charge of, then by severity (R-47)."
            ),
        ] = "newest",
        stale: Annotated[
            bool,
            Query(
                description="Only those whose condition holds for more than 24 h, the oldest first (R-50)."
            ),
        ] = False,
    ) -> Response:
        """Alerts, newest first: `{"alerts": [...], "next": cursor}`; `next` is null on the last page.

        `first_out` marks the first of a group, be it alone (R-49); `follows` is its id in those that follow.
        `latched` counts evidence of an alarm that chatters (R-48), `muted` what waits in a flood (R-47);
        `suspension` is under what it is kept quiet. `order=urgent` and `stale=true` have no further pages.
        """
        wanted = state if isinstance(state, State) else None
        if stale or order == "urgent":
            listed = (
                [one for one in desk.stale() if wanted in {None, one.state}][:limit]
                if stale
                else desk.urgent(limit, wanted)
            )
            return answer(200, {"alerts": [view(one, desk.registry) for one in listed], "next": None})
        cursor = _cursor(before)
        if isinstance(cursor, Response):
            return cursor
        found = desk.episodes(wanted, limit + 1, cursor)
        page = found[:limit]
        following = f"{page[-1].raised_at}.{page[-1].id}" if len(found) > limit else None
        return answer(200, {"alerts": [view(episode, desk.registry) for episode in page], "next": following})

    @router.get("/alerts/{alert}", responses={404: _ACT_PROBLEMS[404]})
    async def get_alert(alert: _Alert) -> Response:
        """One alert with all that happened to it, oldest first, in `history`."""
        episode = desk.get(alert)
        if episode is None:
            return refused(Refused(Refusal.UNKNOWN, "there is no such alert"))
        history = [view_event(event) for event in desk.history(alert)]
        return answer(200, view(episode, desk.registry) | {"history": history})

    @router.post("/alerts/{alert}/acknowledge", responses=_ACT_PROBLEMS)
    async def acknowledge(alert: _Alert, act: Acknowledgement) -> Response:
        """Take charge. Safe to repeat; another person takes over. Answers with the alert, once durable.

        It holds until `acknowledged_until`: without anybody at the resident by then, people are called again.
        """
        return told(alert, await desk.acknowledge(alert, act.by, act.note, act.via, act.seen))

    @router.post("/alerts/{alert}/arrive", responses=_ACT_PROBLEMS)
    async def arrive(alert: _Alert, act: Arrival) -> Response:
        """Say that you are with the resident. Safe to repeat. Answers with the alert, once durable."""
        return told(alert, await desk.arrive(alert, act.by, act.note, act.via, act.seen))

    @router.post("/alerts/{alert}/resolve", responses=_ACT_PROBLEMS)
    async def resolve(alert: _Alert, act: Resolution) -> Response:
        """Close the alert with an outcome. Safe to repeat. Answers with the alert, once durable.

        With `close_needs_presence` in the configuration what is about somebody's life needs somebody who was
        there since people were last called, or a `voice_contact` (409 nobody_there).
        """
        became = await desk.resolve(
            alert, act.by, act.outcome, act.note, act.via, act.seen, act.voice_contact
        )
        return told(alert, became)

    @router.get("/events", response_class=Response)
    async def events(last_event_id: Annotated[int | None, Header(ge=0, le=2**62)] = None) -> Response:
        """Every alert event as it happens (text/event-stream): `id` is its number, `data` its JSON.

        With Last-Event-ID all events after that one come first. A comment comes after 15 s of silence. A
        reader that falls behind is dropped, and resumes with Last-Event-ID.
        """
        return EventStream(desk.subscribe(last_event_id), heartbeat_s, stalled_s)

    def told(alert: str, result: Episode | Refused) -> Response:
        if isinstance(result, Episode):
            return answer(200, view(result, desk.registry))
        if result.why is Refusal.UNKNOWN and desk.get(alert) is not None:  # resolved so long ago: forgotten
            return refused(Refused(Refusal.ALREADY_RESOLVED, "resolved before"))
        return refused(result)

    return router


def _operations(parts: Parts, metrics: CollectorRegistry) -> APIRouter:
    router = APIRouter()

    @router.get("/healthz")
    async def healthz() -> Response:
        """Whether the process is alive."""
        return answer(200, {"status": "alive"})

    @router.get("/readyz")
    async def readyz() -> Response:
        """Whether it is able to work: 200, or 503 naming what is not (`parts`: name to true or false)."""
        away = {name: why for name, why in parts().items() if why}
        ready = {name: name not in away for name in parts()}
        if not away:
            return answer(200, {"status": "ready", "parts": ready})
        detail = "not ready: " + ", ".join(away)
        return answer(503, {"error": "not_ready", "detail": detail, "parts": ready})

    @router.get("/metrics")
    async def prometheus() -> Response:
        """Metrics in Prometheus' text format."""
        return Response(generate_latest(metrics), media_type=CONTENT_TYPE_LATEST)

    return router


def _cursor(before: str | None) -> Cursor | Response | None:
    if before is None:
        return None
    found = _CURSOR.fullmatch(before)
    if found is None:
        return problem(422, "invalid", "before: give `next` of the page before, or a time in ms")
    return int(found[1]), found[2] or ""


async def _not_understood(_: Request, error: Exception) -> Response:
    """What was wrong with the request, without what was in it: that might be a name."""
    assert isinstance(error, RequestValidationError)  # noqa: S101  registered for nothing else
    found = [f"{'.'.join(map(str, one['loc'][1:]))[:80] or 'body'}: {one['msg']}" for one in error.errors()]
    return problem(422, "invalid", "; ".join(found[:5]))


async def _no_such_way(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  registered for nothing else
    return problem(
        error.status_code, _CODES.get(error.status_code, "refused"), error.detail, dict(error.headers or {})
    )
