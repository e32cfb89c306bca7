"""Ladder files: TOML text in, ladders out, or everything that is wrong with it. Rule: all or nothing.

    [[ladder]]
    id = "night"                   # unique
    severity = ["high"]            # none: all
    places = ["building-2"]        # these and what is in them; none: everywhere. The nearest place wins
    between = ["21:00", "07:00"]   # local time of the place; none: always
    repeat = "3min"                # after the last step it begins again, until somebody takes charge
    [[ladder.step]]
    after = "0s"                   # since calling began; sooner when the step before reached nobody
    to = ["primary"]               # roles of the duty rota, or person:<id>; none: the channels themselves
    channels = ["wecom", "phone"]  # names of [[channel]]; none: only displays and webhooks are told again

What no ladder holds for, of high or medium severity, goes by the default one: it tells displays and webhooks.
"""

import tomllib
from collections.abc import Container, Iterator
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from alerts.ladder import DAY_MIN, DEFAULT, Ladder, Step
from rules.configuration import Problem
from rules.decision import Severity
from rules.settings import DailyWindow, Duration, advice
from rules.toml_lines import Path, line_of, lines

_DEFAULTS = frozenset(ladder.id for ladder in DEFAULT)
_Duration = Annotated[Duration, Field(le=86_400_000)]


class _StepWritten(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    after: _Duration = 0
    to: list[Annotated[str, Field(min_length=1, max_length=80)]] = Field([], max_length=50)
    channels: list[Annotated[str, Field(min_length=1, max_length=32)]] = Field([], max_length=50)

    @model_validator(mode="after")
    def _reaches(self) -> "_StepWritten":
        if self.to and not self.channels:
            raise ValueError("name the channels by which they are told")
        return self


class _LadderWritten(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]
    severity: frozenset[Severity] = frozenset()
    places: frozenset[str] = frozenset()
    between: DailyWindow | None = None
    repeat: Annotated[_Duration, Field(ge=10_000)] = 60_000
    step: Annotated[list[_StepWritten], Field(min_length=1, max_length=50)]

    @field_validator("step")
    @classmethod
    def _in_order(cls, steps: list[_StepWritten]) -> list[_StepWritten]:
        times = [step.after for step in steps]
        if times != sorted(times):
            raise ValueError("write the steps in order of `after`")
        return steps

    def ladder(self) -> Ladder:
        """As the rest of the program knows it."""
        begin, end = self.between or (None, None)
        return Ladder(
            self.id,
            tuple(Step(one.after, tuple(one.to), tuple(one.channels)) for one in self.step),
            self.repeat,
            self.severity,
            self.places,
            (begin.hour * 60 + begin.minute, end.hour * 60 + end.minute) if begin and end else (0, DAY_MIN),
        )


def load(
    text: str,
    *,
    channels: Container[str] | None = None,
    places: Container[str] | None = None,
    roles: Container[str] | None = None,
    people: Container[str] | None = None,
) -> tuple[Ladder, ...] | list[Problem]:
    """The ladders of a TOML text, or all its problems in the order of their lines.

    Where they are given, the names of channels, places, roles and people must be among them.
    """
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        return [Problem(1, "file", f"not TOML: {error}")]
    found = lines(text)
    faults: list[tuple[Path, str, str]] = [
        ((key,), "file", f'unknown key "{key}": a ladder file has [[ladder]] only')
        for key in document.keys() - {"ladder"}
    ]
    written = document.get("ladder", [])
    if not isinstance(written, list) or not all(isinstance(one, dict) for one in written):
        return [
            Problem(line_of(found, ("ladder",)), "file", "write [[ladder]], in two brackets, before each")
        ]
    known = {"channels": channels, "places": places, "roles": roles, "people": people}
    ladders: list[Ladder] = []
    taken = set(_DEFAULTS)
    for number, one in enumerate(written):
        path: Path = ("ladder", number)
        where = f'ladder "{one.get("id", number + 1)}"'
        try:
            made = _LadderWritten.model_validate(one)
        except ValidationError as error:
            faults += [((*path, *it["loc"]), where, _said(it)) for it in error.errors()]
            continue
        if made.id in taken:
            faults.append(((*path, "id"), where, f'id: "{made.id}" is taken; take another'))
        taken.add(made.id)
        faults += [((*path, *at), where, message) for at, message in _strangers(made, known)]
        ladders.append(made.ladder())
    if faults:
        return sorted({Problem(line_of(found, at), where, message) for at, where, message in faults})
    return tuple(ladders)


def _strangers(
    written: _LadderWritten, known: dict[str, Container[str] | None]
) -> Iterator[tuple[Path, str]]:
    """Names that nothing else knows."""
    for place in sorted(written.places):
        if (places := known["places"]) is not None and place not in places:
            yield ("places",), f'there is no place "{place}" in the registry'
    for number, step in enumerate(written.step):
        for channel in step.channels:
            if (channels := known["channels"]) is not None and channel not in channels:
                yield ("step", number, "channels"), f'there is no [[channel]] "{channel}"'
        for role in step.to:
            person = role.removeprefix("person:")
            names = known["people" if person != role else "roles"]
            if names is not None and person not in names:
                what = "person" if person != role else "role"
                yield ("step", number, "to"), f'there is no {what} "{person}" in the duty file'


def _said(error: ErrorDetails) -> str:
    key = ".".join(str(part) for part in error["loc"] if isinstance(part, str))
    match error["type"]:
        case "extra_forbidden":
            message = "unknown key"
        case "missing":
            message = "is missing"
        case "value_error":
            message = str(error["ctx"]["error"])
        case _:
            message = advice(error, None)
    return f"{key}: {message}" if key else message
