"""Reports over HTTP. Rule: it only translates; a report is made in a thread, one at a time.

The event loop has calls for help to serve, and the database observations to store: who asks for a report
while one is made is told to come again.
"""

import asyncio
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.security import HTTPBearer
from starlette.responses import HTMLResponse, Response

from alerts.duty import Duty
from alerts.people import Language
from alerts.reports.figure import Report
from devices.registry import Registry
from ingest.asked import PROBLEMS, Problem
from ingest.border import answer, problem
from ingest.clock import Clock
from ingest.reporting import files, page
from ingest.reporting.coverage import coverage
from ingest.reporting.handover import Handover
from ingest.reporting.handover_page import handover_page
from ingest.reporting.periods import BAD_PERIOD, period
from ingest.store.reports import Away, kpi

_AGAIN_S = "5"


class Format(StrEnum):
    """The forms of a report. `csv` has the figures, `misses` the calls not answered in time, as CSV too."""

    JSON = "json"
    CSV = "csv"
    MISSES = "misses"
    HTML = "html"


_From = Annotated[
    str,
    Query(alias="from", description="A day or time, local to the home without an offset.", max_length=40),
]
_To = Annotated[str, Query(alias="to", description="The end, not included; left out: now.", max_length=40)]
_MORE: dict[int | str, dict[str, object]] = {
    429: {"model": Problem, "description": "A report is being made: ask again in a few seconds"},
    503: {"model": Problem, "description": "The database is away"},
}


def routes(
    dsn: str, duty: Callable[[], Duty], registry: Registry, clock: Clock, handover: Handover, public_url: str
) -> APIRouter:
    """The routes. `duty` is the rota of now."""
    router = APIRouter(
        prefix="/api/v1/reports",
        dependencies=[Depends(HTTPBearer(auto_error=False))],
        responses=PROBLEMS,
        tags=["reports"],
    )
    making = asyncio.Semaphore(1)
    link = f"{public_url.rstrip('/')}/api/v1/alerts/" if public_url else ""

    @router.get("/kpi", responses=_MORE)
    async def report_kpi(
        since: _From,
        until: _To = "",
        format: Format = Format.JSON,  # noqa: A002  the word of the API
        language: Language = Language.ZH,
    ) -> Response:
        """How fast people were helped and how good the alerts were, each figure with its alerts.

        Answered within 60 s and 180 s (R-35, R-36), times (p50, p90, p99) to the answer, the bedside and the
        end, per place, shift and rule; every call not answered in time with its cause; the load per carer and
        hour, floods, chatter, stale alerts, the priority mix (R-46 to R-52); precision per rule and sensor
        (R-59); coverage of rounds and visits (R-83). Drills are left out.
        """
        now = clock.now()
        asked = period(since, until, registry.zone, now)
        if isinstance(asked, str):
            return problem(422, BAD_PERIOD, asked)
        if making.locked():
            return _later()
        async with making:
            found = await asyncio.to_thread(
                kpi, dsn, duty(), asked.since, asked.until, now, registry=registry, zone=registry.zone
            )
            if isinstance(found, Away):
                return problem(503, "database_away", found.message)
            return await asyncio.to_thread(_shown, found, format, language, link)

    @router.get("/coverage", responses=_MORE)
    async def report_coverage(
        since: _From,
        until: _To = "",
        level: Annotated[
            str, Query(description="Places of one kind: street, site, floor ...", max_length=20)
        ] = "site",
    ) -> Response:
        """What was done in time of rounds, turning and visits, and how many people were reached (探访率)."""
        asked = period(since, until, registry.zone, clock.now())
        if isinstance(asked, str):
            return problem(422, BAD_PERIOD, asked)
        if making.locked():
            return _later()
        async with making:
            found = await asyncio.to_thread(coverage, dsn, asked, level)
        if isinstance(found, Away):
            return problem(503, "database_away", found.message)
        return answer(200, {"level": level, "coverage": found})

    @router.get("/handover")
    async def report_handover(
        since: Annotated[
            str,
            Query(description="The beginning of the shift; left out: as the rota has it.", max_length=40),
        ] = "",
        place: Annotated[str, Query(description="Only this place and what is in it.", max_length=200)] = "",
        format: Annotated[Format, Query(description="json or html")] = Format.JSON,  # noqa: A002
        language: Language = Language.ZH,
    ) -> Response:
        """For who takes over: what is open, what happened this shift, what is due. Needs no database."""
        made = await handover.made(since, place)
        if isinstance(made, str):
            return problem(422, "bad_request", made)
        if format is Format.HTML:
            return HTMLResponse(handover_page(made, language), headers=page.HEADERS)
        return answer(200, made)

    return router


def _shown(report: Report, form: Format, language: Language, link: str) -> Response:
    match form:
        case Format.HTML:
            return HTMLResponse(page.page(report, language, link), headers=page.HEADERS)
        case Format.CSV:
            return _csv(files.figures_csv(report))
        case Format.MISSES:
            return _csv(files.misses_csv(report))
        case Format.JSON:
            return Response(files.as_json(report), media_type="application/json")


def _csv(content: str) -> Response:
    return Response("\ufeff" + content, media_type="text/csv; charset=utf-8")  # Excel reads it as UTF-8 then


def _later() -> Response:
    said = problem(429, "busy", "a report is being made: ask again in a few seconds")
    said.headers["Retry-After"] = _AGAIN_S
    return said
