"""What a name says: the free names that people and firmware give to what they measure.

Rule: a name says something only when it ends with a key of the catalogue (`names.toml`) and no word before it
makes it something else; what it says of a value is the catalogue's word.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple, TypeVar

from devices.catalogue import ALIASES, CLASSES, UNITS, UNLIKE, words_of
from devices.metrics import METRICS, Kind
from devices.reading import Reading
from devices.words import Origin, Said, Scalar, number_of, speak_fields

DIALECT = "names"

_URGENT = CLASSES["calls"]["urgent"]
CALLS = tuple(form.lower().encode() for word in _URGENT for form in dict.fromkeys((word, ascii(word)[1:-1])))
"""What is in names of calls besides the words of `devices.urgency`, in UTF-8 and as JSON's escapes."""

_MAX_NAME = 200
_PARTS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[^\W\d_a-zA-Z]")
_PADDING = frozenset(
    "sensor value detected detection detector reading measurement level pressed triggered active binary "
    "button event alert now current concentration degrees percent".split()
)
"""Words that may follow a name and change nothing."""
_STATED = frozenset(("state", "status"))
"""Words that may follow the name of a state or an event; that of a quantity is something else then."""
_THINGS = frozenset(("sensor", "detector", "device"))
"""Things that have a state of their own, which is not what they measure."""
_SIDES = frozenset(("left", "right"))
_OF_A_SLEEPER = frozenset(
    (
        *("bed_occupied", "out_of_bed", "bed_empty", "bed_exit", "bed_enter", "sleep_stage"),
        *("heart_rate", "respiratory_rate", "body_movement", "heart_rate_variability"),
    )
)


class Meaning(NamedTuple):
    """Which key of the catalogue a name ends with. `side` is whose, in a bed for two."""

    key: str
    side: str = ""


def _compact(name: str) -> str:
    return name.replace("_", "")


_VOCABULARY = words_of(DIALECT)
_KEYS = {_compact(key): key for key in _VOCABULARY.words}
_KEYS |= {_compact(alias): key for key, aliases in ALIASES.items() for alias in aliases}
_QUANTITIES = frozenset(
    key
    for key, word in _VOCABULARY.words.items()
    if isinstance(word, tuple) and any(claim.kind is Kind.QUANTITY for claim in word)
)
_LONGEST = max(len(key) for key in _KEYS)


def words_in(name: str) -> list[str]:
    """The words of a name, lower case: `Ward3/Vitals/HeartRate` has ward, 3, vitals, heart, rate."""
    return [part.lower() for part in _PARTS.findall(name[:_MAX_NAME])]


_Said = TypeVar("_Said")


def _remembered(tell: Callable[[str], _Said]) -> Callable[[str], _Said]:
    """What was told of a name is remembered. Of a long one the beginning counts, no more of it is held."""
    held = lru_cache(maxsize=65_536)(tell)
    return lambda name: held(name[:_MAX_NAME])


@_remembered
def meaning(name: str) -> Meaning | None:
    """What a name says, None when nothing. Any text will do."""
    words, side, stated = words_in(name), "", False
    while words:
        found = _ending(words)
        if found is not None:
            key, before = found
            if not _like(key, before) or (stated and key in _QUANTITIES):
                return None
            if not side and before and before[-1] in _SIDES:
                side = before[-1]
            return Meaning(key, side if key in _OF_A_SLEEPER else "")
        last = words.pop()
        if last in _SIDES:
            side = last
        elif last in _STATED:
            if words and words[-1] in _THINGS:
                return None
            stated = True
        elif last not in _PADDING and not last.isdigit():
            return None
    return None


def _ending(words: list[str]) -> tuple[str, list[str]] | None:
    """The longest key that the words end with, and what is before it."""
    text = ""
    longest: tuple[str, int] | None = None
    for position in range(len(words) - 1, -1, -1):
        text = words[position] + text
        if len(text) > _LONGEST:
            break
        key = _KEYS.get(text)
        if key is not None:
            longest = key, position
    if longest is None:
        return None
    key, position = longest
    return key, words[:position]


def _like(key: str, before: list[str]) -> bool:
    """Whether the words before a key let it be what it is."""
    return (
        key != "unclear" and UNLIKE["*"].isdisjoint(before) and UNLIKE.get(key, _NOTHING).isdisjoint(before)
    )


_NOTHING: frozenset[str] = frozenset()


