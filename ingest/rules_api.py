"""The rules over HTTP: which hold, since when, what was changed, what is wrong. Rule: it only translates."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from devices.registry_files import Problem
from ingest.asked import Name, Note
from ingest.border import answer
from ingest.rule_records import RuleRecords, RulesChanged
from ingest.rulebook import FILE, Rulebook


class Reload(BaseModel):
    """Who changed the rules, and why; both are recorded (R-61)."""

    model_config = ConfigDict(extra="forbid")
    by: Name = FILE
    reason: Annotated[Note, Field(max_length=500)] = ""


_MOST_SHOWN = 100  # problems: whoever has more begins with these


def routes(rulebook: Rulebook, records: RuleRecords) -> APIRouter:
    """The router of a rulebook."""
    router = APIRouter(prefix="/api/v1/rules", dependencies=[Depends(HTTPBearer(auto_error=False))])

    @router.get("")
    async def show() -> Response:
        """The rules in force; `problems` is what is wrong with the file as it is now (then they go on).

        At most 100 of them are shown.
        """
        return answer(200, _view(rulebook))

    @router.post("/reload")
    async def reload(act: Reload) -> Response:
        """Take up the rule file as it is now: 200, or 422 with `problems`, and the rules before go on."""
        good = await rulebook.reload(act.by, act.reason)
        if good:
            return answer(200, _view(rulebook))
        detail = f"{len(rulebook.problems)} problems; the rules before go on"
        return answer(422, {"error": "invalid_rules", "detail": detail, **_view(rulebook)})

    @router.get("/changes")
    async def changes(limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Response:
        """The changes of the rules, newest first: who, when, why, and each key before and after."""
        return await asyncio.to_thread(_changes, records, limit)  # of large files they are many megabytes

    return router


def _changes(records: RuleRecords, limit: int) -> Response:
    return answer(200, {"changes": [_change(change) for change in records.changes(limit)]})


def _view(rulebook: Rulebook) -> dict[str, object]:
    return {
        "source": rulebook.source,
        "loaded_at": _time(rulebook.loaded_at),
        "rules": [{"id": rule.id, "kind": rule.kind.name} for rule in rulebook.rules],
        "problems": _problems(rulebook.problems),
    }


def _problems(problems: Sequence[Problem]) -> list[dict[str, object]]:
    return [{"file": one.file, "line": one.line, "message": one.message} for one in problems[:_MOST_SHOWN]]


def _change(record: RulesChanged) -> dict[str, object]:
    return {
        "at": _time(record.at),
        "source": record.source,
        "by": record.by,
        "reason": record.reason,
        "changes": [
            {
                "rule": change.rule,
                "scope": change.scope,
                "key": change.key,
                "before": change.before,
                "after": change.after,
            }
            for change in record.changes
        ],
    }


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")
