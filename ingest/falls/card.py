"""The model card: what the models were trained on, how good they are on people they never saw, their limits.

Rule: every figure in it was computed in the run that wrote it; words that are no figure stand in `_LIMITS`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ingest.falls.boosting import COPIES, LIMITS, ROUNDS, SHARES
from ingest.falls.dataset import FALL, Impacts
from ingest.falls.intervals import rate, share
from ingest.falls.validation import FOLDS, Confidences, by_recording, curve
from rules.falls.model import Stage

_INTRODUCTION = """\
# Models that judge impacts

Written by `python -m ingest.falls.train`; do not edit. Boosted trees over orientation-free features of
the four seconds before an impact and the 1.0 s (provisional) or 2.5 s (final) after it. One model for
each body position; `unknown` is for devices that do not say where they are worn.

Seed {seed}; {rounds} trees a stage; each impact once as it was recorded and {copies} times varied (gain,
rate, clipping, losses). The same recordings, seed and library versions give the same bytes. `people.txt`
names the people they learned from: `shouwang falls evaluate` marks their sets."""

_LEARNED = """\
What each position learns from (falls and daily life of a set weigh the same, times a weight): {shares}."""

_UNSEEN = """\
## People never seen

{folds} folds by person (a person is on one side only, with all devices); by recording, with 95 %
intervals. `1.0 s` counts provisional decisions only, `2.5 s` both. Where to draw the limit was read off
these same curves: a small optimism that only other people's recordings can take out."""

_LIMITS = """\
- The falls are **staged by young volunteers** on mats; one elderly person fell, in one set. Real falls of
  the old are slower, are caught half-way, and end against furniture. Expect less than these figures in a
  home.
- Daily life is scripted and short (hours, not weeks), and rich in what resembles a fall. Rates per hour of
  it are neither an upper nor a lower bound of a home's.
- 10 % of the falls of `smartfallmm_hip` hold no movement at all, and 6 % of those of `smartfallmm_watch` none
  of half a g (the device lay elsewhere, or the recording was cut beside the fall). Nothing can find these.
- `confidence` is a score on data in which falls and daily life weigh the same. It is no probability in a
  home, where falls are rare.
- A watch sees soft falls badly: `smartfallmm_watch` is found far less often than the other sets, whatever
  was tried. Boosted trees of other sizes, ensembles of seeds, training within the set alone, its falls
  weighted fivefold, random convolutions (MiniRocket-like, 5,040 features) with logistic regression and both
  together, choosing the impact within a recording anew by the model (multiple instances): sensitivity at a
  specificity of 0.88 stayed between 0.66 and 0.78. The curves show what another limit would give.
- Nothing here replaces a button, nor a device's own fall detection; it adds to both.
"""


