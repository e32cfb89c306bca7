"""Training: reproducible to the byte, nothing leaks, and its trees judge as LightGBM does."""

import os
from dataclasses import replace
from pathlib import Path

import lightgbm
import numpy as np
import pytest
from typer.testing import CliRunner

from ingest.falls import boosting, train
from ingest.falls.boosting import Table, boost
from ingest.falls.dataset import DAILY_LIFE, FALL, prepare
from ingest.falls.intervals import rate, share
from ingest.falls.people import PEOPLE
from ingest.falls.recordings import Recording, read
from ingest.falls.validation import fold_of
from rules.falls.model import POSITIONS, Stage, default_models, position_class
from rules.falls.model import read as read_model
from tests.falls.bodies import fall, walk
from tests.falls.recorded import FALLS, recording, rows, write


def _made(number: int, *, is_fall: bool, dataset: str = "made_waist", position: str = "waist") -> Recording:
    random = np.random.default_rng(number)
    n = 600
    a = np.tile([0.0, 0.0, 1.0], (n, 1)) + 0.03 * random.standard_normal((n, 3))
    if is_fall:
        a[280:300] *= 0.3
        a[300:304] = [3.0, 1.0, 2.0]
        a[304:] = np.array([1.0, 0.0, 0.1]) + 0.02 * random.standard_normal((n - 304, 3))
    else:
        for step in range(50, 550, 30):
            a[step : step + 3, 2] += random.uniform(0.4, 1.2)
    return recording(
        a,
        dataset=dataset,
        position=position,
        subject=f"S{number % 7}",
        activity="F01" if is_fall else "D01",
        is_fall=is_fall,
        trial=f"R{number}",
    )


def _recordings() -> list[Recording]:
    return [
        _made(number, is_fall=number % 2 == 0, dataset=dataset, position=position)
        for dataset, position in (("made_waist", "waist"), ("made_wrist", "wrist"))
        for number in range(28)
    ]


def _file(path: Path, recordings: list[Recording]) -> Path:
    return write(path, [row for one in recordings for row in rows(one)])


def test_the_same_recordings_and_seed_give_the_same_bytes(tmp_path: Path) -> None:
    file = _file(tmp_path / "made.parquet", _recordings())
    app = train.app
    for folder, seed in (("one", "1"), ("two", "1"), ("other", "2")):
        result = CliRunner().invoke(
            app, [str(file), "--output", str(tmp_path / folder), "--seed", seed, "--no-validate"]
        )
        assert result.exit_code == 0, result.output
        people = (tmp_path / folder / PEOPLE).read_text().splitlines()
        assert people == sorted({one.person for one in _recordings()})
    for position in POSITIONS:
        one, two, other = (
            (tmp_path / folder / f"{position}.npz").read_bytes() for folder in ("one", "two", "other")
        )
        assert one == two != other
        judge = read_model(one).judge
        fall = prepare([_made(100, is_fall=True)])
        life = prepare([_made(101, is_fall=False)])
        assert judge(fall.windows[0], Stage.FINAL).confidence > 0.9
        assert judge(life.windows[0], Stage.FINAL).confidence < 0.1


def test_a_card_tells_of_people_and_sets_never_seen(tmp_path: Path) -> None:
    file = _file(tmp_path / "made.parquet", _recordings())
    arguments = [str(file), "--output", str(tmp_path), "--transfer", "made_wrist"]
    result = CliRunner().invoke(train.app, arguments)
    assert result.exit_code == 0, result.output
    card = (tmp_path / "README.md").read_text()
    assert "| made_waist | 2.5 s | 1.000 (" in card
    assert card.count("| made_wrist | 2.5 s |") == 2
    assert (tmp_path / "curves.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.parquet"], "none.parquet"),
        (["--transfer", "no_such"], "no_such"),
        (["--without", "made_waist"], "falls"),
    ],
)
def test_what_cannot_be_trained_on_is_told(tmp_path: Path, arguments: list[str], said: str) -> None:
    files = [_made(number, is_fall=number % 2 == 0) for number in range(14)]
    file = _file(tmp_path / "made.parquet", files)
    given = arguments if arguments[0].endswith(".parquet") else [str(file), *arguments]
    result = CliRunner().invoke(train.app, [*given, "--output", str(tmp_path)])
    assert result.exit_code == 2
    assert said in result.output


