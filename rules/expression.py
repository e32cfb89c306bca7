"""Conditions in CEL, as people write them in a rule file. Rule: what compiles here has types and an end.

The Common Expression Language, without what could take long or hide a mistake: comparisons, `&&`, `||`, `!`,
`in`, arithmetic and brackets; no functions, no macros over lists, no members. So an evaluation is one pass
over a text of at most MAX_LENGTH characters. Every name is of NAMES, every comparison between things that can
be compared, every word one that its name can have: CEL itself would find out only while evaluating, and a
rule that is never true helps nobody. CEL keeps whole and other numbers apart; here all are numbers.

A value that is not known is not there: what depends on it is unknown, and unknown is never true. As CEL has
it, `a || b` is true when one is, and `a && b` false when one is false, whatever the other.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import pairwise
from typing import TYPE_CHECKING

from devices.metrics import METRICS
from devices.metrics import Kind as MetricKind
from devices.reading import Value
from devices.registry import CareLevel, Risk, RiskLevel

if TYPE_CHECKING:
    import cel

MAX_LENGTH = 500
OF_RISK = {f"risk_{risk}": risk for risk in Risk}
"""The risks by the names that they have in the registry's files."""

_TOKEN = re.compile(
    r"""\s+|(?P<text>"[^"\\\n]*"|'[^'\\\n]*')|(?P<number>\d+(?:\.\d+)?)|(?P<name>[A-Za-z_]\w*)"""
    r"""|(?P<sign>&&|\|\||==|!=|<=|>=|[<>!+\-*/()\[\],])""",
    re.ASCII,
)
_WORDS = frozenset(("true", "false", "in"))
_SPOKEN = {"and": "&&", "or": "||", "not": "!", "AND": "&&", "OR": "||", "NOT": "!"}
_PLACE = re.compile(r"<input>:\d+:(\d+): (?:Syntax error: )?([^\n]*)")
_FAILED = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)


def _sample(metric: str) -> Value:
    match METRICS[metric].kind:
        case MetricKind.QUANTITY:
            return 1.0
        case MetricKind.ENUM:
            return next(iter(METRICS[metric].words), "")
        case _:
            return True


NAMES: Mapping[str, Value] = {
    **{metric: _sample(metric) for metric in METRICS},
    **dict.fromkeys(OF_RISK, RiskLevel.LOW.value),
    "care_level": CareLevel.LEVEL_1.value,
    "local_time": "12:00",
}
"""What a condition can name, each with a value of its type."""


WORDS: Mapping[str, tuple[str, ...]] = {
    **{metric.name: metric.words for metric in METRICS.values() if metric.words},
    **dict.fromkeys(OF_RISK, tuple(level.value for level in RiskLevel)),
    "care_level": tuple(level.value for level in CareLevel),
}
"""The words that a name can have, where they are known."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A condition that can be evaluated, and the names in it."""

    text: str
    names: frozenset[str]
    program: "cel.Program"

    def __call__(self, values: Mapping[str, Value]) -> bool | None:
        """Whether it is so, given what is known; None: unknown."""
        try:
            found = self.program.execute(dict(values))
        except _FAILED:
            return None
        return found if isinstance(found, bool) else None


def compiled(text: str) -> Expression:
    """The condition that a text is. ValueError says what to put right, for the person who wrote it."""
    if len(text) > MAX_LENGTH:
        raise ValueError(f"has {len(text)} characters: at most {MAX_LENGTH}; make two rules of it")
    tokens = list(_tokens(text))
    names = {token for kind, token in tokens if kind == "name"} - _WORDS
    for (kind, token), (_, then) in pairwise(tokens):
        if kind == "name" and token not in _WORDS and then == "(":
            raise ValueError(f"{token}(...): there are no functions here, only values and comparisons")
    for name in sorted(names - NAMES.keys()):
        raise ValueError(_unknown(name))
    _program(text)  # for the places of mistakes in what was written
    program = _program(_written(tokens))
    for piece in _pieces(tokens):
        _check(piece)
    if not names & METRICS.keys():
        raise ValueError("names no metric: about what should it be asked?")
    return Expression(text, frozenset(names), program)


