"""What devices on the platforms of China's clouds say: a thing model's properties and events.

Rule: the platform's envelope is not known here. Identifiers are invented by every maker anew, so they are
looked up in the catalogue's lists (`thing_model.toml`) whatever their case and underscores; one that is not
in them is left, except that an event whose identifier speaks of a call for help is one.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from devices.catalogue import NAMES, words_of
from devices.datum import bd09, gcj02
from devices.envelope import Json, object_of, text_of
from devices.families.places import place_of, say_place
from devices.families.thing_names import (
    CALLS,
    MAX_NAME,
    alarm_like,
    folded,
    happening,
    kinds,
    term,
    text_said,
    verdict,
)
from devices.instants import local_ms
from devices.message import Message
from devices.metrics import LIFE_SAFETY, METRICS, Kind
from devices.notation import Vocabulary
from devices.reading import Decoded, Known, Reading, Reason, Rejected, TimeSource
from devices.words import Fields, Origin, Said, flatten, number_of, own_time, speak_fields

_ROOM = 6144
"""What a message may cost: a value 1, an item 2, a moment of a device 6. A gateway speaks at most for 20
devices with 200 properties each (Alink), or of 500 moments (TuyaLink): more would only take time.
"""
_ITEM, _MOMENT, _MOST_UNDERSTOOD = 2, 6, 512
_WRAPPER = frozenset(("value", "time", "timestamp", "ts", "quality"))
_TIMES = ("time", "timestamp", "ts")
_PRESSURE = re.compile(r"\s*([0-9]{2,3})\s*[/,|~-]\s*([0-9]{2,3})\s*(?:mmhg)?\s*", re.IGNORECASE)
_PAIR = re.compile(r"\s*(-?[0-9]{1,3}\.[0-9]+)\s*[,; ]\s*(-?[0-9]{1,3}\.[0-9]+)\s*")
_DATUMS: dict[str, Callable[[float, float], tuple[float, float]]] = {
    # Alink's standard struct GeoLocation numbers them: CoordinateSystem 1 WGS_84, 2 GCJ_02
    **dict.fromkeys(("2", "gcj02", "gcj"), gcj02),
    **dict.fromkeys(("3", "bd09", "bd09ll", "baidu"), bd09),
}
_MS_FROM, _MS_TO = 10**11, 10**14  # in ms, by magnitude (`devices.instants`)
_TOGETHER = frozenset(("position", "blood_pressure", "alarm_kind", "latitude", "longitude"))
_PRODUCTS, _DEVICES = ("productKey", "productId"), ("deviceName", "deviceKey", "deviceId")

__all__ = ["CALLS", "Report", "Thing"]


@dataclass(slots=True)
class Report:
    """One message of a platform, and what its devices have said so far."""

    dialect: str
    message: Message
    known: Known
    said: Said = field(default_factory=Said)
    sent_at: int | None = None
    room: int = _ROOM
    whose: str = ""

    def time(self, value: Json, device: str) -> int | None:
        """A time in s, ms, us or ns, as a number or numeric text, or ISO 8601; a zoneless one is local."""
        if type(value) is int and _MS_FROM <= value < _MS_TO:  # nearly all are
            return value
        if isinstance(value, str):
            text = value.strip()
            if text.replace(".", "", 1).isdecimal() and (number := number_of(text)) is not None:
                return self._own(number)
            return local_ms(text[:40], self.known.clock_zone(device))
        return self._own(value) if isinstance(value, (int, float)) else None

    def each(self, held: Json) -> Iterator[Json]:
        """The items of a list, or the one thing that is there, as long as there is room."""
        if isinstance(held, list):
            for item in held:
                if not self.spend(_ITEM):
                    return
                yield item
        elif held is not None:
            yield held

    def spend(self, cost: int) -> bool:
        """Whether there is room for this much more; that there is none is told once."""
        if self.room < 0:
            return False
        self.room -= cost
        if self.room < 0:
            self.said.rejected.append(Rejected(Reason.TOO_LARGE, "more than any device of this family says"))
        return self.room >= 0

    def _own(self, number: float) -> int | None:
        return own_time(number, self.message.received_at)

    def thing(self, device: str, at: int | None = None, clock: TimeSource = TimeSource.DEVICE) -> "Thing":
        """One of its devices; `at` is when it speaks where a value has no time of its own, on whose clock."""
        self.whose = self.whose or device
        models = self.known.models(device)
        origin = Origin(device, self.message.received_at, at, clock)
        return Thing(self, words_of(self.dialect, *models), origin)

    def members(self, listed: Json, otherwise: "Thing | None" = None) -> None:
        """Adds what a gateway says of its devices: `{identity, properties, events}`, each live or a list.

        One without an identity speaks for `otherwise`, whose past it then is, or is turned down.
        """
        for one in self.each(listed):
            member = object_of(one)
            identity = object_of(member.get("identity"))
            named = [_first(identity, _PRODUCTS), _first(identity, _DEVICES)]
            thing = otherwise if "identity" not in member else None
            if all(named):
                thing = self.thing("/".join(named), clock=TimeSource.GATEWAY)
            if thing is None:
                self.said.rejected.append(Rejected(Reason.WRONG_SHAPE, "a device without an identity"))
                continue
            for moment in self.each(member.get("properties")):
                thing.properties(moment)
            for moment in self.each(member.get("events")):
                thing.events(moment)

    def unreadable(self, family: str, thing: "Thing", event: str, why: Rejected) -> Decoded | Rejected:
        """The answer to a payload that cannot be read: on the topic of a call it is one all the same."""
        self.said.rejected.append(why)
        kind, end = happening(self.dialect, event[:MAX_NAME])
        if end or kind not in LIFE_SAFETY:
            return why
        thing.event(event, None)
        return self.decoded(family)

    def decoded(self, family: str) -> Decoded:
        """What was said."""
        return self.said.decoded(family, self.whose, sent_at=self.sent_at)


@dataclass(slots=True)
class Thing:
    """One device on a platform."""

    report: Report
    vocabulary: Vocabulary
    origin: Origin

    def properties(self, values: Json, at: Json = None, within: str = "") -> None:
        """Adds what properties say: identifier -> value, or {value, time}, or a list of those.

        `at` is their time where they have none of their own; `within` the service or module they are of.
        """
        if not isinstance(values, dict):
            return
        moments: dict[int | None, dict[str, Json]] = {}
        default = self._at(at)
        for name, value in values.items():
            at, held = default, value
            if isinstance(value, dict):
                if _wrapped(value):
                    at, held = self._own_at(value, default), value["value"]
            elif isinstance(value, list) and value and isinstance(value[0], dict) and "value" in value[0]:
                for one in self.report.each(value):
                    if isinstance(one, dict) and "value" in one:
                        self._moment_of(moments, self._own_at(one, default))[name] = one["value"]
                continue
            together = moments.get(at)
            if together is None:
                together = self._moment_of(moments, at)
            together[name] = held
        for moment, held in moments.items():
            self._speak({within: held} if within else held, moment)

    def _moment_of(self, moments: dict[int | None, dict[str, Json]], at: int | None) -> dict[str, Json]:
        found = moments.get(at)
        if found is None:
            found = {}
            if self.report.spend(_MOMENT):
                moments[at] = found
        return found

    def events(self, happened: Json) -> None:
        """Adds what events by identifier say, each once or as a list."""
        for name, held in object_of(happened).items():
            if not isinstance(held, list):
                self.event(name, held)
                continue
            for one in self.report.each(held):
                self.event(name, one)

    def event(self, name: str, outputs: Json, at: Json = None) -> None:
        """Adds what an event says: that it happened, and the values that came with it."""
        if isinstance(outputs, list) and outputs and isinstance(outputs[0], dict):
            for one in self.report.each(outputs):
                self.event(name, one, at)
            return
        if not self.report.spend(_MOMENT):
            return
        moment = self._at(at)
        if isinstance(outputs, dict) and _wrapped(outputs):
            moment, outputs = self._own_at(outputs, moment), outputs["value"]
        called = name[:MAX_NAME]
        kind, end = happening(self.report.dialect, called)
        fields = outputs if isinstance(outputs, dict) else {"value": outputs}
        if kind is None:
            kind, end = self._kind_inside(fields)
        says = end or verdict(self.report.dialect, fields, folded(called))
        known: Fields = {f"event.{kind}": says} if kind else {}
        before = len(self.said.readings)
        self._speak(outputs if isinstance(outputs, dict) else {}, moment, called, known)
        if kind is None and all(one.metric not in _TOLD for one in self.said.readings[before:]):
            self.said.left.append(name)
            if alarm_like(name):
                self.said.rejected.append(
                    Rejected(Reason.UNDECODED, "an alarm of a kind that is not known", self.origin.device)
                )

    def _kind_inside(self, fields: Mapping[str, Json]) -> tuple[str | None, str]:
        """What an event is whose identifier does not tell (`alarm`), by a text that came with it."""
        found: str | None = None
        for text in kinds(self.report.dialect, fields):
            kind, end = happening(self.report.dialect, text)
            if kind:
                return kind, end
            found = kind if found is None else found
        return found, ""

    def state(self, metric: str, value: bool, at: Json = None) -> None:
        """Adds a state or an event that the envelope itself tells, such as `online`."""
        self.said.add(self._moment(self._at(at)), metric, value)

    @property
    def said(self) -> Said:
        """What was said so far by all."""
        return self.report.said

    def _at(self, value: Json) -> int | None:
        found = None if value is None else self.report.time(value, self.origin.device)
        return self.origin.at if found is None else found

    def _own_at(self, wrapped: Mapping[str, Json], default: int | None) -> int | None:
        at = wrapped.get("time")
        if type(at) is int and _MS_FROM <= at < _MS_TO:  # nearly always
            return at
        for name in _TIMES:
            if name in wrapped:
                found = self.report.time(wrapped[name], self.origin.device)
                return default if found is None else found
        return default

    def _moment(self, at: int | None) -> Origin:
        origin = self.origin
        return (
            origin
            if at == origin.at
            else Origin(origin.device, origin.received_at, at, origin.at_source, origin.key)
        )

    def _speak(
        self, payload: dict[str, Json], at: int | None, event: str = "", known: Fields | None = None
    ) -> None:
        dialect, said = self.report.dialect, self.said
        fields, lists = flatten(payload)
        if not self.report.spend(len(fields)):
            fields = _understood(dialect, fields)
        spoken: Fields = known if known is not None else {}
        paths: dict[str, str] = {}
        for path, value in fields.items():
            word = term(dialect, path, event) if len(path) <= MAX_NAME else ""
            if not word:
                said.left.append(path)
            elif spoken.get(word) is None:
                spoken[word] = value
                paths[word] = path
        if lists:
            said.left += [name for name, _ in lists]
        origin = self._moment(at)
        if not _TOGETHER.isdisjoint(spoken):
            self._put_together(spoken, fields, origin)
        words = self.vocabulary.words
        verdicts = NAMES[dialect].verdicts
        for word, value in spoken.items():
            choice = words.get(word)
            if choice.__class__ is dict and "raised" in choice and value is not None:
                text = text_said(value)
                spoken[word] = verdicts.get(text, text)
        start, first = len(said.left), len(said.readings)
        speak_fields(self.vocabulary, spoken, origin, said)
        if len(said.readings) > first + 1:
            _once(said.readings, first)
        if len(said.left) > start:
            said.left[start:] = [paths.get(word, word) for word in said.left[start:]]

    def _put_together(self, spoken: Fields, fields: Fields, origin: Origin) -> None:
        """What several words say together, or one of several things."""
        if "position" in spoken:
            _pair(spoken)
        if "blood_pressure" in spoken:
            _pressure(spoken)
        if "alarm_kind" in spoken:
            self._kinds(spoken, fields)
        if "latitude" in spoken or "longitude" in spoken:
            _position(spoken, origin, self.said)

    def _kinds(self, spoken: Fields, fields: Fields) -> None:
        """An alarm's kind as text is an event of that name; as a number it is the maker's own, and left."""
        value = spoken["alarm_kind"]
        if not isinstance(value, str):
            return
        dialect = self.report.dialect
        kind, end = happening(dialect, value[:MAX_NAME])
        if kind is None:
            return
        del spoken["alarm_kind"]
        if kind:
            spoken[f"event.{kind}"] = end or verdict(dialect, fields, "")


# What an alarm of a kind that its event's name does not tell may be of, told by the values that came with it.
_TOLD = frozenset(
    "sos fall fall_suspected fall_cleared help_cancelled smoke gas carbon_monoxide water_leak device_test"
    " battery_low tamper fault".split()
)


_EVENTS = frozenset(name for name, metric in METRICS.items() if metric.kind is Kind.EVENT)


def _understood(dialect: str, fields: Fields) -> Fields:
    """Of too many fields those that may be understood, so that no crowd hides a call for help."""
    words = NAMES[dialect].words
    found = [one for one in fields.items() if folded(one[0][-MAX_NAME:].rpartition(".")[2]) in words]
    return dict(found[:_MOST_UNDERSTOOD])


def _wrapped(held: Mapping[str, Json]) -> bool:
    """Whether a value is in an object with its time (and whatever else a maker puts beside it)."""
    return "value" in held and ("time" in held or held.keys() <= _WRAPPER)


def _first(named: Mapping[str, Json], names: tuple[str, ...]) -> str:
    return next((text for name in names if (text := text_of(named.get(name)))), "")


def _once(readings: list[Reading], first: int) -> None:
    """Of what a device said of one moment, from `first` on, an event that two fields told is kept once."""
    said = readings[first:]
    if len({reading.metric for reading in said}) == len(said):  # nearly always
        return
    told: set[str] = set()
    kept: list[Reading] = []
    for reading in said:
        if reading.metric in _EVENTS:
            if reading.metric in told:
                continue
            told.add(reading.metric)
        kept.append(reading)
    readings[first:] = kept


def _pressure(spoken: Fields) -> None:
    """A blood pressure as one text, `128/79`, in its two words."""
    value = spoken.pop("blood_pressure")
    found = _PRESSURE.fullmatch(value[:20]) if isinstance(value, str) else None
    if found:
        spoken.setdefault("systolic", int(found.group(1)))
        spoken.setdefault("diastolic", int(found.group(2)))


def _pair(spoken: Fields) -> None:
    """A position as one text of two numbers: the one beyond 90 is the longitude, else nobody knows."""
    value = spoken["position"]
    found = _PAIR.fullmatch(value[:60]) if isinstance(value, str) else None
    if found is None:
        return
    first, second = float(found.group(1)), float(found.group(2))
    if abs(first) > 90 or abs(second) > 90:
        del spoken["position"]
        spoken["latitude"], spoken["longitude"] = (second, first) if abs(first) > 90 else (first, second)


def _position(spoken: Fields, origin: Origin, said: Said) -> None:
    """Adds a position, on WGS-84."""
    system = spoken.pop("coordinate_system", None)
    north, east = spoken.pop("latitude", None), spoken.pop("longitude", None)
    convert = None if system is None else _DATUMS.get(text_said(system))
    if convert is not None:
        place = place_of(north, east)
        if place is None:
            return
        north, east = convert(*place)
    say_place(north, east, origin, said)
