"""The words of devices: what the fields of a payload say, in the words that the catalogue wrote (`notation`).

Rule: a word says only what the catalogue wrote for it. A field without a word is named as left, not guessed.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Final, NamedTuple

from devices.envelope import Json
from devices.instants import RELATIVE_BELOW, any_ms, iso_ms, number_ms, relative
from devices.metrics import METRICS, Kind
from devices.notation import Choice, Claim, Claims, Truth, Vocabulary
from devices.reading import Decoded, Learned, Motion, Reading, Reason, Rejected, TimeSource, Value

Scalar = str | int | float | bool | None
Fields = dict[str, Scalar]
_NO_VALUE = frozenset(
    ("", "unknown", "none", "null", "n/a", "na", "nan", "unavailable", "undefined", "-", "--")
)
_NUMBER = re.compile(r"\s*([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d{1,3})?)(?![0-9xX])")  # 0xffff is no zero
OWN_NUMBER_MS = 600_000
"""How long a device's own number of an event identifies it: devices count from one after a restart."""
_CHANNEL = re.compile(r"([_.])(l?\d+|phase_[abc]|(?:[abc]|left|right|center|top|bottom|inside|outside)$)")
_MAX_LEFT = 32
_MAX_NAME = 60
_MAX_KEY = 200
_MAX_PATH = 200
_MAX_ITEMS = 512
"""More members of lists than a message of the longest frame can have."""


class _No(Enum):
    VALUE = "the field says that it has no value"
    WORD = "the field's value is not a word of this device"
    PLACE = "the field means something else beside the others"


_VALUE: Final = _No.VALUE  # looked up once: an enum's members are slow to reach
_WORD: Final = _No.WORD
_PLACE: Final = _No.PLACE
_QUANTITY, _STATE, _ENUM, _EVENT = Kind.QUANTITY, Kind.STATE, Kind.ENUM, Kind.EVENT


class Origin(NamedTuple):
    """Whose payload it is and when: what its readings have where the payload says nothing of its own."""

    device: str
    received_at: int
    at: int | None = None
    at_source: TimeSource = TimeSource.GATEWAY
    key: str = ""
    good_for_ms: int = 0

    def moment(self, at: int, key: str) -> "Origin":
        """The same device at a moment of its own past."""
        return Origin(self.device, self.received_at, at, TimeSource.DEVICE, key)


@dataclass(slots=True)
class Said:
    """What was said so far while a message is decoded."""

    readings: list[Reading] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    items: int = 0

    def add(self, origin: Origin, metric: str, value: Value, detail: str = "") -> None:
        """One reading in the metric's canonical unit."""
        device, _, at, source, key, good_for_ms = origin
        self.readings.append(
            Reading(device, metric, value, "", at, source, key, detail, None, "", good_for_ms)
        )

    def channel(self, detail: str, since: int = 0) -> None:
        """Says of which part of the device the readings from `since` on are, where they do not say it."""
        readings = self.readings
        for index in range(since, len(readings)):
            if not readings[index].detail:
                readings[index] = readings[index]._replace(detail=detail)

    def names_left(self) -> tuple[str, ...]:
        """The names of the fields that were left, bounded."""
        return tuple([name[:_MAX_NAME] for name in self.left[:_MAX_LEFT]]) if self.left else ()

    def decoded(
        self,
        family: str,
        device: str,
        *,
        learned: Iterable[Learned] = (),
        motion: Iterable[Motion] = (),
        sent_at: int | None = None,
    ) -> Decoded:
        """All of it as the answer to one message ("": of several devices), and what else it told."""
        return Decoded(
            family,
            tuple(self.readings),
            "",
            tuple(self.rejected),
            self.names_left(),
            tuple(learned),
            tuple(motion),
            sent_at,
            device,
        )


def flatten(payload: Mapping[str, Json]) -> tuple[Fields, list[tuple[str, list[Json]]]]:
    """The scalar fields of a payload by dotted path, and its lists. Depth is bounded by the envelope.

    Paths are cut where no real one is so long, so that long names deep inside cost no more than short ones.
    """
    fields: Fields = {}
    lists: list[tuple[str, list[Json]]] = []
    _flatten(payload, "", fields, lists)
    return fields, lists


_NESTED = (dict, list)


def _flatten(
    payload: Mapping[str, Json], prefix: str, fields: Fields, lists: list[tuple[str, list[Json]]]
) -> None:
    for name, value in payload.items():
        path = prefix + name if prefix else name
        if not isinstance(value, _NESTED):
            fields[path] = value
        elif isinstance(value, dict):
            _flatten(value, f"{path[:_MAX_PATH]}.", fields, lists)
        else:
            lists.append((path[:_MAX_PATH], value))


