"""The notation of words: how the catalogue writes what a field of a payload claims (`devices.words` says it).

Rule: what is not of the notation is a mistake in the catalogue, and found when it is read.

A word is one claim, several, or a choice by the field's value (`*`: any other value). A claim is written

    [not] metric[:detail] [in unit] [* factor] [except number ...] [over number] [under number]
    [unless field ...] [without field ...] [with field ...] [bit number] [if text]

- `in`: the unit the device uses; `* factor`: what makes its number one in the metric's own unit;
- `except`: numbers that mean "no value"; `over`, `under`: a number that is not over, under this one is left,
  and a state with `over` is whether its number is over it;
- `unless`: gives way to another field, which says it better (`field=value`: when it has this value);
  `without`: is left beside such a field; `with`: is left where none such is beside it;
- `bit`: whether this bit of the field, a number written in binary, is one; the last is bit 0;
- `if`: true when the field's text contains this text, which goes to the end of the claim.

Three claims are about the message: `at` (its time), `key` (what identifies the physical event) and `items`
(a list whose members are messages like this one). A field name `a+b` is the values of `a` and `b` joined by
`+`, when both are there; in its choice `*` stands for any value of a part. `#` in a name is any channel
(`_2`, `.3`, `_l1`, `_phase_b`, `_left`), and in a detail the one that was read.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from devices.metrics import METRICS, Kind

Truth = Mapping[str, Mapping[str, bool]]
"""What texts say of a state: metric -> text -> true or false; `*` holds those that say so of any state."""

_ABOUT_MESSAGE = frozenset(("at", "key", "items"))
_KEYWORDS = frozenset(("in", "*", "except", "over", "under", "unless", "without", "with", "bit"))


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim of a word; the module's docstring has the notation."""

    metric: str
    kind: Kind
    inverted: bool = False
    detail: str = ""
    unit: str = ""
    factor: float = 1.0
    none: frozenset[float] = frozenset()
    over: float | None = None
    unless: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    phrase: str = ""
    under: float | None = None
    beside: tuple[str, ...] = ()
    bit: int = -1
    conditional: bool = False  # whether other fields decide about it
    plain: bool = False  # whether any number of the field is the value as it is


Claims = tuple[Claim, ...]
Choice = dict[str, Claims]
Word = Claims | Choice


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All words of one device. `joins` are those over several fields; `parts` the fields they are made of."""

    words: Mapping[str, Word]
    truth: Truth
    joins: tuple[tuple[tuple[str, ...], Choice], ...] = ()
    parts: frozenset[str] = frozenset()
    times: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    items: frozenset[str] = frozenset()
    numbered: bool = True  # whether some of its words are of any channel


def claim(written: str) -> Claim:
    """A claim from its notation. Raises ValueError for what is not of it: a mistake in the catalogue."""
    text, _, phrase = written.partition(" if ")
    tokens = text.split()
    inverted = tokens[0] == "not"
    metric, _, detail = tokens[inverted].partition(":")
    if metric in _ABOUT_MESSAGE:
        return Claim(metric, Kind.ENUM)
    if metric not in METRICS:
        raise ValueError(f"no such metric: {written!r}")
    given: dict[str, list[str]] = {}
    keyword = ""
    for token in tokens[inverted + 1 :]:
        if token in _KEYWORDS:
            keyword = token
            given[keyword] = []
        elif keyword:
            given[keyword].append(token)
        else:
            raise ValueError(f"not a claim: {written!r}")
    return Claim(
        metric,
        METRICS[metric].kind,
        inverted,
        detail,
        " ".join(given.get("in", ())),
        float(given["*"][0]) if "*" in given else 1.0,
        frozenset(map(float, given.get("except", ()))),
        float(given["over"][0]) if "over" in given else None,
        tuple(given.get("unless", ())),
        tuple(given.get("without", ())),
        phrase.strip().lower(),
        float(given["under"][0]) if "under" in given else None,
        tuple(given.get("with", ())),
        int(given["bit"][0]) if "bit" in given else -1,
        any(given.get(keyword) for keyword in ("unless", "without", "with")),
        METRICS[metric].kind is Kind.QUANTITY and not given.keys() - {"in"},
    )


def vocabulary(words: Mapping[str, object], truth: Truth) -> Vocabulary:
    """A vocabulary from its notation (TOML values). Raises ValueError for what is not of it."""
    known: dict[str, Word] = {}
    joins: list[tuple[tuple[str, ...], Choice]] = []
    about: dict[str, list[str]] = {name: [] for name in _ABOUT_MESSAGE}
    for name, written in words.items():
        word = _word(written)
        if "+" in name:
            if not isinstance(word, dict):
                raise ValueError(f"{name}: joined fields need a choice")
            joins.append((tuple(name.split("+")), word))
        elif not isinstance(word, dict) and word and word[0].metric in _ABOUT_MESSAGE:
            about[word[0].metric].append(name)
            known[name] = ()
        else:
            known[name] = word
    return Vocabulary(
        known,
        truth,
        tuple(joins),
        frozenset(part for parts, _ in joins for part in parts),
        tuple(about["at"]),
        tuple(about["key"]),
        frozenset(about["items"]),
        any("#" in name for name in known),
    )


def _word(written: object) -> Word:
    if isinstance(written, dict):
        return {str(value).lower(): _claims(claims) for value, claims in written.items()}
    return _claims(written)


def _claims(written: object) -> Claims:
    if isinstance(written, str):
        return (claim(written),) if written else ()
    if isinstance(written, list):
        return tuple(claim(str(one)) for one in written)
    raise ValueError(f"neither a claim nor a list of them: {written!r}")
