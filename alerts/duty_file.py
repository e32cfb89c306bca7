"""Duty files: TOML text in, a rota out, or everything that is wrong with it. Rule: all or nothing.

[[person]]
id = "chen.mei"                   # who acknowledges and is named in ladders as person:chen.mei
name = "陈梅"                      # only in messages marked private
language = "zh-CN"                # or "en"
addresses = { phone = "+8613800000000", email = "chen@example.org" }    # what channels ask for

[[shift]]
id = "night"
role = "primary"                  # primary, second, lead, manager, or a word of your own
places = ["home-1"]               # these and all that is in them
from = "20:00"                    # local time of the place, over midnight if need be; equal: a whole day
to = "08:00"
since = 2026-12-01                # its first day, on which the first of `people` has it
until = 2027-02-28                # its last day; none: for good
calendar = "FREQ=WEEKLY;BYDAY=SA,SU"  # the days on which it comes (RFC 5545); none: every day
rotation = "daily"                # each time the next; "weekly": every seven days; "list": see below
people = ["chen.mei", ["li", "wang"]]   # who takes turns; several in brackets have it together

[[shift]]                         # a month's list
id = "day"
...
rotation = "list"
[shift.on]
2026-12-01 = "chen.mei"
2026-12-02 = ["li", "wang"]

[[cover]]                         # what must not be left empty; without any: `primary`, at all hours,
role = "primary"                  # wherever a shift or calendar of that role is (R-41)
places = ["home-1"]
between = ["20:00", "08:00"]      # none: at all hours

[[assurance]]                     # somebody must say "I am on duty" before the night
id = "night"
place = "home-1"
at = "20:30"
night = ["21:00", "07:00"]
within = "10min"                  # else the next is asked
ask = ["primary", "second", "lead", "manager"]
"""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from alerts.assurance import ORDER, Assurance
from alerts.duty import ALL, PRIMARY, Cover, Duty
from alerts.people import Language, Person
from alerts.rota import Rotation, Shift, Turn
from devices.registry import Registry
from rules import recurrence
from rules.configuration import Problem
from rules.settings import DailyWindow, Duration, WallTime, advice
from rules.toml_lines import Path, line_of, lines

_EARLIEST = date(2000, 1, 1)  # turns are counted from the first day on
_Id = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]
_PersonId = Annotated[str, Field(pattern=r"^[\w.@-]{1,64}$")]
_Role = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
_Names = Annotated[list[Annotated[str, Field(min_length=1, max_length=128)]], Field(min_length=1)]


def _crew(written: object) -> object:
    """One person is written as well as a list of one."""
    return [written] if isinstance(written, str) else written


_Crew = Annotated[list[str], BeforeValidator(_crew), Field(max_length=50)]


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _PersonWritten(_Written):
    id: _PersonId
    name: Annotated[str, Field(max_length=128)] = ""
    language: Language = Language.ZH
    addresses: dict[
        Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,32}$")],
        Annotated[str, Field(min_length=1, max_length=512)],
    ] = {}


class _ShiftWritten(_Written):
    id: _Id
    role: _Role
    places: _Names
    begins: Annotated[WallTime, Field(alias="from")]
    ends: Annotated[WallTime, Field(alias="to")]
    since: Annotated[date, Field(ge=_EARLIEST)]
    until: date | None = None
    calendar: str = ""
    rotation: Rotation = Rotation.DAILY
    people: Annotated[list[_Crew], Field(max_length=1000)] = []
    on: dict[date, _Crew] = {}

    @field_validator("role")
    @classmethod
    def _is_one(cls, role: str) -> str:
        if role == ALL:
            raise ValueError('"all" are all on duty: name a role, such as primary')
        return role

    @model_validator(mode="after")
    def _belongs_together(self) -> "_ShiftWritten":
        if (self.rotation is Rotation.LIST) != bool(self.on) or bool(self.people) == bool(self.on):
            raise ValueError('give people = [...] who take turns, or rotation = "list" with [shift.on]')
        if self.until is not None and self.until < self.since:
            raise ValueError("until: it must not come before since")
        if self.calendar and (wrong := _wrong_calendar(self.calendar, self.since)):
            raise ValueError(f"calendar: {wrong}")
        for day in self.on:
            if day < self.since or (self.until is not None and day > self.until):
                raise ValueError(f"on: {day} is not between since and until")
        return self


