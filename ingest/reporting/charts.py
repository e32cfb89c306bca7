"""Charts as SVG in a page: bars and columns. Rule: every mark has its number; colour says nothing alone.

Sizes are CSS pixels; colours are the page's variables, so that they follow light, dark and print.
"""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

_ROW, _LABEL, _WIDTH, _NUMBER = 26, 190, 320, 110
_HEIGHT, _FOOT, _HEAD = 120, 22, 18


class Bar(NamedTuple):
    """A bar: its label, how long it is (0 to 1), its number in words, whether it meets a target, if any."""

    label: str
    part: float
    words: str
    met: bool | None = None


def bars(title: str, shown: Sequence[Bar], target: float | None = None) -> str:
    """Horizontal bars, one a row, with the target as a line; "" where there is nothing to show."""
    if not shown:
        return ""
    height = len(shown) * _ROW + 8
    parts = [_begin(title, _LABEL + _WIDTH + _NUMBER, height)]
    for number, bar in enumerate(shown):
        y, length = number * _ROW + 4, max(1.0, min(bar.part, 1.0) * _WIDTH)
        mark = {None: "", True: " ✓", False: " ✗"}[bar.met]
        parts.append(
            f'<text x="{_LABEL - 8}" y="{y + 15}" text-anchor="end">{escape(_short(bar.label))}'
            f"<title>{escape(bar.label)}</title></text>"
            f'<rect class="bar{" missed" if bar.met is False else ""}" x="{_LABEL}" y="{y + 2}"'
            f' width="{length:.1f}" height="{_ROW - 8}" rx="2"/>'
            f'<text x="{_LABEL + length + 6:.1f}" y="{y + 15}">{escape(bar.words)}{mark}</text>'
        )
    if target is not None:
        x = _LABEL + target * _WIDTH
        parts.append(f'<line class="target" x1="{x:.1f}" y1="0" x2="{x:.1f}" y2="{height}"/>')
    return "".join((*parts, "</svg></figure>"))


def columns(title: str, shown: Sequence[tuple[str, float]]) -> str:
    """Columns side by side, the highest with its number; "" where there is nothing to show."""
    if not shown or not any(number for _, number in shown):
        return ""
    most = max(number for _, number in shown)
    each = (_LABEL + _WIDTH + _NUMBER) / len(shown)
    parts = [_begin(title, _LABEL + _WIDTH + _NUMBER, _HEAD + _HEIGHT + _FOOT)]
    for place, (label, number) in enumerate(shown):
        height, x = number / most * _HEIGHT, place * each
        parts.append(
            f'<rect class="bar" x="{x + 2:.1f}" y="{_HEAD + _HEIGHT - height:.1f}" width="{each - 4:.1f}"'
            f' height="{height:.1f}" rx="2"><title>{escape(label)}: {number:g}</title></rect>'
            f'<text class="small" x="{x + each / 2:.1f}" y="{_HEAD + _HEIGHT + 15}" text-anchor="middle">'
            f"{escape(label)}</text>"
        )
        if number == most or len(shown) <= 12:
            parts.append(
                f'<text class="small" x="{x + each / 2:.1f}" y="{_HEAD + _HEIGHT - height - 4:.1f}"'
                f' text-anchor="middle">{number:g}</text>'
            )
    return "".join((*parts, "</svg></figure>"))


def _begin(title: str, width: float, height: float) -> str:
    return (
        f"<figure><figcaption>{escape(title)}</figcaption>"
        f'<svg role="img" aria-label="{escape(title)}" viewBox="0 0 {width:.0f} {height:.0f}"'
        f' width="{width:.0f}" height="{height:.0f}">'
    )


def _short(label: str) -> str:
    return label if len(label) <= 26 else label[:25] + "…"
