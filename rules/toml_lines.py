"""Where in a TOML text things stand, which tomllib does not tell. Rule: for valid TOML; never raises.

It reads headers and keys and steps over values: what stands inside an inline table or an array has the line
of the key that it belongs to.
"""

import re
from collections.abc import Mapping

Path = tuple[str | int, ...]

_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_DOTTED = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_DOTTED})\s*\]")
_KEY = re.compile(rf"\s*({_DOTTED})\s*=")
_PARTS = re.compile(_PART)
_OPAQUE = re.compile(
    r'"""(?:[^\\]|\\.)*?"""' r"|'''.*?'''" r'|"(?:[^"\\\n]|\\.)*"' r"|'[^'\n]*'" r"|\#[^\n]*", re.DOTALL
)
_STRING = re.compile(r""""(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")


def lines(text: str) -> dict[Path, int]:
    """The line (from 1) of every header and key: ("rule", 0, "every") -> 7."""
    found: dict[Path, int] = {}
    sizes: dict[Path, int] = {}
    table: Path = ()
    depth = 0
    for number, line in enumerate(_OPAQUE.sub(_one_line, text).split("\n"), start=1):
        rest = line
        if depth == 0:
            if header := _HEADER.match(line):
                table = _table(_parts(header[2]), sizes, starts=header[1] == "[[")
                _note(found, (), table, number)
                continue
            if key := _KEY.match(line):
                _note(found, table, _parts(key[1]), number)
                rest = line[key.end() :]
        rest = _STRING.sub("", rest)
        depth += sum(map(rest.count, "[{")) - sum(map(rest.count, "]}"))
    return found


def line_of(found: Mapping[Path, int], path: Path) -> int:
    """The line of a path, else of the nearest thing around it; 1 when there is none."""
    while path and path not in found:
        path = path[:-1]
    return found.get(path, 1)


def _one_line(opaque: re.Match[str]) -> str:
    """Strings over several lines, and comments, made harmless without moving a line."""
    text = opaque[0]
    if text.startswith(('"""', "'''")):
        return '""' + "\n" * text.count("\n")
    return "" if text.startswith("#") else text


def _parts(dotted: str) -> Path:
    return tuple(part.strip("\"'") for part in _PARTS.findall(dotted))


def _table(parts: Path, sizes: dict[Path, int], *, starts: bool) -> Path:
    """The path of a header: the number of the element after each name of an array of tables."""
    path: Path = ()
    for n, part in enumerate(parts, start=1):
        path = (*path, part)
        if starts and n == len(parts):
            sizes[path] = sizes.get(path, 0) + 1
        if path in sizes:
            path = (*path, sizes[path] - 1)
    return path


def _note(found: dict[Path, int], table: Path, parts: Path, number: int) -> None:
    for n in range(1, len(parts) + 1):
        found.setdefault((*table, *parts[:n]), number)