def test_what_no_device_sends_is_not_learned_from_and_named(tmp_path: Path) -> None:
    good = _recordings()
    odd = replace(good[0], trial="ms", t_s=good[0].t_s * 1000)
    folders = tmp_path / "with", tmp_path / "without"
    for folder, made in zip(folders, ([*good, odd], good), strict=True):
        file = _file(tmp_path / "made.parquet", made)
        result = CliRunner().invoke(train.app, [str(file), "--output", str(folder), "--no-validate"])
        assert result.exit_code == 0, result.output
        left_out = f"left out: {odd.name}: t_s are seconds; yours look like ms (20 s a step)"
        assert (left_out in result.output) is (made is not good)
    first, other = ((folder / "waist.npz").read_bytes() for folder in folders)
    assert first == other


def test_trees_judge_as_the_library_that_made_them() -> None:
    random = np.random.default_rng(3)
    rows = random.standard_normal((800, 12)).astype(np.float32)
    what = (rows[:, 0] + rows[:, 1] * rows[:, 2] > 0.3).astype(np.int8)
    forest = boost(rows, what, np.ones(800), 0.5, 7, rounds=40)
    settings = boosting.settings(7)
    booster = lightgbm.train(settings, lightgbm.Dataset(rows, what, weight=np.ones(800)), 40)
    assert np.allclose(forest.score(rows), booster.predict(rows), atol=1e-5)


def test_nobody_is_on_both_sides_of_a_fold() -> None:
    impacts = prepare(_recordings())
    folds = fold_of(impacts.person)
    for person in np.unique(impacts.person):
        assert len(np.unique(folds[impacts.person == person])) == 1
    waist = impacts.dataset == "made_waist"
    assert set(impacts.person[waist]) == set(impacts.person[~waist])  # one study: the same people


def test_the_impact_of_a_fall_is_the_strongest_and_what_went_before_is_daily_life() -> None:
    fall = _made(0, is_fall=True)
    fall.xyz[60:62] += 1.5
    assert prepare([fall]).what.tolist() == [DAILY_LIFE, FALL]


def test_sets_weigh_the_same_whatever_their_size() -> None:
    table = Table(prepare([*_recordings(), *(_made(n, is_fall=True) for n in range(50, 90))]), 1)
    weights = table.weights("unknown", table.what >= 0)
    totals = {
        (name, kind): weights[(table.dataset == name) & (table.what == kind)].sum()
        for name in np.unique(table.dataset)
        for kind in (DAILY_LIFE, FALL)
    }
    assert max(totals.values()) == pytest.approx(min(totals.values()))


def test_intervals() -> None:
    assert share(0, 20).low == 0
    assert share(20, 20).high == 1
    half = share(50, 100)
    assert (round(half.low, 4), round(half.high, 4)) == (0.4038, 0.5962)  # Wilson, as published
    none = rate(0, 10)
    assert none.low == 0
    assert none.high == pytest.approx(0.3689, rel=0.02)  # exact: 3.689 events
    ten = rate(10, 1)
    assert (ten.low, ten.high) == (pytest.approx(4.795, rel=0.01), pytest.approx(18.39, rel=0.01))


def test_positions() -> None:
    said = {
        "waist": "waist",
        "hip": "waist",
        "Right_Pocket": "waist",
        "wrist": "wrist",
        "left-wrist": "wrist",
        "": "unknown",
        "dog": "unknown",
    }
    assert {word: position_class(word) for word in said} == said


def test_the_models_that_come_with_the_program_tell_a_fall_and_why() -> None:
    falls, walking = fall(8, 14), walk(14)
    for model in default_models().values():
        verdict = model.judge(falls[201:527], Stage.FINAL)
        assert verdict.fall
        assert verdict.confidence <= 1
        assert verdict.evidence == "impact 5.4 g, free fall 0.2 s, turned 85 deg, still after"
        other = model.judge(walking[201:527], Stage.FINAL)
        assert (other.fall, other.evidence) == (False, "")


@pytest.mark.slow
@pytest.mark.skipif(not FALLS.is_dir(), reason="the recordings in ../shared/falls are not there")
@pytest.mark.skipif("SHOUWANG_TRAIN" not in os.environ, reason="SHOUWANG_TRAIN is not set (half a minute)")
def test_the_models_are_those_that_training_gives() -> None:
    """One forest of all recordings; `make falls` makes all of them."""
    table = Table(prepare(one for path in sorted(FALLS.glob("*.parquet")) for one in read(path)), 1)
    used = np.ones(len(table.what), np.bool_)
    made = table.train("wrist", Stage.FINAL, used, 1)
    kept = default_models()["wrist"].forests[Stage.FINAL]  # type: ignore[attr-defined]
    for one, other in zip(made, kept, strict=True):
        assert np.array_equal(one, other)
