"""What a rule can be told: the fields that all kinds share, and how durations and times are written.

Rule: what the models here accept can run. Messages are for the person who writes the rule file.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import time
from typing import Annotated, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    field_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from rules.decision import Severity

_UNITS_MS = {"s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(\d{1,6})(s|min|h|d)")
_WALL_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


def duration(written: object) -> int:
    """Ms of a text such as "90s"; ValueError that says how to write one."""
    match = _DURATION.fullmatch(written) if isinstance(written, str) else None
    if not match:
        raise ValueError('write a duration such as "90s", "30min", "2h" or "1d"')
    return int(match[1]) * _UNITS_MS[match[2]]


def _wall_time(written: object) -> time:
    match = _WALL_TIME.fullmatch(written) if isinstance(written, str) else None
    if not match:
        raise ValueError('write a local time such as "09:30"')
    return time(int(match[1]), int(match[2]))


Duration = Annotated[int, BeforeValidator(duration)]
"""ms; written "90s", "30min", "2h", "1d"."""

WallTime = Annotated[time, BeforeValidator(_wall_time)]
"""Local time of day; written "09:30"."""


def _daily_window(written: tuple[time, time]) -> tuple[time, time]:
    if written[0] == written[1]:
        raise ValueError("give two different times")
    return written


DailyWindow = Annotated[tuple[WallTime, WallTime], AfterValidator(_daily_window)]
"""From one local time of day to another, over midnight when the second is earlier: ["21:00", "06:00"]."""


def as_written(value: object, field: FieldInfo | None = None) -> str:
    """A setting as one would write it in the file; `field` says which numbers are durations."""
    match value:
        case None:
            return "-"
        case bool():
            return str(value).lower()
        case time():
            return f"{value:%H:%M}"
        case tuple() | list():
            return f"[{', '.join(as_written(one, field) for one in value)}]"
        case dict():
            return f"{{{', '.join(f'{key} = {as_written(one)}' for key, one in value.items())}}}"
        case int() if field is not None and _is_duration(field.annotation, field.metadata):
            fitting = [unit for unit, ms in _UNITS_MS.items() if value % ms == 0]
            return (
                f"{value // _UNITS_MS[fitting[-1]]}{fitting[-1]}"
                if fitting and value
                else f"{value // 1000}s"
            )
        case _:
            return str(value)


_BOUNDS: Mapping[str, tuple[str, str]] = {
    "less_than_equal": ("le", "at most"),
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
}
_SHAPES: Mapping[str, str] = {
    "bool_type": "write true or false, without quotes",
    "string_type": "write text, in quotes",
    "tuple_type": "write a list, in brackets",
    "frozen_set_type": "write a list, in brackets",
    "mapping_type": "write a table, in braces",
    "dict_type": "write a table, in braces",
    "float_type": "write a number",
    "float_parsing": "write a number",
    "int_type": "write a whole number",
    "int_parsing": "write a whole number",
    "int_from_float": "write a whole number",
    "too_long": "has too many values",
}


def advice(error: ErrorDetails, field: FieldInfo | None) -> str:
    """What to write instead, of an error about a value; bounds as one writes them in the file."""
    kind = error["type"]
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        bound = error["ctx"][key]
        written = as_written(bound, field) if isinstance(bound, int) else f"{bound:g}"
        return f"write {words} {written}"
    return _SHAPES.get(kind) or error["msg"].replace("Input should", "should")


def _is_duration(annotation: object, metadata: Sequence[object] = ()) -> bool:
    if any(isinstance(one, BeforeValidator) and one.func is duration for one in metadata):
        return True
    inner = getattr(annotation, "__metadata__", ())
    return (bool(inner) and _is_duration(None, inner)) or any(map(_is_duration, get_args(annotation)))


class Settings(BaseModel):
    """What every kind of rule can be told. A kind adds its own fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: StrictBool = True
    severity: Severity = Severity.MEDIUM


SHORTEST_ASK_MS = 5_000
"""Nobody answers a question sooner."""


def _long_enough(value: int) -> int:
    if 0 < value < SHORTEST_ASK_MS:
        raise ValueError("nobody answers in less than 5 s: write at least 5s, or 0s for never")
    return value


class AskingSettings(Settings):
    """Settings of a rule that may put it to the resident first.

    `ask`: for so long she may say that all is well, before people are called; 0s: never. It is asked only
    where one of her own devices shows the question (`alerts.asking`). No rule about life has it, nor vital
    signs (who is ill cannot judge) or wandering (who is confused cannot).
    """

    ask: Annotated[Duration, Field(le=300_000), AfterValidator(_long_enough)] = 0


class LifeSafetySettings(Settings):
    """Settings of a rule that nobody may switch off or play down (R-42, R-54, R-58)."""

    severity: Severity = Severity.HIGH

    @field_validator("enabled")
    @classmethod
    def _never_off(cls, enabled: bool) -> bool:
        if not enabled:
            raise ValueError("an SOS, a fall or a fire always alerts (R-42, R-54): remove enabled = false")
        return enabled

    @field_validator("severity")
    @classmethod
    def _never_lower(cls, severity: Severity) -> Severity:
        if severity is not Severity.HIGH:
            raise ValueError("what is about life is as severe as it is (R-42): remove this severity")
        return severity
