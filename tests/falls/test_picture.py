"""A picture of a recording: a PNG that shows what came of it, the same bytes each time."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.falls.figures import Alarm, Outcome
from ingest.falls.perturbing import PERTURBATIONS
from ingest.falls.picture import Judged, draw, file_name, fonts, result
from tests.falls.recorded import recording

STILL = recording(np.tile([0.0, 0.0, 1.0], (500, 1)))
FALLEN = recording(
    np.tile([0.0, 0.0, 1.0], (500, 1)), is_fall=True, fall_start_s=3.0, fall_end_s=4.0, trial="<b>/../x y"
)
CALLED = Alarm(4.0, 5.5, True, 0.9, "impact 3.1 g")


def outcome(*alarms: Alarm, is_fall: bool) -> Outcome:
    return Outcome("made/wrist", "x", "made/s1", "young", "a", is_fall, 10.0, None, alarms)


@pytest.mark.parametrize("one", [STILL, FALLEN])
def test_the_same_recording_is_the_same_picture(one: object, tmp_path: Path) -> None:
    judged = [Judged(4.0, True, True, 0.9, "impact"), Judged(6.0, False, False, 0.1, "moving")]
    for name in ("a.png", "b.png"):
        draw(one, outcome(CALLED, is_fall=True), judged, tmp_path / name)  # type: ignore[arg-type]
    first, again = ((tmp_path / name).read_bytes() for name in ("a.png", "b.png"))
    assert first == again
    assert first.startswith(b"\x89PNG")
    others = {first}
    later = CALLED._replace(called_s=7.5)
    for alarms, some in (((), judged), ((CALLED,), []), ((CALLED,), judged[1:]), ((later,), judged)):
        draw(one, outcome(*alarms, is_fall=True), some, tmp_path / "c.png")  # type: ignore[arg-type]
        others.add((tmp_path / "c.png").read_bytes())
    assert len(others) == 5


def test_one_sample_is_a_picture(tmp_path: Path) -> None:
    draw(recording([[0.0, 0.0, 1.0]]), outcome(is_fall=False), [], tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_the_words_for_what_came_of_it() -> None:
    said = [result(outcome(*alarms, is_fall=fall)) for fall in (True, False) for alarms in ((), (CALLED,))]
    assert said == ["fall, missed", "fall, detected", "no fall, none called", "no fall, 1 called"]


def test_a_file_is_called_like_its_recording_and_leaves_no_folder() -> None:
    assert file_name(STILL) == "made-wrist-s1-walking-01.png"
    assert file_name(STILL, "clip-4g") == "made-wrist-s1-walking-01-clip-4g.png"
    assert file_name(FALLEN).startswith("made-wrist-s1-walking--b--..-x-y-")
    assert "/" not in file_name(FALLEN)


_WORDS = st.text("a-/ +#_.落", max_size=6) | st.text("长a", min_size=90)
_NAMES = st.tuples(_WORDS, _WORDS, _WORDS, _WORDS, _WORDS, st.sampled_from(["", *PERTURBATIONS]))


@given(st.lists(_NAMES, min_size=2, unique=True))
def test_no_two_are_called_the_same(names: list[tuple[str, ...]]) -> None:
    called = set()
    for dataset, position, subject, activity, trial, perturbation in names:
        one = recording(
            [[0, 0, 1]], dataset=dataset, position=position, subject=subject, activity=activity, trial=trial
        )
        called.add(file_name(one, perturbation))
    assert len(called) == len(names)
    assert max(len(name.encode()) for name in called) <= 150


def test_whatever_it_is_called_and_measured_it_is_a_picture(tmp_path: Path) -> None:
    """No font has all of it, and no warning comes of that."""
    strange = [
        recording(np.full((50, 3), 3e38), subject="老人", trial="$\\frac$"),
        recording(np.full((50, 3), np.inf), subject="\0\n"),
        recording(np.ones((50, 3)), fall_start_s=-1e300, fall_end_s=1e300),
        recording(np.ones((50, 3)), fall_start_s=0.2, fall_end_s=1e300),
    ]
    for number, one in enumerate(strange):
        path = tmp_path / f"{number}.png"
        draw(one, outcome(CALLED, is_fall=True), [], path, (0.5, 0.75))
        assert path.stat().st_size > 1000


def test_chinese_is_written_where_a_font_has_it() -> None:
    assert fonts(["Arial", "SimHei", "WenQuanYi Zen Hei"]) == ["DejaVu Sans", "WenQuanYi Zen Hei"]
    assert fonts(["Arial"]) == ["DejaVu Sans"]