class _CoverWritten(_Written):
    role: _Role
    places: _Names
    between: DailyWindow | None = None


class _AssuranceWritten(_Written):
    id: _Id
    place: str
    at: WallTime
    night: DailyWindow
    within: Annotated[Duration, Field(ge=60_000, le=7_200_000)] = 600_000
    ask: Annotated[list[_Role], Field(min_length=1, max_length=20)] = list(ORDER)


@dataclass(frozen=True, slots=True)
class DutyFile:
    """What a duty file says. `covers` are as written: none where the file has none."""

    people: Mapping[str, Person] = field(default_factory=dict)
    shifts: tuple[Shift, ...] = ()
    covers: tuple[Cover, ...] = ()
    assurances: tuple[Assurance, ...] = ()

    def duty(self, registry: Registry, turns: Sequence[Turn] = ()) -> Duty:
        """The rota, with the turns of calendars.

        Without covers `primary` must not be empty wherever anybody ever has it.
        """
        posts = [(one.role, one.places) for one in self.shifts] + [(one.role, one.places) for one in turns]
        places = dict.fromkeys(place for role, its in posts if role == PRIMARY for place in its)
        covers = self.covers or tuple(_cover(PRIMARY, place, None, registry) for place in places)
        return Duty(self.people, self.shifts, tuple(turns), covers)

    @property
    def roles(self) -> frozenset[str]:
        """The roles that somebody can have."""
        return frozenset({ALL, *ORDER, *(shift.role for shift in self.shifts)})


def load(text: str, registry: Registry | None) -> DutyFile | list[Problem]:
    """The rota of a TOML text, or all its problems in the order of their lines.

    Without a registry places are taken as they are written.
    """
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        line = re.search(r"at line (\d+)", str(error))
        return [Problem(int(line[1]) if line else 1, "file", f"not TOML: {error}")]
    reading = _Reading(document, registry)
    found = reading.file()
    if not reading.faults:
        return found
    at = lines(text)
    return sorted({Problem(line_of(at, path), where, said) for path, where, said in reading.faults})


_Model = TypeVar("_Model", bound=_Written)
_TABLES = ("person", "shift", "cover", "assurance")


