"""How good a way of training is: models judge only people they never saw.

Rule: folds are by person over all sets of a study, so no subject, recording or copy of one is on both sides.
Nothing else is fitted to data: features are computed of each impact alone.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingest.falls.boosting import Table
from ingest.falls.dataset import Impacts
from rules.falls.model import POSITIONS, Stage

FOLDS = 5
Confidences = dict[Stage, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a curve: falls found with this limit, daily life left alone."""

    limit: float
    sensitivity: float
    specificity: float


def unseen(table: Table, seed: int, done: Callable[[], None] = lambda: None) -> Confidences:
    """Of each impact the confidence of the model of its position, trained without that person."""
    folds = fold_of(table.person)
    jobs = [(position, stage, fold) for position in POSITIONS for stage in Stage for fold in range(FOLDS)]
    jobs = [(p, stage, fold) for p, stage, fold in jobs if ((table.position == p) & (folds == fold)).any()]
    found: Confidences = {stage: np.zeros(len(table.what)) for stage in Stage}
    with ProcessPoolExecutor(2, initializer=_begin, initargs=(table, folds, seed)) as workers:
        for (position, stage, fold), judged in zip(jobs, workers.map(_judge, jobs), strict=True):
            found[stage][(table.position == position) & (folds == fold)] = judged
            done()
    return found


def transferred(table: Table, dataset: str, seed: int) -> Confidences:
    """Of each impact of a set the confidence of a model that never saw the set (0 of all others)."""
    of_set = table.dataset == dataset
    position = str(table.position[of_set][0])
    found: Confidences = {}
    for stage in Stage:
        found[stage] = np.zeros(len(table.what))
        found[stage][of_set] = table.train(position, stage, ~of_set, seed).score(table.rows(stage)[of_set])
    return found


def fold_of(person: NDArray[np.str_]) -> NDArray[np.int64]:
    """In which fold each person is: by turns, study by study."""
    folds: NDArray[np.int64] = np.unique(person, return_inverse=True)[1] % FOLDS
    return folds


def by_recording(
    impacts: Impacts, confidence: NDArray[np.float64], dataset: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The highest confidence in each recording of a set, of falls and of daily life; 0: nothing struck."""
    most = np.zeros(len(impacts.recordings))
    np.maximum.at(most, impacts.recording, confidence)
    of_set = np.array([one.dataset == dataset for one in impacts.recordings])
    falls = np.array([one.is_fall for one in impacts.recordings])
    return most[of_set & falls], most[of_set & ~falls]


def curve(falls: NDArray[np.float64], life: NDArray[np.float64]) -> Iterator[Point]:
    """Sensitivity and specificity for every limit that makes a difference, from the lowest on."""
    for limit in np.unique(np.concatenate([falls, life, [0.5]])):
        yield Point(float(limit), float((falls >= limit).mean()), float((life < limit).mean()))


_STATE: list[tuple[Table, NDArray[np.int64], int]] = []  # of a worker


def _begin(table: Table, folds: NDArray[np.int64], seed: int) -> None:
    _STATE[:] = [(table, folds, seed)]


def _judge(job: tuple[str, Stage, int]) -> NDArray[np.float64]:
    table, folds, seed = _STATE[0]
    position, stage, fold = job
    judged = (table.position == position) & (folds == fold)
    return table.train(position, stage, folds != fold, seed).score(table.rows(stage)[judged])