@_remembered
def calls(name: str) -> bool:
    """Whether a press of a thing of this name is a call for help, whatever kind of thing it is."""
    words = words_in(name)
    if not _UNCALLING.isdisjoint(words):
        return False
    found = meaning(name)
    return not _CALLING.isdisjoint(words) or (found is not None and found.key == "sos")


_CALLING, _UNCALLING = frozenset(CLASSES["calls"]["sos"]), frozenset(CLASSES["calls"]["unlike"])


def first_meaning(names: Iterable[str]) -> Meaning | None:
    """What the first of several names of one thing says that says anything; None when another contradicts.

    What is called both `temperature` and `outdoor temperature` is the latter.
    """
    found: Meaning | None = None
    for name in names:
        one = meaning(name)
        if one is not None:
            found = found or one
        elif contradicts(name):
            return None
    return found


@_remembered
def contradicts(name: str) -> bool:
    """Whether a name ends with a key that the words before it make something else."""
    words = words_in(name)
    while words:
        found = _ending(words)
        if found is not None:
            return not _like(*found)
        if words.pop() not in _PADDING | _STATED:
            return False
    return False


def say(name: str, value: Scalar, origin: Origin, said: Said, unit: str = "") -> None:
    """Adds what a field of this name says; what it does not say is left by its name."""
    found = meaning(name)
    if found is None:
        said.left.append(name)
    else:
        say_word(found, value, origin, said, unit, called=name)


def say_word(
    found: Meaning, value: Scalar, origin: Origin, said: Said, unit: str = "", called: str = ""
) -> None:
    """Adds what a value means under a key of the catalogue. What says nothing is left as `called`."""
    if found.side:
        origin = beside(origin, found.side)
    claim = _PLAIN.get(found.key)
    if claim is not None and value is not None and not unit and type(value) in claim[2]:
        metric, none, _ = claim  # the short way of most messages
        if value not in none:
            said.add(origin, metric, value)
        return
    here = Said()
    speak_fields(_VOCABULARY, {found.key: value}, origin, here)
    if here.left:
        said.left.append(called or found.key)
    said.rejected += here.rejected
    for reading in here.readings:
        measured = in_unit(reading, unit) if unit else _unless_volts(reading)
        if measured is None:
            said.left.append(called or found.key)
        else:
            said.readings.append(measured)


def _plain() -> Iterator[tuple[str, tuple[str, frozenset[float], tuple[type, ...]]]]:
    """The keys whose word is one claim of the value as it is: metric, numbers that are none, types."""
    for key, word in _VOCABULARY.words.items():
        if isinstance(word, tuple) and len(word) == 1:
            one = word[0]
            if one.kind is Kind.QUANTITY and not one.unit:
                yield key, (one.metric, one.none, (float, int))
            elif one.kind is Kind.STATE and not one.inverted:
                yield key, (one.metric, frozenset(), (bool,))


_PLAIN = dict(_plain())


def beside(origin: Origin, side: str) -> Origin:
    """The same message about one side of a bed for two."""
    if not side:
        return origin
    return Origin(
        f"{origin.device}/{side}",
        origin.received_at,
        origin.at,
        origin.at_source,
        origin.key,
        origin.good_for_ms,
    )


def _unless_volts(reading: Reading) -> Reading | None:
    """A battery of 3.05 without a unit is volts as well as per cent."""
    level = reading.value
    unclear = reading.metric == "battery" and isinstance(level, float) and 0 < level < 5 and level % 1
    return None if unclear else reading


def in_unit(reading: Reading, unit: str) -> Reading | None:
    """A reading whose number the device gave in this unit; None when no such thing is measured in it."""
    metric = METRICS[reading.metric]
    if metric.kind is not Kind.QUANTITY:
        return reading
    unit = unit.strip().lower()
    if reading.metric == "battery" and unit in UNITS["V"]:
        reading, metric = reading._replace(metric="battery_voltage"), METRICS["battery_voltage"]
    elif reading.metric == "rssi" and unit == "%":
        reading, metric = reading._replace(metric="link_quality"), METRICS["link_quality"]
    known = UNITS.get(metric.unit)
    if known is None or not unit:
        return reading
    found = known.get(unit)
    if found is None:
        return None
    if isinstance(found, str):
        return reading._replace(unit=found)
    number = number_of(reading.value)
    try:
        return None if number is None else reading._replace(value=round(number * found, 4))
    except OverflowError:
        return None


def scalar_of(text: str) -> Scalar:
    """A plain text payload as a number where it is one: `21.5`, `nan`."""
    try:
        return float(text)
    except ValueError:
        return text.strip()
