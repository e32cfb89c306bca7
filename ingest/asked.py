"""What may be said in a request to the API, and how an act that cannot be is answered.

Rule: what people write is taken whole or refused; no control characters, nothing that hides or turns text.
"""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, StringConstraints
from starlette.responses import Response

from alerts.acts import Refusal, Refused
from ingest.border import problem


def _plain(text: str) -> str:
    """Refuse control characters, and those that hide or turn around what is written."""
    if any(unicodedata.category(char)[0] == "C" or char in "\u2028\u2029" for char in text):
        raise ValueError("control characters are not allowed")
    return text


def _plain_lines(text: str) -> str:
    _plain(text.replace("\n", " ").replace("\t", " "))
    return text


Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=64),
    AfterValidator(_plain),
    Field(description="The person who acts: a name or a staff id.", examples=["chen.mei"]),
]
Note = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=2000),
    AfterValidator(_plain_lines),
    Field(description="Kept with the act; leaves the service on no channel."),
]
Reason = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=500),
    AfterValidator(_plain_lines),
    Field(description="Why; kept with the act and shown in the list.", examples=["bath until four"]),
]
Id = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), AfterValidator(_plain)]
Seen = Annotated[
    int | None,
    Field(
        ge=1,
        strict=True,
        description="The alert's `number` when that person looked at it. With it, an act on an alert for"
        " which people were called again since is refused (409 fresh_evidence).",
    ),
]


class Problem(BaseModel):
    """Every error: a code for programs, a sentence for people."""

    error: str
    detail: str


PROBLEMS: dict[int | str, dict[str, object]] = {
    401: {"model": Problem, "description": "No token, or a wrong one"},
    422: {"model": Problem, "description": "Not understood"},
}
_STATUS = {
    Refusal.ALREADY_RESOLVED: 409,
    Refusal.FRESH_EVIDENCE: 409,
    Refusal.NOBODY_THERE: 409,
    Refusal.UNKNOWN: 404,
    Refusal.UNKNOWN_RULE: 404,
    Refusal.UNKNOWN_SUBJECT: 404,
    Refusal.UNKNOWN_DEVICE: 404,
    Refusal.UNKNOWN_RESIDENT: 404,
    Refusal.UNKNOWN_SUSPENSION: 404,
    Refusal.UNKNOWN_PERSON: 404,
    Refusal.UNKNOWN_PLACE: 404,
    Refusal.UNKNOWN_SHIFT: 404,
    Refusal.UNKNOWN_CHANGE: 404,
    Refusal.UNKNOWN_NIGHT: 404,
    Refusal.NOT_ON_DUTY: 409,
    Refusal.NOT_ASKED: 409,
    Refusal.RUNNING: 409,
}


def refused(why: Refused) -> Response:
    """The answer to an act that was refused; 422 where what was asked for cannot be."""
    return problem(_STATUS.get(why.why, 422), why.why.value, why.message)
