"""One recording as a picture (PNG): signal, candidates, decisions, calls. Rule: the same bytes each time.

Above how strong the acceleration is, with every impact that was judged and when people were called; below the
three axes. A noted fall is shaded.
"""

import warnings
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ingest.falls.figures import Outcome, wrong
from ingest.falls.recordings import Recording

_INCHES, _DPI = (11.0, 5.5), 100
_FALL, _NO_FALL, _NOTED = "#b2182b", "#2166ac", "#fddbc7"
_AXES = ("#7a7a7a", "#a6761d", "#1b9e77")
_CJK = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "Noto Sans CJK JP",
    "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Microsoft YaHei", "SimHei", "PingFang SC", "PingFang HK",
    "Heiti SC", "Hiragino Sans GB", "Droid Sans Fallback", "SimSun", "AR PL UMing CN",
)  # fmt: skip
_SIGNS = "_.#+"
_LONGEST_BYTES = 140  # what also an encrypted file system takes
_HASH = 10


class Judged(NamedTuple):
    """A model's verdict on an impact, `impact_s` s into the recording."""

    impact_s: float
    provisional: bool
    fall: bool
    confidence: float
    evidence: str


def draw(
    recording: Recording,
    outcome: Outcome,
    judged: Sequence[Judged],
    path: Path,
    limits: tuple[float, float] | None = None,
) -> None:
    """Write the picture of a recording that was played; needs matplotlib (the extra `falls`).

    `limits` are what a model calls a fall from, at 1.0 s and at 2.5 s.
    """
    import matplotlib as mpl
    from matplotlib.font_manager import fontManager

    families = fonts(font.name for font in fontManager.ttflist)
    with mpl.rc_context({"font.family": families}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # no font for it: an empty box
        _draw(recording, outcome, judged, path, limits)


def fonts(known: Iterable[str]) -> list[str]:
    """The fonts to write with, of those that matplotlib knows: one that has Chinese where there is one."""
    there = set(known)
    return ["DejaVu Sans", *[name for name in _CJK if name in there][:1]]


def _draw(
    recording: Recording,
    outcome: Outcome,
    judged: Sequence[Judged],
    path: Path,
    limits: tuple[float, float] | None,
) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=_INCHES, dpi=_DPI, layout="constrained")
    strength, axes = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    t_s = recording.t_s - recording.t_s[0]
    level = np.linalg.norm(recording.xyz.astype(np.float64), axis=1)
    last_s = max([float(t_s[-1]), 0.1, *(alarm.called_s for alarm in outcome.alarms)])
    strength.plot(t_s, level, color="black", linewidth=0.8)
    for number, color in enumerate(_AXES):
        axes.plot(t_s, recording.xyz[:, number], color=color, linewidth=0.7, label="xyz"[number])
    if recording.fall_start_s is not None and recording.fall_end_s is not None:
        times = np.array([recording.fall_start_s, recording.fall_end_s]) - recording.t_s[0]
        noted = np.clip(times, -1.0, last_s + 1).tolist()
        for part in (strength, axes):
            part.axvspan(noted[0], noted[1], color=_NOTED, zorder=0)
    top = max(float(level.max(initial=0.0, where=np.isfinite(level))), 1.5)
    for one in judged:
        height = float(np.interp(one.impact_s, t_s, level))
        color = _FALL if one.fall else _NO_FALL
        marker = "v" if one.provisional else "o"
        strength.plot([one.impact_s], [height], marker, color=color, fillstyle="full" if one.fall else "none")
        up = 0.06 if one.provisional else 0.14
        strength.text(one.impact_s, height + up * top, f"{one.confidence:.2f}", color=color, fontsize=7)
    for alarm in outcome.alarms:
        for part in (strength, axes):
            part.axvline(alarm.called_s, color=_FALL, linewidth=1.2)
        strength.text(
            alarm.called_s, top * 1.25, f" called: {alarm.evidence}", color=_FALL, fontsize=8, va="top"
        )
    strength.set_xlim(-0.02 * last_s, 1.02 * last_s)
    strength.set_ylim(0, top * 1.3)
    strength.set_ylabel("|a| in g")
    axes.set_ylabel("g")
    said = "s; judged at +1.0 s (triangle), +2.5 s (circle): filled is a fall, the number its confidence"
    axes.set_xlabel(f"{said}, a fall from {limits[0]:.2f}, {limits[1]:.2f} on" if limits else said)
    axes.legend(loc="upper left", ncols=3, fontsize=7, frameon=False)
    title = f"{recording.name}, {recording.age_group}: {result(outcome)}"
    strength.set_title(title, fontsize=10, loc="left", parse_math=False)
    figure.savefig(path, format="png", metadata={"Software": None})


def result(outcome: Outcome) -> str:
    """What came of it, in words."""
    if outcome.is_fall:
        return "fall, missed" if wrong(outcome) else "fall, detected"
    return f"no fall, {len(outcome.alarms)} called" if wrong(outcome) else "no fall, none called"


def file_name(recording: Recording, perturbation: str = "") -> str:
    """A name for its file: letters, digits and a few signs; another one for each recording and perturbation.

    Where that does not tell it from all others, or is too long, what tells it is added.
    """
    parts = [recording.dataset, recording.position, recording.subject, recording.activity, recording.trial]
    name = "/".join([*parts, perturbation] if perturbation else parts)
    plain = "".join(c if c.isalnum() or c in f"-{_SIGNS}" else "-" for c in name)
    clear = all(c.isalnum() or c in _SIGNS for part in parts for c in part)
    if not clear or len(plain.encode()) > _LONGEST_BYTES:
        kept = plain.encode()[: _LONGEST_BYTES - _HASH - 1].decode(errors="ignore")
        plain = f"{kept}-{sha256(name.encode()).hexdigest()[:_HASH]}"
    return f"{plain}.png"