class _Reading:
    """One pass over a document; gathers what is wrong as (path, where, what)."""

    def __init__(self, document: Mapping[str, Any], registry: Registry | None) -> None:
        self._document, self._registry = document, registry or Registry()
        self._places = registry.places if registry else None
        self.faults: list[tuple[Path, str, str]] = [
            ((key,), "file", f'unknown key "{key}": a duty file has {", ".join(_TABLES)}, as [[person]]')
            for key in document.keys() - set(_TABLES)
        ]
        self._people = {
            one.get("id") for one in self._tables("person", say=False) if isinstance(one.get("id"), str)
        }

    def file(self) -> DutyFile:
        """What could be read."""
        people = {
            one.id: Person(one.id, one.name, one.language, one.addresses)
            for _, one in self._read("person", _PersonWritten, lambda one: one.id)
        }
        shifts = [
            made
            for at, one in self._read("shift", _ShiftWritten, lambda one: one.id)
            if (made := self._shift(at, one))
        ]
        covers = [
            _cover(one.role, place, one.between, self._registry)
            for at, one in self._read("cover", _CoverWritten)
            for place in self._known_places(at, "cover", one.places)
        ]
        assurances = [
            Assurance(
                one.id,
                _chain(place, self._registry),
                self._registry.timezone(place),
                one.at,
                one.night,
                one.within,
                tuple(one.ask),
            )
            for at, one in self._read("assurance", _AssuranceWritten, lambda one: one.id)
            for place in self._known_places(at, f'assurance "{one.id}"', [one.place], "place")
        ]
        return DutyFile(people, tuple(shifts), tuple(covers), tuple(assurances))

    def _tables(self, name: str, *, say: bool = True) -> list[dict[str, Any]]:
        written = self._document.get(name, [])
        if isinstance(written, list) and all(isinstance(one, dict) for one in written):
            return written
        if say:
            self.faults.append(((name,), "file", f"write [[{name}]], in two brackets, before each"))
        return []

    def _read(
        self, name: str, model: type[_Model], key: Callable[[_Model], str] | None = None
    ) -> Iterator[tuple[Path, _Model]]:
        """The tables of a name that are right in themselves; of the others what is wrong."""
        taken: set[str] = set()
        for number, written in enumerate(self._tables(name)):
            path: Path = (name, number)
            where = f'{name} "{written.get("id", number + 1)}"'
            try:
                one = model.model_validate(written)
            except ValidationError as error:
                self.faults += [((*path, *_keys(it)), where, _said(it, model)) for it in error.errors()]
                continue
            if key and key(one) in taken:
                self.faults.append(((*path, "id"), where, f'id: "{key(one)}" is taken; take another'))
            elif key:
                taken.add(key(one))
            yield path, one

    def _shift(self, path: Path, one: _ShiftWritten) -> Shift | None:
        where = f'shift "{one.id}"'
        for number, crew in enumerate(one.people):
            self._known_people((*path, "people", number), where, crew)
        for day, crew in one.on.items():
            self._known_people((*path, "on", day.isoformat()), where, crew)
        places = self._known_places(path, where, one.places)
        zones = {self._registry.timezone(place) for place in places}
        if len(zones) > 1:
            said = f"places: they have different times ({', '.join(sorted(zones))}): write a shift for each"
            self.faults.append(((*path, "places"), where, said))
        if len(zones) != 1:
            return None
        return Shift(
            one.id,
            one.role,
            tuple(places),
            zones.pop(),
            one.begins,
            one.ends,
            one.since,
            one.until,
            one.calendar,
            one.rotation,
            tuple(map(tuple, one.people)),
            {day: tuple(crew) for day, crew in one.on.items()},
        )

    def _known_people(self, path: Path, where: str, crew: Sequence[str]) -> None:
        self.faults += [
            (path, where, f'there is no person "{one}": add a [[person]] with this id')
            for one in crew
            if one not in self._people
        ]

    def _known_places(self, path: Path, where: str, places: Sequence[str], key: str = "places") -> list[str]:
        known = [it for it in dict.fromkeys(places) if self._places is None or it in self._places]
        self.faults += [
            ((*path, key), where, f'there is no place "{place}" in the registry')
            for place in places
            if place not in known
        ]
        return known


def _chain(place: str, registry: Registry) -> tuple[str, ...]:
    return tuple(at.id for at in registry.above(place)) or (place,)


def _cover(role: str, place: str, between: tuple[Any, Any] | None, registry: Registry) -> Cover:
    return Cover(role, _chain(place, registry), registry.timezone(place), between)


def _wrong_calendar(text: str, since: date) -> str:
    if re.search(r"\b(COUNT|UNTIL)=", text):
        return "its end stands apart, as until = 2027-02-28"
    return recurrence.problem(text, since).replace("check", "shift")


def _keys(error: ErrorDetails) -> Path:
    """Where it is; what is wrong with several keys together begins with the one that it is told at."""
    if not error["loc"] and error["type"] == "value_error":
        return (str(error["ctx"]["error"]).partition(":")[0],)
    return tuple(part for part in error["loc"] if part != "[key]")


def _said(error: ErrorDetails, model: type[_Written]) -> str:
    key = ".".join(str(part) for part in error["loc"] if isinstance(part, str) and part != "[key]")
    match error["type"]:
        case "extra_forbidden":
            message = "unknown key"
        case "missing":
            message = "is missing"
        case "value_error":
            message = str(error["ctx"]["error"])
        case "string_pattern_mismatch":
            message = f"write it as {error['ctx']['pattern']}"
        case "greater_than_equal" if not isinstance(error["ctx"]["ge"], int):
            message = f"write {error['ctx']['ge']} or later"
        case "date_type" | "date_parsing" | "date_from_datetime_parsing":
            message = "write a day such as 2026-12-01"
        case _:
            message = advice(error, model.model_fields.get(str(error["loc"][0]) if error["loc"] else ""))
    return f"{key}: {message}" if key else message
