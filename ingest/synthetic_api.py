"""A test call over HTTP, at once. Rule: this module only translates; the synthetic resident calls (R-32)."""

from fastapi import APIRouter, Depends
from fastapi.security import HTTPBearer
from starlette.responses import Response

from alerts.synthetic import Stage
from ingest.asked import PROBLEMS
from ingest.border import answer
from ingest.synthetic import SyntheticResident


def routes(resident: SyntheticResident) -> APIRouter:
    """The routes."""
    router = APIRouter(
        prefix="/api/v1", dependencies=[Depends(HTTPBearer(auto_error=False))], responses=PROBLEMS
    )

    @router.post("/synthetic")
    async def call() -> Response:
        """Make a test call now: it goes the whole way of a call for help, to nobody. Answers within 30 s.

        `last_seen` says how far it came (`delivered`: all the way), `seconds` when it was seen where. Two in
        a row that do not come back are an alert, as when the service makes them by itself.
        """
        course = await resident.call()
        return answer(
            200,
            {
                "back": course.last_seen is Stage.DELIVERED,
                "last_seen": course.last_seen.value,
                "seconds": {stage.value: round(at, 4) for stage, at in course.stages.items()},
            },
        )

    return router
