"""What calls nobody, and why, over HTTP: shelved, out of service, suppressed, disabled (R-57).

Rule: nothing is quiet that is not in this list. This module only translates; the desk decides.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Protocol

from fastapi import APIRouter, Depends, Path
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from alerts.acts import Maintenance, Refused, Shelving
from alerts.book import Book
from alerts.event import State, SuspensionBegun
from alerts.view import view, view_suppression, view_suspension
from devices.registry import Registry
from ingest.asked import PROBLEMS, Id, Name, Problem, Reason, refused
from ingest.border import answer
from rules.decision import FLOOD
from rules.failure import Failure

_MINUTE_MS = 60_000


class QuietDesk(Protocol):
    """Where alerts are suspended. `tests/api/desk_contract.py` is what every desk must do."""

    @property
    def book(self) -> Book:
        """What is known now."""
        ...

    @property
    def registry(self) -> Registry:
        """The registry that holds now."""
        ...

    async def shelve(self, asked: Shelving, source: str = "api") -> SuspensionBegun | Refused:
        """A named person shelves alerts of a rule about somebody; returns once that is durable."""
        ...

    async def take_out_of_service(self, asked: Maintenance, source: str = "api") -> SuspensionBegun | Refused:
        """A named person takes a device out of service; returns once that is durable."""
        ...

    async def end_suspension(self, suspension: str, by: str, source: str = "api") -> Refused | None:
        """A named person ends a suspension before its time; returns once that is durable."""
        ...


class Shelf(BaseModel):
    """Alerts of one rule about one subject, or with one cause, are to call nobody for a while (R-55)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"rule": "bed-exit", "subject": "wang", "minutes": 45, "by": "chen.mei", "reason": "bath"},
                {
                    "rule": "environment",
                    "cause": "water_leak:kitchen",
                    "minutes": 120,
                    "once": True,
                    "by": "chen.mei",
                    "reason": "the plumber is here",
                },
            ]
        },
    )
    rule: Annotated[Id, Field(min_length=1, description="The rule's id, as `rule` of an alert.")]
    subject: Annotated[Id, Field(description="A resident, a place, or `device:<site>/<id>`.")] = ""
    cause: Annotated[Id, Field(description="As `cause` of an alert; then the subject does not matter.")] = ""
    minutes: Annotated[int, Field(ge=1, strict=True, description="For how long; at most 480 (8 h).")]
    once: Annotated[
        bool, Field(description="One-shot: ends as soon as the condition is over, if that is sooner.")
    ] = False
    by: Name
    reason: Reason


class OutOfService(BaseModel):
    """What a device says is to call nobody while it is seen to; calls for help, falls and smoke still do."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "site": "home-1",
                    "device": "pad-301",
                    "minutes": 240,
                    "by": "zhou",
                    "reason": "new cable",
                }
            ]
        },
    )
    site: Annotated[Id, Field(description="As in the registry.")] = ""
    device: Annotated[Id, Field(min_length=1)]
    minutes: Annotated[int, Field(ge=1, strict=True, description="For how long; at most 1440 (24 h).")]
    by: Name
    reason: Reason


class Ending(BaseModel):
    """A person ends a suspension before its time."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"by": "chen.mei"}]})
    by: Name


_UNKNOWN: dict[int | str, dict[str, object]] = {
    404: {"model": Problem, "description": "No such rule, subject, device or suspension"}
}


def routes(desk: QuietDesk, failures: Callable[[], Sequence[Failure]]) -> APIRouter:
    """The router of a desk; `failures` says which rules are disabled for whom."""
    router = APIRouter(
        prefix="/api/v1/quiet",
        dependencies=[Depends(HTTPBearer(auto_error=False))],
        responses=PROBLEMS,
    )

    def begun(result: SuspensionBegun | Refused) -> Response:
        if isinstance(result, Refused):
            return refused(result)
        return answer(200, view_suspension(result, desk.book, desk.registry))

    @router.get("")
    async def list_quiet() -> Response:
        """All that calls nobody now, by its four states, and the sites in an alarm flood.

        `shelved` and `out_of_service`: by whom, why, until when, and the `alerts` under each. `suppressed`:
        what a rule holds back by the state of things, why (leave, hospital, staff ...) and how often.
        `disabled`: rules that failed for a subject. `floods`: where what is low waits.
        """
        holding = desk.book.suspensions.holding()
        shown = {
            state.value: [
                view_suspension(one, desk.book, desk.registry) for one in holding if one.state is state
            ]
            for state in (State.SHELVED, State.OUT_OF_SERVICE)
        }
        return answer(
            200,
            {
                **shown,
                "suppressed": [
                    view_suppression(one, desk.registry) for one in desk.book.suppressions.listed()
                ],
                "disabled": [
                    {"rule": one.rule, "subject": one.subject, "error": one.error} for one in failures()
                ],
                "floods": [
                    view(one, desk.registry)
                    for one in desk.book.unresolved()
                    if one.kind == FLOOD and one.active
                ],
            },
        )

    @router.post("/shelve", responses=_UNKNOWN)
    async def shelve(act: Shelf) -> Response:
        """Shelve for at most 8 h, with a reason. Ends by itself; what still holds is raised then.

        SOS, falls, a long lie, smoke, gas and carbon monoxide are refused (422 life_safety), and so is a
        longer time (422 too_long). One for the same replaces the one before. Answers once it is durable.
        """
        asked = Shelving(
            rule=act.rule,
            subject=act.subject,
            cause=act.cause,
            for_ms=act.minutes * _MINUTE_MS,
            by=act.by,
            reason=act.reason,
            once=act.once,
        )
        return begun(await desk.shelve(asked))

    @router.post("/out-of-service", responses=_UNKNOWN)
    async def out_of_service(act: OutOfService) -> Response:
        """Take a registered device out of service for at most 24 h, with a reason. Ends by itself.

        Its calls for help, falls, smoke and gas call all the same. Answers once it is durable.
        """
        asked = Maintenance(
            site=act.site, device=act.device, for_ms=act.minutes * _MINUTE_MS, by=act.by, reason=act.reason
        )
        return begun(await desk.take_out_of_service(asked))

    @router.post("/{suspension}/end", responses=_UNKNOWN)
    async def end(suspension: Annotated[str, Path(max_length=64)], act: Ending) -> Response:
        """End a suspension now; what still holds is raised. Safe to repeat. Answers once it is durable."""
        result = await desk.end_suspension(suspension, act.by)
        if isinstance(result, Refused):
            return refused(result)
        return answer(200, {"suspension": suspension, "ended": True})

    return router
