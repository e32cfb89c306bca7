"""A recorded home, played again: each row of a sensor log is one native telemetry message.

Rule: every row becomes exactly one observation, with its recorded time and an id that is its row number.
"""

import csv
import gzip
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, TextIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from devices.metrics import METRICS, Kind
from simulators.publication import Connection, Publication
from simulators.registry import Row, to_toml
from simulators.scenario import Description, told

Errors = list[str]

COLUMNS = ("house", "ts_epoch_s", "sensor_id", "sensor_name", "value")
_MOST_ERRORS = 20
_KINDS = {"bed_occupied": "bed", "seat_occupied": "seat", "motion": "motion", "door_open": "door"}


def _state(metric: str) -> str:
    if metric not in METRICS or METRICS[metric].kind is not Kind.STATE:
        raise ValueError(f"{metric!r} is not a state of the vocabulary")
    return metric


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"no such time zone: {name!r}") from None


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Sensor(_Table):
    """What a sensor of the log says, and where it is."""

    metric: Annotated[str, AfterValidator(_state)]
    room: Annotated[str, Field(min_length=1)]
    name: str = ""


class House(_Table):
    """The sensors of a house, by the id in the log."""

    sensor: dict[str, Sensor]


class RecordingMap(_Table):
    """Which sensor of a log becomes which device and metric."""

    name: str
    description: Description
    timezone: Annotated[str, AfterValidator(_zone)]
    house: dict[str, House]


@dataclass(frozen=True, slots=True)
class Event:
    """One row of the log. `row` counts the file's rows from 1, its header not counted."""

    row: int
    at_ms: int
    sensor: str
    value: bool


@dataclass(frozen=True, slots=True)
class Recording:
    """One house of a log, in time order."""

    map: RecordingMap
    house: str
    events: tuple[Event, ...]

    @property
    def start_ms(self) -> int:
        """The time of the first event."""
        return self.events[0].at_ms

    @property
    def end_ms(self) -> int:
        """Just after the last event."""
        return self.events[-1].at_ms + 1

    @property
    def site(self) -> str:
        """The site of the native topics, and of the registry."""
        return f"{self.map.name}-{self.house}"

    @property
    def connections(self) -> tuple[Connection, ...]:
        """All sensors are heard through one box that never fails."""
        return (Connection(self.site),)

    def device(self, sensor: str) -> str:
        """The native device that a sensor of the log becomes."""
        return f"{self.site}-{sensor}"

    def publications(self) -> Iterator[Publication]:
        """One telemetry message for each row."""
        sensors = self.map.house[self.house].sensor
        for event in self.events:
            device, metric = self.device(event.sensor), sensors[event.sensor].metric
            body = {"ts": event.at_ms, "id": f"{self.map.name}-{event.row}", metric: event.value}
            yield Publication(
                event.at_ms,
                f"shouwang/v1/{self.site}/{device}/telemetry",
                orjson.dumps(body),
                via=self.site,
                device=device,
                metrics=(metric,),
            )

    def lines(self) -> Iterator[bytes]:
        """The same events as lines for `shouwang replay`, without line ends."""
        return (publication.line() for publication in self.publications())

    def registry(self) -> str:
        """The house as registry TOML: one resident, the rooms, a device for each sensor of the map."""
        return to_toml({"place": self._places(), "resident": self._residents(), "device": self._devices()})

    def _places(self) -> Iterator[Row]:
        yield {"id": self.site, "kind": "site", "name": self.site, "timezone": self.map.timezone}
        for room in sorted({sensor.room for sensor in self.map.house[self.house].sensor.values()}):
            yield {"id": self._room(room), "kind": "room", "name": room, "parent": self.site}

    def _residents(self) -> Iterator[Row]:
        yield {"id": f"{self.site}-resident", "place": self.site, "name": self.site, "care_level": "3"}

    def _devices(self) -> Iterator[Row]:
        for number, sensor in self.map.house[self.house].sensor.items():
            yield {
                "id": self.device(number),
                "kind": _KINDS.get(sensor.metric, "sensor"),
                "resident": f"{self.site}-resident",
                "place": self._room(sensor.room),
                "site": self.site,
                "supervision": "25h",
            }

    def _room(self, room: str) -> str:
        return f"{self.site}-{room.replace(' ', '-')}"


def read(which: str | Path, data: Path, house: str) -> Recording | Errors:
    """The house of a recorded log (CSV, or CSV in gzip), as the map `which` reads it; or what is wrong."""
    found = read_map(which)
    if not isinstance(found, RecordingMap):
        return found
    if house not in found.house:
        return [f"{found.name}: no house {house!r}; known: {', '.join(sorted(found.house))}"]
    try:
        with _opened(data) as rows:
            return _recording(found, house, data.name, rows)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        return [f"{data}: {getattr(error, 'strerror', None) or error}"]


def read_map(which: str | Path) -> RecordingMap | Errors:
    """A map of the package by its name, or any other by the path of its file."""
    maps = files("simulators").joinpath("maps")
    known = sorted(
        entry.name.removesuffix(".toml") for entry in maps.iterdir() if entry.name.endswith(".toml")
    )
    path = Path(which)
    try:
        if which in known:
            text = maps.joinpath(f"{which}.toml").read_text("utf-8")
        elif path.suffix == ".toml":
            text = path.read_text("utf-8")
        else:
            names = ", ".join(known)
            return [f"unknown recording {str(which)!r}; known: {names}, or the path of a .toml map"]
        return RecordingMap.model_validate({**tomllib.loads(text), "name": path.stem})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return [f"{which}: {getattr(error, 'strerror', None) or error}"]
    except ValidationError as error:
        return [f"{which}: {wrong}" for wrong in told(error)]


def _opened(data: Path) -> TextIO:
    if data.suffix == ".gz":
        return gzip.open(data, "rt", encoding="utf-8", newline="")
    return data.open(encoding="utf-8", newline="")


def _recording(found: RecordingMap, house: str, name: str, rows: Iterable[str]) -> Recording | Errors:
    reader = csv.DictReader(rows)
    if missing := [column for column in COLUMNS if column not in (reader.fieldnames or ())]:
        return [f"{name}: columns missing: {', '.join(missing)}"]
    events: list[Event] = []
    wrong: Errors = []
    for number, row in enumerate(reader, 1):
        if row["house"] == house:
            event = _event(number, row, found.house[house])
            if isinstance(event, Event):
                events.append(event)
            elif len(wrong) < _MOST_ERRORS:
                wrong.append(f"{name}: row {number}: {event}")
    if not (events or wrong):
        wrong.append(f"{name}: no rows of house {house!r}")
    return wrong or Recording(found, house, tuple(sorted(events, key=lambda event: event.at_ms)))


def _event(number: int, row: Mapping[str, str | None], house: House) -> Event | str:
    sensor, value, at = row["sensor_id"] or "", row["value"], row["ts_epoch_s"] or ""
    if sensor not in house.sensor:
        return f"the map has no sensor {sensor!r}"
    if value not in {"0", "1"}:
        return f"value is 0 or 1, not {value!r}"
    if not (at.isascii() and at.isdigit()):
        return f"ts_epoch_s is a number of seconds, not {at!r}"
    return Event(number, int(at) * 1000, sensor, value == "1")
