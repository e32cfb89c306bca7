"""The catalogue: which models there are and which words they use. The data are the TOML files beside it.

Rule: a model is data. A device of unknown model gets only the words that mean the same on any model.

A file has a `dialect` (the words of one family, or of several that share them), `[base]` words, and entries:
`models` (codes as printed on the device or in its radio's model attribute), `spoken` (what people call such
a device; used only when no code is recognised), `kind` (what it is: button, bed sensor ...), `expected` (at
most how long it is silent while it works: 90s, 10min, 1h, 25h; "" when it speaks only of events), `words`
(in `devices.notation`; `?` takes a base word away), and `examples`. A model may stand in several entries;
later ones override earlier ones. A dialect that `extends` another has its words and models as well.

Where identifiers are invented by everybody anew, `[names]` lists them by the name that the words use, and
`[happenings]`, `[verdicts]`, `[blocked]` say what event identifiers and their values mean
(`devices.families.thing_model`).

`names.toml` also has other names of its words (`alias`), words before a name that make it something else
(`unlike`), Home Assistant's `classes`, and `units` as devices write them.

An example has the `model`, the `topic` and the message (`payload`, or `text`, or `base64`), and what it
`says` (metric -> value; of `device` only when that is given) and `never` says; the tests decode it through
the front door. Examples of zigbee2mqtt and of LoRaWAN codecs give only what is inside the envelope.
"""

import re
import tomllib
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from operator import itemgetter
from typing import Any

from devices.notation import Vocabulary, vocabulary

_EDGES = "()[]{},;:'\""
_CUT = re.compile(r"[-_.]")
MAX_MODEL = 200
"""The longest name of a model that is looked up, in characters; more of it is not worth learning."""


@dataclass(frozen=True, slots=True)
class Example:
    """A message of a model and what it must say: metric -> value. `never` are metrics it must not say."""

    model: str
    payload: Any
    says: Mapping[str, Any]
    never: tuple[str, ...] = ()
    topic: str = ""
    device: str = ""


