"""Boosted trees over features of impacts, by LightGBM, as the arrays that `rules.falls.model` judges with.

Rule: the same impacts, seed and versions of the libraries give the same bytes: one thread, fixed order.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.falls.dataset import NEITHER, Impacts, varied
from rules.falls.features import BEFORE, features
from rules.falls.model import Forest, Stage

ROUNDS = 300
COPIES = 2
"""How many times each impact is there once more, varied."""

_COPY_WEIGHT = 0.5
_PART = 2000  # impacts whose features are computed at once
_NODES = 2000.0  # the sum of weights of a set's falls, and of its daily life

# What each position learns from, and how much of it: set or position, and weight. All that moves helps to
# tell a fall of the trunk; a wrist is told from wrists only, since trunks made it worse.
SHARES: Mapping[str, Mapping[str, float]] = {
    "waist": {"waist": 1.0, "wrist": 0.3, "unknown": 1.0, "sisfall": 4.0},
    "wrist": {"wrist": 1.0, "weda_fall": 2.0},
    "unknown": {"waist": 1.0, "wrist": 1.0, "unknown": 1.0},
}

LIMITS: Mapping[str, Mapping[Stage, float]] = {
    # From which confidence on an impact is a fall: read off the curves of the model card.
    "waist": {Stage.PROVISIONAL: 0.75, Stage.FINAL: 0.90},
    "wrist": {Stage.PROVISIONAL: 0.97, Stage.FINAL: 0.55},
    "unknown": {Stage.PROVISIONAL: 0.95, Stage.FINAL: 0.60},
}


class Table:
    """The features of impacts at both stages, of the impacts themselves and of their varied copies."""

    def __init__(self, impacts: Impacts, seed: int) -> None:
        self.what, self.dataset = impacts.what, impacts.dataset
        self.position, self.person = impacts.position, impacts.person
        copies = [impacts.windows, *(varied(impacts.windows, seed + n) for n in range(1, COPIES + 1))]
        self._rows = {
            stage: [_features(windows[:, : BEFORE + stage.after + 1]) for windows in copies]
            for stage in Stage
        }

    def rows(self, stage: Stage) -> NDArray[np.float32]:
        """The features of the impacts themselves."""
        return self._rows[stage][0]

    def weights(self, position: str, used: NDArray[np.bool_]) -> NDArray[np.float64]:
        """How much each impact counts for the model of a position: falls and daily life of a set the same."""
        weights = self._weights(SHARES[position], used)
        return weights if weights.any() else self._weights(SHARES["unknown"], used)  # none worn there

    def _weights(self, shares: Mapping[str, float], used: NDArray[np.bool_]) -> NDArray[np.float64]:
        weights = np.zeros(len(self.what))
        for name in np.unique(self.dataset):
            of_set = used & (self.dataset == name)
            for kind in (0, 1):
                rows = of_set & (self.what == kind)
                if rows.any():
                    where = str(self.position[rows][0])
                    weights[rows] = shares.get(str(name), shares.get(where, 0.0)) * _NODES / rows.sum()
        return weights

    def train(self, position: str, stage: Stage, used: NDArray[np.bool_], seed: int) -> Forest:
        """The forest of a position and a stage from the impacts that are `used`."""
        weights = self.weights(position, used & (self.what != NEITHER))
        rows = np.flatnonzero(weights)
        copies = self._rows[stage]
        matrix = np.concatenate([copy[rows] for copy in copies])
        weight = np.concatenate([weights[rows]] + [weights[rows] * _COPY_WEIGHT] * COPIES)
        return boost(matrix, np.tile(self.what[rows], COPIES + 1), weight, LIMITS[position][stage], seed)


def _features(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    parts = [features(windows[start : start + _PART])[0] for start in range(0, len(windows), _PART)]
    return np.concatenate(parts)


def boost(
    rows: NDArray[np.float32],
    what: NDArray[np.int8],
    weight: NDArray[np.float64],
    limit: float,
    seed: int,
    rounds: int = 0,
) -> Forest:
    """Trees that tell falls (1) from daily life (0)."""
    import lightgbm

    data = lightgbm.Dataset(rows, what, weight=weight, params={"verbose": -1})
    booster = lightgbm.train(settings(seed), data, rounds or ROUNDS)
    return _forest(booster.dump_model()["tree_info"], limit)


def settings(seed: int) -> dict[str, Any]:
    """How LightGBM is asked to learn."""
    return {
        "objective": "binary",
        "learning_rate": 0.06,
        "num_leaves": 15,
        "min_data_in_leaf": 10,
        "feature_fraction": 0.25,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": 5.0,
        "boost_from_average": False,
        "seed": seed,
        "deterministic": True,
        "force_col_wise": True,
        "num_threads": 1,
        "verbose": -1,
    }


def _forest(trees: list[dict[str, Any]], limit: float) -> Forest:
    feature: list[int] = []
    threshold: list[float] = []
    left: list[int] = []
    right: list[int] = []

    def add(node: dict[str, Any]) -> int:
        index = len(feature)
        for column in (feature, threshold, left, right):
            column.append(0)
        if "leaf_value" in node:
            feature[index], threshold[index] = -1, node["leaf_value"]
        else:
            feature[index], threshold[index] = node["split_feature"], _rounded_down(node["threshold"])
            left[index], right[index] = add(node["left_child"]), add(node["right_child"])
        return index

    roots = [add(tree["tree_structure"]) for tree in trees]
    return Forest(
        np.array(feature, np.int16),
        np.array(threshold, np.float32),
        np.array(left, np.int32),
        np.array(right, np.int32),
        np.array(roots, np.int32),
        limit,
    )


def _rounded_down(threshold: float) -> float:
    """The largest 32-bit number that is not above: a 32-bit feature is on the same side of both."""
    near = np.float32(threshold)
    return float(near if near <= threshold else np.nextafter(near, np.float32(-np.inf)))
