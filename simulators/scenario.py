"""Scenarios: what happens in the home, as TOML. Rule: a file is valid as a whole or all its errors are told.

Expected errors are values: `read` and `parse` return a `Scenario`, or the list of what is wrong.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from simulators.home import MOST_RESIDENTS, ZONE
from simulators.life import DAY_MS, HOUR_MS, MINUTE_MS

Errors = list[str]

_DURATION = re.compile(r"(?:(\d{1,3})d)?(?:(\d{1,4})h)?(?:(\d{1,5})m)?(?:(\d{1,6})s)?")
_LONGEST_MS = 60 * DAY_MS


def duration_ms(text: object) -> int:
    """A duration such as `90s`, `2m` or `5h50m`, as ms."""
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if not found or not any(found.groups()):
        raise ValueError(f"not a duration such as 90s, 2m or 5h50m: {text!r}")
    units = (DAY_MS, HOUR_MS, MINUTE_MS, 1000)
    return sum(int(count or 0) * unit for count, unit in zip(found.groups(), units, strict=True))


def _wall_clock(text: object) -> time:
    try:
        clock = time.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        clock = None
    if clock is None or clock.tzinfo:
        raise ValueError(f"not a time of day such as 09:20: {text!r}")
    return clock


Moment = Annotated[int, BeforeValidator(duration_ms), Field(ge=0)]
Lasting = Annotated[int, BeforeValidator(duration_ms), Field(gt=0, le=_LONGEST_MS)]
Interval = Annotated[int, BeforeValidator(duration_ms), Field(ge=1000, le=DAY_MS)]
ResidentId = Annotated[str, Field(pattern=r"^r-\d{2,4}$")]
CallingDevice = Literal["button", "wearable"]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Sos(_Table):
    """A resident calls for help."""

    kind: Literal["sos"]
    at: Moment
    who: ResidentId
    device: CallingDevice = "button"


class Fall(_Table):
    """A resident falls; the watch notices, or only sends the acceleration in which it can be seen."""

    kind: Literal["fall"]
    at: Moment
    who: ResidentId
    seen: Literal["watch", "acceleration"] = "watch"


class OutOfBed(_Table):
    """A resident leaves the bed, or has left it already, and does not lie in it again for so long."""

    kind: Literal["out_of_bed"]
    at: Moment
    lasts: Lasting
    who: ResidentId


class MissedCheckIn(_Table):
    """A resident does not say "I am fine" in the mornings of the scenario."""

    kind: Literal["missed_check_in"]
    who: ResidentId


class MissedVisit(_Table):
    """Nobody makes the rounds at a resident that are due in this time."""

    kind: Literal["missed_visit"]
    at: Moment
    lasts: Lasting
    who: ResidentId


class GatewayLost(_Table):
    """The gateway for wearables and beds, or the bridge of the buttons, or both lose their power."""

    kind: Literal["gateway_lost"]
    at: Moment
    lasts: Lasting
    which: Literal["gw-1", "bridge", "both"] = "both"


class DeviceOffline(_Table):
    """One calling device is away; its gateway says so."""

    kind: Literal["device_offline"]
    at: Moment
    lasts: Lasting
    who: ResidentId
    device: CallingDevice


Incident = Sos | Fall | OutOfBed | MissedCheckIn | MissedVisit | GatewayLost | DeviceOffline


class Description(_Table):
    """What the scenario shows, in both languages."""

    zh: Annotated[str, Field(min_length=1)]
    en: Annotated[str, Field(min_length=1)]


class Every(_Table):
    """How often devices report by themselves."""

    wearable: Interval = MINUTE_MS
    bed: Interval = MINUTE_MS
    button: Interval = 4 * HOUR_MS
    gateway: Interval = MINUTE_MS


class Scenario(_Table):
    """A checked scenario. Times are ms: `at` counts from the start."""

    name: str
    description: Description
    start: Annotated[time, BeforeValidator(_wall_clock)]
    duration: Lasting
    residents: Annotated[int, Field(strict=True, ge=1, le=MOST_RESIDENTS)] = 10
    every: Every = Every()
    incident: tuple[Annotated[Incident, Field(discriminator="kind")], ...] = ()

    def start_ms(self, day: date) -> int:
        """The instant of the start on a day of the home."""
        return int(datetime.combine(day, self.start, ZONE).timestamp() * 1000)

    def with_residents(self, count: int) -> "Scenario | Errors":
        """The same scenario in a home of another size."""
        if not 1 <= count <= MOST_RESIDENTS:
            return [f"{self.name}: residents: from 1 to {MOST_RESIDENTS}, not {count}"]
        changed = self.model_copy(update={"residents": count})
        return [f"{self.name}: {wrong}" for wrong in _contradictions(changed)] or changed


def known() -> dict[str, str]:
    """The scenarios that come with the package: name and English description."""
    found: dict[str, str] = {}
    for name in _names():
        scenario = read(name)
        found[name] = scenario.description.en if isinstance(scenario, Scenario) else "; ".join(scenario)
    return found


def _names() -> list[str]:
    entries = files("simulators").joinpath("scenarios").iterdir()
    return sorted(entry.name.removesuffix(".toml") for entry in entries if entry.name.endswith(".toml"))


def read(scenario: str | Path) -> Scenario | Errors:
    """A scenario of the package by its name, or any other by the path of its file."""
    names = _names()
    if isinstance(scenario, str) and scenario in names:
        text = files("simulators").joinpath("scenarios", f"{scenario}.toml").read_text("utf-8")
        return parse(scenario, text)
    path = Path(scenario)
    if path.suffix != ".toml":
        return [f"unknown scenario {str(scenario)!r}; known: {', '.join(names)}, or the path of a .toml file"]
    try:
        return parse(path.stem, path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        return [f"{path}: {getattr(error, 'strerror', None) or error}"]


def parse(name: str, text: str) -> Scenario | Errors:
    """A scenario from TOML text; `name` stands in messages and in the truth."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return [f"{name}: {error}"]
    return of_table(name, table)


