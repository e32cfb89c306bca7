"""Drills over HTTP (R-119). Rule: this module only translates; the desk decides."""

from typing import Annotated, Protocol

from fastapi import APIRouter, Depends, Query
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from alerts.acts import Refused
from alerts.drill import Drill, Practised
from alerts.episode import Episode
from alerts.view import view
from devices.registry import Registry
from ingest.asked import PROBLEMS, Id, Name, Problem, refused
from ingest.border import answer


class DrillDesk(Protocol):
    """Where drills begin."""

    @property
    def registry(self) -> Registry:
        """The registry that holds now."""
        ...

    def drills(self, limit: int) -> list[Episode]:
        """The last drills, newest first."""
        ...

    async def drill(self, asked: Drill) -> Episode | Refused:
        """Begin a drill; returns once it is durable."""
        ...


class DrillAsked(BaseModel):
    """A call to be practised: about whom or where, and what it pretends."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"subject": "r-03", "what": "sos", "by": "s-07"}]}
    )
    subject: Annotated[Id, Field(min_length=1, description="A resident or a place.")]
    what: Practised = Practised.SOS
    by: Name


def routes(desk: DrillDesk) -> APIRouter:
    """The routes."""
    router = APIRouter(
        prefix="/api/v1", dependencies=[Depends(HTTPBearer(auto_error=False))], responses=PROBLEMS
    )

    @router.get("/drills")
    async def list_drills(limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Response:
        """The last drills, newest first, each as the alert that it is: `{"drills": [...]}` (R-119)."""
        return answer(200, {"drills": [view(one, desk.registry) for one in desk.drills(limit)]})

    @router.post(
        "/drills",
        responses={
            404: {"model": Problem, "description": "Nobody of that id is in the registry"},
            409: {"model": Problem, "description": "A drill about them goes on"},
        },
    )
    async def begin(asked: DrillAsked) -> Response:
        """Call as for a real alert, marked 【演练】 [DRILL] everywhere, and never outside the house.

        It goes on until somebody resolves it, like every alert; its outcome is `test` whatever they say.
        """
        became = await desk.drill(Drill(subject=asked.subject, what=asked.what, by=asked.by))
        return refused(became) if isinstance(became, Refused) else answer(200, view(became, desk.registry))

    return router