_Token = tuple[str, str]
"""What it is (text, number, name or sign), and how it is written."""


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(_stray(text, at))
        at = match.end()
        if match.lastgroup:
            yield match.lastgroup, match[0]


def _stray(text: str, at: int) -> str:
    match text[at]:
        case "=":
            return f'character {at + 1}: write "==" to compare'
        case "&" | "|":
            return f'character {at + 1}: write "&&" for and, "||" for or'
        case _:
            return f"character {at + 1}: {text[at]!r} has no meaning in a condition"


def _unknown(name: str) -> str:
    if name in _SPOKEN:
        return f'write "{_SPOKEN[name]}" for {name}'
    near = get_close_matches(name, NAMES, n=1)
    hint = (
        f'; did you mean "{near[0]}"?' if near else ": name a metric, care_level, risk_fall ..., local_time"
    )
    return f'there is no "{name}"{hint}'


def _written(tokens: Iterable[_Token]) -> str:
    """As CEL is to have it: every number is a double."""
    return " ".join(
        f"{token}.0" if kind == "number" and "." not in token else token for kind, token in tokens
    )


def _program(text: str) -> "cel.Program":
    import cel  # it brings a command line along, a quarter of a second of imports: for whom has a condition

    try:
        return cel.compile(text)
    except ValueError as error:
        found = _PLACE.search(str(error))
        where = f"character {found[1]}: {found[2].partition(' expecting ')[0]}" if found else "unreadable"
        plain = where.replace("<EOF>", "the end").replace("mismatched input", "unexpected")
        raise ValueError(f"no condition in CEL: {plain}") from None


def _pieces(tokens: Sequence[_Token]) -> Iterator[list[_Token]]:
    """What stands between `&&` and `||`, without the brackets that reach beyond it."""
    piece: list[_Token] = []
    for token in [*tokens, ("sign", "&&")]:
        if token[1] not in {"&&", "||"}:
            piece.append(token)
            continue
        signs = [sign for _, sign in piece]
        opened = signs.count("(") - signs.count(")")
        while opened > 0 and piece[0][1] in {"(", "!"}:
            opened -= piece.pop(0)[1] == "("
        while opened < 0 and piece[-1][1] == ")":
            opened += piece.pop()[1] == ")"
        if opened == 0:
            yield piece
        piece = []


def _check(piece: Sequence[_Token]) -> None:
    """ValueError unless a piece is a condition about things that can be compared, and can be so."""
    written = " ".join(token for _, token in piece)
    is_condition = isinstance(_tried(piece), bool)
    if not is_condition:
        raise ValueError(f"{written}: is no condition, or compares or reckons with different kinds of things")
    depth = 0
    for n, (_, token) in enumerate(piece):
        depth += (token in {"(", "["}) - (token in {")", "]"})
        if depth or token not in {"==", "!=", "in"}:
            continue
        left, right = _tried(piece[:n]), _tried(piece[n + 1 :])
        others = right if isinstance(right, list) else [right]
        if any(type(left) is not type(other) for other in others):
            raise ValueError(f"{written}: never so, for the two sides are different kinds of things")
        name = piece[0][1] if n == 1 else ""
        for other in others if all(kind != "name" for kind, _ in piece[n + 1 :]) else ():
            if name in WORDS and other not in WORDS[name]:
                raise ValueError(f'{name} is never "{other}": it is {", ".join(WORDS[name])}')


def _tried(piece: Iterable[_Token]) -> object:
    """The value of a piece when every name has its sample; None where there is none."""
    try:
        return _program(_written(piece)).execute(dict(NAMES))
    except _FAILED:
        return None
