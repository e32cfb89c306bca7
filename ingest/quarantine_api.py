"""The quarantine over HTTP. Rule: it only translates; in clear a message goes out only if asked for."""

import base64
from typing import Annotated

import psycopg
from fastapi import APIRouter, Depends, Path, Query
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from ingest.border import answer, problem
from ingest.quarantine import Quarantine
from ingest.store.quarantine import Choice, Held

_MOST = 1000
_MOST_AT_ONCE = 200
_WORD = r"^[^\x00]*$"  # the database has no text with a NUL
_Word = Annotated[str, Query(max_length=200, pattern=_WORD)]
_Said = Annotated[str, Field(max_length=200, pattern=_WORD)]
_Id = Annotated[int, Field(ge=0, le=2**62)]


class Retry(BaseModel):
    """Rows to try again: those named, or all that wait and match. `after`: `last` of the turn before."""

    model_config = ConfigDict(extra="forbid")
    ids: Annotated[list[_Id], Field(max_length=_MOST)] = []
    reason: _Said = ""
    family: _Said = ""
    device: _Said = ""
    after: _Id = 0
    limit: Annotated[int, Field(ge=1, le=_MOST_AT_ONCE)] = _MOST_AT_ONCE


def routes(quarantine: Quarantine) -> APIRouter:
    """The router of a quarantine."""
    router = APIRouter(prefix="/api/v1/quarantine", dependencies=[Depends(HTTPBearer(auto_error=False))])

    @router.get("")
    async def list_rows(
        reason: _Word = "",
        family: _Word = "",
        device: _Word = "",
        waiting: Annotated[bool, Query(description="Only what is not understood yet.")] = True,
        limit: Annotated[int, Query(ge=1, le=_MOST)] = 100,
        before: Annotated[int, Query(ge=0, le=2**62, description="`next` of the page before.")] = 0,
    ) -> Response:
        """What could not be used, newest first; counts by family and reason; `next` is null at the end."""
        choice = Choice(reason, family, device, waiting, (), 0, before, limit + 1)
        try:
            found = await quarantine.held(choice)
            counts = await quarantine.counts(choice._replace(before=0))
        except psycopg.Error:
            return _away()
        listed = {"quarantine": [_view(row) for row in found[:limit]]}
        summed = [{"family": f, "reason": r, "count": n} for f, r, n in counts]
        following = found[limit - 1].id if len(found) > limit else None
        return answer(200, listed | {"counts": summed, "next": following})

    @router.get("/{row}")
    async def show_row(
        row: Annotated[int, Path(ge=0, le=2**62)],
        clear: Annotated[bool, Query(description="With the message as it came, in `message`.")] = False,
    ) -> Response:
        """One row; `shown` is its payload without secrets and personal identifiers."""
        try:
            found = await quarantine.held(Choice(ids=(row,), waiting=False, limit=1))
            if not found:
                return problem(404, "unknown_row", "nothing of this number is in quarantine")
            shown = _view(found[0])
            if clear:
                message = await quarantine.in_clear(row)
                if message is None:
                    return problem(409, "sealed", "it was sealed with a key that is not in the data folder")
                shown["message"] = {
                    "topic": message.topic,
                    "payload_base64": base64.b64encode(message.payload).decode(),
                }
        except psycopg.Error:
            return _away()
        return answer(200, shown)

    @router.post("/retry")
    async def retry(act: Retry) -> Response:
        """Interpret rows again, store what is understood now. Safe to repeat; go on until 0 `looked_at`.

        `rows` says of each whether all of it was understood, which metrics it speaks of, why it still waits.
        """
        choice = Choice(act.reason, act.family, act.device, True, tuple(act.ids), act.after, 0, act.limit)
        try:
            done = await quarantine.retry(choice)
        except psycopg.Error:
            return _away()
        return answer(200, done._asdict() | {"rows": [row._asdict() for row in done.rows]})

    return router


def _view(row: Held) -> dict[str, object]:
    return {
        "id": row.id,
        "received_at": row.received_at.isoformat(timespec="milliseconds"),
        "topic": row.topic,
        "device": row.device,
        "family": row.family,
        "reason": row.reason,
        "detail": row.detail,
        "size": row.size,
        "shown": row.shown,
        "stored": row.stored,
        "retried_at": row.retried_at.isoformat() if row.retried_at else None,
        "understood_at": row.understood_at.isoformat() if row.understood_at else None,
    }


def _away() -> Response:
    return problem(
        503, "database_away", "the database is not there, does not answer or is busy; try again later"
    )