def speak(vocabulary: Vocabulary, payload: Mapping[str, Json], origin: Origin, said: Said) -> None:
    """Adds what a payload says, and its lists of items with their own times, to what was said so far."""
    fields, lists = flatten(payload)
    speak_fields(vocabulary, fields, origin, said)
    for name, items in lists:
        speak_items(vocabulary, name, items, origin, said)


def speak_items(vocabulary: Vocabulary, name: str, items: Iterable[Json], origin: Origin, said: Said) -> None:
    """The members of a list: messages like this one, or parts of it whose fields are `name.field`."""
    alike = name in vocabulary.items
    for item in items:
        said.items += 1
        if not isinstance(item, dict) or said.items > _MAX_ITEMS:
            said.left.append(name)
            return
        if alike:
            at = _time(vocabulary, flatten(item)[0], origin)
            if at is None:
                said.left.append(name)  # history without a time is of no use to anybody
                continue
            speak(vocabulary, item, origin.moment(at, str(at)), said)
        else:
            speak(vocabulary, {f"{name}.{key}": value for key, value in item.items()}, origin, said)


def speak_fields(
    vocabulary: Vocabulary, fields: Fields, origin: Origin, said: Said, clock: TimeSource = TimeSource.DEVICE
) -> Origin:
    """Adds what flat fields say, and returns with which origin: a time among the fields beats the given one.

    `clock` is whose clock such a time is of.
    """
    at = _time(vocabulary, fields, origin) if vocabulary.times else None
    if at is not None:
        origin = Origin(origin.device, origin.received_at, at, clock, origin.key, origin.good_for_ms)
    if vocabulary.keys and not fields.keys().isdisjoint(vocabulary.keys):
        own = "+".join(_text(fields[name]) for name in vocabulary.keys if fields.get(name) is not None)
        if own:
            own = own[:_MAX_KEY]
            origin = Origin(
                origin.device, origin.received_at, origin.at, origin.at_source, own, OWN_NUMBER_MS
            )
    words, parts, truth = vocabulary.words, vocabulary.parts, vocabulary.truth
    device, _, at, source, key, good_for_ms = origin
    for name, value in fields.items():
        word, channel = words.get(name), ""
        if word is None:
            if name in parts:
                continue
            told = len(said.left) + len(said.readings)
            if vocabulary.numbered and len(name) <= _MAX_NAME and told < _MAX_ITEMS:
                any_name, channel = _channel(name)
                word = words.get(any_name)
            if word is None:
                said.left.append(name)
                continue
        if value is None or not word:
            continue
        if isinstance(word, dict):
            chosen = word.get(_text(value), word.get("*"))
            if chosen is None:
                if _text(value) not in _NO_VALUE:
                    said.left.append(name)
            else:
                _certain(chosen, fields, origin, said, channel)
            continue
        number = type(value) is int or type(value) is float
        for one in word:
            found = value if number and one.plain else _measured(one, value, truth, fields)
            if found is _VALUE:
                continue
            if found is _WORD or found is _PLACE:
                if found is _PLACE or len(word) == 1:  # what one of several cannot use is the others'
                    _unusable(one, name, found, device, said)
                continue
            detail = channel if one.detail == "#" else one.detail
            said.readings.append(
                Reading(device, one.metric, found, one.unit, at, source, key, detail, None, "", good_for_ms)
            )
    if not parts or parts.isdisjoint(fields):
        return origin
    for names, choice in vocabulary.joins:
        if names[-1] in fields and None not in (values := [*map(fields.get, names)]):
            chosen = _choose(choice, [*map(_text, values)])
            if chosen is None:
                said.left.append("+".join(names))
            else:
                _certain(chosen, fields, origin, said)
    return origin


@lru_cache(maxsize=4096)
def _channel(name: str) -> tuple[str, str]:
    """A name with `#` in place of its first channel, and that channel; most names have none."""
    found = _CHANNEL.search(name)
    return (f"{name[: found.start(2)]}#{name[found.end() :]}", found.group(2)) if found else ("", "")


def own_time(value: Json, received_at: int) -> int | None:
    """A time that a device itself wrote, as ms UTC; None when it is none, or its clock was never set.

    Families here have no relative times: what would be one is a clock that counts from its start.
    """
    if value is None:
        return None
    if isinstance(value, str) and value.isdecimal() and len(value) < 20:
        value = int(value)
    if type(value) is int or type(value) is float:
        return None if value < RELATIVE_BELOW else number_ms(value, received_at)
    if isinstance(value, str) and value[4:5] == "-" and value[:4].isdigit():
        return iso_ms(value)  # by far the most usual text, and no number
    if relative(value):
        return None
    return any_ms(value, received_at)


