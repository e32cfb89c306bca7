"""Models that judge an impact: boosted decision trees, one ensemble per stage and body position.

Rule: a model is data (an .npz of plain arrays, made by `python -m ingest.falls.train`); judging takes numpy
and nothing else, and the same samples always give the same verdict.
"""

import io
import zipfile
import zlib
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from tokenize import TokenError
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from rules.falls import RATE_HZ
from rules.falls.candidate import Samples
from rules.falls.features import BEFORE, features

BEFORE_S, PROVISIONAL_S, FINAL_S = BEFORE / RATE_HZ, 1.0, 2.5
"""How much of the signal a verdict is made of: seconds before the impact, and after it at either stage."""

POSITIONS = ("waist", "wrist", "unknown")
"""Where a device is worn, as far as models differ."""

VERSION = 1
"""Of the files' form."""

_NO_MODEL = "no model, or damaged: make it with python -m ingest.falls.train"
_DAMAGES = (
    KeyError, OSError, EOFError, ValueError, TypeError, MemoryError, OverflowError, RuntimeError,
    SyntaxError, TokenError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What reading something else, or half of it, comes to."""

_TRUNK = frozenset("waist hip chest belt pocket thigh trunk torso back neck pendant sternum lumbar".split())
_ARM = frozenset("wrist watch arm forearm hand bracelet band".split())


class Stage(StrEnum):
    """How much was known when an impact was judged."""

    PROVISIONAL = "provisional"
    FINAL = "final"

    @property
    def after(self) -> int:
        """Samples after the impact that it takes."""
        return round((PROVISIONAL_S if self is Stage.PROVISIONAL else FINAL_S) * RATE_HZ)


class Verdict(NamedTuple):
    """Whether an impact was a fall; `confidence` 0 to 1, and in a few words what speaks for a fall."""

    fall: bool
    confidence: float
    evidence: str


class Model(Protocol):
    """What judges impacts."""

    def judge(self, samples: Samples, stage: Stage) -> Verdict:
        """Judge samples (n, 3) in g from 4.0 s before the impact to `stage.after` samples after it."""
        ...


class Forest(NamedTuple):
    """Trees as flat arrays: `feature` < 0 is a leaf, `threshold` its value then; trees begin at `roots`."""

    feature: NDArray[np.int16]
    threshold: NDArray[np.float32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    roots: NDArray[np.int32]
    limit: float

    def score(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """The chance of a fall of each row of features (batch, features), as the training set weighs it."""
        total = np.array([self._sum(row) for row in rows], np.float64)
        chance: NDArray[np.float64] = 1 / (1 + np.exp(-total))
        return chance

    def _sum(self, row: NDArray[np.float32]) -> float:
        at = self.roots
        while True:
            feature = self.feature.take(at)
            inner = feature >= 0
            if not inner.any():
                return float(self.threshold.take(at).sum(dtype=np.float64))
            below = row.take(feature) <= self.threshold.take(at)
            at = np.where(inner, np.where(below, self.left.take(at), self.right.take(at)), at)


class Trees(NamedTuple):
    """The model of one body position."""

    forests: Mapping[Stage, Forest]

    def judge(self, samples: Samples, stage: Stage) -> Verdict:
        """See `Model`."""
        rows, names = features(np.asarray(samples)[None])
        forest = self.forests[stage]
        confidence = float(forest.score(rows)[0])
        fall = confidence >= forest.limit
        why = _evidence(dict(zip(names, rows[0].tolist(), strict=True))) if fall else ""
        return Verdict(fall, round(confidence, 3), why)


def _evidence(found: Mapping[str, float]) -> str:
    """What a person can check in a recording of it."""
    said = [f"impact {found['peak']:.1f} g"]
    if (weightless := found["below_0.7"] / RATE_HZ) >= 0.1:
        said.append(f"free fall {weightless:.1f} s")
    if (turned := found.get("finally_turned", found["turned_by_impact"])) >= 25:
        said.append(f"turned {turned:.0f} deg")
    spread = found.get("final_spread", found["spread_after"])
    said.append("still after" if spread < 0.05 else "moving after")
    return ", ".join(said)


def position_class(position: str) -> str:
    """Which of `POSITIONS` a device's own word for where it is worn means."""
    words = set(position.lower().replace("-", "_").replace(" ", "_").split("_"))
    if words & _TRUNK:
        return "waist"
    return "wrist" if words & _ARM else "unknown"


def read(data: bytes) -> Trees:
    """A model from the bytes of its file; a ValueError says what is wrong with it."""
    try:
        version, forests = _read(data)
    except _DAMAGES as error:
        raise ValueError(_NO_MODEL) from error
    if version != VERSION:
        raise ValueError(f"a model of version {version}, not {VERSION}: train it anew")
    if not all(_sound(forest, stage) for stage, forest in forests.items()):
        raise ValueError(_NO_MODEL)
    return Trees(forests)


def _read(data: bytes) -> tuple[int, dict[Stage, Forest]]:
    """The version, and the forests where it is ours."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:  # numpy takes other files for pickles
        if archive.testzip() is not None:
            raise zipfile.BadZipFile
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        version = int(arrays["version"])
        return version, {stage: _forest(arrays, stage) for stage in Stage} if version == VERSION else {}


def _forest(arrays: Mapping[str, NDArray[Any]], stage: Stage) -> Forest:
    return Forest(
        np.asarray(arrays[f"{stage}_feature"]),
        np.asarray(arrays[f"{stage}_threshold"]),
        np.asarray(arrays[f"{stage}_left"]),
        np.asarray(arrays[f"{stage}_right"]),
        np.asarray(arrays[f"{stage}_roots"]),
        float(arrays[f"{stage}_limit"]),
    )


def _sound(forest: Forest, stage: Stage) -> bool:
    """Whether its trees can be walked to their ends: every child after its parent, every feature there."""
    nodes, roots = forest.feature.size, forest.roots
    whole = (forest.feature, forest.left, forest.right, roots)
    if any(column.ndim != 1 or column.dtype.kind != "i" for column in whole):
        return False
    if any(column.shape != (nodes,) for column in (forest.threshold, forest.left, forest.right)):
        return False
    if forest.threshold.dtype.kind != "f" or not np.isfinite(forest.threshold).all():
        return False
    inner = forest.feature >= 0
    return bool(
        0 < forest.limit <= 1
        and (forest.feature < _width(stage)).all()
        and ((roots >= 0) & (roots < nodes)).all()
        and all(
            (child[inner] > np.flatnonzero(inner)).all() and (child < nodes).all() and (child >= 0).all()
            for child in (forest.left, forest.right)
        )
    )


@lru_cache(maxsize=len(Stage))
def _width(stage: Stage) -> int:
    """How many features there are."""
    return len(features(np.zeros((1, BEFORE + stage.after + 1, 3), np.float32))[1])


def write(model: Trees) -> bytes:
    """The bytes of a model's file; the same model always gives the same."""
    arrays: dict[str, NDArray[Any]] = {"version": np.array(VERSION)}
    for stage in Stage:
        for name, value in model.forests[stage]._asdict().items():
            arrays[f"{stage}_{name}"] = np.asarray(value)
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


@lru_cache(maxsize=1)
def default_models() -> Mapping[str, Model]:
    """The models that come with the program, by position."""
    folder = files("rules.falls") / "models"
    return {position: read((folder / f"{position}.npz").read_bytes()) for position in POSITIONS}