def of_table(name: str, table: Mapping[str, object]) -> Scenario | Errors:
    """A scenario from what a TOML file says."""
    try:
        scenario = Scenario.model_validate({**table, "name": name})
    except ValidationError as error:
        return [f"{name}: {wrong}" for wrong in told(error)]
    return [f"{name}: {wrong}" for wrong in _contradictions(scenario)] or scenario


def told(error: ValidationError) -> Iterator[str]:
    """What pydantic found wrong in a TOML table, a line each."""
    for wrong in error.errors(include_url=False):
        where, kind = list(wrong["loc"]), wrong["type"]
        if where[:1] == ["incident"] and len(where) > 1:
            # incidents are counted from 1; the tag that pydantic puts third is the kind
            where = [f"incident {int(where[1]) + 1}", *(f"{part}" for part in where[2:])]
        path = ".".join(str(part) for part in where)
        match kind:
            case "extra_forbidden":
                yield f"{path}: unknown key"
            case "missing":
                yield f"{path}: missing"
            case _:
                yield f"{path}: {wrong['msg'].removeprefix('Value error, ')}"


def _contradictions(scenario: Scenario) -> Iterator[str]:
    """What is wrong although each table by itself is right."""
    free: dict[str, int] = {}
    incidents = enumerate(scenario.incident, 1)
    for number, incident in sorted(incidents, key=lambda each: getattr(each[1], "at", 0)):
        at = getattr(incident, "at", 0)
        if at >= scenario.duration:
            yield f"incident {number}.{incident.kind}.at: after the end of the scenario"
        who = getattr(incident, "who", "")
        if who and not 1 <= int(who.removeprefix("r-")) <= scenario.residents:
            yield f"incident {number}.{incident.kind}.who: {who} is not one of {scenario.residents} residents"
        for lost in _loses(incident):
            if at < free.get(lost, 0):
                yield f"incident {number}.{incident.kind}: {lost} is already lost then"
            free[lost] = at + getattr(incident, "lasts", 0)


def _loses(incident: Incident) -> tuple[str, ...]:
    match incident:
        case GatewayLost(which="both"):
            return ("gw-1", "bridge")
        case GatewayLost():
            return (incident.which,)
        case DeviceOffline():
            return (f"the {incident.device} of {incident.who}",)
        case _:
            return ()
