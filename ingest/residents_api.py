"""What staff report of residents, over HTTP. Rule: it only translates; `ingest.reports` takes it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal, Protocol

from fastapi import APIRouter, Depends, Path
from fastapi.security import HTTPBearer
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.responses import Response

from alerts.acts import Refused
from alerts.view import iso
from ingest.asked import PROBLEMS, Name, Note, Problem, refused
from ingest.border import answer
from ingest.reports import Report
from rules.kind import Subject


class Reporting(Protocol):
    """Where reports go."""

    async def report(self, report: Report) -> Refused | None:
        """Take a report; returns once it is durable."""
        ...

    def ends(self) -> Mapping[tuple[str, str], int]:
        """When what was reported ends (ms UTC), by resident and metric."""
        ...


_Until = Annotated[
    AwareDatetime | None,
    Field(description="When it ends by itself, with a time zone; left out: when the next report says so."),
]


class Absence(BaseModel):
    """Where a resident is. While she is away, checks pause and what needs her here is suppressed."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "absence": "hospital",
                    "by": "chen.mei",
                    "until": "2026-03-02T18:00:00+08:00",
                    "note": "check-up",
                },
                {"absence": "present", "by": "chen.mei"},
            ]
        },
    )
    absence: Literal["leave", "hospital", "holiday", "present"]
    by: Name
    until: _Until = None
    note: Annotated[Note, Field(max_length=200)] = ""


class StandIn(BaseModel):
    """A person stands in where a resident has no working way to call, or does so no longer."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"stand_in": True, "by": "zhou", "until": "2026-03-02T22:00:00+08:00"}]
        },
    )
    stand_in: bool
    by: Annotated[Name, Field(description="Who stands in.")]
    until: _Until = None
    note: Annotated[Note, Field(max_length=200)] = ""


_Resident = Annotated[str, Path(max_length=200, description="The resident's id.")]
_UNKNOWN: dict[int | str, dict[str, object]] = {404: {"model": Problem, "description": "No such resident"}}


def routes(reports: Reporting, away: Callable[[], Sequence[Subject]]) -> APIRouter:
    """The router; `away` says who is away now."""
    router = APIRouter(
        prefix="/api/v1/residents",
        dependencies=[Depends(HTTPBearer(auto_error=False))],
        responses=PROBLEMS,
    )

    @router.get("/away")
    async def list_away() -> Response:
        """Who is away now: `{"away": [{"resident", "absence", "since", "until"}]}`.

        `absence` is "" and `since` null for who is away by the registry; `until` null where no end is known.
        """
        ends = reports.ends()
        return answer(
            200,
            {
                "away": [
                    {
                        "resident": one.id,
                        "absence": one.situation.absence,
                        "since": iso(one.situation.since) if one.situation.since else None,
                        "until": iso(at) if (at := ends.get((one.id, "absence"))) else None,
                    }
                    for one in away()
                ]
            },
        )

    @router.post("/{resident}/absence", responses=_UNKNOWN)
    async def report_absence(resident: _Resident, act: Absence) -> Response:
        """Report that a resident is away (leave, hospital, holiday) or present again. Answers once durable.

        With `until` she counts as present again from then on. Calls for help and falls alert in any case.
        """
        report = Report(resident, "absence", act.absence, act.by, act.note, _ms(act.until))
        return _answer(report, await reports.report(report))

    @router.post("/{resident}/stand-in", responses=_UNKNOWN)
    async def report_stand_in(resident: _Resident, act: StandIn) -> Response:
        """Report that a person stands in for lost devices, or does so no longer. Answers once durable."""
        report = Report(resident, "stand_in", act.stand_in, act.by, act.note, _ms(act.until))
        return _answer(report, await reports.report(report))

    return router


def _ms(at: datetime | None) -> int | None:
    return None if at is None else round(at.timestamp() * 1000)


def _answer(report: Report, result: Refused | None) -> Response:
    if result is not None:
        return refused(result)
    until = None if report.until is None else iso(report.until)
    return answer(
        200, {"resident": report.resident, report.metric: report.value, "by": report.by, "until": until}
    )
