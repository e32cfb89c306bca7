"""What devices on the platforms of China's clouds say: a thing model's properties and events.

Rule: the platform's envelope is not known here. Identifiers are invented by every maker anew, so they are
looked up in the catalogue's lists (`thing_model.toml`) whatever their case and underscores; one that is not
in them is left, except that an event whose identifier speaks of a call for help is one.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from devices.catalogue import NAMES, Names, words_of
from devices.datum import bd09, gcj02
from devices.envelope import Json
from devices.families.lorawan import object_of, text_of
from devices.instants import local_ms
from devices.message import Message
from devices.metrics import LIFE_SAFETY, METRICS, Kind
from devices.reading import Decoded, Known, Reading, Reason, Rejected, TimeSource
from devices.words import Fields, Origin, Said, Scalar, Vocabulary, flatten, number_of, own_time, speak_fields

_HELP = "求助 求救 呼救 呼叫 救援 救命 急 跌 摔 报警 告警 警报 护理 按键 单击 长按"
_DANGER = "烟 火 燃气 可燃 煤气 天然气 一氧化碳"
CALLS: tuple[bytes, ...] = (
    *(word.encode() for word in f"{_HELP} {_DANGER}".split()),
    *(word.encode("unicode_escape") for word in f"{_HELP} {_DANGER}".split()),
    *b"jiuzhu qiuzhu hujiu qiujiu jijiu jinji diedao shuai baojing huojing yanwu yangan".split(),
    *b"ranqi yiyanghuatan distress rescue warn drop_state methane".split(),
    *b"co_sta cosensor costa codetect co_detect".split(),
    *b"call button click keypress keyevent singlepress shortpress longpress".split(),
)
"""What is in every call for help of these families (`devices.families`)."""

_MAX_NAME = 80
_ROOM = 6144
"""What a message may cost: a value 1, an item 2, a moment of a device 6. A gateway speaks at most for 20
devices with 200 properties each (Alink), or of 500 moments (TuyaLink): more would only take time.
"""
_ITEM, _MOMENT, _MOST_UNDERSTOOD = 2, 6, 512
_WRAPPER = frozenset(("value", "time", "timestamp", "ts", "quality"))
_TIMES = ("time", "timestamp", "ts")
_NUMBERED = re.compile(r"[0-9]{1,2}")
_PRESSURE = re.compile(r"\s*([0-9]{2,3})\s*[/,|~-]\s*([0-9]{2,3})\s*(?:mmhg)?\s*", re.IGNORECASE)
_PAIR = re.compile(r"\s*(-?[0-9]{1,3}\.[0-9]+)\s*[,; ]\s*(-?[0-9]{1,3}\.[0-9]+)\s*")
_SURE_FIELDS = frozenset(
    # Where a zero ends an alarm that lasts; elsewhere it may be a count, or "nobody answered yet".
    "state alarm alarmstate alarmstatus alarmflag value errorcode 报警状态 告警状态 状态".split()
)
_VERDICT_FIELDS = _SURE_FIELDS | frozenset(
    "status action alarmaction eventstate eventstatus eventaction type alarmmode mode result flag operation"
    " 动作".split()
)
_KIND_FIELDS = frozenset("type kind event value data name content 类型 事件 内容".split())
_TEST_FIELDS = frozenset("test istest testmode testflag simulated issimulated 测试".split())
_UNNAMED_VALUES = frozenset("value val data current currentvalue 值".split())
_UNNAMED = _UNNAMED_VALUES | frozenset("state status alarm alarmstate alarmstatus flag 状态 报警".split())
_DATUMS: dict[str, Callable[[float, float], tuple[float, float]]] = {
    # Alink's standard struct GeoLocation numbers them: CoordinateSystem 1 WGS_84, 2 GCJ_02
    **dict.fromkeys(("2", "gcj02", "gcj"), gcj02),
    **dict.fromkeys(("3", "bd09", "bd09ll", "baidu"), bd09),
}
_MS_FROM, _MS_TO = 10**11, 10**14  # in ms, by magnitude (`devices.instants`)
_PRODUCTS, _DEVICES = ("productKey", "productId"), ("deviceName", "deviceKey", "deviceId")
_ALARM_LIKE = ("alarm", "alert", "warn", "报警", "告警", "警报", "预警", "baojing", "gaojing")


@dataclass(slots=True)
class Report:
    """One message of a platform, and what its devices have said so far."""

    dialect: str
    message: Message
    known: Known
    said: Said = field(default_factory=Said)
    sent_at: int | None = None
    room: int = _ROOM

    def time(self, value: Json, device: str) -> int | None:
        """A time in s, ms, us or ns, as a number or numeric text, or ISO 8601; a zoneless one is local."""
        if type(value) is int and _MS_FROM <= value < _MS_TO:  # nearly all are
            return value
        if isinstance(value, str):
            text = value.strip()
            number = number_of(text) if text.replace(".", "", 1).isdecimal() else None
            return local_ms(text[:40], self.known.clock_zone(device)) if number is None else self._own(number)
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
        self.said.rejected.append(Rejected(why.reason, why.detail, thing.origin.device))
        kind, end = happening(self.dialect, event[:_MAX_NAME])
        if end or kind not in LIFE_SAFETY:
            return self.said.rejected[0]
        thing.event(event, None)
        return self.decoded(family)

    def decoded(self, family: str) -> Decoded:
        """What was said."""
        said = self.said
        return Decoded(
            family,
            tuple(said.readings),
            rejected=tuple(said.rejected),
            left=said.names_left(),
            sent_at=self.sent_at,
        )


@dataclass(frozen=True, slots=True)
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
            if isinstance(value, dict) and _wrapped(value):
                self._moment_of(moments, self._own_at(value, default))[name] = value["value"]
            elif isinstance(value, list) and value and isinstance(value[0], dict) and "value" in value[0]:
                for one in self.report.each(value):
                    if isinstance(one, dict) and "value" in one:
                        self._moment_of(moments, self._own_at(one, default))[name] = one["value"]
            else:
                self._moment_of(moments, default)[name] = value
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
        if not self.report.spend(_MOMENT):
            return
        moment = self._at(at)
        if isinstance(outputs, dict) and _wrapped(outputs):
            moment, outputs = self._own_at(outputs, moment), outputs["value"]
        kind, end = happening(self.report.dialect, name[:_MAX_NAME])
        fields = outputs if isinstance(outputs, dict) else {"value": outputs}
        if kind is None:
            kind, end = self._kind_inside(fields)
        verdict = end or _verdict(self.report.dialect, fields, folded(name[:_MAX_NAME]))
        known: Fields = {f"event.{kind}": verdict} if kind else {}
        before = len(self.said.readings)
        self._speak(outputs if isinstance(outputs, dict) else {}, moment, name, known)
        if kind is None and all(one.metric not in _TOLD for one in self.said.readings[before:]):
            self.said.left.append(name)
            if any(part in folded(name) for part in _ALARM_LIKE):
                self.said.rejected.append(
                    Rejected(Reason.UNDECODED, "an alarm of a kind that is not known", self.origin.device)
                )

    def _kind_inside(self, fields: Mapping[str, Json]) -> tuple[str | None, str]:
        """What an event is whose identifier does not tell (`alarm`), by a text that came with it."""
        for name, value in fields.items():
            if isinstance(value, str) and folded(name[:_MAX_NAME]) in _KIND_FIELDS:
                kind, end = happening(self.report.dialect, value[:_MAX_NAME])
                if kind:
                    return kind, end
        return None, ""

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
            word = term(dialect, path, event)
            if not word:
                said.left.append(path)
            elif spoken.get(word) is None:
                spoken[word] = value
                paths[word] = path
        said.left += [name for name, _ in lists]
        origin = self._moment(at)
        if "position" in spoken:
            _pair(spoken)
        if "blood_pressure" in spoken:
            _pressure(spoken)
        if "alarm_kind" in spoken:
            self._kinds(spoken, fields)
        if "latitude" in spoken or "longitude" in spoken:
            _position(spoken, origin, said)
        words = self.vocabulary.words
        verdicts = NAMES[dialect].verdicts
        for word, value in spoken.items():
            choice = words.get(word)
            if choice.__class__ is dict and "raised" in choice and value is not None:
                text = _text(value)
                spoken[word] = verdicts.get(text, text)
        start, first = len(said.left), len(said.readings)
        speak_fields(self.vocabulary, spoken, origin, said)
        if len(said.readings) > first + 1:
            said.readings[first:] = _once(said.readings[first:])
        if len(said.left) > start:
            said.left[start:] = [paths.get(word, word) for word in said.left[start:]]

    def _kinds(self, spoken: Fields, fields: Fields) -> None:
        """An alarm's kind as text is an event of that name; as a number it is the maker's own, and left."""
        value = spoken["alarm_kind"]
        if not isinstance(value, str):
            return
        dialect = self.report.dialect
        kind, end = happening(dialect, value[:_MAX_NAME])
        if kind is None:
            return
        del spoken["alarm_kind"]
        if kind:
            spoken[f"event.{kind}"] = end or _verdict(dialect, fields, "")


# What an alarm of a kind that its event's name does not tell may be of, told by the values that came with it.
_TOLD = frozenset(
    "sos fall fall_suspected fall_cleared help_cancelled smoke gas carbon_monoxide water_leak device_test"
    " battery_low tamper fault".split()
)


def _understood(dialect: str, fields: Fields) -> Fields:
    """Of too many fields those that may be understood, so that no crowd hides a call for help."""
    words = NAMES[dialect].words
    found = [one for one in fields.items() if folded(one[0][-_MAX_NAME:].rpartition(".")[2]) in words]
    return dict(found[:_MOST_UNDERSTOOD])


def _wrapped(held: Mapping[str, Json]) -> bool:
    """Whether a value is in an object with its time (and whatever else a maker puts beside it)."""
    return "value" in held and ("time" in held or held.keys() <= _WRAPPER)


def _first(named: Mapping[str, Json], names: tuple[str, ...]) -> str:
    return next((text for name in names if (text := text_of(named.get(name)))), "")


def folded(name: str) -> str:
    """An identifier without case, underscores and the module before it (`test:Power`)."""
    if ":" in name:
        name = name.rpartition(":")[2]
    return name.replace("_", "").replace("-", "").replace(" ", "").lower()


@lru_cache(maxsize=8192)
def _term(dialect: str, path: str, event: str) -> str:
    names = NAMES[dialect]
    if not event and "." not in path:
        return names.words.get(folded(path)) or _numbered(names, path)
    levels = [folded(level) for level in path.split(".")]
    if event and (found := names.words.get(f"{folded(event)}.{levels[-1]}")):
        return found
    if found := _of_container(dialect, levels):
        return found
    for first in range(max(0, len(levels) - 3), len(levels)):
        if found := names.words.get(".".join(levels[first:])):
            within = levels[:first]
            return "" if any(part in level for level in within for part in names.blocked) else found
    return _numbered(names, levels[-1])


def _of_container(dialect: str, levels: list[str]) -> str:
    """The word of a struct or service whose field is merely a `value`, or a `state` where it is a state."""
    if len(levels) < 2 or levels[-1] not in _UNNAMED:
        return ""
    found = NAMES[dialect].words.get(levels[-2], "")
    word = words_of(dialect).words.get(found)
    if levels[-1] in _UNNAMED_VALUES or isinstance(word, dict) or (word and word[0].kind is Kind.STATE):
        return found
    return ""


def _numbered(names: Names, name: str) -> str:
    """The word for one of several channels: `switch_2` of `switch#`."""
    found = _NUMBERED.search(name)
    if found is None:
        return ""
    word = names.words.get(folded(_NUMBERED.sub("#", name, count=1)), "")
    return word.replace("#", found.group())


def term(dialect: str, path: str, event: str = "") -> str:
    """The word for a field by its dotted path, "" when there is none; `event` is the event it came with."""
    if len(path) > _MAX_NAME or len(event) > _MAX_NAME:
        return ""
    return _term(dialect, path, event)


@lru_cache(maxsize=4096)
def happening(dialect: str, name: str) -> tuple[str | None, str]:
    """What an event's identifier says: its word ("" for one without meaning here, None unknown), and its end.

    The end is "" or one of the catalogue's verdicts: `soscancel` is a call that is over.
    """
    names = NAMES[dialect]
    text = folded(name)
    end = next((verdict for part, verdict in names.ends if part in text), "")
    for part, kind in names.happenings:
        if part[1:] == text if part[0] == "=" else part in text:
            return ("" if kind == "nothing" else kind), end
    if names.verdicts.get(text) in {"zero", "over"}:
        return "", ""
    return None, end


def _once(readings: list[Reading]) -> list[Reading]:
    """What a device said of one moment, with an event that two of its fields told only once."""
    told: set[str] = set()
    kept: list[Reading] = []
    for reading in readings:
        if METRICS[reading.metric].kind is Kind.EVENT:
            if reading.metric in told:
                continue
            told.add(reading.metric)
        kept.append(reading)
    return kept


def _text(value: Scalar) -> str:
    if isinstance(value, str):
        return folded(value[:_MAX_NAME].strip())
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value)) if abs(value) < 1e15 else ""
    return str(value) if isinstance(value, float) or (value is not None and abs(value) < 10**15) else ""


def _verdict(dialect: str, outputs: Mapping[str, Json], event: str) -> str:
    """What the values that came with an event say of it: raised, unless one of them says otherwise.

    A zero ends a call only where it is the event's own value: elsewhere it may count, or mean "not answered".
    """
    verdicts = NAMES[dialect].verdicts
    found = "raised"
    for path, value in outputs.items():
        if not isinstance(value, (str, int, float)) or len(path) > _MAX_NAME:
            continue
        name = folded(path.rpartition(".")[2])
        if name in _TEST_FIELDS and verdicts.get(_text(value)) in {"raised", "test"}:
            return "test"
        if name not in _VERDICT_FIELDS and name not in {event, "value"}:
            continue
        says = verdicts.get(_text(value), "")
        if says == "zero" and name == event:
            return "over"
        if says == "zero" and name not in _SURE_FIELDS and not isinstance(value, str):
            continue
        if says in {"over", "test", "maybe", "released"}:
            return says
        if says == "zero":
            found = "zero"
    return found


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
    """Adds a position, on WGS-84. 0,0 is a receiver without a fix."""
    system = spoken.pop("coordinate_system", None)
    latitude, longitude = number_of(spoken.pop("latitude", None)), number_of(spoken.pop("longitude", None))
    if latitude is None or longitude is None or (latitude == 0 and longitude == 0):
        return
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):
        return
    convert = _DATUMS.get(_text(system))
    if convert is not None:
        latitude, longitude = convert(float(latitude), float(longitude))
    said.add(origin, "latitude", latitude)
    said.add(origin, "longitude", longitude)