def _example(one: dict[str, Any]) -> Example:
    payload = one["payload"] if "payload" in one else one["text"].encode() if "text" in one else None
    if payload is None:
        payload = b64decode(one["base64"], validate=True)
    return Example(
        one.get("model", ""),
        payload,
        one["says"],
        tuple(one.get("never", ())),
        one.get("topic", ""),
        one.get("device", ""),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """Models that share words. Each is itself and no other."""

    name: str
    dialect: str
    models: tuple[str, ...]
    spoken: tuple[str, ...]
    words: Mapping[str, Any]
    examples: tuple[Example, ...]
    kind: str = ""
    expected: str = ""


def _tables() -> Iterator[dict[str, Any]]:
    here = files(__name__)
    for file in sorted(here.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".toml"):
            yield tomllib.loads(file.read_text("utf-8"))


def _entries(table: dict[str, Any]) -> Iterator[Entry]:
    for entry in table.get("entry", ()):
        yield Entry(
            entry["name"],
            table["dialect"],
            tuple(entry.get("models", ())),
            tuple(entry.get("spoken", ())),
            entry.get("words", {}),
            tuple(_example(one) for one in entry.get("examples", ())),
            entry.get("kind", ""),
            entry.get("expected", ""),
        )


_TABLES = tuple(_tables())
TRUTH: dict[str, dict[str, bool]] = {}
"""What texts say of states, for all dialects."""
for _table in _TABLES:
    for _metric, _texts in _table.get("truth", {}).items():
        TRUTH.setdefault(_metric, {}).update(_texts)
ACTIONS: dict[str, frozenset[str]] = {
    name: frozenset(words) for table in _TABLES for name, words in table.get("actions", {}).items()
}
"""Words of zigbee2mqtt's `action`, by what they mean."""
ALIASES: dict[str, tuple[str, ...]] = {
    name: tuple(others) for table in _TABLES for name, others in table.get("alias", {}).items()
}
"""Other names of the words of the dialect `names`."""
UNLIKE: dict[str, frozenset[str]] = {
    name: frozenset(words) for table in _TABLES for name, words in table.get("unlike", {}).items()
}
"""Words that make such a name another one when they come before it; `*`: before any."""
UNITS: dict[str, dict[str, str | float]] = {
    unit: dict(others) for table in _TABLES for unit, others in table.get("units", {}).items()
}
"""Units as devices write them, by the metric's: their UCUM name, or what one of them is in the metric's."""
CLASSES: dict[str, dict[str, Any]] = {
    name: dict(classes) for table in _TABLES for name, classes in table.get("classes", {}).items()
}
"""Home Assistant's device classes by component, and how names bear on them (`names.toml`)."""
ENTRIES: tuple[Entry, ...] = tuple(entry for table in _TABLES for entry in _entries(table))
_EXTENDS: dict[str, str] = {table["dialect"]: table["extends"] for table in _TABLES if "extends" in table}
_OWN: dict[str, dict[str, Any]] = {table["dialect"]: table["base"] for table in _TABLES if "base" in table}


def _lines(dialect: str) -> tuple[str, ...]:
    """A dialect and the one that it extends."""
    return (dialect, _EXTENDS[dialect]) if dialect in _EXTENDS else (dialect,)


BASE: dict[str, dict[str, Any]] = {
    dialect: _OWN.get(_EXTENDS.get(dialect, ""), {}) | words for dialect, words in _OWN.items()
}
"""The words that mean the same on any model, by dialect."""


@dataclass(frozen=True, slots=True)
class Names:
    """What identifiers mean that everybody invents anew: all in the form of `thing_model.folded`.

    `words`: identifier -> the name that the words use. `happenings`: what is in an event's identifier ->
    the word of that event, the first that is in it decides; `ends`: what is in it when it is over, a test ...
    `verdicts`: what a value says of an alarm. `blocked`: what is in the path of a field that is a setting.
    """

    words: Mapping[str, str]
    happenings: tuple[tuple[str, str], ...]
    ends: tuple[tuple[str, str], ...]
    verdicts: Mapping[str, str]
    blocked: tuple[str, ...]


def _reversed(table: dict[str, list[str]]) -> dict[str, str]:
    return {text: name.strip() for name, texts in table.items() for text in texts}


def _names(dialect: str) -> Names:
    tables = [
        table
        for line in _lines(dialect)
        for table in _TABLES
        if table.get("dialect") == line and "names" in table
    ]
    words: dict[str, str] = {}
    for table in reversed(tables):
        words |= _reversed(table["names"])
    return Names(
        words,
        tuple(pair for table in tables for pair in _reversed(table.get("happenings", {})).items()),
        tuple(pair for table in tables for pair in _reversed(table.get("ends", {})).items()),
        {text: said for table in tables for text, said in _reversed(table.get("verdicts", {})).items()},
        tuple(text for table in tables for text in table.get("blocked", {}).get("parts", ())),
    )


NAMES: dict[str, Names] = {dialect: _names(dialect) for dialect in BASE}
"""The identifiers of dialects that have such tables, by dialect."""


def _by_code() -> dict[tuple[str, str], tuple[Entry, ...]]:
    found: dict[tuple[str, str], list[Entry]] = {}
    for entry in ENTRIES:
        for code in entry.models:
            found.setdefault((entry.dialect, code.upper()), []).append(entry)
    return {code: tuple(entries) for code, entries in found.items()}


_BY_CODE = _by_code()


def words_of(dialect: str, *models: str) -> Vocabulary:
    """The vocabulary of a device, by what is known of its model, the most trusted first. Any text will do."""
    for model in models:
        if len(model) > MAX_MODEL:  # never remembered whole
            return _words_of(dialect, tuple([model[:MAX_MODEL] for model in models]))
    return _words_of(dialect, models)


@lru_cache(maxsize=4096)
def _words_of(dialect: str, models: tuple[str, ...]) -> Vocabulary:
    return _vocabulary(dialect, entries_of(dialect, *models))


@lru_cache(maxsize=1024)
def _vocabulary(dialect: str, entries: tuple[Entry, ...]) -> Vocabulary:
    """Shared by all models of the same entries: devices may be called anything."""
    words = dict(BASE.get(dialect, {}))
    for entry in entries:
        words |= entry.words
    return vocabulary({name: word for name, word in words.items() if word != "?"}, TRUTH)


def entries_of(dialect: str, *models: str) -> tuple[Entry, ...]:
    """The entries of the first text that names a known code, else of the first that says what it is."""
    for model in models:
        for code in _codes(model[:MAX_MODEL]):
            for spoken in _lines(dialect):
                found = _BY_CODE.get((spoken, code))
                if found:
                    return found
    for model in models:
        text = f" {' '.join(re.split(r'[^a-z0-9]+', model[:MAX_MODEL].lower()))} "
        for spoken in _lines(dialect):
            named = [
                (name.count(" "), entry)
                for entry in ENTRIES
                if entry.dialect == spoken
                for name in entry.spoken
                if f" {name} " in text
            ]
            if named:  # "bed occupancy" is not anybody's: most words, then the first
                return (max(named, key=itemgetter(0))[1],)
    return ()


def entries_of_any(model: str) -> tuple[Entry, ...]:
    """The entries of any dialect that a text names, where the device's family is not known."""
    return tuple(dict.fromkeys(entry for dialect in _DIALECTS for entry in entries_of(dialect, model)))


_DIALECTS = tuple(dict.fromkeys(entry.dialect for entry in ENTRIES))
NEED_A_MODEL: frozenset[str] = frozenset(
    name
    for entry in ENTRIES
    for name, word in entry.words.items()
    if (not isinstance(word, str) or word not in {"", "?"}) and name not in BASE.get(entry.dialect, {})
)
"""Fields that some model's words understand, and no other's: left where the model is not known."""


@lru_cache(maxsize=4096)
def known_model(model: str) -> bool:
    """Whether a text names a model of any dialect."""
    return bool(entries_of_any(model[:MAX_MODEL]))


_UNITS_MS = {"s": 1_000, "min": 60_000, "h": 3_600_000}


def expected_ms(entry: Entry) -> int | None:
    """How long such a device is silent at most while it works, in ms; None when it speaks only of events."""
    found = re.fullmatch(r"(\d+)(s|min|h)", entry.expected)
    return int(found[1]) * _UNITS_MS[found[2]] if found else None


def _codes(model: str) -> Iterator[str]:
    """What in a text may be a model's code: the whole, its words, their parts, and these shortened.

    A code may be of two or three words ("MCT-350 SMA"); such a one stands first, or after the maker's name.
    """
    yield model.strip().upper()
    words = model.upper().split()
    for first in (0, 1):
        for last in (first + 3, first + 2):
            yield " ".join(words[first:last])
    for word in words:
        bare = word.strip(_EDGES)
        yield word
        yield bare
        for part in bare.split("/"):
            yield part
            cuts = [cut.start() for cut in _CUT.finditer(part)]
            for cut in reversed(cuts):
                yield part[:cut]
            for cut in cuts:  # after its maker: "tabs-tbms100"
                if any(letter.isdigit() for letter in part[cut + 1 :]):
                    yield part[cut + 1 :]
