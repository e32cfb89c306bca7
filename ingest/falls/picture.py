"""One recording as a picture (PNG): signal, candidates, decisions, calls. Rule: the same bytes each time.

Above how strong the acceleration is, with every impact that was judged and when people were called; below the
three axes. A noted fall is shaded.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ingest.falls.figures import Outcome, wrong
from ingest.falls.recordings import Recording

_INCHES, _DPI = (11.0, 5.5), 100
_FALL, _NO_FALL, _NOTED = "#b2182b", "#2166ac", "#fddbc7"
_AXES = ("#7a7a7a", "#a6761d", "#1b9e77")


class Judged(NamedTuple):
    """A model's verdict on an impact, `impact_s` s into the recording."""

    impact_s: float
    provisional: bool
    fall: bool
    confidence: float
    evidence: str


def draw(recording: Recording, outcome: Outcome, judged: Sequence[Judged], path: Path) -> None:
    """Write the picture of a recording that was played; needs matplotlib (the extra `falls`)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=_INCHES, dpi=_DPI, layout="constrained")
    strength, axes = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    t_s = recording.t_s - recording.t_s[0]
    level = np.linalg.norm(recording.xyz, axis=1)
    strength.plot(t_s, level, color="black", linewidth=0.8)
    for number, color in enumerate(_AXES):
        axes.plot(t_s, recording.xyz[:, number], color=color, linewidth=0.7, label="xyz"[number])
    if recording.fall_start_s is not None and recording.fall_end_s is not None:
        noted = recording.fall_start_s - recording.t_s[0], recording.fall_end_s - recording.t_s[0]
        for part in (strength, axes):
            part.axvspan(*noted, color=_NOTED, zorder=0)
    top = max(float(level.max()), 1.5)
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
    strength.set_ylim(0, top * 1.3)
    strength.set_ylabel("|a| in g")
    axes.set_ylabel("g")
    axes.set_xlabel(
        "s; judged at +1.0 s (triangle), +2.5 s (circle): filled is a fall, the number its confidence"
    )
    axes.legend(loc="upper left", ncols=3, fontsize=7, frameon=False)
    strength.set_title(f"{recording.name}, {recording.age_group}: {result(outcome)}", fontsize=10, loc="left")
    figure.savefig(path, format="png", metadata={"Software": None})


def result(outcome: Outcome) -> str:
    """What came of it, in words."""
    if outcome.is_fall:
        return "fall, missed" if wrong(outcome) else "fall, detected"
    return f"no fall, {len(outcome.alarms)} called" if wrong(outcome) else "no fall, none called"


def file_name(recording: Recording, perturbation: str = "") -> str:
    """A name for its file: letters, digits and a few signs."""
    name = f"{recording.name}/{perturbation}" if perturbation else recording.name
    return "".join(c if c.isalnum() or c in "-_.#" else "-" for c in name) + ".png"