def _time(vocabulary: Vocabulary, fields: Fields, origin: Origin) -> int | None:
    for name in vocabulary.times:
        at = own_time(fields.get(name), origin.received_at)
        if at is not None:
            return at
    return None


def _choose(choice: Choice, values: list[str]) -> Claims | None:
    found = choice.get("+".join(values))
    if found is not None:
        return found
    others = len(values) - 1
    for pattern in (values[0] + "+*" * others, "*+" * others + values[-1], "*" + "+*" * others):
        found = choice.get(pattern)
        if found is not None:
            return found
    return None


def _text(value: Scalar) -> str:
    """A value as the catalogue writes it: lower case, whole numbers without a fraction."""
    if isinstance(value, str):
        return value.strip().lower()
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _any_of(names: tuple[str, ...], fields: Fields) -> bool:
    for name in names:
        other, _, value = name.partition("=")
        held = fields.get(other)
        if held is not None and (not value or _text(held) == value):
            return True
    return False


def _certain(claims: Claims, fields: Fields, origin: Origin, said: Said, channel: str = "") -> None:
    """Claims that a choice already decided."""
    for one in claims:
        if one.unless and _any_of(one.unless, fields):
            continue
        detail = channel if one.detail == "#" else one.detail
        kind = one.kind
        if kind is _STATE:
            said.add(origin, one.metric, not one.inverted, detail)
        elif kind is _EVENT:
            said.add(origin, one.metric, value=True, detail=detail)
        elif kind is _ENUM:
            said.add(origin, one.metric, one.detail)


def _measured(one: Claim, value: Scalar, truth: Truth, fields: Fields) -> Value | _No:
    """What a claim whose value is the field's makes of it."""
    if one.conditional:
        if one.unless and _any_of(one.unless, fields):
            return _VALUE
        if (one.without and _any_of(one.without, fields)) or (one.beside and not _any_of(one.beside, fields)):
            return _PLACE
    kind = one.kind
    if kind is _QUANTITY:
        return _quantity(one, value)
    return _enum(one, value) if kind is _ENUM else _state(one, value, truth)


def _unusable(one: Claim, name: str, why: _No, device: str, said: Said) -> None:
    """A field that says nothing here: it is left, or turned down when it must have been a number."""
    if why is _WORD and one.kind is _QUANTITY and one.over is None and one.under is None:
        said.rejected.append(
            Rejected(Reason.WRONG_TYPE, f"{name[:_MAX_NAME]} is no number", device, one.metric)
        )
    else:
        said.left.append(name)


def _quantity(one: Claim, value: Scalar) -> float | int | _No:
    number = value if type(value) is int or type(value) is float else number_of(value)
    if number is None:
        return _VALUE if _text(value) in _NO_VALUE else _WORD
    if one.none and number in one.none:
        return _VALUE
    if one.over is not None and not number > one.over:
        return _WORD
    if one.under is not None and not number < one.under:
        return _WORD
    if one.factor == 1.0:
        return number
    try:
        return round(number * one.factor, 4)
    except OverflowError:  # an integer of hundreds of digits
        return _WORD


def _state(one: Claim, value: Scalar, truth: Truth) -> bool | _No:
    if one.phrase:
        return not one.inverted if one.phrase in _text(value) else _VALUE
    if one.bit >= 0:
        found: bool | None = _bit(_text(value), one.bit)
    elif isinstance(value, bool):
        found = value
    elif one.over is not None:
        number = number_of(value)
        found = None if number is None else number > one.over
    elif isinstance(value, (int, float)):
        found = bool(value) if value in {0, 1} else None
    else:
        found = truth_of(_text(value), one.metric, truth)
        if found is None and _text(value) in _NO_VALUE:
            return _VALUE
    if found is None:
        return _WORD
    if one.kind is _EVENT:
        return True if found is not one.inverted else _VALUE
    return found is not one.inverted


def _bit(binary: str, number: int) -> bool | None:
    """Whether a bit is one, None when the text is no binary number."""
    if not binary or binary.strip("01"):
        return None
    return number < len(binary) and binary[-1 - number] == "1"


def _enum(one: Claim, value: Scalar) -> str | _No:
    text = _text(value)
    if text in _NO_VALUE:
        return _VALUE
    words = METRICS[one.metric].words
    return _WORD if words and text not in words else text


def truth_of(text: str, metric: str, truth: Truth) -> bool | None:
    """What a text says of a state, None when nothing."""
    found = truth.get(metric, {}).get(text)
    return truth["*"].get(text) if found is None else found


def number_of(value: Json) -> float | int | None:
    """A number, also one at the beginning of a text ("100.00", "2.3(low battery)", "28°C")."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, str):
        found = _NUMBER.match(value)
        return float(found.group(1)) if found else None
    return None