@dataclass(frozen=True, slots=True)
class Card:
    """All that the card tells of: data, confidences on unseen people, of sets never seen, the files."""

    impacts: Impacts
    unseen: Confidences
    transfer: Mapping[str, Confidences]
    models: Mapping[str, bytes]
    seed: int
    curves: str = ""

    def text(self) -> str:
        """As Markdown."""
        sets = sorted({one.dataset for one in self.impacts.recordings})
        shares = "; ".join(f"{position}: {_shares(shares)}" for position, shares in SHARES.items())
        parts = [
            _INTRODUCTION.format(seed=self.seed, rounds=ROUNDS, copies=COPIES),
            self._files(),
            "## Data",
            self._data(sets),
            _LEARNED.format(shares=shares),
            _UNSEEN.format(folds=FOLDS),
            _table(_HEAD, [self._row(name, self.unseen, stage) for name in sets for stage in Stage]),
        ]
        if self.transfer:
            rows = [self._row(name, found, stage) for name, found in self.transfer.items() for stage in Stage]
            parts += ["## Sets never seen", "Trained without the set, tested on it.", _table(_HEAD, rows)]
        if self.curves:
            parts += [f"![Sensitivity against specificity of every set]({self.curves})"]
        return "\n\n".join([*parts, "## Limits", _LIMITS])

    def _files(self) -> str:
        rows = [
            (
                f"{position}.npz",
                f"{len(data):,}",
                hashlib.sha256(data).hexdigest()[:16],
                f"{LIMITS[position][Stage.PROVISIONAL]:.2f}",
                f"{LIMITS[position][Stage.FINAL]:.2f}",
            )
            for position, data in self.models.items()
        ]
        return _table(("file", "bytes", "sha256 begins", "fall from (1.0 s)", "fall from (2.5 s)"), rows)

    def _data(self, sets: Sequence[str]) -> str:
        rows = []
        for name in sets:
            of_set = [one for one in self.impacts.recordings if one.dataset == name]
            mine = self.impacts.dataset == name
            rows.append(
                (
                    name,
                    f"{len({one.subject for one in of_set})}",
                    f"{sum(one.is_fall for one in of_set)}",
                    f"{sum(not one.is_fall for one in of_set)}",
                    f"{_hours(of_set):.2f}",
                    f"{int((mine & (self.impacts.what == FALL)).sum())} / {int(mine.sum())}",
                )
            )
        return _table(
            ("set", "people", "falls", "others", "hours of others", "falls with an impact / impacts"), rows
        )

    def _row(self, name: str, found: Confidences, stage: Stage) -> tuple[str, ...]:
        of_set = [one for one in self.impacts.recordings if one.dataset == name]
        falls, life = decided(self.impacts, found, name, stage)
        return (
            name,
            "1.0 s" if stage is Stage.PROVISIONAL else "2.5 s",
            str(share(int(falls.sum()), len(falls))),
            str(share(int((~life).sum()), len(life))),
            str(rate(int(life.sum()), _hours(of_set))),
        )


_HEAD = ("set", "decided at", "sensitivity", "specificity", "false alarms per hour")


def decided(
    impacts: Impacts, found: Confidences, dataset: str, until: Stage
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which recordings of a set were called falls, of falls and of daily life, by decisions up to a stage."""
    stages = (Stage.PROVISIONAL,) if until is Stage.PROVISIONAL else tuple(Stage)
    position = str(impacts.position[impacts.dataset == dataset][0])
    called = [
        by_recording(impacts, found[stage] - LIMITS[position][stage] + 1.0, dataset) for stage in stages
    ]
    falls = np.any([one[0] >= 1.0 for one in called], axis=0)
    life = np.any([one[1] >= 1.0 for one in called], axis=0)
    return falls, life


def draw(card: Card, path: Path) -> None:
    """The curve of every set with falls, at both stages, as a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Drawing

    sets = sorted({one.dataset for one in card.impacts.recordings if one.is_fall})
    drawing = Drawing(figsize=(12, 3.2 * ((len(sets) + 3) // 4)), layout="constrained")
    FigureCanvasAgg(drawing)
    for number, name in enumerate(sets):
        axes = drawing.add_subplot((len(sets) + 3) // 4, 4, number + 1)
        for stage, colour in zip(Stage, ("tab:orange", "tab:blue"), strict=True):
            points = list(curve(*by_recording(card.impacts, card.unseen[stage], name)))
            label = "1.0 s" if stage is Stage.PROVISIONAL else "2.5 s"
            axes.plot(
                [1 - p.specificity for p in points], [p.sensitivity for p in points], colour, label=label
            )
            if name in card.transfer:
                points = list(curve(*by_recording(card.impacts, card.transfer[name][stage], name)))
                label += ", set never seen"
                axes.plot(
                    [1 - p.specificity for p in points],
                    [p.sensitivity for p in points],
                    colour,
                    ls=":",
                    label=label,
                )
        axes.set(title=name, xlim=(0, 0.2), ylim=(0.5, 1.01), xlabel="1 - specificity", ylabel="sensitivity")
        axes.legend(fontsize=7, loc="lower right")
        axes.grid(alpha=0.3)
    drawing.savefig(path, dpi=80, metadata={"Software": None})


def _hours(recordings: Sequence[object]) -> float:
    return sum(one.duration_s for one in recordings if not one.is_fall) / 3600  # type: ignore[attr-defined]


def _shares(shares: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {weight:g}" for name, weight in shares.items())


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
